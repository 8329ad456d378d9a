"""Files that people write, read with a size limit: a settings file that is /dev/zero must end in an error, not in full memory."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

MOST_TOML_BYTES: Final = 1024 * 1024  # of settings, a map or a profile: a thousand agents are 200 kB
_MOST_KEY_PARTS: Final = 64
# tomllib looks up every beginning of a dotted key in all of its tables, which takes hours for a key of 100,000 parts. The
# pattern may only start at the beginning of a name, or each letter of a long word would be a start.
_LONG_KEY: Final = re.compile(
    rf"(?<![\w\"'-])(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')(?:[ \t]*+\.[ \t]*+[\w\"'-]++){{{_MOST_KEY_PARTS}}}"
)


class NotToml(ValueError):
    """A text is not TOML that a person wrote. Its text is one line that says why."""


def open_regular(path: Path, *, pipe: bool = False) -> BufferedReader:
    """Open a file that has an end; with `pipe`, also a pipe that a program writes to. Never waits for a pipe otherwise.

    Raises OSError whose `strerror` says why it cannot be opened: no such file, no permission, a directory, a device, a pipe.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipe else os.O_NONBLOCK))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not (stat.S_ISREG(mode) or (pipe and stat.S_ISFIFO(mode))):
            raise OSError(errno.EINVAL, "it is not a regular file, and may have no end", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_whole(path: Path, most_bytes: int, *, pipe: bool = False) -> bytes:
    """Return the content of a file of at most `most_bytes`. Raises OSError as `open_regular`, and for a larger file."""
    with open_regular(path, pipe=pipe) as file:
        return read_bounded(file, most_bytes)


def read_bounded(file: BinaryIO, most_bytes: int) -> bytes:
    """Return the rest of an open file. Raises OSError where that is more than `most_bytes`."""
    data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes // 1024:,} kB")
    return data


def toml_table(data: bytes) -> dict[str, Any]:
    """Return the table of a TOML text. Raises NotToml, and UnicodeDecodeError for what is not UTF-8."""
    text = data.decode("utf-8")
    if any(line.count(".") >= _MOST_KEY_PARTS and _LONG_KEY.search(line) for line in text.split("\n")):
        raise NotToml(f"a key has more than {_MOST_KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("it is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError is one, and so is a number with more digits than Python reads
        why = "a number has too many digits" if "integer string conversion" in str(error) else str(error)
        raise NotToml(why) from error
