"""Views of the centre for MQTT and the pages, built from its state."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.forecast import Forecast, count_seconds_within_calling_hours, forecast_contacted_voters
from dialer.domain.model import ANSWERED, CampaignState, MarkSource, Outcome
from dialer.domain.view import (
    AbandonedTarget,
    AgentShare,
    CallingHours,
    CallState,
    CampaignView,
    CentreState,
    CentreView,
    Hold,
    HoldReason,
    SeatState,
    TrunkView,
)
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.features import Features
from dialer.rules.calling_hours import format_periods_of_day, intersect_periods_of_day


def make_centre_view(features: Features) -> CentreView:
    """Return the published view of the whole centre at this moment, as MQTT and the pages show it."""
    core, turnout, used = (
        features.core,
        features.turnout_figures_of_centre,
        features.used_channel_counter.count_used_channels(),
    )
    now = core.read_clock()  # once, because a centre has hundreds of seats
    campaigns = tuple(
        campaign
        for campaign_id, _ in features.loaded_campaigns.list_campaign_runs_by_id()
        if (campaign := make_campaign_view(features, campaign_id)) is not None
    )
    seats = tuple(
        features.agent_seats.make_published_seat_view(seat, now)
        for seat in features.agent_seats.list_seats()
        if not features.agent_seats.is_seat_removed(seat)
    )
    logged_in = [seat.utilisation for seat in seats if seat.state is not SeatState.OFFLINE]
    state = CentreState(
        centre=core.centre_id,
        at=now.at,
        switch_up=features.asterisk_servers.is_any_asterisk_server_up,
        draining=core.draining,
        campaigns={campaign.campaign_id: campaign.state for campaign in campaigns},
        seats=Counter(seat.state for seat in seats),
        calls=sum(sum(campaign.calls.values()) for campaign in campaigns),
        utilisation=sum(logged_in) / len(logged_in) if logged_in else None,
        marks=dict(turnout.marks),
        opt_outs=turnout.opt_outs,
        trunks=tuple(_make_trunk_view(features, name, used[name]) for name in features.trunk_pool.names),
        figures=features.dependencies.figures(),
        forecast=_create_turnout_forecast(features),
        dialler=core.dialler,
        roll=features.roll_import_progress.roll,
        outbox=features.periodic_housekeeping_jobs.outbox,
    )
    return CentreView(
        state, campaigns, seats, tuple(turnout.booths.values()), tuple(features.active_alerts.active.values())
    )


def _create_turnout_forecast(features: Features) -> Forecast | None:
    """Return the turnout forecast for the polling booths whose voters are still called today.

    Return None if there are no such booths, or if it is too early for a forecast.
    """
    now, contacted_voters_by_source = (
        features.core.clock.now(),
        features.turnout_figures_of_centre.contacted_voters_by_source,
    )
    to_come = {
        booth_id: at
        for booth_id, at in features.polling_days_of_booths.find_calling_deadlines_by_booth().items()
        if at > now
    }
    if not to_come:
        return None
    said = [
        features.turnout_figures_of_centre.booths[booth_id]
        for booth_id in to_come.keys() & features.turnout_figures_of_centre.booths.keys()
    ]
    without_number = sum(booth.without_number for booth in said)
    remaining = sum(booth.voters - booth.contacted for booth in said) - without_number
    by_flows = contacted_voters_by_source[MarkSource.VOTER_KEY] + contacted_voters_by_source[MarkSource.RELATIVE]
    until = max(to_come.values())
    hours = {
        stretch
        for run in features.loaded_campaigns.list_campaign_runs()
        if run.purpose is Purpose.TURNOUT and run.state is not CampaignState.STOPPED and not run.is_campaign_completed
        for stretch in run.calling_hours.weekday
    }
    ahead_seconds = count_seconds_within_calling_hours(hours, features.core.zone, now, until)
    ahead = forecast_contacted_voters(
        remaining,
        contacted_voters_by_source[MarkSource.AGENT],
        by_flows,
        features.turnout_figures_of_centre.dialling_seconds,
        ahead_seconds,
        until,
    )
    return None if ahead is None else replace(ahead, without_number=without_number)


def make_campaign_view(features: Features, campaign_id: str) -> CampaignView | None:
    """Return the published view of a campaign at this moment.

    Return None if the campaign is not loaded, or was removed from the settings and has no calls left.
    """
    if campaign_id not in features.loaded_campaigns:
        return None
    run, calls = features.loaded_campaigns[campaign_id], features.live_calls.find_calls_of_campaign(campaign_id)
    if not calls and campaign_id not in features.core.plan.campaigns:
        return None
    live = Counter[CallState]([call.call_state for call in calls])
    outcomes = run.outcomes
    in_hand = len(calls)
    rate = run.calculate_abandoned_rate_of_day()
    pacing, now = run.pacer.explain_last_pacing_decision(), features.core.clock.now()
    return CampaignView(
        campaign_id=campaign_id,
        at=now,
        kind=run.spec.kind,
        state=run.state,
        hold=run.hold
        or (Hold(HoldReason.LIST_COMPLETED) if run.list_done and not in_hand and not run.hopper else None),
        calls=dict(live),
        outcomes=dict(outcomes),
        attempts=sum(outcomes.values()) - outcomes[Outcome.REFUSED] + in_hand,
        answered=sum(outcomes[outcome] for outcome in ANSWERED) + sum(call.is_answered for call in calls),
        connected=outcomes[Outcome.CONNECTED] + sum(call.talk.connected_at is not None for call in calls),
        abandoned=outcomes[Outcome.ABANDONED],
        abandoned_rate=rate.abandoned_rate,
        progress=run.progress,
        calls_placed=pacing.calls,
        limited_by=pacing.limited_by.value,
        pacing=str(pacing),
        refused=dict(run.refused),
        script=features.dependencies.flows.scripts.get_script_version(campaign_id),
        speed=run.get_speed_limit_in_force(now),
        abandoned_target=_find_abandoned_rate_target(run),
        agent_share=_find_agent_time_share_of_campaign(features, run),
        calling_hours=_make_view_of_calling_hours(features, run, now),
    )


def _make_view_of_calling_hours(features: Features, run: CampaignRun, now: float) -> CallingHours:
    today = datetime.fromtimestamp(now, features.core.zone).date()
    hours, lawful = (
        run.calling_hours.get_calling_hours_of_date(today),
        features.core.plan.gate.list_lawful_periods_of_today(now),
    )
    return CallingHours(
        hours=format_periods_of_day(hours),
        lawful_today=format_periods_of_day(lawful),
        today=format_periods_of_day(intersect_periods_of_day(hours, lawful)),
        sender=None if run.hours_set is None else run.hours_set[1],
    )


def _find_agent_time_share_of_campaign(features: Features, run: CampaignRun) -> AgentShare | None:
    kinds = [other.spec.kind for other in features.loaded_campaigns.list_campaign_runs()]
    if run.spec.kind is not CampaignKind.AGENTS or kinds.count(CampaignKind.AGENTS) < 2:
        return None
    shares, campaign_id = features.shares_of_agent_time, run.spec.campaign_id
    return AgentShare(
        weight=run.agent_time_weight,
        sender=None if run.weight_set is None else run.weight_set[1],
        intended=shares.intended_shares.get(campaign_id, 0.0),
        actual=shares.compute_agent_time_shares().get(campaign_id, 0.0),
    )


def _find_abandoned_rate_target(run: CampaignRun) -> AbandonedTarget | None:
    pacer, most = run.pacer, run.spec.most_abandoned_target
    if not pacer.caps:
        return None
    return AbandonedTarget(pacer.caps[0].target, most, run.target_set_by)


def _make_trunk_view(features: Features, name: str, used: int) -> TrunkView:
    tally, health, now = (
        features.trunk_pool.tallies[name],
        features.trunk_pool.get_trunk_health(name),
        features.core.clock.monotonic(),
    )
    assert health is not None  # noqa: S101 - `name` is one of the pool's
    return TrunkView(
        trunk=name,
        channels_used=used,
        channels=features.trunk_pool[name].channels,
        answer_seizure_ratio=tally.answered / tally.attempts if tally.attempts else 0.0,
        failures=tally.failures,
        attempts=tally.attempts,
        state=health.determine_state_of_trunk(now),
        rest_seconds=health.count_seconds_until_test_call(now),
        calls_per_second=features.trunk_pool.get_trunk_rate_limiter(name).calculate_recent_call_start_rate(now),
        calls_per_second_limit=features.trunk_pool[name].calls_per_second * health.share,
        ringing_seconds=health.ringing_seconds,
    )
