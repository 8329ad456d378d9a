"""The FastAGI connection of one call, on which commands are sent one at a time.

Asterisk aborts a running command, without a reply, when another one arrives. So each command is sent only after the
reply to the one before it. Only `abort_agi_call` does not wait. After a hang-up the next command raises CallHungUp.
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

ABORT_SECONDS: Final = 2.0  # for Asterisk to hang up a call that is aborted


class AgiCall:
    """A call in a FastAGI handler. Every method waits for Asterisk's reply, and only one may run at a time.

    Raises:
        CallHungUp: the caller has hung up.
        UnsafeValue: an argument cannot be sent safely.
        SwitchError: Asterisk did not execute the command.
    """

    __slots__ = ("_aborted", "_loop", "_lost", "_unclaimed", "_waiter", "_wire", "ended", "env")

    def __init__(self, wire: asyncio.Transport, environment: AgiEnvironment) -> None:
        self.env = environment
        self.ended = asyncio.Event()  # set once the caller has hung up or the connection is lost
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[AgiReply] | None = None
        self._unclaimed: asyncio.Future[AgiReply] | None = None  # the reply to a cancelled command
        self._lost = False
        self._aborted = False

    @property
    def has_call_ended(self) -> bool:
        """Whether the caller has hung up or the connection is lost."""
        return self.ended.is_set()

    async def send_command(self, verb: str, *arguments: str | int) -> AgiReply:
        """Send one command and return Asterisk's reply, whatever its code. Code 511 (dead channel) raises CallHungUp.

        If the command sent before was cancelled, this one is sent only after Asterisk has replied to the cancelled one.
        """
        if self._unclaimed is not None:
            await asyncio.shield(self._unclaimed)
            self._unclaimed = None
        if self._waiter is not None:
            raise RuntimeError("an AGI command is still running: await its reply before the next")
        if self._lost or self._wire.is_closing() or (self.has_call_ended and verb not in SILENT_VERBS):
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
            self.ended.set()
            raise CallHungUp
        return reply

    async def answer_channel(self) -> None:
        """Answer the channel, if it is not answered yet."""
        if (await self._execute_agi_command("ANSWER")).has_failure_result:
            raise CallHungUp

    async def play_sound_file(self, name: str, escape_digits: str = "") -> str | None:
        """Play a sound, named without its extension. Return the key that interrupted it, or None if it was played to
        its end.

        Raises:
            SoundMissing: Asterisk has no such file.
        """
        return _decode_key_in_agi_reply(
            await self._execute_command_that_plays_sound(f"sound {name}", "STREAM FILE", name, escape_digits)
        )

    async def play_sound_and_read_keys(self, name: str, timeout_ms: int, max_digits: int) -> str:
        """Play a sound and return up to `max_digits` keys, including keys that were pressed before.

        `timeout_ms` is the longest wait for the next key. Raises SoundMissing if Asterisk has no such file.
        """
        return (
            await self._execute_command_that_plays_sound(f"sound {name}", "GET DATA", name, timeout_ms, max_digits)
        ).result

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        """Return the next key that the caller presses, or None if the caller presses none within `timeout_ms`."""
        reply = await self._execute_agi_command("WAIT FOR DIGIT", timeout_ms)
        if reply.has_failure_result:
            raise CallHungUp
        return _decode_key_in_agi_reply(reply)

    async def record_file(
        self, name: str, sound_format: str, escape_digits: str, longest_ms: int, silence_seconds: int
    ) -> int:
        """Record the caller after a tone, into `name.sound_format` on the Asterisk server. Return the number of samples
        recorded.

        The recording ends after `silence_seconds` of silence. A hang-up also ends the recording, without an error.
        """
        silence = f"s={silence_seconds}"
        reply = await self._execute_agi_command(
            "RECORD FILE", name, sound_format, escape_digits, longest_ms, "BEEP", silence
        )
        if reply.note == "hangup":
            self.ended.set()
        elif reply.has_failure_result:
            raise SwitchError(
                f"Asterisk could not record to {name}.{sound_format}: give Asterisk write permission for the "
                "directory of this file"
            )
        return reply.end_position or 0

    async def set_channel_variable(self, name: str, value: str) -> None:
        """Set a channel variable, even if the caller has hung up.

        Raises:
            UnsafeValue: the name is not that of a plain variable. It could run a dialplan function.
        """
        if not (name.isascii() and name.isidentifier()):
            raise UnsafeValue(
                "a channel variable's name is invalid: use letters, digits and '_', and start with a letter"
            )
        await self._execute_agi_command("SET VARIABLE", name, value)

    async def hang_up_channel(self) -> None:
        """Hang up the call, unless the caller has hung up already."""
        try:
            await self._execute_agi_command("HANGUP")
        except CallHungUp:
            return
        self.ended.set()

    async def abort_agi_call(self) -> None:
        """Hang up the call at once, without waiting for the reply to the running command, which may never arrive.

        Asterisk aborts the running command, except that a recording runs on to its time limit. The method returns once
        the call has ended, or after ABORT_SECONDS. No command can be sent afterwards.
        """
        if not (self.has_call_ended or self._wire.is_closing()):
            self._aborted = True
            self._wire.write(encode_command("HANGUP"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ABORT_SECONDS):
                    await self.ended.wait()
        self.on_connection_lost()

    def pass_reply_to_waiting_command(self, reply: AgiReply) -> bool:
        """Pass an AGI reply to the command that waits for it. Return False if no command waits.

        Called by the connection.
        """
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return self._aborted  # Asterisk replies to some aborted commands, and not to others
        if not waiter.done():
            waiter.set_result(reply)
        return True

    def on_caller_hung_up(self) -> None:
        """Record that the caller has hung up. Asterisk reports it by the line `HANGUP`, which comes before the reply to
        the running command. Called by the connection.
        """
        self.ended.set()

    def on_connection_lost(self) -> None:
        """End the running command when the connection is lost, because no reply can arrive any more. Called by the
        connection.
        """
        self._lost = True
        self.ended.set()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(CallHungUp())
            waiter.exception()  # marks it as retrieved, in case no task awaits it

    async def _execute_agi_command(self, verb: str, *arguments: str | int) -> AgiReply:
        reply = await self.send_command(verb, *arguments)
        if reply.code != 200:
            raise SwitchError(
                f"Asterisk cannot execute AGI command {verb} (reply {reply.code}): load the Asterisk module that "
                "provides this command"
            )
        return reply

    async def _execute_command_that_plays_sound(self, sound: str, verb: str, *arguments: str | int) -> AgiReply:
        """Execute a command that plays a sound. `sound` describes the sound in errors.

        Asterisk replies -1 both after a hang-up and for a missing file. A harmless second command tells the two apart:
        after a hang-up, the line HANGUP arrives before the reply to the second command.
        """
        reply = await self._execute_agi_command(verb, *arguments)
        if not reply.has_failure_result:
            return reply
        if not self.has_call_ended:
            await self.send_command("GET VARIABLE", "AGISTATUS")
        if self.has_call_ended:
            raise CallHungUp
        raise SoundMissing(
            f"Asterisk could not play {sound}: prepare the audio and copy it to Asterisk's sounds directory"
        )


def _decode_key_in_agi_reply(reply: AgiReply) -> str | None:
    """Return the key in an AGI reply, or None for a result of 0. A reply reports a key by its ASCII code."""
    if not reply.result.isdecimal() or reply.result == "0":
        return None
    return chr(int(reply.result))
