"""The list of booth workers, with their phone numbers and their polling stations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dialer.domain.model import BoothWorker
from dialer.store.sql import Command, Connection, Query, Scalar, Statements


class WorkerPhone(NamedTuple):
    """The phone number of a booth worker (a person who reports who has voted)."""

    phone_id: int
    opted_out: int


class BoothOfWorker(NamedTuple):
    """A polling station (booth) to which a booth worker is assigned."""

    worker_id: int
    language: str
    booth_id: int


class SQL(Statements):
    add_phone = Command()
    phone = Query(WorkerPhone)
    set_worker = Scalar(int)
    delete_booths = Command()
    add_booth = Command()
    reopen = Command()
    remove_others = Command()
    close_removed = Command()
    booths_of_worker = Query(BoothOfWorker)


def save_booth_worker(
    db: Connection, number: str, name: str, language: str, booth_ids: Iterable[int]
) -> tuple[int, bool]:
    """Store a booth worker and the worker's polling stations.

    Return the worker's id, and whether the number has opted out. The stations in `booth_ids` replace those stored
    earlier. An empty name or language does not overwrite a stored one. If the number (E.164) is closed in the queue of
    a campaign that calls booth workers, it is reopened, unless it has opted out.
    """
    SQL.add_phone.run_statement(db, number=number)
    phone_id, opted_out = SQL.phone.fetch_only_row(db, number=number)
    worker_id = SQL.set_worker.fetch_only_value(db, phone_id=phone_id, name=name, language=language)
    SQL.delete_booths.run_statement(db, worker_id=worker_id)
    SQL.add_booth.run_statement_for_each_parameter_set(
        db, ({"worker_id": worker_id, "booth_id": booth_id} for booth_id in booth_ids)
    )
    if not opted_out:
        SQL.reopen.run_statement(db, phone_id=phone_id)
    return worker_id, bool(opted_out)


def remove_booth_workers_not_in_list(db: Connection, listed: Sequence[int]) -> int:
    """Remove all booth workers whose ids are not in `listed`, and return how many.

    Removed workers are no longer called.
    """
    removed = SQL.remove_others.run_statement(db, worker_ids=json.dumps([*listed]))
    SQL.close_removed.run_statement(db)
    return removed


def find_booth_worker_by_phone(db: Connection, phone_id: int) -> BoothWorker | None:
    """Return the booth worker with a phone number, or None if the number is not on the list of booth workers."""
    booths = SQL.booths_of_worker.fetch_all_rows(db, phone_id=phone_id)
    if not booths:
        return None
    return BoothWorker(booths[0].worker_id, booths[0].language, tuple(each.booth_id for each in booths))
