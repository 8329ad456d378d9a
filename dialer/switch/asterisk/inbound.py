"""Incoming channels: caller and called number, as Asterisk reports them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.places import INBOUND_CONTEXT, NUMBER

_TRUNK_CHANNEL = re.compile(r"PJSIP/([A-Za-z0-9_-]{1,40})-[0-9a-f]+\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class InboundChannel:
    """Caller and called number of an incoming channel, as Asterisk reports them."""

    called: str  # as the carrier wrote it
    caller: str | None  # as the carrier wrote it; None: withheld
    endpoint: str  # the trunk's


async def inbound_channel(client: AmiClient, unique_id: str, name: str) -> InboundChannel | None:
    """Return the inbound call of the channel with this unique id and name; None: it is not a call from a carrier.

    A Local channel is never one: Asterisk 22 makes one in the context of a trunk's endpoint when a number that we called is
    redirected (SIP 3xx) and the endpoint's FORWARD_CONTEXT is not ours.

    Raises SwitchError, also where the channel does not exist any more.
    """
    found = await client.action_list("Status", [("Channel", unique_id)])
    if len(found) != 1 or found[0].get("Uniqueid") != unique_id or found[0].get("Context") != INBOUND_CONTEXT:
        return None
    trunk = _TRUNK_CHANNEL.match(name) if found[0].get("Channel") == name else None
    if trunk is None:
        return None
    caller = found[0].get("CallerIDNum")
    return InboundChannel(
        called=found[0].get("Exten"), caller=caller if NUMBER.fullmatch(caller) else None, endpoint=trunk[1]
    )
