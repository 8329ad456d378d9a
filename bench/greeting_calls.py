"""Play clips to detectors on a real Asterisk, many calls at once, and return what each detector decided.

A call is a Local channel: one side answers and plays the clip, the other runs a detector of the dialplan. Asterisk
delivers the clip in packets of 20 ms, in real time.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bench.common import Unrunnable
from bench.greeting_clips import Clip
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLogin
from tests.asterisk.process import NoAsterisk, RealAsterisk, find_asterisk, find_free_ports

CALLS_AT_ONCE: Final = 40
LISTENED_AT_ONCE: Final = 12
"""Calls at once for a detector of our own, which must not wait for the processor."""
CALL_SECONDS: Final = 60.0
AUDIO_KIND: Final = 0x10
"""The kind of an AudioSocket message that carries audio. A message is its kind, its length (2 bytes) and its content."""
ID_KIND: Final = 0x01

_MODULES = "app_amd app_audiosocket app_exec app_playback app_userevent format_sln func_strings pbx_config"
_MODULES += " res_audiosocket res_timing_timerfd"
_FILES: Final = {
    "asterisk.conf": "[options]\nhideconnect=yes\n",
    "logger.conf": "[general]\n[logfiles]\nmessages.log => warning,error\n",
    "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in _MODULES.split()),
    "amd.conf": "[general]\n",  # without values: the defaults of the program
}
_DIALPLAN: Final = """[clip]
exten => s,1,Answer(,i)
 same => n,Playback(${{CLIP}})
 same => n,Wait(30)
[detect]
exten => s,1,Set(BEGAN=${{STRFTIME(,,%s.%3q)}})
 same => n,{application}
 same => n,Set(SECONDS=$[${{STRFTIME(,,%s.%3q)}} - ${{BEGAN}}])
 same => n,UserEvent(Decided,Call:${{CALL}},Status:${{AMDSTATUS}},Cause:${{AMDCAUSE}},Seconds:${{SECONDS}})
 same => n,Hangup()
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a detector decided about a call, why, and how long after the answer (seconds)."""

    is_machine: bool
    cause: str
    seconds: float


class Listener(Protocol):
    """A detector of our own, which hears a call in packets."""

    def hear(self, packet: bytes) -> bool | None:
        """Return whether a machine answered, or None to hear more."""


async def decide_by_amd(clips: Sequence[Clip], arguments: str, folder: Path) -> list[Decision]:
    """Return what Asterisk's AMD() decides about each clip. `arguments` are passed to AMD().

    Initial silence counts as AMD reports it: as a machine.
    """
    async with run_calls(f"AMD({arguments})", folder) as place:
        events = await asyncio.gather(*(place(clip, clip.name) for clip in clips))
    return [
        Decision(each.get("Status") == "MACHINE", each.get("Cause").partition("-")[0], float(each.get("Seconds")))
        for each in events
    ]


async def decide_by_listener(clips: Sequence[Clip], listen: Callable[[], Listener], folder: Path) -> list[Decision]:
    """Return what a detector of our own decides about each clip, which it hears through AudioSocket()."""
    verdicts: dict[str, bool] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener, call, verdict = listen(), "", None
        try:
            while verdict is None:
                kind, *size = await reader.readexactly(3)
                content = await reader.readexactly(size[0] << 8 | size[1])
                if kind == ID_KIND:
                    call = str(uuid.UUID(bytes=content))
                elif kind == AUDIO_KIND:
                    verdict = listener.hear(content)
        except asyncio.IncompleteReadError:
            verdict = None
        if verdict is not None:
            verdicts[call] = verdict
        writer.close()

    calls = [str(uuid.uuid4()) for _ in clips]
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        application = f"TryExec(AudioSocket(${{CALL}},127.0.0.1:{server.sockets[0].getsockname()[1]}))"
        async with run_calls(application, folder, LISTENED_AT_ONCE) as place:
            pairs = zip(clips, calls, strict=True)
            events = await asyncio.gather(*(place(clip, call) for clip, call in pairs))
    return [
        Decision(verdicts.get(call, False), "" if call in verdicts else "no verdict", float(event.get("Seconds")))
        for call, event in zip(calls, events, strict=True)
    ]


Place = Callable[[Clip, str], Awaitable[AmiMessage]]
"""Places a call with an id, and returns the event that says what was decided about it."""


@asynccontextmanager
async def run_calls(application: str, folder: Path, at_once: int = CALLS_AT_ONCE) -> AsyncIterator[Place]:
    """Run an Asterisk whose calls are heard by `application`. Raises Unrunnable if it is missing or does not start."""
    decided: dict[str, asyncio.Future[AmiMessage]] = {}
    lines = asyncio.Semaphore(at_once)

    def receive_event(event: AmiMessage) -> None:
        if event.get("UserEvent") == "Decided":
            decided[event.get("Call")].set_result(event)

    try:
        asterisk = RealAsterisk(find_asterisk(), folder / secrets.token_hex(4))
        [port] = find_free_ports(1)
        secret = secrets.token_hex(12)
        files = {
            **_FILES,
            "extensions.conf": _DIALPLAN.format(application=application),
            "manager.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={port}\n"
            f"[bench]\nsecret={secret}\nread=system,user\nwrite=originate,call\n",
        }
        asterisk.write_configuration(files)
        await asterisk.start()
    except NoAsterisk as error:
        raise Unrunnable(str(error)) from None
    sounds = folder / "clips"
    sounds.mkdir(exist_ok=True)
    try:
        async with AmiClient(AmiLogin("127.0.0.1", port, "bench", secret), on_event=receive_event) as client:

            async def place(clip: Clip, call: str) -> AmiMessage:
                path = sounds / f"{clip.name}.sln"
                if not path.exists():
                    path.write_bytes(clip.samples.astype("<i2").tobytes())
                fields = [
                    ("Channel", "Local/s@clip/n"),
                    ("Context", "detect"),
                    ("Exten", "s"),
                    ("Priority", "1"),
                    ("Variable", f"__CLIP={path.with_suffix('')}"),
                    ("Variable", f"CALL={call}"),
                    ("Async", "true"),
                ]
                async with lines, asyncio.timeout(CALL_SECONDS):
                    decided[call] = asyncio.get_running_loop().create_future()
                    await client.send_action("Originate", fields)
                    return await decided[call]

            yield place
    finally:
        await asterisk.stop()
