"""Records of a polling day that do not come from calls: official turnout figures and complaints.

Each is stored with an audit entry. Functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.errors import NotInStore
from dialer.domain.official_turnout import (
    OfficialFigure,
    find_federal_state_of_constituency,
    find_states_of_turnout_figure,
)
from dialer.store import audit
from dialer.store.audit import AuditNote
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters


class Area(NamedTuple):
    """One federal state in which an area lies, and when the area's last polling station closes (local "HH:MM").

    An area is a constituency or a part of it.
    """

    state_code: str
    closes_at: str  # "HH:MM", local: when its last booth closes


class ShareAt(NamedTuple):
    """An official turnout share (0-1) and the time for which it was published."""

    by_time: str  # "HH:MM", local, or "final"
    share: float


class SQL(Statements):
    areas = Query(Area)
    states_of_constituency = Scalar(str)
    share = Scalar(float)
    shares_of_area = Query(ShareAt)
    insert_figure = Command()
    campaign_exists = Scalar(bool)
    attempt_exists = Scalar(bool)
    phone_exists = Scalar(bool)
    insert_complaint = Command()
    complaint_id = Scalar(int)
    complaint_exists = Scalar(bool)
    insert_answer = Command()


def append_official_turnout_figures(db: Connection, figures: Sequence[OfficialFigure], note: AuditNote) -> int:
    """Append official turnout figures, all or none, with an audit entry. Return how many of the figures are new.

    Raises NotInStore if the area of a figure is not on the electoral roll, or if several areas of the roll match.
    """
    new = 0
    for figure in figures:
        area = _build_query_parameters_of_area(add_federal_state_to_turnout_figure(db, figure))
        if SQL.share.fetch_first_value(db, **area, by_time=figure.by_time) != figure.share:
            entered = {"by_time": figure.by_time, "share": figure.share, "entered_at": note.at, "who": note.who}
            SQL.insert_figure.run_statement(db, **area, **entered)
            new += 1
    audit.append_audit_entry_from_note(db, "official-turnout", note, figures=len(figures), new=new)
    return new


def add_federal_state_to_turnout_figure(db: Connection, figure: OfficialFigure) -> OfficialFigure:
    """Return an official turnout figure, with the federal state of its area filled in.

    Raises NotInStore if the area is not on the electoral roll, or is in several states and the figure names none.
    """
    found = _find_federal_states_of_area(db, figure)
    states = find_states_of_turnout_figure(figure.state_code, found)
    if len(states) == 1:
        return replace(figure, state_code=states.pop())
    part = "" if figure.part_number is None else f", part {figure.part_number},"
    if states:
        names = ", ".join(sorted(state or "none named" for state in states))
        raise NotInStore(
            f"constituency {figure.constituency_number}{part} is on the roll of several states ({names})."
            " Name its state with --state or in a column `state`. No figure was saved."
        )
    state = f" of {figure.state_code}" if found else ""
    raise NotInStore(
        f"constituency {figure.constituency_number}{state}{part} is not on the roll: correct its number. No"
        " figure was saved."
    )


def find_closing_time_of_last_booth(db: Connection, figure: OfficialFigure) -> str:
    """Return when the last polling station in the area of a turnout figure closes: local "HH:MM", or "" if unknown.

    The figure must contain its federal state.
    """
    return max(
        (closes for state, closes in _find_federal_states_of_area(db, figure).items() if state == figure.state_code),
        default="",
    )


def _find_federal_states_of_area(db: Connection, figure: OfficialFigure) -> dict[str, str]:
    """Return the federal states in which the electoral roll has the area of a turnout figure.

    Each state comes with the time when the area's last polling station there closes: local "HH:MM", or "" if unknown.
    """
    number = figure.constituency_number
    known = SQL.states_of_constituency.fetch_all_values(db, constituency_number=number)
    found: dict[str, str] = {}
    for area in SQL.areas.iterate_rows(db, constituency_number=number, part_number=figure.part_number):
        state = find_federal_state_of_constituency(area.state_code, known)
        found[state] = max(area.closes_at, found.get(state, ""))
    return found


def _build_query_parameters_of_area(figure: OfficialFigure) -> dict[str, str | int | None]:
    return {
        "day": figure.day.isoformat(),
        "constituency_number": figure.constituency_number,
        "part_number": figure.part_number,
        "state_code": figure.state_code,
    }


def read_official_turnout_shares(db: Connection, figure: OfficialFigure) -> dict[str, float]:
    """Return the official turnout (0-1) for the area and the day of `figure`, by time of day.

    Values that later entries replaced are left out. `figure` must have its federal state.
    """
    return dict(SQL.shares_of_area.iterate_rows(db, **_build_query_parameters_of_area(figure)))


def save_complaint(db: Connection, complaint: Complaint, note: AuditNote) -> int:
    """Store a voter's complaint about calls, with an audit entry, and return the complaint's number.

    A repeated complaint gets the same number.

    Raises NotInStore if the store does not have the campaign, attempt or phone number that the complaint names.
    """
    names = {
        "campaign": (complaint.campaign_id, SQL.campaign_exists),
        "attempt": (complaint.attempt_id, SQL.attempt_exists),
        "number": (complaint.phone_id, SQL.phone_exists),
    }
    for named_record, (name, exists) in names.items():
        if name is not None and not exists.fetch_only_value(db, **get_fields_as_sql_parameters(complaint)):
            raise NotInStore(
                f"The store has no {named_record} {name}, so the complaint was not saved. Check the id of the "
                f"{named_record}."
            )
    new = SQL.insert_complaint.run_statement(
        db, entered_at=note.at, who=note.who, **get_fields_as_sql_parameters(complaint)
    )
    number = SQL.complaint_id.fetch_only_value(db, key=complaint.key)
    if new:
        audit.append_audit_entry_from_note(db, "complaint", note, complaint=number)
    return number


def answer_complaint(db: Connection, answer: ComplaintAnswer, note: AuditNote) -> None:
    """Store the answer to a voter's complaint, with an audit entry. Raises NotInStore if there is no such complaint."""
    if not SQL.complaint_exists.fetch_only_value(db, complaint_id=answer.complaint_id):
        raise NotInStore(
            f"There is no complaint {answer.complaint_id}. See all complaints with `dialer report complaints`."
        )
    if SQL.insert_answer.run_statement(db, who=note.who, **get_fields_as_sql_parameters(answer)):
        audit.append_audit_entry_from_note(db, "complaint-answer", note, complaint=answer.complaint_id)
