"""Snapshots of what centres told each other, for one that is new, or was away for longer than the stream keeps it: out of the
books, page by page, signed by headquarters' own key.

All that stands in the stream is in the books, for it was committed there before. So who takes what the books have now, and then
the stream from where it was before they were read, misses nothing; what is in both changes nothing the second time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import structlog

from dialer.domain.errors import HeadquartersUnreachable
from dialer.hq.database import Database, DatabaseError, database
from dialer.hq.ledger import place_of
from dialer.nats import messages, nkey
from dialer.nats.messages import InvalidMessage
from dialer.nats.session import Session
from dialer.nats.snapshot import (
    MAX_PAGE_BYTES,
    MAX_PAGE_ROWS,
    SnapshotPage,
    SnapshotRequest,
    pack_page,
    pack_refusal,
    unpack_request,
)
from dialer.settings.headquarters import HqSettings

_log = structlog.get_logger(__name__)

_BEGIN = "-1/-1/-1"


class Snapshots:
    """Answers every centre that asks for one. Several may: each answer is whole by itself."""

    def __init__(self, settings: HqSettings, session: Session) -> None:
        """Raises HeadquartersUnreachable where headquarters' own key cannot be read."""
        self._address = settings.gather.database.get_secret_value()
        self._centres = {each.id: each for each in settings.centres}
        self._session = session
        self._private = None if settings.nkey_file is None else nkey.private_key(settings.nkey_file)

    async def answer(self) -> None:
        """From now on."""
        await self._session.serve_requests(messages.snapshot_subject("*"), self._give)

    async def _give(self, subject: str, data: bytes) -> bytes:
        centre = subject.removeprefix(messages.snapshot_subject(""))
        try:
            asked = unpack_request(data)
            self._refuse_others(centre, asked)
            position = (
                await self._session.stream_state(messages.PEERS)
            ).last  # before the books: what they have is no less
            async with database(self._address) as books:
                then, opt_outs, marks = await _page(books, asked)
        except InvalidMessage as error:
            _log.warning("snapshot.refused", centre=centre, problem=str(error))
            return pack_refusal(str(error))
        except (*DatabaseError, HeadquartersUnreachable, ValueError) as error:
            _log.warning("snapshot.not-given", centre=centre, problem=str(error))
            return pack_refusal("headquarters has no snapshot to give just now: it is asked again")
        page = SnapshotPage(centre, asked, position, then, opt_outs, marks)
        return await asyncio.to_thread(pack_page, page, self._private)

    def _refuse_others(self, centre: str, asked: SnapshotRequest) -> None:
        its = self._centres.get(centre)
        if its is None:
            raise InvalidMessage(f"{centre} is no centre of this headquarters: add it to [[centres]]")
        number = asked.constituency_number
        if number is not None and not its.holds(asked.state_code, number):
            place = f"{asked.state_code} {number}".strip()
            raise InvalidMessage(
                f"{place} is no constituency of {centre}: name it in [[centres]] of headquarters, and render"
            )


async def _page(
    books: Database, asked: SnapshotRequest
) -> tuple[str | None, Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
    """Behind what to ask for the next page, and opt-outs and marks of this one. Raises ValueError for a page of no snapshot."""
    if asked.constituency_number is None:
        rows = await books.rows("snapshot_opt_outs", asked.after, MAX_PAGE_ROWS)
        told = [(row["number_hash"], {name: row[name] for name in ("number_hash", "at", "centre")}) for row in rows]
        then, opt_outs = fitting(told, more=len(rows) == MAX_PAGE_ROWS)
        return then, opt_outs, []
    part, serial, number = map(int, (asked.after or _BEGIN).split("/"))
    place = (asked.state_code, asked.constituency_number)
    rows = await books.rows("snapshot_marks", *place, part, serial, number, MAX_PAGE_ROWS)
    marks = []
    for row in rows:
        fields = json.loads(row["payload"])
        voter = place_of(fields)
        if voter is not None:  # every mark of the books says where its voter stands
            last = f"{row['part_number']}/{row['serial']}/{row['number']}"
            marks.append((last, messages.peer_mark(row["centre"], voter, fields)))
    then, of_page = fitting(marks, more=len(rows) == MAX_PAGE_ROWS)
    return then, [], of_page


def fitting(told: Sequence[tuple[str, dict[str, Any]]], *, more: bool) -> tuple[str | None, list[dict[str, Any]]]:
    """Of news, each with what names it, those that one page has room for, and the name of the last where there are others behind:
    `more` than these.
    """
    size = 0
    for count, (_, each) in enumerate(told):
        size += len(json.dumps(each))
        if count and size > MAX_PAGE_BYTES:
            told, more = told[:count], True
            break
    return (told[-1][0] if more else None), [each for _, each in told]
