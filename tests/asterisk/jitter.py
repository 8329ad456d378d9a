"""A check of voices with jitter on a real Asterisk: what an agent hears of them, with a jitter buffer and without one."""

from __future__ import annotations

import asyncio
import random
import uuid

from dialer.deploy.asterisk.lint import lint_files_in_directory
from dialer.switch.asterisk.places import AGENT_CONTEXT, SEAT_CONTEXT, make_originate_fields
from tests.asterisk.called_phones import CalledPhone, CarrierOfPhones
from tests.asterisk.key_phone import PACKET_SAMPLES, PACKET_SECONDS
from tests.asterisk.process import IS_MACHINE_FREE
from tests.asterisk.sounds import SILENCE
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import TrunkLab
from tests.support.waiting import HANG_SECONDS

FRAMES = 500  # of 20 ms, in a voter's voice
JITTER_SECONDS = 0.06
SWAPPED = 0.03  # share of the packets that arrive after their successor
LEAST_HEARD = 0.98  # of the frames, while the machine is free
TRUNKS: dict[str, dict[str, bool]] = {"usual": {}, "buffered": {"jitter_buffer": True}}
SEATS = {"usual": "1", "buffered": "2"}  # of the voters of each trunk


async def check_jitter(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    trunks = TrunkLab(lab.asterisk.program, lab.sipp, lab.directory, TRUNKS)
    frames = [make_frame(number) for number in range(FRAMES)]
    voters = {name: CalledPhone(b"".join(frames), delays=plan_delays(random.Random(1))) for name in SEATS}
    agents = {name: CalledPhone(b"") for name in SEATS}
    carriers = {
        name: CarrierOfPhones(trunks.get_port(name), {"+917010000001": voters[name], "+917010000002": agents[name]})
        for name in SEATS
    }
    async with carriers["usual"], carriers["buffered"], trunks.run_asterisk():
        for trunk, seat in SEATS.items():
            await _place_call(trunks, f"PJSIP/+917010000002@{trunk}", AGENT_CONTEXT, seat)
        await _wait_for_participants(trunks, 1)
        for trunk, seat in SEATS.items():
            await _place_call(trunks, f"PJSIP/+917010000001@{trunk}", SEAT_CONTEXT, seat)
        await _wait_for_participants(trunks, 2)
        async with asyncio.timeout(HANG_SECONDS):
            while any(voter.sent < len(voter.clip) + PACKET_SAMPLES / PACKET_SECONDS for voter in voters.values()):
                await asyncio.sleep(PACKET_SECONDS)
    findings = [str(each) for each in lint_files_in_directory(trunks.asterisk.etc, trunks.settings)]
    faults = [*findings, *trunks.asterisk.unexpected_log_lines()]
    known = {frame: number for number, frame in enumerate(frames)}
    for name, agent in agents.items():
        heard = [known[audio] for _, audio in agent.heard if audio in known]
        late = sum(number < max(heard[:place], default=-1) for place, number in enumerate(heard))
        share = len(heard) / (FRAMES - min(heard, default=0))
        if IS_MACHINE_FREE and share < LEAST_HEARD:
            faults.append(f"{name}: the agent heard {share:.1%} of the voice")
        if (late > 0) != (name == "usual"):
            faults.append(f"{name}: the agent heard {late} of {len(heard)} frames after a later one")
    return faults


def make_frame(number: int) -> bytes:
    """Return 20 ms of quiet A-law noise by which a frame is recognised."""
    chance = random.Random(number)
    return bytes(SILENCE ^ chance.randrange(0x08, 0x38) ^ chance.choice((0, 0x80)) for _ in range(PACKET_SAMPLES))


def plan_delays(chance: random.Random) -> list[float]:
    """Return the delay of each frame in the network (seconds). No frame overtakes another, except for those swapped."""
    leaves = [0.0]
    for number in range(1, FRAMES):
        leaves.append(max(leaves[-1] + 0.001, number * PACKET_SECONDS + chance.uniform(0.0, JITTER_SECONDS)))
    for number in range(FRAMES - 1):
        if chance.random() < SWAPPED:
            leaves[number], leaves[number + 1] = leaves[number + 1], leaves[number]
    return [at - number * PACKET_SECONDS for number, at in enumerate(leaves)]


async def _place_call(trunks: TrunkLab, channel: str, context: str, seat: str) -> None:
    unique = str(uuid.uuid4())
    fields = make_originate_fields(channel, unique, context, seat, ("Timeout", "8000"))
    await trunks.client.send_action("Originate", fields, action_id=unique)


async def _wait_for_participants(trunks: TrunkLab, count: int) -> None:
    """Wait until each conference has this number of participants. Raises TimeoutError."""
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            rooms = await trunks.client.send_list_action("ConfbridgeListRooms")
            if [room.get("Parties") for room in rooms] == [str(count)] * len(SEATS):
                return
            await asyncio.sleep(0.1)
