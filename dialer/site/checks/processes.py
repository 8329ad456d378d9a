"""Checks of a centre's running processes: store lock, metrics ports, and the state that the dialler publishes."""

from __future__ import annotations

import asyncio
import http.client
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from uuid import uuid4

from dialer.domain.alerts import AlertLevel
from dialer.domain.clock import Clock
from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.view import CentreState, CentreView
from dialer.domain.words import format_count
from dialer.mqtt.connection import open_connection
from dialer.mqtt.dialler_client import DiallerClient
from dialer.mqtt.duplicate_dialler import ALIVE_SECONDS
from dialer.mqtt.latest_messages import LatestMessages
from dialer.mqtt.retained import RETAINED_SECONDS
from dialer.settings.site import Settings
from dialer.site.broker import get_broker_settings
from dialer.site.checks.ages import format_duration_in_largest_unit
from dialer.store.lock_holder import find_lock_holder

ANSWER_SECONDS = 5.0
_MAX_ANSWER_BYTES = 1 << 20  # another program on that port may send endlessly


def check_that_dialler_has_opened_store(settings: Settings) -> Finding:
    """Check that a dialler is running and has the store open."""
    path = settings.store.path
    holder = find_lock_holder(path)
    if holder is None:
        return make_error_finding(
            "store lock", f"no process has {path} open for writing", "start the dialler (`dialer run`)"
        )
    return make_ok_finding("store lock", f"{holder} has the store open")


def list_metrics_ports(settings: Settings) -> Iterator[tuple[str, int | None]]:
    """Yield the name of each process of the centre with its metrics port (None = no port is set)."""
    metrics = settings.metrics
    yield "dialler", metrics.port
    yield "desk", metrics.desk_port
    if settings.headquarters.user is not None:
        yield "uplink", metrics.uplink_port


def check_running_process(name: str, host: str, port: int | None) -> Iterator[Finding]:
    """Check that a process answers at its metrics port, has the installed version and is ready."""
    if port is None:
        key = "port" if name == "dialler" else f"{name}_port"
        yield make_warning_finding(
            name, "the state of this process is unknown", f"set metrics.{key} (docs/how-to/monitoring.md)"
        )
        return
    address = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - as in the settings
    try:
        text, ready = [_fetch_response_body(address, port, path) for path in ("/metrics", "/ready")]
    except (OSError, http.client.HTTPException) as problem:
        remedy = f"see `systemctl status matdan-{name}` and `journalctl -u matdan-{name}`"
        yield make_error_finding(name, f"does not answer at {address}:{port} ({problem})", remedy)
        return
    found, installed = re.search(r'matdan_info\{[^}]*version="([^"]+)"', text), version("matdan")
    if found is None:
        yield make_error_finding(name, f"another program answers at {address}:{port}", "correct the port in [metrics]")
        return
    if found[1] != installed:
        yield make_error_finding(name, f"runs version {found[1]}, but {installed} is installed", "restart it")
    if ready == "ok":
        yield make_ok_finding(name, f"answers at {address}:{port} and is ready")
    else:
        yield make_error_finding(name, f"not ready: {ready}", "see docs/how-to/runbooks.md")


def _fetch_response_body(host: str, port: int, path: str) -> str:
    """Return the body of an HTTP response, whatever its status."""
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    with closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read(_MAX_ANSWER_BYTES).decode("utf-8", "replace").strip()


async def check_dialler_state_at_broker(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """Check the state that the dialler has published at the MQTT broker.

    Raises BrokerUnreachable.
    """
    broker, centre = get_broker_settings(settings), settings.centre.id
    async with open_connection(replace(broker, client_id=f"doctor-{uuid4().hex}"), centre):
        pass  # raises for a wrong address or password
    yield make_ok_finding("broker", f"an MQTT broker answers at {broker.host}:{broker.port}")
    messages = LatestMessages(centre)
    listener = DiallerClient(
        replace(broker, client_id="doctor"), centre, clock, messages.store_latest_message, random.SystemRandom()
    )
    listening = asyncio.create_task(listener.receive_messages_until_cancelled(replies=None), name="doctor-listens")
    try:
        await asyncio.sleep(RETAINED_SECONDS)
        for finding in check_published_dialler_state(
            messages.centre_state, messages.build_centre_view(clock.now()), clock.now()
        ):
            yield finding
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def check_published_dialler_state(state: CentreState | None, view: CentreView, now: float) -> Iterator[Finding]:
    """Yield check results on the dialler's last published state, its alerts and its campaigns.

    `state` is None if the dialler has never published a state. `view` has the other published messages of the centre.
    """
    subject = "dialler at the broker"
    if state is None:
        yield make_error_finding(
            subject, "the dialler has never published its state", "check its [broker], and the broker's access list"
        )
        return
    if not state.online:
        yield make_error_finding(
            subject, "the dialler is offline", "see docs/how-to/runbooks.md, MatdanDown and MatdanBrokerUnreachable"
        )
        return
    silent = now - state.at
    if silent > ALIVE_SECONDS:
        text = f"the dialler has not published its state for {format_duration_in_largest_unit(silent)}, or its clock is behind"
        yield make_error_finding(subject, text, "see docs/how-to/runbooks.md, MatdanDown")
        return
    seats = ", ".join(f"{count} {name}" for name, count in state.seats.items() if count) or "none"
    yield make_ok_finding(subject, f"{format_count(state.calls, 'call')}; seats: {seats}")
    for alert in view.alerts:
        level = make_error_finding if alert.level is AlertLevel.CRITICAL else make_warning_finding
        yield level(f"alert {alert.code}", alert.text, "see docs/how-to/runbooks.md")
    for campaign in view.campaigns:
        subject, hold = f"campaign {campaign.campaign_id}", campaign.hold
        text = f"{campaign.state}, {campaign.progress.remaining:,} numbers remaining"
        yield (
            make_ok_finding(subject, text)
            if hold is None
            else make_warning_finding(subject, f"{text}; not dialling: {hold}")
        )
