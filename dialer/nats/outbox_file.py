"""Outbox files: CSV files of a centre's results that a person carries to headquarters while the centre is disconnected.

    matdan rows for headquarters,2
    centre,pune-1
    first,901
    last,1450
    store,9f86d081...,,0
    id,at,topic,payload
    901,1713764000.5,results/attempts,"{""attempt_id"": ...}"
    ...
    end,540,sha256:...,ed25519:...

The rows have the format of a batch (dialer/nats/messages.py). `first` to `last` is the range of their ids in the
outbox. If an id is missing, its row is not meant for headquarters. `store` is the identity of the store.

The last line has the number of rows, and the SHA-256 of all bytes before it. If the centre has an nkey, the line also
has its signature. A file that was saved again by a spreadsheet is refused.
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
from dialer.domain.output import open_atomic_file
from dialer.nats.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ROWS,
    VERSION,
    BatchRow,
    InvalidMessage,
    OutboxBatch,
    SendingStore,
    estimate_size_of_outbox_row,
)

_TITLE = "matdan rows for headquarters"
_COLUMNS: list[object] = ["id", "at", "topic", "payload"]
_END, _SHA256, _SIGNATURE = "end", "sha256:", "ed25519:"
_HEAD_LINES = 6
_MAX_END_BYTES = 256
_LARGEST_ID = 2**63


def build_outbox_file_name(centre: str, first: int, last: int) -> str:
    """Return the name of the outbox file for a range of row ids of a centre's outbox (results to send)."""
    return f"{centre}-{first}-{last}.csv"


def write_outbox_file(
    path: Path,
    centre: str,
    first: int,
    last: int,
    rows: Iterable[BatchRow],
    private_key: bytes | None,
    store: SendingStore | None = None,
) -> int:
    """Write rows of a store's outbox (results to send) to a new file, signed with `private_key`. Return the number of
    rows.

    The file is written completely or not at all. Raises OutputRefused if the file exists or cannot be written, and any
    error that reading `rows` raises.
    """
    if path.exists():
        raise OutputRefused(
            f"{path} is the file of an earlier export: take it to headquarters, then move or delete it and export again"
        )
    count = 0
    with open_atomic_file(path, "DIR") as file:
        digest = hashlib.sha256()
        store = store or SendingStore()
        head: list[list[object]] = [[_TITLE, VERSION], ["centre", centre], ["first", first], ["last", last]]
        # An empty cell stands for a store that is no copy.
        previous = "" if store.previous is None else f"after {store.previous}"
        _write_rows_as_csv(file, digest, [*head, ["store", store.incarnation, previous, store.begins_after], _COLUMNS])
        for row in rows:
            _write_rows_as_csv(file, digest, [[row.id, repr(row.at), row.topic, row.payload]])
            count += 1
        sha256 = digest.hexdigest()
        signature = (
            ""
            if private_key is None
            else _SIGNATURE + signing.sign_bytes(private_key, _build_signed_text_of_outbox_file(sha256))
        )
        _write_rows_as_csv(file, digest, [[_END, count, _SHA256 + sha256, signature]])
    return count


def _write_rows_as_csv(file: IO[bytes], digest: Any, rows: Iterable[Iterable[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    lines = text.getvalue().encode()
    digest.update(lines)
    file.write(lines)


def _build_signed_text_of_outbox_file(sha256: str) -> bytes:
    return f"{_TITLE} {sha256}".encode()


@dataclass(frozen=True, slots=True)
class OutboxFile:
    """A complete outbox file, with which a person carries a centre's results to headquarters.

    Its last line has the number of rows and their hash.
    """

    path: Path
    centre: str
    first: int
    last: int
    store: SendingStore
    rows: int
    sha256: str
    signature: str  # base64; "": not signed
    digests: tuple[bytes, ...]  # of its batches, to notice a change while it is imported

    def is_outbox_file_signed_with_key(self, public_key: bytes) -> bool:
        """Return whether the file's signature was made with the private key that belongs to `public_key`."""
        return signing.verify_signature(public_key, _build_signed_text_of_outbox_file(self.sha256), self.signature)

    def read_batches_of_outbox_file(self) -> Iterator[OutboxBatch]:
        """Yield the rows of the file in batches without gaps, as the centre would send them over the network.

        A file may be too large for the memory, so it is read a second time. Raises InvalidMessage if a batch has
        changed since the first reading.
        """
        with self.path.open("rb") as file:
            cells = islice(
                csv.reader(_read_lines_and_update_digest(file, self.path.stat().st_size, hashlib.sha256())),
                _HEAD_LINES,
                None,
            )
            for batch, digest in zip_longest(
                _group_rows_into_batches(cells, self.path, self.centre, self.first, self.last, self.store), self.digests
            ):
                if batch is None or _compute_batch_digest(batch) != digest:
                    raise InvalidMessage(f"{self.path}: the file changed during the import: import the file again")
                yield batch


def read_outbox_file(path: Path) -> OutboxFile:
    """Read and check the whole outbox file (a centre's results) at `path`.

    Raises InvalidMessage, whose text names the file.
    """
    with path.open("rb") as file:
        size, end = _read_last_line(file, path)
        digest = hashlib.sha256()
        try:
            word, count, sha256, signature = next(csv.reader([end]))
            cells = csv.reader(_read_lines_and_update_digest(file, size, digest))
            head = list(islice(cells, _HEAD_LINES))
            names, values = [each[0] for each in head], [each[1] for each in head]
            if word != _END or names[:1] != [_TITLE]:
                raise ValueError
            if values[0] != str(VERSION):
                raise InvalidMessage(
                    f"{path}: the file has version {values[0]}, but this headquarters reads version {VERSION}:"
                    " install the same version of Matdan at the centre and headquarters, then export the file again"
                    " at the centre"
                )
            if names != [_TITLE, "centre", "first", "last", "store", _COLUMNS[0]]:
                raise ValueError
            store = _parse_identity_of_sending_store(head[4])
            first, last = _parse_whole_number(values[2]), _parse_whole_number(values[3])
            if not 0 < first <= last < _LARGEST_ID:
                raise ValueError
            rows, digests, problem = 0, [], None
            try:
                for batch in _group_rows_into_batches(cells, path, values[1], first, last, store):
                    rows += len(batch.rows)
                    digests.append(_compute_batch_digest(batch))
            except InvalidMessage as error:
                problem = error
            for _ in cells:
                pass  # the digest is of the whole file
            if sha256 != _SHA256 + digest.hexdigest():
                raise InvalidMessage(
                    f"{path}: the file was changed (saved by a spreadsheet?): import the unchanged file of the centre"
                )
            if problem is not None:
                raise problem
            if rows != _parse_whole_number(count):
                raise InvalidMessage(
                    f"{path}: the file has {rows} rows, but its last line says {count}: export the file again at"
                    " the centre"
                )
        except (ValueError, IndexError, csv.Error) as error:
            raise _create_incomplete_file_error(path) from error
    return OutboxFile(
        path,
        values[1],
        first,
        last,
        store,
        rows,
        digest.hexdigest(),
        signature.removeprefix(_SIGNATURE),
        tuple(digests),
    )


def _parse_identity_of_sending_store(cells: list[str]) -> SendingStore:
    _, incarnation, previous, begins_after = cells
    return SendingStore(
        incarnation, previous.removeprefix("after ") if previous else None, _parse_whole_number(begins_after)
    )


def _create_incomplete_file_error(path: Path) -> InvalidMessage:
    return InvalidMessage(f"{path}: this is not a complete file of `dialer carry`: export the file again at the centre")


def _read_last_line(file: IO[bytes], path: Path) -> tuple[int, str]:
    """Return the number of bytes before the file's last line, and that line.

    Raises InvalidMessage if the file has only one line.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MAX_END_BYTES))
    _, found, end = file.read().removesuffix(b"\r\n").rpartition(b"\r\n")
    if not found:
        raise _create_incomplete_file_error(path)
    return size - len(end) - len(b"\r\n"), end.decode("ascii", "replace")


def _read_lines_and_update_digest(file: IO[bytes], size: int, digest: Any) -> Iterator[str]:
    """Yield the lines in the first `size` bytes of the file, and add them to the digest."""
    file.seek(0)
    remaining = size
    while remaining > 0 and (line := file.readline(remaining)):
        digest.update(line)
        remaining -= len(line)
        yield line.decode("utf-8")


def _group_rows_into_batches(
    cells: Iterable[list[str]], path: Path, centre: str, first: int, last: int, store: SendingStore
) -> Iterator[OutboxBatch]:
    size, rows = 0, list[BatchRow]()
    for row in _parse_rows_of_file(cells, path, first, last):
        more = estimate_size_of_outbox_row(row.topic, row.payload)
        if rows and (len(rows) == MAX_BATCH_ROWS or size + more > MAX_BATCH_BYTES):
            yield OutboxBatch(centre, VERSION, first, rows[-1].id, tuple(rows), store=store)
            first, size, rows = rows[-1].id + 1, 0, []
        rows.append(row)
        size += more
    yield OutboxBatch(centre, VERSION, first, last, tuple(rows), store=store)


def _parse_rows_of_file(cells: Iterable[list[str]], path: Path, first: int, last: int) -> Iterator[BatchRow]:
    previous = first - 1
    for row in cells:
        if row[0] == _END:
            return
        row_id, at = _parse_whole_number(row[0]), float(row[1])
        if len(row) != len(_COLUMNS) or not previous < row_id <= last or not math.isfinite(at):
            raise InvalidMessage(f"{path}: the rows of the file are out of order: export the file again at the centre")
        yield BatchRow(row_id, row[2], at, row[3])
        previous = row_id


def _compute_batch_digest(batch: OutboxBatch) -> bytes:
    return hashlib.sha256(repr(batch).encode("utf-8", "surrogatepass")).digest()


def _parse_whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise ValueError(text)
    return int(text)
