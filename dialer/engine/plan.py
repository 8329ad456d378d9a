"""The settings of a site in the form that the engine uses. `Core.plan` is the current plan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dialer.domain.enums import CampaignKind, MachineDetection
from dialer.domain.switch import Switch
from dialer.engine.seats.log_ins import AgentAccount, AgentRules
from dialer.engine.supervision.state import SupervisorPhone
from dialer.engine.trunks.state import TrunkLimits
from dialer.flows.library import FlowLibrary
from dialer.pacing.port import Pacer
from dialer.polling_day.plan import PollingPlan
from dialer.rules.calling_hours import WeekHours
from dialer.rules.gate import Gate
from dialer.rules.retries import RetryRules
from dialer.rules.rulebook import CampaignRules, CertificateStatus
from dialer.settings.inbound import InboundSettings
from dialer.settings.transfers import TransferSettings
from dialer.settings.trunks import TrunkRest
from dialer.store.number_erasure import ErasureRules
from dialer.store.sent_journal import SentJournal
from dialer.store.spool import Spool
from dialer.store.store import Store


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """A campaign as defined in the settings."""

    campaign_id: str
    kind: CampaignKind
    trunks: tuple[str, ...]
    channels: int | None
    flow: str | None
    ring_seconds: float
    wrap_up_seconds: float
    connect_limit_seconds: float
    hours: WeekHours
    lawful_hours: WeekHours  # calling hours of the rules profile
    retries: RetryRules
    record: bool = False  # record talks with agents
    announcement_seconds: float = 0.0  # length of the "this call is recorded" announcement before the connect
    minimum_ring_seconds: float = 30.0  # minimum ring time while agents are available, from the rules profile
    skill: str | None = None  # the skill that an agent needs
    weight: float = 1.0  # of its share of the agents' time; 0: only the time that other campaigns leave
    machine_detection: MachineDetection = MachineDetection.OFF
    false_positive_share: float = 0.0  # people among the calls that detection takes for machines (0-1)
    machine_sample: float = 0.0  # share of the calls that detection takes for machines that is recorded (0-1)
    machine_message: bool = False  # play the information message to machines that answer a flow's call
    every_seconds: float = 0.0  # interval between a booth worker's report and the next call
    keeps_seats: bool = False  # a seat may be reserved for a call before it is dialled
    previews: bool = False  # agents see each call before it is dialled, and dial it
    preview_seconds: float | None = None  # time until a preview is dialled automatically; None: never
    manual: bool = False  # agents may dial numbers of the list themselves
    abandoned_target: float = 0.0  # target of the abandoned-call rate (0-1), from the settings
    most_abandoned_target: float = 0.0  # the highest target that a supervisor may set, from the rules profile
    starts_paused: bool = False  # a new campaign is paused until a supervisor starts it


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign in the settings, with its calling rules and a new pacer."""

    spec: CampaignSpec
    rules: CampaignRules
    pacer: Pacer


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """An agent's seat as defined in the settings."""

    name: str
    endpoint: str  # of the seat's phone
    languages: frozenset[str]  # languages spoken at the seat; empty: any
    server: str = ""


@dataclass(frozen=True, slots=True)
class HeadquartersPlan:
    """The headquarters whose orders this centre carries out, with the people who may sign orders."""

    zone: str | None = None
    leaders: Mapping[str, bytes] = field(default_factory=dict)  # public keys, by name


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """The settings of a site in the form that the engine uses."""

    owner: str  # the dialler's name on claimed numbers
    organisation: str
    campaigns: Mapping[str, CampaignPlan]  # by id
    seats: Mapping[str, SeatPlan]  # by name
    trunks: tuple[TrunkLimits, ...]
    gate: Gate
    drain_seconds: float
    rules_text: str = "{}"  # the rules as JSON, stored with the calls that they allowed
    polling: PollingPlan | None = None
    agents: Mapping[str, AgentAccount] = field(default_factory=dict)  # by number; empty: any name may log in
    agent_rules: AgentRules = field(default_factory=AgentRules)
    rest: TrunkRest = field(default_factory=TrunkRest)
    inbound: InboundSettings = field(default_factory=InboundSettings)
    transfers: Mapping[str, TransferSettings] = field(default_factory=dict)  # by name
    supervisors: Mapping[str, SupervisorPhone] = field(default_factory=dict)  # by name
    users: frozenset[str] = frozenset()  # supervisors in the settings, whose roles commands cannot change
    headquarters: HeadquartersPlan = field(default_factory=HeadquartersPlan)
    erasure: ErasureRules | None = None  # None: numbers cannot be erased

    @property
    def rules_version(self) -> str:
        """Return the version of the calling rules: a digest of their text."""
        return hashlib.sha256(self.rules_text.encode()).hexdigest()


CertificateLookup = Callable[[str, str], Mapping[str, CertificateStatus]]
"""Returns the certificates of the recordings that a campaign plays, by language. Arguments: the campaign's id and flow.
"""


@dataclass(frozen=True, slots=True)
class ReloadedSettings:
    """The settings after their file was reloaded. A changed setting that needs a restart still has its old value."""

    plan: EnginePlan
    changed: tuple[str, ...]  # changed settings of the dialler
    others: tuple[str, ...]  # changed settings of other programs
    values: Mapping[str, str]  # every setting by its key, for the audit
    apply: Callable[[], None]  # applies them in parts outside the engine; called when the plan comes into force


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the engine uses but does not contain, such as the store, the switch and the clock."""

    store: Store
    switch: Switch
    sent_journal: SentJournal
    flows: FlowLibrary
    certified: CertificateLookup  # the certificates of the recordings that a campaign plays
    has_room: Callable[[], bool]  # returns whether the disk has room for results
    figures: Callable[[], dict[str, float]] = dict  # figures of the process itself, for the board
    reload_settings: Callable[[], ReloadedSettings] | None = (
        None  # reads the settings file; raises CommandRefused. None: no file
    )
    spool: Spool | None = None  # rolls and lists that other programs hand over; None: no spool
