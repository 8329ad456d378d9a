"""A check of trunks over TLS on a real Asterisk: it sends nothing to a server whose certificate does not prove its name."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

from tests.asterisk.process import NoAsterisk
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import TrunkLab, find_header
from tests.support.waiting import HANG_SECONDS

_HOST = "IP:127.0.0.1"  # an address, because Asterisk resolves names by DNS only, not by /etc/hosts
_ACCOUNT = {"username": "acc1", "password": "a-password-for-the-lab", "registers": True}
_TLS = {"transport": "tls", "srtp": True, **_ACCOUNT}
TRUNKS = {
    "genuine": _TLS,
    "impostor": _TLS,  # a certificate for the carrier's name that no authority has signed
    "misnamed": _TLS,  # a certificate of the authority for another name
    "accepted": {**_TLS, "unverified_tls": "the carrier has a self-signed certificate"},
}


async def check_trunk_tls(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    folder = lab.directory
    folder.mkdir(parents=True, exist_ok=True)
    authority = await _create_certificate(folder, "authority", _HOST)
    for name, host, signed_by in (
        ("genuine", _HOST, authority),
        ("impostor", _HOST, None),
        ("misnamed", "DNS:elsewhere.test", authority),
        ("accepted", _HOST, None),
        ("asterisk", _HOST, None),
    ):
        await _create_certificate(folder, name, host, signed_by)
    trunks = TrunkLab(
        lab.asterisk.program,
        lab.sipp,
        folder,
        TRUNKS,
        certificate=str(folder / "asterisk.pem"),
        private_key=str(folder / "asterisk.key"),
        ca_file=str(authority),
    )
    received: dict[str, list[str]] = {name: [] for name in TRUNKS}
    async with AsyncExitStack() as stack:
        for name in TRUNKS:
            await stack.enter_async_context(_serve_tls(folder / name, trunks.get_port(name), received[name]))
        await stack.enter_async_context(trunks.run_asterisk())
        await _wait_for_registrations(trunks)
        for name in TRUNKS:
            await trunks.place_call(name)
    faults = [
        f"the carrier of trunk {name} received no registration or no call: {received[name]}"
        for name in ("genuine", "accepted")
        if {each.split(" ")[0] for each in received[name]} != {"REGISTER", "INVITE", "ACK"}
    ]
    return faults + [
        f"the {name} server received {received[name][0]!r}" for name in ("impostor", "misnamed") if received[name]
    ]


@asynccontextmanager
async def _serve_tls(certificate: Path, port: int, received: list[str]) -> AsyncIterator[None]:
    """Run a carrier over TLS, because SIPp 3.7.3 sends no responses over it. It grants registrations, and is busy for
    calls. Add the first line of each request to `received`.
    """

    async def answer_requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError), closing(writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lstrip()  # keep-alives are blank lines
                if not head:
                    continue
                await reader.readexactly(int(find_header(head, "Content-Length") or 0))
                received.append(head.splitlines()[0])
                status = {"REGISTER": "200 OK", "INVITE": "486 Busy Here"}.get(head.split(" ")[0])
                if status is not None:
                    lines = [f"{key}: {find_header(head, key)}" for key in ("Via", "From", "Call-ID", "CSeq")]
                    lines += [f"To: {find_header(head, 'To')};tag=1", f"Contact: {find_header(head, 'Contact')}"]
                    writer.write("\r\n".join([f"SIP/2.0 {status}", *lines, "Content-Length: 0", "", ""]).encode())

    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate.with_suffix(".pem"), certificate.with_suffix(".key"))
    server = await asyncio.start_server(answer_requests, "127.0.0.1", port, ssl=secure)
    try:
        yield
    finally:
        server.close()


async def _wait_for_registrations(trunks: TrunkLab) -> None:
    """Wait until Asterisk has tried every registration."""
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            shown = await trunks.asterisk.run_command("pjsip show registrations")
            if shown.count("-registration/") == len(TRUNKS) and "Unregistered" not in shown:
                return
            await asyncio.sleep(0.2)


async def _create_certificate(folder: Path, name: str, host: str, signed_by: Path | None = None) -> Path:
    """Create NAME.pem and NAME.key for a host (DNS:NAME or IP:ADDRESS). Without `signed_by` the certificate signs itself."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    signer = [] if signed_by is None else ["-CA", str(signed_by), "-CAkey", str(signed_by.with_suffix(".key"))]
    process = await asyncio.create_subprocess_exec(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=lab", *signer,
        "-addext", f"subjectAltName={host}", "-keyout", key, "-out", certificate, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await process.wait():
        raise NoAsterisk("openssl failed to create a certificate; see its output above")
    return certificate
