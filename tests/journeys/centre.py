"""A centre installed as docs/how-to/install.md says: Mosquitto on its rendered files, dialler and desk.

In the place of Asterisk and the carrier is a simulated one. All of it ends with who started it.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dialer.mqtt.embedded_broker import GUARD, free_port, is_free, mosquitto_path
from tests.journeys.programs import ROOT, environment
from tests.journeys.walk import Stumbled, Walk

PATIENCE_SECONDS = 180.0  # of a machine with much beside
SEATS = 3
INIT = (
    "dialer init centre.toml --id pune-1 --organisation 'Example Office' --jurisdiction lab.toml --region IN --prefix +91"
    " --time-zone Asia/Kolkata --languages hi,mr --trunk-host 127.0.0.1 --caller-ids +911140000001"
    f" --phones-from 127.0.0.0/8 --seats {SEATS} --data ."
)
IVR = """
[[campaigns]]
id = "turnout-ivr"
kind = "ivr"
purpose = "turnout"
flow = "turnout"
hours = [{ start = "00:00", until = "23:59" }]
"""


@dataclass(frozen=True, slots=True)
class CentreKind:
    """How large a centre is, and who answers its calls."""

    rows: int = 600
    answers: str = ""  # what else `init` is told
    campaigns: str = ""  # what else stands in its settings
    lines: str = "--answer-rate 0.7 --ring-seconds 2 --talk-seconds 25 --prompt-seconds 1"


SMALL = CentreKind()
STARTS_PER_SECOND = 25
BUSY = CentreKind(
    rows=20_000,
    answers=f" --channels 900 --calls-per-second {STARTS_PER_SECOND}",
    campaigns=IVR,
    lines="--answer-rate 0.9 --ring-seconds 2 --talk-seconds 25 --prompt-seconds 1",
)


@dataclass(slots=True)
class Centre:
    """A site's folder, and its processes by name."""

    dialer: Path
    home: Path
    folder: Path
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The desk's address."""
        return f"http://127.0.0.1:{self.ports['desk']}"

    @property
    def pins(self) -> dict[str, str]:
        """Agents' PINs by number, as `init` made them."""
        lines = (self.folder / "agents-pins.txt").read_text().splitlines()
        return dict(line.split() for line in lines)

    def log(self, name: str) -> Path:
        """What a process has said."""
        return self.folder / f"{name}.log"

    def listens(self, name: str) -> bool:
        """Whether somebody does at the port of that name."""
        return not is_free(self.ports[name])

    def start(self, name: str, *command: str | Path) -> None:
        """Have it run until the centre ends."""
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", GUARD, *command],
                cwd=self.folder,
                env=environment(self.home) | {"PYTHONPATH": str(ROOT)} if name == "lines" else environment(self.home),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def end(self, name: str) -> int:
        """End it in order; its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        assert process.stdin is not None
        process.stdin.close()
        return process.wait(PATIENCE_SECONDS)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Return once it is so. Raises Stumbled where a process ends or it takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                said = {name: self.log(name).read_text()[-300:] for name in ended or self.processes}
                raise Stumbled(f"the centre: {what} did not come; ended: {ended or 'none'}; {said}")
            time.sleep(0.1)


def lab_rules(folder: Path) -> None:
    """A profile of the site's own: as the neutral one, with calls at all hours, for a journey may be walked at night."""
    text = (ROOT / "config" / "jurisdictions" / "neutral.toml").read_text()
    text = re.sub(
        r'\["\d\d:\d\d", "\d\d:\d\d"\]', '["00:00", "23:59"]', text.replace('name = "neutral"', 'name = "lab"')
    )
    (folder / "lab.toml").write_text(text)


def on_ports_of_its_own(folder: Path, campaigns: str) -> dict[str, int]:
    """Let the site of a new settings file listen where nobody else does, and all day."""
    ports = {name: free_port() for name in ("ami", "fastagi", "broker", "desk", "metrics", "metrics_desk")}
    text = (folder / "centre.toml").read_text()
    for name in ("ami", "broker", "desk"):
        text = text.replace(f"\n[{name}]\n", f"\n[{name}]\nport = {ports[name]}\n")
    text = re.sub(
        r"\nport = 9470.*\ndesk_port = 9471", f"\nport = {ports['metrics']}\ndesk_port = {ports['metrics_desk']}", text
    )
    text = re.sub(r'\nsounds = ".*"', f'\nsounds = "{folder / "sounds"}"', text)
    text = text.replace("\n[desk]\n", f"\n[fastagi]\nport = {ports['fastagi']}\n\n[desk]\n", 1)
    text += f'hours = [{{ start = "00:00", until = "23:59" }}]\n{campaigns}'
    (folder / "centre.toml").write_text(text)
    (folder / "sounds" / "matdan").mkdir(parents=True)
    return ports


@contextlib.contextmanager
def running_centre(walk: Walk, dialer: Path, home: Path, kind: CentreKind = SMALL) -> Iterator[Centre]:
    """Set a site up in the walk's folder, and run it for as long as the context lasts."""
    lab_rules(walk.folder)
    walk.does(INIT + kind.answers)
    centre = Centre(dialer, home, walk.folder, on_ports_of_its_own(walk.folder, kind.campaigns))
    for command in (
        f"dialer sample-roll --rows {kind.rows} --language hi --out roll.csv",
        "dialer import roll.csv -c centre.toml",
        "dialer agent tones --to sounds",
        "dialer audio drafts -c centre.toml --language hi",  # of the two: it takes the longest of all
        "dialer asterisk render -c centre.toml --to asterisk",
        "dialer mqtt render -c centre.toml --to broker",
    ):
        walk.does(command)
    with contextlib.ExitStack() as stack:
        stack.callback(_end_all, centre)
        _start(centre, kind.lines)
        yield centre


def _start(centre: Centre, lines: str) -> None:
    configuration = centre.folder / "broker" / "mosquitto.conf"
    if os.geteuid() == 0:  # it would become a user who may not read here
        configuration.write_text(configuration.read_text() + "user root\npersistence false\n")
    mosquitto = mosquitto_path()
    if mosquitto is None:
        raise Stumbled("mosquitto is not installed (apt-get install mosquitto)")
    centre.start("broker", mosquitto, "-c", configuration)
    secret = tomllib.loads((centre.folder / "centre.toml").read_text())["ami"]["secret"]
    ports = ["--ami-port", str(centre.ports["ami"]), "--agi-port", str(centre.ports["fastagi"])]
    centre.start(
        "lines", sys.executable, "-m", "tests.journeys.lines", secret, *ports, "--seats", str(SEATS), *lines.split()
    )
    for name in ("broker", "ami"):
        centre.until(partial(centre.listens, name), name)
    centre.start("dialler", centre.dialer, "run", "-c", "centre.toml")
    centre.start("desk", centre.dialer, "desk", "serve", "-c", "centre.toml")
    for name in ("metrics", "desk"):
        centre.until(partial(centre.listens, name), name)


def _end_all(centre: Centre) -> None:
    for name in ("desk", "dialler", "lines", "broker"):
        if name in centre.processes:
            centre.end(name)
