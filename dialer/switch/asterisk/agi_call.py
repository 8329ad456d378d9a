"""One call on FastAGI: a command, its reply, the next command.

Asterisk aborts a running sound without a reply when another command arrives. So nothing is sent before the last command
has its reply, except to cut the call short. After a hang-up the next command raises CallHungUp.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from dialer.domain.errors import SwitchError, UnsafeValue
from dialer.switch.asterisk.agi_codec import (
    SILENT_VERBS,
    AgiEnvironment,
    AgiReply,
    CallHungUp,
    SoundMissing,
    encode_command,
)

CUT_SHORT_SECONDS: Final = 2.0  # for Asterisk to hang up a call that is cut short


class AgiCall:
    """A call in a FastAGI handler. Every method waits for Asterisk's reply; only one may run at a time.

    Each raises CallHungUp where the caller has hung up, UnsafeValue for an argument that cannot be sent safely, and
    SwitchError where Asterisk does not execute the command.
    """

    __slots__ = ("_cut_short", "_loop", "_lost", "_unclaimed", "_waiter", "_wire", "env", "gone")

    def __init__(self, wire: asyncio.Transport, environment: AgiEnvironment) -> None:
        self.env = environment
        self.gone = asyncio.Event()  # set once the caller has hung up, or the connection is lost
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[AgiReply] | None = None
        self._unclaimed: asyncio.Future[AgiReply] | None = None  # the reply to a command whose caller was cancelled
        self._lost = False
        self._cut_short = False

    @property
    def hung_up(self) -> bool:
        """Whether the caller has hung up, or the connection is lost."""
        return self.gone.is_set()

    async def command(self, verb: str, *arguments: str | int) -> AgiReply:
        """Send one command and return its reply, with any code but 511.

        After a command that was cancelled while it waited, the next one waits for both replies.
        """
        if self._unclaimed is not None:
            await asyncio.shield(self._unclaimed)
            self._unclaimed = None
        if self._waiter is not None:
            raise RuntimeError("an AGI command is still running: await its reply before the next")
        if self._lost or self._wire.is_closing() or (self.hung_up and verb not in SILENT_VERBS):
            raise CallHungUp
        data = encode_command(verb, *arguments)
        waiter: asyncio.Future[AgiReply] = self._loop.create_future()
        self._waiter = waiter
        self._wire.write(data)
        try:
            reply = await waiter
        except asyncio.CancelledError:
            if self._waiter is waiter:
                self._waiter = self._unclaimed = self._loop.create_future()
            raise
        if reply.code == 511:
            self.gone.set()
            raise CallHungUp
        return reply

    async def answer(self) -> None:
        """Answer the channel. Harmless on one that is up."""
        if (await self._execute("ANSWER")).failed:
            raise CallHungUp

    async def stream_file(self, name: str, escape_digits: str = "") -> str | None:
        """Play a sound, named without its extension. Return the key that interrupted it; None: it played to its end.

        Raises SoundMissing where Asterisk has no such file.
        """
        return _key(await self._play(f"sound {name}", "STREAM FILE", name, escape_digits))

    async def get_data(self, name: str, timeout_ms: int, max_digits: int) -> str:
        """Play a sound and return up to `max_digits` keys.

        `timeout_ms` is from key to key; keys that were pressed before count.

        Raises SoundMissing where Asterisk has no such file.
        """
        return (await self._play(f"sound {name}", "GET DATA", name, timeout_ms, max_digits)).result

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        """Return the next key; None: none within `timeout_ms`."""
        reply = await self._execute("WAIT FOR DIGIT", timeout_ms)
        if reply.failed:
            raise CallHungUp
        return _key(reply)

    async def record_file(
        self, name: str, sound_format: str, escape_digits: str, longest_ms: int, silence_seconds: int
    ) -> int:
        """Record the caller after a tone, into `name.sound_format` on Asterisk's machine. Return the number of samples.

        A caller who hangs up meanwhile leaves a recording too, so that is no error.
        """
        silence = f"s={silence_seconds}"
        reply = await self._execute("RECORD FILE", name, sound_format, escape_digits, longest_ms, "BEEP", silence)
        if reply.note == "hangup":
            self.gone.set()
        elif reply.failed:
            raise SwitchError(
                f"Asterisk could not record into {name}.{sound_format}: check that it may write that directory"
            )
        return reply.end_position or 0

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable, also after the caller has hung up.

        A `name` that ends in ')' would run a dialplan function, so only plain names are accepted.
        """
        if not (name.isascii() and name.isidentifier()):
            raise UnsafeValue("a channel variable's name must be letters, digits and '_' and begin with a letter")
        await self._execute("SET VARIABLE", name, value)

    async def hangup(self) -> None:
        """Hang up. Harmless where the caller has hung up."""
        try:
            await self._execute("HANGUP")
        except CallHungUp:
            return
        self.gone.set()

    async def cut_short(self) -> None:
        """Hang up without waiting for the reply to a command that was cancelled: it may never come by itself.

        Asterisk aborts a command when another arrives; only a recording first goes on to its own limit. Returns once
        the call is over, after CUT_SHORT_SECONDS at the latest. No command can be sent after that.
        """
        if not (self.hung_up or self._wire.is_closing()):
            self._cut_short = True
            self._wire.write(encode_command("HANGUP"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CUT_SHORT_SECONDS):
                    await self.gone.wait()
        self.on_loss()

    def deliver(self, reply: AgiReply) -> bool:
        """Deliver a reply. Return False where no command waits for one. For the connection."""
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return self._cut_short  # some commands have a reply when they are aborted, others have none
        if not waiter.done():
            waiter.set_result(reply)
        return True

    def on_hangup(self) -> None:
        """Note that `HANGUP` came. The reply to the running command is still to come. For the connection."""
        self.gone.set()

    def on_loss(self) -> None:
        """Note that the connection is closed: no reply can come any more. For the connection."""
        self._lost = True
        self.gone.set()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(CallHungUp())
            waiter.exception()  # marked as retrieved, in case no task awaits it any more

    async def _execute(self, verb: str, *arguments: str | int) -> AgiReply:
        reply = await self.command(verb, *arguments)
        if reply.code != 200:
            raise SwitchError(f"Asterisk does not execute AGI command {verb} (reply {reply.code}): load its module")
        return reply

    async def _play(self, what: str, verb: str, *arguments: str | int) -> AgiReply:
        """Execute a command that plays something, and distinguish a hang-up from a missing file: the result of both is -1.

        After a hang-up, HANGUP comes before the next reply. So a harmless command is sent.
        """
        reply = await self._execute(verb, *arguments)
        if not reply.failed:
            return reply
        if not self.hung_up:
            await self.command("GET VARIABLE", "AGISTATUS")
        if self.hung_up:
            raise CallHungUp
        raise SoundMissing(
            f"Asterisk could not play {what}: prepare the audio and copy it to Asterisk's sounds directory"
        )


def _key(reply: AgiReply) -> str | None:
    """Return the key of a result, an ASCII code; 0 means none."""
    if not reply.result.isdecimal() or reply.result == "0":
        return None
    return chr(int(reply.result))
