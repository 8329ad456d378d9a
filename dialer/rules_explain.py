"""Why somebody can or cannot be called, in words: for `dialer rules explain`. Reads the store, asks the gate."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from config.campaigns import Campaign
from config.errors import MatdanError
from config.settings import Settings
from config.site_rules import site_profile
from dialer.errors import RollError
from dialer.roll.phone_numbers import read_cell
from dialer.rules.calling_hours import day_start
from dialer.rules.gate import Case, Gate, moment_text
from dialer.rules.rulebook import campaign_rules, rulebook_of
from dialer.rules.silence import Area
from dialer.store import numbers, voters
from dialer.store.numbers import NumberRecord
from ivr_flows.catalogue import load_flow

_VOTER = re.compile(r"[0-9]{1,9}", re.ASCII)
_EPIC = re.compile(r"[A-Za-z]{3}[0-9]{7}", re.ASCII)
_PLACE = re.compile(r"([0-9]{1,4})/([0-9]{1,5})/([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one number in one campaign."""

    number: str  # all but its last digits masked
    campaign: str
    allowed: bool
    reasons: tuple[str, ...]
    next_at: float | None


def recording_of(campaign: Campaign) -> str | None:
    """Hash of what a campaign plays now; None: it plays nothing, or its flow cannot be loaded."""
    try:
        return None if campaign.flow is None else load_flow(campaign.flow).version
    except MatdanError:
        return None


def gate_of(settings: Settings, db: sqlite3.Connection | None) -> Gate:
    """The site's gate, with the registers of its store. Raises SettingError."""
    rulebook = rulebook_of(site_profile(settings), settings)
    return Gate(rulebook if db is None else rulebook.with_registers(tuple(numbers.registers(db))))


def explain(settings: Settings, db: sqlite3.Connection, who: str, now: float) -> Iterator[Explanation]:
    """What the gate and the queues say of a number or a voter, campaign by campaign. Raises RollError, SettingError."""
    gate = gate_of(settings, db)
    since = day_start(gate.rules.centre_zone, now)
    booths = voters.booths(db)
    for number in numbers_meant(db, who, settings.centre.region):
        record = numbers.number_record(db, number, since)
        booth = booths.get(record.booth_id or 0)
        area = None if booth is None else Area(booth.constituency_number, booth.closes_at)
        for campaign in settings.campaigns:
            rules = campaign_rules(campaign, settings, recording_of(campaign))
            ruling = gate.originate(Case(rules, number, area, record.facts), now)
            reasons = [objection.words for objection in ruling.objections]
            others, at, never = _of_the_queue(record, campaign.id, gate, now)
            next_at = None if never or ruling.next_at is None else max(ruling.next_at, at)
            yield Explanation(masked(number), campaign.id, not reasons and not others, (*others, *reasons), next_at)


def numbers_meant(db: sqlite3.Connection, who: str, region: str) -> list[str]:
    """The numbers that a person at the command line means: a number, a voter's id, EPIC number or constituency/part/serial.

    Raises RollError where nobody is meant, or several are.
    """
    voter_id = voter_meant(db, who)
    if voter_id is not None:
        linked = numbers.numbers_of_voter(db, voter_id)
        if not linked:
            raise RollError(f"voter {who} has no number: nothing can be dialled")
        return linked
    read = read_cell(who, region)
    if len(read.numbers) != 1:
        why = read.rejected[0].reason.value if read.rejected else "no number"
        raise RollError(f"this is no number that is called ({why}), no voter's id and no constituency/part/serial")
    return list(read.numbers)


def voter_meant(db: sqlite3.Connection, who: str) -> int | None:
    """The voter whom a person at the command line means by id, EPIC number or constituency/part/serial; None: no voter's name.

    Raises RollError where nobody is meant, or several are.
    """
    place = _PLACE.fullmatch(who)
    if place is not None:
        found = numbers.voters_at(db, *(int(part) for part in place.groups()))
    elif _EPIC.fullmatch(who):
        found = numbers.voters_of_epic(db, who)
    elif _VOTER.fullmatch(who):
        if numbers.numbers_of_voter(db, int(who)) is None:
            raise RollError(f"the store has no voter {who}: give a voter's id, constituency/part/serial, or a number")
        return int(who)
    else:
        return None
    if len(found) != 1:
        ids = ", ".join(map(str, found)) or "none"
        raise RollError(f"{who}: the roll has {len(found)} voters there (ids: {ids}): name one by its id")
    return found[0]


def _of_the_queue(record: NumberRecord, campaign: str, gate: Gate, now: float) -> tuple[list[str], float, bool]:
    """What speaks against a call beside the rules; not before which moment; and whether that never passes by itself."""
    if not record.known:
        return ["the number is not on the roll: no campaign dials it"], now, True
    reasons: list[str] = []
    zone, at = gate.rules.centre_zone, now
    never = record.pending_voters == 0
    if never:
        reasons.append("nobody on the number is still to be called: all have voted or are closed")
    if record.opted_out_at is not None:
        reasons.append(
            f"opted out on {moment_text(record.opted_out_at, zone)} ({record.opt_out_source or 'not told by whom'})"
        )
    if record.on_a_call:
        reasons.append("the number is on a call now")
    place = record.queues.get(campaign)
    if place is None:
        reasons.append("not yet in this campaign's list: it is enrolled when the dialler starts")
    elif place.state == "closed":
        never = True
        reasons.append("closed in this campaign: the list is done with it")
    elif place.due_at > now:
        at = place.due_at
        reasons.append(f"due again at {moment_text(at, zone)} in this campaign")
    return reasons, at, never


def masked(number: str) -> str:
    """A number with its middle hidden."""
    return f"{number[:3]}…{number[-3:]}"
