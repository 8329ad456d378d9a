"""What the machine and a driver say to each other: actions out, inputs in, and the state between two turns."""

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
    """One thing to be said, in no language yet. `values` fills the placeholders of a text, by name."""

    kind: PromptKind
    value: str
    values: tuple[tuple[str, PromptRef], ...] = ()


class CommitKind(StrEnum):
    """What is to be committed."""

    MARK = "mark"
    TAKE_BACK = "take-back"  # the last serial of this call
    OPT_OUT = "opt-out"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class FlowCommit:
    """What must be on disk before the caller hears another word.

    `sequence` counts the commits of this run of the flow from 1: (call, run, sequence) is the idempotency key.
    """

    kind: CommitKind
    node: str
    sequence: int
    mark: MarkKind | None = None
    scope: Scope = Scope.VOTER
    hour: int | None = None  # 0-23, with later
    serial: int | None = None  # with the scope serial
    part: int | None = None  # of the serial; None: the worker has only one
    count: int | None = None  # with the scope household: how many of its voters; None: all
    answers: Mapping[str, str] = field(default_factory=dict)  # all so far


@dataclass(frozen=True, slots=True)
class Play:
    """Play prompts; answer `Played`. A key among `escape_digits` ends them."""

    node: str
    prompts: tuple[PromptRef, ...]
    escape_digits: str = ""

    @property
    def barge_in(self) -> bool:
        """Whether a key ends the prompts."""
        return bool(self.escape_digits)


@dataclass(frozen=True, slots=True)
class Collect:
    """Play prompts and collect up to `max_digits`; answer `Digits`.

    `typed_ahead` was keyed during an earlier prompt and counts as the first digits: then nothing is played. The terminator ends
    the input and is no part of it. For a menu `max_digits` is 1 and `terminator` is empty.
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
    """Commit; answer `Committed` only when it is on disk, `NobodyFound` where it is about nobody, else `Failed`."""

    node: str
    commit: FlowCommit


@dataclass(frozen=True, slots=True)
class Record:
    """Play prompts and a tone, record; answer `Recorded` or `Failed`."""

    node: str
    prompts: tuple[PromptRef, ...]
    max_seconds: float
    silence_seconds: float
    terminator: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Play prompts and hand the call to an agent with `answers` for the screen pop; answer `Transferred` or `Failed`."""

    node: str
    prompts: tuple[PromptRef, ...]
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SendSms:
    """Send an SMS; answer `SmsSent` (taken by the gateway) or `Failed`."""

    node: str
    template: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Play prompts and hang up. The last action of every flow; nothing is answered to it."""

    node: str
    prompts: tuple[PromptRef, ...]
    reason: str


Action = Play | Collect | Commit | Record | Transfer | SendSms | Disconnect


@dataclass(frozen=True, slots=True)
class Start:
    """A call begins. `facts` is what is known of the voter; `language` a tag such as "hi"."""

    facts: Mapping[str, Scalar]
    language: str


@dataclass(frozen=True, slots=True)
class Played:
    """The prompts were played, or a key ended them."""

    digit: str | None = None


@dataclass(frozen=True, slots=True)
class Digits:
    """What was keyed in, without the terminator. `timed_out`: neither a terminator nor the full length came in time."""

    digits: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """It is on disk."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What was to be done is not: it is not on disk (or nobody can say), not recorded, not sent, no agent can take the call."""


@dataclass(frozen=True, slots=True)
class NobodyFound:
    """Nobody has the serial, or there is none to take back."""


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
    """The gateway took the SMS."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller hung up. Accepted at any moment, once or often."""


Input = Played | Digits | Committed | NobodyFound | Recorded | Transferred | SmsSent | Failed | HungUp


class Ending(StrEnum):
    """How a call's flow ended."""

    COMPLETED = "completed"  # at a disconnect of the flow
    TRANSFERRED = "transferred"
    HUNG_UP = "hung-up"  # by the caller, before the end
    TOO_LONG = "too-long"  # the flow's limit of turns was reached
    FAULT = "fault"  # the flow runs in circles without a word: `dialer flow check` finds such a flow


@dataclass(frozen=True, slots=True)
class Frame:
    """A subdialog that is running: its flow's name, and the node of the flow above that goes on after it."""

    flow: str
    resume: str


@dataclass(frozen=True, slots=True)
class FlowState:
    """All that a call's flow has to remember between two turns. `to_json` and `from_json` carry it over a process."""

    flow: str
    version: str
    language: str
    node: str
    facts: Mapping[str, Scalar]
    answers: Mapping[str, str] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    waiting: str = ""  # name of the action that must be answered
    typed_ahead: str = ""
    stray: str = ""  # a terminator that may still come after a field had its full length
    no_input: int = 0  # at this node
    no_match: int = 0  # at this node
    turns: int = 0
    commits: int = 0
    ending: Ending | None = None

    @property
    def where(self) -> str:
        """The node, with the subdialogs that led to it: "opt_out/ask"."""
        if not self.frames:
            return self.node
        return "/".join((*(frame.flow for frame in self.frames), self.node))

    @property
    def completed(self) -> bool:
        """Whether the flow came to an end of its own: a disconnect, or an agent took the call."""
        return self.ending in (Ending.COMPLETED, Ending.TRANSFERRED)

    @property
    def left_at(self) -> str | None:
        """Where the caller hung up, "opt_out/ask" inside a subdialog; None: the flow ended otherwise, or has not ended."""
        return self.where if self.ending is Ending.HUNG_UP else None

    def but(self, **changes: Any) -> FlowState:
        """The state with some of its fields changed: `dataclasses.replace` at half its cost, which is most of a turn's."""
        return FlowState(**{**dict(zip(_FIELDS, _VALUES(self), strict=True)), **changes})

    def with_answer(self, name: str, value: str) -> FlowState:
        """The state with one more answer of the caller."""
        return self.but(answers={**self.answers, name: value})

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FlowState:
        """The state that `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        known = dict(value)
        known["frames"] = tuple(Frame(**frame) for frame in known["frames"])
        known["ending"] = Ending(known["ending"]) if known["ending"] is not None else None
        return cls(**known)


_FIELDS = tuple(field.name for field in fields(FlowState))
_VALUES = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True)
class Turn:
    """One action for the driver, and the state to answer it with. None: the caller is gone, or an agent has the call."""

    action: Action | None
    state: FlowState

    @property
    def ended(self) -> bool:
        """Whether the flow is over: nothing is to be answered."""
        return self.state.ending is not None
