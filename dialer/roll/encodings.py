"""Detection of a file's kind (text or workbook), and of the encoding of a text file.

Text files may be UTF-8 with or without a byte-order mark, UTF-16 ("Unicode text" of a spreadsheet), or in a Windows
code page. The whole file is checked before any row is imported, because the first wrong byte may be in its last line.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.settings.files import open_regular_file

CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 16
_LINE_BYTES = 1 << 18  # a cell has 131,072 characters at most (csv.field_size_limit)
_CONTROLS = bytes(sorted(set(range(32)) - {9, 10, 11, 12, 13, 26}))
# The bytes that each code page leaves undefined.
_CODE_PAGES = {"cp1252": re.compile(rb"[\x81\x8d\x8f\x90\x9d]"), "cp1250": re.compile(rb"[\x81\x83\x88\x90\x98]")}

_OTHER_FORMATS = {
    b"%PDF": ("a PDF", "ask for the roll as CSV or XLSX"),
    b"\x1f\x8b": ("compressed (gzip)", "unpack it first"),
    b"Rar!": ("compressed (RAR)", "unpack it first"),
    b"7z\xbc\xaf": ("compressed (7-Zip)", "unpack it first"),
    b"SQLite format 3": ("a database", "export the roll as CSV or XLSX"),
    b"\x89PNG": ("a picture", "ask for the roll as CSV or XLSX"),
    b"\xff\xd8\xff": ("a picture", "ask for the roll as CSV or XLSX"),
}


@dataclass(frozen=True, slots=True)
class TextFile:
    """The encoding that was detected for a text file."""

    encoding: str  # a Python codec, which skips a byte-order mark
    label: str  # for people: "UTF-8"
    sha256: str
    size_bytes: int
    damaged: bool  # UTF-8 with some invalid bytes: open it with errors="surrogateescape"


def detect_workbook_or_text(path: Path) -> str:
    """Return whether a file is a "workbook" (XLSX, XLSM, XLSB, XLS, ODS) or "text". The content decides.

    Raises:
        RollError: The file does not exist, is empty, or is of another kind.
    """
    try:
        with open_regular_file(path) as file:
            head = file.read(16)
    except FileNotFoundError:
        raise RollError(f"{path}: file not found; check the path") from None
    except IsADirectoryError:
        raise RollError(f"{path} is a folder; name a file in this folder") from None
    except OSError as error:
        raise RollError(f"{path}: the file cannot be read ({error.strerror}); copy the file to a local disk") from error
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\r\n\t \0"):
        raise RollError(f"the file {path} is empty; export the file again, or name another file")
    for magic, (format_name, remedy) in _OTHER_FORMATS.items():
        if head.startswith(magic):
            raise RollError(f"the file {path} is {format_name}; {remedy}")
    return "workbook" if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) else "text"


def detect_encoding(path: Path, encoding: str | None = None) -> TextFile:
    """Return the encoding of a text file, after reading the whole file.

    `encoding` is the one stated in the map file, if any.

    Raises:
        RollError: The file is not text, or not in the stated encoding.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    is_stated = encoding is not None
    encoding = encoding or _guess_encoding(path, head)
    is_utf8 = _find_python_name_of_encoding(path, encoding).name in {"utf-8", "utf-8-sig"}
    decoder = codecs.getincrementaldecoder("utf-8" if is_utf8 else encoding)()
    digest, size, sound = hashlib.sha256(), 0, True
    with path.open("rb") as file:
        while (sound or is_utf8) and (chunk := file.read(CHUNK_BYTES)):
            digest.update(chunk)
            _refuse_long_line(path, chunk, size)
            size += len(chunk)
            if is_utf8 and 0 in chunk:
                raise RollError(f"{path} is not a text file or a workbook; give a CSV or XLSX file")
            if sound and not (is_utf8 and chunk.isascii() and not decoder.getstate()[0]):
                sound = _can_decode_chunk(decoder, chunk)
    sound = sound and _can_decode_chunk(decoder, b"", final=True)
    if not (sound or is_utf8):
        raise RollError(f'{path} is not in encoding "{encoding}" (near byte {size:,}); save it as "CSV UTF-8"')
    if not is_utf8:
        return TextFile(encoding, encoding.upper(), digest.hexdigest(), size, damaged=False)
    if sound:
        return TextFile("utf-8-sig", "UTF-8", digest.hexdigest(), size, damaged=False)
    found = _classify_invalid_utf8(path, digest.hexdigest(), size)
    if is_stated and not found.damaged:
        raise RollError(
            f'{path} is not in encoding "utf-8"; it may be "{found.encoding}": correct `encoding` in the --map file'
        )
    return found


def _find_python_name_of_encoding(path: Path, encoding: str) -> codecs.CodecInfo:
    try:
        b"ab".decode(encoding)  # only this refuses codecs that are not for text, such as "hex"
    except LookupError:
        raise RollError(f'{path}: "{encoding}" is not an encoding; try "utf-8", "utf-16" or "windows-1252"') from None
    except UnicodeError:
        pass  # two bytes may be too few
    return codecs.lookup(encoding)


def _guess_encoding(path: Path, head: bytes) -> str:
    """Return a UTF-16 codec if the file has a UTF-16 byte-order mark or many zero bytes, otherwise "utf-8"."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if even + odd:
        if min(even, odd) * 20 <= max(even, odd) and max(even, odd) * 20 >= len(head):
            return "utf-16-le" if odd > even else "utf-16-be"
        raise RollError(f"{path} is not a text file or a workbook; give a CSV or XLSX file")
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls * 200 > len(head):
        raise RollError(f"{path} is not a text file or a workbook; give a CSV or XLSX file")
    return "utf-8"


def _refuse_long_line(path: Path, chunk: bytes, before: int) -> None:
    """Raise RollError if a line in a chunk of the file is too long to be read into memory.

    `before` is the number of bytes in the file before the chunk.
    """
    for start in range(0, len(chunk), _LINE_BYTES):
        end = start + _LINE_BYTES
        if end <= len(chunk) and chunk.find(b"\n", start, end) < 0 and chunk.find(b"\r", start, end) < 0:
            raise RollError(
                f"{path} has a line of more than {_LINE_BYTES // 1024} kB, near byte {before + start + 1:,}, which cannot be a"
                " row of a roll; export the roll again, one voter per line"
            )


def _can_decode_chunk(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeError:
        return False
    return True


def _classify_invalid_utf8(path: Path, sha256: str, size: int) -> TextFile:
    """Return the encoding of a file that is not valid UTF-8.

    It is damaged UTF-8 if at least ten non-ASCII characters are valid for each invalid byte. Otherwise it is a Windows
    code page.
    """
    broken, sound, high = 0, 0, set[int]()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    with path.open("rb") as file:
        for chunk in chain(iter(lambda: file.read(CHUNK_BYTES), b""), (b"",)):
            high.update(chunk.translate(None, bytes(range(0x80))))
            text = decoder.decode(chunk, final=not chunk)
            escaped = sum("\udc80" <= character <= "\udcff" for character in text)
            broken += escaped
            sound += sum(character >= "\x80" for character in text) - escaped
    if broken * 10 <= sound:
        return TextFile("utf-8-sig", "UTF-8, damaged in places", sha256, size, damaged=True)
    page = _choose_windows_code_page(path, bytes(high))
    return TextFile(page, f"Windows-{page.removeprefix('cp')}", sha256, size, damaged=False)


def _choose_windows_code_page(path: Path, high: bytes) -> str:
    """Return the Windows code page (1252 or 1250) in which every byte of the file is a character.

    `high` has the non-ASCII bytes of the file.

    Raises:
        RollError: In each code page, some of the bytes are not a character.
    """
    for page, holes in _CODE_PAGES.items():
        if not holes.search(high):
            return page
    raise RollError(
        f"{path}: unknown encoding (not UTF-8, UTF-16, Windows-1252 or Windows-1250);"
        ' save it as "CSV UTF-8", or name its encoding in the --map file'
    )
