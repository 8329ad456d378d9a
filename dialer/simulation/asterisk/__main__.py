"""Run a simulated Asterisk as a process: `python -m dialer.simulation.asterisk --agi-port 4573 --seats 10`.

Prints one JSON line with its ports when it is ready. Ends on SIGTERM or SIGINT, or when a pipe on standard input
closes, so that it never outlives its parent process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import stat
import sys
from dataclasses import replace
from os import fstat, read
from pathlib import Path

import uvloop

from dialer.errors import MatdanError
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, SimulatedTrunk, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile


def parse_arguments(arguments: list[str] | None = None) -> SimulatedAsteriskConfig:
    """Return the configuration of a simulated Asterisk from command-line arguments. Exits with a usage message if it is
    invalid.
    """
    defaults = VoterProfile()
    parser = argparse.ArgumentParser(prog="python -m dialer.simulation.asterisk", description=__doc__)
    parser.add_argument("--ami-port", type=int, default=0, help="port for AMI; 0: any free port")
    parser.add_argument("--agi-host", default="127.0.0.1")
    parser.add_argument("--agi-port", type=int, required=True, help="port of the dialler's FastAGI server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--journal", type=Path, help="file to which each call event is appended as a JSON line")
    parser.add_argument("--seats", type=int, default=10, help="number of agents' phones: agent01, agent02, ...")
    parser.add_argument(
        "--trunk",
        action="append",
        metavar="NAME[:CHANNELS]",
        help="a trunk and its channel limit; may be repeated; default: carrier, without limit",
    )
    parser.add_argument("--answer-rate", type=float, default=defaults.answer_rate)
    parser.add_argument(
        "--ring-seconds", type=float, default=defaults.ring_mean_seconds, help="mean ring time of answered calls"
    )
    parser.add_argument(
        "--talk-seconds", type=float, default=defaults.talk_mean_seconds, help="mean length of a conversation"
    )
    parser.add_argument("--call-back-share", type=float, default=defaults.call_back_share)
    parser.add_argument("--prompt-seconds", type=float, default=3.0, help="length of every prompt")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="factor by which voters, carrier and prompts are faster"
    )
    chosen = parser.parse_args(arguments)
    if not 0 <= chosen.answer_rate <= 1:
        parser.error(f"--answer-rate must be from 0 to 1 (is {chosen.answer_rate})")
    if chosen.speed <= 0 or chosen.ring_seconds <= 0 or chosen.talk_seconds <= 0:
        parser.error("--speed, --ring-seconds and --talk-seconds must be above 0")
    profile = replace(
        defaults,
        answer_rate=chosen.answer_rate,
        ring_mean_seconds=chosen.ring_seconds,
        talk_mean_seconds=chosen.talk_seconds,
        call_back_share=chosen.call_back_share,
    )
    return SimulatedAsteriskConfig(
        agi_host=chosen.agi_host,
        agi_port=chosen.agi_port,
        ami_port=chosen.ami_port,
        seed=chosen.seed,
        journal=chosen.journal,
        seats=make_seat_phones(chosen.seats),
        trunks=tuple(_parse_trunk_option(text, parser) for text in chosen.trunk or ["carrier"]),
        profile=profile,
        default_prompt_seconds=chosen.prompt_seconds,
        speed=chosen.speed,
    )


def _parse_trunk_option(text: str, parser: argparse.ArgumentParser) -> SimulatedTrunk:
    name, _, channels = text.partition(":")
    if not name or (channels and not channels.isdigit()):
        parser.error(f"--trunk must be NAME or NAME:CHANNELS (is {text!r})")
    return SimulatedTrunk(name, int(channels or 0))


async def run_simulated_asterisk(config: SimulatedAsteriskConfig) -> None:
    """Run the simulated Asterisk until SIGTERM, SIGINT or the end of a pipe on standard input."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watched = _stop_at_end_of_standard_input(loop, stop)
    async with SimulatedAsterisk(config) as switch:
        ready = {"ami_port": switch.ami_port, "agi_port": switch.agi_port}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()
    if watched:
        loop.remove_reader(sys.stdin)


def _stop_at_end_of_standard_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> bool:
    """Set `stop` at the end of standard input if it is a pipe or a socket. Return whether it is one of these."""
    try:
        mode = fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False

    def stop_at_end_of_input() -> None:
        if not read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            stop.set()

    loop.add_reader(sys.stdin, stop_at_end_of_input)
    return True


def main() -> None:
    """Run the simulated Asterisk as a command. Errors that a user can correct are printed as one line, with exit code
    1.
    """
    config = parse_arguments()
    try:
        uvloop.run(run_simulated_asterisk(config))
    except (MatdanError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
