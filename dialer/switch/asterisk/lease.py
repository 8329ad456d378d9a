"""The lease: a channel by which one dialler claims an Asterisk, and keeps a second dialler out.

Its unique id is the same for every dialler, and Asterisk gives an id to one live channel only; the id of its other half
names the dialler. So of two that start at once only one gets it. The dialplan ends the channel LEASE_SECONDS after the
last renewal. So a dialler that has crashed blocks another one no longer than that, and a dialler on the same store, of
which there is only one, replaces it at once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from typing import Final

import structlog

from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import OriginateRefused, SwitchError, SwitchTaken
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.places import LEASE_CHANNEL, LEASE_CONTEXT, origination

_log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 10.0  # from a renewal to the end: Wait() in config/asterisk/dialplan/lease.conf.j2
RENEW_SECONDS: Final = 3.0
START_CHECK_SECONDS: Final = 1.0  # between two checks at the start whether another dialler still holds the lease
GONE_CHECK_SECONDS: Final = 0.05  # between two checks whether a channel that was hung up is gone
ANSWER_SECONDS: Final = 5.0  # an idle Asterisk makes the channel in some milliseconds
_HOLDER: Final = f"{LEASE_CHANNEL}-"  # and the dialler's name: id of the half that waits in our dialplan


class SwitchLease:
    """This dialler's claim to an Asterisk."""

    def __init__(self, name: DiallerName) -> None:
        """`name` is what another dialler reads in the lease."""
        self._name = name
        self._channel = f"{_HOLDER}{name.text}"
        self._granted: asyncio.Future[bool] | None = None
        self._ends_at = -inf  # on the loop's clock; the dialplan does not end the channel earlier

    @property
    def is_valid(self) -> bool:
        """Whether it is certainly ours.

        A process that was suspended for longer has an open session, and may have lost the lease.
        """
        return asyncio.get_running_loop().time() < self._ends_at

    def on_event(self, message: AmiMessage) -> None:
        """Handle an AMI event: the response to our own Originate."""
        granted = self._granted
        if (
            granted is not None
            and not granted.done()
            and message.event == "OriginateResponse"
            and message.action_id == self._channel
        ):
            granted.set_result(message.get("Response") == "Success")

    async def take(self, client: AmiClient) -> None:
        """Acquire the lease. Raises SwitchTaken, which names the dialler that has it, and SwitchError."""
        holder = await lease_holder(client)
        if holder == self._name:
            await self.renew(client)  # the link was lost for a moment
            return
        if holder is not None:
            if holder.store != self._name.store:
                raise SwitchTaken(taken_by(holder))
            _log.info("lease.replaced", predecessor=holder.text)
            await _hang_up(client, f"{_HOLDER}{holder.text}")
            await _until_free(client)
        if not await self._acquire(client):
            holder = await lease_holder(client)
            if holder == self._name:
                await self.renew(client)  # the answer was late
                return
            raise SwitchError("Asterisk did not grant the lease") if holder is None else SwitchTaken(taken_by(holder))

    async def _acquire(self, client: AmiClient) -> bool:
        """Originate the channel. Return whether Asterisk made it, which it does not while another one has its id."""
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[bool] = loop.create_future()
        began_at, self._granted = loop.time(), granted
        other = ("OtherChannelId", self._channel)
        fields = origination(f"Local/s@{LEASE_CONTEXT}/n", LEASE_CHANNEL, LEASE_CONTEXT, "far", other)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.action("Originate", fields, action_id=self._channel)
                acquired = await granted
        except OriginateRefused as error:
            raise SwitchError(
                f"Asterisk's dialplan has no context {LEASE_CONTEXT}: install the files that `dialer asterisk render` writes"
            ) from error
        except TimeoutError:
            return False
        finally:
            self._granted = None
        if acquired:
            self._ends_at = began_at + LEASE_SECONDS
        return acquired

    async def renew(self, client: AmiClient) -> None:
        """Extend the lease. Raises SwitchError where its channel is gone: another dialler may have the switch."""
        fields = [("Channel", self._channel), ("Context", LEASE_CONTEXT), ("Exten", "s"), ("Priority", "1")]
        began_at = asyncio.get_running_loop().time()
        await client.action("Redirect", fields)
        self._ends_at = began_at + LEASE_SECONDS

    async def keep(self, client: AmiClient) -> SwitchError:
        """Renew until the session is lost, and return the reason.

        Release the lease when cancelled. Raises SwitchError as `renew`.
        """
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
    """Return the dialler that holds the lease; None: no one. Raises SwitchError where Asterisk does not answer."""
    channels = [item.get("Uniqueid") for item in await client.action_list("CoreShowChannels")]
    names = [DiallerName.read(each[len(_HOLDER) :]) for each in channels if each.startswith(_HOLDER)]
    return next((name for name in names if name is not None), None)


async def refuse_second_dialler(login: AmiLogin, name: DiallerName) -> None:
    """Raise SwitchTaken where another dialler holds the lease and renews it.

    Called at the start, so that agents do not wait for calls in vain.

    Waits up to some ten seconds for the lease of a dialler that has crashed. Raises SwitchError where Asterisk does not
    answer.
    """
    async with AmiClient(login, on_event=lambda _: None, keep_events=()) as client:
        checks = 0
        while (holder := await lease_holder(client)) is not None and holder.store != name.store:
            if checks * START_CHECK_SECONDS > LEASE_SECONDS + START_CHECK_SECONDS:
                raise SwitchTaken(taken_by(holder))
            checks += 1
            _log.warning("lease.waiting", holder=holder.text)
            await asyncio.sleep(START_CHECK_SECONDS)


def taken_by(holder: DiallerName) -> str:
    """Return the message for a second dialler."""
    return (
        f"{holder} uses this Asterisk: one Asterisk serves one dialler; stop one of them, or give each its own Asterisk"
    )


async def _until_free(client: AmiClient) -> None:
    """Wait until the lease has no holder, for ANSWER_SECONDS at most: Asterisk ends a channel after it has answered the
    Hangup.
    """
    for _ in range(round(ANSWER_SECONDS / GONE_CHECK_SECONDS)):
        if await lease_holder(client) is None:
            return
        await asyncio.sleep(GONE_CHECK_SECONDS)


async def _hang_up(client: AmiClient, channel: str) -> None:
    with suppress(SwitchError):  # gone already
        await client.action("Hangup", [("Channel", channel)])
