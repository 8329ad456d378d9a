"""Commands refuse invalid input in one line that names the problem, before they change anything."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli import main as cli
from dialer.deploy.asterisk.lint import lint_files_in_directory
from dialer.domain.errors import OutputRefused, RollError, StoreError
from dialer.domain.output import refuse_unwritable_path, write_file
from dialer.errors import AsteriskFilesError
from dialer.flows.catalogue import load_flow
from dialer.flows.errors import FlowError
from dialer.flows.texts import read_texts
from dialer.reports.picture_file import CannotPlot, check_picture_path
from dialer.roll.rejects import RejectsFile
from dialer.store import connection
from dialer.store.connection import open_store_snapshot
from tests.support.command_line import run_for_error
from tests.support.paths import ROOT
from tests.support.roll_support import write_roll
from tests.support.stored import list_names, query_store

TOO_LONG = "x" * 300  # a name that no file system accepts, not even from root


@pytest.fixture
def roll(tmp_path: Path) -> Path:
    return write_roll(tmp_path / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "")])


# Output files


@pytest.mark.parametrize("path", ["folder", "roll.csv/x.csv", "none/x.csv", TOO_LONG, os.devnull])
def test_command_refuses_an_unwritable_output_path_before_doing_anything(tmp_path: Path, roll: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    before = list_names(tmp_path)
    with pytest.raises(OutputRefused, match=r"^--report: .*; name a"):
        refuse_unwritable_path(tmp_path / path, "--report")
    with pytest.raises(OutputRefused, match=r"^--report: .*; name a"):
        write_file(tmp_path / path, b"x", "--report")
    assert list_names(tmp_path) == before
    assert not Path(os.devnull).is_file()


def test_failed_write_of_an_output_file_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_system_error(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", raise_system_error)
    with pytest.raises(OutputRefused, match="No space left"):
        write_file(tmp_path / "calls.csv", b"x")
    assert list_names(tmp_path) == []


@pytest.mark.parametrize("dry", [False, True])
def test_electoral_roll_import_with_an_unwritable_rejects_path_does_not_change_the_store(
    tmp_path: Path, roll: Path, *, dry: bool
) -> None:
    (tmp_path / "folder").mkdir()
    more = ["--dry-run"] if dry else []
    for place in ("folder", "roll.csv/rejects.csv"):
        code, printed = run_for_error(
            "import", roll, "--store", tmp_path / "new.db", "--rejects", tmp_path / place, *more
        )
        assert (code, printed.startswith("--rejects: "), "\n" in printed) == (2, True, False)
    assert list_names(tmp_path) == ["folder", "roll.csv"]
    assert list_names(tmp_path / "folder") == []


def test_rejects_file_error_after_an_import_says_that_the_roll_was_imported(tmp_path: Path) -> None:
    sink = RejectsFile(tmp_path / "rejects.csv", ["a"], frozenset())
    sink.close_rejects_file()
    (tmp_path / "rejects.csv").mkdir()
    with pytest.raises(RollError, match=r"the roll was imported, but .* find it at .*rejects.csv.part"):
        sink.move_rejects_file_to_final_path()


def test_marks_import_command_with_an_unwritable_rejects_path_stores_nothing(store: Path) -> None:
    path = store.parent / "list.csv"
    path.write_text("AC No,Part No,Serial\n174,1,1\n", encoding="utf-8")
    code, printed = run_for_error("marks", "import", path, "--store", store, "--who", "ops", "--rejects", store.parent)
    assert (code, printed.startswith("--rejects: "), "--out" in printed) == (2, True, False)
    assert query_store(store, "SELECT count(*) FROM mark") == [(0,)]


def test_failed_export_of_a_voter_list_leaves_no_audit_entry(store: Path) -> None:
    (store.parent / "x.pdf").mkdir()
    code, printed = run_for_error(
        "list", "strike-off", "--for", "asha", "--store", store, "--out", store.parent / "x.pdf"
    )
    assert (code, printed.startswith("--out: ")) == (2, True)
    assert query_store(store, "SELECT count(*) FROM audit WHERE kind <> 'seal'") == [(0,)]


def test_voter_list_without_a_recipient_is_refused(store: Path) -> None:
    code, printed = run_for_error("list", "not-yet", "--for", "  ", "--store", store, "--out", store.parent / "x.pdf")
    assert (code, printed) == (2, "--for is empty: give the name of the recipient")


@pytest.mark.parametrize(("option", "value"), [("--report", "."), ("--dir", "roll.csv"), ("--dir", "roll.csv/x")])
def test_demo_command_refuses_invalid_paths_before_its_simulation_starts(
    tmp_path: Path, roll: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "dialer.cli.logs.configure_quiet_logging", lambda: None
    )  # it would log to the runner's output after that is closed
    code, printed = run_for_error("demo", "--for", "5", "--headless", option, value)
    assert (code, printed.startswith(f"{option}: ") and value in printed, "\n" in printed) == (2, True, False)
    assert list_names(tmp_path) == ["roll.csv"]


# Unreadable paths


def test_unreadable_store_path_gives_a_one_line_error_in_every_command(tmp_path: Path) -> None:
    path = tmp_path / f"{TOO_LONG}.db"
    roll = write_roll(tmp_path / "roll.csv", [("1", "1", "1", "M", "30", "F", "")])
    commands: list[list[str | Path]] = [
        ["report", "calls"],
        ["rules", "check"],
        ["rehearse", "-c", ROOT / "config" / "demo.toml"],
        ["simulate", "--day", "2026-04-22", "--replay", path],
        ["import", roll, "--dry-run"],
    ]
    for command in commands:
        more: list[str | Path] = [] if command[0] == "simulate" else ["--store", path]
        code, printed = run_for_error(*command, *more)
        assert (code, "cannot be read (File name too long)" in printed) == (2, True)


def test_unreadable_paths_of_flows_texts_and_pictures_give_one_line_errors(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"cannot be read .File name too long"):
        load_flow(str(tmp_path / f"{TOO_LONG}.yaml"))
    for directory, says in ((tmp_path / TOO_LONG, "cannot be read"), (Path(__file__), "is not a directory")):
        with pytest.raises(FlowError, match=says):
            read_texts(directory)
    with pytest.raises(AsteriskFilesError, match=r"cannot be read .File name too long"):
        lint_files_in_directory(tmp_path / TOO_LONG)
    with pytest.raises(CannotPlot, match="cannot be written"):
        check_picture_path(tmp_path / TOO_LONG / "x.png")


def test_unreadable_folder_is_reported_as_an_error_instead_of_read_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_access(path: Path) -> Iterator[Path]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse_access)
    with pytest.raises(FlowError, match="Permission denied"):
        read_texts(tmp_path)
    with pytest.raises(AsteriskFilesError, match="Permission denied"):
        lint_files_in_directory(tmp_path)


async def test_store_in_a_read_only_folder_reports_missing_permissions(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_access(*_: object) -> sqlite3.Connection:
        error = sqlite3.OperationalError("attempt to write a readonly database")
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY_DIRECTORY
        raise error

    monkeypatch.setattr(connection, "connect_to_database_file", refuse_access)
    with (
        pytest.raises(StoreError, match="write permission on the file and its folder"),
        open_store_snapshot(store, None),
    ):
        pass


# Unexpected errors


def run_main_with_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    def raise_system_error(*, standalone_mode: bool) -> None:
        raise error

    monkeypatch.setattr(cli, "app", raise_system_error)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


DENIED = PermissionError(errno.EACCES, "Permission denied", "/srv/matdan/hi.yaml")
NAMED = "dialer: /srv/matdan/hi.yaml cannot be accessed (Permission denied): give this user permission, or choose another path\n"


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (DENIED, NAMED),
        (ExceptionGroup("tasks", [ExceptionGroup("tasks", [DENIED])]), NAMED),
        (
            NotADirectoryError(errno.ENOTDIR, "Not a directory", b"/a/b"),
            "dialer: /a/b cannot be accessed (Not a directory): check the path ",
        ),
        (OSError("odd\nend"), "dialer: the operating system reported an error (odd end): run the command again\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), ""),
    ],
)
def test_unexpected_system_error_in_a_command_prints_one_line_and_exits_1(
    error: Exception, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = run_main_with_error(error, monkeypatch, capsys)
    assert (code, message.startswith(printed), message.count("\n")) == (1, True, 1 if printed else 0)


def test_programming_error_in_a_command_prints_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExceptionGroup):
        run_main_with_error(ExceptionGroup("tasks", [DENIED, KeyError("x")]), monkeypatch, capsys)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["report", "turnout", "-f", "csv", "--store", "centre.db"], ["flow", "list"]])
def test_unwritable_standard_output_gives_a_one_line_error(store: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-c", "from dialer.cli.main import main; main()", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, cwd=store.parent, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    printed = (
        "dialer: standard output cannot be accessed (No space left on device):"
        " free some disk space, then run the command again\n"
    )
    assert (ended.returncode, ended.stderr) == (1, printed)


def test_command_whose_output_pipe_is_closed_prints_no_error(store: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from dialer.cli.main import main; main()", "flow", "list"]
    ended = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (
            "audio approve --by me --certificate 1 --valid-until foo hi/turnout/question",
            "--valid-until: 'foo' is not a date such as 2026-",
        ),
        ("complaint add --about foo --channel letter", "--about: 'foo' is not one of 'too-often', "),
        ("marks import --source voter x.csv", "--source: 'voter' is not one of 'booth-worker', "),
        ("complaint answer foo --done explained", "COMPLAINT: must be a whole number (see"),
    ],
)
def test_invalid_option_value_is_reported_in_one_plain_line(
    command: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dialer", *command.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    message = capsys.readouterr().err
    assert (ended.value.code, message.count("\n")) == (2, 1)
    assert message.startswith(f"dialer: {printed}"), message


# Empty files


def test_voter_weights_error_does_not_call_the_file_a_roll(tmp_path: Path, store: Path) -> None:
    for content, printed in (
        (b"", "is empty; export the file again, or name another file"),
        (bytes(range(32)) * 9, "CSV or XLSX file"),
    ):
        path = tmp_path / "weights.csv"
        path.write_bytes(content)
        code, message = run_for_error("weights", path, "--store", store)
        assert (code, printed in message, "the roll" in message) == (2, True, False), message


def test_oversized_cell_of_an_electoral_roll_is_reported_with_the_row_number(tmp_path: Path) -> None:
    roll = write_roll(
        tmp_path / "roll.csv", [("1", "1", "1", "Mira", "30", "F", ""), ("1", "1", "2", "M" * 300_000, "30", "F", "")]
    )
    code, message = run_for_error("import", roll, "--store", tmp_path / "new.db")
    assert code == 2
    assert "row 3 cannot be read as CSV" in message
    assert "shorten its long cell" in message


def test_electoral_roll_with_only_a_header_creates_no_store(tmp_path: Path) -> None:
    roll = write_roll(tmp_path / "roll.csv", [("", " ", "", "", "", "", "")])
    code, printed = run_for_error("import", roll, "--store", tmp_path / "new.db")
    assert (code, printed) == (2, f"{roll} has a header but no voters; export the roll again")
    assert list_names(tmp_path) == ["roll.csv"]


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--json"]])
def test_electoral_roll_import_in_which_every_row_is_rejected_exits_1(tmp_path: Path, more: list[str]) -> None:
    roll = write_roll(tmp_path / "roll.csv", [("", "1", "1", "Mira", "30", "F", "")])
    code, printed = run_for_error("import", roll, "--store", tmp_path / "new.db", *more)
    assert code == 1
    assert f"dialer: {roll}: every row was rejected, no voter was imported; see the reasons " in printed
    code, printed = run_for_error(
        "import", write_roll(roll, [("1", "1", "1", "M", "3", "F", "")]), "--store", tmp_path / "new.db"
    )
    assert (code, printed) == (0, "")


def test_import_of_votes_from_a_list_with_only_a_header_exits_1(store: Path) -> None:
    path = store.parent / "list.csv"
    path.write_text("AC No,Part No,Serial\n", encoding="utf-8")
    code, printed = run_for_error("marks", "import", path, "--store", store, "--who", "ops")
    assert (code, printed.startswith(f"dialer: {path} has a header but no lines"), "\n" in printed) == (1, True, False)


def test_import_summary_prints_double_brackets_of_settings_tables(tmp_path: Path, roll: Path) -> None:
    result = CliRunner().invoke(cli.app, ["import", str(roll), "--store", str(tmp_path / "new.db"), "--json"])
    assert "set one in [[rules.polls]]" in " ".join(result.stderr.split())


def test_store_created_in_an_empty_file_is_readable_only_by_its_owner(tmp_path: Path, roll: Path) -> None:
    path = tmp_path / "new.db"
    path.touch()
    path.chmod(0o644)
    assert run_for_error("import", roll, "--store", path)[0] == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_empty_file_whose_permissions_cannot_be_changed_is_not_used_as_a_store(
    tmp_path: Path, roll: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_access(path: Path, _: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    path = tmp_path / "new.db"
    path.touch()
    monkeypatch.setattr(Path, "chmod", refuse_access)
    code, printed = run_for_error("import", roll, "--store", path)
    assert (code, "its permissions cannot be set (Operation not permitted). Remove the file" in printed) == (2, True)
    assert path.stat().st_size == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["report", "turnout", "--since", "x"], "'x' is not a date or time: write 2026-04-22 or 2026-04-22T09:00"),
        (["repot"], "No such command 'repot'. Did you mean 'report'?"),
        (["sample-roll", "--rows", "0", "--out", "x.csv"], "greater than or equal to 1"),
        (["demo", "--seats"], "'--seats' requires an argument"),
        (["demo", "--nonsense"], "No such option"),
    ],
)
def test_wrong_arguments_of_a_command_give_one_line_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["dialer", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert says.lower() in printed.err.lower()
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("dialer: ")
    assert not printed.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chekc"], "No such command 'chekc'. Did you mean 'check'?"),
        (["asterisk", "rander"], "No such command 'rander'. Did you mean 'render'?"),
        (["wobble"], "No such command 'wobble'. (see dialer --help)"),
    ],
)
def test_error_about_an_unknown_command_suggests_a_similar_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["dialer", *arguments])
    monkeypatch.setattr(
        sys.modules["__main__"], "__package__", None
    )  # otherwise click would use the name of `python -m pytest`
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert says in lines[0]


def test_interactive_command_without_input_aborts_with_a_one_line_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from dialer.cli.main import main; main()", "agent", "hash-pin"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.endswith("dialer: aborted; nothing was changed\n")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [[], ["report"]])
def test_command_group_without_a_subcommand_shows_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dialer", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert "Usage: " in printed.out
    assert not printed.err


def test_version_option_prints_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dialer", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("matdan ")
