"""Read files that list phone numbers (opt-outs, a do-not-call register, consents): one a line, or CSV; "-" is standard input."""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dialer.domain.errors import RollError
from dialer.roll.phone_numbers import read_cell
from dialer.settings.files import open_regular

STANDARD_INPUT = "-"

_SHOWN_LINES = 10
_MOST_BYTES = 2 * 1024**3
_MOST_LINE = 1 << 16
_MOST_NUMBERS = 30_000_000  # some 5 GB of memory; the largest register of a country that we know of has 19 million
_MOST_WITHOUT = 100_000


@dataclass(frozen=True, slots=True)
class NumbersFile:
    """The content of a list of numbers."""

    name: str
    sha256: str
    numbers: tuple[str, ...]  # E.164, without repetitions, in the order of the file
    without: tuple[int, ...]  # lines without a number, counted from 1; the heading is not among them

    def told(self) -> str:
        """The lines without a number, as text for people."""
        shown = ", ".join(map(str, self.without[:_SHOWN_LINES]))
        return shown + (" ..." if len(self.without) > _SHOWN_LINES else "")


def read_numbers(path: Path, region: str, *, first_column_only: bool = False) -> NumbersFile:
    """Read every number of a file, or of standard input ("-"), line by line and once, so that a pipe works.

    Numbers that must not be called are read from every cell: one too many does no harm. For lists that permit calls, such
    as consents, use `first_column_only`.

    Raises RollError for a file that cannot be read, is not text, or contains no number.
    """
    numbers: dict[str, None] = {}
    without: list[int] = []
    digest, standard = hashlib.sha256(), str(path) == STANDARD_INPUT
    try:
        with nullcontext(sys.stdin.buffer) if standard else open_regular(path, pipe=True) as file:
            for line, row in enumerate(csv.reader(_lines(path, file, digest), strict=True), start=1):
                cells = row[:1] if first_column_only else row
                found = [number for cell in cells for number in read_cell(cell, region).numbers]
                numbers.update(dict.fromkeys(found))
                heading = line == 1 and not any(c.isdigit() for c in "".join(row))
                if not found and not heading and any(cell.strip() for cell in row):
                    without.append(line)
                if len(numbers) > _MOST_NUMBERS or len(without) > _MOST_WITHOUT:
                    raise RollError(
                        f"{path}: has more than {_MOST_NUMBERS:,} numbers, or {_MOST_WITHOUT:,} lines without one;"
                        " give a file with one number a line"
                    )
    except FileNotFoundError as error:
        raise RollError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise RollError(f"{path}: is a directory; name the file in it") from error
    except OSError as error:
        raise RollError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise RollError(f"{path}: is not UTF-8 text; save it as CSV (UTF-8)") from error
    except csv.Error as error:
        raise RollError(f"{path}: is not CSV ({error}); write one number a line") from error
    if not numbers:
        raise RollError(f"{path}: contains no phone number; write one a line, or CSV")
    name = "standard-input" if standard else path.name
    return NumbersFile(name, digest.hexdigest(), tuple(numbers), tuple(without))


def _lines(path: Path, file: BinaryIO, digest: hashlib._Hash) -> Iterator[str]:
    """The lines of a file without line ends; `digest` hashes what is read. Raises RollError for a line or file that is too long."""
    read = 0
    encoding = "utf-8-sig"  # only the first line can begin with a byte-order mark
    while line := file.readline(_MOST_LINE):
        read += len(line)
        if len(line) == _MOST_LINE:
            raise RollError(f"{path}: has a line of more than {_MOST_LINE // 1024} kB; write one number a line")
        if read > _MOST_BYTES:
            raise RollError(f"{path}: is larger than {_MOST_BYTES // 1024**3} GB; split it into several files")
        digest.update(line)
        text = line.decode(encoding)
        encoding = "utf-8"
        yield from text.splitlines() or [""]
