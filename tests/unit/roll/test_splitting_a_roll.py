"""config/split_roll.py splits a roll without separating voters who share a number."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

from dialer.roll.phone_numbers import read_phone_numbers_in_cell
from dialer.roll.sample import write_sample_roll

ROOT = Path(__file__).parents[3]


def test_shipped_script_splits_an_electoral_roll_without_separating_households(tmp_path: Path) -> None:
    roll = tmp_path / "roll.csv"
    write_sample_roll(roll, 6_000, 3, states=("S24",), messy=0.3)
    command = [sys.executable, str(ROOT / "config/split_roll.py"), roll.name, "3"]
    made = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)}
    )
    assert made.returncode == 0, made.stderr

    def rows(path: Path) -> list[dict[str, str]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [*csv.DictReader(file)]

    cells = [rows(path) for path in sorted(tmp_path.glob("roll.csv.cell-*.csv"))]
    numbers = [
        {number for row in cell for number in read_phone_numbers_in_cell(row["MOBILE"]).numbers} for cell in cells
    ]
    assert [len(each) > 300 for each in numbers] == [True] * 3
    assert not (numbers[0] & numbers[1] or numbers[0] & numbers[2] or numbers[1] & numbers[2])
    assert sorted(map(str, rows(roll))) == sorted(str(row) for cell in cells for row in cell)
    assert any(len(read_phone_numbers_in_cell(row["MOBILE"]).numbers) > 1 for row in cells[0])
