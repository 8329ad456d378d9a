"""Where voters come from beside rolls that somebody hands over: the portals of [[sources]]."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from dialer.settings.fields import Section, Slug

PortalAddress = Annotated[str, StringConstraints(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])\S{1,500}$")]
"""Encrypted, or on this machine alone."""


class Source(Section):
    """[[sources]] - a voter-data portal whose exports `dialer source take` takes in, by the mapping that is saved for it."""

    name: Slug = Field(description="name on the command line, in the audit and in `dialer report imports`")
    folder: Path = Field(
        description="drop folder of its exports, by SFTP as a rule; nothing is moved out of it, and rejects stand in it"
    )
    map_file: Path = Field(description="the saved mapping, a map file; an export that does not fit it is refused")
    url: PortalAddress | None = Field(
        None, description="https address of the newest export, which is put into the folder; none: the folder alone"
    )
    token_file: Path | None = Field(
        None, description="file with the bearer token that the address asks for, for its owner's eyes alone"
    )
    roll_version: str = Field(
        "current", min_length=1, max_length=64, description="version of the roll where no column says it"
    )
    id_heading: str | None = Field(
        None,
        description="heading of the portal's own id of a voter, under which results go out (`dialer report results`)",
    )
    webhook_url: PortalAddress | None = Field(
        None, description="https address to which `dialer source post` sends what became known of voters; none: nowhere"
    )
    webhook_secret_file: Path | None = Field(
        None,
        description="file with the secret that deliveries are signed with, whsec_ and base64; for its owner's eyes alone",
    )

    def _objections(self) -> Iterator[str]:
        if self.webhook_url is not None and (self.webhook_secret_file is None or self.id_heading is None):
            yield "webhook_url needs webhook_secret_file, to sign with, and id_heading, to name voters by"
