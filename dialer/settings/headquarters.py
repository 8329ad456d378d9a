"""Headquarters of many centres: what a centre says of its own ([headquarters]), and headquarters' own file, hq.toml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, ValidationError

from dialer.settings.fields import FilePath, HostName, Port, PublicKey, Section, Share, Slug, ZoneName, is_loopback
from dialer.settings.mistakes import all_together, mistakes, not_in_environment, read_settings
from dialer.settings.sources import Source
from dialer.settings.supervision import PageServer

ServerAddress = Annotated[str, StringConstraints(pattern=r"^(nats|tls)://[A-Za-z0-9.:\[\]-]{1,253}$")]
MaterialAddress = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]{1,200}[^\s?#/]$")]
NatsKey = Annotated[str, StringConstraints(pattern=r"^U[A-Z2-7]{55}$")]
"""A public nkey of a user."""
StateCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,16}$")]
DayTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Leader(Section):
    """[[headquarters.leaders]] - who may order every centre at once: any one of them stops, two resume."""

    name: Slug = Field(description="name in the audit, which has the orders as of headquarters/NAME")
    key: PublicKey = Field(description="public key, from `dialer hq keys make`")


def _differ(leaders: Sequence[Leader]) -> Iterator[str]:
    for what in ("name", "key"):
        if len({getattr(leader, what) for leader in leaders}) < len(leaders):
            yield f"two leaders have one {what}; two signatures would be one person's"


class Headquarters(Section):
    """[headquarters] - the headquarters of many centres that this one belongs to, and whose signed orders it obeys."""

    user: Slug | None = Field(
        None, description="the uplink's own name in [[supervisors]], with the role uplink; none: no headquarters"
    )
    zone: Slug | None = Field(None, description="the zone of this centre, whose orders it obeys too")
    leaders: tuple[Leader, ...] = Field((), description="whose signatures count")
    servers: tuple[ServerAddress, ...] = Field(
        (), description="headquarters' nats-server, such as tls://hq.example.org:4222; several: the same cluster's"
    )
    ca_file: Path | None = Field(
        None, description="certificates that the server's is checked against; none: those of the system"
    )
    nkey_file: Path | None = Field(
        None, description="the centre's nkey seed, by which headquarters knows it; for its owner's eyes alone"
    )
    key: PublicKey | None = Field(
        None,
        description="headquarters' own public key, from `dialer hq render`: a snapshot of what other centres told is taken with "
        "its signature alone; none: the server's word is enough, as for what is told later",
    )
    outbox_megabytes: int = Field(
        1024,
        ge=16,
        le=1_000_000,
        description="what may wait for headquarters before telemetry is dropped; results never are",
    )
    material_url: MaterialAddress | None = Field(
        None,
        description="where headquarters publishes material, such as https://hq.example.org/material; none: nowhere",
    )
    material_folder: Path = Field(
        Path("material"), description="folder of the material; what runs stands below `current` in it"
    )
    material_root: Path | None = Field(
        None, description="root.json from headquarters, by which all that is published is known"
    )
    campaigns_folder: Path | None = Field(
        None,
        description="folder with headquarters' campaigns, [[campaigns]] in NAME.toml, beside those of this file; such as "
        "material/current/campaigns",
    )
    weights_folder: Path | None = Field(
        None,
        description="folder with lists of voters' weights (CSV, XLSX): the dialler takes what is new when it starts; such as "
        "material/current/weights",
    )
    broker_password: SecretStr | None = Field(
        None, description="of that user at the broker; better given by MATDAN_HEADQUARTERS__BROKER_PASSWORD"
    )

    def _objections(self) -> Iterator[str]:
        yield from _differ(self.leaders)


class HqCentre(Section):
    """[[centres]] - a centre of this headquarters."""

    id: Slug = Field(description="its centre.id")
    zone: Slug = Field(description="its zone")
    nkey: NatsKey | None = Field(
        None, description="public nkey by which it connects; none: `dialer hq render` makes one"
    )
    state: StateCode | None = Field(
        None, description="code of the state whose voters it calls, as on its roll; none: that of its marks"
    )
    constituencies: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field(
        (),
        description="numbers of the constituencies of that state on its roll: of others it is told nothing; empty: of all of "
        "the state, or, without one, of every state",
    )
    seats: int | None = Field(None, ge=0, le=10_000, description="seats that are to be signed in; none: not planned")

    def _objections(self) -> Iterator[str]:
        if self.constituencies and self.state is None:
            yield f"{self.id} has constituencies and no state; numbers are those of a state"

    def holds(self, state_code: str, constituency_number: int) -> bool:
        """Whether it is told of the voters there."""
        of_state = self.state is None or self.state == state_code
        return of_state and (not self.constituencies or constituency_number in self.constituencies)


class HqBundles(Section):
    """[bundles] - the material that headquarters publishes: its folder, whose `public` a web server serves."""

    folder: Path = Field(Path("material"), description="where bundles are made and published")
    online_key_file: Path | None = Field(
        None, description="the key that says what is newest and who runs what, from `dialer hq keys make`; stays here"
    )


class GatherSettings(Section):
    """[gather] - headquarters' database, and what `dialer hq gather` does for it."""

    database: SecretStr = Field(
        SecretStr("postgresql:///matdan"),
        description="PostgreSQL's address, postgresql://user:password@host/name; the file is for its owner's eyes alone",
    )
    time_zone: ZoneName = Field("Asia/Kolkata", description="IANA zone in which days end")
    keep_days: int = Field(
        90, ge=7, le=3650, description="how long announcements are kept as they came; counters, marks and answers stay"
    )
    replicas: int = Field(1, ge=1, le=5, description="machines that keep each stream: 3 of a cluster of three")


class HqMetrics(Section):
    """[metrics] - where a monitoring server asks headquarters: `/metrics` for Prometheus, `/health`, `/ready`."""

    host: HostName = Field("127.0.0.1", description="address it listens on, not encrypted")
    gather_port: Port | None = Field(None, description="TCP port of the gatherer's; none: nobody is answered")
    desk_port: Port | None = Field(None, description="TCP port of the pages'; none: nobody is answered")


class HqDesk(PageServer):
    """[desk] - headquarters' pages, which `dialer hq desk` serves."""

    port: Port = Field(8490, description="TCP port it listens on; 0 picks a free one")
    file: Path = Field(Path("hq.desk.db"), description="its own file: passwords, passkeys, sessions")


class HqTargets(Section):
    """[targets] - what centres are held against on headquarters' pages."""

    contacts_per_seat_hour: float | None = Field(
        None, gt=0, le=1_000, description="voters that a seat talks with in an hour; none: not held against any"
    )
    abandoned_share: Share = Field(0.03, description="of live answers, where a centre does not say its own cap")
    closes_at: DayTime = Field("18:00", description="when a day's calls end, in the zone of [gather]")


class HqCourse(Section):
    """[[course]] - how far a polling day should be at an hour: nothing before the first, between two of them evenly."""

    at: DayTime = Field(description="the hour, in the zone of [gather]")
    reached: Share = Field(description="share of the numbers on the centres' lists that are done with")
    voted: Share = Field(description="share of the voters reached who have voted")


class HqServer(Section):
    """[server] - headquarters' machine, as `dialer hq render` sets it up and centres reach it."""

    host: HostName = Field(
        "127.0.0.1", description="the name by which centres reach it; not loopback: all is encrypted"
    )
    port: Port = Field(4222, description="TCP port of nats-server")
    data_directory: FilePath = Field("/var/lib/nats/jetstream", description="where nats-server keeps its streams")
    files_directory: FilePath = Field(
        "/etc/matdan", description="where the rendered files will stand on this machine, and a centre's on that one"
    )
    material_address: MaterialAddress | None = Field(
        None, description="under which the web server serves material, such as https://hq.example.org/material"
    )


class HqSettings(Section):
    """The file of headquarters."""

    gather: GatherSettings = GatherSettings()
    servers: tuple[ServerAddress, ...] = Field(
        ("nats://127.0.0.1:4222",), min_length=1, description="nats-server's, such as tls://hq.example.org:4222"
    )
    ca_file: Path | None = Field(None, description="certificates that the server's is checked against")
    nkey_file: Path | None = Field(None, description="the nkey's seed by which headquarters connects")
    metrics: HqMetrics = HqMetrics()
    server: HqServer = HqServer()
    desk: HqDesk = HqDesk()
    targets: HqTargets = HqTargets()
    course: tuple[HqCourse, ...] = ()
    bundles: HqBundles = HqBundles()
    centres: tuple[HqCentre, ...] = ()
    leaders: tuple[Leader, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def encrypted(self) -> bool:
        """Whether anybody but this machine speaks with the server."""
        return not is_loopback(self.server.host)

    def _objections(self) -> Iterator[str]:
        yield from _differ(self.leaders)
        for kind, names in (
            ("centres", [centre.id for centre in self.centres]),
            ("sources", [source.name for source in self.sources]),
        ):
            if twice := {name for name in names if names.count(name) > 1}:
                yield f"{kind} named twice: {', '.join(sorted(twice))}"
        hours = [each.at for each in self.course]
        if hours != sorted(set(hours)):
            yield "[[course]] goes through the day: each `at` once, the earliest first"


def load_hq_settings(path: Path) -> HqSettings:
    """Headquarters' settings. Raises SettingError with file, key and remedy; SettingMistakes where there are several."""
    text = read_settings(path, "hq.toml", "write one: docs/headquarters.md")
    try:
        return HqSettings.model_validate(text.table)
    except ValidationError as error:
        raise all_together(list(mistakes(error, text, HqSettings, not_in_environment))) from error
