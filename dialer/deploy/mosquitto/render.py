"""Mosquitto's files, made from the settings of the centres that share it: configuration, access list, passwords.

Nobody connects without a password. A supervisor publishes on that supervisor's own topic of commands and nowhere else, and reads
the centre's state, results and the own replies; a dialler reads and writes its own centre, and reads where other centres tell of
opt-outs. Mosquitto cannot refuse a retained message on one topic and take it on another: the dialler refuses a retained command.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.enums import SupervisorRole
from dialer.errors import SettingError
from dialer.settings.fields import is_loopback
from dialer.settings.site import Settings
from dialer.settings.supervision import OWN_USER

MARKER = "# Written by `dialer mqtt render`: change the settings and render again, an edit here is lost."
"""The first line of every file that is ours to overwrite."""

CONFIGURATION, ACCESS_LIST, PASSWORDS = "mosquitto.conf", "matdan.acl", "matdan.passwords"
MOST_PACKET_BYTES = 65_536
"""The longest message that the broker takes: a signed command with a full batch of records, and room."""
LEAST_PASSWORD = 12
_ITERATIONS = 10_000  # what we make is random and needs none; broker.password is a person's choice
_USER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_READ = ("state", "alerts", "campaigns/#", "seats/#", "booths/#", "results/#")


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """Somebody who may connect to the broker."""

    name: str  # as the broker knows it
    rules: tuple[str, ...]  # lines of the access list
    password: str | None = None  # of the settings; None: one is made


def broker_user(settings: Settings, name: str) -> str:
    """What a supervisor of this centre is called at the broker, which may serve other centres too."""
    return f"{settings.centre.id}.{name}"


def broker_users(sites: Sequence[tuple[str, Settings]]) -> list[BrokerUser]:
    """Everybody who may connect, of all the centres (with the names of their files). Raises SettingError."""
    users: dict[str, BrokerUser] = {}
    centres: set[str] = set()
    for file, settings in sites:
        centre = settings.centre.id
        if centre in centres:
            raise SettingError(
                file, "centre.id", f"{centre!r} is another file's centre too", "give each one of its own"
            )
        centres.add(centre)
        for user in (_dialler(file, settings), *_supervisors(settings)):
            if user.name in users:
                problem = f"{user.name!r} would be two users of the broker"
                raise SettingError(file, "broker.username", problem, "give each dialler a user of its own")
            users[user.name] = user
    return list(users.values())


def _dialler(file: str, settings: Settings) -> BrokerUser:
    broker, root = settings.broker, f"dialer/v1/{settings.centre.id}"
    if broker.username is None or not _USER.fullmatch(broker.username):
        remedy = f'set one of letters, digits, dots and dashes, such as "{broker_user(settings, OWN_USER)}"'
        raise SettingError(file, "broker.username", "the dialler has no user of its own that a broker can know", remedy)
    password = "" if broker.password is None else broker.password.get_secret_value()
    if len(password) < LEAST_PASSWORD or re.search(r"change.?me|\s", password, re.IGNORECASE):
        remedy = "set a random one, better by MATDAN_BROKER__PASSWORD: `openssl rand -base64 24` makes one"
        problem = f"is missing, an example's, or shorter than {LEAST_PASSWORD} characters"
        raise SettingError(file, "broker.password", problem, remedy)
    rules = [f"topic readwrite {root}/#", "topic read dialer/v1/+/results/opt-outs"]
    if broker.home_assistant:
        rules.append(f"topic write homeassistant/device/matdan-{settings.centre.id}/config")
    return BrokerUser(broker.username, tuple(rules), password)


def _supervisors(settings: Settings) -> list[BrokerUser]:
    """The desk, which has made sure who sits before a page, sends that person's commands on that person's topic. Users may come at
    any time, so it writes on everybody's; but on the dialler's own, from which nobody at a page sends.
    """
    root = f"dialer/v1/{settings.centre.id}"
    read = [f"topic read {root}/{below}" for below in _READ]
    found = []
    for each in settings.supervisors:
        is_desk = each.name == settings.desk.user
        sender = "+" if is_desk else each.name
        rules = [f"topic deny {root}/commands/{OWN_USER}"] if is_desk else []
        if is_desk or each.role is not SupervisorRole.VIEWER:
            rules += [f"topic write {root}/commands/{sender}", f"topic read {root}/replies/{sender}/+"]
        elif settings.broker.home_assistant:
            rules += ["topic read homeassistant/#", "topic write homeassistant/status"]
        own = settings.desk.broker_password if is_desk else None
        password = None if own is None else own.get_secret_value()
        found.append(BrokerUser(broker_user(settings, each.name), (*rules, *read), password))
    return found


def render_broker(
    sites: Sequence[tuple[str, Settings]], directory: Path, kept: Mapping[str, str], *, anew: Collection[str] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """The broker's files by name, and the passwords that were made for them, by user.

    `kept` are the hashes that an earlier rendering wrote (`hashes_in`), by user: they stay, but for those of `anew`. The first
    site's [mosquitto] and port count. Raises SettingError.
    """
    users = broker_users(sites)
    unknown = set(anew) - {user.name for user in users if user.password is None}
    if unknown:
        names = ", ".join(user.name for user in users if user.password is None) or "none"
        raise SettingError("--new-password", min(unknown), "is no user whose password is made", f"there are: {names}")
    hashes: dict[str, str] = {}
    made: dict[str, str] = {}
    for user in users:
        before = kept.get(user.name)
        if user.password is not None:
            hashes[user.name] = before if before and is_hash_of(before, user.password) else hash_of(user.password)
        elif before is not None and user.name not in anew:
            hashes[user.name] = before
        else:
            made[user.name] = secrets.token_urlsafe(18)
            hashes[user.name] = hash_of(made[user.name])
    access = "\n\n".join("\n".join([f"user {user.name}", *user.rules]) for user in users)
    passwords = "\n".join(f"{name}:{hashed}" for name, hashed in hashes.items())
    return {
        CONFIGURATION: _configuration(*sites[0], directory),
        ACCESS_LIST: f"{MARKER}\n\n{access}\n",
        PASSWORDS: f"{MARKER}\n{passwords}\n",
    }, made


def _configuration(file: str, settings: Settings, directory: Path) -> str:
    ours = settings.mosquitto
    with_tls = ours.certificate is not None and ours.private_key is not None
    if (ours.certificate is None) is not (ours.private_key is None):
        raise SettingError(
            file, "mosquitto.certificate", "certificate and private_key go together", "set both, or none"
        )
    if not with_tls and not is_loopback(ours.listen):
        problem = f"the broker would listen on {ours.listen} without encryption: passwords and commands could be read on the way"
        raise SettingError(
            file, "mosquitto.certificate", problem, "set certificate and private_key, or listen on 127.0.0.1"
        )
    if with_tls is not settings.broker.tls:
        problem = (
            f"is {str(settings.broker.tls).lower()}, and the broker {'encrypts' if with_tls else 'does not encrypt'}"
        )
        raise SettingError(file, "broker.tls", problem, f"set it {str(with_tls).lower()}")
    tls = [f"certfile {ours.certificate}", f"keyfile {ours.private_key}", "tls_version tlsv1.2"] if with_tls else []
    lines = [
        MARKER,
        "",
        "per_listener_settings false",
        "allow_anonymous false",
        f"password_file {directory.absolute() / PASSWORDS}",
        f"acl_file {directory.absolute() / ACCESS_LIST}",
        "",
        "# A longer message ends the connection of who sends it, before it is in memory.",
        f"max_packet_size {MOST_PACKET_BYTES}",
        "# Opt-outs of an hour wait here for a centre that is away (docs/rules.md).",
        "max_queued_messages 20000",
        "max_queued_bytes 33554432",
        "persistent_client_expiration 1d",
        "",
        "persistence true",
        f"persistence_location {ours.data_directory.rstrip('/')}/",
        "autosave_interval 60",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages true",
        "",
        f"listener {settings.broker.port} {ours.listen}",
        f"max_connections {ours.max_connections}",
        *tls,
    ]
    return "\n".join(lines) + "\n"


def hash_of(password: str, salt: bytes | None = None, iterations: int = _ITERATIONS) -> str:
    """A password as Mosquitto keeps it: PBKDF2 with SHA-512."""
    salt = salt or secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def is_hash_of(hashed: str, password: str) -> bool:
    """Whether that is this password's hash."""
    try:
        _, kind, iterations, salt, _ = hashed.split("$")
        return kind == "7" and hmac.compare_digest(
            hashed, hash_of(password, base64.b64decode(salt, validate=True), int(iterations))
        )
    except (ValueError, binascii.Error):
        return False


def hashes_in(text: str) -> dict[str, str]:
    """The hashes by user of a file of passwords that we wrote; of another's none."""
    if not text.startswith(MARKER):
        return {}
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: hashed for name, _, hashed in lines if hashed}
