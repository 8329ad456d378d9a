"""What the engine is told of a site: at its start, and anew when the settings are read again. `Centre.plan` is what is in force."""

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
from dialer.rules.rulebook import CampaignRules, Certified
from dialer.settings.lines import InboundSettings, TrunkRest
from dialer.settings.supervision import TransferSettings
from dialer.store.number_erasure import ErasureRules
from dialer.store.sent_journal import SentJournal
from dialer.store.spool import Spool
from dialer.store.store import Store


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """A campaign as the engine needs it: the site's settings, resolved."""

    campaign_id: str
    kind: CampaignKind
    trunks: tuple[str, ...]
    channels: int | None
    flow: str | None
    ring_seconds: float
    wrap_up_seconds: float
    connect_limit_seconds: float
    hours: WeekHours
    lawful_hours: WeekHours  # the profile's
    retries: RetryRules
    record: bool = False  # its talks with agents
    announcement_seconds: float = 0.0  # at most, of the words before the agent comes that the call is recorded
    # The profile's: a phone that rings is let ring for so long while agents are there.
    minimum_ring_seconds: float = 30.0
    skill: str | None = None  # that an agent must have to take its calls
    machine_detection: MachineDetection = MachineDetection.OFF
    machine_message: bool = False  # a machine that a flow's call meets hears the information message
    every_seconds: float = 0.0  # from a booth worker's report to the next call, where the campaign calls those
    keeps_seats: bool = False  # one call for each free agent: a seat may be kept for a call from before it is dialled
    previews: bool = False  # agents see whom a call is for, and ask for it
    preview_seconds: float | None = None  # after which it is dialled unasked; None: it is given back
    manual: bool = False  # agents may dial numbers of the list themselves
    abandoned_target: float = 0.0  # share of live answers that the pacing steers to, as the settings have it
    most_abandoned_target: float = 0.0  # that a supervisor may have it steer to: the profile's


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign as it is to be run: what it is, and its pacer, fresh."""

    spec: CampaignSpec
    rules: CampaignRules
    pacer: Pacer


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """A seat of the site."""

    name: str
    endpoint: str  # of its phone
    languages: frozenset[str]  # empty: any
    server: str = ""


@dataclass(frozen=True, slots=True)
class HeadquartersPlan:
    """Whose orders the centre obeys beside those of its own people."""

    zone: str | None = None
    leaders: Mapping[str, bytes] = field(default_factory=dict)  # public keys, by name


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """Everything the engine is told by a site's settings."""

    owner: str  # this dialler's name in its claims
    organisation: str
    campaigns: Mapping[str, CampaignPlan]  # by id
    seats: Mapping[str, SeatPlan]  # by name
    trunks: tuple[TrunkLimits, ...]
    gate: Gate
    drain_seconds: float
    rules_text: str = "{}"  # the rules as JSON, kept with the calls that rest on them
    polling: PollingPlan | None = None
    agents: Mapping[str, AgentAccount] = field(default_factory=dict)  # by number; empty: seats are taken under any name
    agent_rules: AgentRules = field(default_factory=AgentRules)
    rest: TrunkRest = field(default_factory=TrunkRest)
    inbound: InboundSettings = field(default_factory=InboundSettings)
    transfers: Mapping[str, TransferSettings] = field(default_factory=dict)  # by name
    supervisors: Mapping[str, SupervisorPhone] = field(default_factory=dict)  # by name
    users: frozenset[str] = frozenset()  # names of the settings, whose rights no command changes
    headquarters: HeadquartersPlan = field(default_factory=HeadquartersPlan)
    erasure: ErasureRules | None = None  # None: nothing beside the store is known of, and nobody is erased

    @property
    def rules_version(self) -> str:
        """The digest of the rules, by which the store knows them (`Store.record_rules_version`)."""
        return hashlib.sha256(self.rules_text.encode()).hexdigest()


CertifiedBy = Callable[[str, str], Mapping[str, Certified]]
"""By language, what is certified of what a campaign plays: from its id and its flow as the settings name it."""


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
    """What the engine is joined to."""

    store: Store
    switch: Switch
    sent: SentJournal
    flows: FlowLibrary
    certified: CertifiedBy  # what is of what a campaign plays
    has_room: Callable[[], bool]  # whether the disk can still take results
    figures: Callable[[], dict[str, float]] = dict  # the process's own, for the board
    reread: Callable[[], Reread] | None = None  # the settings; raises CommandRefused. None: there is no file
    spool: Spool | None = None  # where what the dialler is to take in is handed over; None: nowhere
