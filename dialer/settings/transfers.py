"""[[transfers]] and [hold]: the targets of transfers, and music on hold."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from dialer.settings.fields import Applied, EndpointName, Section, Slug, create_pattern_constraint

OutsideNumber = Annotated[
    str,
    create_pattern_constraint(
        r"^\+[1-9][0-9]{6,14}$",
        "must be a phone number in full: + and 7 to 15 digits without spaces, such as +911140000001",
    ),
]


class TransferKind(StrEnum):
    """The kind of a transfer's target: an internal phone (of a supervisor) or an outside number."""

    SUPERVISOR = "supervisor"
    OUTSIDE = "outside"


class TransferSettings(Section):
    """[[transfers]] - a target that agents may transfer voters to, or consult. Only listed targets are called."""

    applied: ClassVar[Applied] = Applied.RELOAD

    name: Slug = Field(description="name of the target in commands")
    kind: TransferKind = Field(description="supervisor: an internal phone; outside: a number, over a trunk")
    endpoint: EndpointName | None = Field(None, description="PJSIP endpoint of a supervisor's phone")
    server: Slug | None = Field(None, description="the phone's Asterisk server, if there are [[asterisk.servers]]")
    number: OutsideNumber | None = Field(
        None, description="the outside number, E.164; [dialling] must allow its prefix"
    )
    trunk: Slug | None = Field(None, description="trunk for an outside number")
    ring_seconds: float = Field(
        20.0, ge=5, le=60, description="how long the target rings; then the voter returns to the agent"
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        inside, outside = self.endpoint is not None, self.number is not None or self.trunk is not None
        if self.kind is TransferKind.SUPERVISOR and (not inside or outside):
            yield "a transfer to a supervisor needs endpoint, and neither number nor trunk"
        if self.kind is TransferKind.OUTSIDE and (inside or self.number is None or self.trunk is None):
            yield "a transfer to the outside needs number and trunk, and no endpoint"


class HoldSettings(Section):
    """[hold] - music on hold, while an agent consults a transfer target."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    music_class: EndpointName = Field(
        "default",
        description="class of musiconhold.conf; if it has nothing to play, the voter hears a periodic tone",
    )
    limit_seconds: int = Field(
        300,
        ge=90,
        le=3600,
        description="a voter on hold returns to the agent after this time; longer than any transfers.ring_seconds",
    )
