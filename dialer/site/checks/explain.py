"""Why somebody can or cannot be called, in words: for `dialer rules explain`. Reads the store, asks the gate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dialer.audio.playlist import Playlist
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import RollError
from dialer.domain.model import CampaignState
from dialer.errors import MatdanError
from dialer.flows.catalogue import load_flow
from dialer.flows.prompts import CataloguePrompts, playlist_reader
from dialer.flows.texts import FALLBACK_LANGUAGE, LANGUAGE, texts_with
from dialer.roll.phone_numbers import read_cell
from dialer.rules.calling_hours import day_start
from dialer.rules.gate import Case, Gate, Reason, moment_text
from dialer.rules.polls import Area
from dialer.rules.rulebook import Certified, polls_of, rulebook_of
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_day, site_zone
from dialer.site.certificates import NOTHING_KNOWN, certified_of
from dialer.site.polling_day import polling_plan
from dialer.site.rules_versions import SiteRules, site_rules, site_rules_of
from dialer.store import numbers, voters
from dialer.store.connection import Connection
from dialer.store.numbers import NumberRecord

_VOTER = re.compile(r"[0-9]{1,9}", re.ASCII)
_EPIC = re.compile(r"[A-Za-z]{3}[0-9]{7}", re.ASCII)
_PLACE = re.compile(r"([0-9]{1,4})/([0-9]{1,5})/([0-9]{1,6})", re.ASCII)
_PLACE_NOT_KEPT = "the number's place in the campaigns' lists, which changed since"


@dataclass(frozen=True, slots=True)
class NumberExplained:
    """Of one number in one campaign."""

    number: str  # all but its last digits masked
    campaign: str
    allowed: bool
    reasons: tuple[str, ...]
    next_at: float | None
    once: str | None = None  # what must have happened first, where nobody knows when it will
    not_kept: tuple[str, ...] = ()  # of a past moment, in words: what is judged as it is now, or not at all
    grounds: str = ""  # of a past moment, as they are kept with a call that is placed then (`Gate.grounds`)


@dataclass(slots=True)
class CertificatesOnDisk:
    """What the catalogue says of the recorded campaigns that need certificates; it is read for the first of them."""

    settings: Settings
    profile: Profile
    now: float
    _playlist: Playlist | None = field(default=None, init=False)

    def of(self, campaign: Campaign) -> Mapping[str, Certified]:
        """By language; empty: it needs none, or what it plays cannot be known."""
        needed = campaign.kind is CampaignKind.IVR and campaign.purpose in self.profile.certificate.needed_for
        if not needed or campaign.flow is None or campaign.has_script or self.settings.audio.catalogue is None:
            return NOTHING_KNOWN
        try:
            if self._playlist is None:
                self._playlist = playlist_reader(self.settings, self.profile).read()
            day = site_day(self.settings, self.now)
            prompts = CataloguePrompts(self._playlist, campaign.id, day, texts_with(self.settings.flows.texts))
            return certified_of(load_flow(campaign.flow), prompts)
        except MatdanError:  # `dialer check` says what is wrong with it
            return NOTHING_KNOWN


def gate_of(settings: Settings, db: Connection | None) -> Gate:
    """The site's gate, with the registers of its store. Raises SettingError."""
    rulebook = rulebook_of(site_profile(settings), settings)
    return Gate(rulebook if db is None else rulebook.with_registers(tuple(numbers.registers(db))))


def explain(
    settings: Settings, db: Connection, who: str, at: float, *, past: bool = False
) -> Iterator[NumberExplained]:
    """What the gate and the queues say of a number or a voter, campaign by campaign, at a moment (epoch seconds). `past`: by the
    rules that held then, as far as they are kept; what happened later is not known in any case. Raises RollError, SettingError.
    """
    rules = _rules_by(db, settings, at) if past else site_rules(site_profile(settings), settings)
    settings = rules.settings
    imported = numbers.registers_by(db, at, site_zone(settings))
    gate = Gate(rulebook_of(rules.profile, settings).with_registers(imported.registers))
    certificates = CertificatesOnDisk(settings, rules.profile, at)
    polling = polling_plan(settings, polls_of(settings))
    since = day_start(gate.rules.centre_zone, at)
    booths, states = voters.booths(db), numbers.campaign_states_by(db, at)
    for number in numbers_meant(db, who, settings.centre.region):
        record = numbers.number_record(db, number, since, at)
        facts = replace(
            record.facts, registers=tuple(name for name in record.facts.registers if name in imported.names_kept)
        )
        not_kept = (
            *rules.not_kept,
            *(f"which numbers stood on the register {name!r}, replaced since" for name in sorted(imported.replaced)),
            *record.not_kept,
        )
        booth = booths.get(record.booth_id or 0)
        area = None if booth is None else Area(booth.constituency_number, booth.closes_at)
        close = None if booth is None else polling.close_of(booth)
        spoken = record.language if LANGUAGE.fullmatch(record.language) else FALLBACK_LANGUAGE
        for campaign in settings.campaigns:
            certified = certificates.of(campaign)
            campaign_rules = rules.campaign(campaign, certified)
            case = Case(
                campaign_rules,
                number,
                area,
                facts,
                language=spoken,
                asked_for=campaign.id in record.asked_for,
                rung_since_asked_at=record.asked_for.get(campaign.id),
            )
            others, due_at, never = _of_the_queue(record, campaign.id, gate, at)
            state = states.get(campaign.id, CampaignState.RUNNING)
            if state is not CampaignState.RUNNING:
                others.insert(0, f"the campaign is {state.value}: an operator must let it run")
                never = True
            once = _once(record, campaign.id)
            turnout = campaign_rules.purpose is Purpose.TURNOUT
            last = close - polling.last_call_seconds if turnout and close is not None else None
            if close is not None and last is not None and last <= at < close:
                others.append(
                    f"too late to go and vote: no turnout call after {moment_text(last, gate.rules.centre_zone)}"
                )
            # The queue says it with the moment and the source.
            told = Reason.OPTED_OUT if record.known and record.opted_out_at is not None else None
            explanation = _explained(gate, case, at, others, None if never else due_at, told)
            if last is not None and explanation.next_at is not None and explanation.next_at >= last:
                explanation = replace(explanation, next_at=None)
            if past:
                explanation = replace(
                    explanation,
                    grounds=gate.grounds(case, rules.version),
                    not_kept=(
                        *not_kept,
                        *_certificates_not_kept(db, case, certified, since, at),
                        *([_PLACE_NOT_KEPT] if record.known and record.queues is None else []),
                    ),
                )
            yield explanation if explanation.next_at is None else replace(explanation, once=once)


def _rules_by(db: Connection, settings: Settings, at: float) -> SiteRules:
    """The rules that held at a moment; those of the settings where the store has none of then."""
    profile, then = site_profile(settings), numbers.rules_by(db, at)
    if then is None:
        return site_rules(profile, settings, ("the rules: no dialler that keeps them had started yet",))
    return replace(site_rules_of(then.text, profile, settings), version=then.digest)


def _certificates_not_kept(
    db: Connection, case: Case, certified: Mapping[str, Certified], since: float, at: float
) -> Iterator[str]:
    """Whether the campaign's calls of that day rest on other certificates than the catalogue has."""
    kept = numbers.certificates_by(db, case.campaign.campaign_id, since, at)
    if kept and not kept & {each.digest for each in certified.values()}:
        yield f"what was certified for {case.campaign.campaign_id}: the catalogue has changed since"


def _once(record: NumberRecord, campaign: str) -> str | None:
    """What comes before the next call and has no hour."""
    if record.on_a_call:
        return "once its call has ended"
    return "once the dialler has started" if record.queues is not None and campaign not in record.queues else None


def _explained(
    gate: Gate, case: Case, now: float, others: Sequence[str], at: float | None, told: Reason | None
) -> NumberExplained:
    """`others` speak against the call until `at`, None: for good; then the rules are asked. `told`: a reason among `others`."""
    objections = gate.originate(case, now).objections
    reasons = (*others, *(objection.words for objection in objections if objection.reason is not told))
    next_at = None if at is None else gate.next_from(case, now, at)
    return NumberExplained(masked(case.number), case.campaign.campaign_id, not reasons, reasons, next_at)


def numbers_meant(db: Connection, who: str, region: str) -> list[str]:
    """The numbers meant by a number, or as in `voter_meant`. Raises RollError where nobody is meant, or several are."""
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


def voter_meant(db: Connection, who: str) -> int | None:
    """The voter meant by id, EPIC number or constituency/part/serial; None: no voter's name. Raises RollError."""
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
    if not found:
        raise RollError(f"{who}: the roll has no voter there: check the roll's own figures, or give a voter's id")
    if len(found) != 1:
        ids = ", ".join(map(str, found))
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
    if record.queues is None:
        return reasons, at, never
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
