"""What others may see of the centre, read off its state. Pure but for the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dialer.domain.enums import Purpose
from dialer.domain.forecast import Forecast, forecast, seconds_open
from dialer.domain.model import ANSWERED, CampaignState, MarkSource, Outcome, abandoned_share
from dialer.domain.view import (
    AbandonedTarget,
    CallState,
    CampaignView,
    CentreView,
    Hold,
    HoldReason,
    SeatState,
    TrunkView,
)
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.features import Features

_AT_WORK = frozenset({SeatState.TALKING, SeatState.WRAP_UP})


def centre_view(features: Features) -> CentreView:
    """The whole centre at this moment."""
    used = features.channels.used()
    return CentreView(
        centre=features.core.centre_id,
        at=features.core.clock.now(),
        switch_up=features.servers.any_up,
        draining=features.core.draining,
        campaigns=tuple(
            _campaign_view(features, run)
            for campaign_id, run in features.runs.items()
            if campaign_id in features.core.plan.campaigns or any(features.calls.of_campaign(campaign_id))
        ),
        seats=tuple(features.seats.view(seat) for seat in features.seats.all() if not features.seats.is_removed(seat)),
        trunks=tuple(_trunk_view(features, name, used[name]) for name in features.pool.names),
        booths=tuple(features.turnout.booths.values()),
        marks=dict(features.turnout.marks),
        opt_outs=features.turnout.opt_outs,
        alerts=tuple(features.alerts.active.values()),
        figures=features.outside.figures(),
        forecast=_forecast(features),
        dialler=features.core.dialler,
        roll=features.roll_import_state.roll,
        outbox=features.housekeeping.outbox,
    )


def _forecast(features: Features) -> Forecast | None:
    """Of the booths whose last call is still to come today; None where there is none, or while it is too early to say."""
    now, reached_by = features.core.clock.now(), features.turnout.contacted_by
    to_come = {booth_id: at for booth_id, at in features.polls.last_calls().items() if at > now}
    if not to_come:
        return None
    said = [features.turnout.booths[booth_id] for booth_id in to_come.keys() & features.turnout.booths.keys()]
    without_number = sum(booth.without_number for booth in said)
    left = sum(booth.voters - booth.reached for booth in said) - without_number
    by_flows = reached_by[MarkSource.VOTER_KEY] + reached_by[MarkSource.RELATIVE]
    until = max(to_come.values())
    hours = {
        stretch
        for run in features.runs.all()
        if run.purpose is Purpose.TURNOUT and run.state is not CampaignState.STOPPED and not run.completed
        for stretch in run.spec.hours.weekday
    }
    ahead_seconds = seconds_open(hours, features.core.zone, now, until)
    ahead = forecast(
        left, reached_by[MarkSource.AGENT], by_flows, features.turnout.dialling_seconds, ahead_seconds, until
    )
    return None if ahead is None else replace(ahead, without_number=without_number)


def _campaign_view(features: Features, run: CampaignRun) -> CampaignView:
    calls = features.calls.of_campaign(run.spec.campaign_id)
    live = Counter[CallState]([call.state for call in calls])
    outcomes = run.outcomes
    in_hand = len(calls)
    share = abandoned_share(outcomes)
    pacing = run.pacer.explain()
    return CampaignView(
        campaign_id=run.spec.campaign_id,
        kind=run.spec.kind,
        state=run.state,
        calls=dict(live),
        outcomes=dict(outcomes),
        attempts=sum(outcomes.values()) - outcomes[Outcome.REFUSED] + in_hand,
        answered=sum(outcomes[outcome] for outcome in ANSWERED) + sum(call.answered for call in calls),
        connected=outcomes[Outcome.CONNECTED] + sum(call.talk.connected_at is not None for call in calls),
        abandoned=share.abandoned,
        abandoned_rate=share.share,
        progress=run.progress,
        placing=pacing.calls,
        limited_by=pacing.limited_by.value,
        pacing=str(pacing),
        pacing_words=pacing.limited_by.words,
        hold=run.hold or (Hold(HoldReason.LIST_DONE) if run.list_done and not in_hand and not run.hopper else None),
        refused=dict(run.refused),
        script=features.outside.flows.scripts.version_of(run.spec.campaign_id),
        speed=run.speed_at(features.core.clock.now()),
        abandoned_target=_abandoned_target(run),
    )


def _abandoned_target(run: CampaignRun) -> AbandonedTarget | None:
    pacer, most = run.pacer, run.spec.most_abandoned_target
    if not pacer.caps:
        return None
    return AbandonedTarget(pacer.caps[0].target, most, run.steered_by)


def _trunk_view(features: Features, name: str, used: int) -> TrunkView:
    tally, health, now = features.pool.tallies[name], features.pool.health(name), features.core.clock.monotonic()
    assert health is not None  # noqa: S101 - `name` is one of the pool's
    return TrunkView(
        trunk=name,
        channels_used=used,
        channels=features.pool[name].channels,
        answer_seizure_ratio=tally.answered / tally.attempts if tally.attempts else 0.0,
        failures=tally.failures,
        attempts=tally.attempts,
        state=health.state(now),
        rest_seconds=health.rest_seconds_left(now),
        calls_per_second=features.pool.starts(name).lately(now),
        calls_per_second_limit=features.pool[name].calls_per_second * health.share,
        ringing_seconds=health.ringing_seconds,
    )
