"""Random callers in every shipped flow: each call ends, and no result is acknowledged before its commit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.flows.catalogue import list_shipped_flows
from dialer.flows.flow import Flow
from dialer.flows.machine import continue_flow, start_flow
from dialer.flows.model import TELEPHONE_KEYS, PromptKind, Scalar
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import (
    Action,
    Collect,
    Commit,
    CommitKind,
    Committed,
    Digits,
    Disconnect,
    Ending,
    Failed,
    HungUp,
    Input,
    Play,
    Played,
    PromptRef,
    Record,
    Recorded,
    SendSms,
    Start,
    Turn,
)
from dialer.flows.wording import acknowledges
from tests.support.flow_support import FACTS, FLOWS, accepted_inputs, copy_through_json, make_flow

# Commits may have twice the limit of turns.
BOUND = {name: 2 * flow.max_turns + 1 for name, flow in FLOWS.items()}


@st.composite
def draw_facts(draw: st.DrawFn) -> dict[str, Scalar]:
    """Return random facts of a voter: known, unknown or malformed."""
    known: dict[str, Scalar] = {}
    for name, value in FACTS.items():
        match draw(st.sampled_from(["known", "known", "unknown", "odd"])):
            case "known":
                known[name] = value
            case "odd":
                odd: list[Scalar] = ["", "x" * 300, "12:75", -1, True, "१२", "../../x"]
                known[name] = draw(st.sampled_from(odd))
    return known


def list_inputs(action: Action, *, hang_ups: bool) -> st.SearchStrategy[Input]:
    """Return all inputs that can follow an action."""
    keys = st.sampled_from(TELEPHONE_KEYS)
    strategies: list[st.SearchStrategy[Input]] = []
    for kind in accepted_inputs(action):
        if kind is Played and isinstance(action, Play):
            strategies.append(st.builds(Played, st.none() | keys if action.allows_barge_in else st.none()))
        elif kind is Digits and isinstance(action, Collect):
            lines = st.text(keys, max_size=action.max_digits)
            strategies.append(st.builds(Digits, lines, st.booleans()))
        elif kind is Recorded:
            strategies.append(st.builds(Recorded, st.just("message-1"), st.just(3.0)))
        elif kind is not HungUp or hang_ups or len(accepted_inputs(action)) == 1:
            strategies.append(st.builds(kind))
    return st.one_of(strategies)


def check_acknowledgement(turn: Turn, committed: CommitKind | None) -> None:
    """Assert that the turn acknowledges only what was committed since the last answer."""
    if turn.action is None or isinstance(turn.action, Commit | SendSms):
        return
    for ref in turn.action.prompts:
        if ref.kind is PromptKind.TEXT and acknowledges(
            load_shipped_texts().find_text_in_language(ref.value, "en") or ""
        ):
            assert committed is not None, f"{ref.value} before a commit"
            assert not ref.value.startswith("opt_out.") or committed is CommitKind.OPT_OUT


def list_spoken_values(refs: tuple[PromptRef, ...]) -> list[PromptRef]:
    return [value for ref in refs for _, value in ref.values]


def walk_flow(flow: Flow, begin: Turn, data: st.DataObject, *, hang_ups: bool) -> list[Turn]:
    turns = [begin]
    committed: CommitKind | None = None
    while not turns[-1].has_flow_ended:
        turn = turns[-1]
        assert turn.action is not None
        check_acknowledgement(turn, committed)
        event = data.draw(list_inputs(turn.action, hang_ups=hang_ups))
        if isinstance(event, Committed) and isinstance(turn.action, Commit):
            committed = turn.action.commit.kind
        elif isinstance(event, Digits | Recorded | Failed) or isinstance(turn.action, Commit):
            committed = None
        elif isinstance(event, Played) and event.digit is not None:
            committed = None  # the key answers the next question
        turns.append(continue_flow(flow, copy_through_json(turn.state), event))
        assert len(turns) <= BOUND[flow.name]
    check_acknowledgement(turns[-1], committed)
    return turns


@pytest.mark.parametrize("name", sorted(set(FLOWS) - {"booth_worker"}))
@settings(deadline=None, derandomize=True, max_examples=60)
@given(known=draw_facts(), data=st.data(), hang_ups=st.booleans())
def test_every_flow_thanks_only_for_stored_answers_under_random_key_presses(
    name: str, known: dict[str, Scalar], data: st.DataObject, hang_ups: bool
) -> None:
    flow = FLOWS[name]
    turns = walk_flow(flow, start_flow(flow, Start(known, "hi")), data, hang_ups=hang_ups)
    assert turns[-1].state.ending in set(Ending) - {Ending.FAULT}
    sequences = [turn.action.commit.sequence for turn in turns if isinstance(turn.action, Commit)]
    assert sequences == list(range(1, len(sequences) + 1))
    if turns[-1].state.ending is Ending.COMPLETED:
        assert isinstance(turns[-1].action, Disconnect)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(known=draw_facts(), data=st.data())
def test_booth_worker_flow_completes_or_is_hung_up_when_random_keys_are_pressed(
    known: dict[str, Scalar], data: st.DataObject
) -> None:
    flow = FLOWS["booth_worker"]
    turns = walk_flow(flow, start_flow(flow, Start(known, "ta")), data, hang_ups=True)
    assert turns[-1].state.ending in {Ending.COMPLETED, Ending.HUNG_UP}


def test_random_key_test_detects_a_flow_that_thanks_before_storing() -> None:
    flow = make_flow(
        "\n  first: {menu: [opt_out.question], choices: {1: thanks}}\n  thanks: {disconnect: x, say: [opt_out.noted]}"
    )
    with pytest.raises(AssertionError, match=r"opt_out\.noted before a commit"):
        check_acknowledgement(continue_flow(flow, start_flow(flow, Start({}, "en")).state, Digits("1")), None)


@pytest.mark.parametrize("name", list_shipped_flows())
def test_silent_caller_of_every_flow_is_disconnected_soon(name: str) -> None:
    flow = FLOWS[name]
    turn = start_flow(flow, Start(FACTS, "en"))
    count = 0
    while not turn.has_flow_ended:
        assert turn.action is not None
        quiet: dict[type, Input] = {Play: Played(), Collect: Digits("", timed_out=True)}
        turn = continue_flow(flow, turn.state, quiet[type(turn.action)])
        count += 1
        assert count <= 12
    assert turn.state.ending is Ending.COMPLETED


@pytest.mark.parametrize("key", ["#", "*", "0"])
@pytest.mark.parametrize("name", list_shipped_flows())
def test_flow_ends_if_the_caller_presses_the_same_key_forever(name: str, key: str) -> None:
    flow = FLOWS[name]
    turn = start_flow(flow, Start(FACTS, "en"))
    while not turn.has_flow_ended:
        action = turn.action
        match action:
            case Play():
                event: Input = Played(key if action.allows_barge_in else None)
            case Collect():
                event = Digits("" if key == action.terminator else key * action.max_digits)
            case Record():
                event = Failed()
            case _:
                event = Committed()
        turn = continue_flow(flow, turn.state, event)
        assert turn.state.turns <= 20
    assert turn.state.ending is Ending.COMPLETED


@settings(deadline=None, derandomize=True, max_examples=100)
@given(known=draw_facts(), data=st.data())
def test_malformed_values_in_a_prompt_are_never_spoken(known: dict[str, Scalar], data: st.DataObject) -> None:
    flow = FLOWS[data.draw(st.sampled_from(sorted(FLOWS)))]
    for turn in walk_flow(flow, start_flow(flow, Start(known, "hi")), data, hang_ups=True):
        if turn.action is None or isinstance(turn.action, Commit | SendSms):
            continue
        for value in list_spoken_values(turn.action.prompts):
            if value.kind in (PromptKind.NUMBER, PromptKind.DIGITS):
                assert value.value.isascii()
                assert value.value.isdigit()
            assert len(value.value) <= 200
