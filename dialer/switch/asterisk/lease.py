"""One dialler an Asterisk: a channel that the dialler holds there says who it is, and keeps a second one out.

Its unique id is the same for every dialler, and Asterisk gives an id to one live channel only; that of its other half names the
dialler. So two that come at once cannot both have it. The dialplan ends it LEASE_SECONDS after it was last renewed: a dialler
that has crashed holds nobody up for longer, and one on the same store, of which there is never a second, takes it over at once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf

import structlog

from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import OriginateRefused, SwitchError, SwitchTaken
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.places import LEASE_CHANNEL, LEASE_CONTEXT, origination

_log = structlog.get_logger(__name__)

LEASE_SECONDS = 10.0  # how long the dialplan keeps it without a word: Wait() in config/asterisk/dialplan/lease.conf.j2
RENEW_SECONDS = 3.0
START_LOOK_SECONDS = 1.0
GONE_SECONDS = 0.05  # between two looks whether a channel that was hung up is gone
ANSWER_SECONDS = 5.0  # an idle Asterisk takes a few milliseconds to make the channel
_HOLDER = f"{LEASE_CHANNEL}-"  # and the dialler's name: the half that waits in our dialplan


class SwitchLease:
    """This dialler's claim to the switch."""

    def __init__(self, name: DiallerName) -> None:
        """`name` is what others are told."""
        self._name = name
        self._channel = f"{_HOLDER}{name.text}"
        self._given: asyncio.Future[bool] | None = None
        self._ends_at = -inf  # on the loop's clock: not later than the dialplan ends the channel

    @property
    def stands(self) -> bool:
        """Whether it is ours for sure. A process that was stopped for longer finds its session as it left it, and may have a
        successor.
        """
        return asyncio.get_running_loop().time() < self._ends_at

    def heard(self, message: AmiMessage) -> None:
        """An AMI event; only the answer to our own order matters."""
        given = self._given
        if given is None or given.done() or message.event != "OriginateResponse" or message.action_id != self._channel:
            return
        given.set_result(message.get("Response") == "Success")

    async def take(self, client: AmiClient) -> None:
        """Hold the switch, if nobody else does. Raises SwitchTaken, which names who does, and SwitchError."""
        holder = await lease_holder(client)
        if holder == self._name:
            await self.renew(client)  # the link was away for a moment
            return
        if holder is not None:
            if holder.store != self._name.store:
                raise SwitchTaken(taken_by(holder))
            _log.info("lease.taken-over", predecessor=holder.text)
            await _hang_up(client, f"{_HOLDER}{holder.text}")
            await _until_free(client)
        if not await self._order(client):
            holder = await lease_holder(client)
            if holder == self._name:
                await self.renew(client)  # the answer was late
                return
            raise SwitchError("Asterisk did not give us the lease") if holder is None else SwitchTaken(taken_by(holder))

    async def _order(self, client: AmiClient) -> bool:
        """Whether Asterisk made the channel: not while another one has its id."""
        loop = asyncio.get_running_loop()
        given: asyncio.Future[bool] = loop.create_future()
        began_at, self._given = loop.time(), given
        other = ("OtherChannelId", self._channel)
        fields = origination(f"Local/s@{LEASE_CONTEXT}/n", LEASE_CHANNEL, LEASE_CONTEXT, "far", other)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.action("Originate", fields, action_id=self._channel)
                taken = await given
        except OriginateRefused as error:
            raise SwitchError(
                f"Asterisk's dialplan has no context {LEASE_CONTEXT}: install the files that `dialer asterisk render` writes"
            ) from error
        except TimeoutError:
            return False
        finally:
            self._given = None
        if taken:
            self._ends_at = began_at + LEASE_SECONDS
        return taken

    async def renew(self, client: AmiClient) -> None:
        """Begin the time anew. Raises SwitchError where the channel is gone: another dialler may have the switch."""
        fields = [("Channel", self._channel), ("Context", LEASE_CONTEXT), ("Exten", "s"), ("Priority", "1")]
        began_at = asyncio.get_running_loop().time()
        await client.action("Redirect", fields)
        self._ends_at = began_at + LEASE_SECONDS

    async def keep(self, client: AmiClient) -> SwitchError:
        """Renew until the session is lost, and return why it was; give it up when cancelled. Raises SwitchError as `renew`."""
        try:
            while True:
                try:
                    async with asyncio.timeout(RENEW_SECONDS):
                        return await client.lost()
                except TimeoutError:
                    await self.renew(client)
        except asyncio.CancelledError:
            with suppress(SwitchError, TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await _hang_up(client, self._channel)
            raise


async def lease_holder(client: AmiClient) -> DiallerName | None:
    """Who holds the switch. Raises SwitchError where Asterisk will not tell."""
    channels = [item.get("Uniqueid") for item in await client.action_list("CoreShowChannels")]
    names = [DiallerName.read(each[len(_HOLDER) :]) for each in channels if each.startswith(_HOLDER)]
    return next((name for name in names if name is not None), None)


async def refuse_beside_another(login: AmiLogin, name: DiallerName) -> None:
    """For the start: raise SwitchTaken where another dialler has the switch and goes on to have it, so that nobody waits for calls
    that will not come. One that has crashed is waited for, some ten seconds. Raises SwitchError where Asterisk will not tell.
    """
    async with AmiClient(login, on_event=lambda _: None, keep_events=()) as client:
        looks = 0
        while (holder := await lease_holder(client)) is not None and holder.store != name.store:
            if looks * START_LOOK_SECONDS > LEASE_SECONDS + START_LOOK_SECONDS:
                raise SwitchTaken(taken_by(holder))
            looks += 1
            _log.warning("lease.waiting", holder=holder.text)
            await asyncio.sleep(START_LOOK_SECONDS)


def taken_by(holder: DiallerName) -> str:
    """The line for whoever comes second."""
    return f"{holder} has this Asterisk: one Asterisk serves one dialler; stop one of them, or give each an Asterisk of its own"


async def _until_free(client: AmiClient) -> None:
    """Asterisk ends a channel after it has answered the Hangup. Not for ever: the order that comes next tells."""
    for _ in range(round(ANSWER_SECONDS / GONE_SECONDS)):
        if await lease_holder(client) is None:
            return
        await asyncio.sleep(GONE_SECONDS)


async def _hang_up(client: AmiClient, channel: str) -> None:
    with suppress(SwitchError):  # gone already
        await client.action("Hangup", [("Channel", channel)])
