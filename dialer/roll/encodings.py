"""What a file of unknown origin is: which text encoding it is in, or that it is no text at all.

Exports come as UTF-8 with or without a byte-order mark, as UTF-16 ("Unicode text" of a spreadsheet) or in the code page
of the Windows machine they were saved on. The whole file is looked at once, in pieces, before a row is taken: a file
that turns out on its last line to be in another encoding must not leave half a roll of garbled names.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.settings.files import open_regular

CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 16
_LINE_BYTES = 1 << 18  # a cell has 131,072 characters at most (csv.field_size_limit)
_CONTROLS = bytes(sorted(set(range(32)) - {9, 10, 11, 12, 13, 26}))
# Bytes that they leave undefined.
_CODE_PAGES = {"cp1252": re.compile(rb"[\x81\x8d\x8f\x90\x9d]"), "cp1250": re.compile(rb"[\x81\x83\x88\x90\x98]")}

_MAGIC = {
    b"%PDF": "a PDF; ask for the roll as CSV or XLSX",
    b"\x1f\x8b": "compressed (gzip); unpack it first",
    b"Rar!": "compressed (RAR); unpack it first",
    b"7z\xbc\xaf": "compressed (7-Zip); unpack it first",
    b"SQLite format 3": "a database; export the roll as CSV or XLSX",
    b"\x89PNG": "a picture; ask for the roll as CSV or XLSX",
    b"\xff\xd8\xff": "a picture; ask for the roll as CSV or XLSX",
}


@dataclass(frozen=True, slots=True)
class TextFile:
    """The encoding of a text file."""

    encoding: str  # a Python codec, which skips a byte-order mark
    label: str  # for people: "UTF-8"
    sha256: str
    size_bytes: int
    damaged: bool  # UTF-8 with some invalid bytes: open it with errors="surrogateescape"


def sniff_kind(path: Path) -> str:
    """ "workbook" for what a spreadsheet program saved (XLSX, XLSM, XLSB, XLS, ODS), else "text", by content, not by name.

    Raises RollError if the file is not there, is empty, or is neither.
    """
    try:
        with open_regular(path) as file:
            head = file.read(16)
    except FileNotFoundError:
        raise RollError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise RollError(f"{path} is a directory; name the file in it") from None
    except OSError as error:
        raise RollError(f"{path}: cannot be read ({error.strerror}); name a file that is on a disk") from error
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\r\n\t \0"):
        raise RollError(f"{path} is empty; export it again, or name another file")
    for magic, meaning in _MAGIC.items():
        if head.startswith(magic):
            raise RollError(f"{path} is {meaning}")
    return "workbook" if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) else "text"


def examine_text(path: Path, encoding: str | None = None) -> TextFile:
    """Find the encoding of a text file by reading all of it once; `encoding` is what a person says it is.

    Raises RollError if it is not text, or not text in that encoding.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    said = encoding is not None
    encoding = encoding or _from_head(path, head)
    is_utf8 = _text_codec(path, encoding).name in {"utf-8", "utf-8-sig"}
    decoder = codecs.getincrementaldecoder("utf-8" if is_utf8 else encoding)()
    digest, size, sound = hashlib.sha256(), 0, True
    with path.open("rb") as file:
        while (sound or is_utf8) and (chunk := file.read(CHUNK_BYTES)):
            digest.update(chunk)
            _refuse_endless(path, chunk, size)
            size += len(chunk)
            if is_utf8 and 0 in chunk:
                raise RollError(f"{path} is not a text file or a workbook; give a CSV or XLSX file")
            if sound and not (is_utf8 and chunk.isascii() and not decoder.getstate()[0]):
                sound = _decodes(decoder, chunk)
    sound = sound and _decodes(decoder, b"", final=True)
    if not (sound or is_utf8):
        raise RollError(f'{path} is not in encoding "{encoding}" (near byte {size:,}); save it as "CSV UTF-8"')
    if not is_utf8:
        return TextFile(encoding, encoding.upper(), digest.hexdigest(), size, damaged=False)
    if sound:
        return TextFile("utf-8-sig", "UTF-8", digest.hexdigest(), size, damaged=False)
    found = _survey_damage(path, digest.hexdigest(), size)
    if said and not found.damaged:
        raise RollError(f'{path} is not in encoding "utf-8"; it may be "{found.encoding}", say so in the --map file')
    return found


def _text_codec(path: Path, encoding: str) -> codecs.CodecInfo:
    try:
        b"ab".decode(encoding)  # only this refuses codecs that are not for text, such as "hex"
    except LookupError:
        raise RollError(f'{path}: "{encoding}" is not an encoding; try "utf-8", "utf-16" or "windows-1252"') from None
    except UnicodeError:
        pass  # two bytes may be too few
    return codecs.lookup(encoding)


def _from_head(path: Path, head: bytes) -> str:
    """Return UTF-16, recognised by its mark or zero bytes, otherwise "utf-8" as a first assumption."""
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


def _refuse_endless(path: Path, chunk: bytes, before: int) -> None:
    """Raise RollError for an overlong line, which Python would read as a whole. Also works for UTF-16 line ends."""
    for start in range(0, len(chunk), _LINE_BYTES):
        end = start + _LINE_BYTES
        if end <= len(chunk) and chunk.find(b"\n", start, end) < 0 and chunk.find(b"\r", start, end) < 0:
            raise RollError(
                f"{path} has a line of more than {_LINE_BYTES // 1024} kB, near byte {before + start + 1:,}: that is no row of a"
                " roll; export it again, one voter a line"
            )


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeError:
        return False
    return True


def _survey_damage(path: Path, sha256: str, size: int) -> TextFile:
    """Decide between damaged UTF-8 and a Windows code page by the share of non-ASCII bytes that decode."""
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
    page = _code_page(path, bytes(high))
    return TextFile(page, f"Windows-{page.removeprefix('cp')}", sha256, size, damaged=False)


def _code_page(path: Path, high: bytes) -> str:
    """Return Windows-1252, or 1250 if only that defines every byte of the file. Raises RollError for neither."""
    for page, holes in _CODE_PAGES.items():
        if not holes.search(high):
            return page
    raise RollError(
        f"{path} is in no encoding that is known here (UTF-8, UTF-16, Windows-1252, Windows-1250);"
        ' save it as "CSV UTF-8", or name its encoding in the --map file'
    )
