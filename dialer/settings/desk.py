"""[desk]: the web server of a centre's pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from dialer.settings.fields import Applied, HostName, Port, Section, Slug, create_pattern_constraint, is_loopback_host

PageAddress = Annotated[
    str,
    create_pattern_constraint(
        r"^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$", "must be a URL such as https://desk.example.org, without a path"
    ),
]


class PageServer(Section):
    """The settings of a web server for browser pages: its address, certificate and sign-out time."""

    host: HostName = Field(
        "127.0.0.1", description="address to listen on; any but this machine's own needs a certificate"
    )
    port: Port = Field(8470, description="TCP port to listen on; 0 picks a free one")
    address: PageAddress | None = Field(
        None, description="URL of the pages, such as https://desk.example.org; none: host and port"
    )
    certificate: Path | None = Field(None, description="certificate with its chain, PEM")
    private_key: Path | None = Field(None, description="private key of the certificate, PEM")
    idle_hours: float = Field(12.0, gt=0, le=24, description="users are signed out after this time without activity")

    def _find_contradicting_settings(self) -> Iterator[str]:
        if (self.certificate is None) is not (self.private_key is None):
            yield "certificate and private_key must both be set, or neither"
        if self.certificate is None and not is_loopback_host(self.host):
            yield f"host {self.host} needs encryption; set certificate and private_key, or host = 127.0.0.1"

    def get_url_of_pages(self, port: int) -> str:
        """Return the URL that users enter in the browser to open the pages, if the server listens on `port`."""
        return self.address or f"{'http' if self.certificate is None else 'https'}://{self.host}:{port}"


class Desk(PageServer):
    """[desk] - the pages for supervisors and agents (`dialer desk serve`)."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    campaigns_file: Path | None = Field(
        None,
        description="file with the [[campaigns]] that supervisors set up on the page /campaigns; the desk must be able to"
        " write to its folder; none: that page cannot change campaigns",
    )
    campaign_approval: Literal["none", "second-person"] = Field(
        "none",
        description="second-person: on the page /campaigns, a new or changed campaign is saved only after a supervisor other"
        " than its author has approved exactly its lines",
    )
    agents_file: Path | None = Field(
        None,
        description="file with the [[agents]] that supervisors edit on the board; the desk must be able to write to its"
        " folder; none: the board cannot change agents",
    )
    flows_folder: Path | None = Field(
        None,
        description="folder of the call flows that supervisors write on the page /flows; the desk must be able to write to"
        " it; none: that page cannot change flows",
    )
    user: Slug | None = Field(
        None, description="the desk's user in [[supervisors]] and at the broker, with role desk; none: broker.username"
    )
    broker_password: SecretStr | None = Field(None, description="password of that user at the broker")
