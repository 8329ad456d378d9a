"""Two diallers of one centre id: they would throw each other off the broker, again and again, and their results would be mixed.

Whoever connects looks first, under a client id of its own, at what the broker holds of the centre's state: a dialler says there who
it is, at least every ten seconds. One that is dead is silent, or the broker has published its last will.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import BrokerUnreachable, CentreIdTaken
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, client_id_of
from dialer.mqtt.link import Connection, visiting
from dialer.mqtt.publisher import HEARTBEAT_SECONDS

HELD_SECONDS = 1.0  # a broker sends what it holds right after the subscription
ALIVE_SECONDS = HEARTBEAT_SECONDS + 5.0


async def find_twin(settings: BrokerSettings, centre: str, name: DiallerName) -> DiallerName | None:
    """The other dialler that speaks for this centre at this broker now, on another store than ours. It takes 15 s at most, where
    one has left a state behind that nobody has taken back. Raises BrokerUnreachable.
    """
    looking = replace(settings, client_id=f"{client_id_of(settings, centre)}-look-{name.store}-{name.process}")
    try:
        async with visiting(looking, centre) as connection:
            async with asyncio.timeout(settings.answer_seconds):
                await connection.client.subscribe(topics.CENTRE_STATE.address(centre), qos=1)
            held = await _next(connection, HELD_SECONDS)
            if held is None or held.store == name.store:
                return None
            return await _next(connection, ALIVE_SECONDS)
    except TimeoutError:
        raise BrokerUnreachable(f"MQTT broker {settings.host}:{settings.port} does not answer") from None


async def refuse_beside_twin(settings: BrokerSettings, centre: str, name: DiallerName) -> None:
    """For the start: raise CentreIdTaken where another dialler has the centre's id. A broker that is away stops nobody."""
    try:
        twin = await find_twin(settings, centre, name)
    except BrokerUnreachable:
        return
    if twin is not None:
        raise CentreIdTaken(taken_by(twin, centre))


def taken_by(twin: DiallerName, centre: str) -> str:
    """The line for whoever comes second."""
    return f"{twin} speaks for centre {centre} at this broker already: stop one of the two, or give this one a centre.id of its own"


async def _next(connection: Connection, seconds: float) -> DiallerName | None:
    """Whom the next state names; None: nobody, or none comes."""
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
