"""Read-only database access for the agents' web pages while the dialler is running.

Each query sees the store as it is at one moment (a snapshot).

A mark is a recorded fact about a voter, such as "voted".
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from dialer.store.async_connection import AsyncConnection
from dialer.store.keys import StoreKey
from dialer.store.sql import Query, Statements

CALLS_SHOWN = 10
"""How many of the latest calls to a number are shown."""

T = TypeVar("T")


class CallOnScreen(NamedTuple):
    """A call that an agent's page shows, with the last four digits of its phone number."""

    attempt_id: str
    campaign_id: str
    phone_id: int
    voter_id: int | None
    of_worker: int
    attempt_number: int
    direction: str
    gap_seconds: float | None
    last_digits: str
    grounds: str | None
    opted_out: int
    booth_id: int | None
    language: str


class VoterOnScreen(NamedTuple):
    """A voter who is linked to the phone number of a call, as the agent's page shows the voter."""

    voter_id: int
    name: str
    name_local: str
    relation: str
    relation_name: str
    age: int | None
    sex: str
    house: str
    serial: int
    turnout: str


class MarkOnScreen(NamedTuple):
    """A recorded fact about a voter (mark), such as "voted", that was not undone later."""

    voter_id: int
    at: float  # epoch seconds
    kind: str
    source: str
    hour: int | None


class EarlierCall(NamedTuple):
    """An earlier call to the same number, as the agent's page lists it."""

    created_at: float  # epoch seconds
    campaign_id: str
    outcome: str
    disposition: str | None


class BoothOnScreen(NamedTuple):
    """The polling station (booth) of the voter whom a call addresses."""

    booth_id: int
    name: str
    name_local: str
    constituency_name: str
    constituency_number: int
    part_number: int
    closes_at: str


class TargetOfNumber(NamedTuple):
    """An entry for a phone number in a campaign's queue (target): the campaign, and the number's id."""

    campaign_id: str
    phone_id: int


@dataclass(frozen=True, slots=True)
class NumberAndAgentOfCall:
    """The called number and the campaign of a call attempt, and the seat and the agent who got the call."""

    phone_id: int
    seat: str | None  # None: not connected to a seat yet
    agent: str | None
    ended_at: float | None
    campaign_id: str
    created_at: float


class CallsOfAgent(NamedTuple):
    """How many calls of an agent have one result (disposition)."""

    agent: str
    disposition: str  # "": none
    calls: int


class SecondsOfAgent(NamedTuple):
    """How many seconds an agent spent in one state, such as talking."""

    agent: str
    state: str
    seconds: float


class MarksOfAgent(NamedTuple):
    """How many facts of one kind about voters, such as "voted", an agent has entered."""

    agent: str
    kind: str
    marks: int


class OwnCallBackOnScreen(NamedTuple):
    """A call-back that is reserved for the agent who promised it to the voter. Times are epoch seconds."""

    agent: str
    at: float
    until: float
    campaign_id: str
    last_digits: str
    name: str | None
    name_local: str | None


class SQL(Statements):
    call = Query(CallOnScreen)
    voters = Query(VoterOnScreen)
    marks = Query(MarkOnScreen)
    earlier_calls = Query(EarlierCall)
    booth = Query(BoothOnScreen)
    targets_of_number = Query(TargetOfNumber)
    call_of = Query(NumberAndAgentOfCall)
    calls_of_agents = Query(CallsOfAgent)
    seconds_of_agents = Query(SecondsOfAgent)
    marks_of_agents = Query(MarksOfAgent)
    own_call_backs = Query(OwnCallBackOnScreen)


@dataclass(frozen=True, slots=True)
class CallScreenData:
    """What an agent's screen shows about a call: the call itself, and the data stored about the called number.

    These are the voters on the number with their marks (facts about voters), and earlier calls to it.
    """

    call: CallOnScreen
    grounds: dict[str, str] | None  # why the call was lawful; None: not checked
    voters: list[VoterOnScreen]  # on the number, in the order of the roll
    marks: dict[int, list[MarkOnScreen]]  # by voter, oldest first
    calls: list[EarlierCall]  # to the number, latest first
    booth: BoothOnScreen | None


@dataclass(frozen=True, slots=True)
class AgentDay:
    """The work of one agent since the start of the day, without the call in progress, and the call-backs to make."""

    dispositions: Counter[str] = field(default_factory=Counter)  # calls by disposition; "": none
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # by state of the seat
    marks: Counter[str] = field(default_factory=Counter)  # by kind, without undone ones
    call_backs: list[OwnCallBackOnScreen] = field(default_factory=list)  # own ones, still to be made today


class AgentReading:
    """Read-only access to the store for agents' pages. Methods raise StoreError.

    It uses two connections: one for the data of the voter on the line, the other for the figures of an agent's day. So
    slow figures never delay the voter's data.
    """

    def __init__(self, calls: AsyncConnection, days: AsyncConnection) -> None:
        """Wrap two read-only connections. Callers use `AgentReading.open`, which opens them."""
        self._calls, self._days = calls, days

    @classmethod
    async def open(cls, path: Path, key: StoreKey | None) -> Self:
        """Open two read-only connections to a store that this process has already opened for writing or reading. Raises
        StoreError.
        """
        calls = await AsyncConnection.connect_to_store_for_reading(path, key, opened_here=True)
        try:
            return cls(calls, await AsyncConnection.connect_to_store_for_reading(path, key, opened_here=True))
        except BaseException:
            await calls.close()
            raise

    async def read_call_for_agent_page(self, attempt_id: str, shown: Callable[[CallScreenData], T]) -> T | None:
        """Return what the agent's page shows about a call attempt, or None if there is no such attempt.

        The function `shown` converts the stored data to the form that the page shows.
        """
        async with self._calls.open_read_snapshot() as db:
            call = await db.fetch_first_row(SQL.call, attempt_id=attempt_id)
            if call is None:
                return None
            voters = await db.fetch_all_rows(SQL.voters, phone_id=call.phone_id)
            marks: dict[int, list[MarkOnScreen]] = defaultdict(list)
            for mark in await db.fetch_all_rows(SQL.marks, phone_id=call.phone_id):
                marks[mark.voter_id].append(mark)
            calls = await db.fetch_all_rows(
                SQL.earlier_calls, phone_id=call.phone_id, attempt_id=attempt_id, most=CALLS_SHOWN
            )
            booth = await db.fetch_first_row(SQL.booth, booth_id=call.booth_id)
        grounds = None if call.grounds is None else json.loads(call.grounds)
        return shown(CallScreenData(call, grounds, voters, marks, calls, booth))

    async def find_agent_of_attempt(self, attempt_id: str) -> NumberAndAgentOfCall | None:
        """Return the called number, seat and agent of a call attempt, or None if there is no such attempt."""
        return await self._calls.fetch_first_row(SQL.call_of, attempt_id=attempt_id)

    async def find_campaigns_with_number(self, number: str) -> dict[str, int]:
        """Return the campaigns that have a phone number (E.164) in their queues, each with the number's id.

        Only these campaigns may call the number.
        """
        rows = await self._calls.fetch_all_rows(SQL.targets_of_number, number=number)
        return {row.campaign_id: row.phone_id for row in rows}

    async def read_agents_work_since(self, since: float, now: float, before: float) -> dict[str, AgentDay]:
        """Return each agent's work since the time `since`, by agent.

        The work includes the agent's own call-backs that are due between `now` and `before`. Times are epoch seconds.
        """
        found: dict[str, AgentDay] = defaultdict(AgentDay)
        async with self._days.open_read_snapshot() as db:
            for calls in await db.fetch_all_rows(SQL.calls_of_agents, since=since):
                found[calls.agent].dispositions[calls.disposition] = calls.calls
            for seconds in await db.fetch_all_rows(SQL.seconds_of_agents, since=since):
                found[seconds.agent].seconds[seconds.state] = seconds.seconds
            for marks in await db.fetch_all_rows(SQL.marks_of_agents, since=since):
                found[marks.agent].marks[marks.kind] = marks.marks
            for call_back in await db.fetch_all_rows(SQL.own_call_backs, now=now, before=before):
                found[call_back.agent].call_backs.append(call_back)
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()
        await self._days.close()
