"""The messages between the state machine of flows and the driver (the code that runs a flow on a call).

The state of a flow is also defined here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any

from dialer.domain.enums import MarkKind
from dialer.flows.model import PromptKind, Scalar, Scope


@dataclass(frozen=True, slots=True)
class PromptRef:
    """A reference to a prompt to play, in the language of the call. `values` fill the placeholders of its text, by
    name.
    """

    kind: PromptKind
    value: str
    values: tuple[tuple[str, PromptRef], ...] = ()


class CommitKind(StrEnum):
    """The kinds of results that a flow can store."""

    MARK = "mark"
    UNDO = "undo"  # of the last serial of this call
    OPT_OUT = "opt-out"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class FlowCommit:
    """A result that must be stored before the flow continues.

    `sequence` is the number of this result among all results of the run of the flow, counted from 1. The store uses
    (call, run, sequence) to store each result only once.
    """

    kind: CommitKind
    node: str
    sequence: int
    mark: MarkKind | None = None
    scope: Scope = Scope.VOTER
    hour: int | None = None  # 0-23, only with the mark later
    serial: int | None = None  # only with the scope serial
    part: int | None = None  # the part of the serial, or None if the worker has only one
    count: int | None = None  # only with the scope household: number of voters, or None for all
    answers: Mapping[str, str] = field(default_factory=dict)  # all answers so far


@dataclass(frozen=True, slots=True)
class Play:
    """The action to play prompts. A key in `escape_digits` interrupts them. The result is `Played`."""

    node: str
    prompts: tuple[PromptRef, ...]
    escape_digits: str = ""

    @property
    def allows_barge_in(self) -> bool:
        """Whether a key interrupts the prompts."""
        return bool(self.escape_digits)


@dataclass(frozen=True, slots=True)
class Collect:
    """The action to play prompts and collect up to `max_digits` digits. Its result is `Digits`.

    `typed_ahead` has digits that the caller entered during an earlier prompt. They are the first digits of the input.
    If there are any, no prompt is played. The terminator ends the input and is not part of it. For a menu `max_digits`
    is 1 and `terminator` is empty.
    """

    node: str
    prompts: tuple[PromptRef, ...]
    barge_in: bool
    max_digits: int
    timeout_seconds: float
    between_seconds: float
    terminator: str = ""
    typed_ahead: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """The action to store a result, such as a mark (a fact about a voter).

    The store's reply is `Committed`, `NotFound` (no such voter or answer) or `Failed`.
    """

    node: str
    commit: FlowCommit


@dataclass(frozen=True, slots=True)
class Record:
    """The action to play prompts and a tone, then record the caller. Its result is `Recorded` or `Failed`."""

    node: str
    prompts: tuple[PromptRef, ...]
    max_seconds: float
    silence_seconds: float
    terminator: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """The action to play prompts and transfer the call to an agent. Its result is `Transferred` or `Failed`.

    `answers` are the answers so far, for the agent's screen.
    """

    node: str
    prompts: tuple[PromptRef, ...]
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SendSms:
    """The action to send an SMS. Its result is `SmsSent` if the gateway accepted it, otherwise `Failed`."""

    node: str
    template: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The action to play prompts and hang up. It is the last action of a flow and has no result."""

    node: str
    prompts: tuple[PromptRef, ...]
    reason: str


Action = Play | Collect | Commit | Record | Transfer | SendSms | Disconnect


@dataclass(frozen=True, slots=True)
class Start:
    """The input that starts a flow: the known facts about the voter, and the language, such as "hi"."""

    facts: Mapping[str, Scalar]
    language: str


@dataclass(frozen=True, slots=True)
class Played:
    """The result of `Play`: the prompts were played, or the key `digit` interrupted them."""

    digit: str | None = None


@dataclass(frozen=True, slots=True)
class Digits:
    """The result of `Collect`: the digits that the caller entered, without the terminator (such as #).

    `timed_out` is True if the caller stopped before the terminator or the last digit.
    """

    digits: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """The result of `Commit`: what the flow reported, such as a voter mark, is stored."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The result of an action if it failed. After a failed `Commit`, the answer or mark may still have been stored."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The result of `Commit` if no voter has the reported serial number, or if there is no recorded answer to undo."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of `Record`: the caller's message was recorded under `name`."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Transferred:
    """The result of `Transfer`: an agent has the call."""


@dataclass(frozen=True, slots=True)
class SmsSent:
    """The result of `SendSms`: the gateway accepted the SMS."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller hung up. This input is accepted at any time, and more than once."""


Input = Played | Digits | Committed | NotFound | Recorded | Transferred | SmsSent | Failed | HungUp


class Ending(StrEnum):
    """How a flow ended."""

    COMPLETED = "completed"  # at a disconnect node
    TRANSFERRED = "transferred"
    HUNG_UP = "hung-up"  # by the caller, before the end of the flow
    TOO_LONG = "too-long"  # at the flow's limit of turns
    FAULT = "fault"  # the flow loops without an action, which `dialer flow check` reports


@dataclass(frozen=True, slots=True)
class Frame:
    """A running subdialog: the name of its flow, and the node at which the calling flow continues."""

    flow: str
    resume: str


@dataclass(frozen=True, slots=True)
class FlowState:
    """The state of a call in a flow, between two actions.

    `convert_flow_state_to_json` and `create_flow_state_from_json` convert it, to pass it to another process.
    """

    flow: str
    version: str
    language: str
    node: str
    facts: Mapping[str, Scalar]
    answers: Mapping[str, str] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    waiting: str = ""  # name of the action whose result is pending
    typed_ahead: str = ""  # keys entered during an earlier prompt
    stray: str = ""  # a terminator that the caller may still enter after a full field
    no_input: int = 0  # failed attempts by silence at this node
    no_match: int = 0  # failed attempts by wrong keys at this node
    turns: int = 0
    commits: int = 0
    ending: Ending | None = None

    @property
    def current_node_path(self) -> str:
        """The current node of the flow, preceded by the subdialogs that it is in, such as "opt_out/ask"."""
        if not self.frames:
            return self.node
        return "/".join((*(frame.flow for frame in self.frames), self.node))

    @property
    def has_flow_completed(self) -> bool:
        """Whether the flow ended at a disconnect node or by a transfer."""
        return self.ending in (Ending.COMPLETED, Ending.TRANSFERRED)

    @property
    def node_where_caller_hung_up(self) -> str | None:
        """The flow's node at which the caller hung up, such as "opt_out/ask", or None if the flow did not end that way."""
        return self.current_node_path if self.ending is Ending.HUNG_UP else None

    def copy_flow_state(self, **changes: Any) -> FlowState:
        """Return a copy of a call's flow state with some fields changed. Much faster than `dataclasses.replace`."""
        return FlowState(**{**dict(zip(_FIELDS, _VALUES(self), strict=True)), **changes})

    def copy_flow_state_with_answer(self, name: str, value: str) -> FlowState:
        """Return a copy of a call's flow state with one more answer of the caller."""
        return self.copy_flow_state(answers={**self.answers, name: value})

    def convert_flow_state_to_json(self) -> dict[str, Any]:
        """Return the state of a call's flow as JSON values."""
        return asdict(self)

    @classmethod
    def create_flow_state_from_json(cls, value: Mapping[str, Any]) -> FlowState:
        """Return the state from the JSON values of `convert_flow_state_to_json`.

        Raises KeyError, TypeError or ValueError if `value` was not made by that method.
        """
        known = dict(value)
        known["frames"] = tuple(Frame(**frame) for frame in known["frames"])
        known["ending"] = Ending(known["ending"]) if known["ending"] is not None else None
        return cls(**known)


_FIELDS = tuple(field.name for field in fields(FlowState))
_VALUES = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a flow: the next action, and the state of the flow after it. There is no action after a hang-up or a
    transfer.
    """

    action: Action | None
    state: FlowState

    @property
    def has_flow_ended(self) -> bool:
        """Whether the flow has ended, so that it accepts no more input."""
        return self.state.ending is not None
