"""One rehearsed day, in virtual time: the engine itself, over AMI and FastAGI, on a simulated Asterisk in the same loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dialer.app import running_centre
from dialer.domain.clock import LoopClock
from dialer.domain.view import CampaignView, CentreView, SeatState
from dialer.rules.gate import Reason
from dialer.rules.rulebook import CertificateStatus
from dialer.settings.site import Settings
from dialer.settings.site_rules import abandoned_caps, site_profile
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.demo.report import build_report
from dialer.simulation.rehearsal.day import CampaignHours, RehearsedDay
from dialer.simulation.rehearsal.faults import Faults, not_judged
from dialer.simulation.rehearsal.site import rehearsal_settings, rehearsed_campaigns, rehearsed_lines
from dialer.simulation.rehearsal.staff import agents_of
from dialer.simulation.rehearsal.verdict import CampaignOutcome, DayOutcome, Sample
from dialer.simulation.site import SimulatedSite
from dialer.simulation.virtual_time import run_virtual
from dialer.site.certificates import CertificatesOnDisk
from dialer.store.connection import read_snapshot
from dialer.store.keys import site_key
from dialer.store.roll import copy_roll
from dialer.store.targets import first_due

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
    copied = copy_roll(store, copy, site_key(settings))
    return run_virtual(
        lambda: _Rehearsal(settings, day, voters, copy, progress).run(copied),
        limit_seconds=day.seconds + settings.dialling.drain_seconds + 3600,
    )


class _Rehearsal:
    """The day while it runs."""

    def __init__(
        self, settings: Settings, day: RehearsedDay, voters: VoterProfile, copy: Path, progress: Progress
    ) -> None:
        """`copy` is the store of the day; the journal of its calls is kept beside it."""
        self._settings = settings
        self._profile = site_profile(settings)
        self._day = day
        self._hours = {hours.campaign_id: hours for hours in day.hours}
        self._copy = copy
        self._progress = progress
        self._lines = replace(
            rehearsed_lines(settings, day.load),
            seed=day.seed,
            profile=voters,
            journal=copy.with_suffix(".jsonl"),
            start_epoch=day.starts_at,
        )
        self._samples: list[Sample] = []
        # By campaign: what held it while its hours were open, and for how many samples.
        self._held: dict[str, Counter[str]] = defaultdict(Counter)

    async def run(self, voters: int) -> DayOutcome:
        """The whole day, and what it came to; so many `voters` are on the roll."""
        day, certificates, began = self._day, self._certificates(), time.monotonic()
        async with SimulatedAsterisk(self._lines) as switch:
            settings = rehearsal_settings(self._settings, day.load, self._copy, switch.ami_port)
            faults = Faults(day, switch, settings)
            async with running_centre(
                settings,
                clock=LoopClock(day.starts_at),
                chance=random.Random(day.seed),
                profile=self._profile,
                certified=lambda campaign_id, _: certificates[campaign_id],
            ) as centre:
                site = SimulatedSite(switch, centre)
                asyncio.get_running_loop().call_later(day.seconds, site.stop.set)
                centre.engine.subscribe(faults.on_change)
                agents = agents_of(self._settings, settings, centre.engine, day.load, day.seed)
                await site.run(self._watch(site), faults.run(), agents.run(site.stop))
                view = site.view
        return self._outcome(voters, view, faults, time.monotonic() - began)

    def _certificates(self) -> dict[str, Mapping[str, CertificateStatus]]:
        """What the site's own catalogue says of each campaign, by id. Its sounds are not played here, and need not be there."""
        on_disk = CertificatesOnDisk(self._settings, self._profile, self._day.starts_at)
        return {campaign.id: on_disk.of(campaign) for campaign in self._settings.campaigns}

    async def _watch(self, site: SimulatedSite) -> None:
        while True:
            view = site.view
            self._samples.append(
                Sample(
                    view.state.at,
                    sum(booth.contacted for booth in view.booths),
                    sum(seat.state is SeatState.TALKING for seat in view.seats),
                    sum(trunk.channels_used for trunk in view.state.trunks),
                )
            )
            for campaign in view.campaigns:
                hours = self._hours.get(campaign.campaign_id)
                if hours is not None and hours.is_open_at(view.state.at):
                    self._held[campaign.campaign_id][_held(campaign)] += 1
            self._progress(min(1.0, (view.state.at - self._day.starts_at) / self._day.seconds))
            await asyncio.sleep(SAMPLE_SECONDS)

    def _outcome(self, voters: int, view: CentreView, faults: Faults, took: float) -> DayOutcome:
        day, settings, key = self._day, self._settings, site_key(self._settings)
        report = build_report(self._copy, since=day.starts_at, journal=self._lines.journal, key=key)
        with read_snapshot(self._copy, key) as db:
            due = first_due(db)
        figures, seats = report.as_json(), report.utilisation.values()
        calling = {campaign.campaign_id for campaign in view.campaigns if campaign.attempts}
        return DayOutcome(
            day=day,
            voters=voters,
            attempts=figures["attempts"],
            answered=figures["answered"],
            connected=figures["connected"],
            abandoned=figures["abandoned"],
            live_answers=figures["live_answers"],
            reached=sum(booth.contacted for booth in view.booths),
            utilisation=sum(seats) / len(seats) if seats else None,
            channels=sum(trunk.channels for trunk in view.state.trunks),
            abandoned_limit=min(
                cap for each in rehearsed_campaigns(settings) for _, _, cap in abandoned_caps(each, self._profile)
            ),
            took_seconds=took,
            checks={check.rule: (check.holds, ", ".join(check.found)) for check in report.checks.values()},
            samples=self._samples,
            recovered=faults.recovered,
            not_judged=not_judged(day, faults.over_at, due, calling, settings.trunk_rest.max_rest_seconds),
            campaigns=[self._campaign(view, hours) for hours in day.hours],
        )

    def _campaign(self, view: CentreView, hours: CampaignHours) -> CampaignOutcome:
        campaign = next(each for each in view.campaigns if each.campaign_id == hours.campaign_id)
        refused = {reason: times for reason, times in campaign.refused.items() if reason in _TO_BE_MENDED}
        could_call = hours.open_seconds(self._day.starts_at, self._day.ends_at) > 0
        most = self._held[hours.campaign_id].most_common(1)
        why = (most[0][0] if most else "") if could_call else hours.why
        return CampaignOutcome(hours.campaign_id, campaign.attempts, could_call, why, refused)


def _held(campaign: CampaignView) -> str:
    """What keeps a campaign from calling at this moment, in words; empty: nothing."""
    if campaign.hold is not None:
        return str(campaign.hold)
    reasons = ", ".join(f"{reason} ({times:,})" for reason, times in campaign.refused.items())
    return f"the rules forbade its calls: {reasons}" if reasons else ""
