"""Importing electoral rolls, and suppressing and erasing numbers, while calls go on.

Other programs put the lists into the spool, a folder next to the store. A list is imported in many small transactions,
so that no result of a call waits long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, replace

from dialer.domain.enums import Purpose
from dialer.domain.errors import CommandRefused, NotInStore
from dialer.domain.model import BoothTurnout
from dialer.domain.view import CampaignChange, RollImportProgress
from dialer.engine.campaigns.enrolment import PIECE_NUMBERS, add_roll_numbers_to_campaign_queue
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import Notify, UpdatePacer
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.plan import Dependencies
from dialer.engine.roll_import.state import RollImportState
from dialer.engine.turnout.figures import TurnoutFigures
from dialer.engine.turnout.marks import Marks
from dialer.engine.turnout.polls import Polls
from dialer.pacing.port import PacingEventKind
from dialer.store.audit import AuditNote
from dialer.store.number_erasure import ErasureRules
from dialer.store.roll_updates import RollChange
from dialer.store.spool import Spool, SpooledRoll, SpoolFile

PIECE_VOTERS = 50
PIECE_BOOTHS = 100
"""Voters and booths per transaction: results of calls wait for at most one transaction."""


class RollImport:
    """Imports electoral rolls that other programs have uploaded, and suppresses or erases the numbers of uploaded
    lists.
    """

    def __init__(
        self,
        core: Core,
        runs: CampaignRuns,
        polls: Polls,
        turnout: TurnoutFigures,
        roll_import: RollImportState,
        dependencies: Dependencies,
        marks: Marks,
        eligibility: Eligibility,
    ) -> None:
        self._core = core
        self._runs = runs
        self._polls = polls
        self._turnout = turnout
        self._roll_import = roll_import
        self._store = dependencies.store
        self._spool_if_any = dependencies.spool
        self._has_room = dependencies.has_room
        self._marks = marks
        self._eligibility = eligibility

    async def suppress_list_of_phone_numbers(self, list_id: str, source: str, who: str) -> str:
        """Suppress the numbers of an uploaded list and cancel their unanswered calls. Raises CommandRefused,
        StoreError.
        """
        secret = next(iter(self._require_number_erasure_rules().secrets), None)
        fresh = 0
        async with self._open_uploaded_roll_or_number_list(list_id) as handed:
            numbers = await asyncio.to_thread(handed.read_phone_numbers)
            for first in range(0, len(numbers), PIECE_NUMBERS):
                piece = numbers[first : first + PIECE_NUMBERS]
                taken = await self._store.suppress_list_of_phone_numbers(
                    piece, secret, source, self._create_audit_note_about_person(who)
                )
                fresh += taken.new
                for phone_id in taken.phones:
                    self._marks.cancel_calls_to_opted_out_number(phone_id, fresh=True)
        return f"{fresh:,} numbers suppressed; {len(numbers) - fresh:,} were already suppressed"

    async def erase_numbers(self, list_id: str, who: str, *, names: bool) -> str:
        """Erase the numbers of an uploaded list.

        Raises CommandRefused (for example if a number is on a call), RecordingError, StoreError.
        """
        rules, said = self._require_number_erasure_rules(), list[str]()
        async with self._open_uploaded_roll_or_number_list(list_id) as handed:
            for number in await asyncio.to_thread(handed.read_phone_numbers):
                if await self._store.find_unfinished_attempt_on_number(number) is not None:
                    raise CommandRefused(
                        "no number was erased, because a number of the list is on a call now: erase the list again "
                        "after this call (`dialer optout add` prevents further calls to the number)"
                    )
                store = (self._require_folder_of_uploaded_lists().store, self._require_folder_of_uploaded_lists().key)
                done = await self._store.erase_number(
                    number, rules, store, self._create_audit_note_about_person(who), with_voters=names
                )
                if done.phone_id is not None:
                    self._marks.cancel_calls_to_opted_out_number(done.phone_id, fresh=False)
                said += done.messages
        return "; ".join(said)

    async def import_roll(self, list_id: str, who: str) -> str:
        """Import an uploaded electoral roll. Raises CommandRefused, StoreError.

        After an interruption the part imported so far stays: import the roll again.
        """
        async with self._roll_import.lock, self._open_uploaded_roll_or_number_list(list_id) as handed:
            try:
                return await self._import_uploaded_electoral_roll(list_id, handed, who)
            finally:
                self._roll_import.roll = None

    async def _import_uploaded_electoral_roll(self, list_id: str, handed: SpoolFile, who: str) -> str:
        found = await asyncio.to_thread(handed.read_counts_of_uploaded_roll)
        roll = RollImportProgress(list_id, found.voters, 0)
        self._notify_import_progress(roll)
        booth_ids = await self._import_booths(handed)
        booths = await self._store.read_booths()
        self._polls.add_or_replace_polling_booths(booths)
        self._runs.add_booths_to_call_order(booths)
        self._eligibility.load_polling_areas()
        taken = await self._import_voters(roll, handed, booth_ids)
        await self._add_roll_numbers_to_campaign_queues(are_numbers_new=taken.numbers > 0)
        await self._store.save_roll_import(self._create_audit_note_about_person(who), found, taken)
        await self._load_turnout_of_imported_booths(booth_ids)
        return _summarize_roll_import(found, taken)

    async def _import_booths(self, handed: SpoolFile) -> dict[int, int]:
        booths, ids = await asyncio.to_thread(handed.read_booths), {}
        for first in range(0, len(booths), PIECE_BOOTHS):
            ids.update(await self._store.import_booths(booths[first : first + PIECE_BOOTHS]))
        return ids

    def _notify_import_progress(self, roll: RollImportProgress) -> None:
        self._roll_import.roll = roll
        for campaign_id, _ in self._runs.list_campaign_runs_by_id():
            self._core.request_side_effects(Notify(CampaignChange(campaign_id)))

    async def _import_voters(
        self, roll: RollImportProgress, handed: SpoolFile, booth_ids: dict[int, int]
    ) -> RollChange:
        secrets, sums, after, done = self._require_number_erasure_rules().secrets, [0, 0, 0, 0], 0, 0
        while voters := await asyncio.to_thread(handed.read_voters_of_uploaded_roll, after, PIECE_VOTERS):
            if not self._has_room():  # the remaining space is reserved for the results of calls
                raise CommandRefused(
                    f"the import stopped after {done:,} voters, because the disk has less free space than "
                    "`store.reserve_megabytes`: free some space, then import the roll again"
                )
            taken = astuple(await self._store.import_voters(voters, booth_ids, secrets))
            sums = [one + other for one, other in zip(sums, taken, strict=True)]
            after, done = voters[-1].voter_id, done + len(voters)
            self._notify_import_progress(replace(roll, imported=done))
        return RollChange(*sums)

    async def _add_roll_numbers_to_campaign_queues(self, *, are_numbers_new: bool) -> None:
        for campaign_id, run in self._runs.list_campaign_runs_by_id():
            if run.purpose is Purpose.BOOTH_WORKERS:  # a roll contains no numbers of booth workers
                continue
            await add_roll_numbers_to_campaign_queue(self._store, campaign_id)
            run.progress = await self._store.read_campaign_progress(campaign_id, self._core.clock.now())
            if are_numbers_new:
                self._core.request_side_effects(UpdatePacer(campaign_id, PacingEventKind.LIST_CHANGED))
        self._runs.recheck_refused_numbers()

    async def _load_turnout_of_imported_booths(self, booth_ids: dict[int, int]) -> None:
        for booth_id in booth_ids.values():
            booth, counts = self._polls.booths[booth_id], await self._store.count_turnout_of_booth(booth_id)
            place = (booth.constituency_number, booth.part_number)
            self._turnout.set_booth_turnout(
                BoothTurnout(booth_id, *place, *counts, booth.constituency_name, booth.name)
            )

    @asynccontextmanager
    async def _open_uploaded_roll_or_number_list(self, list_id: str) -> AsyncIterator[SpoolFile]:
        try:
            handed = await asyncio.to_thread(self._require_folder_of_uploaded_lists().open_spooled_file, list_id)
        except NotInStore as error:
            raise CommandRefused(str(error)) from error
        try:
            yield handed
        finally:
            await asyncio.to_thread(handed.close)

    def _require_folder_of_uploaded_lists(self) -> Spool:
        if self._spool_if_any is None:
            raise CommandRefused(
                "this dialler has no folder for uploaded lists, so it cannot import lists: use a dialler that was "
                "started with `dialer run`"
            )
        return self._spool_if_any

    def _require_number_erasure_rules(self) -> ErasureRules:
        rules = self._core.plan.erasure
        if self._spool_if_any is None or rules is None:
            raise CommandRefused(
                "this dialler has no folder for uploaded lists, so it cannot import lists: use a dialler that was "
                "started with `dialer run`"
            )
        return rules

    def _create_audit_note_about_person(self, who: str) -> AuditNote:
        return AuditNote(who, self._core.clock.now(), {})


def _summarize_roll_import(found: SpooledRoll, taken: RollChange) -> str:
    said = f"{found.rows:,} rows: {taken.voters:,} voters added or changed, {taken.numbers:,} numbers and {taken.links:,} links"
    said += f", {found.rejected:,} rows rejected" if found.rejected else ""
    return said + (f"; {taken.opted_out:,} of the numbers had opted out" if taken.opted_out else "")
