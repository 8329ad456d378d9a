"""Twilio as a carrier of a centre: placing calls, webhooks, IVR flows and SMS. Imported only at sites that use Twilio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.clock import Clock
from dialer.domain.errors import SwitchError
from dialer.domain.switch import Switch
from dialer.engine.engine import Engine
from dialer.flows.library import FlowLibrary
from dialer.flows.prompts import SitePrompts
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier as CarrierKind
from dialer.store.store import Store
from dialer.switch.routed import RoutedSwitch
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.api import TwilioApi
from dialer.switch.twilio.flows import TwilioFlowRules, TwilioFlows
from dialer.switch.twilio.spend import SpendMeter
from dialer.switch.twilio.twiml import TwilioVoice
from dialer.switch.twilio.webhooks import TwilioWebhooks

_log = structlog.get_logger(__name__)


class TwilioCarrier:
    """A Twilio account that a centre uses. Create it in a running event loop, and call `close` at the end."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        twilio = settings.twilio
        self._api = TwilioApi(twilio)
        self.switch = TwilioSwitch(
            self._api, twilio, SpendMeter(twilio), clock, store.find_unfinished_attempt_on_number
        )
        self.sms = None if twilio.sms_from is None else self.switch
        self.port = 0  # port of the webhooks, once they listen

    def create_switch_for_twilio_and_asterisk(self, asterisk: Switch | None) -> RoutedSwitch:
        """Return a switch that uses this Twilio account and the site's Asterisk, if there is one."""
        twilio_trunks = (trunk for trunk in self._settings.trunks if trunk.carrier is CarrierKind.TWILIO)
        return RoutedSwitch(asterisk, self.switch, [trunk.endpoint for trunk in twilio_trunks])

    @asynccontextmanager
    async def serve_calls(
        self, engine: Engine, library: FlowLibrary, prompts: SitePrompts | None = None, *, label: bool = False
    ) -> AsyncIterator[None]:
        """Serve Twilio's webhooks, and check the state of live calls, until the context ends.

        Args:
            engine: the engine of the centre.
            library: the flows and their texts.
            prompts: decides which sounds may be played, or None for all.
            label: whether calls with a computer voice start with a notice that says so.

        Raises:
            PortInUse: another program uses the webhooks' port.
        """
        twilio = self._settings.twilio
        voice = TwilioVoice(
            lambda: library.texts,
            twilio.sounds_url,
            may_play=None if prompts is None else prompts.is_shared_sound_allowed_now,
            labelled=partial(self._is_synthetic_voice_notice_required, prompts) if label else None,
        )
        rules = TwilioFlowRules(twilio, self._settings.flows.recordings, voice, self.sms)
        flows = TwilioFlows(engine, library, self.switch, rules)
        self.switch.set_event_sink(engine.on_switch_event, flows.end_flow_after_hang_up)
        async with TwilioWebhooks(flows, self.switch, twilio) as webhooks:
            self.port = webhooks.port
            await self._synchronise_calls_at_start(engine)
            supervising = asyncio.create_task(self.switch.check_live_calls_until_cancelled(), name="twilio-supervise")
            try:
                yield
            finally:
                supervising.cancel()
                await asyncio.wait([supervising])
                await flows.close()

    def _is_synthetic_voice_notice_required(self, prompts: SitePrompts | None, language: str) -> bool:
        """Return whether callers must be told that a computer speaks.

        This is so if calls use Twilio's computer voice, or sounds that the catalogue of recordings lists as synthetic.
        """
        spoken = self._settings.twilio.sounds_url is None
        return spoken or (prompts is not None and prompts.has_prompts_with_synthetic_voice(language))

    async def _synchronise_calls_at_start(self, engine: Engine) -> None:
        """Find live calls and today's spending at Twilio. If it is unreachable, the site starts anyway, and uses Twilio
        as soon as it answers.
        """
        try:
            await self.switch.load_live_calls_at_start()
        except SwitchError as error:
            _log.error("twilio.resync_failed", problem=str(error))
            engine.raise_or_clear_alert(
                create_alert(AlertKind.TWILIO, engine.make_centre_view().state.at, problem=str(error))
            )

    async def close(self) -> None:
        """Close the connections to Twilio."""
        await self._api.close()
