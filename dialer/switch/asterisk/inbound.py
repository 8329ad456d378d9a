"""The query for the caller's number and the called number of an inbound channel on Asterisk."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.attestation import ATTESTATION_VARIABLE, describe_verified_attestation
from dialer.switch.asterisk.places import INBOUND_CONTEXT, NUMBER

_TRUNK_CHANNEL = re.compile(r"PJSIP/([A-Za-z0-9_-]{1,40})-[0-9a-f]+\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class InboundChannel:
    """The caller's number, the called number and the trunk of an inbound channel, as Asterisk reports them."""

    called: str  # in the carrier's notation
    caller: str | None  # in the carrier's notation; None if withheld
    endpoint: str  # of the trunk
    attestation: str = ""  # result and level of the caller's signature (STIR/SHAKEN); "": the trunk does not verify it


async def find_inbound_channel(client: AmiClient, unique_id: str, name: str) -> InboundChannel | None:
    """Return the inbound call on the channel with this unique id and name.

    Return None if the call does not come from a carrier. A Local channel is never an inbound call: Asterisk 22 may
    create one in a trunk's context to follow a redirection (SIP 3xx).

    Raises:
        SwitchError: Asterisk does not answer, or the channel has ended.
    """
    found = await client.send_list_action("Status", [("Channel", unique_id), ("Variables", ATTESTATION_VARIABLE)])
    if len(found) != 1 or found[0].get("Uniqueid") != unique_id or found[0].get("Context") != INBOUND_CONTEXT:
        return None
    trunk = _TRUNK_CHANNEL.match(name) if found[0].get("Channel") == name else None
    if trunk is None:
        return None
    caller = found[0].get("CallerIDNum")
    return InboundChannel(
        called=found[0].get("Exten"),
        caller=caller if NUMBER.fullmatch(caller) else None,
        endpoint=trunk[1],
        attestation=describe_verified_attestation(found[0].get("Variable").partition("=")[2]),
    )
