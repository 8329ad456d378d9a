"""The state machine of flows, turn by turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.flows.catalogue import load_flow
from dialer.flows.errors import FlowError, UnexpectedInput
from dialer.flows.machine import continue_flow
from dialer.flows.model import Scalar, Scope
from dialer.flows.nodes.field import convert_entered_hour_to_polling_hour
from dialer.flows.turns import (
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
    NotFound,
    Play,
    Played,
    Record,
    Recorded,
    SendSms,
    SmsSent,
    Transfer,
    Transferred,
)
from tests.support.flow_support import FACTS, FLOWS, HEAD, copy_through_json, make_flow, run, spoken_texts

ASK = """
  first: {menu: [sample.question], choices: {1: yes_node, "#": hash_node}, answer: choice}
  yes_node: {mark: voted, next: noted, failed: lost}
  noted: {disconnect: noted, say: [sample.noted]}
  lost: {disconnect: lost, say: [common.not_saved]}
  hash_node: {goto: bye}
"""


def test_turnout_flow_acknowledges_an_answer_only_after_the_answer_is_stored() -> None:
    flow = FLOWS["turnout"]
    asked = run(flow, [Played()])
    assert isinstance(asked.action, Collect)
    assert spoken_texts(asked.action) == ["turnout.question"]

    commit = run(flow, [Played(), Digits("1")])
    assert isinstance(commit.action, Commit)
    assert commit.action.commit.kind is CommitKind.MARK
    assert commit.action.commit.mark is MarkKind.VOTED
    assert commit.action.commit.sequence == 1

    assert spoken_texts(run(flow, [Played(), Digits("1"), Committed()]).action) == ["turnout.noted_voted"]
    failed = run(flow, [Played(), Digits("1"), Failed()])
    assert isinstance(failed.action, Disconnect)
    assert spoken_texts(failed.action) == ["common.not_saved"]


def test_turnout_flow_stores_the_entered_hour_3_as_15_00() -> None:
    flow = FLOWS["turnout"]
    to_hour: list[Input] = [Played(), Digits("2"), Committed(), Played()]
    turn = run(flow, [*to_hour, Digits("3")])
    assert isinstance(turn.action, Commit)
    assert (turn.action.commit.mark, turn.action.commit.hour) == (MarkKind.LATER, 15)
    assert turn.state.answers == {"hour": "15:00"}
    after = run(flow, [*to_hour, Digits("3"), Committed()])
    assert isinstance(after.action, Play)
    assert after.action.prompts[0].values[0][1].value == "15:00"


@pytest.mark.parametrize("keyed", ["8", "19", "25", "7", "99", "*"])
def test_turnout_flow_refuses_a_voting_hour_outside_the_remaining_poll(keyed: str) -> None:
    turn = run(FLOWS["turnout"], [Played(), Digits("2"), Committed(), Played(), Digits(keyed)])
    assert isinstance(turn.action, Collect)
    assert spoken_texts(turn.action) == ["turnout.hour_not_open", "turnout.hour"]


def test_turnout_flow_accepts_any_planned_voting_hour_if_polling_hours_are_unknown() -> None:
    turn = run(FLOWS["turnout"], [Played(), Digits("2"), Committed(), Played(), Digits("7")], {})
    assert isinstance(turn.action, Commit)
    assert turn.action.commit.hour == 7


@pytest.mark.parametrize(("keyed", "hour"), [(0, 0), (1, 13), (6, 18), (7, 7), (12, 12), (13, 13), (18, 18)])
def test_voting_hours_entered_as_1_to_6_are_stored_as_afternoon_hours(keyed: int, hour: int) -> None:
    assert convert_entered_hour_to_polling_hour(keyed) == hour


def test_key_3_in_the_turnout_flow_plays_the_booth_information() -> None:
    flow = FLOWS["turnout"]
    where = run(flow, [Played(), Digits("3")])
    assert isinstance(where.action, Play)
    assert where.action.node == "booth/where"
    assert spoken_texts(where.action) == ["booth.where", "booth.part", "booth.until"]
    assert spoken_texts(run(flow, [Played(), Digits("3"), Played()]).action) == ["turnout.question"]


def test_prompt_sentence_with_an_unknown_value_is_not_played() -> None:
    unknown: dict[str, Scalar] = {name: value for name, value in FACTS.items() if name != "booth_name"}
    assert spoken_texts(run(FLOWS["turnout"], [Played(), Digits("3")], unknown).action) == ["booth.unknown"]
    # A malformed part number is left out together with its sentence.
    odd: dict[str, Scalar] = {**FACTS, "booth_part": "१२/A", "closes_at": "six"}
    assert spoken_texts(run(FLOWS["turnout"], [Played(), Digits("3")], odd).action) == ["booth.where"]


def test_key_9_in_the_turnout_flow_opts_the_caller_out() -> None:
    turn = run(FLOWS["turnout"], [Played(), Digits("9")])
    assert isinstance(turn.action, Commit)
    assert turn.action.commit.kind is CommitKind.OPT_OUT


def test_flow_repeats_the_question_to_a_silent_caller_and_finally_disconnects() -> None:
    flow = FLOWS["turnout"]
    silence = Digits("", timed_out=True)
    again = run(flow, [Played(), silence])
    assert spoken_texts(again.action) == ["common.no_input", "turnout.question"]
    assert again.state.no_input == 1
    ended = run(flow, [Played(), silence, silence, silence])
    assert isinstance(ended.action, Disconnect)
    assert ended.action.reason == "no_input"
    assert ended.state.ending is Ending.COMPLETED


def test_repeated_wrong_keys_of_a_caller_end_the_call() -> None:
    ended = run(FLOWS["turnout"], [Played(), Digits("*"), Digits("#"), Digits("*")])
    assert isinstance(ended.action, Disconnect)
    assert ended.action.reason == "no_match"


def test_repetitions_of_a_question_are_counted_separately_for_each_question() -> None:
    flow = FLOWS["turnout"]
    turn = run(flow, [Played(), Digits("*"), Digits("3"), Played(), Digits("*")])
    assert turn.state.no_match == 1


def test_key_pressed_during_an_interruptible_prompt_answers_the_next_menu() -> None:
    turn = run(FLOWS["turnout"], [Played("1")])
    assert isinstance(turn.action, Commit)


def test_key_pressed_during_a_prompt_is_the_first_digit_of_the_next_field() -> None:
    flow = make_flow(
        """
  first: {say: [common.greeting], barge_in: true, next: second}
  second: {say: [common.greeting], barge_in: true, next: ask}
  ask: {field: serial, say: [worker.serial], max_digits: 4, next: bye}
"""
    )
    turn = run(flow, [Played("7")])
    assert isinstance(turn.action, Collect)  # the second prompt is skipped too
    assert turn.action.typed_ahead == "7"


def test_key_pressed_during_a_prompt_that_is_not_interruptible_is_ignored() -> None:
    flow = make_flow("\n  first: {say: [common.greeting], next: ask}" + ASK.replace("first:", "ask:"))
    assert isinstance(run(flow, [Played("1")]).action, Collect)


def test_hash_key_after_a_full_digit_field_is_ignored_by_the_next_menu() -> None:
    flow = make_flow(
        """
  first: {field: serial, say: [worker.serial], max_digits: 2, next: read}
  read: {menu: [worker.read_back], choices: {1: bye}}
"""
    )
    stray = run(flow, [Digits("12"), Digits("#")])
    assert isinstance(stray.action, Collect)
    assert stray.state.no_match == 0
    assert spoken_texts(stray.action) == ["worker.read_back"]
    assert run(flow, [Digits("12"), Digits("#"), Digits("#")]).state.no_match == 1
    assert run(flow, [Digits("1"), Digits("#")]).state.no_match == 1  # the field had ended by its terminator


def test_hash_key_after_a_full_digit_field_is_ignored_by_the_next_field() -> None:
    flow = make_flow(
        """
  first: {field: serial, say: [worker.serial], max_digits: 2, next: other}
  other: {field: count_home, say: [household.still], max_digits: 2, next: bye}
"""
    )
    assert run(flow, [Digits("12"), Digits("")]).state.no_input == 0
    assert run(flow, [Digits("12"), Digits("", timed_out=True)]).state.no_input == 1


@pytest.mark.parametrize(
    ("digits", "answer"), [("0", None), ("1", "1"), ("0940", "0940"), ("941", None), ("12345", None), ("1*2", None)]
)
def test_digit_field_accepts_only_values_within_the_fields_bounds(digits: str, answer: str | None) -> None:
    flow = make_flow(
        """
  first: {field: serial, say: [worker.serial], max_digits: 4, lowest: 1, highest: count, next: bye}
"""
    )
    turn = run(flow, [Digits(digits)], {"count": 940})
    assert turn.state.answers.get("serial") == answer
    assert (turn.state.no_match == 0) is (answer is not None)


def test_number_entered_by_a_caller_is_stored_without_leading_zeros() -> None:
    flow = make_flow("\n  first: {field: n, reads: number, say: [worker.serial], max_digits: 4, next: bye}")
    assert run(flow, [Digits("007")]).state.answers == {"n": "7"}


@pytest.mark.parametrize(
    ("case", "facts", "true"),
    [
        ("known: true", {"count": 0}, True),
        ("known: true", {}, False),
        ("known: true", {"count": ""}, False),
        ("known: false", {}, True),
        ("equals: 3", {"count": 3}, True),
        ("equals: 3", {"count": "4"}, False),
        ("equals: true", {"count": True}, True),
        ("above: 2", {"count": 3}, True),
        ("above: 2", {"count": "18:00"}, True),
        ("above: 2", {"count": 2}, False),
        ("above: 2", {"count": "many"}, False),
        ("above: 0", {"count": True}, False),
        ("above: 0", {}, False),
        ("below: 1", {"count": "0000"}, True),
    ],
)
def test_flow_branches_at_the_first_true_condition(case: str, facts: dict[str, Scalar], true: bool) -> None:
    flow = make_flow(
        f"""
  first: {{branch: [{{when: count, {case}, goto: yes_node}}], otherwise: bye}}
  yes_node: {{disconnect: yes_reason}}
"""
    )
    action = run(flow, [], facts).action
    assert isinstance(action, Disconnect)
    assert (action.reason == "yes_reason") is true


def test_household_flow_asks_about_all_voters_only_for_a_household_of_several_voters() -> None:
    flow = FLOWS["household"]
    assert spoken_texts(run(flow, [], {**FACTS, "pending_voters": 1}).action)[0] == "common.greeting"
    assert spoken_texts(run(flow, [Played()], {**FACTS, "pending_voters": 1}).action) == ["turnout.question"]
    several = run(flow, [Played(), Digits("1")], {**FACTS, "pending_voters": 3})
    assert isinstance(several.action, Commit)
    assert several.action.commit.scope is Scope.HOUSEHOLD
    some = run(flow, [Played(), Digits("2"), Digits("2")], {**FACTS, "pending_voters": 3})
    assert isinstance(some.action, Commit)
    assert (some.action.commit.mark, some.action.commit.count) == (MarkKind.NOT_YET, 2)
    assert some.action.commit.answers == {"still_to_vote": "2"}
    too_many = run(flow, [Played(), Digits("2"), Digits("4")], {**FACTS, "pending_voters": 3})
    assert spoken_texts(too_many.action)[0] == "household.too_many"


def test_stored_serial_number_is_read_back_to_the_booth_worker() -> None:
    flow = FLOWS["booth_worker"]
    commit = run(flow, [Played(), Digits("17")])
    assert isinstance(commit.action, Commit)
    assert (commit.action.commit.scope, commit.action.commit.serial) == (Scope.SERIAL, 17)
    assert commit.action.commit.part is None
    noted = run(flow, [Played(), Digits("17"), Committed()])
    assert isinstance(noted.action, Play)
    assert noted.action.prompts[0].value == "worker.noted"
    assert noted.action.prompts[0].values[0][1].value == "17"
    second = run(flow, [Played(), Digits("17"), Committed(), Played(digit="1"), Digits("18")])
    assert isinstance(second.action, Commit)
    assert (second.action.commit.serial, second.action.commit.sequence) == (18, 2)
    assert spoken_texts(run(flow, [Played(), Digits("941"), NotFound()]).action) == ["worker.no_such"]
    assert spoken_texts(run(flow, [Played(), Digits("17"), Failed()]).action) == ["worker.not_saved"]
    stranger = run(flow, [], {"booth_part": 12})
    assert isinstance(stranger.action, Disconnect)
    assert stranger.action.reason == "not_registered"


def test_hash_key_ends_a_booth_workers_list_and_silence_does_not() -> None:
    flow = FLOWS["booth_worker"]
    keyed: list[list[Input]] = [[Played(), Digits("")], [Played(digit="#")]]
    for events in keyed:
        done = run(flow, events)
        assert isinstance(done.action, Disconnect)
        assert done.action.reason == "done"
    silent = run(flow, [Played(), Digits("", timed_out=True)])
    assert spoken_texts(silent.action) == ["common.no_input", "worker.serial"]


def test_star_key_undoes_the_last_serial_number_of_a_booth_worker() -> None:
    flow = FLOWS["booth_worker"]
    back = run(flow, [Played(), Digits("17"), Committed(), Played(), Digits("*")])
    assert isinstance(back.action, Commit)
    assert back.action.commit.kind is CommitKind.UNDO
    before: list[Input] = [Played(), Digits("17"), Committed(), Played(), Digits("*", timed_out=True)]
    assert spoken_texts(run(flow, [*before, Committed()]).action) == ["worker.taken_back"]
    assert spoken_texts(run(flow, [*before, NotFound()]).action) == ["worker.nothing_to_take_back"]
    assert spoken_texts(run(flow, [*before, Failed()]).action) == ["worker.not_saved"]


def test_booth_worker_assigned_to_several_electoral_roll_parts_enters_the_part_number_first() -> None:
    flow = FLOWS["booth_worker"]
    facts = {**FACTS, "parts": 2, "part_numbers": "12,14"}
    assert spoken_texts(run(flow, [], facts).action) == ["worker.part"]
    assert spoken_texts(run(flow, [Digits("13")], facts).action) == ["worker.no_such_part", "worker.part"]
    commit = run(flow, [Digits("014"), Digits("17")], facts)
    assert isinstance(commit.action, Commit)
    assert (commit.action.commit.part, commit.action.commit.serial) == (14, 17)
    assert spoken_texts(run(flow, [Digits("14"), Digits("")], facts).action) == ["worker.part"]
    done = run(flow, [Digits("14"), Digits(""), Digits("")], facts)
    assert isinstance(done.action, Disconnect)


def test_flow_of_campaign_material_connects_the_voter_to_an_agent_or_offers_a_call_back() -> None:
    flow = FLOWS["material"]
    question = run(flow, [Played()])
    assert isinstance(question.action, Collect)
    assert question.action.barge_in
    assert spoken_texts(question.action)[0] == "campaign_message"
    transfer = run(flow, [Played(), Digits("1")])
    assert isinstance(transfer.action, Transfer)
    gone = run(flow, [Played(), Digits("1"), Transferred()])
    assert gone.action is None
    assert gone.state.ending is Ending.TRANSFERRED
    nobody = run(flow, [Played(), Digits("1"), Failed(), Digits("1")])
    assert isinstance(nobody.action, Commit)
    assert nobody.action.commit.answers == {"call_back": "1"}


def test_inbound_flow_records_a_message_and_stores_the_name_of_the_recording() -> None:
    flow = FLOWS["inbound"]
    ask = run(flow, [Played(), Digits("4")])
    assert isinstance(ask.action, Record)
    assert ask.action.max_seconds == 90
    kept = run(flow, [Played(), Digits("4"), Recorded("message-1", 4.0)])
    assert isinstance(kept.action, Commit)
    assert kept.action.commit.answers == {"message": "message-1"}
    assert spoken_texts(run(flow, [Played(), Digits("4"), Failed()]).action) == ["common.not_saved"]


def test_booth_information_flow_sends_known_values_by_sms() -> None:
    flow = FLOWS["booth_information"]
    facts: dict[str, Scalar] = {"booth_name": "School", "closes_at": "17:00"}
    sms = run(flow, [Played(), Played(), Digits("2")], facts)
    assert isinstance(sms.action, SendSms)
    assert sms.action.values == {"booth_name": "School", "closes_at": "17:00"}
    assert spoken_texts(run(flow, [Played(), Played(), Digits("2"), SmsSent()], facts).action) == ["booth.sms_sent"]
    assert spoken_texts(run(flow, [Played(), Played(), Digits("2"), Failed()], facts).action) == ["booth.sms_failed"]


def test_return_node_of_a_flow_without_a_calling_flow_ends_the_call() -> None:
    ended = run(FLOWS["opt_out"], [Digits("1"), Played()])
    assert isinstance(ended.action, Disconnect)
    assert ended.state.ending is Ending.COMPLETED


def test_flow_interrupted_by_a_hang_up_returns_the_answers_and_the_current_node() -> None:
    flow = FLOWS["household"]
    left = run(flow, [Played(), Digits("2"), Digits("2"), HungUp()])
    assert left.action is None
    assert left.has_flow_ended
    assert left.state.ending is Ending.HUNG_UP
    assert left.state.current_node_path == "some_voted"
    assert left.state.answers == {"still_to_vote": "2"}
    inside = run(flow, [Played(), Digits("4"), HungUp()])
    assert inside.state.current_node_path == "booth/where"
    assert run(flow, [Played(), HungUp(), HungUp()]).state.current_node_path == "question"


def test_flow_refuses_an_input_that_its_current_step_does_not_expect() -> None:
    flow = FLOWS["turnout"]
    with pytest.raises(UnexpectedInput, match=r"node question: Played is not a result of the pending Collect"):
        run(flow, [Played(), Played()])
    with pytest.raises(UnexpectedInput, match="has ended"):
        run(flow, [Played(), HungUp(), Played()])


def test_call_continues_only_with_the_flow_version_with_which_the_call_began() -> None:
    began = run(make_flow(ASK), [])
    changed = make_flow(ASK, HEAD.replace("reprompts: 1", "reprompts: 2"))
    assert changed.version != began.state.version
    with pytest.raises(UnexpectedInput, match="started with sample"):
        continue_flow(changed, began.state, Digits("1"))


def test_call_with_too_many_flow_steps_is_ended_without_losing_an_answer() -> None:
    head = HEAD.replace("start: first", "start: first\nmax_turns: 3")
    flow = make_flow(
        """
  first: {menu: [sample.question], choices: {1: first, 2: mark}}
  mark: {mark: voted, next: first, failed: bye}
""",
        head,
    )
    ended = run(flow, [Digits("1"), Digits("1"), Digits("1")])
    assert isinstance(ended.action, Disconnect)
    assert ended.state.ending is Ending.TOO_LONG
    commit = run(flow, [Digits("1"), Digits("1"), Digits("2")])
    assert isinstance(commit.action, Commit)
    assert run(flow, [Digits("1"), Digits("1"), Digits("2"), Committed()]).state.ending is Ending.TOO_LONG


def test_call_in_a_flow_loop_that_stores_answers_is_ended() -> None:
    head = HEAD.replace("start: first", "start: first\nmax_turns: 3")
    flow = make_flow("\n  first: {mark: voted, next: first, failed: first}", head)
    assert run(flow, [Committed()] * 6).state.ending is Ending.TOO_LONG


def test_call_in_a_silent_endless_flow_loop_ends_as_failed() -> None:
    flow = make_flow("\n  first: {goto: second}\n  second: {goto: first}")
    ended = run(flow, [])
    assert isinstance(ended.action, Disconnect)
    assert ended.state.ending is Ending.FAULT


def test_flow_may_run_a_subdialog_twice_in_a_row() -> None:
    flow = FLOWS["booth_information"]
    # The booth is unknown, so the subdialog says nothing and is passed at once.
    assert run(flow, [Played(), Played(), Digits("1"), Played()], {"booth_name": "S"}).state.ending is None


def test_state_of_a_call_in_a_flow_is_restored_from_json_unchanged() -> None:
    flow = FLOWS["household"]
    turn = run(flow, [Played(), Digits("4")])
    assert copy_through_json(turn.state) == turn.state
    ended = run(flow, [Played(), HungUp()])
    assert copy_through_json(ended.state) == ended.state


def test_household_flow_reports_the_number_of_voters_given_by_the_caller() -> None:
    turn = run(FLOWS["household"], [Played(), Digits("2"), Digits("1")])
    assert isinstance(turn.action, Commit)
    commit = turn.action.commit
    assert (commit.mark, commit.scope, commit.count) == (MarkKind.NOT_YET, Scope.HOUSEHOLD, 1)


def test_hash_key_pressed_before_a_digit_field_is_an_empty_answer() -> None:
    flow = make_flow("""
  first: {say: [common.greeting], barge_in: true, next: ask}
  ask: {field: number, say: [worker.serial], max_digits: 3, next: bye}
""")
    turn = run(flow, [Played("#")])
    assert isinstance(turn.action, Collect)
    assert (turn.action.typed_ahead, turn.state.no_input, turn.state.no_match) == ("", 1, 0)


SURVEY = """
  first: {menu: [sample.question], choices: {1: second, 9: never}, answer: opinion}
  second: {field: age, say: [sample.question], choices: {"#": bye, "*": never}, next: bye, min_digits: 1, max_digits: 2}
  never: {opt_out: number, next: bye, failed: bye}
"""


def test_opt_out_key_is_not_stored_as_an_answer() -> None:
    flow = make_flow(SURVEY)
    asked_out = run(flow, [Digits("9")])
    assert isinstance(asked_out.action, Commit)
    assert (asked_out.action.commit.kind, asked_out.state.answers) == (CommitKind.OPT_OUT, {})
    assert run(flow, [Digits("1")]).state.answers == {"opinion": "1"}
    later = run(flow, [Digits("1"), Digits("*")])
    assert isinstance(later.action, Commit)
    assert later.state.answers == {"opinion": "1"}


def test_key_that_starts_the_opt_out_flow_is_not_stored_as_an_answer(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(
        HEAD + "  first: {menu: [sample.question], choices: {1: bye, 9: never}, answer: opinion}\n"
        "  never: {subdialog: opt_out, next: bye}\n"
    )
    flow = load_flow(str(tmp_path / "sample.yaml"))
    assert run(flow, [Digits("9")]).state.answers == {}
    assert run(flow, [Digits("1")]).state.answers == {"opinion": "1"}


def test_transfer_node_accepts_only_agents_as_target() -> None:
    with pytest.raises(FlowError, match="`transfer: boss` is not allowed; use one of agents"):
        make_flow("  first: {transfer: boss, failed: bye}\n")
