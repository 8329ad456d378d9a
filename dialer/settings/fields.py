"""What the settings are made of: values held to patterns, so that none means more than itself to Asterisk or a file name."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator
from datetime import time
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

_PASSWORD = re.compile(
    r"[A-Za-z0-9!#$%&()*+,./:<=?@^_{|}~-][A-Za-z0-9 !#$%&()*+,./:<=>?@^_{|}~-]{0,99}(?<! )", re.ASCII
)


def must(hold: Callable[[Any], object], said: str) -> AfterValidator:
    """For a value that is held to more than its type; `said`: what it must be, or why it is refused."""

    def held(value: Any) -> Any:
        if not hold(value):
            raise ValueError(said)
        return value

    return AfterValidator(held)


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Asia" is a directory of zones
        raise ValueError(f"no such time zone: {value!r}; use an IANA name such as Asia/Kolkata") from error
    return value


def _known_peers(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError as error:
        raise ValueError(f"no address and no network: {value!r}; write 10.0.0.6 or 10.0.0.0/24") from error
    if network.prefixlen == 0:
        raise ValueError(f"{value} is everybody; name the addresses or networks that are meant")
    return value


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
"""A name that is safe in topics, file names and the dialplan."""

EndpointName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,20}$")]
AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+._@-]{1,64}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
PublicKey = Annotated[str, StringConstraints(pattern=r"^ed25519:[A-Za-z0-9+/]{43}=$")]
"""An Ed25519 public key of 32 bytes, in base64."""

SeatName = Annotated[str, StringConstraints(pattern=r"^([0-9]|[A-Za-z0-9-]{2,20})$")]
"""A single letter names one of Asterisk's own extensions, h for the hang-up among them."""

Codec = Literal["alaw", "ulaw", "g722", "slin16"]
NumberPrefix = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{1,15}$")]
Port = Annotated[int, Field(ge=0, le=65535)]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
NetworkName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:]{2,45}(/[0-9.]{1,15})?$")]
PeerNetwork = Annotated[str, AfterValidator(_known_peers)]
"""Who may connect: an address, or a network in whole. Never everybody."""

FilePath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/+-]{1,200}$")]
Password = Annotated[
    SecretStr,
    must(
        lambda value: _PASSWORD.fullmatch(value.get_secret_value()),
        "must be 1 to 100 ASCII letters, digits and signs, but no ; [ ] ' \" ` or backslash",
    ),
]
"""A secret that can stand in Asterisk's files: nothing in it ends a line, begins a comment or a section."""

LocalTime = Annotated[
    time,
    must(  # it would compare with its like, and raise at the first hour of a day
        lambda value: value.tzinfo is None,
        'must be a time such as "09:00" without a zone: times are local, as centre.time_zone says',
    ),
]
"""A time of day in the zone of the people who are called; a number, which pydantic takes for seconds of UTC, is none."""

ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""An IANA time zone that this machine knows."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveSeconds = Annotated[float, Field(gt=0)]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def derived_secret(manager_secret: SecretStr | None, what: str) -> str:
    """160 bits in hexadecimal digits, made of `ami.secret`, so that nobody has to carry them. Raises ValueError without one."""
    if manager_secret is None:
        raise ValueError("without a secret anybody could make the password")
    return hmac.digest(manager_secret.get_secret_value().encode(), f"matdan {what}".encode(), "sha256").hex()[:40]


class Section(BaseModel):
    """A table of the file. Frozen, closed to keys it does not know, and to numbers that are none (TOML's `nan` and `inf`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for said in self._objections():
            raise ValueError(said)
        return self

    def _objections(self) -> Iterator[str]:
        """What is wrong between one setting and another of the table, and what to do; the first is told."""
        yield from ()
