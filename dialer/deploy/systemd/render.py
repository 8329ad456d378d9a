"""Rendering the files that install a site as systemd services: user, folders, units, timers, fail2ban. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from dialer.deploy.templates import load_configuration_templates
from dialer.errors import SettingError
from dialer.settings.fields import is_loopback_host
from dialer.settings.site import Settings

MARKER: Final = "# Written by `dialer install`: change the settings and install again, an edit here is lost."
USER: Final = "matdan"
HOME: Final = Path("/etc/matdan")
SETTINGS_FILE: Final = HOME / "centre.toml"
DATA: Final = Path("/var/lib/matdan")

UNITS: Final = Path("/etc/systemd/system")
USERS: Final = Path("/etc/sysusers.d")
FOLDERS: Final = Path("/etc/tmpfiles.d")
JAILS: Final = Path("/etc/fail2ban/jail.d")
FILTERS: Final = Path("/etc/fail2ban/filter.d")
ROTATION: Final = Path("/etc/logrotate.d")

_PLAIN: Final = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._+-]+)+")  # no character has a special meaning in systemd
_INVISIBLE: Final = ("/home", "/root", "/run", "/tmp", "/var/tmp")  # noqa: S108 - refused, not used
_DRAIN_MARGIN_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a site that systemd runs, such as the dialler or the desk (the server of the pages)."""

    name: str
    description: str
    command: str  # subcommand of `dialer`

    @property
    def systemd_service_name(self) -> str:
        """The name of the systemd service of the process, and of its unit file."""
        return f"matdan-{self.name}.service"

    @property
    def systemd_timer_name(self) -> str:
        """The name of the systemd timer that starts a regular job, such as the backup, and of its unit file."""
        return f"matdan-{self.name}.timer"


DIALLER: Final = Process("dialler", "the dialler", "run")
DESK: Final = Process("desk", "the desk", "desk serve")
UPLINK: Final = Process("uplink", "the uplink to headquarters", "uplink")
PROCESSES: Final = (DIALLER, DESK, UPLINK)
BACKUP: Final = Process("backup", "a backup of the store", "backup")
PURGE: Final = Process("recordings", "the erasure of old recordings", "recordings purge")
JOBS: Final = (BACKUP, PURGE)
"""The processes that timers start."""
NATS_RECOVERY: Final = "matdan-nats-recovery"
"""Name of headquarters' units that restart nats-server after its disk was full."""


def list_service_processes(settings: Settings) -> tuple[Process, ...]:
    """Return the processes of a site that systemd must run.

    The desk (the server of the pages) is one of them if it has its own broker user, and the uplink if there is a
    headquarters.
    """
    wanted = {DESK: settings.desk.user is not None, UPLINK: settings.headquarters.user is not None}
    return tuple(process for process in PROCESSES if wanted.get(process, True))


@dataclass(frozen=True, slots=True)
class LocalPrograms:
    """The programs of the site that are installed on this machine."""

    asterisk: bool
    mosquitto: bool
    fail2ban: bool


def list_systemd_timers(settings: Settings, local: LocalPrograms) -> dict[Process, str]:
    """Return the regular jobs of a site with their schedules, in the format of systemd.timer(5).

    The jobs are the backup and, on Asterisk's machine, the purge of old recordings.
    """
    found: dict[Process, str] = {}
    if settings.store.backup_folder is not None:
        found[BACKUP] = f"OnActiveSec=5min\nOnUnitActiveSec={settings.store.backup_minutes}min"
    if local.asterisk:
        found[PURGE] = "OnCalendar=*-*-* 03:17\nPersistent=true"
    return found


def _list_recording_folders(settings: Settings) -> list[Path]:
    """Return the folders in which Asterisk stores recordings of calls.

    They are listed even if no campaign records calls any more, because the dialler still erases old recordings there.
    """
    messages = [settings.audio.sounds / settings.flows.recording_directory] if settings.flows.recordings else []
    return [settings.recordings.directory, *messages]


def render_service_files(settings: Settings, dialer: Path, local: LocalPrograms) -> dict[Path, str]:
    """Return all files that install a site as systemd services, by path. Raises SettingError for a path that services
    cannot use.

    `dialer` is the path of the command `dialer`.
    """
    store, sounds = settings.store.path, settings.audio.sounds
    backups, recorded = settings.store.backup_folder, _list_recording_folders(settings)
    named = [("(command)", dialer), ("store.path", store), ("audio.sounds", sounds)]
    named += [] if backups is None else [("store.backup_folder", backups)]
    files_of_pages = {
        "desk.campaigns_file": settings.desk.campaigns_file,
        "desk.agents_file": settings.desk.agents_file,
    }
    flows = settings.desk.flows_folder
    named += [(what, path) for what, path in files_of_pages.items() if path is not None]
    named += [] if flows is None else [("desk.flows_folder", flows)]
    for what, path in (*named, *(("flows.recording_directory", path) for path in recorded)):
        if not _PLAIN.fullmatch(str(path)):
            problem = f"{path} is not an absolute path of letters, digits and the characters . _ + -"
            raise SettingError("settings", what, problem, "use one such as /var/lib/matdan/centre.db")
    written = {"store.path": store.parent, "store.backup_folder": backups, "desk.flows_folder": flows}
    written |= {what: path.parent for what, path in files_of_pages.items() if path is not None}
    for what, folder in written.items():
        if folder is not None and not _can_service_user_own_folder(folder):
            problem = f"{folder} is a system folder, or not visible to services"
            raise SettingError("settings", what, problem, "use a folder of its own, such as /var/lib/matdan")
    own = [folder for folder in written.values() if folder is not None]
    folders = {DATA: "0750", **dict.fromkeys(own, "0750"), sounds / "matdan": "0755"}
    shared = {"user": USER, "settings_file": SETTINGS_FILE, "home": HOME, "data": DATA, "folders": folders}
    shared |= {"centre": settings.centre.id, "dialer": dialer, "recorded": recorded if local.asterisk else []}
    files = {
        USERS / "matdan.conf": _render_systemd_template("sysusers.j2", **shared, asterisk=local.asterisk),
        FOLDERS / "matdan.conf": _render_systemd_template(
            "tmpfiles.j2",
            **shared,
            mosquitto=local.mosquitto,
            history=settings.asterisk.history if local.asterisk else None,
        ),
    }
    if local.asterisk:
        files[ROTATION / "matdan"] = _render_systemd_template("logrotate.j2", history=settings.asterisk.history)
    if local.fail2ban:
        desk_port = settings.desk.port if DESK in list_service_processes(settings) else None
        files |= render_fail2ban_files(asterisk=local.asterisk, desk_port=desk_port)
    neighbours = [name for name, there in (("asterisk", local.asterisk), ("mosquitto", local.mosquitto)) if there]
    for process in list_service_processes(settings):
        files[UNITS / process.systemd_service_name] = _render_systemd_template(
            "unit.j2",
            **shared,
            what=process.description,
            after=[f"{name}.service" for name in neighbours]
            + ([] if process is DIALLER else [DIALLER.systemd_service_name]),
            command=process.command,
            reloads=process in (DIALLER, DESK),
            stop_seconds=round(settings.dialling.drain_seconds) + _DRAIN_MARGIN_SECONDS,
            background=process is not DIALLER,
            scripts=process is DIALLER and settings.runs_agi_scripts,
            on_this_machine_alone=process is DIALLER and _has_only_local_connections(settings),
        )
    for job, when in list_systemd_timers(settings, local).items():
        writes = dict.fromkeys([DATA, *own]) if job is BACKUP else shared["recorded"]
        files[UNITS / job.systemd_service_name] = _render_systemd_template(
            "job.j2", **shared, what=job.description, command=job.command, writes=writes, scripts=False
        )
        files[UNITS / job.systemd_timer_name] = _render_systemd_template(
            "timer.j2", what=job.description, centre=settings.centre.id, when=when
        )
    return files


def render_fail2ban_files(*, asterisk: bool, desk_port: int | None, marker: str = MARKER) -> dict[Path, str]:
    """Return the fail2ban files that block addresses after wrong passwords, for phones and for pages."""
    files: dict[Path, str] = {}
    if asterisk or desk_port is not None:
        values = {"asterisk": asterisk, "desk_port": desk_port}
        files[JAILS / "matdan.conf"] = _render_systemd_template("fail2ban.j2", marker=marker, **values)
    if desk_port is not None:
        files[FILTERS / "matdan-desk.conf"] = _render_systemd_template("fail2ban_filter.j2", marker=marker)
    return files


def render_nats_recovery_units(data_directory: str, health_port: int, marker: str) -> dict[str, str]:
    """Return the systemd service and timer that restart headquarters' nats-server once its full disk has space again.

    The service asks nats-server for its health at `health_port` of this machine.
    """
    return {
        f"{NATS_RECOVERY}.service": _render_systemd_template(
            "nats_recovery.j2", marker=marker, data_directory=data_directory, health_port=health_port
        ),
        f"{NATS_RECOVERY}.timer": _render_systemd_template(
            "timer.j2",
            marker=marker,
            what="the recovery of nats-server",
            centre="headquarters",
            when="OnCalendar=minutely",
        ),
    }


def _can_service_user_own_folder(folder: Path) -> bool:
    """Return whether a folder such as /srv/matdan may belong to the user of Matdan's services.

    System folders such as /srv are excluded, because other programs use them too. Folders below /home and /tmp are
    excluded, because the services cannot see them (ProtectHome= and PrivateTmp= in systemd.exec(5)).
    """
    depth = 2 if folder.parts[1:2] in [("etc",), ("usr",), ("var",)] else 1
    return len(folder.parts) > depth + 1 and not any(map(folder.is_relative_to, _INVISIBLE)) and folder != HOME


def _has_only_local_connections(settings: Settings) -> bool:
    hosts = (settings.ami.host, settings.fastagi.host, settings.broker.host, settings.metrics.host)
    # AGI scripts have their own namespaces, in which they may open any connection.
    return all(map(is_loopback_host, hosts)) and not settings.twilio.enabled and not settings.runs_agi_scripts


_templates = cache(partial(load_configuration_templates, "service"))


def _render_systemd_template(template: str, **values: object) -> str:
    return _templates().get_template(template).render({"marker": MARKER, **values})
