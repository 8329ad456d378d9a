"""Work of operators, with times: backups at 25 call starts per second, a restore by another user on another machine, an upgrade
from the previous schema, and services installed and removed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
from io import BytesIO
from pathlib import Path

from tests.journeys.access import CentreAccess
from tests.journeys.centre import BUSY, STARTS_PER_SECOND, Centre, running_centre
from tests.journeys.journey import Journey, JourneyFailed
from tests.journeys.machine import check_services_on_a_machine
from tests.journeys.programs import ROOT, installed_program, make_program

MEASURED_SECONDS = 20.0
OTHER_USER = 65_534  # user id that is unknown on the first machine
OLD_ROWS = 100_000


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Run all parts: backups of a busy centre, restore, upgrade, and installed services."""
    folder = access.centre.folder.parent / journey.role
    folder.mkdir()
    journey.folder = folder
    with running_centre(journey, access.centre.dialer, access.centre.home, BUSY) as centre:
        copy = _make_backups(journey, centre)
    _restore_elsewhere(journey, centre, copy)
    _upgrade_store(journey, centre)
    check_services_on_a_machine(journey, access.centre.home)


def _read_metrics(centre: Centre) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{centre.ports['metrics']}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found: dict[str, float] = {"starts": 0.0, "lag": 0.0}
    for line in lines:
        name, _, value = line.rpartition(" ")
        if name.startswith("matdan_trunk_attempts_total"):
            found["starts"] += float(value)
        elif name.startswith("matdan_loop_lag_seconds") and "0.99" in name:
            found["lag"] = float(value)
    return found


def _measure_calls(journey: Journey, centre: Centre, what: str, backup: bool) -> None:
    """Measure call starts per second and event-loop lag, with or without continuous backups."""
    before, began, copies = _read_metrics(centre), time.monotonic(), 0
    while time.monotonic() - began < MEASURED_SECONDS:
        if backup:
            journey.run("dialer backup backups -c centre.toml")
            copies += 1
        time.sleep(0.5)
    after, seconds = _read_metrics(centre), time.monotonic() - began
    rate = (after["starts"] - before["starts"]) / seconds
    lag = f"event-loop lag p99 {after['lag'] * 1000:.0f} ms"
    result = f"{rate:.1f} call starts per second over {seconds:.0f} s, {copies} backups; {lag}"
    journey.record_view(f"Calls {what}", result)
    journey.require(rate > STARTS_PER_SECOND / 2, result)


def _make_backups(journey: Journey, centre: Centre) -> Path:
    centre.wait_until(lambda: _read_metrics(centre)["starts"] > STARTS_PER_SECOND, "calls")
    _measure_calls(journey, centre, "without backups", backup=False)
    _measure_calls(journey, centre, "with continuous backups", backup=True)
    journey.run("dialer doctor -c centre.toml --backups backups", "backup")
    return max((journey.folder / "backups").iterdir())


def _restore_elsewhere(journey: Journey, centre: Centre, copy: Path) -> None:
    """Restore settings and backup in another folder and, as root, as another user."""
    other_machine = journey.folder.parent / "other_machine"
    other_machine.mkdir()
    shutil.copytree(copy, other_machine / "copy")
    text = (journey.folder / "centre.toml").read_text().replace(str(journey.folder), str(other_machine))
    (other_machine / "centre.toml").write_text(text)
    shutil.copy(journey.folder / "lab.toml", other_machine)
    program = installed_program(centre.dialer)
    if os.geteuid() == 0:
        for path in (other_machine, *other_machine.rglob("*")):
            os.chown(path, OTHER_USER, OTHER_USER)
        other_machine.parent.chmod(0o755)
        program = installed_program(
            centre.dialer, ("setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups")
        )
    restored = Journey(journey.role, program, other_machine, journey.steps)
    restored.run(
        "dialer restore copy -c centre.toml",
        "restored",
        "Campaigns stopped until you resume them: turnout-agents, turnout-ivr",
    )
    restored.run("dialer audit verify -c centre.toml")
    restored.run("dialer report calls -c centre.toml", "turnout-ivr")
    restored.check_refused("dialer restore copy -c centre.toml", "centre.db")


def _upgrade_store(journey: Journey, centre: Centre) -> None:
    """Open a store of the previous version with this one, then check that the previous version refuses it."""
    migrations = sorted((ROOT / "dialer" / "store" / "migrations").glob("*.sql"))
    newest = migrations[-1].relative_to(ROOT)
    added = _run_git("log", "--format=%H", "--diff-filter=A", "--", str(newest)).decode().split()
    if not added:
        raise JourneyFailed(f"operations: git does not know the commit of {newest}; fetch the whole history")
    old = journey.folder / "before"
    with tarfile.open(
        fileobj=BytesIO(_run_git("archive", f"{added[-1]}~1", "dialer", "ivr_flows", "audio", "config"))
    ) as archive:
        archive.extractall(old, filter="data")
    earlier = Journey(
        journey.role,
        make_program((sys.executable, "-m", "dialer"), {**os.environ, "PYTHONPATH": str(old)}),
        journey.folder / "old-site",
        journey.steps,
    )
    earlier.folder.mkdir()
    earlier.run(f"dialer sample-roll --rows {OLD_ROWS} --out roll.csv")
    earlier.run("dialer import roll.csv --store centre.db")
    upgraded = Journey(journey.role, installed_program(centre.dialer), earlier.folder, journey.steps)
    upgraded.run("dialer optout add +919810000009 --store centre.db")  # the first write upgrades the schema
    upgraded.run("dialer audit verify --store centre.db")
    (copy,) = earlier.folder.glob("centre.db.schema-*")
    journey.require(copy.name.endswith(str(len(migrations) - 1)), f"{copy.name} is not a copy of the previous schema")
    earlier.run("dialer report imports --store centre.db", "install the newer Matdan", code=2)


def _run_git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise JourneyFailed(f"operations: git {words[0]}: {done.stderr.decode()[-200:]}")
    return done.stdout
