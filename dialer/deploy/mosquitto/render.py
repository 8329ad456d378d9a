"""Rendering the configuration, access list and passwords of a Mosquitto broker that several centres may share.

Every client needs a password. A supervisor may publish only on the supervisor's own command topic. A supervisor may
read the centre's state and results, and the replies to the supervisor's commands. A dialler reads and writes its own
centre's topics, and reads other centres' opt-outs. Mosquitto cannot reject retained messages on single topics, so the
dialler rejects retained commands itself.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from dialer.deploy.mosquitto.passwords import hash_password, is_hash_of_password
from dialer.deploy.templates import load_configuration_templates
from dialer.domain.enums import SupervisorRole
from dialer.domain.person_ids import OWN_USER
from dialer.errors import SettingError
from dialer.settings.fields import is_loopback_host
from dialer.settings.site import Settings

MARKER = "# Written by `dialer mqtt render`: change the settings and render again, an edit here is lost."
"""The first line of files that we may overwrite."""

CONFIGURATION, ACCESS_LIST, PASSWORDS = "mosquitto.conf", "matdan.acl", "matdan.passwords"
MAX_PACKET_BYTES = 65_536
"""The maximum size of a message at the broker, enough for a signed command with a full batch of records."""
MIN_PASSWORD_LENGTH = 12
_USER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_READ = ("state", "alerts", "campaigns/#", "seats/#", "booths/#", "results/#")


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A user of the MQTT broker: name, password and permitted topics."""

    name: str  # at the broker
    rules: tuple[str, ...]  # lines of the access list
    password: str | None = None  # from the settings, or None if one is generated


def format_broker_user_name(settings: Settings, name: str) -> str:
    """Return the name of a supervisor's user at the broker.

    It contains the centre's ID, as several centres may share a broker.
    """
    return f"{settings.centre.id}.{name}"


def list_broker_users(sites: Sequence[tuple[str, Settings]]) -> list[BrokerUser]:
    """Return the users of a broker that several centres share. `sites` has the settings of the centres by file name.

    Raises SettingError.
    """
    users: dict[str, BrokerUser] = {}
    centres: set[str] = set()
    for file, settings in sites:
        centre = settings.centre.id
        if centre in centres:
            raise SettingError(
                file, "centre.id", f"{centre!r} is also the id in another file", "give each centre its own id"
            )
        centres.add(centre)
        for user in (_create_broker_user_of_dialler(file, settings), *_list_supervisor_users(settings)):
            if user.name in users:
                problem = f"{user.name!r} is already another user of the broker"
                raise SettingError(file, "broker.username", problem, "give each dialler a user of its own")
            users[user.name] = user
    return list(users.values())


def _create_broker_user_of_dialler(file: str, settings: Settings) -> BrokerUser:
    broker, root = settings.broker, f"dialer/v1/{settings.centre.id}"
    if broker.username is None or not _USER.fullmatch(broker.username):
        remedy = f'set one of letters, digits, dots and dashes, such as "{format_broker_user_name(settings, OWN_USER)}"'
        raise SettingError(file, "broker.username", "is not a valid user name for the dialler", remedy)
    password = "" if broker.password is None else broker.password.get_secret_value()
    if len(password) < MIN_PASSWORD_LENGTH or re.search(r"change.?me|\s", password, re.IGNORECASE):
        remedy = "set a random one, preferably by MATDAN_BROKER__PASSWORD, from `openssl rand -base64 24`"
        problem = f"is missing, copied from the example, or shorter than {MIN_PASSWORD_LENGTH} characters"
        raise SettingError(file, "broker.password", problem, remedy)
    rules = [f"topic readwrite {root}/#", "topic read dialer/v1/+/results/opt-outs"]
    if broker.home_assistant:
        rules.append(f"topic write homeassistant/device/matdan-{settings.centre.id}/config")
    return BrokerUser(broker.username, tuple(rules), password)


def _list_supervisor_users(settings: Settings) -> list[BrokerUser]:
    """Return the broker users of the people and programs in [[supervisors]].

    One of them is the desk (the server of the pages), which sends people's commands on their own topics. People may be
    added at any time, so the desk may publish on all command topics except the dialler's own.
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
        found.append(BrokerUser(format_broker_user_name(settings, each.name), (*rules, *read), password))
    return found


def render_mosquitto_files(
    sites: Sequence[tuple[str, Settings]],
    directory: Path,
    existing: Mapping[str, str],
    *,
    renew: Collection[str] = (),
) -> tuple[dict[str, str], dict[str, str]]:
    """Return Mosquitto's files by name, and the newly generated passwords by user.

    `existing` has the password hashes of present users (`read_password_hashes`). These users keep their passwords,
    except the users in `renew`. The section [mosquitto] and the port are taken from the first site.

    Raises SettingError.
    """
    users = list_broker_users(sites)
    unknown = set(renew) - {user.name for user in users if user.password is None}
    if unknown:
        names = ", ".join(user.name for user in users if user.password is None) or "none"
        raise SettingError(
            "--new-password", min(unknown), "is not a user with a generated password", f"use one of: {names}"
        )
    hashes: dict[str, str] = {}
    made: dict[str, str] = {}
    for user in users:
        before = existing.get(user.name)
        if user.password is not None:
            hashes[user.name] = (
                before if before and is_hash_of_password(before, user.password) else hash_password(user.password)
            )
        elif before is not None and user.name not in renew:
            hashes[user.name] = before
        else:
            made[user.name] = secrets.token_urlsafe(18)
            hashes[user.name] = hash_password(made[user.name])
    passwords = "\n".join(f"{name}:{hashed}" for name, hashed in hashes.items())
    return {
        CONFIGURATION: _render_mosquitto_configuration(*sites[0], directory),
        ACCESS_LIST: _render_mosquitto_template("matdan.acl.j2", users=users),
        PASSWORDS: f"{MARKER}\n{passwords}\n",
    }, made


def _render_mosquitto_configuration(file: str, settings: Settings, directory: Path) -> str:
    ours = settings.mosquitto
    with_tls = ours.certificate is not None and ours.private_key is not None
    if (ours.certificate is None) is not (ours.private_key is None):
        raise SettingError(
            file,
            "mosquitto.certificate",
            "certificate and private_key must both be set, or neither",
            "set both, or remove both",
        )
    if not with_tls and not is_loopback_host(ours.listen):
        problem = f"the broker would listen on {ours.listen} without encryption"
        raise SettingError(
            file, "mosquitto.certificate", problem, "set certificate and private_key, or listen on 127.0.0.1"
        )
    if with_tls is not settings.broker.tls:
        problem = (
            f"is {str(settings.broker.tls).lower()}, but [mosquitto] {'encrypts' if with_tls else 'does not encrypt'}"
        )
        raise SettingError(file, "broker.tls", problem, f"set it to {str(with_tls).lower()}")
    return _render_mosquitto_template(
        "mosquitto.conf.j2",
        directory=directory.absolute(),
        passwords=PASSWORDS,
        access_list=ACCESS_LIST,
        most_packet_bytes=MAX_PACKET_BYTES,
        mosquitto=ours,
        port=settings.broker.port,
        tls=with_tls,
    )


_templates = cache(partial(load_configuration_templates, "mosquitto"))


def _render_mosquitto_template(template: str, **values: object) -> str:
    return _templates().get_template(template).render({"marker": MARKER, **values})


def read_password_hashes(text: str) -> dict[str, str]:
    """Return the password hashes, by user, in a password file of Mosquitto. The result is empty if Matdan did not write
    the file.
    """
    if not text.startswith(MARKER):
        return {}
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: hashed for name, _, hashed in lines if hashed}
