"""`dialer install` and `dialer uninstall`: a site as services of its machine, and gone again."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.mqtt import HAND_OUT, hand_out
from dialer.cli.options import SettingsFile
from dialer.deploy.asterisk.file_changes import FileChange, FilePlan, passwords_for, plan_files, text_of, write_files
from dialer.deploy.asterisk.render import MARKER as ASTERISK_MARKER
from dialer.deploy.asterisk.render import render_site, seats_without_password
from dialer.deploy.mosquitto.render import MARKER as BROKER_MARKER
from dialer.deploy.mosquitto.render import PASSWORDS, hashes_in, render_broker
from dialer.deploy.systemd import render as service
from dialer.deploy.systemd.render import DATA, HOME, SETTINGS_FILE, USER, Beside
from dialer.domain.words import counted
from dialer.errors import MatdanError
from dialer.extras import with_extra
from dialer.settings.fields import is_loopback
from dialer.settings.site import Settings, load_settings
from dialer.settings.unfinished import refuse_unfinished

ASTERISK, MOSQUITTO = Path("/etc/asterisk"), Path("/etc/mosquitto")
_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
_SYSTEMD = Path("/run/systemd/system")  # there where it runs: sd_booted(3)

RootOption = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Install below DIR, without starting or stopping services.")
]


class NotInstalled(MatdanError):
    """A site cannot be installed here, or not be taken away. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """Files of one folder, which are put in place together."""

    path: Path
    plans: list[FilePlan]
    ours_alone: bool  # what is there and is not ours is somebody's work, and no sample


def install(
    config: SettingsFile,
    root: RootOption = Path("/"),
    show: Annotated[bool, typer.Option("--print", help="Print the files, but write nothing.")] = False,
) -> None:
    """Install the site as services: user, folders, systemd units, Asterisk's and the broker's files.

    Run it as root. No service is started. Run it again to update. Existing sample files of Asterisk and Mosquitto are
    kept as NAME.before-matdan. The settings are copied to /etc/matdan/centre.toml.
    """
    settings = load_settings(config)
    refuse_unfinished(settings, config)
    beside = _beside(settings, root)
    dialer = Path(sys.prefix, "bin", "dialer")
    files = service.service_files(settings, dialer, beside)
    if show:
        for path, text in files.items():
            typer.echo(f"{'#' * 20} {path}\n{text}")
        return
    live = root == Path("/")
    if live:
        _refuse_unready(settings, dialer)
    own = root / SETTINGS_FILE.relative_to("/")
    told = _settings_text(config, own)
    folders = [*_by_folder(root, files), _Folder(own.parent, [FilePlan(own.name, text_of(own), told)], True)]
    made: dict[str, str] = {}
    if beside.asterisk:
        to = root / ASTERISK.relative_to("/")
        rendered = render_site(settings, passwords_for(to, seats_without_password(settings)), file=str(config))
        folders.append(_Folder(to, plan_files(to, rendered), False))
    if beside.mosquitto:
        to = root / MOSQUITTO.relative_to("/")
        rendered, made = render_broker([(str(config), settings)], MOSQUITTO, hashes_in(text_of(to / PASSWORDS) or ""))
        folders.append(_Folder(to, plan_files(to, rendered, BROKER_MARKER), False))
    _refuse_foreign(folders)
    for folder in folders:
        folder.path.mkdir(parents=True, exist_ok=True)
        for name in write_files(folder.path, folder.plans, force=True):
            typer.echo(f"wrote {folder.path / name}")
    if made:
        hand_out(root / MOSQUITTO.relative_to("/") / HAND_OUT, made)
        typer.echo(
            f"{counted(len(made), 'new password')} of the broker in {MOSQUITTO / HAND_OUT}: hand them out, then delete it"
        )
    if live:
        _run("systemd-sysusers", str(service.USERS / "matdan.conf"))
        _run("systemd-tmpfiles", "--create", str(service.FOLDERS / "matdan.conf"))
        _run("systemctl", "daemon-reload")
    _say_next(settings, beside, dialer)


def uninstall(
    root: RootOption = Path("/"),
    purge: Annotated[
        bool, typer.Option("--purge", help="Also delete settings, store, sounds, recordings and the user, permanently.")
    ] = False,
) -> None:
    """Stop the services, and remove what `install` installed. Asterisk and Mosquitto get their earlier files back.

    Settings and data stay, unless --purge is given.
    """
    live = root == Path("/")
    if live and os.geteuid() != 0:
        raise NotInstalled("only root takes services away: sudo dialer uninstall")
    names = [*(each.unit for each in (*service.PROCESSES, *service.JOBS)), *(job.timer for job in service.JOBS)]
    units = [root / (service.UNITS / name).relative_to("/") for name in names]
    there = [unit.name for unit in units if unit.exists()]
    if live and there:
        _run("systemctl", "disable", "--now", *there)
    own = [root / path.relative_to("/") for path in _OWN]
    gone = [path for path in (*units, *own) if (text_of(path) or "").startswith(service.MARKER)]
    handed_out = root / (MOSQUITTO / HAND_OUT).relative_to("/")
    for path in (*gone, *([handed_out] if handed_out.exists() else [])):
        path.unlink()
        typer.echo(f"removed {path}")
    for folder, marker in ((ASTERISK, ASTERISK_MARKER), (MOSQUITTO, BROKER_MARKER)):
        changed = list(_given_back(root / folder.relative_to("/"), marker))
        for said in changed:
            typer.echo(said)
        if changed:
            typer.echo(f"now: systemctl restart {folder.name}")
    if live:
        _run("systemctl", "daemon-reload")
    if not purge:
        typer.echo(f"settings and data stay in {HOME} and {DATA}")
        return
    for path in _to_purge(root):
        if path.is_symlink():
            typer.echo(f"removed {path}, a link: {path.resolve()} stays")
            path.unlink()
        else:
            shutil.rmtree(path)
            typer.echo(f"removed {path}")
    if live and _is_user(USER):  # a second purge finds none
        _run("userdel", USER)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


_OWN = (
    *(folder / "matdan.conf" for folder in (service.USERS, service.FOLDERS, service.JAILS)),
    service.FILTERS / "matdan-desk.conf",
    service.ROTATION / "matdan",
)
"""Of the files that `install` writes beside the units."""


def _beside(settings: Settings, root: Path) -> Beside:
    """What is on the machine, and this site's: an Asterisk or a broker elsewhere is set up there."""

    def there(path: str) -> bool:
        return (root / path).exists()

    return Beside(
        asterisk=settings.uses_asterisk
        and not settings.asterisk.servers  # each is rendered where it is
        and is_loopback(settings.ami.host)
        and there("etc/asterisk"),
        mosquitto=settings.broker.enabled and is_loopback(settings.broker.host) and there("etc/mosquitto"),
        fail2ban=there("etc/fail2ban/jail.d"),
    )


def _refuse_unready(settings: Settings, dialer: Path) -> None:
    """Raise NotInstalled where services cannot be installed, or could not start."""
    if os.geteuid() != 0:
        raise NotInstalled("only root installs services: sudo dialer install ...; --print shows the files")
    if not _SYSTEMD.is_dir():
        raise NotInstalled(
            "systemd does not run here: --root DIR writes the files for another machine, docs/how-to/install.md has a container"
        )
    for process, package in ((service.DESK, "fastapi"), (service.UPLINK, "nats")):
        if process in service.processes_of(settings) and find_spec(package) is None:
            raise NotInstalled(f"{process.what} is not installed: {with_extra(process.name)}")
    for path in (dialer, Path(sys.base_prefix)):
        home = next((home for home in _HOMES if home in path.resolve().parents), None)
        if home is not None:
            raise NotInstalled(
                f"{path} lies in {home}, where no service has access: use `pipx install --global`, or a clone in /opt"
            )


def _settings_text(config: Path, own: Path) -> str:
    """What the settings file says. Raises NotInstalled where another one stands in its place."""
    if not config.is_file():
        raise NotInstalled(f"{config} is no file that can be put at {own}; nothing was written: name the file itself")
    text = config.read_text(encoding="utf-8")
    kept = text_of(own)
    if kept is not None and kept != text:
        raise NotInstalled(
            f"{own} is there and says something else; nothing was written: change that one, and install with -c {own}"
        )
    return text


def _by_folder(root: Path, files: Mapping[Path, str]) -> Iterator[_Folder]:
    by_folder: dict[Path, dict[str, str]] = {}
    for path, text in files.items():
        by_folder.setdefault(root / path.parent.relative_to("/"), {})[path.name] = text
    for folder, texts in by_folder.items():
        yield _Folder(folder, plan_files(folder, texts, service.MARKER), True)


def _refuse_foreign(folders: list[_Folder]) -> None:
    for folder in folders:
        for plan in folder.plans:
            if folder.ours_alone and plan.change is FileChange.FOREIGN:
                raise NotInstalled(
                    f"{folder.path / plan.name} was not written by `dialer install`; nothing was written: move it away"
                )


def _to_purge(root: Path) -> list[Path]:
    """Settings, data and sounds, as far as they are there. Of a store elsewhere nothing is touched."""
    own = root / SETTINGS_FILE.relative_to("/")
    try:
        sounds = [load_settings(own).audio.sounds / "matdan"]
    except MatdanError:  # it may be what is to be got rid of
        sounds = []
    return [path for each in (HOME, DATA, *sounds) if (path := root / each.relative_to("/")).is_dir()]


def _given_back(folder: Path, marker: str) -> Iterator[str]:
    """Files of another program as they were before ours."""
    for path in sorted(folder.glob("*")):
        if path.is_file() and not path.name.endswith(_KEPT) and (text_of(path) or "").startswith(marker):
            kept = path.with_name(path.name + _KEPT)
            if kept.exists():
                kept.replace(path)
                yield f"gave back {path}"
            else:
                path.unlink()
                yield f"removed {path}"


_KEPT = ".before-matdan"


def _run(*command: str) -> None:
    """Raises NotInstalled with what the program said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words, our own paths
    except OSError as error:
        raise NotInstalled(
            f"{command[0]} cannot be run ({error.strerror}); the files are in place: run it by hand"
        ) from error
    if done.returncode != 0:
        why = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["it did not say why"]
        raise NotInstalled(f"{' '.join(command)} failed: {why[0]}; mend it and run this again")


def _say_next(settings: Settings, beside: Beside, dialer: Path) -> None:
    for program, is_there, where in (
        ("Asterisk", beside.asterisk or not settings.uses_asterisk, f"no {ASTERISK} of this site's is here"),
        ("the broker", beside.mosquitto or not settings.broker.enabled, f"no {MOSQUITTO} of this site's is here"),
    ):
        if not is_there:
            typer.echo(f"note: {where}: {program}'s files were left out", err=True)
    services = [process.unit.removesuffix(".service") for process in service.processes_of(settings)]
    units = " ".join([*services, *(job.timer for job in service.timers_of(settings, beside))])
    if settings.store.backup_folder is None:
        typer.echo("note: store.backup_folder is not set: nothing makes backups", err=True)
    restarted = " ".join(
        name for name, there in (("asterisk", beside.asterisk), ("mosquitto", beside.mosquitto)) if there
    )
    ours = f"sudo -u {USER} {dialer}"
    typer.echo("next:")
    for step in (
        f"{ours} import ROLL -c {SETTINGS_FILE}",
        f"{ours} agent tones --to {settings.audio.sounds}",
        f"{ours} audio drafts -c {SETTINGS_FILE}",
        *([f"sudo systemctl restart {restarted}"] if restarted else []),
        f"sudo systemctl enable --now {units}",
        *(["sudo systemctl restart fail2ban"] if beside.fail2ban else []),
        f"{ours} check -c {SETTINGS_FILE}",
    ):
        typer.echo(f"  {step}")
