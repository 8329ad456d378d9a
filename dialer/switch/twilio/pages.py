"""What Twilio is told next, without XML: a flow's turns gathered into pages, and what came back read into the flow's
inputs.

Pure but for what a flow asks of its host (a commit, an SMS), which is awaited before the page is made. A page ends
where the caller, or time, decides: at a question, a recording, a transfer, the end. Prompts that no key can break off
are put before it; prompts that a key ends become part of the question that follows, as on any other line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from dialer.domain.errors import ProtocolError
from dialer.flows.machine import KEYS, step
from dialer.flows.node import Flow
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
HUNG_UP_WHILE_RECORDING = "hangup"  # what Twilio gives as `Digits` of a recording that ended so


class PageHost(Protocol):
    """What a flow may ask for while a page is made."""

    records: bool  # whether callers may be recorded
    transfers: bool  # whether there is somebody to dial for an agent

    async def commit(self, commit: FlowCommit) -> Input:
        """Put on disk; what came of it."""
        ...

    async def send_sms(self, action: SendSms) -> bool:
        """Send; True when the gateway took it."""
        ...

    async def hand_over(self, action: Transfer) -> None:
        """Keep what an agent's screen will show: the call is about to be dialled on."""
        ...


@dataclass(frozen=True, slots=True)
class Gather:
    """Ask for keys. `timeout_seconds` counts from the end of the prompts, and from key to key."""

    prompts: tuple[PromptRef, ...]
    most_digits: int
    timeout_seconds: float
    terminator: str


Ending = Gather | Record | Transfer | None
"""What a page ends with: a question, a recording, a transfer; None: Twilio comes back at once, or the call ends."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to Twilio. `waiting` None: the flow is over; hang up."""

    said: tuple[PromptRef, ...]  # to the end, whatever is keyed
    ending: Ending
    waiting: Waiting | None
    state: FlowState


async def next_page(flow: Flow, turn: Turn, at: Waiting, host: PageHost) -> Page:
    """Do what the turns ask for until the caller is asked. `at` is the call before it: its ids go into the next token."""
    said: list[PromptRef] = []
    heard: Waiting | None = None  # to come back to once what is said has been heard
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
            case Commit() | SendSms() if said and heard is not None:  # what was said must have been heard first
                return Page(tuple(said), None, heard, heard.state)
            case Commit() | SendSms():
                turn = step(flow, state, await _ask_host(action, host))


async def after_hang_up(flow: Flow, turn: Turn, host: PageHost) -> FlowState:
    """Of a caller who is gone: what they left is kept, up to the next word that they would have heard; the state they left
    in.
    """
    while isinstance(turn.action, Commit):
        turn = step(flow, turn.state, await _ask_host(turn.action, host))
    return left(flow, turn.state)


async def _ask_host(action: Commit | SendSms, host: PageHost) -> Input:
    if isinstance(action, Commit):
        return await host.commit(action.commit)
    return SmsSent() if await host.send_sms(action) else Failed()


def _interruptible(flow: Flow, turn: Turn, said: list[PromptRef], waiting: Waiting) -> Page:
    """Prompts that a key ends: part of the question behind them, or else a question of their own."""
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
    assert isinstance(turn.action, Play)  # noqa: S101 - the caller has looked
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
    """What a request's form says came of the page before it. Raises ProtocolError where it cannot answer that page."""
    if waiting.after == PLAYED:
        return Played()
    if waiting.after in {NOT_RECORDED, NOT_TRANSFERRED}:
        return Failed()
    keys = "".join(key for key in form.get("Digits", "") if key in KEYS)[:LONGEST_INPUT]
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
    raise ProtocolError("a webhook answers a page that waits for nothing")


def hung_up_in(form: Mapping[str, str]) -> bool:
    """Whether the caller left while this request's recording was made."""
    return form.get("Digits") == HUNG_UP_WHILE_RECORDING


def left(flow: Flow, state: FlowState) -> FlowState:
    """The state of a caller who hung up at it."""
    return step(flow, state, HungUp()).state


def _is_sid(text: str) -> bool:
    return len(text) == 34 and text.isascii() and text.isalnum()
