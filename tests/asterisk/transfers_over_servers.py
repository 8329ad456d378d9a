"""A check of transfers between two real Asterisks: to a phone, and to a number over the other server's trunk."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing

from dialer.app import RunningCentre, assemble_centre
from dialer.domain.model import Disposition
from dialer.domain.view import SeatState, TransferStage
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatLogIn
from dialer.engine.transfers.commands import SeatCompleteTransfer, SeatConsult
from tests.asterisk.log_in import find_seat, run_dialler, wait_until
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.two_servers import TwoServers
from tests.support.scenario import Scenario, fill_numbers
from tests.support.scenario_run import LINES
from tests.support.waiting import HANG_SECONDS

SEAT = "02"  # of the second server
# Progressive pacing calls one voter at a time for the one agent, so that no answered call can be abandoned.
CAMPAIGN = {"pacing": "progressive", "max_attempts": 1, "wrap_up_seconds": 60}
CALLS = Scenario.model_validate(
    {
        "about": "voters who talk for a while, and an office that stays",
        "voters": [
            {"does": "answer", "count": 2, "rings": 0.2, "stays": 15.0},
            {"does": "answer", "count": 1, "rings": 0.2},
        ],
        "expect": {"outcomes": {"connected": 2}},
    }
)


async def check_transfers_over_servers(lab: TwoServers) -> list[str]:
    """Run the transfers to both targets. Return the faults. Raises NoAsterisk."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    settings = lab.settings(lab.directory, seats=2, campaign=CAMPAIGN)
    fill_numbers(settings.store.path, [number for number, group in CALLS.numbers() if group == 0])
    carrier = Sipp(lab.sipp, lab.directory, "carrier", lab.carrier_port, (46_000, 49_999))
    faults: list[str] = []
    try:
        await lab.start()
        await start_carrier(carrier, CALLS, lab.voter_audio)
        async with (
            assemble_centre(settings, chance=random.Random(1), profile=LINES) as centre,
            run_dialler(centre),
        ):
            await centre.engine.execute_command(SeatLogIn(seat=SEAT, agent="agent"))
            for target in ("boss", "office"):
                try:
                    faults += await check_transfer(centre, lab, target)
                except TimeoutError:
                    faults.append(f"transfer to {target}: stopped at {find_seat(centre, SEAT)}")
    finally:
        await carrier.stop()
        await lab.stop()
    with closing(sqlite3.connect(f"file:{settings.store.path}?mode=ro", uri=True)) as db:
        outcomes = db.execute("SELECT outcome FROM attempt").fetchall()
    if outcomes != [("connected",), ("connected",)]:
        faults.append(f"transfers over servers: outcomes {outcomes}")
    return [*faults, *(line for asterisk, _ in lab.asterisks for line in asterisk.unexpected_log_lines())]


async def check_transfer(centre: RunningCentre, lab: TwoServers, target: str) -> list[str]:
    """Transfer a voter to the target, where the voter hangs up. Return the faults."""
    execute = centre.engine.execute_command
    await wait_until(lambda: find_seat(centre, SEAT).state is SeatState.TALKING)
    attempt = find_seat(centre, SEAT).attempt_id or ""
    await execute(SeatConsult(seat=SEAT, to=target))
    await wait_until(lambda: find_seat(centre, SEAT).transfer is TransferStage.CONSULT)
    await execute(SeatCompleteTransfer(seat=SEAT))
    await wait_until(lambda: find_seat(centre, SEAT).state is SeatState.WRAP_UP)
    faults = await find_missing_conference(lab, f"aside-{attempt}", target)
    await wait_until(lambda: not any(centre.engine.make_centre_view().campaigns[0].calls.values()))
    await execute(PhoneKeyDisposition(seat=SEAT, disposition=Disposition.VOTED))
    rooms = await lab.other.run_command("confbridge list")
    return faults if "aside-" not in rooms else [*faults, f"transfer to {target}: a conference was not closed: {rooms}"]


async def find_missing_conference(lab: TwoServers, name: str, target: str) -> list[str]:
    """Wait until the second server has the conference of a transfer, which the voter may join after the agent has left.
    Return a fault if it does not appear.
    """
    rooms = ""
    try:
        async with asyncio.timeout(HANG_SECONDS):
            while name not in (rooms := await lab.other.run_command("confbridge list")):
                await asyncio.sleep(0.1)
    except TimeoutError:
        return [f"transfer to {target}: no conference at the second server: {rooms}"]
    return []
