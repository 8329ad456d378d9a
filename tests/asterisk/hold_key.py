"""A check of an agent's phone with a hold key on a real Asterisk: the voter hears music, then the agent again."""

from __future__ import annotations

import asyncio
import contextlib
import random

from dialer.app import RunningCentre, assemble_centre
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.domain.view import TransferStage
from dialer.engine.seats.commands import SeatLogIn
from tests.asterisk.log_in import find_seat, run_dialler, wait_until
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.sipp_scripts import render_phone_with_hold_key
from tests.asterisk.sounds import make_tone
from tests.asterisk.stage import Lab, write_sounds
from tests.support.scenario import Scenario, fill_numbers
from tests.support.scenario_run import LINES
from tests.support.waiting import HANG_SECONDS

HOLD_SECONDS = (6.0, 10.0)  # from the answer of the agent's phone
CALLS = Scenario.model_validate(
    {
        "about": "a voter who answers at once and stays",
        "voters": [{"does": "answer", "rings": 0.2, "stays": 30.0}],
        "expect": {"outcomes": {"connected": 1}},
    }
)


async def check_hold_key(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    settings = lab.settings(lab.directory, seats=1, campaign={"pacing": "progressive", "max_attempts": 1})
    lab.asterisk.write_configuration(render_asterisk_site_files(settings, {}))
    write_sounds(lab.asterisk)
    for audio in (lab.agent_audio, lab.voter_audio):
        audio.write_bytes(make_tone(1.0))
    fill_numbers(settings.store.path, [number for number, _ in CALLS.numbers()])
    carrier = Sipp(lab.sipp, lab.directory, "carrier", lab.carrier_port, (46_000, 49_999))
    faults: list[str] = []
    try:
        await lab.asterisk.start()
        phone = lab.phones["01"]
        await phone.register_phone(lab.sip_port, "agent01", lab.password)
        await phone.answer_calls(render_phone_with_hold_key(str(lab.agent_audio), HOLD_SECONDS))
        await lab.wait_for_phones()
        await start_carrier(carrier, CALLS, lab.voter_audio)
        async with (
            assemble_centre(settings, chance=random.Random(1), profile=LINES) as centre,
            run_dialler(centre),
        ):
            await centre.engine.execute_command(SeatLogIn(seat="01", agent="agent"))
            faults += await _watch_hold(lab, centre)
    except TimeoutError:
        faults.append("the agent's phone was not held, or not resumed")
    finally:
        await carrier.stop()
        await lab.stop()
    return [*faults, *lab.asterisk.unexpected_log_lines()]


async def _watch_hold(lab: Lab, centre: RunningCentre) -> list[str]:
    await wait_until(lambda: find_seat(centre, "01").phone_on_hold)
    transfer = find_seat(centre, "01").transfer
    heard = await _wait_for_voters_application(lab, "MusicOnHold")
    await wait_until(lambda: find_seat(centre, "01").transfer is None)
    await wait_until(lambda: not find_seat(centre, "01").phone_on_hold)
    faults = [] if (transfer, heard) == (TransferStage.HOLD, "MusicOnHold") else [f"the voter had {heard}, {transfer}"]
    after = await _wait_for_voters_application(lab, "ConfBridge")
    return faults if after == "ConfBridge" else [*faults, f"after the hold the voter had {after}"]


async def _wait_for_voters_application(lab: Lab, application: str) -> str:
    """Wait until the voter's channel runs an application of the dialplan. Return the last one that it ran."""
    last = "no call"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HANG_SECONDS):
            while last != application:
                channels = await lab.asterisk.run_command("core show channels concise")
                lines = [line for line in channels.splitlines() if line.startswith("PJSIP/carrier")]
                last = lines[0].split("!")[5] if lines else "no call"
    return last
