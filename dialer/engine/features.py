"""The features of the engine (such as seats, trunks, transfers) and their dependencies.

Each property builds one feature, once, from the features that it needs. A feature that depended on itself, even
indirectly, could not be built.
"""

from __future__ import annotations

from functools import cached_property

from dialer.engine.acd.service import Acd
from dialer.engine.alerts.state import Alerts
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.booth_workers.service import BoothWorkers
from dialer.engine.call_backs.service import OwnCallBacks
from dialer.engine.call_flows.service import FlowService
from dialer.engine.calls.ending import CallEndings
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.reconcile import Reconciler
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.campaigns.service import Campaigns
from dialer.engine.core import Core
from dialer.engine.dispositions.service import Dispositions
from dialer.engine.external_records.service import ExternalRecords
from dialer.engine.headquarters.service import HeadquartersOrders
from dialer.engine.housekeeping import Housekeeping
from dialer.engine.inbound.service import Inbound
from dialer.engine.inbound.state import UnknownCallers
from dialer.engine.placing.clock_guard import ClockGuard
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.placing.holds import CampaignHolds
from dialer.engine.placing.hoppers import Hoppers
from dialer.engine.placing.number_memory import NumberMemory
from dialer.engine.placing.originate import Originator
from dialer.engine.placing.reserved_seats import ReservedSeats
from dialer.engine.placing.retry_schedule import RetrySchedule
from dialer.engine.placing.service import Placing
from dialer.engine.placing.snapshot import Snapshots
from dialer.engine.plan import Dependencies
from dialer.engine.preview.service import OwnCalls
from dialer.engine.recordings.service import Recorder
from dialer.engine.roll_import.service import RollImport
from dialer.engine.roll_import.state import RollImportState
from dialer.engine.seats.keys import SeatKeys
from dialer.engine.seats.messages import Messages
from dialer.engine.seats.screen_pop import ScreenPops
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.service import Agents
from dialer.engine.seats.silence import SeatSilence
from dialer.engine.services import Services
from dialer.engine.settings_reload.service import SettingsReload
from dialer.engine.store_commits import StoreCommits
from dialer.engine.supervision.service import Supervision
from dialer.engine.supervision.state import Listeners
from dialer.engine.transfers.service import Transfers
from dialer.engine.transfers.state import CallTransfers
from dialer.engine.trunks.channels import Channels
from dialer.engine.trunks.service import Trunks
from dialer.engine.trunks.state import TrunkPool
from dialer.engine.turnout.figures import TurnoutFigures
from dialer.engine.turnout.marks import Marks
from dialer.engine.turnout.polls import Polls
from dialer.engine.users.service import Users


class Features:
    """The features of one centre's engine, such as its seats, trunks and transfers."""

    def __init__(self, core: Core, dependencies: Dependencies) -> None:
        self.core = core
        self.dependencies = dependencies
        self.store = dependencies.store
        self.switch = dependencies.switch

    def build_all_features(self) -> None:
        """Build every feature of the engine now, because some apply the settings in force when they are built."""
        for name, attribute in vars(Features).items():
            if isinstance(attribute, cached_property):
                getattr(self, name)

    # State

    @cached_property
    def alerts(self) -> Alerts:
        return Alerts(self.core)

    @cached_property
    def servers(self) -> AsteriskServers:
        return AsteriskServers()

    @cached_property
    def calls(self) -> LiveCalls:
        return LiveCalls(self.core, self.store, self.switch)

    @cached_property
    def call_transfers(self) -> CallTransfers:
        return CallTransfers()

    @cached_property
    def unknown_callers(self) -> UnknownCallers:
        return UnknownCallers()

    @cached_property
    def listeners(self) -> Listeners:
        return Listeners()

    @cached_property
    def seats(self) -> Seats:
        return Seats(self.core, self.servers, self.calls, self.call_transfers, self.listeners)

    @cached_property
    def runs(self) -> CampaignRuns:
        return CampaignRuns(self.core)

    @cached_property
    def polls(self) -> Polls:
        return Polls(self.core)

    @cached_property
    def turnout(self) -> TurnoutFigures:
        return TurnoutFigures(self.core, self.polls, self.runs)

    @cached_property
    def numbers(self) -> NumberMemory:
        return NumberMemory(self.core, self.calls)

    @cached_property
    def roll_import_state(self) -> RollImportState:
        return RollImportState()

    # Store, trunks

    @cached_property
    def commits(self) -> StoreCommits:
        return StoreCommits(self.core, self.alerts, self.store, self.dependencies.has_room)

    @cached_property
    def pool(self) -> TrunkPool:
        return TrunkPool((), self.core.clock.monotonic(), self.core.plan.rest)

    @cached_property
    def trunks(self) -> Trunks:
        return Trunks(self.core, self.alerts, self.servers, self.pool)

    @cached_property
    def channels(self) -> Channels:
        return Channels(self.calls, self.call_transfers, self.unknown_callers)

    # Agents and voters

    @cached_property
    def eligibility(self) -> Eligibility:
        return Eligibility(
            self.core, self.alerts, self.calls, self.runs, self.polls, self.numbers, self.dependencies.certified
        )

    @cached_property
    def acd(self) -> Acd:
        return Acd(self.core, self.servers, self.calls, self.seats, self.runs, self.eligibility, self.switch)

    @cached_property
    def silence(self) -> SeatSilence:
        timeout = self.core.plan.agent_rules.silence_seconds
        return SeatSilence(self.core, self.calls, self.seats, self.switch, self.acd, timeout)

    @cached_property
    def agents(self) -> Agents:
        return Agents(
            self.core, self.alerts, self.calls, self.seats, self.runs, self.acd, self.dependencies, self.silence
        )

    @cached_property
    def keys(self) -> SeatKeys:
        return SeatKeys(self.core, self.calls, self.seats, self.switch)

    @cached_property
    def screen_pops(self) -> ScreenPops:
        return ScreenPops(self.core, self.seats, self.store)

    @cached_property
    def messages(self) -> Messages:
        return Messages(self.core, self.seats, self.runs, self.store)

    @cached_property
    def transfers(self) -> Transfers:
        return Transfers(
            self.core,
            self.servers,
            self.call_transfers,
            self.calls,
            self.channels,
            self.seats,
            self.switch,
            self.acd,
            self.pool,
        )

    @cached_property
    def supervision(self) -> Supervision:
        return Supervision(self.core, self.listeners, self.seats, self.switch, self.store)

    @cached_property
    def recorder(self) -> Recorder:
        return Recorder(self.core, self.calls, self.seats, self.switch, self.store)

    @cached_property
    def inbound(self) -> Inbound:
        return Inbound(self.core, self.servers, self.unknown_callers, self.calls, self.runs, self.store, self.pool)

    # Results

    @cached_property
    def retries(self) -> RetrySchedule:
        return RetrySchedule(self.core, self.polls)

    @cached_property
    def endings(self) -> CallEndings:
        return CallEndings(
            self.core, self.alerts, self.calls, self.runs, self.numbers, self.trunks, self.retries, self.store
        )

    @cached_property
    def marks(self) -> Marks:
        return Marks(self.core, self.alerts, self.calls, self.seats, self.runs, self.turnout, self.numbers, self.store)

    @cached_property
    def workers(self) -> BoothWorkers:
        return BoothWorkers(self.core, self.seats, self.polls, self.acd, self.store, self.marks)

    @cached_property
    def flows(self) -> FlowService:
        return FlowService(
            self.core,
            self.calls,
            self.runs,
            self.polls,
            self.store,
            self.dependencies.flows,
            self.eligibility,
            self.acd,
            self.marks,
            self.workers,
        )

    @cached_property
    def dispositions(self) -> Dispositions:
        return Dispositions(
            self.core,
            self.calls,
            self.seats,
            self.runs,
            self.dependencies.flows.scripts,
            self.acd,
            self.store,
            self.call_backs,
            self.marks,
            self.retries,
        )

    @cached_property
    def records(self) -> ExternalRecords:
        return ExternalRecords(self.store, self.core.clock, self.marks, self.core.centre_id)

    # Placing calls

    @cached_property
    def clock_guard(self) -> ClockGuard:
        return ClockGuard(self.core, self.alerts, self.dependencies.sent_journal)

    @cached_property
    def holds(self) -> CampaignHolds:
        return CampaignHolds(
            self.core,
            self.servers,
            self.switch,
            self.clock_guard,
            self.commits,
            self.eligibility,
            self.polls,
            self.seats,
        )

    @cached_property
    def reserved_seats(self) -> ReservedSeats:
        return ReservedSeats(self.core, self.servers, self.calls, self.seats, self.acd)

    @cached_property
    def hoppers(self) -> Hoppers:
        return Hoppers(self.core, self.polls, self.turnout, self.store, self.dependencies.has_room)

    @cached_property
    def originator(self) -> Originator:
        return Originator(
            self.core,
            self.dependencies,
            self.alerts,
            self.servers,
            self.calls,
            self.seats,
            self.polls,
            self.channels,
            self.holds,
            self.eligibility,
            self.pool,
            self.reserved_seats,
        )

    @cached_property
    def snapshots(self) -> Snapshots:
        return Snapshots(self.core, self.servers, self.pool, self.seats, self.calls, self.runs)

    @cached_property
    def placing(self) -> Placing:
        return Placing(
            self.core,
            self.alerts,
            self.servers,
            self.calls,
            self.channels,
            self.runs,
            self.holds,
            self.trunks,
            self.snapshots,
            self.hoppers,
            self.originator,
            self.reserved_seats,
        )

    @cached_property
    def own_calls(self) -> OwnCalls:
        return OwnCalls(
            self.core, self.calls, self.seats, self.runs, self.acd, self.holds, self.hoppers, self.originator
        )

    @cached_property
    def call_backs(self) -> OwnCallBacks:
        return OwnCallBacks(self.core, self.seats, self.acd, self.own_calls, self.store)

    # The centre as a whole

    @cached_property
    def campaigns(self) -> Campaigns:
        return Campaigns(
            self.core,
            self.alerts,
            self.runs,
            self.polls,
            self.store,
            self.dependencies.flows,
            self.placing,
            self.clock_guard,
        )

    @cached_property
    def headquarters(self) -> HeadquartersOrders:
        return HeadquartersOrders(self.core, self.alerts, self.store, self.campaigns)

    @cached_property
    def users(self) -> Users:
        return Users(self.store, self.core.clock, lambda: self.core.plan.users)

    @cached_property
    def roll_import(self) -> RollImport:
        return RollImport(
            self.core,
            self.runs,
            self.polls,
            self.turnout,
            self.roll_import_state,
            self.dependencies,
            self.marks,
            self.eligibility,
        )

    @cached_property
    def settings_reload(self) -> SettingsReload:
        use_plan = (
            self.trunks.apply_current_settings,
            self.eligibility.apply_current_settings,
            self.supervision.apply_current_settings,
        )
        return SettingsReload(
            self.core,
            self.calls,
            self.polls,
            self.roll_import_state,
            self.dependencies,
            self.campaigns,
            self.agents,
            use_plan,
        )

    @cached_property
    def reconciler(self) -> Reconciler:
        return Reconciler(
            self.core,
            self.servers,
            self.calls,
            self.seats,
            self.runs,
            self.store,
            self.switch,
            self.inbound,
            self.retries,
        )

    @cached_property
    def housekeeping(self) -> Housekeeping:
        return Housekeeping(self.core, self.alerts, self.runs, self.seats, self.numbers, self.eligibility, self.store)

    @cached_property
    def services(self) -> Services:
        return Services(
            campaigns=self.campaigns,
            seats=self.agents,
            messages=self.messages,
            previews=self.own_calls,
            dispositions=self.dispositions,
            booth_workers=self.workers,
            transfers=self.transfers,
            recordings=self.recorder,
            supervision=self.supervision,
            records=self.records,
            users=self.users,
            headquarters=self.headquarters,
            settings=self.settings_reload,
            roll_import=self.roll_import,
        )
