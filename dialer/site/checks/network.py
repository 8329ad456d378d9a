"""Checks of connections and accounts: the FastAGI port, headquarters, voter-data portals, Twilio."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.orders import RESUMING_LEADERS
from dialer.domain.signing import read_webhook_secret
from dialer.errors import MatdanError
from dialer.roll.mapping import load_column_map
from dialer.roll.sources import build_auth_headers
from dialer.settings.site import Settings
from dialer.settings.sources import Source
from dialer.site.twilio import fetch_twilio_spending_today
from dialer.store.lock import DIALLER
from dialer.store.lock_holder import find_lock_holder


def check_fastagi_port(settings: Settings) -> Iterator[Finding]:
    """Check that the port for Asterisk's FastAGI requests is free, or used by the running dialler."""
    subject, host, port = "fastagi", settings.fastagi.host, settings.fastagi.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                yield make_error_finding(
                    subject, f"cannot listen on {host}:{port} ({problem.strerror})", "set fastagi.host"
                )
            elif (holder := find_lock_holder(settings.store.path) or "").startswith(DIALLER):
                yield make_ok_finding(subject, f"port {port} is in use, and {holder} is running")
            else:
                text = f"port {port} is in use by another program"
                yield make_error_finding(subject, text, "stop that program, or set fastagi.port")
            return
    yield make_ok_finding(subject, f"{host}:{port} is free")


def check_headquarters(settings: Settings) -> Iterator[Finding]:
    """Check the settings for headquarters: its leaders, the centre's key, and the received campaign material (bundles)."""
    subject, ours = "headquarters", settings.headquarters
    if ours.user is None:
        return
    if len(ours.leaders) < RESUMING_LEADERS:
        text = f"[[headquarters.leaders]] has fewer than {RESUMING_LEADERS} leaders, so a stop could not be lifted"
        yield make_error_finding(subject, text, "add the leaders that `dialer hq render` lists")
    key = ours.nkey_file
    if key is not None and key.stat().st_mode & 0o077:
        yield make_error_finding(subject, f"other users can read {key}, the centre's private key", f"chmod 600 {key}")
    if ours.material_url is not None and not (ours.material_folder / "current").is_dir():
        text = f"{ours.material_folder} has no bundles from headquarters yet"
        yield make_warning_finding(subject, text, "start `dialer uplink` and check its log")
    leaders = ", ".join(leader.name for leader in ours.leaders) or "no leader"
    yield make_ok_finding(subject, f"zone {ours.zone or 'none'}; orders are accepted from {leaders}")


def check_voter_data_portals(settings: Settings) -> Iterator[Finding]:
    """Check the settings of each voter-data portal: folder, mapping and secrets. No connection to a portal is made."""
    for source in settings.sources:
        subject, problems = f"source {source.name}", 0
        for requirement in _list_checks_of_portal_requirements(source):
            try:
                requirement()
            except MatdanError as problem:
                problems += 1
                yield make_error_finding(subject, str(problem))
        if not problems:
            yield make_ok_finding(subject, f"folder {source.folder} and mapping of the portal exist")


def _list_checks_of_portal_requirements(source: Source) -> Iterator[Callable[[], object]]:
    """Yield functions that each check one requirement of a voter-data portal.

    A function raises MatdanError if its requirement is not met.
    """
    yield partial(_require_writable_folder, source.folder)
    yield partial(load_column_map, source.map_file)
    yield partial(build_auth_headers, source)
    if source.webhook_secret_file is not None:
        yield partial(read_webhook_secret, source.webhook_secret_file, f"sources.{source.name}.webhook_secret_file")


def _require_writable_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise RollError(f"folder {folder} does not exist; create it, or correct the folder in [[sources]]")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise RollError(
            f"folder {folder} of [[sources]] is not writable for this user: give this user read and write permission"
        )


async def check_twilio(settings: Settings) -> AsyncIterator[Finding]:
    """Check that Twilio answers, and report the money spent today.

    Raises MatdanError if it does not answer.
    """
    spent = await fetch_twilio_spending_today(settings)
    cap = settings.twilio.max_spend_per_day
    if cap is None:
        yield make_warning_finding(
            "twilio", f"answers; {spent:.2f} spent today, without a cap", "set twilio.max_spend_per_day"
        )
    else:
        yield make_ok_finding("twilio", f"answers; {spent:.2f} spent today of {cap:g}")
