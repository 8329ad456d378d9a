"""The Asterisks of a site: the one at ami.host, or those of [[asterisk.servers]], each seen as a site with that one alone."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from dialer.errors import SettingError
from dialer.settings.asterisk import AsteriskServer
from dialer.settings.fields import derived_secret
from dialer.settings.site import Settings

ONLY = ""
"""The name of the Asterisk of a site that has no [[asterisk.servers]]."""


def servers_of(settings: Settings) -> Mapping[str, Settings]:
    """By the name of each Asterisk the settings as they are for it alone: where it is, its lines, seats and phones."""
    servers = settings.asterisk.servers
    return {server.name: _alone(settings, server) for server in servers} if servers else {ONLY: settings}


def on_server(
    settings: Settings, name: str | None, file: str = "settings"
) -> tuple[Settings, tuple[AsteriskServer, ...]]:
    """Return the settings as seen by one Asterisk server, and the other servers. Raises SettingError where the name is unclear."""
    servers = settings.asterisk.servers
    if name is None and not servers:
        return settings, ()
    names = [server.name for server in servers]
    if name not in names:
        problem = "there are several" if name is None else f"there is no server {name!r}"
        raise SettingError(
            file, "asterisk.servers", problem, f"say with --server which one: {', '.join(names) or 'none'}"
        )
    return servers_of(settings)[name], tuple(server for server in servers if server.name != name)


def named_phones(settings: Settings) -> tuple[str, ...]:
    """Endpoints of the phones that [[supervisors]] and [[transfers]] name, each once."""
    named = [*(each.endpoint for each in settings.supervisors), *(each.endpoint for each in settings.transfers)]
    return tuple(dict.fromkeys(endpoint for endpoint in named if endpoint is not None))


def house_phones(settings: Settings) -> tuple[str, ...]:
    """Those of them that are no seat's."""
    seats = {seat.endpoint for seat in settings.seats}
    return tuple(endpoint for endpoint in named_phones(settings) if endpoint not in seats)


def on_one(settings: Settings) -> Settings:
    """The same site as if one Asterisk carried all of it."""
    tables = {
        section: tuple(each.model_copy(update={"server": None}) for each in getattr(settings, section))
        for section in ("trunks", "seats", "transfers", "supervisors")
    }
    return settings.model_copy(update={**tables, "asterisk": settings.asterisk.model_copy(update={"servers": ()})})


def server_password(one: str, other: str, manager_secret: SecretStr | None) -> str:
    """What two servers know each other by, a derived secret."""
    return derived_secret(manager_secret, f"servers {' '.join(sorted((one, other)))}")


def _alone(settings: Settings, server: AsteriskServer) -> Settings:
    given = server.model_dump(include={"bind_address", "sip_port", "external_address", "history"}, exclude_none=True)
    own = {
        section: tuple(each for each in getattr(settings, section) if each.server == server.name)
        for section in ("seats", "supervisors")
    }
    trunks = tuple(trunk for trunk in settings.trunks if trunk.server == server.name)
    lines = {trunk.name for trunk in trunks}
    return settings.model_copy(
        update={
            "ami": settings.ami.model_copy(update={"host": server.host, "port": server.port}),
            "asterisk": settings.asterisk.model_copy(update={**given, "servers": ()}),
            "trunks": trunks,
            "transfers": tuple(
                each for each in settings.transfers if each.server == server.name or each.trunk in lines
            ),
            **own,
        }
    )
