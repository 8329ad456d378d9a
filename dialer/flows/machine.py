"""The state machine of flows: (flow, state, input) -> next turn. Pure: no clock, no I/O, no random numbers, no language.

A driver calls `start`, carries out the action of the turn and passes its result to `step`, until the turn has ended. A
commit is an action like any other, so what follows it in the flow ("noted, thank you") is said only after the driver
has sent `Committed`.
"""

from __future__ import annotations

from dialer.flows.errors import UnexpectedInput
from dialer.flows.flow import Flow
from dialer.flows.model import FlowPurpose
from dialer.flows.node import Act, Continue, GoTo, HandOver, HangUp, Node
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


def start(flow: Flow, begin: Start) -> Turn:
    """Return the first turn of a call."""
    state = FlowState(
        flow=flow.name, version=flow.version, language=begin.language, node=flow.start, facts=dict(begin.facts)
    )
    return _settle(flow, state)


def step(flow: Flow, state: FlowState, event: Input) -> Turn:
    """Return the turn after the input `event`. `flow` must be the version with which the state began.

    Raises UnexpectedInput if the input is not a result of the pending action. HungUp is a result of every action.
    """
    if state.flow != flow.name or state.version != flow.version:
        problem = f"this call began with {state.flow} {state.version} and can only continue with that version"
        raise UnexpectedInput(flow.file, 0, "", problem)
    if state.ending is not None:
        if isinstance(event, HungUp):
            return Turn(None, state)
        raise UnexpectedInput(flow.file, 0, state.node, f"the flow has ended ({state.ending}) and accepts no input")
    if isinstance(event, HungUp):
        return Turn(None, state.replace(ending=Ending.HUNG_UP, waiting=""))
    node = flow.at(state).nodes[state.node]
    return _answer(flow, state, node, event)


def _answer(flow: Flow, state: FlowState, node: Node, event: Input) -> Turn:
    """Return the turn after `event`, the result of the action of `node`."""
    follows = node.receive(state, event)
    match follows:
        case Act():
            return _offer(flow, follows.state, follows.action)
        case GoTo():
            return _go(flow, node, follows)
        case HandOver():
            return Turn(None, follows.state.replace(ending=Ending.TRANSFERRED, waiting=""))
    problem = f"{type(event).__name__} is not a result of the pending {state.waiting}"
    raise UnexpectedInput(flow.file, node.line, node.name, problem)


def _go(flow: Flow, node: Node, follows: GoTo) -> Turn:
    state, current = follows.state, flow.at(follows.state)
    target = current.nodes[follows.target]
    opts_out = target.opts_out or (
        target.subflow is not None and current.subflows[target.subflow].purpose is FlowPurpose.OPT_OUT
    )
    if opts_out and node.stored_answer is not None:  # the key was the opt-out, not an answer to the question
        answers = {name: value for name, value in state.answers.items() if name != node.stored_answer}
        state = state.replace(answers=answers)
    return _settle(flow, state.replace(node=follows.target, no_input=0, no_match=0, waiting=""))


def _settle(flow: Flow, state: FlowState) -> Turn:
    """Go through nodes that need no action, up to the first that needs one.

    Nothing changes the known values on the way, so a second visit to a node means an endless loop.
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
            case Continue():
                state = follows.state
            case Act():
                return _offer(flow, follows.state, follows.action)
            case GoTo():
                return _go(flow, node, follows)
            case HangUp():
                return _end(state, Ending.COMPLETED, follows.prompts, follows.reason)


def _offer(flow: Flow, state: FlowState, action: Action) -> Turn:
    """Return the turn of `action`, or the end of the call if it has used up its turns.

    Commits have twice the limit, so that what the caller said last is not lost.
    """
    is_commit = isinstance(action, Commit)
    if state.turns >= (flow.max_turns * 2 if is_commit else flow.max_turns):
        return _end(state, Ending.TOO_LONG, ())
    offered = state.replace(
        turns=state.turns + 1,
        commits=state.commits + is_commit,
        waiting=type(action).__name__,
        typed_ahead="",
    )
    return Turn(action, offered)


def _end(state: FlowState, ending: Ending, prompts: tuple[PromptRef, ...], reason: str = "") -> Turn:
    action = Disconnect(node=state.where, prompts=prompts, reason=reason or ending.value)
    return Turn(action, state.replace(ending=ending, waiting=""))
