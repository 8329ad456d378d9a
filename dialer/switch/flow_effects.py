"""What a flow does beyond playing sounds and reading keys, on any carrier: it stores results and sends SMS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from dialer.engine.call_flows.service import FlowService, FlowSession
from dialer.errors import MatdanError
from dialer.flows.errors import CommitTargetNotFound
from dialer.flows.texts import SMS, Texts, filled
from dialer.flows.turns import Committed, Failed, FlowCommit, NotFound, SendSms

_log = structlog.get_logger(__name__)

CommitFlow = Callable[[FlowCommit], Awaitable[bool]]
"""Stores a result: True only when it is on disk. (call, run, `FlowCommit.sequence`) is the idempotency key.

Raises CommitTargetNotFound where no voter is meant, StoreError where it was not stored.
"""


class SmsGateway(Protocol):
    """Sends SMS."""

    async def send_sms(self, number: str, text: str) -> bool:
        """Send one SMS to a number in E.164. Return whether the gateway accepted it. Never retries by itself."""


async def commit_result(commit: FlowCommit, store: CommitFlow) -> Committed | Failed | NotFound:
    """Store a result and return the outcome as a flow's input: a failure is said to the caller."""
    try:
        return Committed() if await store(commit) else Failed()
    except CommitTargetNotFound:
        return NotFound()
    except MatdanError as error:
        _log.error("flow.commit_failed", node=commit.node, kind=commit.kind.value, error=str(error))
        return Failed()


async def send_text(
    action: SendSms, session: FlowSession, flows: FlowService, texts: Texts, gateway: SmsGateway | None
) -> bool:
    """Send the SMS that a flow asks for. Return whether the gateway accepted it."""
    text = filled(f"{SMS}{action.template}", session.language, action.values, texts)
    if gateway is None or text is None:
        return False
    try:
        number = await flows.number(session.attempt_id)
        return number is not None and await gateway.send_sms(number, text)
    except MatdanError as error:
        _log.warning("flow.sms_failed", attempt=session.attempt_id, problem=str(error))
        return False
