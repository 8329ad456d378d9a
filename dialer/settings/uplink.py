"""[headquarters]: the headquarters that a centre belongs to, whose signed orders it obeys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from dialer.settings.fields import Applied, PublicKey, Section, Slug, UrlWithoutSlash, pattern

ServerAddress = Annotated[
    str,
    pattern(r"^(nats|tls)://[A-Za-z0-9.:\[\]-]{1,253}$", "must be an address such as tls://hq.example.org:4222"),
]


class Leader(Section):
    """[[headquarters.leaders]] - a person who may give orders to every centre at once: any one of them can stop, two resume."""

    name: Slug = Field(description="name; in the audit, orders are by headquarters/NAME")
    key: PublicKey = Field(description="public key, from `dialer hq keys make`")


def duplicate_leaders(leaders: Sequence[Leader]) -> Iterator[str]:
    """Yield an objection where two leaders have the same name or key: two signatures would be one person's."""
    for field in ("name", "key"):
        if len({getattr(leader, field) for leader in leaders}) < len(leaders):
            yield f"leaders must be different people; two have the same {field}"


class Headquarters(Section):
    """[headquarters] - the headquarters that this centre belongs to, and whose signed orders it obeys."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    user: Annotated[Slug | None, Applied.RESTART] = Field(
        None, description="the uplink's user in [[supervisors]], with role uplink; none: no headquarters"
    )
    zone: Annotated[Slug | None, Applied.RELOAD] = Field(
        None, description="the zone of this centre, whose orders it obeys too"
    )
    leaders: Annotated[tuple[Leader, ...], Applied.RELOAD] = Field(
        (), description="the people whose signed orders are obeyed"
    )
    servers: tuple[ServerAddress, ...] = Field(
        (), description="addresses of headquarters' NATS server or cluster, such as tls://hq.example.org:4222"
    )
    ca_file: Path | None = Field(
        None, description="CA certificates to verify the server with; none: those of the system"
    )
    nkey_file: Path | None = Field(
        None, description="file with the centre's nkey seed, which authenticates it; readable by its owner only"
    )
    key: PublicKey | None = Field(
        None,
        description="headquarters' public key, from `dialer hq render`: snapshots of other centres' updates must be signed by it; "
        "none: the server is trusted",
    )
    outbox_megabytes: Annotated[int, Applied.RESTART] = Field(
        1024,
        ge=16,
        le=1_000_000,
        description="how much may wait for headquarters before telemetry is discarded; results never are",
    )
    material_url: UrlWithoutSlash | None = Field(
        None, description="URL of headquarters' material, such as https://hq.example.org/material; none: no material"
    )
    material_folder: Path = Field(Path("material"), description="folder for the material; `current` in it is in use")
    material_root: Path | None = Field(
        None, description="root.json from headquarters, which verifies everything that it publishes"
    )
    campaigns_folder: Annotated[Path | None, Applied.RELOAD] = Field(
        None,
        description="folder with campaigns from headquarters ([[campaigns]] in NAME.toml), in addition to those here; such as "
        "material/current/campaigns",
    )
    weights_folder: Annotated[Path | None, Applied.RESTART] = Field(
        None,
        description="folder with lists of voters' weights (CSV, XLSX), imported when the dialler starts; such as "
        "material/current/weights",
    )
    broker_password: SecretStr | None = Field(
        None,
        description="password of `user` at the broker; preferably set by MATDAN_HEADQUARTERS__BROKER_PASSWORD",
    )

    def _objections(self) -> Iterator[str]:
        yield from duplicate_leaders(self.leaders)
