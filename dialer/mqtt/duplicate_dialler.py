"""Check that no other dialler uses the same centre id at the broker.

Two diallers with one centre id would disconnect each other again and again, and mix their results. So a dialler first
reads the centre's state that the broker retains. A running dialler publishes its name there at least every ten seconds.
If the dialler has stopped or crashed, the state says "offline", or is not published again.
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
from dialer.mqtt.client import BrokerSettings, make_client_id
from dialer.mqtt.connection import Connection, open_connection
from dialer.mqtt.publisher import HEARTBEAT_SECONDS
from dialer.mqtt.retained import RETAINED_SECONDS

ALIVE_SECONDS = HEARTBEAT_SECONDS + 5.0


async def refuse_duplicate_dialler(settings: BrokerSettings, centre: str, name: DiallerName) -> None:
    """Raise CentreIdTaken if another dialler, with another store, is using the centre id at this broker.

    This takes up to 15 seconds if the broker retains the state of a dialler that has stopped. Raises BrokerUnreachable
    if the broker does not answer.
    """
    own = f"{name.store}-{name.process}-{uuid4().hex[:8]}"  # both connections of a dialler check at the same time
    checking = replace(settings, client_id=f"{make_client_id(settings, centre)}-check-{own}")
    try:
        async with open_connection(checking, centre) as connection:
            async with asyncio.timeout(settings.answer_seconds):
                await connection.client.subscribe(topics.CENTRE_STATE.build_full_topic(centre), qos=1)
            retained = await _read_dialler_name_from_state(connection, RETAINED_SECONDS)
            if retained is None or retained.store == name.store:
                return
            other_dialler = await _read_dialler_name_from_state(connection, ALIVE_SECONDS)
    except TimeoutError:
        raise BrokerUnreachable(
            f"MQTT broker {settings.host}:{settings.port} does not answer: check `broker.host`, `broker.port` and"
            " the broker"
        ) from None
    if other_dialler is not None:
        raise CentreIdTaken(
            f"{other_dialler} already uses the centre id {centre} at this broker: stop one of the two diallers, or "
            "set another `centre.id` for this one"
        )


async def refuse_duplicate_dialler_at_start(settings: BrokerSettings, centre: str, name: DiallerName) -> None:
    """Raise CentreIdTaken like `refuse_duplicate_dialler`. If the broker is unreachable, the dialler may start."""
    with contextlib.suppress(BrokerUnreachable):
        await refuse_duplicate_dialler(settings, centre, name)


async def _read_dialler_name_from_state(connection: Connection, seconds: float) -> DiallerName | None:
    """Return the dialler's name in the centre's next state message.

    Return None if no message arrives within `seconds`, or if it says that the dialler is offline.
    """
    try:
        async with asyncio.timeout(seconds):
            message = await connection.client.read_next_message()
    except TimeoutError:
        return None
    try:
        state = json.loads(message.payload)
    except ValueError:
        return None
    if not isinstance(state, dict) or state.get("online") is not True:
        return None
    return DiallerName.parse_dialler_name(str(state.get("dialler")))
