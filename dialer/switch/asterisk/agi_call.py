"""One call on FastAGI: a command, its answer, the next command.

Asterisk aborts a running sound without an answer when anything else arrives, so nothing is sent before the last command is
answered, but to cut the call short. Whoever is hung up on learns of it as CallHungUp from the next thing asked.
"""

from __future__ import annotations

import asyncio
import contextlib

from dialer.domain.errors import SwitchError, UnsafeValue
from dialer.switch.asterisk.agi_codec import (
    SILENT_VERBS,
    AgiEnvironment,
    AgiReply,
    CallHungUp,
    SoundMissing,
    encode_command,
)

CUT_SHORT_SECONDS = 2.0  # for Asterisk to hang up a call that is cut short


class AgiCall:
    """A call whose flow we run. Every method waits for Asterisk's answer; only one may be under way.

    Each raises CallHungUp when the caller is gone, UnsafeValue for an argument that must not go on the wire, and
    SwitchError where Asterisk does not do the command.
    """

    __slots__ = ("_cut_short", "_loop", "_lost", "_unclaimed", "_waiter", "_wire", "env", "gone")

    def __init__(self, wire: asyncio.Transport, environment: AgiEnvironment) -> None:
        self.env = environment
        self.gone = asyncio.Event()  # set once the caller is, or the connection
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[AgiReply] | None = None
        self._unclaimed: asyncio.Future[AgiReply] | None = None  # the answer to a command whose caller was cancelled
        self._lost = False
        self._cut_short = False

    @property
    def hung_up(self) -> bool:
        """Whether the caller is gone, or the connection."""
        return self.gone.is_set()

    async def command(self, verb: str, *arguments: str | int) -> AgiReply:
        """Send one command and return its answer, whatever its code but 511.

        A command that is cancelled while it waits does not put the next one out of step: that waits for both answers.
        """
        if self._unclaimed is not None:
            await asyncio.shield(self._unclaimed)
            self._unclaimed = None
        if self._waiter is not None:
            raise RuntimeError("an AGI command is still running: await its answer before the next")
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
        """Answer the channel; harmless on one that is up."""
        if (await self._done("ANSWER")).failed:
            raise CallHungUp

    async def stream_file(self, name: str, escape_digits: str = "") -> str | None:
        """Play a sound, named without its extension. Returns the key that ended it, None when it played to its end.

        Raises SoundMissing when Asterisk has no such file.
        """
        return _key(await self._heard(f"sound {name}", "STREAM FILE", name, escape_digits))

    async def get_data(self, name: str, timeout_ms: int, max_digits: int) -> str:
        """Play a sound and collect up to `max_digits` keys. `timeout_ms` is from key to key; what was keyed before counts.

        Raises SoundMissing when Asterisk has no such file.
        """
        return (await self._heard(f"sound {name}", "GET DATA", name, timeout_ms, max_digits)).result

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        """The next key, None when none came in `timeout_ms`."""
        reply = await self._done("WAIT FOR DIGIT", timeout_ms)
        if reply.failed:
            raise CallHungUp
        return _key(reply)

    async def record_file(
        self, name: str, sound_format: str, escape_digits: str, longest_ms: int, silence_seconds: int
    ) -> int:
        """Record the caller after a tone, into `name.sound_format` on Asterisk's machine; how many samples, at the channel's rate.

        A caller who hangs up in the middle leaves a recording too, so that is returned like any other end.
        """
        silence = f"s={silence_seconds}"
        reply = await self._done("RECORD FILE", name, sound_format, escape_digits, longest_ms, "BEEP", silence)
        if reply.note == "hangup":
            self.gone.set()
        elif reply.failed:
            raise SwitchError(
                f"Asterisk could not record into {name}.{sound_format}: check that it may write that directory"
            )
        return reply.end_position or 0

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable; works after the caller hung up. `name` is a plain one: one that ends in ')' would run a dialplan
        function.
        """
        if not (name.isascii() and name.isidentifier()):
            raise UnsafeValue("a channel variable's name must be letters, digits and '_' and begin with a letter")
        await self._done("SET VARIABLE", name, value)

    async def hangup(self) -> None:
        """Hang up; harmless when the caller already has."""
        try:
            await self._done("HANGUP")
        except CallHungUp:
            return
        self.gone.set()

    async def cut_short(self) -> None:
        """Hang up without waiting for the answer to a command that was cancelled: it may never come by itself.

        Asterisk lets go of a command when another arrives; only a recording goes on to its own limit first. Returns once the
        call is over, after CUT_SHORT_SECONDS at the latest. Nothing more can be asked of the call then.
        """
        if not (self.hung_up or self._wire.is_closing()):
            self._cut_short = True
            self._wire.write(encode_command("HANGUP"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CUT_SHORT_SECONDS):
                    await self.gone.wait()
        self.note_loss()

    def deliver(self, reply: AgiReply) -> bool:
        """The connection's side: hand over an answer. False when nobody asked for one."""
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return self._cut_short  # some commands are answered when they are let go of, others are not
        if not waiter.done():
            waiter.set_result(reply)
        return True

    def note_hangup(self) -> None:
        """The connection's side: `HANGUP` came. The running command's answer is still to come."""
        self.gone.set()

    def note_loss(self) -> None:
        """The connection's side: it is closed, no answer can come any more."""
        self._lost = True
        self.gone.set()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(CallHungUp())
            waiter.exception()  # read here: nobody may be waiting any more, and that is no mistake

    async def _done(self, verb: str, *arguments: str | int) -> AgiReply:
        reply = await self.command(verb, *arguments)
        if reply.code != 200:
            raise SwitchError(f"Asterisk does not do AGI command {verb} (it answered {reply.code}): load its module")
        return reply

    async def _heard(self, what: str, verb: str, *arguments: str | int) -> AgiReply:
        """Do a command that plays something, and tell a hang-up from a file that is missing: both answer -1.

        Only after a hang-up does HANGUP come before the next answer, so a harmless question is asked.
        """
        reply = await self._done(verb, *arguments)
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
    """The key of a result in ASCII; 0 is none."""
    if not reply.result.isdecimal() or reply.result == "0":
        return None
    return chr(int(reply.result))
