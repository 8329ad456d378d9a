"""Checks of log-ins by phone on a real Asterisk: `*1`, number and PIN (RFC 4733), calls with outcomes, and log-off."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable

from dialer.app import RunningCentre, assemble_centre
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.domain.view import SeatState, SeatView
from tests.asterisk.key_phone import KeyPhone
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.sounds import make_tone
from tests.asterisk.stage import Lab, write_sounds
from tests.support.desk import PIN, PIN_HASH
from tests.support.scenario import Scenario, fill_numbers
from tests.support.scenario_run import LINES
from tests.support.waiting import HANG_SECONDS

KEY_SECONDS = 0.6
WRONG_PIN = "9999"
CALLS = Scenario.model_validate(
    {
        "about": "voters who answer at once and stay a while",
        "voters": [{"does": "answer", "count": 3, "rings": 0.2, "stays": 4.0}],
        "expect": {"outcomes": {"connected": 3}},
    }
)


class AgentAtPhone:
    """An agent at the phone of a seat."""

    def __init__(self, lab: Lab, seat: str, phone: KeyPhone) -> None:
        self.phone = phone
        self._lab = lab
        self._seat = seat
        self._call: asyncio.subprocess.Process

    async def dial_log_in_code(self) -> None:
        """Dial the log-in code and wait for the first prompt."""
        lab, user = self._lab, f"agent{self._seat}"
        self._call = await lab.phones[self._seat].dial_log_in_code(lab.sip_port, user, lab.password, self.phone.port)
        await self.wait_for_sound()

    async def wait_for_sound(self) -> None:
        """Wait for the next sound at the phone. Raises TimeoutError."""
        heard = self.phone.loud
        await wait_until(lambda: self.phone.loud > heard)

    async def try_to_log_in(self, number: str, pin: str) -> None:
        """Enter number and PIN once."""
        self.phone.press_keys(f"{number}#")
        await asyncio.sleep(1.5)  # the pause of a person before the PIN
        self.phone.press_keys(f"{pin}#")
        await asyncio.sleep(2.5)  # the sound with the result

    async def press_keys(self, keys: str) -> None:
        """Press keys at the seat, each after the sound that confirms the previous one."""
        for key in keys:
            self.phone.press_keys(key)
            await asyncio.sleep(KEY_SECONDS)

    async def wait_for_hang_up(self) -> bool:
        """Return whether the switch ends the call within the time limit."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_SECONDS):
                return await self._call.wait() == 0
        return False


async def check_log_in(lab: Lab) -> list[str]:
    """Run all checks of log-ins. Return the faults. Raises NoAsterisk if a tool is missing."""
    directory = lab.directory
    directory.mkdir(parents=True, exist_ok=True)
    agents = [{"number": number, "pin": PIN_HASH} for number in ("101", "102")]
    campaign = {"pacing": "progressive", "max_attempts": 1, "wrap_up_seconds": 60}
    settings = lab.settings(directory, seats=2, campaign=campaign, agents=agents)
    lab.asterisk.write_configuration(render_asterisk_site_files(settings, {}))
    write_sounds(lab.asterisk)
    lab.voter_audio.write_bytes(make_tone(1.0))
    fill_numbers(settings.store.path, [number for number, _ in CALLS.numbers()])
    carrier = Sipp(lab.sipp, directory, "carrier", lab.carrier_port, (46_000, 49_999))
    faults: list[str] = []
    try:
        await lab.asterisk.start()
        for seat in ("01", "02"):
            await lab.phones[seat].register_phone(lab.sip_port, f"agent{seat}", lab.password)
        await start_carrier(carrier, CALLS, lab.voter_audio)
        async with (
            assemble_centre(settings, chance=random.Random(1), profile=LINES) as centre,
            run_dialler(centre),
            KeyPhone(make_tone(1.0)) as first,
            KeyPhone(make_tone(1.0)) as second,
        ):
            agent, other = AgentAtPhone(lab, "01", first), AgentAtPhone(lab, "02", second)
            for step in (check_wrong_pins, check_right_pin, check_second_phone, check_calls_and_log_off):
                try:
                    faults += await step(centre, agent, other)
                except TimeoutError:
                    faults.append(f"log-in: {step.__name__} timed out")
                    break
    finally:
        await carrier.stop()
        await lab.stop()
    with contextlib.closing(sqlite3.connect(f"file:{settings.store.path}?mode=ro", uri=True)) as db:
        kept = db.execute("SELECT outcome, (SELECT count(*) FROM mark WHERE kind = 'voted') FROM attempt").fetchall()
    if kept != [("connected", len(CALLS.numbers()))] * len(CALLS.numbers()):
        faults.append(f"log-in: the store has {kept}")
    return [*faults, *lab.asterisk.unexpected_log_lines()]


@contextlib.asynccontextmanager
async def run_dialler(centre: RunningCentre) -> AsyncIterator[None]:
    """Run the dialler for as long as the context lasts, which starts once it is connected to Asterisk."""
    stop = asyncio.Event()
    dialling = asyncio.create_task(centre.dial_until_stopped(stop))
    try:
        await wait_until(lambda: centre.engine.make_centre_view().state.switch_up)
        yield
    finally:
        stop.set()
        await dialling


def find_seat(centre: RunningCentre, name: str) -> SeatView:
    """Return the state of a seat."""
    return next(each for each in centre.engine.make_centre_view().seats if each.seat == name)


async def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds. Raises TimeoutError."""
    async with asyncio.timeout(HANG_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


async def check_wrong_pins(centre: RunningCentre, agent: AgentAtPhone, _other: AgentAtPhone) -> list[str]:
    """Check that a phone is hung up after three wrong PINs, and no agent is logged in."""
    await agent.dial_log_in_code()
    for _ in range(3):
        await agent.try_to_log_in("101", WRONG_PIN)
    faults = [] if await agent.wait_for_hang_up() else ["log-in: a phone with three wrong PINs was not hung up"]
    if find_seat(centre, "01").state is not SeatState.OFFLINE:
        faults.append("log-in: a wrong PIN was accepted")
    return faults


async def check_right_pin(centre: RunningCentre, agent: AgentAtPhone, _other: AgentAtPhone) -> list[str]:
    """Check that an agent can log in after one wrong PIN, and gets calls."""
    await agent.dial_log_in_code()
    await agent.try_to_log_in("101", WRONG_PIN)
    await agent.try_to_log_in("101", PIN)
    await wait_until(lambda: find_seat(centre, "01").state in {SeatState.READY, SeatState.RESERVED, SeatState.TALKING})
    return [] if find_seat(centre, "01").agent == "101" else ["log-in: the seat has another agent"]


async def check_second_phone(centre: RunningCentre, _agent: AgentAtPhone, other: AgentAtPhone) -> list[str]:
    """Check that a second phone refuses an agent who is logged in elsewhere, and leaves the first seat unchanged."""
    await other.dial_log_in_code()
    for _ in range(3):
        await other.try_to_log_in("101", PIN)
    faults = (
        []
        if await other.wait_for_hang_up()
        else ["log-in: the phone of an agent who is logged in elsewhere was not hung up"]
    )
    if find_seat(centre, "02").state is not SeatState.OFFLINE or find_seat(centre, "01").agent != "101":
        faults.append("log-in: an agent who is logged in elsewhere was accepted")
    return faults


async def check_calls_and_log_off(centre: RunningCentre, agent: AgentAtPhone, _other: AgentAtPhone) -> list[str]:
    """Check call outcomes entered during wrap-up and during a call, then the ready code (`*1`) and the log-off code
    (`*0`).
    """
    faults, last = [], len(CALLS.numbers())
    for number in range(1, last + 1):
        await wait_until(lambda: find_seat(centre, "01").state in {SeatState.TALKING, SeatState.WRAP_UP})
        if number == last:
            await agent.wait_for_sound()
            await agent.press_keys("1")
        await wait_until(lambda: find_seat(centre, "01").state is SeatState.WRAP_UP)
        await agent.press_keys("*1" if number == last else "1")
        await wait_until(lambda: find_seat(centre, "01").state is not SeatState.WRAP_UP)
    await agent.press_keys("*0")
    if not await agent.wait_for_hang_up():
        faults.append("log-in: the phone of an agent who entered *0 was not hung up")
    if find_seat(centre, "01").state is not SeatState.OFFLINE:
        faults.append(f"log-in: after *0 the seat is {find_seat(centre, '01').state}")
    return faults
