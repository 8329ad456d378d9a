"""The pure machine: (flow, state, input) -> next turn. No clock, no I/O, no random number, no language.

A driver calls `start`, does the action of the turn, and gives what came of it to `step`, until the turn has ended. A commit is an
action like any other, so what follows it in the flow ("noted, thank you") is said only after the driver answered `Committed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from ivr_flows.errors import UnexpectedInput
from ivr_flows.known import accepted, holds, lookup, resolve, whole
from ivr_flows.model import (
    BranchNode,
    DisconnectNode,
    FieldNode,
    Flow,
    GotoNode,
    MarkNode,
    MenuNode,
    Node,
    OptOutNode,
    Prompt,
    RecordNode,
    Reprompt,
    ReturnNode,
    SaveNode,
    SayNode,
    SmsNode,
    SubdialogNode,
    TakeBackNode,
    TransferNode,
)
from ivr_flows.turns import (
    Action,
    Collect,
    Commit,
    CommitFailed,
    CommitKind,
    Committed,
    Digits,
    Disconnect,
    Ending,
    FlowCommit,
    FlowState,
    Frame,
    HungUp,
    Input,
    NobodyFound,
    Play,
    Played,
    PromptRef,
    Record,
    Recorded,
    RecordFailed,
    SendSms,
    SmsFailed,
    SmsSent,
    Start,
    Transfer,
    TransferFailed,
    Transferred,
    Turn,
)

KEYS = "0123456789*#"


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
    node = flow.flow_of(tuple(frame.flow for frame in state.frames)).nodes[state.node]
    return _answer(flow, state, node, event)


def _answer(flow: Flow, state: FlowState, node: Node, event: Input) -> Turn:
    """The turn that follows when `event` came of the action of `node`."""
    if isinstance(node, MenuNode | FieldNode) and isinstance(event, Digits):
        if _is_stray(state, node, event):
            return _offer(flow, state.but(stray=""), _question(state, node, node.prompts))
        return _answer_question(flow, _without_stray(state), node, event)
    if isinstance(node, TransferNode) and isinstance(event, Transferred):
        return Turn(None, state.but(ending=Ending.TRANSFERRED, waiting=""))
    target = _way_on(node, event)
    if target is None:
        problem = f"{type(event).__name__} does not answer the {state.waiting} that is waited for"
        raise UnexpectedInput(flow.file, node.line, node.name, problem)
    return _go(flow, _with_news(state, node, event), target)


def _way_on(node: Node, event: Input) -> str | None:
    """The node that follows when `event` came of the action of `node`; None: it comes of no such action."""
    match node, event:
        case SayNode(), Played():
            return node.next
        case ((MarkNode() | TakeBackNode() | OptOutNode() | SaveNode()), Committed()):
            return node.next
        case ((MarkNode() | TakeBackNode() | OptOutNode() | SaveNode()), CommitFailed()):
            return node.failed
        case MarkNode(), NobodyFound():
            return node.unknown or node.failed
        case TakeBackNode(), NobodyFound():
            return node.nothing
        case RecordNode(), Recorded():
            return node.next
        case RecordNode(), RecordFailed():
            return node.failed
        case TransferNode(), TransferFailed():
            return node.failed
        case SmsNode(), SmsSent():
            return node.next
        case SmsNode(), SmsFailed():
            return node.failed
    return None


def _with_news(state: FlowState, node: Node, event: Input) -> FlowState:
    """The state with what `event` brought beside the way: the key that broke off a prompt, or a recording's name."""
    match node, event:
        case SayNode(), Played(digit=digit):
            ahead = digit if digit and node.barge_in and digit != state.stray else ""
            return state.but(typed_ahead=ahead, stray="") if ahead or state.stray else state
        case RecordNode(), Recorded(name=name):
            return _with_answer(state, node.answer, name)
    return state


def _is_stray(state: FlowState, node: MenuNode | FieldNode, event: Digits) -> bool:
    """Whether this is only the terminator of the field before, which had its full length already: it is no answer."""
    if not state.stray or event.timed_out:
        return False
    if isinstance(node, MenuNode):
        return event.digits == state.stray and event.digits not in node.choices
    return event.digits == ("" if state.stray == node.terminator else state.stray)


def _without_stray(state: FlowState) -> FlowState:
    return state.but(stray="") if state.stray else state


def _answer_question(flow: Flow, state: FlowState, node: MenuNode | FieldNode, event: Digits) -> Turn:
    digits = event.digits
    if isinstance(node, FieldNode) and not (event.timed_out and not digits):
        instead = node.choices.get(digits or node.terminator)
        if instead is not None:
            return _go(flow, state, instead)
    if not digits:
        return _ask_again(flow, state, node, node.no_input, silent=True)
    return (
        _answer_menu(flow, state, node, digits)
        if isinstance(node, MenuNode)
        else _answer_field(flow, state, node, digits)
    )


def _answer_menu(flow: Flow, state: FlowState, node: MenuNode, digits: str) -> Turn:
    target = node.choices.get(digits)
    if target is None:
        return _ask_again(flow, state, node, node.no_match, silent=False)
    if node.answer is not None:
        state = _with_answer(state, node.answer, digits)
    return _go(flow, state, target)


def _answer_field(flow: Flow, state: FlowState, node: FieldNode, digits: str) -> Turn:
    value = accepted(state, node, digits)
    if value is None:
        return _ask_again(flow, state, node, node.no_match, silent=False)
    stray = node.terminator if len(digits) == node.max_digits else ""
    return _go(flow, _with_answer(state, node.answer, value).but(stray=stray), node.next)


def _ask_again(flow: Flow, state: FlowState, node: MenuNode | FieldNode, reprompt: Reprompt, *, silent: bool) -> Turn:
    """Count the miss; ask again, or go where the reprompt says."""
    missed = state.no_input if silent else state.no_match
    if missed >= reprompt.reprompts:
        return _go(flow, state, reprompt.then)
    state = state.but(no_input=missed + 1) if silent else state.but(no_match=missed + 1)
    return _offer(flow, state, _question(state, node, (*reprompt.prompts, *node.prompts)))


def _go(flow: Flow, state: FlowState, target: str) -> Turn:
    return _settle(flow, state.but(node=target, no_input=0, no_match=0, waiting=""))


def _settle(flow: Flow, state: FlowState) -> Turn:
    """Walk through nodes that need nobody until one needs the driver.

    Nothing is learned on the way, so that a second visit to a node means a circle.
    """
    seen: set[tuple[tuple[Frame, ...], str]] = set()
    while True:
        if (state.frames, state.node) in seen:
            return _end(state, Ending.FAULT, ())
        seen.add((state.frames, state.node))
        current = flow.flow_of(tuple(frame.flow for frame in state.frames))
        node = current.nodes[state.node]
        match node:
            case GotoNode():
                state = state.but(node=node.next)
            case BranchNode():
                state = state.but(node=_branch(state, node))
            case SubdialogNode():
                frames = (*state.frames, Frame(node.flow, node.next))
                state = state.but(frames=frames, node=current.subflows[node.flow].start)
            case ReturnNode():
                if not state.frames:
                    return _end(state, Ending.COMPLETED, ())
                state = state.but(frames=state.frames[:-1], node=state.frames[-1].resume)
            case SayNode():
                said = () if state.typed_ahead and node.barge_in else resolve(state, node.prompts)
                if said:
                    return _offer(flow, state, Play(state.where, said, KEYS if node.barge_in else ""))
                state = state.but(node=node.next)
            case DisconnectNode():
                return _end(state, Ending.COMPLETED, resolve(state, node.prompts), node.reason)
            case _:
                return _answered_ahead(flow, state, node) or _offer(flow, state, _act(state, node))


def _answered_ahead(flow: Flow, state: FlowState, node: Node) -> Turn | None:
    """The turn after a question that was answered before it was asked; None where it was not."""
    if not state.typed_ahead:
        return None
    if isinstance(node, MenuNode):
        return _answer_menu(flow, state.but(typed_ahead=state.typed_ahead[1:]), node, state.typed_ahead[:1])
    if isinstance(node, FieldNode) and state.typed_ahead == node.terminator:
        # Keyed before the first digit it is an empty entry, as it is when the question has been heard.
        return _answer_question(flow, state.but(typed_ahead=""), node, Digits(""))
    return None


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


def _branch(state: FlowState, node: BranchNode) -> str:
    for condition in node.conditions:
        if holds(condition, lookup(state, condition.name)):
            return condition.goto
    return node.otherwise


def _act(state: FlowState, node: Node) -> Action:
    """The action of a node that needs the driver."""
    match node:
        case MenuNode() | FieldNode():
            return _question(state, node, node.prompts)
        case MarkNode() | TakeBackNode() | OptOutNode() | SaveNode():
            return Commit(state.where, _commit(state, node))
        case RecordNode():
            prompts = resolve(state, node.prompts)
            return Record(state.where, prompts, node.max_seconds, node.silence_seconds, node.terminator)
        case TransferNode():
            return Transfer(state.where, resolve(state, node.prompts), node.to, dict(state.answers))
        case SmsNode():
            known = {name: lookup(state, name) for name in node.needs}
            values = {name: value for name, value in known.items() if value is not None}
            return SendSms(state.where, node.template, values)
        case _:  # every other node is walked through by _settle
            raise UnexpectedInput("", node.line, node.name, f"{type(node).__name__} has no action")


def _question(state: FlowState, node: MenuNode | FieldNode, prompts: tuple[Prompt, ...]) -> Collect:
    said = resolve(state, prompts)
    if isinstance(node, MenuNode):
        return Collect(state.where, said, node.barge_in, 1, node.timeout_seconds, node.timeout_seconds)
    return Collect(
        node=state.where,
        prompts=said,
        barge_in=node.barge_in,
        max_digits=node.max_digits,
        timeout_seconds=node.timeout_seconds,
        between_seconds=node.between_seconds,
        terminator=node.terminator,
        typed_ahead=state.typed_ahead,
    )


def _commit(state: FlowState, node: MarkNode | TakeBackNode | OptOutNode | SaveNode) -> FlowCommit:
    sequence = state.commits + 1
    match node:
        case MarkNode():
            return FlowCommit(
                kind=CommitKind.MARK,
                node=state.where,
                sequence=sequence,
                mark=node.mark,
                scope=node.scope,
                hour=_number_answer(state, node.hour),
                serial=_number_answer(state, node.serial),
                part=_number_answer(state, node.part),
                count=_number_answer(state, node.count),
                answers=dict(state.answers),
            )
        case TakeBackNode():
            return FlowCommit(CommitKind.TAKE_BACK, state.where, sequence, answers=dict(state.answers))
        case OptOutNode():
            return FlowCommit(CommitKind.OPT_OUT, state.where, sequence, answers=dict(state.answers))
        case SaveNode():
            answers = {name: state.answers[name] for name in node.answers if name in state.answers}
            return FlowCommit(CommitKind.ANSWERS, state.where, sequence, answers=answers)
        case _:
            assert_never(node)


def _number_answer(state: FlowState, name: str | None) -> int | None:
    return whole(lookup(state, name)) if name is not None else None


def _with_answer(state: FlowState, name: str, value: str) -> FlowState:
    answers: Mapping[str, str] = {**state.answers, name: value}
    return state.but(answers=answers)
