"""A site with everything - TLS, SRTP, browser phones, an account at a carrier - on a real Asterisk: does it load, register, and
keep strangers out?"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from dialer.deploy.asterisk.lint import lint_directory
from dialer.deploy.asterisk.render import render_site
from dialer.settings.site import Settings
from tests.asterisk.process import NoAsterisk, RealAsterisk, free_ports
from tests.asterisk.sipp import Sipp
from tests.asterisk.sipp_scripts import registrar

REGISTER_SECONDS = 20.0
RELOAD_SECONDS = 2.0
STRANGER = "127.0.0.2"  # an address of no trunk
PASSWORD = "a-password-for-the-lab"


async def check_whole_site(program: Path, sipp: Path, directory: Path) -> list[str]:
    """Run the checks. Returns what failed. Raises NoAsterisk if a tool is missing."""
    certificate, key = await _certificate(directory)
    tls_port, websocket_port, ami_port, agi_port = free_ports(4)
    sip_port, carrier_port, phone_port = free_ports(3, socket.SOCK_DGRAM)
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
    asterisk.lay_out(render_site(settings, {}))
    (asterisk.directory / "data" / "moh" / "hold.alaw").write_bytes(bytes(8000))
    carrier = Sipp(sipp, directory, "registrar", carrier_port, (49_900, 49_949))
    phone = Sipp(sipp, directory, "stranger", phone_port, (49_950, 49_999), address=STRANGER)
    try:
        await carrier.listen(registrar())
        await asterisk.start()
        faults = [*await _listens(asterisk, websocket_port), *await _registers(asterisk)]
        for user in ("account", "secret", "agent01", "nobody"):
            if not await phone.is_refused(sip_port, user):
                faults.append(f"a stranger who calls himself {user} was not refused")
        if not await phone.is_wrong(sip_port, "agent01", "not the password"):
            faults.append("a phone with a wrong password was let in")
        await asterisk.command("core reload")
        await asyncio.sleep(RELOAD_SECONDS)
    finally:
        await carrier.stop()
        await asterisk.stop()
    findings = [str(finding) for finding in lint_directory(asterisk.etc, settings)]
    return [*faults, *asterisk.trouble(), *findings]


async def _listens(asterisk: RealAsterisk, websocket_port: int) -> list[str]:
    transports = await asterisk.command("pjsip show transports")
    endpoints = await asterisk.command("pjsip show endpoints")
    web = await asterisk.command("http show status")
    faults = [
        f"there is no transport {name}" for name in ("udp", "tls", "ws") if f"transport-{name} " not in transports
    ]
    names = ("account", "secret", "agent01/01", "agent02/02", "agent03/03")
    faults += [f"there is no endpoint {name}" for name in names if f"Endpoint:  {name} " not in endpoints]
    if f"127.0.0.1:{websocket_port}" not in web or "/ws " not in web:
        faults.append("there is no WebSocket for the desk")
    return faults


async def _registers(asterisk: RealAsterisk) -> list[str]:
    try:
        async with asyncio.timeout(REGISTER_SECONDS):
            while "Registered" not in await asterisk.command("pjsip show registrations"):
                await asyncio.sleep(0.2)
    except TimeoutError:
        return ["the account at the carrier was not registered"]
    return []


async def _certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "lab.pem", directory / "lab.key"
    try:
        process = await asyncio.create_subprocess_exec(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-keyout", key, "-out", certificate, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoAsterisk("no openssl on PATH; install it (apt install openssl)") from None
    if await process.wait():
        raise NoAsterisk("openssl made no certificate")
    return certificate, key
