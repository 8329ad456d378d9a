"""Settings of transfers and supervision: targets, hold music, supervisors, what each may do and their pages, recordings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from dialer.domain.enums import SupervisorRole
from dialer.settings.fields import EndpointName, HostName, Port, PublicKey, Section, Slug, is_loopback, must

PageAddress = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$")]
OutsideNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


PlainFolder = Annotated[
    Path,
    must(
        lambda path: re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", str(path)),
        "must be an absolute folder of letters, digits, dots, - and _, without `..`",
    ),
]
"""Nothing in it means anything to a dialplan or leads elsewhere."""


class TransferKind(StrEnum):
    """Where a transfer leads."""

    SUPERVISOR = "supervisor"
    OUTSIDE = "outside"


class TransferSettings(Section):
    """[[transfers]] - where an agent may transfer a voter to, or consult. Nothing that is not on this list is called."""

    name: Slug = Field(description="name of the target in commands")
    kind: TransferKind = Field(description="supervisor: a phone of the house; outside: a number, over a trunk")
    endpoint: EndpointName | None = Field(None, description="PJSIP endpoint of a supervisor's phone")
    server: Slug | None = Field(None, description="the Asterisk that this phone registers at; of [[asterisk.servers]]")
    number: OutsideNumber | None = Field(
        None, description="the outside number, E.164; held against [dialling]'s prefixes"
    )
    trunk: Slug | None = Field(None, description="the trunk that an outside number is called over")
    ring_seconds: float = Field(
        20.0, ge=5, le=60, description="without an answer by then the voter is back at the seat"
    )

    def _objections(self) -> Iterator[str]:
        inside, outside = self.endpoint is not None, self.number is not None or self.trunk is not None
        if self.kind is TransferKind.SUPERVISOR and (not inside or outside):
            yield f"transfer {self.name!r} to a supervisor needs endpoint, and neither number nor trunk"
        if self.kind is TransferKind.OUTSIDE and (inside or self.number is None or self.trunk is None):
            yield f"transfer {self.name!r} to the outside needs number and trunk, and no endpoint"


OWN_USER = "dialler"
"""The dialler's own name among those who give commands: its command line on the same settings."""


UserName = Annotated[
    Slug,
    must(lambda name: name != OWN_USER, f"{OWN_USER!r} is the dialler itself; choose another name"),
    must(
        lambda name: sum(letter.isdigit() for letter in name) <= 6,
        "has so many digits that it may be a phone number; choose another name",
    ),
]
"""Of somebody who gives commands, in the settings or in the store: fit for a topic and for the audit."""


class Supervisor(Section):
    """[[supervisors]] - who watches and steers over MQTT, people and programs, and what each may do: no command changes it, and
    further people are users in the store (`dialer user`). Nobody else may.
    """

    name: UserName = Field(
        description="name in the audit, and the last level of the topic on which this one gives commands"
    )
    endpoint: EndpointName | None = Field(
        None, description="PJSIP endpoint of the supervisor's phone; what is heard goes there alone; none: hears nobody"
    )
    server: Slug | None = Field(None, description="the Asterisk that the phone registers at; of [[asterisk.servers]]")
    role: SupervisorRole = Field(
        SupervisorRole.LISTENER,
        description="viewer: reads; listener: listens; coach: whispers too; supervisor: barges in too, and all else; desk, "
        "booth-desk, uplink, compliance: of programs ([which commands](topics.md#commandsuser))",
    )
    key: PublicKey | None = Field(
        None,
        description="public key, from `dialer mqtt key`; who has one is obeyed only where a command bears its signature",
    )


class PageServer(Section):
    """Where pages for people are served."""

    host: HostName = Field(
        "127.0.0.1", description="address it listens on; another one than this machine's own needs a certificate"
    )
    port: Port = Field(8470, description="TCP port it listens on; 0 picks a free one")
    address: PageAddress | None = Field(
        None, description="what people type, such as https://desk.example.org; none: host and port"
    )
    certificate: Path | None = Field(None, description="certificate with its chain, PEM")
    private_key: Path | None = Field(None, description="the certificate's key, PEM")
    idle_hours: float = Field(12.0, gt=0, le=24, description="whoever does nothing for so long signs in again")

    def _objections(self) -> Iterator[str]:
        if (self.certificate is None) is not (self.private_key is None):
            yield "certificate and private_key go together; set both, or none"
        if self.certificate is None and not is_loopback(self.host):
            yield (
                f"the desk would serve {self.host} without encryption; set certificate and private_key, or host = 127.0.0.1"
            )

    def origin(self, port: int) -> str:
        """What stands before the path in a browser, where the desk listens on `port`."""
        return self.address or f"{'http' if self.certificate is None else 'https'}://{self.host}:{port}"


class Desk(PageServer):
    """[desk] - the pages for supervisors, which `dialer desk` serves."""

    user: Slug | None = Field(
        None,
        description="its own name in [[supervisors]], with the role desk: so the broker knows it; none: broker.username",
    )
    broker_password: SecretStr | None = Field(
        None, description="of that user at the broker; better given by MATDAN_DESK__BROKER_PASSWORD"
    )


class HoldSettings(Section):
    """[hold] - what a voter hears while the agent consults."""

    music_class: EndpointName = Field(
        "default",
        description="class of musiconhold.conf; where it has nothing to play a voter on hold hears a tone now and then",
    )
    limit_seconds: int = Field(
        300,
        ge=90,
        le=3600,
        description="a voter on hold goes back to the seat after this; longer than any target rings",
    )


class RecordingSettings(Section):
    """[recordings] - where recorded calls are kept, and how long. What is recorded is each campaign's setting."""

    directory: PlainFolder = Field(
        Path("/var/spool/asterisk/matdan"), description="folder that Asterisk writes to and the dialler reads"
    )
    keep_days: int = Field(30, ge=1, le=3650, description="`dialer recordings purge` erases what is older")
    prompt: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*$")] | None = Field(
        None,
        description="sound that tells the voter, before the agent comes, that the call is recorded; none: not told",
    )
