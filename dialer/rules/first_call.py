"""When a campaign can call anybody at all: the gate is asked for every polling area of a roll. Pure.

The gate judges one call, so a campaign whose areas are all past their poll is found out only when a number is claimed.
Here the gate is asked beforehand, for `dialer check` and `dialer rules check`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from dialer.domain.enums import Purpose
from dialer.domain.model import Booth
from dialer.rules.calling_hours import midnight
from dialer.rules.gate import Case, Gate, Objection, Reason, moment_text
from dialer.rules.polls import Area, NotKnown, PollingDay, close_of, poll_of
from dialer.rules.rulebook import CampaignRules

_ROUNDS = 16  # each round passes one obstacle; calling hours and the silence interval may alternate for as many days
_TOLD_AT_MOST = 2
_OF_THE_AREA = frozenset({Reason.POLL_OVER, Reason.RETENTION, Reason.SILENCE, Reason.NO_POLL, Reason.NO_CLOSE})


@dataclass(frozen=True, slots=True)
class FirstCall:
    """When a campaign can call somebody."""

    at: float | None  # epoch seconds; None: never, unless something is changed
    why: str  # what prevents it before; empty: nothing


@dataclass(frozen=True, slots=True)
class Areas:
    """The polling areas whose voters a campaign calls."""

    areas: Collection[Area]
    # False: no roll was read; the areas stand for the polling days of the settings, without closing times
    of_roll: bool
    last_call_seconds: float  # before a booth closes: a voter called later would have no time left to vote


def areas_of_roll(booths: Collection[Booth], last_call_seconds: float) -> Areas | None:
    """Return the polling areas of a roll's booths, or None if there are none yet."""
    if not booths:
        return None
    return Areas({Area(booth.constituency_number, booth.closes_at) for booth in booths}, True, last_call_seconds)


def areas_of_polls(polls: tuple[PollingDay, ...], last_call_seconds: float) -> Areas:
    """Return one area for each polling day, where there is no roll yet."""
    return Areas([Area(min(poll.constituencies, default=0), "") for poll in polls], False, last_call_seconds)


def first_call(gate: Gate, campaign: CampaignRules, areas: Areas, now: float) -> FirstCall:
    """Return when the campaign can first call somebody, from `now` on (epoch seconds)."""
    told = list[str]()
    for obstacle in _obstacles(gate, campaign, areas, now):
        if not obstacle.why:
            return FirstCall(obstacle.at, ", then ".join(told))
        if obstacle.until is None:
            return FirstCall(None, obstacle.why)
        told.append(obstacle.why)
    return FirstCall(None, ", then ".join(told))


def against(gate: Gate, campaign: CampaignRules, areas: Areas, start: float, end: float) -> str:
    """Return what prevents the campaign's calls from `start` on, one after the other, until it may call or the time
    ends.
    """
    told = list[str]()
    for obstacle in _obstacles(gate, campaign, areas, start):
        if not obstacle.why or obstacle.at >= end:
            break
        told.append(obstacle.why)
    return ", then ".join(told)


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """What prevents a campaign's calls from a moment on."""

    at: float
    why: str  # empty: nothing
    until: float | None  # None: for good, unless something is changed


def _obstacles(gate: Gate, campaign: CampaignRules, areas: Areas, now: float) -> Iterator[_Obstacle]:
    """Yield the obstacles one after the other, up to one that is empty or permanent."""
    if not campaign.hours.weekday:
        yield _Obstacle(now, "its hours are empty, so it never calls", None)
        return
    at = now
    for _ in range(_ROUNDS):
        ruling = gate.campaign(campaign, at)
        why, until = (str(ruling), ruling.next_at) if not ruling.allowed else _everywhere(gate, campaign, areas, at)
        passes = until if until is not None and until > at else None
        yield _Obstacle(at, why, passes)
        if not why or passes is None:
            return
        at = passes


def _everywhere(gate: Gate, campaign: CampaignRules, areas: Areas, at: float) -> tuple[str, float | None]:
    """Return what prevents the campaign's calls in every area at a moment, and when that ends in the first area."""
    if not areas.areas:
        return _without_a_poll(campaign)
    words: dict[str, None] = {}
    passes: list[float] = []
    for area in areas.areas:
        against = list(_against(gate, campaign, areas, area, at))
        if not against:
            return "", None
        words |= dict.fromkeys(each.words for each in against)
        untils = [each.until for each in against]
        known = [until for until in untils if until is not None]
        if len(known) == len(untils):
            passes.append(max(known))
    told = list(words)[:_TOLD_AT_MOST]
    if len(words) > len(told):
        told.append("...")
    return f"in every polling area: {'; '.join(told)}", min(passes, default=None)


def _without_a_poll(campaign: CampaignRules) -> tuple[str, float | None]:
    if campaign.purpose is Purpose.BOOTH_WORKERS:
        return "it calls booth workers on polling days alone, and none is known; add [[rules.polls]]", None
    return "", None


def _against(gate: Gate, campaign: CampaignRules, areas: Areas, area: Area, at: float) -> Iterator[Objection]:
    """Return what the gate and the engine object to in a call to an area."""
    for each in gate.originate(Case(campaign, "", area, None), at).objections:
        # Without a roll no booth's closing time is known; that is not a fault yet.
        if each.reason in _OF_THE_AREA and (areas.of_roll or each.reason is not Reason.NO_CLOSE):
            yield each
    poll = poll_of(gate.rules.polls, area.constituency_number)
    if poll is None or campaign.purpose not in {Purpose.TURNOUT, Purpose.BOOTH_WORKERS}:
        if campaign.purpose is Purpose.BOOTH_WORKERS:
            yield Objection(Reason.NO_POLL, _without_a_poll(campaign)[0], None)
        return
    workers = campaign.purpose is Purpose.BOOTH_WORKERS
    close = close_of(gate.rules.polls, area)
    today = datetime.fromtimestamp(at, poll.zone).date()
    if isinstance(close, NotKnown):
        if today > poll.day:
            yield Objection(Reason.POLL_OVER, f"the polling day {poll.day} is over", None)
        elif workers and areas.of_roll:
            yield Objection(Reason.NO_CLOSE, "the close of poll is not known (rules.polls, or the roll)", None)
    elif close - areas.last_call_seconds <= at and (workers or at < close):
        when = moment_text(close - areas.last_call_seconds, gate.rules.centre_zone)
        yield Objection(Reason.POLL_OVER, f"the last call of the polling day was due on {when}", None)
    if workers and today < poll.day:
        begins = midnight(poll.day, poll.zone)
        yield Objection(Reason.NO_POLL, f"it calls on the polling day {poll.day} alone", begins)
