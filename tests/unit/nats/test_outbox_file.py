"""Outbox files: read as they were written or refused, and split into batches as the uplink would send them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from dialer.domain import signing
from dialer.domain.errors import OutputRefused
from dialer.nats import messages, outbox_file
from dialer.nats.messages import BatchRow, InvalidMessage, OutboxBatch, SendingStore
from dialer.nats.outbox_file import read_outbox_file, write_outbox_file

ODD = '{"note": "=1+1, \\"so\\"\\nनमस्ते"}'
ROWS = [BatchRow(number, "results/marks", 1_713_764_000.1234567 + number, ODD) for number in range(902, 2_000, 2)]
OURS, THEIRS = bytes(SigningKey(b"o" * 32)), bytes(SigningKey(b"t" * 32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / outbox_file.build_outbox_file_name("pune-1", 901, 2_001)
    assert write_outbox_file(path, "pune-1", 901, 2_001, ROWS, OURS, SendingStore("5a" * 16)) == len(ROWS)
    return path


def test_file_of_results_returns_all_written_rows_in_batches_without_gaps(path: Path) -> None:
    file = read_outbox_file(path)
    batches = [*file.read_batches_of_outbox_file()]
    assert [row for batch in batches for row in batch.rows] == ROWS
    assert [(batch.first, batch.last) for batch in batches] == [(901, 1_900), (1_901, 2_001)]
    assert [messages.unpack_batch(messages.pack_batch(batch)) for batch in batches] == batches
    assert file.is_outbox_file_signed_with_key(signing.derive_public_key(OURS))
    assert not file.is_outbox_file_signed_with_key(signing.derive_public_key(THEIRS))


def test_file_of_results_opened_as_a_spreadsheet_shows_the_centre_and_all_rows(path: Path) -> None:
    rows = [*csv.reader(path.read_text(encoding="utf-8").splitlines())]
    assert rows[1:4] == [["centre", "pune-1"], ["first", "901"], ["last", "2001"]]
    assert rows[4:6] == [["store", "5a" * 16, "", "0"], ["id", "at", "topic", "payload"]]
    assert rows[6] == ["902", repr(ROWS[0].at), "results/marks", ODD]
    assert rows[-1][:2] == ["end", str(len(ROWS))]


def test_file_of_results_without_rows_and_signature_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    write_outbox_file(path, "pune-1", 5, 9, [], None)
    file = read_outbox_file(path)
    assert [*file.read_batches_of_outbox_file()] == [OutboxBatch("pune-1", messages.VERSION, 5, 9, ())]
    assert not file.is_outbox_file_signed_with_key(signing.derive_public_key(OURS))


def test_results_file_is_read_in_batches_within_the_message_limit(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    rows = [BatchRow(number, "results/marks", 1.0, "x" * 100_000) for number in range(1, 50)]
    write_outbox_file(path, "pune-1", 1, 49, rows, None)
    batches = [*read_outbox_file(path).read_batches_of_outbox_file()]
    assert len(batches) == 3
    assert [row for batch in batches for row in batch.rows] == rows


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data.replace(b"902,", b"903,", 1), "was changed"),
        (lambda data: data.replace(b"centre,pune-1", b"centre,pune-2"), "was changed"),
        (lambda data: data[:-200], "is not a complete file"),
        (lambda data: data[: len(data) // 2], "is not a complete file"),
        (lambda data: data.replace(b"\r\n", b"\n"), "is not a complete file"),
        (
            lambda data: data.replace(b"\r\nend,549,", b"\r\nend,548,"),
            "the file has 549 rows, but its last line says 548",
        ),
        (lambda data: b"", "is not a complete file"),
        (lambda data: b"id,at\r\n1,2\r\n", "is not a complete file"),
        (
            lambda data: data.replace(b"headquarters,2", b"headquarters,3"),
            "has version 3, .* then export the file again at the centre",
        ),
    ],
)
def test_error_about_a_changed_or_truncated_file_of_results_names_the_file(
    path: Path, change: Callable[[bytes], bytes], problem: str
) -> None:
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InvalidMessage, match=problem) as refused:
        read_outbox_file(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("change", [(b"902,", b"903,"), (b"\r\n1998,", b"\r\nend,")])
def test_file_of_results_changed_after_its_check_is_not_imported(path: Path, change: tuple[bytes, bytes]) -> None:
    file = read_outbox_file(path)
    path.write_bytes(path.read_bytes().replace(*change, 1))
    with pytest.raises(InvalidMessage, match="the file changed during the import"):
        [*file.read_batches_of_outbox_file()]


@pytest.mark.parametrize(
    "rows", [[BatchRow(10, "t", 1.0, "{}")], [BatchRow(7, "t", 1.0, "{}"), BatchRow(7, "t", 1.0, "{}")]]
)
def test_file_of_results_with_rows_out_of_order_is_refused(tmp_path: Path, rows: list[BatchRow]) -> None:
    write_outbox_file(tmp_path / "odd.csv", "pune-1", 5, 9, rows, None)
    with pytest.raises(InvalidMessage, match="the rows of the file are out of order"):
        read_outbox_file(tmp_path / "odd.csv")


def test_failed_write_of_a_file_of_results_leaves_no_file(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(OutputRefused, match="is the file of an earlier export"):
        write_outbox_file(path, "pune-1", 901, 2_001, [], None)
    assert path.read_bytes() == before

    def fail_to_read_rows() -> list[BatchRow]:
        raise ValueError("the store failed")

    other = path.with_name("other.csv")
    with pytest.raises(ValueError, match="the store failed"):
        write_outbox_file(other, "pune-1", 1, 9, (row for _ in [0] for row in fail_to_read_rows()), None)
    assert [*path.parent.iterdir()] == [path]
