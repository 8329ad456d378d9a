"""Fault injection on a rehearsed day, and the time until calls are placed again after each fault."""

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
NOT_OVER = "the rehearsal ended before the fault did; rehearse more hours"
NOBODY_LEFT = "no number was left to call after the fault"


class FaultInjector:
    """Injects the faults of a rehearsed day one after another, and measures how long the site needs to recover from
    each.
    """

    def __init__(self, day: RehearsedDay, switch: SimulatedAsterisk, settings: Settings) -> None:
        """Create the injector with the settings of the rehearsal.

        The caller subscribes `record_recovery_from_faults` to the engine's changes.
        """
        self._day = day
        self._switch = switch
        self._settings = settings
        self._waits_for_call: dict[str, float] = {}  # by fault: when it ended (loop time)
        self.recovered: dict[str, float] = {}  # by fault: seconds from its end to the next call
        self.over_at: dict[str, float] = {}  # by fault: when it ended (epoch seconds)

    def record_recovery_from_faults(self, change: Change) -> None:
        """Record the recovery from all faults that are over, if `change` says that a call is being dialled."""
        if self._waits_for_call and isinstance(change, CallChange) and change.state is CallState.DIALLING:
            now = asyncio.get_running_loop().time()
            for kind, over_at in self._waits_for_call.items():
                self.recovered[kind] = now - over_at
            self._waits_for_call.clear()

    async def inject_planned_faults(self) -> None:
        """Inject each fault of the day at its time, then wait until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for fault in self._day.faults:
            await asyncio.sleep(max(0.0, began + fault.at_seconds - loop.time()))
            self._inject_fault(fault)
            if fault.kind is FaultKind.SWITCH_RESTARTED:
                await self._switch.restart(_RESTART_SECONDS)
            await asyncio.sleep(_LONG_FAULT_SECONDS.get(fault.kind, 0.0))
            self._repair_fault(fault)
            self._waits_for_call[fault.kind.value] = loop.time()
            self.over_at[fault.kind.value] = self._day.starts_at + loop.time() - began
        await asyncio.Event().wait()

    def _inject_fault(self, fault: Fault) -> None:
        switch, settings = self._switch, self._settings
        match fault.kind:
            case FaultKind.LINK_CUT:
                switch.reset_ami_connections()
            case FaultKind.LINK_STALLED:
                switch.stall_ami_connections()
            case FaultKind.TRUNK_DOWN:
                switch.take_trunk_down(settings.trunks[0].endpoint)
            case FaultKind.PHONES_LOST:
                for seat in settings.seats[: max(1, len(settings.seats) // 3)]:
                    switch.set_reaction_of_seat_phone(seat.endpoint, PhoneMode.UNREGISTERED)
                    switch.hang_up_phone(seat.endpoint)
            case FaultKind.FLOWS_CUT:
                switch.reset_agi_connections()
            case FaultKind.SLOW_CARRIER:
                switch.caller.slow_down_ringing(_SLOWER_SECONDS)

    def _repair_fault(self, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.LINK_STALLED:
                self._switch.resume_ami_connections()
            case FaultKind.TRUNK_DOWN:
                self._switch.bring_trunk_up(self._settings.trunks[0].endpoint)
            case FaultKind.PHONES_LOST:
                for seat in self._settings.seats:
                    self._switch.set_reaction_of_seat_phone(seat.endpoint, PhoneMode.ANSWERS)
            case FaultKind.SLOW_CARRIER:
                self._switch.caller.slow_down_ringing(0.0)


def find_faults_without_measurable_recovery(
    day: RehearsedDay, over_at: Mapping[str, float], due: Mapping[str, float], calling: Collection[str], fair: float
) -> dict[str, str]:
    """Return the faults whose recovery cannot be judged, because no call was possible after them, with the reasons.

    Args:
        day: The rehearsed day.
        over_at: When each fault ended (epoch seconds), by fault.
        due: When the first number is due again (epoch seconds), by campaign.
        calling: Ids of the campaigns that placed calls. Other campaigns are ignored.
        fair: The time after a fault in which it may still delay calls (seconds).
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
            for since, until in hours.open_periods
        ):
            found[kind] = NOBODY_LEFT
    return found
