"""Creation of responses to Twilio's requests ("pages"), and conversion of Twilio's requests to inputs of an IVR flow.

A page has the actions of a flow until the caller or a timeout decides: a question, a recording, a transfer or the end.
First come the prompts that no key can interrupt. Prompts that a key can interrupt become part of the following
question, as on Asterisk. `dialer.switch.twilio.twiml` writes pages as XML.

There is no I/O, except that the flow may store a result or send an SMS through its host. Both are awaited before the
page is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from dialer.domain.errors import ProtocolError
from dialer.flows.flow import Flow
from dialer.flows.machine import continue_flow
from dialer.flows.model import TELEPHONE_KEYS
from dialer.flows.turns import (
    Collect,
    Commit,
    Digits,
    Disconnect,
    Failed,
    FlowCommit,
    FlowState,
    HungUp,
    Input,
    Play,
    Played,
    PromptRef,
    Record,
    Recorded,
    SendSms,
    SmsSent,
    Transfer,
    Transferred,
    Turn,
)
from dialer.switch.twilio.tokens import PausedFlow

PLAYED = "played"
NOT_RECORDED = "not-recorded"
NOT_TRANSFERRED = "not-transferred"
LONGEST_INPUT = 30
HUNG_UP_WHILE_RECORDING = "hangup"  # the `Digits` of a recording that ended by hang-up


class PageHost(Protocol):
    """The services that an IVR flow may request while a page (a response to Twilio) is made: store results, send SMS."""

    records: bool  # whether callers may be recorded
    transfers: bool  # whether a transfer has a number or SIP address to dial

    async def commit_flow_result(self, commit: FlowCommit) -> Input:
        """Store a result of the IVR flow, such as a mark (a fact about a voter). Return the flow's next input."""
        ...

    async def send_sms(self, action: SendSms) -> bool:
        """Send an SMS. Return whether the gateway accepted it."""
        ...

    async def store_answers_before_transfer_to_agent(self, action: Transfer) -> None:
        """Store the caller's answers for the agent's screen, before the transfer is dialled."""
        ...


@dataclass(frozen=True, slots=True)
class Gather:
    """A question that the caller answers by pressing keys.

    `timeout_seconds` is the longest wait for the first key, and for each further key.
    """

    prompts: tuple[PromptRef, ...]
    most_digits: int
    timeout_seconds: float
    terminator: str


Ending = Gather | Record | Transfer | None
"""The end of a page: a question, a recording or a transfer, or None to request the next page or hang up at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """One response to Twilio: what the caller hears, and whether Twilio then asks, records, transfers or hangs up."""

    said: tuple[PromptRef, ...]  # prompts that no key interrupts
    ending: Ending
    waiting: PausedFlow | None  # the flow until the next request, or None to hang up
    state: FlowState


async def make_twiml_page(flow: Flow, turn: Turn, at: PausedFlow, host: PageHost) -> Page:
    """Run an IVR flow until the caller must act. Return the page (response to Twilio) for the caller to hear.

    `at` is the flow's state before this page, with the ids of the call and of the flow's run.
    """
    said: list[PromptRef] = []
    heard: PausedFlow | None = None  # the flow after the prompts so far
    while True:
        action, state = turn.action, turn.state
        waiting = replace(at, state=state, after="", ahead="")
        match action:
            case None:
                return Page(tuple(said), None, None, state)
            case Disconnect():
                return Page((*said, *action.prompts), None, None, state)
            case Play() if action.allows_barge_in:
                return _make_page_with_interruptible_prompts(flow, turn, said, waiting)
            case Play():
                said += action.prompts
                heard = replace(waiting, after=PLAYED)
                turn = continue_flow(flow, state, Played())
            case Collect():
                return _make_question_page(action, said, waiting)
            case Record():
                said += action.prompts
                if host.records:
                    return Page(tuple(said), action, waiting, state)
                heard = replace(waiting, after=NOT_RECORDED)
                turn = continue_flow(flow, state, Failed())
            case Transfer():
                said += action.prompts
                if host.transfers:
                    await host.store_answers_before_transfer_to_agent(action)
                    return Page(tuple(said), action, waiting, state)
                heard = replace(waiting, after=NOT_TRANSFERRED)
                turn = continue_flow(flow, state, Failed())
            case Commit() | SendSms() if said and heard is not None:  # the prompts must be played first
                return Page(tuple(said), None, heard, heard.state)
            case Commit() | SendSms():
                turn = continue_flow(flow, state, await _store_flow_result_or_send_sms(action, host))


async def store_results_after_hang_up(flow: Flow, turn: Turn, host: PageHost) -> FlowState:
    """Store the results of the caller's last input, after the caller has hung up. Return the flow's final state.

    The flow continues only up to its next prompt.
    """
    while isinstance(turn.action, Commit):
        turn = continue_flow(flow, turn.state, await _store_flow_result_or_send_sms(turn.action, host))
    return end_flow_by_hang_up(flow, turn.state)


async def _store_flow_result_or_send_sms(action: Commit | SendSms, host: PageHost) -> Input:
    if isinstance(action, Commit):
        return await host.commit_flow_result(action.commit)
    return SmsSent() if await host.send_sms(action) else Failed()


def _make_page_with_interruptible_prompts(flow: Flow, turn: Turn, said: list[PromptRef], waiting: PausedFlow) -> Page:
    """Return a page (response to Twilio) with prompts that the caller can interrupt with a key.

    On Twilio, a key can interrupt prompts only within a question (`<Gather>`). So the prompts become part of the flow's
    next question. If that is not possible, they become a question for one key.
    """
    prompts: list[PromptRef] = []
    following = turn
    while isinstance(following.action, Play) and following.action.allows_barge_in:
        prompts += following.action.prompts
        following = continue_flow(flow, following.state, Played())
    question = following.action
    # A late terminator of the last answer is dropped during prompts. In a question it would count as an answer.
    if isinstance(question, Collect) and question.barge_in and not turn.state.stray:
        merged = replace(question, prompts=(*prompts, *question.prompts))
        return _make_question_page(merged, said, replace(waiting, state=following.state))
    assert isinstance(turn.action, Play)  # noqa: S101 - the caller has checked
    return Page(tuple(said), Gather(turn.action.prompts, 1, 1, ""), waiting, turn.state)


def _make_question_page(action: Collect, said: list[PromptRef], waiting: PausedFlow) -> Page:
    if action.typed_ahead:
        left = action.max_digits - len(action.typed_ahead)
        gather = Gather((), left, action.between_seconds, action.terminator)
        return Page(tuple(said), gather, replace(waiting, ahead=action.typed_ahead), waiting.state)
    seconds = max(action.timeout_seconds, action.between_seconds)
    before, within = ((), action.prompts) if action.barge_in else (action.prompts, ())
    gather = Gather(within, action.max_digits, seconds, action.terminator)
    return Page((*said, *before), gather, waiting, waiting.state)


def parse_flow_input(waiting: PausedFlow, form: Mapping[str, str]) -> Input:
    """Return the input of an IVR flow (such as pressed keys) from the form of Twilio's request.

    Raises:
        ProtocolError: the last page did not ask for input.
    """
    if waiting.after == PLAYED:
        return Played()
    if waiting.after in {NOT_RECORDED, NOT_TRANSFERRED}:
        return Failed()
    keys = "".join(key for key in form.get("Digits", "") if key in TELEPHONE_KEYS)[:LONGEST_INPUT]
    match waiting.state.waiting:
        case "Play":
            return Played(keys[:1] or None)
        case "Collect":
            keys = waiting.ahead + keys
            return Digits(keys, timed_out=not keys and not form.get("FinishedOnKey"))
        case "Record":
            seconds = form.get("RecordingDuration", "0")
            length = float(seconds) if seconds.isascii() and seconds.isdigit() else 0.0
            sid = form.get("RecordingSid", "")
            return Recorded(sid, length) if length > 0 and _is_twilio_sid(sid) else Failed()
        case "Transfer":
            return Transferred() if form.get("DialCallStatus") in {"completed", "answered"} else Failed()
    raise ProtocolError(
        "a Twilio webhook was rejected, because it answers a step of the flow that asks for no input: check which "
        "program sends it"
    )


def is_hang_up_report(form: Mapping[str, str]) -> bool:
    """Return whether Twilio's request reports that the caller hung up during a recording."""
    return form.get("Digits") == HUNG_UP_WHILE_RECORDING


def end_flow_by_hang_up(flow: Flow, state: FlowState) -> FlowState:
    """End an IVR flow whose caller has hung up, and return its final state."""
    return continue_flow(flow, state, HungUp()).state


def _is_twilio_sid(text: str) -> bool:
    return len(text) == 34 and text.isascii() and text.isalnum()
