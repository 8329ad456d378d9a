"""The browser of the pages' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests of a worker: to start it takes most of a test's time. Whoever uses it is `alone` in it."""
    async with chromium() as browser:
        yield browser
