"""[[supervisors]]: the people and programs that monitor and control a centre over MQTT."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from dialer.domain.enums import SupervisorRole
from dialer.domain.person_ids import OWN_USER
from dialer.settings.fields import Applied, EndpointName, PublicKey, Section, Slug, create_validator_from_condition

UserName = Annotated[
    Slug,
    create_validator_from_condition(
        lambda name: name != OWN_USER, f"must not be {OWN_USER!r}, which is the dialler itself"
    ),
    create_validator_from_condition(
        lambda name: sum(letter.isdigit() for letter in name) <= 6,
        "must not have more than 6 digits, because it could be a phone number",
    ),
]
"""The name of a user who sends commands, in the settings or in the store. It is safe in topics and in the audit."""


class Supervisor(Section):
    """[[supervisors]] - a person or program that monitors and controls the centre. `dialer user` manages further people."""

    applied: ClassVar[Applied] = Applied.RELOAD

    name: UserName = Field(description="name in the audit, and last level of the user's command topic")
    endpoint: EndpointName | None = Field(None, description="PJSIP endpoint of the phone for monitoring calls")
    server: Slug | None = Field(None, description="the phone's Asterisk server, if there are [[asterisk.servers]]")
    role: SupervisorRole = Field(
        SupervisorRole.LISTENER,
        description="viewer: reads; listener: also listens; coach: also whispers; supervisor: all commands; desk, booth-desk, "
        "uplink, compliance: for programs ([commands of each](topics.md#commandsuser))",
    )
    key: PublicKey | None = Field(
        None,
        description="public key, from `dialer mqtt key`; if set, only commands signed with it are accepted",
    )
