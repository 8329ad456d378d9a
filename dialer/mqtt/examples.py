"""An example of each message, for docs/reference/topics.md and docs/reference/asyncapi.json."""

from __future__ import annotations

from typing import Any

from dialer.domain.alerts import AlertKind, AlertList, create_alert
from dialer.domain.enums import CampaignKind, Confidence, MarkKind
from dialer.domain.forecast import Forecast
from dialer.domain.model import (
    AttemptId,
    BoothTurnout,
    CampaignProgress,
    CampaignState,
    Disposition,
    DispositionRecord,
    EndedAttempt,
    Mark,
    MarkSource,
    Outcome,
)
from dialer.domain.newest_call import NewestCall
from dialer.domain.results import FlowAnswers, OptOut, OutboxWait, SeatHours, TestMark
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.domain.view import (
    AbandonedTarget,
    AgentShare,
    CallChange,
    CallingHours,
    CallState,
    CampaignView,
    CentreState,
    ScreenPop,
    SeatState,
    SeatView,
    TrunkView,
)
from dialer.domain.voter_place import VoterPlace
from dialer.mqtt import topics
from dialer.mqtt.home_assistant import create_discovery_message
from dialer.mqtt.reply import CommandReply

_AT = 1713765600.0
_ATTEMPT = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")
_PLACE = VoterPlace(roll_version="2026-1", state_code="S13", constituency_number=209, part_number=118, serial=412)


def create_example_messages() -> dict[str, Any]:
    """Return an example message for each MQTT topic, by the topic's key in the table of topics."""
    return {
        topics.CENTRE_STATE.key: CentreState(
            centre="pune-1",
            at=_AT,
            switch_up=True,
            campaigns={"turnout-agents": CampaignState.RUNNING, "turnout-ivr": CampaignState.PAUSED},
            seats={SeatState.READY: 2, SeatState.TALKING: 7, SeatState.WRAP_UP: 1},
            calls=14,
            utilisation=0.71,
            marks={"voted": 412, "not-yet": 97},
            opt_outs=6,
            trunks=(
                TrunkView(
                    trunk="carrier-a",
                    channels_used=14,
                    channels=90,
                    answer_seizure_ratio=0.31,
                    failures=3,
                    attempts=812,
                    calls_per_second=1.8,
                    calls_per_second_limit=5.0,
                    ringing_seconds=2.4,
                ),
            ),
            figures={"loop_lag_p99_seconds": 0.002},
            forecast=Forecast(
                remaining=4100, by_agents=900, by_flows=1400, until=_AT + 14400, without_number=350, margin=110
            ),
            dialler="3f0e7c1a5b1d-812-1713758400-booth-pc-1",
            outbox=(OutboxWait(sink="broker", rows=0, oldest_at=None),),
        ),
        topics.STATISTICS.key: CampaignView(
            campaign_id="turnout-agents",
            at=_AT,
            kind=CampaignKind.AGENTS,
            state=CampaignState.RUNNING,
            hold=None,
            calls={CallState.RINGING: 6, CallState.TALKING: 7},
            outcomes={Outcome.CONNECTED: 503, Outcome.NO_ANSWER: 811, Outcome.ABANDONED: 4},
            attempts=1480,
            answered=540,
            connected=503,
            abandoned=4,
            abandoned_rate=0.0079,
            progress=CampaignProgress(
                total=5200, completed=1120, remaining=4007, attempts=1480, waiting=310, refused={"no-consent": 60}
            ),
            calls_placed=2,
            limited_by="seats",
            pacing="2 calls, limited by seats (free=1 expected=2.4)",
            refused={"calling-hours": 12},
            script="polling_day 6d1f0c2b9a3e",
            speed=None,
            abandoned_target=AbandonedTarget(rate=0.02, maximum=0.03, sender=None),
            agent_share=AgentShare(weight=2.0, sender="asha", intended=0.6667, actual=0.6512),
            calling_hours=CallingHours(
                hours=("10:00-18:00",), lawful_today=("09:00-21:00",), today=("10:00-18:00",), sender="asha"
            ),
        ),
        topics.CALL.key: CallChange(
            campaign_id="turnout-agents", attempt_id=_ATTEMPT, state=CallState.TALKING, at=_AT, seat="seat-04"
        ),
        topics.SEAT.key: SeatView(
            seat="seat-04",
            at=_AT,
            agent="agent-17",
            state=SeatState.TALKING,
            since=_AT - 41,
            campaign_id="turnout-agents",
            attempt_id=_ATTEMPT,
            utilisation=0.82,
            calls=31,
            screen_pop=ScreenPop(
                attempt_id=_ATTEMPT,
                phone_id=40211,
                voter_id=88213,
                booth_id=118,
                voters=(88213, 88214),
                opted_out=False,
                grounds=3,
            ),
        ),
        topics.TURNOUT.key: BoothTurnout(
            booth_id=118,
            constituency_number=209,
            part_number=118,
            voters=912,
            contacted=143,
            voted=96,
            not_yet=31,
            without_number=204,
        ),
        topics.ALERTS.key: AlertList(
            at=_AT,
            alerts=(create_alert(AlertKind.SERVER_DOWN, _AT, server="b", problem="connection refused"),),
        ),
        topics.NEWEST_CALL.key: NewestCall(_ATTEMPT, _AT),
        topics.HOME_ASSISTANT.key: create_discovery_message(
            "pune-1", topics.CENTRE_STATE.build_full_topic("pune-1"), topics.ALERTS.build_full_topic("pune-1")
        ),
        topics.ATTEMPT_RESULT.key: EndedAttempt(
            attempt_id=_ATTEMPT,
            outcome=Outcome.CONNECTED,
            ended_at=_AT,
            ringing_at=_AT - 55,
            answered_at=_AT - 48,
            connected_at=_AT - 47.4,
            cause=16,
            seat="seat-04",
            agent="agent-17",
            campaign_id="turnout-agents",
        ),
        topics.ANSWERS_RESULT.key: FlowAnswers(
            campaign_id="turnout-ivr",
            attempt_id=_ATTEMPT,
            at=_AT,
            answers={"hour": "17:00", "still_to_vote": "2"},
            place=_PLACE,
        ),
        topics.DISPOSITION_RESULT.key: DispositionRecord(
            attempt_id=_ATTEMPT,
            disposition=Disposition.LATER,
            at=_AT,
            agent="agent-17",
            retry_at=_AT + 7200,
            answers={"knows_booth": "told"},
            place=_PLACE,
        ),
        topics.MARK_RESULT.key: Mark(
            key=f"{_ATTEMPT}:turnout",
            voter_id=88213,
            kind=MarkKind.VOTED,
            source=MarkSource.VOTER_KEY,
            at=_AT,
            attempt_id=_ATTEMPT,
            confidence=Confidence.SAID,
            place=_PLACE,
        ),
        topics.OPT_OUT_RESULT.key: OptOut(
            phone_id=40211, at=_AT, source="voter-key", attempt_id=_ATTEMPT, number_hash="9f" * 32
        ),
        topics.SEAT_HOURS.key: SeatHours(until=_AT, seats=2, seconds={"talking": 61.5, "wrap-up": 12.0}),
        topics.TEST_MARK.key: TestMark(at=_AT),
        topics.SEALED_EPOCH.key: SealedEpoch(
            epoch=512,
            at=_AT,
            kind="minute",
            first=20_413,
            last=20_490,
            root="3b" * 32,
            layout="4c" * 32,
            entry=73,
            entry_digest="5d" * 32,
            doubt="",
            previous="6e" * 32,
            key="7f" * 32,
            next_key="80" * 32,
            signature="91" * 64,
        ),
        topics.COMMANDS.key: {
            "id": "7c1f1b2e-pause",
            "name": "pause",
            "expires_at": _AT + 30,
            "campaign_id": "turnout-ivr",
        },
        topics.REPLIES.key: CommandReply(
            id="7c1f1b2e-pause", status="done", text="campaign turnout-ivr is paused", at=_AT
        ),
    }
