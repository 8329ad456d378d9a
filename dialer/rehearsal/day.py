"""What is rehearsed: which day, from when to when, the load, and the faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from config.errors import MatdanError
from config.lines import Carrier
from config.settings import Settings
from config.site_rules import site_profile
from dialer.rehearsal.hours import CampaignHours, SiteHours, Stretch
from dialer.rehearsal.site import rehearsed_campaigns
from dialer.rules.calling_hours import joined
from dialer.rules.first_call import Areas


class CannotRehearse(MatdanError):
    """The settings leave nothing to rehearse. The text says what is missing."""


class FaultKind(StrEnum):
    """What goes wrong on a rehearsed day."""

    LINK_CUT = "the manager link is cut"
    LINK_STALLED = "the manager link hangs for 20 s"
    TRUNK_DOWN = "a trunk is dead for five minutes"
    SWITCH_RESTARTED = "Asterisk restarts"
    PHONES_LOST = "a third of the phones are lost for two minutes"
    FLOWS_CUT = "calls in flows lose their server"
    SLOW_CARRIER = "the carrier takes 6 s longer for ten minutes"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, `at_seconds` after the day's beginning."""

    kind: FaultKind
    at_seconds: float


@dataclass(frozen=True, slots=True)
class RehearsedDay:
    """One run of the day."""

    name: str
    starts_at: float  # epoch seconds
    ends_at: float
    load: int  # 1: the site as it is; 2: twice the seats, channels and call starts
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    hours: tuple[CampaignHours, ...] = ()  # of each campaign on the whole of that day, by the clock alone

    @property
    def seconds(self) -> float:
        """How long the day is."""
        return self.ends_at - self.starts_at


def days_of(
    settings: Settings,
    today: date,
    *,
    faults: bool,
    hours: float | None,
    seed: int,
    areas: Areas | None = None,
) -> tuple[RehearsedDay, ...]:
    """The runs: the day at the site's load and at twice it, and at that again with faults.

    The day is that of the next poll in the settings; where nobody may be called on it, the first one from today on when somebody
    may; where there is none, the last poll's. It goes from the first moment at which a campaign may call to the last one
    (campaigns' and profile's hours, silence, last calls of the polling areas), or `hours` of it. `areas`: those of the site's roll.

    Raises CannotRehearse with what is missing, SettingError where the site's profile is broken.
    """
    if not settings.campaigns:
        raise CannotRehearse("the settings have no campaign to rehearse; add a [[campaigns]] table")
    if not any(trunk.carrier is Carrier.ASTERISK for trunk in settings.trunks):
        raise CannotRehearse("the settings have no trunk of Asterisk's to rehearse on; add a [[trunks]] table")
    campaigns = rehearsed_campaigns(settings)
    if not campaigns:
        raise CannotRehearse("all campaigns have Twilio's trunks alone; give one a trunk of Asterisk's to rehearse on")
    site = SiteHours(settings, site_profile(settings), campaigns, areas)
    of_campaigns = _day_of(settings, site, today)
    open_hours = joined(stretch for each in of_campaigns for stretch in each.stretches)
    start, end = open_hours[0][0], open_hours[-1][1]
    if hours is not None:
        end = min(end, start + hours * 3600.0)
    of_campaigns = site.told_of(of_campaigns, start, end)
    plain = [
        RehearsedDay("the site's load", start, end, 1, (), seed, of_campaigns),
        RehearsedDay("twice the load", start, end, 2, (), seed, of_campaigns),
    ]
    if faults:
        spread = tuple(_faults(open_hours, end))
        plain.append(RehearsedDay("twice the load, with faults", start, end, 2, spread, seed, of_campaigns))
    return tuple(plain)


def _day_of(settings: Settings, site: SiteHours, today: date) -> tuple[CampaignHours, ...]:
    """The campaigns' hours on the day that is rehearsed."""
    polls = [poll.day for poll in settings.rules.polls]
    next_poll = min((day for day in polls if day >= today), default=today)
    for day in (next_poll, site.first_day(today), max(polls, default=None)):
        found = () if day is None else site.on(day)
        if any(each.stretches for each in found):
            return found
    why = "; ".join(f"campaign {each.campaign_id}: {each.why}" for each in site.on(next_poll))
    raise CannotRehearse(f"nobody may be called on {next_poll} or on any other day ({why}); see dialer rules check")


def _faults(open_hours: Sequence[Stretch], end: float) -> Iterator[Fault]:
    """Every kind once, spread over the hours in which somebody may be called, with room to recover in between."""
    stretches = [(since, min(until, end)) for since, until in open_hours if since < end]
    whole = sum(until - since for since, until in stretches)
    kinds = list(FaultKind)
    for place, kind in enumerate(kinds, 1):
        left = whole * place / (len(kinds) + 2)  # the last one too has time to pass
        for since, until in stretches:
            if left < until - since:
                yield Fault(kind, since + left - stretches[0][0])  # the day begins with the first stretch
                break
            left -= until - since
