"""The features of the engine, such as seats, trunks and transfers, and their dependencies.

Each property of `Features` builds one feature, once, from the features that it needs. Features cannot depend on each
other in a circle.
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
from dialer.engine.placing.fair_shares import FairShares
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
from dialer.engine.seats.messages import Messages
from dialer.engine.seats.phone_keys import SeatKeys
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
        """Build every feature of the engine now, because some apply the current settings when they are built."""
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
    def transfers_in_progress(self) -> CallTransfers:
        return CallTransfers()

    @cached_property
    def calls_of_unknown_callers(self) -> UnknownCallers:
        return UnknownCallers()

    @cached_property
    def supervisors_monitoring_seats(self) -> Listeners:
        return Listeners()

    @cached_property
    def agent_seats(self) -> Seats:
        return Seats(
            self.core,
            self.asterisk_servers,
            self.live_calls,
            self.transfers_in_progress,
            self.supervisors_monitoring_seats,
        )

    @cached_property
    def loaded_campaigns(self) -> CampaignRuns:
        return CampaignRuns(self.core)

    @cached_property
    def polling_days_of_booths(self) -> Polls:
        return Polls(self.core)

    @cached_property
    def turnout_figures_of_centre(self) -> TurnoutFigures:
        return TurnoutFigures(self.core, self.polling_days_of_booths, self.loaded_campaigns)

    @cached_property
    def recent_calls_and_opt_outs(self) -> NumberMemory:
        return NumberMemory(self.core, self.live_calls)

    @cached_property
    def roll_import_progress(self) -> RollImportState:
        return RollImportState()

    # Store, trunks

    @cached_property
    def retrying_store_writer(self) -> StoreCommits:
        return StoreCommits(self.core, self.active_alerts, self.store, self.dependencies.has_room)

    @cached_property
    def stale_store_detector(self) -> StoreAge:
        return StoreAge(self.core, self.active_alerts, self.store)

    @cached_property
    def trunk_pool(self) -> TrunkPool:
        return TrunkPool((), self.core.clock.monotonic(), self.core.plan.rest)

    @cached_property
    def trunk_health_monitor(self) -> Trunks:
        return Trunks(self.core, self.active_alerts, self.asterisk_servers, self.trunk_pool)

    @cached_property
    def used_channel_counter(self) -> Channels:
        return Channels(self.live_calls, self.transfers_in_progress, self.calls_of_unknown_callers)

    # Agents and voters

    @cached_property
    def calling_rules_checker(self) -> Eligibility:
        return Eligibility(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.loaded_campaigns,
            self.polling_days_of_booths,
            self.recent_calls_and_opt_outs,
            self.dependencies.certified,
        )

    @cached_property
    def call_distributor(self) -> Acd:
        return Acd(
            self.core,
            self.asterisk_servers,
            self.live_calls,
            self.agent_seats,
            self.loaded_campaigns,
            self.calling_rules_checker,
            self.switch,
        )

    @cached_property
    def silent_seat_phone_detector(self) -> SeatSilence:
        timeout = self.core.plan.agent_rules.silence_seconds
        return SeatSilence(self.core, self.live_calls, self.agent_seats, self.switch, self.call_distributor, timeout)

    @cached_property
    def agent_seat_service(self) -> Agents:
        return Agents(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.agent_seats,
            self.loaded_campaigns,
            self.call_distributor,
            self.dependencies,
            self.silent_seat_phone_detector,
        )

    @cached_property
    def seat_phone_key_handler(self) -> SeatKeys:
        return SeatKeys(self.core, self.live_calls, self.agent_seats, self.switch)

    @cached_property
    def screen_pop_reader(self) -> ScreenPops:
        return ScreenPops(self.core, self.agent_seats, self.store)

    @cached_property
    def supervisor_message_sender(self) -> Messages:
        return Messages(self.core, self.agent_seats, self.loaded_campaigns, self.store)

    @cached_property
    def call_transfer_service(self) -> Transfers:
        return Transfers(
            self.core,
            self.asterisk_servers,
            self.transfers_in_progress,
            self.live_calls,
            self.used_channel_counter,
            self.agent_seats,
            self.switch,
            self.call_distributor,
            self.trunk_pool,
        )

    @cached_property
    def seat_monitoring_service(self) -> Supervision:
        return Supervision(self.core, self.supervisors_monitoring_seats, self.agent_seats, self.switch, self.store)

    @cached_property
    def call_recording_service(self) -> Recorder:
        return Recorder(self.core, self.live_calls, self.loaded_campaigns, self.agent_seats, self.switch, self.store)

    @cached_property
    def inbound_call_router(self) -> Inbound:
        return Inbound(
            self.core,
            self.asterisk_servers,
            self.calls_of_unknown_callers,
            self.live_calls,
            self.loaded_campaigns,
            self.store,
            self.trunk_pool,
        )

    # Results

    @cached_property
    def redial_schedule_of_numbers(self) -> RetrySchedule:
        return RetrySchedule(self.core, self.polling_days_of_booths)

    @cached_property
    def ended_call_recorder(self) -> CallEndings:
        return CallEndings(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.loaded_campaigns,
            self.recent_calls_and_opt_outs,
            self.trunk_health_monitor,
            self.redial_schedule_of_numbers,
            self.store,
        )

    @cached_property
    def voter_mark_recorder(self) -> Marks:
        return Marks(
            self.core,
            self.active_alerts,
            self.live_calls,
            self.agent_seats,
            self.loaded_campaigns,
            self.turnout_figures_of_centre,
            self.recent_calls_and_opt_outs,
            self.store,
        )

    @cached_property
    def booth_worker_report_recorder(self) -> BoothWorkers:
        return BoothWorkers(
            self.core,
            self.agent_seats,
            self.polling_days_of_booths,
            self.call_distributor,
            self.store,
            self.voter_mark_recorder,
        )

    @cached_property
    def ivr_flow_service(self) -> FlowService:
        return FlowService(
            self.core,
            self.live_calls,
            self.loaded_campaigns,
            self.polling_days_of_booths,
            self.store,
            self.dependencies.flows,
            self.calling_rules_checker,
            self.call_distributor,
            self.voter_mark_recorder,
            self.booth_worker_report_recorder,
        )

    @cached_property
    def call_disposition_recorder(self) -> Dispositions:
        return Dispositions(
            self.core,
            self.live_calls,
            self.agent_seats,
            self.loaded_campaigns,
            self.dependencies.flows.scripts,
            self.call_distributor,
            self.store,
            self.agent_call_back_scheduler,
            self.voter_mark_recorder,
            self.redial_schedule_of_numbers,
        )

    @cached_property
    def external_record_importer(self) -> ExternalRecords:
        return ExternalRecords(self.store, self.core.clock, self.voter_mark_recorder, self.core.centre_id)

    # Placing calls

    @cached_property
    def wall_clock_guard(self) -> ClockGuard:
        return ClockGuard(self.core, self.active_alerts, self.dependencies.sent_journal)

    @cached_property
    def dialling_permission_checker(self) -> CampaignHolds:
        return CampaignHolds(
            self.core,
            self.asterisk_servers,
            self.switch,
            self.wall_clock_guard,
            self.stale_store_detector,
            self.retrying_store_writer,
            self.calling_rules_checker,
            self.polling_days_of_booths,
            self.agent_seats,
        )

    @cached_property
    def seat_reservations_for_calls(self) -> ReservedSeats:
        return ReservedSeats(
            self.core,
            self.asterisk_servers,
            self.live_calls,
            self.agent_seats,
            self.loaded_campaigns,
            self.call_distributor,
        )

    @cached_property
    def number_reservation_service(self) -> Hoppers:
        return Hoppers(
            self.core,
            self.polling_days_of_booths,
            self.turnout_figures_of_centre,
            self.store,
            self.dependencies.has_room,
        )

    @cached_property
    def call_originator(self) -> Originator:
        return Originator(
            self.core,
            self.dependencies,
            self.active_alerts,
            self.asterisk_servers,
            self.live_calls,
            self.agent_seats,
            self.polling_days_of_booths,
            self.used_channel_counter,
            self.dialling_permission_checker,
            self.calling_rules_checker,
            self.trunk_pool,
            self.seat_reservations_for_calls,
        )

    @cached_property
    def shares_of_agent_time(self) -> FairShares:
        return FairShares()

    @cached_property
    def pacing_input_collector(self) -> Snapshots:
        return Snapshots(
            self.core,
            self.asterisk_servers,
            self.trunk_pool,
            self.agent_seats,
            self.live_calls,
            self.loaded_campaigns,
            self.shares_of_agent_time,
        )

    @cached_property
    def campaign_call_placer(self) -> Placing:
        return Placing(
            self.core,
            self.active_alerts,
            self.asterisk_servers,
            self.live_calls,
            self.used_channel_counter,
            self.loaded_campaigns,
            self.dialling_permission_checker,
            self.trunk_health_monitor,
            self.pacing_input_collector,
            self.shares_of_agent_time,
            self.agent_seats,
            self.number_reservation_service,
            self.call_originator,
            self.seat_reservations_for_calls,
        )

    @cached_property
    def agent_dialling_service(self) -> OwnCalls:
        return OwnCalls(
            self.core,
            self.live_calls,
            self.agent_seats,
            self.loaded_campaigns,
            self.call_distributor,
            self.dialling_permission_checker,
            self.number_reservation_service,
            self.call_originator,
        )

    @cached_property
    def agent_call_back_scheduler(self) -> OwnCallBacks:
        return OwnCallBacks(self.core, self.agent_seats, self.call_distributor, self.agent_dialling_service, self.store)

    # The centre as a whole

    @cached_property
    def campaign_control_service(self) -> Campaigns:
        return Campaigns(
            self.core,
            self.active_alerts,
            self.loaded_campaigns,
            self.polling_days_of_booths,
            self.store,
            self.dependencies.flows,
            self.campaign_call_placer,
            self.wall_clock_guard,
        )

    @cached_property
    def headquarters_order_executor(self) -> HeadquartersOrders:
        return HeadquartersOrders(self.core, self.active_alerts, self.store, self.campaign_control_service)

    @cached_property
    def user_account_service(self) -> Users:
        return Users(self.store, self.core.clock, lambda: self.core.plan.users)

    @cached_property
    def electoral_roll_importer(self) -> RollImport:
        return RollImport(
            self.core,
            self.loaded_campaigns,
            self.polling_days_of_booths,
            self.turnout_figures_of_centre,
            self.roll_import_progress,
            self.dependencies,
            self.voter_mark_recorder,
            self.calling_rules_checker,
        )

    @cached_property
    def settings_reloader(self) -> SettingsReload:
        use_plan = (
            self.trunk_health_monitor.apply_settings_of_trunks,
            self.calling_rules_checker.apply_calling_rules_of_settings,
            self.seat_monitoring_service.apply_settings_of_supervisors,
        )
        return SettingsReload(
            self.core,
            self.live_calls,
            self.polling_days_of_booths,
            self.roll_import_progress,
            self.dependencies,
            self.campaign_control_service,
            self.agent_seat_service,
            use_plan,
        )

    @cached_property
    def call_reconciler(self) -> Reconciler:
        return Reconciler(
            self.core,
            self.asterisk_servers,
            self.live_calls,
            self.agent_seats,
            self.loaded_campaigns,
            self.store,
            self.switch,
            self.inbound_call_router,
            self.redial_schedule_of_numbers,
        )

    @cached_property
    def periodic_housekeeping_jobs(self) -> Housekeeping:
        return Housekeeping(
            self.core,
            self.active_alerts,
            self.loaded_campaigns,
            self.agent_seats,
            self.recent_calls_and_opt_outs,
            self.calling_rules_checker,
            self.store,
        )

    @cached_property
    def services_that_execute_commands(self) -> Services:
        return Services(
            campaigns=self.campaign_control_service,
            seats=self.agent_seat_service,
            messages=self.supervisor_message_sender,
            previews=self.agent_dialling_service,
            dispositions=self.call_disposition_recorder,
            booth_workers=self.booth_worker_report_recorder,
            transfers=self.call_transfer_service,
            recordings=self.call_recording_service,
            supervision=self.seat_monitoring_service,
            records=self.external_record_importer,
            users=self.user_account_service,
            headquarters=self.headquarters_order_executor,
            settings=self.settings_reloader,
            roll_import=self.electoral_roll_importer,
        )
