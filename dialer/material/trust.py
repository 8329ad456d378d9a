"""The rules on who must sign campaign material: at least one person of media and one of compliance."""

from __future__ import annotations

from collections.abc import Collection

from tuf.api.metadata import Key, Metadata, Root, Targets

from dialer.material.manifest import MaterialRefused

MEDIA, COMPLIANCE = "media", "compliance"
DEPARTMENTS = (MEDIA, COMPLIANCE)
"""Each of these departments must sign a bundle."""
NAME, DEPARTMENT = "x-matdan-name", "x-matdan-department"  # fields of a key in root.json
ROOT_SIGNATURES, TARGETS_SIGNATURES = 2, 2
WAVES_ROLE = "waves"


def find_valid_bundle_signers(root: Root, targets: Metadata[Targets]) -> dict[str, str]:
    """Return the people whose signatures of the campaign material are valid, with their departments."""
    result = root.get_verification_result(Targets.type, targets.signed_bytes, targets.signatures)
    return {get_name_of_key_owner(key): str(key.unrecognized_fields.get(DEPARTMENT)) for key in result.signed.values()}


def get_name_of_key_owner(key: Key) -> str:
    """Return the name of the person to whom a signing key belongs."""
    return str(key.unrecognized_fields.get(NAME) or key.keyid[:8])


def require_signatures_of_both_departments(signed: Collection[str]) -> None:
    """Raise MaterialRefused unless people of both departments (media and compliance) have signed the campaign material. Two
    people of one department are not enough.

    `signed` has each signer's department.
    """
    for department in DEPARTMENTS:
        if department not in signed:
            raise MaterialRefused(
                f"nobody of the department {department} has signed the campaign material:"
                " have it signed by one person of this department"
            )
