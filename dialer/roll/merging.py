"""Storing the voters of an electoral roll in bulk: new voters are added, and changed ones updated.

A blank cell never deletes a stored value. A second row about the same voter may add details or another phone number. If
it contradicts the first row, it is rejected. Otherwise each import of the file would change the voter back and forth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.roll.cleaning import DETAIL_FIELDS, BoothDetails, BoothKey, BoothSlot, CleanRows, Details
from dialer.roll.phone_numbers import parse_mobile_number_without_separators, read_phone_numbers_in_cell
from dialer.roll.rejects import Reject
from dialer.store import roll
from dialer.store.connection import Connection

CONFLICT = "another row of this file has the same booth and serial but other details: correct one of them"

_MOST_NAMED = 10  # repeated EPIC numbers in a result


@dataclass(eq=False)
class DuplicateConstituency(Exception):
    """Raised if a constituency of the file is already stored from another electoral roll.

    The other roll has another version, or names another state. It is also another roll if only one of the two names the
    state.
    """

    key: BoothKey  # the first booth of the duplicate
    versions: list[str]  # other versions on the roll; empty if only the state differs
    states: list[str]  # states of the constituency on the roll; "" stands for none
    in_this_file: bool  # the earlier rows are in the same file


@dataclass(slots=True)
class ImportTally:
    """How many rows were imported and rejected so far."""

    rows: int = 0  # without blank rows
    voters: int = 0  # added or changed
    unchanged: int = 0
    rejected: int = 0
    numbers: int = 0  # added
    links: int = 0  # added pairs of voter and number
    rejected_numbers: int = 0
    rejected_cells: int = 0
    blank_rows: int = 0
    booths: int = 0  # added
    opted_out: int = 0  # added numbers that had opted out before
    without_close: int = 0  # booths in the store without a close of poll
    shared_epics: int = 0  # EPIC numbers in the store under two serials of one roll
    shared_epic_places: tuple[roll.RepeatedEpic, ...] = ()  # the first of them, with their voters


@dataclass(slots=True)
class _BatchVoters:
    """The voters of a batch of rows, and the rows that were rejected because they contradict an earlier row of their
    voter.
    """

    voter_ids: list[int]  # by row; 0: rejected
    rejects: list[Reject] = field(default_factory=list)


class Merger:
    """Stores the voters of an electoral roll, batch by batch, through one connection and inside the caller's
    transaction.
    """

    def __init__(
        self, db: Connection, next_voter: int, tally: ImportTally, region: str, *, allow_second_roll: bool
    ) -> None:
        """Prepare to store voters, and read the polling booths of the store.

        `next_voter` is the ID of the next new voter. `region` (ISO 3166) applies to numbers without a country code.
        `allow_second_roll` permits a constituency that is stored already in another version of the roll.
        """
        self.tally = tally
        self._db = db
        self._region = region
        self._allow_second_roll = allow_second_roll
        # By constituency number and (state, version): whether the roll was added by this file.
        self._rolls: dict[int, dict[tuple[str, str], bool]] = {}
        self._slots: dict[BoothKey, BoothSlot] = {}
        self._stored: dict[BoothKey, tuple[int, BoothDetails]] = {}
        for booth in roll.read_all_booths(db):
            self._stored[BoothKey(*booth[1:5])] = (booth.booth_id, BoothDetails(*booth[5:]))
            self._rolls.setdefault(booth.constituency_number, {})[booth.state_code, booth.roll_version] = False
        self._next_voter = next_voter

    def find_or_add_booth(self, key: BoothKey, details: BoothDetails) -> BoothSlot:
        """Return the stored polling booth with this key (roll version, state, constituency, part). Add the booth if it
        is new, or update its details.

        Raises:
            DuplicateConstituency: The booth's constituency is on the roll already, in another version or state.
        """
        if (slot := self._slots.get(key)) is not None:
            return slot
        if (stored := self._stored.get(key)) is not None:
            booth_id, before = stored
            after = tuple(new or old for new, old in zip(details, before, strict=True))
            if after != before:
                roll.update_booth(self._db, booth_id, after)
        else:
            self._refuse_duplicate_constituency(key)
            booth_id = roll.add_booth(self._db, key, details)
            self.tally.booths += 1
        slot = self._slots[key] = BoothSlot(booth_id, is_new=stored is None)
        return slot

    def _refuse_duplicate_constituency(self, key: BoothKey) -> None:
        """Raise DuplicateConstituency if the constituency is already stored from an electoral roll of another version
        or state.

        Otherwise its voters would be on two rolls: somebody marked as voted on one roll would still be called from the
        other. A roll that names no state counts as a roll of any state.
        """
        rolls = self._rolls.setdefault(key.constituency_number, {})
        if (key.state_code, key.roll_version) in rolls:
            return
        same_constituency = {
            (state, version): in_this_file
            for (state, version), in_this_file in rolls.items()
            if state == key.state_code or not state or not key.state_code
        }
        if same_constituency and not self._allow_second_roll:
            versions = {version for _, version in same_constituency} - {key.roll_version}
            states = sorted(state for state, _ in same_constituency)
            raise DuplicateConstituency(key, sorted(versions), states, all(same_constituency.values()))
        rolls[key.state_code, key.roll_version] = True

    def merge_rows_into_store(self, batch: CleanRows) -> list[Reject]:
        """Store the voters of a batch of rows. Return all rejected rows, cells and numbers, in the order of the rows.

        The result includes the rejects of the earlier step, the conversion of the rows to voters.
        """
        tally = self.tally
        voters = self._find_or_add_voters(batch)
        tally.rejected += batch.rejected_rows + len(voters.rejects)
        tally.rejected_cells += len(batch.rejects) - batch.rejected_rows
        tally.blank_rows += batch.blank_rows
        tally.rows += len(batch.table.rows) + batch.rejected_rows
        number_rejects = self._add_phone_numbers(batch, voters.voter_ids)
        tally.rejected_numbers += len(number_rejects)
        rejects = batch.rejects + voters.rejects + number_rejects
        rejects.sort(key=lambda reject: reject.row_number)
        return rejects

    def finish_import_of_roll(self) -> None:
        """Finish an import: block imported numbers that had opted out before, and complete the counts.

        Only now can booths without a close of poll and EPIC (voter ID) numbers of several voters be counted.
        """
        tally = self.tally
        tally.opted_out, tally.without_close, tally.shared_epics = roll.finish_roll_import(self._db)
        if tally.shared_epics:
            tally.shared_epic_places = tuple(roll.list_duplicate_card_numbers(self._db, _MOST_NAMED))

    def _find_or_add_voters(self, batch: CleanRows) -> _BatchVoters:
        """Return the stored voter of each row. Voters that are not in the store are added."""
        voters = _BatchVoters([0] * len(batch.serials))
        fresh: list[int] = []  # first rows of voters in new booths
        known: list[int] = []  # first rows of voters in booths of the store
        repeated: list[int] = []  # further rows of a voter of this file
        for place, (slot, serial) in enumerate(zip(batch.booths, batch.serials, strict=True)):
            seen = slot.seen
            if serial >= len(seen):
                seen.extend(bytes((serial | 1023) + 1 - len(seen)))
            if seen[serial]:
                repeated.append(place)
            else:
                seen[serial] = 1
                (fresh if slot.is_new else known).append(place)
        self._add_new_voters(batch, fresh, voters)
        self._update_voters(batch, known, voters, may_change=True)
        self._update_voters(batch, repeated, voters, may_change=False)
        return voters

    def _add_new_voters(self, batch: CleanRows, places: Sequence[int], voters: _BatchVoters) -> None:
        if not places:
            return
        first = self._next_voter
        self._next_voter += len(places)
        booths, serials, details = batch.booths, batch.serials, batch.details
        numbered = list(enumerate(places, first))
        rows = ((voter_id, booths[place].booth_id, serials[place], *details[place]) for voter_id, place in numbered)
        roll.add_voters(self._db, rows)
        for voter_id, place in numbered:
            voters.voter_ids[place] = voter_id
        self.tally.voters += len(places)

    def _update_voters(
        self, batch: CleanRows, places: Sequence[int], voters: _BatchVoters, *, may_change: bool
    ) -> None:
        """Compare rows with the stored voters, update changed voters, and add new ones.

        With `may_change=False`, a row may only fill in blank details. If it contradicts a stored detail, it is
        rejected.
        """
        if not places:
            return
        wanted = ((place, batch.booths[place].booth_id, batch.serials[place]) for place in places)
        changed: dict[int, Details] = {}
        for place, voter_id, details in roll.find_existing_voters(self._db, wanted):
            before: Details = changed.get(voter_id) or details
            new = batch.details[place]
            if new == before or (after := _merge_voter_details(new, before)) == before:
                self.tally.unchanged += 1
            elif may_change or (contradicted := _find_contradicting_detail(new, before)) is None:
                changed[voter_id] = after
                self.tally.voters += 1
            else:
                voters.rejects.append(_reject_contradicting_detail(batch, place, contradicted))
                continue
            voters.voter_ids[place] = voter_id
        roll.update_voters(self._db, ((*details, voter_id) for voter_id, details in changed.items()))
        if may_change:
            self._add_new_voters(batch, [place for place in places if not voters.voter_ids[place]], voters)

    def _add_phone_numbers(self, batch: CleanRows, voter_ids: Sequence[int]) -> list[Reject]:
        """Store the phone numbers of accepted rows and link them to the voters. Return the rejected numbers."""
        pairs: list[tuple[int, str]] = []
        rejects: list[Reject] = []
        indian = self._region == "IN"
        for heading, cells in batch.phone_columns:
            for place, cell in enumerate(cells):
                if not cell or not (voter_id := voter_ids[place]):
                    continue
                if indian and (number := parse_mobile_number_without_separators(cell)) is not None:
                    pairs.append((voter_id, number))
                    continue
                found = read_phone_numbers_in_cell(cell, self._region)
                pairs.extend((voter_id, number) for number in found.numbers)
                rejects.extend(
                    Reject(batch.table.numbers[place], heading, bad.text, bad.reason.value, batch.table.rows[place])
                    for bad in found.rejected
                )
        if pairs:
            numbers, links = roll.add_numbers_of_voters(self._db, pairs)
            self.tally.numbers += numbers
            self.tally.links += links
        return rejects


def _merge_voter_details(row: Details, before: Details) -> Details:
    """Return a voter's stored details, overwritten by the details of a row. Blank details of the row change nothing."""
    merged = (old if new in ("", None) else new for new, old in zip(row, before, strict=True))
    return tuple(merged)  # type: ignore[return-value]  # field by field from two Details


def _find_contradicting_detail(row: Details, before: Details) -> int | None:
    """Return the index of the first detail of a row that differs from the stored one.

    None = the row only adds details.
    """
    pairs = enumerate(zip(row, before, strict=True))
    return next((place for place, (new, old) in pairs if new not in ("", None, old) and old not in ("", None)), None)


def _reject_contradicting_detail(batch: CleanRows, place: int, detail: int) -> Reject:
    table, value = batch.table, str(batch.details[place][detail])
    return Reject(table.numbers[place], DETAIL_FIELDS[detail].value, value, CONFLICT, table.rows[place])
