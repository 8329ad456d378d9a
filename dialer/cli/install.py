"""`dialer install` and `dialer uninstall`: install a site as systemd services, and remove it."""

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
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.mqtt import HAND_OUT, append_broker_passwords
from dialer.cli.options import SettingsFile
from dialer.domain.words import format_count
from dialer.errors import MatdanError
from dialer.extras import describe_extra_installation

if TYPE_CHECKING:
    from dialer.deploy.asterisk.file_changes import FilePlan
    from dialer.deploy.systemd.render import LocalPrograms
    from dialer.settings.site import Settings

ASTERISK, MOSQUITTO = Path("/etc/asterisk"), Path("/etc/mosquitto")
_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
_SYSTEMD = Path("/run/systemd/system")  # exists if systemd is the init system: sd_booted(3)

RootOption = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Work on the files below DIR, and run no system commands.")
]


class NotInstalled(MatdanError):
    """The site cannot be installed or uninstalled on this machine. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder into which `dialer install` writes files, with the content of these files."""

    path: Path
    plans: list[FilePlan]
    refuse_foreign: bool  # whether files by others are refused; otherwise they are samples, which are replaced


def install_site_as_services(
    config: SettingsFile,
    root: RootOption = Path("/"),
    show: Annotated[bool, typer.Option("--print", help="Print the files, but write nothing.")] = False,
) -> None:
    """Install the site as services: user, folders, systemd units, Asterisk's and the broker's files.

    Run the command as root, and again to update. No service is started. Existing sample files of Asterisk and Mosquitto
    are saved as NAME.before-matdan. The settings are copied to /etc/matdan/centre.toml.
    """
    from dialer.deploy.asterisk.file_changes import (
        FilePlan,
        find_endpoint_passwords,
        plan_file_changes,
        read_file_if_exists,
        write_planned_files,
    )
    from dialer.deploy.asterisk.render import list_seats_without_password, render_asterisk_site_files
    from dialer.deploy.mosquitto.render import (
        MARKER as BROKER_MARKER,
    )
    from dialer.deploy.mosquitto.render import (
        PASSWORDS,
        read_password_hashes,
        render_mosquitto_files,
    )
    from dialer.deploy.systemd import render as service
    from dialer.deploy.systemd.render import SETTINGS_FILE, USER
    from dialer.settings.site import load_settings
    from dialer.settings.unfinished import refuse_placeholders_and_weak_secrets

    settings = load_settings(config)
    refuse_placeholders_and_weak_secrets(settings, config)
    local = _find_programs_installed_on_this_machine(settings, root)
    dialer = Path(sys.prefix, "bin", "dialer")
    files = service.render_service_files(settings, dialer, local)
    if show:
        for path, text in files.items():
            typer.echo(f"{'#' * 20} {path}\n{text}")
        return
    live = root == Path("/")
    if live:
        _refuse_machine_with_missing_programs(settings, dialer)
    own = root / SETTINGS_FILE.relative_to("/")
    text = _read_settings_to_install(config, own)
    folders = [
        *_group_installed_files_by_folder(root, files),
        _Folder(own.parent, [FilePlan(own.name, read_file_if_exists(own), text)], True),
    ]
    made: dict[str, str] = {}
    if local.asterisk:
        to = root / ASTERISK.relative_to("/")
        rendered = render_asterisk_site_files(
            settings, find_endpoint_passwords(to, list_seats_without_password(settings)), file=str(config)
        )
        folders.append(_Folder(to, plan_file_changes(to, rendered), False))
    if local.mosquitto:
        to = root / MOSQUITTO.relative_to("/")
        rendered, made = render_mosquitto_files(
            [(str(config), settings)], MOSQUITTO, read_password_hashes(read_file_if_exists(to / PASSWORDS) or "")
        )
        folders.append(_Folder(to, plan_file_changes(to, rendered, BROKER_MARKER), False))
    _refuse_files_of_other_programs(folders)
    for folder in folders:
        folder.path.mkdir(parents=True, exist_ok=True)
        for name in write_planned_files(folder.path, folder.plans, force=True):
            typer.echo(f"wrote {folder.path / name}")
    if made:
        append_broker_passwords(root / MOSQUITTO.relative_to("/") / HAND_OUT, made)
        typer.echo(
            f"{format_count(len(made), 'new password')} for the broker in {MOSQUITTO / HAND_OUT}:"
            " hand them out, then delete the file"
        )
    if live:
        _run_system_command("systemd-sysusers", str(service.USERS / "matdan.conf"))
        _make_first_signing_key_readable(settings.store.path, USER)
        _run_system_command("systemd-tmpfiles", "--create", str(service.FOLDERS / "matdan.conf"))
        _run_system_command("systemctl", "daemon-reload")
    _print_next_steps(settings, local, dialer)


def _make_first_signing_key_readable(store: Path, user: str) -> None:
    """Let the services' user read the key that signs the store's first records. `dialer init` created it as root.

    Nothing is changed if the key's folder does not belong to root. The owner of such a folder could replace the key by
    a link to any file.
    """
    from dialer.store.file_checks import file_exists
    from dialer.store.seal_keys import get_seal_key_path

    key, found = get_seal_key_path(store), pwd.getpwnam(user)
    if file_exists(key) and key.parent.stat().st_uid == 0:
        os.chown(key, found.pw_uid, found.pw_gid, follow_symlinks=False)


def uninstall_site_services(
    root: RootOption = Path("/"),
    purge: Annotated[
        bool, typer.Option("--purge", help="Also delete settings, store, sounds, recordings and the user, permanently.")
    ] = False,
) -> None:
    """Stop the services, and remove what `install` installed. Earlier files of Asterisk and Mosquitto are restored.

    Settings and data stay unless --purge is given.
    """
    from dialer.deploy.asterisk.file_changes import read_file_if_exists
    from dialer.deploy.asterisk.render import MARKER as ASTERISK_MARKER
    from dialer.deploy.mosquitto.render import MARKER as BROKER_MARKER
    from dialer.deploy.systemd import render as service
    from dialer.deploy.systemd.render import DATA, HOME, USER

    live = root == Path("/")
    if live and os.geteuid() != 0:
        raise NotInstalled("root permissions are required: run `sudo dialer uninstall`")
    names = [
        *(each.systemd_service_name for each in (*service.PROCESSES, *service.JOBS)),
        *(job.systemd_timer_name for job in service.JOBS),
    ]
    units = [root / (service.UNITS / name).relative_to("/") for name in names]
    installed = [unit.name for unit in units if unit.exists()]
    if live and installed:
        _run_system_command("systemctl", "disable", "--now", *installed)
    own = [root / path.relative_to("/") for path in _list_configuration_files_of_install()]
    obsolete = [path for path in (*units, *own) if (read_file_if_exists(path) or "").startswith(service.MARKER)]
    passwords = root / (MOSQUITTO / HAND_OUT).relative_to("/")
    for path in (*obsolete, *([passwords] if passwords.exists() else [])):
        path.unlink()
        typer.echo(f"removed {path}")
    for folder, marker in ((ASTERISK, ASTERISK_MARKER), (MOSQUITTO, BROKER_MARKER)):
        changes = list(_undo_file_changes_in_folder(root / folder.relative_to("/"), marker))
        for change in changes:
            typer.echo(change)
        if changes:
            typer.echo(f"next: systemctl restart {folder.name}")
    if live:
        _run_system_command("systemctl", "daemon-reload")
    if not purge:
        typer.echo(f"settings and data stay in {HOME} and {DATA}; --purge deletes them")
        return
    for path in _find_paths_to_delete_at_purge(root):
        if path.is_symlink():
            typer.echo(f"removed the link {path}; its target {path.resolve()} stays")
            path.unlink()
        else:
            shutil.rmtree(path)
            typer.echo(f"removed {path}")
    if live and _does_system_user_exist(USER):  # an earlier purge may have deleted the user
        _run_system_command("userdel", USER)


def _does_system_user_exist(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _list_configuration_files_of_install() -> tuple[Path, ...]:
    """Return the files that `install` writes in addition to the systemd units."""
    from dialer.deploy.systemd import render as service

    return (
        *(folder / "matdan.conf" for folder in (service.USERS, service.FOLDERS, service.JAILS)),
        service.FILTERS / "matdan-desk.conf",
        service.ROTATION / "matdan",
    )


def _find_programs_installed_on_this_machine(settings: Settings, root: Path) -> LocalPrograms:
    """Return which of Asterisk, Mosquitto and fail2ban are installed and used on this machine."""
    from dialer.deploy.systemd.render import LocalPrograms
    from dialer.settings.fields import is_loopback_host

    def does_path_exist_below_root(path: str) -> bool:
        return (root / path).exists()

    return LocalPrograms(
        asterisk=settings.uses_asterisk
        and not settings.asterisk.servers  # with several servers, each is rendered on its own machine
        and is_loopback_host(settings.ami.host)
        and does_path_exist_below_root("etc/asterisk"),
        mosquitto=settings.broker.enabled
        and is_loopback_host(settings.broker.host)
        and does_path_exist_below_root("etc/mosquitto"),
        fail2ban=does_path_exist_below_root("etc/fail2ban/jail.d"),
    )


def _refuse_machine_with_missing_programs(settings: Settings, dialer: Path) -> None:
    """Raise NotInstalled if something that the services need is missing: root rights, systemd, or an extra of the
    package.
    """
    from dialer.deploy.systemd import render as service

    if os.geteuid() != 0:
        raise NotInstalled(
            "root permissions are required: run `sudo dialer install ...`, or show the files with --print"
        )
    if not _SYSTEMD.is_dir():
        raise NotInstalled(
            "systemd is not running here: write the files for another machine with --root DIR,"
            " or use a container (docs/how-to/install.md)"
        )
    for process, package in ((service.DESK, "fastapi"), (service.UPLINK, "nats")):
        if process in service.list_service_processes(settings) and find_spec(package) is None:
            raise NotInstalled(f"{process.description} is not installed: {describe_extra_installation(process.name)}")
    for path in (dialer, Path(sys.base_prefix)):
        home = next((home for home in _HOMES if home in path.resolve().parents), None)
        if home is not None:
            raise NotInstalled(
                f"{path} is in {home}, which services cannot read: install it in /opt, as docs/how-to/install.md shows"
            )


def _read_settings_to_install(config: Path, own: Path) -> str:
    """Return the text of the settings file `config`, which is to be copied to the path `own`.

    Raises NotInstalled if `config` is not a file, or if `own` exists with different settings.
    """
    from dialer.deploy.asterisk.file_changes import read_file_if_exists

    if not config.is_file():
        raise NotInstalled(
            f"{config} is not a regular file and cannot be copied to {own}; nothing was written: give the settings "
            "file itself"
        )
    text = config.read_text(encoding="utf-8")
    installed = read_file_if_exists(own)
    if installed is not None and installed != text:
        raise NotInstalled(
            f"{own} exists with different settings; nothing was written: edit that file, then install with -c {own}"
        )
    return text


def _group_installed_files_by_folder(root: Path, files: Mapping[Path, str]) -> Iterator[_Folder]:
    from dialer.deploy.asterisk.file_changes import plan_file_changes
    from dialer.deploy.systemd import render as service

    by_folder: dict[Path, dict[str, str]] = {}
    for path, text in files.items():
        by_folder.setdefault(root / path.parent.relative_to("/"), {})[path.name] = text
    for folder, texts in by_folder.items():
        yield _Folder(folder, plan_file_changes(folder, texts, service.MARKER), True)


def _refuse_files_of_other_programs(folders: list[_Folder]) -> None:
    from dialer.deploy.asterisk.file_changes import FileChange

    for folder in folders:
        for plan in folder.plans:
            if folder.refuse_foreign and plan.change_kind is FileChange.FOREIGN:
                raise NotInstalled(
                    f"{folder.path / plan.name} was not written by `dialer install`; nothing was written: move this file away"
                )


def _find_paths_to_delete_at_purge(root: Path) -> list[Path]:
    """Return the existing folders of settings, data and sounds, which `uninstall --purge` deletes.

    A store in another folder is not included.
    """
    from dialer.deploy.systemd.render import DATA, HOME, SETTINGS_FILE
    from dialer.settings.site import load_settings

    own = root / SETTINGS_FILE.relative_to("/")
    try:
        sounds = [load_settings(own).audio.sounds / "matdan"]
    except MatdanError:  # invalid settings must not prevent their removal
        sounds = []
    return [path for each in (HOME, DATA, *sounds) if (path := root / each.relative_to("/")).is_dir()]


def _undo_file_changes_in_folder(folder: Path, marker: str) -> Iterator[str]:
    """Undo the changes that `install` made in the folder of Asterisk or Mosquitto. Yield what was done to each file.

    A file that `install` replaced is restored; a file that it created is removed.
    """
    from dialer.deploy.asterisk.file_changes import read_file_if_exists

    for path in sorted(folder.glob("*")):
        if path.is_file() and not path.name.endswith(_SAVED) and (read_file_if_exists(path) or "").startswith(marker):
            saved = path.with_name(path.name + _SAVED)
            if saved.exists():
                saved.replace(path)
                yield f"restored {path}"
            else:
                path.unlink()
                yield f"removed {path}"


_SAVED = ".before-matdan"


def _run_system_command(*command: str) -> None:
    """Run a system command.

    Raises NotInstalled with the last line of its output if it fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words, our own paths
    except OSError as error:
        raise NotInstalled(
            f"{command[0]} cannot be run ({error.strerror}); the files are installed: run {command[0]} by hand"
        ) from error
    if done.returncode != 0:
        output = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it printed no reason"]
        raise NotInstalled(f"{' '.join(command)} failed: {output[-1]}; correct the cause, then run this command again")


def _print_next_steps(settings: Settings, local: LocalPrograms, dialer: Path) -> None:
    from dialer.deploy.systemd import render as service
    from dialer.deploy.systemd.render import SETTINGS_FILE, USER

    for program, done, folder in (
        ("Asterisk", local.asterisk or not settings.uses_asterisk, ASTERISK),
        ("the broker", local.mosquitto or not settings.broker.enabled, MOSQUITTO),
    ):
        if not done:
            typer.echo(
                f"note: this site does not use {folder} on this machine: {program}'s files were not written", err=True
            )
    services = [
        process.systemd_service_name.removesuffix(".service") for process in service.list_service_processes(settings)
    ]
    units = " ".join([*services, *(job.systemd_timer_name for job in service.list_systemd_timers(settings, local))])
    if settings.store.backup_folder is None:
        typer.echo("note: no backups are made: set store.backup_folder", err=True)
    restarted = " ".join(name for name, uses in (("asterisk", local.asterisk), ("mosquitto", local.mosquitto)) if uses)
    ours = f"sudo -u {USER} {dialer}"
    typer.echo("next:")
    for step in (
        f"{ours} import ROLL -c {SETTINGS_FILE}",
        f"{ours} agent tones --to {settings.audio.sounds}",
        f"{ours} audio drafts -c {SETTINGS_FILE}",
        *([f"sudo systemctl restart {restarted}"] if restarted else []),
        f"sudo systemctl enable --now {units}",
        *(["sudo systemctl restart fail2ban"] if local.fail2ban else []),
        f"{ours} check -c {SETTINGS_FILE}",
    ):
        typer.echo(f"  {step}")
