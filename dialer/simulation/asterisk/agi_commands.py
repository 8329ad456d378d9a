"""The AGI commands of the simulated Asterisk: their effects on a call, and their replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dialer.simulation.asterisk.channels import Channel, EndsBy
from dialer.simulation.asterisk.core import SwitchCore
from dialer.simulation.asterisk.sounds import KeyWait, play_sound, wait_for_key

ALL_KEYS = "0123456789*#ABCD"
SPOKEN_DIGIT_SECONDS = 0.6
DEAD_CHANNEL = "511 Command Not Permitted on a dead channel or intercept routine"


@dataclass(frozen=True, slots=True)
class AgiRequest:
    """An AGI command to run on a channel."""

    switch: SwitchCore
    channel: Channel
    words: list[str]  # the arguments
    aborted: Callable[[], bool]  # whether the server has sent a line meanwhile

    def get_command_argument(self, index: int, default: str = "") -> str:
        """Return the command's argument at `index` (from 0), or `default` if it is missing."""
        return self.words[index] if index < len(self.words) else default

    async def play_sound(self, seconds: float, digits: str) -> KeyWait:
        """Play a sound that lasts `seconds` to the command's channel. One of `digits` stops it."""
        return await play_sound(self.switch, self.channel, seconds, digits, self.aborted)

    async def wait_for_key(self, seconds: float | None, digits: str) -> KeyWait:
        """Wait up to `seconds` for one of `digits` on the command's channel. None means no limit."""
        return await wait_for_key(self.switch, self.channel, seconds, digits, self.aborted)


Handler = Callable[[AgiRequest], Awaitable[str | None]]
"""Runs a command. Returns the reply without line feed, or None if it was aborted; then no reply is sent."""


def split_agi_command_line(line: str) -> list[str]:
    """Split an AGI command line at blanks. `"` quotes blanks, a backslash escapes the next character."""
    words: list[str] = []
    word: str | None = None
    quoted = escaped = False
    for character in line:
        if escaped:
            word, escaped = (word or "") + character, False
        elif character == "\\":
            escaped = True
        elif character == '"':
            word, quoted = word or "", not quoted
        elif character in " \t" and not quoted:
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + character
    return words if word is None else [*words, word]


async def execute_agi_command(
    switch: SwitchCore, channel: Channel, line: str, dead: bool, aborted: Callable[[], bool]
) -> str | None:
    """Run one AGI command line and return its reply, or None if `aborted()` became true meanwhile.

    On a `dead` (hung-up) channel, only commands that need no caller may run.
    """
    words = split_agi_command_line(line)
    for length in (3, 2, 1):
        command = _COMMANDS.get(" ".join(words[:length]).upper()) if len(words) >= length else None
        if command is not None:
            break
    else:
        return "510 Invalid or unknown command"
    handler, least, usage, runs_dead = command
    if dead and not runs_dead:
        return DEAD_CHANNEL
    arguments = words[length:]
    syntax_error = f"520-Invalid command syntax.  Proper usage follows:\nUsage: {usage}\n520 End of proper usage."
    if len(arguments) < least:
        return syntax_error
    try:
        return await handler(AgiRequest(switch, channel, arguments, aborted))
    except ValueError:  # an argument that is not a number
        return syntax_error


async def _answer_channel(request: AgiRequest) -> str:
    request.switch.answer_channel(request.channel)
    return "200 result=-1" if request.channel.is_application_interrupted else "200 result=0"


async def _hang_up_channel(request: AgiRequest) -> str:
    channel = request.channel
    if request.words and request.words[0] != channel.name:
        other = request.switch.find_channel(request.words[0])
        if other is None:
            return "200 result=-1"
        request.switch.hang_up_channel(other, 0, EndsBy.AGI)
        return "200 result=1"
    channel.hung_up = True
    channel.ended_by = EndsBy.AGI
    request.switch.events.publish_soft_hangup_request_event(channel, 32)
    return "200 result=1"


async def _stream_file(request: AgiRequest) -> str | None:
    seconds = request.switch.get_sound_length_seconds(request.words[0])
    if seconds is None:
        return "200 result=-1 endpos=0"
    offset = int(request.get_command_argument(2, "0") or 0)
    key_wait = await request.play_sound(max(0.0, seconds - offset / 8000), request.get_command_argument(1))
    if key_wait.aborted:
        return None
    if key_wait.agi_result_code == 0:
        request.switch.set_dialplan_variable(request.channel, "PLAYBACKSTATUS", "SUCCESS")
    return f"200 result={key_wait.agi_result_code} endpos={offset + key_wait.agi_end_position}"


async def _run_get_data_command(request: AgiRequest) -> str | None:
    """Play a prompt and collect digits. The first digit stops the prompt.

    The timeout starts again after each digit, as in `ast_app_getdata` of main/app.c.
    """
    seconds = request.switch.get_sound_length_seconds(request.words[0])
    if seconds is None:
        return "200 result=-1"
    limit = float(request.get_command_argument(1, "0")) / 1000 or 6.0
    most = int(request.get_command_argument(2, "1024"))
    key_wait = await request.play_sound(seconds, ALL_KEYS)
    digits = ""
    while True:
        if key_wait.aborted:
            return None
        if key_wait.interrupted:
            return "200 result=-1"
        if key_wait.digit == "#":
            return f"200 result={digits}"
        digits += key_wait.digit
        if len(digits) >= most:
            return f"200 result={digits}"
        key_wait = await request.wait_for_key(limit, ALL_KEYS)
        if not (key_wait.digit or key_wait.interrupted or key_wait.aborted):
            return f"200 result={digits} (timeout)"


def _convert_timeout_to_seconds(milliseconds: str) -> float | None:
    """Convert a timeout from milliseconds to seconds. Return None (no limit) for a negative timeout."""
    return None if int(milliseconds) < 0 else int(milliseconds) / 1000


async def _run_wait_for_digit_command(request: AgiRequest) -> str | None:
    seconds = _convert_timeout_to_seconds(request.words[0])
    if request.channel.voter is not None and not request.channel.is_application_interrupted:
        request.channel.voter.react_to_prompt(0.0, True)
    return _format_reply_with_pressed_key(await request.wait_for_key(seconds, ALL_KEYS))


async def _speak_characters(request: AgiRequest) -> str | None:
    return _format_reply_with_pressed_key(
        await request.play_sound(SPOKEN_DIGIT_SECONDS * max(1, len(request.words[0])), request.get_command_argument(1))
    )


def _format_reply_with_pressed_key(key_wait: KeyWait) -> str | None:
    """Return the AGI reply with the pressed key, or None if the command was aborted."""
    return None if key_wait.aborted else f"200 result={key_wait.agi_result_code}"


async def _record_file(request: AgiRequest) -> str | None:
    """Simulate RECORD FILE, without writing a file.

    Simulated voters are silent, so with `s=SECONDS` the recording ends after this time.
    """
    seconds = _convert_timeout_to_seconds(request.words[3])
    for word in request.words[4:]:
        if word.startswith("s="):
            silence = float(word[2:])
            seconds = silence if seconds is None else min(seconds, silence)
    key_wait = await request.wait_for_key(seconds, request.words[2])
    if key_wait.aborted:
        return None
    reason = "hangup" if key_wait.interrupted else "dtmf" if key_wait.digit else "timeout"
    return f"200 result={key_wait.agi_result_code} ({reason}) endpos={key_wait.agi_end_position}"


async def _set_channel_variable(request: AgiRequest) -> str:
    request.switch.set_dialplan_variable(request.channel, request.words[0], request.get_command_argument(1))
    return "200 result=1"


async def _get_variable(request: AgiRequest) -> str:
    value = request.switch.look_up_dialplan_variable(
        request.channel, request.words[0].removeprefix("${").removesuffix("}")
    )
    return f"200 result=1 ({value})" if value else "200 result=0"


async def _report_channel_status(request: AgiRequest) -> str:
    channel = request.switch.find_channel(request.words[0]) if request.words else request.channel
    return f"200 result={-1 if channel is None else channel.state.value}"


async def _execute_application(request: AgiRequest) -> str | None:
    result = await request.switch.run_dialplan_application(
        request.channel, request.words[0], ",".join(request.words[1:])
    )
    return f"200 result={result}"


async def _ignore_noop_command(_request: AgiRequest) -> str:
    return "200 result=0"


async def _ignore_verbose_message(_request: AgiRequest) -> str:
    return "200 result=1"


_COMMANDS: dict[str, tuple[Handler, int, str, bool]] = {
    "ANSWER": (_answer_channel, 0, "ANSWER", False),
    "CHANNEL STATUS": (_report_channel_status, 0, "CHANNEL STATUS [<CHANNELNAME>]", True),
    "EXEC": (_execute_application, 1, "EXEC <COMMAND> <OPTIONS>", True),
    "GET DATA": (_run_get_data_command, 1, "GET DATA <FILE> <TIMEOUT> <MAXDIGITS>", False),
    "GET FULL VARIABLE": (_get_variable, 1, "GET FULL VARIABLE <VARIABLE> <CHANNEL NAME>", True),
    "GET VARIABLE": (_get_variable, 1, "GET VARIABLE <VARIABLENAME>", True),
    "HANGUP": (_hang_up_channel, 0, "HANGUP <CHANNELNAME>", False),
    "NOOP": (_ignore_noop_command, 0, "NOOP", True),
    "RECORD FILE": (_record_file, 4, "RECORD FILE <FILENAME> <FORMAT> <ESCAPE_DIGITS> <TIMEOUT>", False),
    "SAY ALPHA": (_speak_characters, 2, "SAY ALPHA <NUMBER> <ESCAPE_DIGITS>", False),
    "SAY DIGITS": (_speak_characters, 2, "SAY DIGITS <NUMBER> <ESCAPE_DIGITS>", False),
    "SAY NUMBER": (_speak_characters, 2, "SAY NUMBER <NUMBER> <ESCAPE_DIGITS> <GENDER>", False),
    "SET VARIABLE": (_set_channel_variable, 2, "SET VARIABLE <VARIABLENAME> <VALUE>", True),
    "STREAM FILE": (_stream_file, 2, "STREAM FILE <FILENAME> <ESCAPE_DIGITS> [<SAMPLE OFFSET>]", False),
    "VERBOSE": (_ignore_verbose_message, 1, "VERBOSE <MESSAGE> <LEVEL>", True),
    "WAIT FOR DIGIT": (_run_wait_for_digit_command, 1, "WAIT FOR DIGIT <TIMEOUT>", False),
}
"""By name: (handler, minimum number of arguments, usage, whether it may run on a dead channel)."""
