"""What headquarters' pages show: every centre's figures, from its own words and from the books, each with its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from dialer.domain.model import LIVE_ANSWERS, Outcome
from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.database import Database
from dialer.hq.expected import expected, minute_of
from dialer.hq.live import LiveCentres
from dialer.hq.material import material_of
from dialer.hq.orders import HeardOrders
from dialer.hq.rights import covers
from dialer.nats.messages import CMD, reply_subject
from dialer.nats.session import Session, StreamRecreated, connected
from dialer.settings.headquarters import HqSettings
from dialer.web.page_state import PageState
from dialer.web.people import tolerated

SHOW_SECONDS = 5.0
"""A page is told so often: of three hundred centres each time 190 kB, for whoever sees all."""
AREAS_SECONDS = 15.0
PACE_SECONDS = 900.0  # over which a centre's calls an hour are measured
LEAST_PACE_SECONDS = 60.0
PROPOSALS_SECONDS = 7 * 86_400.0  # so long answered ones are shown
MOST_DAYS = 31


def day_figures(counts: Mapping[str, float]) -> dict[str, float]:
    """A day's counts of the books, as the pages show them."""
    live = sum(counts.get(f"outcome/{outcome}", 0) for outcome in LIVE_ANSWERS)
    seats = sum(count for what, count in counts.items() if what.startswith("seat/") and what != "seat/offline")
    return {
        "attempts": counts.get("attempts", 0),
        "contacts": counts.get(f"outcome/{Outcome.CONNECTED}", 0),
        "live_answers": live,
        "abandoned": counts.get(f"outcome/{Outcome.ABANDONED}", 0),
        "seat_hours": round(seats / 3600, 3),
        "opt_outs": counts.get("opt-outs", 0),
        "marked_voted": counts.get("mark/voted", 0),
    }


class Pace:
    """Calls an hour of each centre, as they were counted lately."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, float]]] = {}

    def note(self, centre: str, now: float, attempts: float) -> float | None:
        """Calls an hour; None: not known yet, and after a midnight."""
        seen = self._seen.setdefault(centre, deque())
        if seen and attempts < seen[-1][1]:
            seen.clear()
        seen.append((now, attempts))
        while now - seen[0][0] > PACE_SECONDS:
            seen.popleft()
        began, before = seen[0]
        return None if now - began < LEAST_PACE_SECONDS else (attempts - before) / (now - began) * 3600


class HqFigures:
    """Keeps the page state true."""

    def __init__(self, settings: HqSettings, page_state: PageState, books: HqBooks, accounts: Accounts) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.gather.time_zone)
        self._page_state = page_state
        self._books = books
        self._accounts = accounts
        self._session: Session | None = None
        self._live = LiveCentres()
        self._pace = Pace()
        self._kept: dict[str, dict[str, Any]] = {centre: {} for centre in accounts.centres}
        self._areas: dict[str, dict[str, Any]] = {}
        self._areas_at = 0.0
        self._read_at = 0.0
        self.changed = asyncio.Event()
        """Set where somebody did something: it is shown at once."""
        self._orders = HeardOrders(accounts.centres)

    @property
    def hears(self) -> bool:
        """Whether there is a connection to headquarters' server now."""
        return self._session is not None and self._session.is_connected

    async def run(self) -> NoReturn:
        """Until cancelled. A database that is away leaves its figures as they were, as material does that cannot be read: the page
        tells how old they are.
        """
        while True:
            await tolerated(self.read(), "hq-desk.not-read")
            await tolerated(self._show_material(), "hq-desk.material-not-read")
            self.show()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHOW_SECONDS):
                    await self.changed.wait()
            self.changed.clear()

    async def hear(self) -> None:
        """Hear what centres say, until cancelled."""
        settings = self._settings

        async def take(subject: str, data: bytes) -> None:
            self._live.hear(subject, data, self._books.clock.now())

        async def answered(subject: str, data: bytes) -> None:
            self._orders.take_answer(subject, data)

        async with connected(
            settings.servers, "headquarters' pages", nkey_file=settings.nkey_file, ca_file=settings.ca_file
        ) as self._session:
            await self._session.subscribe("live.>", take)
            await self._session.subscribe(reply_subject("*", "*"), answered)
            while True:
                with contextlib.suppress(StreamRecreated):
                    async for stored in self._session.consume(CMD, 0):
                        self._orders.take_order(stored.data, self._books.clock.now())
                await asyncio.sleep(SHOW_SECONDS)

    async def read(self) -> None:
        """Read the books. Raises StoreError."""
        now = self._books.clock.now()
        async with self._books.used() as db:
            counts: dict[str, dict[str, float]] = {}
            for row in await db.rows("day_of_centres", datetime.fromtimestamp(now, self._zone).date()):
                counts.setdefault(row["centre"], {})[row["what"]] = row["count"]
            for row in await db.rows("centres_kept"):
                centre, *_ = row
                if centre in self._kept:
                    today = day_figures(counts.get(centre, {}))
                    pace = self._pace.note(centre, now, today["attempts"])
                    self._kept[centre] = {**row, "today": today, "calls_an_hour": pace}
            if now - self._areas_at >= AREAS_SECONDS:
                self._areas_at = now
                await self._read_areas(db)
            self._show_deeds(await db.rows("incidents"), await db.rows("proposals", now - PROPOSALS_SECONDS))
        self._read_at = now

    async def _read_areas(self, db: Database) -> None:
        areas = {row["centre"]: {**row, "official": None} for row in await db.rows("turnout_of_centres")}
        for row in await db.rows("official_of_centres"):
            areas[row["centre"]]["official"] = {"share": row["voted"] / row["electors"], **row}
        self._areas = areas

    def _show_deeds(self, incidents: Sequence[Any], proposals: Sequence[Any]) -> None:
        zones = self._accounts.centres
        shown = {f"incident/{row['zone']}/{row['id']}": {**row} for row in incidents}
        for row in proposals:
            kind, _, name = row["to"].partition(":")
            zone = {"zone": name, "centre": zones.get(name, "")}.get(kind, "")
            shown[f"proposal/{zone}/{row['id']}"] = {**row}
        self._replace(("incident", "proposal"), shown)

    async def _show_material(self) -> None:
        """What each zone is to run, and "", all of them: `material/ZONE`. Raises StoreError."""
        material = await material_of(self._settings)
        zones = self._accounts.centres
        shown = {}
        for zone in {"", *zones.values()}:
            waves = [
                {**wave, "to": to}
                for wave in material["waves"]
                if (to := [each for each in wave["to"] if zone == "" or each == "all" or covers(zone, each, zones)])
            ]
            shown[f"material/{zone}"] = {**material, "waves": waves}
        self._replace(("material",), shown)

    def _replace(self, kinds: Sequence[str], shown: Mapping[str, Any]) -> None:
        """Have these of the kinds in the page state, and no other."""
        for kind in kinds:
            for name in {f"{kind}/{each}" for each in self._page_state.below(kind, dict)} - shown.keys():
                self._page_state.put(name, None)
        for key, value in shown.items():
            self._page_state.put(key, value)

    def show(self) -> None:
        """Put what is known into the page state."""
        now, targets = self._books.clock.now(), self._settings.targets
        here = datetime.fromtimestamp(now, self._zone)
        minute = here.hour * 60 + here.minute + here.second / 60
        self._page_state.put(
            "hq",
            {
                "line": self._session is not None and self._session.is_connected,
                "read_at": self._read_at or None,
                "expected": expected(self._settings.expected_progress, minute),
                "hours_left": round(max(0.0, minute_of(targets.closes_at) - minute) / 60, 2),
                "contacts_per_seat_hour": targets.contacts_per_seat_hour,
            },
        )
        owners = {f"owners/{zone}": self._accounts.owners(zone) for zone in {*self._accounts.centres.values()}}
        self._replace(("owners",), owners)
        self._replace(("order",), self._orders.shown(now))
        for each in self._settings.centres:
            said = self._live.centres.get(each.id)
            area = self._areas.get(each.id, {})
            self._page_state.put(
                f"centre/{each.zone}/{each.id}",
                {
                    "centre": each.id,
                    "zone": each.zone,
                    "state": each.state or area.get("state"),
                    "planned": each.seats,
                    **({} if said is None else said.row()),
                    **self._kept[each.id],
                    **{name: area.get(name) for name in ("reached", "voted", "official")},
                    "turnout_at": area.get("at"),
                },
            )

    async def days(self, centres: Sequence[str], days: int) -> list[dict[str, Any]]:
        """The last days of these centres together, the oldest first. Raises StoreError."""
        since = datetime.fromtimestamp(self._books.clock.now(), self._zone).date() - timedelta(days=days)
        found: dict[str, dict[str, float]] = {}
        async with self._books.used() as db:
            for row in await db.rows("days", [*centres], since):
                found.setdefault(row["day"].isoformat(), {})[row["what"]] = row["count"]
        return [{"day": day, **day_figures(counts)} for day, counts in sorted(found.items())]
