"""A check of the calls that start each second on the wire, on a real Asterisk: never more than the trunk's limit."""

from __future__ import annotations

import bisect
import random

from dialer.app import assemble_centre
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.engine.trunks.state import WIRE_SECONDS
from tests.asterisk.log_in import run_dialler, wait_until
from tests.asterisk.packets import PacketWatch
from tests.asterisk.process import IS_MACHINE_FREE
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.stage import Lab, write_sounds
from tests.support.scenario import Scenario, fill_numbers
from tests.support.scenario_run import LINES

CALLS_PER_SECOND = 5
CALLS = Scenario.model_validate(
    {
        "about": "voters who are busy",
        "voters": [{"does": "busy", "rings": 0.1, "count": 99}],
        "expect": {"outcomes": {"busy": 99}},
    }
)


async def check_call_rate(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    declared = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
    campaign = {"kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 50, "declared": declared}
    usual = lab.settings(lab.directory, seats=1, campaign={**campaign, "max_attempts": 1})
    [trunk] = usual.model_dump()["trunks"]
    slow = {**trunk, "calls_per_second": CALLS_PER_SECOND}
    settings = lab.settings(lab.directory, seats=1, campaign={**campaign, "max_attempts": 1}, trunks=[slow])
    lab.asterisk.write_configuration(render_asterisk_site_files(settings, {}))
    write_sounds(lab.asterisk)
    lab.voter_audio.write_bytes(bytes(8000))
    number_of_calls = len(CALLS.numbers())
    fill_numbers(settings.store.path, [number for number, _ in CALLS.numbers()])
    carrier, watch = (
        Sipp(lab.sipp, lab.directory, "carrier", lab.carrier_port, (46_000, 49_999)),
        PacketWatch(lab.carrier_port),
    )
    try:
        await lab.asterisk.start()
        await start_carrier(carrier, CALLS, lab.voter_audio)
        watch.start()
        async with (
            assemble_centre(settings, chance=random.Random(1), profile=LINES) as centre,
            run_dialler(centre),
        ):
            await wait_until(
                lambda: sum(centre.engine.make_centre_view().campaigns[0].outcomes.values()) == number_of_calls
            )
    finally:
        watch.stop()
        await carrier.stop()
        await lab.stop()
    times = sorted(watch.invite_times)
    if len(times) != number_of_calls:
        return [f"{len(times)} of {number_of_calls} calls were captured; {watch.lost_packets} packets were lost"]
    counts = [bisect.bisect_left(times, begin + 1.0) - place for place, begin in enumerate(times)]
    over = sum(count > CALLS_PER_SECOND for count in counts)
    rate = (len(times) - 1) / (times[-1] - times[0])
    faults = (
        [] if not over else [f"{over} of {len(counts)} seconds have up to {max(counts)} calls, {rate:.2f} a second"]
    )
    if IS_MACHINE_FREE and rate < 0.97 * CALLS_PER_SECOND / (1.0 + WIRE_SECONDS):
        faults.append(f"{rate:.2f} calls a second are fewer than the limit allows")
    return [*faults, *lab.asterisk.unexpected_log_lines()]
