"""The pure machine: (flow, state, input) -> next turn. No clock, no I/O, no random number, no language.

A driver calls `start`, does the action of the turn, and gives what came of it to `step`, until the turn has ended. A commit is an
action like any other, so what follows it in the flow ("noted, thank you") is said only after the driver answered `Committed`.
"""

from __future__ import annotations

from dialer.flows.errors import UnexpectedInput
from dialer.flows.model import FlowPurpose
from dialer.flows.node import KEYS, Acting, Flow, Going, HandedOver, Hanging, Node, Walked
from dialer.flows.turns import (
    Action,
    Commit,
    Disconnect,
    Ending,
    FlowState,
    Frame,
    HungUp,
    Input,
    PromptRef,
    Start,
    Turn,
)

__all__ = ["KEYS", "start", "step"]


def start(flow: Flow, begin: Start) -> Turn:
    """The first turn of a call."""
    state = FlowState(
        flow=flow.name, version=flow.version, language=begin.language, node=flow.start, facts=dict(begin.facts)
    )
    return _settle(flow, state)


def step(flow: Flow, state: FlowState, event: Input) -> Turn:
    """The turn after `event` answered the last one. `flow` must be the version that the state began with.

    Raises UnexpectedInput when the event does not answer the action that is waited for; HungUp answers every one.
    """
    if state.flow != flow.name or state.version != flow.version:
        problem = f"this call began on {state.flow} {state.version}, and goes on only on that version"
        raise UnexpectedInput(flow.file, 0, "", problem)
    if state.ending is not None:
        if isinstance(event, HungUp):
            return Turn(None, state)
        raise UnexpectedInput(flow.file, 0, state.node, f"the flow has ended ({state.ending}); it takes no input")
    if isinstance(event, HungUp):
        return Turn(None, state.but(ending=Ending.HUNG_UP, waiting=""))
    node = flow.at(state).nodes[state.node]
    return _answer(flow, state, node, event)


def _answer(flow: Flow, state: FlowState, node: Node, event: Input) -> Turn:
    """The turn that follows when `event` came of the action of `node`."""
    follows = node.answer(state, event)
    match follows:
        case Acting():
            return _offer(flow, follows.state, follows.action)
        case Going():
            return _go(flow, node, follows)
        case HandedOver():
            return Turn(None, follows.state.but(ending=Ending.TRANSFERRED, waiting=""))
    problem = f"{type(event).__name__} does not answer the {state.waiting} that is waited for"
    raise UnexpectedInput(flow.file, node.line, node.name, problem)


def _go(flow: Flow, node: Node, going: Going) -> Turn:
    state, current = going.state, flow.at(going.state)
    target = current.nodes[going.target]
    opts_out = target.opts_out or (
        target.calls is not None and current.subflows[target.calls].purpose is FlowPurpose.OPT_OUT
    )
    if opts_out and node.keeps is not None:  # the key said that, and is no answer to what was asked
        state = state.but(answers={name: value for name, value in state.answers.items() if name != node.keeps})
    return _settle(flow, state.but(node=going.target, no_input=0, no_match=0, waiting=""))


def _settle(flow: Flow, state: FlowState) -> Turn:
    """Walk through nodes that need nobody until one needs the driver.

    Nothing is learned on the way, so that a second visit to a node means a circle.
    """
    seen: set[tuple[tuple[Frame, ...], str]] = set()
    while True:
        if (state.frames, state.node) in seen:
            return _end(state, Ending.FAULT, ())
        seen.add((state.frames, state.node))
        current = flow.at(state)
        node = current.nodes[state.node]
        follows = node.enter(current, state)
        match follows:
            case Walked():
                state = follows.state
            case Acting():
                return _offer(flow, follows.state, follows.action)
            case Going():
                return _go(flow, node, follows)
            case Hanging():
                return _end(state, Ending.COMPLETED, follows.prompts, follows.reason)


def _offer(flow: Flow, state: FlowState, action: Action) -> Turn:
    """The turn of `action`, unless the call has had its turns. A commit gets as many again: what was said is kept."""
    is_commit = isinstance(action, Commit)
    if state.turns >= (flow.max_turns * 2 if is_commit else flow.max_turns):
        return _end(state, Ending.TOO_LONG, ())
    offered = state.but(
        turns=state.turns + 1,
        commits=state.commits + is_commit,
        waiting=type(action).__name__,
        typed_ahead="",
    )
    return Turn(action, offered)


def _end(state: FlowState, ending: Ending, prompts: tuple[PromptRef, ...], reason: str = "") -> Turn:
    action = Disconnect(node=state.where, prompts=prompts, reason=reason or ending.value)
    return Turn(action, state.but(ending=ending, waiting=""))
