"""The state machine of flows. From flow, state and input it computes the next turn. No clock, no I/O, no randomness.

A turn is an action and the state after it. The driver, which runs a flow on a call, calls `start_flow`, performs the
action and passes its result to `continue_flow`, until the flow has ended. Storing an answer (a commit) is also an
action. So the flow thanks the caller only after the driver has stored the answer.
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


def start_flow(flow: Flow, begin: Start) -> Turn:
    """Return the first turn of a call in a flow: the first action, and the state after it."""
    state = FlowState(
        flow=flow.name, version=flow.version, language=begin.language, node=flow.start, facts=dict(begin.facts)
    )
    return _go_to_next_node_with_action(flow, state)


def continue_flow(flow: Flow, state: FlowState, event: Input) -> Turn:
    """Return the next turn of a call, given the result of the pending action (the input). `flow` must be the version
    with which the call started.

    Raises:
        UnexpectedInput: the input is not a result of the pending action. HungUp is a result of every action.
    """
    if state.flow != flow.name or state.version != flow.version:
        problem = f"this call started with {state.flow} {state.version} and can only continue with that version"
        raise UnexpectedInput(flow.file, 0, "", problem)
    if state.ending is not None:
        if isinstance(event, HungUp):
            return Turn(None, state)
        raise UnexpectedInput(flow.file, 0, state.node, f"the flow has ended ({state.ending}) and accepts no input")
    if isinstance(event, HungUp):
        return Turn(None, state.copy_flow_state(ending=Ending.HUNG_UP, waiting=""))
    node = flow.find_flow_of_current_node(state).nodes[state.node]
    return _create_turn_after_input(flow, state, node, event)


def _create_turn_after_input(flow: Flow, state: FlowState, node: Node, event: Input) -> Turn:
    """Return the turn that follows an input, such as a pressed key, at a node."""
    follows = node.handle_action_result(state, event)
    match follows:
        case Act():
            return _create_turn_within_limit(flow, follows.state, follows.action)
        case GoTo():
            return _go_to_next_node(flow, node, follows)
        case HandOver():
            return Turn(None, follows.state.copy_flow_state(ending=Ending.TRANSFERRED, waiting=""))
    problem = f"{type(event).__name__} is not a result of the pending {state.waiting}"
    raise UnexpectedInput(flow.file, node.line_number, node.name, problem)


def _go_to_next_node(flow: Flow, node: Node, follows: GoTo) -> Turn:
    state, current = follows.state, flow.find_flow_of_current_node(follows.state)
    target = current.nodes[follows.target]
    opts_out = target.opts_out or (
        target.subdialog_flow_name is not None
        and current.subflows[target.subdialog_flow_name].purpose is FlowPurpose.OPT_OUT
    )
    if opts_out and node.name_of_stored_answer is not None:  # the key was an opt-out and not an answer to the question
        answers = {name: value for name, value in state.answers.items() if name != node.name_of_stored_answer}
        state = state.copy_flow_state(answers=answers)
    return _go_to_next_node_with_action(
        flow, state.copy_flow_state(node=follows.target, no_input=0, no_match=0, waiting="")
    )


def _go_to_next_node_with_action(flow: Flow, state: FlowState) -> Turn:
    """Go on to the first node that needs an action, and return its turn.

    No fact or answer changes on the way, so a second visit to a node means an endless loop.
    """
    seen: set[tuple[tuple[Frame, ...], str]] = set()
    while True:
        if (state.frames, state.node) in seen:
            return _create_last_turn_of_flow(state, Ending.FAULT, ())
        seen.add((state.frames, state.node))
        current = flow.find_flow_of_current_node(state)
        node = current.nodes[state.node]
        follows = node.enter_node(current, state)
        match follows:
            case Continue():
                state = follows.state
            case Act():
                return _create_turn_within_limit(flow, follows.state, follows.action)
            case GoTo():
                return _go_to_next_node(flow, node, follows)
            case HangUp():
                return _create_last_turn_of_flow(state, Ending.COMPLETED, follows.prompts, follows.reason)


def _create_turn_within_limit(flow: Flow, state: FlowState, action: Action) -> Turn:
    """Return the turn that performs `action`. If the flow has had `max_turns` turns, return its last turn instead.

    The limit ends calls that would go round in circles. It is twice as high for an action that stores a result, so that
    the caller's last answer is not lost.
    """
    is_commit = isinstance(action, Commit)
    if state.turns >= (flow.max_turns * 2 if is_commit else flow.max_turns):
        return _create_last_turn_of_flow(state, Ending.TOO_LONG, ())
    offered = state.copy_flow_state(
        turns=state.turns + 1,
        commits=state.commits + is_commit,
        waiting=type(action).__name__,
        typed_ahead="",
    )
    return Turn(action, offered)


def _create_last_turn_of_flow(
    state: FlowState, ending: Ending, prompts: tuple[PromptRef, ...], reason: str = ""
) -> Turn:
    action = Disconnect(node=state.current_node_path, prompts=prompts, reason=reason or ending.value)
    return Turn(action, state.copy_flow_state(ending=ending, waiting=""))
