"""Settings of a site: TOML, overridden by the environment; every error names file, key and remedy.

`load_settings(path)` reads one TOML file, once, so that it may be a pipe. A value may be overridden by
`MATDAN_<SECTION>__<KEY>`, for example `MATDAN_AMI__SECRET`, so that secrets need not stand in the file. Unknown keys are
refused, and variables too: a misspelt cap must not be a cap that does not exist.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import date, time
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import EnvSettingsSource, SettingsError

from dialer.domain.enums import CampaignKind, SupervisorRole
from dialer.errors import SettingError
from dialer.settings.asterisk import Asterisk
from dialer.settings.audio import Audio
from dialer.settings.campaigns import Campaign, campaigns_in
from dialer.settings.fields import (
    EndpointName,
    FilePath,
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
from dialer.settings.flows import FlowSettings, Twilio
from dialer.settings.headquarters import Headquarters
from dialer.settings.lines import Carrier, InboundSettings, Trunk, TrunkRest
from dialer.settings.mistakes import SettingsText, all_together, mistakes, read_settings
from dialer.settings.seats import Agent, LogInSettings, SeatSettings
from dialer.settings.sources import Source
from dialer.settings.supervision import (
    Desk,
    HoldSettings,
    RecordingSettings,
    Supervisor,
    TransferSettings,
)

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
        tuple(
            TurnoutPoint(at=time(hour), share=share)
            for hour, share in ((9, 0.11), (11, 0.25), (13, 0.40), (15, 0.50), (17, 0.60), (18, 0.66))
        ),
        min_length=1,
        description="expected cumulative turnout; the default is a typical day in India",
    )
    weights: OrderWeights = Field(OrderWeights(), description="what counts in the order of calls")
    workers: WorkerRounds = Field(WorkerRounds(), description="how often booth workers are called")

    def _objections(self) -> Iterator[str]:
        for before, after in pairwise((TurnoutPoint(at=self.opens, share=0.0), *self.expected)):
            if after.at <= before.at or after.share < before.share:
                yield (
                    f"expected turnout at {after.at:%H:%M} does not follow {before.at:%H:%M}; hours and shares must rise"
                )


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

    def _objections(self) -> Iterator[str]:
        if self.opt_out_secrets_known and self.opt_out_secret is None:
            yield "opt_out_secrets_known needs opt_out_secret beside it, the one that is told under"
        named = Counter(number for poll in self.polls for number in poll.constituencies)
        twice = [number for number, count in named.items() if count > 1]
        if twice:
            yield f"constituency {twice[0]} votes on two days; name it in one of [[rules.polls]]"
        if sum(not poll.constituencies for poll in self.polls) > 1:
            yield "two polls are for all constituencies; name the constituencies of each"


# Variables of the environment that stand in for settings: none of ours is passed over, each is named where it is wrong.

PREFIX = "MATDAN_"
DELIMITER = "__"


def variables_of(model: type[Section]) -> dict[str, Any]:
    """What variables named MATDAN_... say. Raises SettingError for the first that is no setting of `model`, or cannot be read.

    Each is read by itself, as the library names neither a variable that it cannot decode nor one that it has no use for.
    """
    reads: Any = model  # the library asks for a model of its own, and reads no more than the fields
    source = EnvSettingsSource(reads, env_prefix=PREFIX, env_nested_delimiter=DELIMITER)
    every = source.env_vars
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
    source.env_vars = every
    return source()


def key_in_environment(place: tuple[str, ...], *, of_wrong_type: bool) -> str | None:
    """The variable that gave the setting at `place`, and what of it, or, `of_wrong_type`, something within it; None: none did."""
    for name in _ours():
        path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
        if place[: len(path)] == path or (of_wrong_type and path[: len(place)] == place):
            return ".".join((name, *place[len(path) :]))
    return None


def _ours() -> list[str]:
    """As the library reads them: in capital and small letters alike."""
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX))


Place = tuple[str | int, ...]
Wrong = tuple[Place, str]
"""Where it stands, and one line that says what is wrong and what to do."""


def _unknown(what: str, name: str, of: str, names: Collection[str]) -> str:
    """That something names what is not there, with what was perhaps meant, or what there is."""
    near = get_close_matches(name, names, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(names)) or 'none'}"
    return f"{what} {name!r}, which {of}; {remedy}"


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
    backup_folder: Path | None = Field(
        None, description="where backups go, best on another disk; none: `dialer install` makes no timer for them"
    )
    backup_minutes: int = Field(60, ge=5, le=1440, description="from one backup of the timer to the next")
    backups_kept: int = Field(24, ge=1, le=10_000, description="so many stay in backup_folder: the oldest goes")


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
    home_assistant: bool = Field(
        False, description="tell Home Assistant, on the same broker, of the centre's state (its MQTT discovery)"
    )
    key_file: Path | None = Field(
        None,
        description="private key that this command line signs with, from `dialer mqtt key`; for its owner's eyes alone",
    )


class Mosquitto(Section):
    """[mosquitto] - what `dialer mqtt render` writes for a Mosquitto broker."""

    listen: HostName = Field(
        "127.0.0.1", description="address that the broker listens on; beyond this machine only with a certificate"
    )
    certificate: FilePath | None = Field(None, description="the broker's certificate and its chain, PEM")
    private_key: FilePath | None = Field(None, description="key of that certificate, PEM, readable by the broker alone")
    data_directory: FilePath = Field(
        "/var/lib/mosquitto/", description="where the broker keeps what must survive its restart"
    )
    max_connections: int = Field(1_000, ge=10, le=100_000, description="clients at once; more are turned away")


class Metrics(Section):
    """[metrics] - where a monitoring server asks: `/metrics` for Prometheus, `/health`, `/ready`."""

    host: HostName = Field(
        "127.0.0.1", description="address it listens on, not encrypted; no name and no number is told"
    )
    port: Port | None = Field(None, description="TCP port of the dialler's; none: nobody is answered")
    desk_port: Port | None = Field(None, description="TCP port of the desk's; none: nobody is answered")
    uplink_port: Port | None = Field(None, description="TCP port of the uplink's; none: nobody is answered")


class Dialling(Section):
    """[dialling] - what holds for every campaign."""

    allowed_prefixes: tuple[NumberPrefix, ...] = Field(
        ("+91",), min_length=1, description="numbers that begin otherwise are never dialled"
    )
    denied_prefixes: tuple[NumberPrefix, ...] = Field((), description="premium and other series never dialled")
    max_attempts_per_day: int = Field(3, ge=1, description="attempts per number and day, across campaigns")
    drain_seconds: float = Field(120.0, ge=0, description="how long a stop waits for live calls to end")


class Settings(Section):
    """Everything that differs from site to site."""

    _file: SettingsText = PrivateAttr(default_factory=SettingsText)

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
    sources: tuple[Source, ...] = ()

    @property
    def file(self) -> SettingsText:
        """What the file says; of settings that come from none: nothing."""
        return self._file

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """What is wrong between one table and another, all of it at once."""
        every = (
            self._named_once(),
            self._known_names(),
            self._polls(),
            self._phones(),
            self._servers(),
            self._programs(),
            self._twilio(),
        )
        wrong = [
            InitErrorDetails(type=PydanticCustomError("value_error", "{said}", {"said": said}), loc=place, input=None)
            for found in every
            for place, said in found
        ]
        if wrong:
            raise ValidationError.from_exception_data("Settings", wrong)
        return self

    def _named_once(self) -> Iterator[Wrong]:
        for kind, section, names in (
            ("trunks", "trunks", [trunk.name for trunk in self.trunks]),
            ("seats", "seats", [seat.name for seat in self.seats]),
            ("servers", "asterisk.servers", [server.name for server in self.asterisk.servers]),
            ("transfers", "transfers", [transfer.name for transfer in self.transfers]),
            ("supervisors", "supervisors", [supervisor.name for supervisor in self.supervisors]),
            ("phones of seats", "seats", [seat.endpoint for seat in self.seats]),
            ("agents", "agents", [agent.number for agent in self.agents]),
            ("campaigns", "campaigns", [campaign.id for campaign in self.campaigns]),
            ("sources", "sources", [source.name for source in self.sources]),
            ("inbound.numbers", "inbound.numbers", [each.number for each in self.inbound.numbers]),
        ):
            twice = {name: place for place, name in enumerate(names) if name in names[:place]}
            if twice:
                said = f"{kind} named twice: {', '.join(sorted(twice))}; give each a name of its own"
                yield (*section.split("."), max(twice.values())), said

    def _known_names(self) -> Iterator[Wrong]:
        campaigns = {campaign.id for campaign in self.campaigns}
        trunks = {trunk.name for trunk in self.trunks}
        skills = {skill for agent in self.agents for skill in agent.skills}
        for place, each in enumerate(self.inbound.numbers):
            if each.campaign not in campaigns:
                what = "an inbound number is for the campaign"
                said = _unknown(what, each.campaign, "[[campaigns]] does not have", campaigns)
                yield ("inbound", "numbers", place, "campaign"), said
        for place, campaign in enumerate(self.campaigns):
            what = f"campaign {campaign.id!r}"
            if campaign.skill is not None and campaign.skill not in skills:
                said = _unknown(f"{what} asks for the skill", campaign.skill, "none of [[agents]] has", skills)
                yield ("campaigns", place, "skill"), said
            for name in campaign.trunks:
                if name not in trunks:
                    said = _unknown(f"{what} names the trunk", name, "[[trunks]] does not have", trunks)
                    yield ("campaigns", place, "trunks"), said

    def _polls(self) -> Iterator[Wrong]:
        opens = self.polling_day.opens
        for place, poll in enumerate(self.rules.polls):
            if poll.closes_at is not None and poll.closes_at <= opens:
                yield (
                    ("rules", "polls", place, "closes_at"),
                    f"the poll of {poll.day} closes at {poll.closes_at:%H:%M}, before it opens at {opens:%H:%M}; "
                    "correct rules.polls or polling_day.opens",
                )

    def _phones(self) -> Iterator[Wrong]:
        """Transfers lead where they may, and nobody's phone is a line."""
        dialling, names = self.dialling, {trunk.name for trunk in self.trunks if trunk.carrier is Carrier.ASTERISK}
        lines = {trunk.endpoint for trunk in self.trunks}
        for place, each in enumerate(self.transfers):
            what = f"transfer {each.name!r}"
            if each.number is None:
                continue
            if each.trunk not in names:
                said = f"{what} names the trunk {each.trunk!r}, which is no trunk of Asterisk's in [[trunks]]"
                yield ("transfers", place), said
            elif not each.number.startswith(dialling.allowed_prefixes):
                yield ("transfers", place), f"{what}: its number begins with none of dialling.allowed_prefixes"
            elif each.number.startswith(dialling.denied_prefixes):
                yield ("transfers", place), f"{what}: its number begins with one of dialling.denied_prefixes"
        phones = [("transfers", place, each.name, each.endpoint) for place, each in enumerate(self.transfers)]
        phones += [("supervisors", place, each.name, each.endpoint) for place, each in enumerate(self.supervisors)]
        for section, place, name, endpoint in phones:
            if endpoint in lines:
                yield (section, place, "endpoint"), f"{name!r} has a trunk's endpoint; give the endpoint of a phone"

    def _servers(self) -> Iterator[Wrong]:
        """What is an Asterisk's says whose it is, where there are several."""
        names = [server.name for server in self.asterisk.servers]
        managers = [(server.host, server.port) for server in self.asterisk.servers]
        if len(set(managers)) < len(managers):
            yield ("asterisk", "servers"), "two servers have one manager; give each its own host, or port"
        if (
            names
            and self.trunks
            and not self.seats
            and all(each.carrier is not Carrier.ASTERISK for each in self.trunks)
        ):
            yield ("asterisk", "servers"), "no trunk and no seat of the site is on an Asterisk; take the servers away"
        for section in ("trunks", "seats", "transfers", "supervisors"):
            for place, each in enumerate(getattr(self, section)):
                has_one = each.endpoint is not None and getattr(each, "carrier", Carrier.ASTERISK) is Carrier.ASTERISK
                what = f"{section.removesuffix('s')} {each.name!r}"
                if each.server is not None and not names:
                    yield (
                        (section, place, "server"),
                        f"{what} names a server, and there is none; add [[asterisk.servers]]",
                    )
                elif each.server is not None and not has_one:
                    yield (section, place, "server"), f"{what} has nothing on an Asterisk; take its server away"
                elif each.server is None and names and has_one:
                    yield (
                        (section, place),
                        f"{what} names no server, and there are several; give one of {', '.join(names)}",
                    )
                elif each.server is not None and each.server not in names:
                    said = _unknown(
                        f"{what} names the server", each.server, "[[asterisk.servers]] does not have", names
                    )
                    yield (section, place, "server"), said
        lines = [trunk.endpoint for trunk in self.trunks]
        twice = {endpoint: place for place, endpoint in enumerate(lines) if names and endpoint in lines[:place]}
        for endpoint, place in twice.items():
            yield (
                ("trunks", place, "endpoint"),
                f"endpoint {endpoint!r} is of two trunks; give each server's a name of its own",
            )

    def _programs(self) -> Iterator[Wrong]:
        """Who must sign can, and our own programs are known."""
        for place, each in enumerate(self.supervisors):
            if self.broker.signed_commands and each.key is None and each.role is not SupervisorRole.VIEWER:
                yield (
                    ("supervisors", place),
                    f"supervisor {each.name!r} has no key, and broker.signed_commands wants every command signed; "
                    "make one with `dialer mqtt key`",
                )
        known = {(each.name, each.role) for each in self.supervisors}
        for section, user, role in (
            ("desk", self.desk.user, SupervisorRole.DESK),
            ("headquarters", self.headquarters.user, SupervisorRole.UPLINK),
        ):
            if user is not None and (user, role) not in known:
                yield (
                    (section, "user"),
                    f'{section}.user is {user!r}: add a table [[supervisors]] of that name with role = "{role}"',
                )

    def _twilio(self) -> Iterator[Wrong]:
        twilio = [trunk for trunk in self.trunks if trunk.carrier is Carrier.TWILIO]
        if not twilio:
            return
        at: Place = ("trunks", self.trunks.index(twilio[0]))
        if not self.twilio.enabled:
            yield at, f"trunk {twilio[0].name!r} is Twilio's, which is not set up; set [twilio] enabled = true"
        if sum(trunk.calls_per_second for trunk in twilio) > self.twilio.calls_per_second:
            yield at, "Twilio's trunks start more calls a second than twilio.calls_per_second; lower theirs"
        clash = {trunk.endpoint for trunk in twilio} & {trunk.endpoint for trunk in self.trunks if trunk not in twilio}
        if clash:
            yield at, f"endpoint {min(clash)!r} is Asterisk's and Twilio's; give the Twilio trunk another name"
        if not all(number.startswith("+") for trunk in twilio for number in trunk.caller_ids):
            yield at, "a caller ID of a Twilio trunk lacks its +; write it in full, such as +911140000001"
        names = {trunk.name for trunk in twilio}
        for place, campaign in enumerate(self.campaigns):
            what = "runs an AGI script, which needs" if campaign.has_script else "has agents, whose calls need"
            if names & set(campaign.trunks) and (campaign.has_script or campaign.kind is CampaignKind.AGENTS):
                yield (
                    ("campaigns", place, "trunks"),
                    f"campaign {campaign.id!r} {what} Asterisk; take its Twilio trunk away",
                )

    @property
    def uses_asterisk(self) -> bool:
        """Whether the site has a seat, or a trunk on Asterisk."""
        return bool(self.seats) or not all(trunk.carrier is Carrier.TWILIO for trunk in self.trunks)

    @property
    def has_scripts(self) -> bool:
        """Whether a campaign or a number of ours runs an AGI script."""
        numbers = any(number.has_script for number in self.inbound.numbers)
        return numbers or any(campaign.has_script for campaign in self.campaigns)

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

    Relative paths among them are those of the working directory. Raises SettingError with file or variable, key and remedy: of
    every mistake that can be seen, SettingMistakes where there are several.
    """
    text = SettingsText() if path is None else read_settings(path, "centre.toml", "make one with `dialer init`")
    variables = variables_of(Settings)
    text.table = _with_campaigns(text.table)
    try:
        loaded = Settings.model_validate(_over(text.table, variables))  # the environment wins over the file
    except ValidationError as error:
        raise all_together(list(mistakes(error, text, Settings, key_in_environment))) from error
    loaded._file = text
    return loaded


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables as one; what stands in both is that of the one above."""
    tables = [key for key, value in above.items() if isinstance(value, dict) and isinstance(below.get(key), dict)]
    within = {key: _over(below[key], above[key]) for key in tables}
    return {**below, **above, **within}


def _with_campaigns(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """With headquarters' campaigns behind those of the file. Raises SettingError with the file that is wrong."""
    section, own = table.get("headquarters"), table.get("campaigns", [])
    written = section.get("campaigns_folder") if isinstance(section, dict) else None
    folder = os.environ.get(f"{PREFIX}HEADQUARTERS__CAMPAIGNS_FOLDER", written)
    if not folder or not isinstance(folder, str) or not isinstance(own, list):
        return table
    return {**table, "campaigns": [*own, *campaigns_in(Path(folder))]}
