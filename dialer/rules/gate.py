"""The gate: decides whether a number may be called now, why not, and when it may be called next. This module does no
I/O.

The dialler asks the gate before it places a call, and again when the call is answered. A missing fact forbids the call.
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
from dialer.domain.translatable import TranslatableText, join_with_semicolons, translatable
from dialer.rules import numbers
from dialer.rules.calling_hours import (
    Stretch,
    convert_periods_to_zone_of_centre,
    format_periods_of_day,
    format_periods_of_each_day,
    get_next_midnight,
    intersect_periods_of_day,
    merge_adjoining_periods,
)
from dialer.rules.number_zones import NumberZones
from dialer.rules.polls import Area, CloseUnknown, find_close_of_poll, find_polling_day
from dialer.rules.rulebook import HOUR_SECONDS, CampaignRules, Rulebook, find_midnight_after_day
from dialer.settings.site_time import DAY_SECONDS

_MAX_STEPS = 8  # when one rule's interval ends, another one's may apply; more than there are rules with an end


class Reason(StrEnum):
    """A rule that can forbid a call, such as the calling hours. If several rules forbid a call, they are reported in
    the order of this list.
    """

    NUMBER = "number"  # not in E.164 format, or the prefix is not allowed
    OPTED_OUT = "opted-out"
    NOTHING_KNOWN = "nothing-known"
    REGISTER = "do-not-call-register"
    NO_REGISTER = "register-missing"
    OLD_REGISTER = "register-too-old"
    NO_CONSENT = "no-consent"
    CONSENT_WITHDRAWN = "consent-withdrawn"
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
    MINIMUM_INTERVAL = "gap"
    ATTEMPTS = "attempts"
    CONVERSATIONS = "conversations"


FINAL_REASONS = frozenset({Reason.OPTED_OUT, Reason.REGISTER, Reason.CONSENT_WITHDRAWN, Reason.POLL_OVER})
"""Reasons without an end that lie in the number or its voter. All others without an end can be removed by a person."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A rule's objection to a call, with its explanation and the time when it ends."""

    reason: Reason
    words: str  # one line for people, without names and phone numbers; the pages can translate it
    until: float | None  # when it ends by itself (epoch seconds); None: never


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision whether the rules allow a call or campaign, with all objections."""

    objections: tuple[Objection, ...]
    next_at: float | None  # the earliest time without objections (epoch seconds); None: not foreseeable

    @property
    def is_call_allowed(self) -> bool:
        """Return whether the call may be placed or connected now."""
        return not self.objections

    @property
    def reason_number_may_never_be_called(self) -> Reason | None:
        """Return the first reason why the number may never be called, or None. Reasons that end after some time are
        ignored.
        """
        return next((each.reason for each in self.objections if each.until is None), None)

    @property
    def explanation(self) -> str:
        """Return the explanations of all objections in one line, or "allowed"."""
        if not self.objections:
            return "allowed"
        return join_with_semicolons(objection.words for objection in self.objections)

    def __str__(self) -> str:
        """Return the explanations of all objections in one line."""
        return self.explanation


@dataclass(frozen=True, slots=True)
class Case:
    """A possible call that is checked against the rules: its number, campaign and known facts."""

    campaign: CampaignRules
    number: str  # E.164
    area: Area | None  # the polling area of the voter; None: unknown
    facts: PhoneFacts | None  # None: unknown, which forbids the call
    caller_id: str | None = None  # None: not chosen yet
    language: str = ""  # of the recorded prompts for this voter
    guaranteed: bool = False  # a seat is reserved for the call until it ends
    asked_for: bool = False  # the voter requested a call at this time
    rung_since_asked_at: float | None = None  # time of the last other call to the number since that request
    attestation: str = ""  # of the caller ID by the trunk's signature (A, B or C); "": the call is not signed


FindObjections = Callable[[float], Iterable[Objection]]
"""A function that returns the objections at a time (epoch seconds), from the present facts."""


class Gate:
    """Decides by the calling rules of a site whether a call is allowed, why not, and when it will be allowed."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rules = rulebook
        self._all_zones = rulebook.list_all_time_zones()

    def check_rules_for_campaign(self, campaign: CampaignRules, now: float, areas: Collection[Area] = ()) -> Ruling:
        """Decide whether a campaign may call anybody at `now` (epoch seconds).

        Only rules that are the same for all numbers are checked. The silence interval (no campaigning before the close
        of poll) counts only if it applies in all of `areas`.
        """
        return self._build_decision_from_broken_rules(
            now, lambda at: self._find_objections_to_calls_of_campaign(campaign, at, areas)
        )

    def list_lawful_periods_of_today(self, now: float) -> list[Stretch]:
        """Return the periods of today, in the centre's time, in which the profile allows calls to at least one number."""
        today = datetime.fromtimestamp(now, self.rules.centre_zone).date()
        return self._convert_to_zone_of_centre(self.rules.hours.get_calling_hours_of_date(today), now)

    def describe_periods_outside_profile(self, periods: Collection[Stretch], now: float) -> str | None:
        """Return why the profile of legal rules does not allow calling hours (a text), or None if it allows them.

        Hours are allowed if the profile allows all of them on weekdays, on Saturdays or on Sundays. `periods` are the
        calling hours in the centre's time.
        """
        hours = self.rules.hours
        days = {"weekdays": hours.weekday, "Saturdays": hours.saturday, "Sundays": hours.sunday}
        lawful = {day: self._convert_to_zone_of_centre(allowed, now) for day, allowed in days.items()}
        wanted = merge_adjoining_periods(periods)
        if any(intersect_periods_of_day(wanted, allowed) == wanted for allowed in lawful.values()):
            return None
        allowed = format_periods_of_each_day(lawful)
        asked = ", ".join(format_periods_of_day(wanted))
        named = f"the rules profile {self.rules.profile.name} ({allowed})"
        return f"the calling hours {asked} are outside those of {named}: set hours within them"

    def _convert_to_zone_of_centre(self, periods: Collection[Stretch], now: float) -> list[Stretch]:
        return convert_periods_to_zone_of_centre(periods, self._all_zones, self.rules.centre_zone, now)

    def check_rules_before_originate(self, case: Case, now: float) -> Ruling:
        """Decide whether a call may be placed at `now` (epoch seconds).

        A call is also forbidden if the phone could still ring after the end of the calling hours.
        """
        return self._build_decision_from_broken_rules(
            now, lambda at: self._find_objections_to_call(case, at, asked_at=now)
        )

    def check_rules_before_connecting_agent(self, case: Case, now: float) -> Ruling:
        """Decide whether an answered call may be connected to an agent or IVR flow at `now` (epoch seconds).

        The caps on calls per day and the minimum intervals are not checked, because the stored counts and times already
        include this call.
        """
        return self._build_decision_from_broken_rules(
            now, lambda at: self._find_objections_to_connecting_agent(case, at)
        )

    def find_next_time_call_is_allowed(self, case: Case, now: float, at: float) -> float | None:
        """Return the earliest time from `at` on when the rules would allow the call (epoch seconds).

        Return None if this time cannot be foreseen. `case.facts` counts the calls of the day of `now`. If `at` is on a
        later day, the daily limits start from zero.
        """
        return _find_earliest_allowed_time(
            at, lambda moment: self._find_objections_to_call(case, moment, asked_at=now)
        )[1]

    def _build_decision_from_broken_rules(self, now: float, find_objections: FindObjections) -> Ruling:
        return Ruling(*_find_earliest_allowed_time(now, find_objections))

    def format_legal_grounds_of_decision(self, case: Case, rules: str) -> str:
        """Return the facts that make a call lawful as a JSON object: profile, time zones, consent, registers and others.

        `rules` is the digest of the calling rules in force.
        """
        facts, campaign, book = case.facts, case.campaign, self.rules
        certified = campaign.certified.get(case.language) if campaign.plays_recorded_voice else None
        found = {
            "verdict": "allowed",
            "rules": rules,
            "profile": book.profile.name,
            "purpose": campaign.purpose.value,
            "voice": "recorded" if campaign.plays_recorded_voice else "live",
            "zones": " ".join(zone.key for zone in book.find_time_zones_of_number(case.number)),
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
            "attestation": case.attestation,
        }
        return json.dumps(
            {name: value for name, value in found.items() if value}, sort_keys=True, separators=(",", ":")
        )

    # The rules that apply to campaigns, calls and answered calls

    def _find_objections_to_calls_of_campaign(
        self, campaign: CampaignRules, now: float, areas: Collection[Area]
    ) -> Iterator[Objection]:
        yield from self._check_do_not_call_registers(campaign.purpose, now)
        yield from self._require_certified_recordings_in_a_language(campaign, now)
        yield from self._check_silence_interval_in_all_areas(campaign, areas, now)
        yield from self._check_campaign_calling_hours(campaign, now)
        zones = self._all_zones
        if zones and not any(self.rules.hours.are_calls_allowed_at(zone, now) for zone in zones):
            openings = [self.rules.hours.find_next_time_calls_are_allowed((zone,), now) for zone in zones]
            until = min((opening for opening in openings if opening is not None), default=None)
            words = translatable("outside-calling-hours", "outside calling hours")
            yield Objection(Reason.HOURS, self._add_end(words, until), until)

    def _find_objections_to_call(self, case: Case, now: float, *, asked_at: float) -> Iterator[Objection]:
        campaign = case.campaign
        yield from self._check_number_is_callable(case)
        yield from self._check_number_owner_allows_calls(case)
        yield from self._check_do_not_call_registers(campaign.purpose, now)
        yield from self._check_recording_certificate(campaign, case.language, now)
        yield from self._check_caller_id(case.caller_id)
        yield from self._check_poll_is_not_over(campaign, case.area, now)
        yield from self._check_retention_period(case.area, now)
        yield from self._check_silence_interval(campaign, case.area, now)
        yield from self._check_calling_hours(
            self.rules.find_time_zones_of_number(case.number), now, campaign.ring_seconds
        )
        yield from self._check_campaign_calling_hours(campaign, now)
        if case.facts is not None:
            yield from self._check_redial_lock(case, now)
            yield from self._check_minimum_intervals(case, case.facts, now)
            yield from self._check_daily_caps(campaign, case.facts, now, asked_at)

    def _find_objections_to_connecting_agent(self, case: Case, now: float) -> Iterator[Objection]:
        yield from self._check_number_owner_allows_calls(case)
        yield from self._check_recording_certificate(case.campaign, case.language, now)
        yield from self._check_silence_interval(case.campaign, case.area, now)
        yield from self._check_calling_hours(self.rules.find_time_zones_of_number(case.number), now, 0.0)

    # Single rules

    def _check_number_is_callable(self, case: Case) -> Iterator[Objection]:
        problem = numbers.find_reason_number_is_refused(
            case.number, self.rules.allowed_prefixes, self.rules.denied_prefixes
        )
        if problem is not None:
            yield Objection(Reason.NUMBER, problem, None)

    def _check_number_owner_allows_calls(self, case: Case) -> Iterator[Objection]:
        """Yield the objections of the number's owner to calls: an opt-out, an entry in a do-not-call register, or no consent."""
        facts, campaign = case.facts, case.campaign
        if facts is None:
            yield Objection(
                Reason.NOTHING_KNOWN,
                translatable("earlier-calls-unknown", "the number's earlier calls are unknown"),
                None,
            )
            return
        if facts.opted_out:
            yield Objection(Reason.OPTED_OUT, translatable("number-opted-out", "the number has opted out"), None)
        if facts.registers and campaign.purpose in self.rules.profile.registers.applies_to:
            words = translatable(
                "number-on-register",
                "the number is on a do-not-call register ({registers})",
                registers=", ".join(facts.registers),
            )
            yield Objection(Reason.REGISTER, words, None)
        if facts.consent is Consent.WITHDRAWN:
            words = translatable("consent-withdrawn", "the number's owner has withdrawn consent")
            yield Objection(Reason.CONSENT_WITHDRAWN, words, None)
        elif self.rules.does_campaign_need_consent(campaign) and facts.consent is not Consent.GIVEN:
            voice = "recorded" if campaign.plays_recorded_voice else "live"
            words = translatable(
                "no-consent-recorded",
                "a {voice} {purpose} call needs consent, and none is recorded",
                voice=voice,
                purpose=campaign.purpose.value,
            )
            yield Objection(Reason.NO_CONSENT, words, None)

    def _check_do_not_call_registers(self, purpose: Purpose, now: float) -> Iterator[Objection]:
        rules = self.rules.profile.registers
        if purpose not in rules.applies_to:
            return
        imported = {register.name: register for register in self.rules.registers}
        for name in rules.names:
            if name not in imported:
                words = translatable(
                    "register-not-imported",
                    "the do-not-call register '{register}' is not imported (run `dialer register import`)",
                    register=name,
                )
                yield Objection(Reason.NO_REGISTER, words, None)
        for register in imported.values():
            days, most = (now - register.dated) / DAY_SECONDS, rules.maximum_age_days
            if days > most:
                words = translatable(
                    "register-too-old",
                    "the do-not-call register '{register}' is {days} days old; the limit is {most} days",
                    register=register.name,
                    days=round(days),
                    most=round(most),
                )
                yield Objection(Reason.OLD_REGISTER, words, None)

    def _check_recording_certificate(self, campaign: CampaignRules, language: str, now: float) -> Iterator[Objection]:
        if not campaign.plays_recorded_voice or campaign.purpose not in self.rules.profile.certificate.needed_for:
            return
        certified = campaign.certified.get(language)
        if not campaign.certified:
            problem: str | None = translatable(
                "prompts-unknown", "the prompts to be played are unknown (check `audio.catalogue`)"
            )
        elif certified is None:
            problem = translatable(
                "no-recording-certified-in-language",
                "no recording is certified in the language '{language}'",
                language=language,
            )
        elif certified.problem is None and certified.last_day is not None:
            ended = now >= find_midnight_after_day(certified.last_day, self.rules.centre_zone)
            last_day = certified.last_day.isoformat()
            problem = translatable("certificate-expired", "it expired on {day}", day=last_day) if ended else None
        else:
            problem = certified.problem
        if problem is not None:
            words = translatable(
                "certificate-needed",
                "a recorded {purpose} call needs a certificate: {problem}",
                purpose=campaign.purpose.value,
                problem=problem,
            )
            yield Objection(Reason.CERTIFICATE, words, None)

    def _require_certified_recordings_in_a_language(self, campaign: CampaignRules, now: float) -> Iterator[Objection]:
        """Yield an objection if the campaign has no language in which all its recordings have valid certificates
        (approvals by an authority).
        """
        languages = campaign.certified or ("",)
        found = [next(self._check_recording_certificate(campaign, language, now), None) for language in languages]
        if found[0] is not None and None not in found:
            yield found[0]

    def _check_caller_id(self, caller_id: str | None) -> Iterator[Objection]:
        if caller_id is None:
            return
        if caller_id not in self.rules.own_caller_ids:
            words = translatable("caller-id-not-in-pool", "the caller ID is not in the site's pool")
            yield Objection(Reason.CALLER_ID, words, None)
        elif (series := self.rules.profile.caller_id.series) and not caller_id.startswith(series):
            words = translatable("caller-id-outside-series", "the caller ID is outside the allowed series")
            yield Objection(Reason.CALLER_ID, words, None)

    def _check_poll_is_not_over(self, campaign: CampaignRules, area: Area | None, now: float) -> Iterator[Objection]:
        """Yield an objection to calls about turnout after the close of poll."""
        close = CloseUnknown.POLL if area is None else find_close_of_poll(self.rules.polls, area)
        if campaign.purpose is Purpose.TURNOUT and isinstance(close, float) and now >= close:
            when = format_weekday_and_time(close, self.rules.centre_zone)
            words = translatable("poll-of-area-closed", "the poll of the polling area closed on {time}", time=when)
            yield Objection(Reason.POLL_OVER, words, None)

    def _check_retention_period(self, area: Area | None, now: float) -> Iterator[Objection]:
        """Yield an objection if the voter's data should have been erased by now, because the retention period has
        ended.
        """
        poll = None if area is None else find_polling_day(self.rules.polls, area.constituency_number)
        if poll is not None and now >= self.rules.get_erasure_time(poll):
            words = translatable(
                "erasure-due",
                "names and numbers must be erased {days} days after the poll of {day} (run `dialer purge`)",
                days=self.rules.profile.retention.erase_after_days,
                day=poll.day.isoformat(),
            )
            yield Objection(Reason.RETENTION, words, None)

    def _check_silence_interval(self, campaign: CampaignRules, area: Area | None, now: float) -> Iterator[Objection]:
        rules = self.rules
        if not rules.forbids_calls_in_silence_interval(campaign):
            return
        close = CloseUnknown.POLL if area is None else find_close_of_poll(rules.polls, area)
        if close is CloseUnknown.POLL:
            words = translatable(
                "polling-day-unknown",
                "no polling day is known for this polling area (`[[rules.polls]]`), so the silence interval may apply",
            )
            yield Objection(Reason.NO_POLL, words, None)
        elif isinstance(close, CloseUnknown):
            words = translatable(
                "close-of-poll-unknown",
                "the close of poll of this polling area is unknown (set it in `rules.polls` or on the roll)",
            )
            yield Objection(Reason.NO_CLOSE, words, None)
        elif close - rules.silence_interval_seconds <= now < close:
            applies_to_all = campaign.purpose in rules.profile.silence.forbids
            purpose = campaign.purpose.value
            words = (
                translatable(
                    "in-silence-interval", "silence interval of the polling area: no {purpose} calls", purpose=purpose
                )
                if applies_to_all
                else translatable(
                    "in-silence-interval-recorded",
                    "silence interval of the polling area: no recorded {purpose} calls",
                    purpose=purpose,
                )
            )
            yield Objection(Reason.SILENCE, self._add_end(words, close), close)

    def _check_silence_interval_in_all_areas(
        self, campaign: CampaignRules, areas: Collection[Area], now: float
    ) -> Iterator[Objection]:
        """Yield an objection if every polling area forbids calls. The objection ends when the first area allows them.

        An area forbids calls in its silence interval (no campaigning before the close of poll), and if its close of
        poll is unknown.
        """
        found: list[Objection] = []
        for area in areas:
            objection = next(self._check_silence_interval(campaign, area, now), None)
            if objection is None:
                return
            found.append(objection)
        if found:
            yield min(found, key=lambda objection: float("inf") if objection.until is None else objection.until)

    def _check_calling_hours(self, zones: NumberZones, now: float, lasting_seconds: float) -> Iterator[Objection]:
        """Yield an objection unless calls are allowed in all time zones of the number for at least `lasting_seconds`
        from `now`.
        """
        if not zones:
            yield Objection(
                Reason.NO_ZONE, translatable("time-zone-unknown", "the time zone of the number is unknown"), None
            )
            return
        hours = self.rules.hours
        if all(
            hours.are_calls_allowed_at(zone, now) and hours.are_calls_allowed_at(zone, now + lasting_seconds)
            for zone in zones
        ):
            return
        # In the last seconds before closing, the next opening is after the close.
        after = now if not all(hours.are_calls_allowed_at(zone, now) for zone in zones) else now + lasting_seconds
        until = hours.find_next_time_calls_are_allowed(zones, after)
        words = (
            translatable("outside-calling-hours-in-zone", "outside calling hours in {zone}", zone=zones[0].key)
            if len(zones) == 1
            else translatable(
                "outside-calling-hours-in-zones",
                "outside calling hours in the {count} zones where the number may be",
                count=len(zones),
            )
        )
        yield Objection(Reason.HOURS, self._add_end(words, until), until)

    def _check_campaign_calling_hours(self, campaign: CampaignRules, now: float) -> Iterator[Objection]:
        zone = self.rules.centre_zone
        if not campaign.hours.are_calls_allowed_at(zone, now):
            until = campaign.hours.find_next_time_calls_are_allowed((zone,), now)
            words = translatable("outside-campaign-hours", "outside the campaign's calling hours")
            yield Objection(Reason.CAMPAIGN_HOURS, self._add_end(words, until), until)

    def find_end_of_redial_lock(self, facts: PhoneFacts | None, now: float) -> float | None:
        """Return when a number may be dialled again after an abandoned call (the end of its redial lock, in epoch
        seconds), or None if the number is not locked.
        """
        if facts is None or facts.abandoned_at is None:
            return None
        until = facts.abandoned_at + self.rules.profile.redial_lock.hours * HOUR_SECONDS
        return until if now < until else None

    def _check_redial_lock(self, case: Case, now: float) -> Iterator[Objection]:
        until = self.find_end_of_redial_lock(case.facts, now)
        if until is not None and not (case.guaranteed and self.rules.profile.redial_lock.unless_agent_guaranteed):
            words = translatable("redial-locked", "a call to the number was abandoned, so it is not redialled")
            yield Objection(Reason.REDIAL_LOCK, self._add_end(words, until), until)

    def _check_minimum_intervals(self, case: Case, facts: PhoneFacts, now: float) -> Iterator[Objection]:
        """Yield an objection if the number's last call or last conversation was too recent."""
        gaps = self.rules.get_minimum_call_intervals(case.campaign)
        called_at, talked_at = facts.called_at, facts.talked_at
        if case.asked_for:
            called_at, talked_at = case.rung_since_asked_at, None
        until = gaps.find_next_call_time(called_at, talked_at, (case.campaign.campaign_id, *facts.campaigns))
        if now >= until:
            return
        talked = talked_at is not None and until > gaps.find_next_call_time(called_at, None, ())
        if talked:
            words = translatable("recent-conversation", "a recent conversation on the number: no campaign calls it")
        else:
            words = translatable(
                "called-recently",
                "the number was called within the last {minutes:g} minutes: not redialled",
                minutes=gaps.least_seconds / 60,
            )
        yield Objection(Reason.MINIMUM_INTERVAL, self._add_end(words, until), until)

    def _check_daily_caps(
        self, campaign: CampaignRules, facts: PhoneFacts, now: float, asked_at: float
    ) -> Iterator[Objection]:
        rules = self.rules
        attempts, conversations = facts.attempts_today, facts.conversations_today
        most_attempts, most_conversations = (
            rules.get_daily_cap_on_attempts(campaign),
            rules.get_daily_cap_on_conversations(campaign),
        )
        talked_enough = most_conversations is not None and conversations >= most_conversations
        if attempts < most_attempts and not talked_enough:
            return
        midnight = get_next_midnight(rules.centre_zone, asked_at)  # the counts are those of the day of the request
        if now >= midnight:
            return
        if attempts >= most_attempts:
            words = translatable(
                "daily-attempts-made",
                "{attempts} attempts today in all campaigns; the limit is {most}",
                attempts=attempts,
                most=most_attempts,
            )
            yield Objection(Reason.ATTEMPTS, words, midnight)
        if talked_enough:
            words = translatable(
                "daily-conversations-held",
                "{conversations} conversations today; the limit is {most}",
                conversations=conversations,
                most=most_conversations or 0,
            )
            yield Objection(Reason.CONVERSATIONS, words, midnight)

    def _add_end(self, words: TranslatableText, until: float | None) -> TranslatableText:
        """Return the words of an objection with the time when it ends, if that is known."""
        if until is None:
            return words
        end = format_weekday_and_time(until, self.rules.centre_zone)
        return translatable("objection-until", "{objection} until {time}", objection=words, time=end)


def _find_earliest_allowed_time(
    at: float, find_objections: FindObjections
) -> tuple[tuple[Objection, ...], float | None]:
    """Return the objections to a call at the time `at`, and the next time without objections (None = unknown)."""
    first = remaining = tuple(find_objections(at))
    for _ in range(_MAX_STEPS):
        if not remaining:
            return first, at
        untils = [objection.until for objection in remaining]
        known = [until for until in untils if until is not None]
        if len(known) < len(untils) or max(known) <= at:
            return first, None
        at = max(known)
        remaining = tuple(find_objections(at))
    return first, None if remaining else at


def format_weekday_and_time(at: float, zone: ZoneInfo) -> TranslatableText:
    """Return a time (epoch seconds) as text such as "Thu 25 Apr 10:00", in `zone`."""
    local = datetime.fromtimestamp(at, zone)
    return translatable(
        "weekday-and-time",
        "{weekday} {day:02} {month} {time}",
        weekday=f"{local:%a}",
        day=local.day,
        month=f"{local:%b}",
        time=f"{local:%H:%M}",
    )
