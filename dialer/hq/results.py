"""Read the results of a federal state for its data team: each voter's status, last mark (fact about the voter) and
answers.
"""

from __future__ import annotations

from typing import NamedTuple

from dialer.hq.database import Database
from dialer.hq.sql import Query
from dialer.store.sql import Statements


class VoterResult(NamedTuple):
    """A voter's last mark (a fact such as "voted"), and the voter's status that follows from all marks."""

    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    at: float
    kind: str
    turnout: str
    centre: str


class VoterAnswer(NamedTuple):
    """A voter's answer to a question, and the voter's status according to all marks (facts about voters)."""

    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    at: float
    turnout: str
    centre: str
    question: str
    value: str


class SQL(Statements):
    marks = Query(VoterResult)
    answers = Query(VoterAnswer)


async def read_results_of_federal_state(
    db: Database, state_code: str, constituency_number: int | None, since: float, until: float
) -> tuple[list[VoterResult], list[VoterAnswer]]:
    """Return voters' last marks (facts about voters) and their answers to questions, for a federal state or one
    constituency.

    Only results from `since` to before `until` (epoch seconds) are returned.
    """
    asked = (state_code, constituency_number, since, until)
    return await SQL.marks.fetch_rows(db, *asked), await SQL.answers.fetch_rows(db, *asked)
