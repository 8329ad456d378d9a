"""Reading files with a size limit, so that a file such as /dev/zero causes an error instead of filling the memory."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

MAX_TOML_BYTES: Final = 1024 * 1024  # settings with a thousand agents are 200 kB
_MAX_KEY_PARTS: Final = 64
# Reject long dotted keys, because tomllib takes quadratic time for them. The lookbehind lets the pattern start only at the
# beginning of a name; otherwise it would try every letter of a long word.
_LONG_KEY: Final = re.compile(
    rf"(?<![\w\"'-])(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')(?:[ \t]*+\.[ \t]*+[\w\"'-]++){{{_MAX_KEY_PARTS}}}"
)

_MISTAKE = re.compile(r"\(at line (\d+), column \d+\)")  # in an error of tomllib


class NotToml(ValueError):
    """Raised if the text of a file is not valid TOML, or is nested too deeply. The message says why, in one line."""

    def __init__(self, why: str, line: int | None = None) -> None:
        """Create the error. `line` is the number of the line with the mistake, if it is known."""
        super().__init__(why)
        self.line = line


def open_regular_file(path: Path, *, pipe: bool = False) -> BufferedReader:
    """Open a regular file for reading. With `pipe`, a pipe is also accepted.

    Raises OSError for everything else, such as a device. A refused pipe does not block the call.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipe else os.O_NONBLOCK))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not (stat.S_ISREG(mode) or (pipe and stat.S_ISFIFO(mode))):
            raise OSError(errno.EINVAL, "the path is not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_whole_file(path: Path, most_bytes: int, *, pipe: bool = False) -> bytes:
    """Return the content of a file.

    Raises OSError if the file cannot be opened or has more than `most_bytes`.
    """
    with open_regular_file(path, pipe=pipe) as file:
        return read_file_up_to_limit(file, most_bytes)


def read_file_up_to_limit(file: BinaryIO, most_bytes: int) -> bytes:
    """Return the rest of an open file. Raises OSError if the rest has more than `most_bytes`."""
    data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"the file is larger than {most_bytes // 1024:,} kB")
    return data


def parse_toml_table(data: bytes) -> dict[str, Any]:
    """Return the values in a TOML text.

    Raises NotToml, or UnicodeDecodeError if the text is not UTF-8.
    """
    text = data.decode("utf-8")
    if any(line.count(".") >= _MAX_KEY_PARTS and _LONG_KEY.search(line) for line in text.split("\n")):
        raise NotToml(f"a key of the file has more than {_MAX_KEY_PARTS} parts separated by dots; shorten this key")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("the tables or lists of the file are nested too deeply; remove some levels") from None
    except ValueError as error:  # TOMLDecodeError, or a number with more digits than Python converts
        why = "a number has too many digits" if "integer string conversion" in str(error) else str(error)
        place = _MISTAKE.search(why)
        raise NotToml(why, None if place is None else int(place[1])) from error
