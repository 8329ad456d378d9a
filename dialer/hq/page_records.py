"""The records that headquarters sends to its pages. `dialer.desk.page_types` generates the pages' TypeScript types from
them.

An optional field is missing until its centre has published it, or until the database has it.
"""

from __future__ import annotations

import sys

from dialer.domain.schema import Time

if sys.version_info >= (3, 12):
    from typing import TypedDict
else:
    from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12


class HqUser(TypedDict):
    """The signed-in user of headquarters' pages."""

    name: str
    role: str
    of_zone: str  # the zone that this user may see; "" = all
    may: list[str]  # the permitted actions
    zone: str  # headquarters' time zone


class ExpectedShares(TypedDict):
    """The progress expected at this time of a polling day."""

    contacted: float  # share of the numbers on the lists (0-1)
    voted: float  # share of the voters (0-1)


class HqStatus(TypedDict):
    """The state of headquarters' server and database, and the day's goals."""

    connected: bool  # whether the pages receive the centres' live status
    read_at: Time | None  # when the database was read
    expected: ExpectedShares | None
    hours_left: float  # until the poll closes
    contacts_per_seat_hour: float | None  # the target


class DayResults(TypedDict):
    """The results of one day: calls, contacts, votes and seat-hours."""

    attempts: float
    contacts: float
    live_answers: float
    abandoned: float
    seat_hours: float
    opt_outs: float
    marked_voted: float


class DatedResults(DayResults):
    """The results of one day, with its date."""

    day: str


class ShownAlert(TypedDict):
    """An alert of a centre, with shortened texts."""

    code: str
    kind: str
    level: str
    text: str
    fields: dict[str, float | str]


class LiveFields(TypedDict, total=False):
    """The live status of a centre."""

    live_at: Time | None
    online: bool
    switch_up: bool
    signed_in: int
    talking: int
    calls: int
    total: int
    completed: int
    remaining: int
    abandoned_limit: float | None
    campaigns: dict[str, str]  # the state of each campaign
    alerts: list[ShownAlert]
    material: str | None  # the version in use
    assigned_material: str | None
    material_problem: str | None
    opt_out_lag_seconds: float | None


class StoredFields(TypedDict, total=False):
    """A centre's results and upload state, as they are stored in headquarters' database."""

    committed_at: Time | None  # when the last batch of rows was committed
    created_at: Time | None  # when the newest row was created, by the centre's clock
    lost_rows: int
    problem: str | None
    test_sent_at: Time | None
    test_committed_at: Time | None
    today: DayResults
    calls_per_hour: float | None


class OfficialFigures(TypedDict):
    """The latest official turnout of a centre's constituencies."""

    electors: int
    voted: float
    at: Time


class TurnoutFields(TypedDict):
    """The turnout at the polling stations (booths) of a centre."""

    contacted: int | None
    voted: int | None
    official: OfficialFigures | None
    turnout_at: Time | None


class CentreFields(TypedDict):
    """A centre, as headquarters' settings describe it."""

    centre: str
    zone: str
    state: str | None
    planned_seats: int | None


class CentreRow(CentreFields, TurnoutFields, LiveFields, StoredFields):
    """A centre with its live status and its results."""


class OrderReplies(TypedDict):
    """An order that still applies, and the replies to it from the centres of one zone."""

    id: str
    order: str
    campaign_id: str | None
    to: str
    made_at: Time
    expires_at: Time
    done: int  # how many centres executed it
    refused: dict[str, str]  # the reason of each centre that refused it
    missing: list[str]  # the centres that did not reply


class Assignment(TypedDict):
    """A version of campaign material (a bundle), and the centres that must use it ("all", "zone:NAME" or "centre:ID")."""

    name: str
    version: int
    to: list[str]


class PublishedMaterial(TypedDict):
    """The campaign material that a headquarters has published: approved versions and their assignment to centres."""

    approved: list[str]  # the versions that media and compliance have signed
    waves: list[Assignment]
