"""`dialer doctor`: checks of a running centre, which change nothing.

`dialer check` checks a centre before it starts.
"""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.finding import Finding, make_ok_finding
from dialer.domain.words import format_count
from dialer.settings.servers import split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.site.asterisk import get_ami_login
from dialer.site.checks.asterisk import check_phones, check_trunks
from dialer.site.checks.certificate import (
    check_broker_certificate,
    check_desk_certificate,
    check_signing_certificates,
)
from dialer.site.checks.clocks import check_clock, check_clock_difference
from dialer.site.checks.processes import (
    check_dialler_state_at_broker,
    check_running_process,
    check_that_dialler_has_opened_store,
    list_metrics_ports,
)
from dialer.site.checks.runner import Check, run_checks
from dialer.site.checks.store import check_backup, check_disk_space, check_stored_records
from dialer.store.migrate import get_newest_schema_version
from dialer.switch.asterisk.ami_client import AmiClient


def check_running_site(
    settings: Settings, clock: Clock | None = None, *, backups: Path | None = None
) -> AsyncIterator[Finding]:
    """Run all checks of a running site, and yield their results.

    `backups` is the folder of backups, if it is not store.backup_folder.
    """
    return run_checks(list_running_checks(settings, clock or SystemClock(), backups or settings.store.backup_folder))


def list_running_checks(settings: Settings, clock: Clock, backups: Path | None) -> Iterator[Check]:
    """Yield each check that `dialer doctor` makes of a running site."""
    yield Check("versions", lambda: [_list_installed_program_versions()])
    yield Check("store lock", lambda: [check_that_dialler_has_opened_store(settings)])
    for name, port in list_metrics_ports(settings):
        yield Check(name, partial(check_running_process, name, settings.metrics.host, port))
    yield Check("disk", lambda: check_disk_space(settings))
    yield Check("store", lambda: check_stored_records(settings, clock.now()))
    yield Check("backup", lambda: [check_backup(settings, backups, clock.now())])
    yield Check("clock", lambda: [check_clock()])
    yield Check("desk certificate", lambda: check_desk_certificate(settings, clock.now()))
    yield Check("signing certificate", lambda: check_signing_certificates(settings, clock.now()))
    yield Check("broker certificate", lambda: check_broker_certificate(settings, clock.now()))
    if settings.uses_asterisk:
        for server, site in split_settings_by_asterisk_server(settings).items():
            yield Check("asterisk", partial(_check_running_asterisk, site, clock), server)
    if settings.broker.enabled:
        yield Check("broker", lambda: check_dialler_state_at_broker(settings, clock))


def _list_installed_program_versions() -> Finding:
    return make_ok_finding(
        "versions",
        f"Matdan {version('matdan')}, Python {platform.python_version()}, schema {get_newest_schema_version()}",
    )


async def _check_running_asterisk(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """Check the clock, trunks and phones of a running Asterisk server.

    Raises MatdanError.
    """
    async with AmiClient(get_ami_login(settings), on_event=lambda _: None, wanted_events=()) as client:
        timestamp = (await client.send_action("Ping")).get("Timestamp")
        channels = await client.send_list_action("CoreShowChannels")
        yield make_ok_finding("asterisk", f"{client.manager_banner}, {format_count(len(channels), 'live channel')}")
        with suppress(ValueError):
            yield check_clock_difference("Asterisk's clock", float(timestamp) - clock.now())
        for finding in await check_trunks(settings, client):
            yield finding
        if settings.seats:
            yield await check_phones(settings, client)
