"""What the pages show beside what the dialler announces: the day's course, the share of abandoned calls in each cap's window, why
nothing is dialled, and what is about to go wrong. From the store's records, so that a restart of anything loses none of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from dialer.domain.clock import Clock
from dialer.domain.view import SeatState
from dialer.settings.site_time import DAY_SECONDS
from dialer.store.agent_reading import AgentDay, AgentReading, OwnCallBackOnScreen
from dialer.store.desk_reading import CallsOfInterval, DeskReading
from dialer.web.people import again, tolerated
from dialer.web.picture import Picture

STRETCH_SECONDS = 600
LATEST_SECONDS = 3_600  # a call that began longer before a reading had ended: what is before is read once
READ_SECONDS = 15.0
WHY_SECONDS = 1.0
UNREAD = "desk.store-unread"


@dataclass(frozen=True, slots=True)
class ShownCap:
    """A cap on abandoned calls."""

    window_seconds: float
    target: float  # share to steer to, 0..1
    stop: float  # share at which nothing more is dialled


def day_began(at: float, zone: tzinfo) -> float:
    """The midnight before an epoch second."""
    return datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


class BoardFigures:
    """Keeps "day/{campaign}", "abandoned/{campaign}", "why/{campaign}", "warnings" and "booths" of the picture true."""

    def __init__(
        self,
        picture: Picture,
        reading: DeskReading,
        clock: Clock,
        zone: tzinfo,
        caps: Mapping[str, tuple[ShownCap, ...]],
    ) -> None:
        """`caps`: of each campaign of the settings, by its id."""
        self._picture = picture
        self._reading = reading
        self._clock = clock
        self._zone = zone
        self.caps = caps
        self._courses: dict[str, dict[int, CallsOfInterval]] = {}
        self._read_at: dict[str, float] = {}  # when each campaign's calls of the day were read last
        self._day_at = 0.0  # when the day that is shown began
        self._named_on = 0.0  # when the day began on which the booths' names were read
        self._warned: dict[str, dict[str, Any]] = {}  # what stands, by code

    async def run(self) -> None:
        """Until cancelled. A store that cannot be read leaves what was read, and is tried again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(again(READ_SECONDS, self.read_all), name="desk-reads")
            group.create_task(again(WHY_SECONDS, self.answer), name="desk-why")

    async def read_all(self) -> None:
        """Read each campaign's records; and with each new day what the booths are called. What cannot be read stays as it was."""
        if self._named_on != day_began(self._clock.now(), self._zone):
            await tolerated(self.read_booths(), UNREAD)
        for campaign_id, caps in self.caps.items():
            await tolerated(self.read(campaign_id, caps), UNREAD)

    async def read_booths(self) -> None:
        """Read what the booths are called: once a day, for there are thousands. Raises StoreError."""
        day_at = day_began(self._clock.now(), self._zone)
        self._picture.put("booths", await self._reading.booth_names())
        self._named_on = day_at

    async def read(self, campaign_id: str, caps: tuple[ShownCap, ...]) -> None:
        """Read one campaign's records. Raises StoreError."""
        now = self._clock.now()
        day_at = day_began(now, self._zone)
        if day_at != self._day_at:
            self._courses.clear()
            self._read_at.clear()
            self._day_at = day_at
        course = self._courses.setdefault(campaign_id, {})
        read_at = min(now, self._read_at.get(campaign_id, day_at))  # long ago, where the store could not be read
        first = max(0, int((read_at - LATEST_SECONDS - day_at) // STRETCH_SECONDS))
        since = day_at + first * STRETCH_SECONDS
        for each in await self._reading.calls_by_interval(campaign_id, since, STRETCH_SECONDS):
            course[first + each.number] = replace(each, number=first + each.number)
        self._read_at[campaign_id] = now
        self._picture.put(f"day/{campaign_id}", _day(day_at, course))
        # None: as the settings have it.
        steered = (self._picture.get(f"campaign/{campaign_id}") or {}).get("abandoned_target")
        shares = [
            await self._share(campaign_id, cap if steered is None else replace(cap, target=steered["share"]), now)
            for cap in caps
        ]
        self._picture.put(f"abandoned/{campaign_id}", shares)

    async def _share(self, campaign_id: str, cap: ShownCap, now: float) -> dict[str, float]:
        found = await self._reading.live_answers(campaign_id, now, cap.window_seconds)
        return {**asdict(cap), "answers": found.answers, "abandoned": found.abandoned}

    async def answer(self) -> None:
        """Why nothing is dialled, of each campaign that the dialler has told of; and what is about to go wrong."""
        centre = self._picture.get("centre")
        heard = bool((self._picture.get("desk") or {}).get("heard"))
        seats = list(self._picture.below("seat").values())
        for campaign_id, campaign in self._picture.below("campaign").items():
            self._picture.put(f"why/{campaign_id}", why(centre, campaign, seats, heard=heard))
        standing = warnings(self._picture.below("campaign"), self._picture.below("abandoned"), seats)
        began = {"text": "", "at": round(self._clock.now(), 3)}
        self._warned = {
            code: self._warned.get(code, {"code": code, "level": level, **began}) for code, level in standing.items()
        }
        self._picture.put("warnings", {"alerts": list(self._warned.values())})


def _day(day_at: float, course: Mapping[int, CallsOfInterval]) -> dict[str, Any]:
    """The course in columns, from the first stretch with a call to the last."""
    stretches = range(min(course, default=0), max(course, default=-1) + 1)
    none = CallsOfInterval(0, 0, 0, 0, 0, 0)
    rows = [course.get(number, none) for number in stretches]
    figures = ("placed", "answered", "connected", "abandoned", "live_answers")
    columns = {name: [getattr(row, name) for row in rows] for name in figures}
    return {"at": [int(day_at) + number * STRETCH_SECONDS for number in stretches], **columns}


# Of agents.


class AgentFigures:
    """Keeps "figures/{agent}" and "call-backs/{agent}" of the picture true: what an agent has done today and whom to call back, for
    the agent's own page alone.
    """

    def __init__(self, picture: Picture, reading: AgentReading, zone: tzinfo) -> None:
        self._picture = picture
        self._reading = reading
        self._zone = zone

    async def run(self) -> None:
        """Until cancelled. A store that cannot be read leaves what was read, and is tried again."""
        await again(READ_SECONDS, lambda: tolerated(self.read(), UNREAD))

    async def read(self) -> None:
        """Read what all have done since midnight. Raises StoreError."""
        now = self._picture.now()
        since = day_began(now, self._zone)
        days = await self._reading.days_work(since, now, day_began(since + 1.25 * DAY_SECONDS, self._zone))
        for agent in {*days, *self._picture.below("figures")}:
            day = days.get(agent) or AgentDay()
            self._picture.put(f"figures/{agent}", _of_agent(since, day))
            self._picture.put(f"call-backs/{agent}", [_call_back(row) for row in day.call_backs])


def _call_back(row: OwnCallBackOnScreen) -> dict[str, Any]:
    return {
        "at": row.at,
        "until": row.until,
        "campaign": row.campaign_id,
        "masked": f"•••• {row.last_digits}",
        "name": row.name,
        "name_local": row.name_local,
    }


def _of_agent(since: float, day: AgentDay) -> dict[str, Any]:
    seconds = {state: round(day.seconds[state], 1) for state in SeatState}
    return {
        "since": since,
        "calls": day.dispositions.total(),
        "talked_seconds": seconds[SeatState.TALKING],
        "wrap_up_seconds": seconds[SeatState.WRAP_UP],
        "paused_seconds": seconds[SeatState.PAUSED],
        "ready_seconds": seconds[SeatState.READY],
        "dispositions": {word: count for word, count in sorted(day.dispositions.items()) if word},
        "marks": dict(sorted(day.marks.items())),
    }


# Why is nothing dialled? One answer for each campaign, as a word that the pages have a sentence for, with its figures; made of what
# the dialler itself announces, and `detail` is what it says in its own words.

_UNDER_WAY = ("sending", "dialling", "ringing")


def why(
    centre: Mapping[str, Any] | None, campaign: Mapping[str, Any], seats: Iterable[Mapping[str, Any]], *, heard: bool
) -> dict[str, Any]:
    """`{"code", "figures", "detail"}` for one campaign, from the payloads of docs/topics.md; `heard`: the broker is there.

    "dialling" says that it is not so: calls are on their way.
    """
    if not heard:
        return _answer("unheard-broker")
    if centre is None or not centre.get("online"):
        return _answer("dialler-away")
    if campaign.get("held_because") is not None:
        return _held(campaign)
    calls = campaign.get("calls", {})
    under_way = sum(calls.get(state, 0) for state in _UNDER_WAY)
    if under_way:
        return _answer("dialling", calls=under_way)
    if not campaign.get("due"):
        return _answer("nothing-due", numbers=campaign.get("numbers", 0), closed=campaign.get("closed", 0))
    limit = campaign.get("limited_by")
    states = Counter(str(seat.get("state")) for seat in seats)
    figures = {
        "ready": states["ready"],
        "talking": states["talking"] + states["reserved"],
        "wrapup": states["wrap-up"],
        "paused": states["paused"],
        "due": campaign.get("due", 0),
        "refused": sum(campaign.get("refused", {}).values()),
    }
    return _answer("waiting" if limit is None else f"limit-{limit}", **figures)


def _held(campaign: Mapping[str, Any]) -> dict[str, Any]:
    until = campaign.get("held_until")
    found = _answer(campaign.get("held_by") or "held", until="none" if until is None else until)
    return {**found, "detail": str(campaign["held_because"])}


def _answer(code: str, **figures: float | str) -> dict[str, Any]:
    return {"code": code, "figures": figures, "detail": ""}


# What is about to go wrong.

LEAST_ANSWERS = 50  # of a window, before its share means anything
NEAR_SHARE = 0.8  # of a cap's hard stop
LOW_SHARE = 0.05  # of a list


def warnings(
    campaigns: Mapping[str, Mapping[str, Any]],
    abandoned: Mapping[str, Iterable[Mapping[str, float]]],
    seats: Iterable[Mapping[str, Any]],
) -> dict[str, str]:
    """What stands now: codes with their levels (`notice`, `warning`). `abandoned`: the windows of each campaign's caps."""
    found: dict[str, str] = {}
    for name, windows in abandoned.items():
        for window in windows:
            answers = window["answers"]
            if answers >= LEAST_ANSWERS and window["abandoned"] / answers >= NEAR_SHARE * window["stop"]:
                found[f"cap-near-{name}"] = "warning"
    for name, campaign in campaigns.items():
        numbers, due = campaign.get("numbers", 0), campaign.get("due", 0)
        if campaign.get("state") == "running" and 0 < due < LOW_SHARE * numbers:
            found[f"list-low-{name}"] = "notice"
    for seat in seats:
        if seat.get("state") == "lost":
            found[f"seat-lost-{seat.get('seat')}"] = "warning"
    return found
