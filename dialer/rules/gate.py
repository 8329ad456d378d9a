"""The gate: whether a number may be called now, why not, and when next. Pure.

It is asked when a call is placed and again when it is connected. It costs microseconds and reads nothing. What is not
known forbids.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from dialer.domain.enums import Purpose
from dialer.domain.phone_facts import Consent, PhoneFacts
from dialer.rules import numbers
from dialer.rules.calling_hours import next_day
from dialer.rules.number_zones import NumberZones
from dialer.rules.polls import Area, NotKnown, close_of, poll_of
from dialer.rules.rulebook import HOUR_SECONDS, CampaignRules, Rulebook, day_after
from dialer.settings.site_time import DAY_SECONDS

_ROUNDS = 8  # one rule may end inside another one's interval; more rounds than there are rules with a time


class Reason(StrEnum):
    """Why somebody may not be called, in the order in which reasons are reported."""

    NUMBER = "number"  # not an E.164 number, or with a prefix that may not be dialled
    OPTED_OUT = "opted-out"
    NOTHING_KNOWN = "nothing-known"
    REGISTER = "do-not-call-register"
    NO_REGISTER = "register-missing"
    OLD_REGISTER = "register-too-old"
    NO_CONSENT = "no-consent"
    CERTIFICATE = "certificate"
    CALLER_ID = "caller-id"
    POLL_OVER = "poll-over"
    RETENTION = "retention"
    SILENCE = "silence"
    NO_POLL = "poll-unknown"
    NO_CLOSE = "close-of-poll-unknown"
    NO_ZONE = "time-zone-unknown"
    HOURS = "calling-hours"
    CAMPAIGN_HOURS = "campaign-hours"
    REDIAL_LOCK = "redial-lock"
    GAP = "gap"
    ATTEMPTS = "attempts"
    CONVERSATIONS = "conversations"


@dataclass(frozen=True, slots=True)
class Objection:
    """One objection to a call."""

    reason: Reason
    words: str  # one line for a person, without names and numbers
    until: float | None  # epoch seconds at which it ends by itself; None: it does not


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer of the gate."""

    objections: tuple[Objection, ...]
    next_at: float | None  # epoch seconds from which nothing objects; None: not by itself

    @property
    def allowed(self) -> bool:
        """Return whether the call may be placed, or connected, now."""
        return not self.objections

    def __str__(self) -> str:
        """Return the reasons in one line."""
        return "; ".join(objection.words for objection in self.objections) or "allowed"


@dataclass(frozen=True, slots=True)
class Case:
    """A call that the gate is asked about."""

    campaign: CampaignRules
    number: str  # E.164
    area: Area | None  # the polling area of the voter; None: unknown
    facts: PhoneFacts | None  # None: nothing is known, which forbids the call
    caller_id: str | None = None  # None: not chosen yet
    language: str = ""  # in which a recorded voice speaks to the voter
    guaranteed: bool = False  # a seat is reserved for the call until it ends
    asked_for: bool = False  # the person asked for this call, at this time
    rung_since_asked_at: float | None = None  # when the number was last called since the person asked, by other calls


Objecting = Callable[[float], Iterable[Objection]]
"""Returns the objections at a time (epoch seconds), by what is known now."""


class Gate:
    """Applies the rules of a site to calls."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rules = rulebook
        self._zones_of_all = rulebook.zones_of_all()

    def campaign(self, campaign: CampaignRules, now: float, areas: Collection[Area] = ()) -> Ruling:
        """Return whether a campaign may call anybody now: rules that do not depend on the number, or object in all of
        `areas`.
        """
        return self._ruling(now, lambda at: self._against_campaign(campaign, at, areas))

    def originate(self, case: Case, now: float) -> Ruling:
        """Return whether this call may be placed now. Calling hours must last as long as it may ring."""
        return self._ruling(now, lambda at: self._against_call(case, at, asked_at=now))

    def connect(self, case: Case, now: float) -> Ruling:
        """Return whether an answered call may go to an agent or into its flow. Its own attempt does not count against
        it.
        """
        return self._ruling(now, lambda at: self._against_connect(case, at))

    def next_from(self, case: Case, now: float, at: float) -> float | None:
        """Return the earliest time from `at` on at which this call could be placed, by what is known `now`; None: not
        by itself.
        """
        return _earliest(at, lambda moment: self._against_call(case, moment, asked_at=now))[1]

    def _ruling(self, now: float, ask: Objecting) -> Ruling:
        return Ruling(*_earliest(now, ask))

    def grounds(self, case: Case, rules: str) -> str:
        """Return why this call is lawful, as a JSON object of strings. `rules` is the digest of the rules' version."""
        facts, campaign, book = case.facts, case.campaign, self.rules
        certified = campaign.certified.get(case.language) if campaign.recorded else None
        found = {
            "verdict": "allowed",
            "rules": rules,
            "profile": book.profile.name,
            "purpose": campaign.purpose.value,
            "voice": "recorded" if campaign.recorded else "live",
            "zones": " ".join(zone.key for zone in book.zones(case.number)),
            "consent": "unknown" if facts is None else facts.consent.value,
            "listed": "" if facts is None else " ".join(facts.registers),
            "registers": " ".join(
                f"{each.name}@{datetime.fromtimestamp(each.dated, book.centre_zone):%Y-%m-%d}"
                for each in book.registers
            ),
            "certificate": "" if certified is None else certified.digest,
            "certified_until": ""
            if certified is None or certified.last_day is None
            else certified.last_day.isoformat(),
            "asked_for": "yes" if case.asked_for else "",
            "seat_kept": "yes" if case.guaranteed else "",
        }
        return json.dumps(
            {name: value for name, value in found.items() if value}, sort_keys=True, separators=(",", ":")
        )

    # Which rules are asked when

    def _against_campaign(self, campaign: CampaignRules, now: float, areas: Collection[Area]) -> Iterator[Objection]:
        yield from self._registers(campaign.purpose, now)
        yield from self._certified_somewhere(campaign, now)
        yield from self._silence_everywhere(campaign, areas, now)
        yield from self._campaign_hours(campaign, now)
        zones = self._zones_of_all
        if zones and not any(self.rules.hours.open_at(zone, now) for zone in zones):
            openings = [self.rules.hours.next_open((zone,), now) for zone in zones]
            until = min((opening for opening in openings if opening is not None), default=None)
            yield Objection(Reason.HOURS, f"outside calling hours{self._when(until)}", until)

    def _against_call(self, case: Case, now: float, *, asked_at: float) -> Iterator[Objection]:
        campaign = case.campaign
        yield from self._number(case)
        yield from self._owner(case)
        yield from self._registers(campaign.purpose, now)
        yield from self._certificate(campaign, case.language, now)
        yield from self._caller_id(case.caller_id)
        yield from self._poll_over(campaign, case.area, now)
        yield from self._retention(case.area, now)
        yield from self._silence(campaign, case.area, now)
        yield from self._hours(self.rules.zones(case.number), now, campaign.ring_seconds)
        yield from self._campaign_hours(campaign, now)
        if case.facts is not None:
            yield from self._lock(case, now)
            yield from self._gap(case, case.facts, now)
            yield from self._counts(campaign, case.facts, now, asked_at)

    def _against_connect(self, case: Case, now: float) -> Iterator[Objection]:
        yield from self._owner(case)
        yield from self._certificate(case.campaign, case.language, now)
        yield from self._silence(case.campaign, case.area, now)
        yield from self._hours(self.rules.zones(case.number), now, 0.0)

    # The rules

    def _number(self, case: Case) -> Iterator[Objection]:
        problem = numbers.refusal(case.number, self.rules.allowed_prefixes, self.rules.denied_prefixes)
        if problem is not None:
            yield Objection(Reason.NUMBER, problem, None)

    def _owner(self, case: Case) -> Iterator[Objection]:
        facts, campaign = case.facts, case.campaign
        if facts is None:
            yield Objection(Reason.NOTHING_KNOWN, "nothing is known of the number's earlier calls", None)
            return
        if facts.opted_out:
            yield Objection(Reason.OPTED_OUT, "the number has opted out", None)
        if facts.registers and campaign.purpose in self.rules.profile.registers.applies_to:
            names = ", ".join(facts.registers)
            yield Objection(Reason.REGISTER, f"the number is on a do-not-call register ({names})", None)
        consent = self.rules.profile.consent
        needed = consent.recorded if campaign.recorded else consent.live
        if facts.consent is Consent.WITHDRAWN:
            yield Objection(Reason.NO_CONSENT, "the number's owner has withdrawn consent", None)
        elif campaign.purpose in needed and facts.consent is not Consent.GIVEN:
            voice = "recorded" if campaign.recorded else "live"
            words = f"a {voice} {campaign.purpose.value} call needs consent, and none is known"
            yield Objection(Reason.NO_CONSENT, words, None)

    def _registers(self, purpose: Purpose, now: float) -> Iterator[Objection]:
        rules = self.rules.profile.registers
        if purpose not in rules.applies_to:
            return
        imported = {register.name: register for register in self.rules.registers}
        for name in rules.names:
            if name not in imported:
                words = f"the do-not-call register {name!r} was never imported (dialer register import)"
                yield Objection(Reason.NO_REGISTER, words, None)
        for register in imported.values():
            days, most = (now - register.dated) / DAY_SECONDS, rules.maximum_age_days
            if days > most:
                words = f"the do-not-call register {register.name!r} is {days:.0f} days old, at most {most:.0f}"
                yield Objection(Reason.OLD_REGISTER, words, None)

    def _certificate(self, campaign: CampaignRules, language: str, now: float) -> Iterator[Objection]:
        if not campaign.recorded or campaign.purpose not in self.rules.profile.certificate.needed_for:
            return
        needed = f"a recorded {campaign.purpose.value} call needs a certificate"
        certified = campaign.certified.get(language)
        if not campaign.certified:
            problem: str | None = "what would be played is not known (audio.catalogue)"
        elif certified is None:
            problem = f"nothing is certified in the language {language!r}"
        elif certified.problem is None and certified.last_day is not None:
            ended = now >= day_after(certified.last_day, self.rules.centre_zone)
            problem = f"it expired on {certified.last_day.isoformat()}" if ended else None
        else:
            problem = certified.problem
        if problem is not None:
            yield Objection(Reason.CERTIFICATE, f"{needed}: {problem}", None)

    def _certified_somewhere(self, campaign: CampaignRules, now: float) -> Iterator[Objection]:
        """Return the objection for the first language, if there is one for every language."""
        found = [next(self._certificate(campaign, language, now), None) for language in campaign.certified or ("",)]
        if found[0] is not None and None not in found:
            yield found[0]

    def _caller_id(self, caller_id: str | None) -> Iterator[Objection]:
        if caller_id is None:
            return
        if caller_id not in self.rules.own_caller_ids:
            yield Objection(Reason.CALLER_ID, "the caller ID is not of the site's own pool", None)
        elif (series := self.rules.profile.caller_id.series) and not caller_id.startswith(series):
            yield Objection(Reason.CALLER_ID, "the caller ID is outside the series that may be shown", None)

    def _poll_over(self, campaign: CampaignRules, area: Area | None, now: float) -> Iterator[Objection]:
        """Object to asking people to vote, or whether they have, when it is too late."""
        close = NotKnown.POLL if area is None else close_of(self.rules.polls, area)
        if campaign.purpose is Purpose.TURNOUT and isinstance(close, float) and now >= close:
            when = moment_text(close, self.rules.centre_zone)
            yield Objection(Reason.POLL_OVER, f"the poll of the polling area closed on {when}", None)

    def _retention(self, area: Area | None, now: float) -> Iterator[Objection]:
        """Object to using data that had to be erased."""
        poll = None if area is None else poll_of(self.rules.polls, area.constituency_number)
        if poll is not None and now >= self.rules.erased_by(poll):
            days = f"{self.rules.profile.retention.erase_after_days} days after the poll of {poll.day.isoformat()}"
            yield Objection(Reason.RETENTION, f"names and numbers had to be erased {days} (dialer purge)", None)

    def _silence(self, campaign: CampaignRules, area: Area | None, now: float) -> Iterator[Objection]:
        rules = self.rules
        if not rules.silences(campaign):
            return
        close = NotKnown.POLL if area is None else close_of(rules.polls, area)
        if close is NotKnown.POLL:
            words = (
                "no polling day is known for this polling area ([[rules.polls]]), so it may lie in the silence interval"
            )
            yield Objection(Reason.NO_POLL, words, None)
        elif isinstance(close, NotKnown):
            yield Objection(
                Reason.NO_CLOSE, "the close of poll of this polling area is not known (rules.polls, or the roll)", None
            )
        elif close - rules.silence_seconds <= now < close:
            by_any_voice = campaign.purpose in rules.profile.silence.forbids
            what = campaign.purpose.value if by_any_voice else f"recorded {campaign.purpose.value}"
            words = f"silence interval of the polling area: no {what} calls{self._when(close)}"
            yield Objection(Reason.SILENCE, words, close)

    def _silence_everywhere(self, campaign: CampaignRules, areas: Collection[Area], now: float) -> Iterator[Objection]:
        """Return the objection that ends first, if there is one in every area."""
        found: list[Objection] = []
        for area in areas:
            against = next(self._silence(campaign, area, now), None)
            if against is None:
                return
            found.append(against)
        if found:
            yield min(found, key=lambda objection: float("inf") if objection.until is None else objection.until)

    def _hours(self, zones: NumberZones, now: float, lasting_seconds: float) -> Iterator[Objection]:
        if not zones:
            yield Objection(Reason.NO_ZONE, "the time zone of the number is not known", None)
            return
        hours = self.rules.hours
        if all(hours.open_at(zone, now) and hours.open_at(zone, now + lasting_seconds) for zone in zones):
            return
        # In the last seconds before closing, the next opening is the one after it.
        after = now if not all(hours.open_at(zone, now) for zone in zones) else now + lasting_seconds
        until = hours.next_open(zones, after)
        names = zones[0].key if len(zones) == 1 else f"the {len(zones)} zones where the number may be"
        yield Objection(Reason.HOURS, f"outside calling hours in {names}{self._when(until)}", until)

    def _campaign_hours(self, campaign: CampaignRules, now: float) -> Iterator[Objection]:
        zone = self.rules.centre_zone
        if not campaign.hours.open_at(zone, now):
            until = campaign.hours.next_open((zone,), now)
            yield Objection(Reason.CAMPAIGN_HOURS, f"outside the campaign's calling hours{self._when(until)}", until)

    def locked_until(self, facts: PhoneFacts | None, now: float) -> float | None:
        """Return until when an abandoned call locks a number (epoch seconds), or None."""
        if facts is None or facts.abandoned_at is None:
            return None
        until = facts.abandoned_at + self.rules.profile.redial_lock.hours * HOUR_SECONDS
        return until if now < until else None

    def _lock(self, case: Case, now: float) -> Iterator[Objection]:
        until = self.locked_until(case.facts, now)
        if until is not None and not (case.guaranteed and self.rules.profile.redial_lock.unless_agent_guaranteed):
            words = f"a call to the number was abandoned: not dialled again{self._when(until)}"
            yield Objection(Reason.REDIAL_LOCK, words, until)

    def _gap(self, case: Case, facts: PhoneFacts, now: float) -> Iterator[Objection]:
        gaps = self.rules.gaps_of(case.campaign)
        called_at, talked_at = facts.called_at, facts.talked_at
        if case.asked_for:
            called_at, talked_at = case.rung_since_asked_at, None
        until = gaps.free_at(called_at, talked_at, (case.campaign.campaign_id, *facts.campaigns))
        if now >= until:
            return
        talked = talked_at is not None and until > gaps.free_at(called_at, None, ())
        if talked:
            words = f"somebody talked on the number: no campaign calls it{self._when(until)}"
        else:
            words = f"the number was called: not again within {gaps.least_seconds / 60:g} minutes,{self._when(until)}"
        yield Objection(Reason.GAP, words, until)

    def _counts(self, campaign: CampaignRules, facts: PhoneFacts, now: float, asked_at: float) -> Iterator[Objection]:
        rules = self.rules
        attempts, conversations = facts.attempts_today, facts.conversations_today
        most_attempts, most_conversations = rules.attempts_cap(campaign), rules.conversations_cap(campaign)
        talked_enough = most_conversations is not None and conversations >= most_conversations
        if attempts < most_attempts and not talked_enough:
            return
        midnight = next_day(rules.centre_zone, asked_at)  # the counts are of the day on which the claim was made
        if now >= midnight:
            return
        if attempts >= most_attempts:
            words = f"{attempts} attempts today, in all campaigns; at most {most_attempts}"
            yield Objection(Reason.ATTEMPTS, words, midnight)
        if talked_enough:
            words = f"{conversations} conversations today; at most {most_conversations}"
            yield Objection(Reason.CONVERSATIONS, words, midnight)

    def _when(self, until: float | None) -> str:
        return "" if until is None else f" until {moment_text(until, self.rules.centre_zone)}"


def _earliest(at: float, ask: Objecting) -> tuple[tuple[Objection, ...], float | None]:
    """Return the objections at a time, and the first time from then on without any."""
    first = standing = tuple(ask(at))
    for _ in range(_ROUNDS):
        if not standing:
            return first, at
        untils = [objection.until for objection in standing]
        known = [until for until in untils if until is not None]
        if len(known) < len(untils) or max(known) <= at:
            return first, None
        at = max(known)
        standing = tuple(ask(at))
    return first, None if standing else at


def moment_text(at: float, zone: ZoneInfo) -> str:
    """Return a time as text: day and minute in the centre's zone."""
    return f"{datetime.fromtimestamp(at, zone):%a %d %b %H:%M}"
