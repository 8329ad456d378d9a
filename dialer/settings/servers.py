"""The Asterisk servers of a site: the one at ami.host, or those of [[asterisk.servers]]; the settings as seen by one of them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from dialer.errors import SettingError
from dialer.settings.asterisk import AsteriskServer
from dialer.settings.fields import derived_secret
from dialer.settings.site import Settings

ONLY = ""
"""The name of the server of a site without [[asterisk.servers]]."""


def servers_of(settings: Settings) -> Mapping[str, Settings]:
    """Return for each server, by name, the settings as if it were the only one: its address, trunks, seats and phones."""
    servers = settings.asterisk.servers
    return {server.name: _alone(settings, server) for server in servers} if servers else {ONLY: settings}


def on_server(
    settings: Settings, name: str | None, file: str = "settings"
) -> tuple[Settings, tuple[AsteriskServer, ...]]:
    """Return the settings as seen by one server, and the other servers. Raises SettingError where the name is unclear."""
    servers = settings.asterisk.servers
    if name is None and not servers:
        return settings, ()
    names = [server.name for server in servers]
    if name not in names:
        problem = "there are several" if name is None else f"there is no server {name!r}"
        remedy = f"name one with --server: {', '.join(names) or 'none'}"
        raise SettingError(file, "asterisk.servers", problem, remedy)
    return servers_of(settings)[name], tuple(server for server in servers if server.name != name)


def named_phones(settings: Settings) -> tuple[str, ...]:
    """Return the endpoints of the phones that [[supervisors]] and [[transfers]] name, each once."""
    named = [*(each.endpoint for each in settings.supervisors), *(each.endpoint for each in settings.transfers)]
    return tuple(dict.fromkeys(endpoint for endpoint in named if endpoint is not None))


def house_phones(settings: Settings) -> tuple[str, ...]:
    """Return those of `named_phones` that are not seats."""
    seats = {seat.endpoint for seat in settings.seats}
    return tuple(endpoint for endpoint in named_phones(settings) if endpoint not in seats)


def on_one(settings: Settings) -> Settings:
    """Return the settings of the same site as if a single server carried all of it."""
    tables = {
        section: tuple(each.model_copy(update={"server": None}) for each in getattr(settings, section))
        for section in ("trunks", "seats", "transfers", "supervisors")
    }
    return settings.model_copy(update={**tables, "asterisk": settings.asterisk.model_copy(update={"servers": ()})})


def server_password(one: str, other: str, manager_secret: SecretStr | None) -> str:
    """Return the secret with which two servers authenticate each other, derived from `ami.secret`."""
    return derived_secret(manager_secret, f"servers {' '.join(sorted((one, other)))}")


def _alone(settings: Settings, server: AsteriskServer) -> Settings:
    given = server.model_dump(include={"bind_address", "sip_port", "external_address", "history"}, exclude_none=True)
    own = {
        section: tuple(each for each in getattr(settings, section) if each.server == server.name)
        for section in ("seats", "supervisors")
    }
    trunks = tuple(trunk for trunk in settings.trunks if trunk.server == server.name)
    names = {trunk.name for trunk in trunks}
    transfers = (each for each in settings.transfers if each.server == server.name or each.trunk in names)
    return settings.model_copy(
        update={
            "ami": settings.ami.model_copy(update={"host": server.host, "port": server.port}),
            "asterisk": settings.asterisk.model_copy(update={**given, "servers": ()}),
            "trunks": trunks,
            "transfers": tuple(transfers),
            **own,
        }
    )
