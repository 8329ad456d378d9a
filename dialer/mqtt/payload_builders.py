"""Messages filled from the engine's views and from results. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dialer.audit.chain import Head
from dialer.domain.model import BoothTurnout, DispositionRecord, EndedAttempt, Mark
from dialer.domain.view import Alert, AlertLevel, CallChange, CampaignView, CentreView, SeatState, SeatView
from dialer.mqtt.payloads import (
    AlertPayload,
    AlertsPayload,
    AttemptPayload,
    AuditHeadPayload,
    CallPayload,
    CentreStatePayload,
    DispositionPayload,
    MarkPayload,
    OptOutPayload,
    SeatPayload,
    StatisticsPayload,
    TrunkPayload,
    TurnoutPayload,
)
from dialer.store.port import OptOutNews


def centre_state(view: CentreView, *, online: bool = True) -> CentreStatePayload:
    """The centre's state, whole."""
    return CentreStatePayload(
        centre=view.centre,
        online=online,
        at=_rounded(view.at),
        switch_up=view.switch_up,
        draining=view.draining,
        campaigns={campaign.campaign_id: campaign.state.value for campaign in view.campaigns},
        seats=_counts(Counter(seat.state for seat in view.seats)),
        calls=sum(sum(campaign.calls.values()) for campaign in view.campaigns),
        marks=_counts(view.marks),
        opt_outs=view.opt_outs,
        trunks=[
            TrunkPayload(
                trunk.trunk,
                trunk.channels_used,
                trunk.channels,
                _share(trunk.answer_seizure_ratio),
                trunk.failures,
                trunk.attempts,
                trunk.state,
                round(trunk.calls_per_second, 1),
                None if trunk.ringing_seconds is None else round(trunk.ringing_seconds, 1),
            )
            for trunk in view.trunks
        ],
        figures={name: round(value, 6) for name, value in view.figures.items()},
        forecast={} if view.forecast is None else asdict(view.forecast),
        dialler=view.dialler,
    )


def last_will(centre: str, at: float) -> CentreStatePayload:
    """What the broker says for us when it loses us. `at`: when the connection was opened."""
    return CentreStatePayload(
        centre=centre,
        online=False,
        at=_rounded(at),
        switch_up=False,
        draining=False,
        campaigns={},
        seats={},
        calls=0,
        marks={},
        opt_outs=0,
        trunks=[],
        figures={},
    )


def statistics(view: CampaignView, at: float) -> StatisticsPayload:
    """A campaign's figures."""
    return StatisticsPayload(
        campaign=view.campaign_id,
        at=_rounded(at),
        kind=view.kind.value,
        state=view.state.value,
        held_because=None if view.hold is None else str(view.hold),
        calls=_counts(view.calls),
        outcomes=_counts(view.outcomes),
        attempts=view.attempts,
        answered=view.answered,
        connected=view.connected,
        abandoned=view.abandoned,
        abandoned_rate=_share(view.abandoned_rate),
        numbers=view.progress.total,
        closed=view.progress.closed,
        due=view.progress.due,
        pacing=view.pacing,
        refused=_counts(view.refused),
    )


def seat_state(view: SeatView, at: float) -> SeatPayload:
    """A seat; without the seconds in its state, which would make a message of every second."""
    return SeatPayload(
        seat=view.seat,
        at=_rounded(at),
        agent=view.agent,
        state=view.state.value,
        campaign=view.campaign_id,
        attempt=view.attempt_id,
        utilisation=_share(view.utilisation),
        calls=view.calls,
        reason=view.reason if view.state is SeatState.PAUSED else None,
        help=view.transfer,
        recording=view.recording,
    )


def call_event(change: CallChange) -> CallPayload:
    """A call's change of state."""
    return CallPayload(
        attempt=change.attempt_id,
        campaign=change.campaign_id,
        state=change.state.value,
        at=_rounded(change.at),
        seat=change.seat,
        outcome=change.outcome.value if change.outcome else None,
    )


def turnout(booth: BoothTurnout) -> TurnoutPayload:
    """A booth's turnout."""
    return TurnoutPayload(
        booth=booth.booth_id,
        constituency_number=booth.constituency_number,
        part_number=booth.part_number,
        voters=booth.voters,
        reached=booth.reached,
        voted=booth.voted,
        not_yet=booth.not_yet,
    )


def alerts(standing: tuple[Alert, ...], at: float) -> AlertsPayload:
    """Every alert that stands, the gravest first; cleared ones are left out."""
    ranks = list(AlertLevel)
    listed = sorted(
        (alert for alert in standing if not alert.cleared),
        key=lambda alert: (-ranks.index(alert.level), alert.at, alert.code),
    )
    return AlertsPayload(
        at=_rounded(at),
        alerts=[AlertPayload(alert.code, alert.level.value, alert.text, _rounded(alert.at)) for alert in listed],
    )


def attempt_result(campaign_id: str, ended: EndedAttempt) -> AttemptPayload:
    """The end of an attempt, for the outbox."""
    return AttemptPayload(
        attempt=ended.attempt_id,
        campaign=campaign_id,
        outcome=ended.outcome.value,
        ended_at=_rounded(ended.ended_at),
        answered_at=_rounded_or_none(ended.answered_at),
        connected_at=_rounded_or_none(ended.connected_at),
        seat=ended.seat,
        agent=ended.agent,
        flow=ended.flow,
        left_at=ended.left_at,
        cause=ended.cause,
        retry_at=_rounded_or_none(ended.retry_at),
        direction=ended.direction.value,
    )


def disposition_result(record: DispositionRecord) -> DispositionPayload:
    """An agent's word, for the outbox."""
    return DispositionPayload(
        attempt=record.attempt_id,
        disposition=record.disposition.value,
        at=_rounded(record.at),
        agent=record.agent,
        retry_at=_rounded_or_none(record.retry_at),
    )


def mark_result(mark: Mark) -> MarkPayload:
    """A mark, for the outbox."""
    return MarkPayload(
        key=mark.key,
        voter=mark.voter_id,
        kind=mark.kind.value,
        source=mark.source.value,
        at=_rounded(mark.at),
        hour=mark.hour,
        attempt=mark.attempt_id,
        agent=mark.agent,
        confidence=mark.surety.value,
        worker=mark.worker_id,
        undoes=mark.undoes,
    )


def opt_out_result(news: OptOutNews) -> OptOutPayload:
    """An opt-out, for the outbox."""
    return OptOutPayload(news.phone_id, _rounded(news.at), news.source, news.attempt_id, news.number_hash)


def audit_head(head: Head) -> AuditHeadPayload:
    """The end of the audit's chain, for the outbox."""
    return AuditHeadPayload(head.number, head.digest, _rounded(head.at), head.seals)


def _counts(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items() if count}


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _rounded_or_none(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _share(value: float) -> float:
    return min(1.0, max(0.0, round(value, 4)))
