"""The messages between the machine and a driver: actions, inputs, and the state of a call between two turns."""

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
    """A prompt with its values, not yet in a language. `values` fills the placeholders of a text, by name."""

    kind: PromptKind
    value: str
    values: tuple[tuple[str, PromptRef], ...] = ()


class CommitKind(StrEnum):
    """The kinds of commits."""

    MARK = "mark"
    UNDO = "undo"  # of the last serial of this call
    OPT_OUT = "opt-out"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class FlowCommit:
    """What must be stored before anything else is said to the caller.

    `sequence` counts the commits of this run of the flow from 1; (call, run, sequence) is the idempotency key.
    """

    kind: CommitKind
    node: str
    sequence: int
    mark: MarkKind | None = None
    scope: Scope = Scope.VOTER
    hour: int | None = None  # 0-23, with later
    serial: int | None = None  # with the scope serial
    part: int | None = None  # the part of the serial; None if the worker has only one
    count: int | None = None  # with the scope household: the number of its voters; None: all
    answers: Mapping[str, str] = field(default_factory=dict)  # all answers so far


@dataclass(frozen=True, slots=True)
class Play:
    """Play prompts, then send `Played`. A key of `escape_digits` ends them."""

    node: str
    prompts: tuple[PromptRef, ...]
    escape_digits: str = ""

    @property
    def barge_in(self) -> bool:
        """Whether a key ends the prompts."""
        return bool(self.escape_digits)


@dataclass(frozen=True, slots=True)
class Collect:
    """Play prompts and collect up to `max_digits` digits, then send `Digits`.

    `typed_ahead` was entered during an earlier prompt and counts as the first digits; then nothing is played. The
    terminator ends the input and is not part of it. For a menu `max_digits` is 1 and `terminator` is empty.
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
    """Commit, then send `Committed` once it is stored, `NotFound` if its voter or mark does not exist, else `Failed`."""

    node: str
    commit: FlowCommit


@dataclass(frozen=True, slots=True)
class Record:
    """Play prompts and a tone, record, then send `Recorded` or `Failed`."""

    node: str
    prompts: tuple[PromptRef, ...]
    max_seconds: float
    silence_seconds: float
    terminator: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Play prompts and hand the call over to an agent, then send `Transferred` or `Failed`. `answers` are for the screen pop."""

    node: str
    prompts: tuple[PromptRef, ...]
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SendSms:
    """Send an SMS, then send `SmsSent` if the gateway accepted it, else `Failed`."""

    node: str
    template: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Play prompts and hang up. It is the last action of a flow and needs no input."""

    node: str
    prompts: tuple[PromptRef, ...]
    reason: str


Action = Play | Collect | Commit | Record | Transfer | SendSms | Disconnect


@dataclass(frozen=True, slots=True)
class Start:
    """The beginning of a call: the facts known of the voter, and the language, such as "hi"."""

    facts: Mapping[str, Scalar]
    language: str


@dataclass(frozen=True, slots=True)
class Played:
    """The prompts were played, or a key ended them."""

    digit: str | None = None


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits that were entered, without the terminator. `timed_out`: the input ended without terminator or full length."""

    digits: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """The commit is stored."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The action failed: nothing was stored (or that is unknown), recorded or sent, or no agent can take the call."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """No voter has the serial, or there is nothing to undo."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message was recorded under `name`."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Transferred:
    """An agent has the call."""


@dataclass(frozen=True, slots=True)
class SmsSent:
    """The gateway accepted the SMS."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller hung up. It is accepted at any time, and more than once."""


Input = Played | Digits | Committed | NotFound | Recorded | Transferred | SmsSent | Failed | HungUp


class Ending(StrEnum):
    """How a call's flow ended."""

    COMPLETED = "completed"  # at a disconnect node
    TRANSFERRED = "transferred"
    HUNG_UP = "hung-up"  # by the caller, before the end
    TOO_LONG = "too-long"  # the flow reached its limit of turns
    FAULT = "fault"  # the flow loops without an action; `dialer flow check` reports such a flow


@dataclass(frozen=True, slots=True)
class Frame:
    """A running subdialog: the name of its flow, and the node at which the calling flow resumes."""

    flow: str
    resume: str


@dataclass(frozen=True, slots=True)
class FlowState:
    """The state of a call's flow between two turns. `to_json` and `from_json` transfer it between processes."""

    flow: str
    version: str
    language: str
    node: str
    facts: Mapping[str, Scalar]
    answers: Mapping[str, str] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    waiting: str = ""  # name of the action whose result is expected
    typed_ahead: str = ""
    stray: str = ""  # a terminator that may still follow a field that is full
    no_input: int = 0  # at this node
    no_match: int = 0  # at this node
    turns: int = 0
    commits: int = 0
    ending: Ending | None = None

    @property
    def where(self) -> str:
        """The node with the subdialogs that led to it, such as "opt_out/ask"."""
        if not self.frames:
            return self.node
        return "/".join((*(frame.flow for frame in self.frames), self.node))

    @property
    def completed(self) -> bool:
        """Whether the flow was completed: by a disconnect node, or because an agent took the call."""
        return self.ending in (Ending.COMPLETED, Ending.TRANSFERRED)

    @property
    def left_at(self) -> str | None:
        """The node at which the caller hung up, such as "opt_out/ask"; None if the caller did not end the flow."""
        return self.where if self.ending is Ending.HUNG_UP else None

    def replace(self, **changes: Any) -> FlowState:
        """Return a copy with some fields changed. Faster than `dataclasses.replace`, which would take most of a turn's time."""
        return FlowState(**{**dict(zip(_FIELDS, _VALUES(self), strict=True)), **changes})

    def with_answer(self, name: str, value: str) -> FlowState:
        """Return a copy with one more answer of the caller."""
        return self.replace(answers={**self.answers, name: value})

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FlowState:
        """Return the state that `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        known = dict(value)
        known["frames"] = tuple(Frame(**frame) for frame in known["frames"])
        known["ending"] = Ending(known["ending"]) if known["ending"] is not None else None
        return cls(**known)


_FIELDS = tuple(field.name for field in fields(FlowState))
_VALUES = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True)
class Turn:
    """The next action, and the state after it. No action if the caller hung up or an agent has the call."""

    action: Action | None
    state: FlowState

    @property
    def ended(self) -> bool:
        """Whether the flow has ended, so that no input is expected."""
        return self.state.ending is not None
