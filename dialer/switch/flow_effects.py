"""What a flow does beyond the call, whoever carries it: it puts an answer on record, it sends an SMS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from dialer.engine.call_flows.service import FlowService, FlowSession
from dialer.errors import MatdanError
from dialer.flows.errors import NobodyMeant
from dialer.flows.texts import SMS, Texts, filled
from dialer.flows.turns import Committed, Failed, FlowCommit, NobodyFound, SendSms

_log = structlog.get_logger(__name__)

CommitFlow = Callable[[FlowCommit], Awaitable[bool]]
"""Puts a commit on disk: True only when it is there. (call, run, `FlowCommit.sequence`) is the idempotency key.

Raises NobodyMeant where it is about nobody, StoreError where it was not kept.
"""


class SmsGateway(Protocol):
    """Sends SMS."""

    async def send_sms(self, number: str, text: str) -> bool:
        """Send one to a number in E.164; True when the gateway took it. Never repeats one by itself."""


async def put_on_record(commit: FlowCommit, put: CommitFlow) -> Committed | Failed | NobodyFound:
    """What came of it. A store that cannot is said to the caller, not hidden from them."""
    try:
        return Committed() if await put(commit) else Failed()
    except NobodyMeant:
        return NobodyFound()
    except MatdanError as error:
        _log.error("flow.commit_failed", node=commit.node, kind=commit.kind.value, error=str(error))
        return Failed()


async def send_text(
    action: SendSms, session: FlowSession, desk: FlowService, texts: Texts, gateway: SmsGateway | None
) -> bool:
    """Send the SMS that a flow asks for; True when the gateway took it."""
    text = filled(f"{SMS}{action.template}", session.language, action.values, texts)
    if gateway is None or text is None:
        return False
    try:
        number = await desk.number(session.attempt_id)
        return number is not None and await gateway.send_sms(number, text)
    except MatdanError as error:
        _log.warning("flow.sms-not-sent", attempt=session.attempt_id, problem=str(error))
        return False
