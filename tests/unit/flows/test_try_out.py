"""The try-out of a flow: the transcript up to the next question, and the answers at the end."""

from __future__ import annotations

from dialer.flows.model import PromptKind
from dialer.flows.terminal_call import make_sample_voter_data
from dialer.flows.texts import load_shipped_texts
from dialer.flows.try_out import Entry, ExpectedEntry, LineKind, TryOut, simulate_flow_call
from dialer.flows.turns import Ending, PromptRef
from tests.support.flow_support import FLOWS, HEAD, make_flow

RECORDS = """
  first: {record: message, say: [common.greeting], next: bye, failed: bye}
"""


def play_turnout(*entries: Entry, store_works: bool = True, agent_available: bool = True) -> TryOut:
    flow = FLOWS["turnout"]
    facts = make_sample_voter_data(flow, {})
    return simulate_flow_call(
        flow,
        load_shipped_texts(),
        "en",
        facts,
        entries,
        store_works=store_works,
        agent_available=agent_available,
    )


def list_kinds(tried: TryOut) -> list[LineKind]:
    return [line.kind for line in tried.lines]


def test_try_out_stops_at_the_first_question_without_an_entry() -> None:
    tried = play_turnout()
    assert list_kinds(tried) == [LineKind.PROMPT] * 3
    assert tried.lines[1].text == "This call is made for Election Help Desk."
    assert (tried.node, tried.expected, tried.ending) == ("question", ExpectedEntry(1, ""), None)
    assert tried.answers == {}


def test_try_out_with_more_entries_continues_the_same_call() -> None:
    tried = play_turnout("", "7", "2")
    after_question = list_kinds(tried)[3:]
    assert after_question[0] is LineKind.SILENCE
    assert [line.text for line in tried.lines if line.kind is LineKind.KEYS] == ["7", "2"]
    assert [line.text for line in tried.lines if line.kind is LineKind.RESULT] == ["not-yet (voter): saved"]
    assert tried.expected == ExpectedEntry(2, "#")


def test_ended_try_out_has_its_answers_and_ignores_further_entries() -> None:
    tried = play_turnout("2", "17", "1")
    assert (tried.expected, tried.ending) == (None, Ending.COMPLETED)
    assert tried.answers == {"hour": "17:00"}
    assert [line.text for line in tried.lines if line.kind is LineKind.KEYS] == ["2", "17"]


def test_caller_who_hangs_up_ends_the_try_out_at_the_question() -> None:
    tried = play_turnout(None)
    assert tried.lines[-1].kind is LineKind.HANG_UP
    assert (tried.node, tried.ending) == ("question", Ending.HUNG_UP)


def test_try_out_says_which_result_could_not_be_saved() -> None:
    tried = play_turnout("1", store_works=False)
    assert "voted (voter): NOT saved" in [line.text for line in tried.lines]


def test_any_key_stands_for_a_spoken_message_in_a_try_out() -> None:
    flow = make_flow(RECORDS, HEAD)
    texts = load_shipped_texts()
    asked = simulate_flow_call(flow, texts, "en", {}, [])
    assert asked.expected == ExpectedEntry(0, "")
    tried = simulate_flow_call(flow, texts, "en", {}, ["1"])
    assert LineKind.MESSAGE in list_kinds(tried)
    assert tried.answers == {"message": "trial"}


def test_prompts_in_the_transcript_name_the_sounds_that_can_be_played() -> None:
    def find_sounds(ref: PromptRef) -> tuple[str, ...]:
        return (f"matdan/en/{ref.value}",) if ref.kind is PromptKind.TEXT else ()

    tried = simulate_flow_call(FLOWS["turnout"], load_shipped_texts(), "en", {}, [None], find_sounds=find_sounds)
    assert [line.sounds for line in tried.lines] == [
        ("matdan/en/common.greeting",),
        ("matdan/en/turnout.question",),
        (),
    ]
