"""A check of signed calls (STIR/SHAKEN) on a real Asterisk: what carriers receive, and what is found out about callers."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dialer.deploy.asterisk.lint import lint_files_in_directory
from dialer.switch.asterisk.attestation import fetch_attestation_of_trunk
from tests.asterisk.process import NoAsterisk, find_free_ports
from tests.asterisk.sipp_scripts import render_anonymous_caller, render_answers
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import CALLER_ID, VOTER, TrunkLab, find_header

_URL = "https://certificates.example.org/shaken.pem"
_CALLER = "+917020000001"
_EXPECTED = ("res_stir_shaken/", "Could not create an object of type 'profile' with id 'lost-key'")
"""Asterisk's complaints about the lost key, and about certificates of callers."""

_SERVICE_PROVIDER = "1.3.6.1.5.5.7.1.26=DER:30:08:A0:06:16:04:31:32:33:34"  # TNAuthList with the code "1234"
_LAB = "[verification](+)\nx5u_permit=127.0.0.0/8\nrelax_x5u_port_scheme_restrictions=yes\n"
"""By default Asterisk fetches certificates over https only, and from no private or loopback address."""


async def check_trunk_signatures(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    folder = lab.directory
    folder.mkdir(parents=True, exist_ok=True)
    await _create_certificate(folder, "authority", "-days", "2")
    signed = ("-CA", "authority.pem", "-CAkey", "authority.key", "-addext", _SERVICE_PROVIDER)
    await _create_certificate(folder, "ours", *signed, "-days", "2")
    await _create_certificate(
        folder, "expired", *signed, "-not_before", "20200101000000Z", "-not_after", "20200102000000Z"
    )
    await _create_certificate(folder, "unknown", "-addext", _SERVICE_PROVIDER, "-days", "2")
    signing = {"attestation": "A", "certificate_url": _URL}
    verifying = {"ca_file": str(folder / "authority.pem")}
    names = ("signs", "expired", "lost-key", "plain", "verifies")
    own: dict[str, dict[str, Any]] = {name: {} for name in names}
    own["verifies"] = {"host": "127.0.0.3", "listens": "127.0.0.3", "stir_shaken": verifying}
    for name, key, level in (("signs", "ours", "A"), ("expired", "expired", "B"), ("lost-key", "lost", "A")):
        files = {"private_key": str(folder / f"{key}.key"), "certificate": str(folder / f"{key}.pem")}
        own[name]["stir_shaken"] = {**signing, **files, "attestation": level}
    own["signs"]["number_format"] = own["signs"]["caller_id_format"] = "e164-without-plus"
    trunks = TrunkLab(lab.asterisk.program, lab.sipp, folder, own)
    trunks.write_own_file("stir_shaken.conf", _LAB)
    (trunks.asterisk.directory / "data" / "keys" / "stir_shaken" / "cache").mkdir(parents=True)
    for name in names[:-1]:
        await trunks.answer_calls(name, render_answers("180 Ringing", "486 Busy Here"))
    levels: dict[str, str] = {}
    async with _serve_files(folder) as url, trunks.run_asterisk():
        for name in names[:-1]:
            await trunks.place_call(name)
            levels[name] = await fetch_attestation_of_trunk(trunks.client, name)
        callers = {
            "signed": await _call_in(trunks, folder, "ours", url),
            "expired": await _call_in(trunks, folder, "expired", url),
            "unknown": await _call_in(trunks, folder, "unknown", url),
            "changed": await _call_in(trunks, folder, "ours", url, signed_for="+917020000002"),
            "unsigned": await _call_in(trunks, folder, "", url),
        }
    faults = _compare_signatures(trunks)
    if levels != {"signs": "A", "expired": "B", "lost-key": "", "plain": ""}:
        faults.append(f"Asterisk says that it signs with {levels}")
    if callers != {
        "signed": "A",
        "expired": "not verified: cert_not_trusted",
        "unknown": "not verified: cert_not_trusted",
        "changed": "not verified: cid_orig_tn_mismatch",
        "unsigned": "not verified: missing_identity_hdr",
    }:
        faults.append(f"signatures of callers: {callers}")
    findings = [each.text for each in lint_files_in_directory(trunks.asterisk.etc, trunks.settings)]
    if len(findings) != 2 or not all("lost" in each for each in findings):
        faults.append(f"lint found {findings}")
    log = [line for line in trunks.asterisk.unexpected_log_lines() if not any(words in line for words in _EXPECTED)]
    return [*faults, *log]


def _compare_signatures(trunks: TrunkLab) -> list[str]:
    """Return a line for each trunk whose call was not signed as its settings say."""
    faults: list[str] = []
    for name, level in (("signs", "A"), ("expired", "B"), ("lost-key", ""), ("plain", "")):
        invite = trunks.list_received_messages(name, "INVITE")[0]
        token, *parameters = find_header(invite, "Identity").split(";")
        if not level:
            faults += [f"{name}: the call was signed: {token}"] if token else []
            continue
        header, payload, signature = token.split(".")
        head, claims = (json.loads(_decode_base64url(part)) for part in (header, payload))
        origin = claims.pop("origid", "")
        age = time.time() - claims.pop("iat", 0)
        wanted = {"attest": level, "dest": {"tn": [VOTER[1:]]}, "orig": {"tn": CALLER_ID[1:]}}
        if head != {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": _URL} or claims != wanted:
            faults.append(f"{name}: the call was signed with {head} {claims}")
        if parameters != [f"info=<{_URL}>", "alg=ES256", "ppt=shaken"] or not origin or not 0 <= age < 60:
            faults.append(f"{name}: Identity has {parameters}, origid {origin!r}, an age of {age:.0f} s")
        if not find_header(invite, "Date") or len(_decode_base64url(signature)) != 64:
            faults.append(f"{name}: Date is {find_header(invite, 'Date')!r}, the signature {signature!r}")
    return faults


async def _call_in(trunks: TrunkLab, folder: Path, key: str, url: str, signed_for: str = _CALLER) -> str:
    """Return what the dialler finds out about the signature of an inbound call. Without `key` it has none."""
    headers = f"Date: {formatdate(usegmt=True)}\n"
    if key:
        headers += f"Identity: {_sign_call(folder / f'{key}.key', f'{url}/{key}.pem', signed_for)}\n"
    script = render_anonymous_caller(CALLER_ID, _CALLER).replace("Contact:", f"{headers}Contact:")
    return (await trunks.receive_call("verifies", script)).attestation


def _sign_call(key: Path, url: str, caller: str) -> str:
    """Return the Identity header of a call from `caller` to the site (RFC 8224)."""
    head = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": url}
    claims = {
        "attest": "A",
        "dest": {"tn": [CALLER_ID[1:]]},
        "iat": int(time.time()),
        "orig": {"tn": caller[1:]},
        "origid": "6f3b1c1e-0000-4000-8000-000000000001",
    }
    text = ".".join(_encode_base64url(_dump_json(part)) for part in (head, claims))
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    numbers = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    signature = b"".join(number.to_bytes(32, "big") for number in numbers)
    return f"{text}.{_encode_base64url(signature)};info=<{url}>;alg=ES256;ppt=shaken"


def _dump_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@asynccontextmanager
async def _serve_files(folder: Path) -> AsyncIterator[str]:
    """Serve the certificates of a folder over HTTP. Yield the URL of the folder."""
    [port] = find_free_ports(1)

    async def answer_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1]
        body = (folder / Path(line).name).with_suffix(".pem").read_bytes()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(answer_request, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


async def _create_certificate(folder: Path, name: str, *options: str) -> None:
    """Create NAME.pem and NAME.key (EC P-256) with these options of openssl."""
    process = await asyncio.create_subprocess_exec(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", f"/CN=SHAKEN {name}", *options, "-keyout", f"{name}.key", "-out", f"{name}.pem",
        stderr=asyncio.subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    if await process.wait():
        raise NoAsterisk("openssl failed to create a certificate; version 3.4 or later is needed")
