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

from config.asterisk.section import Asterisk
from config.errors import SettingError
from config.fields import (
    AccountName,
    EndpointName,
    HostName,
    Language,
    NetworkName,
    NumberPrefix,
    Password,
    PhoneNumber,
    Port,
    PositiveSeconds,
    SeatName,
    Section,
    Share,
    Slug,
)
from config.flows import Flows, Twilio
from config.polling_day import PollingDay
from config.rules import Certificate, Rules


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

    host: HostName = Field("127.0.0.1", description="where Asterisk's manager listens; loopback if at all possible")
    port: Port = Field(5038, description="TCP port of the manager interface")
    username: EndpointName = Field("matdan", description="section name in manager.conf")
    secret: Password = Field(SecretStr("matdan"), description="the user's secret; better given by MATDAN_AMI__SECRET")
    ping_seconds: PositiveSeconds = Field(
        5.0, description="the link is given up after twice this silence; nothing is dialled after 2 s of it"
    )


class FastAgi(Section):
    """[fastagi] - where Asterisk reaches our flows."""

    host: HostName = Field("127.0.0.1", description="address we listen on; FastAGI has no authentication, so loopback")
    port: Port = Field(4573, description="TCP port we listen on; 0 picks a free one")
    max_connections: int = Field(2000, ge=1, le=50_000, description="calls in flows at once; more are turned away")


class Carrier(StrEnum):
    """What a trunk is reached by."""

    ASTERISK = "asterisk"
    TWILIO = "twilio"


class Transport(StrEnum):
    """How SIP travels."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Trunk(Section):
    """[[trunks]] - a line to the telephone network."""

    name: Slug = Field(description="name of the trunk in reports")
    endpoint: EndpointName = Field(description="PJSIP endpoint on the switch; of a Twilio trunk any name of its own")
    carrier: Carrier = Field(Carrier.ASTERISK, description="asterisk, or twilio for ivr campaigns")
    channels: int = Field(30, ge=1, le=10_000, description="calls at once that the carrier allows")
    calls_per_second: float = Field(
        2.0, gt=0, le=1000, description="call starts a second (CPS) that the carrier allows"
    )
    caller_ids: tuple[PhoneNumber, ...] = Field(min_length=1, description="the owned numbers that may be shown")
    host: HostName | None = Field(None, description="the carrier's SIP host; `dialer asterisk render` needs it")
    port: Port | None = Field(None, description="its SIP port; none: 5060, with TLS 5061")
    networks: tuple[NetworkName, ...] = Field((), description="addresses its calls may come from, beside host's own")
    username: AccountName | None = Field(None, description="account at the carrier; none: it knows us by our address")
    password: Password | None = Field(None, description="the account's password")
    registers: bool = Field(False, description="register the account there, so that calls come in")
    transport: Transport = Field(Transport.UDP, description="udp, tcp or tls")
    srtp: bool = Field(False, description="encrypt the voice; the keys travel in SIP, so with transport tls")
    qualify_seconds: int = Field(60, ge=0, le=3600, description="how often the carrier is probed; 0: never")

    @model_validator(mode="after")
    def _account_is_whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password of a trunk go together; give both or neither")
        if self.registers and self.username is None:
            raise ValueError("a trunk that registers needs username and password")
        if self.srtp and self.transport is not Transport.TLS:
            raise ValueError('srtp sends its keys in SIP: set transport = "tls" as well')
        return self


class TrunkRest(Section):
    """[trunk_rest] - when a failing trunk is rested: for failures of the carrier's own (5xx, 403, no answer), never a number's."""

    failures_in_a_row: int = Field(5, ge=2, le=100, description="so many failed calls in a row rest a trunk")
    window_calls: int = Field(20, ge=5, le=1000, description="calls over which the share of failures is looked at")
    failure_share: Share = Field(0.5, description="a trunk rests when more than this share of those calls failed")
    first_rest_seconds: PositiveSeconds = Field(
        30.0, description="the first rest; one call probes the trunk after it, and each failed probe doubles the rest"
    )
    longest_rest_seconds: PositiveSeconds = Field(600.0, description="no rest is longer")
    slow_ringing_seconds: PositiveSeconds = Field(
        4.0,
        description="from originate to ringing: when it takes longer, and three times as long as usual, fewer calls start",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_rest_seconds > self.longest_rest_seconds:
            raise ValueError("first_rest_seconds is above longest_rest_seconds; lower it")
        return self


class Seat(Section):
    """[[seats]] - a place where an agent sits."""

    name: SeatName = Field(description="name of the seat: a digit, or 2 to 20 letters, digits and -")
    endpoint: EndpointName = Field(description="PJSIP endpoint of the seat's phone")
    languages: tuple[Language, ...] = Field(
        (), description="languages spoken here by an agent who has none of their own; empty: any"
    )
    password: Password | None = Field(
        None, description="the phone's password; none: `dialer asterisk render` makes one"
    )
    webrtc: bool = Field(False, description="the phone is a browser: secure WebSocket, DTLS-SRTP")
    transport: Transport = Field(Transport.UDP, description="udp, tcp or tls; a webrtc seat needs none")
    srtp: bool = Field(False, description="encrypt the voice; with transport tls")

    @model_validator(mode="after")
    def _keys_are_hidden(self) -> Self:
        if self.srtp and self.transport is not Transport.TLS:
            raise ValueError('srtp sends its keys in SIP: set transport = "tls" as well')
        return self


class Agent(Section):
    """[[agents]] - a person who may log in at a seat. Without any, a seat is logged in by command alone, under any name."""

    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")] = Field(
        description="what the agent keys in, 1 to 10 digits"
    )
    pin: SecretStr = Field(description="the argon2id hash of the PIN that `dialer agent hash-pin` makes")
    languages: tuple[Language, ...] = Field((), description="languages the agent speaks; empty: those of the seat")
    skills: tuple[Slug, ...] = Field((), description="what the agent may be given: campaigns that ask for such a skill")

    @field_validator("pin")
    @classmethod
    def _is_a_hash(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(
            r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+", value.get_secret_value()
        ):
            raise ValueError("is not an argon2id hash: write what `dialer agent hash-pin` prints, never the PIN itself")
        return value


class Floor(Section):
    """[floor] - how agents log in and what their phones' keys mean."""

    log_in_code: Annotated[str, StringConstraints(pattern=r"^[*0-9]{1,6}$")] = Field(
        "*1", description="what a seat's phone dials to log in"
    )
    wrong_pins: int = Field(10, ge=3, le=100, description="wrong log-ins in a row that lock the agent and the seat")
    lock_minutes: PositiveSeconds = Field(15, description="how long they stay locked, if no supervisor unlocks them")
    pause_reasons: tuple[Slug, ...] = Field(
        ("break", "meal", "training", "meeting", "technical"),
        min_length=1,
        max_length=9,
        description="what *21, *22, ... on the phone give as the reason of a pause",
    )


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


class MachineAnswers(StrEnum):
    """When an answering machine is told from a person."""

    OFF = "off"
    BEFORE_SEAT = "before-seat"
    AFTER_SEAT = "after-seat"


class Campaign(Section):
    """[[campaigns]] - whom to call, how, and until when."""

    id: Slug = Field(description="name of the campaign in topics, reports and commands")
    kind: Kind = Field(description="agents: answered voters go to seats; ivr: they meet a flow")
    purpose: CampaignPurpose = Field(CampaignPurpose.TURNOUT, description="turnout, material or survey")
    flow: str | None = Field(None, description="the flow of an ivr campaign: a shipped one's name or a YAML file")
    pacing: Policy | None = Field(None, description="default: predictive with agents, broadcast with ivr")
    candidate: str = Field("", max_length=80, description="on whose account it calls, for the report of expenditure")
    trunks: tuple[Slug, ...] = Field((), description="trunks it may use, in order of preference; empty: all")
    skill: Slug | None = Field(None, description="only agents with this skill take its calls; none: every agent")
    channels: int | None = Field(None, ge=1, description="calls at once of this campaign; none: what the trunks allow")
    ring_seconds: float = Field(30.0, ge=10, le=120, description="how long a phone rings before we give up")
    wrap_up_seconds: PositiveSeconds = Field(60.0, description="a wrap-up without a disposition ends after this")
    connect_limit_seconds: float = Field(
        2.0, gt=0.2, le=5, description="an answered voter without a seat is abandoned after this"
    )
    machine_detection: MachineAnswers = Field(
        MachineAnswers.OFF,
        description="before-seat: the switch listens for 1.3-1.6 s before a seat or flow; after-seat: the agent says so",
    )
    machine_message: bool = Field(
        False, description="ivr with before-seat: leave the information message on a machine; else it is hung up"
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
        if self.kind is Kind.IVR and self.machine_detection is MachineAnswers.AFTER_SEAT:
            raise ValueError('an ivr campaign has no seats; set machine_detection = "before-seat" or "off"')
        if self.machine_message and (self.kind is not Kind.IVR or self.machine_detection is MachineAnswers.OFF):
            raise ValueError('machine_message needs kind = "ivr" and machine_detection = "before-seat"')
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


class SoundFormat(StrEnum):
    """Kinds of sound file that Asterisk plays as they are, by their extensions."""

    SLIN16 = "sln16"  # 16 kHz, 16 bit
    ALAW = "alaw"  # 8 kHz, G.711 as telephone networks outside North America and Japan have it
    ULAW = "ulaw"  # 8 kHz, G.711 as those two have it
    G722 = "g722"  # 16 kHz


class Audio(Section):
    """[audio] - recordings, the sounds that are made of them, and which may be played."""

    recordings: Path = Field(Path("recordings"), description="what the media team sends: <language>/<prompt>.mp3")
    sounds: Path = Field(
        Path("sounds"), description="Asterisk's sounds directory, as this machine sees it; ours go into matdan/ there"
    )
    catalogue: Path | None = Field(
        None, description="directory of the catalogue; with one, only what it lists and allows is played"
    )
    formats: tuple[SoundFormat, ...] = Field(
        (SoundFormat.ALAW, SoundFormat.SLIN16), min_length=1, description="kinds of file: alaw, ulaw, sln16, g722"
    )
    loudness_lufs: float = Field(-19.0, ge=-36, le=-10, description="loudness of every prompt (EBU R 128)")
    true_peak_db: float = Field(-2.0, ge=-20, le=0, description="no peak passes this")
    max_seconds: float = Field(600.0, ge=1, le=3600, description="a longer recording is refused")
    workers: int = Field(0, ge=0, le=256, description="processes that prepare recordings; 0: as many as cores")
    certified_recordings: bool = Field(
        False, description="campaign recordings play only with a certificate for exactly that recording"
    )
    approved_only: bool = Field(False, description="a prompt plays only when a named person has approved it")
    play_drafts: bool = Field(True, description="false: a draft voice is not played, the prompt is left out")
    label_synthetic: bool = Field(False, description="say once a call that a computer speaks, before it does")

    @model_validator(mode="after")
    def _rules_have_a_catalogue(self) -> Self:
        asked = [
            name
            for name, wanted in (
                ("certified_recordings", self.certified_recordings),
                ("approved_only", self.approved_only),
                ("play_drafts = false", not self.play_drafts),
                ("label_synthetic", self.label_synthetic),
            )
            if wanted
        ]
        if asked and self.catalogue is None:
            raise ValueError(f'{asked[0]} needs to know the recordings; set audio.catalogue = "catalogue"')
        if len(set(self.formats)) < len(self.formats):
            raise ValueError("formats names one twice")
        return self


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
    flows: Flows = Flows()
    twilio: Twilio = Twilio()
    asterisk: Asterisk = Asterisk()
    broker: Broker = Broker()
    dialling: Dialling = Dialling()
    rules: Rules = Rules()
    polling_day: PollingDay = PollingDay()
    audio: Audio = Audio()
    floor: Floor = Floor()
    trunk_rest: TrunkRest = TrunkRest()
    trunks: tuple[Trunk, ...] = ()
    seats: tuple[Seat, ...] = ()
    agents: tuple[Agent, ...] = ()
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
            ("phones of seats", [seat.endpoint for seat in self.seats]),
            ("agents", [agent.number for agent in self.agents]),
            ("campaigns", [campaign.id for campaign in self.campaigns]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{kind} named twice: {', '.join(sorted(twice))}; give each a name of its own")
        known = {trunk.name for trunk in self.trunks}
        skills = {skill for agent in self.agents for skill in agent.skills}
        for campaign in self.campaigns:
            if campaign.skill is not None and campaign.skill not in skills:
                raise ValueError(
                    f"campaign {campaign.id!r} asks for the skill {campaign.skill!r}, which none of [[agents]] has; "
                    f"known: {', '.join(sorted(skills)) or 'none'}"
                )
            missing = [name for name in campaign.trunks if name not in known]
            if missing:
                raise ValueError(
                    f"campaign {campaign.id!r} names the trunk {missing[0]!r}, which [[trunks]] does not have; "
                    f"known: {', '.join(sorted(known)) or 'none'}"
                )
        return self

    @model_validator(mode="after")
    def _carriers_agree(self) -> Self:
        twilio = [trunk for trunk in self.trunks if trunk.carrier is Carrier.TWILIO]
        if twilio and not self.twilio.enabled:
            raise ValueError(f"trunk {twilio[0].name!r} is Twilio's, which is not set up; set [twilio] enabled = true")
        if sum(trunk.calls_per_second for trunk in twilio) > self.twilio.calls_per_second:
            raise ValueError("Twilio's trunks start more calls a second than twilio.calls_per_second; lower theirs")
        clash = {trunk.endpoint for trunk in twilio} & {trunk.endpoint for trunk in self.trunks if trunk not in twilio}
        if clash:
            raise ValueError(f"endpoint {min(clash)!r} is Asterisk's and Twilio's; give the Twilio trunk another name")
        names = {trunk.name for trunk in twilio}
        for campaign in self.campaigns:
            if campaign.kind is Kind.AGENTS and names & set(campaign.trunks):
                raise ValueError(
                    f"campaign {campaign.id!r} has agents, whose calls need Asterisk; take its Twilio trunk away"
                )
        return self

    def trunks_of(self, campaign: Campaign) -> tuple[str, ...]:
        """The trunks that a campaign may use, in order of preference: its own, or all that can carry it."""
        if campaign.trunks:
            return campaign.trunks
        return tuple(
            trunk.name for trunk in self.trunks if campaign.kind is Kind.IVR or trunk.carrier is Carrier.ASTERISK
        )


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
