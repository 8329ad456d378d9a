"""Numbers locked after an abandoned call: called only if the profile allows it, with a seat reserved for the call."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.model import Outcome
from dialer.domain.view import CallState, SeatState
from dialer.engine.seats.commands import SeatLogOff, SeatPause
from dialer.simulation.asterisk.config import PhoneMode
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.roll_filler import fill_roll
from tests.support.rules import neutral_with
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_scripted_switch

EXCEPTION = neutral_with(redial_lock={"unless_agent_guaranteed": True})
LOCKED = "+917000000001"
ABANDONED = (
    "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
    " ended_at, outcome) VALUES ('a', 'other', 1, 1, 1, 't', 'c', {0}, {0}, 'abandoned')"
)


def create_roll_with_locked_number(directory: Path) -> None:
    """Create a roll whose first number had an abandoned call yesterday."""
    fill_roll(directory / "centre.db", 90, voters_per_booth=100, numbers_weigh_alike=True)
    with contextlib.closing(sqlite3.connect(directory / "centre.db")) as db:
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('other', 'agents', 'turnout')")
        db.execute(ABANDONED.format(START_EPOCH - 90_000.0))
        db.commit()


def make_switch_for_locked_number(**script: Any) -> Any:
    """Return a switch on which the locked number behaves like this, and all others ring out."""
    return make_scripted_switch(Behaviour(**script))


def list_reserved_seats(site: Site) -> list[str]:
    """Return the seats that are reserved for the call to the locked number."""
    live = {call.channel_id for call in site.switch.placed_calls if call.number == LOCKED and call.ended_at is None}
    return [
        seat.seat for seat in site.centre_view.seats if seat.state is SeatState.RESERVED and seat.attempt_id in live
    ]


def count_calls_to_locked_number(site: Site) -> int:
    return sum(call.number == LOCKED for call in site.switch.placed_calls)


@virtual_time()
async def test_answered_call_is_connected_to_the_seat_reserved_for_the_call(tmp_path: Path) -> None:
    create_roll_with_locked_number(tmp_path)
    async with a_site(
        tmp_path, make_switch_for_locked_number(answer_after=12.0, talk_seconds=20.0), profile=EXCEPTION
    ) as site:
        await site.log_in("01", "02")
        await site.until(lambda: count_calls_to_locked_number(site) == 1)
        [seat] = list_reserved_seats(site)
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING, 0) == 1)
        assert [each.seat for each in site.centre_view.seats if each.state is SeatState.TALKING] == [seat]
    assert query_site_store(tmp_path, "SELECT outcome, seat FROM attempt WHERE phone_id = 1 AND attempt_id <> 'a'") == [
        ("connected", seat)
    ]


@virtual_time()
async def test_seat_reserved_for_a_call_is_released_if_the_call_is_not_answered(tmp_path: Path) -> None:
    create_roll_with_locked_number(tmp_path)
    async with a_site(
        tmp_path, make_switch_for_locked_number(fails_with=486, answer_after=5.0), profile=EXCEPTION
    ) as site:
        await site.log_in("01")
        await site.until(lambda: count_calls_to_locked_number(site) == 1)
        assert list_reserved_seats(site) == ["01"]
        await site.until(lambda: len(site.switch.placed_calls) > 3)
        assert list_reserved_seats(site) == []
    assert query_site_store(tmp_path, "SELECT outcome, seat FROM attempt WHERE phone_id = 1 AND attempt_id <> 'a'") == [
        ("busy", None)
    ]


@pytest.mark.parametrize("command", [SeatPause(seat="01", reason="break"), SeatLogOff(seat="01")])
@virtual_time()
async def test_pause_of_a_reserved_seat_starts_after_the_reserved_call(
    tmp_path: Path, command: SeatPause | SeatLogOff
) -> None:
    create_roll_with_locked_number(tmp_path)
    async with a_site(
        tmp_path, make_switch_for_locked_number(answer_after=12.0, talk_seconds=20.0), profile=EXCEPTION
    ) as site:
        await site.log_in("01")
        await site.until(lambda: count_calls_to_locked_number(site) == 1)
        await site.centre.engine.execute_command(command)
        assert list_reserved_seats(site) == ["01"]
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING, 0) == 1)
        await site.until(lambda: site.centre_view.seats[0].state in {SeatState.PAUSED, SeatState.OFFLINE})


@virtual_time()
async def test_call_is_cancelled_when_the_phone_of_the_reserved_seat_dies(tmp_path: Path) -> None:
    create_roll_with_locked_number(tmp_path)
    async with a_site(
        tmp_path, make_switch_for_locked_number(answer_after=25.0, talk_seconds=20.0), profile=EXCEPTION
    ) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 1)
        assert list_reserved_seats(site) == ["01"]
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
        site.switch.hang_up_phone("agent01")
        await site.until(lambda: bool(site.ended()), seconds=5.0)
        assert [change.outcome for change in site.ended()] == [Outcome.CANCELLED]


@pytest.mark.parametrize(
    ("campaign", "exception"),
    [
        ({"pacing": "predictive"}, True),
        ({"pacing": "ratio"}, True),
        ({"pacing": "progressive"}, False),
        ({"pacing": "preview", "preview_seconds": 3}, False),
    ],
)
@virtual_time()
async def test_number_of_an_abandoned_call_is_redialled_only_if_the_profile_allows(
    tmp_path: Path, campaign: dict[str, Any], exception: bool
) -> None:
    create_roll_with_locked_number(tmp_path)
    profile = EXCEPTION if exception else neutral_with()
    async with a_site(
        tmp_path, make_switch_for_locked_number(answer_after=2.0), profile=profile, campaign=campaign
    ) as site:
        await site.log_in("01", "02")
        await site.until(lambda: len(site.switch.placed_calls) > 5)
        assert count_calls_to_locked_number(site) == 0
        assert site.centre_view.campaigns[0].refused["redial-lock"] == 1
