"""`make test-asterisk`: run all scenarios on a real Asterisk, with SIPp as carrier and phones, and measure delays.

Exit status: 0 if every scenario passes and Asterisk logged no unexpected warning, 1 if not, 2 without Asterisk or SIPp.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from dialer.deploy.asterisk.lint import lint_files_in_directory
from tests.asterisk.agi_scripts import check_agi_scripts
from tests.asterisk.answering_machines import check_answering_machines
from tests.asterisk.browser_phones import check_browser_phones
from tests.asterisk.call_rate import check_call_rate
from tests.asterisk.hold_key import check_hold_key
from tests.asterisk.jitter import check_jitter
from tests.asterisk.log_in import check_log_in
from tests.asterisk.machine_sample import check_machine_sample
from tests.asterisk.older_store import check_older_store
from tests.asterisk.outcomes import check_outcomes
from tests.asterisk.process import IS_MACHINE_FREE, NoAsterisk, find_asterisk, get_asterisk_version
from tests.asterisk.sipp import find_sipp
from tests.asterisk.stage import Lab, RealStage
from tests.asterisk.transfers_over_servers import check_transfers_over_servers
from tests.asterisk.trunk_settings import check_trunk_settings
from tests.asterisk.trunk_signatures import check_trunk_signatures
from tests.asterisk.trunk_srv import check_trunk_srv
from tests.asterisk.trunk_test import check_trunk_test
from tests.asterisk.trunk_tls import check_trunk_tls
from tests.asterisk.two_servers import TwoServers, load_two_server_scenarios
from tests.asterisk.whole_site import check_whole_site
from tests.support.scenario import Scenario, load_scenario, scenario_files
from tests.support.scenario_run import play

GOAL_MILLISECONDS = 150.0
BROWSERS = "browser-phones"
CHECKS = {
    "log-in": check_log_in,
    "hold-key": check_hold_key,
    "agi-scripts": check_agi_scripts,
    "older-store": check_older_store,
    "call-rate": check_call_rate,
    "jitter": check_jitter,
    "outcomes": check_outcomes,
    "trunk-settings": check_trunk_settings,
    "trunk-signatures": check_trunk_signatures,
    "trunk-srv": check_trunk_srv,
    "trunk-test": check_trunk_test,
    "trunk-tls": check_trunk_tls,
    "answering-machines": check_answering_machines,
    "machine-sample": check_machine_sample,
}
"""Checks that each have a lab of their own, by name."""
TWO_SERVERS = "two-servers"


def main() -> int:
    """Run the parts named on the command line, by default all. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.asterisk", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        help=f"scenario files without .yaml, {', '.join([BROWSERS, *CHECKS, TWO_SERVERS])}; all by default",
    )
    parser.add_argument("--keep", type=Path, help="keep configuration, logs and stores in this directory")
    arguments = parser.parse_args()
    known = {*(path.stem for path in scenario_files()), BROWSERS, *CHECKS, TWO_SERVERS}
    if unknown := [name for name in arguments.names if name not in known]:
        parser.error(f"no scenario or check is named {', '.join(unknown)}; see --help")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    chosen = [path for path in scenario_files() if not arguments.names or path.stem in arguments.names]
    scenarios = [(path.stem, scenario) for path in chosen if (scenario := load_scenario(path)).on != "simulated"]
    try:
        program, sipp = find_asterisk(), find_sipp()
        print_line(f"{get_asterisk_version(program)} ({program})")
        with tempfile.TemporaryDirectory(prefix="matdan-asterisk-") as temporary:
            browsers = not arguments.names or BROWSERS in arguments.names
            lab = Lab(program, sipp, arguments.keep or Path(temporary))
            servers = not arguments.names or TWO_SERVERS in arguments.names
            checks = [name for name in CHECKS if not arguments.names or name in arguments.names]
            return asyncio.run(run_checks(scenarios, lab, browsers=browsers, checks=checks, servers=servers))
    except NoAsterisk as error:
        print_line(f"cannot run: {error}")
        return 2


async def run_checks(
    scenarios: Sequence[tuple[str, Scenario]], lab: Lab, *, browsers: bool, checks: Sequence[str], servers: bool
) -> int:
    """Run the chosen checks and all scenarios on a real Asterisk. Return the exit status."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    report = RunReport()
    await report.run_check("whole-site", check_whole_site(lab.asterisk.program, lab.sipp, lab.directory))
    if browsers:
        found = await check_browser_phones(lab.asterisk.program, lab.sipp, lab.directory)
        for line in found.figures:
            print_line(f"     {line}")
        if found.is_tried:
            report.add_result(BROWSERS, found.faults)
    for name in checks:
        await report.run_check(name, CHECKS[name](Lab(lab.asterisk.program, lab.sipp, lab.directory / name)))
    if servers:
        name = "transfers-on-two-servers"
        two = TwoServers(lab.asterisk.program, lab.sipp, lab.directory / name)
        await report.run_check(name, check_transfers_over_servers(two))
        on_two = TwoServers(lab.asterisk.program, lab.sipp, lab.directory / TWO_SERVERS)
        await play_scenarios(load_two_server_scenarios(), on_two, report)
    await play_scenarios(scenarios, lab, report)
    print_line(f"{report.describe_result()} on {get_asterisk_version(lab.asterisk.program)}")
    return 1 if report.failed else 0


@dataclass
class RunReport:
    """What a run of the lab found: how many checks and scenarios hold, and the names of what failed."""

    tried: int = 0
    held: int = 0
    failed: list[str] = field(default_factory=list)

    async def run_check(self, name: str, check: Awaitable[list[str]]) -> None:
        """Run a check and add its result. One that times out or has no working Asterisk fails; the others still run."""
        begun = time.monotonic()
        try:
            faults = await check
        except (TimeoutError, NoAsterisk) as error:
            frames = [
                each for each in traceback.extract_tb(error.__traceback__) if "tests" in Path(each.filename).parts
            ]
            places = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames))
            faults = [f"{str(error) or 'timed out'} ({places})"]
        self.add_result(name, faults, time.monotonic() - begun)

    def add_result(self, name: str, faults: Sequence[str], seconds: float | None = None) -> None:
        """Count and print the result of a check or scenario, and how long it took."""
        took = "" if seconds is None else f" ({seconds:.0f} s)"
        print_line(f"{'FAIL' if faults else 'ok  '} {name}{took}: {'; '.join(faults) or 'holds'}")
        self.tried += 1
        self.held += not faults
        if faults:
            self.failed.append(name)

    def add_fault(self, line: str) -> None:
        """Print a fault that belongs to no check or scenario, such as a line in Asterisk's log. The run has failed."""
        print_line(f"FAIL {line}")
        self.failed.append(line)

    def describe_result(self) -> str:
        """Return how many of all checks and scenarios that were tried hold."""
        return f"{self.held} of {self.tried} checks and scenarios hold"


async def play_scenarios(scenarios: Sequence[tuple[str, Scenario]], lab: Lab, report: RunReport) -> None:
    """Play scenarios one by one on a lab, check Asterisk's log, and add the results to the report."""
    delays: list[float] = []
    if not scenarios:
        return
    lab.directory.mkdir(parents=True, exist_ok=True)
    where = "" if len(lab.asterisks) == 1 else " on two servers"
    try:
        await lab.start()
        for name, scenario in scenarios:
            await report.run_check(f"{name}{where}", play_scenario(name, scenario, lab, delays))
    finally:
        trouble = [line for asterisk, _ in lab.asterisks for line in asterisk.unexpected_log_lines()]
        await lab.stop()
    settings = lab.settings(lab.directory, campaign={})
    findings = [
        each for asterisk, server in lab.asterisks for each in lint_files_in_directory(asterisk.etc, settings, server)
    ]
    for line in [*trouble, *map(str, findings)]:
        report.add_fault(line)
    print_line(describe_delays(delays))


async def play_scenario(name: str, scenario: Scenario, lab: Lab, delays: list[float]) -> list[str]:
    """Play one scenario, and add the delays of connected voters (ms). Return the faults."""
    directory = lab.directory / name
    directory.mkdir()
    judged = scenario
    if not IS_MACHINE_FREE:
        judged = scenario.model_copy(update={"expect": scenario.expect.without_limits_of_speed()})
    async with RealStage(lab, judged) as stage:
        played = await play(judged, stage, directory)
    if scenario.expect.seats_back_within is not None:
        print_line(f"     agents' phones were connected again after {played.seconds_until_seats_back:.2f} s")
    if scenario.delays:
        measured = [call.delay_milliseconds for call in stage.watch.calls.values()]
        delays += [delay for delay in measured if delay is not None]
    lost = stage.watch.lost_packets
    return [*played.faults, *([f"the capture lost {lost} packets"] if lost else [])]


def describe_delays(delays: list[float]) -> str:
    """Return a line with the measured delays (ms), whether they meet the limit, and the load of the machine."""
    if not delays:
        return "no delay was measured"
    ordered = sorted(delays)
    p95, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.95, 0.99))
    verdict = "met" if p99 < GOAL_MILLISECONDS else "MISSED"
    return (
        f"from the carrier's 200 OK to the agent's voice at the voter, {len(ordered)} calls: median "
        f"{statistics.median(ordered):.1f} ms, p95 {p95:.1f}, p99 {p99:.1f}, max {ordered[-1]:.1f}; goal p99 under "
        f"{GOAL_MILLISECONDS:g} ms: {verdict} (load {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors)"
    )


def print_line(line: str) -> None:
    """Print a line without buffering, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
