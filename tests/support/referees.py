"""Checks of invariants that must hold after any sequence of events on a site."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dialer.domain.view import SeatState
from tests.support.centre import Site
from tests.support.stored import query_site_store


def assert_no_simultaneous_calls(site: Site) -> None:
    """Check that no number had two calls at once and no channel id was used twice."""
    live: dict[str, float] = {}
    seen: set[str] = set()
    for call in site.switch.placed_calls:
        assert call.channel_id not in seen
        seen.add(call.channel_id)
        assert live.get(call.number, 0.0) <= call.placed_at, "a number on two calls at once"
        live[call.number] = call.ended_at or float("inf")


def assert_nobody_dialled_twice(site: Site) -> None:
    """Check that no number was called twice. For tests in which no number is due again."""
    twice = [number for number, calls in Counter(call.number for call in site.switch.placed_calls).items() if calls > 1]
    assert not twice
    assert_no_simultaneous_calls(site)


def assert_all_attempts_ended(directory: Path) -> None:
    """Check that every attempt in the store has ended, with an outcome."""
    assert not query_site_store(directory, "SELECT 1 FROM attempt WHERE ended_at IS NULL")
    assert not query_site_store(directory, "SELECT 1 FROM attempt WHERE outcome IS NULL")


def list_live_attempts(site: Site) -> set[str]:
    """Return the attempts of the voters' live channels."""
    return {
        channel.variables.get("MATDAN_ATTEMPT", channel.uniqueid)
        for channel in site.switch.channels.values()
        if channel.trunk is not None
    }


def is_state_consistent(site: Site, directory: Path) -> bool:
    """Return whether store, engine, channels and seats agree about the live calls."""
    stored = {row[0] for row in query_site_store(directory, "SELECT attempt_id FROM attempt WHERE ended_at IS NULL")}
    live = list_live_attempts(site)
    in_seats = {
        member.channel.variables.get("MATDAN_ATTEMPT", member.channel.uniqueid)
        for conference in site.switch.conferences.by_name.values()
        for member in conference.members
        if member.channel.trunk is not None
    }
    talking = {seat.attempt_id for seat in site.centre_view.seats if seat.state is SeatState.TALKING}
    return (
        stored == live == {call.attempt_id for call in site.centre.engine.features.live_calls.list_live_calls()}
        and talking == in_seats
    )


def assert_no_repeated_calls(site: Site, directory: Path) -> None:
    """Check that no number had two calls at once, was called twice by a campaign, or is due after an unknown outcome."""
    assert_no_simultaneous_calls(site)
    placed = "SELECT 1 FROM attempt WHERE direction = 'outbound' AND outcome <> 'refused'"
    assert not query_site_store(directory, f"{placed} GROUP BY campaign_id, phone_id HAVING count(*) > 1")
    unknown = "SELECT 1 FROM target JOIN attempt USING (phone_id) WHERE outcome = 'unknown' AND state = 'due'"
    assert not query_site_store(directory, unknown)
