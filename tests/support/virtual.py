"""Tests in virtual time: `@virtual_time` turns a coroutine test into one whose clock jumps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from dialer.simulation.virtual_time import run_virtual

_Parameters = ParamSpec("_Parameters")


def virtual_time(
    limit_seconds: float = 1e5,
) -> Callable[[Callable[_Parameters, Coroutine[Any, Any, None]]], Callable[_Parameters, None]]:
    """Run the decorated coroutine test on a fresh loop in virtual time; past `limit_seconds` it fails.

    Fixtures and parameters reach the test as usual.
    """

    def decorate(test: Callable[_Parameters, Coroutine[Any, Any, None]]) -> Callable[_Parameters, None]:
        @functools.wraps(test)
        def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
            run_virtual(functools.partial(test, *args, **kwargs), limit_seconds=limit_seconds)

        return run

    return decorate
