"""A machine with a systemd of its own, to install services on and take them away again: Debian by debootstrap, started by
systemd-nspawn, with no network but its own. Needs root; where that is not so, the walk says that it was left out.

JOURNEYS_MACHINE names the machine's root folder, which is made where it is not there and stays for the next time.
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

from tests.journeys.programs import EXTRAS, ROOT
from tests.journeys.walk import Step, Stumbled, Walk

PACKAGES = "systemd,systemd-sysv,dbus,mosquitto,python3,python3-venv,pipx,sudo,ca-certificates,logrotate"
MIRROR = "http://deb.debian.org/debian"
START_SECONDS = 60.0
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SITE = "/etc/matdan/centre.toml"
INIT = (
    "dialer init /root/centre.toml --id pune-9 --organisation Example --jurisdiction neutral --region IN --prefix +91"
    " --time-zone Asia/Kolkata --languages hi --trunk-host 127.0.0.1 --caller-ids +911140000001 --seats 1"
)
LINES = (
    "PYTHONPATH=/src nohup /opt/pipx/venvs/matdan/bin/python -m tests.journeys.lines {} --ami-port 5038 --agi-port 4573 --seats 1"
    " > /root/lines.log 2>&1 < /dev/null &"
)


def on_a_machine(walk: Walk, home: Path) -> None:
    """`dialer install` for real, its services run, `dialer uninstall`, and nothing is left."""
    lacking = [each for each in ("debootstrap", "systemd-nspawn", "nsenter") if shutil.which(each) is None]
    if os.geteuid() != 0 or lacking:
        walk.saw(
            "Services on a machine of their own", f"left out: needs root and {', '.join(lacking) or 'nothing else'}"
        )
        return
    root = Path(os.environ.get("JOURNEYS_MACHINE", walk.folder / "machine"))
    _make(walk, root, home)
    with _started(root) as leader:
        _walk_services(walk, leader, root)


def _make(walk: Walk, root: Path, home: Path) -> None:
    if not (root / "etc" / "os-release").exists():
        _does(walk, f"debootstrap --variant=minbase --include={PACKAGES} trixie {root} {MIRROR}")
    for file in ("/etc/resolv.conf", CERTIFICATES):
        shutil.copy(file, root / file[1:])
    (wheel,) = (home / "dist").glob("matdan-*.whl")
    shutil.copy(wheel, root / "root")
    what = f"/root/{wheel.name}[{EXTRAS}]"
    _does(walk, f"chroot {root} env PIP_CERT={CERTIFICATES} pipx install --force --global {what}")


@contextlib.contextmanager
def _started(root: Path) -> Iterator[str]:
    """The process id of its systemd."""
    command = (
        f"systemd-nspawn --quiet --register=no --keep-unit --private-network --bind-ro={ROOT}:/src --boot -D {root}"
    )
    quiet = subprocess.DEVNULL
    nspawn = subprocess.Popen(command.split(), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield _leader(nspawn)
    finally:
        nspawn.terminate()
        try:
            nspawn.wait(20)
        except subprocess.TimeoutExpired:
            nspawn.kill()
            nspawn.wait()


def _leader(nspawn: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        if children and _inside(children[0], "systemctl is-system-running").stdout.strip() in ("running", "degraded"):
            return children[0]
        time.sleep(0.5)
    raise Stumbled("operations: the machine's systemd did not start")


def _inside(leader: str, command: str) -> subprocess.CompletedProcess[str]:
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


def _does(walk: Walk, what: str) -> None:
    began = time.monotonic()
    done = subprocess.run(what.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    walk.steps.append(Step(what, done.stdout, time.monotonic() - began, done.returncode))
    walk.must(done.returncode == 0, f"{what}: {' '.join(done.stdout.split())[-400:]}")


def _walk_services(walk: Walk, leader: str, root: Path) -> None:
    def does(command: str, *says: str, code: int = 0) -> None:
        began = time.monotonic()
        done = _inside(leader, command)
        walk.steps.append(Step(f"# {command}", done.stdout, time.monotonic() - began, done.returncode))
        flat = " ".join(done.stdout.split())
        walk.must(done.returncode == code, f"{command}: exit {done.returncode}: {flat[-400:]}")
        for each in says:
            walk.must(each in flat, f"{command}: does not say {each!r}: {flat[-400:]}")

    does(
        "dialer uninstall --purge; rm -f /root/centre.toml /root/agents-pins.txt; mkdir -p /usr/share/asterisk/sounds/en"
    )
    does(INIT)
    does(
        "dialer install -c /root/centre.toml",
        "matdan-dialler.service",
        "systemctl enable --now matdan-dialler matdan-desk",
    )
    ours = "sudo -u matdan dialer"
    does(
        f"cd /var/lib/matdan && {ours} sample-roll --rows 500 --out roll.csv && {ours} import roll.csv -c {SITE}",
        "booths",
    )
    does(f"{ours} agent tones --to /usr/share/asterisk/sounds/en")
    does(f"{ours} audio drafts -c {SITE}")
    secret = tomllib.loads((root / SITE[1:]).read_text())["ami"]["secret"]
    does(f"systemctl restart mosquitto; {LINES.format(secret)}")
    does("systemctl enable --now matdan-dialler matdan-desk")
    does("systemctl is-active matdan-dialler matdan-desk mosquitto", "active active active")
    does(f"sleep 3; {ours} check -c {SITE}")
    does(f"{ours} backup /var/lib/matdan/backups -c {SITE}")
    does("systemctl reload matdan-dialler")
    does("systemctl restart matdan-dialler")
    does("dialer uninstall", "removed /etc/systemd/system/matdan-dialler.service")
    does(
        "systemctl list-units --all --no-legend 'matdan*'; test -f /var/lib/matdan/centre.db && test -f /etc/matdan/centre.toml"
    )
    does("dialer uninstall --purge")
    does("! id matdan && ! ls -d /etc/matdan /var/lib/matdan /usr/share/asterisk/sounds/en/matdan 2>/dev/null")
    does("! grep -rl matdan /etc/systemd /etc/sysusers.d /etc/tmpfiles.d /etc/mosquitto /etc/logrotate.d")
