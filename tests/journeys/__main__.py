"""Walk the product as each role, installed as a user installs it, on a centre of simulated lines:

    python -m tests.journeys [ROLE ...] [--keep DIR]

builds the wheel, installs it with pipx into a fresh home, sets a centre up with its public commands, and has every role walk its
first day's page, its stumbling stones, and its work at the running centre. Prints a line for each; exit 1 where one has stumbled,
with the line that says where. DIR/index.html has all that was seen.
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

from dialer.mqtt.embedded_broker import free_port
from tests.journeys.centre import running_centre
from tests.journeys.programs import install, installed
from tests.journeys.told import write_index
from tests.journeys.visit import Visit, browser_for
from tests.journeys.walk import Step, Stumbled, Walk

ROLES = ("telephony", "data", "media", "supervisor", "agent", "compliance", "manager", "headquarters", "operations")
SITE = "site"


def main() -> int:
    """Walk what the arguments name, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.journeys", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("roles", nargs="*", metavar="ROLE", choices=[*ROLES, []], help=f"of {', '.join(ROLES)}")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where what was seen is kept; index.html is its first page"
    )
    parser.add_argument("--home", type=Path, metavar="DIR", help="a home in which an earlier run has installed it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="matdan-journeys-") as folder:
        keep = (chosen.keep or Path(folder) / "seen").absolute()
        walks: dict[str, list[Step]] = {}
        stumbles: dict[str, str] = {}
        try:
            _walk_all(chosen.roles or ROLES, Path(folder), chosen.home, keep, walks, stumbles)
        except Stumbled as stumbled:
            stumbles[SITE] = str(stumbled)
            walks.setdefault(SITE, [])
        machine = f"{time.strftime('%Y-%m-%d %H:%M')}, {platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        index = write_index(keep, walks, stumbles, machine)
        _say(f"{len(walks) - len(stumbles)} of {len(walks)} went through; {machine}")
        if chosen.keep:
            _say(f"what was seen: {index}")
    for line in stumbles.values():
        _say(line)
    return 1 if stumbles else 0


def _walk_all(
    roles: list[str] | tuple[str, ...],
    folder: Path,
    home: Path | None,
    keep: Path,
    walks: dict[str, list[Step]],
    stumbles: dict[str, str],
) -> None:
    installing: list[Step] = []
    walks[SITE] = installing
    if home is None:
        home = folder / "home"
        dialer = install(home, installing.append)
    else:
        home = home.absolute()
        dialer = home / ".local" / "bin" / "dialer"
    _say(f"installed: {sum(step.seconds for step in installing):.0f} s")
    program = installed(dialer)
    (folder / SITE).mkdir()
    site = Walk(SITE, program, folder / SITE, installing)
    began = time.monotonic()
    with browser_for(keep) as browser, running_centre(site, dialer, home) as centre:
        _say(f"a centre runs: {time.monotonic() - began:.0f} s")
        visit = Visit(centre, browser, keep)
        for role in roles:
            walk = Walk(role, program, folder / role)
            walks[role] = walk.steps
            began = time.monotonic()
            try:
                _walk_one(walk, visit)
            except Stumbled as stumbled:
                stumbles[role] = str(stumbled)
            except Exception as error:  # noqa: BLE001 - a page that does not show what it is waited for is a stumble too
                stumbles[role] = f"{role}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            _say(
                f"{'FAIL' if role in stumbles else 'ok  '} {role}: {len(walk.steps)} steps, {time.monotonic() - began:.0f} s"
            )
            for context in browser.contexts:
                context.close()
            visit.faults.clear()


def _walk_one(walk: Walk, visit: Visit) -> None:
    """The page and its stones on a copy of the site, then the running centre itself."""
    role = import_module(f"tests.journeys.{walk.role}")
    if hasattr(role, "alone"):
        shutil.copytree(
            visit.centre.folder, walk.folder, ignore=shutil.ignore_patterns("*.log", "*.db*", "broker", "asterisk")
        )
        text = (walk.folder / "centre.toml").read_text().replace(str(visit.centre.folder), str(walk.folder))
        for port in visit.centre.ports.values():  # nobody listens there
            text = text.replace(f"port = {port}\n", f"port = {free_port()}\n")
        (walk.folder / "centre.toml").write_text(text)
        walk.does("dialer import roll.csv -c centre.toml")
        role.alone(walk)
    walk.folder = visit.centre.folder
    if hasattr(role, "at_work"):
        role.at_work(walk, visit)
    walk.nothing_is_left()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
