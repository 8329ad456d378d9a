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
from dialer.engine.store_age.service import StoreAge
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
    def active_alerts(self) -> Alerts:
        return Alerts(self.core)

    @cached_property
    def asterisk_servers(self) -> AsteriskServers:
        return AsteriskServers()

    @cached_property
    def live_calls(self) -> LiveCalls:
        return LiveCalls(self.core, self.store, self.switch)

    @cached_property
    def call_transfers(self) -> CallTransfers:
        return CallTransfers()

    @cached_property
    def unknown_callers(self) -> UnknownCallers:
        return UnknownCallers()

    @cached_property
    def monitoring_supervisors(self) -> Listeners:
        return Listeners()

    @cached_property
    def seats(self) -> Seats:
        return Seats(
            self.core, self.asterisk_servers, self.live_calls, self.call_transfers, self.monitoring_supervisors
        )

    @cached_property
    def campaign_runs(self) -> CampaignRuns:
        return CampaignRuns(self.core)

    @cached_property
    def polling_days(self) -> Polls:
        return Polls(self.core)

    @cached_property
    def turnout_figures(self) -> TurnoutFigures:
        return TurnoutFigures(self.core, self.polling_days, self.campaign_runs)

    @cached_property
    def number_memory(self) -> NumberMemory:
        return NumberMemory(self.core, self.live_calls)

    @cached_property
    def roll_import_state(self) -> RollImportState:
        return RollImportState()

    # Store, trunks

    @cached_property
    def store_commits(self) -> StoreCommits:
        return StoreCommits(self.core, self.active_alerts, self.store, self.dependencies.has_room)

    @cached_property
    def store_age(self) -> StoreAge:
        return StoreAge(self.core, self.active_alerts, self.store)

    @cached_property
    def trunk_pool(self) -> TrunkPool:
        return TrunkPool((), self.core.clock.monotonic(), self.core.plan.rest)

    @cached_property
    def trunk_service(self) -> Trunks:
        return Trunks(self.core, self.active_alerts, self.asterisk_servers, self.trunk_pool)

    @cached_property
    def trunk_channels(self) -> Channels:
        return Channels(self.live_calls, self.call_transfers, self.unknown_callers)

    # Agents and voters

    @cached_property
    def call_eligibility(self) -> Eligibility:
        return Eligibility(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.campaign_runs,
            self.polling_days,
            self.number_memory,
            self.dependencies.certified,
        )

    @cached_property
    def acd(self) -> Acd:
        return Acd(
            self.core,
            self.asterisk_servers,
            self.live_calls,
            self.seats,
            self.campaign_runs,
            self.call_eligibility,
            self.switch,
        )

    @cached_property
    def seat_phone_silence(self) -> SeatSilence:
        timeout = self.core.plan.agent_rules.silence_seconds
        return SeatSilence(self.core, self.live_calls, self.seats, self.switch, self.acd, timeout)

    @cached_property
    def agent_log_ins(self) -> Agents:
        return Agents(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.seats,
            self.campaign_runs,
            self.acd,
            self.dependencies,
            self.seat_phone_silence,
        )

    @cached_property
    def seat_phone_keys(self) -> SeatKeys:
        return SeatKeys(self.core, self.live_calls, self.seats, self.switch)

    @cached_property
    def screen_pops(self) -> ScreenPops:
        return ScreenPops(self.core, self.seats, self.store)

    @cached_property
    def supervisor_messages(self) -> Messages:
        return Messages(self.core, self.seats, self.campaign_runs, self.store)

    @cached_property
    def transfer_service(self) -> Transfers:
        return Transfers(
            self.core,
            self.asterisk_servers,
            self.call_transfers,
            self.live_calls,
            self.trunk_channels,
            self.seats,
            self.switch,
            self.acd,
            self.trunk_pool,
        )

    @cached_property
    def supervision(self) -> Supervision:
        return Supervision(self.core, self.monitoring_supervisors, self.seats, self.switch, self.store)

    @cached_property
    def call_recorder(self) -> Recorder:
        return Recorder(self.core, self.live_calls, self.seats, self.switch, self.store)

    @cached_property
    def inbound_calls(self) -> Inbound:
        return Inbound(
            self.core,
            self.asterisk_servers,
            self.unknown_callers,
            self.live_calls,
            self.campaign_runs,
            self.store,
            self.trunk_pool,
        )

    # Results

    @cached_property
    def retry_schedule(self) -> RetrySchedule:
        return RetrySchedule(self.core, self.polling_days)

    @cached_property
    def call_endings(self) -> CallEndings:
        return CallEndings(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.campaign_runs,
            self.number_memory,
            self.trunk_service,
            self.retry_schedule,
            self.store,
        )

    @cached_property
    def voter_marks(self) -> Marks:
        return Marks(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.seats,
            self.campaign_runs,
            self.turnout_figures,
            self.number_memory,
            self.store,
        )

    @cached_property
    def booth_workers(self) -> BoothWorkers:
        return BoothWorkers(self.core, self.seats, self.polling_days, self.acd, self.store, self.voter_marks)

    @cached_property
    def call_flows(self) -> FlowService:
        return FlowService(
            self.core,
            self.live_calls,
            self.campaign_runs,
            self.polling_days,
            self.store,
            self.dependencies.flows,
            self.call_eligibility,
            self.acd,
            self.voter_marks,
            self.booth_workers,
        )

    @cached_property
    def dispositions(self) -> Dispositions:
        return Dispositions(
            self.core,
            self.live_calls,
            self.seats,
            self.campaign_runs,
            self.dependencies.flows.scripts,
            self.acd,
            self.store,
            self.own_call_backs,
            self.voter_marks,
            self.retry_schedule,
        )

    @cached_property
    def external_records(self) -> ExternalRecords:
        return ExternalRecords(self.store, self.core.clock, self.voter_marks, self.core.centre_id)

    # Placing calls

    @cached_property
    def clock_guard(self) -> ClockGuard:
        return ClockGuard(self.core, self.active_alerts, self.dependencies.sent_journal)

    @cached_property
    def campaign_holds(self) -> CampaignHolds:
        return CampaignHolds(
            self.core,
            self.asterisk_servers,
            self.switch,
            self.clock_guard,
            self.store_age,
            self.store_commits,
            self.call_eligibility,
            self.polling_days,
            self.seats,
        )

    @cached_property
    def reserved_seats(self) -> ReservedSeats:
        return ReservedSeats(self.core, self.asterisk_servers, self.live_calls, self.seats, self.acd)

    @cached_property
    def number_hoppers(self) -> Hoppers:
        return Hoppers(self.core, self.polling_days, self.turnout_figures, self.store, self.dependencies.has_room)

    @cached_property
    def call_originator(self) -> Originator:
        return Originator(
            self.core,
            self.dependencies,
            self.active_alerts,
            self.asterisk_servers,
            self.live_calls,
            self.seats,
            self.polling_days,
            self.trunk_channels,
            self.campaign_holds,
            self.call_eligibility,
            self.trunk_pool,
            self.reserved_seats,
        )

    @cached_property
    def pacing_snapshots(self) -> Snapshots:
        return Snapshots(
            self.core, self.asterisk_servers, self.trunk_pool, self.seats, self.live_calls, self.campaign_runs
        )

    @cached_property
    def call_placing(self) -> Placing:
        return Placing(
            self.core,
            self.active_alerts,
            self.asterisk_servers,
            self.live_calls,
            self.trunk_channels,
            self.campaign_runs,
            self.campaign_holds,
            self.trunk_service,
            self.pacing_snapshots,
            self.number_hoppers,
            self.call_originator,
            self.reserved_seats,
        )

    @cached_property
    def calls_dialled_by_agents(self) -> OwnCalls:
        return OwnCalls(
            self.core,
            self.live_calls,
            self.seats,
            self.campaign_runs,
            self.acd,
            self.campaign_holds,
            self.number_hoppers,
            self.call_originator,
        )

    @cached_property
    def own_call_backs(self) -> OwnCallBacks:
        return OwnCallBacks(self.core, self.seats, self.acd, self.calls_dialled_by_agents, self.store)

    # The centre as a whole

    @cached_property
    def campaign_control(self) -> Campaigns:
        return Campaigns(
            self.core,
            self.active_alerts,
            self.campaign_runs,
            self.polling_days,
            self.store,
            self.dependencies.flows,
            self.call_placing,
            self.clock_guard,
        )

    @cached_property
    def headquarters_orders(self) -> HeadquartersOrders:
        return HeadquartersOrders(self.core, self.active_alerts, self.store, self.campaign_control)

    @cached_property
    def user_accounts(self) -> Users:
        return Users(self.store, self.core.clock, lambda: self.core.plan.users)

    @cached_property
    def roll_import(self) -> RollImport:
        return RollImport(
            self.core,
            self.campaign_runs,
            self.polling_days,
            self.turnout_figures,
            self.roll_import_state,
            self.dependencies,
            self.voter_marks,
            self.call_eligibility,
        )

    @cached_property
    def settings_reload(self) -> SettingsReload:
        use_plan = (
            self.trunk_service.apply_current_settings,
            self.call_eligibility.apply_current_settings,
            self.supervision.apply_current_settings,
        )
        return SettingsReload(
            self.core,
            self.live_calls,
            self.polling_days,
            self.roll_import_state,
            self.dependencies,
            self.campaign_control,
            self.agent_log_ins,
            use_plan,
        )

    @cached_property
    def call_reconciler(self) -> Reconciler:
        return Reconciler(
            self.core,
            self.asterisk_servers,
            self.live_calls,
            self.seats,
            self.campaign_runs,
            self.store,
            self.switch,
            self.inbound_calls,
            self.retry_schedule,
        )

    @cached_property
    def housekeeping(self) -> Housekeeping:
        return Housekeeping(
            self.core,
            self.active_alerts,
            self.campaign_runs,
            self.seats,
            self.number_memory,
            self.call_eligibility,
            self.store,
        )

    @cached_property
    def command_services(self) -> Services:
        return Services(
            campaigns=self.campaign_control,
            seats=self.agent_log_ins,
            messages=self.supervisor_messages,
            previews=self.calls_dialled_by_agents,
            dispositions=self.dispositions,
            booth_workers=self.booth_workers,
            transfers=self.transfer_service,
            recordings=self.call_recorder,
            supervision=self.supervision,
            records=self.external_records,
            users=self.user_accounts,
            headquarters=self.headquarters_orders,
            settings=self.settings_reload,
            roll_import=self.roll_import,
        )
