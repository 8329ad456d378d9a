"""The uplink process, which connects a centre's broker and store with headquarters' nats-server."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from dataclasses import replace

import structlog

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.signing import read_public_key
from dialer.errors import SettingError
from dialer.metrics.families import ProcessStatus, build_uplink_metrics
from dialer.metrics.server import serve_metrics_if_enabled
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.dialler_client import DiallerClient
from dialer.nats.session import Session, open_session
from dialer.process.systemd import report_service_ready
from dialer.settings.site import Settings
from dialer.site.broker import create_command_signer, get_broker_settings_for_user
from dialer.store.keys import read_store_key_of_site
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.live_status import LIVE_KINDS, LiveStatus
from dialer.uplink.material import MaterialUpdater, open_material_folder
from dialer.uplink.number_sample import publish_sample_of_number_hashes
from dialer.uplink.orders import OrderDelivery
from dialer.uplink.peer_snapshots import SnapshotSource
from dialer.uplink.peer_updates import PeerUpdates
from dialer.uplink.upload import OutboxUpload

_log = structlog.get_logger(__name__)


def find_broker_user_of_uplink(settings: Settings) -> str:
    """Return the name of the uplink's broker user. Raises SettingError if the settings have no headquarters."""
    headquarters = settings.headquarters
    if headquarters.user is None:
        raise SettingError(
            "settings",
            "headquarters.user",
            "is not set: the centre is not connected to headquarters",
            'add [headquarters] and a table [[supervisors]] with role = "uplink" (docs/how-to/headquarters.md)',
        )
    if not headquarters.servers:
        raise SettingError("settings", "headquarters.servers", "is empty", "name headquarters' nats-server")
    return headquarters.user


async def run_uplink(settings: Settings, *, broker: BrokerSettings | None = None, clock: Clock | None = None) -> None:
    """Connect the centre to its headquarters until cancelled. `broker` replaces the broker in the settings.

    While headquarters, the broker or the dialler is unreachable, the uplink waits. Raises SettingError, StoreError or
    HeadquartersUnreachable for problems that a person must solve.
    """
    user = find_broker_user_of_uplink(settings)
    centre, headquarters, clock = settings.centre.id, settings.headquarters, clock or SystemClock()
    broker = replace(
        broker or get_broker_settings_for_user(settings, user, headquarters.broker_password), client_id="uplink"
    )
    signer = None if settings.broker.key_file is None else create_command_signer(settings, user)
    live = LiveStatus(centre)
    dialler_client = DiallerClient(broker, centre, clock, live.store_live_status_value, random.SystemRandom())
    dialler = DiallerCommands(dialler_client, user, signer)
    material = open_material_folder(settings)
    key = None if headquarters.key is None else read_public_key(headquarters.key)
    session: Session | None = None

    def get_uplink_readiness() -> ProcessStatus:
        return build_uplink_metrics(
            centre, broker_up=dialler_client.is_connected, headquarters_up=session is not None and session.is_connected
        )

    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(
            serve_metrics_if_enabled(settings.metrics.host, settings.metrics.uplink_port, get_uplink_readiness)
        )
        reading = await UplinkReader.open(settings.store.path, read_store_key_of_site(settings))
        stack.push_async_callback(reading.close)
        async with asyncio.TaskGroup() as group:
            group.create_task(
                dialler_client.receive_messages_until_cancelled(replies=user, kinds=LIVE_KINDS), name="uplink-broker"
            )
            async with open_session(
                headquarters.servers,
                f"uplink {centre}",
                nkey_file=headquarters.nkey_file,
                ca_file=headquarters.ca_file,
                centre=centre,
            ) as session:
                _log.info("uplink.connected", servers=[*headquarters.servers])
                parts = {
                    "upload": OutboxUpload(centre, session, dialler, reading, clock).send_results_until_cancelled(),
                    "peer-updates": PeerUpdates(
                        SnapshotSource(centre, session, key), dialler, reading
                    ).send_peer_updates_until_cancelled(),
                    "orders": OrderDelivery(
                        centre, headquarters.zone, session, dialler, clock
                    ).deliver_orders_until_cancelled(),
                    "live-status": live.publish_status_until_cancelled(session),
                    "number-sample": publish_sample_of_number_hashes(centre, session, reading),
                }
                if material is not None:
                    parts["material"] = MaterialUpdater(
                        centre, session, dialler, material, clock
                    ).install_material_until_cancelled()
                async with asyncio.TaskGroup() as connected_group:
                    for name, part in parts.items():
                        connected_group.create_task(part, name=f"uplink-{name}")


async def serve_uplink(settings: Settings) -> None:
    """Run the uplink until SIGTERM or Ctrl-C."""
    running = asyncio.ensure_future(run_uplink(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    async with report_service_ready():
        with contextlib.suppress(asyncio.CancelledError):
            await running
