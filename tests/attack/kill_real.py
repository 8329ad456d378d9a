"""Dialler processes that are killed with SIGKILL at random times, one after another on one store and one switch.

Every other kill is a power loss, too: the next process finds the store as the disk has it, with each unsynced write there or not by
chance, and a new boot id.

    python -m tests.attack.kill_real --rounds 300 --seed 1

The simulated Asterisk runs all the time, over real TCP. Each dialler appends a mark to a file before it acknowledges it to the
caller. At the end the store is compared with the switch's journal and that file. All figures after the counts must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from uuid import uuid4

from dialer.mqtt.embedded_broker import find_free_port
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from dialer.store.sent_journal import get_journal_path
from tests.attack.kill_histories import print_progress
from tests.support.processes import HOURS, SPEED, run_dialler_process, wait_for_ended_calls, wait_for_placed_calls
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.waiting import HANG_SECONDS

CAMPAIGN: dict[str, object] = {"id": "ivr", "kind": "ivr", "pacing": "broadcast", "channels": 10, "hours": HOURS}
FLOW = str(Path(__file__).with_name("attack_flow.yaml"))
VOTERS = 4000
LAST_DIALLERS = 3  # the next one ends the calls that an overloaded machine's stop has left open
DIALLING_SHARE = 0.7  # of the kills, after the dialler has placed a call; the others meet one that starts
DOUBLED = "numbers dialled twice"
LOST = "acknowledged marks lost"
UNCOMMITTED = "calls that were never committed"
NEVER_ENDED = "attempts or targets never ended"
MUST_BE_ZERO = (LOST, DOUBLED, UNCOMMITTED, NEVER_ENDED)


def make_voter_scripts() -> dict[str, Behaviour]:
    """Return scripts of voters who answer, press many keys and stay for a long time."""
    keys = tuple((4.0 * n, "123"[n % 3]) for n in range(1, 60))
    script = Behaviour(answer_after=3.0, keys=keys, hang_up_after=300.0)
    return {f"+91{7_000_000_000 + n}": script for n in range(1, VOTERS)}


async def play(directory: Path, rounds: int, seed: int, progress: Callable[[str], None] | None = None) -> Counter[str]:
    """Kill `rounds` diallers, stop a last one in order, and return the figures. `progress` gets a line per killed dialler."""
    random, figures = Random(seed), Counter[str](rounds=rounds)
    fill_roll(directory / "centre.db", VOTERS)
    acknowledged = directory / "acknowledged"
    acknowledged.touch()
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        agi_port=find_free_port(),
        speed=SPEED,
        profile=VoterProfile(answer_rate=0.0),
        scripts=make_voter_scripts(),
    )
    campaign = {**CAMPAIGN, "flow": FLOW}
    async with SimulatedAsterisk(config) as switch:
        for round_number in range(1, rounds + 1):
            more = {"acknowledged": str(acknowledged)}
            durable = directory / f"durable-{round_number}"
            power_loss = round_number % 2 == 0
            if power_loss:
                _copy_store_files(directory / "centre.db", durable)
                more |= {"durable": str(durable), "seed": str(random.random())}
            with run_dialler_process(directory, switch, campaign, "never", **more) as dialler:
                await _wait_for_session(switch)
                if random.random() < DIALLING_SHARE:
                    await wait_for_placed_calls(switch, len(switch.placed_calls) + 1)
                await asyncio.sleep(random.uniform(0.0, 3.0))
                dialler.kill()
            if power_loss:
                figures["power losses"] += 1
                _put_durable_files_in_place(durable, directory / "centre.db")
            if progress is not None:
                progress(f"{round_number} of {rounds} rounds, {len(switch.placed_calls)} calls placed")
        for _ in range(LAST_DIALLERS):
            await _run_last_dialler(directory, switch, campaign, acknowledged)
            if not query_site_store(directory, "SELECT 1 FROM attempt WHERE ended_at IS NULL"):
                break
        _count_results(directory, switch, acknowledged, figures)
    return figures


async def _run_last_dialler(
    directory: Path, switch: SimulatedAsterisk, campaign: dict[str, object], acknowledged: Path
) -> None:
    """Run a dialler until three of its calls have ended, and stop it in order."""
    with run_dialler_process(directory, switch, campaign, "never", acknowledged=str(acknowledged)) as last:
        await _wait_for_session(switch)
        await wait_for_ended_calls(switch, len(switch.placed_calls) + 3)  # of the last dialler, so it was connected
        last.terminate()
        async with asyncio.timeout(HANG_SECONDS):
            status = await last.wait()
            assert status == 0, f"status {status}: " + (directory / "child.log").read_text()[-1000:]


def _copy_store_files(store: Path, folder: Path) -> None:
    """Copy the files of a store to a new folder: what its disk has before the first write, however early the kill is."""
    folder.mkdir()
    for suffix in ("", "-wal"):
        file = store.with_name(store.name + suffix)
        if file.exists():
            shutil.copyfile(file, folder / file.name)


def _put_durable_files_in_place(durable: Path, store: Path) -> None:
    """Replace the files of a store by what its disk had at a power loss."""
    for suffix in ("", "-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
    for found in durable.iterdir():
        shutil.move(found, store.with_name(found.name))
    durable.rmdir()
    journal = get_journal_path(store)
    with journal.open("r+b") as file:  # in place: the journal names its own inode
        _, space, rest = file.read().partition(b" ")
        file.seek(0)
        file.truncate()
        file.write(str(uuid4()).encode() + space + rest)


async def _wait_for_session(switch: SimulatedAsterisk) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not switch.session_registry.sessions:
            await asyncio.sleep(0.01)


def _count_results(directory: Path, switch: SimulatedAsterisk, acknowledged: Path, figures: Counter[str]) -> None:
    placed = [call.channel_id for call in switch.placed_calls]
    acknowledged_marks = Counter(acknowledged.read_text().splitlines())
    marks = query_site_store(
        directory, "SELECT attempt_id, kind, count(*) FROM mark WHERE source = 'voter-key' GROUP BY 1, 2"
    )
    stored = Counter({f"{attempt_id} {kind}/voter": count for attempt_id, kind, count in marks})
    figures["calls"], figures["marks acknowledged"] = len(placed), sum(acknowledged_marks.values())
    # A household mark stores nothing if no voter of it is pending any more, so only marks of single voters are counted.
    own = Counter({mark: times for mark, times in acknowledged_marks.items() if mark.endswith("/voter")})
    figures[LOST] = sum((own - stored).values())
    figures[DOUBLED] = sum(times - 1 for times in Counter(call.number for call in switch.placed_calls).values())
    attempts = {attempt_id for (attempt_id,) in query_site_store(directory, "SELECT attempt_id FROM attempt")}
    figures[UNCOMMITTED] = len(set(placed) - attempts)
    figures[NEVER_ENDED] = len(query_site_store(directory, "SELECT 1 FROM attempt WHERE ended_at IS NULL"))
    figures[NEVER_ENDED] += len(
        query_site_store(directory, "SELECT 1 FROM target WHERE state IN ('dialling', 'claimed')")
    )
    figures["attempts of unknown end"] = len(
        query_site_store(directory, "SELECT 1 FROM attempt WHERE outcome = 'unknown'")
    )


def find_faults(figures: Counter[str]) -> dict[str, int]:
    """Return the figures that must be 0 and are not."""
    return {name: figures[name] for name in MUST_BE_ZERO if figures[name]}


def main() -> int:
    """Print the figures. Return 1 if one that must be 0 is not, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(play(Path(directory), options.rounds, options.seed, print_progress))
    lines = [f"{name}: {figure}" for name, figure in figures.items() if name not in MUST_BE_ZERO]
    lines += [f"{name}: {figures[name]}" for name in MUST_BE_ZERO]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if find_faults(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
