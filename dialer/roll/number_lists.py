"""Reading lists of phone numbers (opt-outs, do-not-call registers, consents) from a file or standard input."""

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
from dialer.roll.phone_numbers import read_phone_numbers_in_cell
from dialer.settings.files import open_regular_file

STANDARD_INPUT = "-"

_SHOWN_LINES = 10
_MAX_BYTES = 2 * 1024**3
_MAX_LINE_BYTES = 1 << 16
_MAX_NUMBERS = 30_000_000  # about 5 GB of memory; the largest known national register has 19 million
_MAX_LINES_WITHOUT_NUMBER = 100_000


@dataclass(frozen=True, slots=True)
class NumbersFile:
    """The phone numbers in a list, and the lines that contain none."""

    name: str
    sha256: str
    numbers: tuple[str, ...]  # E.164, in the order of the file, without duplicates
    lines_without_number: tuple[int, ...]  # counted from 1; without the heading

    def format_lines_without_number(self) -> str:
        """Return the numbers of the first lines without a phone number, as text such as "3, 17, 21"."""
        shown = ", ".join(map(str, self.lines_without_number[:_SHOWN_LINES]))
        return shown + (" ..." if len(self.lines_without_number) > _SHOWN_LINES else "")


def read_list_of_phone_numbers(path: Path, region: str, *, first_column_only: bool = False) -> NumbersFile:
    """Read a list of phone numbers from a file or from standard input ("-").

    All cells are searched, so that no number on a do-not-call list is missed. For lists that permit calls, such as
    consents, pass `first_column_only=True`. `region` (ISO 3166) applies to numbers without a country code. The file is
    read only once, so it may be a pipe.

    Raises:
        RollError: The file cannot be read, is not text, or contains no number.
    """
    numbers: dict[str, None] = {}
    without: list[int] = []
    digest, standard = hashlib.sha256(), str(path) == STANDARD_INPUT
    try:
        with nullcontext(sys.stdin.buffer) if standard else open_regular_file(path, pipe=True) as file:
            for line, row in enumerate(
                csv.reader(_read_lines_of_number_list(path, file, digest), strict=True), start=1
            ):
                cells = row[:1] if first_column_only else row
                found = [number for cell in cells for number in read_phone_numbers_in_cell(cell, region).numbers]
                numbers.update(dict.fromkeys(found))
                heading = line == 1 and not any(c.isdigit() for c in "".join(row))
                if not found and not heading and any(cell.strip() for cell in row):
                    without.append(line)
                if len(numbers) > _MAX_NUMBERS or len(without) > _MAX_LINES_WITHOUT_NUMBER:
                    raise RollError(
                        f"{path}: the file has more than {_MAX_NUMBERS:,} numbers, or more than"
                        f" {_MAX_LINES_WITHOUT_NUMBER:,} lines"
                        " without a number; give a file with one number per line"
                    )
    except FileNotFoundError as error:
        raise RollError(f"{path}: file not found; check the path") from error
    except IsADirectoryError as error:
        raise RollError(f"{path} is a folder; name a file in this folder") from error
    except OSError as error:
        raise RollError(f"{path}: the file cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise RollError(f"{path}: the file is not UTF-8 text; save the file as CSV (UTF-8)") from error
    except csv.Error as error:
        raise RollError(f"{path}: the file is not CSV ({error}); write one number per line") from error
    if not numbers:
        raise RollError(f"{path}: the file contains no phone number; write one number per line, or CSV")
    name = "standard-input" if standard else path.name
    return NumbersFile(name, digest.hexdigest(), tuple(numbers), tuple(without))


def _read_lines_of_number_list(path: Path, file: BinaryIO, digest: hashlib._Hash) -> Iterator[str]:
    """Yield the lines of a file without line ends, and add them to the hash `digest`.

    Raises:
        RollError: A line or the file is too long.
    """
    read = 0
    encoding = "utf-8-sig"  # only the first line can begin with a byte-order mark
    while line := file.readline(_MAX_LINE_BYTES):
        read += len(line)
        if len(line) == _MAX_LINE_BYTES:
            raise RollError(
                f"{path}: the file has a line of more than {_MAX_LINE_BYTES // 1024} kB; write one number per line"
            )
        if read > _MAX_BYTES:
            raise RollError(
                f"{path}: the file is larger than {_MAX_BYTES // 1024**3} GB; split the file into several files"
            )
        digest.update(line)
        text = line.decode(encoding)
        encoding = "utf-8"
        yield from text.splitlines() or [""]
