"""What a machine goes through, each step timed: backups beside 25 call starts a second, a restore elsewhere by another user, an
upgrade from the schema before, services installed and taken away again.
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

from tests.journeys.centre import BUSY, STARTS_PER_SECOND, Centre, running_centre
from tests.journeys.machine import on_a_machine
from tests.journeys.programs import ROOT, in_processes, installed
from tests.journeys.visit import Visit
from tests.journeys.walk import Stumbled, Walk

COUNTED_SECONDS = 20.0
NOBODY = 65_534  # who has nothing to do with the first machine
OLD_ROWS = 100_000


def at_work(walk: Walk, visit: Visit) -> None:
    """All of them."""
    folder = visit.centre.folder.parent / walk.role
    folder.mkdir()
    walk.folder = folder
    with running_centre(walk, visit.centre.dialer, visit.centre.home, BUSY) as centre:
        copy = _backup(walk, centre)
    _restore(walk, centre, copy)
    _upgrade(walk, centre)
    on_a_machine(walk, visit.centre.home)


def _figures(centre: Centre) -> dict[str, float]:
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


def _counted(walk: Walk, centre: Centre, what: str, backup: bool) -> None:
    """Call starts a second and the loop's lag over some seconds, with a backup after the other meanwhile or without."""
    before, began, copies = _figures(centre), time.monotonic(), 0
    while time.monotonic() - began < COUNTED_SECONDS:
        if backup:
            walk.does("dialer backup backups -c centre.toml")
            copies += 1
        time.sleep(0.5)
    after, seconds = _figures(centre), time.monotonic() - began
    rate = (after["starts"] - before["starts"]) / seconds
    told = f"{rate:.1f} call starts a second over {seconds:.0f} s, {copies} backups; the loop's p99 {after['lag'] * 1000:.0f} ms"
    walk.saw(f"Calls {what}", told)
    walk.must(rate > STARTS_PER_SECOND / 2, told)


def _backup(walk: Walk, centre: Centre) -> Path:
    centre.until(lambda: _figures(centre)["starts"] > STARTS_PER_SECOND, "calls")
    _counted(walk, centre, "alone", backup=False)
    _counted(walk, centre, "with backups beside them", backup=True)
    walk.does("dialer doctor -c centre.toml --backups backups", "backup")
    return max((walk.folder / "backups").iterdir())


def _restore(walk: Walk, centre: Centre, copy: Path) -> None:
    """Settings and backup on another machine: another folder and, for root, another user."""
    elsewhere = walk.folder.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(copy, elsewhere / "copy")
    text = (walk.folder / "centre.toml").read_text().replace(str(walk.folder), str(elsewhere))
    (elsewhere / "centre.toml").write_text(text)
    shutil.copy(walk.folder / "lab.toml", elsewhere)
    program = installed(centre.dialer)
    if os.geteuid() == 0:
        for path in (elsewhere, *elsewhere.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        elsewhere.parent.chmod(0o755)
        program = installed(centre.dialer, ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"))
    there = Walk(walk.role, program, elsewhere, walk.steps)
    there.does(
        "dialer restore copy -c centre.toml", "restored", "Stopped until you resume them: turnout-agents, turnout-ivr"
    )
    there.does("dialer audit verify -c centre.toml")
    there.does("dialer report calls -c centre.toml", "turnout-ivr")
    there.is_refused("dialer restore copy -c centre.toml", "centre.db")


def _upgrade(walk: Walk, centre: Centre) -> None:
    """A store of the schema before, made by the program of that time, opened by this one."""
    migrations = sorted((ROOT / "dialer" / "store" / "migrations").glob("*.sql"))
    newest = migrations[-1].relative_to(ROOT)
    added = _git("log", "--format=%H", "--diff-filter=A", "--", str(newest)).decode().split()
    if not added:
        raise Stumbled(f"operations: git does not know when {newest} came: an upgrade needs the whole history")
    old = walk.folder / "before"
    with tarfile.open(
        fileobj=BytesIO(_git("archive", f"{added[-1]}~1", "dialer", "ivr_flows", "audio", "config"))
    ) as archive:
        archive.extractall(old, filter="data")
    earlier = Walk(
        walk.role,
        in_processes((sys.executable, "-m", "dialer"), {**os.environ, "PYTHONPATH": str(old)}),
        walk.folder / "old-site",
        walk.steps,
    )
    earlier.folder.mkdir()
    earlier.does(f"dialer sample-roll --rows {OLD_ROWS} --out roll.csv")
    earlier.does("dialer import roll.csv --store centre.db")
    upgraded = Walk(walk.role, installed(centre.dialer), earlier.folder, walk.steps)
    upgraded.does("dialer optout add +919810000009 --store centre.db")  # the first that writes
    upgraded.does("dialer audit verify --store centre.db")
    (copy,) = earlier.folder.glob("centre.db.schema-*")
    walk.must(copy.name.endswith(str(len(migrations) - 1)), f"{copy.name} is no copy of the schema before")
    earlier.does("dialer report imports --store centre.db", "install the newer Matdan", code=2)


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise Stumbled(f"operations: git {words[0]}: {done.stderr.decode()[-200:]}")
    return done.stdout
