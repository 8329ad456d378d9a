"""The only wiring: settings in, a running centre out. Nothing else in the project joins the rooms together."""

from __future__ import annotations

import asyncio
import gc
import random
import shutil
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from config.campaigns import Campaign
from config.jurisdiction import Profile
from config.lines import Carrier
from config.settings import Settings
from config.site_rules import abandoned_caps, site_profile
from dialer.agi_routes import AgiRoutes
from dialer.clock import Clock, SystemClock
from dialer.ear import EarRole, SupervisorPhone
from dialer.engine.engine import CampaignPlan, Engine, EnginePlan
from dialer.engine.inbound import InboundPlan, InboundRoute
from dialer.engine.seat_desk import FloorRules
from dialer.engine.state import CampaignSpec, Centre
from dialer.errors import SwitchError
from dialer.flow_reload import reload_on_hang_up
from dialer.flow_service import FlowService
from dialer.flow_services import RecordingRules
from dialer.help import TransferTarget
from dialer.inbound_service import InboundService
from dialer.log_ins import AgentAccount
from dialer.loop_lag import LoopLag
from dialer.model import CampaignKind, InboundMode, MachineDetection
from dialer.monitor.broker_link import BrokerSettings
from dialer.monitor.monitor import Monitor
from dialer.monitor.opt_outs import ForeignOptOut
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap
from dialer.polling_day.site import polling_plan
from dialer.prompts import SitePrompts, site_prompts
from dialer.roll.phone_numbers import plain_number
from dialer.rules.gate import Gate
from dialer.rules.retries import RetryRules
from dialer.rules.rulebook import campaign_rules, polls_of, rulebook_of
from dialer.scripts.runner import ScriptRules, script_of
from dialer.seat_service import SeatService
from dialer.store.port import Store
from dialer.store.sqlite import open_store
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.ami_client import AmiClient, AmiLimits, AmiLogin
from dialer.switch.asterisk.ami_link import AmiLink, Backoff
from dialer.switch.asterisk.ami_rights import check_rights
from dialer.switch.asterisk.tracker import EVENTS
from dialer.switch.routed import without_asterisk
from dialer.trunk_health import RestRules
from dialer.trunks import TrunkLimits
from ivr_flows.catalogue import FlowLibrary

if TYPE_CHECKING:
    from dialer.twilio_carrier import TwilioCarrier

_log = structlog.get_logger(__name__)

ANNOUNCEMENT_SECONDS = 10.0  # the longest that it may take to say that the call is recorded
LONGEST_WAIT_SECONDS = (
    3.0  # between tries to reach Asterisk: seats and calls are to be known again within 5 s of its coming back
)
_NO_TWILIO = "twilio is enabled, but not installed: pip install 'matdan[twilio]'"
PROBE_SECONDS = 1.0  # a Ping so often tells a link that is half open in time (`placing.UNANSWERED_SECONDS`)
_MINUTE = 60.0
_HOUR = 3600.0


def engine_plan(settings: Settings, profile: Profile) -> EnginePlan:
    """What the engine is told, from a site's settings and the rules that hold there."""
    return EnginePlan(
        owner=f"{settings.centre.id}@{socket.gethostname()}",
        organisation=settings.centre.organisation,
        campaigns=tuple(_campaign_plan(campaign, settings, profile) for campaign in settings.campaigns),
        seats=tuple((seat.name, seat.endpoint, frozenset(seat.languages)) for seat in settings.seats),
        trunks=tuple(
            TrunkLimits(trunk.name, trunk.endpoint, trunk.channels, trunk.calls_per_second, trunk.caller_ids)
            for trunk in settings.trunks
        ),
        gate=Gate(rulebook_of(profile, settings)),
        drain_seconds=settings.dialling.drain_seconds,
        transfers=tuple(
            TransferTarget(each.name, each.endpoint, each.number, each.trunk, each.ring_seconds)
            for each in settings.transfers
        ),
        supervisors=tuple(
            SupervisorPhone(each.name, each.endpoint, EarRole(each.role.value)) for each in settings.supervisors
        ),
        polling=polling_plan(settings, polls_of(settings)),
        agents=tuple(
            AgentAccount(
                agent.number, agent.pin.get_secret_value(), frozenset(agent.languages), frozenset(agent.skills)
            )
            for agent in settings.agents
        ),
        floor=FloorRules(
            settings.floor.wrong_pins, settings.floor.lock_minutes * _MINUTE, settings.floor.pause_reasons
        ),
        rest=RestRules(**settings.trunk_rest.model_dump()),
        inbound=InboundPlan(
            settings.inbound.channels,
            settings.inbound.call_back_seconds,
            tuple(
                InboundRoute(each.number, InboundMode(each.mode.value), each.campaign, each.flow)
                for each in settings.inbound.numbers
            ),
        ),
    )


def _campaign_plan(campaign: Campaign, settings: Settings, profile: Profile) -> CampaignPlan:
    trunks = settings.trunks_of(campaign)
    caps = [Cap(*cap) for cap in abandoned_caps(campaign, profile)]
    return CampaignPlan(
        spec=CampaignSpec(
            campaign_id=campaign.id,
            kind=CampaignKind(campaign.kind.value),
            trunks=trunks,
            channels=campaign.channels,
            flow=campaign.flow,
            ring_seconds=campaign.ring_seconds,
            minimum_ring_seconds=profile.ring.minimum_seconds,
            wrap_up_seconds=campaign.wrap_up_seconds,
            connect_limit_seconds=campaign.connect_limit_seconds,
            hours=tuple((hours.start, hours.until) for hours in campaign.hours),
            retries=RetryRules(
                max_attempts=campaign.max_attempts,
                busy_seconds=campaign.busy_retry_minutes * _MINUTE,
                no_answer_seconds=campaign.no_answer_retry_minutes * _MINUTE,
                other_seconds=campaign.other_retry_minutes * _MINUTE,
                abandoned_lock_seconds=campaign.abandoned_lock_hours * _HOUR,
            ),
            record=campaign.record,
            announcement_seconds=ANNOUNCEMENT_SECONDS if campaign.record and settings.recordings.prompt else 0.0,
            skill=campaign.skill,
            machine_detection=MachineDetection(campaign.machine_detection.value),
            machine_message=campaign.machine_message,
        ),
        rules=campaign_rules(campaign, settings, recording=None),
        pacer=make_pacer(campaign.policy.value, caps=caps, connect_seconds=campaign.connect_limit_seconds),
    )


def flows_of(settings: Settings) -> set[str]:
    """Names or files of the flows that a site uses."""
    named = [campaign.flow for campaign in settings.campaigns] + [each.flow for each in settings.inbound.numbers]
    return {flow for flow in named if flow is not None}


def broker_settings(settings: Settings) -> BrokerSettings:
    """Where the broker is and who we are there."""
    broker = settings.broker
    return BrokerSettings(
        host=broker.host,
        port=broker.port,
        username=broker.username,
        password=broker.password.get_secret_value() if broker.password is not None else None,
        tls=ssl.create_default_context() if broker.tls else None,
    )


def ami_login(settings: Settings) -> AmiLogin:
    """Where Asterisk's manager is and who we are there."""
    ami = settings.ami
    return AmiLogin(ami.host, ami.port, ami.username, ami.secret.get_secret_value())


def recording_rules(settings: Settings) -> RecordingRules | None:
    """Where callers' messages are kept; None where the site does not record."""
    flows = settings.flows
    return RecordingRules(flows.recording_directory, flows.recording_format) if flows.recordings else None


def script_rules(settings: Settings) -> ScriptRules:
    """What AGI scripts may use."""
    flows = settings.flows
    return ScriptRules(flows.script_seconds, flows.script_memory_megabytes, flows.script_user, flows.script_errors)


def room_on_disk(settings: Settings) -> Callable[[], bool]:
    """Whether the disk of the store has more free space than the reserve."""
    directory = settings.store.path.resolve().parent
    reserve = settings.store.reserve_megabytes * 1024 * 1024
    return lambda: shutil.disk_usage(directory).free > reserve


@dataclass(frozen=True, slots=True)
class RunningCentre:
    """A centre with everything joined, not yet dialling: `await run(stop)` dials until the stop."""

    engine: Engine
    store: Store
    monitor: Monitor | None
    agi_port: int
    twilio_port: int | None  # of the webhooks
    _link: Callable[[], AbstractAsyncContextManager[object]]
    _lag: LoopLag
    _prompts: SitePrompts | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Dial until `stop`, drain, and announce the last results. Raises what ended the engine, if not the stop."""
        stop_monitor = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            if self.monitor is not None:
                group.create_task(self.monitor.run(stop_monitor), name="monitor")
            beside = [group.create_task(self._lag.run(), name="loop-lag")]
            if self._prompts is not None:
                beside.append(group.create_task(self._prompts.run(), name="prompts"))
            try:
                async with self._link():
                    await self.engine.run(stop)
            finally:
                stop_monitor.set()
                for task in beside:
                    task.cancel()


@asynccontextmanager
async def running_centre(
    settings: Settings,
    *,
    clock: Clock | None = None,
    chance: random.Random | None = None,
    broker: BrokerSettings | None = None,
    profile: Profile | None = None,
) -> AsyncIterator[RunningCentre]:
    """Open the store, listen for flows, and make the engine. Nothing is dialled before `RunningCentre.run`.

    `broker` stands in for the settings' own, `profile` for that of their jurisdiction where no real line is dialled.

    Raises MatdanError with one clear line for whatever is missing: the store, a flow, the catalogue, a port.
    """
    clock = clock or SystemClock()
    chance = chance or random.SystemRandom()
    profile = profile or site_profile(settings)
    flows = FlowLibrary([source for source in sorted(flows_of(settings)) if script_of(source) is None])
    prompts = site_prompts(settings, clock)
    if prompts is not None:
        await prompts.refresh()
    store = await open_store(settings.store.path)
    try:
        async with AsyncExitStack() as stack:
            carrier = _twilio(settings, store, clock)
            if carrier is not None:
                stack.push_async_callback(carrier.close)
            may_play = prompts.may_play if prompts is not None else None
            engine, switch, lag = _engine(settings, profile, store, flows, clock, carrier)
            stack.callback(switch.close)
            secret = settings.rules.opt_out_secret
            await store.hash_numbers(None if secret is None else secret.get_secret_value().encode())
            await engine.prepare()
            if carrier is not None:
                await stack.enter_async_context(carrier.serving(engine, flows, may_play))
            limits = AgiLimits(connections=settings.fastagi.max_connections)
            sms = carrier.sms if carrier is not None else None
            routes = AgiRoutes(
                {
                    "flow": FlowService(
                        engine,
                        prompts.for_call if prompts is not None else None,
                        recording=recording_rules(settings),
                        sms=sms,
                        scripts=script_rules(settings),
                        attempt_of=switch.attempt_of,
                    ),
                    "inbound": InboundService(
                        engine, switch, lambda number: plain_number(number, settings.centre.region)
                    ),
                    "seat": SeatService(engine.seat_desk, settings.centre.language),
                }
            )
            agi_server = await stack.enter_async_context(
                AgiServer(routes, limits, host=settings.fastagi.host, port=settings.fastagi.port)
            )
            monitor = None
            if settings.broker.enabled:
                monitor = Monitor(
                    settings.centre.id,
                    broker or broker_settings(settings),
                    engine,
                    store,
                    clock,
                    raise_alert=engine.take_alert,
                    chance=chance,
                    keep_opt_out=_opt_out_keeper(engine) if secret is not None else None,
                )
            link: Callable[[], AbstractAsyncContextManager[object]]
            if carrier is not None and not needs_asterisk(settings):
                link = partial(_without_asterisk, engine, carrier)
            else:
                link = partial(_link, settings, switch, chance)
            twilio_port = carrier.port if carrier is not None else None
            yield RunningCentre(engine, store, monitor, agi_server.port, twilio_port, link, lag, prompts)
    finally:
        await store.close()


def _opt_out_keeper(engine: Engine) -> Callable[[ForeignOptOut], Awaitable[None]]:
    async def keep(told: ForeignOptOut) -> None:
        await engine.take_opt_out(told.number_hash, at=told.at, centre=told.centre)

    return keep


def needs_asterisk(settings: Settings) -> bool:
    """Whether anything of this site is Asterisk's: a seat, or a trunk."""
    return bool(settings.seats) or not all(trunk.carrier is Carrier.TWILIO for trunk in settings.trunks)


async def twilio_spent(settings: Settings) -> float:
    """What the site's Twilio account has spent today. Raises SwitchError with what is wrong."""
    try:
        from dialer.switch.twilio.api import TwilioApi  # noqa: PLC0415 - an optional extra
        from dialer.twilio_carrier import twilio_login  # noqa: PLC0415
    except ImportError as error:
        raise SwitchError(_NO_TWILIO) from error
    api = TwilioApi(twilio_login(settings))
    try:
        return await api.spent_today()
    finally:
        await api.close()


def _twilio(settings: Settings, store: Store, clock: Clock) -> TwilioCarrier | None:
    if not settings.twilio.enabled:
        return None
    try:
        from dialer.twilio_carrier import TwilioCarrier  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SwitchError(_NO_TWILIO) from error
    return TwilioCarrier(settings, store, clock)


@asynccontextmanager
async def _without_asterisk(engine: Engine, carrier: TwilioCarrier) -> AsyncIterator[None]:
    without_asterisk(engine.on_switch_event, carrier.switch)
    yield


def _engine(
    settings: Settings,
    profile: Profile,
    store: Store,
    flows: FlowLibrary,
    clock: Clock,
    carrier: TwilioCarrier | None,
) -> tuple[Engine, AsteriskSwitch, LoopLag]:
    centre = Centre(settings.centre.id, ZoneInfo(settings.centre.time_zone), clock)
    switch = AsteriskSwitch()
    lag = LoopLag()
    routed = carrier.routed(switch if needs_asterisk(settings) else None) if carrier is not None else None
    engine = Engine(
        engine_plan(settings, profile),
        centre,
        store,
        routed or switch,
        flows,
        has_room=room_on_disk(settings),
        figures=lag.figures,
    )
    switch.deliver_to(routed.merged(engine.on_switch_event) if routed is not None else engine.on_switch_event)
    return engine, switch, lag


def _link(settings: Settings, switch: AsteriskSwitch, chance: random.Random) -> AmiLink:
    login = ami_login(settings)
    seconds = settings.ami.ping_seconds
    limits = AmiLimits(ping_seconds=min(PROBE_SECONDS, seconds), dead_seconds=2 * seconds)
    return AmiLink(
        lambda: AmiClient(login, on_event=switch.event, keep_events=EVENTS, limits=limits),
        on_up=switch.up,
        on_down=switch.down,
        random=chance,
        backoff=Backoff(longest_seconds=LONGEST_WAIT_SECONDS),
    )


async def try_ami(settings: Settings) -> str:
    """Log in to Asterisk once, see that we may do there what we must, and out again; its greeting.

    Raises SwitchError with what is wrong, PermissionMissing with the line of manager.conf to change.
    """
    return await check_rights(ami_login(settings))


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and Ctrl-C ask for an orderly stop; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        if stop.is_set():
            loop.remove_signal_handler(number)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)


async def run_centre(settings: Settings, on_ready: Callable[[RunningCentre], None] | None = None) -> None:
    """Run a site on its real Asterisk until SIGTERM or Ctrl-C. Raises MatdanError for what a person must mend first."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    if needs_asterisk(settings):
        await try_ami(settings)
    async with running_centre(settings) as centre:
        _log.info("centre.ready", centre=settings.centre.id, agi_port=centre.agi_port)
        reload_on_hang_up(centre.engine)
        if on_ready is not None:
            on_ready(centre)
        forget_start()
        await centre.run(stop)


def forget_start() -> None:
    """Take what the start has made (modules, flows, the roll's booths) out of every later garbage collection: a full one over
    it stops the loop for tens of milliseconds, and none of it is ever garbage.
    """
    gc.collect()
    gc.freeze()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def ensure_directory(path: Path) -> Path:
    """The directory, made if it is missing."""
    path.mkdir(parents=True, exist_ok=True)
    return path
