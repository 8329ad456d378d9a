"""The dialplan applications of the simulated Asterisk, and the run of the dialplan on a channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from dialer.simulation.asterisk.agi_client import run_agi
from dialer.simulation.asterisk.channels import Channel, ChannelState, EndsBy, Location
from dialer.simulation.asterisk.core import SERVER, SwitchCore
from dialer.simulation.asterisk.extensions import (
    DialplanError,
    Extension,
    find_dialplan_extension,
    find_dialplan_step,
    is_condition_true,
    substitute_expressions,
)
from dialer.simulation.asterisk.recording import ChannelRecording
from dialer.simulation.asterisk.sounds import play_sound

HANG_UP_EXTENSION = "h"
MOST_HANG_UP_STEPS = 50  # ends loops in the hang-up extension

Application = Callable[[SwitchCore, Channel, str], Awaitable[None]]


async def _answer_channel(switch: SwitchCore, channel: Channel, _data: str) -> None:
    switch.answer_channel(channel)


async def _wait_for_dialplan_seconds(switch: SwitchCore, channel: Channel, data: str) -> None:
    try:
        seconds = float(data or 0)
    except ValueError:
        raise DialplanError(f"the dialplan's Wait() needs a number of seconds, not {data}: correct it") from None
    await wait_seconds_or_until_hang_up(channel, seconds)


async def _send_user_event(switch: SwitchCore, channel: Channel, data: str) -> None:
    name, *headers = data.split(",")
    tail = f"UserEvent: {name}\r\n" + "".join(f"{header.strip()}\r\n" for header in headers)
    switch.events.publish_channel_event("UserEvent", channel, tail)


async def _set_channel_variable(switch: SwitchCore, channel: Channel, data: str) -> None:
    name, _, value = data.partition("=")
    if name.startswith("DB("):
        switch.database[name[3:].rstrip(")")] = value
    elif name.startswith("FILE("):
        _write_file(Path(name[5:].rstrip(")")), value)
    elif name == "CHANNEL(hangup_handler_push)":
        channel.hang_up_handler = value
    else:
        switch.set_dialplan_variable(channel, name.strip(), value)


def _write_file(path: Path, text: str) -> None:
    """Replace a file's content, as the dialplan function FILE does. Nothing is written if its folder is missing."""
    if path.parent.is_dir():
        path.write_text(text, encoding="utf-8")


async def _jump_to_dialplan_priority(_switch: SwitchCore, channel: Channel, data: str) -> None:
    channel.jump = data


async def _jump_to_dialplan_priority_if_true(_switch: SwitchCore, channel: Channel, data: str) -> None:
    condition, _, targets = data.partition("?")
    yes, _, no = targets.partition(":")
    channel.jump = (yes if is_condition_true(condition) else no) or None


async def _play_sounds(switch: SwitchCore, channel: Channel, data: str) -> None:
    switch.answer_channel(channel)
    missing = False
    for sound in data.partition(",")[0].split("&"):
        seconds = switch.get_sound_length_seconds(sound)
        if seconds is None:
            missing = True
        elif (await play_sound(switch, channel, seconds, digits="")).interrupted:
            break
    switch.set_dialplan_variable(channel, "PLAYBACKSTATUS", "FAILED" if missing else "SUCCESS")


async def _play_sound_of_control_playback(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Play a sound by ControlPlayback. With the suffix `:end` only check that its file exists."""
    sound, _, place = data.partition(",")[0].partition(":")
    seconds = switch.get_sound_length_seconds(sound)
    if seconds is not None and place != "end":
        await play_sound(switch, channel, seconds, digits="")
    switch.set_dialplan_variable(channel, "CPLAYBACKSTATUS", "ERROR" if seconds is None else "SUCCESS")


async def _join_conference(switch: SwitchCore, channel: Channel, data: str) -> None:
    switch.answer_channel(channel)
    name, _bridge, user, menu = (*data.split(","), "", "", "")[:4]
    await switch.conferences.join_conference(channel, name, user, menu)


async def _detect_answering_machine(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Simulate AMD(), the detection of an answering machine.

    The called voter's behaviour determines the duration and the result. Argument 1 is the initial silence of a machine,
    argument 4 the time limit (milliseconds). After the time limit, the result is NOTSURE.
    """
    arguments = data.split(",")
    limit = int(arguments[3]) / 1000 if len(arguments) > 3 and arguments[3] else 5.0
    behaviour = channel.behaviour
    silence = int(arguments[0] or 2500) / 1000
    is_silent = behaviour is not None and behaviour.silent
    takes = limit if behaviour is None else silence if is_silent else behaviour.amd_seconds
    await wait_seconds_or_until_hang_up(channel, min(limit, takes))
    if channel.is_application_interrupted:
        verdict, cause = "HANGUP", ""
    elif behaviour is None or takes > limit:
        verdict, cause = "NOTSURE", f"TOOLONG-{round(limit * 1000)}"
    elif is_silent:
        verdict, cause = "MACHINE", f"INITIALSILENCE-{arguments[0]}-{arguments[0]}"
    else:
        verdict, cause = ("MACHINE", "LONGGREETING-1500-1500") if behaviour.machine else ("HUMAN", "HUMAN-300-300")
    switch.set_dialplan_variable(channel, "AMDSTATUS", verdict)
    switch.set_dialplan_variable(channel, "AMDCAUSE", cause)


async def _run_application_if_it_exists(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Run the dialplan application in `data`, such as `AMD(2500)`. The dialplan goes on if there is no such application."""
    name, _, arguments = data.partition("(")
    await APPLICATIONS.get(name, _ignore_dialplan_application)(switch, channel, arguments.removesuffix(")"))


async def _wait_for_silence(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Simulate WaitForSilence on a mailbox that has just beeped: wait for the silence that the arguments require."""
    await wait_seconds_or_until_hang_up(channel, int(data.partition(",")[0]) / 1000)
    switch.set_dialplan_variable(channel, "WAITSTATUS", "HANGUP" if channel.is_application_interrupted else "SILENCE")


async def _play_music_on_hold(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Play music on hold. If the music class is missing or empty, the application ends at once, as in Asterisk 22."""
    music_class, _, seconds = data.partition(",")
    if music_class in switch.config.silent_music:
        return
    if seconds:
        await wait_seconds_or_until_hang_up(channel, float(seconds))
    while not seconds and not channel.is_application_interrupted:
        await channel.wait_for_input_or_hang_up(None)


async def _wait_for_hang_up(_switch: SwitchCore, channel: Channel, _data: str) -> None:
    """Simulate ChanSpy and Echo, without audio: wait until the channel is hung up or redirected.

    ChanSpy goes on when the spied channel ends, as in Asterisk without the options E and S.
    """
    while not channel.is_application_interrupted:
        await channel.wait_for_input_or_hang_up(None)
    if channel.hung_up:
        channel.cause = channel.cause or 16


async def _start_recording(_switch: SwitchCore, channel: Channel, data: str) -> None:
    file, _, options = data.partition(",")
    channel.recording = ChannelRecording(Path(file), channel, bridged_only="b" in options)


async def _stop_recording(_switch: SwitchCore, channel: Channel, _data: str) -> None:
    if channel.recording is not None:
        channel.recording.finish_recording()
        channel.recording = None


async def _dial_other_server(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Simulate Dial to another server: connect its channel with this one until one of the two hangs up.

    With option g, the dialplan continues after the other side has hung up.
    """
    called, seconds, options, *_ = (*data.split(","), "60", "", "")
    extension, _, endpoint = called.removeprefix("PJSIP/").rpartition("@")
    other = switch.servers.get(endpoint.removeprefix(SERVER))
    if other is None:
        return
    loop = asyncio.get_running_loop()
    leg = other.accept_call_from_other_server(switch.config.server, extension)
    leg.on_conversation_start = partial(switch.start_conversation, channel)
    assert leg.task is not None  # noqa: S101 - it runs the dialplan
    leg.task.add_done_callback(lambda _: channel.wake_waiting_application())
    end, answered = loop.time() + float(seconds), False
    try:
        while not channel.is_application_interrupted and not leg.task.done():
            answered = leg.state is ChannelState.UP
            if not answered and loop.time() >= end:
                break
            await channel.wait_for_input_or_hang_up(None if answered else end - loop.time())
        if answered and not channel.is_application_interrupted and "g" not in options:
            switch.hang_up_channel(channel, 16, EndsBy.DIALPLAN)
    finally:
        other.hang_up_channel(leg, 16, EndsBy.DIALPLAN)


async def _hang_up_channel(switch: SwitchCore, channel: Channel, data: str) -> None:
    if channel.hung_up:
        return  # hung up by the other side, or in the hang-up extension
    channel.hung_up = True
    channel.cause = int(data) if data.isdigit() else 16
    channel.ended_by = EndsBy.DIALPLAN


async def _ignore_dialplan_application(_switch: SwitchCore, _channel: Channel, _data: str) -> None:
    return


APPLICATIONS: dict[str, Application] = {
    "AGI": run_agi,
    "AMD": _detect_answering_machine,
    "Answer": _answer_channel,
    "BackgroundDetect": _play_sounds,
    "ChanSpy": _wait_for_hang_up,
    "ConfBridge": _join_conference,
    "ControlPlayback": _play_sound_of_control_playback,
    "Dial": _dial_other_server,
    "Echo": _wait_for_hang_up,
    "Goto": _jump_to_dialplan_priority,
    "GotoIf": _jump_to_dialplan_priority_if_true,
    "Hangup": _hang_up_channel,
    "MixMonitor": _start_recording,
    "MusicOnHold": _play_music_on_hold,
    "NoOp": _ignore_dialplan_application,
    "Playback": _play_sounds,
    "Return": _ignore_dialplan_application,
    "Set": _set_channel_variable,
    "StopMixMonitor": _stop_recording,
    "TryExec": _run_application_if_it_exists,
    "UserEvent": _send_user_event,
    "Verbose": _ignore_dialplan_application,
    "Wait": _wait_for_dialplan_seconds,
    "WaitForSilence": _wait_for_silence,
}


async def wait_seconds_or_until_hang_up(channel: Channel, seconds: float) -> None:
    """Wait until `seconds` of the event loop's time have passed, or the channel is hung up or redirected."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not channel.is_application_interrupted and (left := end - loop.time()) > 1e-9:
        await channel.wait_for_input_or_hang_up(left)


async def run_dialplan(switch: SwitchCore, channel: Channel, start: Location) -> None:
    """Run the dialplan on a channel from `start` until it is hung up or the dialplan ends."""
    channel.goto = start
    while not channel.hung_up:
        if channel.goto is not None:
            place, channel.goto = channel.goto, None
            channel.move_channel_to_dialplan_step(place.context, place.extension, place.priority)
        else:
            _move_to_next_step(switch, channel)
        if not await _run_dialplan_step(switch, channel):
            channel.cause = channel.cause or 16
            break
    await _run_hang_up_extension(switch, channel)


async def run_menu_dialplan(switch: SwitchCore, channel: Channel, start: Location) -> None:
    """Run the dialplan of a conference menu on a channel from `start` to its end, then restore the channel's location."""
    location = channel.context, channel.extension, channel.priority, channel.application, channel.data
    channel.move_channel_to_dialplan_step(start.context, start.extension, start.priority)
    while not channel.is_application_interrupted and await _run_dialplan_step(switch, channel):
        _move_to_next_step(switch, channel)
    channel.shown = channel.render_channel_event_lines(), channel.application, channel.data
    channel.move_channel_to_dialplan_step(*location[:3])
    channel.application, channel.data = location[3:]


async def _run_hang_up_extension(switch: SwitchCore, channel: Channel) -> None:
    """Run extension `h` (the hang-up extension) of the context on a hung-up channel, then the channel's hang-up handler.
    A pattern that matches `h` counts too, as in Asterisk.
    """
    if find_dialplan_extension(switch.dialplan, channel.context, HANG_UP_EXTENSION) is not None:
        await _run_steps_after_hang_up(switch, channel, channel.context, HANG_UP_EXTENSION)
    if channel.hang_up_handler:
        context, extension, _ = channel.hang_up_handler.split(",")
        await _run_steps_after_hang_up(switch, channel, context, extension)


async def _run_steps_after_hang_up(switch: SwitchCore, channel: Channel, context: str, extension: str) -> None:
    channel.hung_up, channel.goto = True, None
    channel.move_channel_to_dialplan_step(context, extension, 1)
    for _ in range(MOST_HANG_UP_STEPS):
        if not await _run_dialplan_step(switch, channel) or channel.application in {"Hangup", "Return"}:
            return
        _move_to_next_step(switch, channel)


async def _run_dialplan_step(switch: SwitchCore, channel: Channel) -> bool:
    """Run the dialplan step at the channel's location. Return False if there is no such step or its application is
    unknown.
    """
    step = find_dialplan_step(switch.dialplan, channel.context, channel.extension, channel.priority)
    if step is None:
        return False
    channel.application = step.application
    channel.data = substitute_expressions(step.data, lambda name: switch.look_up_dialplan_variable(channel, name))
    switch.events.publish_new_extension_event(channel)
    application = APPLICATIONS.get(step.application)
    if application is None:
        return False
    await application(switch, channel, channel.data)
    return True


def _move_to_next_step(switch: SwitchCore, channel: Channel) -> None:
    """Move the channel to the target of a Goto, or else to the next priority."""
    target, channel.jump = channel.jump, None
    context, name = channel.context, channel.extension
    if target is None:
        channel.move_channel_to_dialplan_step(context, name, channel.priority + 1)
        return
    *place, priority = target.split(",")
    if len(place) == 2:
        context, name = place
    elif len(place) == 1:
        name = place[0]
    channel.move_channel_to_dialplan_step(
        context,
        name,
        find_number_of_dialplan_priority(find_dialplan_extension(switch.dialplan, context, name), priority),
    )


def find_number_of_dialplan_priority(extension: Extension | None, priority: str) -> int:
    """Return the number of a dialplan priority that is given as a number or label, or 0 for an unknown label."""
    if priority.isdigit():
        return int(priority)
    return 0 if extension is None else extension.labels.get(priority, 0)
