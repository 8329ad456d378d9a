"""Follow each role through its first day with an installed product and a running centre with simulated calls.

    python -m tests.journeys [ROLE ...] [--keep DIR]

Builds the wheel, installs it with pipx into a new home folder and sets a centre up with the public commands. Each role then runs
the commands of its first-day page, makes common mistakes, and works at the running centre. Prints a line per role. The exit code
is 1 if one failed. DIR/index.html shows all commands, outputs and screenshots.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from dialer.mqtt.embedded_broker import find_free_port
from tests.journeys.access import CentreAccess, run_browser
from tests.journeys.centre import running_centre
from tests.journeys.journey import Journey, JourneyFailed, Step
from tests.journeys.programs import install_product, installed_program
from tests.journeys.report_page import write_index

ROLES = ("telephony", "data", "media", "supervisor", "agent", "compliance", "manager", "headquarters", "operations")
SITE = "site"


def main() -> int:
    """Run the first days of the given roles, or of all roles. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.journeys", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "roles", nargs="*", metavar="ROLE", choices=[*ROLES, []], help=f"one of {', '.join(ROLES)}; default: all"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for index.html and the screenshots")
    parser.add_argument(
        "--home", type=Path, metavar="DIR", help="home folder of an earlier run, with the product installed"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="matdan-journeys-") as folder:
        keep = (chosen.keep or Path(folder) / "seen").absolute()
        journeys: dict[str, list[Step]] = {}
        failures: dict[str, str] = {}
        try:
            _run_all(chosen.roles or ROLES, Path(folder), chosen.home, keep, journeys, failures)
        except JourneyFailed as failed:
            failures[SITE] = str(failed)
            journeys.setdefault(SITE, [])
        machine = f"{time.strftime('%Y-%m-%d %H:%M')}, {platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        index = write_index(keep, journeys, failures, machine)
        _print_line(f"{len(journeys) - len(failures)} of {len(journeys)} journeys passed; {machine}")
        if chosen.keep:
            _print_line(f"commands, outputs and screenshots: {index}")
    for line in failures.values():
        _print_line(line)
    return 1 if failures else 0


def _run_all(
    roles: list[str] | tuple[str, ...],
    folder: Path,
    home: Path | None,
    keep: Path,
    journeys: dict[str, list[Step]],
    failures: dict[str, str],
) -> None:
    installing: list[Step] = []
    journeys[SITE] = installing
    if home is None:
        home = folder / "home"
        dialer = install_product(home, installing.append)
    else:
        home = home.absolute()
        dialer = home / ".local" / "bin" / "dialer"
    _print_line(f"installed: {sum(step.seconds for step in installing):.0f} s")
    program = installed_program(dialer)
    (folder / SITE).mkdir()
    site = Journey(SITE, program, folder / SITE, installing)
    began = time.monotonic()
    with run_browser(keep) as browser, running_centre(site, dialer, home) as centre:
        _print_line(f"centre started: {time.monotonic() - began:.0f} s")
        access = CentreAccess(centre, browser, keep)
        for role in roles:
            journey = Journey(role, program, folder / role)
            journeys[role] = journey.steps
            began = time.monotonic()
            try:
                _run_role(journey, access)
            except JourneyFailed as failed:
                failures[role] = str(failed)
            except Exception as error:  # noqa: BLE001 - a page without the expected content fails the journey too
                failures[role] = f"{role}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            _print_line(
                f"{'FAIL' if role in failures else 'ok  '} {role}: {len(journey.steps)} steps, {time.monotonic() - began:.0f} s"
            )
            for context in browser.contexts:
                context.close()
            access.page_errors.clear()


def _run_role(journey: Journey, access: CentreAccess) -> None:
    """Run a role's commands that need no centre on a copy of the site, then its work at the running centre."""
    role = import_module(f"tests.journeys.{journey.role}")
    if hasattr(role, "run_without_centre"):
        shutil.copytree(
            access.centre.folder, journey.folder, ignore=shutil.ignore_patterns("*.log", "*.db*", "broker", "asterisk")
        )
        text = (journey.folder / "centre.toml").read_text().replace(str(access.centre.folder), str(journey.folder))
        for port in access.centre.ports.values():  # ports on which nothing listens
            text = text.replace(f"port = {port}\n", f"port = {find_free_port()}\n")
        (journey.folder / "centre.toml").write_text(text)
        journey.run("dialer import roll.csv -c centre.toml")
        role.run_without_centre(journey)
    journey.folder = access.centre.folder
    if hasattr(role, "run_at_centre"):
        role.run_at_centre(journey, access)
    journey.check_all_commands_ran()


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
