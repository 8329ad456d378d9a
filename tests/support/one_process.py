"""Conversion of sounds without worker processes, whose start takes longer than most sounds do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from dialer.process import pool


class ImmediateExecutor(Executor):
    """An executor that runs each job when it is submitted."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised where the future is awaited
            done.set_exception(error)
        return done


def work_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run pool jobs in this process until the end of the test. tests/unit/audio/test_prepare.py covers real processes."""
    monkeypatch.setattr(pool, "ProcessPoolExecutor", ImmediateExecutor)
