"""Twilio joined to a centre: the second switch, its webhooks, its flows, its SMS. Imported only where the site has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from config.lines import Carrier as CarrierKind
from config.settings import Settings
from dialer.domain.clock import Clock
from dialer.domain.errors import SwitchError
from dialer.domain.switch import Switch
from dialer.domain.view import Alert, AlertLevel
from dialer.engine.engine import Engine
from dialer.ivr.prompts import SitePrompts
from dialer.store.sqlite import Store
from dialer.switch.routed import RoutedSwitch
from dialer.switch.twilio.adapter import TwilioRules, TwilioSwitch
from dialer.switch.twilio.api import TwilioApi, TwilioLogin
from dialer.switch.twilio.flows import TwilioFlowRules, TwilioFlows
from dialer.switch.twilio.spend import Prices, SpendMeter
from dialer.switch.twilio.tokens import StateTokens
from dialer.switch.twilio.twiml import Transferring, TwilioVoice
from dialer.switch.twilio.webhooks import TwilioWebhooks
from ivr_flows.catalogue import FlowLibrary

# How many segments an SMS is billed as. Pure.

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # each takes two
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_FIRST_PAIR = 0x10000  # from here on a character takes two units of UCS-2


def segments_of(text: str) -> int:
    """The segments of a text, at least one."""
    if all(character in _GSM or character in _GSM_EXTENDED for character in text):
        return _packed([2 if character in _GSM_EXTENDED else 1 for character in text], _GSM_ALONE, _GSM_PART)
    return _packed([2 if ord(character) >= _FIRST_PAIR else 1 for character in text], _UCS2_ALONE, _UCS2_PART)


def _packed(sizes: list[int], alone: int, part: int) -> int:
    """What takes two units is never cut apart."""
    if sum(sizes) <= alone:
        return 1
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return segments


_log = structlog.get_logger(__name__)


def twilio_login(settings: Settings) -> TwilioLogin:
    """Which account the site has, and where."""
    twilio = settings.twilio
    return TwilioLogin(twilio.account_sid, twilio.auth_token.get_secret_value(), twilio.api_url.rstrip("/"))


class TwilioSms:
    """Sends the SMS of flows from the site's number (`dialer.switch.asterisk.fastagi.flow_handler.SmsGateway`)."""

    def __init__(self, api: TwilioApi, sender: str, switch: TwilioSwitch) -> None:
        """`switch` knows what its live calls may still cost."""
        self._api = api
        self._sender = sender
        self._switch = switch

    async def send_sms(self, number: str, text: str) -> bool:
        """Send once; False where the day's cap leaves no room. Raises SwitchError where it was not taken, or nobody can say."""
        segments = segments_of(text)
        if not self._switch.may_send(segments):
            return False
        self._switch.meter.sms_sent(segments)  # also where the answer is lost: it may have been sent
        await self._api.send_message(number, self._sender, text)
        return True


class TwilioCarrier:
    """One account. Make it inside a running loop and `await close()` it at the end."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        twilio = settings.twilio
        self._api = TwilioApi(twilio_login(settings))
        legs = 1 if twilio.transfer_to is None else 2
        prices = Prices(twilio.price_per_minute, twilio.price_per_sms, legs)
        rules = TwilioRules(twilio.public_url, twilio.longest_call_seconds)
        meter = SpendMeter(prices, twilio.most_spend_per_day)
        self.switch = TwilioSwitch(self._api, rules, meter, clock, store.open_attempt_on)
        self.sms = TwilioSms(self._api, twilio.sms_from, self.switch) if twilio.sms_from is not None else None
        self.port = 0  # that the webhooks listen on, once they do

    def routed(self, asterisk: Switch | None) -> RoutedSwitch:
        """Both switches as one."""
        twilio_trunks = (trunk for trunk in self._settings.trunks if trunk.carrier is CarrierKind.TWILIO)
        return RoutedSwitch(asterisk, self.switch, [trunk.endpoint for trunk in twilio_trunks])

    @asynccontextmanager
    async def serving(
        self, engine: Engine, library: FlowLibrary, prompts: SitePrompts | None = None, *, label: bool = False
    ) -> AsyncIterator[None]:
        """Listen for webhooks and look after calls; `prompts` is asked of each sound, `label`: a computer says that it is one.

        Raises PortInUse.
        """
        twilio = self._settings.twilio
        transferring = Transferring(twilio.transfer_to) if twilio.transfer_to is not None else None
        voice = TwilioVoice(
            lambda: library.texts,
            twilio.sounds_url,
            may_play=None if prompts is None else prompts.may_play,
            labelled=partial(self._labelled, prompts) if label else None,
        )
        flows = TwilioFlows(
            engine,
            library,
            self.switch,
            StateTokens(twilio.auth_token.get_secret_value()),
            TwilioFlowRules(twilio.public_url, self._settings.flows.recordings, transferring, voice, self.sms),
        )
        self.switch.deliver_to(engine.on_switch_event, flows.hung_up)
        login, address = twilio_login(self._settings), (twilio.host, twilio.port)
        webhooks = TwilioWebhooks(flows, self.switch, login, twilio.public_url, address)
        async with webhooks:
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
