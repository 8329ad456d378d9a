"""The effects of IVR flows that are the same for Asterisk and Twilio: storing results, and sending SMS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from dialer.engine.call_flows.service import FlowService, FlowSession
from dialer.errors import MatdanError
from dialer.flows.errors import CommitTargetNotFound
from dialer.flows.texts import SMS, Texts, fill_placeholders_of_text
from dialer.flows.turns import Committed, Failed, FlowCommit, NotFound, SendSms

_log = structlog.get_logger(__name__)

CommitFlow = Callable[[FlowCommit], Awaitable[bool]]
"""Stores a result of a flow, and returns True only if it is on disk.

A result is stored once per call, run of the flow and `FlowCommit.sequence`. Raises CommitTargetNotFound if no voter
matches, and StoreError if it was not stored.
"""


class SmsGateway(Protocol):
    """A gateway that sends SMS."""

    async def send_sms(self, number: str, text: str) -> bool:
        """Send one SMS to a number in E.164, without retries. Return whether the gateway accepted it."""


async def commit_flow_result(commit: FlowCommit, store: CommitFlow) -> Committed | Failed | NotFound:
    """Store a result of an IVR flow, such as a mark (a fact about a voter). Return the next input of the flow.

    The input is Committed if the result was stored, otherwise Failed. It is NotFound if the roll does not have the
    serial number in the result, or if there is no mark to undo.
    """
    try:
        return Committed() if await store(commit) else Failed()
    except CommitTargetNotFound:
        return NotFound()
    except MatdanError as error:
        _log.error("flow.commit_failed", node=commit.node, kind=commit.kind.value, error=str(error))
        return Failed()


async def send_flow_sms(
    action: SendSms, session: FlowSession, flows: FlowService, texts: Texts, gateway: SmsGateway | None
) -> bool:
    """Send the SMS that an IVR flow requests, in the caller's language. Return whether the gateway accepted it."""
    text = fill_placeholders_of_text(f"{SMS}{action.template}", session.language, action.values, texts)
    if gateway is None or text is None:
        return False
    try:
        number = await flows.find_number_for_text_message(session.attempt_id)
        return number is not None and await gateway.send_sms(number, text)
    except MatdanError as error:
        _log.warning("flow.sms_failed", attempt=session.attempt_id, problem=str(error))
        return False
