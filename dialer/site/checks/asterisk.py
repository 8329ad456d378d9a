"""Checks of a running Asterisk server: permissions, sounds, trunks and phones, and links to other servers."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from dialer.audio.information_message import MESSAGE_SOUND
from dialer.audio.playlist import PlaylistReader
from dialer.audio.tones import TONES
from dialer.deploy.asterisk.render import list_asterisk_trunks
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import SwitchError
from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.flows.audio_settings import make_playlist_reader
from dialer.flows.catalogue import load_flow
from dialer.flows.sounds import list_sounds_of_flow
from dialer.flows.texts import load_texts
from dialer.settings.fields import is_loopback_host
from dialer.settings.site import Settings
from dialer.settings.trunks import Trunk
from dialer.site.asterisk import get_ami_login
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_permissions import check_ami_permissions, run_dialplan_check
from dialer.switch.asterisk.attestation import fetch_attestation_of_trunk
from dialer.switch.asterisk.registrations import REGISTERED, list_trunk_registrations
from dialer.switch.asterisk.scripts.runner import find_agi_script_in_flow_setting

SOUNDS_PER_REQUEST = 100  # an AMI action has 128 lines at most
CONCURRENT_REQUESTS = 12  # Asterisk plays a frame of each sound, which takes some 25 ms
ANSWER_SECONDS = 20.0
MUSIC_SECONDS = 0.9  # music is played for one second; a class with nothing to play ends immediately
_MAX_NAMED = 5
_SOUND = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", re.ASCII)
_UNREACHABLE = frozenset({"UNAVAILABLE", "INVALID"})

Events = dict[str, asyncio.Queue[AmiMessage]]
"""The user events of a check's channels, by channel ID."""


async def check_asterisk(
    settings: Settings, others: Sequence[str] = (), reader: Callable[[], PlaylistReader] | None = None
) -> AsyncIterator[Finding]:
    """Check an Asterisk server: permissions, sounds, music on hold, trunks and phones.

    `others` has the names of the site's other servers. Calls to them are checked too. `reader` reads the catalogue of
    prompts. Raises MatdanError.
    """
    banner = await check_ami_permissions(get_ami_login(settings))
    if is_loopback_host(settings.ami.host):
        for finding in _check_call_history(settings.asterisk.history):
            yield finding
    events: Events = {}

    def queue_event_by_channel(message: AmiMessage) -> None:
        queue = events.get(message.get("Uniqueid"))
        if queue is not None and not queue.full():
            queue.put_nowait(message)

    async with AmiClient(
        get_ami_login(settings), on_event=queue_event_by_channel, wanted_events=("UserEvent",)
    ) as client:
        await client.send_action("CoreStatus")
        channels = await client.send_list_action("CoreShowChannels")
        await client.send_list_action("ConfbridgeListRooms")
        yield make_ok_finding("asterisk", f"{banner}, {len(channels)} live channels")
        yield await _check_sounds(settings, client, events, reader or partial(make_playlist_reader, settings))
        if settings.seats:
            yield await _check_hold_music(settings, client, events)
        for finding in await check_trunks(settings, client):
            yield finding
        if settings.seats:
            yield await check_phones(settings, client)
        for other in others:
            yield await _check_calls_to_other_server(other, client)


def _check_call_history(file: Path | None) -> Iterator[Finding]:
    """Check that the dialler can look up how calls ended while it was down."""
    text = "calls that end while the dialler is down stay unknown, and their numbers are not called again"
    if file is None:
        yield make_warning_finding(
            "call history", text, "set `asterisk.history` to a file that this machine's Asterisk writes"
        )
    elif not os.access(file.parent, os.R_OK | os.X_OK):
        problem = f"{file.parent} does not exist or cannot be read, so {text}"
        yield make_warning_finding("call history", problem, "run `dialer install` and `dialer asterisk render`")


async def _check_sounds(
    settings: Settings, client: AmiClient, events: Events, reader: Callable[[], PlaylistReader]
) -> Finding:
    """Check that Asterisk finds each sound file that a call may need. Callers would hear silence in place of a missing
    file.
    """
    subject = "sounds in asterisk"
    names = await asyncio.to_thread(_list_needed_sounds, settings, reader)
    missing = sorted(await _find_missing_sounds(client, events, names), key=names.index)
    if not missing:
        return make_ok_finding(subject, f"Asterisk finds all {len(names):,} sounds that calls may need")
    more = ", ..." if len(missing) > _MAX_NAMED else ""
    named = ", ".join(missing[:_MAX_NAMED])
    text = f"Asterisk does not find {len(missing):,} of {len(names):,} sounds: {named}{more}"
    remedy = f"copy them to Asterisk's own sounds directory, and set audio.sounds to it (is {settings.audio.sounds})"
    return make_error_finding(subject, text, remedy)


async def _find_missing_sounds(client: AmiClient, events: Events, names: Sequence[str]) -> list[str]:
    """Return the sound files that Asterisk does not find.

    Raises SwitchError if it does not answer.
    """
    batches = deque(names[first : first + SOUNDS_PER_REQUEST] for first in range(0, len(names), SOUNDS_PER_REQUEST))
    missing: list[str] = []

    async def check_batches_of_sounds() -> None:
        while batches:
            async for event in _run_dialplan_check(client, events, "sounds", "SoundsChecked", batches.popleft()):
                if event.get("UserEvent") == "SoundMissing":
                    missing.append(event.get("Sound"))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(CONCURRENT_REQUESTS, len(batches))):
                group.create_task(check_batches_of_sounds(), name="check-sounds")
    except ExceptionGroup as group_error:
        raise group_error.exceptions[0] from None
    return missing


async def _run_dialplan_check(
    client: AmiClient, events: Events, extension: str, last: str, sounds: Sequence[str] = ()
) -> AsyncIterator[AmiMessage]:
    """Run a check at an extension of Asterisk's dialplan, and yield its results (AMI user events).

    The user event named `last` ends the check. Raises SwitchError if the events do not arrive in time.
    """
    channel_id = f"check-{secrets.token_hex(8)}"
    queue = events[channel_id] = asyncio.Queue(maxsize=2 * SOUNDS_PER_REQUEST)
    try:
        await run_dialplan_check(client, extension, channel_id, sounds)
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                event = await queue.get()
                yield event
                if event.get("UserEvent") == last:
                    return
    except TimeoutError:
        raise SwitchError(
            f"Asterisk did not report which sounds it has within {ANSWER_SECONDS:g} s: check its load, then try again"
        ) from None
    finally:
        del events[channel_id]


def _list_needed_sounds(settings: Settings, reader: Callable[[], PlaylistReader]) -> list[str]:
    """Return the names of all sounds that IVR flows and Asterisk's dialplan may play.

    Reads files, so it must run in a thread. Raises MatdanError.
    """
    names = dict.fromkeys([*(TONES if settings.seats else ()), MESSAGE_SOUND])
    if settings.audio.catalogue is not None:
        names |= dict.fromkeys(sorted(name.sound_name for name in reader().read_playlist().listed))
    else:
        texts = load_texts(settings.flows.texts)
        flows = {campaign.flow for campaign in settings.campaigns if campaign.kind is CampaignKind.IVR}
        flows |= {number.flow for number in settings.inbound.numbers}
        for flow in sorted(
            flow for flow in flows if flow is not None and find_agi_script_in_flow_setting(flow) is None
        ):
            names |= dict.fromkeys(list_sounds_of_flow(load_flow(flow), settings.centre.language, texts))
    return [name for name in names if _SOUND.fullmatch(name)]


async def _check_hold_music(settings: Settings, client: AmiClient, events: Events) -> Finding:
    subject, name = "music on hold", settings.hold.music_class
    async for event in _run_dialplan_check(client, events, "music", "MusicChecked"):
        try:
            seconds = float(event.get("Seconds"))
        except ValueError:
            seconds = 0.0
        if seconds >= MUSIC_SECONDS:
            return make_ok_finding(subject, f"the class {name} plays")
    text = f"the class {name} (hold.music_class) has nothing to play: a voter on hold hears only a periodic tone"
    return make_warning_finding(subject, text, "add a sound file to its directory")


async def check_trunks(settings: Settings, client: AmiClient) -> list[Finding]:
    """Check that the carrier of each trunk answers, and that trunks with `registers` are registered.

    Whether a carrier answers is known only if Asterisk tests it (`qualify_seconds`).
    """
    trunks = list_asterisk_trunks(settings)
    registrations: Mapping[str, str] = {}
    if any(trunk.registers for trunk in trunks):
        registrations = await list_trunk_registrations(client)
    findings: list[Finding] = []
    for trunk in trunks:
        subject = f"trunk {trunk.name}"
        registration = registrations.get(trunk.endpoint, "unknown")
        state = await _fetch_device_state(client, trunk.endpoint) if trunk.qualify_seconds else ""
        if trunk.registers and registration != REGISTERED:
            text = f"not registered at {trunk.host} ({registration})"
            findings.append(
                make_error_finding(
                    subject, text, "check its username and password, and whether the carrier is reachable"
                )
            )
        elif state in _UNREACHABLE:
            text = f"{trunk.host} does not answer"
            findings.append(make_error_finding(subject, text, "check its host and port, and the firewall in between"))
        elif state or trunk.registers:
            facts = [*(["registered"] if trunk.registers else []), *(["answers"] if state else [])]
            findings.append(make_ok_finding(subject, f"{trunk.host}: {' and '.join(facts)}"))
        else:
            text = f"it is unknown whether {trunk.host} answers, because qualify_seconds is 0"
            findings.append(make_warning_finding(subject, text))
        if trunk.stir_shaken is not None and trunk.stir_shaken.are_outbound_calls_signed:
            findings.append(await _check_signatures_of_trunk(trunk, client))
    return findings


async def _check_signatures_of_trunk(trunk: Trunk, client: AmiClient) -> Finding:
    """Check that Asterisk signs the calls of a trunk (STIR/SHAKEN), because without a usable key it places them unsigned."""
    subject, wanted = f"signatures of trunk {trunk.name}", trunk.stir_shaken and trunk.stir_shaken.attestation
    level = await fetch_attestation_of_trunk(client, trunk.endpoint)
    if level == wanted:
        return make_ok_finding(subject, f"Asterisk signs calls with attestation {level}")
    text = f"Asterisk signs calls with attestation {level}, not {wanted}" if level else "Asterisk does not sign calls"
    return make_error_finding(
        subject, text, "run `dialer asterisk render` and `dialer asterisk lint`, and look at Asterisk's log"
    )


async def check_phones(settings: Settings, client: AmiClient) -> Finding:
    """Check that the phones of all seats are registered at Asterisk."""
    missing = [seat.name for seat in settings.seats if await _fetch_device_state(client, seat.endpoint) in _UNREACHABLE]
    registered = f"{len(settings.seats) - len(missing):,} of {len(settings.seats):,} are registered"
    if not missing:
        return make_ok_finding("phones", registered)
    more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
    return make_warning_finding("phones", f"{registered}; not registered: seat {', '.join(missing[:20])}{more}")


async def _check_calls_to_other_server(server: str, client: AmiClient) -> Finding:
    """Check that voters on this Asterisk server can be connected to seats on another server."""
    subject = f"connection to server {server}"
    if await _fetch_device_state(client, f"matdan-server-{server}") in _UNREACHABLE:
        text = "the other server does not answer, so voters on this server cannot be connected to seats there"
        return make_error_finding(subject, text, "check its host and sip_port, and render both servers again")
    return make_ok_finding(subject, "the other server answers")


async def _fetch_device_state(client: AmiClient, endpoint: str) -> str:
    """Return Asterisk's state of an endpoint, such as UNAVAILABLE.

    Raises SwitchError, for example if Asterisk cannot report it.
    """
    state = (await client.send_action("Getvar", [("Variable", f"DEVICE_STATE(PJSIP/{endpoint})")])).get("Value")
    if not state:
        raise SwitchError(
            "Asterisk cannot report the state of phones: load its module func_devstate (the files of `dialer "
            "asterisk render` load it)"
        )
    return state
