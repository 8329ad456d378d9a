"""A check of a site with TLS, SRTP, browser phones and a carrier account on a real Asterisk.

It checks that the configuration loads, that the account registers, and that unknown callers are rejected.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from dialer.deploy.asterisk.lint import lint_files_in_directory
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.domain.switch_events import SwitchEvent, UnregisteredTrunksListed
from dialer.settings.site import Settings
from dialer.site.asterisk import get_ami_login
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.registrations import watch_trunk_registrations
from tests.asterisk.process import NoAsterisk, RealAsterisk, find_free_ports
from tests.asterisk.sipp import Sipp
from tests.asterisk.sipp_scripts import render_registrar
from tests.support.waiting import HANG_SECONDS

RELOAD_SECONDS = 2.0
STRANGER = "127.0.0.2"  # an address of no trunk
PASSWORD = "a-password-for-the-lab"


async def check_whole_site(program: Path, sipp: Path, directory: Path) -> list[str]:
    """Run all checks of the site. Return the faults. Raises NoAsterisk if a tool is missing."""
    certificate, key = await _create_certificate(directory)
    tls_port, websocket_port, ami_port, agi_port = find_free_ports(4)
    sip_port, carrier_port, phone_port = find_free_ports(3, socket.SOCK_DGRAM)
    line = {"caller_ids": ["+911140000001"], "host": "127.0.0.1", "qualify_seconds": 0}
    settings = Settings.model_validate(
        {
            "ami": {"port": ami_port, "secret": PASSWORD},
            "fastagi": {"port": agi_port},
            "asterisk": {
                "bind_address": "127.0.0.1",
                "sip_port": sip_port,
                "tls_port": tls_port,
                "websocket_port": websocket_port,
                "certificate": str(certificate),
                "private_key": str(key),
                "rtp_first_port": 40_000,
                "rtp_last_port": 40_999,
            },
            "trunks": [
                {**line, "name": "account", "endpoint": "account", "port": carrier_port, "username": "acc1",
                 "password": PASSWORD, "registers": True},
                {**line, "name": "secret", "endpoint": "secret", "transport": "tls", "srtp": True},
            ],
            "seats": [
                {"name": "01", "endpoint": "agent01", "password": PASSWORD},
                {"name": "02", "endpoint": "agent02", "password": PASSWORD, "webrtc": True},
                {"name": "03", "endpoint": "agent03", "password": PASSWORD, "transport": "tls", "srtp": True},
            ],
        }
    )  # fmt: skip
    asterisk = RealAsterisk(program, directory / "whole")
    files = render_asterisk_site_files(settings, {})
    files["pjsip.conf"] = files["pjsip.conf"].replace("\nretry_interval=30\n", "\nretry_interval=3\n")
    asterisk.write_configuration(files)
    (asterisk.directory / "data" / "moh" / "hold.alaw").write_bytes(bytes(8000))
    carrier = Sipp(sipp, directory, "registrar", carrier_port, (49_900, 49_949))
    phone = Sipp(sipp, directory, "stranger", phone_port, (49_950, 49_999), address=STRANGER)
    try:
        await carrier.answer_calls(render_registrar())
        await asterisk.start()
        faults = [*await _check_listeners(asterisk, websocket_port), *await _check_registration(settings)]
        for user in ("account", "secret", "agent01", "nobody"):
            if not await phone.is_call_refused(sip_port, user):
                faults.append(f"a call from an unknown address that claims to be {user} was not rejected")
        if not await phone.is_password_refused(sip_port, "agent01", "not the password"):
            faults.append("a phone with a wrong password was accepted")
        await asterisk.run_command("core reload")
        await asyncio.sleep(RELOAD_SECONDS)
    finally:
        await carrier.stop()
        await asterisk.stop()
    findings = [str(finding) for finding in lint_files_in_directory(asterisk.etc, settings)]
    return [*faults, *asterisk.unexpected_log_lines(), *findings]


async def _check_listeners(asterisk: RealAsterisk, websocket_port: int) -> list[str]:
    transports = await asterisk.run_command("pjsip show transports")
    endpoints = await asterisk.run_command("pjsip show endpoints")
    web = await asterisk.run_command("http show status")
    faults = [
        f"there is no transport {name}" for name in ("udp", "tls", "ws") if f"transport-{name} " not in transports
    ]
    names = ("account", "secret", "agent01/01", "agent02/02", "agent03/03")
    faults += [f"there is no endpoint {name}" for name in names if f"Endpoint:  {name} " not in endpoints]
    if f"127.0.0.1:{websocket_port}" not in web or "/ws " not in web:
        faults.append("there is no WebSocket for the desk")
    return faults


async def _check_registration(settings: Settings) -> list[str]:
    """Check that a registration which the carrier refused is reported, tried again and reported as registered."""
    reported: list[SwitchEvent] = []
    changed = asyncio.Event()

    def on_event(event: AmiMessage) -> None:
        if event.event_name == "Registry":
            changed.set()

    async with AmiClient(get_ami_login(settings), on_event=on_event) as client:
        watching = asyncio.create_task(watch_trunk_registrations(client, "", changed, reported.extend))
        try:
            async with asyncio.timeout(HANG_SECONDS):
                while not reported or reported[-1] != UnregisteredTrunksListed(frozenset()):
                    await asyncio.sleep(0.2)
        except TimeoutError:
            return [f"the account at the carrier was not registered: {reported}"]
        finally:
            watching.cancel()
    if reported[0] != UnregisteredTrunksListed(frozenset({"account"})):
        return [f"the refused registration was not reported: {reported}"]
    return []


async def _create_certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "lab.pem", directory / "lab.key"
    try:
        process = await asyncio.create_subprocess_exec(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-keyout", key, "-out", certificate, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoAsterisk("openssl is not on PATH; install it (apt install openssl)") from None
    if await process.wait():
        raise NoAsterisk("openssl failed to create a certificate; see its output above")
    return certificate, key
