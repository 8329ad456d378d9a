"""The Asterisk servers of a site. Each has an adapter and a manager connection (AMI). Together they form one switch."""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from dialer.deploy.asterisk.agi_secret import compute_dialplan_fingerprint, derive_agi_secret
from dialer.deploy.asterisk.events import EVENTS
from dialer.domain.backoff import Backoff
from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import SwitchUnreachable
from dialer.errors import SettingError
from dialer.settings.number_notation import get_number_formats_of_trunks
from dialer.settings.servers import SINGLE_SERVER, list_phones_without_seat, split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier
from dialer.settings.unfinished import CREATE_ONE
from dialer.site.reload import ReloadFunction
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_link import maintain_ami_link
from dialer.switch.asterisk.ami_permissions import check_ami_permissions
from dialer.switch.asterisk.ami_session import AmiLimits, AmiLogin
from dialer.switch.asterisk.lease import SwitchLease, refuse_if_another_dialler_uses_asterisk
from dialer.switch.asterisk.multi_server import MultiServerSwitch

MAX_RETRY_SECONDS = 3.0  # short, so that seats and calls are known within 5 s after a reconnection
PING_SECONDS = 1.0  # detects a half-open connection before calls are placed on it (`eligibility.UNANSWERED_SECONDS`)

_log = structlog.get_logger(__name__)


class AsteriskServers:
    """All Asterisk servers of a site, used like a single switch. Each has its own connection."""

    def __init__(self, settings: Settings, name: DiallerName) -> None:
        """Prepare a connection to each server.

        `name` is the name under which this dialler reserves the servers for itself.
        """
        self._settings = settings
        manager_secret = settings.ami.secret  # None: the site has no Asterisk, and no connection is accepted
        self.agi_secret = derive_agi_secret(
            secrets.token_hex() if manager_secret is None else manager_secret.get_secret_value()
        )
        fingerprint = compute_dialplan_fingerprint(self.agi_secret)
        self._adapters = {
            server: AsteriskSwitch(
                SwitchLease(name), fingerprint, site.asterisk.history, server, get_number_formats_of_trunks(settings)
            )
            for server, site in split_settings_by_asterisk_server(settings).items()
        }
        self.switch: AsteriskSwitch | MultiServerSwitch = (
            self._adapters[SINGLE_SERVER]
            if SINGLE_SERVER in self._adapters
            else MultiServerSwitch(self._adapters, *_map_endpoints_to_asterisk_servers(settings))
        )

    def list_settings_reload_functions(self) -> Iterator[ReloadFunction]:
        """Yield the functions that adapt the Asterisk connections when the settings file is reloaded.

        The first function sets the number formats of the carriers. On a site with several Asterisk servers, a second
        function sets which server has each trunk and seat.
        """
        switch, adapters = self.switch, tuple(self._adapters.values())

        def prepare_change_of_number_formats(settings: Settings) -> Callable[[], None]:
            notations = get_number_formats_of_trunks(settings)

            def apply_number_formats_of_trunks() -> None:
                for adapter in adapters:
                    adapter.set_number_notations(notations)

            return apply_number_formats_of_trunks

        yield prepare_change_of_number_formats
        if isinstance(switch, MultiServerSwitch):
            yield lambda settings: partial(
                switch.register_servers_of_trunks_and_seats, *_map_endpoints_to_asterisk_servers(settings)
            )

    async def serve_asterisk_control_channel(self, call: AgiCall) -> None:
        """Serve the AGI session of the channel over which the dialler controls a server. Other channels are refused."""
        for server, adapter in self._adapters.items():
            if call.env.unique_id == adapter.control_channel.channel_id:
                _log.info("control.connected", server=server)
                await adapter.control_channel.serve_control_session(call)
                return
        _log.warning("control.rejected", channel=call.env.unique_id)

    @asynccontextmanager
    async def keep_servers_connected(self, chance: random.Random) -> AsyncIterator[None]:
        """Keep a manager (AMI) connection to every server until the context ends, reconnecting as needed."""
        async with AsyncExitStack() as stack:
            for server, site in split_settings_by_asterisk_server(self._settings).items():
                await stack.enter_async_context(_create_manager_connection(site, self._adapters[server], chance))
            yield


def _map_endpoints_to_asterisk_servers(settings: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """Return two mappings: from each endpoint to its Asterisk server, and from each seat to its Asterisk server."""
    endpoints = {
        endpoint: server
        for server, site in split_settings_by_asterisk_server(settings).items()
        for endpoint in (
            *(trunk.endpoint for trunk in site.trunks),
            *(seat.endpoint for seat in site.seats),
            *list_phones_without_seat(site),
        )
    }
    return endpoints, {seat.name: seat.server or SINGLE_SERVER for seat in settings.seats}


def _create_manager_connection(
    settings: Settings, switch: AsteriskSwitch, chance: random.Random
) -> AbstractAsyncContextManager[None]:
    login = get_ami_login(settings)
    seconds = settings.ami.ping_seconds
    backoff = Backoff(longest_seconds=MAX_RETRY_SECONDS)
    limits = AmiLimits(ping_seconds=min(PING_SECONDS, seconds), dead_seconds=2 * seconds)
    return maintain_ami_link(
        lambda: AmiClient(login, on_event=switch.on_ami_event, wanted_events=EVENTS, limits=limits),
        on_ami_link_up=switch.on_ami_link_up,
        on_ami_link_down=switch.on_ami_link_down,
        run_ami_session=switch.run_ami_session,
        wait_seconds=lambda failures: backoff.calculate_seconds_until_next_attempt(failures, chance),
    )


def get_ami_login(settings: Settings) -> AmiLogin:
    """Return address and account of Asterisk's manager interface (AMI), for settings with a single Asterisk.

    Raises SettingError if `ami.secret` is not set.
    """
    ami = settings.ami
    if ami.secret is None:
        raise SettingError("settings", "ami.secret", "is not set", CREATE_ONE)
    return AmiLogin(ami.host, ami.port, ami.username, ami.secret.get_secret_value())


def find_trunks_with_unchanged_server(settings: Settings, changed: Collection[str] | None) -> frozenset[str]:
    """Return the trunks that have stayed on the same Asterisk server and carrier since the last run.

    Their present server has the records of all their earlier calls. `changed` has the keys of the settings that changed
    since the last run (None = unknown).
    """
    if changed is None or any(key in {"ami.host", "ami.port"} or key.startswith("asterisk.servers") for key in changed):
        return frozenset()
    here = (trunk.name for trunk in settings.trunks if trunk.carrier is not Carrier.TWILIO)
    return frozenset(name for name in here if not {f"trunks.{name}.server", f"trunks.{name}.carrier"} & {*changed})


async def check_asterisk_servers(settings: Settings, name: DiallerName | None = None) -> None:
    """Log in to each Asterisk server once, and check the dialler's permissions there.

    With `name`, also check that no other dialler uses the server. An unreachable server is skipped if another one is
    reachable. Raises SwitchError, or PermissionMissing with the line of manager.conf to change.
    """
    unreachable: list[SwitchUnreachable] = []
    servers = split_settings_by_asterisk_server(settings)
    for server, site in servers.items():
        try:
            if name is None:
                await check_ami_permissions(get_ami_login(site))
            else:
                await refuse_if_another_dialler_uses_asterisk(get_ami_login(site), name)
        except SwitchUnreachable as error:
            unreachable.append(error)
            if len(unreachable) == len(servers):
                raise
            _log.warning("asterisk.unreachable", server=server, problem=str(error))
