"""Records of a polling day beside the calls, each with its entry in the audit. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from dialer.complaints import Complaint, ComplaintAnswer
from dialer.errors import NotInStore
from dialer.model import Announcement, Mark
from dialer.polling_day.official import OfficialFigure
from dialer.store import audit
from dialer.store.records_port import Deed, MarkEffect
from dialer.store.sql import load_statements
from dialer.store.voters import record_mark

SQL = load_statements("polling_day_records")


def record_marks(
    db: sqlite3.Connection, marks: Sequence[Mark], announcements: Sequence[Announcement], deed: Deed
) -> list[MarkEffect]:
    """Append marks that came together: all of them or none. `announcements` has that of each mark, in order."""
    effects = [record_mark(db, mark, [news]) for mark, news in zip(marks, announcements, strict=True)]
    taken = sum(effect.recorded for effect in effects)
    _note(db, "marks", deed, marks=len(marks), taken=taken)
    return effects


def enter_turnout(db: sqlite3.Connection, figures: Sequence[OfficialFigure], deed: Deed) -> int:
    """Append official figures; how many are new."""
    new = 0
    for figure in figures:
        closes_at(db, figure)
        key = (figure.day.isoformat(), figure.constituency_number, figure.part_number, figure.by_time)
        stands = db.execute(SQL["figure"], key).fetchone()
        if stands is None or stands[0] != figure.share:
            db.execute(SQL["insert_figure"], (*key, figure.share, deed.at, deed.who))
            new += 1
    _note(db, "official-turnout", deed, figures=len(figures), new=new)
    return new


def closes_at(db: sqlite3.Connection, figure: OfficialFigure) -> str:
    """When the last booth of a figure's area closes, "HH:MM", local; "": not known. Raises NotInStore: it is not on the roll."""
    booths, closes = db.execute(SQL["area"], (figure.constituency_number, figure.part_number)).fetchone()
    if not booths:
        part = "" if figure.part_number is None else f", part {figure.part_number},"
        raise NotInStore(f"constituency {figure.constituency_number}{part} is not on the roll: no figure was taken")
    return str(closes)


def standing_figures(db: sqlite3.Connection, figure: OfficialFigure) -> dict[str, float]:
    """The shares that stand of a figure's area and day, by their hour."""
    area = (figure.day.isoformat(), figure.constituency_number, figure.part_number)
    return dict(db.execute(SQL["figures_of_area"], area).fetchall())


def record_complaint(db: sqlite3.Connection, complaint: Complaint, deed: Deed) -> int:
    """Append a complaint; its number."""
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
        deed.at,
        deed.who,
    )
    new = db.execute(SQL["insert_complaint"], values).rowcount
    (number,) = db.execute(SQL["complaint"], (complaint.key,)).fetchone()
    if new:
        _note(db, "complaint", deed, complaint=number)
    return int(number)


def answer_complaint(db: sqlite3.Connection, answer: ComplaintAnswer, deed: Deed) -> None:
    """Append an answer to a complaint."""
    if not db.execute(SQL["is_complaint"], (answer.complaint_id,)).fetchone()[0]:
        raise NotInStore(f"there is no complaint {answer.complaint_id}: see `dialer report complaints`")
    values = (answer.key, answer.complaint_id, answer.at, answer.answer.value, deed.who)
    if db.execute(SQL["insert_answer"], values).rowcount:
        _note(db, "complaint-answer", deed, complaint=answer.complaint_id)


def _note(db: sqlite3.Connection, kind: str, deed: Deed, **counts: int) -> None:
    audit.append(db, kind, deed.who, {**deed.what, **{name: str(number) for name, number in counts.items()}}, deed.at)
