"""Signing in by command, with a PIN proof instead of the PIN."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused, LogInRefused, RefusedBecause
from dialer.domain.pin_proof import PinProof, PinProver, parse_pin_proof
from dialer.domain.view import SeatState
from dialer.engine.seats.commands import SeatLogIn, SeatSignIn, SeatUnlock
from tests.support.centre import Site
from tests.support.seats import AGENTS, run_site_with_pins, seat
from tests.support.virtual import virtual_time

PROVER = PinProver({str(each["number"]): str(each["pin"]) for each in AGENTS})


def make_pin_proof(
    site: Site, agent: str, pin: str, name: str = "01", *, centre: str = "test", at: float = 0.0
) -> PinProof:
    return parse_pin_proof(PROVER.create_pin_proof(centre, name, agent, pin, site.clock.now() + at))


@virtual_time()
async def test_agent_signs_in_from_a_page_and_the_phone_is_called(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        execute = site.centre.engine.execute_command
        assert (
            await execute(SeatSignIn(seat="01", agent="101", proof=make_pin_proof(site, "101", "2468")))
            == "seat 01: logged in"
        )
        await site.until(lambda: seat(site).state is SeatState.READY)
        assert seat(site).agent == "101"
        # A reloaded page
        assert (
            await execute(SeatSignIn(seat="01", agent="101", proof=make_pin_proof(site, "101", "2468")))
            == "seat 01: the agent is already signed in"
        )
        assert seat(site).state is SeatState.READY
        with pytest.raises(CommandRefused, match="seat 01 is already in use") as refused:
            await execute(SeatSignIn(seat="01", agent="102", proof=make_pin_proof(site, "102", "1357")))
        assert refused.value.why is RefusedBecause.SEAT_TAKEN
        with pytest.raises(CommandRefused, match="logged in at seat 01: log off there first") as refused:
            await execute(SeatSignIn(seat="02", agent="101", proof=make_pin_proof(site, "101", "2468", "02")))
        assert refused.value.why is RefusedBecause.AGENT_ELSEWHERE


@virtual_time()
async def test_keyed_hash_of_a_pin_is_valid_only_for_one_seat_and_minute(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        for wrong in (
            None,
            make_pin_proof(site, "101", "2469"),
            make_pin_proof(site, "101", "2468", "02"),
            make_pin_proof(site, "102", "1357"),
            make_pin_proof(site, "101", "2468", centre="pune-2"),
            make_pin_proof(site, "999", "2468"),
        ):
            with pytest.raises(LogInRefused):
                await site.centre.engine.execute_command(SeatSignIn(seat="01", agent="101", proof=wrong))
        for at in (-61.0, 61.0):
            with pytest.raises(CommandRefused, match="compare the clocks"):
                await site.centre.engine.execute_command(
                    SeatSignIn(seat="01", agent="101", proof=make_pin_proof(site, "101", "2468", at=at))
                )
        assert seat(site).agent is None


@virtual_time()
async def test_wrong_pins_from_agent_page_and_phone_count_together_towards_the_lock(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        execute = site.centre.engine.execute_command
        for _ in range(5):
            with pytest.raises(LogInRefused):
                await execute(SeatSignIn(seat="01", agent="101", proof=make_pin_proof(site, "101", "0000")))
            with pytest.raises(LogInRefused):
                await execute(SeatLogIn(seat="01", agent="101", pin="0000"))
        assert [alert.code for alert in site.centre_view.alerts] == ["log-in-locked-01"]
        with pytest.raises(LogInRefused):  # a correct proof, but locked
            await execute(SeatSignIn(seat="02", agent="101", proof=make_pin_proof(site, "101", "2468", "02")))
        await execute(SeatUnlock(seat="01"))
        await execute(SeatSignIn(seat="02", agent="101", proof=make_pin_proof(site, "101", "2468", "02")))


@virtual_time()
async def test_wrong_pins_on_the_agent_page_lock_only_the_device_or_network_used(tmp_path: Path) -> None:
    network, device = "0f" * 16, "1f" * 16
    async with run_site_with_pins(tmp_path) as site:
        execute = site.centre.engine.execute_command

        def make_sign_in(pin: str, source: str, *, known: bool = False) -> SeatSignIn:
            proof = make_pin_proof(site, "101", pin)
            return SeatSignIn(seat="01", agent="101", proof=proof, source=source, known_device=known)

        for _ in range(10):
            with pytest.raises(LogInRefused):
                await execute(make_sign_in("0000", network))
        assert [alert.code for alert in site.centre_view.alerts] == ["sign-in-locked-01"]
        with pytest.raises(CommandRefused, match="locked for up to 15 minutes after too many wrong PINs") as refused:
            await execute(make_sign_in("2468", network))
        assert refused.value.why is RefusedBecause.LOG_IN_LOCKED
        await execute(SeatUnlock(seat="01"))
        assert site.centre_view.alerts == ()
        for _ in range(10):
            with pytest.raises(LogInRefused):
                await execute(make_sign_in("0000", network))
        await execute(make_sign_in("2468", device, known=True))
        await site.until(lambda: seat(site).state is SeatState.READY)


@pytest.mark.parametrize("text", [None, 7, "", "1713758400", "1713758400:2468", "1713758400:" + "F" * 64, "١" * 10])
def test_malformed_keyed_hash_of_a_pin_is_rejected(text: object) -> None:
    with pytest.raises(ValueError):
        parse_pin_proof(text)


def test_keyed_hash_of_a_pin_is_made_for_unknown_agent_numbers_too() -> None:
    made = {
        PROVER.create_pin_proof("test", "01", agent, pin, 1713758400.0)
        for agent in ("101", "999")
        for pin in ("2468", "2469")
    }
    assert len(made) == 4
    assert all(text.startswith("1713758400:") for text in made)
