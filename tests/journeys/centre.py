"""A centre that is installed as docs/how-to/install.md says, with Mosquitto, dialler and desk.

Asterisk and the carrier are simulated. All processes end with the one that started them.
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

from dialer.mqtt.embedded_broker import GUARD, find_free_port, find_mosquitto, is_port_free
from tests.journeys.journey import Journey, JourneyFailed
from tests.journeys.programs import ROOT, make_environment

WAIT_SECONDS = 180.0  # longest wait on a busy machine
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
    """How large a test centre is, and how its simulated voters behave."""

    rows: int = 600
    init_options: str = ""  # further options of `dialer init`
    extra_settings: str = ""  # text appended to the settings
    asterisk_options: str = "--answer-rate 0.7 --ring-seconds 2 --talk-seconds 25 --prompt-seconds 1"


SMALL = CentreKind()
STARTS_PER_SECOND = 25
BUSY = CentreKind(
    rows=20_000,
    init_options=f" --channels 900 --calls-per-second {STARTS_PER_SECOND}",
    extra_settings=IVR,
    asterisk_options="--answer-rate 0.9 --ring-seconds 2 --talk-seconds 25 --prompt-seconds 1",
)


@dataclass(slots=True)
class Centre:
    """A test centre: its folder, and its running processes by name."""

    dialer: Path
    home: Path
    folder: Path
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The URL of the desk."""
        return f"http://127.0.0.1:{self.ports['desk']}"

    @property
    def pins(self) -> dict[str, str]:
        """The PINs of the agents by number, as `dialer init` created them."""
        lines = (self.folder / "agents-pins.txt").read_text().splitlines()
        return dict(line.split() for line in lines)

    def log_path(self, name: str) -> Path:
        """Return the path of the log file of a process."""
        return self.folder / f"{name}.log"

    def is_listening(self, name: str) -> bool:
        """Return whether a process of the centre listens on the port with that name."""
        return not is_port_free(self.ports[name])

    def start(self, name: str, *command: str | Path) -> None:
        """Start a process of the centre that runs until the centre stops."""
        with self.log_path(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", GUARD, *command],
                cwd=self.folder,
                env=make_environment(self.home) | {"PYTHONPATH": str(ROOT)}
                if name == "asterisk"
                else make_environment(self.home),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def stop(self, name: str) -> int:
        """Stop a process of the centre with SIGTERM. Return its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        assert process.stdin is not None
        process.stdin.close()
        return process.wait(WAIT_SECONDS)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition on the centre holds.

        Raises JourneyFailed if a process ends, or after `WAIT_SECONDS`.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = {name: self.log_path(name).read_text()[-300:] for name in ended or self.processes}
                raise JourneyFailed(f"centre: no {what}; ended processes: {ended or 'none'}; logs: {logs}")
            time.sleep(0.1)


def write_lab_profile(folder: Path) -> None:
    """Write a jurisdiction profile that allows calls at all hours, so that journeys run at night.

    Otherwise it is like the neutral profile.
    """
    text = (ROOT / "config" / "jurisdictions" / "neutral.toml").read_text()
    text = re.sub(
        r'\["\d\d:\d\d", "\d\d:\d\d"\]', '["00:00", "23:59"]', text.replace('name = "neutral"', 'name = "lab"')
    )
    (folder / "lab.toml").write_text(text)


def assign_free_ports(folder: Path, extra_settings: str) -> dict[str, int]:
    """Change new settings to free ports and to calls at all hours. Return the ports by name."""
    ports = {name: find_free_port() for name in ("ami", "fastagi", "broker", "desk", "metrics", "metrics_desk")}
    text = (folder / "centre.toml").read_text()
    for name in ("ami", "broker", "desk"):
        text = text.replace(f"\n[{name}]\n", f"\n[{name}]\nport = {ports[name]}\n")
    text = re.sub(
        r"\nport = 9470.*\ndesk_port = 9471", f"\nport = {ports['metrics']}\ndesk_port = {ports['metrics_desk']}", text
    )
    text = re.sub(r'\nsounds = ".*"', f'\nsounds = "{folder / "sounds"}"', text)
    text = text.replace("\n[desk]\n", f"\n[fastagi]\nport = {ports['fastagi']}\n\n[desk]\n", 1)
    text += f'hours = [{{ start = "00:00", until = "23:59" }}]\n{extra_settings}'
    (folder / "centre.toml").write_text(text)
    (folder / "sounds" / "matdan").mkdir(parents=True)
    return ports


@contextlib.contextmanager
def running_centre(journey: Journey, dialer: Path, home: Path, kind: CentreKind = SMALL) -> Iterator[Centre]:
    """Set up a site in the journey's folder, and run its centre while the context is open."""
    write_lab_profile(journey.folder)
    journey.run(INIT + kind.init_options)
    centre = Centre(dialer, home, journey.folder, assign_free_ports(journey.folder, kind.extra_settings))
    for command in (
        f"dialer sample-roll --rows {kind.rows} --language hi --out roll.csv",
        "dialer import roll.csv -c centre.toml",
        "dialer agent tones --to sounds",
        "dialer audio drafts -c centre.toml --language hi",  # one language only: this command takes longest
        "dialer asterisk render -c centre.toml --to asterisk",
        "dialer mqtt render -c centre.toml --to broker",
    ):
        journey.run(command)
    with contextlib.ExitStack() as stack:
        stack.callback(_stop_all, centre)
        _start(centre, kind.asterisk_options)
        yield centre


def _start(centre: Centre, asterisk_options: str) -> None:
    configuration = centre.folder / "broker" / "mosquitto.conf"
    if os.geteuid() == 0:  # Mosquitto would change to a user that may not read this folder
        configuration.write_text(configuration.read_text() + "user root\npersistence false\n")
    mosquitto = find_mosquitto()
    if mosquitto is None:
        raise JourneyFailed("mosquitto is not installed (apt-get install mosquitto)")
    centre.start("broker", mosquitto, "-c", configuration)
    secret = tomllib.loads((centre.folder / "centre.toml").read_text())["ami"]["secret"]
    ports = ["--ami-port", str(centre.ports["ami"]), "--agi-port", str(centre.ports["fastagi"])]
    options = [*ports, "--seats", str(SEATS), *asterisk_options.split()]
    centre.start("asterisk", sys.executable, "-m", "tests.journeys.simulated_asterisk", secret, *options)
    for name in ("broker", "ami"):
        centre.wait_until(partial(centre.is_listening, name), name)
    centre.start("dialler", centre.dialer, "run", "-c", "centre.toml")
    centre.start("desk", centre.dialer, "desk", "serve", "-c", "centre.toml")
    for name in ("metrics", "desk"):
        centre.wait_until(partial(centre.is_listening, name), name)


def _stop_all(centre: Centre) -> None:
    for name in ("desk", "dialler", "asterisk", "broker"):
        if name in centre.processes:
            centre.stop(name)
