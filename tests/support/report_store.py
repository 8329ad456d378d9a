"""A store whose figures are known by hand, and its reports."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer.domain.enums import TurnoutBy
from dialer.reports import polling_day
from dialer.reports.formats import Report
from dialer.reports.tables import Window
from dialer.store.connection import open_store_snapshot
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll

INDIA = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 4, 22, 12, 0, tzinfo=INDIA).timestamp()
HOUR = 3600.0


class HandFilled:
    """A store's file, filled by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fill_roll(path, 60, voters_per_booth=20)
        self.db = sqlite3.connect(path, isolation_level=None)
        for campaign, kind in (("agents", "agents"), ("ivr", "ivr")):
            self.db.execute(
                "INSERT INTO campaign (campaign_id, kind, purpose) VALUES (?, ?, 'turnout')", (campaign, kind)
            )
        self._made = 0

    def attempt(self, phone: int = 1, at: float = NOON, *, campaign: str = "agents", **fields: Any) -> str:
        """Add an attempt to a number of the roll and return its ID; by default it ends unanswered after 30 s."""
        self._made += 1
        attempt_id = f"attempt-{self._made}"
        (voter,) = self.db.execute("SELECT min(voter_id) FROM link WHERE phone_id = ?", (phone,)).fetchone()
        row = {
            "attempt_id": attempt_id,
            "campaign_id": campaign,
            "phone_id": phone,
            "voter_id": voter,
            "attempt_number": self._made,
            "trunk": "carrier",
            "caller_id": "+911140000001",
            "created_at": at,
            "ended_at": at + 30,
            "outcome": "no-answer",
            **fields,
        }
        self.insert("attempt", row)
        return attempt_id

    def answered(self, phone: int = 1, at: float = NOON, *, talk: float = 40.0, **fields: Any) -> str:
        """Add a call answered after 10 s, connected, and ended after `talk` seconds; return its ID."""
        times = {"answered_at": at + 10, "connected_at": at + 11, "ended_at": at + 10 + talk}
        return self.attempt(phone, at, **{**times, "outcome": "connected", "seat": "01", "agent": "a1", **fields})

    def mark(self, voter: int, kind: str, at: float, *, source: str = "agent", **fields: Any) -> None:
        self._made += 1
        row = {
            "key": f"k{self._made}",
            "voter_id": voter,
            "kind": kind,
            "source": source,
            "at": at,
            **fields,
        }
        self.insert("mark", row)
        turnout = {"voted": "voted", "will-not": "closed"}.get(kind, "pending")
        self.db.execute(
            "UPDATE voter SET reached = 1, turnout = ?, not_yet = ? WHERE voter_id = ?",
            (turnout, kind in {"not-yet", "later"}, voter),
        )

    def opt_out(self, phone: int, at: float, attempt_id: str | None = None) -> None:
        (number,) = self.db.execute("SELECT e164 FROM phone WHERE phone_id = ?", (phone,)).fetchone()
        self.insert("opt_out", {"e164": number, "at": at, "source": "agent", "attempt_id": attempt_id})
        self.db.execute("UPDATE phone SET opted_out_at = ? WHERE phone_id = ?", (at, phone))

    def seat(self, state: str, start: float, seconds: float, seat: str = "01", agent: str = "a1") -> None:
        self.insert(
            "seat_interval",
            {"seat": seat, "agent": agent, "state": state, "from_at": start, "until_at": start + seconds},
        )

    def number(self, phone: int) -> str:
        (number,) = self.db.execute("SELECT e164 FROM phone WHERE phone_id = ?", (phone,)).fetchone()
        return str(number)

    def insert(self, table: str, row: dict[str, Any]) -> None:
        columns, places = ", ".join(row), ", ".join("?" * len(row))
        self.db.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(row.values()))  # noqa: S608 # a test's own


def rows_by_column(report: Report) -> list[dict[str, Any]]:
    """Return the rows of a report as dicts by column name."""
    return [dict(zip([column.name for column in report.columns], row, strict=True)) for row in report.rows]


def write_journal(tmp_path: Path, *entries: tuple[str, str, str | None]) -> Path:
    """Write a switch journal with these (event, channel, number), one per second from NOON. Return its path."""
    path = tmp_path / "journal.jsonl"
    lines = [
        json.dumps({"t": NOON + index, "event": event, "channel": channel, "number": number})
        for index, (event, channel, number) in enumerate(entries)
    ]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


async def make_report(store: HandFilled, report: Any, *arguments: Any) -> Report:
    """Return the report that the function `report` makes of the store, over all time."""
    with open_store_snapshot(store.path, None) as source:
        return report(source, Window(), INDIA, *arguments)  # type: ignore[no-any-return]  # a test's shorthand


def insert_official_turnout(
    store: HandFilled, constituency: int, by: str, share: float, part: int | None = None
) -> None:
    figure = {"day": "2026-04-22", "constituency_number": constituency, "part_number": part, "by_time": by}
    store.insert("official_turnout", {**figure, "share": share, "entered_at": NOON, "who": "ops"})


async def make_turnout_report(store: HandFilled, by: TurnoutBy, window: Window | None = None) -> Report:
    with open_store_snapshot(store.path, None) as source:
        return polling_day.report_turnout(source, window or Window(), INDIA, by)


def write_figures(store: HandFilled, *lines: str) -> Path:
    """Write a CSV file of official turnout figures next to the store. Return its path."""
    path = store.path.parent / "figures.csv"
    path.write_text("\n".join(("constituency,part,by,turnout", *lines, "")), encoding="utf-8")
    return path


def enter_turnout(config: Path, by: str, percent: str, *more: str) -> tuple[int, str]:
    """Run `dialer turnout enter` for constituency 174. Return its exit code and output."""
    figure = ("--constituency", "174", "--by", by, "--turnout", percent, "--day", "2026-04-22")
    return run("turnout", "enter", *figure, "-c", config, "--who", "ops", *more)
