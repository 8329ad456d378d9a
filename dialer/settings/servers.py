"""The Asterisk servers of a site, and the part of the settings that concerns each server."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from dialer.errors import SettingError
from dialer.settings.asterisk import AsteriskServer
from dialer.settings.fields import derive_secret_for_purpose
from dialer.settings.site import Settings

SINGLE_SERVER = ""
"""The name of the only server of a site without [[asterisk.servers]]."""


def split_settings_by_asterisk_server(settings: Settings) -> Mapping[str, Settings]:
    """Return the part of the settings that concerns each Asterisk server, by the server's name.

    Each part is complete settings, with the server's own address, trunks, seats and phones.
    """
    servers = settings.asterisk.servers
    return (
        {server.name: _make_settings_of_asterisk_server(settings, server) for server in servers}
        if servers
        else {SINGLE_SERVER: settings}
    )


def select_settings_of_asterisk_server(
    settings: Settings, name: str | None, file: str = "settings"
) -> tuple[Settings, tuple[AsteriskServer, ...]]:
    """Return the part of the settings that concerns the Asterisk server `name`, and the site's other Asterisk servers.

    Raises SettingError for a missing or unknown name.
    """
    servers = settings.asterisk.servers
    if name is None and not servers:
        return settings, ()
    names = [server.name for server in servers]
    if name not in names:
        problem = "there are several servers" if name is None else f"there is no server {name!r}"
        remedy = f"give one with --server: {', '.join(names) or 'none'}"
        raise SettingError(file, "asterisk.servers", problem, remedy)
    return split_settings_by_asterisk_server(settings)[name], tuple(server for server in servers if server.name != name)


def list_supervisor_and_transfer_phones(settings: Settings) -> tuple[str, ...]:
    """Return the endpoints of the phones in [[supervisors]] and [[transfers]], each one once."""
    named = [*(each.endpoint for each in settings.supervisors), *(each.endpoint for each in settings.transfers)]
    return tuple(dict.fromkeys(endpoint for endpoint in named if endpoint is not None))


def list_phones_without_seat(settings: Settings) -> tuple[str, ...]:
    """Return the endpoints of supervisors' and transfer targets' phones that are not at a seat."""
    seats = {seat.endpoint for seat in settings.seats}
    return tuple(endpoint for endpoint in list_supervisor_and_transfer_phones(settings) if endpoint not in seats)


def convert_settings_to_single_server(settings: Settings) -> Settings:
    """Return the settings of a site as if one Asterisk server had all its trunks, seats and phones."""
    tables = {
        section: tuple(each.model_copy(update={"server": None}) for each in getattr(settings, section))
        for section in ("trunks", "seats", "transfers", "supervisors")
    }
    return settings.model_copy(update={**tables, "asterisk": settings.asterisk.model_copy(update={"servers": ()})})


def derive_server_password(one: str, other: str, manager_secret: SecretStr | None) -> str:
    """Return the password with which two Asterisk servers of a site authenticate each other.

    It is derived from `ami.secret`.
    """
    return derive_secret_for_purpose(manager_secret, f"servers {' '.join(sorted((one, other)))}")


def _make_settings_of_asterisk_server(settings: Settings, server: AsteriskServer) -> Settings:
    overrides = server.model_dump(
        include={"bind_address", "sip_port", "external_address", "history"}, exclude_none=True
    )
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
            "asterisk": settings.asterisk.model_copy(update={**overrides, "servers": ()}),
            "trunks": trunks,
            "transfers": tuple(transfers),
            **own,
        }
    )
