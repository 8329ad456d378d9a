"""Self-reported turnout: how many voters of each polling station (booth) said that they have voted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dialer.domain.model import Booth, BoothTurnout
from dialer.store.sql import Connection, Query, Statements


class VotersOfBooth(NamedTuple):
    """How many voters a polling station (booth) has."""

    booth_id: int
    voters: int


class ContactedVoters(NamedTuple):
    """How many voters of a polling station were contacted, and how many of them said that they have voted or not voted yet."""

    booth_id: int
    contacted: int
    voted: int
    not_yet: int


class BoothCount(NamedTuple):
    """How many voters a polling station has, how many were contacted, and how many have each turnout status."""

    voters: int
    contacted: int
    voted: int
    not_yet: int
    without_number: int  # not contacted, and without a number that may be called


class SQL(Statements):
    voters_by_booth = Query(VotersOfBooth)
    without_number_by_booth = Query(VotersOfBooth)
    contacted_without_number_by_booth = Query(VotersOfBooth)
    contacted_by_booth = Query(ContactedVoters)
    lost_by_opt_out = Query(VotersOfBooth)
    count_turnout_of_booth = Query(BoothCount)


def count_voters_by_booth(db: Connection) -> dict[int, int]:
    """Return the number of voters of each polling station (booth).

    Slow, because it reads an index of the whole roll: call it once.
    """
    return dict(SQL.voters_by_booth.iterate_rows(db))


def count_booth_turnout(db: Connection, booths: Mapping[int, Booth], voters: Mapping[int, int]) -> list[BoothTurnout]:
    """Return the self-reported turnout of each polling station (booth) that has voters, by constituency and part.

    Slow, because it reads which numbers each voter has.
    """
    without_number = dict(SQL.without_number_by_booth.iterate_rows(db))
    contacted_without_number = dict(SQL.contacted_without_number_by_booth.iterate_rows(db))
    contacted = {row.booth_id: row for row in SQL.contacted_by_booth.iterate_rows(db)}
    turnout = []
    for booth_id, count in voters.items():
        booth, counts = booths[booth_id], contacted.get(booth_id, ContactedVoters(booth_id, 0, 0, 0))
        turnout.append(
            BoothTurnout(
                booth_id,
                booth.constituency_number,
                booth.part_number,
                count,
                counts.contacted,
                counts.voted,
                counts.not_yet,
                without_number.get(booth_id, 0) - contacted_without_number.get(booth_id, 0),
                booth.constituency_name,
                booth.name,
            )
        )
    turnout.sort(key=lambda booth: (booth.constituency_number, booth.part_number, booth.booth_id))
    return turnout


def count_voters_unreachable_after_opt_out(db: Connection, phone_id: int) -> dict[int, int]:
    """Return how many voters of each polling station (booth) can no longer be called after their last number opted out.

    The number is `phone_id`. Voters who have been contacted already are left out.
    """
    return dict(SQL.lost_by_opt_out.iterate_rows(db, phone_id=phone_id))


def count_turnout_of_booth(db: Connection, booth_id: int) -> BoothCount:
    """Return the number of voters of one polling station (booth), and the self-reported turnout among them."""
    return SQL.count_turnout_of_booth.fetch_only_row(db, booth_id=booth_id)
