"""Pauses requested while a voter is returning to the seat: they start after that call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused, SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.view import CallState, SeatState
from dialer.engine.seats.commands import SeatHangUp, SeatPause
from dialer.engine.transfers.commands import SeatHold, SeatTransfer
from dialer.simulation.asterisk.config import PhoneMode
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.breaking import run_until_killed
from tests.support.centre import a_site
from tests.support.seats import seat, wait_until_talking
from tests.support.transfers import TRANSFERS, a_switch, bring_call_to, conference_members, talking
from tests.support.virtual import virtual_time


@virtual_time()
async def test_pause_requested_while_a_voter_returns_from_hold_starts_after_the_call(tmp_path: Path) -> None:
    """The switch reports that the hold failed, but holds the voter. The talk seems to have ended, and the agent goes on
    a break. When the hold limit expires, the voter is back at the seat.
    """
    async with talking(tmp_path, campaign={"wrap_up_seconds": 3}) as site:
        execute, attempt = site.centre.engine.execute_command, seat(site).attempt_id
        switch = site.centre.engine.features.switch
        hold = switch.put_call_on_hold

        async def hold_late(attempt_id: AttemptId, seat: str) -> None:
            asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(hold(attempt_id, seat)))
            raise SwitchUnreachable("no answer within 2 s")

        switch.put_call_on_hold = hold_late  # type: ignore[method-assign]
        with pytest.raises(CommandRefused, match="Asterisk refused the request"):
            await execute(SeatHold(seat="01"))
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        await execute(SeatPause(seat="01", reason="meal"))
        await site.until(lambda: seat(site).state is SeatState.PAUSED)
        await site.until(lambda: frozenset({"agent01", "voter"}) in conference_members(site))
        await asyncio.sleep(1)
        assert (seat(site).state, seat(site).attempt_id) == (SeatState.TALKING, attempt)
        assert site.centre.engine.make_centre_view().campaigns[0].calls == {CallState.TALKING: 1}
        await execute(SeatHangUp(seat="01"))
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        await site.until(lambda: seat(site).state is SeatState.PAUSED)
        assert seat(site).reason == "meal"


@virtual_time()
async def test_pause_requested_in_wrap_up_stays_in_force_after_a_failed_transfer(tmp_path: Path) -> None:
    async with talking(tmp_path, a_switch(PhoneMode.REFUSES)) as site:
        execute, attempt = site.centre.engine.execute_command, seat(site).attempt_id
        await execute(SeatTransfer(seat="01", to="boss"))
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        await execute(SeatPause(seat="01", reason="meal"))
        await site.until(lambda: frozenset({"agent01", "voter"}) in conference_members(site))
        assert (seat(site).state, seat(site).attempt_id) == (SeatState.TALKING, attempt)
        await execute(SeatHangUp(seat="01"))
        await site.until(lambda: seat(site).state is SeatState.PAUSED)
        assert seat(site).reason == "meal"


@pytest.mark.parametrize("stage", ["hold", "calling", "consult"])
@virtual_time()
async def test_pause_requested_while_a_voter_is_on_hold_survives_a_restart(stage: str, tmp_path: Path) -> None:
    async with SimulatedAsterisk(a_switch()) as switch:
        async with run_until_killed(tmp_path, switch, seats=1, transfers=TRANSFERS) as first:
            await first.log_in("01")
            await wait_until_talking(first)
            attempt = seat(first).attempt_id
            await bring_call_to(first, stage)
            await first.centre.engine.execute_command(SeatPause(seat="01", reason="meal"))
        async with a_site(tmp_path, switch=switch, seats=1, transfers=TRANSFERS) as again:
            await asyncio.sleep(4)
            assert (seat(again).state, seat(again).attempt_id) == (SeatState.TALKING, attempt)
            await again.centre.engine.execute_command(SeatHangUp(seat="01"))
            await again.until(lambda: seat(again).state is SeatState.PAUSED)
            assert seat(again).reason == "meal"
