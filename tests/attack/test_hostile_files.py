"""Hostile files are refused in one line, within limits of memory and time.

Every refusal is a MatdanError of at most `MAX_CHARACTERS` characters. The reading process uses at most 250 MB; the process that
unpacks a workbook stays within the limit for the file's size.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from dialer.audio.catalogue import read_catalogue
from dialer.cli.audio import _read_prompt_names_from_file
from dialer.domain.errors import RollError
from dialer.errors import MatdanError
from dialer.flows.catalogue import load_flow
from dialer.flows.texts import read_texts
from dialer.process.pool import MAX_MEMORY, run_jobs_in_processes
from dialer.roll import reading, workbook_reader
from dialer.roll.importer import prepare_roll_import
from dialer.roll.mapping import load_column_map
from dialer.roll.number_lists import read_list_of_phone_numbers
from dialer.roll.reading import compute_workbook_limits, open_roll
from dialer.settings.jurisdiction import load_profile
from dialer.settings.site import load_settings
from tests.support.workbooks import cell, row, write_workbook

MAX_CHARACTERS = 700
MEGABYTE = 1024 * 1024

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "settings": ("centre.toml", load_settings),
    "map": ("map.toml", load_column_map),
    "profile": ("profile.toml", lambda path: load_profile(str(path))),
    "catalogue": ("hi.toml", lambda path: read_catalogue(path.parent)),
    "flow": ("flow.yaml", lambda path: load_flow(str(path))),
    "texts": ("hi.yaml", lambda path: read_texts(path.parent)),
    "numbers": ("numbers.csv", lambda path: read_list_of_phone_numbers(path, "IN")),
    "names": ("names.txt", _read_prompt_names_from_file),
    "roll": ("roll.csv", prepare_roll_import),
}
PIPE_READERS = {"settings", "map", "numbers", "names"}

TEXTS = {
    "deep": b"a = " + b"[" * 100_000,
    "deep-tables": b"a = " + b"{a = " * 100_000,
    "long-key": b".".join([b"a"] * 100_000) + b" = 1",
    "long-table": b"[" + b".".join([b'"a"'] * 100_000) + b"]",
    "digits": b"a = " + b"7" * 6_000,
    "nul": b"a = 1\0\nb = 2\n",
    "one-line": b"[" + b"x" * 3_000_000,
    "aliases": b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (n + 1, n + 1, n, n) for n in range(97, 121)),
    "deep-yaml": b"a: " + b"[" * 100_000,
    "indented": b"".join(b" " * depth + b"a:\n" for depth in range(500)),
    "not-utf8": b"a = \xff\xfe\xfd",
    "lone-quote": b'"' * 200_000,
}


def read_refusal(read: Callable[[Path], Any], path: Path) -> str:
    """Read a file that must be refused. Return the error, checked to be one short line."""
    with pytest.raises(MatdanError) as refused:
        read(path)
    line = str(refused.value)
    assert line.isprintable(), line
    assert len(line) <= MAX_CHARACTERS, line
    return line


@pytest.mark.parametrize("attack", TEXTS)
@pytest.mark.parametrize("kind", sorted(READERS.keys() - {"names"}))
def test_hostile_text_file_is_refused_with_a_one_line_error(tmp_path: Path, kind: str, attack: str) -> None:
    name, read = READERS[kind]
    path = tmp_path / name
    path.write_bytes(TEXTS[attack])
    assert name in read_refusal(read, path)


@pytest.mark.parametrize(
    ("attack", "expected"), [("deep", "nested too deep"), ("digits", "too many digits"), ("long-key", "64 parts")]
)
def test_error_about_a_hostile_file_names_the_fault_in_the_file(tmp_path: Path, attack: str, expected: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_bytes(TEXTS[attack])
    assert expected in read_refusal(load_settings, path)


@pytest.mark.parametrize("kind", READERS)
def test_input_file_that_is_an_endless_device_is_refused(tmp_path: Path, kind: str) -> None:
    name, read = READERS[kind]
    (tmp_path / name).symlink_to("/dev/zero")
    line = read_refusal(read, tmp_path / name)
    assert any(expected in line for expected in ("not a regular file", "lead to a file", "no flow has this name")), line


@pytest.mark.parametrize("kind", sorted(READERS.keys() - PIPE_READERS))
def test_named_pipe_without_a_writer_is_refused_without_waiting(tmp_path: Path, kind: str) -> None:
    name, read = READERS[kind]
    os.mkfifo(tmp_path / name)
    line = read_refusal(read, tmp_path / name)
    assert any(expected in line for expected in ("not a regular file", "no flow has this name")), line


@contextmanager
def open_endless_pipe(piece: bytes) -> Iterator[Path]:
    """Yield the path of a pipe into which `piece` is written until the reader closes it."""
    end, start = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError):
            while True:
                os.write(start, piece * (65_536 // len(piece)))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield Path(f"/dev/fd/{end}")
    finally:
        os.close(end)
        writer.join()
        os.close(start)


@pytest.mark.parametrize("piece", [b"\0", b"x", b"y\n", b"a = 1\n", b"[", b"[[a]]\n"], ids=repr)
@pytest.mark.parametrize("kind", sorted(PIPE_READERS - {"names"}))
def test_named_pipe_with_endless_data_is_refused(kind: str, piece: bytes) -> None:
    with open_endless_pipe(piece) as path:
        assert read_refusal(READERS[kind][1], path)


ROLLS = {
    "wide-heading": b",".join([b"PART_NO"] * 200_000),
    "wide-row": b"AC_NO,PART_NO,SLNOINPART\n" + b"1,2,3\n" * 500 + b"," * 200_000,
    "no-line-end": b"AC_NO,PART_NO,SLNOINPART\n1,2," + b"3" * 2_000_000,
    "open-quote": b'AC_NO,PART_NO,SLNOINPART\n1,2,"' + b"3\n" * 2_000_000,
    "utf-16": ("AC_NO,PART_NO,SLNOINPART\n1,2," + "३" * 1_000_000).encode("utf-16"),
}


@pytest.mark.parametrize("attack", ROLLS)
def test_electoral_roll_with_an_invalid_row_is_refused_with_a_one_line_error(tmp_path: Path, attack: str) -> None:
    path = tmp_path / "roll.csv"
    path.write_bytes(ROLLS[attack])

    def read(path: Path) -> None:
        for _ in prepare_roll_import(path).roll.read_row_batches(1):
            pass

    assert "roll.csv" in read_refusal(read, path)


WORKBOOKS: dict[str, tuple[str, str, str]] = {
    # rows, shared strings, expected text of the error
    "far-corner": (row(1, cell("A1")) + row(1_048_576, cell("XFD1048576")), "", "MB of memory"),
    "long-string": (
        "".join(row(n, f'<c r="A{n}" t="s"><v>0</v></c>') for n in range(1, 20_001)),
        f"<si><t>{'x' * 100_000}</t></si>",
        "MB of memory",
    ),
    "columns": (row(1, "<c><v>1</v></c>" * 200_000), "", "200,000 columns"),
    "stray-column": (row(1, cell("A1") + cell("XFD1")), "", "16,384 columns"),
    "beyond-the-sheet": (
        row(4_294_967_295, cell("ZZZZZZ4294967295")) + row(1, cell("A1")),
        "",
        "save the workbook again",
    ),
    "no-place": (row(1, cell("") + cell("1")), "", "save the workbook again"),
    "no-such-string": (row(1, '<c r="A1" t="s"><v>99999999</v></c>'), "", "save the workbook again"),
    "long-cell": (row(1, '<c r="A1" t="s"><v>0</v></c>'), f"<si><t>{'x' * 140_000}</t></si>", "131,072 characters"),
}


@pytest.mark.parametrize("attack", WORKBOOKS)
def test_hostile_workbook_is_refused_with_a_one_line_error(tmp_path: Path, attack: str) -> None:
    rows, strings, expected = WORKBOOKS[attack]
    path = write_workbook(tmp_path / "roll.xlsx", rows, strings)
    assert expected in read_refusal(prepare_roll_import, path)


def test_slow_or_killed_workbook_reader_gives_a_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roll.xlsx"
    workbook = openpyxl.Workbook()
    for number in range(9_000):
        workbook.active.append(["1", "2", number])
    workbook.save(path)
    for status, expected in (
        (signal.SIGXCPU, "cannot be unpacked within"),
        (signal.SIGKILL, "killed"),
        (signal.SIGSEGV, "damaged"),
    ):
        roll = open_roll(path)
        assert isinstance(roll, reading.WorkbookRoll)
        with pytest.raises(RollError, match=expected):
            for _ in roll.read_row_batches(0, 10):
                roll._reader.send_signal(status)
                roll._reader.wait()
    monkeypatch.setattr(reading, "compute_workbook_limits", lambda _size: (0, 512 * MEGABYTE))
    assert "cannot be unpacked within 0 s" in read_refusal(open_roll, path)


def test_workbook_reader_returns_the_same_rows_for_any_batch_size(tmp_path: Path) -> None:
    path = tmp_path / "roll.xlsx"
    workbook = openpyxl.Workbook()
    for number in range(95):
        workbook.active.append([number])
    workbook.save(path)
    roll = open_roll(path)
    batches = roll.read_row_batches(0, 7)
    assert [len(next(batches).rows), len(next(batches).rows)] == [7, 7]  # stopped early, with an unread batch
    assert roll.read_first_rows() == [[str(number)] for number in range(25)]
    assert [row[0] for batch in roll.read_row_batches(1, 10) for row in batch.rows] == [
        str(number) for number in range(1, 95)
    ]
    assert [batch.first_row for batch in roll.read_row_batches(1, 40)] == [2, 42, 82]
    assert [row[0] for row in next(batches).rows] == [str(number) for number in range(14, 21)]


def test_memory_limit_of_the_workbook_reader_grows_with_the_file_size() -> None:
    seconds, memory = compute_workbook_limits(
        47 * MEGABYTE
    )  # 1,048,000 rows of 20 columns: measured at 2.5 GB and 21 s
    assert (seconds, memory) > (200, 3_500 * MEGABYTE) or memory >= _compute_three_quarters_of_memory()
    assert compute_workbook_limits(1_000)[1] <= 520 * MEGABYTE
    assert compute_workbook_limits(2 * MEGABYTE)[1] <= 800 * MEGABYTE
    assert compute_workbook_limits(100 * 1024 * MEGABYTE)[1] <= 6 * 1024 * MEGABYTE


def _compute_three_quarters_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4


_MEASURED = """
import resource, sys
from pathlib import Path
from dialer.errors import MatdanError
from dialer.roll.importer import prepare_roll_import
from dialer.roll.number_lists import read_list_of_phone_numbers
from dialer.settings.site import load_settings
def all_rows(path):
    for _ in prepare_roll_import(path).roll.read_row_batches(1):
        pass
for path in map(Path, sys.argv[1:]):
    for read in (all_rows, load_settings, lambda path: read_list_of_phone_numbers(path, "IN")):
        try:
            read(path)
        except MatdanError:
            continue
        sys.exit(f"{path} was accepted")
# `ru_maxrss` includes the memory of the forking parent, so the kernel's high-water mark is read instead.
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(own // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def test_reading_a_hostile_file_uses_little_memory(tmp_path: Path) -> None:
    paths = [write_workbook(tmp_path / f"{name}.xlsx", *WORKBOOKS[name][:2]) for name in ("far-corner", "long-string")]
    for name, content in {**ROLLS, "zeros": bytes(30 * MEGABYTE)}.items():
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *map(str, [*paths, Path("/dev/zero")])],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2048 * MEGABYTE, 2048 * MEGABYTE)),
    )
    assert done.returncode == 0, done.stderr
    own, unpacking = map(int, done.stdout.split())
    assert own < 250, f"{own} MB in the reading process"
    assert unpacking <= compute_workbook_limits(max(path.stat().st_size for path in paths[:2]))[1] // MEGABYTE, (
        f"{unpacking} MB"
    )


_LOADED = """
import runpy, sys
runpy.run_path(sys.argv[1])
print(*(name for name in sys.modules if name.split(".")[0] in {"dialer", "config", "audio", "ivr_flows"}))
"""


def test_workbook_reader_imports_no_module_of_the_dialler() -> None:
    command = [sys.executable, "-I", "-c", _LOADED, workbook_reader.__file__]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == ""


def allocate_memory(size_bytes: int) -> int:
    """Allocate memory as decoding a recording does. Return its size."""
    return len(bytearray(size_bytes))


def test_recording_that_exceeds_the_memory_limit_fails_and_other_recordings_succeed() -> None:
    sizes = [1000, MAX_MEMORY + MEGABYTE, 2000]
    assert sorted(run_jobs_in_processes(allocate_memory, sizes, 1)) == [
        (1000, 1000),
        (2000, 2000),
        (MAX_MEMORY + MEGABYTE, None),
    ]
