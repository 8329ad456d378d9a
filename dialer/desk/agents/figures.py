"""The figures of each agent's own day: calls, times, outcomes and promised call-backs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from dialer.desk.figures import READ_FAILED, READ_SECONDS, find_midnight_before_time
from dialer.domain.enums import MarkKind
from dialer.domain.schema import MESSAGE, Tenths, Time
from dialer.domain.view import SeatState
from dialer.settings.site_time import DAY_SECONDS
from dialer.store.agent_reading import AgentDay, AgentReading, OwnCallBackOnScreen
from dialer.web.page_state import PageState
from dialer.web.people import repeat_function_with_pause, run_function_and_log_store_error

WORKING = (SeatState.TALKING, SeatState.WRAP_UP, SeatState.READY)
PACE_SECONDS = 900.0  # a pace over less working time says little


class AgentFigures:
    """Reads each agent's figures and promised call-backs from the store, and shows them on that agent's page."""

    def __init__(self, page_state: PageState, reading: AgentReading, zone: tzinfo) -> None:
        self._page_state = page_state
        self._reading = reading
        self._zone = zone

    async def update_figures_until_cancelled(self) -> None:
        """Update the figures of all agents until cancelled.

        While the store cannot be read, the figures stay unchanged.
        """
        await repeat_function_with_pause(
            READ_SECONDS, lambda: run_function_and_log_store_error(self.refresh_agent_figures(), READ_FAILED)
        )

    async def refresh_agent_figures(self) -> None:
        """Read each agent's figures since midnight from the store, and show them on the agents' pages. Raises
        StoreError.
        """
        now = self._page_state.now()
        since = find_midnight_before_time(now, self._zone)
        days = await self._reading.read_agents_work_since(
            since, now, find_midnight_before_time(since + 1.25 * DAY_SECONDS, self._zone)
        )
        team_pace = _compute_contacts_per_hour(days.values())
        for agent in {*days, *self._page_state.get_values_of_keys_with_prefix("figures", AgentDayFigures)}:
            day = days.get(agent) or AgentDay()
            self._page_state.set_value_of_key(f"figures/{agent}", _compute_agent_figures_of_day(since, day, team_pace))
            self._page_state.set_value_of_key(
                f"call-backs/{agent}", tuple(_convert_row_to_call_back(row) for row in day.call_backs)
            )


@dataclass(frozen=True, slots=True)
class AgentDayFigures:
    """An agent's figures of the day: calls, times in each state, outcomes, and contacts per hour."""

    __pydantic_config__ = MESSAGE

    since: Time
    calls: int
    talked_seconds: Tenths
    wrap_up_seconds: Tenths
    paused_seconds: Tenths
    ready_seconds: Tenths
    dispositions: Mapping[str, int]
    marks: Mapping[str, int]
    contacts: int
    """voters about whom the agent recorded an answer"""
    contacts_per_hour: Tenths | None
    """of working time (talking, in wrap-up or ready); null: too little working time yet"""
    team_contacts_per_hour: Tenths | None
    """the same of all agents together"""


@dataclass(frozen=True, slots=True)
class CallBack:
    """A call-back that an agent has promised for today."""

    __pydantic_config__ = MESSAGE

    at: Time
    until: Time
    campaign_id: str
    masked: str
    """the last digits of the number"""
    name: str | None
    name_local: str | None


def _convert_row_to_call_back(row: OwnCallBackOnScreen) -> CallBack:
    return CallBack(row.at, row.until, row.campaign_id, f"•••• {row.last_digits}", row.name, row.name_local)


def _count_contacted_voters(day: AgentDay) -> int:
    return day.marks.total() - day.marks[MarkKind.WRONG_NUMBER]


def _compute_contacts_per_hour(days: Collection[AgentDay]) -> float | None:
    """Return how many voters agents contacted per hour of working time, or None if the working time is too short for a
    rate.
    """
    seconds = sum(day.seconds[state] for day in days for state in WORKING)
    return None if seconds < PACE_SECONDS else 3_600 * sum(map(_count_contacted_voters, days)) / seconds


def _compute_agent_figures_of_day(since: float, day: AgentDay, team_pace: float | None) -> AgentDayFigures:
    return AgentDayFigures(
        since=since,
        calls=day.dispositions.total(),
        talked_seconds=day.seconds[SeatState.TALKING],
        wrap_up_seconds=day.seconds[SeatState.WRAP_UP],
        paused_seconds=day.seconds[SeatState.PAUSED],
        ready_seconds=day.seconds[SeatState.READY],
        dispositions={word: count for word, count in sorted(day.dispositions.items()) if word},
        marks=dict(sorted(day.marks.items())),
        contacts=_count_contacted_voters(day),
        contacts_per_hour=_compute_contacts_per_hour([day]),
        team_contacts_per_hour=team_pace,
    )
