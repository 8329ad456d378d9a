"""A store that is set back beside a real Asterisk, whose database has the newest call: nobody is called."""

from __future__ import annotations

import asyncio
import random

from dialer.app import assemble_centre
from dialer.domain.view import HoldReason
from dialer.engine.seats.commands import SeatLogIn
from dialer.settings.site import Settings
from tests.asterisk.log_in import run_dialler, wait_until
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.stage import Lab
from tests.support.scenario import Scenario, fill_numbers
from tests.support.scenario_run import LINES
from tests.support.stored import query_site_store

CALLS = Scenario.model_validate(
    {
        "about": "Voters who answer and hang up.",
        "voters": [{"does": "answer", "count": 6, "rings": 0.2, "stays": 0.5}],
        "expect": {"outcomes": {"connected": 6}},
    }
)
QUIET_SECONDS = 3.0  # in which calls would be placed


async def check_older_store(lab: Lab) -> list[str]:
    """Call two voters, set the store back to the time before, and run the dialler again. Return the faults.

    Raises NoAsterisk.
    """
    lab.directory.mkdir(parents=True, exist_ok=True)
    campaign = {"pacing": "progressive", "max_attempts": 1, "wrap_up_seconds": 1}
    settings = lab.settings(lab.directory, seats=1, campaign=campaign)
    store = settings.store.path
    fill_numbers(store, [number for number, _ in CALLS.numbers()])
    snapshot = store.read_bytes()
    carrier = Sipp(lab.sipp, lab.directory, "carrier", lab.carrier_port, (46_000, 49_999))
    try:
        await lab.start()
        await start_carrier(carrier, CALLS, lab.voter_audio)
        faults = await _call_voters(settings, lab)
        for path in store.parent.glob(f"{store.name}?*"):
            path.unlink()
        store.write_bytes(snapshot)
        faults += await _run_older_store(settings)
    finally:
        await carrier.stop()
        await lab.stop()
    return [*faults, *lab.asterisk.unexpected_log_lines()]


async def _call_voters(settings: Settings, lab: Lab) -> list[str]:
    async with (
        assemble_centre(settings, chance=random.Random(1), profile=LINES) as centre,
        run_dialler(centre),
    ):
        await centre.engine.execute_command(SeatLogIn(seat="01", agent="agent"))
        await wait_until(lambda: centre.engine.make_centre_view().campaigns[0].connected >= 2)
    found = await lab.asterisk.run_command("database get matdan newest-call")
    ((last,),) = query_site_store(
        settings.store.path.parent, "SELECT attempt_id FROM attempt ORDER BY rowid DESC LIMIT 1"
    )
    return [] if last in found else [f"older-store: Asterisk's database has {found.strip()}, not the call {last}"]


async def _run_older_store(settings: Settings) -> list[str]:
    async with (
        assemble_centre(settings, chance=random.Random(1), profile=LINES) as centre,
        run_dialler(centre),
    ):
        await centre.engine.execute_command(SeatLogIn(seat="01", agent="agent"))
        await asyncio.sleep(QUIET_SECONDS)
        campaign = centre.engine.make_centre_view().campaigns[0]
    faults = [] if campaign.attempts == 0 else [f"older-store: {campaign.attempts} voters were called again"]
    held = campaign.hold is not None and campaign.hold.reason is HoldReason.STORE_OLDER
    return faults if held else [*faults, f"older-store: dialling was not held ({campaign.hold})"]
