"""A plain AMI client for tests, which sends actions and records every message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage, encode_action


class AmiLab:
    """An AMI connection: `async with AmiLab(port) as lab:`."""

    def __init__(self, port: int, user: str = "lab", secret: str | None = None) -> None:
        """Log in as `user` on entering the context. The secret is the user's name unless given."""
        self.messages: list[AmiMessage] = []
        self.ended = asyncio.Event()
        self._port = port
        self._user = user
        self._secret = user if secret is None else secret
        self._decoder = AmiDecoder()
        self._count = 0
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.reading = asyncio.create_task(self._read())
        await self.action("Login", Username=self._user, Secret=self._secret, Events="on")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(65_536):
                self.messages += self._decoder.decode_bytes(data)
                self._came.set()
        except ConnectionError:
            pass
        self.ended.set()
        self._came.set()

    def send(self, name: str, **fields: str) -> str:
        """Send an AMI action. Return its ActionID."""
        self._count += 1
        action_id = fields.pop("ActionID", f"t{self._count}")
        self._writer.write(encode_action(name, list(fields.items()), action_id))
        return action_id

    def write(self, data: bytes) -> None:
        """Send raw bytes over the AMI connection."""
        self._writer.write(data)

    async def action(self, name: str, **fields: str) -> AmiMessage:
        """Send an AMI action. Return its response."""
        start = len(self.messages)
        action_id = self.send(name, **fields)
        return await self.until(lambda message: bool(message.response_status) and message.action_id == action_id, start)

    async def until(self, wanted: Callable[[AmiMessage], bool], start: int = 0) -> AmiMessage:
        """Wait for the first message from index `start` on for which `wanted` is true, and return it.

        Raises ConnectionError if the session ends first.
        """
        while True:
            for message in self.messages[start:]:
                if wanted(message):
                    return message
            if self.ended.is_set():
                raise ConnectionError("the AMI session ended")
            start = len(self.messages)
            self._came.clear()
            await self._came.wait()

    async def event(self, name: str, **fields: str) -> AmiMessage:
        """Wait for the first event of that name with these fields, and return it."""
        return await self.until(
            lambda message: (
                message.event_name == name and all(message.get(key) == value for key, value in fields.items())
            )
        )

    def events(self, name: str | None = None) -> list[AmiMessage]:
        """Return the events received so far, of one name or all."""
        return [message for message in self.messages if message.event_name and name in (None, message.event_name)]

    async def call(self, number: str, channel_id: str, context: str = "matdan-voter", **more: str) -> AmiMessage:
        """Originate a call to a voter as the dialler does. Return the response."""
        fields = {
            "ActionID": channel_id,
            "Channel": f"PJSIP/{number}@carrier",
            "Async": "true",
            "ChannelId": channel_id,
            "CallerID": '"Matdan" <1000>',
            "Context": context,
            "Exten": "s",
            "Priority": "1",
            "Timeout": "30000",
        }
        return await self.action("Originate", **(fields | more))

    async def call_seat_phone(self, seat: str, endpoint: str, channel_id: str) -> AmiMessage:
        """Originate a call to a seat's phone as the dialler does. Return the response."""
        return await self.action(
            "Originate",
            ActionID=channel_id,
            Channel=f"PJSIP/{endpoint}",
            Async="true",
            ChannelId=channel_id,
            Context="matdan-agent",
            Exten=seat,
            Priority="1",
            Timeout="10000",
        )
