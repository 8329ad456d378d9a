"""What waits for headquarters as a file to carry there, where the line is down. A spreadsheet shows it:

    matdan rows for headquarters,1
    centre,pune-1
    first,901
    last,1450
    id,at,topic,payload
    901,1713764000.5,results/attempts,"{""attempt"": ...}"
    ...
    end,540,sha256:...,ed25519:...

The version is that of a batch, and so are ids, topics and payloads. `first` to `last` is the stretch of the outbox; ids without a
row are of no use to headquarters. The last line has how many rows there are, the SHA-256 of all bytes before it, and the signature
over that by the centre's nkey, where it has one. What a spreadsheet saved again is another file, and refused.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import IO, Any

from dialer.domain import signing
from dialer.domain.errors import OutputRefused
from dialer.domain.output import whole_file
from dialer.nats.wire import MOST_BATCH_BYTES, MOST_ROWS, VERSION, BatchRow, NotOurs, UpBatch, row_bytes

_BEGINNING = "matdan rows for headquarters"
_COLUMNS: list[object] = ["id", "at", "topic", "payload"]
_END, _SHA256, _SIGNATURE = "end", "sha256:", "ed25519:"
_HEAD_LINES = 5
_MOST_END_BYTES = 256
_LARGEST_ID = 2**63


def carried_name(centre: str, first: int, last: int) -> str:
    """What such a file is called."""
    return f"{centre}-{first}-{last}.csv"


def write_carried(
    path: Path, centre: str, first: int, last: int, rows: Iterable[BatchRow], private: bytes | None
) -> int:
    """Write a new file of these rows, whole or not at all; how many they are. `private` signs it.

    Raises OutputRefused where there is a file of that name, or none can be written, and what reading the rows raises.
    """
    if path.exists():
        raise OutputRefused(f"DIR: {path} is there already; move it away, or bring it as it is")
    count = 0
    with whole_file(path, "DIR") as file:
        digest = hashlib.sha256()
        _write(file, digest, [[_BEGINNING, VERSION], ["centre", centre], ["first", first], ["last", last], _COLUMNS])
        for row in rows:
            _write(file, digest, [[row.id, repr(row.at), row.topic, row.payload]])
            count += 1
        hashed = digest.hexdigest()
        signature = "" if private is None else _SIGNATURE + signing.sign(private, _signed(hashed))
        _write(file, digest, [[_END, count, _SHA256 + hashed, signature]])
    return count


def _write(file: IO[bytes], digest: Any, rows: Iterable[Iterable[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    lines = text.getvalue().encode()
    digest.update(lines)
    file.write(lines)


def _signed(hashed: str) -> bytes:
    return f"{_BEGINNING} {hashed}".encode()


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A file that is whole, and what it says of itself."""

    path: Path
    centre: str
    first: int
    last: int
    rows: int
    sha256: str
    signature: str  # base64; "": it has none
    digests: tuple[bytes, ...]  # of its batches

    def signed_by(self, public: bytes) -> bool:
        """Whether that key's owner has signed it."""
        return signing.holds(public, _signed(self.sha256), self.signature)

    def batches(self) -> Iterator[UpBatch]:
        """Its rows as the centre's uplink would send them, one batch after another, without a gap. The file is read once more, for
        what was looked through may be larger than memory, and each batch held against what it was then. Raises NotOurs.
        """
        with self.path.open("rb") as file:
            cells = islice(csv.reader(_lines(file, self.path.stat().st_size, hashlib.sha256())), _HEAD_LINES, None)
            for batch, digest in zip_longest(
                _batches(cells, self.path, self.centre, self.first, self.last), self.digests
            ):
                if batch is None or _digest(batch) != digest:
                    raise NotOurs(f"{self.path}: is another one than was looked through: bring it again")
                yield batch


def read_carried(path: Path) -> CarriedFile:
    """The file at `path`, looked through from its beginning to its end. Raises NotOurs in a line that names it."""
    with path.open("rb") as file:
        size, end = _end(file, path)
        digest = hashlib.sha256()
        try:
            word, count, sha256, signature = next(csv.reader([end]))
            cells = csv.reader(_lines(file, size, digest))
            head = list(islice(cells, _HEAD_LINES))
            names, values = [each[0] for each in head], [each[1] for each in head]
            if word != _END or names != [_BEGINNING, "centre", "first", "last", _COLUMNS[0]]:
                raise ValueError
            if values[0] != str(VERSION):
                raise NotOurs(f"{path}: is of version {values[0]}, and this headquarters knows {VERSION}")
            first, last = _whole_number(values[2]), _whole_number(values[3])
            if not 0 < first <= last < _LARGEST_ID:
                raise ValueError
            rows, digests, wrong = 0, [], None
            try:
                for batch in _batches(cells, path, values[1], first, last):
                    rows += len(batch.rows)
                    digests.append(_digest(batch))
            except NotOurs as error:
                wrong = error
            for _ in cells:
                pass
            if sha256 != _SHA256 + digest.hexdigest():
                raise NotOurs(
                    f"{path}: is not as the centre wrote it (saved by a spreadsheet?): bring that file itself"
                )
            if wrong is not None:
                raise wrong
            if rows != _whole_number(count):
                raise NotOurs(f"{path}: has not as many rows as it says; have it written again")
        except (ValueError, IndexError, csv.Error) as error:
            raise NotOurs(f"{path}: is no file of rows that `dialer carry` wrote whole") from error
    signed = signature.removeprefix(_SIGNATURE)
    return CarriedFile(path, values[1], first, last, rows, digest.hexdigest(), signed, tuple(digests))


def _end(file: IO[bytes], path: Path) -> tuple[int, str]:
    """The bytes of all before the last line, and that line. Raises NotOurs where none ends it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MOST_END_BYTES))
    _, found, end = file.read().removesuffix(b"\r\n").rpartition(b"\r\n")
    if not found:
        raise NotOurs(f"{path}: is no file of rows that `dialer carry` wrote whole")
    return size - len(end) - len(b"\r\n"), end.decode("ascii", "replace")


def _lines(file: IO[bytes], size: int, digest: Any) -> Iterator[str]:
    """The lines of the first `size` bytes, which go into the digest too."""
    file.seek(0)
    left = size
    while left > 0 and (line := file.readline(left)):
        digest.update(line)
        left -= len(line)
        yield line.decode("utf-8")


def _batches(cells: Iterable[list[str]], path: Path, centre: str, first: int, last: int) -> Iterator[UpBatch]:
    size, taken = 0, list[BatchRow]()
    for row in _rows(cells, path, first, last):
        more = row_bytes(row.topic, row.payload)
        if taken and (len(taken) == MOST_ROWS or size + more > MOST_BATCH_BYTES):
            yield UpBatch(centre, VERSION, first, taken[-1].id, tuple(taken))
            first, size, taken = taken[-1].id + 1, 0, []
        taken.append(row)
        size += more
    yield UpBatch(centre, VERSION, first, last, tuple(taken))


def _rows(cells: Iterable[list[str]], path: Path, first: int, last: int) -> Iterator[BatchRow]:
    id_before = first - 1
    for row in cells:
        if row[0] == _END:
            return
        id_, at = _whole_number(row[0]), float(row[1])
        if len(row) != len(_COLUMNS) or not id_before < id_ <= last or not math.isfinite(at):
            raise NotOurs(f"{path}: its rows do not follow each other; have it written again")
        yield BatchRow(id_, row[2], at, row[3])
        id_before = id_


def _digest(batch: UpBatch) -> bytes:
    return hashlib.sha256(repr(batch).encode("utf-8", "surrogatepass")).digest()


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise ValueError(text)
    return int(text)
