"""[trunks.stir_shaken]: signing the caller ID of calls, and verifying the signature of inbound calls (STIR/SHAKEN)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from dialer.settings.fields import Applied, FilePath, Section, create_pattern_constraint


class Attestation(StrEnum):
    """The statement that the signature of a caller ID makes (ATIS-1000074)."""

    FULL = "A"  # we know the caller, who may use the number
    PARTIAL = "B"  # we know the caller
    GATEWAY = "C"  # we only passed the call on


CertificateUrl = Annotated[
    str,
    create_pattern_constraint(
        r"^https://[A-Za-z0-9.-]{1,253}(:(443|8443))?/[A-Za-z0-9._/~+-]{1,400}$",
        "must be an https URL on port 443 or 8443 without query, such as https://certificates.example.org/shaken.pem",
    ),
]


class StirShaken(Section):
    """[trunks.stir_shaken] - the signature of the caller ID (STIR/SHAKEN, RFC 8224), where the carrier does not sign."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    attestation: Attestation | None = Field(
        None, description="what is attested of the caller ID: A (we may use it), B or C; none: calls are not signed"
    )
    private_key: FilePath | None = Field(
        None, description="private key that signs (PEM, EC P-256), readable only by Asterisk's user"
    )
    certificate: FilePath | None = Field(
        None, description="certificate of that key (PEM), of which `dialer check` watches the expiry"
    )
    certificate_url: CertificateUrl | None = Field(
        None, description="https URL at which everybody can fetch that certificate"
    )
    ca_file: FilePath | None = Field(
        None,
        description="certificate authorities of callers' carriers (PEM); none: signatures of inbound calls are not verified",
    )

    @property
    def are_outbound_calls_signed(self) -> bool:
        """Whether calls to the carrier are signed."""
        return self.attestation is not None

    @property
    def are_inbound_calls_verified(self) -> bool:
        """Whether the signatures of inbound calls are verified."""
        return self.ca_file is not None

    def _find_contradicting_settings(self) -> Iterator[str]:
        needed = (self.attestation, self.private_key, self.certificate, self.certificate_url)
        if any(each is None for each in needed) and any(each is not None for each in needed):
            yield "signing needs attestation, private_key, certificate and certificate_url, or none of them"
        if not (self.are_outbound_calls_signed or self.are_inbound_calls_verified):
            yield "set attestation to sign calls, or ca_file to verify inbound ones"
