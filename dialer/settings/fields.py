"""Types of settings values, restricted to text that is safe in Asterisk's files, MQTT topics and file names."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator
from datetime import time
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, ClassVar, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dialer.domain.translatable import translatable

PATTERNS_IN_WORDS: dict[str, str] = {}
"""The error text for each pattern, such as "must be a country code", which is shown instead of the pattern."""


def create_pattern_constraint(regex: str, must_be: str) -> StringConstraints:
    """Return a pydantic constraint for text that matches a regular expression.

    `must_be` is the error message for text that does not match; users see this message and not the expression.
    """
    PATTERNS_IN_WORDS[regex] = must_be
    return StringConstraints(pattern=regex)


def create_validator_from_condition(holds: Callable[[Any], object], must_be: str) -> AfterValidator:
    """Return a pydantic validator that rejects a value for which `holds` returns false.

    `must_be` is the error text.
    """

    def refuse_value_unless_condition_holds(value: Any) -> Any:
        if not holds(value):
            raise ValueError(must_be)
        return value

    return AfterValidator(refuse_value_unless_condition_holds)


def _require_known_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Asia" is a directory of zones
        raise ValueError("must be an IANA time zone such as Asia/Kolkata") from error
    return value


def _refuse_network_of_all_addresses(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError as error:
        raise ValueError("must be an address or a network, such as 10.0.0.6 or 10.0.0.0/24") from error
    if network.prefixlen == 0:
        raise ValueError("the network includes all addresses; list the addresses or networks that may connect")
    return value


Slug = Annotated[
    str,
    create_pattern_constraint(
        r"^[a-z0-9][a-z0-9-]{0,31}$",
        translatable(
            "must-be-slug", "must be 1 to 32 lowercase letters a-z, digits and dashes, not starting with a dash"
        ),
    ),
]
"""A name that is safe in topics, file names and the dialplan."""

EndpointName = Annotated[
    str,
    create_pattern_constraint(r"^[A-Za-z0-9_-]{1,40}$", "must be 1 to 40 letters a-z, digits, dashes and underscores"),
]
PhoneNumber = Annotated[
    str,
    create_pattern_constraint(
        r"^\+?[0-9]{3,20}$", "must be a phone number: 3 to 20 digits without spaces or dashes, such as +911140000001"
    ),
]
AccountName = Annotated[
    str,
    create_pattern_constraint(
        r"^[A-Za-z0-9+._@-]{1,64}$", "must be 1 to 64 letters a-z, digits and the characters + . _ @ -"
    ),
]
Language = Annotated[
    str,
    create_pattern_constraint(r"^[a-z]{2,3}$", "must be a language code of two or three lowercase letters, such as hi"),
]
PublicKey = Annotated[
    str,
    create_pattern_constraint(
        r"^ed25519:[A-Za-z0-9+/]{43}=$",
        "must be a public key as `dialer mqtt key` prints it: ed25519: and 44 characters",
    ),
]
"""An Ed25519 public key of 32 bytes, in base64."""

SeatName = Annotated[
    str,
    create_pattern_constraint(
        r"^([0-9]|[A-Za-z0-9-]{2,20})$", "must be one digit, or 2 to 20 letters a-z, digits and dashes"
    ),
]
"""The name of a seat. Single letters are excluded, as Asterisk uses them for special extensions such as h (hang-up)."""

Codec = Literal["alaw", "ulaw", "g722", "slin16"]
NumberPrefix = Annotated[
    str,
    create_pattern_constraint(
        r"^\+[0-9]{1,15}$",
        "must be a phone number or its beginning: + and 1 to 15 digits without spaces, such as +9111",
    ),
]
Port = Annotated[int, Field(ge=0, le=65535)]
HostName = Annotated[
    str,
    create_pattern_constraint(
        r"^([A-Za-z0-9.-]{1,253}|[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f.]{0,15}){2,7})$",
        "must be a host name or an IP address, without a scheme or port, such as sip.example.org",
    ),
]
NetworkName = Annotated[
    str,
    create_pattern_constraint(
        r"^[0-9A-Fa-f.:]{2,45}(/[0-9.]{1,15})?$", "must be an address or a network, such as 203.0.113.0/24"
    ),
]
PeerNetwork = Annotated[str, AfterValidator(_refuse_network_of_all_addresses)]
"""An address or network that may connect; all addresses at once are not allowed."""

FilePath = Annotated[
    str,
    create_pattern_constraint(
        r"^/[A-Za-z0-9._/+-]{1,200}$",
        "must be an absolute path of letters a-z, digits and the characters . _ / + -",
    ),
]
UrlWithoutSlash = Annotated[
    str,
    create_pattern_constraint(
        r"^https?://[^\s?#]{1,200}[^\s?#/]$", "must be a URL such as https://example.org/sounds, without / at its end"
    ),
]

_PASSWORD = re.compile(
    r"[A-Za-z0-9!#$%&()*+,./:<=?@^_{|}~-][A-Za-z0-9 !#$%&()*+,./:<=>?@^_{|}~-]{0,99}(?<! )", re.ASCII
)
Password = Annotated[
    SecretStr,
    create_validator_from_condition(
        lambda value: _PASSWORD.fullmatch(value.get_secret_value()),
        "must be 1 to 100 ASCII letters, digits and signs, but no ; [ ] ' \" ` or backslash",
    ),
]
"""A secret that is safe in Asterisk's files: it cannot end a line or begin a comment or section."""

LocalTime = Annotated[
    time,
    create_validator_from_condition(  # a time with a zone cannot be compared with times without one
        lambda value: value.tzinfo is None,
        translatable(
            "must-be-local-time",
            'must be a time such as "09:00" without a zone; times are local, in `centre.time_zone`',
        ),
    ),
]
"""A time of day in the time zone of the people who are called."""

ZoneName = Annotated[str, AfterValidator(_require_known_time_zone)]
"""An IANA time zone that this machine knows."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveSeconds = Annotated[float, Field(gt=0)]


def is_loopback_host(host: str) -> bool:
    """Return whether a host name or address is reachable from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def derive_secret_for_purpose(manager_secret: SecretStr | None, purpose: str) -> str:
    """Return a secret that is derived from `ami.secret` for one purpose, so that nobody needs to configure another
    secret.

    The secret has 160 bits, in hexadecimal. Raises ValueError if `ami.secret` is not set.
    """
    if manager_secret is None:
        raise ValueError(
            "passwords and tokens are derived from `ami.secret`, which is not set: set `ami.secret`, the password "
            "of Asterisk's manager user"
        )
    return hmac.digest(manager_secret.get_secret_value().encode(), f"matdan {purpose}".encode(), "sha256").hex()[:40]


class Applied(StrEnum):
    """The time at which a changed setting takes effect in a running dialler."""

    RELOAD = "reload"  # by a reload
    RESTART = "restart"  # by a restart only; a reload with such a change applies nothing
    ELSEWHERE = "elsewhere"  # used by other programs, or by commands that render files, not by the dialler


class Section(BaseModel):
    """A table of a settings file. Unknown keys, `nan` and `inf` are rejected.

    `applied` says when changes of the table take effect. If changes of a field take effect at another time, the field
    has this other `Applied` value as annotation.
    """

    applied: ClassVar[Applied] = Applied.RESTART

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_boolean_in_other_field(cls, value: Any, info: ValidationInfo) -> Any:
        """Raise ValueError for `true` or `false` in a field of another type. Pydantic would read `true` as the number
        1.
        """
        if isinstance(value, bool) and not _does_annotation_accept_booleans(
            cls.model_fields[info.field_name or ""].annotation
        ):
            raise ValueError("must not be true or false")
        return value

    @model_validator(mode="after")
    def _refuse_contradicting_settings(self) -> Self:
        for problem in self._find_contradicting_settings():
            raise ValueError(problem)
        return self

    def _find_contradicting_settings(self) -> Iterator[str]:
        """Yield each contradiction between the settings of this table, with a remedy. The user sees only the first of them."""
        yield from ()


def _does_annotation_accept_booleans(annotation: Any) -> bool:
    return (
        isinstance(annotation, bool)
        or annotation in {bool, Any}
        or any(map(_does_annotation_accept_booleans, get_args(annotation)))
    )


def find_class_of_settings_table(annotation: Any) -> type[Section] | None:
    """Return the class of the settings table that a field holds, or None if the field is a plain value.

    The field may hold one table, an optional table or a list of tables.
    """
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(
        (found for each in get_args(annotation) if (found := find_class_of_settings_table(each)) is not None), None
    )
