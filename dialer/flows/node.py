"""The base classes of nodes: what the machine, the check and the diagram need to know of every kind.

A kind of node is one class in one file of `dialer/flows/nodes/`. Its fields are the keys of its mapping in YAML, with
descriptions for editors; its methods are its turn in a call, its ways out and its checks. A class with a `kind`
registers itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from dialer.flows.fields import DeclaredNames, Name, Prompt, Reprompt, SomePrompts
from dialer.flows.known import can_be_left_out
from dialer.flows.model import PromptKind
from dialer.flows.parsing import NamedPart, Number, YesNo, problem
from dialer.flows.turns import (
    Action,
    Collect,
    Commit,
    CommitKind,
    Committed,
    Digits,
    Failed,
    FlowCommit,
    FlowState,
    Input,
    PromptRef,
)

if TYPE_CHECKING:
    from dialer.flows.flow import Flow


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on at the node of `state`; no action is needed."""

    state: FlowState


@dataclass(frozen=True, slots=True)
class Act:
    """Have the driver carry out an action."""

    state: FlowState
    action: Action


@dataclass(frozen=True, slots=True)
class GoTo:
    """Go to another node because of the caller's input or the result of an action."""

    state: FlowState
    target: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Say the prompts and hang up: the flow is completed."""

    prompts: tuple[PromptRef, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """End the flow because an agent has the call."""

    state: FlowState


Entered = Continue | Act | GoTo | HangUp
"""What follows when a call comes to a node."""
Answered = GoTo | Act | HandOver | None
"""What follows an input; None if the input does not answer the node's action."""


class NodeStyle(StrEnum):
    """How a node is drawn in a diagram."""

    SPEECH = "speech"
    QUESTION = "question"
    COMMIT = "commit"
    SERVICE = "service"
    PART = "part"
    QUIET = "quiet"
    END = "ending"


_EXCEPTIONS = frozenset({"no-input", "no-match", "failed"})

NODE_KINDS: dict[str, type[Node]] = {}
"""The kinds of nodes, by the YAML key that identifies each."""


class Node(NamedPart, ABC):
    """What every node has."""

    kind: ClassVar[str]  # the key of YAML that identifies the kind
    style: ClassVar[NodeStyle]
    label: ClassVar[str]  # what the node does, in a few words
    commits: ClassVar[CommitKind | None] = None  # what is committed on the way "committed"
    takes_input: ClassVar[bool] = False  # whether the caller answers here
    returns: ClassVar[bool] = False  # whether it leads back to the calling flow
    ends_call: ClassVar[bool] = False  # whether the call can end here, or the part if the flow is one
    opts_out: ClassVar[bool] = False  # whether the caller is opted out here
    needs_no_action: ClassVar[bool] = False  # whether the call goes on at once if there is nothing to say
    draws_labels: ClassVar[bool] = False  # whether the arrows of a diagram are labelled

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "kind" not in cls.__dict__:
            return  # a base of other kinds
        if cls.kind in NODE_KINDS:
            raise ValueError(f"two kinds of nodes are called {cls.kind}")
        NODE_KINDS[cls.kind] = cls

    # Turns

    @abstractmethod
    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Return what follows when the call comes to this node of `flow`."""

    def receive(self, state: FlowState, event: Input) -> Answered:
        """Return what follows the result of the node's action; None if `event` is not such a result."""
        return None

    # For the check

    @abstractmethod
    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (label, node) of every way out. A node that ends the flow has none."""

    @property
    def first_prompts(self) -> tuple[Prompt, ...]:
        """The prompts that are said when the call comes here."""
        return ()

    @property
    def all_prompts(self) -> tuple[Prompt, ...]:
        """Every prompt that can be said here, including reprompts."""
        return self.first_prompts

    def texts_needed(self) -> Iterator[tuple[str, set[str]]]:
        """Yield the keys of the texts that are said or sent here, each with the names that fill it."""
        for prompt in dict.fromkeys(self.all_prompts):
            if prompt.kind is PromptKind.TEXT:
                yield prompt.value, {name for name, _ in prompt.needs}

    @property
    def subflow(self) -> str | None:
        """The name of the flow that runs here as a subdialog."""
        return None

    @property
    def stored_answer(self) -> str | None:
        """The name under which the caller's answer is stored."""
        return None

    @property
    def may_be_silent(self) -> bool:
        """Whether the call can pass without an action: there is nothing to say, or only values that may be unknown."""
        return self.needs_no_action and all(map(can_be_left_out, self.first_prompts))

    def one_key_targets(self) -> tuple[str, ...]:
        """Return the nodes to which a single key leads while prompts are said here."""
        return ()

    def targets_without(self, name: str) -> tuple[str, ...] | None:
        """Return the targets at which a fact or answer may still be unknown; None if that holds for all targets."""
        return None

    # For the diagram

    @property
    def title(self) -> str:
        """What the node does, in a few words."""
        return self.label

    def notes(self) -> list[str]:
        """Return what is written below the prompts in the diagram."""
        return [f"fails › {target}" for label, target in self.targets() if label == "failed"]

    def drawn_targets(self) -> list[tuple[str, str]]:
        """Return (label, node) of the ways that the diagram shows as arrows: those that most calls take."""
        usual = [(label, target) for label, target in self.targets() if label not in _EXCEPTIONS]
        return usual if self.draws_labels else [("", target) for _, target in usual]


def _reprompts_are_inherited(schema: dict[str, Any]) -> None:
    schema["required"] = [key for key in schema["required"] if key not in ("no_input", "no_match")]


class Question(Node):
    """A node that asks for keys, and asks again."""

    model_config = ConfigDict(json_schema_extra=_reprompts_are_inherited)
    style = NodeStyle.QUESTION
    takes_input = True

    prompts: SomePrompts = Field(alias="say", description="The question.")
    barge_in: YesNo = Field(True, description="Whether a key ends the prompts.")
    timeout_seconds: Number = Field(5, ge=1, le=60, description="Longest wait for the first key.")
    no_input: Reprompt = Field(description="After silence; by default as the flow says.")
    no_match: Reprompt = Field(description="After a wrong key; by default as the flow says.")

    @model_validator(mode="before")
    @classmethod
    def _inherit_reprompts(cls, written: Any, info: ValidationInfo[DeclaredNames]) -> Any:
        if not isinstance(written, dict):
            return written
        inherited = {"no_input": info.context.no_input, "no_match": info.context.no_match}
        for key, reprompt in inherited.items():
            if reprompt is None and key not in written:
                raise problem(f"lacks `{key}:` and the flow has none; say what follows when the caller does not answer")
        return {**inherited, **written}

    @abstractmethod
    def collect(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """Return the action that says `prompts` and collects keys."""

    @abstractmethod
    def is_stray(self, state: FlowState, event: Digits) -> bool:
        """Return whether the input is only the terminator of the previous field, which was already full: then it is no answer."""

    @abstractmethod
    def take(self, state: FlowState, event: Digits) -> GoTo | Act:
        """Return what follows the keys that were entered."""

    def receive(self, state: FlowState, event: Input) -> Answered:
        """Return where the keys lead, or the question again."""
        if not isinstance(event, Digits):
            return None
        if state.stray and not event.timed_out and self.is_stray(state, event):
            state = state.replace(stray="")
            return Act(state, self.collect(state, self.prompts))
        return self.take(state.replace(stray="") if state.stray else state, event)

    def ask_again(self, state: FlowState, reprompt: Reprompt, *, silent: bool) -> GoTo | Act:
        """Count the failed attempt, and ask again or go where the reprompt leads."""
        failed = state.no_input if silent else state.no_match
        if failed >= reprompt.reprompts:
            return GoTo(state, reprompt.then)
        state = state.replace(no_input=failed + 1) if silent else state.replace(no_match=failed + 1)
        return Act(state, self.collect(state, (*reprompt.prompts, *self.prompts)))

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes that silence and wrong keys lead to."""
        yield "no-input", self.no_input.then
        yield "no-match", self.no_match.then

    @property
    def first_prompts(self) -> tuple[Prompt, ...]:
        """The question."""
        return self.prompts

    @property
    def all_prompts(self) -> tuple[Prompt, ...]:
        """The question, and what is said before it is asked again."""
        return (*self.prompts, *self.no_input.prompts, *self.no_match.prompts)

    def notes(self) -> list[str]:
        """Return what follows silence and wrong keys."""
        return [f"no key{_again(self.no_input)}", f"wrong key{_again(self.no_match)}"]


def _again(reprompt: Reprompt) -> str:
    times = {0: "", 1: ", asked again once"}.get(reprompt.reprompts, f", asked again {reprompt.reprompts} times")
    return f"{times} › {reprompt.then}"


class Committing(Node):
    """A node that commits something. The call goes to `next` only after the commit, otherwise to `failed`."""

    style = NodeStyle.COMMIT
    commits: ClassVar[CommitKind]

    next: Name = Field(description="Node after the commit.")
    failed: Name = Field(description="Node if the commit failed.")

    def commit(self, state: FlowState) -> FlowCommit:
        """Return what is to be committed, with all answers so far."""
        return FlowCommit(self.commits, state.where, state.commits + 1, answers=dict(state.answers))

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Commit."""
        return Act(state, Commit(state.where, self.commit(state)))

    def receive(self, state: FlowState, event: Input) -> Answered:
        """Return where the result of the commit leads."""
        match event:
            case Committed():
                return GoTo(state, self.next)
            case Failed():
                return GoTo(state, self.failed)
        return None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes after success and failure."""
        yield "committed", self.next
        yield "failed", self.failed
