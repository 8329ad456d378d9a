"""`dialer check` asks Asterisk itself: may we do there what we must, does it find every sound, and are lines and phones there?"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from dialer.audio.message import MESSAGE_SOUND
from dialer.audio.playlist import PlaylistReader
from dialer.audio.tones import TONES
from dialer.deploy.asterisk.render import asterisk_trunks
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import SwitchError
from dialer.flows.catalogue import load_flow
from dialer.flows.prompts import playlist_reader
from dialer.flows.sounds import sounds_said
from dialer.flows.texts import texts_with
from dialer.settings.site import Settings
from dialer.site.asterisk import ami_login
from dialer.site.checks.finding import Finding, bad, good, note
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_rights import ask_dialplan, check_rights
from dialer.switch.asterisk.scripts.runner import script_of

SOUNDS_AT_ONCE = 100  # an action has 128 lines at most
ASKED_AT_ONCE = 12  # such actions: a sound takes some 25 ms, in which a frame of it is played to nobody
ANSWER_SECONDS = 20.0
MUSIC_SECONDS = 0.9  # it is played for one second; a class with nothing to play ends at once
_MOST_NAMED = 5
_SOUND = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", re.ASCII)
_REGISTERED = "Registered"
_AWAY = frozenset({"UNAVAILABLE", "INVALID"})


Told = dict[str, asyncio.Queue[AmiMessage]]
"""What Asterisk tells of each channel of the check, by its id, while somebody listens."""


async def asterisk(
    settings: Settings, others: Sequence[str] = (), reader: Callable[[], PlaylistReader] | None = None
) -> AsyncIterator[Finding]:
    """All of it; `others`: the servers beside it, `reader`: what has read the catalogue already. Raises MatdanError."""
    banner = await check_rights(ami_login(settings))
    told: Told = {}

    def tell(message: AmiMessage) -> None:
        queue = told.get(message.get("Uniqueid"))
        if queue is not None and not queue.full():
            queue.put_nowait(message)

    async with AmiClient(ami_login(settings), on_event=tell, keep_events=("UserEvent",)) as client:
        await client.action("CoreStatus")
        channels = await client.action_list("CoreShowChannels")
        await client.action_list("ConfbridgeListRooms")
        yield good("asterisk", f"{banner}, {len(channels)} channels live")
        yield await _sounds(settings, client, told, reader or partial(playlist_reader, settings))
        if settings.seats:
            yield await _music(settings, client, told)
        for finding in await trunks(settings, client):
            yield finding
        if settings.seats:
            yield await phones(settings, client)
        for server in others:
            yield await _reaches(server, client)


async def _sounds(settings: Settings, client: AmiClient, told: Told, reader: Callable[[], PlaylistReader]) -> Finding:
    """Each sound that a call may need, opened by Asterisk: what lies elsewhere nobody hears."""
    names = await asyncio.to_thread(_needed, settings, reader)
    missing = sorted(await _missing(client, told, names), key=names.index)
    if not missing:
        return good("sounds heard", f"Asterisk finds all {len(names):,} sounds that calls may need")
    more = ", ..." if len(missing) > _MOST_NAMED else ""
    where = f"put them below Asterisk's own sounds directory, which audio.sounds ({settings.audio.sounds}) must be"
    text = f"Asterisk does not find {len(missing):,} of {len(names):,} sounds: {', '.join(missing[:_MOST_NAMED])}{more}; {where}"
    return bad("sounds heard", text)


async def _missing(client: AmiClient, told: Told, names: Sequence[str]) -> list[str]:
    """Raises SwitchError where Asterisk does not say it."""
    pieces = deque(names[first : first + SOUNDS_AT_ONCE] for first in range(0, len(names), SOUNDS_AT_ONCE))
    missing: list[str] = []

    async def ask() -> None:
        while pieces:
            async for event in _asked(client, told, "sounds", "SoundsChecked", pieces.popleft()):
                if event.get("UserEvent") == "SoundMissing":
                    missing.append(event.get("Sound"))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(ASKED_AT_ONCE, len(pieces))):
                group.create_task(ask(), name="check-sounds")
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return missing


async def _asked(
    client: AmiClient, told: Told, extension: str, last: str, sounds: Sequence[str] = ()
) -> AsyncIterator[AmiMessage]:
    """What Asterisk tells at an extension of the check, up to and with its last word. Raises SwitchError where it says none."""
    channel_id = f"check-{secrets.token_hex(8)}"
    queue = told[channel_id] = asyncio.Queue(maxsize=2 * SOUNDS_AT_ONCE)
    try:
        await ask_dialplan(client, extension, channel_id, sounds)
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                event = await queue.get()
                yield event
                if event.get("UserEvent") == last:
                    return
    except TimeoutError:
        raise SwitchError(f"Asterisk was asked what it can play, and did not say it in {ANSWER_SECONDS:g} s") from None
    finally:
        del told[channel_id]


def _needed(settings: Settings, reader: Callable[[], PlaylistReader]) -> list[str]:
    """The sounds by name that may be played, by flows and by the dialplan. Blocks: files are read. Raises MatdanError."""
    names = dict.fromkeys([*(TONES if settings.seats else ()), MESSAGE_SOUND])
    if settings.audio.catalogue is not None:
        names |= dict.fromkeys(sorted(name.sound for name in reader().read().listed))
    else:
        texts = texts_with(settings.flows.texts)
        flows = {campaign.flow for campaign in settings.campaigns if campaign.kind is CampaignKind.IVR}
        flows |= {number.flow for number in settings.inbound.numbers}
        for flow in sorted(flow for flow in flows if flow is not None and script_of(flow) is None):
            names |= dict.fromkeys(sounds_said(load_flow(flow), settings.centre.language, texts))
    return [name for name in names if _SOUND.fullmatch(name)]


async def _music(settings: Settings, client: AmiClient, told: Told) -> Finding:
    name = settings.hold.music_class
    async for event in _asked(client, told, "music", "MusicChecked"):
        try:
            seconds = float(event.get("Seconds"))
        except ValueError:
            seconds = 0.0
        if seconds >= MUSIC_SECONDS:
            return good("music on hold", f"the class {name} plays")
    text = f"the class {name} (hold.music_class) has nothing to play: a voter on hold hears a tone now and then; put a file there"
    return note("music on hold", text)


async def trunks(settings: Settings, client: AmiClient) -> list[Finding]:
    """Whether each carrier answers, where Asterisk asks it (`qualify_seconds`), and has registered us, where it must."""
    lines = asterisk_trunks(settings)
    registered: dict[str, str] = {}
    if any(trunk.registers for trunk in lines):
        # The list names the accounts' passwords too: nothing of it is kept or shown but these two.
        listed = await client.action_list("PJSIPShowRegistrationsOutbound")
        registered = {each.get("ObjectName"): each.get("Status") for each in listed}
    findings: list[Finding] = []
    for trunk in lines:
        what = f"trunk {trunk.name}"
        state = registered.get(f"{trunk.endpoint}-registration", "unknown")
        answers = await _device(client, trunk.endpoint) if trunk.qualify_seconds else ""
        if trunk.registers and state != _REGISTERED:
            text = f"not registered at {trunk.host} ({state}); check its username and password, and that the carrier can be reached"
            findings.append(bad(what, text))
        elif answers in _AWAY:
            text = f"{trunk.host} does not answer; check its host and port, and the firewall between"
            findings.append(bad(what, text))
        elif answers or trunk.registers:
            told = [*(["registered"] if trunk.registers else []), *(["answers"] if answers else [])]
            findings.append(good(what, f"{trunk.host}: {' and '.join(told)}"))
        else:
            findings.append(note(what, f"nobody asks whether {trunk.host} answers (qualify_seconds = 0)"))
    return findings


async def phones(settings: Settings, client: AmiClient) -> Finding:
    """Which seats' phones Asterisk knows the way to."""
    away = [seat.name for seat in settings.seats if await _device(client, seat.endpoint) in _AWAY]
    there = f"{len(settings.seats) - len(away):,} of {len(settings.seats):,} are registered"
    if not away:
        return good("phones", there)
    more = f" and {len(away) - 20} more" if len(away) > 20 else ""
    return note("phones", f"{there}; not there: seat {', '.join(away[:20])}{more}")


async def _reaches(server: str, client: AmiClient) -> Finding:
    """Whether voters can be joined to the seats of another server."""
    what = f"way to server {server}"
    if await _device(client, f"matdan-server-{server}") in _AWAY:
        text = (
            "it does not answer, and no voter can be joined to its seats; check its host and sip_port, and render both"
        )
        return bad(what, text)
    return good(what, "it answers")


async def _device(client: AmiClient, endpoint: str) -> str:
    """The state of an endpoint. Raises SwitchError, also where Asterisk cannot say it."""
    state = (await client.action("Getvar", [("Variable", f"DEVICE_STATE(PJSIP/{endpoint})")])).get("Value")
    if not state:
        raise SwitchError(
            "Asterisk cannot tell which phones are there: load func_devstate, as `dialer asterisk render` has it"
        )
    return state
