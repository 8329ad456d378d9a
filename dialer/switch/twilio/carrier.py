"""Twilio as the second carrier of a centre: switch, webhooks, flows and SMS. Imported only where the site uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from dialer.domain.alerts import AlertKind, new_alert
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
    """One account in use by a centre. Create it inside a running loop, and `await close()` at the end."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        twilio = settings.twilio
        self._api = TwilioApi(twilio)
        self.switch = TwilioSwitch(self._api, twilio, SpendMeter(twilio), clock, store.open_attempt_on)
        self.sms = None if twilio.sms_from is None else self.switch
        self.port = 0  # of the webhooks, once they listen

    def routed(self, asterisk: Switch | None) -> RoutedSwitch:
        """Return Asterisk (None: the site has none) and Twilio as one switch."""
        twilio_trunks = (trunk for trunk in self._settings.trunks if trunk.carrier is CarrierKind.TWILIO)
        return RoutedSwitch(asterisk, self.switch, [trunk.endpoint for trunk in twilio_trunks])

    @asynccontextmanager
    async def serving(
        self, engine: Engine, library: FlowLibrary, prompts: SitePrompts | None = None, *, label: bool = False
    ) -> AsyncIterator[None]:
        """Serve webhooks and supervise calls for as long as the context lasts.

        `prompts` decides which sounds may play. `label`: a computer voice says that it is one. Raises PortInUse.
        """
        twilio = self._settings.twilio
        voice = TwilioVoice(
            lambda: library.texts,
            twilio.sounds_url,
            may_play=None if prompts is None else prompts.may_play,
            labelled=partial(self._labelled, prompts) if label else None,
        )
        rules = TwilioFlowRules(twilio, self._settings.flows.recordings, voice, self.sms)
        flows = TwilioFlows(engine, library, self.switch, rules)
        self.switch.deliver_to(engine.on_switch_event, flows.hung_up)
        async with TwilioWebhooks(flows, self.switch, twilio) as webhooks:
            self.port = webhooks.port
            await self._first_resync(engine)
            supervising = asyncio.create_task(self.switch.supervise(), name="twilio-supervise")
            try:
                yield
            finally:
                supervising.cancel()
                await asyncio.wait([supervising])
                await flows.close()

    def _labelled(self, prompts: SitePrompts | None, language: str) -> bool:
        """Return whether a computer speaks: Twilio's voice, or one of our sounds that the catalogue lists as synthetic."""
        spoken = self._settings.twilio.sounds_url is None
        return spoken or (prompts is not None and prompts.speaks_synthetic(language))

    async def _first_resync(self, engine: Engine) -> None:
        """Synchronise.

        Where Twilio is unreachable the site starts all the same, and dials nothing there before it answers.
        """
        try:
            await self.switch.resync()
        except SwitchError as error:
            _log.error("twilio.resync_failed", problem=str(error))
            engine.take_alert(new_alert(AlertKind.TWILIO, engine.view().state.at, problem=str(error)))

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()
