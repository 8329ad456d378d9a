"""A proof that the sender knows an agent's PIN. The PIN itself is never sent to the broker.

The proof is an HMAC-SHA256 of seat, agent and time. Its key is the argon2id digest of the PIN, which the receiver has
in the settings. A proof is valid for one minute.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type, hash_secret_raw

FRESH_SECONDS = 60.0
"""Maximum age of a proof, which includes the difference between the two clocks."""
PIN_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""Hashes new PINs, with the lowest cost that OWASP recommends for argon2id. A hash from another hasher keeps its cost."""
_PURPOSE = "matdan-pin-1"
_FORM = re.compile(r"([0-9]{10}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PinProof:
    """A proof that somebody knows an agent's PIN, as it was received."""

    at: int  # epoch seconds
    signature: str  # hexadecimal

    def is_recent_proof(self, now: float) -> bool:
        """Return whether the proof was made within the last minute."""
        return abs(now - self.at) <= FRESH_SECONDS

    def is_valid_pin_proof(self, pin_hash: str, centre: str, seat: str, agent: str) -> bool:
        """Return whether the proof was made for this centre, seat and agent, with the PIN that has this hash."""
        return hmac.compare_digest(
            self.signature, _calculate_signature(_decode_base64(pin_hash.split("$")[5]), centre, seat, agent, self.at)
        )


def create_hash_for_unknown_agent(hashes: Sequence[str], agent: str) -> str:
    """Return a hash that no PIN matches, for checking the PIN of an unknown agent number.

    The check takes as long as for a known agent, so timing does not reveal which numbers are known. `hashes` are the
    known agents' hashes. An agent number always gets the same cost.
    """
    if not hashes:
        return PIN_HASHER.hash(secrets.token_hex(16))
    number = int.from_bytes(hashlib.sha256(f"{hashes[0]}\n{agent}".encode()).digest(), "big")
    cost = hashes[number % len(hashes)].split("$")[:4]
    salt, digest = (base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (16, 32))
    return "$".join([*cost, salt, digest])


def parse_pin_proof(value: object) -> PinProof:
    """Parse the text of a PIN proof. Raises ValueError."""
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    return PinProof(int(found[1]), found[2])


class PinProver:
    """Creates proofs that a user knows an agent's PIN.

    A proof costs tens of milliseconds of CPU. Create one at a time, in a thread.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """Create the prover. `hashes` are the agents' PIN hashes by agent number.

        A proof for an unknown agent number takes as long as any other, so that timing does not reveal the known
        numbers.
        """
        self._hashes = dict(hashes)
        self._all_hashes = tuple(self._hashes.values())

    def create_pin_proof(self, centre: str, seat: str, agent: str, pin: str, now: float) -> str:
        """Return a proof that its sender knows an agent's PIN. The proof is made at `now` (epoch seconds) and valid for
        a minute.
        """
        pin_hash = self._hashes.get(agent) or create_hash_for_unknown_agent(self._all_hashes, agent)
        cost = extract_parameters(pin_hash)
        key = hash_secret_raw(
            pin.encode(),
            _decode_base64(pin_hash.split("$")[4]),
            cost.time_cost,
            cost.memory_cost,
            cost.parallelism,
            cost.hash_len,
            Type.ID,
            cost.version,
        )
        return f"{int(now)}:{_calculate_signature(key, centre, seat, agent, int(now))}"


def _calculate_signature(key: bytes, centre: str, seat: str, agent: str, at: int) -> str:
    signed = "\n".join([_PURPOSE, centre, seat, agent, str(at)])
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()


def _decode_base64(part: str) -> bytes:
    """Decode base64 without padding, as in an encoded hash."""
    return base64.b64decode(part + "=" * (-len(part) % 4))
