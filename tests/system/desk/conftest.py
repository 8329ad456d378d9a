"""The browser for tests of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import run_chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests of a worker, because its start takes most of a test's time. See `close_pages_after`."""
    async with run_chromium() as browser:
        yield browser
