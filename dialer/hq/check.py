"""The command `dialer hq check`: finds problems of headquarters' settings, servers, centres and campaign material."""

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
from dialer.hq.gather import STREAMS
from dialer.hq.overlaps import describe_centres_sharing_numbers, describe_centres_with_different_hash_secret
from dialer.material.manifest import MaterialRefused
from dialer.material.repository import Repository
from dialer.nats.messages import InvalidMessage
from dialer.nats.number_sample import (
    NUMBERS,
    NumberSample,
    build_number_sample_subject,
    unpack_sample_of_number_hashes,
)
from dialer.nats.session import Session, open_session
from dialer.settings.headquarters import HqSettings

CONNECT_SECONDS = 5.0
LISTEN_SECONDS = 12.0
"""A dialler publishes its state every ten seconds, and its uplink forwards it."""
EXPIRY_WARNING_SECONDS = 86_400.0


def find_missing_settings(settings: HqSettings) -> Iterator[str]:
    """Yield one line for each setting of headquarters that is missing."""
    if len(settings.leaders) < RESUMING_LEADERS:
        yield "[[leaders]] has fewer than two leaders: nobody could resume the centres after a stop-all; add a second one"
    if not settings.centres:
        yield "[[centres]] is empty: no order reaches a centre; add the centres"
    if stateless := [each.id for each in settings.centres if each.state is None]:
        yield f"[[centres]] has no state for {', '.join(stateless)}: marks of these centres are set aside; set state"
    if settings.nkey_file is None:
        yield "nkey_file is not set: `dialer hq render` creates headquarters' key and prints the line to add"


def find_problems_of_campaign_material(settings: HqSettings, now: float) -> Iterator[str]:
    """Yield each problem of the published campaign material in one line. A headquarters without a material folder has none."""
    folder = settings.bundles.folder
    timestamp = folder / "public" / "metadata" / "timestamp.json"
    if not folder.exists():
        return
    try:
        new, withdrawn = Repository(folder).list_versions_changed_by_draft()
        for target in new:
            yield f"{target} is not published: have media and compliance sign it, then run `dialer hq bundle publish`"
        for target in withdrawn:
            yield f"{target} is approved until its withdrawal is signed and published"
        left = _read_expiry_of_campaign_material(timestamp) - now if timestamp.exists() else None
    except (MaterialRefused, RepositoryError, OSError) as error:
        yield f"{folder}: the material cannot be read: {error}"
        return
    if left is not None and left < EXPIRY_WARNING_SECONDS:
        yield "the list of newest material expires within a day: run `dialer hq bundle renew` every hour (cron)"


def _read_expiry_of_campaign_material(timestamp: Path) -> float:
    metadata: Metadata[Timestamp] = Metadata.from_file(str(timestamp))
    return metadata.signed.expires.timestamp()


async def find_server_problems(settings: HqSettings) -> list[str]:
    """Return the problems of nats-server, its streams and the centres that use it, one line each.

    Problems of centres are a missing live status, different secrets for hashing phone numbers, and shared phone
    numbers.
    """
    try:
        async with open_session(
            settings.servers,
            "headquarters' check",
            nkey_file=settings.nkey_file,
            ca_file=settings.ca_file,
            timeout_seconds=CONNECT_SECONDS,
        ) as session:
            missing = await _find_missing_streams(session)
            outdated = [] if missing else await _find_servers_with_outdated_copies(session)
            samples = {} if missing else await _read_samples_of_phone_numbers(session, settings)
            return [
                *missing,
                *outdated,
                *await _find_centres_without_live_status(session, settings),
                *describe_centres_with_different_hash_secret(samples),
                *describe_centres_sharing_numbers(samples),
            ]
    except HeadquartersUnreachable as error:
        return [str(error)]


async def _find_missing_streams(session: Session) -> list[str]:
    problems = []
    for stream in STREAMS:
        try:
            await session.find_stream_id(stream)
        except HeadquartersUnreachable:
            problems.append(f"the stream {stream} is missing: start `dialer hq gather`, which creates it")
    return problems


async def _find_servers_with_outdated_copies(session: Session) -> list[str]:
    servers = {server for stream in STREAMS for server in await session.list_servers_with_outdated_copy(stream)}
    return [
        f"{server} of the cluster does not store every message: check its disk, then restart nats-server there"
        for server in sorted(servers)
    ]


async def _read_samples_of_phone_numbers(session: Session, settings: HqSettings) -> dict[str, NumberSample]:
    """Return each centre's newest sample of hashed phone numbers, by centre. Raises HeadquartersUnreachable."""
    samples: dict[str, NumberSample] = {}
    last = (await session.read_stream_state(NUMBERS)).last
    if last == 0:
        return samples
    centres = {centre.id for centre in settings.centres}
    async for message in session.read_stream_messages(NUMBERS, 0):
        centre = message.subject.removeprefix(build_number_sample_subject(""))
        if centre in centres:
            with suppress(InvalidMessage):
                samples[centre] = unpack_sample_of_number_hashes(message.data)
        if message.position >= last:
            break
    return samples


async def _find_centres_without_live_status(session: Session, settings: HqSettings) -> list[str]:
    silent = {centre.id for centre in settings.centres}
    all_received = asyncio.Event()

    async def record_centre_with_status(subject: str, data: bytes) -> None:
        silent.discard(subject.split(".")[1])
        if not silent:
            all_received.set()

    if silent:
        await session.subscribe_to_subject("live.>", record_centre_with_status)
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_SECONDS):
                await all_received.wait()
    return [] if not silent else [f"no status within {LISTEN_SECONDS:g} s from: {', '.join(sorted(silent))}"]


async def find_headquarters_problems(settings: HqSettings) -> list[str]:
    """Return all problems of a headquarters, each in one line."""
    return [
        *find_missing_settings(settings),
        *await asyncio.to_thread(lambda: [*find_problems_of_campaign_material(settings, time.time())]),
        *await find_server_problems(settings),
    ]
