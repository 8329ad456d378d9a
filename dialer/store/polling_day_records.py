"""Records of a polling day beside the calls, each with its entry in the audit. Every function runs inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.errors import NotInStore
from dialer.domain.model import AttemptId, Mark
from dialer.domain.official_turnout import OfficialFigure, state_of, states_meant
from dialer.store import audit, queues, seals
from dialer.store.port import AuditNote, Encode, MarkEffect
from dialer.store.sql import Connection, parameters_of
from dialer.store.untyped_sql import load_statements
from dialer.store.voters import record_mark

SQL = load_statements("polling_day_records")


def record_marks(db: Connection, encode: Encode | None, marks: Sequence[Mark], entry: AuditNote) -> list[MarkEffect]:
    """Append marks that came together, each announced, and all with their audit entry ("marks"): all or none.
    Raises NotInStore for a voter who is not on the roll, KeyTaken. A repeat of known keys changes nothing but the audit.
    """
    effects = [record_mark(db, encode, mark) for mark in marks]
    taken = sum(effect.recorded for effect in effects)
    audit.note(db, "marks", entry, marks=len(marks), taken=taken)
    return effects


def enter_turnout(db: Connection, figures: Sequence[OfficialFigure], entry: AuditNote) -> int:
    """Append official figures with their audit entry, all or none; how many are new. Raises NotInStore for an area."""
    new = 0
    for figure in figures:
        area = _area(of_state(db, figure))
        if SQL["figure"].value(db, float, **area, by_time=figure.by_time) != figure.share:
            told = {"by_time": figure.by_time, "share": figure.share, "entered_at": entry.at, "who": entry.who}
            seals.seal(db, seals.OFFICIAL, SQL["insert_figure"](db, **area, **told).lastrowid or 0)
            new += 1
    audit.note(db, "official-turnout", entry, figures=len(figures), new=new)
    return new


def of_state(db: Connection, figure: OfficialFigure) -> OfficialFigure:
    """The figure with its area's state by the roll. Raises NotInStore where it is on none, or of several and does not say which."""
    found = _states(db, figure)
    states = states_meant(figure.state_code, found)
    if len(states) == 1:
        return replace(figure, state_code=states.pop())
    part = "" if figure.part_number is None else f", part {figure.part_number},"
    if states:
        raise NotInStore(
            f"constituency {figure.constituency_number}{part} is on the roll of several states"
            f" ({', '.join(sorted(state or 'none named' for state in states))}): name its state (--state, or a column state);"
            " no figure was taken"
        )
    state = f" of {figure.state_code}" if found else ""
    raise NotInStore(f"constituency {figure.constituency_number}{state}{part} is not on the roll: no figure was taken")


def closes_at(db: Connection, figure: OfficialFigure) -> str:
    """When the last booth of the area of a figure `of_state` closes, "HH:MM", local; "": not known."""
    return max((closes for state, closes in _states(db, figure).items() if state == figure.state_code), default="")


def _states(db: Connection, figure: OfficialFigure) -> dict[str, str]:
    """The states of which the roll has a figure's area, and when the last of its booths closes there."""
    number = figure.constituency_number
    known = SQL["states_of_constituency"].values(db, str, constituency_number=number)
    found: dict[str, str] = {}
    for booths in SQL["area"].rows(db, constituency_number=number, part_number=figure.part_number):
        state = state_of(booths.state_code, known)
        found[state] = max(booths.closes_at, found.get(state, ""))
    return found


def _area(figure: OfficialFigure) -> dict[str, str | int | None]:
    return {
        "day": figure.day.isoformat(),
        "constituency_number": figure.constituency_number,
        "part_number": figure.part_number,
        "state_code": figure.state_code,
    }


def standing_figures(db: Connection, figure: OfficialFigure) -> dict[str, float]:
    """The shares that stand of the area and day of a figure `of_state`, by their hour."""
    return dict(SQL["figures_of_area"].rows(db, **_area(figure)))


def record_complaint(db: Connection, complaint: Complaint, entry: AuditNote) -> int:
    """Append a complaint with its audit entry; its number, the same for a repeat. Raises NotInStore for what it names and lacks."""
    names = {"campaign": complaint.campaign_id, "attempt": complaint.attempt_id, "number": complaint.phone_id}
    known = SQL["known"].row(db, **parameters_of(complaint))._asdict()
    for what, name in names.items():
        if name is not None and not known[what]:
            raise NotInStore(f"the store has no {what} {name}: the complaint was not kept")
    new = SQL["insert_complaint"](db, entered_at=entry.at, who=entry.who, **parameters_of(complaint)).rowcount
    number = SQL["complaint"].number(db, key=complaint.key)
    if new:
        seals.seal(db, seals.COMPLAINT, number)
        audit.note(db, "complaint", entry, complaint=number)
    return number


def answer_complaint(db: Connection, answer: ComplaintAnswer, entry: AuditNote) -> None:
    """Append an answer with its audit entry ("complaint-answer"). Raises NotInStore where there is no such complaint."""
    if not SQL["is_complaint"].number(db, complaint_id=answer.complaint_id):
        raise NotInStore(f"there is no complaint {answer.complaint_id}: see `dialer report complaints`")
    answered = SQL["insert_answer"](db, who=entry.who, **parameters_of(answer))
    if answered.rowcount:
        seals.seal(db, seals.COMPLAINT_ANSWER, answered.lastrowid or 0)
        audit.note(db, "complaint-answer", entry, complaint=answer.complaint_id)


def release_unknown(db: Connection, attempts: Sequence[AttemptId], reason: str, entry: AuditNote) -> int:
    """Let the numbers of attempts be called again of which nobody knows whether they were calls, with an audit entry each
    ("unknown-release"): all or none. How many places in the campaigns' lists are open again. Raises NotInStore where one is
    not unknown, or was released before.
    """
    opened = 0
    for attempt_id in attempts:
        targets = queues.release_unknown(db, attempt_id, at=entry.at, who=entry.who, reason=reason)
        if targets is None:
            raise NotInStore(
                f"{attempt_id}: no attempt of this id is unknown: nothing was released; see `dialer unknown list`"
            )
        seals.seal(db, seals.RELEASED, attempt_id)
        audit.note(db, "unknown-release", entry, attempt=attempt_id, reason=reason)
        opened += targets
    return opened
