"""Twilio webhooks with an engine in memory, which records what flows commit, send and end with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from dialer.domain.model import AttemptId
from dialer.engine.call_flows.service import FlowSession
from dialer.engine.engine import Engine
from dialer.flows.flow import Flow
from dialer.flows.library import FlowLibrary
from dialer.flows.model import Scalar
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import FlowCommit
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.flows import TwilioFlowRules, TwilioFlows
from dialer.switch.twilio.twiml import TwilioVoice
from dialer.switch.twilio.webhooks import TwilioWebhooks
from tests.support.twilio_line import account


@dataclass
class Call:
    """An attempt and everything its flow has done."""

    flow: Flow
    facts: Mapping[str, Scalar]
    language: str = "hi"
    begun: bool = False
    commits: dict[int, FlowCommit] = field(default_factory=dict)
    asked: list[FlowCommit] = field(default_factory=list)  # with repeats
    sms: list[str] = field(default_factory=list)
    handed_over: list[Mapping[str, str]] = field(default_factory=list)
    ends: list[tuple[bool, str | None, dict[str, str]]] = field(default_factory=list)


class MemoryDesk:
    """A stand-in for the engine and its flow service."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.works = True
        self.features = self.ivr_flow_service = self
        self._sms_to = ""

    def is_live_call(self, attempt_id: AttemptId) -> bool:
        return attempt_id in self.calls

    def start_flow_of_call(self, attempt_id: str) -> FlowSession | None:
        call = self.calls.get(attempt_id)
        if call is None or call.begun:
            return None
        call.begun = True
        return FlowSession(AttemptId(attempt_id), "run", call.flow, call.facts, call.language)

    async def store_input_of_ivr_caller(self, session: FlowSession, commit: FlowCommit) -> bool:
        assert session.run == "run"
        call = self.calls[session.attempt_id]
        call.asked.append(commit)
        if self.works:
            call.commits.setdefault(commit.sequence, commit)
        return self.works

    async def find_number_for_text_message(self, attempt_id: AttemptId) -> str | None:
        self._sms_to = attempt_id
        return "+910000000001"

    async def store_flow_answers(self, attempt_id: AttemptId, answers: Mapping[str, str]) -> None:
        self.calls[attempt_id].handed_over.append(answers)

    async def send_sms(self, number: str, text: str) -> bool:
        self.calls[self._sms_to].sms.append(text)
        return True

    def on_flow_ended(
        self, attempt_id: str, *, completed: bool, left_at: str | None, answers: Mapping[str, str] | None = None
    ) -> None:
        self.calls[attempt_id].ends.append((completed, left_at, dict(answers or {})))


class SwitchStandIn:
    """A stand-in for the switch adapter, which records callbacks."""

    def __init__(self) -> None:
        self.statuses: list[tuple[str, str]] = []
        self.sids: dict[str, str] = {}
        self.transfers: list[AttemptId] = []

    async def on_status_callback(self, attempt_id: AttemptId, form: Mapping[str, str]) -> None:
        self.statuses.append((attempt_id, form.get("CallStatus", "")))

    def find_twilio_sid_of_call(self, attempt_id: AttemptId) -> str | None:
        return self.sids.get(attempt_id)

    def record_second_billed_leg(self, attempt_id: AttemptId) -> None:
        self.transfers.append(attempt_id)


class SingleFlowLibrary:
    """A flow library of the flows of all calls."""

    def __init__(self, desk: MemoryDesk) -> None:
        self._desk = desk

    def get_flow_version(self, name: str, version: str) -> Flow:
        for call in self._desk.calls.values():
            if (call.flow.name, call.flow.version) == (name, version):
                return call.flow
        raise LookupError(name)


@dataclass
class RunningWebhooks:
    """Running webhooks and their stand-ins."""

    desk: MemoryDesk
    switch: SwitchStandIn
    flows: TwilioFlows
    webhooks: TwilioWebhooks
    transfers: list[AttemptId] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.webhooks.port


@asynccontextmanager
async def run_webhooks(
    *, sounds: bool = True, transfer: bool = True, records: bool = True, library: FlowLibrary | None = None
) -> AsyncIterator[RunningWebhooks]:
    """Run webhooks with an engine in memory."""
    desk, switch = MemoryDesk(), SwitchStandIn()
    settings = account(port=0, transfer_to="sip:agents@example.org" if transfer else None)
    flows = TwilioFlows(
        cast(Engine, desk),
        library or cast(FlowLibrary, SingleFlowLibrary(desk)),
        cast(TwilioSwitch, switch),
        TwilioFlowRules(
            settings,
            records,
            TwilioVoice(load_shipped_texts, "https://sounds.example.org" if sounds else None),
            desk,
        ),
    )
    async with TwilioWebhooks(flows, cast(TwilioSwitch, switch), settings) as webhooks:
        yield RunningWebhooks(desk, switch, flows, webhooks, switch.transfers)
        await flows.close()
