"""A software security key for tests of passkeys, which can also sign false statements."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, KEY_DATA = 0x01, 0x04, 0x40


class SoftKey:
    """A passkey. Tests may change its attributes before it signs."""

    def __init__(self, origin: str, host: str) -> None:
        self.origin = origin
        self.host = host
        self.flags = PRESENT | VERIFIED
        self.count = 0
        self.id = secrets.token_bytes(16)
        self.handle = b""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the browser's answer to the options of a registration."""
        self.handle = base64url_to_bytes(options["user"]["id"])
        numbers = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        data = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + encode_cbor(cose)
        attested = {"fmt": "none", "attStmt": {}, "authData": self._about(KEY_DATA) + data}
        client = self._client("webauthn.create", options["challenge"])
        return self._answer({"clientDataJSON": client, "attestationObject": encode_cbor(attested)})

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the browser's answer to the options of a sign-in."""
        self.count += 1
        about, client = self._about(0), self._client("webauthn.get", options["challenge"])
        signature = self._key.sign(about + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {
            "clientDataJSON": client,
            "authenticatorData": about,
            "signature": signature,
            "userHandle": self.handle,
        }
        return self._answer(parts)

    def _about(self, more: int) -> bytes:
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, bytes]) -> dict[str, Any]:
        own = bytes_to_base64url(self.id)
        encoded = {name: bytes_to_base64url(value) for name, value in response.items()}
        return {"id": own, "rawId": own, "type": "public-key", "response": encoded, "clientExtensionResults": {}}
