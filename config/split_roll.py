"""Split an electoral roll into cells, one for each of several centres. Voters who share a phone number are in the same
cell.

Run this script once per campaign, before `dialer import`: `python split_roll.py ROLL.csv 3`. It writes
ROLL.csv.cell-1.csv and so on.
"""

import csv
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from dialer.roll.phone_numbers import read_phone_numbers_in_cell

COLUMNS = ["MOBILE"]
"""All columns that the import reads phone numbers from."""


def read_roll_rows(roll: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yield each row of the electoral roll with the phone numbers that it contains."""
    with roll.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield row, [number for column in COLUMNS for number in read_phone_numbers_in_cell(row[column]).numbers]


def find_household_of_number(number: str, joined: dict[str, str]) -> str:
    """Return the phone number that identifies the household of `number`.

    In `joined`, each number of a household is linked to another one, and the identifying number to itself. A number
    that is not in `joined` is added as a household of its own.
    """
    while joined.setdefault(number, number) != number:
        number = joined[number]
    return number


def split_roll(roll: Path, cells: int) -> None:
    """Write each row of the electoral roll to the file of one cell, the part of the roll that one centre calls.

    Rows without a phone number go to the first cell.
    """
    joined: dict[str, str] = {}
    for _, numbers in read_roll_rows(roll):
        for number in numbers[1:]:
            one, other = sorted(
                (find_household_of_number(numbers[0], joined), find_household_of_number(number, joined))
            )
            joined[other] = one
    with ExitStack() as files:
        writers: list[csv.DictWriter[str]] = []
        for row, numbers in read_roll_rows(roll):
            if not writers:
                for cell in range(1, cells + 1):
                    file = roll.with_name(f"{roll.name}.cell-{cell}.csv").open("w", encoding="utf-8", newline="")
                    writers.append(csv.DictWriter(files.enter_context(file), list(row)))
                    writers[-1].writeheader()
            cell = int(find_household_of_number(numbers[0], joined)[-6:]) % cells if numbers else 0
            writers[cell].writerow(row)


if __name__ == "__main__":
    split_roll(Path(sys.argv[1]), int(sys.argv[2]))
