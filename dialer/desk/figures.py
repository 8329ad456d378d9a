"""What the pages show beside what the dialler announces: the day's course, the share of abandoned calls in each cap's window, why
nothing is dialled, and what is about to go wrong. From the store's records, so that a restart of anything loses none of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from dialer.domain.alerts import Alert, AlertKind, new_alert
from dialer.domain.clock import Clock
from dialer.domain.model import CampaignState
from dialer.domain.schema import MESSAGE, Tenths, Time
from dialer.domain.view import CallState, CampaignView, CentreState, SeatState, SeatView
from dialer.mqtt.dialler_client import DeskStatus
from dialer.settings.site_time import DAY_SECONDS
from dialer.store.agent_reading import AgentDay, AgentReading, OwnCallBackOnScreen
from dialer.store.desk_reading import CallsOfInterval, DeskReading
from dialer.web.page_state import PageState
from dialer.web.people import repeat_every, try_or_log

STRETCH_SECONDS = 600
LATEST_SECONDS = 3_600  # a call that began longer before a reading had ended: what is before is read once
READ_SECONDS = 15.0
WHY_SECONDS = 1.0
UNREAD = "desk.store-unread"


@dataclass(frozen=True, slots=True)
class ShownCap:
    """A cap on the abandoned-call rate."""

    window_seconds: float
    target: float  # the rate to steer to (0-1)
    stop: float  # the rate at which dialling stops (0-1)


@dataclass(frozen=True, slots=True)
class AbandonedWindow:
    """The calls in the window of a cap on the abandoned-call rate."""

    __pydantic_config__ = MESSAGE

    window_seconds: float
    target: float
    """the rate to steer to (0-1)"""
    stop: float
    """the rate at which dialling stops (0-1)"""
    answers: int
    """live answers"""
    abandoned: int


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A campaign's calls of the day, in columns with a value for each ten minutes."""

    __pydantic_config__ = MESSAGE

    at: tuple[int, ...]
    """when each ten minutes began (epoch seconds)"""
    placed: tuple[int, ...]
    answered: tuple[int, ...]
    connected: tuple[int, ...]
    abandoned: tuple[int, ...]
    live_answers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IdleReason:
    """Why a campaign places no calls, for a sentence of the page; the code dialling: calls are in progress."""

    __pydantic_config__ = MESSAGE

    code: str
    figures: Mapping[str, int | float | str] = field(default_factory=dict)
    """what the sentence names"""
    detail: str = ""
    """the dialler's own text"""


@dataclass(frozen=True, slots=True)
class WarningList:
    """What is about to go wrong, as the desk sees it."""

    __pydantic_config__ = MESSAGE

    alerts: tuple[Alert, ...]


def day_began(at: float, zone: tzinfo) -> float:
    """The midnight before an epoch second."""
    return datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


class BoardFigures:
    """Keeps "day/{campaign}", "abandoned/{campaign}", "why/{campaign}", "warnings" and "booths" of the page state true."""

    def __init__(
        self,
        page_state: PageState,
        reading: DeskReading,
        clock: Clock,
        zone: tzinfo,
        caps: Mapping[str, tuple[ShownCap, ...]],
    ) -> None:
        """`caps`: of each campaign of the settings, by its id."""
        self._page_state = page_state
        self._reading = reading
        self._clock = clock
        self._zone = zone
        self.caps = caps
        self._courses: dict[str, dict[int, CallsOfInterval]] = {}
        self._read_at: dict[str, float] = {}  # when each campaign's calls of the day were read last
        self._day_at = 0.0  # when the day that is shown began
        self._named_on = 0.0  # when the day began on which the booths' names were read
        self._warned: dict[str, Alert] = {}  # what stands, by code

    async def run(self) -> None:
        """Until cancelled. A store that cannot be read leaves what was read, and is tried again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(repeat_every(READ_SECONDS, self.read_all), name="desk-reads")
            group.create_task(repeat_every(WHY_SECONDS, self.answer), name="desk-why")

    async def read_all(self) -> None:
        """Read each campaign's records; and with each new day what the booths are called. What cannot be read stays as it was."""
        if self._named_on != day_began(self._clock.now(), self._zone):
            await try_or_log(self.read_booths(), UNREAD)
        for campaign_id, caps in self.caps.items():
            await try_or_log(self.read(campaign_id, caps), UNREAD)

    async def read_booths(self) -> None:
        """Read what the booths are called: once a day, for there are thousands. Raises StoreError."""
        day_at = day_began(self._clock.now(), self._zone)
        self._page_state.put("booths", await self._reading.booth_names())
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
        self._page_state.put(f"day/{campaign_id}", _day(day_at, course))
        # None: as the settings have it.
        campaign = self._page_state.get(f"campaign/{campaign_id}", CampaignView)
        steered = None if campaign is None else campaign.abandoned_target
        windows = [await self._window(campaign_id, cap, None if steered is None else steered.rate, now) for cap in caps]
        self._page_state.put(f"abandoned/{campaign_id}", tuple(windows))

    async def _window(self, campaign_id: str, cap: ShownCap, target: float | None, now: float) -> AbandonedWindow:
        found = await self._reading.live_answers(campaign_id, now, cap.window_seconds)
        steers_to = cap.target if target is None else target
        return AbandonedWindow(cap.window_seconds, steers_to, cap.stop, found.answers, found.abandoned)

    async def answer(self) -> None:
        """Why nothing is dialled, of each campaign that the dialler has told of; and what is about to go wrong."""
        centre = self._page_state.get("centre", CentreState)
        desk = self._page_state.get("desk", DeskStatus)
        connected = desk is not None and desk.connected
        seats = list(self._page_state.below("seat", SeatView).values())
        campaigns = self._page_state.below("campaign", CampaignView)
        for campaign_id, campaign in campaigns.items():
            self._page_state.put(f"why/{campaign_id}", why(centre, campaign, seats, connected=connected))
        now = round(self._clock.now(), 3)
        active = warnings(campaigns, self._page_state.below("abandoned", tuple), seats, now)
        # One that was active before keeps the time when it was raised: whoever has acknowledged it has done so.
        self._warned = {each.code: replace(each, at=self._warned.get(each.code, each).at) for each in active}
        self._page_state.put("warnings", WarningList(tuple(self._warned.values())))


def _day(day_at: float, course: Mapping[int, CallsOfInterval]) -> DayFigures:
    """Return the day's calls in columns, from the first stretch with a call to the last."""
    stretches = range(min(course, default=0), max(course, default=-1) + 1)
    none = CallsOfInterval(0, 0, 0, 0, 0, 0)
    rows = [course.get(number, none) for number in stretches]
    return DayFigures(
        at=tuple(int(day_at) + number * STRETCH_SECONDS for number in stretches),
        placed=tuple(row.placed for row in rows),
        answered=tuple(row.answered for row in rows),
        connected=tuple(row.connected for row in rows),
        abandoned=tuple(row.abandoned for row in rows),
        live_answers=tuple(row.live_answers for row in rows),
    )


# Of agents.


class AgentFigures:
    """Keeps "figures/{agent}" and "call-backs/{agent}" of the page state up to date, for the agent's own page alone."""

    def __init__(self, page_state: PageState, reading: AgentReading, zone: tzinfo) -> None:
        self._page_state = page_state
        self._reading = reading
        self._zone = zone

    async def run(self) -> None:
        """Until cancelled. A store that cannot be read leaves what was read, and is tried again."""
        await repeat_every(READ_SECONDS, lambda: try_or_log(self.read(), UNREAD))

    async def read(self) -> None:
        """Read what all have done since midnight. Raises StoreError."""
        now = self._page_state.now()
        since = day_began(now, self._zone)
        days = await self._reading.days_work(since, now, day_began(since + 1.25 * DAY_SECONDS, self._zone))
        for agent in {*days, *self._page_state.below("figures", AgentDayFigures)}:
            day = days.get(agent) or AgentDay()
            self._page_state.put(f"figures/{agent}", _of_agent(since, day))
            self._page_state.put(f"call-backs/{agent}", tuple(_call_back(row) for row in day.call_backs))


@dataclass(frozen=True, slots=True)
class AgentDayFigures:
    """What an agent has done today."""

    __pydantic_config__ = MESSAGE

    since: Time
    calls: int
    talked_seconds: Tenths
    wrap_up_seconds: Tenths
    paused_seconds: Tenths
    ready_seconds: Tenths
    dispositions: Mapping[str, int]
    marks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CallBack:
    """A call-back that an agent has promised for today."""

    __pydantic_config__ = MESSAGE

    at: Time
    until: Time
    campaign_id: str
    masked: str
    """the number's last digits"""
    name: str | None
    name_local: str | None


def _call_back(row: OwnCallBackOnScreen) -> CallBack:
    return CallBack(row.at, row.until, row.campaign_id, f"•••• {row.last_digits}", row.name, row.name_local)


def _of_agent(since: float, day: AgentDay) -> AgentDayFigures:
    return AgentDayFigures(
        since=since,
        calls=day.dispositions.total(),
        talked_seconds=day.seconds[SeatState.TALKING],
        wrap_up_seconds=day.seconds[SeatState.WRAP_UP],
        paused_seconds=day.seconds[SeatState.PAUSED],
        ready_seconds=day.seconds[SeatState.READY],
        dispositions={word: count for word, count in sorted(day.dispositions.items()) if word},
        marks=dict(sorted(day.marks.items())),
    )


# Why is nothing dialled? One answer for each campaign, as a word that the pages have a sentence for, with its figures; made of what
# the dialler itself announces, and `detail` is what it says in its own words.

_UNDER_WAY = (CallState.SENDING, CallState.DIALLING, CallState.RINGING)


def why(
    centre: CentreState | None, campaign: CampaignView, seats: Iterable[SeatView], *, connected: bool
) -> IdleReason:
    """Return why a campaign places no calls. `connected`: the desk is connected to the broker."""
    if not connected:
        return IdleReason("no-broker")
    if centre is None or not centre.online:
        return IdleReason("dialler-away")
    if campaign.hold is not None:
        until = campaign.hold.until
        figures = {"until": "none" if until is None else until}
        return IdleReason(campaign.hold.reason.value, figures, campaign.hold.text)
    under_way = sum(campaign.calls.get(state, 0) for state in _UNDER_WAY)
    if under_way:
        return IdleReason("dialling", {"calls": under_way})
    progress = campaign.progress
    if not progress.remaining:
        return IdleReason("nothing-due", {"numbers": progress.total, "closed": progress.completed})
    states = Counter(seat.state for seat in seats)
    figures = {
        "ready": states[SeatState.READY],
        "talking": states[SeatState.TALKING] + states[SeatState.RESERVED],
        "wrapup": states[SeatState.WRAP_UP],
        "paused": states[SeatState.PAUSED],
        "due": progress.remaining,
        "refused": sum(campaign.refused.values()),
    }
    return IdleReason(f"limit-{campaign.limited_by}", figures)


# What is about to go wrong.

LEAST_ANSWERS = 50  # of a window, before its share means anything
NEAR_SHARE = 0.8  # of a cap's hard stop
LOW_SHARE = 0.05  # of a list


def warnings(
    campaigns: Mapping[str, CampaignView],
    abandoned: Mapping[str, Iterable[AbandonedWindow]],
    seats: Iterable[SeatView],
    now: float,
) -> Iterator[Alert]:
    """Yield the active warnings, raised `now` (epoch seconds). `abandoned`: the windows of each campaign's caps."""
    for name, windows in abandoned.items():
        rates = [(each.abandoned / each.answers, each.stop) for each in windows if each.answers >= LEAST_ANSWERS]
        near = [(rate, stop) for rate, stop in rates if rate >= NEAR_SHARE * stop]
        if near:
            rate, stop = max(near, key=lambda each: each[0] - each[1])
            percent, limit = round(100 * rate, 1), round(100 * stop, 1)
            yield new_alert(AlertKind.CAP_NEAR, now, campaign=name, percent=percent, limit=limit)
    for name, campaign in campaigns.items():
        total, remaining = campaign.progress.total, campaign.progress.remaining
        if campaign.state is CampaignState.RUNNING and 0 < remaining < LOW_SHARE * total:
            yield new_alert(AlertKind.LIST_LOW, now, campaign=name, remaining=remaining)
    for seat in seats:
        if seat.state is SeatState.LOST:
            yield new_alert(AlertKind.SEAT_LOST, now, seat=seat.seat)
