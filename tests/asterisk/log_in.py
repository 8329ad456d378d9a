"""Agents log in at their phones on a real Asterisk: `*1`, number and PIN (RFC 4733), a call, its outcome, and log-off."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable

from dialer.app import RunningCentre, running_centre
from dialer.deploy.asterisk.render import render_site
from dialer.domain.view import SeatState, SeatView
from tests.asterisk.key_phone import KeyPhone
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.sounds import tone
from tests.asterisk.stage import Lab, put_sounds
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
    """A seat's phone with its agent."""

    def __init__(self, lab: Lab, seat: str, phone: KeyPhone) -> None:
        self.phone = phone
        self._lab = lab
        self._seat = seat
        self._call: asyncio.subprocess.Process

    async def dial(self) -> None:
        """Dial the log-in code and wait for the prompt."""
        lab, user = self._lab, f"agent{self._seat}"
        self._call = await lab.phones[self._seat].dial(lab.sip_port, user, lab.password, self.phone.port)
        await self.hears()

    async def hears(self) -> None:
        """Wait for the next sound. Raises TimeoutError."""
        heard = self.phone.loud
        await until(lambda: self.phone.loud > heard)

    async def try_to_log_in(self, number: str, pin: str) -> None:
        """Enter number and PIN once."""
        self.phone.key(f"{number}#")
        await asyncio.sleep(1.5)  # the agent looks up the PIN
        self.phone.key(f"{pin}#")
        await asyncio.sleep(2.5)  # and hears the result

    async def key_and_wait(self, keys: str) -> None:
        """Press keys in the seat, each after the sound that confirmed the previous one."""
        for key in keys:
            self.phone.key(key)
            await asyncio.sleep(KEY_SECONDS)

    async def was_hung_up(self) -> bool:
        """Whether the switch ends the call within the time limit."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_SECONDS):
                return await self._call.wait() == 0
        return False


async def check_log_in(lab: Lab) -> list[str]:
    """Run the checks. Returns what failed. Raises NoAsterisk if a tool is missing."""
    directory = lab.directory
    directory.mkdir(parents=True, exist_ok=True)
    agents = [{"number": number, "pin": PIN_HASH} for number in ("101", "102")]
    campaign = {"pacing": "progressive", "max_attempts": 1, "wrap_up_seconds": 60}
    settings = lab.settings(directory, seats=2, campaign=campaign, agents=agents)
    lab.asterisk.lay_out(render_site(settings, {}))
    put_sounds(lab.asterisk)
    lab.voter_audio.write_bytes(tone(1.0))
    fill_numbers(settings.store.path, [number for number, _ in CALLS.numbers()])
    carrier = Sipp(lab.sipp, directory, "carrier", lab.carrier_port, (46_000, 49_999))
    faults: list[str] = []
    try:
        await lab.asterisk.start()
        for seat in ("01", "02"):
            await lab.phones[seat].register(lab.sip_port, f"agent{seat}", lab.password)
        await start_carrier(carrier, CALLS, lab.voter_audio)
        async with (
            running_centre(settings, chance=random.Random(1), profile=LINES) as centre,
            running(centre),
            KeyPhone(tone(1.0)) as first,
            KeyPhone(tone(1.0)) as second,
        ):
            agent, other = AgentAtPhone(lab, "01", first), AgentAtPhone(lab, "02", second)
            for step in (wrong_pin, logged_in, elsewhere, a_day):
                try:
                    faults += await step(centre, agent, other)
                except TimeoutError:
                    faults.append(f"log-in: nothing came of {step.__name__} in time")
                    break
    finally:
        await carrier.stop()
        await lab.stop()
    with contextlib.closing(sqlite3.connect(f"file:{settings.store.path}?mode=ro", uri=True)) as db:
        kept = db.execute("SELECT outcome, (SELECT count(*) FROM mark WHERE kind = 'voted') FROM attempt").fetchall()
    if kept != [("connected", len(CALLS.numbers()))] * len(CALLS.numbers()):
        faults.append(f"log-in: the store has {kept}")
    return [*faults, *lab.asterisk.trouble()]


@contextlib.asynccontextmanager
async def running(centre: RunningCentre) -> AsyncIterator[None]:
    """Run the dialler. It dials once it is connected to Asterisk."""
    stop = asyncio.Event()
    dialling = asyncio.create_task(centre.run(stop))
    try:
        await until(lambda: centre.engine.view().state.switch_up)
        yield
    finally:
        stop.set()
        await dialling


def seat(centre: RunningCentre, name: str) -> SeatView:
    """The state of the seat."""
    return next(each for each in centre.engine.view().seats if each.seat == name)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(HANG_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


async def wrong_pin(centre: RunningCentre, agent: AgentAtPhone, _other: AgentAtPhone) -> list[str]:
    """Three wrong PINs: the call is hung up and no agent is logged in."""
    await agent.dial()
    for _ in range(3):
        await agent.try_to_log_in("101", WRONG_PIN)
    faults = [] if await agent.was_hung_up() else ["log-in: a phone with three wrong PINs was not hung up"]
    if seat(centre, "01").state is not SeatState.OFFLINE:
        faults.append("log-in: a wrong PIN was let in")
    return faults


async def logged_in(centre: RunningCentre, agent: AgentAtPhone, _other: AgentAtPhone) -> list[str]:
    """A wrong PIN, then the right one: the seat receives calls."""
    await agent.dial()
    await agent.try_to_log_in("101", WRONG_PIN)
    await agent.try_to_log_in("101", PIN)
    await until(lambda: seat(centre, "01").state in {SeatState.READY, SeatState.RESERVED, SeatState.TALKING})
    return [] if seat(centre, "01").agent == "101" else ["log-in: the seat has another agent"]


async def elsewhere(centre: RunningCentre, _agent: AgentAtPhone, other: AgentAtPhone) -> list[str]:
    """The same agent at a second phone: refused three times and hung up. The first seat is unchanged."""
    await other.dial()
    for _ in range(3):
        await other.try_to_log_in("101", PIN)
    faults = [] if await other.was_hung_up() else ["log-in: an agent who sits elsewhere was not hung up"]
    if seat(centre, "02").state is not SeatState.OFFLINE or seat(centre, "01").agent != "101":
        faults.append("log-in: an agent who sits elsewhere was let in")
    return faults


async def a_day(centre: RunningCentre, agent: AgentAtPhone, _other: AgentAtPhone) -> list[str]:
    """The agent keys each call's outcome in wrap-up, the last one during the call, then is ready (`*1`) and logs off (`*0`)."""
    faults, last = [], len(CALLS.numbers())
    for number in range(1, last + 1):
        await until(lambda: seat(centre, "01").state in {SeatState.TALKING, SeatState.WRAP_UP})
        if number == last:
            await agent.hears()
            await agent.key_and_wait("1")
        await until(lambda: seat(centre, "01").state is SeatState.WRAP_UP)
        await agent.key_and_wait("*1" if number == last else "1")
        await until(lambda: seat(centre, "01").state is not SeatState.WRAP_UP)
    await agent.key_and_wait("*0")
    if not await agent.was_hung_up():
        faults.append("log-in: an agent who keyed *0 was not hung up")
    if seat(centre, "01").state is not SeatState.OFFLINE:
        faults.append(f"log-in: after *0 the seat is {seat(centre, '01').state}")
    return faults
