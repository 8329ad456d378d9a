#!/usr/bin/env python3
"""A survey with a database query: does the voter know the way to the polling station?

This is an example of an AGI script (docs/how-to/agi-scripts.md). Copy it, and put the SQLite database `polling_station.db` next
to it:

    CREATE TABLE directions (part INTEGER PRIMARY KEY, sound TEXT NOT NULL);

`part` is the number of the voter's part of the roll. `sound` is a recording with directions to its polling station, below
Asterisk's sounds directory and without extension. The script also needs the sounds survey/know-the-way ("Do you know
where your polling station is? For yes press 1, for no press 2. If we should not call you again press 9."),
survey/thanks and survey/ask-us.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from asterisk.agi import AGI

DATABASE = Path(__file__).with_suffix(".db")
TRIES = 3
KEY_MILLISECONDS = 5000


def main() -> None:
    """Run the survey. When the voter hangs up, pyst2 raises AGIHangup, which ends the script with the outcome `left`."""
    agi = AGI()
    # Queried before the question, so that the voter does not have to wait.
    way = find_directions(agi.get_variable("MATDAN_FACT_booth_part"))
    for _ in range(TRIES):
        key = agi.get_data("survey/know-the-way", KEY_MILLISECONDS, 1)
        if key == "1":
            store_result(agi, "MATDAN_ANSWER_knows_the_way", "yes")
            agi.stream_file("survey/thanks")
            return
        if key == "2":
            store_result(agi, "MATDAN_ANSWER_knows_the_way", "no")
            agi.stream_file(way or "survey/ask-us")
            return
        if key == "9" and store_result(agi, "MATDAN_OPT_OUT", "number"):
            agi.stream_file("survey/thanks")
            return


def find_directions(part: str) -> str | None:
    """Return the sound with directions to the polling station of a part of the electoral roll, or None if the database
    has none.
    """
    with contextlib.closing(sqlite3.connect(f"{DATABASE.as_uri()}?mode=ro", uri=True)) as database:
        row = database.execute("SELECT sound FROM directions WHERE part = ?", (part,)).fetchone()
    return None if row is None else str(row[0])


def store_result(agi: AGI, name: str, value: str) -> bool:
    """Store a result of this call. Return whether it is on disk."""
    return bool(agi.execute("SET VARIABLE", name, value)["result"][0] == "1")


if __name__ == "__main__":
    main()
