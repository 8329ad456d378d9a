"""Figures on headquarters' pages: each centre's live status, its results in the database, and how old both are."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from dialer.domain.model import LIVE_ANSWERS, Outcome
from dialer.domain.schema import MESSAGE, Time
from dialer.hq.accounts import Accounts
from dialer.hq.database import Database
from dialer.hq.expected import compute_expected_turnout_progress, parse_minute_of_day
from dialer.hq.ledger import FLOW_ANSWERS_COUNT, PEOPLE_TAKEN_FOR_MACHINES
from dialer.hq.live import LiveCentres
from dialer.hq.material import read_published_material
from dialer.hq.orders import OrderMonitor
from dialer.hq.page_database import PageDatabase
from dialer.hq.page_records import CentreRow, DatedResults, DayResults, HqStatus, LiveFields, StoredFields
from dialer.hq.proposals import Proposal, read_recent_proposals
from dialer.hq.rights import are_centres_in_user_zone
from dialer.hq.sql import Query
from dialer.nats.messages import CMD, build_reply_subject
from dialer.nats.session import Session, StreamRecreated, open_session
from dialer.settings.headquarters import HqCentre, HqSettings
from dialer.store.sql import Statements
from dialer.web.page_state import PageState
from dialer.web.people import run_function_and_log_store_error

UPDATE_SECONDS = 5.0
"""How often pages are updated. An update of three hundred centres has 190 kB, for each user who sees all zones."""
TURNOUT_SECONDS = 15.0
RATE_SECONDS = 900.0  # over which a centre's calls per hour are measured
MIN_RATE_SECONDS = 60.0
MAX_DAYS = 31


class CentreStatus(NamedTuple):
    """The status of a centre in headquarters' database. Times are epoch seconds."""

    centre: str
    committed_at: float | None  # when its last batch was committed
    created_at: float | None  # when its newest row was created, by its own clock
    lost_rows: int
    problem: str | None
    test_sent_at: float | None
    test_committed_at: float | None


@dataclass(frozen=True, slots=True)
class CentreDayCount:
    """The value of one counter of a centre's results on one day, such as its number of attempts."""

    centre: str
    what: str
    count: float


@dataclass(frozen=True, slots=True)
class DayCount:
    """The value of one counter on one day, summed over several centres."""

    day: date
    what: str
    count: float


class CentreTurnout(NamedTuple):
    """The turnout at a centre's polling stations (booths), counted from the voters' answers in all centres.

    A booth belongs to every centre that has reported answers of its voters.
    """

    centre: str
    state: str
    contacted: int
    voted: int
    at: float | None


class CentreOfficialTurnout(NamedTuple):
    """The latest official turnout of a centre's constituencies."""

    centre: str
    electors: int
    voted: float
    at: float


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident in a centre or zone that users have not closed yet, as headquarters' pages show it."""

    __pydantic_config__ = MESSAGE

    id: int
    zone: str
    centre: str
    """"" = the whole zone"""
    text: str
    opened_by: str
    opened_at: Time
    owner: str


class SQL(Statements):
    centres = Query(CentreStatus)
    day_of_centres = Query(CentreDayCount)
    turnout_of_centres = Query(CentreTurnout)
    official_of_centres = Query(CentreOfficialTurnout)
    days = Query(DayCount)
    incidents = Query(Incident)


def compute_day_figures(counts: Mapping[str, float]) -> DayResults:
    """Return the figures of a day, such as calls and contacts, from the day's counters (table `day_count`).

    Live answers and abandoned calls are counted for outbound calls only. The cap on abandoned calls applies to these
    calls, and answered inbound calls would lower the rate. Machine detection hangs up on some people by mistake. Their
    estimated number is added to both figures.
    """
    people = counts.get(PEOPLE_TAKEN_FOR_MACHINES, 0)
    outbound = {
        outcome: counts.get(f"outcome/{outcome}", 0) - counts.get(f"inbound/{outcome}", 0) for outcome in LIVE_ANSWERS
    }
    live = sum(outbound.values()) + counts.get(FLOW_ANSWERS_COUNT, 0)
    seat_seconds = sum(count for what, count in counts.items() if what.startswith("seat/") and what != "seat/offline")
    return {
        "attempts": counts.get("attempts", 0),
        "contacts": counts.get(f"outcome/{Outcome.CONNECTED}", 0),
        "live_answers": round(live + people, 2),
        "abandoned": round(outbound[Outcome.ABANDONED] + people, 2),
        "seat_hours": round(seat_seconds / 3600, 3),
        "opt_outs": counts.get("opt-outs", 0),
        "marked_voted": counts.get("mark/voted", 0),
    }


class CallRates:
    """The recent calls per hour of each centre, from its counter of attempts."""

    def __init__(self) -> None:
        self._readings: dict[str, deque[tuple[float, float]]] = {}

    def record_attempts_and_compute_call_rate(self, centre: str, now: float, attempts: float) -> float | None:
        """Record how many attempts a centre has made today, and return its recent calls per hour.

        Return None soon after the start, and soon after midnight, when the count of attempts starts at 0 again.
        """
        readings = self._readings.setdefault(centre, deque())
        if readings and attempts < readings[-1][1]:
            readings.clear()
        readings.append((now, attempts))
        while now - readings[0][0] > RATE_SECONDS:
            readings.popleft()
        began, before = readings[0]
        return None if now - began < MIN_RATE_SECONDS else (attempts - before) / (now - began) * 3600


class HqFigures:
    """The figures on headquarters' pages. They are read from database and servers, and passed to open pages (page
    state).
    """

    def __init__(self, settings: HqSettings, page_state: PageState, db: PageDatabase, accounts: Accounts) -> None:
        self._settings = settings
        self._time_zone = ZoneInfo(settings.gather.time_zone)
        self._page_state = page_state
        self._db = db
        self._accounts = accounts
        self._session: Session | None = None
        self._live = LiveCentres()
        self._call_rates = CallRates()
        self._stored: dict[str, StoredFields] = {centre: {} for centre in accounts.zone_of_centre}
        self._turnout: dict[str, CentreTurnout] = {}
        self._official: dict[str, CentreOfficialTurnout] = {}
        self._turnout_read_at = 0.0
        self._read_at = 0.0
        self._orders = OrderMonitor(accounts.zone_of_centre)
        self.changed = asyncio.Event()
        """Set after an action of a user, which is then shown at once."""

    @property
    def is_connected(self) -> bool:
        """Whether the pages are connected to headquarters' nats-server."""
        return self._session is not None and self._session.is_connected

    async def update_figures_until_cancelled(self) -> NoReturn:
        """Update the figures on the open pages until cancelled.

        While the database or the campaign material cannot be read, the pages show the last figures and their age.
        """
        while True:
            await run_function_and_log_store_error(self.read_figures_from_database(), "hq_desk.read_failed")
            await run_function_and_log_store_error(
                self._show_campaign_material_of_each_zone(), "hq_desk.material_read_failed"
            )
            self.put_figures_into_page_state()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UPDATE_SECONDS):
                    await self.changed.wait()
            self.changed.clear()

    async def receive_live_status_of_centres(self) -> None:
        """Receive live status, orders and replies of centres until cancelled."""
        settings = self._settings

        async def receive_centre_status(subject: str, data: bytes) -> None:
            self._live.store_centre_status(subject, data, self._db.clock.now())

        async def receive_order_reply(subject: str, data: bytes) -> None:
            self._orders.record_centre_reply(subject, data)

        async with open_session(
            settings.servers, "headquarters' pages", nkey_file=settings.nkey_file, ca_file=settings.ca_file
        ) as self._session:
            await self._session.subscribe_to_subject("live.>", receive_centre_status)
            await self._session.subscribe_to_subject(build_reply_subject("*", "*"), receive_order_reply)
            while True:
                with contextlib.suppress(StreamRecreated):
                    async for stored in self._session.read_stream_messages(CMD, 0):
                        self._orders.record_order_from_stream(stored.data, self._db.clock.now())
                await asyncio.sleep(UPDATE_SECONDS)

    async def read_figures_from_database(self) -> None:
        """Read results, incidents and proposals. Raises StoreError."""
        now = self._db.clock.now()
        async with self._db.open_transaction() as db:
            counts: dict[str, dict[str, float]] = {}
            for count in await SQL.day_of_centres.fetch_rows(db, datetime.fromtimestamp(now, self._time_zone).date()):
                counts.setdefault(count.centre, {})[count.what] = count.count
            for status in await SQL.centres.fetch_rows(db):
                if status.centre in self._stored:
                    today = compute_day_figures(counts.get(status.centre, {}))
                    rate = self._call_rates.record_attempts_and_compute_call_rate(status.centre, now, today["attempts"])
                    self._stored[status.centre] = {
                        "committed_at": status.committed_at,
                        "created_at": status.created_at,
                        "lost_rows": status.lost_rows,
                        "problem": status.problem,
                        "test_sent_at": status.test_sent_at,
                        "test_committed_at": status.test_committed_at,
                        "today": today,
                        "calls_per_hour": rate,
                    }
            if now - self._turnout_read_at >= TURNOUT_SECONDS:
                self._turnout_read_at = now
                await self._read_turnout_of_centres(db)
            incidents = await SQL.incidents.fetch_rows(db)
            proposals = await read_recent_proposals(db, now)
        self._put_incidents_into_page_state(incidents)
        self._put_proposals_into_page_state(proposals)
        self._read_at = now

    async def _read_turnout_of_centres(self, db: Database) -> None:
        self._turnout = {each.centre: each for each in await SQL.turnout_of_centres.fetch_rows(db)}
        self._official = {each.centre: each for each in await SQL.official_of_centres.fetch_rows(db)}

    def _put_incidents_into_page_state(self, incidents: Sequence[Incident]) -> None:
        self._replace_page_values_with_prefix(
            "incident", {f"incident/{each.zone}/{each.id}": each for each in incidents}
        )

    def _put_proposals_into_page_state(self, proposals: Sequence[Proposal]) -> None:
        values = {}
        for proposal in proposals:
            kind, _, name = proposal.to.partition(":")
            zone = {"zone": name, "centre": self._accounts.zone_of_centre.get(name, "")}.get(kind, "")
            values[f"proposal/{zone}/{proposal.id}"] = proposal
        self._replace_page_values_with_prefix("proposal", values)

    async def _show_campaign_material_of_each_zone(self) -> None:
        """Show the campaign material (flows, recordings) assigned to each zone, and to all zones. Raises StoreError.

        The keys of the page state are `material/ZONE`, and `material/` for all zones.
        """
        material = await read_published_material(self._settings)
        zones = self._accounts.zone_of_centre
        values = {}
        for zone in {"", *zones.values()}:
            waves = [
                {**wave, "to": to}
                for wave in material["waves"]
                if (
                    to := [
                        each
                        for each in wave["to"]
                        if zone == "" or each == "all" or are_centres_in_user_zone(zone, each, zones)
                    ]
                )
            ]
            values[f"material/{zone}"] = {**material, "waves": waves}
        self._replace_page_values_with_prefix("material", values)

    def _replace_page_values_with_prefix(self, kind: str, values: Mapping[str, Any]) -> None:
        """Set `values` on the open pages, and remove all other values whose key begins with the prefix `kind`."""
        for name in {
            f"{kind}/{each}" for each in self._page_state.get_values_of_keys_with_prefix(kind, object)
        } - values.keys():
            self._page_state.set_value_of_key(name, None)
        for key, value in values.items():
            self._page_state.set_value_of_key(key, value)

    def put_figures_into_page_state(self) -> None:
        """Put the current figures of all centres into the page state (the values that open pages show)."""
        now, targets = self._db.clock.now(), self._settings.targets
        local_time = datetime.fromtimestamp(now, self._time_zone)
        minute = local_time.hour * 60 + local_time.minute + local_time.second / 60
        status: HqStatus = {
            "connected": self.is_connected,
            "read_at": self._read_at or None,
            "expected": compute_expected_turnout_progress(self._settings.expected_progress, minute),
            "hours_left": round(max(0.0, parse_minute_of_day(targets.closes_at) - minute) / 60, 2),
            "contacts_per_seat_hour": targets.contacts_per_seat_hour,
        }
        self._page_state.set_value_of_key("hq", status)
        zones = {*self._accounts.zone_of_centre.values()}
        self._replace_page_values_with_prefix(
            "owners", {f"owners/{zone}": self._accounts.list_possible_incident_owners(zone) for zone in zones}
        )
        self._replace_page_values_with_prefix("order", self._orders.list_orders_for_page_state(now))
        for each in self._settings.centres:
            self._page_state.set_value_of_key(f"centre/{each.zone}/{each.id}", self._build_centre_row_for_pages(each))

    def _build_centre_row_for_pages(self, centre: HqCentre) -> CentreRow:
        live, turnout = self._live.centres.get(centre.id), self._turnout.get(centre.id)
        official = self._official.get(centre.id)
        return {
            "centre": centre.id,
            "zone": centre.zone,
            "state": centre.state or (turnout and turnout.state),
            "planned_seats": centre.seats,
            **(LiveFields() if live is None else live.build_live_status_for_pages()),
            **self._stored[centre.id],
            "contacted": turnout and turnout.contacted,
            "voted": turnout and turnout.voted,
            "turnout_at": turnout and turnout.at,
            "official": official and {"electors": official.electors, "voted": official.voted, "at": official.at},
        }

    async def read_daily_results(self, centres: Sequence[str], days: int) -> list[DatedResults]:
        """Return the summed figures of these centres for each of the last days, the oldest day first. Raises
        StoreError.
        """
        since = datetime.fromtimestamp(self._db.clock.now(), self._time_zone).date() - timedelta(days=days)
        counts: dict[str, dict[str, float]] = {}
        async with self._db.open_transaction() as db:
            for each in await SQL.days.fetch_rows(db, [*centres], since):
                counts.setdefault(each.day.isoformat(), {})[each.what] = each.count
        return [{"day": day, **compute_day_figures(of_day)} for day, of_day in sorted(counts.items())]
