"""Settings of a site: TOML, overridden by the environment; every error names file, key and remedy.

`load_settings(path)` reads one TOML file. A value may be overridden by `MATDAN_<SECTION>__<KEY>`, for example
`MATDAN_AMI__SECRET`, so that secrets need not stand in the file. Unknown keys are refused: a misspelt cap must not be a
cap that does not exist.
"""

from __future__ import annotations

import re
import tomllib
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from config.errors import SettingError
from config.polling_day import PollingDay
from config.rules import Certificate, Rules, Section

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
"""A name that is safe in topics, file names and the dialplan."""

EndpointName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,20}$")]
NumberPrefix = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{1,15}$")]
Port = Annotated[int, Field(ge=0, le=65535)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveSeconds = Annotated[float, Field(gt=0)]


class Centre(Section):
    """[centre] - who calls, and where."""

    id: Slug = Field("demo", description="name of the centre in topics and reports")
    organisation: str = Field("Matdan demo", description="name that the information message gives")
    time_zone: str = Field("Asia/Kolkata", description="IANA zone of the called parties")
    language: str = Field("hi", pattern=r"^[a-z]{2}$", description="language where neither voter nor booth has one")
    region: str = Field("IN", pattern=r"^[A-Z]{2}$", description="country of numbers without a country code")

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone: {value!r}; use an IANA name such as Asia/Kolkata") from error
        return value


class StoreSettings(Section):
    """[store] - where everything is kept."""

    path: Path = Field(Path("matdan.db"), description="the SQLite file; made when it is missing")
    reserve_megabytes: int = Field(
        200, ge=0, description="dialling stops when the disk has less free space than this, before results are lost"
    )


class Ami(Section):
    """[ami] - Asterisk's manager interface."""

    host: str = Field("127.0.0.1", description="where Asterisk's manager listens; loopback if at all possible")
    port: Port = Field(5038, description="TCP port of the manager interface")
    username: str = Field("matdan", description="section name in manager.conf")
    secret: SecretStr = Field(SecretStr("matdan"), description="the user's secret; better given by MATDAN_AMI__SECRET")
    ping_seconds: PositiveSeconds = Field(
        5.0, description="how often the link is probed; dead after twice this silence"
    )


class FastAgi(Section):
    """[fastagi] - where Asterisk reaches our flows."""

    host: str = Field("127.0.0.1", description="address we listen on; FastAGI has no authentication, so loopback")
    port: Port = Field(4573, description="TCP port we listen on; 0 picks a free one")
    max_connections: int = Field(2000, ge=1, le=50_000, description="calls in flows at once; more are turned away")


class Trunk(Section):
    """[[trunks]] - a line to the telephone network."""

    name: Slug = Field(description="name of the trunk in reports")
    endpoint: EndpointName = Field(description="PJSIP endpoint on the switch")
    channels: int = Field(30, ge=1, le=10_000, description="calls at once that the carrier allows")
    calls_per_second: float = Field(
        2.0, gt=0, le=1000, description="call starts a second (CPS) that the carrier allows"
    )
    caller_ids: tuple[PhoneNumber, ...] = Field(min_length=1, description="the owned numbers that may be shown")


class Seat(Section):
    """[[seats]] - a place where an agent sits."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,20}$")] = Field(description="name of the seat")
    endpoint: EndpointName = Field(description="PJSIP endpoint of the seat's phone")
    languages: tuple[str, ...] = Field((), description="languages spoken here; empty: any")


class Hours(Section):
    """[[campaigns.hours]] - a stretch of the day in which the campaign may call."""

    start: time = Field(description="first moment, in the centre's time zone")
    until: time = Field(description="first moment after it")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.until:
            raise ValueError(f"calling hours start at {self.start} and end at {self.until}; the end must be later")
        return self


class Kind(StrEnum):
    """Who talks to an answered voter."""

    AGENTS = "agents"
    IVR = "ivr"


class CampaignPurpose(StrEnum):
    """What the calls are for; rules differ by it."""

    TURNOUT = "turnout"
    MATERIAL = "material"
    SURVEY = "survey"


class Policy(StrEnum):
    """How many calls are placed."""

    PREDICTIVE = "predictive"
    PROGRESSIVE = "progressive"
    RATIO = "ratio"
    PREVIEW = "preview"
    BROADCAST = "broadcast"


class Campaign(Section):
    """[[campaigns]] - whom to call, how, and until when."""

    id: Slug = Field(description="name of the campaign in topics, reports and commands")
    kind: Kind = Field(description="agents: answered voters go to seats; ivr: they meet a flow")
    purpose: CampaignPurpose = Field(CampaignPurpose.TURNOUT, description="turnout, material or survey")
    flow: str | None = Field(None, description="the flow of an ivr campaign: a shipped one's name or a YAML file")
    pacing: Policy | None = Field(None, description="default: predictive with agents, broadcast with ivr")
    candidate: str = Field("", max_length=80, description="on whose account it calls, for the report of expenditure")
    trunks: tuple[Slug, ...] = Field((), description="trunks it may use, in order of preference; empty: all")
    channels: int | None = Field(None, ge=1, description="calls at once of this campaign; none: what the trunks allow")
    ring_seconds: float = Field(30.0, ge=10, le=120, description="how long a phone rings before we give up")
    wrap_up_seconds: PositiveSeconds = Field(60.0, description="a wrap-up without a disposition ends after this")
    connect_limit_seconds: float = Field(
        2.0, gt=0.2, le=5, description="an answered voter without a seat is abandoned after this"
    )
    abandoned_target: Share = Field(0.01, description="share of live answers that pacing steers to")
    abandoned_limit: Share = Field(0.03, description="hard stop of that share, over 24 hours and 30 days")
    max_attempts: int = Field(3, ge=1, le=20, description="attempts per number in this campaign")
    busy_retry_minutes: PositiveSeconds = Field(15, description="when a busy number is due again")
    no_answer_retry_minutes: PositiveSeconds = Field(90, description="when a number that rang out is due again")
    other_retry_minutes: PositiveSeconds = Field(120, description="after not yet, call back, congestion, a left flow")
    abandoned_lock_hours: float = Field(72, ge=0, description="a number we abandoned is not dialled again before this")
    hours: tuple[Hours, ...] = Field(
        (Hours(start=time(9), until=time(21)),), description="calling hours; nothing is dialled outside them"
    )
    certificate: Certificate | None = Field(None, description="approval of what is played, where the rules ask for one")

    @model_validator(mode="after")
    def _flow_fits(self) -> Self:
        if self.kind is Kind.IVR and not self.flow:
            raise ValueError('an ivr campaign needs a flow, for example flow = "turnout"')
        if self.abandoned_target > self.abandoned_limit:
            raise ValueError("abandoned_target is above abandoned_limit; lower it")
        return self

    @property
    def policy(self) -> Policy:
        """The pacing policy: the one set, or the default of the kind."""
        return self.pacing or (Policy.PREDICTIVE if self.kind is Kind.AGENTS else Policy.BROADCAST)


class Broker(Section):
    """[broker] - the MQTT broker that supervisors listen on."""

    enabled: bool = Field(True, description="false: nothing is announced; results are kept all the same")
    host: str = Field("127.0.0.1", description="where the broker listens")
    port: Port = Field(1883, description="TCP port of the broker")
    username: str | None = Field(None, description="MQTT user")
    password: SecretStr | None = Field(None, description="better given by MATDAN_BROKER__PASSWORD")
    tls: bool = Field(False, description="encrypt, and check the broker's certificate")


class Dialling(Section):
    """[dialling] - what holds for every campaign."""

    allowed_prefixes: tuple[NumberPrefix, ...] = Field(
        ("+91",), min_length=1, description="numbers that begin otherwise are never dialled"
    )
    denied_prefixes: tuple[NumberPrefix, ...] = Field((), description="premium and other series never dialled")
    max_attempts_per_day: int = Field(3, ge=1, description="attempts per number and day, across campaigns")
    drain_seconds: float = Field(120.0, ge=0, description="how long a stop waits for live calls to end")


class Settings(BaseSettings):
    """Everything that differs from site to site."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="MATDAN_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    centre: Centre = Centre()
    store: StoreSettings = StoreSettings()
    ami: Ami = Ami()
    fastagi: FastAgi = FastAgi()
    broker: Broker = Broker()
    dialling: Dialling = Dialling()
    rules: Rules = Rules()
    polling_day: PollingDay = PollingDay()
    trunks: tuple[Trunk, ...] = ()
    seats: tuple[Seat, ...] = ()
    campaigns: tuple[Campaign, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        toml_file = settings_cls.model_config.get("toml_file")
        file_settings = (TomlConfigSettingsSource(settings_cls, toml_file),) if toml_file else ()
        return (env_settings, *file_settings, init_settings)

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for kind, names in (
            ("trunks", [trunk.name for trunk in self.trunks]),
            ("seats", [seat.name for seat in self.seats]),
            ("campaigns", [campaign.id for campaign in self.campaigns]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{kind} named twice: {', '.join(sorted(twice))}; give each a name of its own")
        known = {trunk.name for trunk in self.trunks}
        for campaign in self.campaigns:
            missing = [name for name in campaign.trunks if name not in known]
            if missing:
                raise ValueError(
                    f"campaign {campaign.id!r} names the trunk {missing[0]!r}, which [[trunks]] does not have; "
                    f"known: {', '.join(sorted(known)) or 'none'}"
                )
        return self


def load_settings(path: Path | None = None, **overrides: Any) -> Settings:
    """Settings from a TOML file (None: defaults alone) and the environment.

    `overrides` stand in for missing sections, as a program's own defaults. Raises SettingError with file, key and remedy.
    """
    if path is not None:
        _readable_toml(path)
    file_name = str(path) if path else "settings"
    model = type("FileSettings", (Settings,), {"model_config": {**Settings.model_config, "toml_file": path}})
    try:
        loaded = model(**overrides)
    except ValidationError as error:
        raise _first_problem(error, file_name) from error
    assert isinstance(loaded, Settings)  # noqa: S101 - narrows the type made above
    return loaded


def _readable_toml(path: Path) -> None:
    try:
        with path.open("rb") as file:
            tomllib.load(file)
    except FileNotFoundError as error:
        raise SettingError(str(path), "(file)", "no such file", "write one from config/centre.example.toml") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(str(path), "(file)", f"cannot be read: {error}", "check its path and its rights") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(str(path), "(file)", f"is not TOML: {error}", "correct that line") from error


def _first_problem(error: ValidationError, file_name: str) -> SettingError:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or "(settings)"
    message = re.sub(r"^Value error, ", "", problem["msg"])
    if problem["type"] == "extra_forbidden":
        return SettingError(file_name, key, "is not a setting", "remove it or correct its spelling (docs/settings.md)")
    if problem["type"] == "missing":
        return SettingError(file_name, key, "is missing", "add it (docs/settings.md)")
    shown = problem.get("input")
    secret = re.search(r"secret|password|pin", key)
    given = f" (given: {shown!r})" if isinstance(shown, str | int | float | bool) and not secret else ""
    return SettingError(file_name, key, f"{message}{given}", "correct it (docs/settings.md)")
