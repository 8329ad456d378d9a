"""[headquarters]: the headquarters that a centre belongs to, whose signed orders it obeys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from dialer.settings.fields import Applied, PublicKey, Section, Slug, UrlWithoutSlash, create_pattern_constraint

ServerAddress = Annotated[
    str,
    create_pattern_constraint(
        r"^(nats|tls)://[A-Za-z0-9.:\[\]-]{1,253}$", "must be an address such as tls://hq.example.org:4222"
    ),
]


class Leader(Section):
    """[[headquarters.leaders]] - a person who signs headquarters' orders. One can stop calls, two can resume them."""

    name: Slug = Field(description="name, shown in the audit as headquarters/NAME")
    key: PublicKey = Field(description="public key, from `dialer hq keys make`")


def find_duplicate_leaders(leaders: Sequence[Leader]) -> Iterator[str]:
    """Yield a mistake if two leaders have the same name or key. The two signatures of an order must be two people's."""
    for field in ("name", "key"):
        if len({getattr(leader, field) for leader in leaders}) < len(leaders):
            yield f"leaders must be different people; two have the same {field}"


class Headquarters(Section):
    """[headquarters] - the headquarters that this centre belongs to."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    user: Annotated[Slug | None, Applied.RESTART] = Field(
        None, description="the uplink's user in [[supervisors]], with role uplink; none: no headquarters"
    )
    zone: Annotated[Slug | None, Applied.RELOAD] = Field(
        None, description="the centre's zone; the centre executes orders for this zone"
    )
    leaders: Annotated[tuple[Leader, ...], Applied.RELOAD] = Field(
        (), description="the people whose signed orders the centre executes"
    )
    servers: tuple[ServerAddress, ...] = Field(
        (), description="addresses of headquarters' NATS server or cluster, such as tls://hq.example.org:4222"
    )
    ca_file: Path | None = Field(None, description="CA certificates to verify the server with; none: the system's")
    nkey_file: Path | None = Field(None, description="file with the nkey seed for the centre's login")
    key: PublicKey | None = Field(
        None,
        description="headquarters' public key, from `dialer hq render`, for snapshots of other centres' updates; none: signatures "
        "are not checked",
    )
    outbox_megabytes: Annotated[int, Applied.RESTART] = Field(
        1024,
        ge=16,
        le=1_000_000,
        description="maximum size of pending messages; beyond it telemetry is discarded, results never",
    )
    material_url: UrlWithoutSlash | None = Field(
        None, description="URL of headquarters' bundles, such as https://hq.example.org/material; none: no bundles"
    )
    material_folder: Path = Field(Path("material"), description="folder for bundles; those in `current` are in use")
    material_root: Path | None = Field(None, description="root.json from headquarters, which verifies its bundles")
    campaigns_folder: Annotated[Path | None, Applied.RELOAD] = Field(
        None,
        description="folder with headquarters' campaigns ([[campaigns]] in NAME.toml), such as material/current/campaigns",
    )
    weights_folder: Annotated[Path | None, Applied.RESTART] = Field(
        None,
        description="folder with lists of voters' weights (CSV, XLSX), imported at start, such as material/current/weights",
    )
    broker_password: SecretStr | None = Field(
        None,
        description="password of `user` at the broker",
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        yield from find_duplicate_leaders(self.leaders)
