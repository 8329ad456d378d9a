"""Find when a campaign can first call anybody, for `dialer check` and `dialer rules check`. This module does no I/O.

During dialling, the calling rules are checked for single numbers only. A campaign that can call nobody, for example
because its polls are over, would be noticed late. So this module checks every polling area of the roll in advance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from dialer.domain.enums import Purpose
from dialer.domain.model import Booth
from dialer.domain.translatable import join_with_semicolons, translatable
from dialer.rules.calling_hours import get_midnight_of_day
from dialer.rules.gate import Case, Gate, Objection, Reason, format_weekday_and_time
from dialer.rules.polls import Area, CloseUnknown, PollingDay, find_close_of_poll, find_polling_day
from dialer.rules.rulebook import CampaignRules

_NO_POLLING_DAY = translatable(
    "no-polling-day-for-booth-workers",
    "it calls booth workers on polling days only, and no polling day is known; add `[[rules.polls]]`",
)
_MAX_OBSTACLES = 16  # in a row; calling hours and the silence interval may alternate for some days
_MAX_REASONS_SHOWN = 2
_AREA_REASONS = frozenset({Reason.POLL_OVER, Reason.RETENTION, Reason.SILENCE, Reason.NO_POLL, Reason.NO_CLOSE})


@dataclass(frozen=True, slots=True)
class FirstCall:
    """The time when a campaign can make its first call, and why not earlier."""

    at: float | None  # epoch seconds; None: never, unless the settings or data change
    why: str  # why not earlier; empty: nothing prevents it now


@dataclass(frozen=True, slots=True)
class Areas:
    """The polling areas whose voters a campaign calls."""

    areas: Collection[Area]
    # False: no roll was read, and the areas stand for the polling days of the settings, without closing times
    of_roll: bool
    last_call_seconds: float  # how long before a booth closes the last call is made, so that the voter can still vote


def list_polling_areas_of_roll(booths: Collection[Booth], last_call_seconds: float) -> Areas | None:
    """Return the polling areas (state, constituency, part) of an electoral roll's booths, or None if the roll has no
    booths yet.
    """
    if not booths:
        return None
    return Areas({Area(booth.constituency_number, booth.closes_at) for booth in booths}, True, last_call_seconds)


def list_areas_of_polling_days(polls: tuple[PollingDay, ...], last_call_seconds: float) -> Areas:
    """Return one polling area for each polling day of the settings, as a substitute while no electoral roll is imported."""
    return Areas([Area(min(poll.constituencies, default=0), "") for poll in polls], False, last_call_seconds)


def find_first_possible_call_time(gate: Gate, campaign: CampaignRules, areas: Areas, now: float) -> FirstCall:
    """Return the earliest time, `now` or later (epoch seconds), at which the campaign can call somebody."""
    reasons = list[str]()
    for obstacle in _find_obstacles_to_calls(gate, campaign, areas, now):
        if not obstacle.why:
            return FirstCall(obstacle.at, _join_reasons(reasons))
        if obstacle.until is None:
            return FirstCall(None, obstacle.why)
        reasons.append(obstacle.why)
    return FirstCall(None, _join_reasons(reasons))


def describe_obstacles_to_calls(gate: Gate, campaign: CampaignRules, areas: Areas, start: float, end: float) -> str:
    """Return a text with everything that prevents the campaign's calls from `start` until `end` (epoch seconds), in
    order of time.

    The text is empty if the campaign may call at `start`.
    """
    reasons = list[str]()
    for obstacle in _find_obstacles_to_calls(gate, campaign, areas, start):
        if not obstacle.why or obstacle.at >= end:
            break
        reasons.append(obstacle.why)
    return _join_reasons(reasons)


def _join_reasons(reasons: list[str]) -> str:
    """Return reasons in the order of time as one text, or an empty text without reasons."""
    if not reasons:
        return ""
    return reduce(
        lambda first, then: translatable("first-then", "{first}, then {then}", first=first, then=then), reasons
    )


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """A reason, such as calling hours, for which a campaign can call nobody for some time."""

    at: float  # its start (epoch seconds)
    why: str  # empty: nothing prevents calls from this time on
    until: float | None  # None: permanent, unless the settings or data change


def _find_obstacles_to_calls(gate: Gate, campaign: CampaignRules, areas: Areas, now: float) -> Iterator[_Obstacle]:
    """Yield everything that prevents the campaign's calls from `now` on, in order of time.

    If calls become possible, the last item has an empty text. If they never do, the last item has no end.
    """
    if not campaign.hours.weekday:
        yield _Obstacle(now, translatable("no-calling-hours", "its hours are empty, so it never calls"), None)
        return
    at = now
    for _ in range(_MAX_OBSTACLES):
        ruling = gate.check_rules_for_campaign(campaign, at)
        if ruling.is_call_allowed:
            why, until = _find_obstacle_common_to_all_areas(gate, campaign, areas, at)
        else:
            why, until = ruling.explanation, ruling.next_at
        ends_at = until if until is not None and until > at else None
        yield _Obstacle(at, why, ends_at)
        if not why or ends_at is None:
            return
        at = ends_at


def _find_obstacle_common_to_all_areas(
    gate: Gate, campaign: CampaignRules, areas: Areas, at: float
) -> tuple[str, float | None]:
    """Return why the campaign cannot call in any polling area at the time `at`, and when it can call again (None =
    unknown).

    The text is empty if the campaign can call in some area.
    """
    if not areas.areas:
        return _explain_missing_polling_day(campaign)
    words: dict[str, None] = {}
    ends: list[float] = []
    for area in areas.areas:
        objections = list(_find_objections_to_calls_in_area(gate, campaign, areas, area, at))
        if not objections:
            return "", None
        words |= dict.fromkeys(each.words for each in objections)
        untils = [each.until for each in objections]
        known = [until for until in untils if until is not None]
        if len(known) == len(untils):
            ends.append(max(known))
    shown = [*words][:_MAX_REASONS_SHOWN]
    if len(words) > len(shown):
        shown.append("...")
    reasons = join_with_semicolons(shown)
    why = translatable("in-every-polling-area", "in every polling area: {reasons}", reasons=reasons)
    return why, min(ends, default=None)


def _explain_missing_polling_day(campaign: CampaignRules) -> tuple[str, float | None]:
    """Return why a campaign for booth workers cannot call without a known polling day, or an empty text for other
    campaigns.
    """
    return (_NO_POLLING_DAY if campaign.purpose is Purpose.BOOTH_WORKERS else ""), None


def _find_objections_to_calls_in_area(
    gate: Gate, campaign: CampaignRules, areas: Areas, area: Area, at: float
) -> Iterator[Objection]:
    """Yield every objection to calls to a polling area at the time `at`, by the calling rules or because of its polling
    day.
    """
    for each in gate.check_rules_before_originate(Case(campaign, "", area, None), at).objections:
        # Without a roll, closing times are unknown; that is not an error yet.
        if each.reason in _AREA_REASONS and (areas.of_roll or each.reason is not Reason.NO_CLOSE):
            yield each
    poll = find_polling_day(gate.rules.polls, area.constituency_number)
    if poll is None or campaign.purpose not in {Purpose.TURNOUT, Purpose.BOOTH_WORKERS}:
        if campaign.purpose is Purpose.BOOTH_WORKERS:
            yield Objection(Reason.NO_POLL, _NO_POLLING_DAY, None)
        return
    workers = campaign.purpose is Purpose.BOOTH_WORKERS
    close = find_close_of_poll(gate.rules.polls, area)
    today = datetime.fromtimestamp(at, poll.zone).date()
    if isinstance(close, CloseUnknown):
        if today > poll.day:
            words = translatable("polling-day-over", "the polling day {day} is over", day=poll.day.isoformat())
            yield Objection(Reason.POLL_OVER, words, None)
        elif workers and areas.of_roll:
            words = translatable(
                "close-of-poll-unknown-for-booth-workers",
                "the close of poll is unknown (set it in `rules.polls` or on the roll)",
            )
            yield Objection(Reason.NO_CLOSE, words, None)
    elif close - areas.last_call_seconds <= at and (workers or at < close):
        when = format_weekday_and_time(close - areas.last_call_seconds, gate.rules.centre_zone)
        words = translatable("last-call-made", "the last call of the polling day was due on {time}", time=when)
        yield Objection(Reason.POLL_OVER, words, None)
    if workers and today < poll.day:
        begins = get_midnight_of_day(poll.day, poll.zone)
        words = translatable("polling-day-only", "it calls on the polling day {day} only", day=poll.day.isoformat())
        yield Objection(Reason.NO_POLL, words, begins)
