"""The MQTT broker of a site: how to connect to it, who may send commands, and the dialler's own connection."""

from __future__ import annotations

import random
import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from dialer.domain.clock import Clock
from dialer.domain.dialler_name import DiallerName
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.person_ids import OWN_USER
from dialer.domain.signing import derive_public_key, read_key_file, read_public_key
from dialer.engine.engine import Engine
from dialer.errors import SettingError
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.link import Presence
from dialer.mqtt.monitor import Monitor
from dialer.settings.site import Settings
from dialer.site.reload import SettingsReload
from dialer.store.store import Store

OWN_ROLES: frozenset[Role] = frozenset({Role.BOOTH_DESK, Role.COMPLIANCE})
"""The roles of the dialler's own command line, which imports records and may always stop campaigns."""


def get_broker_settings(settings: Settings) -> BrokerSettings:
    """Return the broker's address and the dialler's account there.

    Raises SettingError for unreadable certificates.
    """
    broker = settings.broker
    return BrokerSettings(
        host=broker.host,
        port=broker.port,
        username=broker.username,
        password=broker.password.get_secret_value() if broker.password is not None else None,
        tls=_create_tls_context(broker.ca_file) if broker.tls else None,
    )


def get_broker_settings_for_user(settings: Settings, user: str, password: SecretStr | None) -> BrokerSettings:
    """Return the broker's address and the account of another program that has its own broker user, such as the web
    server (desk).
    """
    name = f"{settings.centre.id}.{user}"
    secret = None if password is None else password.get_secret_value()
    return replace(get_broker_settings(settings), username=name, password=secret)


def _create_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        problem = f"{ca_file} cannot be read as certificates ({error.strerror or error})"
        raise SettingError("settings", "broker.ca_file", problem, "set it to a file in PEM format") from error


def list_users_who_may_send_commands(
    settings: Settings, stored: Mapping[str, Role] | None = None, *, private_broker: bool = False
) -> Senders:
    """Return the users who may send commands over MQTT, in the settings and in the store.

    `stored` has the store's users with their roles, and is kept up to date. If `private_broker`, the broker was started
    for this run only and needs no accounts.
    """
    return Senders(
        list_command_senders_in_settings(settings),
        stored,
        signed=settings.broker.signed_commands,
        broker_knows=private_broker or settings.broker.username is not None,
    )


def list_command_senders_in_settings(settings: Settings) -> list[Sender]:
    """Return the users in the settings who may send commands: supervisors, and the dialler's command line."""
    key_file = settings.broker.key_file
    return [
        Sender(OWN_USER, OWN_ROLES, None if key_file is None else derive_public_key(read_key_file(key_file))),
        *(
            Sender(each.name, frozenset({each.role}), None if each.key is None else read_public_key(each.key))
            for each in settings.supervisors
        ),
    ]


def create_command_signer(settings: Settings, user: str = OWN_USER) -> Signer:
    """Return an object that signs commands of `user` with this machine's key.

    Raises SettingError for an unreadable key.
    """
    key_file = settings.broker.key_file
    return Signer(user, None if key_file is None else read_key_file(key_file))


def create_mqtt_interface_of_dialler(
    settings: Settings,
    private_broker: BrokerSettings | None,
    engine: Engine,
    store: Store,
    clock: Clock,
    chance: random.Random,
    name: DiallerName,
    reload: SettingsReload,
) -> Monitor | None:
    """Return the object that publishes the dialler's state to the MQTT broker and receives commands from it.

    Returns None if the site has no broker. `private_broker`, if given, is used instead of the broker in the settings.
    """
    if not settings.broker.enabled:
        return None
    broker = private_broker or get_broker_settings(settings)
    presence = Presence(settings.centre.id, broker, clock, chance, name, settings.broker.home_assistant)
    senders = list_users_who_may_send_commands(
        settings, engine.features.user_account_service.roles, private_broker=private_broker is not None
    )
    reload.add_settings_reload_functions(
        [lambda settings: partial(senders.replace_users_from_settings, list_command_senders_in_settings(settings))]
    )
    return Monitor(presence, engine, store, senders, reads_opt_outs=bool(settings.rules.list_opt_out_secrets()))
