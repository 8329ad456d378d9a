"""Records of a polling day beside the calls, each with its entry in the audit. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.errors import NotInStore
from dialer.domain.model import AttemptId, Mark
from dialer.domain.official_turnout import OfficialFigure, state_of, states_meant
from dialer.store import audit, queues
from dialer.store.port import AuditNote, Encode, MarkEffect
from dialer.store.sql import load_statements
from dialer.store.voters import record_mark

SQL = load_statements("polling_day_records")


def record_marks(
    db: sqlite3.Connection, encode: Encode | None, marks: Sequence[Mark], entry: AuditNote
) -> list[MarkEffect]:
    """Append marks that came together, each announced, and all with their audit entry ("marks"): all or none.
    Raises NotInStore for a voter who is not on the roll, KeyTaken. A repeat of known keys changes nothing but the audit.
    """
    effects = [record_mark(db, encode, mark) for mark in marks]
    taken = sum(effect.recorded for effect in effects)
    _note(db, "marks", entry, marks=len(marks), taken=taken)
    return effects


def enter_turnout(db: sqlite3.Connection, figures: Sequence[OfficialFigure], entry: AuditNote) -> int:
    """Append official figures, all or none, with their audit entry ("official-turnout"); how many are new. A figure that
    stands already changes nothing. Raises NotInStore for an area that is not on the roll.
    """
    new = 0
    for figure in figures:
        area = _area(of_state(db, figure))
        stands = db.execute(SQL["figure"], (*area, figure.by_time)).fetchone()
        if stands is None or stands[0] != figure.share:
            db.execute(SQL["insert_figure"], (*area, figure.by_time, figure.share, entry.at, entry.who))
            new += 1
    _note(db, "official-turnout", entry, figures=len(figures), new=new)
    return new


def of_state(db: sqlite3.Connection, figure: OfficialFigure) -> OfficialFigure:
    """The figure with the state of its area, as the roll has it. Raises NotInStore where the area is not on the roll, or is there
    of several states and the figure does not say of which.
    """
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


def closes_at(db: sqlite3.Connection, figure: OfficialFigure) -> str:
    """When the last booth of the area of a figure `of_state` closes, "HH:MM", local; "": not known."""
    return max((closes for state, closes in _states(db, figure).items() if state == figure.state_code), default="")


def _states(db: sqlite3.Connection, figure: OfficialFigure) -> dict[str, str]:
    """The states of which the roll has a figure's area, and when the last of its booths closes there."""
    number = figure.constituency_number
    known = [state for (state,) in db.execute(SQL["states_of_constituency"], (number,))]
    found: dict[str, str] = {}
    for told, closes in db.execute(SQL["area"], (number, figure.part_number)):
        state = state_of(told, known)
        found[state] = max(closes, found.get(state, ""))
    return found


def _area(figure: OfficialFigure) -> tuple[str, int, int | None, str]:
    return figure.day.isoformat(), figure.constituency_number, figure.part_number, figure.state_code


def standing_figures(db: sqlite3.Connection, figure: OfficialFigure) -> dict[str, float]:
    """The shares that stand of the area and day of a figure `of_state`, by their hour."""
    return dict(db.execute(SQL["figures_of_area"], _area(figure)).fetchall())


def record_complaint(db: sqlite3.Connection, complaint: Complaint, entry: AuditNote) -> int:
    """Append a complaint with its audit entry ("complaint"); its number. A repeat of the key gives the same one. Raises
    NotInStore for a campaign, attempt or phone that the store does not have.
    """
    names = (complaint.campaign_id, complaint.attempt_id, complaint.phone_id)
    for what, name, known in zip(
        ("campaign", "attempt", "number"), names, db.execute(SQL["known"], names).fetchone(), strict=True
    ):
        if name is not None and not known:
            raise NotInStore(f"the store has no {what} {name}: the complaint was not kept")
    values = (
        complaint.key,
        complaint.at,
        complaint.about.value,
        complaint.channel.value,
        complaint.campaign_id,
        complaint.attempt_id,
        complaint.phone_id,
        entry.at,
        entry.who,
    )
    new = db.execute(SQL["insert_complaint"], values).rowcount
    (number,) = db.execute(SQL["complaint"], (complaint.key,)).fetchone()
    if new:
        _note(db, "complaint", entry, complaint=number)
    return int(number)


def answer_complaint(db: sqlite3.Connection, answer: ComplaintAnswer, entry: AuditNote) -> None:
    """Append an answer with its audit entry ("complaint-answer"). Raises NotInStore where there is no such complaint."""
    if not db.execute(SQL["is_complaint"], (answer.complaint_id,)).fetchone()[0]:
        raise NotInStore(f"there is no complaint {answer.complaint_id}: see `dialer report complaints`")
    values = (answer.key, answer.complaint_id, answer.at, answer.answer.value, entry.who)
    if db.execute(SQL["insert_answer"], values).rowcount:
        _note(db, "complaint-answer", entry, complaint=answer.complaint_id)


def release_unknown(db: sqlite3.Connection, attempts: Sequence[AttemptId], reason: str, entry: AuditNote) -> int:
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
        audit.append(
            db, "unknown-release", entry.who, {**entry.what, "attempt": attempt_id, "reason": reason}, entry.at
        )
        opened += targets
    return opened


def _note(db: sqlite3.Connection, kind: str, entry: AuditNote, **counts: int) -> None:
    audit.append(
        db, kind, entry.who, {**entry.what, **{name: str(number) for name, number in counts.items()}}, entry.at
    )
