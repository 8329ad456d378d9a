"""Settings of a site: TOML, overridden by the environment; every error names file, key and remedy.

`load_settings(path)` reads one TOML file, once, so that it may be a pipe. A value may be overridden by
`MATDAN_<SECTION>__<KEY>`, for example `MATDAN_AMI__SECRET`, so that secrets need not stand in the file. Unknown keys are
refused, and variables too: a misspelt cap must not be a cap that does not exist.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from config.asterisk.section import Asterisk
from config.audio import Audio
from config.campaigns import Campaign
from config.errors import SettingError
from config.fields import (
    EndpointName,
    HostName,
    LocalTime,
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
from config.flows import FlowSettings, Twilio
from config.headquarters import Headquarters
from config.lines import Carrier, InboundSettings, Trunk, TrunkRest
from config.mosquitto.section import Mosquitto
from config.seats import Agent, LogInSettings, SeatSettings
from config.supervision import (
    Desk,
    HoldSettings,
    RecordingSettings,
    Supervisor,
    TransferSettings,
    refuse_lines_as_phones,
    refuse_transfers,
)
from config.words import CampaignKind, SupervisorRole

# Settings of the polling day: how it is expected to go, and what counts in the order of calls.

Exponent = Annotated[float, Field(ge=0, le=4)]


class TurnoutPoint(Section):
    """[[polling_day.expected]] - how many will have voted by an hour."""

    at: LocalTime = Field(description="hour of the polling day, local")
    share: float = Field(ge=0, le=1, description="share of all electors who will have voted by then")


class OrderWeights(Section):
    """[polling_day.weights] - what counts in the order of calls: the exponent of each factor; 0 switches it off."""

    not_voted: Exponent = Field(1.0, description="the chance that a voter of the booth has not voted yet")
    deficit: Exponent = Field(1.0, description="how far the booth lies behind the centre")
    time: Exponent = Field(1.0, description="how soon the booth closes")
    voter: Exponent = Field(1.0, description="the weight of the voters on the number, from `dialer weights`")


class WorkerRounds(Section):
    """[polling_day.workers] - how often campaigns with the purpose booth-workers call each worker."""

    every_minutes: float = Field(120.0, ge=5, le=1440, description="from a worker's report to the next call")
    retry_minutes: float = Field(
        15.0,
        ge=1,
        le=1440,
        description="to the next call when a worker was not reached, or hung up before the first serial",
    )
    attempts_per_day: int = Field(
        20, ge=1, le=100, description="attempts a day to a worker's number; the caps of voters' numbers are others"
    )


class PollingDaySettings(Section):
    """[polling_day] - the order of a turnout campaign's calls on the days of [[rules.polls]]."""

    opens: LocalTime = Field(time(7), description="when the polls open")
    last_call_minutes: float = Field(30, ge=0, le=240, description="no call goes out so shortly before a booth closes")
    expected: tuple[TurnoutPoint, ...] = Field(
        (
            TurnoutPoint(at=time(9), share=0.11),
            TurnoutPoint(at=time(11), share=0.25),
            TurnoutPoint(at=time(13), share=0.40),
            TurnoutPoint(at=time(15), share=0.50),
            TurnoutPoint(at=time(17), share=0.60),
            TurnoutPoint(at=time(18), share=0.66),
        ),
        min_length=1,
        description="expected cumulative turnout; the default is a typical day in India",
    )
    weights: OrderWeights = Field(OrderWeights(), description="what counts in the order of calls")
    workers: WorkerRounds = Field(WorkerRounds(), description="how often booth workers are called")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        for before, after in pairwise((TurnoutPoint(at=self.opens, share=0.0), *self.expected)):
            if after.at <= before.at or after.share < before.share:
                raise ValueError(
                    f"expected turnout at {after.at:%H:%M} does not follow {before.at:%H:%M}; hours and shares must rise"
                )
        return self


# Settings of the rules: which jurisdiction, what the site holds stricter, when the polls are, who signed what off.


class Poll(Section):
    """[[rules.polls]] - a polling day, from the official notification."""

    day: date = Field(description="the polling day")
    closes_at: LocalTime | None = Field(None, description="close of poll here; none: each booth's own, from the roll")
    constituencies: tuple[int, ...] = Field((), description="constituencies that vote then; empty: all of the roll")
    time_zone: ZoneName | None = Field(None, description="IANA zone of the polling area; none: the centre's")


class SignOff(Section):
    """[[rules.sign_offs]] - what a named person answers for, where the profile lets a person decide."""

    what: Literal["recorded-turnout-in-silence"] = Field(description="recorded-turnout-in-silence")
    campaign: str = Field(description="the campaign that it is for")
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80)] = Field(
        description="name of the person who answers for it"
    )
    day: date = Field(description="day on which it was signed")


class Rules(Section):
    """[rules] - the law and the caution that hold here. Nothing in it can loosen the profile."""

    jurisdiction: str = Field("neutral", description="a shipped profile's name, or a .toml file of the site's own")
    stricter: dict[str, dict[str, Any]] = Field(
        {}, description="the site's stricter values by rule: `[rules.stricter.ring]` with `minimum_seconds = 35`"
    )
    holidays: tuple[date, ...] = Field((), description="public holidays, on which the holiday's hours hold")
    polls: tuple[Poll, ...] = Field((), description="polling days")
    sign_offs: tuple[SignOff, ...] = Field((), description="what named persons answer for")
    opt_out_secret: SecretStr | None = Field(
        None,
        min_length=20,
        description="shared by all centres: opt-outs travel between them as hashes under it; none: they do not; "
        "better given by MATDAN_RULES__OPT_OUT_SECRET",
    )
    opt_out_secrets_known: tuple[Annotated[SecretStr, Field(min_length=20)], ...] = Field(
        (),
        description="other secrets that are understood beside it: the next one before a change, the earlier one after it",
    )

    def secrets(self) -> tuple[bytes, ...]:
        """The centres' shared secrets, that which is told under first; none: they share none."""
        if self.opt_out_secret is None:
            return ()
        every = (self.opt_out_secret, *self.opt_out_secrets_known)
        return tuple(dict.fromkeys(secret.get_secret_value().encode() for secret in every))

    @model_validator(mode="after")
    def _a_secret_to_tell_under(self) -> Self:
        if self.opt_out_secrets_known and self.opt_out_secret is None:
            raise ValueError("opt_out_secrets_known needs opt_out_secret beside it, the one that is told under")
        return self

    @model_validator(mode="after")
    def _one_poll_each(self) -> Self:
        named = Counter(number for poll in self.polls for number in poll.constituencies)
        twice = [number for number, count in named.items() if count > 1]
        if twice:
            raise ValueError(f"constituency {twice[0]} votes on two days; name it in one of [[rules.polls]]")
        if sum(not poll.constituencies for poll in self.polls) > 1:
            raise ValueError("two polls are for all constituencies; name the constituencies of each")
        return self


# What a setting must look like, in words: a pattern tells a person nothing.

WANTED: Final = {
    r"^\+?[0-9]{3,20}$": "must be a phone number: 3 to 20 digits without spaces or dashes, such as +911140000001",
    r"^\+[0-9]{5,15}$": "must be a phone number in full: + and 5 to 15 digits without spaces, such as +911140000001",
    r"^\+[1-9][0-9]{6,14}$": "must be a phone number in full: + and 7 to 15 digits without spaces, such as +911140000001",
    r"^\+[0-9]{1,15}$": "must be a phone number or its beginning: + and 1 to 15 digits without spaces, such as +9111",
    r"^(sip:[^\s<>]{3,200}|\+[0-9]{5,15})$": "must be a phone number in full, such as +911140000001, or a sip: address",
    r"^[a-z0-9][a-z0-9-]{0,31}$": "must be 1 to 32 small letters a-z, digits and dashes, and not begin with a dash",
    r"^[A-Za-z0-9_-]{1,40}$": "must be 1 to 40 letters a-z, digits, dashes and underscores",
    r"^[A-Za-z0-9+._@-]{1,64}$": "must be 1 to 64 letters a-z, digits and the signs + . _ @ -",
    r"^[a-z]{2,3}$": "must be a language's code of two or three small letters, such as hi",
    r"^[a-z]{2}$": "must be a language's code of two small letters, such as hi",
    r"^[A-Z]{2}$": "must be a country's code of two capital letters, such as IN",
    r"^([0-9]|[A-Za-z0-9-]{2,20})$": "must be one digit, or 2 to 20 letters a-z, digits and dashes",
    r"^[A-Za-z0-9.:-]{1,253}$": "must be a host's name or address",
    r"^[0-9A-Fa-f.:]{2,45}(/[0-9.]{1,15})?$": "must be an address or a network, such as 203.0.113.0/24",
    r"^/[A-Za-z0-9._/+-]{1,200}$": "must be a path that begins with / and has only letters a-z, digits and the signs . _ / + -",
    r"^ed25519:[A-Za-z0-9+/]{43}=$": "must be a public key as `dialer mqtt key` prints it: ed25519: and 44 letters and signs",
    r"^[0-9]{1,10}$": "must be 1 to 10 digits",
    r"^[*0-9]{1,6}$": "must be 1 to 6 digits and stars, as a telephone has them",
    r"^[A-Za-z0-9/_.-]{1,200}$": "must be a path of 1 to 200 letters a-z, digits and the signs / _ . -",
    r"^[a-z_][a-z0-9_-]{0,31}$": "must be the name of a user of this machine",
    r"^(AC[0-9a-f]{32})?$": "must be Twilio's account SID: AC and 32 digits or letters a-f",
    r"^(https?://[^\s?#]{1,200}[^\s?#/])?$": "must be an address such as https://dialler.example.org, without / at its end",
    r"^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$": "must be an address such as https://desk.example.org, without a path",
    r"^https?://[^\s?#]{1,200}[^\s?#/]$": "must be an address such as https://sounds.example.org, without / at its end",
    r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*$": "must be a prompt's name such as common/hold, in small letters",
}
"""By the pattern that the settings are held to."""


# Variables of the environment that stand in for settings: none of ours is passed over, each is named where it is wrong.

PREFIX = "MATDAN_"
DELIMITER = "__"


def refuse_stray_variables(model: type[BaseSettings]) -> None:
    """Raise SettingError for the first variable named MATDAN_... that is no setting of `model`, or that cannot be read.

    Each is read by itself, as the library names neither a variable that it cannot decode nor one that it has no use for.
    """
    source = EnvSettingsSource(model)
    for name in _ours():
        source.env_vars = {name.lower(): os.environ[name]}
        try:
            settings = source()
        except (SettingsError, RecursionError) as error:  # the value may be a secret, and is not repeated
            problem = "is neither a list nor a table in JSON"
            remedy = """write a list as ["+91"], a table as {"key": "value"}"""
            raise SettingError("environment", name, problem, remedy) from error
        if not settings:
            remedy = f"remove it or correct its spelling: {PREFIX}<SECTION>{DELIMITER}<KEY> (docs/settings.md)"
            raise SettingError("environment", name, "is not a setting", remedy)


def key_in_environment(place: tuple[str, ...], *, of_wrong_type: bool) -> str | None:
    """The variable that gave the setting at `place` (section, key, ...), and what of it; None: the environment did not.

    A variable for something within that setting has to do with it only where no table can stand (`of_wrong_type`).
    """
    for name in _ours():
        path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
        if place[: len(path)] == path or (of_wrong_type and path[: len(place)] == place):
            return ".".join((name, *place[len(path) :]))
    return None


def _ours() -> list[str]:
    """As the library reads them: in capital and small letters alike."""
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX))


class CentreSettings(Section):
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


class Metrics(Section):
    """[metrics] - where a monitoring server asks: `/metrics` for Prometheus, `/health`, `/ready`."""

    host: HostName = Field(
        "127.0.0.1", description="address it listens on, not encrypted; no name and no number is told"
    )
    port: Port | None = Field(None, description="TCP port of the dialler's; none: nobody is answered")
    desk_port: Port | None = Field(None, description="TCP port of the desk's; none: nobody is answered")


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

    centre: CentreSettings = CentreSettings()
    store: StoreSettings = StoreSettings()
    ami: Ami = Ami()
    fastagi: FastAgi = FastAgi()
    flows: FlowSettings = FlowSettings()
    twilio: Twilio = Twilio()
    asterisk: Asterisk = Asterisk()
    broker: Broker = Broker()
    mosquitto: Mosquitto = Mosquitto()
    desk: Desk = Desk()
    metrics: Metrics = Metrics()
    headquarters: Headquarters = Headquarters()
    dialling: Dialling = Dialling()
    inbound: InboundSettings = InboundSettings()
    rules: Rules = Rules()
    polling_day: PollingDaySettings = PollingDaySettings()
    audio: Audio = Audio()
    floor: LogInSettings = LogInSettings()
    trunk_rest: TrunkRest = TrunkRest()
    trunks: tuple[Trunk, ...] = ()
    hold: HoldSettings = HoldSettings()
    recordings: RecordingSettings = RecordingSettings()
    seats: tuple[SeatSettings, ...] = ()
    transfers: tuple[TransferSettings, ...] = ()
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
    def _own_programs_are_known(self) -> Self:
        known = {(each.name, each.role) for each in self.supervisors}
        for section, user, role in (
            ("desk", self.desk.user, SupervisorRole.DESK),
            ("headquarters", self.headquarters.user, SupervisorRole.UPLINK),
        ):
            if user is not None and (user, role) not in known:
                raise ValueError(
                    f'{section}.user is {user!r}: add a table [[supervisors]] of that name with role = "{role}"'
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
            if campaign.kind is CampaignKind.AGENTS and names & set(campaign.trunks):
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
            if trunk.carrier is Carrier.ASTERISK or (campaign.kind is CampaignKind.IVR and not campaign.has_script)
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
