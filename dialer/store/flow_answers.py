"""Answers of callers to IVR flows, and of voters to the questions of an agent's script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dialer.domain.model import AttemptId
from dialer.domain.results import Encode, FlowAnswers
from dialer.store.outbox import add_result_to_outbox
from dialer.store.sql import Command, Connection, Query, Statements
from dialer.store.voters import get_voter_place_on_roll


class Answer(NamedTuple):
    """An answer of a caller or voter, with the name that the IVR flow or script gives it."""

    name: str
    value: str


class CallOfAnswers(NamedTuple):
    """The campaign of the call in which a caller gave answers, and the voter whom the call addresses."""

    campaign_id: str
    voter_id: int | None


class SQL(Statements):
    set_answer = Command()
    delete_answer = Command()
    answers = Query(Answer)
    call_of_answers = Query(CallOfAnswers)


def save_flow_answers(
    db: Connection, encode: Encode | None, attempt_id: AttemptId, answers: Mapping[str, str], at: float
) -> None:
    """Store a caller's answers to an IVR flow, and announce new or changed answers by MQTT.

    An answer replaces an earlier one of the same name.
    """
    new = {
        name: value
        for name, value in answers.items()
        if SQL.set_answer.run_statement(db, attempt_id=attempt_id, name=name, value=value, at=at)
    }
    if new:
        call = SQL.call_of_answers.fetch_first_row(db, attempt_id=attempt_id)
        place = None if call is None or call.voter_id is None else get_voter_place_on_roll(db, call.voter_id)
        add_result_to_outbox(
            db, encode, FlowAnswers("" if call is None else call.campaign_id, attempt_id, at, new, place), at
        )


def change_script_answers(
    db: Connection, attempt_id: AttemptId, answers: Mapping[str, str | None], at: float
) -> dict[str, str | None]:
    """Store the answers to the script's questions that an agent entered, and delete the answers that are None.

    Return the earlier answers to the same questions, with None where there was no answer.
    """
    before = read_flow_answers(db, attempt_id) if answers else {}
    for name, value in answers.items():
        if value is None:
            SQL.delete_answer.run_statement(db, attempt_id=attempt_id, name=name)
        else:
            SQL.set_answer.run_statement(db, attempt_id=attempt_id, name=name, value=value, at=at)
    return {name: before.get(name) for name in answers}


def read_flow_answers(db: Connection, attempt_id: AttemptId) -> dict[str, str]:
    """Return the answers that a caller has given so far, by name, for the agent who takes over the call."""
    return dict(SQL.answers.iterate_rows(db, attempt_id=attempt_id))
