"""Run one rehearsed day in virtual time: the real engine on a simulated Asterisk, over AMI and FastAGI, in one loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dialer.app import assemble_centre
from dialer.domain.clock import LoopClock
from dialer.domain.view import CampaignView, CentreView, SeatState
from dialer.rules.gate import Reason
from dialer.rules.rulebook import CertificateStatus
from dialer.settings.site import Settings
from dialer.settings.site_rules import list_caps_on_abandoned_rate, load_site_profile
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.demo.report import build_demo_report
from dialer.simulation.rehearsal.day import CampaignHours, RehearsedDay
from dialer.simulation.rehearsal.faults import FaultInjector, find_faults_without_measurable_recovery
from dialer.simulation.rehearsal.site import (
    list_campaigns_to_rehearse,
    make_rehearsal_asterisk_config,
    make_rehearsal_settings,
)
from dialer.simulation.rehearsal.staff import create_rehearsal_agents
from dialer.simulation.rehearsal.verdict import CampaignOutcome, CentreSample, DayOutcome
from dialer.simulation.site import SimulatedSite
from dialer.simulation.virtual_time import run_in_virtual_time
from dialer.site.certificates import CertificatesOnDisk
from dialer.store.connection import open_store_snapshot
from dialer.store.keys import read_store_key_of_site
from dialer.store.roll import copy_electoral_roll_to_new_store
from dialer.store.targets import find_first_due_times

SAMPLE_SECONDS = 60.0
_CORRECTABLE_REASONS = frozenset(
    {Reason.CERTIFICATE, Reason.NO_CONSENT, Reason.CALLER_ID, Reason.NO_POLL, Reason.NO_CLOSE, Reason.NO_ZONE}
)
"""Reasons why a number may not be called that last until somebody corrects the settings or the data."""

Progress = Callable[[float], None]
"""Called with the share of the day that has passed (0-1)."""


def rehearse_day(
    settings: Settings, store: Path, directory: Path, day: RehearsedDay, voters: VoterProfile, progress: Progress
) -> DayOutcome:
    """Rehearse one day on a copy of the store's electoral roll in `directory`.

    Raises MatdanError if a person must correct something before the day can be rehearsed.
    """
    copy = directory / f"{day.load}-{len(day.faults)}.db"
    copied = copy_electoral_roll_to_new_store(store, copy, read_store_key_of_site(settings))
    return run_in_virtual_time(
        lambda: _Rehearsal(settings, day, voters, copy, progress).rehearse_whole_day(copied),
        limit_seconds=day.day_length_seconds + settings.dialling.drain_seconds + 3600,
    )


class _Rehearsal:
    """A rehearsed day while it runs."""

    def __init__(
        self, settings: Settings, day: RehearsedDay, voters: VoterProfile, copy: Path, progress: Progress
    ) -> None:
        """Create the rehearsal of one day. `copy` is a copy of the store. The journal of the rehearsed calls is written
        next to this copy, with the suffix .jsonl.
        """
        self._settings = settings
        self._profile = load_site_profile(settings)
        self._day = day
        self._hours = {hours.campaign_id: hours for hours in day.hours}
        self._copy = copy
        self._progress = progress
        self._lines = replace(
            make_rehearsal_asterisk_config(settings, day.load),
            seed=day.seed,
            profile=voters,
            journal=copy.with_suffix(".jsonl"),
            start_epoch=day.starts_at,
        )
        self._samples: list[CentreSample] = []
        # By campaign: the hold reasons in its open hours, and the number of samples with each.
        self._held: dict[str, Counter[str]] = defaultdict(Counter)

    async def rehearse_whole_day(self, voters: int) -> DayOutcome:
        """Run the whole rehearsed day and return its outcome. `voters` is the number of voters on the electoral roll."""
        day, certificates, began = self._day, self._read_approvals_of_campaign_recordings(), time.monotonic()
        async with SimulatedAsterisk(self._lines) as switch:
            settings = make_rehearsal_settings(self._settings, day.load, self._copy, switch.ami_port)
            faults = FaultInjector(day, switch, settings)
            async with assemble_centre(
                settings,
                clock=LoopClock(day.starts_at),
                chance=random.Random(day.seed),
                profile=self._profile,
                certified=lambda campaign_id, _: certificates[campaign_id],
            ) as centre:
                site = SimulatedSite(switch, centre)
                asyncio.get_running_loop().call_later(day.day_length_seconds, site.stop.set)
                centre.engine.subscribe_to_changes(faults.record_recovery_from_faults)
                agents = create_rehearsal_agents(self._settings, settings, centre.engine, day.load, day.seed)
                await site.dial_until_stopped(
                    self._record_centre_state_until_cancelled(site),
                    faults.inject_planned_faults(),
                    agents.react_to_engine_until_stopped(site.stop),
                )
                view = site.centre_view
        return self._build_outcome_of_rehearsed_day(voters, view, faults, time.monotonic() - began)

    def _read_approvals_of_campaign_recordings(self) -> dict[str, Mapping[str, CertificateStatus]]:
        """Return, by campaign and language, whether the campaign's recordings have certificates (official approvals).

        The certificates are those in the site's catalogue.
        """
        on_disk = CertificatesOnDisk(self._settings, self._profile, self._day.starts_at)
        return {
            campaign.id: on_disk.find_prompt_certificates_of_campaign(campaign) for campaign in self._settings.campaigns
        }

    async def _record_centre_state_until_cancelled(self, site: SimulatedSite) -> None:
        while True:
            view = site.centre_view
            self._samples.append(
                CentreSample(
                    view.state.at,
                    sum(booth.contacted for booth in view.booths),
                    sum(seat.state is SeatState.TALKING for seat in view.seats),
                    sum(trunk.channels_used for trunk in view.state.trunks),
                )
            )
            for campaign in view.campaigns:
                hours = self._hours.get(campaign.campaign_id)
                if hours is not None and hours.can_campaign_call_at(view.state.at):
                    self._held[campaign.campaign_id][_describe_why_campaign_places_no_calls(campaign)] += 1
            self._progress(min(1.0, (view.state.at - self._day.starts_at) / self._day.day_length_seconds))
            await asyncio.sleep(SAMPLE_SECONDS)

    def _build_outcome_of_rehearsed_day(
        self, voters: int, view: CentreView, faults: FaultInjector, took: float
    ) -> DayOutcome:
        day, settings, key = self._day, self._settings, read_store_key_of_site(self._settings)
        report = build_demo_report(self._copy, since=day.starts_at, journal=self._lines.journal, key=key)
        with open_store_snapshot(self._copy, key) as db:
            due = find_first_due_times(db)
        figures, seats = report.convert_report_to_json_types(), report.utilisation.values()
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
                cap
                for each in list_campaigns_to_rehearse(settings)
                for _, _, cap in list_caps_on_abandoned_rate(each, self._profile)
            ),
            took_seconds=took,
            checks={check.rule: (check.holds, ", ".join(check.found)) for check in report.checks.values()},
            samples=self._samples,
            recovered=faults.recovered,
            not_judged=find_faults_without_measurable_recovery(
                day, faults.over_at, due, calling, settings.trunk_rest.max_rest_seconds
            ),
            campaigns=[self._build_campaign_outcome(view, hours) for hours in day.hours],
        )

    def _build_campaign_outcome(self, view: CentreView, hours: CampaignHours) -> CampaignOutcome:
        campaign = next(each for each in view.campaigns if each.campaign_id == hours.campaign_id)
        refused = {reason: times for reason, times in campaign.refused.items() if reason in _CORRECTABLE_REASONS}
        could_call = hours.compute_callable_seconds(self._day.starts_at, self._day.ends_at) > 0
        most = self._held[hours.campaign_id].most_common(1)
        why = (most[0][0] if most else "") if could_call else hours.why
        return CampaignOutcome(hours.campaign_id, campaign.attempts, could_call, why, refused)


def _describe_why_campaign_places_no_calls(campaign: CampaignView) -> str:
    """Return the reason why a campaign places no calls now, or "" if it may place calls."""
    if campaign.hold is not None:
        return str(campaign.hold)
    reasons = ", ".join(f"{reason} ({times:,})" for reason, times in campaign.refused.items())
    return f"its calls were forbidden: {reasons}" if reasons else ""
