"""The entry point of `dialer` and `python -m dialer`.

This module itself imports only what is needed to handle Ctrl-C. `main` imports the rest, so that Ctrl-C during these
imports ends the program without a traceback.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

from dialer import __version__
from dialer.domain.errors import INTERRUPTED


def main() -> None:
    """Run the command line. The option `--version` is handled first, because importing the whole command line is slow."""
    if sys.argv[1:] == ["--version"] and _print_version():
        return
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # a search would read every package's metadata
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # not where a shell has it ignored
        signal.signal(signal.SIGINT, _exit_at_interrupt)
    from dialer.cli.main import main as run  # noqa: PLC0415 - it takes longer than the version

    signal.signal(signal.SIGINT, usual)
    try:
        run()
    finally:
        gc.freeze()  # otherwise the interpreter searches all modules and classes for garbage before it exits


def _print_version() -> bool:
    """Print the version. Return False if it cannot be printed."""
    try:
        sys.stdout.write(f"matdan {__version__}\n")
        sys.stdout.flush()
    except (AttributeError, OSError):  # standard output is closed, or cannot be written
        return False
    return True


def _exit_at_interrupt(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)  # nothing is begun yet


if __name__ == "__main__":
    main()
