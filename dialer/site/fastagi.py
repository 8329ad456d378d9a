"""The FastAGI server of a site: which code answers each request of Asterisk, and which addresses may connect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from dialer.domain.clock import Clock
from dialer.engine.engine import Engine
from dialer.flows.library import FlowLibrary
from dialer.flows.prompts import SitePrompts
from dialer.roll.phone_numbers import parse_number_in_carrier_notation
from dialer.settings.servers import split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.site.asterisk import AsteriskServers
from dialer.site.flows import get_limits_of_agi_scripts, get_recording_rules_of_flows, list_site_flows
from dialer.switch.asterisk.addresses import resolve_asterisk_addresses
from dialer.switch.asterisk.agi_routes import AgiRoutes
from dialer.switch.asterisk.agi_server import LOOPBACK, AgiLimits, AgiServer
from dialer.switch.asterisk.fastagi.authenticator import TokenAuthenticator
from dialer.switch.asterisk.fastagi.flow_handler import AgiFlowRules, FlowHandler
from dialer.switch.asterisk.fastagi.inbound_handler import InboundHandler
from dialer.switch.asterisk.fastagi.log_in_handler import LogInHandler
from dialer.switch.asterisk.places import CONTROL_PATH
from dialer.switch.asterisk.scripts.containment import ScriptRules, check_script_sandbox, describe_sandbox_of_scripts
from dialer.switch.asterisk.scripts.runner import find_agi_script_in_flow_setting
from dialer.switch.flow_effects import SmsGateway

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def serve_fastagi(
    settings: Settings,
    engine: Engine,
    asterisk: AsteriskServers,
    flows: FlowLibrary,
    prompts: SitePrompts | None,
    sms: SmsGateway | None,
    clock: Clock,
) -> AsyncIterator[AgiServer]:
    """Serve Asterisk's FastAGI requests until the context ends. `sms` sends the text messages of flows; without it,
    none are sent.

    Raises PortInUse, SwitchError for an unknown host name of Asterisk, and FlowError if this machine cannot sandbox the
    site's AGI scripts.
    """
    routes = _build_routes_of_agi_requests(
        settings, engine, asterisk, flows, prompts, sms, await _check_script_sandbox(settings)
    )
    authenticator = TokenAuthenticator(asterisk.agi_secret, engine.raise_or_clear_alert, clock)
    limits = AgiLimits(await _resolve_allowed_addresses(settings), connections=settings.fastagi.max_connections)
    try:
        async with AgiServer(
            routes, limits, host=settings.fastagi.host, port=settings.fastagi.port, authenticator=authenticator
        ) as server:
            yield server
    finally:
        authenticator.close()


def _build_routes_of_agi_requests(
    settings: Settings,
    engine: Engine,
    asterisk: AsteriskServers,
    flows: FlowLibrary,
    prompts: SitePrompts | None,
    sms: SmsGateway | None,
    scripts: ScriptRules,
) -> AgiRoutes:
    flow = FlowHandler(
        engine,
        asterisk.switch,
        lambda: flows.texts,
        prompts.get_prompts_for_call if prompts is not None else None,
        AgiFlowRules(get_recording_rules_of_flows(settings), sms, scripts),
    )
    inbound = InboundHandler(
        engine, asterisk.switch, lambda number: parse_number_in_carrier_notation(number, settings.centre.region)
    )
    seat = LogInHandler(engine.features.agent_seat_service, asterisk.switch, settings.centre.language)
    return AgiRoutes(
        {"flow": flow, "inbound": inbound, "seat": seat, CONTROL_PATH: asterisk.serve_asterisk_control_channel}
    )


async def _check_script_sandbox(settings: Settings) -> ScriptRules:
    """Return the limits of AGI scripts, after checking that this machine can sandbox them.

    Raises FlowError if the site has AGI scripts and the machine cannot sandbox them.
    """
    rules = get_limits_of_agi_scripts(settings)
    scripts = [
        script for flow in list_site_flows(settings) if (script := find_agi_script_in_flow_setting(flow)) is not None
    ]
    if scripts:
        await asyncio.to_thread(check_script_sandbox, rules, scripts)
        _log.info("scripts.contained", how=describe_sandbox_of_scripts(rules))
    return rules


async def _resolve_allowed_addresses(settings: Settings) -> tuple[str, ...]:
    """Return the addresses that may connect to the FastAGI server: this machine, the Asterisk servers, and
    fastagi.allowed.
    """
    hosts = (
        [site.ami.host for site in split_settings_by_asterisk_server(settings).values()]
        if settings.uses_asterisk
        else []
    )
    asterisk = [address for host in hosts for address in await resolve_asterisk_addresses(host)]
    return (*LOOPBACK, *asterisk, *settings.fastagi.allowed)
