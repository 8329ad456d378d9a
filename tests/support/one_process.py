"""The sounds' work without processes of its own: to start one costs more than most sounds do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from dialer.process import pool


class AtOnce(Executor):
    """Does each job as it is handed in."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whatever comes is the future's
            done.set_exception(error)
        return done


def work_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the test's end. What processes are for is tried by tests/unit/audio/test_prepare.py."""
    monkeypatch.setattr(pool, "ProcessPoolExecutor", AtOnce)
