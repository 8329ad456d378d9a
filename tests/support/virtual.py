"""Tests in virtual time, by the decorator `@virtual_time`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from dialer.simulation.virtual_time import run_in_virtual_time

_Parameters = ParamSpec("_Parameters")


def virtual_time(
    limit_seconds: float = 1e5,
) -> Callable[[Callable[_Parameters, Coroutine[Any, Any, None]]], Callable[_Parameters, None]]:
    """Run the decorated coroutine test on a new event loop in virtual time. It fails past `limit_seconds`.

    Fixtures and parameters work as usual.
    """

    def decorate(test: Callable[_Parameters, Coroutine[Any, Any, None]]) -> Callable[_Parameters, None]:
        @functools.wraps(test)
        def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
            run_in_virtual_time(functools.partial(test, *args, **kwargs), limit_seconds=limit_seconds)

        return run

    return decorate
