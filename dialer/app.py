"""The assembly of one centre: it creates the store, the engine and the connections from the settings, and runs them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from dialer.audio.playlist import PlaylistReader
from dialer.audio.words import load_spoken_words_of_all_languages
from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.dialler_name import DiallerName
from dialer.engine.call_flows.service import SCRIPT
from dialer.engine.core import Core
from dialer.engine.engine import Engine
from dialer.engine.plan import CertificateLookup, Dependencies
from dialer.flows.audio_settings import make_playlist_reader, requires_notice_before_synthetic_speech
from dialer.flows.library import FlowLibrary
from dialer.flows.prompts import SitePrompts, create_site_prompts_if_catalogue_exists
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.duplicate_dialler import refuse_duplicate_dialler_at_start
from dialer.mqtt.monitor import Monitor
from dialer.mqtt.newest_call import check_newest_call_at_broker
from dialer.process.loop_lag import LoopLag
from dialer.process.memory import (
    exempt_start_up_objects_from_gc,
    return_free_memory_to_system_repeatedly,
)
from dialer.process.signals import stop_on_signals
from dialer.process.systemd import report_service_ready
from dialer.settings.jurisdiction import Profile
from dialer.settings.servers import split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_zone
from dialer.site.asterisk import AsteriskServers, check_asterisk_servers, find_trunks_with_unchanged_server
from dialer.site.broker import create_mqtt_interface_of_dialler, get_broker_settings
from dialer.site.certificates import SiteCertificates
from dialer.site.fastagi import serve_fastagi
from dialer.site.flows import create_flows_reload_function, load_flow_library
from dialer.site.metrics import serve_dialler_metrics
from dialer.site.open_files import find_open_files_problem, raise_open_files_limit
from dialer.site.plan import make_engine_plan_from_settings
from dialer.site.reload import RefuseSettings, SettingsReload
from dialer.site.reload_signal import reload_on_sighup
from dialer.site.store import (
    create_disk_space_check,
    import_new_voter_weights,
    open_site_store,
    record_settings_and_configure_store,
)
from dialer.site.twilio import connect_to_twilio
from dialer.site.voices import refuse_unannounced_synthetic_voices
from dialer.store.keys import read_store_key_of_site
from dialer.store.sent_journal import SentJournal, get_journal_path
from dialer.store.spool import Spool
from dialer.store.store import Store
from dialer.switch.routed import report_carrier_calls

if TYPE_CHECKING:
    from dialer.switch.twilio.carrier import TwilioCarrier  # of an optional extra

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunningCentre:
    """An assembled call centre: its store, engine and connections. It dials only during `dial_until_stopped`."""

    engine: Engine
    store: Store
    monitor: Monitor | None
    agi_port: int
    twilio_port: int | None  # of the webhooks
    compare_with_broker: Callable[[], Awaitable[None]]  # its newest call with the store's, before the first call
    connected: Callable[[], AbstractAsyncContextManager[object]]  # to the switch, while the centre dials
    lag: LoopLag
    prompts: SitePrompts | None
    name: DiallerName

    async def dial_until_stopped(self, stop: asyncio.Event) -> None:
        """Dial until `stop` is set, let live calls end, and publish the last results.

        Raises the engine's error if the engine fails.
        """
        await self.compare_with_broker()
        stop_monitor = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            if self.monitor is not None:
                group.create_task(self.monitor.publish_and_receive_until_stopped(stop_monitor), name="monitor")
            background = [
                group.create_task(self.lag.measure_lag_until_cancelled(), name="loop-lag"),
                group.create_task(return_free_memory_to_system_repeatedly(), name="memory"),
            ]
            if self.prompts is not None:
                background.append(group.create_task(self.prompts.reload_catalogue_regularly(), name="prompts"))
            try:
                async with self.connected():
                    await self.engine.place_calls_until_stopped(stop)
            finally:
                stop_monitor.set()
                for task in background:
                    task.cancel()


@asynccontextmanager
async def assemble_centre(
    settings: Settings,
    *,
    clock: Clock | None = None,
    chance: random.Random | None = None,
    broker: BrokerSettings | None = None,
    profile: Profile | None = None,
    certified: CertificateLookup | None = None,
    reader: PlaylistReader | None = None,
    refuse: RefuseSettings | None = None,
) -> AsyncIterator[RunningCentre]:
    """Open a centre's store, create its engine, and accept Asterisk's requests to run flows. Nothing is dialled yet.

    Args:
        broker: Replaces the broker in the settings.
        profile: Replaces the jurisdiction profile in the settings, if no real line is dialled.
        certified: Replaces the certificates in the catalogue of recordings, if no real line is dialled.
        reader: A reader that has already read the catalogue of recordings.
        refuse: Raises an error for reloaded settings that must not be used.

    Raises MatdanError if something is missing, such as the store, a flow, the catalogue or a free port.
    """
    clock, chance = clock or SystemClock(), chance or random.SystemRandom()
    rules = profile or load_site_profile(settings)
    flows = load_flow_library(settings, rules)
    prompts = create_site_prompts_if_catalogue_exists(settings, rules, clock, lambda: flows.texts, reader)
    if prompts is not None:
        await prompts.reload_catalogue()
    weights = await import_new_voter_weights(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_site_store(settings))
        twilio = await stack.enter_async_context(connect_to_twilio(settings, store, clock))
        name, lag = DiallerName.make_dialler_name_of_this_process(settings.store.path, clock.now()), LoopLag()
        asterisk = AsteriskServers(settings, name)
        reload = SettingsReload(settings, rules, fixed_profile=profile, recorded=weights.recorded, refuse=refuse)
        reload.add_settings_reload_functions(
            [create_flows_reload_function(flows), *asterisk.list_settings_reload_functions()]
        )
        certified = certified or _create_prompt_certificate_lookup(prompts, flows)
        engine = _build_engine(settings, rules, store, flows, clock, twilio, certified, asterisk, lag, name, reload)
        stack.callback(asterisk.switch.close)
        await record_settings_and_configure_store(settings, store, weights, clock.now())
        await engine.load_engine_state(
            find_trunks_with_unchanged_server(settings, await store.find_settings_changed_during_unfinished_calls())
        )
        if weights.problem is not None:
            engine.raise_or_clear_alert(create_alert(AlertKind.WEIGHTS, clock.now(), problem=weights.problem))
        if twilio is not None:
            label = requires_notice_before_synthetic_speech(settings, rules)
            await stack.enter_async_context(twilio.serve_calls(engine, flows, prompts, label=label))
        sms = None if twilio is None else twilio.sms
        agi = await stack.enter_async_context(serve_fastagi(settings, engine, asterisk, flows, prompts, sms, clock))
        yield RunningCentre(
            engine=engine,
            store=store,
            monitor=create_mqtt_interface_of_dialler(settings, broker, engine, store, clock, chance, name, reload),
            agi_port=agi.port,
            twilio_port=None if twilio is None else twilio.port,
            compare_with_broker=partial(_check_newest_call_at_broker, settings, broker, engine),
            connected=partial(_keep_asterisk_and_twilio_connected, settings, engine, asterisk, twilio, chance),
            lag=lag,
            prompts=prompts,
            name=name,
        )


def _create_prompt_certificate_lookup(prompts: SitePrompts | None, flows: FlowLibrary) -> CertificateLookup:
    return SiteCertificates(prompts, lambda flow: None if flow.startswith(SCRIPT) else flows.get_current_flow(flow))


def _build_engine(
    settings: Settings,
    profile: Profile,
    store: Store,
    flows: FlowLibrary,
    clock: Clock,
    twilio: TwilioCarrier | None,
    certified: CertificateLookup,
    asterisk: AsteriskServers,
    lag: LoopLag,
    name: DiallerName,
    reload: SettingsReload,
) -> Engine:
    """Create the engine of the centre on its switch (Asterisk, Twilio or both), and pass the switch's events to it."""
    plan = make_engine_plan_from_settings(settings, profile)
    core = Core(settings.centre.id, get_site_zone(settings), clock, plan, dialler=name.dialler_name_as_text)
    switch = asterisk.switch
    routed = (
        None
        if twilio is None
        else twilio.create_switch_for_twilio_and_asterisk(switch if settings.uses_asterisk else None)
    )
    outside = Dependencies(
        store=store,
        switch=routed or switch,
        sent_journal=SentJournal(get_journal_path(settings.store.path)),
        flows=flows,
        certified=certified,
        has_room=create_disk_space_check(settings),
        figures=lag.get_event_loop_delay_figures,
        reload_settings=reload if settings.text_of_settings_file.table else None,
        spool=Spool(settings.store.path, read_store_key_of_site(settings)),
    )
    engine = Engine(core, outside)
    first_server = next(iter(split_settings_by_asterisk_server(settings)))
    on_event = engine.on_switch_event
    switch.set_event_sink(
        on_event if routed is None else routed.create_sink_adding_twilio_calls(on_event, first_server)
    )
    return engine


async def _check_newest_call_at_broker(
    settings: Settings, private_broker: BrokerSettings | None, engine: Engine
) -> None:
    if settings.broker.enabled:
        broker = private_broker or get_broker_settings(settings)
        await check_newest_call_at_broker(broker, settings.centre.id, engine.check_that_store_has_newest_call)


@asynccontextmanager
async def _keep_asterisk_and_twilio_connected(
    settings: Settings,
    engine: Engine,
    asterisk: AsteriskServers,
    twilio: TwilioCarrier | None,
    chance: random.Random,
) -> AsyncIterator[None]:
    """Keep the connections to Asterisk and Twilio open until the context ends."""
    if twilio is not None and not settings.uses_asterisk:
        report_carrier_calls(engine.on_switch_event, twilio.switch)
        yield
    else:
        async with asterisk.keep_servers_connected(chance):
            yield


async def run_centre(settings: Settings) -> None:
    """Run a site on its real lines until SIGTERM or Ctrl-C.

    Raises MatdanError for a problem that a person must correct first.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    raise_open_files_limit()
    if (problem := find_open_files_problem(settings)) is not None:
        _log.warning("open_files.limit_low", problem=problem)
    await asyncio.to_thread(load_spoken_words_of_all_languages)
    profile = load_site_profile(settings)
    reader = None if settings.audio.catalogue is None else make_playlist_reader(settings, profile)
    await asyncio.to_thread(refuse_unannounced_synthetic_voices, settings, profile, SystemClock(), reader)
    if settings.uses_asterisk:
        await check_asterisk_servers(settings)

    def refuse_reload_without_computer_voice_notice(reloaded: Settings, profile: Profile) -> None:
        refuse_unannounced_synthetic_voices(reloaded, profile, SystemClock())

    async with assemble_centre(settings, reader=reader, refuse=refuse_reload_without_computer_voice_notice) as centre:
        if settings.uses_asterisk:
            await check_asterisk_servers(settings, centre.name)
        if settings.broker.enabled:
            await refuse_duplicate_dialler_at_start(get_broker_settings(settings), settings.centre.id, centre.name)
        _log.info("centre.ready", centre=settings.centre.id, agi_port=centre.agi_port)
        reload_on_sighup(centre.engine)
        async with serve_dialler_metrics(settings, centre.engine, centre.monitor), report_service_ready():
            exempt_start_up_objects_from_gc()
            await centre.dial_until_stopped(stop)
