"""What a headquarters still lacks, in plain words: its settings, its server and streams, its centres, its material."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Timestamp

from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.orders import RESUMING_LEADERS
from dialer.material.manifest import MaterialRefused
from dialer.material.repository import Repository
from dialer.nats.messages import CMD, PEERS, UP
from dialer.nats.session import Session, connected
from dialer.settings.headquarters import HqSettings

CONNECT_SECONDS = 5.0
LISTEN_SECONDS = 12.0
"""A dialler says how it stands every ten seconds, and its uplink passes it on."""
FRESH_SECONDS = 86_400.0


def settings_problems(settings: HqSettings) -> Iterator[str]:
    """What its file lacks."""
    if len(settings.leaders) < RESUMING_LEADERS:
        yield "[[leaders]] are fewer than two: whoever stops the centres could not let them go on"
    if not settings.centres:
        yield "[[centres]] are none: nobody is ordered anything, and nobody is missed"
    if settings.nkey_file is None:
        yield "nkey_file is not set: `dialer hq render` makes headquarters' key, and names the line"


def material_problems(settings: HqSettings, now: float) -> Iterator[str]:
    """What its material lacks; a headquarters that never began publishes none, and lacks nothing."""
    folder = settings.bundles.folder
    stamp = folder / "public" / "metadata" / "timestamp.json"
    if not folder.exists():
        return
    try:
        new, gone = Repository(folder).draft_changes()
        for target in new:
            yield f"{target} is made and not published: media and compliance sign it, then `dialer hq bundle publish`"
        for target in gone:
            yield f"{target} is drafted as withdrawn, and still approved until that is signed and published"
        left = _expires(stamp) - now if stamp.exists() else None
    except (MaterialRefused, RepositoryError, OSError) as error:
        yield f"the material in {folder} cannot be read: {error}"
        return
    if left is not None and left < FRESH_SECONDS:
        yield "what is newest was not said again for a day: run `dialer hq bundle freshen` every hour (cron)"


def _expires(stamp: Path) -> float:
    found: Metadata[Timestamp] = Metadata.from_file(str(stamp))
    return found.signed.expires.timestamp()


async def server_problems(settings: HqSettings) -> list[str]:
    """What its server lacks, and which centres are not heard there."""
    try:
        async with connected(
            settings.servers,
            "headquarters' check",
            nkey_file=settings.nkey_file,
            ca_file=settings.ca_file,
            timeout_seconds=CONNECT_SECONDS,
        ) as session:
            return [*await _stream_problems(session), *await _silent(session, settings)]
    except HeadquartersUnreachable as error:
        return [str(error)]


async def _stream_problems(session: Session) -> list[str]:
    found = []
    for stream in (UP, PEERS, CMD):
        try:
            await session.stream_id(stream)
        except HeadquartersUnreachable:
            found.append(f"the stream {stream} is not there: start `dialer hq gather`, which makes it")
    return found


async def _silent(session: Session, settings: HqSettings) -> list[str]:
    silent = {centre.id for centre in settings.centres}
    complete = asyncio.Event()

    async def hear(subject: str, data: bytes) -> None:
        silent.discard(subject.split(".")[1])
        if not silent:
            complete.set()

    if silent:
        await session.subscribe("live.>", hear)
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_SECONDS):
                await complete.wait()
    return [] if not silent else [f"not heard within {LISTEN_SECONDS:g} s: {', '.join(sorted(silent))}"]


async def problems_of(settings: HqSettings) -> list[str]:
    """All of them, each a line."""
    return [
        *settings_problems(settings),
        *await asyncio.to_thread(lambda: [*material_problems(settings, time.time())]),
        *await server_problems(settings),
    ]
