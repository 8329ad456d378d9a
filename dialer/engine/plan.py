"""What the engine is told at its start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dialer.domain.switch import Switch
from dialer.engine.inbound import InboundPlan
from dialer.engine.log_ins import AgentAccount, AgentRules
from dialer.engine.supervision.state import SupervisorPhone
from dialer.engine.transfers.state import TransferTarget
from dialer.engine.trunks import RestRules, TrunkLimits
from dialer.engine.world import CampaignSpec
from dialer.pacing.port import Pacer
from dialer.polling_day.plan import PollingPlan
from dialer.rules.gate import Gate
from dialer.rules.rulebook import CampaignRules, Certified
from dialer.store.erasure import ErasureRules
from dialer.store.sent_journal import SentJournal
from dialer.store.spool import Spool
from dialer.store.sqlite import Store
from ivr_flows.node import Flow
from ivr_flows.script import ScriptLibrary


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
    box: str = ""


@dataclass(frozen=True, slots=True)
class HeadquartersPlan:
    """Whose orders the centre obeys beside those of its own people."""

    zone: str | None = None
    leaders: Mapping[str, bytes] = field(default_factory=dict)  # public keys, by name


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """Everything the engine is told at its start."""

    owner: str  # this dialler's name in its claims
    organisation: str
    campaigns: tuple[CampaignPlan, ...]
    seats: tuple[SeatPlan, ...]
    trunks: tuple[TrunkLimits, ...]
    gate: Gate
    drain_seconds: float
    rules_text: str = "{}"  # the rules as JSON, kept with the calls that rest on them
    polling: PollingPlan | None = None
    agents: tuple[AgentAccount, ...] = ()
    agent_rules: AgentRules = field(default_factory=AgentRules)
    rest: RestRules = field(default_factory=RestRules)
    inbound: InboundPlan = field(default_factory=InboundPlan)
    transfers: tuple[TransferTarget, ...] = ()
    supervisors: tuple[SupervisorPhone, ...] = ()
    users: frozenset[str] = frozenset()  # names of the settings, whose rights no command changes
    headquarters: HeadquartersPlan = field(default_factory=HeadquartersPlan)
    erasure: ErasureRules | None = None  # None: nothing beside the store is known of, and nobody is erased


CertifiedBy = Callable[[str, str], Mapping[str, Certified]]
"""By language, what is certified of what a campaign plays: from its id and its flow as the settings name it."""


class Flows(Protocol):
    """Where flows come from, and the scripts of agents."""

    @property
    def scripts(self) -> ScriptLibrary:
        """What the campaigns' agents read and ask."""
        ...

    def current(self, source: str) -> Flow:
        """The version for a call that begins now. Raises FlowError."""
        ...

    def reload(self) -> list[str]:
        """Read every flow and script again, for the next call; the names of those that changed. Raises FlowError and changes
        none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reread:
    """What the settings say now, where nothing has changed that cannot change beside calls."""

    plan: EnginePlan
    changed: tuple[str, ...]  # the settings
    taken: Callable[[], None]  # to be called once they are in force


@dataclass(frozen=True, slots=True)
class Outside:
    """What the engine is joined to."""

    store: Store
    switch: Switch
    sent: SentJournal
    flows: Flows
    certified: CertifiedBy  # what is of what a campaign plays
    has_room: Callable[[], bool]  # whether the disk can still take results
    figures: Callable[[], dict[str, float]] = dict  # the process's own, for the board
    reread: Callable[[], Reread] | None = None  # the settings; raises CommandRefused. None: there is no file
    spool: Spool | None = None  # where what the dialler is to take in is handed over; None: nowhere
