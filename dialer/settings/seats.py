"""[[seats]], [[agents]] and [floor]: where agents sit, who they are, and what their phones' keys mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from dialer.settings.fields import (
    EndpointName,
    Language,
    Password,
    PositiveSeconds,
    SeatName,
    Section,
    Slug,
    derived_secret,
    must,
)
from dialer.settings.lines import Transport


class SeatSettings(Section):
    """[[seats]] - a place where an agent sits."""

    name: SeatName = Field(description="name of the seat: a digit, or 2 to 20 letters, digits and -")
    endpoint: EndpointName = Field(description="PJSIP endpoint of the seat's phone")
    server: Slug | None = Field(None, description="the Asterisk that the phone registers at; of [[asterisk.servers]]")
    languages: tuple[Language, ...] = Field(
        (), description="languages spoken here by an agent who has none of their own; empty: any"
    )
    password: Password | None = Field(
        None, description="the phone's password; none: `dialer asterisk render` makes one"
    )
    webrtc: bool = Field(False, description="the phone is the agent's page in the browser: DTLS-SRTP, through the desk")
    transport: Transport = Field(Transport.UDP, description="udp, tcp or tls; a webrtc seat needs none")
    srtp: bool = Field(False, description="encrypt the voice; with transport tls")

    def _objections(self) -> Iterator[str]:
        if self.srtp and self.transport is not Transport.TLS:
            yield 'srtp sends its keys in SIP: set transport = "tls" as well'


def browser_password(seat: SeatSettings, manager_secret: SecretStr | None) -> str:
    """The password of a seat whose phone is the agent's page: its own, else a derived one, which rendering and the desk know."""
    if seat.password is not None:
        return seat.password.get_secret_value()
    return derived_secret(manager_secret, f"phone {seat.endpoint}")


PinHash = Annotated[
    SecretStr,
    must(
        lambda pin: re.fullmatch(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+(\$[A-Za-z0-9+/]+){2}", pin.get_secret_value()),
        "is not an argon2id hash: write what `dialer agent hash-pin` prints, never the PIN itself",
    ),
]


class Agent(Section):
    """[[agents]] - a person who may log in at a seat, from its phone. Without any, nobody can."""

    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")] = Field(
        description="what the agent keys in, 1 to 10 digits"
    )
    pin: PinHash = Field(description="the argon2id hash of the PIN that `dialer agent hash-pin` makes")
    languages: tuple[Language, ...] = Field((), description="languages the agent speaks; empty: those of the seat")
    skills: tuple[Slug, ...] = Field((), description="what the agent may be given: campaigns that ask for such a skill")


ECHO_CODE = "*43"
"""What a seat's phone dials to hear itself, as it is on many exchanges."""


LogInCode = Annotated[
    str,
    StringConstraints(pattern=r"^[*0-9]{1,6}$"),
    must(lambda code: code != ECHO_CODE, f"{ECHO_CODE} is the echo test; choose another code"),
]


class LogInSettings(Section):
    """[floor] - how agents log in and what their phones' keys mean."""

    log_in_code: LogInCode = Field("*1", description="what a seat's phone dials to log in")
    wrong_pins: int = Field(10, ge=3, le=100, description="wrong log-ins in a row that lock the agent and the seat")
    lock_minutes: PositiveSeconds = Field(15, description="how long they stay locked, if no supervisor unlocks them")
    pause_reasons: tuple[Slug, ...] = Field(
        ("break", "meal", "training", "meeting", "technical"),
        min_length=1,
        max_length=9,
        description="what *21, *22, ... on the phone give as the reason of a pause",
    )
