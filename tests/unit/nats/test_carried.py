"""The file that a centre's rows travel in: as it was written or refused, and in batches as the line would have brought them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from dialer.domain import signing
from dialer.domain.errors import OutputRefused
from dialer.nats import carried, wire
from dialer.nats.carried import read_carried, write_carried
from dialer.nats.wire import BatchRow, NotOurs, UpBatch

ODD = '{"note": "=1+1, \\"so\\"\\nनमस्ते"}'
ROWS = [BatchRow(number, "results/marks", 1_713_764_000.1234567 + number, ODD) for number in range(902, 2_000, 2)]
OURS, THEIRS = bytes(SigningKey(b"o" * 32)), bytes(SigningKey(b"t" * 32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / carried.carried_name("pune-1", 901, 2_001)
    assert write_carried(path, "pune-1", 901, 2_001, ROWS, OURS) == len(ROWS)
    return path


def test_it_is_read_as_it_was_written_in_batches_without_a_gap(path: Path) -> None:
    file = read_carried(path)
    batches = [*file.batches()]
    assert [row for batch in batches for row in batch.rows] == ROWS
    assert [(batch.first, batch.last) for batch in batches] == [(901, 1_900), (1_901, 2_001)]
    assert [wire.unpack(wire.pack(batch)) for batch in batches] == batches
    assert file.signed_by(signing.public_key(OURS))
    assert not file.signed_by(signing.public_key(THEIRS))


def test_a_spreadsheet_sees_whose_it_is_and_a_row_for_each_row(path: Path) -> None:
    rows = [*csv.reader(path.read_text(encoding="utf-8").splitlines())]
    assert rows[1:5] == [["centre", "pune-1"], ["first", "901"], ["last", "2001"], ["id", "at", "topic", "payload"]]
    assert rows[5] == ["902", repr(ROWS[0].at), "results/marks", ODD]
    assert rows[-1][:2] == ["end", str(len(ROWS))]


def test_a_stretch_without_rows_and_one_without_a_key(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    write_carried(path, "pune-1", 5, 9, [], None)
    file = read_carried(path)
    assert [*file.batches()] == [UpBatch("pune-1", wire.VERSION, 5, 9, ())]
    assert not file.signed_by(signing.public_key(OURS))


def test_large_rows_make_batches_that_the_line_takes(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    rows = [BatchRow(number, "results/marks", 1.0, "x" * 100_000) for number in range(1, 50)]
    write_carried(path, "pune-1", 1, 49, rows, None)
    batches = [*read_carried(path).batches()]
    assert len(batches) == 3
    assert [row for batch in batches for row in batch.rows] == rows


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data.replace(b"902,", b"903,", 1), "is not as the centre wrote it"),
        (lambda data: data.replace(b"centre,pune-1", b"centre,pune-2"), "is not as the centre wrote it"),
        (lambda data: data[:-200], "wrote whole"),
        (lambda data: data[: len(data) // 2], "wrote whole"),
        (lambda data: data.replace(b"\r\n", b"\n"), "wrote whole"),
        (lambda data: data.replace(b"\r\nend,549,", b"\r\nend,548,"), "not as many rows"),
        (lambda data: b"", "wrote whole"),
        (lambda data: b"id,at\r\n1,2\r\n", "wrote whole"),
        (lambda data: data.replace(b"headquarters,1", b"headquarters,2"), "is of version 2"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused_in_a_line(
    path: Path, change: Callable[[bytes], bytes], why: str
) -> None:
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(NotOurs, match=why) as refused:
        read_carried(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("change", [(b"902,", b"903,"), (b"\r\n1998,", b"\r\nend,")])
def test_one_that_is_changed_once_it_was_looked_through_brings_nothing_of_what_changed(
    path: Path, change: tuple[bytes, bytes]
) -> None:
    file = read_carried(path)
    path.write_bytes(path.read_bytes().replace(*change, 1))
    with pytest.raises(NotOurs, match="another one than was looked through"):
        [*file.batches()]


@pytest.mark.parametrize(
    "rows", [[BatchRow(10, "t", 1.0, "{}")], [BatchRow(7, "t", 1.0, "{}"), BatchRow(7, "t", 1.0, "{}")]]
)
def test_rows_that_do_not_follow_each_other_are_refused(tmp_path: Path, rows: list[BatchRow]) -> None:
    write_carried(tmp_path / "odd.csv", "pune-1", 5, 9, rows, None)
    with pytest.raises(NotOurs, match="do not follow each other"):
        read_carried(tmp_path / "odd.csv")


def test_a_file_is_never_written_over_and_one_that_breaks_off_leaves_none(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(OutputRefused, match="is there already"):
        write_carried(path, "pune-1", 901, 2_001, [], None)
    assert path.read_bytes() == before

    def breaks() -> list[BatchRow]:
        raise ValueError("the store went")

    other = path.with_name("other.csv")
    with pytest.raises(ValueError, match="the store went"):
        write_carried(other, "pune-1", 1, 9, (row for _ in [0] for row in breaks()), None)
    assert [*path.parent.iterdir()] == [path]
