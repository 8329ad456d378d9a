"""aiomqtt's client, with what it lacks: a connect that can be given up, and messages that are acknowledged once they are kept."""

from __future__ import annotations

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import MQTTMessage


class Client(aiomqtt.Client):
    """Can be given up at any moment of its connect and leaves no open socket then; can leave it to the reader to acknowledge a
    message.
    """

    _given_up = False
    _keeps_first = False
    _unkept = 0
    _left_out = False

    def keep_first(self) -> None:
        """From now on no message is acknowledged before `acknowledge`: what was not kept, the broker still has."""
        self._keeps_first = True
        self._client.manual_ack_set(True)

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Tell the broker that a message is kept. One of a connection that is gone comes again on the next one."""
        if not self._keeps_first or self._disconnected.done():
            return
        self._client.ack(message.mid, message.qos)
        self._unkept -= 1
        if self._left_out and not self._unkept:
            self._client.disconnect()  # on the next connection the broker sends again all that has no acknowledgement

    def _on_message(self, client: PahoClient, userdata: object, message: MQTTMessage) -> None:
        """Only a broker that knows no limit (before MQTT 5) sends more than there is room for."""
        if self._keeps_first and self._queue.full():
            self._left_out = True
            return
        self._unkept += 1
        super()._on_message(client, userdata, message)

    def give_up(self) -> None:
        """Close what a connect that failed, was stopped or cancelled half-way has opened, or is about to open."""
        self._client.on_disconnect = None  # aiomqtt's own trips over a connect that was cancelled
        self._given_up = True  # before the look for a socket: either we see the thread's, or it sees this
        # Not at once: the thread's wish that the loop read from the socket may still be queued.
        self._loop.call_soon(self._client.disconnect)

    def _client_connect(self) -> None:
        """Runs in a thread, which goes on when the one who awaits it has given up."""
        super()._client_connect()
        if self._given_up:
            self._loop.call_soon_threadsafe(self._client.disconnect)
