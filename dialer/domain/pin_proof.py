"""That somebody knows an agent's PIN, proved without sending it: not even the broker, which others run and whose disk holds what
waits, is ever told one.

Who was told the PIN makes argon2id's digest of it under the salt and cost of the hash in the settings, which takes tens of
milliseconds, and signs seat, agent and time with that (HMAC-SHA256). Who checks has the digest in the settings, and needs
microseconds. A proof holds for a minute, for that seat and agent alone; without the settings' salt no PIN is found from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type, hash_secret_raw

FRESH_SECONDS = 60.0
"""How far the clocks of who proves and who checks may be apart, with the way between them."""
_PURPOSE = "matdan-pin-1"
_FORM = re.compile(r"([0-9]{10}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PinProof:
    """A proof as it was sent."""

    at: int  # epoch seconds
    signature: str  # hexadecimal

    def is_fresh(self, now: float) -> bool:
        """Whether it was made a moment ago."""
        return abs(now - self.at) <= FRESH_SECONDS

    def holds(self, pin_hash: str, centre: str, seat: str, agent: str) -> bool:
        """Whether it was made by who knows the PIN of that hash, for this seat and agent."""
        return hmac.compare_digest(
            self.signature, _signature(_decoded(pin_hash.split("$")[5]), centre, seat, agent, self.at)
        )


def read_proof(value: object) -> PinProof:
    """A proof from its text. Raises ValueError for what is none."""
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    return PinProof(int(found[1]), found[2])


class PinProver:
    """Makes proofs for the agents of the settings. Each takes tens of milliseconds of processor: one at a time, in a thread."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """The agents' hashes, by number. A number that is not there costs as much, and its proof holds for nobody."""
        self._hashes = dict(hashes)
        first = next(iter(self._hashes.values()), None)
        hasher = PasswordHasher() if first is None else PasswordHasher.from_parameters(extract_parameters(first))
        self._nobody = hasher.hash(secrets.token_hex(16))

    def prove(self, centre: str, seat: str, agent: str, pin: str, now: float) -> str:
        """The proof's text; `now` in epoch seconds."""
        pin_hash = self._hashes.get(agent, self._nobody)
        cost = extract_parameters(pin_hash)
        key = hash_secret_raw(
            pin.encode(),
            _decoded(pin_hash.split("$")[4]),
            cost.time_cost,
            cost.memory_cost,
            cost.parallelism,
            cost.hash_len,
            Type.ID,
            cost.version,
        )
        return f"{int(now)}:{_signature(key, centre, seat, agent, int(now))}"


def _signature(key: bytes, centre: str, seat: str, agent: str, at: int) -> str:
    signed = "\n".join([_PURPOSE, centre, seat, agent, str(at)])
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()


def _decoded(part: str) -> bytes:
    """Base64 as an encoded hash has it: without the padding."""
    return base64.b64decode(part + "=" * (-len(part) % 4))
