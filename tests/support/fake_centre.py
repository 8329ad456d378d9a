"""Views of a centre made for tests, and an engine that only records commands."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dialer.domain.alerts import Alert
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import CommandRefused
from dialer.domain.model import BoothTurnout, CampaignProgress, CampaignState, Outcome
from dialer.domain.newest_call import NewestCall
from dialer.domain.view import (
    AgentShare,
    AlertRaised,
    CallingHours,
    CallState,
    CampaignView,
    CentreState,
    CentreView,
    Change,
    SeatState,
    SeatView,
    TrunkView,
)
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign, StopCampaign
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext

AT = 1713771727.0  # 2024-04-22 07:42:07 UTC

SEAT_STATES = (
    *[SeatState.TALKING] * 15,
    *[SeatState.WRAP_UP] * 4,
    *[SeatState.READY] * 3,
    SeatState.RESERVED,
    SeatState.PAUSED,
    SeatState.OFFLINE,
)


def campaign_view(campaign_id: str, kind: CampaignKind = CampaignKind.AGENTS) -> CampaignView:
    """Return the view of a campaign with calls in every state."""
    agents = {CallState.SENDING: 1, CallState.RINGING: 6, CallState.WAITING: 1, CallState.TALKING: 15}
    return CampaignView(
        campaign_id=campaign_id,
        at=AT,
        kind=kind,
        state=CampaignState.RUNNING,
        hold=None,
        calls=agents if kind is CampaignKind.AGENTS else {CallState.RINGING: 5, CallState.IN_FLOW: 9},
        outcomes={Outcome.CONNECTED: 503, Outcome.NO_ANSWER: 811, Outcome.ABANDONED: 9},
        attempts=1480,
        answered=540,
        connected=503,
        abandoned=9,
        abandoned_rate=9 / 540,
        progress=CampaignProgress(total=5200, completed=1120, remaining=4057, attempts=1480),
        calls_placed=2,
        limited_by="seats",
        pacing="2 calls, limited by seats (free=1 expected_free=2.4)",
        refused={},
        script=None,
        speed=None,
        abandoned_target=None,
        agent_share=AgentShare(1.0, None, 0.5, 0.48) if kind is CampaignKind.AGENTS else None,
        calling_hours=CallingHours(("09:00-21:00",), ("09:00-20:00",), ("09:00-20:00",), None),
    )


def centre_view(*, seats: int = 27, booths: int = 24, campaigns: int = 2, alerts: tuple[Alert, ...] = ()) -> CentreView:
    """Return the view of a centre of that size. The same arguments give the same view."""
    chance = random.Random(4)
    names = ["turnout-agents", "turnout-ivr", *(f"campaign-{number}" for number in range(3, campaigns + 1))]
    kinds = (CampaignKind.AGENTS, CampaignKind.IVR)
    views = tuple(campaign_view(name, kinds[index % 2]) for index, name in enumerate(names[:campaigns]))
    seat_views = tuple(
        SeatView(
            seat=f"seat-{number:02}",
            at=AT,
            agent=f"agent-{number}",
            state=SEAT_STATES[number % len(SEAT_STATES)],
            since=AT - chance.uniform(1, 150),
            campaign_id="turnout-agents",
            attempt_id=None,
            utilisation=chance.uniform(0.6, 0.9),
            calls=chance.randrange(40),
        )
        for number in range(1, seats + 1)
    )
    at_work = [seat.utilisation for seat in seat_views if seat.state is not SeatState.OFFLINE]
    state = CentreState(
        centre="pune-1",
        at=AT,
        switch_up=True,
        campaigns={view.campaign_id: view.state for view in views},
        seats=Counter(seat.state for seat in seat_views),
        calls=sum(sum(view.calls.values()) for view in views),
        utilisation=sum(at_work) / len(at_work) if at_work else None,
        marks={"voted": 412, "not-yet": 97, "later": 33},
        opt_outs=6,
        trunks=(TrunkView("carrier-a", 26, 60, 0.31, 3), TrunkView("carrier-b", 16, 30, 0.28, 0)),
        figures={"loop_lag_p99_seconds": 0.0021},
    )
    return CentreView(
        state, views, seat_views, tuple(_booth(chance, number) for number in range(1, booths + 1)), alerts
    )


def change_state(view: CentreView, **values: Any) -> CentreView:
    """Return the view with other values in its state."""
    return replace(view, state=replace(view.state, **values))


def _booth(chance: random.Random, number: int) -> BoothTurnout:
    reached = chance.randrange(1, 60) if number % 7 else 0
    voted = int(reached * chance.uniform(0.3, 0.9))
    return BoothTurnout(
        booth_id=number,
        constituency_number=209,
        part_number=number,
        voters=chance.randrange(600, 1200),
        contacted=reached,
        voted=voted,
        not_yet=(reached - voted) // 2,
        constituency_name="Kothrud",
        booth_name=f"Primary School, Room {number}",
    )


def find_campaign_view(view: CentreView, campaign_id: str) -> CampaignView | None:
    """Return a campaign of a centre's view, or None if the centre has no such campaign."""
    return next((campaign for campaign in view.campaigns if campaign.campaign_id == campaign_id), None)


class FakeEngine:
    """An engine that records commands and publishes the changes given by a test."""

    def __init__(self, view: CentreView | None = None) -> None:
        self.current = view or centre_view()
        self.mqtt_message_stored_event = asyncio.Event()
        self.compared: list[tuple[str, NewestCall]] = []
        self.has_newest_call = True
        self.executed: list[Command] = []
        self.senders: list[str] = []  # of the commands in `executed`
        self._listeners: list[Callable[[Change], None]] = []

    def make_centre_view(self) -> CentreView:
        """Return the current view of the centre."""
        return self.current

    def make_campaign_view(self, campaign_id: str) -> CampaignView | None:
        """Return the current view of a campaign."""
        return find_campaign_view(self.current, campaign_id)

    def subscribe_to_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` with every change. Return a function that ends the subscription."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def tell(self, change: Change) -> None:
        """Publish a change to all subscribers."""
        for listener in self._listeners:
            listener(change)

    def raise_or_clear_alert(self, alert: Alert) -> None:
        """Add an alert to the view, or remove it if it is cleared, and publish it."""
        others = tuple(standing for standing in self.current.alerts if standing.code != alert.code)
        self.current = replace(self.current, alerts=others if alert.cleared else (*others, alert))
        self.tell(AlertRaised(alert))

    async def check_that_store_has_newest_call(self, place: str, call: NewestCall) -> bool:
        """Record the comparison. Return whether the store is said to have the call."""
        self.compared.append((place, call))
        return self.has_newest_call

    async def import_opt_out_from_other_centre(self, number_hash: str, *, at: float, centre: str) -> None:
        """Ignore the opt-out."""

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Record the command. Raises CommandRefused for a campaign that is not in the view."""
        known = {campaign.campaign_id for campaign in self.current.campaigns}
        if isinstance(command, PauseCampaign | ResumeCampaign | StopCampaign) and command.campaign_id not in known:
            raise CommandRefused(f"campaign {command.campaign_id!r} is not in the settings")
        self.executed.append(command)
        self.senders.append(context.sender)
        return f"done: {type(command).__name__}"
