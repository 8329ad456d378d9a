"""Samples of hashed phone numbers on electoral rolls, from which headquarters estimates how many numbers rolls share.

Without I/O. A sample has the lowest keyed hashes of a roll's numbers (a bottom-k sketch). A number that is on two rolls
and has a low hash is in both samples. Headquarters cannot find the number of a hash, because it does not have the
centres' secret.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from dialer.nats.messages import InvalidMessage

NUMBERS = "NUMBERS"
"""The stream with the newest sample of each centre."""
SAMPLE_HASHES = 4_096
HASH_LETTERS = 16
"""Of each hash: two numbers with the same first 64 bits are too rare to count."""


@dataclass(frozen=True, slots=True)
class NumberSample:
    """The lowest keyed hashes of the phone numbers on a centre's electoral roll, by which headquarters compares rolls."""

    fingerprint: str  # of the secret that the numbers are hashed with; '': the centre has none
    hashes: Annotated[
        tuple[Annotated[str, Field(pattern=f"^[0-9a-f]{{{HASH_LETTERS}}}$")], ...], Field(max_length=SAMPLE_HASHES)
    ]

    @property
    def has_every_number_of_roll(self) -> bool:
        """Whether the sample contains every phone number of the electoral roll, because the roll is small."""
        return len(self.hashes) < SAMPLE_HASHES


_SAMPLE = TypeAdapter(NumberSample)


def build_number_sample_subject(centre: str) -> str:
    """Return the NATS subject on which a centre stores the sample of its hashed phone numbers. The centre `*` matches
    all centres.
    """
    return f"numbers.{centre}"


def pack_sample_of_number_hashes(sample: NumberSample) -> bytes:
    """Return a sample of hashed phone numbers as JSON."""
    return json.dumps(asdict(sample), separators=(",", ":")).encode()


def unpack_sample_of_number_hashes(data: bytes) -> NumberSample:
    """Return the sample of hashed phone numbers in a centre's message. Raises InvalidMessage."""
    try:
        return _SAMPLE.validate_json(data)
    except ValidationError as error:
        raise InvalidMessage(
            "a centre's sample of hashed phone numbers cannot be read: run the same version of Matdan at centre and headquarters"
        ) from error
