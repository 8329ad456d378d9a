"""The base classes of nodes, used by the state machine, the checks and the diagram.

Each kind of node is a class in its own file in `dialer/flows/nodes/`. Its fields are the keys of the node in YAML. Its
methods say what the node does in a call, which nodes follow, and what the checks need to know. A class with a `kind`
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
from dialer.flows.known import can_prompt_be_skipped
from dialer.flows.model import PromptKind
from dialer.flows.parsing import NamedPart, Number, YesNo, make_yaml_error
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
    """A step of a flow: continue at the node that `state` names, without an action."""

    state: FlowState


@dataclass(frozen=True, slots=True)
class Act:
    """A step of a flow: let the driver (the code that runs the flow on a call) perform an action."""

    state: FlowState
    action: Action


@dataclass(frozen=True, slots=True)
class GoTo:
    """A step of a flow: go to another node because of the caller's input or the result of an action."""

    state: FlowState
    target: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """A step of a flow: play the prompts and hang up. The flow is completed."""

    prompts: tuple[PromptRef, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """A step of a flow: end the flow because an agent has taken over the call."""

    state: FlowState


Entered = Continue | Act | GoTo | HangUp
"""The step after a call has entered a node."""
Answered = GoTo | Act | HandOver | None
"""The step after an input, or None if the input is not a result of the node's action."""


class NodeStyle(StrEnum):
    """The appearance of a node in a diagram."""

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
    """The base class of all nodes. A node is one step of a flow, such as a menu."""

    kind: ClassVar[str]  # the YAML key that identifies the kind
    style: ClassVar[NodeStyle]
    label: ClassVar[str]  # short description for diagrams
    commits: ClassVar[CommitKind | None] = None  # the kind of commit before the target "committed"
    accepts_input: ClassVar[bool] = False  # whether the caller answers here
    returns: ClassVar[bool] = False  # whether the node returns to the calling flow
    ends_call: ClassVar[bool] = False  # whether the call can end here (in a part: whether the part can end here)
    opts_out: ClassVar[bool] = False  # whether the caller is opted out here
    needs_no_action: ClassVar[bool] = False  # whether the call continues at once if there is no prompt to play
    draws_labels: ClassVar[bool] = False  # whether the arrows of a diagram are labelled

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "kind" not in cls.__dict__:
            return  # a base class of several kinds
        if cls.kind in NODE_KINDS:
            raise ValueError(f"two classes define the kind of node {cls.kind}: change `kind` of one of them")
        NODE_KINDS[cls.kind] = cls

    # Turns

    @abstractmethod
    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the first step of a call at this node of `flow`, such as an action to perform."""

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Return the step that follows a result of the node's action, or None if the action has no such result."""
        return None

    # Checks

    @abstractmethod
    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the possible next nodes as (label, node name). A node that ends the flow has none."""

    @property
    def prompts_played_at_entry(self) -> tuple[Prompt, ...]:
        """The prompts that are played when the call enters the node."""
        return ()

    @property
    def prompts_and_reprompts(self) -> tuple[Prompt, ...]:
        """All prompts that can be played at the node, including reprompts."""
        return self.prompts_played_at_entry

    def list_texts_needed_by_node(self) -> Iterator[tuple[str, set[str]]]:
        """Yield the key of each text that the node plays or sends, with the names of the values in the text."""
        for prompt in dict.fromkeys(self.prompts_and_reprompts):
            if prompt.kind is PromptKind.TEXT:
                yield prompt.value, {name for name, _ in prompt.needs}

    @property
    def subdialog_flow_name(self) -> str | None:
        """The name of the flow that runs at the node as a subdialog, or None if the node runs none."""
        return None

    @property
    def name_of_stored_answer(self) -> str | None:
        """The name under which the node stores the caller's answer, or None if it stores none."""
        return None

    @property
    def can_call_pass_silently(self) -> bool:
        """Whether a call may pass the node without hearing or doing anything, because every prompt may be skipped."""
        return self.needs_no_action and all(map(can_prompt_be_skipped, self.prompts_played_at_entry))

    def list_nodes_reachable_by_one_key(self) -> tuple[str, ...]:
        """Return the nodes that one key press can reach while the prompts of this node are played."""
        return ()

    def list_next_nodes_without_value(self, name: str) -> tuple[str, ...] | None:
        """Return the nodes that may follow if the value `name` is unknown in the call.

        None means that any of the node's next nodes may follow.
        """
        return None

    # Diagram

    @property
    def diagram_title(self) -> str:
        """A short description of the node, as its title in diagrams of the flow."""
        return self.label

    def list_diagram_notes(self) -> list[str]:
        """Return notes on the node for diagrams of the flow, such as what follows silence. They are shown below its
        prompts.
        """
        return [f"fails › {target}" for label, target in self.list_next_nodes() if label == "failed"]

    def list_diagram_arrows(self) -> list[tuple[str, str]]:
        """Return the arrows from the node in diagrams of the flow, as (label, name of the next node).

        Only the usual paths of calls have arrows.
        """
        usual = [(label, target) for label, target in self.list_next_nodes() if label not in _EXCEPTIONS]
        return usual if self.draws_labels else [("", target) for _, target in usual]


def _make_reprompts_optional_in_schema(schema: dict[str, Any]) -> None:
    schema["required"] = [key for key in schema["required"] if key not in ("no_input", "no_match")]


class QuestionNode(Node):
    """The base class of nodes that ask for keys and repeat the question if necessary."""

    model_config = ConfigDict(json_schema_extra=_make_reprompts_optional_in_schema)
    style = NodeStyle.QUESTION
    accepts_input = True

    prompts: SomePrompts = Field(alias="say", description="The question.")
    barge_in: YesNo = Field(True, description="Whether a key ends the prompts.")
    timeout_seconds: Number = Field(5, ge=1, le=60, description="Longest wait for the first key.")
    no_input: Reprompt = Field(description="Reaction to silence. Default: `no_input` of the flow.")
    no_match: Reprompt = Field(description="Reaction to a wrong key. Default: `no_match` of the flow.")

    @model_validator(mode="before")
    @classmethod
    def _use_reprompts_of_flow_as_default(cls, written: Any, info: ValidationInfo[DeclaredNames]) -> Any:
        if not isinstance(written, dict):
            return written
        inherited = {"no_input": info.context.no_input, "no_match": info.context.no_match}
        for key, reprompt in inherited.items():
            if reprompt is None and key not in written:
                raise make_yaml_error(
                    f"neither the node nor the flow has `{key}:`; add `{key}:` with the name of the next node"
                )
        return {**inherited, **written}

    @abstractmethod
    def create_action_to_collect_keys(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """Return the action that plays `prompts` and then collects keys from the caller."""

    @abstractmethod
    def is_late_terminator_of_previous_answer(self, state: FlowState, event: Digits) -> bool:
        """Return whether the input is only the terminator (such as #) of the previous answer, pressed too late."""

    @abstractmethod
    def handle_entered_keys(self, state: FlowState, event: Digits) -> GoTo | Act:
        """Return the step that follows the keys that the caller has entered."""

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Return the step that follows the entered keys. A late terminator (such as #) of the previous answer is
        ignored.
        """
        if not isinstance(event, Digits):
            return None
        if state.stray and not event.timed_out and self.is_late_terminator_of_previous_answer(state, event):
            state = state.copy_flow_state(stray="")
            return Act(state, self.create_action_to_collect_keys(state, self.prompts))
        return self.handle_entered_keys(state.copy_flow_state(stray="") if state.stray else state, event)

    def repeat_question(self, state: FlowState, reprompt: Reprompt, *, silent: bool) -> GoTo | Act:
        """Count the caller's failed attempt to answer, and repeat the question. After the last repetition, go to the
        next node that the reprompt names.
        """
        failed = state.no_input if silent else state.no_match
        if failed >= reprompt.reprompts:
            return GoTo(state, reprompt.then)
        state = state.copy_flow_state(no_input=failed + 1) if silent else state.copy_flow_state(no_match=failed + 1)
        return Act(state, self.create_action_to_collect_keys(state, (*reprompt.prompts, *self.prompts)))

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes to which the call goes after silence and after wrong keys."""
        yield "no-input", self.no_input.then
        yield "no-match", self.no_match.then

    @property
    def prompts_played_at_entry(self) -> tuple[Prompt, ...]:
        """The prompts of the question."""
        return self.prompts

    @property
    def prompts_and_reprompts(self) -> tuple[Prompt, ...]:
        """The prompts of the question and of its reprompts."""
        return (*self.prompts, *self.no_input.prompts, *self.no_match.prompts)

    def list_diagram_notes(self) -> list[str]:
        """Return notes on what follows silence and wrong keys, for diagrams of the flow."""
        return [
            f"no key{_describe_repetitions_of_question(self.no_input)}",
            f"wrong key{_describe_repetitions_of_question(self.no_match)}",
        ]


def _describe_repetitions_of_question(reprompt: Reprompt) -> str:
    times = {0: "", 1: ", asked again once"}.get(reprompt.reprompts, f", asked again {reprompt.reprompts} times")
    return f"{times} › {reprompt.then}"


class CommittingNode(Node):
    """The base class of nodes that store a result. The call continues at `next` if it is stored, otherwise at `failed`."""

    style = NodeStyle.COMMIT
    commits: ClassVar[CommitKind]

    next: Name = Field(description="Node after the commit.")
    failed: Name = Field(description="Node if the commit failed.")

    def create_result_to_store(self, state: FlowState) -> FlowCommit:
        """Return the result to store, together with all answers so far."""
        return FlowCommit(self.commits, state.current_node_path, state.commits + 1, answers=dict(state.answers))

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the action that stores the node's result, such as the mark "voted"."""
        return Act(state, Commit(state.current_node_path, self.create_result_to_store(state)))

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Continue at `next` if the result was stored, or at `failed` if it could not be stored."""
        match event:
            case Committed():
                return GoTo(state, self.next)
            case Failed():
                return GoTo(state, self.failed)
        return None

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the next node after a stored result, and the next node after a failure to store the result."""
        yield "committed", self.next
        yield "failed", self.failed
