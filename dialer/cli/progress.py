"""How far a long command is, on standard error: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

LINE_SECONDS = 10.0  # between two lines where there is no terminal


class Advance(Protocol):
    """Takes the share that is done, 0 to 1, and a few words."""

    def __call__(self, share: float, words: str = "") -> None:
        """Say it."""


@contextmanager
def progress(what: str, console: Console | None = None) -> Iterator[Advance]:
    """Yields what moves it. Nothing of a bar stays when it is done; what is done within ten seconds says nothing without a
    terminal.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what, console)
        return
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=1.0, words="")

        def advance(share: float, words: str = "") -> None:
            bar.update(task, completed=share, words=words)

        yield advance


def _lines(what: str, console: Console) -> Advance:
    said_at = time.monotonic()

    def advance(share: float, words: str = "") -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= LINE_SECONDS:
            said_at = time.monotonic()
            console.print(f"{what}: {share:.0%}" + (f", {words}" if words else ""), soft_wrap=True, markup=False)

    return advance
