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
    SeatView,
    TrunkView,
)
from dialer.engine.centre import CampaignRun, Centre
from dialer.engine.seats.state import Seat
from dialer.engine.trunks.state import TrunkPool

_AT_WORK = frozenset({SeatState.TALKING, SeatState.WRAP_UP})


def centre_view(centre: Centre, trunks: TrunkPool, figures: dict[str, float]) -> CentreView:
    """The whole centre at this moment."""
    used = centre.channels_used()
    return CentreView(
        centre=centre.centre_id,
        at=centre.clock.now(),
        switch_up=centre.switch_up,
        draining=centre.draining,
        campaigns=tuple(
            _campaign_view(centre, run)
            for campaign_id, run in centre.campaigns.items()
            if campaign_id in centre.plan.campaigns or any(centre.calls_of(campaign_id))
        ),
        seats=tuple(seat_view(centre, seat) for seat in centre.seats.values() if not centre.is_gone(seat)),
        trunks=tuple(_trunk_view(centre, trunks, name, used[name]) for name in trunks.names),
        booths=tuple(centre.turnout.values()),
        marks=dict(centre.marks),
        opt_outs=centre.opt_outs,
        alerts=tuple(centre.alerts.values()),
        figures=figures,
        forecast=_forecast(centre),
        dialler=centre.dialler,
        roll=centre.roll,
        outbox=centre.outbox,
    )


def _forecast(centre: Centre) -> Forecast | None:
    """Of the booths whose last call is still to come today; None where there is none, or while it is too early to say."""
    now, reached_by = centre.clock.now(), centre.reached_by
    to_come = {booth_id: at for booth_id, at in centre.last_calls().items() if at > now}
    if not to_come:
        return None
    said = [centre.turnout[booth_id] for booth_id in to_come.keys() & centre.turnout.keys()]
    without_number = sum(booth.without_number for booth in said)
    left = sum(booth.voters - booth.reached for booth in said) - without_number
    by_flows = reached_by[MarkSource.VOTER_KEY] + reached_by[MarkSource.RELATIVE]
    until = max(to_come.values())
    hours = {
        stretch
        for run in centre.campaigns.values()
        if run.purpose is Purpose.TURNOUT and run.state is not CampaignState.STOPPED and not run.called_through
        for stretch in run.spec.hours.weekday
    }
    ahead_seconds = seconds_open(hours, centre.zone, now, until)
    ahead = forecast(left, reached_by[MarkSource.AGENT], by_flows, centre.worked_seconds, ahead_seconds, until)
    return None if ahead is None else replace(ahead, without_number=without_number)


def _campaign_view(centre: Centre, run: CampaignRun) -> CampaignView:
    calls = centre.calls_of(run.spec.campaign_id)
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
        script=centre.scripts.version_of(run.spec.campaign_id),
        speed=run.speed_at(centre.clock.now()),
        abandoned_target=_abandoned_target(run),
    )


def _abandoned_target(run: CampaignRun) -> AbandonedTarget | None:
    pacer, most = run.pacer, run.spec.most_abandoned_target
    if not pacer.caps:
        return None
    return AbandonedTarget(pacer.caps[0].target, most, run.steered_by)


def seat_view(centre: Centre, seat: Seat) -> SeatView:
    """A seat as others may see it."""
    tally, state = centre.seat_tallies[seat.name], seat.state
    in_state = centre.clock.monotonic() - seat.since.seconds
    worked = in_state if state in _AT_WORK else 0.0
    logged_in = 0.0 if state is SeatState.OFFLINE else in_state
    for each, seconds in tally.seconds.items():  # of each seat, for every view
        if each in _AT_WORK:
            worked += seconds
        if each is not SeatState.OFFLINE:
            logged_in += seconds
    with_call = centre.call_at(seat)
    call = with_call if state is SeatState.TALKING else None
    transfer = centre.transfers.get(call.attempt_id) if call is not None else None
    pop = centre.pops.get(seat.name)
    return SeatView(
        seat=seat.name,
        agent=seat.agent,
        state=state,
        seconds=in_state,
        campaign_id=seat.campaign_id,
        attempt_id=seat.attempt_id,
        utilisation=worked / logged_in if logged_in > 0 else 0.0,
        calls=tally.calls,
        reason=seat.reason,
        transfer=transfer.stage if transfer is not None else None,
        recording=("paused" if call.talk.recording_paused else "on")
        if call is not None and call.talk.recorded
        else None,
        message=seat.message,
        campaigns=tuple(sorted(seat.campaigns)),
        preview=None if with_call is None else with_call.leg.preview,
        dialling=with_call is not None
        and with_call.kept_seat == seat.name
        and with_call.leg.preview is None
        and not with_call.answered,
        screen_pop=pop if pop is not None and pop.attempt_id == seat.attempt_id else None,
    )


def _trunk_view(centre: Centre, trunks: TrunkPool, name: str, used: int) -> TrunkView:
    tally, health, now = centre.trunk_tallies[name], trunks.health(name), centre.clock.monotonic()
    assert health is not None  # noqa: S101 - `name` is one of the pool's
    return TrunkView(
        trunk=name,
        channels_used=used,
        channels=trunks[name].channels,
        answer_seizure_ratio=tally.answered / tally.attempts if tally.attempts else 0.0,
        failures=tally.failures,
        attempts=tally.attempts,
        state=health.state(now),
        rest_seconds=health.rest_seconds_left(now),
        calls_per_second=trunks.starts(name).lately(now),
        calls_per_second_limit=trunks[name].calls_per_second * health.share,
        ringing_seconds=health.ringing_seconds,
    )
