"""hq.toml: the settings of a headquarters of many centres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError

from dialer.settings.desk import PageServer
from dialer.settings.fields import (
    FilePath,
    HostName,
    Port,
    Section,
    Share,
    Slug,
    UrlWithoutSlash,
    ZoneName,
    create_pattern_constraint,
    is_loopback_host,
)
from dialer.settings.file_text import read_settings_file
from dialer.settings.mistakes import combine_setting_errors, ignore_environment_variables, list_setting_errors
from dialer.settings.sources import Source
from dialer.settings.uplink import Leader, ServerAddress, find_duplicate_leaders

NatsKey = Annotated[
    str, create_pattern_constraint(r"^U[A-Z2-7]{55}$", "must be the public nkey of a user: U and 55 characters")
]
StateCode = Annotated[
    str,
    create_pattern_constraint(r"^[A-Za-z0-9_-]{1,16}$", "must be a state code of 1 to 16 letters a-z, digits, - and _"),
]
DayTime = Annotated[str, create_pattern_constraint(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "must be a time such as 09:00")]


class HqCentre(Section):
    """[[centres]] - a centre of this headquarters."""

    id: Slug = Field(description="the centre's centre.id")
    zone: Slug = Field(description="the centre's zone")
    nkey: NatsKey | None = Field(
        None, description="public nkey that it connects with; none: `dialer hq render` creates one"
    )
    state: StateCode | None = Field(
        None,
        description="code of the state whose voters it calls, as on the roll; none: it exchanges no marks and no call times",
    )
    constituencies: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field(
        (),
        description="constituencies whose voters it exchanges marks about; empty: all of the state",
    )
    seats: int | None = Field(None, ge=0, le=10_000, description="planned number of agents")

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.constituencies and self.state is None:
            yield "constituencies need a state, because their numbers are those of a state"

    def exchanges_marks_of_constituency(self, state_code: str, constituency_number: int) -> bool:
        """Return whether the centre sends and receives marks (recorded facts) about the voters of a constituency."""
        of_state = self.state == state_code
        return of_state and (not self.constituencies or constituency_number in self.constituencies)


class HqBundles(Section):
    """[bundles] - campaign material (flows, prompts, scripts, in bundles) that headquarters publishes.

    A web server serves the subfolder `public`.
    """

    folder: Path = Field(Path("material"), description="folder in which bundles are created and published")
    online_key_file: Path | None = Field(
        None,
        description="private key that signs the list of current bundles, from `dialer hq keys make`",
    )


class GatherSettings(Section):
    """[gather] - the database in which `dialer hq gather` stores the results of all centres."""

    database: SecretStr = Field(
        SecretStr("postgresql:///matdan"),
        description="PostgreSQL URL, postgresql://user:password@host/name",
    )
    time_zone: ZoneName = Field("Asia/Kolkata", description="IANA time zone in which days end")
    keep_days: int = Field(
        90, ge=7, le=3650, description="days until received messages are deleted; figures, marks and answers stay"
    )
    replicas: int = Field(1, ge=1, le=5, description="number of NATS servers that store each stream; 3 in a cluster")


class HqMetrics(Section):
    """[metrics] - ports for a monitoring server: `/metrics` for Prometheus, `/health`, `/ready`."""

    host: HostName = Field("127.0.0.1", description="address to listen on, unencrypted")
    gather_port: Port | None = Field(None, description="TCP port of the gatherer's metrics; none: off")
    desk_port: Port | None = Field(None, description="TCP port of the pages' metrics; none: off")


class HqDesk(PageServer):
    """[desk] - headquarters' pages (`dialer hq desk`)."""

    port: Port = Field(8490, description="TCP port to listen on; 0 picks a free one")
    file: Path = Field(Path("hq.desk.db"), description="database of passwords, passkeys and sessions")


class HqTargets(Section):
    """[targets] - the targets that headquarters' pages compare centres with."""

    contacts_per_seat_hour: float | None = Field(
        None, gt=0, le=1_000, description="voters contacted per seat and hour; none: not compared"
    )
    abandoned_rate: Share = Field(
        0.03, description="abandoned-call rate of live answers, for centres that do not report their own limit"
    )
    closes_at: DayTime = Field("18:00", description="when calling ends, in the time zone of [gather]")


class ExpectedProgress(Section):
    """[[expected_progress]] - the progress expected at a time of a polling day. The progress between two times is
    interpolated.
    """

    at: DayTime = Field(description="time, in the time zone of [gather]")
    contacted: Share = Field(description="completed share of the centres' numbers (0-1)")
    voted: Share = Field(description="share of the contacted voters who have voted (0-1)")


class HqServer(Section):
    """[server] - headquarters' NATS server, for `dialer hq render`."""

    host: HostName = Field("127.0.0.1", description="host name that centres connect to; encrypted unless loopback")
    port: Port = Field(4222, description="TCP port of nats-server")
    data_directory: FilePath = Field("/var/lib/nats/jetstream", description="where nats-server stores its streams")
    files_directory: FilePath = Field(
        "/etc/matdan", description="folder of the rendered files, at headquarters and at the centres"
    )
    material_address: UrlWithoutSlash | None = Field(
        None, description="URL of the bundles on the web server, such as https://hq.example.org/material"
    )


class HqSettings(Section):
    """All settings of a headquarters, as in hq.toml."""

    gather: GatherSettings = GatherSettings()
    servers: tuple[ServerAddress, ...] = Field(
        ("nats://127.0.0.1:4222",),
        min_length=1,
        description="addresses of nats-server, such as tls://hq.example.org:4222",
    )
    ca_file: Path | None = Field(None, description="CA certificates to verify the server with")
    nkey_file: Path | None = Field(None, description="file with the nkey seed that headquarters connects with")
    metrics: HqMetrics = HqMetrics()
    server: HqServer = HqServer()
    desk: HqDesk = HqDesk()
    targets: HqTargets = HqTargets()
    expected_progress: tuple[ExpectedProgress, ...] = ()
    bundles: HqBundles = HqBundles()
    centres: tuple[HqCentre, ...] = ()
    leaders: tuple[Leader, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def encrypts_nats_connections(self) -> bool:
        """Whether connections to the NATS server are encrypted. They are if other machines connect to the server."""
        return not is_loopback_host(self.server.host)

    def _find_contradicting_settings(self) -> Iterator[str]:
        yield from find_duplicate_leaders(self.leaders)
        for kind, names in (
            ("centres", [centre.id for centre in self.centres]),
            ("sources", [source.name for source in self.sources]),
        ):
            if duplicates := {name for name in names if names.count(name) > 1}:
                yield f"{kind} must have different names; {', '.join(sorted(duplicates))} is used twice"
        times = [each.at for each in self.expected_progress]
        if times != sorted(set(times)):
            yield "[[expected_progress]] must be in order of time, each `at` once"


def load_hq_settings(path: Path) -> HqSettings:
    """Load the settings of a headquarters from hq.toml.

    Raises SettingError with file, key and remedy, or SettingMistakes for several mistakes.
    """
    text = read_settings_file(path, "hq.toml", "write one, see docs/how-to/headquarters.md")
    try:
        return HqSettings.model_validate(text.table)
    except ValidationError as error:
        raise combine_setting_errors(
            list(list_setting_errors(error, text, HqSettings, ignore_environment_variables))
        ) from error
