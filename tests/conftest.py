"""What holds for every test."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import pytest
import structlog


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting makes lives to the end. To look for garbage in it, then and later, took a worker a second; to look for it as
    often as Python does by itself took a twentieth of all tests' time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


@pytest.fixture(autouse=True)
def _nobody_elses_log() -> Iterator[None]:
    """A command that ran in a test has said where log lines go: into that test's own output, which is closed by the next one."""
    yield
    structlog.reset_defaults()
