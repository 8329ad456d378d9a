"""The authority's figures from a CSV: all rows, or one line that says which is none."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.errors import RollError
from dialer.hq.expected import COLUMNS, read_official

INDIA = ZoneInfo("Asia/Kolkata")
HEAD = ",".join(COLUMNS)


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "official.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def test_constituencies_and_booths_are_read_with_their_time(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD, "S13,209,,2026-04-22 11:00,300000,31.5", "S13,209,118,2026-04-22T05:30:00Z,900,40")
    whole, booth = read_official(path, INDIA)
    assert (whole.part_number, whole.share, whole.electors) == (0, 0.315, 300_000)
    assert (booth.part_number, booth.at, booth.share) == (118, whole.at, 0.4)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], r"lacks the column state_code: its first line is state_code,"),
        ([HEAD], r"has 0 rows"),
        ([HEAD.replace(",electors", "")], r"lacks the column electors"),
        ([HEAD, "S13,209,,2026-04-22 11:00,300000,131.5"], r"official.csv:2: is no figure of the turnout: .* 0 to 100"),
        ([HEAD, "S13,209,,yesterday,300000,31"], r"official.csv:2: is no figure of the turnout"),
        ([HEAD, "S13,Kothrud,,2026-04-22,300000,31"], r"official.csv:2: is no figure of the turnout"),
        ([HEAD, "S13,209"], r"official.csv:2: is no figure of the turnout"),
        ([HEAD, ",209,,2026-04-22,300000,31"], r"a state, numbers from 0"),
        ([HEAD, "S13,-1,,2026-04-22,300000,nan"], r"official.csv:2: is no figure"),
    ],
)
def test_what_is_no_figure_is_one_line_that_says_where(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises(RollError, match=problem):
        read_official(written(tmp_path, *lines), INDIA)


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RollError, match="cannot be read as CSV"):
        read_official(tmp_path / "nowhere.csv", INDIA)
