"""The lease of an Asterisk server: one dialler reserves the server, so that no other dialler can use it.

The lease is a Local channel. Every dialler requests it with the same unique id. Asterisk allows only one live channel
with an id, so only one dialler gets the lease. A Local channel has two halves. The unique id of the second half names
the dialler that holds the lease.

The dialplan ends the channel LEASE_SECONDS after the last renewal, so the lease of a crashed dialler expires. A dialler
on the same store replaces that lease at once, because only one dialler can have a store open.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from typing import Final

import structlog

from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import OriginateRefused, SwitchError, SwitchInUse, SwitchStopping
from dialer.domain.newest_call import NewestCall, format_newest_call
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.places import (
    FAR_EXTENSION,
    LEASE_CHANNEL,
    LEASE_CONTEXT,
    RECORD_EXTENSION,
    make_originate_fields,
)

_log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 10.0  # from a renewal to the expiry: Wait() in config/asterisk/dialplan/lease.conf.j2
RENEW_SECONDS: Final = 3.0
START_CHECK_SECONDS: Final = 1.0  # between two checks at the start for another dialler's lease
FREE_CHECK_SECONDS: Final = 0.05  # between two checks for the end of a lease that was hung up
ANSWER_SECONDS: Final = 5.0  # for Asterisk to create the channel, which takes an idle one some milliseconds
_HOLDER: Final = f"{LEASE_CHANNEL}-"  # followed by the dialler's name: id of the half that waits in our dialplan


class SwitchLease:
    """This dialler's lease of an Asterisk server: a reservation that keeps other diallers from using the server."""

    def __init__(self, name: DiallerName) -> None:
        """Create a lease (sole use of an Asterisk server) that is not acquired yet.

        `name` identifies this dialler to other diallers that read the lease.
        """
        self._name = name
        self._channel = f"{_HOLDER}{name.dialler_name_as_text}"
        self._granted: asyncio.Future[bool] | None = None
        self._ends_at = -inf  # on the loop's clock; the dialplan does not end the channel earlier

    @property
    def is_lease_valid(self) -> bool:
        """Whether this dialler certainly holds the lease (reservation) of its Asterisk server. False if the lease was
        not renewed in time, as after the dialler's process was suspended.
        """
        return asyncio.get_running_loop().time() < self._ends_at

    def on_ami_event(self, message: AmiMessage) -> None:
        """Handle the response to the Originate that creates the lease's channel. Other AMI events are ignored."""
        granted = self._granted
        if (
            granted is not None
            and not granted.done()
            and message.event_name == "OriginateResponse"
            and message.action_id == self._channel
        ):
            granted.set_result(message.get("Response") == "Success")

    async def acquire_sole_use_of_asterisk(self, client: AmiClient) -> None:
        """Reserve the Asterisk server for this dialler. The lease (reservation) of an earlier dialler on the same store
        is replaced.

        Raises: SwitchInUse: another dialler holds the lease. The error text names that dialler. SwitchError: Asterisk
        did not grant the lease.
        """
        holder = await find_dialler_that_uses_asterisk(client)
        if holder == self._name:
            await self.renew_sole_use_of_asterisk(client)  # the link was lost for a moment
            return
        if holder is not None:
            if holder.store != self._name.store:
                raise SwitchInUse(_describe_dialler_that_uses_asterisk(holder))
            _log.info("lease.replaced", predecessor=holder.dialler_name_as_text)
            await _hang_up_lease_channel(client, f"{_HOLDER}{holder.dialler_name_as_text}")
            await _wait_until_other_dialler_releases_asterisk(client)
        if not await self._create_lease_channel(client):
            holder = await find_dialler_that_uses_asterisk(client)
            if holder == self._name:
                await self.renew_sole_use_of_asterisk(client)  # Asterisk's answer was late
                return
            if holder is None:
                raise SwitchError(
                    "Asterisk could not be reserved for this dialler alone: the dialler tries again. If this continues, "
                    "see Asterisk's log"
                )
            raise SwitchInUse(_describe_dialler_that_uses_asterisk(holder))

    async def _create_lease_channel(self, client: AmiClient) -> bool:
        """Originate the Local channel that reserves Asterisk for this dialler (the lease).

        Return False if Asterisk did not create it, because another channel has its id.
        """
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[bool] = loop.create_future()
        began_at, self._granted = loop.time(), granted
        other = ("OtherChannelId", self._channel)
        fields = make_originate_fields(f"Local/s@{LEASE_CONTEXT}/n", LEASE_CHANNEL, LEASE_CONTEXT, FAR_EXTENSION, other)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.send_action("Originate", fields, action_id=self._channel)
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

    async def renew_sole_use_of_asterisk(self, client: AmiClient) -> None:
        """Extend this dialler's reservation (lease) of the Asterisk server. Raises SwitchError if the lease's channel has ended,
        because another dialler may use the server now.
        """
        fields = [("Channel", self._channel), ("Context", LEASE_CONTEXT), ("Exten", "s"), ("Priority", "1")]
        began_at = asyncio.get_running_loop().time()
        await client.send_action("Redirect", fields)
        self._ends_at = began_at + LEASE_SECONDS

    def give_up_sole_use_of_asterisk(self) -> str:
        """End the lease (sole use of Asterisk). Return the unique id of its channel, which the caller must hang up.

        Other diallers cannot use Asterisk until this channel has ended.
        """
        self._ends_at = -inf
        return self._channel

    async def check_asterisk_database_is_writable(self, client: AmiClient) -> None:
        """Raise SwitchError if Asterisk cannot write to its database. Call it after `acquire_sole_use_of_asterisk`."""
        fields = [("Channel", self._channel), ("Variable", "MATDAN_DATABASE")]
        if not (await client.send_action("Getvar", fields)).get("Value"):
            raise SwitchError(
                "Asterisk has not loaded func_db, so it cannot record the newest call: run "
                "`asterisk -rx 'module load func_db.so'`"
            )

    async def write_newest_call_to_asterisk_database(self, client: AmiClient, call: NewestCall) -> None:
        """Have Asterisk's dialplan record the newest call in Asterisk's database.

        The dialler later compares its store with this record. A store without the recorded call is an outdated copy or
        another store. The dialler's AMI user cannot write to the database: that needs the permission to stop Asterisk.
        So one half of the lease's Local channel runs the dialplan that writes, while the other half limits the lease's
        time. Raises SwitchError, also while the dialplan still writes the previous record.
        """
        extension = f"{RECORD_EXTENSION}{format_newest_call(call)}"
        fields = [("Channel", LEASE_CHANNEL), ("Context", LEASE_CONTEXT), ("Exten", extension), ("Priority", "1")]
        await client.send_action("Redirect", fields)

    async def hold_sole_use_of_asterisk(self, client: AmiClient) -> SwitchError:
        """Renew the lease (sole use of Asterisk) until the AMI session is lost, and return why it was lost.

        If cancelled, release the lease. Raises SwitchError as `renew_sole_use_of_asterisk` does.
        """
        try:
            while True:
                try:
                    async with asyncio.timeout(RENEW_SECONDS):
                        return await client.wait_until_session_lost()
                except TimeoutError:
                    with suppress(
                        SwitchStopping
                    ):  # the session still reports how the calls end, until Asterisk closes it
                        await self.renew_sole_use_of_asterisk(client)
        except asyncio.CancelledError:
            with suppress(SwitchError, TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await _hang_up_lease_channel(client, self._channel)
            raise


async def find_dialler_that_uses_asterisk(client: AmiClient) -> DiallerName | None:
    """Return the name of the dialler that has reserved the Asterisk server, or None. Raises SwitchError if Asterisk
    does not answer.
    """
    channels = [item.get("Uniqueid") for item in await client.send_list_action("CoreShowChannels")]
    names = [DiallerName.parse_dialler_name(each[len(_HOLDER) :]) for each in channels if each.startswith(_HOLDER)]
    return next((name for name in names if name is not None), None)


async def refuse_if_another_dialler_uses_asterisk(login: AmiLogin, name: DiallerName) -> None:
    """Check, before this dialler starts, that no other dialler uses the Asterisk server.

    If another dialler has reserved the server, wait some ten seconds: the reservation (lease) of a crashed dialler
    expires in this time.

    Raises:
        SwitchInUse: another dialler holds the lease and renews it.
        SwitchError: Asterisk does not answer.
    """
    async with AmiClient(login, on_event=lambda _: None, wanted_events=()) as client:
        checks = 0
        while (holder := await find_dialler_that_uses_asterisk(client)) is not None and holder.store != name.store:
            if checks * START_CHECK_SECONDS > LEASE_SECONDS + START_CHECK_SECONDS:
                raise SwitchInUse(_describe_dialler_that_uses_asterisk(holder))
            checks += 1
            _log.warning("lease.awaited", holder=holder.dialler_name_as_text)
            await asyncio.sleep(START_CHECK_SECONDS)


def _describe_dialler_that_uses_asterisk(holder: DiallerName) -> str:
    return (
        f"{holder} uses this Asterisk: one Asterisk serves one dialler; stop one of them, or give each its own Asterisk"
    )


async def _wait_until_other_dialler_releases_asterisk(client: AmiClient) -> None:
    """Wait until no dialler holds the lease (sole use of Asterisk), for ANSWER_SECONDS at most.

    This is needed after a Hangup of the lease's channel, because Asterisk answers the Hangup before the channel has
    ended.
    """
    for _ in range(round(ANSWER_SECONDS / FREE_CHECK_SECONDS)):
        if await find_dialler_that_uses_asterisk(client) is None:
            return
        await asyncio.sleep(FREE_CHECK_SECONDS)


async def _hang_up_lease_channel(client: AmiClient, channel: str) -> None:
    with suppress(SwitchError):  # the channel has ended already
        await client.send_action("Hangup", [("Channel", channel)])
