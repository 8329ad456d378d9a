"""Official turnout from a CSV file, and the expected progress of a polling day."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.errors import RollError
from dialer.hq.expected import COLUMNS, compute_expected_turnout_progress, read_official_turnout
from dialer.settings.headquarters import ExpectedProgress

INDIA = ZoneInfo("Asia/Kolkata")
HEAD = ",".join(COLUMNS)


def write_csv(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "official.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def test_official_turnout_of_constituencies_and_booths_is_read_with_its_time(tmp_path: Path) -> None:
    path = write_csv(tmp_path, HEAD, "S13,209,,2026-04-22 11:00,300000,31.5", "S13,209,118,2026-04-22T05:30:00Z,900,40")
    constituency, booth = read_official_turnout(path, INDIA)
    assert (constituency.part_number, constituency.share, constituency.electors) == (0, 0.315, 300_000)
    assert (booth.part_number, booth.at, booth.share) == (118, constituency.at, 0.4)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], r"the column state_code is missing: the first line must be state_code,"),
        ([HEAD], r"the file must have 1 to 2,000,000 turnout figures \(has 0\)"),
        ([HEAD.replace(",electors", "")], r"the column electors is missing"),
        (
            [HEAD, "S13,209,,2026-04-22 11:00,300000,131.5"],
            r"official.csv:2: the row is not a turnout figure: .* 0 to 100",
        ),
        ([HEAD, "S13,209,,yesterday,300000,31"], r"official.csv:2: the row is not a turnout figure"),
        ([HEAD, "S13,Kothrud,,2026-04-22,300000,31"], r"official.csv:2: the row is not a turnout figure"),
        ([HEAD, "S13,209"], r"official.csv:2: the row is not a turnout figure"),
        ([HEAD, ",209,,2026-04-22,300000,31"], r"give a state, numbers from 0"),
        ([HEAD, "S13,-1,,2026-04-22,300000,nan"], r"official.csv:2: the row is not a turnout figure"),
    ],
)
def test_faulty_line_of_official_turnout_is_reported_with_its_number(
    tmp_path: Path, lines: list[str], problem: str
) -> None:
    with pytest.raises(RollError, match=problem):
        read_official_turnout(write_csv(tmp_path, *lines), INDIA)


def test_missing_file_of_official_turnout_gives_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(RollError, match="cannot be read as CSV"):
        read_official_turnout(tmp_path / "nowhere.csv", INDIA)


CURVE = [
    ExpectedProgress(at="07:00", contacted=0.0, voted=0.0),
    ExpectedProgress(at="09:00", contacted=0.2, voted=0.1),
    ExpectedProgress(at="18:00", contacted=0.8, voted=0.6),
]


@pytest.mark.parametrize(
    ("hour", "contacted", "voted"),
    [(6, 0.0, 0.0), (8, 0.1, 0.05), (23, 0.8, 0.6)],
    ids=["before the first time", "between two times", "after the last time"],
)
def test_expected_turnout_is_interpolated_between_the_points_of_the_turnout_curve(
    hour: float, contacted: float, voted: float
) -> None:
    assert compute_expected_turnout_progress(CURVE, hour * 60) == pytest.approx(
        {"contacted": contacted, "voted": voted}
    )


def test_expected_turnout_is_not_computed_without_a_turnout_curve() -> None:
    assert compute_expected_turnout_progress([], 480) is None
