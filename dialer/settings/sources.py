"""[[sources]]: voter-data portals whose exports are imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from dialer.settings.fields import Applied, Section, Slug, create_pattern_constraint

PortalAddress = Annotated[
    str,
    create_pattern_constraint(
        r"^(https://|http://(127\.0\.0\.1|localhost)[:/])\S{1,500}$",
        "must be an https URL, or an http URL of this machine",
    ),
]


class Source(Section):
    """[[sources]] - a voter-data portal whose exports `dialer source import` imports by a saved column mapping."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    name: Slug = Field(description="name on the command line, in the audit and in `dialer report imports`")
    folder: Path = Field(description="folder for its exports, usually filled by SFTP; rejected rows are written to it")
    map_file: Path = Field(description="the saved mapping; an export that does not fit it is rejected")
    url: PortalAddress | None = Field(
        None, description="https URL of the newest export, which is downloaded to the folder"
    )
    token_file: Path | None = Field(None, description="file with the bearer token for that URL")
    roll_version: str = Field(
        "current", min_length=1, max_length=64, description="version of the roll, if it has no such column"
    )
    id_heading: str | None = Field(
        None, description="heading of the column with the portal's own voter ID, which is used in results"
    )
    webhook_url: PortalAddress | None = Field(None, description="https URL to which `dialer source send` sends results")
    webhook_secret_file: Path | None = Field(
        None,
        description="file with the secret that signs results (whsec_ and base64)",
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.webhook_url is not None and (self.webhook_secret_file is None or self.id_heading is None):
            yield "webhook_url needs webhook_secret_file, to sign deliveries, and id_heading, to identify voters"
