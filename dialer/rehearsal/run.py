"""One rehearsed day, in virtual time: the engine itself, over AMI and FastAGI, on a simulated Asterisk in the same loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from config.jurisdiction import Profile
from config.settings import Settings
from config.site_rules import abandoned_caps, site_profile
from dialer.app import running_centre
from dialer.domain.clock import LoopClock
from dialer.domain.view import CampaignView, CentreView, SeatState
from dialer.rehearsal.copy import first_due
from dialer.rehearsal.day import RehearsedDay
from dialer.rehearsal.faults import Faults, not_judged
from dialer.rehearsal.site import REHEARSAL_LOGIN, rehearsal_settings, rehearsed_campaigns
from dialer.rehearsal.staff import agents_of
from dialer.rehearsal.verdict import CampaignOutcome, DayOutcome, Sample
from dialer.reports.demo_report import DemoReport, build_report
from dialer.rules.gate import Reason
from dialer.rules.rulebook import Certified
from dialer.simulation.asterisk.config import (
    LEAST_PRIVILEGE_USER,
    SeatPhone,
    SimulatedAsteriskConfig,
    SimulatedTrunk,
)
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import SimulatedSite
from dialer.simulation.virtual_time import run_virtual
from dialer.site.checks.explain import CertificatesOnDisk
from dialer.store.cipher import site_key
from dialer.store.roll import copy_roll

SAMPLE_SECONDS = 60.0
_TO_BE_MENDED = frozenset(
    {Reason.CERTIFICATE, Reason.NO_CONSENT, Reason.CALLER_ID, Reason.NO_POLL, Reason.NO_CLOSE, Reason.NO_ZONE}
)
"""Why single numbers are not called, where that does not pass by itself and somebody can mend it."""

Progress = Callable[[float], None]
"""Told how far the day has come, 0 to 1."""


def rehearse_day(
    settings: Settings, store: Path, directory: Path, day: RehearsedDay, voters: VoterProfile, progress: Progress
) -> DayOutcome:
    """Rehearse one day on a copy of the store's roll below `directory`. Raises MatdanError for what a person must mend."""
    copy = directory / f"{day.load}-{len(day.faults)}.db"
    key = site_key(settings)
    voters_copied = copy_roll(store, copy, key)
    began = time.monotonic()
    ran = run_virtual(
        lambda: _Rehearsal(settings, day, voters, copy, progress).run(),
        limit_seconds=day.seconds + settings.dialling.drain_seconds + 3600,
    )
    took = time.monotonic() - began
    return _outcome(ran, day, voters_copied, took, settings, site_profile(settings), first_due(copy, key))


@dataclass(frozen=True, slots=True)
class _Ran:
    """What is known once the day is over."""

    report: DemoReport
    samples: tuple[Sample, ...]
    faults: Faults
    held: Mapping[str, Counter[str]]  # by campaign: what held it while its hours were open, and for how many samples
    view: CentreView


class _Rehearsal:
    """The day while it runs."""

    def __init__(
        self, settings: Settings, day: RehearsedDay, voters: VoterProfile, copy: Path, progress: Progress
    ) -> None:
        """`copy` is the store of the day; the journal of its calls is kept beside it."""
        self._settings = settings
        self._profile = site_profile(settings)
        self._day = day
        self._voters = voters
        self._hours = {hours.campaign_id: hours for hours in day.hours}
        self._copy = copy
        self._journal = copy.with_suffix(".jsonl")
        self._progress = progress
        self._samples: list[Sample] = []
        self._held: dict[str, Counter[str]] = defaultdict(Counter)

    async def run(self) -> _Ran:
        day, certificates = self._day, self._certificates()
        async with SimulatedAsterisk(self._switch_config()) as switch:
            settings = rehearsal_settings(self._settings, day.load, self._copy, switch.ami_port)
            faults = Faults(day, switch, settings)
            async with running_centre(
                settings,
                clock=LoopClock(day.starts_at),
                chance=random.Random(day.seed),  # noqa: S311 - repeatable, for a simulation
                profile=self._profile,
                certified=lambda campaign_id, _: certificates[campaign_id],
            ) as centre:
                site = SimulatedSite(switch, centre)
                asyncio.get_running_loop().call_later(day.seconds, site.stop.set)
                centre.engine.subscribe(faults.on_change)
                agents = agents_of(self._settings, settings, centre.engine, day.load, day.seed)
                await site.run(self._watch(site), faults.run(), agents.run(site.stop))
                view = site.view
        key = site_key(self._settings)
        report = build_report(self._copy, since=day.starts_at, journal=self._journal, key=key)
        return _Ran(report, tuple(self._samples), faults, self._held, view)

    def _certificates(self) -> dict[str, Mapping[str, Certified]]:
        """What the site's own catalogue says of each campaign, by id. Its sounds are not played here, and need not be there."""
        on_disk = CertificatesOnDisk(self._settings, self._profile, self._day.starts_at)
        return {campaign.id: on_disk.of(campaign) for campaign in self._settings.campaigns}

    def _switch_config(self) -> SimulatedAsteriskConfig:
        settings, day = self._settings, self._day
        seats = rehearsal_settings(settings, day.load, self._copy, 1).seats
        return SimulatedAsteriskConfig(
            users=(replace(LEAST_PRIVILEGE_USER, name=REHEARSAL_LOGIN, secret=REHEARSAL_LOGIN),),
            seed=day.seed,
            trunks=tuple(SimulatedTrunk(trunk.endpoint, trunk.channels * day.load) for trunk in settings.trunks),
            seats=tuple(SeatPhone(seat.endpoint, str(1000 + number)) for number, seat in enumerate(seats)),
            profile=self._voters,
            journal=self._journal,
            start_epoch=day.starts_at,
        )

    async def _watch(self, site: SimulatedSite) -> None:
        while True:
            view = site.view
            self._samples.append(
                Sample(
                    view.at,
                    sum(campaign.attempts for campaign in view.campaigns),
                    sum(booth.reached for booth in view.booths),
                    sum(seat.state is SeatState.TALKING for seat in view.seats),
                    sum(seat.state is SeatState.READY for seat in view.seats),
                    sum(trunk.channels_used for trunk in view.trunks),
                )
            )
            for campaign in view.campaigns:
                hours = self._hours.get(campaign.campaign_id)
                if hours is not None and hours.open_at(view.at):
                    self._held[campaign.campaign_id][_held(campaign)] += 1
            self._progress(min(1.0, (view.at - self._day.starts_at) / self._day.seconds))
            await asyncio.sleep(SAMPLE_SECONDS)


def _held(campaign: CampaignView) -> str:
    """What keeps a campaign from calling at this moment, in words; empty: nothing."""
    if campaign.hold is not None:
        return str(campaign.hold)
    reasons = ", ".join(f"{reason} ({times:,})" for reason, times in campaign.refused.items())
    return f"the rules forbade its calls: {reasons}" if reasons else ""


def _outcome(
    ran: _Ran,
    day: RehearsedDay,
    voters: int,
    took: float,
    settings: Settings,
    profile: Profile,
    due: Mapping[str, float],
) -> DayOutcome:
    figures = ran.report.as_json()
    seats = ran.report.utilisation.values()
    calling = {campaign.campaign_id for campaign in ran.view.campaigns if campaign.attempts}
    unjudged = not_judged(day, ran.faults.over_at, due, calling, settings.trunk_rest.longest_rest_seconds)
    return DayOutcome(
        day=day,
        voters=voters,
        attempts=figures["attempts"],
        answered=figures["answered"],
        connected=figures["connected"],
        abandoned=figures["abandoned"],
        live_answers=figures["live_answers"],
        reached=sum(booth.reached for booth in ran.view.booths),
        voted=sum(booth.voted for booth in ran.view.booths),
        utilisation=sum(seats) / len(seats) if seats else None,
        channels=sum(trunk.channels for trunk in ran.view.trunks),
        abandoned_limit=min(
            cap for each in rehearsed_campaigns(settings) for _, _, cap in abandoned_caps(each, profile)
        ),
        took_seconds=took,
        checks={check.rule: (check.holds, ", ".join(check.found)) for check in ran.report.checks.values()},
        samples=ran.samples,
        recovered=ran.faults.recovered,
        not_judged=unjudged,
        campaigns=_campaigns(ran, day),
    )


def _campaigns(ran: _Ran, day: RehearsedDay) -> tuple[CampaignOutcome, ...]:
    views = {campaign.campaign_id: campaign for campaign in ran.view.campaigns}
    found = []
    for hours in day.hours:
        view = views[hours.campaign_id]
        refused = {reason: times for reason, times in view.refused.items() if reason in _TO_BE_MENDED}
        could_call = hours.open_seconds(day.starts_at, day.ends_at) > 0
        most = ran.held.get(hours.campaign_id, Counter[str]()).most_common(1)
        why = most[0][0] if could_call and most else "" if could_call else hours.why
        found.append(CampaignOutcome(hours.campaign_id, view.attempts, could_call, why, refused))
    return tuple(found)
