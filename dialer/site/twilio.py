"""The Twilio account of a site. Twilio's library is an optional extra, and is imported only if the settings use Twilio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from dialer.domain.clock import Clock
from dialer.domain.errors import SwitchError
from dialer.settings.site import Settings
from dialer.store.store import Store
from dialer.switch.twilio import NO_TWILIO

if TYPE_CHECKING:
    from dialer.switch.twilio.carrier import TwilioCarrier


@asynccontextmanager
async def connect_to_twilio(settings: Settings, store: Store, clock: Clock) -> AsyncIterator[TwilioCarrier | None]:
    """Connect to the Twilio account until the context ends. Yields None if the site does not use Twilio.

    Raises SwitchError if the extra `twilio` is not installed.
    """
    if not settings.twilio.enabled:
        yield None
        return
    try:
        from dialer.switch.twilio.carrier import TwilioCarrier  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SwitchError(NO_TWILIO) from error
    carrier = TwilioCarrier(settings, store, clock)
    try:
        yield carrier
    finally:
        await carrier.close()


async def fetch_twilio_spending_today(settings: Settings) -> float:
    """Return the money that the Twilio account has spent today, in the account's currency.

    Raises SwitchError.
    """
    try:
        from dialer.switch.twilio.api import TwilioApi  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SwitchError(NO_TWILIO) from error
    api = TwilioApi(settings.twilio)
    try:
        return (await api.fetch_spending_today())[0]
    finally:
        await api.close()
