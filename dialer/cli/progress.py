"""Progress of a long command on standard error: a bar on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

LINE_SECONDS = 10.0  # interval between two lines if there is no terminal


class ProgressReporter(Protocol):
    """A function that a long task calls to report its progress."""

    def __call__(self, share: float, words: str = "") -> None:
        """Report the completed share of the task (0-1), with optional details."""


@contextmanager
def show_progress(what: str, console: Console | None = None) -> Iterator[ProgressReporter]:
    """Show the progress of a long task on standard error: a bar on a terminal, otherwise lines of text.

    `what` names the task. Yields the function to which the task reports its progress. The bar disappears at the end.
    Without a terminal, nothing is printed in the first ten seconds.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _create_printer_of_progress_lines(what, console)
        return
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=1.0, words="")

        def update_progress(share: float, words: str = "") -> None:
            bar.update(task, completed=share, words=words)

        yield update_progress


def _create_printer_of_progress_lines(what: str, console: Console) -> ProgressReporter:
    printed_at = time.monotonic()

    def update_progress(share: float, words: str = "") -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at >= LINE_SECONDS:
            printed_at = time.monotonic()
            console.print(f"{what}: {share:.0%}" + (f", {words}" if words else ""), soft_wrap=True, markup=False)

    return update_progress
