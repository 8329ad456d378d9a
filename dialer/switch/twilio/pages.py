"""Pages, the responses to Twilio, without XML: a flow's turns become pages, and requests become the flow's inputs.

Pure, except for what a flow requests of its host (a commit, an SMS), which is awaited before the page is made. A page
ends where the caller or a timeout decides: at a question, a recording, a transfer or the end. Prompts that no key can
interrupt come before it; prompts that a key interrupts become part of the question that follows, as on Asterisk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from dialer.domain.errors import ProtocolError
from dialer.flows.flow import Flow
from dialer.flows.machine import step
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
from dialer.switch.twilio.tokens import Waiting

PLAYED = "played"
NOT_RECORDED = "not-recorded"
NOT_TRANSFERRED = "not-transferred"
LONGEST_INPUT = 30
HUNG_UP_WHILE_RECORDING = "hangup"  # the `Digits` of a recording that ended by hang-up


class PageHost(Protocol):
    """What a flow may request while a page is made."""

    records: bool  # whether callers may be recorded
    transfers: bool  # whether a transfer has a number or SIP address to dial

    async def commit(self, commit: FlowCommit) -> Input:
        """Store a result. Return the flow's input."""
        ...

    async def send_sms(self, action: SendSms) -> bool:
        """Send an SMS. Return whether the gateway accepted it."""
        ...

    async def hand_over(self, action: Transfer) -> None:
        """Store what the agent's screen will show, before the transfer is dialled."""
        ...


@dataclass(frozen=True, slots=True)
class Gather:
    """A question for keys. `timeout_seconds` is from the end of the prompts, and from key to key."""

    prompts: tuple[PromptRef, ...]
    most_digits: int
    timeout_seconds: float
    terminator: str


Ending = Gather | Record | Transfer | None
"""The end of a page: a question, a recording, a transfer; None: Twilio requests the next page at once, or the call ends."""


@dataclass(frozen=True, slots=True)
class Page:
    """One response to Twilio. `waiting` None: the flow is over, hang up."""

    said: tuple[PromptRef, ...]  # played to the end, whatever key is pressed
    ending: Ending
    waiting: Waiting | None
    state: FlowState


async def next_page(flow: Flow, turn: Turn, at: Waiting, host: PageHost) -> Page:
    """Carry out a flow's turns until the caller must answer.

    The ids of `at`, the call before it, go into the next token.
    """
    said: list[PromptRef] = []
    heard: Waiting | None = None  # where to continue once the prompts were heard
    while True:
        action, state = turn.action, turn.state
        waiting = replace(at, state=state, after="", ahead="")
        match action:
            case None:
                return Page(tuple(said), None, None, state)
            case Disconnect():
                return Page((*said, *action.prompts), None, None, state)
            case Play() if action.barge_in:
                return _interruptible(flow, turn, said, waiting)
            case Play():
                said += action.prompts
                heard = replace(waiting, after=PLAYED)
                turn = step(flow, state, Played())
            case Collect():
                return _question(action, said, waiting)
            case Record():
                said += action.prompts
                if host.records:
                    return Page(tuple(said), action, waiting, state)
                heard = replace(waiting, after=NOT_RECORDED)
                turn = step(flow, state, Failed())
            case Transfer():
                said += action.prompts
                if host.transfers:
                    await host.hand_over(action)
                    return Page(tuple(said), action, waiting, state)
                heard = replace(waiting, after=NOT_TRANSFERRED)
                turn = step(flow, state, Failed())
            case Commit() | SendSms() if said and heard is not None:  # the prompts must be heard first
                return Page(tuple(said), None, heard, heard.state)
            case Commit() | SendSms():
                turn = step(flow, state, await _ask_host(action, host))


async def after_hang_up(flow: Flow, turn: Turn, host: PageHost) -> FlowState:
    """Store the results of a caller who has hung up, up to the next prompt. Return the state in which they left."""
    while isinstance(turn.action, Commit):
        turn = step(flow, turn.state, await _ask_host(turn.action, host))
    return left(flow, turn.state)


async def _ask_host(action: Commit | SendSms, host: PageHost) -> Input:
    if isinstance(action, Commit):
        return await host.commit(action.commit)
    return SmsSent() if await host.send_sms(action) else Failed()


def _interruptible(flow: Flow, turn: Turn, said: list[PromptRef], waiting: Waiting) -> Page:
    """Return a page for prompts that a key interrupts: part of the question after them, or a question of their own."""
    prompts: list[PromptRef] = []
    following = turn
    while isinstance(following.action, Play) and following.action.barge_in:
        prompts += following.action.prompts
        following = step(flow, following.state, Played())
    question = following.action
    # A terminator that may still come is dropped in the prompts; in the question it would be an answer.
    if isinstance(question, Collect) and question.barge_in and not turn.state.stray:
        merged = replace(question, prompts=(*prompts, *question.prompts))
        return _question(merged, said, replace(waiting, state=following.state))
    assert isinstance(turn.action, Play)  # noqa: S101 - the caller has checked
    return Page(tuple(said), Gather(turn.action.prompts, 1, 1, ""), waiting, turn.state)


def _question(action: Collect, said: list[PromptRef], waiting: Waiting) -> Page:
    if action.typed_ahead:
        left = action.max_digits - len(action.typed_ahead)
        gather = Gather((), left, action.between_seconds, action.terminator)
        return Page(tuple(said), gather, replace(waiting, ahead=action.typed_ahead), waiting.state)
    seconds = max(action.timeout_seconds, action.between_seconds)
    before, within = ((), action.prompts) if action.barge_in else (action.prompts, ())
    gather = Gather(within, action.max_digits, seconds, action.terminator)
    return Page((*said, *before), gather, waiting, waiting.state)


def event_of(waiting: Waiting, form: Mapping[str, str]) -> Input:
    """Return the flow's input from a request's form.

    Raises ProtocolError where it cannot be the answer to the last page.
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
            return Recorded(sid, length) if length > 0 and _is_sid(sid) else Failed()
        case "Transfer":
            return Transferred() if form.get("DialCallStatus") in {"completed", "answered"} else Failed()
    raise ProtocolError("a webhook answers a page without a question")


def hung_up_in(form: Mapping[str, str]) -> bool:
    """Return whether the caller hung up during this request's recording."""
    return form.get("Digits") == HUNG_UP_WHILE_RECORDING


def left(flow: Flow, state: FlowState) -> FlowState:
    """Return the flow's state after a hang-up."""
    return step(flow, state, HungUp()).state


def _is_sid(text: str) -> bool:
    return len(text) == 34 and text.isascii() and text.isalnum()
