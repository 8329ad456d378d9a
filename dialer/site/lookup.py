"""Search for a voter or number by what a user entered: ID, EPIC (voter card) number, place on the electoral roll, or
phone number.
"""

from __future__ import annotations

import re

from dialer.domain.errors import RollError
from dialer.roll.phone_numbers import read_phone_numbers_in_cell
from dialer.store import voters
from dialer.store.connection import Connection

_VOTER_ID = re.compile(r"[0-9]{1,9}", re.ASCII)
_EPIC = re.compile(r"[A-Za-z]{3}[0-9]{7}", re.ASCII)
_PLACE = re.compile(r"([0-9]{1,4})/([0-9]{1,5})/([0-9]{1,6})", re.ASCII)


def find_phone_numbers_of_voter(db: Connection, who: str, region: str) -> list[str]:
    """Return the phone numbers (E.164) of the voter whom a user entered, or the number itself if the user entered one.

    A voter is found as by `find_voter_by_id_or_place`. Raises RollError if no voter or several match.
    """
    voter_id = find_voter_by_id_or_place(db, who)
    if voter_id is not None:
        linked = voters.find_numbers_of_voter(db, voter_id)
        if not linked:
            raise RollError(f"voter {who} has no phone number: give another voter, or a number")
        return linked
    read = read_phone_numbers_in_cell(who, region)
    if len(read.numbers) != 1:
        reason = read.rejected[0].reason.value if read.rejected else "not a phone number"
        raise RollError(
            f"the text entered is not a voter or phone number ({reason}):"
            " give a number, a voter's ID or constituency/part/serial"
        )
    return list(read.numbers)


def find_voter_by_id_or_place(db: Connection, who: str) -> int | None:
    """Return the ID of the voter whose ID, EPIC (voter card) number or place on the roll (constituency/part/serial) was entered.

    None = the text is none of these. Raises RollError if no voter or several match.
    """
    place = _PLACE.fullmatch(who)
    if place is not None:
        found = voters.list_voters_at_roll_place(db, *(int(part) for part in place.groups()))
    elif _EPIC.fullmatch(who):
        found = voters.find_voters_by_card_number(db, who)
    elif _VOTER_ID.fullmatch(who):
        if voters.find_numbers_of_voter(db, int(who)) is None:
            raise RollError(f"the store has no voter {who}; check this voter ID, or give constituency/part/serial")
        return int(who)
    else:
        return None
    if not found:
        raise RollError(f"the roll has no voter {who}; check its EPIC number or constituency/part/serial on the list")
    if len(found) != 1:
        ids = ", ".join(map(str, found))
        raise RollError(f"the roll has {len(found)} voters for {who} (IDs {ids}); give the ID of one")
    return found[0]


def mask_phone_number(number: str) -> str:
    """Return a phone number with its middle digits left out, for display."""
    return f"{number[:3]}…{number[-3:]}"
