"""Import outbox files: results of a disconnected centre that a person carries to headquarters.

The rows are sent to the same NATS stream as those from the network. So only the gatherer (the process that imports
results) writes to the database, and a row that arrives twice is stored once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.domain.errors import HeadquartersUnreachable
from dialer.nats import nkey
from dialer.nats.messages import (
    Acknowledgement,
    InvalidMessage,
    OutboxBatch,
    build_acknowledgement_subject,
    build_batch_subject,
    pack_first_part_of_batch,
    unpack_acknowledgement,
)
from dialer.nats.outbox_file import OutboxFile, read_outbox_file
from dialer.settings.headquarters import HqSettings

if TYPE_CHECKING:
    from dialer.nats.session import Session

ACK_TIMEOUT_SECONDS = 6.0
"""A gatherer commits within a second. If it fails, a standby takes over within some seconds."""
TRIES = 5
"""How often a batch is sent. That is long enough for a store that replaces another (`SILENCE_SECONDS` in dialer/hq/stores.py)."""


def read_outbox_files(settings: HqSettings, paths: Sequence[Path]) -> list[OutboxFile]:
    """Return the checked files of a centre's results (outbox files), sorted by centre and first row.

    Raises InvalidMessage for a file that is incomplete, from an unknown centre, or not signed by its centre.
    """
    files = [read_outbox_file(path) for path in paths]
    for file in files:
        _refuse_outbox_file_without_valid_signature(settings, file)
    return sorted(files, key=lambda file: (file.centre, file.first, file.last))


def _refuse_outbox_file_without_valid_signature(settings: HqSettings, file: OutboxFile) -> None:
    centre = next((centre for centre in settings.centres if centre.id == file.centre), None)
    if centre is None:
        raise InvalidMessage(
            f"{file.path}: centre {file.centre} is not in headquarters' settings: add the centre to [[centres]]"
        )
    if settings.nkey_file is None:
        return  # the server uses no keys
    rendered = settings.nkey_file.parent / "centres" / f"{file.centre}.nk"
    if centre.nkey is None and not rendered.exists():
        raise InvalidMessage(
            f"{file.path}: headquarters has no public key of centre {file.centre}: add it as `nkey` of this centre "
            "in [[centres]]"
        )
    public_key = nkey.read_public_key(rendered) if centre.nkey is None else nkey.decode_public_key(centre.nkey)
    if not file.is_outbox_file_signed_with_key(public_key):
        raise InvalidMessage(
            f"{file.path}: the file is not signed with the key of centre {file.centre}: set "
            "`headquarters.nkey_file` at the centre to its key file, then export the file there again"
        )


class _Acknowledgements:
    """The acknowledgements that the gatherer (the process that imports results) has sent, by sender.

    A sender is a centre, the id of its store (incarnation), and the id of its dialler's process (run). Batches from
    files have an empty run, which distinguishes their acknowledgements from those of the centre's network connection
    (uplink).
    """

    def __init__(self) -> None:
        self._acks: dict[tuple[str, str, str], Acknowledgement] = {}
        self._received = asyncio.Event()

    async def store_acknowledgement_of_gatherer(self, subject: str, data: bytes) -> None:
        """Store an acknowledgement from the gatherer (the process that imports results), and wake the task that waits
        for it.
        """
        ack = unpack_acknowledgement(data)
        centre = subject.removeprefix(build_acknowledgement_subject(""))
        self._acks[centre, ack.incarnation, ack.run or ""] = ack
        self._received.set()

    async def send_batch_until_acknowledged(self, session: Session, file: OutboxFile, batch: OutboxBatch) -> None:
        """Send a batch of a file, and repeat it until the gatherer acknowledges it.

        Raises the same errors as `import_outbox_files`.
        """
        rest = batch
        while rest.first <= rest.last:
            part, data = await asyncio.to_thread(pack_first_part_of_batch, rest)
            await self._send_message_until_acknowledged(session, file, part, data)
            later = tuple(row for row in rest.rows if row.id > part.last)
            rest = replace(rest, first=part.last + 1, rows=later)

    async def _send_message_until_acknowledged(
        self, session: Session, file: OutboxFile, batch: OutboxBatch, data: bytes
    ) -> None:
        key = (file.centre, file.store.incarnation, file.store.run)
        problem = "start `dialer hq gather`, or see its log for why the file was refused"
        for _ in range(TRIES):
            self._acks.pop(key, None)
            await session.store_message(build_batch_subject(file.centre), data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                    while not (ack := self._acks.get(key)) or (ack.through or 0) < batch.last:
                        if ack is not None and ack.through is not None and ack.through < batch.first - 1:
                            raise InvalidMessage(
                                f"{file.path}: results before row {batch.first} are missing at headquarters, which "
                                f"has the rows of centre {file.centre} up to {ack.through}: import the earlier file "
                                "first, or wait until the centre is connected"
                            )
                        problem = problem if ack is None else ack.problem or problem
                        self._received.clear()
                        await self._received.wait()
                    return
        raise HeadquartersUnreachable(
            f"{file.path}: headquarters' gatherer has not stored the rows of this file: {problem}. Then import the file"
            " again (rows that are stored already are skipped)"
        )


async def import_outbox_files(session: Session, files: Sequence[OutboxFile]) -> AsyncIterator[OutboxFile]:
    """Send the rows of the files to the gatherer. Yield each file once all its rows are committed.

    Raises HeadquartersUnreachable if no gatherer accepts them, and InvalidMessage if rows before a file's first row are
    missing. Files that were sent before the error stay imported. Importing them again changes nothing.
    """
    acks = _Acknowledgements()
    for centre in {file.centre for file in files}:
        await session.subscribe_to_subject(
            build_acknowledgement_subject(centre), acks.store_acknowledgement_of_gatherer
        )
    for file in files:
        for batch in file.read_batches_of_outbox_file():
            await acks.send_batch_until_acknowledged(session, file, batch)
        yield file
