"""A check that no other dialler uses the same centre id at the broker.

Two diallers with one centre id would disconnect each other again and again, and their results would be mixed. Before a dialler
connects it reads the centre's retained state, under a client id of its own: a live dialler names itself there at least every ten
seconds. One that is dead publishes nothing, or the broker has published its last will.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from uuid import uuid4

from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import BrokerUnreachable, CentreIdTaken
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, client_id_of
from dialer.mqtt.connection import Connection, visiting
from dialer.mqtt.publisher import HEARTBEAT_SECONDS

RETAINED_SECONDS = 1.0  # a broker sends retained messages right after the subscription
ALIVE_SECONDS = HEARTBEAT_SECONDS + 5.0


async def refuse_duplicate(settings: BrokerSettings, centre: str, name: DiallerName) -> None:
    """Raise CentreIdTaken if another dialler, with another store, uses the centre id at this broker now.

    It takes up to 15 seconds where another dialler has left its state behind. Raises BrokerUnreachable if the broker does not
    answer.
    """
    own = f"{name.store}-{name.process}-{uuid4().hex[:8]}"  # both connections of a dialler look at the same moment
    looking = replace(settings, client_id=f"{client_id_of(settings, centre)}-look-{own}")
    try:
        async with visiting(looking, centre) as connection:
            async with asyncio.timeout(settings.answer_seconds):
                await connection.client.subscribe(topics.CENTRE_STATE.address(centre), qos=1)
            retained = await _next_name(connection, RETAINED_SECONDS)
            if retained is None or retained.store == name.store:
                return
            other = await _next_name(connection, ALIVE_SECONDS)
    except TimeoutError:
        raise BrokerUnreachable(f"MQTT broker {settings.host}:{settings.port} does not answer") from None
    if other is not None:
        raise CentreIdTaken(
            f"{other} uses the centre id {centre} at this broker already: stop one of the two, or give this one a centre.id of"
            " its own"
        )


async def refuse_duplicate_at_start(settings: BrokerSettings, centre: str, name: DiallerName) -> None:
    """Raise CentreIdTaken as `refuse_duplicate` does, but let the dialler start if the broker is unreachable."""
    with contextlib.suppress(BrokerUnreachable):
        await refuse_duplicate(settings, centre, name)


async def _next_name(connection: Connection, seconds: float) -> DiallerName | None:
    """Return the dialler that the next state message names, or None if none comes or none is online."""
    try:
        async with asyncio.timeout(seconds):
            message = await connection.client.next_message()
    except TimeoutError:
        return None
    try:
        state = json.loads(message.payload)
    except ValueError:
        return None
    if not isinstance(state, dict) or state.get("online") is not True:
        return None
    return DiallerName.read(str(state.get("dialler")))
