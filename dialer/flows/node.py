"""What every kind of node is to the machine, the check and the picture, and the flow that nodes make. No switch, no language.

A kind is one class in one file of `ivr_flows/nodes/`: what it holds, how it is read, what it does on a turn, what the check has to
know of it, how it is drawn, and its schema for editors. It registers itself with `@node_kind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Self, TypeVar

from dialer.flows.fields import Fields, KnownNames
from dialer.flows.keys import FAILED, NODE, SOME_PROMPTS, Key, key, keys_of, number, reprompt, schema_of, yes
from dialer.flows.known import can_be_left_out
from dialer.flows.model import FlowPurpose, Offer, Prompt, PromptKind, Reprompt
from dialer.flows.turns import (
    Action,
    Collect,
    Commit,
    CommitKind,
    Committed,
    Digits,
    FlowCommit,
    FlowState,
    Input,
    PromptRef,
)


@dataclass(frozen=True, slots=True)
class Walked:
    """The call is at another node, and nobody was needed for it."""

    state: FlowState


@dataclass(frozen=True, slots=True)
class Acting:
    """The driver has something to do."""

    state: FlowState
    action: Action


@dataclass(frozen=True, slots=True)
class Going:
    """An answer leads to a node."""

    state: FlowState
    target: str


@dataclass(frozen=True, slots=True)
class Hanging:
    """The flow is completed: say this and hang up."""

    prompts: tuple[PromptRef, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """An agent has the call."""

    state: FlowState


Entered = Walked | Acting | Going | Hanging
"""What happens when a call comes to a node."""
Answered = Going | Acting | HandedOver | None
"""What follows an answer; None: it comes of no action of that node."""


class Look(Enum):
    """How a node's box is coloured."""

    SPEECH = ("#eef4fb", "#4a7ab0")
    QUESTION = ("#fff6dc", "#b58a1b")
    COMMIT = ("#e6f5e9", "#3b8a50")
    SERVICE = ("#f3ecfa", "#7c55a5")
    PART = ("#e9eef2", "#5a6b7a")
    QUIET = ("#f2f2f2", "#777777")
    END = ("#fbe9e7", "#b0503f")


KEYS = "0123456789*#"
"""Of a telephone."""

_EXCEPTIONS = frozenset({"no-input", "no-match", "failed"})


@dataclass(frozen=True, slots=True)
class Node(ABC):
    """What every node has: its name, and the line of its file, for errors."""

    schema: ClassVar[Mapping[str, Any]] = {}  # JSON schema of its mapping in YAML
    constant: ClassVar[tuple[str, Key] | None] = None  # what stands under the key of the kind, where no field does
    look: ClassVar[Look]
    head: ClassVar[str]  # what it does, in the head of its box, with values such as {node.template}
    after: ClassVar[Mapping[type[Input], str]] = {}  # by answer, the field that says where it leads
    commits: ClassVar[CommitKind | None] = None  # what is committed on the way "committed"
    listens: ClassVar[bool] = False  # whether the caller answers here
    returns: ClassVar[bool] = False  # whether it leads back to the flow above
    ends_call: ClassVar[bool] = False  # whether the call, or for a part the part, can end here
    opts_out: ClassVar[bool] = False  # whether the caller is opted out here
    passes: ClassVar[bool] = False  # whether the call goes on without an action where nothing is said
    draws_labels: ClassVar[bool] = False  # whether the arrows of the picture bear the ways' labels

    name: str
    line: int

    # Reading

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        """The node of a YAML mapping. Raises FlowError."""
        if cls.constant is not None:
            name, constant = cls.constant
            constant.read(fields, name, names)
        values = {field: each.read(fields, name, names) for field, name, each in keys_of(cls)}
        node = cls(fields.node, fields.line, **values)
        node.refuse_misfit(fields)
        return node

    def refuse_misfit(self, fields: Fields) -> None:  # noqa: B027 - most kinds have nothing to refuse
        """Raise FlowError where keys that are good alone do not go together."""

    # Turns

    @abstractmethod
    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """What happens when the call comes here; `flow` is the one that the node is in."""

    def answer(self, state: FlowState, event: Input) -> Answered:
        """What follows when `event` came of the node's action; None: it comes of no such action."""
        field = self.after.get(type(event))
        return None if field is None else Going(state, getattr(self, field))

    # What the check asks

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (label, node) of every way out, as the keys have them; a node that ends the flow has none."""
        for name, _, each in keys_of(self):
            if each.ways is not None:
                yield from each.ways(getattr(self, name))

    @property
    def asked(self) -> tuple[Prompt, ...]:
        """What is said the first time."""
        return tuple(prompt for name, _, each in keys_of(self) if each.says for prompt in getattr(self, name))

    @property
    def said(self) -> tuple[Prompt, ...]:
        """Every prompt that can be played here, reprompts included."""
        return self.asked

    def texts_needed(self) -> Iterator[tuple[str, set[str]]]:
        """The texts that are spoken or sent here, each with what fills it."""
        for prompt in dict.fromkeys(self.said):
            if prompt.kind is PromptKind.TEXT:
                yield prompt.value, {name for name, _ in prompt.needs}

    @property
    def calls(self) -> str | None:
        """The name of the flow that runs here as a subdialog."""
        return None

    @property
    def keeps(self) -> str | None:
        """The name under which an answer is kept."""
        return None

    @property
    def may_be_silent(self) -> bool:
        """Whether it can pass without an action: nothing to say, or only what is not known of every voter."""
        return self.passes and all(map(can_be_left_out, self.asked))

    def ways_by_one_key(self) -> tuple[str, ...]:
        """The nodes that one key leads to while something is said here."""
        return ()

    def ways_unsure_of(self, name: str) -> tuple[str, ...] | None:
        """The nodes that follow where a fact or answer may still be unknown; None: all that follow."""
        return None

    # The picture

    @property
    def title(self) -> str:
        """What it does, in the head of its box."""
        return self.head.format(node=self)

    def notes(self) -> list[str]:
        """What stands in its box beside the words."""
        return [f"fails \u203a {target}" for label, target in self.targets() if label == "failed"]

    def drawn_ways(self) -> list[tuple[str, str]]:
        """(label, node) of the ways that most calls go, which are drawn."""
        usual = [(label, target) for label, target in self.targets() if label not in _EXCEPTIONS]
        return usual if self.draws_labels else [("", target) for _, target in usual]


N = TypeVar("N", bound=type[Node])
NODE_KINDS: dict[str, type[Node]] = {}
"""By the key of YAML that says the kind."""


def node_kind(key: str, constant: Key | None = None) -> Callable[[N], N]:
    """Register a kind of node under the key that says it; `constant` is what stands there, where no field of the kind does."""

    def register(kind: N) -> N:
        if key in NODE_KINDS:
            raise ValueError(f"two kinds of nodes are called {key}")
        NODE_KINDS[key] = kind
        kind.schema = schema_of(kind, key, constant)
        kind.constant = None if constant is None else (key, constant)
        kind.after = {each.on: field for field, _, each in keys_of(kind) if each.on is not None}
        return kind

    return register


@dataclass(frozen=True, slots=True)
class Question(Node):
    """A node that asks for keys, and asks again."""

    look = Look.QUESTION
    listens = True

    prompts: tuple[Prompt, ...] = key(SOME_PROMPTS, "say")
    barge_in: bool = key(yes(True, "A key ends the prompts."))
    timeout_seconds: float = key(number(5, 1, 60).of("Until the first key."))
    no_input: Reprompt = key(reprompt("no-input"))
    no_match: Reprompt = key(reprompt("no-match"))

    @abstractmethod
    def collect(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """The action that asks, saying `prompts`."""

    @abstractmethod
    def is_stray(self, state: FlowState, event: Digits) -> bool:
        """Whether this is only the terminator of the field before, which had its full length already: it is no answer."""

    @abstractmethod
    def take(self, state: FlowState, event: Digits) -> Going | Acting:
        """What follows what was keyed."""

    def answer(self, state: FlowState, event: Input) -> Answered:
        """Where the keys lead, or the question again."""
        if not isinstance(event, Digits):
            return None
        if state.stray and not event.timed_out and self.is_stray(state, event):
            state = state.but(stray="")
            return Acting(state, self.collect(state, self.prompts))
        return self.take(state.but(stray="") if state.stray else state, event)

    def ask_again(self, state: FlowState, reprompt: Reprompt, *, silent: bool) -> Going | Acting:
        """Count the miss; ask again, or go where the reprompt says."""
        missed = state.no_input if silent else state.no_match
        if missed >= reprompt.reprompts:
            return Going(state, reprompt.then)
        state = state.but(no_input=missed + 1) if silent else state.but(no_match=missed + 1)
        return Acting(state, self.collect(state, (*reprompt.prompts, *self.prompts)))

    @property
    def said(self) -> tuple[Prompt, ...]:
        """The question and what is said before it is asked again."""
        return (*self.prompts, *self.no_input.prompts, *self.no_match.prompts)

    def notes(self) -> list[str]:
        """What follows on silence and on other keys."""
        return [f"no key{_again(self.no_input)}", f"another key{_again(self.no_match)}"]


def _again(reprompt: Reprompt) -> str:
    times = {0: "", 1: ", asked once more"}.get(reprompt.reprompts, f", asked {reprompt.reprompts} times more")
    return f"{times} \u203a {reprompt.then}"


@dataclass(frozen=True, slots=True)
class Committing(Node):
    """A node that commits: `next` only when that is on disk, else `failed`."""

    look = Look.COMMIT
    commits: ClassVar[CommitKind]

    next: str = key(NODE.to("committed", Committed))
    failed: str = key(FAILED)

    def commit(self, state: FlowState) -> FlowCommit:
        """What is to be committed, with all that was answered so far."""
        return FlowCommit(self.commits, state.where, state.commits + 1, answers=dict(state.answers))

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Commit."""
        return Acting(state, Commit(state.where, self.commit(state)))


@dataclass(frozen=True, slots=True)
class Flow:
    """One version of a flow. `version` is a hash of its text and of its subdialogs' texts: the same text, the same version."""

    name: str
    version: str
    title: str
    purpose: FlowPurpose
    start: str
    nodes: Mapping[str, Node]
    facts: Mapping[str, PromptKind]
    max_turns: int  # a call that has not ended after so many turns is ended
    file: str
    subflows: Mapping[str, Flow] = field(default_factory=dict)
    offers: frozenset[Offer] = frozenset()

    def at(self, state: FlowState) -> Flow:
        """The flow in which a call stands that began with this one: itself, or one of its subdialogs."""
        flow = self
        for frame in state.frames:
            flow = flow.subflows[frame.flow]
        return flow

    def parts(self) -> list[Flow]:
        """The flow and its subdialogs, each once."""
        found = {self.file: self}
        for subflow in self.subflows.values():
            found.update((part.file, part) for part in subflow.parts())
        return list(found.values())
