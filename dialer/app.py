"""The only wiring: settings in, a running centre out. Nothing else in the project joins the rooms together."""

from __future__ import annotations

import asyncio
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

from config.errors import MatdanError
from config.jurisdiction import Profile
from config.settings import Campaign, Carrier, Settings
from config.site_rules import abandoned_caps, site_profile
from dialer.agi_routes import AgiRoutes
from dialer.clock import Clock, SystemClock
from dialer.commands import ReloadFlows
from dialer.engine.engine import CampaignPlan, Engine, EnginePlan
from dialer.engine.seat_desk import FloorRules
from dialer.engine.state import CampaignSpec, Centre
from dialer.errors import SwitchError
from dialer.flow_service import FlowService
from dialer.flow_services import RecordingRules
from dialer.log_ins import AgentAccount
from dialer.loop_lag import LoopLag
from dialer.model import CampaignKind, MachineDetection
from dialer.monitor.broker_link import BrokerSettings
from dialer.monitor.monitor import Monitor
from dialer.monitor.opt_outs import ForeignOptOut
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap
from dialer.polling_day.site import polling_plan
from dialer.rules.gate import Gate
from dialer.rules.retries import RetryRules
from dialer.rules.rulebook import campaign_rules, polls_of, rulebook_of
from dialer.seat_service import SeatService
from dialer.store.port import Store
from dialer.store.sqlite import open_store
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.ami_client import AmiClient, AmiLimits, AmiLogin
from dialer.switch.asterisk.ami_link import AmiLink
from dialer.switch.asterisk.ami_rights import check_rights
from dialer.switch.asterisk.tracker import EVENTS
from dialer.switch.routed import without_asterisk
from dialer.trunk_health import RestRules
from dialer.trunks import TrunkLimits
from dialer.view import Alert, AlertLevel
from ivr_flows.catalogue import FlowLibrary

if TYPE_CHECKING:
    from dialer.twilio_carrier import TwilioCarrier

_log = structlog.get_logger(__name__)

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
            skill=campaign.skill,
            machine_detection=MachineDetection(campaign.machine_detection.value),
            machine_message=campaign.machine_message,
        ),
        rules=campaign_rules(campaign, settings, recording=None),
        pacer=make_pacer(campaign.policy.value, caps=caps, connect_seconds=campaign.connect_limit_seconds),
    )


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

    async def run(self, stop: asyncio.Event) -> None:
        """Dial until `stop`, drain, and announce the last results. Raises what ended the engine, if not the stop."""
        stop_monitor = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            if self.monitor is not None:
                group.create_task(self.monitor.run(stop_monitor), name="monitor")
            lag = group.create_task(self._lag.run(), name="loop-lag")
            try:
                async with self._link():
                    await self.engine.run(stop)
            finally:
                stop_monitor.set()
                lag.cancel()


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

    Raises MatdanError with one clear line for whatever is missing: the store, a flow, a port.
    """
    clock = clock or SystemClock()
    chance = chance or random.SystemRandom()
    profile = profile or site_profile(settings)
    flows = FlowLibrary([campaign.flow for campaign in settings.campaigns if campaign.flow])
    store = await open_store(settings.store.path)
    try:
        async with AsyncExitStack() as stack:
            carrier = _twilio(settings, store, clock)
            if carrier is not None:
                stack.push_async_callback(carrier.close)
            engine, switch, lag = _engine(settings, profile, store, flows, clock, carrier)
            stack.callback(switch.close)
            secret = settings.rules.opt_out_secret
            await store.hash_numbers(None if secret is None else secret.get_secret_value().encode())
            await engine.prepare()
            if carrier is not None:
                await stack.enter_async_context(carrier.serving(engine, flows))
            limits = AgiLimits(connections=settings.fastagi.max_connections)
            sms = carrier.sms if carrier is not None else None
            routes = AgiRoutes(
                {
                    "flow": FlowService(engine, recording=recording_rules(settings), sms=sms),
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
            yield RunningCentre(engine, store, monitor, agi_server.port, twilio_port, link, lag)
    finally:
        await store.close()


def _opt_out_keeper(engine: Engine) -> Callable[[ForeignOptOut], Awaitable[None]]:
    async def keep(told: ForeignOptOut) -> None:
        await engine.take_opt_out(told.number_hash, at=told.at, centre=told.centre)

    return keep


def needs_asterisk(settings: Settings) -> bool:
    """Whether anything of this site is Asterisk's: a seat, or a trunk."""
    return bool(settings.seats) or not all(trunk.carrier is Carrier.TWILIO for trunk in settings.trunks)


def _twilio(settings: Settings, store: Store, clock: Clock) -> TwilioCarrier | None:
    if not settings.twilio.enabled:
        return None
    try:
        from dialer.twilio_carrier import TwilioCarrier  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SwitchError("twilio is enabled, but not installed: pip install 'matdan[twilio]'") from error
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


def reload_on_hang_up(engine: Engine) -> None:
    """SIGHUP reads the flows again, for the next call. Flows that are wrong change nothing, and an alert says why."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def ask() -> None:
        task = loop.create_task(reload_flows(engine), name="reload-flows")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, ask)


async def reload_flows(engine: Engine) -> None:
    """Read the flows again; an alert stands for as long as they are wrong."""
    try:
        done = await engine.execute(ReloadFlows())
    except MatdanError as error:
        engine.take_alert(Alert("flows", AlertLevel.WARNING, f"flows not reloaded: {error}", engine.view().at))
    else:
        _log.info("flows.reloaded", what=done)
        engine.take_alert(Alert("flows", AlertLevel.WARNING, done, engine.view().at, cleared=True))


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
        await centre.run(stop)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def ensure_directory(path: Path) -> Path:
    """The directory, made if it is missing."""
    path.mkdir(parents=True, exist_ok=True)
    return path
