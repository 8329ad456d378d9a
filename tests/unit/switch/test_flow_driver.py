"""The FastAGI driver of flows over a scripted call, compared with the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreFull
from dialer.flows.catalogue import list_shipped_flows
from dialer.flows.flow import Flow
from dialer.flows.missing_sounds import MissingSounds
from dialer.flows.model import TELEPHONE_KEYS, PromptKind, Scalar
from dialer.flows.sounds import list_sounds_of_flow
from dialer.flows.terminal_call import TerminalCall
from dialer.flows.texts import SMS, fill_placeholders_of_text, load_shipped_texts
from dialer.flows.turns import (
    Action,
    Commit,
    Disconnect,
    Ending,
    FlowCommit,
    FlowState,
    PromptRef,
    Record,
    Recorded,
    SendSms,
    Transfer,
)
from dialer.switch.asterisk.agi_codec import CallHungUp
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, FlowHost, FlowResult, run_flow
from tests.support.flow_support import FACTS, FLOWS, make_flow
from tests.support.scripted_call import ScriptedCall

PROMPTS = ConventionalPrompts(load_shipped_texts())
NAME = (PromptRef(PromptKind.NAME, "Election Help Desk"), "hi")


class CutCall:
    """A call whose caller hangs up after a number of commands."""

    def __init__(self, call: ScriptedCall, commands: int) -> None:
        self._call = call
        self._left = commands

    async def answer_channel(self) -> None:
        self._count_command()
        await self._call.answer_channel()

    async def play_sound_file(self, name: str, escape_digits: str = "") -> str | None:
        self._count_command()
        return await self._call.play_sound_file(name, escape_digits)

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        self._count_command()
        return await self._call.wait_for_digit(timeout_ms)

    async def hang_up_channel(self) -> None:
        self._count_command()
        await self._call.hang_up_channel()

    def _count_command(self) -> None:
        if self._left == 0:
            raise CallHungUp
        self._left -= 1


class Store:
    """A store that records commits."""

    def __init__(self, call: ScriptedCall, *, works: bool = True) -> None:
        self.commits: list[FlowCommit] = []
        self._call = call
        self._works = works

    async def __call__(self, commit: FlowCommit) -> bool:
        self._call.journal.append(f"commit {commit.kind}")
        self.commits.append(commit)
        return self._works


class Services(FlowHost):
    """A flow host that performs every request."""

    async def record_caller_message(self, action: Record) -> Recorded | None:
        return Recorded("rehearsal", 2.0)

    async def transfer_call(self, action: Transfer) -> bool:
        return True

    async def send_sms(self, action: SendSms) -> bool:
        return (
            fill_placeholders_of_text(f"{SMS}{action.template}", "hi", action.values, load_shipped_texts()) is not None
        )


@dataclass
class Driven:
    """The result of running a flow: its end, its stored results and its missing sounds."""

    result: FlowResult
    commits: list[FlowCommit]
    missing: set[str]

    @property
    def state(self) -> FlowState:
        return self.result.state

    @property
    def completed(self) -> bool:
        return self.result.is_flow_completed


async def run_driver(
    flow: Flow,
    lines: Sequence[str | None],
    *,
    works: bool = True,
    missing: Sequence[str] = (),
    facts: dict[str, Scalar] | None = None,
) -> tuple[Driven, list[str]]:
    call = ScriptedCall(lines, missing)
    known = FACTS if facts is None else facts
    store, unheard = Store(call, works=works), MissingSounds()
    result = await run_flow(call, flow, known, "hi", prompts=PROMPTS, commit=store, host=Services(), missing=unheard)
    return Driven(result, store.commits, unheard._logged), call.journal


async def test_reported_vote_is_stored_before_the_caller_hears_a_confirmation() -> None:
    result, journal = await run_driver(FLOWS["turnout"], ["1"])
    assert journal == [
        "answer",
        "matdan/hi/common/greeting",
        "matdan/hi/common/from-1",
        PROMPTS.find_sound_files(*NAME)[0],
        "matdan/hi/common/from-2",
        "matdan/hi/turnout/question",
        "commit mark",
        "matdan/hi/turnout/noted_voted",
        "matdan/hi/common/goodbye",
        "hangup",
    ]
    assert result.completed
    assert (result.state.node, result.state.node_where_caller_hung_up) == ("goodbye", None)
    assert [commit.mark for commit in result.commits] == [MarkKind.VOTED]


async def test_caller_hears_no_confirmation_if_the_store_refuses_the_answer() -> None:
    result, journal = await run_driver(FLOWS["turnout"], ["1"], works=False)
    assert "matdan/hi/turnout/noted_voted" not in journal
    assert "matdan/hi/common/not_saved" in journal
    assert [commit.mark for commit in result.commits] == [MarkKind.VOTED]


async def test_caller_hears_no_confirmation_if_storing_the_answer_fails() -> None:
    call = ScriptedCall(["1"])

    async def raise_store_full(commit: FlowCommit) -> bool:
        raise StoreFull("no room")

    await run_flow(call, FLOWS["turnout"], FACTS, "hi", prompts=PROMPTS, commit=raise_store_full)
    assert "matdan/hi/common/not_saved" in call.journal
    assert "matdan/hi/turnout/noted_voted" not in call.journal


async def test_unexpected_exception_while_an_answer_is_stored_is_raised() -> None:
    call = ScriptedCall(["1"])

    async def raise_zero_division(commit: FlowCommit) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_flow(call, FLOWS["turnout"], FACTS, "hi", prompts=PROMPTS, commit=raise_zero_division)


async def test_flow_interrupted_by_a_hang_up_returns_the_answers_and_the_node() -> None:
    result, journal = await run_driver(FLOWS["turnout"], ["2", None])
    assert result.state.ending is Ending.HUNG_UP
    assert not result.completed
    assert result.state.node_where_caller_hung_up == "hour"
    assert [commit.mark for commit in result.commits] == [MarkKind.NOT_YET]
    assert "hangup" not in journal

    left, _ = await run_driver(FLOWS["household"], ["2", "1#"], works=True)
    assert left.state.answers == {"still_to_vote": "1"}


async def test_hang_up_during_any_agi_command_ends_the_flow_normally() -> None:
    flow = FLOWS["turnout"]
    _, journal = await run_driver(flow, ["2", "3#"])
    for last in range(len(journal) + 6):
        call = ScriptedCall(["2", "3#"])
        store = Store(call)
        result = await run_flow(CutCall(call, last), flow, FACTS, "hi", prompts=PROMPTS, commit=store)
        assert result.state.ending in {Ending.HUNG_UP, Ending.COMPLETED}
        assert (result.state.node_where_caller_hung_up is None) is result.is_flow_completed
        # Every confirmed answer is stored.
        assert ("matdan/hi/turnout/noted_not_yet" not in call.journal) or store.commits
    assert result.is_flow_completed  # the last of these cuts comes after the end


async def test_cancelling_a_running_flow_raises_the_cancellation() -> None:
    class Endless(ScriptedCall):
        async def wait_for_digit(self, timeout_ms: int) -> str | None:
            await asyncio.Event().wait()
            return None

    call = Endless([])
    running = asyncio.create_task(run_flow(call, FLOWS["turnout"], FACTS, "hi", prompts=PROMPTS, commit=Store(call)))
    while len(call.journal) < 6:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_missing_sound_of_a_flow_is_skipped_and_reported() -> None:
    place = PROMPTS.find_sound_files(*NAME)[0]
    result, journal = await run_driver(FLOWS["turnout"], ["1"], missing=[place])
    assert result.completed
    assert result.missing == {place}
    assert place not in journal


QUESTION = "matdan/hi/turnout/question"


async def test_flow_question_that_cannot_be_played_ends_the_call_as_not_completed() -> None:
    result, journal = await run_driver(FLOWS["turnout"], ["1", "1", "1"], missing=[QUESTION])
    assert (result.completed, result.state.node_where_caller_hung_up, result.result.unheard) == (
        False,
        "question",
        QUESTION,
    )
    assert journal[-1] == "hangup"
    assert not result.commits
    assert not any(step.startswith("wait") for step in journal)


async def test_announcement_flow_with_no_playable_sound_counts_as_not_completed() -> None:
    """The flow is an announcement without a question."""
    announcement = make_flow(
        "  first: {say: [common.greeting], next: over}\n  over: {disconnect: done, say: [common.goodbye]}"
    )
    said = sorted(
        list_sounds_of_flow(announcement, "hi", load_shipped_texts()), key=lambda sound: "greeting" not in sound
    )
    result, _ = await run_driver(announcement, [], missing=said)
    assert (result.completed, result.result.unheard) == (False, said[0])
    heard, _ = await run_driver(announcement, [], missing=said[:1])
    assert (heard.completed, heard.result.unheard) == (True, None)


async def test_key_pressed_during_a_prompt_interrupts_the_prompt_and_counts_as_input() -> None:
    result, journal = await run_driver(FLOWS["turnout"], ["39"])
    # 3 chose the place; 9 was pressed during the prompt that followed.
    assert "matdan/hi/booth/where-1" not in journal
    assert "commit opt-out" in journal
    assert result.state.node == "opted_out"


async def test_digit_field_ends_at_hash_key_full_length_or_timeout() -> None:
    flow = FLOWS["booth_worker"]
    for line in ("17#", "17", "0017"):
        result, _ = await run_driver(flow, [line, "#"])
        assert [commit.serial for commit in result.commits] == [17]
        assert result.state.node == "goodbye"


async def test_hash_key_after_a_full_digit_field_is_not_a_wrong_key() -> None:
    result, journal = await run_driver(FLOWS["booth_worker"], ["0017#", "18#", "#"])
    assert [commit.serial for commit in result.commits] == [17, 18]
    assert "matdan/hi/common/no_match" not in journal


async def test_flow_plays_a_failure_prompt_if_transfer_recording_or_sms_is_unavailable() -> None:
    call = ScriptedCall(["1", ""])
    result = await run_flow(call, FLOWS["material"], FACTS, "hi", prompts=PROMPTS, commit=Store(call))
    assert "matdan/hi/material/no_agent" in call.journal
    assert result.state.ending is Ending.COMPLETED
    for name, lines, said in (
        ("booth_information", ["2"], "matdan/hi/booth/sms_failed"),
        ("inbound", ["4"], "matdan/hi/common/not_saved"),
    ):
        call = ScriptedCall(lines)
        await run_flow(call, FLOWS[name], FACTS, "hi", prompts=PROMPTS, commit=Store(call))
        assert said in call.journal


async def test_call_transferred_by_a_flow_is_not_hung_up() -> None:
    result, journal = await run_driver(FLOWS["material"], ["1"])
    assert result.state.ending is Ending.TRANSFERRED
    assert result.completed
    assert "hangup" not in journal


def run_at_terminal(
    flow: Flow, lines: Sequence[str | None], facts: dict[str, Scalar]
) -> tuple[TerminalCall, Ending | None, str]:
    """Run the same call at the terminal."""
    left = list(lines)
    heard: list[str] = []
    call = TerminalCall(
        flow, load_shipped_texts(), "hi", say=heard.append, press=lambda _hint: left.pop(0) if left else None
    )
    state = call.play_flow_on_terminal(facts)
    return call, state.ending, state.current_node_path


def list_played_sounds(actions: Sequence[Action]) -> set[str]:
    """Return the sounds that a call was asked to play."""
    refs: list[PromptRef] = []
    for action in actions:
        if not isinstance(action, Commit | SendSms):
            refs += action.prompts
    return {sound for ref in refs for sound in PROMPTS.find_sound_files(ref, "hi")}


LINES = st.lists(st.one_of(st.none(), st.text(TELEPHONE_KEYS, max_size=5)), max_size=12)


@pytest.mark.parametrize("name", list_shipped_flows())
@settings(deadline=None, derandomize=True, max_examples=40)
@given(lines=LINES, booth_known=st.booleans(), pending=st.integers(1, 4))
def test_flow_gives_the_same_result_over_agi_and_at_the_terminal(
    name: str, lines: list[str | None], booth_known: bool, pending: int
) -> None:
    facts: dict[str, Scalar] = {**FACTS, "pending_voters": pending}
    if not booth_known:
        del facts["booth_name"]
    flow = FLOWS[name]
    if name == "inbound":  # a message is spoken, so the terminal asks for an extra line
        lines = [line.replace("4", "1") if line is not None else None for line in lines]
    result, journal = asyncio.run(run_driver(flow, lines, facts=facts))
    rehearsal, ending, where = run_at_terminal(flow, lines, facts)
    commits = [action.commit for action in rehearsal.actions if isinstance(action, Commit)]
    assert list(result.commits) == commits
    assert (result.state.ending, result.state.turns) == (ending, len([a for a in rehearsal.actions if not _is_last(a)]))
    if result.state.node_where_caller_hung_up is not None:
        assert result.state.node_where_caller_hung_up == where
    played = [line for line in journal if line.startswith("matdan/")]
    assert set(played) <= list_played_sounds(rehearsal.actions)


def _is_last(action: Action) -> bool:
    return isinstance(action, Disconnect)
