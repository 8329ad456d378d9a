"""What the signatures of published material must be: python-tuf's thresholds, and that both parts have signed."""

from __future__ import annotations

from collections.abc import Collection

from tuf.api.metadata import Key, Metadata, Root, Targets

from dialer.material.manifest import MaterialRefused

MEDIA, COMPLIANCE = "media", "compliance"
PARTS = (MEDIA, COMPLIANCE)
"""Whose signatures a bundle needs, one of each."""
WHO, PART = "x-matdan-who", "x-matdan-part"  # fields of a key in root.json
ROOT_SIGNATURES, TARGETS_SIGNATURES = 2, 2
WAVES_ROLE = "waves"


def who_signed(root: Root, targets: Metadata[Targets]) -> dict[str, str]:
    """By name, the part of everybody whose signature on these targets is good."""
    result = root.get_verification_result(Targets.type, targets.signed_bytes, targets.signatures)
    return {name_of(key): str(key.unrecognized_fields.get(PART)) for key in result.signed.values()}


def name_of(key: Key) -> str:
    """Whose key it is."""
    return str(key.unrecognized_fields.get(WHO) or key.keyid[:8])


def refuse_one_part(parts: Collection[str]) -> None:
    """Raise MaterialRefused unless each of the two parts has signed: two people of one part are not enough."""
    for part in PARTS:
        if part not in parts:
            raise MaterialRefused(f"nobody of {part} has signed what is published: it is not taken")
