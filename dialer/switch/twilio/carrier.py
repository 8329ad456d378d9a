"""Twilio joined to a centre: the second switch, its webhooks, its flows, its SMS. Imported only where the site has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from dialer.domain.clock import Clock
from dialer.domain.errors import SwitchError
from dialer.domain.switch import Switch
from dialer.domain.view import Alert, AlertLevel
from dialer.engine.engine import Engine
from dialer.flows.catalogue import FlowLibrary
from dialer.flows.prompts import SitePrompts
from dialer.settings.lines import Carrier as CarrierKind
from dialer.settings.site import Settings
from dialer.store.sqlite import Store
from dialer.switch.routed import RoutedSwitch
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.api import TwilioApi
from dialer.switch.twilio.flows import TwilioFlowRules, TwilioFlows
from dialer.switch.twilio.spend import SpendMeter
from dialer.switch.twilio.twiml import TwilioVoice
from dialer.switch.twilio.webhooks import TwilioWebhooks

_log = structlog.get_logger(__name__)


class TwilioCarrier:
    """One account. Make it inside a running loop and `await close()` it at the end."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        twilio = settings.twilio
        self._api = TwilioApi(twilio)
        self.switch = TwilioSwitch(self._api, twilio, SpendMeter(twilio), clock, store.open_attempt_on)
        self.sms = None if twilio.sms_from is None else self.switch
        self.port = 0  # that the webhooks listen on, once they do

    def routed(self, asterisk: Switch | None) -> RoutedSwitch:
        """Both switches as one."""
        twilio_trunks = (trunk for trunk in self._settings.trunks if trunk.carrier is CarrierKind.TWILIO)
        return RoutedSwitch(asterisk, self.switch, [trunk.endpoint for trunk in twilio_trunks])

    @asynccontextmanager
    async def serving(
        self, engine: Engine, library: FlowLibrary, prompts: SitePrompts | None = None, *, label: bool = False
    ) -> AsyncIterator[None]:
        """Listen for webhooks and look after calls; `prompts` is asked of each sound, `label`: a computer says that it is
        one.

        Raises PortInUse.
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
            await self._first_look(engine)
            looking = asyncio.create_task(self.switch.look_after(), name="twilio-look-after")
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.wait([looking])
                await flows.close()

    def _labelled(self, prompts: SitePrompts | None, language: str) -> bool:
        """Whether a computer speaks: Twilio's own voice, or a sound of ours of which the catalogue says so."""
        spoken = self._settings.twilio.sounds_url is None
        return spoken or (prompts is not None and prompts.speaks_synthetic(language))

    async def _first_look(self, engine: Engine) -> None:
        """A site whose second carrier is away starts all the same; nothing is dialled there before it has answered."""
        try:
            await self.switch.resync()
        except SwitchError as error:
            _log.error("twilio.not-resynced", problem=str(error))
            engine.take_alert(Alert("twilio", AlertLevel.WARNING, str(error), engine.view().at))

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()
