"""Whether a site keeps its rules, and whom its campaigns can call: what `dialer rules check` and `dialer check` tell alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from dialer.domain.model import CampaignState
from dialer.rules.calling_hours import Stretch, joined
from dialer.rules.first_call import Areas, FirstCall, areas_of_polls, areas_of_roll, first_call
from dialer.rules.gate import Gate, moment_text
from dialer.rules.polls import Area, NotKnown, close_of
from dialer.rules.rulebook import campaign_rules
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_time import DAY_SECONDS
from dialer.site.checks.explain import CertificatesOnDisk, gate_of
from dialer.site.checks.finding import Finding, bad, good, note
from dialer.store import numbers, voters
from dialer.store.connection import Connection


def rules_findings(settings: Settings, profile: Profile, db: Connection | None, now: float) -> Iterator[Finding]:
    """Registers, certificates, campaigns and polling days at a moment; `db` is the site's store, None where none can be read."""
    gate = gate_of(settings, db)
    for register in gate.rules.registers:
        age = (now - register.dated) / DAY_SECONDS
        text = f"{register.numbers:,} numbers, of {moment_text(register.dated, gate.rules.centre_zone)}, {age:.0f} days old"
        yield (bad if age > profile.registers.maximum_age_days else good)(f"register {register.name}", text)
    certificates = CertificatesOnDisk(settings, profile, now)
    areas = _areas(settings, gate, db)
    states = {} if db is None else numbers.campaign_states(db)
    for campaign in settings.campaigns:
        rules = campaign_rules(campaign, settings, certificates.of(campaign))
        what = f"campaign {campaign.id} ({campaign.purpose.value}, {'recorded' if rules.recorded else 'live'})"
        covered = [
            f"{language} until {each.last_day or 'further notice'}"
            for language, each in rules.certified.items()
            if each.problem is None
        ]
        if covered:
            yield good(what, f"all that it plays is certified in {', '.join(covered)}; elsewhere it calls nobody")
        first = first_call(gate, rules, areas, now)
        yield _campaign_finding(
            what, campaign, first, states.get(campaign.id, CampaignState.RUNNING), now, gate.rules.centre_zone
        )
        narrowed = _narrowed(campaign, gate, now)
        if narrowed is not None:
            yield note(what, narrowed)
    if db is None:
        yield note("polling areas", "no store could be read: they were not looked at")
    else:
        yield from _of_areas(settings, gate, db)


def _areas(settings: Settings, gate: Gate, db: Connection | None) -> Areas:
    last_call_seconds = settings.polling_day.last_call_minutes * 60.0
    booths = [] if db is None else voters.booths(db).values()
    return areas_of_roll(booths, last_call_seconds) or areas_of_polls(gate.rules.polls, last_call_seconds)


def _campaign_finding(
    what: str, campaign: Campaign, first: FirstCall, state: CampaignState, now: float, zone: ZoneInfo
) -> Finding:
    if first.at is None:
        return bad(what, first.why)
    if state is not CampaignState.RUNNING:
        return note(what, f"the campaign is {state.value}: an operator must let it run")
    if first.at > now:  # its time will come
        return good(what, f"{first.why}; next: {moment_text(first.at, zone)}")
    hours = _hours_text([(each.start, each.until) for each in campaign.hours])
    return good(what, f"may call now; calling hours {hours} ({zone.key})")


def _narrowed(campaign: Campaign, gate: Gate, now: float) -> str | None:
    """What the profile leaves of a campaign's hours, in words; None: all of them, or there are none."""
    own = joined([(each.start, each.until) for each in campaign.hours])
    profile = gate.rules.hours
    days = [("on weekdays", profile.weekday), ("on Saturdays", profile.saturday), ("on Sundays", profile.sunday)]
    if profile.holidays:
        days.append(("on holidays", profile.holiday))
    left = {day: _common(own, joined(allowed)) for day, allowed in days}
    if all(each == own for each in left.values()):
        return None
    head = f"of its calling hours {_hours_text(own)} the profile {gate.rules.profile.name}"
    if _elsewhere(gate, now):
        allowed = _by_day({day: joined(hours) for day, hours in days})
        return f"{head} leaves what lies within {allowed}, where the number is"
    return f"{head} leaves {_by_day(left)}"


def _elsewhere(gate: Gate, now: float) -> bool:
    """Whether a number may be where clocks show another time than the centre's."""
    moment = datetime.fromtimestamp(now, gate.rules.centre_zone)
    return any(moment.astimezone(zone).utcoffset() != moment.utcoffset() for zone in gate.rules.zones_of_all())


def _by_day(hours: dict[str, list[Stretch]]) -> str:
    texts = {day: _hours_text(each) for day, each in hours.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{text} {day}" for day, text in texts.items())


def _common(some: Sequence[Stretch], others: Sequence[Stretch]) -> list[Stretch]:
    both = [(max(one[0], other[0]), min(one[1], other[1])) for one in some for other in others]
    return [(start, until) for start, until in both if start < until]


def _hours_text(hours: Sequence[tuple[time, time]]) -> str:
    return ", ".join(f"{start:%H:%M}-{until:%H:%M}" for start, until in hours) or "nothing"


def _of_areas(settings: Settings, gate: Gate, db: Connection) -> Iterator[Finding]:
    touched = [each.id for each in settings.campaigns if gate.rules.silences(campaign_rules(each, settings))]
    booths = list(voters.booths(db).values())
    if not touched:
        yield good("silence", f"it touches no campaign here; {len(booths)} polling areas")
        return
    closes = {
        booth.booth_id: close_of(gate.rules.polls, Area(booth.constituency_number, booth.closes_at)) for booth in booths
    }
    missing = [booth for booth in booths if closes[booth.booth_id] is NotKnown.POLL]
    hourless = [booth for booth in booths if closes[booth.booth_id] is NotKnown.HOUR]
    names = ", ".join(touched)
    if missing:
        constituencies = sorted({booth.constituency_number for booth in missing})
        told = ", ".join(map(str, constituencies[:10])) + (" ..." if len(constituencies) > 10 else "")
        yield bad("silence", f"no polling day for constituencies {told}: {names} may not call there ([[rules.polls]])")
    if hourless:
        text = f"{len(hourless)} polling areas have no close time: {names} may not call there (import the roll, or closes_at)"
        yield bad("silence", text)
    if not missing and not hourless:
        yield good("silence", f"the close of poll is known for all {len(booths)} polling areas")
