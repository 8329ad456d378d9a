"""Record which voters have voted, as booth workers at the polling booths report it.

A report has the voter's serial number on the roll. It is committed at once as a mark (a fact about a voter), so that
nothing is lost when the call drops. Undoing a report is stored as a mark too.
"""

from __future__ import annotations

import secrets

import structlog

from dialer.domain.enums import MarkKind
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import BoothWorker, Mark, MarkSource, UnknownSerial
from dialer.domain.words import format_count
from dialer.engine.acd.service import Acd
from dialer.engine.calls.state import Call
from dialer.engine.core import Core
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat
from dialer.engine.turnout.marks import Marks
from dialer.engine.turnout.polls import Polls
from dialer.flows.errors import CommitTargetNotFound
from dialer.store.store import Store

_log = structlog.get_logger(__name__)


class BoothWorkers:
    """Records which voters have voted, by the serial numbers that booth workers report, and undoes such reports."""

    def __init__(self, core: Core, seats: Seats, polls: Polls, acd: Acd, store: Store, marks: Marks) -> None:
        self._core = core
        self._seats = seats
        self._polls = polls
        self._acd = acd
        self._store = store
        self._marks = marks

    def get_booths_by_roll_part(self, worker: BoothWorker) -> dict[int, int]:
        """Return the ids of a booth worker's polling booths, by roll part (the number of a part of the electoral roll)."""
        known = [self._polls.booths[booth_id] for booth_id in worker.booth_ids if booth_id in self._polls.booths]
        return {booth.part_number: booth.booth_id for booth in sorted(known, key=lambda booth: booth.part_number)}

    # Serials

    async def store_report_that_voter_voted(
        self,
        call: Call,
        serial: int,
        part: int | None,
        key: str,
        *,
        kind: MarkKind = MarkKind.VOTED,
        agent: str | None = None,
    ) -> None:
        """Store that the voter with this serial number on the roll has voted.

        `key` identifies the report: a repeated report is stored once. `part` may be None if the booth worker reports
        for only one part of the roll. Raises StoreError, and CommitTargetNotFound if the voter or the booth worker is
        unknown.
        """
        if call.worker is None:
            raise CommitTargetNotFound(
                "this call is not with a booth worker, so it accepts no serial numbers of voters: if the person is "
                "a booth worker, add the phone number with `dialer workers import`"
            )
        now = self._core.clock.now()
        worker_id = call.worker.worker_id
        booth_id = self._find_booth_of_roll_part(call.worker, part)
        voter_id = None if booth_id is None else await self._store.find_voter_by_serial_number(booth_id, serial)
        if voter_id is None:
            unknown = UnknownSerial(key, call.attempt_id, worker_id, serial, booth_id, now)
            await self._store.save_report_of_unknown_serial_number(unknown)
            _log.info("serial_number.unknown", worker=worker_id, booth=booth_id, serial=serial, attempt=call.attempt_id)
            raise CommitTargetNotFound(
                f"no voter at that polling station has the serial {serial}: check the number and enter it again"
            )
        mark = Mark(
            f"{key}/{voter_id}",
            voter_id,
            kind,
            MarkSource.BOOTH_WORKER,
            now,
            attempt_id=call.attempt_id,
            agent=agent,
            worker_id=worker_id,
        )
        await self._marks.store_voter_mark(mark)

    async def undo_last_report_of_booth_worker(self, call: Call, key: str, *, agent: str | None = None) -> None:
        """Undo the last report on this call that a voter has voted.

        The voter still counts as having voted if somebody else has reported the same. Raises StoreError, or
        CommitTargetNotFound if nothing was reported on this call.
        """
        last = None if call.worker is None else await self._store.find_last_mark_by_booth_worker(call.attempt_id)
        if last is None or call.worker is None:
            raise CommitTargetNotFound("nothing was undone, because no voter's serial number was entered on this call")
        undone, voter_id = last
        mark = Mark(
            key,
            voter_id,
            MarkKind.NOT_YET,
            MarkSource.CORRECTION,
            self._core.clock.now(),
            attempt_id=call.attempt_id,
            agent=agent,
            worker_id=call.worker.worker_id,
            undoes=undone,
        )
        await self._marks.store_voter_mark(mark)

    def _find_booth_of_roll_part(self, worker: BoothWorker, part: int | None) -> int | None:
        parts = self.get_booths_by_roll_part(worker)
        if part is not None:
            return parts.get(part)
        return next(iter(parts.values())) if len(parts) == 1 else None

    # Serials entered by agents

    async def mark_voters_as_voted(self, seat_name: str, serials: tuple[int, ...], part: int | None) -> str:
        """Mark voters as voted, by the serial numbers on the roll that an agent has entered, and return the reply to
        the agent.

        Raises CommandRefused, or StoreError if nothing was stored.
        """
        seat, call, named = self._require_booth_worker_call_at_seat(seat_name)
        parts = {} if call.worker is None else self.get_booths_by_roll_part(call.worker)
        if part not in parts and not (part is None and len(parts) == 1):
            parts_of_worker = ", ".join(map(str, parts))
            raise CommandRefused(
                f"the part of the roll is missing, or is not assigned to this booth worker ({parts_of_worker}): enter "
                "the part and a colon before the serial numbers, such as 12: 45 46"
            )
        unknown: list[str] = []
        saved_count = 0
        for serial in dict.fromkeys(serials):
            try:
                await self.store_report_that_voter_voted(call, serial, part, f"{named}/{serial}", agent=seat.agent)
                saved_count += 1
            except CommitTargetNotFound:
                unknown.append(str(serial))
            except StoreError as error:
                raise CommandRefused(
                    f"{format_count(saved_count, 'serial number')} saved; serial number {serial} was not saved "
                    f"({error}): enter it and all after it again"
                ) from error
        no_such = f"; unknown: {', '.join(unknown)}" if unknown else ""
        return f"seat {seat.name}: {format_count(saved_count, 'serial number')} saved{no_such}"

    async def undo_last_serial_number(self, seat_name: str) -> str:
        """Undo the serial number that an agent entered last on a call with a booth worker. The voter with this number
        no longer counts as having voted. Raises CommandRefused, StoreError.
        """
        seat, call, named = self._require_booth_worker_call_at_seat(seat_name)
        try:
            await self.undo_last_report_of_booth_worker(call, named, agent=seat.agent)
        except CommitTargetNotFound as error:
            raise CommandRefused(f"seat {seat.name}: {error}") from error
        return f"seat {seat.name}: the last serial number is undone"

    def _require_booth_worker_call_at_seat(self, seat_name: str) -> tuple[Seat, Call, str]:
        """Return the seat, its call with a booth worker, and a new random key for storing the worker's next report.

        Raises CommandRefused if the seat has no such call.
        """
        seat = self._seats.require_known_seat(seat_name)
        call = self._acd.find_latest_call_at_seat(seat)
        if call is None or call.talk.connected_at is None or call.worker is None:
            raise CommandRefused(f"seat {seat.name} has no call with a booth worker")
        # The key is random: one made from the time could occur twice, and the second commit would count as a repeat.
        return seat, call, f"{call.attempt_id}/agent/{secrets.token_hex(8)}"
