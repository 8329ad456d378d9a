"""The dialplan's applications, and the execution of a channel's dialplan."""

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
    find_extension,
    find_step,
    is_true,
    substitute,
)
from dialer.simulation.asterisk.recording import ChannelRecording
from dialer.simulation.asterisk.sounds import play

HANG_UP_EXTENSION = "h"
MOST_HANG_UP_STEPS = 50

Application = Callable[[SwitchCore, Channel, str], Awaitable[None]]


async def _answer(switch: SwitchCore, channel: Channel, _data: str) -> None:
    switch.answer(channel)


async def _wait(switch: SwitchCore, channel: Channel, data: str) -> None:
    try:
        seconds = float(data or 0)
    except ValueError:
        raise DialplanError(f"Wait() needs a number of seconds, not {data}") from None
    await sleep_on(channel, seconds)


async def _user_event(switch: SwitchCore, channel: Channel, data: str) -> None:
    name, *headers = data.split(",")
    tail = f"UserEvent: {name}\r\n" + "".join(f"{header.strip()}\r\n" for header in headers)
    switch.events.of_channel("UserEvent", channel, tail)


async def _set(switch: SwitchCore, channel: Channel, data: str) -> None:
    name, _, value = data.partition("=")
    switch.set_variable(channel, name.strip(), value)


async def _goto(_switch: SwitchCore, channel: Channel, data: str) -> None:
    channel.jump = data


async def _goto_if(_switch: SwitchCore, channel: Channel, data: str) -> None:
    condition, _, targets = data.partition("?")
    yes, _, no = targets.partition(":")
    channel.jump = (yes if is_true(condition) else no) or None


async def _playback(switch: SwitchCore, channel: Channel, data: str) -> None:
    switch.answer(channel)
    missing = False
    for sound in data.partition(",")[0].split("&"):
        seconds = switch.sound_seconds(sound)
        if seconds is None:
            missing = True
        elif (await play(switch, channel, seconds, digits="")).interrupted:
            break
    switch.set_variable(channel, "PLAYBACKSTATUS", "FAILED" if missing else "SUCCESS")


async def _control_playback(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Play a sound; with `:end` it is only opened."""
    sound, _, place = data.partition(",")[0].partition(":")
    seconds = switch.sound_seconds(sound)
    if seconds is not None and place != "end":
        await play(switch, channel, seconds, digits="")
    switch.set_variable(channel, "CPLAYBACKSTATUS", "ERROR" if seconds is None else "SUCCESS")


async def _confbridge(switch: SwitchCore, channel: Channel, data: str) -> None:
    switch.answer(channel)
    name, _bridge, user, menu = (*data.split(","), "", "", "")[:4]
    await switch.conferences.join(channel, name, user, menu)


async def _amd(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Listen until it is known whether a machine speaks, at most so long as the fourth argument says; a real one took 1.1
    s for a person's hello, and its own limit for silence.
    """
    arguments = data.split(",")
    limit = int(arguments[3]) / 1000 if len(arguments) > 3 and arguments[3] else 5.0
    behaviour = channel.behaviour
    listens = limit if behaviour is None else min(limit, behaviour.amd_seconds)
    await sleep_on(channel, listens)
    if channel.interrupted:
        verdict, cause = "HANGUP", ""
    elif behaviour is None or behaviour.amd_seconds > limit:
        verdict, cause = "NOTSURE", f"TOOLONG-{round(limit * 1000)}"
    else:
        verdict, cause = ("MACHINE", "LONGGREETING-1500-1500") if behaviour.machine else ("HUMAN", "HUMAN-300-300")
    switch.set_variable(channel, "AMDSTATUS", verdict)
    switch.set_variable(channel, "AMDCAUSE", cause)


async def _music_on_hold(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Play music on hold. A class that is missing or empty ends at once, as in Asterisk 22."""
    music_class, _, seconds = data.partition(",")
    if music_class in switch.config.silent_music:
        return
    if seconds:
        await sleep_on(channel, float(seconds))
    while not seconds and not channel.interrupted:
        await channel.wait(None)


async def _stays(_switch: SwitchCore, channel: Channel, _data: str) -> None:
    """ChanSpy and Echo have no audio here; ChanSpy stays over the spied channels' ends, as without option E
    or S.
    """
    while not channel.interrupted:
        await channel.wait(None)
    if channel.hung_up:
        channel.cause = channel.cause or 16


async def _mix_monitor(_switch: SwitchCore, channel: Channel, data: str) -> None:
    file, _, options = data.partition(",")
    channel.recording = ChannelRecording(Path(file), channel, bridged_only="b" in options)


async def _dial(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Call another server and connect both sides until one hangs up; with option g the dialplan goes on after the other
    one did.
    """
    called, seconds, options, *_ = (*data.split(","), "60", "", "")
    extension, _, endpoint = called.removeprefix("PJSIP/").rpartition("@")
    other = switch.servers.get(endpoint.removeprefix(SERVER))
    if other is None:
        return
    loop = asyncio.get_running_loop()
    leg = other.called_by_server(switch.config.server, extension)
    leg.met_agent = partial(switch.voter_met_agent, channel)
    assert leg.task is not None  # noqa: S101 - it walks through the dialplan
    leg.task.add_done_callback(lambda _: channel.poke())
    end, answered = loop.time() + float(seconds), False
    try:
        while not channel.interrupted and not leg.task.done():
            answered = leg.state is ChannelState.UP
            if not answered and loop.time() >= end:
                break
            await channel.wait(None if answered else end - loop.time())
        if answered and not channel.interrupted and "g" not in options:
            switch.hang_up(channel, 16, EndsBy.DIALPLAN)
    finally:
        other.hang_up(leg, 16, EndsBy.DIALPLAN)


async def _hang_up(switch: SwitchCore, channel: Channel, data: str) -> None:
    if channel.hung_up:
        return  # the other side has ended the call, or this is the hang-up extension
    channel.hung_up = True
    channel.cause = int(data) if data.isdigit() else 16
    channel.ended_by = EndsBy.DIALPLAN


async def _nothing(_switch: SwitchCore, _channel: Channel, _data: str) -> None:
    return


APPLICATIONS: dict[str, Application] = {
    "AGI": run_agi,
    "AMD": _amd,
    "Answer": _answer,
    "ChanSpy": _stays,
    "ConfBridge": _confbridge,
    "ControlPlayback": _control_playback,
    "Dial": _dial,
    "Echo": _stays,
    "Goto": _goto,
    "GotoIf": _goto_if,
    "Hangup": _hang_up,
    "MixMonitor": _mix_monitor,
    "MusicOnHold": _music_on_hold,
    "NoOp": _nothing,
    "Playback": _playback,
    "Set": _set,
    "UserEvent": _user_event,
    "Verbose": _nothing,
    "Wait": _wait,
}


async def sleep_on(channel: Channel, seconds: float) -> None:
    """Wait for so many of the dialplan's seconds, unless the channel is hung up or redirected."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not channel.interrupted and (left := end - loop.time()) > 1e-9:
        await channel.wait(left)


async def run_dialplan(switch: SwitchCore, channel: Channel, start: Location) -> None:
    """Run the dialplan on a channel from `start` until it is hung up or the dialplan ends."""
    channel.goto = start
    while not channel.hung_up:
        if channel.goto is not None:
            place, channel.goto = channel.goto, None
            channel.move_to(place.context, place.extension, place.priority)
        else:
            _go_on(switch, channel)
        if not await _step(switch, channel):
            channel.cause = channel.cause or 16
            break
    await _run_hang_up_extension(switch, channel)


async def run_aside(switch: SwitchCore, channel: Channel, start: Location) -> None:
    """Run the dialplan on a channel from `start` to its end, then return the channel to its former location."""
    stood = channel.context, channel.extension, channel.priority, channel.application, channel.data
    channel.move_to(start.context, start.extension, start.priority)
    while not channel.interrupted and await _step(switch, channel):
        _go_on(switch, channel)
    channel.shown = channel.block(), channel.application, channel.data
    channel.move_to(*stood[:3])
    channel.application, channel.data = stood[3:]


async def _run_hang_up_extension(switch: SwitchCore, channel: Channel) -> None:
    """Run the context's h extension on the dead channel; a pattern that matches h runs too, as in Asterisk."""
    if find_extension(switch.dialplan, channel.context, HANG_UP_EXTENSION) is None:
        return
    channel.hung_up, channel.goto = True, None
    channel.move_to(channel.context, HANG_UP_EXTENSION, 1)
    for _ in range(MOST_HANG_UP_STEPS):
        if not await _step(switch, channel) or channel.application == "Hangup":
            return
        _go_on(switch, channel)


async def _step(switch: SwitchCore, channel: Channel) -> bool:
    """Run the channel's present step. Return False where there is none, or its application is unknown."""
    step = find_step(switch.dialplan, channel.context, channel.extension, channel.priority)
    if step is None:
        return False
    channel.application = step.application
    channel.data = substitute(step.data, lambda name: switch.look_up(channel, name))
    switch.events.new_extension(channel)
    application = APPLICATIONS.get(step.application)
    if application is None:
        return False
    await application(switch, channel, channel.data)
    return True


def _go_on(switch: SwitchCore, channel: Channel) -> None:
    """Go to the target of Goto or GotoIf, else to the next step."""
    target, channel.jump = channel.jump, None
    context, name = channel.context, channel.extension
    if target is None:
        channel.move_to(context, name, channel.priority + 1)
        return
    *place, priority = target.split(",")
    if len(place) == 2:
        context, name = place
    elif len(place) == 1:
        name = place[0]
    channel.move_to(context, name, priority_of(find_extension(switch.dialplan, context, name), priority))


def priority_of(extension: Extension | None, priority: str) -> int:
    """Return the number of a priority or label; 0 for an unknown one."""
    if priority.isdigit():
        return int(priority)
    return 0 if extension is None else extension.labels.get(priority, 0)
