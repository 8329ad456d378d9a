"""The only wiring: settings in, a running centre out. Nothing else in the project joins the rooms together."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import random
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from dialer.audio.playlist import PlaylistReader
from dialer.audio.words import load_all_words
from dialer.deploy.asterisk.agi_secret import agi_mark, agi_secret
from dialer.deploy.asterisk.events import EVENTS
from dialer.domain.backoff import Backoff
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.engine.call_flows.service import SCRIPT
from dialer.engine.centre import Centre
from dialer.engine.engine import Engine
from dialer.engine.plan import CertifiedBy, Outside
from dialer.flows.catalogue import FlowLibrary
from dialer.flows.model import Offer, offers_allowed
from dialer.flows.prompts import SitePrompts, labels_synthetic, playlist_reader, site_prompts
from dialer.flows.script import ScriptLibrary
from dialer.flows.texts import texts_with
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.link import Presence, refuse_beside_twin
from dialer.mqtt.monitor import Monitor
from dialer.mqtt.topics import encode
from dialer.roll.phone_numbers import plain_number
from dialer.settings.boxes import ONLY, boxes_of, house_phones
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_zone
from dialer.site.certificates import SiteCertificates
from dialer.site.content import refuse_content
from dialer.site.open_files import raise_limit, too_few
from dialer.site.plan import (
    ami_login,
    broker_settings,
    engine_plan,
    fixed_senders,
    flows_of,
    lines_as_before,
    needs_asterisk,
    recording_rules,
    script_rules,
    scripts_of,
    senders_of,
)
from dialer.site.reread import MadeOfSettings, Part, SettingsFile, of_flows, settings_told
from dialer.site.service import told_to_systemd
from dialer.store.keys import site_key
from dialer.store.sent_journal import SentJournal, journal_beside
from dialer.store.spool import Spool
from dialer.store.sqlite import Store, open_store
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.agi_server import LOOPBACK, AgiLimits, AgiRoutes, AgiServer, addresses_of
from dialer.switch.asterisk.ami_client import AmiClient, ami_link
from dialer.switch.asterisk.ami_rights import check_rights
from dialer.switch.asterisk.ami_session import AmiLimits
from dialer.switch.asterisk.boxes import BoxedSwitch
from dialer.switch.asterisk.fastagi.door import SiteDoor
from dialer.switch.asterisk.fastagi.flow_handler import AgiFlowRules, FlowHandler
from dialer.switch.asterisk.fastagi.inbound_handler import InboundHandler
from dialer.switch.asterisk.fastagi.log_in_handler import LogInHandler
from dialer.switch.asterisk.lease import SwitchLease, refuse_beside_another
from dialer.switch.asterisk.scripts.containment import ScriptRules, check_containment, describe_containment
from dialer.switch.asterisk.scripts.runner import script_of
from dialer.switch.routed import without_asterisk
from dialer.switch.twilio import NO_TWILIO

if TYPE_CHECKING:
    from dialer.switch.twilio.carrier import TwilioCarrier

from collections import deque

from dialer.domain.view import Alert, AlertLevel
from dialer.engine.campaigns.commands import ReloadFlows, ReloadSettings
from dialer.errors import MatdanError

# SIGHUP reads settings and flows again.


def reload_on_hang_up(engine: Engine) -> None:
    """SIGHUP reads settings and flows again, for the next call. What is wrong changes nothing, and an alert says why."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def ask() -> None:
        task = loop.create_task(reload_site(engine), name="reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, ask)


async def reload_site(engine: Engine) -> None:
    """Read the settings and the flows again; an alert stands for as long as either is wrong."""
    for what, command in (("settings", ReloadSettings()), ("flows", ReloadFlows())):
        try:
            done = await engine.execute(command)
        except MatdanError as error:
            engine.take_alert(Alert(what, AlertLevel.WARNING, f"{what} not reloaded: {error}", engine.view().at))
        else:
            _log.info(f"{what}.reloaded", what=done)
            engine.take_alert(Alert(what, AlertLevel.WARNING, done, engine.view().at, cleared=True))


# How late the event loop runs what is due: the one figure that says whether this process keeps up.

LAG_PROBE_SECONDS = 0.25  # twenty a second cost an idle centre a quarter of its CPU
KEPT = 240  # a minute of probes


class LoopLag:
    """Probes the loop; `figures` gives the last minute's lag."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Probe until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PROBE_SECONDS
            await asyncio.sleep(LAG_PROBE_SECONDS)
            self._lags.append(loop.time() - due)

    def figures(self) -> dict[str, float]:
        """Seconds: `loop_lag_median_seconds` and `loop_lag_p99_seconds`; empty before the first probe."""
        if not self._lags:
            return {}
        ordered = sorted(self._lags)
        return {
            "loop_lag_median_seconds": max(0.0, ordered[len(ordered) // 2]),
            "loop_lag_p99_seconds": max(0.0, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]),
        }


_log = structlog.get_logger(__name__)

# Between tries to reach Asterisk: seats and calls are to be known again within 5 s of its coming back.
LONGEST_WAIT_SECONDS = 3.0
GIVE_BACK_SECONDS = 600.0  # free memory, to the system
PROBE_SECONDS = 1.0  # a Ping so often tells a link that is half open in time (`eligibility.UNANSWERED_SECONDS`)


async def give_back_memory() -> None:
    """Let the system have again what malloc holds free, every ten minutes until cancelled; nothing where the C library cannot.

    SQLite's pages and Python's larger objects leave gaps in glibc's heap that are seldom filled again: at 25 call starts a second a
    dialler took 3.8 MB an hour more, with nothing more in use (`bench/bench_soak.py`).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(GIVE_BACK_SECONDS)
        await asyncio.to_thread(trim, 0)


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
    link: Callable[[], AbstractAsyncContextManager[object]]  # to the switch, for as long as it dials
    lag: LoopLag
    prompts: SitePrompts | None
    name: DiallerName

    async def run(self, stop: asyncio.Event) -> None:
        """Dial until `stop`, drain, and announce the last results. Raises what ended the engine, if not the stop."""
        stop_monitor = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            if self.monitor is not None:
                group.create_task(self.monitor.run(stop_monitor), name="monitor")
            beside = [
                group.create_task(self.lag.run(), name="loop-lag"),
                group.create_task(give_back_memory(), name="memory"),
            ]
            if self.prompts is not None:
                beside.append(group.create_task(self.prompts.run(), name="prompts"))
            try:
                async with self.link():
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
    certified: CertifiedBy | None = None,
    reader: PlaylistReader | None = None,
    refuse: Callable[[Settings, Profile], None] | None = None,
) -> AsyncIterator[RunningCentre]:
    """Open the store, listen for flows, and make the engine. Nothing is dialled before `RunningCentre.run`.

    `broker` stands in for the settings' own; where no real line is dialled, `profile` for that of their jurisdiction and
    `certified` for what their catalogue's certificates cover. `reader` has read the catalogue already; `refuse` raises MatdanError
    for settings that are read later and must not be dialled with.

    Raises MatdanError with one clear line for whatever is missing: the store, a flow, the catalogue, a port.
    """
    clock = clock or SystemClock()
    chance = chance or random.SystemRandom()
    given, profile = profile, profile or site_profile(settings)
    flows = _flows(settings, offers_allowed(profile))
    prompts = site_prompts(settings, profile, clock, lambda: flows.texts, reader)
    if prompts is not None:
        await prompts.refresh()
    weights, wrong_list = await _weights(settings)
    store = await open_store(settings.store.path, encode=encode, key=site_key(settings))
    try:
        async with AsyncExitStack() as stack:
            carrier = _twilio(settings, store, clock)
            if carrier is not None:
                stack.push_async_callback(carrier.close)
            certified = certified or SiteCertificates(
                prompts, lambda flow: None if flow.startswith(SCRIPT) else flows.current(flow)
            )
            name, lag = DiallerName.of_this_process(settings.store.path, clock.now()), LoopLag()
            secret = _secret(settings)
            asterisks, switch = _asterisks(settings, name, agi_mark(secret))
            parts = [of_flows(flows), *_of_boxes(switch)]
            reread = SettingsFile(settings, profile, MadeOfSettings(parts, weights, given, refuse))
            engine = _engine(settings, profile, store, flows, clock, carrier, certified, switch, lag, name, reread)
            stack.callback(switch.close)
            await _tell_store(settings, store, weights, clock.now())
            await engine.prepare(lines_as_before(settings, await store.changed_since_open()))
            if wrong_list is not None:
                engine.take_alert(Alert("weights", AlertLevel.WARNING, wrong_list, clock.now()))
            if carrier is not None:
                label = labels_synthetic(settings, profile)
                await stack.enter_async_context(carrier.serving(engine, flows, prompts, label=label))
            routes = _agi_routes(settings, engine, switch, flows, prompts, carrier, await _contained(settings))
            agi_server = await stack.enter_async_context(
                _agi_serving(settings, routes, SiteDoor(secret, engine.take_alert, clock))
            )
            yield RunningCentre(
                engine=engine,
                store=store,
                monitor=_monitor(settings, broker, engine, store, clock, chance, name, parts),
                agi_port=agi_server.port,
                twilio_port=carrier.port if carrier is not None else None,
                link=partial(_linked, settings, engine, asterisks, carrier, chance),
                lag=lag,
                prompts=prompts,
                name=name,
            )
    finally:
        await store.close()


def _secret(settings: Settings) -> str:
    manager = settings.ami.secret  # none: no Asterisk is ours, and nobody is let in
    return agi_secret(secrets.token_hex() if manager is None else manager.get_secret_value())


async def _weights(settings: Settings) -> tuple[dict[str, str], str | None]:
    """What `take_new_weights` says of headquarters' lists."""
    folder = settings.headquarters.weights_folder
    if folder is None:
        return {}, None
    from dialer.roll.weights import take_new_weights  # noqa: PLC0415 - reads spreadsheets, and few starts do

    taken, wrong = await asyncio.to_thread(take_new_weights, folder, settings.store.path, key=site_key(settings))
    return taken, None if wrong is None else f"voters' weights were not taken: {wrong}"


async def _tell_store(settings: Settings, store: Store, weights: Mapping[str, str], at: float) -> None:
    """Tell the store what the settings say that it keeps by."""
    await store.settings_changed({**settings_told(settings), **weights}, at)
    await store.hash_numbers(settings.rules.secrets())
    hq = settings.headquarters
    await store.keep_for_headquarters(None if hq.user is None else hq.outbox_megabytes << 20)


async def _contained(settings: Settings) -> ScriptRules:
    """Return what AGI scripts may use. Raises FlowError where the site has some and this machine cannot contain them."""
    rules = script_rules(settings)
    scripts = [script for flow in flows_of(settings) if (script := script_of(flow)) is not None]
    if scripts:
        await asyncio.to_thread(check_containment, rules, scripts)
        _log.info("scripts.contained", how=describe_containment(rules))
    return rules


def _flows(settings: Settings, may_offer: frozenset[Offer]) -> FlowLibrary:
    """The flows of a site, and the scripts of its agents. Raises FlowError for the first that is wrong."""
    sources = [source for source in sorted(flows_of(settings)) if script_of(source) is None]
    scripts = ScriptLibrary(scripts_of(settings), may_offer)
    read_texts = partial(texts_with, settings.flows.texts)
    return FlowLibrary(sources, read_texts(), may_offer, scripts, read_texts)


def _asterisks(
    settings: Settings, name: DiallerName, mark: str
) -> tuple[Mapping[str, AsteriskSwitch], AsteriskSwitch | BoxedSwitch]:
    """Each Asterisk of a site by the name of its box, "" where there is one; and all of them as one switch."""
    sites = boxes_of(settings)
    asterisks = {
        box: AsteriskSwitch(SwitchLease(name), mark, site.asterisk.history, box) for box, site in sites.items()
    }
    if ONLY in asterisks:
        return asterisks, asterisks[ONLY]
    return asterisks, BoxedSwitch(asterisks, *_places(settings))


def _of_boxes(switch: AsteriskSwitch | BoxedSwitch) -> Iterator[Part]:
    if isinstance(switch, BoxedSwitch):
        yield lambda settings: partial(switch.know, *_places(settings))


def _places(settings: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """The box of each endpoint, and of each seat by its name."""
    endpoints = {
        endpoint: box
        for box, site in boxes_of(settings).items()
        for endpoint in (
            *(trunk.endpoint for trunk in site.trunks),
            *(seat.endpoint for seat in site.seats),
            *house_phones(site),
        )
    }
    return endpoints, {seat.name: seat.box or ONLY for seat in settings.seats}


def _agi_routes(
    settings: Settings,
    engine: Engine,
    switch: AsteriskSwitch | BoxedSwitch,
    flows: FlowLibrary,
    prompts: SitePrompts | None,
    carrier: TwilioCarrier | None,
    scripts: ScriptRules,
) -> AgiRoutes:
    """Who answers the switch's AGI requests."""
    flow = FlowHandler(
        engine,
        switch,
        lambda: flows.texts,
        prompts.for_call if prompts is not None else None,
        AgiFlowRules(recording_rules(settings), carrier.sms if carrier is not None else None, scripts),
    )
    inbound = InboundHandler(engine, switch, lambda number: plain_number(number, settings.centre.region))
    seat = LogInHandler(engine.seat_desk, switch, settings.centre.language)
    return AgiRoutes({"flow": flow, "inbound": inbound, "seat": seat})


@asynccontextmanager
async def _agi_serving(settings: Settings, routes: AgiRoutes, door: SiteDoor) -> AsyncIterator[AgiServer]:
    limits = AgiLimits(await _agi_peers(settings), connections=settings.fastagi.max_connections)
    try:
        async with AgiServer(
            routes, limits, host=settings.fastagi.host, port=settings.fastagi.port, door=door
        ) as server:
            yield server
    finally:
        door.close()


def _monitor(
    settings: Settings,
    broker: BrokerSettings | None,
    engine: Engine,
    store: Store,
    clock: Clock,
    chance: random.Random,
    name: DiallerName,
    parts: list[Part],
) -> Monitor | None:
    """What speaks to the broker; None: the site has none."""
    if not settings.broker.enabled:
        return None
    ours = broker or broker_settings(settings)
    presence = Presence(settings.centre.id, ours, clock, chance, name, settings.broker.home_assistant)
    senders = senders_of(settings, engine.users.roles, broker_is_ours=broker is not None)
    parts.append(lambda settings: partial(senders.use, fixed_senders(settings)))
    return Monitor(presence, engine, store, senders, hears_opt_outs=bool(settings.rules.secrets()))


@asynccontextmanager
async def _linked(
    settings: Settings,
    engine: Engine,
    asterisks: Mapping[str, AsteriskSwitch],
    carrier: TwilioCarrier | None,
    chance: random.Random,
) -> AsyncIterator[None]:
    """The centre is joined to its switch: while it dials."""
    async with AsyncExitStack() as stack:
        if carrier is not None and not needs_asterisk(settings):
            without_asterisk(engine.on_switch_event, carrier.switch)
        else:
            for box, site in boxes_of(settings).items():
                await stack.enter_async_context(_ami_link(site, asterisks[box], chance))
        yield


def _twilio(settings: Settings, store: Store, clock: Clock) -> TwilioCarrier | None:
    if not settings.twilio.enabled:
        return None
    try:
        from dialer.switch.twilio.carrier import TwilioCarrier  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SwitchError(NO_TWILIO) from error
    return TwilioCarrier(settings, store, clock)


def _engine(
    settings: Settings,
    profile: Profile,
    store: Store,
    flows: FlowLibrary,
    clock: Clock,
    carrier: TwilioCarrier | None,
    certified: CertifiedBy,
    switch: AsteriskSwitch | BoxedSwitch,
    lag: LoopLag,
    name: DiallerName,
    reread: SettingsFile,
) -> Engine:
    """The engine, over Asterisk, Twilio or both, and their events on the way to it."""
    centre = Centre(settings.centre.id, site_zone(settings), clock)
    centre.dialler = name.text
    routed = carrier.routed(switch if needs_asterisk(settings) else None) if carrier is not None else None
    sent = SentJournal(journal_beside(settings.store.path))
    spool = Spool(settings.store.path, site_key(settings))
    room = room_on_disk(settings)
    outside = Outside(
        store,
        routed or switch,
        sent,
        flows,
        certified,
        room,
        lag.figures,
        reread if settings.file.table else None,
        spool,
    )
    engine = Engine(engine_plan(settings, profile), centre, outside)
    first = next(iter(boxes_of(settings)))
    switch.deliver_to(routed.merged(engine.on_switch_event, first) if routed is not None else engine.on_switch_event)
    return engine


async def _agi_peers(settings: Settings) -> tuple[str, ...]:
    """Who may reach our flows: this machine, Asterisk's as it is now, and what the site adds. Raises SwitchError."""
    hosts = [site.ami.host for site in boxes_of(settings).values()] if needs_asterisk(settings) else []
    asterisk = [address for host in hosts for address in await addresses_of(host)]
    return (*LOOPBACK, *asterisk, *settings.fastagi.allowed)


def _ami_link(settings: Settings, switch: AsteriskSwitch, chance: random.Random) -> AbstractAsyncContextManager[None]:
    login = ami_login(settings)
    seconds = settings.ami.ping_seconds
    backoff = Backoff(longest_seconds=LONGEST_WAIT_SECONDS)
    limits = AmiLimits(ping_seconds=min(PROBE_SECONDS, seconds), dead_seconds=2 * seconds)
    return ami_link(
        lambda: AmiClient(login, on_event=switch.event, keep_events=EVENTS, limits=limits),
        on_up=switch.up,
        on_down=switch.down,
        keep=switch.keep,
        wait_seconds=lambda failures: backoff.seconds(failures, chance),
    )


async def try_ami(settings: Settings, name: DiallerName | None = None) -> None:
    """Log in to Asterisk once, see that we may do there what we must, and, as `name`, that no other dialler has it; and out again.
    Of several one that is not reached is left out, if another one is: it comes in when it can.

    Raises SwitchError with what is wrong, PermissionMissing with the line of manager.conf to change.
    """
    away: list[SwitchUnreachable] = []
    boxes = boxes_of(settings)
    for box, site in boxes.items():
        try:
            if name is None:
                await check_rights(ami_login(site))
            else:
                await refuse_beside_another(ami_login(site), name)
        except SwitchUnreachable as error:
            away.append(error)
            if len(away) == len(boxes):
                raise
            _log.warning("box.not-reached", box=box, problem=str(error))


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


async def run_centre(settings: Settings) -> None:
    """Run a site on its real Asterisk until SIGTERM or Ctrl-C. Raises MatdanError for what a person must mend first."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    raise_limit()
    if (few := too_few(settings)) is not None:
        _log.warning("open-files.too-few", problem=few)
    await asyncio.to_thread(load_all_words)
    profile = site_profile(settings)
    reader = None if settings.audio.catalogue is None else playlist_reader(settings, profile)
    await asyncio.to_thread(refuse_content, settings, profile, SystemClock(), reader)
    if needs_asterisk(settings):
        await try_ami(settings)

    def refuse(again: Settings, profile: Profile) -> None:
        refuse_content(again, profile, SystemClock())

    async with running_centre(settings, reader=reader, refuse=refuse) as centre:
        if needs_asterisk(settings):
            await try_ami(settings, centre.name)
        if settings.broker.enabled:
            await refuse_beside_twin(broker_settings(settings), settings.centre.id, centre.name)
        _log.info("centre.ready", centre=settings.centre.id, agi_port=centre.agi_port)
        reload_on_hang_up(centre.engine)
        async with metrics_of(settings, centre), told_to_systemd():
            forget_start()
            await centre.run(stop)


def metrics_of(settings: Settings, centre: RunningCentre) -> AbstractAsyncContextManager[int | None]:
    """What a monitoring server is told, where the settings have it told."""
    if settings.metrics.port is None:
        return nullcontext()
    from dialer.metrics.families import Readiness, of_centre  # noqa: PLC0415 - 60 ms of CPU
    from dialer.metrics.server import serving_metrics  # noqa: PLC0415

    monitor, directory = centre.monitor, settings.store.path.resolve().parent

    def stands() -> Readiness:
        broker_up = None if monitor is None else monitor.broker_up
        return of_centre(centre.engine.view(), broker_up=broker_up, free_bytes=shutil.disk_usage(directory).free)

    return serving_metrics(settings.metrics.host, settings.metrics.port, stands)


def forget_start() -> None:
    """Take what the start has made (modules, flows, the roll's booths) out of every later garbage collection: a full one over
    it stops the loop for tens of milliseconds, and none of it is ever garbage. Nor is it looked for now: of 225,000 objects
    1,250 were.
    """
    gc.freeze()
    gc.enable()  # whoever started us may have put it off until here
