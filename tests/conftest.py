"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _nobody_elses_log() -> Iterator[None]:
    """A command that ran in a test has said where log lines go: into that test's own output, which is closed by the next one."""
    yield
    structlog.reset_defaults()
