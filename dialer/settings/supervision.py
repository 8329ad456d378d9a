"""[[supervisors]]: who watches and controls a centre over MQTT."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from dialer.domain.enums import SupervisorRole
from dialer.settings.fields import Applied, EndpointName, PublicKey, Section, Slug, must

OWN_USER = "dialler"
"""The user of the dialler's own command line."""

UserName = Annotated[
    Slug,
    must(lambda name: name != OWN_USER, f"must not be {OWN_USER!r}, which is the dialler itself"),
    must(
        lambda name: sum(letter.isdigit() for letter in name) <= 6,
        "must not have more than 6 digits, because it could be a phone number",
    ),
]
"""The name of somebody who gives commands, in the settings or in the store; safe in a topic and in the audit."""


class Supervisor(Section):
    """[[supervisors]] - a person or program that watches and controls the centre over MQTT, and its role. Further people are users
    in the store (`dialer user`); nobody else has access.
    """

    applied: ClassVar[Applied] = Applied.RELOAD

    name: UserName = Field(description="name in the audit, and last level of the topic for this user's commands")
    endpoint: EndpointName | None = Field(
        None, description="PJSIP endpoint of the supervisor's phone, for listening to calls; none: cannot listen"
    )
    server: Slug | None = Field(
        None, description="the Asterisk server that the phone registers at, where there are [[asterisk.servers]]"
    )
    role: SupervisorRole = Field(
        SupervisorRole.LISTENER,
        description="viewer: reads; listener: also listens; coach: also whispers; supervisor: also barges in, and gives all other "
        "commands; desk, booth-desk, uplink, compliance: for programs ([which commands](topics.md#commandsuser))",
    )
    key: PublicKey | None = Field(
        None,
        description="public key, from `dialer mqtt key`; commands of a user with a key are accepted only if signed with it",
    )
