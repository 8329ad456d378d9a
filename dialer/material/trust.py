"""Signature rules of published material: python-tuf's thresholds, and a signature of each of the two departments."""

from __future__ import annotations

from collections.abc import Collection

from tuf.api.metadata import Key, Metadata, Root, Targets

from dialer.material.manifest import MaterialRefused

MEDIA, COMPLIANCE = "media", "compliance"
DEPARTMENTS = (MEDIA, COMPLIANCE)
"""A bundle needs a signature of each."""
NAME, DEPARTMENT = "x-matdan-name", "x-matdan-department"  # fields of a key in root.json
ROOT_SIGNATURES, TARGETS_SIGNATURES = 2, 2
WAVES_ROLE = "waves"


def signers_of(root: Root, targets: Metadata[Targets]) -> dict[str, str]:
    """Return the department of everyone with a valid signature on these targets, by name."""
    result = root.get_verification_result(Targets.type, targets.signed_bytes, targets.signatures)
    return {name_of(key): str(key.unrecognized_fields.get(DEPARTMENT)) for key in result.signed.values()}


def name_of(key: Key) -> str:
    """Return the name of a key's owner."""
    return str(key.unrecognized_fields.get(NAME) or key.keyid[:8])


def require_both_departments(signed: Collection[str]) -> None:
    """Raise MaterialRefused unless both departments are among those that signed: two people of one are not enough."""
    for department in DEPARTMENTS:
        if department not in signed:
            raise MaterialRefused(f"the published material is not signed by anyone of {department}")
