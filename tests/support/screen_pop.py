"""Screen pops for tests: a household in the store, and the events of an agent's page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from dialer.domain.view import ScreenPop, SeatState, SeatView
from dialer.store.connection import open_store_exclusively

ATTEMPT = "3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22"
LONG_NAME = "ब" * 10_000
TURNED_NAME = "\u202e<b>Asha</b>\u200f"  # right to left, and a tag
VOTERS = ("Asha Pawar", LONG_NAME, TURNED_NAME)
NUMBER = "+919876504321"
GROUNDS = {
    "verdict": "allowed",
    "profile": "in",
    "purpose": "turnout",
    "consent": "unknown",
    "registers": "ncpr@2024-04-01",
}


def fill_household(store: Path, at: float) -> None:
    """Add a number with three voters of booth 118 (the first marked "voted"), an earlier attempt, and a live call."""
    with open_store_exclusively(store, "a test") as db:
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('turnout-agents', 'agents', 'turnout')")
        db.execute("INSERT INTO phone (phone_id, e164) VALUES (1, ?)", (NUMBER,))
        for voter_id, name in enumerate(VOTERS, 1):
            db.execute(
                "INSERT INTO voter (voter_id, booth_id, serial, name, name_local, relation, relation_name, sex, age, house, epic)"
                " VALUES (?, 118, ?, ?, 'स्थानीय', 'F', 'Ram', 'F', 40, '12/3', 'EPIC1234567')",
                (voter_id, 410 + voter_id, name),
            )
            db.execute("INSERT INTO link (voter_id, phone_id) VALUES (?, 1)", (voter_id,))
        for key, voter_id, kind, source, ago, undoes in (
            ("m1", 1, "voted", "booth-worker", 900, None),
            ("m2", 2, "voted", "agent", 800, None),
            ("m3", 2, "not-yet", "correction", 790, "m2"),
        ):
            db.execute(
                "INSERT INTO mark (key, voter_id, kind, source, at, agent, undoes) VALUES (?, ?, ?, ?, ?, '101', ?)",
                (key, voter_id, kind, source, at - ago, undoes),
            )
        db.execute("INSERT INTO lawful (lawful_id, digest, grounds) VALUES (3, 'd', ?)", (json.dumps(GROUNDS),))
        for attempt, number, created_at, outcome in (
            ("earlier", 1, at - 5000, "no-answer"),
            (ATTEMPT, 2, at - 5, None),
        ):
            db.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
                " ended_at, outcome, lawful_id, gap_seconds) VALUES (?, 'turnout-agents', 1, 2, ?, 't', 'c', ?, ?, ?, 3, 4995.0)",
                (attempt, number, created_at, None if outcome is None else created_at + 30, outcome),
            )


def seat_with_live_call(state: SeatState = SeatState.TALKING, *, agent: str = "101", **pop: Any) -> SeatView:
    """Return the view of seat 04 on the live call; `pop` are further fields of its screen pop."""
    screen_pop = ScreenPop(ATTEMPT, phone_id=1, voter_id=2, booth_id=118, voters=(2, 3), opted_out=False, grounds=3)
    return SeatView(
        seat="04",
        at=0.0,
        agent=agent,
        state=state,
        since=0.0,
        campaign_id="turnout-agents",
        attempt_id=ATTEMPT,
        utilisation=0.5,
        calls=31,
        screen_pop=replace(screen_pop, **pop),
    )


def read_event(event: bytes) -> dict[str, Any]:
    """Return the values in a server-sent event."""
    found: dict[str, Any] = json.loads(event.decode().partition("data: ")[2])["values"]
    return found


async def until(news: AsyncIterator[bytes], key: str) -> Any:
    """Wait for the next event with a value for `key`, and return the value."""
    async for event in news:
        values = read_event(event)
        if values.get(key) is not None:
            return values[key]
    raise AssertionError(f"the stream ended without {key}")


def close_after(news: AsyncIterator[bytes]) -> aclosing[Any]:
    """Close the event stream at the end of the context."""
    return aclosing(news)
