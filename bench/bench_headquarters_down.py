"""Orders and material from headquarters: a stop of 270 of 300 centres, a small bundle to 300, 50 MB of changes to one.

    python -m bench.bench_headquarters_down [--quick | --smoke]

Over a real nats-server and HTTP on loopback. The centres are the uplink's own classes in this process, each with its own
connection and folder. Instead of a dialler, a stand-in checks orders; there are no calls to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from bench.common import EXIT_GOAL_MISSED, Size, add_size_options, cpu_seconds, describe_machine, print_progress
from dialer.domain.clock import SystemClock
from dialer.domain.errors import CommandRefused
from dialer.domain.orders import (
    OrderKind,
    SignedOrder,
    find_order_signers,
    parse_order_text,
    refuse_invalid_order,
)
from dialer.domain.signing import derive_public_key
from dialer.hq.orders import MAX_ORDER_STREAM_BYTES, OrderReply, create_order, send_order
from dialer.hq.servers import run_nats_server
from dialer.material.centre import CentreMaterial, MaterialSource
from dialer.mqtt.dialler_client import Reply
from dialer.nats.messages import CMD
from dialer.nats.session import Session, open_session
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.material import MaterialUpdater
from dialer.uplink.orders import OrderDelivery
from tests.support.material import Publisher, publishing

KEYS = {"asha": b"a" * 32, "ravi": b"r" * 32}
LEADERS = {name: derive_public_key(key) for name, key in KEYS.items()}
ANSWER_SECONDS = 15.0  # always waited, because a tenth of the centres is not connected
STOP_GOAL_SECONDS, BUNDLE_GOAL_SECONDS = 2.0, 60.0


class OrderJudge(DiallerCommands):
    """A stand-in for the dialler that only checks orders."""

    def __init__(self, centre: str, zone: str) -> None:
        """Create the stand-in of a centre."""
        object.__setattr__(self, "identity", (centre, zone))

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        """Answer "done", or refuse an order as the dialler would."""
        if name == "reload-flows":
            return Reply("done", "")
        centre, zone = self.identity  # type: ignore[attr-defined]
        signed = SignedOrder.model_validate(values)
        try:
            order = parse_order_text(signed.order)
            signers = find_order_signers(signed.order, signed.signatures, LEADERS)
            refuse_invalid_order(order, signers, centre, zone, time.time())
        except CommandRefused as refused:
            return Reply("refused", str(refused))
        return Reply("done", "stopped 2 campaigns")


def get_zone_of_centre(number: int) -> str:
    """Return the zone of a centre by its number; there are ten."""
    return f"z{number % 10}"


async def measure_stop_all(address: str, sessions: list[Session], named: int) -> bool:
    """Stop all centres, then send a forged order. Check that all connected centres answer correctly.

    Return whether they answered in time.
    """
    in_time = True
    clock = SystemClock()
    async with open_session([address], "headquarters") as above:
        await above.create_stream_if_missing(CMD, ["cmd.>"], max_bytes=MAX_ORDER_STREAM_BYTES)
        jobs = [
            asyncio.create_task(
                OrderDelivery(
                    f"c{number}",
                    get_zone_of_centre(number),
                    session,
                    OrderJudge(f"c{number}", get_zone_of_centre(number)),
                    clock,
                ).deliver_orders_until_cancelled()
            )
            for number, session in enumerate(sessions)
        ]
        await asyncio.sleep(3.0)  # until each has its consumer
        centres = [f"c{number}" for number in range(named)]
        for signer, label in ((KEYS["asha"], "stop-all"), (b"f" * 32, "forged")):
            answered: list[float] = []
            order = create_order(OrderKind.STOP_ALL, "all", time.time())
            signed = SignedOrder(order=order.order_as_json_text).add_signature("asha", signer)
            began, spent = time.perf_counter(), cpu_seconds()

            def record_answer_time(answer: OrderReply, began: float = began, answered: list[float] = answered) -> None:
                answered.append(time.perf_counter() - began)

            answers = await send_order(above, signed, order, centres, ANSWER_SECONDS, record_answer_time)
            statuses = {answer.status for answer in answers.values()}
            missing = len(centres) - len(answers)
            print(
                f"{label}: {len(answers)} of {named} centres answered ({', '.join(statuses)}), the last after"
                f" {answered[-1] * 1000:.0f} ms, {missing} reported missing; {cpu_seconds() - spent:.2f} s of CPU in total"
            )
            wrong = statuses != ({"done"} if label == "stop-all" else {"refused"}) or len(answers) != len(sessions)
            if wrong:
                raise SystemExit(f"VOID {label}: not answered correctly by all connected centres")
            in_time &= print_goal(label, answered[-1], STOP_GOAL_SECONDS)
        for job in jobs:
            job.cancel()
    return in_time


def print_goal(what: str, seconds: float, goal: float) -> bool:
    """Print and return whether something took at most `goal` seconds."""
    print(f"  goal: {what} within {goal:g} s: {seconds:.2f} s - {'met' if seconds <= goal else 'NOT met'}")
    return seconds <= goal


async def measure_bundle(publisher: Publisher, folder: Path, sessions: list[Session], interval_seconds: float) -> bool:
    """Assign a small bundle to all centres, which look for it once in an interval. Return whether all run it in time."""
    source = folder / "source"
    (source / "flows").mkdir(parents=True)
    for number in range(5):
        (source / f"flows/{number}.yaml").write_text(secrets.token_hex(2_000))
    publisher.approve(source, time.time())
    running: dict[str, float] = {}
    began, spent = time.perf_counter(), cpu_seconds()
    publisher.assign(1, time.time())

    async def one(number: int, session: Session) -> None:
        name, zone = f"c{number}", get_zone_of_centre(number)
        place = folder / name
        place.mkdir()
        material = CentreMaterial(
            place, MaterialSource(publisher.url, publisher.root, None, name, zone, "india"), lambda: 1 << 40
        )
        down = MaterialUpdater(name, session, OrderJudge(name, zone), material, SystemClock())
        await asyncio.sleep(interval_seconds * number / len(sessions))  # its position in the interval between checks
        while await asyncio.to_thread(material.read_active_material_manifest) is None:
            await down.install_assigned_material_version()
        running[name] = time.perf_counter() - began

    await asyncio.gather(*(one(number, session) for number, session in enumerate(sessions)))
    print(
        f"a bundle of 5 files, 20 KB: {len(running)} centres run it after {max(running.values()):.1f} s, of which"
        f" {interval_seconds:g} s are the interval between checks;"
        f" {(cpu_seconds() - spent) / len(running) * 1000:.0f} ms of CPU per centre, web server included"
    )
    return print_goal("bundle", max(running.values()), BUNDLE_GOAL_SECONDS)


def measure_delta(publisher: Publisher, folder: Path, megabytes: int) -> None:
    """Download a large bundle to one centre, then the changes of its next version."""
    source = folder / "large"
    (source / "sounds").mkdir(parents=True)
    for number in range(2 * megabytes):
        (source / f"sounds/{number}.alaw").write_bytes(secrets.token_bytes(500_000))
    name = "large"
    publisher.approve(source, time.time(), name=name)
    publisher.assign(1, time.time(), "centre:far", name=name)
    (folder / "far").mkdir()
    origin = MaterialSource(publisher.url, publisher.root, None, "far", None, "india")
    material = CentreMaterial(folder / "far", origin, lambda: 1 << 40)
    for version in (1, 2):
        wanted = material.fetch_assigned_material_manifest()
        assert wanted is not None
        missing = sum(file.size for file in material.find_material_files_not_downloaded(wanted).values())
        began, spent = time.perf_counter(), time.process_time()
        material.download_material_version(wanted)
        material.activate_material_version(wanted.bundle_name_and_version)
        seconds = time.perf_counter() - began
        print(
            f"version {version}: {missing / 1e6:.0f} of {wanted.total_file_bytes / 1e6:.0f} MB installed in {seconds:.2f} s"
            f" ({time.process_time() - spent:.2f} s of CPU with web server)"
        )
        for number in range(megabytes):  # half of it changes
            (source / f"sounds/{number}.alaw").write_bytes(secrets.token_bytes(500_000))
        if version == 1:
            publisher.approve(source, time.time(), name=name)
            publisher.assign(2, time.time(), "centre:far", name=name)


async def run(centres: int, megabytes: int, interval_seconds: float) -> bool:
    """Run all three measurements. Return whether all goals are met."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="matdan-down-") as directory:
        folder = Path(directory)
        with publishing(folder / "hq", time.time()) as publisher:
            async with run_nats_server(folder / "nats") as server, contextlib.AsyncExitStack() as stack:
                sessions = [
                    await stack.enter_async_context(open_session([server.nats_server_url], f"c{number}"))
                    for number in range(centres)
                ]
                print_progress(f"orders to {centres} centres")
                there = sessions[: centres * 9 // 10]
                in_time = await measure_stop_all(server.nats_server_url, there, centres)
                print_progress(f"a bundle to {centres} centres")
                in_time &= await measure_bundle(publisher, folder, sessions, interval_seconds)
            print_progress(f"changes of {megabytes // 2} MB")
            await asyncio.to_thread(measure_delta, publisher, folder, megabytes)
    return in_time


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_size_options(parser, "30 centres, 5 MB of changes")
    size: Size = parser.parse_args().size
    print(describe_machine())
    in_time = asyncio.run(run(size.pick(300, 30, 10), size.pick(100, 10, 2), size.pick(20.0, 20.0, 0.5)))
    return 0 if in_time or size is not Size.FULL else EXIT_GOAL_MISSED


if __name__ == "__main__":
    sys.exit(main())
