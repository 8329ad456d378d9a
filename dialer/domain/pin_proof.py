"""A proof that the sender knows an agent's PIN. The PIN itself is never sent to the broker.

The proof is an HMAC-SHA256 of seat, agent and time. Its key is the argon2id digest of the PIN, which the receiver has
in the settings. A proof is valid for one minute. The PIN cannot be derived from a proof without the salt.
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
"""Maximum age of a proof, which includes the difference between the two clocks."""
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


def read_pin_proof(value: object) -> PinProof:
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
        first = next(iter(self._hashes.values()), None)
        hasher = PasswordHasher() if first is None else PasswordHasher.from_parameters(extract_parameters(first))
        self._nobody = hasher.hash(secrets.token_hex(16))

    def make_proof_of_pin(self, centre: str, seat: str, agent: str, pin: str, now: float) -> str:
        """Return a proof that its sender knows an agent's PIN. The proof is made at `now` (epoch seconds) and valid for
        a minute.
        """
        pin_hash = self._hashes.get(agent, self._nobody)
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
