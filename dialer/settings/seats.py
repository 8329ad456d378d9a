"""[[seats]], [[agents]] and [agent_login]: where agents sit, who they are, and how they log in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr

from dialer.settings.fields import (
    Applied,
    EndpointName,
    Language,
    Password,
    PositiveSeconds,
    SeatName,
    Section,
    Slug,
    create_pattern_constraint,
    create_validator_from_condition,
    derive_secret_for_purpose,
)
from dialer.settings.file_text import SettingsText
from dialer.settings.mistakes import list_tables_of_edited_file
from dialer.settings.trunks import Transport


class SeatSettings(Section):
    """[[seats]] - a workplace with a phone."""

    applied: ClassVar[Applied] = Applied.RELOAD

    name: SeatName = Field(description="name of the seat: a digit, or 2 to 20 letters, digits and -")
    endpoint: EndpointName = Field(description="PJSIP endpoint of the seat's phone")
    server: Annotated[Slug | None, Applied.RESTART] = Field(
        None, description="the phone's Asterisk server, if there are [[asterisk.servers]]"
    )
    languages: tuple[Language, ...] = Field(
        (), description="languages of agents at this seat without languages of their own; empty: any"
    )
    password: Annotated[Password | None, Applied.ELSEWHERE] = Field(
        None, description="the phone's password; none: `dialer asterisk render` creates one"
    )
    webrtc: Annotated[bool, Applied.ELSEWHERE] = Field(
        False, description="the phone is the agent's page in the browser (WebRTC through the desk)"
    )
    transport: Annotated[Transport, Applied.ELSEWHERE] = Field(
        Transport.UDP, description="udp, tcp or tls; ignored for a webrtc seat"
    )
    srtp: Annotated[bool, Applied.ELSEWHERE] = Field(False, description="encrypt audio; needs transport tls")
    jitter_buffer: Annotated[bool, Applied.ELSEWHERE] = Field(
        False, description="the same as for trunks, for the agent's voice, such as over Wi-Fi or mobile data"
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.srtp and self.transport is not Transport.TLS:
            yield 'srtp needs transport = "tls", because its keys are sent in SIP'


def get_sip_password_of_browser_phone(seat: SeatSettings, manager_secret: SecretStr | None) -> str:
    """Return the SIP password of a phone in the browser: the seat's own, or one derived from `ami.secret`."""
    if seat.password is not None:
        return seat.password.get_secret_value()
    return derive_secret_for_purpose(manager_secret, f"phone {seat.endpoint}")


PinHash = Annotated[
    SecretStr,
    create_validator_from_condition(
        lambda pin: re.fullmatch(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+(\$[A-Za-z0-9+/]+){2}", pin.get_secret_value()),
        "must be an argon2id hash: the output of `dialer agent hash-pin`, never the PIN itself",
    ),
]


class Agent(Section):
    """[[agents]] - a person who may log in at a seat."""

    applied: ClassVar[Applied] = Applied.RELOAD

    number: Annotated[str, create_pattern_constraint(r"^[0-9]{1,10}$", "must be 1 to 10 digits")] = Field(
        description="number that the agent enters to log in, 1 to 10 digits"
    )
    full_name: str = Field(
        "", max_length=60, description="name that supervisors see on board and reports; never published over MQTT"
    )
    pin: PinHash = Field(description="argon2id hash of the PIN, from `dialer agent hash-pin`")
    languages: tuple[Language, ...] = Field((), description="languages the agent speaks; empty: the seat's")
    skills: tuple[Slug, ...] = Field((), description="skills, which a campaign may require")


class AgentsFile(Section):
    """A file with additional agents, whom supervisors edit on the board."""

    agents: tuple[Agent, ...] = Field((), description="as in the settings")


def list_agents_in_text(text: SettingsText) -> list[dict[str, Any]]:
    """Return the tables of an agents file, after a check of each.

    Raises SettingError or SettingMistakes for invalid agents, and for other settings than agents.
    """
    return list_tables_of_edited_file(text, AgentsFile, "agents")


ECHO_CODE = "*43"
"""The code that a seat's phone dials for an echo test, as on many PBXs."""

LogInCode = Annotated[
    str,
    create_pattern_constraint(r"^[*0-9]{1,6}$", "must be 1 to 6 digits and stars"),
    create_validator_from_condition(lambda code: code != ECHO_CODE, f"must not be {ECHO_CODE}, which is the echo test"),
]


class AgentLogin(Section):
    """[agent_login] - agents' login by phone, and pause reasons."""

    applied: ClassVar[Applied] = Applied.RELOAD

    code: Annotated[LogInCode, Applied.ELSEWHERE] = Field("*1", description="code that a seat's phone dials to log in")
    max_failures: int = Field(10, ge=3, le=100, description="consecutive failed logins that lock agent and seat")
    lock_minutes: PositiveSeconds = Field(15, description="duration of the lock, unless a supervisor unlocks earlier")
    pause_reasons: tuple[Slug, ...] = Field(
        ("break", "meal", "training", "meeting", "technical"),
        min_length=1,
        max_length=9,
        description="pause reasons: *21 on the phone is the first one, *22 the second, ...",
    )
