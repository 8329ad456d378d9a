"""Look-ups of voters, polling stations (booths) and phone numbers on the electoral roll, for the dialler and the command line."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import NamedTuple

from dialer.domain.errors import StoreError
from dialer.domain.model import Booth
from dialer.domain.voter_place import VoterPlace
from dialer.store.sql import Connection, Query, Scalar, Statements


class VoterInBooth(NamedTuple):
    """A voter who was looked up by polling station (booth) and serial number on the electoral roll."""

    voter_id: int
    epic: str  # "": unknown


class VoterForScreen(NamedTuple):
    """The fields of a voter that the agent's page shows."""

    name: str
    name_local: str
    age: int | None
    sex: str
    house: str
    section: str
    serial: int
    booth_id: int


class VoterWithEpic(NamedTuple):
    """A voter with an EPIC number (voter ID card)."""

    epic: str  # in capitals
    voter_id: int


class SQL(Statements):
    place = Query(VoterPlace)
    pending_on_phone = Scalar(int)
    voter_with_serial = Query(VoterInBooth)
    voter_for_screen = Query(VoterForScreen)
    voters_with_epics = Query(VoterWithEpic)
    voters_with_epic = Scalar(int)
    voters_at = Scalar(int)
    voter_exists = Scalar(bool)
    numbers_of_voter = Scalar(str)
    booths = Query(Booth)
    phone_id_of = Scalar(int)
    callable_number = Scalar(str)


def get_voter_place_on_roll(db: Connection, voter_id: int) -> VoterPlace:
    """Return the constituency, part and serial number of a voter on the electoral roll."""
    return SQL.place.fetch_only_row(db, voter_id=voter_id)


def find_pending_voters(db: Connection, phone_id: int) -> list[int]:
    """Return the pending voters (neither voted nor closed) who are linked to a phone number, in the order of the electoral roll."""
    return SQL.pending_on_phone.fetch_all_values(db, phone_id=phone_id)


def find_voter_by_serial_number(db: Connection, booth_id: int, serial: int) -> int | None:
    """Return the id of the voter with a serial number on a polling station's part of the roll, or None."""
    found = SQL.voter_with_serial.fetch_first_row(db, booth_id=booth_id, serial=serial)
    return None if found is None else found.voter_id


def find_voter_in_booth(db: Connection, booth_id: int, serial: int) -> VoterInBooth | None:
    """Return the voter with a serial number in a booth, with id and EPIC (voter ID) number, or None if there is none."""
    return SQL.voter_with_serial.fetch_first_row(db, booth_id=booth_id, serial=serial)


def read_voter_for_agent_page(db: Connection, voter_id: int) -> dict[str, str | int | None]:
    """Return the fields of a voter that the agent's page shows."""
    found = SQL.voter_for_screen.fetch_first_row(db, voter_id=voter_id)
    if found is None:
        raise StoreError(f"The store has no voter {voter_id}. Check the voter's id.")
    return found._asdict()


def find_voters_by_card_numbers(db: Connection, epics: Collection[str]) -> list[VoterWithEpic]:
    """Return the voters with these EPIC (voter card) numbers, given in capitals.

    Slow, because it reads the whole roll: pass all at once.
    """
    return SQL.voters_with_epics.fetch_all_rows(db, epics=json.dumps(sorted(epics)))


def find_voters_by_card_number(db: Connection, epic: str) -> list[int]:
    """Return the voters with an EPIC (voter card) number, which is not unique across states.

    Slow, because it reads the whole roll.
    """
    return SQL.voters_with_epic.fetch_all_values(db, epic=epic.upper())


def list_voters_at_roll_place(db: Connection, constituency_number: int, part_number: int, serial: int) -> list[int]:
    """Return the voters at a place on the electoral roll (constituency, part, serial number).

    There are several if the store has several roll versions.
    """
    return SQL.voters_at.fetch_all_values(
        db, constituency_number=constituency_number, part_number=part_number, serial=serial
    )


def find_numbers_of_voter(db: Connection, voter_id: int) -> list[str] | None:
    """Return the numbers linked to a voter, or None if there is no such voter."""
    if not SQL.voter_exists.fetch_only_value(db, voter_id=voter_id):
        return None
    return SQL.numbers_of_voter.fetch_all_values(db, voter_id=voter_id)


def read_booths(db: Connection) -> dict[int, Booth]:
    """Return all polling stations (booths) of the electoral roll by id."""
    return {booth.booth_id: booth for booth in SQL.booths.iterate_rows(db)}


def find_id_of_phone_number(db: Connection, number: str) -> int | None:
    """Return the id of a phone number (E.164), or None if the number is not on the electoral roll."""
    return SQL.phone_id_of.fetch_first_value(db, number=number)


def find_number_for_sms(db: Connection, phone_id: int) -> str | None:
    """Return a number (E.164) to send an SMS to, or None if it has opted out or is not in the store."""
    return SQL.callable_number.fetch_first_value(db, phone_id=phone_id)
