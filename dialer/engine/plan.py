"""The settings of a site as the engine uses them. `Core.plan` is the plan in force."""

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
    """A campaign as the settings define it."""

    campaign_id: str
    kind: CampaignKind
    trunks: tuple[str, ...]
    channels: int | None
    flow: str | None
    ring_seconds: float
    wrap_up_seconds: float
    connect_limit_seconds: float
    hours: WeekHours
    lawful_hours: WeekHours  # of the profile
    retries: RetryRules
    record: bool = False  # record talks with agents
    announcement_seconds: float = (
        0.0  # of the announcement that the call is recorded, played before the agent is connected
    )
    # Of the profile: while agents are there, a ringing phone is given so long to answer.
    minimum_ring_seconds: float = 30.0
    skill: str | None = None  # that an agent must have
    machine_detection: MachineDetection = MachineDetection.OFF
    machine_message: bool = False  # a machine that answers a flow's call hears the information message
    every_seconds: float = 0.0  # between a booth worker's report and the next call
    keeps_seats: bool = False  # one call for each free agent: a seat may be reserved before a call is dialled
    previews: bool = False  # agents see who is to be called, and dial
    preview_seconds: float | None = None  # after which a preview is dialled; None: it is returned to the queue
    manual: bool = False  # agents may dial numbers of the list
    abandoned_target: float = 0.0  # abandoned calls as a share of live answers, from the settings
    most_abandoned_target: float = 0.0  # the highest target that a supervisor may set, from the profile


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign with its rules and a new pacer."""

    spec: CampaignSpec
    rules: CampaignRules
    pacer: Pacer


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """A seat of the settings."""

    name: str
    endpoint: str  # of its phone
    languages: frozenset[str]  # empty: any
    server: str = ""


@dataclass(frozen=True, slots=True)
class HeadquartersPlan:
    """Headquarters, whose orders the centre obeys."""

    zone: str | None = None
    leaders: Mapping[str, bytes] = field(default_factory=dict)  # public keys, by name


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """The settings of a site as the engine uses them."""

    owner: str  # this dialler's name in its claims
    organisation: str
    campaigns: Mapping[str, CampaignPlan]  # by id
    seats: Mapping[str, SeatPlan]  # by name
    trunks: tuple[TrunkLimits, ...]
    gate: Gate
    drain_seconds: float
    rules_text: str = "{}"  # as JSON, stored with the calls that they allowed
    polling: PollingPlan | None = None
    agents: Mapping[str, AgentAccount] = field(
        default_factory=dict
    )  # by number; empty: seats are logged in under any name
    agent_rules: AgentRules = field(default_factory=AgentRules)
    rest: TrunkRest = field(default_factory=TrunkRest)
    inbound: InboundSettings = field(default_factory=InboundSettings)
    transfers: Mapping[str, TransferSettings] = field(default_factory=dict)  # by name
    supervisors: Mapping[str, SupervisorPhone] = field(default_factory=dict)  # by name
    users: frozenset[str] = frozenset()  # names in the settings, whose roles no command changes
    headquarters: HeadquartersPlan = field(default_factory=HeadquartersPlan)
    erasure: ErasureRules | None = None  # None: numbers cannot be erased

    @property
    def rules_version(self) -> str:
        """Return the digest of the rules, their key in the store (`Store.record_rules_version`)."""
        return hashlib.sha256(self.rules_text.encode()).hexdigest()


CertifiedBy = Callable[[str, str], Mapping[str, CertificateStatus]]
"""Returns the certificates of what a campaign plays, by language. Takes the campaign's id and its flow."""


@dataclass(frozen=True, slots=True)
class Reread:
    """What the settings say now, where nothing has changed that cannot change beside calls."""

    plan: EnginePlan
    changed: tuple[str, ...]  # the settings that the dialler reads
    others: tuple[str, ...]  # those that it does not
    told: Mapping[str, str]  # every setting by its key, for the audit
    taken: Callable[[], None]  # to be called as they come into force: what else asks them does so from then on


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the engine needs from outside."""

    store: Store
    switch: Switch
    sent: SentJournal
    flows: FlowLibrary
    certified: CertifiedBy  # what is of what a campaign plays
    has_room: Callable[[], bool]  # whether the disk can still take results
    figures: Callable[[], dict[str, float]] = dict  # the process's own, for the board
    reread: Callable[[], Reread] | None = None  # the settings; raises CommandRefused. None: there is no file
    spool: Spool | None = None  # where what the dialler is to take in is handed over; None: nowhere
