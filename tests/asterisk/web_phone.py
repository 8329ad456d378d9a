"""The registration of a browser phone over WebSocket, without a browser."""

from __future__ import annotations

import hashlib
import re
import secrets

from websockets.asyncio.client import ClientConnection

DOMAIN = "matdan.invalid"


async def register_phone(page: ClientConnection, user: str, password: str) -> int:
    """Register over a WebSocket like JsSIP, with a password challenge. Return the SIP status of the last response."""
    here, call, said, status = f"{secrets.token_hex(4)}.invalid", secrets.token_hex(8), "", 0
    for number in (1, 2):
        lines = [
            f"REGISTER sip:{DOMAIN} SIP/2.0",
            f"Via: SIP/2.0/WS {here};branch=z9hG4bK{secrets.token_hex(6)}",
            "Max-Forwards: 69",
            f"To: <sip:{user}@{DOMAIN}>",
            f"From: <sip:{user}@{DOMAIN}>;tag={call}",
            f"Call-ID: {call}",
            f"CSeq: {number} REGISTER",
            *([said] if said else []),
            f"Contact: <sip:{user}@{here};transport=ws>;expires=300",
            "Content-Length: 0",
        ]
        await page.send("\r\n".join([*lines, "", ""]))
        answer = str(await page.recv())
        status = int(answer.split(" ")[1])
        if status != 401:
            break
        said = _make_authorization(answer, user, password)
    return status


def _make_authorization(answer: str, user: str, password: str) -> str:
    """Return the Authorization header for a challenge (RFC 2617, with qop auth)."""
    asked = dict(re.findall(r'(realm|nonce|opaque)="([^"]*)"', answer))
    uri, count, own = f"sip:{DOMAIN}", "00000001", secrets.token_hex(4)
    secret = _hash_md5(f"{user}:{asked['realm']}:{password}")
    response = _hash_md5(f"{secret}:{asked['nonce']}:{count}:{own}:auth:{_hash_md5(f'REGISTER:{uri}')}")
    given = {"username": user, **asked, "uri": uri, "response": response, "cnonce": own}
    fields = ", ".join(f'{name}="{value}"' for name, value in given.items())
    return f"Authorization: Digest {fields}, algorithm=MD5, qop=auth, nc={count}"


def _hash_md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
