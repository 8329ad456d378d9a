"""Merge the voters of a roll into the store, in bulk: add new voters, update changed ones, leave the others as they are.

A blank cell never deletes a value that the store has. A second row of the same voter in one file may fill in what the
first left blank and add another phone number. If it contradicts the first row it is rejected; otherwise each import of
the file would change the voter back and forth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.roll.cleaning import DETAIL_FIELDS, BoothDetails, BoothKey, BoothSlot, CleanRows, Details
from dialer.roll.phone_numbers import plain_mobile, read_cell
from dialer.roll.rejects import Reject
from dialer.store import roll
from dialer.store.connection import Connection

CONFLICT = "another row of this file has the same booth and serial and says otherwise: correct one of them"


@dataclass(eq=False)
class SecondRoll(Exception):
    """The file would add a constituency to the store a second time; nothing of it was written yet."""

    key: BoothKey
    versions: list[str]  # the others that are there; none: it is there in this one, with its state and without
    states: list[str]  # with which it is there, "" where none is named
    of_this_file: bool  # this file itself brought them


@dataclass(slots=True)
class ImportTally:
    """Counts of what was done with the rows so far."""

    rows: int = 0  # without blank ones
    voters: int = 0
    unchanged: int = 0
    rejected: int = 0
    numbers: int = 0
    links: int = 0
    rejected_numbers: int = 0
    rejected_cells: int = 0
    blank_rows: int = 0
    booths: int = 0  # added
    opted_out: int = 0  # numbers of this roll that came back opted out
    without_close: int = 0  # booths of the store of which nobody has told the close of poll
    shared_epics: int = 0  # EPIC numbers of the store under two serials of one roll


@dataclass(slots=True)
class _Placed:
    """Where the rows of a batch have found their voters."""

    voter_ids: list[int]  # 0: rejected
    rejects: list[Reject] = field(default_factory=list)


class Merger:
    """Merges batches into the store through one connection, inside the caller's transaction."""

    def __init__(self, db: Connection, next_voter: int, tally: ImportTally, region: str, *, beside: bool) -> None:
        """`next_voter`: the next one's id; `region`: of numbers without a country code; `beside`: a second version may come."""
        self.tally = tally
        self._db = db
        self._region = region
        self._beside = beside
        # By constituency, of each state and version: whether this file brought it.
        self._rolls: dict[int, dict[tuple[str, str], bool]] = {}
        self._slots: dict[BoothKey, BoothSlot] = {}
        self._stored: dict[BoothKey, tuple[int, BoothDetails]] = {}
        for booth in roll.all_booths(db):
            self._stored[BoothKey(*booth[1:5])] = (booth.booth_id, BoothDetails(*booth[5:]))
            self._rolls.setdefault(booth.constituency_number, {})[booth.state_code, booth.roll_version] = False
        self._next_voter = next_voter

    def find_booth(self, key: BoothKey, details: BoothDetails) -> BoothSlot:
        """The slot of a booth, added or brought up to date by the first row that names it. Raises SecondRoll."""
        if (slot := self._slots.get(key)) is not None:
            return slot
        if (stored := self._stored.get(key)) is not None:
            booth_id, before = stored
            after = tuple(new or old for new, old in zip(details, before, strict=True))
            if after != before:
                roll.update_booth(self._db, booth_id, after)
        else:
            self._refuse_second_roll(key)
            booth_id = roll.add_booth(self._db, key, details)
            self.tally.booths += 1
        slot = self._slots[key] = BoothSlot(booth_id, is_new=stored is None)
        return slot

    def _refuse_second_roll(self, key: BoothKey) -> None:
        """Booths of a constituency that is there in another version bring its voters a second time: whoever has voted on one of
        the two rolls is still to be called on the other. A roll that does not say its state may be of any, so one
        version with the state and without is two rolls as well.
        """
        rolls = self._rolls.setdefault(key.constituency_number, {})
        if (key.state_code, key.roll_version) in rolls:
            return
        may_be_this = {
            (state, version): of_this_file
            for (state, version), of_this_file in rolls.items()
            if state == key.state_code or not state or not key.state_code
        }
        if may_be_this and not self._beside:
            versions = {version for _, version in may_be_this} - {key.roll_version}
            states = sorted(state for state, _ in may_be_this)
            raise SecondRoll(key, sorted(versions), states, all(may_be_this.values()))
        rolls[key.state_code, key.roll_version] = True

    def add(self, batch: CleanRows) -> list[Reject]:
        """Merge a batch; returns its rejects, those that came with it included, in the order of rows."""
        tally = self.tally
        placed = self._place(batch)
        tally.rejected += batch.rejected_rows + len(placed.rejects)
        tally.rejected_cells += len(batch.rejects) - batch.rejected_rows
        tally.blank_rows += batch.blank_rows
        tally.rows += len(batch.table.rows) + batch.rejected_rows
        number_rejects = self._add_numbers(batch, placed.voter_ids)
        tally.rejected_numbers += len(number_rejects)
        rejects = batch.rejects + placed.rejects + number_rejects
        rejects.sort(key=lambda reject: reject.row_number)
        return rejects

    def finish(self) -> None:
        """Honour the opt-outs that were there before."""
        tally = self.tally
        tally.opted_out, tally.without_close, tally.shared_epics = roll.finish_import(self._db)

    def _place(self, batch: CleanRows) -> _Placed:
        """Find or add the voter of every row."""
        placed = _Placed([0] * len(batch.serials))
        fresh: list[int] = []
        known: list[int] = []
        repeated: list[int] = []
        for place, (slot, serial) in enumerate(zip(batch.booths, batch.serials, strict=True)):
            seen = slot.seen
            if serial >= len(seen):
                seen.extend(bytes((serial | 1023) + 1 - len(seen)))
            if seen[serial]:
                repeated.append(place)
            else:
                seen[serial] = 1
                (fresh if slot.is_new else known).append(place)
        self._insert(batch, fresh, placed)
        self._compare(batch, known, placed, may_change=True)
        self._compare(batch, repeated, placed, may_change=False)
        return placed

    def _insert(self, batch: CleanRows, places: Sequence[int], placed: _Placed) -> None:
        if not places:
            return
        first = self._next_voter
        self._next_voter += len(places)
        booths, serials, details = batch.booths, batch.serials, batch.details
        numbered = list(enumerate(places, first))
        rows = ((voter_id, booths[place].booth_id, serials[place], *details[place]) for voter_id, place in numbered)
        roll.add_voters(self._db, rows)
        for voter_id, place in numbered:
            placed.voter_ids[place] = voter_id
        self.tally.voters += len(places)

    def _compare(self, batch: CleanRows, places: Sequence[int], placed: _Placed, *, may_change: bool) -> None:
        """Hold rows against what the store has; those it has not are added."""
        if not places:
            return
        wanted = ((place, batch.booths[place].booth_id, batch.serials[place]) for place in places)
        changed: dict[int, Details] = {}
        for place, voter_id, details in roll.existing_voters(self._db, wanted):
            before: Details = changed.get(voter_id) or details
            told = batch.details[place]
            if told == before or (after := _merged(told, before)) == before:
                self.tally.unchanged += 1
            elif may_change or (contradicted := _contradicted(told, before)) is None:
                changed[voter_id] = after
                self.tally.voters += 1
            else:
                placed.rejects.append(_conflict(batch, place, contradicted))
                continue
            placed.voter_ids[place] = voter_id
        roll.update_voters(self._db, ((*details, voter_id) for voter_id, details in changed.items()))
        if may_change:
            self._insert(batch, [place for place in places if not placed.voter_ids[place]], placed)

    def _add_numbers(self, batch: CleanRows, voter_ids: Sequence[int]) -> list[Reject]:
        """Add the numbers of the voters that were taken, and the links to them."""
        pairs: list[tuple[int, str]] = []
        rejects: list[Reject] = []
        indian = self._region == "IN"
        for heading, cells in batch.phone_columns:
            for place, cell in enumerate(cells):
                if not cell or not (voter_id := voter_ids[place]):
                    continue
                if indian and (number := plain_mobile(cell)) is not None:
                    pairs.append((voter_id, number))
                    continue
                found = read_cell(cell, self._region)
                pairs.extend((voter_id, number) for number in found.numbers)
                rejects.extend(
                    Reject(batch.table.numbers[place], heading, bad.text, bad.reason.value, batch.table.rows[place])
                    for bad in found.rejected
                )
        if pairs:
            numbers, links = roll.add_numbers(self._db, pairs)
            self.tally.numbers += numbers
            self.tally.links += links
        return rejects


def _merged(told: Details, before: Details) -> Details:
    merged = (old if new in ("", None) else new for new, old in zip(told, before, strict=True))
    return tuple(merged)  # type: ignore[return-value]  # field by field from two of them


def _contradicted(told: Details, before: Details) -> int | None:
    """The first detail in which a row says something else than the store; None: it only adds."""
    pairs = enumerate(zip(told, before, strict=True))
    return next((place for place, (new, old) in pairs if new not in ("", None, old) and old not in ("", None)), None)


def _conflict(batch: CleanRows, place: int, detail: int) -> Reject:
    table, value = batch.table, str(batch.details[place][detail])
    return Reject(table.numbers[place], DETAIL_FIELDS[detail].value, value, CONFLICT, table.rows[place])
