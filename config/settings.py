"""Settings of a site: TOML, overridden by the environment; every error names file, key and remedy.

`load_settings(path)` reads one TOML file, once, so that it may be a pipe. A value may be overridden by
`MATDAN_<SECTION>__<KEY>`, for example `MATDAN_AMI__SECRET`, so that secrets need not stand in the file. Unknown keys are
refused, and variables too: a misspelt cap must not be a cap that does not exist.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from config.asterisk.section import Asterisk
from config.audio import Audio
from config.campaigns import Campaign, Kind
from config.environment import DELIMITER, PREFIX, key_in_environment, refuse_stray_variables
from config.errors import SettingError
from config.fields import (
    EndpointName,
    HostName,
    NumberPrefix,
    Password,
    PeerNetwork,
    Port,
    PositiveSeconds,
    Section,
    Slug,
    ZoneName,
)
from config.files import MOST_TOML_BYTES, NotToml, open_regular, read_bounded, toml_table
from config.floor import Agent, Floor, Seat
from config.flows import Flows, Twilio
from config.help import Hold, Recordings, Supervisor, SupervisorRole, Transfer, refuse_lines_as_phones, refuse_transfers
from config.lines import Carrier, Inbound, Trunk, TrunkRest
from config.mosquitto.section import Mosquitto
from config.polling_day import PollingDay
from config.rules import Rules
from config.wanted import WANTED


class Centre(Section):
    """[centre] - who calls, and where."""

    id: Slug = Field("demo", description="name of the centre in topics and reports")
    organisation: str = Field("Matdan demo", description="name that the information message gives")
    time_zone: ZoneName = Field("Asia/Kolkata", description="IANA zone of the called parties")
    language: str = Field("hi", pattern=r"^[a-z]{2}$", description="language where neither voter nor booth has one")
    region: str = Field("IN", pattern=r"^[A-Z]{2}$", description="country of numbers without a country code")


class StoreSettings(Section):
    """[store] - where everything is kept."""

    path: Path = Field(Path("matdan.db"), description="the SQLite file; made when it is missing")
    reserve_megabytes: int = Field(
        200, ge=0, description="dialling stops when the disk has less free space than this, before results are lost"
    )
    encryption_key_file: Path | None = Field(
        None,
        description="file with the key that the store is encrypted with, for its owner's eyes alone; none: it is not encrypted",
    )


class Ami(Section):
    """[ami] - Asterisk's manager interface."""

    host: HostName = Field("127.0.0.1", description="where Asterisk's manager listens; loopback if at all possible")
    port: Port = Field(5038, description="TCP port of the manager interface")
    username: EndpointName = Field("matdan", description="section name in manager.conf")
    secret: Password | None = Field(
        None, description="the user's secret, 12 characters and more; better given by MATDAN_AMI__SECRET"
    )
    ping_seconds: PositiveSeconds = Field(
        5.0, description="the link is given up after twice this silence; nothing is dialled after 2 s of it"
    )


class FastAgi(Section):
    """[fastagi] - where Asterisk reaches our flows."""

    host: HostName = Field(
        "127.0.0.1",
        description="address we listen on, not encrypted: loopback, or of an inner network where Asterisk is elsewhere",
    )
    port: Port = Field(4573, description="TCP port we listen on; 0 picks a free one")
    allowed: tuple[PeerNetwork, ...] = Field(
        (),
        description="addresses and networks that may connect besides this machine and what ami.host is at the start",
    )
    max_connections: int = Field(
        2000, ge=1, le=50_000, description="calls in flows at once; more are turned away, with an alert"
    )


class Broker(Section):
    """[broker] - the MQTT broker that supervisors listen on."""

    enabled: bool = Field(True, description="false: nothing is announced; results are kept all the same")
    host: str = Field("127.0.0.1", description="where the broker listens")
    port: Port = Field(1883, description="TCP port of the broker")
    username: str | None = Field(None, description="MQTT user")
    password: SecretStr | None = Field(None, description="better given by MATDAN_BROKER__PASSWORD")
    tls: bool = Field(False, description="encrypt, and check the broker's certificate")
    ca_file: Path | None = Field(
        None, description="certificates that the broker's is checked against; none: those of the system"
    )
    signed_commands: bool = Field(
        False, description="no command is obeyed without its sender's signature (`key` of [[supervisors]])"
    )
    key_file: Path | None = Field(
        None,
        description="private key that this command line signs with, from `dialer mqtt key`; for its owner's eyes alone",
    )


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
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
    )

    file_table: ClassVar[dict[str, Any]] = {}  # what the file says; each reading has a class of its own for it

    centre: Centre = Centre()
    store: StoreSettings = StoreSettings()
    ami: Ami = Ami()
    fastagi: FastAgi = FastAgi()
    flows: Flows = Flows()
    twilio: Twilio = Twilio()
    asterisk: Asterisk = Asterisk()
    broker: Broker = Broker()
    mosquitto: Mosquitto = Mosquitto()
    dialling: Dialling = Dialling()
    inbound: Inbound = Inbound()
    rules: Rules = Rules()
    polling_day: PollingDay = PollingDay()
    audio: Audio = Audio()
    floor: Floor = Floor()
    trunk_rest: TrunkRest = TrunkRest()
    trunks: tuple[Trunk, ...] = ()
    hold: Hold = Hold()
    recordings: Recordings = Recordings()
    seats: tuple[Seat, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    supervisors: tuple[Supervisor, ...] = ()
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
        return (env_settings, InitSettingsSource(settings_cls, cls.file_table), init_settings)

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for kind, names in (
            ("trunks", [trunk.name for trunk in self.trunks]),
            ("seats", [seat.name for seat in self.seats]),
            ("transfers", [transfer.name for transfer in self.transfers]),
            ("supervisors", [supervisor.name for supervisor in self.supervisors]),
            ("phones of seats", [seat.endpoint for seat in self.seats]),
            ("agents", [agent.number for agent in self.agents]),
            ("campaigns", [campaign.id for campaign in self.campaigns]),
            ("inbound.numbers", [each.number for each in self.inbound.numbers]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{kind} named twice: {', '.join(sorted(twice))}; give each a name of its own")
        campaigns = {campaign.id for campaign in self.campaigns}
        for each in self.inbound.numbers:
            if each.campaign not in campaigns:
                raise ValueError(
                    f"an inbound number is for the campaign {each.campaign!r}, which [[campaigns]] does not have; "
                    f"known: {', '.join(sorted(campaigns)) or 'none'}"
                )
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
    def _polls_close_after_they_open(self) -> Self:
        for poll in self.rules.polls:
            if poll.closes_at is not None and poll.closes_at <= self.polling_day.opens:
                opens = f"{self.polling_day.opens:%H:%M}"
                problem = f"the poll of {poll.day} closes at {poll.closes_at:%H:%M}, before it opens at {opens}"
                raise ValueError(f"{problem}; correct rules.polls or polling_day.opens")
        return self

    @model_validator(mode="after")
    def _transfers_lead_where_they_may(self) -> Self:
        dialling = self.dialling
        names = {trunk.name for trunk in self.trunks if trunk.carrier is Carrier.ASTERISK}
        refuse_transfers(self.transfers, names, dialling.allowed_prefixes, dialling.denied_prefixes)
        phones: list[tuple[str, str | None]] = [(each.name, each.endpoint) for each in self.transfers]
        phones += [(each.name, each.endpoint) for each in self.supervisors]
        refuse_lines_as_phones(phones, {trunk.endpoint for trunk in self.trunks})
        return self

    @model_validator(mode="after")
    def _who_must_sign_can(self) -> Self:
        for each in self.supervisors:
            if self.broker.signed_commands and each.key is None and each.role is not SupervisorRole.VIEWER:
                raise ValueError(
                    f"supervisor {each.name!r} has no key, and broker.signed_commands wants every command signed; "
                    "make one with `dialer mqtt key`"
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
        if not all(number.startswith("+") for trunk in twilio for number in trunk.caller_ids):
            raise ValueError("a caller ID of a Twilio trunk lacks its +; write it in full, such as +911140000001")
        for campaign in self.campaigns:
            if campaign.has_script and names & set(campaign.trunks):
                raise ValueError(
                    f"campaign {campaign.id!r} runs an AGI script, which needs Asterisk; take its Twilio trunk away"
                )
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
            trunk.name
            for trunk in self.trunks
            if trunk.carrier is Carrier.ASTERISK or (campaign.kind is Kind.IVR and not campaign.has_script)
        )


def load_settings(path: Path | None = None) -> Settings:
    """Settings from a TOML file or a pipe (None: defaults alone) and the environment.

    Relative paths among them are those of the working directory. Raises SettingError with file or variable, key and remedy.
    """
    table = {} if path is None else _table(path)
    refuse_stray_variables(Settings)
    model = type("FileSettings", (Settings,), {"file_table": table})
    try:
        loaded = model()
    except ValidationError as error:
        raise _first_problem(error, str(path) if path else "settings") from error
    assert isinstance(loaded, Settings)  # noqa: S101 - narrows the type made above
    return loaded


def _table(path: Path) -> dict[str, Any]:
    """What the file says. It is opened once and read to its end: a pipe has nothing for a second reader."""
    try:
        with open_regular(path, pipe=True) as file:
            piped = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
            table = toml_table(read_bounded(file, MOST_TOML_BYTES))
    except FileNotFoundError as error:
        raise SettingError(str(path), "(file)", "no such file", "write one from config/centre.example.toml") from error
    except UnicodeDecodeError as error:
        problem = f"is not in UTF-8 (byte {error.start + 1:,})"
        raise SettingError(str(path), "(file)", problem, "save it as UTF-8") from error
    except IsADirectoryError as error:
        raise SettingError(str(path), "(file)", "is a directory", "name the file in it, such as centre.toml") from error
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise SettingError(str(path), "(file)", problem, "check its path and its rights") from error
    except NotToml as error:
        raise SettingError(str(path), "(file)", f"is not TOML: {error}", "correct that line") from error
    if piped and not table:  # a program that failed before its first line must not leave the defaults in force
        raise SettingError(
            str(path), "(file)", "the pipe gave no settings", "see why the program that writes to it failed"
        )
    return table


def _first_problem(error: ValidationError, file_name: str) -> SettingError:
    problem = error.errors()[0]
    place = tuple(str(part) for part in problem["loc"])
    key = ".".join(place) or "(settings)"
    secret = re.search(r"secret|password|pin", key)
    variable = key_in_environment(place, of_wrong_type=problem["type"].endswith("_type"))
    if variable is not None:
        file_name, key = "environment", variable
    if problem["type"] == "extra_forbidden":
        return SettingError(file_name, key, "is not a setting", "remove it or correct its spelling (docs/settings.md)")
    if problem["type"] == "missing":
        return SettingError(file_name, key, "is missing", "add it (docs/settings.md)")
    message = re.sub(r"^Value error, ", "", problem["msg"])
    message = WANTED.get(problem.get("ctx", {}).get("pattern", ""), message)
    shown = problem.get("input")
    given = f" (given: {shown!r})" if isinstance(shown, str | int | float | bool) and not secret else ""
    return SettingError(file_name, key, f"{message}{given}", "correct it (docs/settings.md)")
