"""A machine with its own systemd, on which services are installed and removed: Debian by debootstrap in systemd-nspawn.

It has no network. It needs root; otherwise the journey records that this part was skipped. JOURNEYS_MACHINE names the machine's
root folder, which is created if missing and kept for later runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.journeys.journey import Journey, JourneyFailed, Step
from tests.journeys.programs import EXTRAS, ROOT

PACKAGES = "systemd,systemd-sysv,dbus,mosquitto,python3,python3-venv,pipx,sudo,ca-certificates,logrotate"
MIRROR = "http://deb.debian.org/debian"
START_SECONDS = 60.0
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SITE = "/etc/matdan/centre.toml"
INIT = (
    "dialer init /root/centre.toml --id pune-9 --organisation Example --jurisdiction neutral --region IN --prefix +91"
    " --time-zone Asia/Kolkata --languages hi --trunk-host 127.0.0.1 --caller-ids +911140000001 --seats 1"
)
START_ASTERISK = (
    "PYTHONPATH=/src nohup /opt/pipx/venvs/matdan/bin/python -m tests.journeys.simulated_asterisk {}"
    " --ami-port 5038 --agi-port 4573 --seats 1 > /root/asterisk.log 2>&1 < /dev/null &"
)


def check_services_on_a_machine(journey: Journey, home: Path) -> None:
    """Install services with `dialer install`, run them, and check that `dialer uninstall` removes them."""
    missing = [each for each in ("debootstrap", "systemd-nspawn", "nsenter") if shutil.which(each) is None]
    if os.geteuid() != 0 or missing:
        journey.record_view(
            "Services on a separate machine", f"skipped: needs root and {', '.join(missing) or 'nothing else'}"
        )
        return
    root = Path(os.environ.get("JOURNEYS_MACHINE", journey.folder / "machine"))
    _create_machine(journey, root, home)
    with _boot(root) as leader:
        _check_services(journey, leader, root)


def _create_machine(journey: Journey, root: Path, home: Path) -> None:
    if not (root / "etc" / "os-release").exists():
        _run_command(journey, f"debootstrap --variant=minbase --include={PACKAGES} trixie {root} {MIRROR}")
    for file in ("/etc/resolv.conf", CERTIFICATES):
        shutil.copy(file, root / file[1:])
    (wheel,) = (home / "dist").glob("matdan-*.whl")
    shutil.copy(wheel, root / "root")
    package = f"/root/{wheel.name}[{EXTRAS}]"
    _run_command(journey, f"chroot {root} env PIP_CERT={CERTIFICATES} pipx install --force --global {package}")


@contextlib.contextmanager
def _boot(root: Path) -> Iterator[str]:
    """Start the machine in a container. Yield the process ID of its systemd."""
    command = (
        f"systemd-nspawn --quiet --register=no --keep-unit --private-network --bind-ro={ROOT}:/src --boot -D {root}"
    )
    quiet = subprocess.DEVNULL
    nspawn = subprocess.Popen(command.split(), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield _wait_for_systemd(nspawn)
    finally:
        nspawn.terminate()
        try:
            nspawn.wait(20)
        except subprocess.TimeoutExpired:
            nspawn.kill()
            nspawn.wait()


def _wait_for_systemd(nspawn: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        if children and _run_inside(children[0], "systemctl is-system-running").stdout.strip() in (
            "running",
            "degraded",
        ):
            return children[0]
        time.sleep(0.5)
    raise JourneyFailed("operations: the machine's systemd did not start")


def _run_inside(leader: str, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nsenter", "-t", leader, "-a", "--", "bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
    )


def _run_command(journey: Journey, command: str) -> None:
    began = time.monotonic()
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    journey.steps.append(Step(command, done.stdout, time.monotonic() - began, done.returncode))
    journey.require(done.returncode == 0, f"{command}: {' '.join(done.stdout.split())[-400:]}")


def _check_services(journey: Journey, leader: str, root: Path) -> None:
    def run(command: str, *expected: str, code: int = 0) -> None:
        began = time.monotonic()
        done = _run_inside(leader, command)
        journey.steps.append(Step(f"# {command}", done.stdout, time.monotonic() - began, done.returncode))
        flat = " ".join(done.stdout.split())
        journey.require(done.returncode == code, f"{command}: exit {done.returncode}: {flat[-400:]}")
        for each in expected:
            journey.require(each in flat, f"{command}: does not say {each!r}: {flat[-400:]}")

    run(
        "dialer uninstall --purge; rm -f /root/centre.toml /root/agents-pins.txt; mkdir -p /usr/share/asterisk/sounds/en"
    )
    run(INIT)
    run(
        "dialer install -c /root/centre.toml",
        "matdan-dialler.service",
        "systemctl enable --now matdan-dialler matdan-desk",
    )
    ours = "sudo -u matdan dialer"
    run(
        f"cd /var/lib/matdan && {ours} sample-roll --rows 500 --out roll.csv && {ours} import roll.csv -c {SITE}",
        "booths",
    )
    run(f"{ours} agent tones --to /usr/share/asterisk/sounds/en")
    run(f"{ours} audio drafts -c {SITE}")
    secret = tomllib.loads((root / SITE[1:]).read_text())["ami"]["secret"]
    run(f"systemctl restart mosquitto; {START_ASTERISK.format(secret)}")
    run("systemctl enable --now matdan-dialler matdan-desk")
    run("systemctl is-active matdan-dialler matdan-desk mosquitto", "active active active")
    run(f"sleep 3; {ours} check -c {SITE}")
    run(f"{ours} backup /var/lib/matdan/backups -c {SITE}")
    run("systemctl reload matdan-dialler")
    run("systemctl restart matdan-dialler")
    run("dialer uninstall", "removed /etc/systemd/system/matdan-dialler.service")
    run(
        "systemctl list-units --all --no-legend 'matdan*'; test -f /var/lib/matdan/centre.db && test -f /etc/matdan/centre.toml"
    )
    run("dialer uninstall --purge")
    run("! id matdan && ! ls -d /etc/matdan /var/lib/matdan /usr/share/asterisk/sounds/en/matdan 2>/dev/null")
    run("! grep -rl matdan /etc/systemd /etc/sysusers.d /etc/tmpfiles.d /etc/mosquitto /etc/logrotate.d")
