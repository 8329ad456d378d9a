"""What goes wrong on a rehearsed day, one thing after another, and how soon calls go out again after each."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from dialer.domain.view import CallChange, CallState, Change
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import PhoneMode
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.rehearsal.day import Fault, FaultKind, RehearsedDay

_LONG_FAULT_SECONDS = {
    FaultKind.LINK_STALLED: 20.0,
    FaultKind.TRUNK_DOWN: 300.0,
    FaultKind.PHONES_LOST: 120.0,
    FaultKind.SLOW_CARRIER: 600.0,
}
_SLOWER_SECONDS = 6.0
_RESTART_SECONDS = 5.0
NOT_OVER = "the rehearsal ended before it was over; rehearse more hours"
NOBODY_LEFT = "nobody was left to call after it"


class Faults:
    """The faults of a day while it runs."""

    def __init__(self, day: RehearsedDay, switch: SimulatedAsterisk, settings: Settings) -> None:
        """`settings` are those of the rehearsal. Give `on_change` to the engine."""
        self._day = day
        self._switch = switch
        self._settings = settings
        self._waits_for_call: dict[str, float] = {}  # by fault: when it was over, in the loop's time
        self.recovered: dict[str, float] = {}  # by fault: seconds until a call went out again
        self.over_at: dict[str, float] = {}  # by fault: epoch seconds

    def on_change(self, change: Change) -> None:
        """A call that the switch has taken ends the wait after what went wrong before."""
        if self._waits_for_call and isinstance(change, CallChange) and change.state is CallState.DIALLING:
            now = asyncio.get_running_loop().time()
            for kind, over_at in self._waits_for_call.items():
                self.recovered[kind] = now - over_at
            self._waits_for_call.clear()

    async def run(self) -> None:
        """Let everything go wrong at its time, then wait for ever."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for fault in self._day.faults:
            await asyncio.sleep(max(0.0, began + fault.at_seconds - loop.time()))
            self._begin(fault)
            if fault.kind is FaultKind.SWITCH_RESTARTED:
                await self._switch.restart(_RESTART_SECONDS)
            await asyncio.sleep(_LONG_FAULT_SECONDS.get(fault.kind, 0.0))
            self._end(fault)
            self._waits_for_call[fault.kind.value] = loop.time()
            self.over_at[fault.kind.value] = self._day.starts_at + loop.time() - began
        await asyncio.Event().wait()

    def _begin(self, fault: Fault) -> None:
        switch, settings = self._switch, self._settings
        match fault.kind:
            case FaultKind.LINK_CUT:
                switch.cut_ami()
            case FaultKind.LINK_STALLED:
                switch.stall_ami()
            case FaultKind.TRUNK_DOWN:
                switch.trunk_down(settings.trunks[0].endpoint)
            case FaultKind.PHONES_LOST:
                for seat in settings.seats[: max(1, len(settings.seats) // 3)]:
                    switch.set_phone(seat.endpoint, PhoneMode.UNREGISTERED)
                    switch.drop_seat(seat.endpoint)
            case FaultKind.FLOWS_CUT:
                switch.cut_agi()
            case FaultKind.SLOW_CARRIER:
                switch.caller.slow_down(_SLOWER_SECONDS)

    def _end(self, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.LINK_STALLED:
                self._switch.resume_ami()
            case FaultKind.TRUNK_DOWN:
                self._switch.trunk_up(self._settings.trunks[0].endpoint)
            case FaultKind.PHONES_LOST:
                for seat in self._settings.seats:
                    self._switch.set_phone(seat.endpoint, PhoneMode.ANSWERS)
            case FaultKind.SLOW_CARRIER:
                self._switch.caller.slow_down(0.0)


def not_judged(
    day: RehearsedDay, over_at: Mapping[str, float], due: Mapping[str, float], calling: Collection[str], fair: float
) -> dict[str, str]:
    """Why a fault after which no call went out says nothing of the site, by fault: nobody could have been called.

    `over_at` by fault and `due`, the first number due again by campaign, are epoch seconds. Only the campaigns that are `calling`
    at all count. Within `fair` seconds of its end a fault may still hold the dialling back, as a trunk's rest does.
    """
    found: dict[str, str] = {}
    for fault in day.faults:
        kind = fault.kind.value
        over = over_at.get(kind)
        if over is None:
            found[kind] = NOT_OVER
        elif not any(
            max(over, due[hours.campaign_id], since) + fair < min(until, day.ends_at)
            for hours in day.hours
            if hours.campaign_id in due and hours.campaign_id in calling
            for since, until in hours.stretches
        ):
            found[kind] = NOBODY_LEFT
    return found
