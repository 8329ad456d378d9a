"""Small flows, and helpers to run them, for tests of the flow language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dialer.flows.catalogue import list_shipped_flows, load_flow
from dialer.flows.flow import Flow
from dialer.flows.load import parse_flow
from dialer.flows.machine import continue_flow, start_flow
from dialer.flows.model import Scalar
from dialer.flows.texts import Texts, load_shipped_texts, merge_text_collections
from dialer.flows.turns import (
    Action,
    Collect,
    Commit,
    CommitKind,
    Committed,
    Digits,
    Disconnect,
    Failed,
    FlowState,
    HungUp,
    Input,
    NotFound,
    Play,
    Played,
    Record,
    Recorded,
    SendSms,
    SmsSent,
    Start,
    Transfer,
    Transferred,
    Turn,
)

FLOWS = {name: load_flow(name) for name in list_shipped_flows()}
"""Every shipped flow, loaded once."""

FACTS: dict[str, Scalar] = {
    "organisation": "Election Help Desk",
    "booth_name": "Government Primary School",
    "booth_part": 12,
    "closes_at": "18:00",
    "hour_now": 9,
    "pending_voters": 3,
    "parts": 1,
    "part_numbers": "12",
}

HEAD = """
flow: sample
purpose: worker
start: first
facts: {closes_at: hour, booth_name: place, count: number, day: date}
no_input: {reprompts: 1, say: [common.no_input], then: bye}
no_match: {reprompts: 1, say: [common.no_match], then: bye}
nodes:
  bye: {disconnect: done, say: [common.goodbye]}
"""


def make_flow(nodes: str, head: str = HEAD) -> Flow:
    """Return a flow of these nodes. It starts at `first`; the nodes can go to `bye`."""
    return parse_flow(head + nodes, "sample.yaml")


def run(flow: Flow, events: Sequence[Input], facts: Mapping[str, Scalar] | None = None) -> Turn:
    """Return the turn after these inputs."""
    turn = start_flow(flow, Start(FACTS if facts is None else facts, "en"))
    for event in events:
        turn = continue_flow(flow, turn.state, event)
    return turn


def spoken_texts(action: Action | None) -> list[str]:
    """Return the text keys and values that an action says."""
    if action is None or isinstance(action, Commit | SendSms):
        return []
    return [ref.value for ref in action.prompts]


def accepted_inputs(action: Action) -> tuple[type, ...]:
    """Return the types of input that can follow an action."""
    match action:
        case Play():
            kinds: tuple[type, ...] = (Played,)
        case Collect():
            kinds = (Digits,)
        case Commit(commit=commit):
            about_a_serial = commit.serial is not None or commit.kind is CommitKind.UNDO
            kinds = (Committed, Failed, *([NotFound] if about_a_serial else []))
        case Record():
            kinds = (Recorded, Failed)
        case Transfer():
            kinds = (Transferred, Failed)
        case SendSms():
            kinds = (SmsSent, Failed)
        case Disconnect():
            kinds = ()
    return (*kinds, HungUp)


def copy_through_json(state: FlowState) -> FlowState:
    """Return the state as another process would receive it."""
    return FlowState.create_flow_state_from_json(json.loads(json.dumps(state.convert_flow_state_to_json())))


TURNOUT_HEAD = HEAD.replace("purpose: worker", "purpose: turnout")


def add_texts(**texts: str) -> Texts:
    """Return the shipped texts plus these in English and Hindi. In the keys `__` stands for a dot."""
    own = MappingProxyType({key.replace("__", "."): text for key, text in texts.items()})
    return merge_text_collections([load_shipped_texts(), Texts({"en": own, "hi": own})])
