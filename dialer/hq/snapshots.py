"""Snapshots: complete lists of all opt-outs, or of what is known about a constituency's voters (marks).

A centre requests a snapshot if it is new, or was disconnected for longer than the stream stores updates.

Every update is committed to the database before it is stored in the stream. A snapshot contains the stream's position,
which is read before the database. So a centre that imports the snapshot, and then the stream from that position, misses
nothing. Importing an update twice changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog

from dialer.domain.errors import HeadquartersUnreachable
from dialer.hq.database import Database, DatabaseError, open_database
from dialer.hq.ledger import OptOutRow, parse_voter_place_on_roll
from dialer.hq.sql import Query
from dialer.nats import messages, nkey
from dialer.nats.messages import InvalidMessage
from dialer.nats.session import Session
from dialer.nats.snapshot import (
    MAX_PAGE_BYTES,
    MAX_PAGE_ROWS,
    SnapshotPage,
    SnapshotRequest,
    pack_snapshot_page,
    pack_snapshot_refusal,
    unpack_snapshot_request,
)
from dialer.settings.headquarters import HqSettings
from dialer.store.sql import Statements

_log = structlog.get_logger(__name__)

_BEFORE_FIRST_MARK = "-1/-1/-1"


class SnapshotMark(NamedTuple):
    """A mark (fact about a voter) in a snapshot. `number` is the order in which marks arrived at headquarters."""

    part_number: int
    serial: int
    number: int
    centre: str
    payload: str  # JSON


class SQL(Statements):
    opt_outs = Query(OptOutRow)
    marks = Query(SnapshotMark)


class SnapshotServer:
    """The server of complete lists of opt-outs or marks (snapshots), which centres request page by page.

    Several servers may run, because each page is answered independently.
    """

    def __init__(self, settings: HqSettings, session: Session) -> None:
        """Read headquarters' key. Raises HeadquartersUnreachable if the key cannot be read."""
        self._address = settings.gather.database.get_secret_value()
        self._centres = {each.id: each for each in settings.centres}
        self._session = session
        self._private_key = None if settings.nkey_file is None else nkey.read_private_key(settings.nkey_file)

    async def answer_snapshot_requests(self) -> None:
        """Answer centres' requests for complete lists of other centres' updates from now on, until the NATS session ends."""
        await self._session.answer_requests_on_subject(
            messages.build_snapshot_subject("*"), self._answer_request_for_snapshot_page
        )

    async def _answer_request_for_snapshot_page(self, subject: str, data: bytes) -> bytes:
        centre = subject.removeprefix(messages.build_snapshot_subject(""))
        try:
            request = unpack_snapshot_request(data)
            self._refuse_constituency_of_other_centre(centre, request)
            # Read before the database, which therefore has everything up to this position.
            position = (await self._session.read_stream_state(messages.PEERS)).last
            async with open_database(self._address) as db:
                rows = await read_snapshot_page(db, request)
        except InvalidMessage as error:
            _log.warning("snapshot.refused", centre=centre, problem=str(error))
            return pack_snapshot_refusal(str(error))
        except (*DatabaseError, HeadquartersUnreachable, ValueError) as error:
            _log.warning("snapshot.failed", centre=centre, problem=str(error))
            return pack_snapshot_refusal(
                "headquarters cannot read a snapshot from its database now: the centre asks again"
            )
        page = SnapshotPage(centre, request, position, rows.next_after, rows.opt_outs, rows.marks)
        return await asyncio.to_thread(pack_snapshot_page, page, self._private_key)

    def _refuse_constituency_of_other_centre(self, centre: str, request: SnapshotRequest) -> None:
        """Raise InvalidMessage if a centre requests marks (facts about voters) of a constituency that is not its own."""
        settings = self._centres.get(centre)
        if settings is None:
            raise InvalidMessage(f"centre {centre} is not in headquarters' settings: add the centre to [[centres]]")
        number = request.constituency_number
        if number is not None and not settings.exchanges_marks_of_constituency(request.state_code, number):
            place = f"{request.state_code} {number}".strip()
            raise InvalidMessage(
                f"constituency {place} is not assigned to centre {centre}: add it to this centre in [[centres]] of "
                "headquarters' settings, then run `dialer hq render` again"
            )


class PageRows(NamedTuple):
    """The opt-outs or marks about voters of one page (part) of a snapshot, and the key after which the next page starts."""

    next_after: str | None  # None: this is the last page
    opt_outs: Sequence[dict[str, Any]]
    marks: Sequence[dict[str, Any]]


async def read_snapshot_page(db: Database, request: SnapshotRequest) -> PageRows:
    """Return the opt-outs or marks about voters of the requested page.

    Raises ValueError if `request.after` is not the key of a mark.
    """
    if request.constituency_number is None:
        found = await SQL.opt_outs.fetch_rows(db, request.after, MAX_PAGE_ROWS)
        updates = [(row.number_hash, row._asdict()) for row in found]
        next_after, opt_outs = select_updates_that_fit_into_page(updates, has_more=len(found) == MAX_PAGE_ROWS)
        return PageRows(next_after, opt_outs, [])
    part, serial, number = map(int, (request.after or _BEFORE_FIRST_MARK).split("/"))
    place = (request.state_code, request.constituency_number)
    rows = await SQL.marks.fetch_rows(db, *place, part, serial, number, MAX_PAGE_ROWS)
    marks = []
    for row in rows:
        fields = json.loads(row.payload)
        voter = parse_voter_place_on_roll(fields)
        if voter is not None:  # every stored mark has one
            key = f"{row.part_number}/{row.serial}/{row.number}"
            marks.append((key, messages.build_mark_for_other_centres(row.centre, voter, fields)))
    next_after, of_page = select_updates_that_fit_into_page(marks, has_more=len(rows) == MAX_PAGE_ROWS)
    return PageRows(next_after, [], of_page)


def select_updates_that_fit_into_page(
    updates: Sequence[tuple[str, dict[str, Any]]], *, has_more: bool
) -> tuple[str | None, list[dict[str, Any]]]:
    """Return (key after which the next page starts, updates that fit into this page). The key of the last page is None.

    `updates` has pairs of a key and an update. `has_more` says whether the database has further updates.
    """
    size = 0
    for count, (_, each) in enumerate(updates):
        size += len(json.dumps(each))
        if count and size > MAX_PAGE_BYTES:
            updates, has_more = updates[:count], True
            break
    return (updates[-1][0] if has_more else None), [each for _, each in updates]
