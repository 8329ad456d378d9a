"""Files that people write, read with a bound: a settings file that is /dev/zero must end in a line, not in the machine's memory.

Only the standard library and nothing of ours is needed here, so that every home above may read with it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

MOST_TOML_BYTES: Final = 1024 * 1024  # of settings, a map, a profile: a thousand agents are 200 kB
_DOTTED: Final = 64
# So many names joined by dots: tomllib looks at each of a key's beginnings anew, in all of its tables, which takes hours of a
# key of 100,000 parts. Begins at a name's beginning alone, or each letter of a long word would be a beginning.
_LONG_KEY: Final = re.compile(
    rf"(?<![\w\"'-])(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')(?:[ \t]*+\.[ \t]*+[\w\"'-]++){{{_DOTTED}}}"
)


class NotToml(ValueError):
    """A text is no TOML that a person wrote. Its text is one line that says why."""


def open_regular(path: Path, *, pipe: bool = False) -> BufferedReader:
    """Open a file that has an end; `pipe`: one that a program writes to will do too. A pipe that nobody writes to is not waited for
    where none is wanted.

    Raises OSError whose `strerror` says why it cannot be opened: no such file, no rights, a directory, a device, a pipe.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipe else os.O_NONBLOCK))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not (stat.S_ISREG(mode) or (pipe and stat.S_ISFIFO(mode))):
            raise OSError(errno.EINVAL, "it is no ordinary file, and may have no end", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_whole(path: Path, most_bytes: int, *, pipe: bool = False) -> bytes:
    """All of a file of at most `most_bytes`. Raises OSError, as `open_regular`, and where it is larger."""
    with open_regular(path, pipe=pipe) as file:
        return read_bounded(file, most_bytes)


def read_bounded(file: BinaryIO, most_bytes: int) -> bytes:
    """What is left of an open file. Raises OSError where that is more than `most_bytes`."""
    data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes // 1024:,} kB")
    return data


def toml_table(data: bytes) -> dict[str, Any]:
    """What a TOML text says. Raises NotToml, and UnicodeDecodeError for what is not UTF-8."""
    text = data.decode("utf-8")
    if any(line.count(".") >= _DOTTED and _LONG_KEY.search(line) for line in text.split("\n")):
        raise NotToml(f"a key has more than {_DOTTED} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("it is nested too deep") from None
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of more digits than Python reads
        why = "a number in it has too many digits" if "integer string conversion" in str(error) else str(error)
        raise NotToml(why) from error
