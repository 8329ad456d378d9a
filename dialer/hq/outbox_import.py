"""Importing files with a disconnected centre's results, which a person carries to headquarters (outbox files).

The rows take the same way as those from the network: through the stream of batches to the gatherer. So a row that
arrives twice is stored once, and only the gatherer writes to the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.domain.errors import HeadquartersUnreachable
from dialer.nats import nkey
from dialer.nats.messages import InvalidMessage, build_ack_subject, build_batch_subject, pack_batch, unpack_ack
from dialer.nats.outbox_file import OutboxFile, read_outbox_file
from dialer.settings.headquarters import HqSettings

if TYPE_CHECKING:
    from dialer.nats.session import Session

ACK_TIMEOUT_SECONDS = 30.0
"""A gatherer commits within a second. If it fails, a standby takes over within some seconds."""


def read_outbox_files(settings: HqSettings, paths: Sequence[Path]) -> list[OutboxFile]:
    """Return the checked outbox files, sorted by centre and first row.

    Raises InvalidMessage for a file that is incomplete, from an unknown centre, or not signed by its centre.
    """
    files = [read_outbox_file(path) for path in paths]
    for file in files:
        _check_signature(settings, file)
    return sorted(files, key=lambda file: (file.centre, file.first, file.last))


def _check_signature(settings: HqSettings, file: OutboxFile) -> None:
    centre = next((centre for centre in settings.centres if centre.id == file.centre), None)
    if centre is None:
        raise InvalidMessage(f"{file.path}: {file.centre} is not a centre of this headquarters: add it to [[centres]]")
    if settings.nkey_file is None:
        return  # the server uses no keys
    rendered = settings.nkey_file.parent / "centres" / f"{file.centre}.nk"
    if centre.nkey is None and not rendered.exists():
        raise InvalidMessage(f"{file.path}: the key of {file.centre} is unknown: add its nkey to [[centres]]")
    public_key = nkey.read_public_key(rendered) if centre.nkey is None else nkey.decode_public_key(centre.nkey)
    if not file.is_signed_by(public_key):
        raise InvalidMessage(
            f"{file.path}: is not signed with the key of {file.centre}: write it again there, with its nkey_file"
        )


class _Acknowledgements:
    """The last row id of each centre that the gatherer has acknowledged."""

    def __init__(self) -> None:
        self._through: dict[str, int] = {}
        self._received = asyncio.Event()

    def discard_earlier(self, centre: str) -> None:
        """Discard the acknowledgements for an earlier file of a centre."""
        self._through.pop(centre, None)

    async def store_acknowledgement(self, subject: str, data: bytes) -> None:
        """Store the gatherer's acknowledgement of a centre's rows."""
        self._through[subject.removeprefix(build_ack_subject(""))] = unpack_ack(data)
        self._received.set()

    async def wait_for_row(self, file: OutboxFile, last: int) -> None:
        """Wait until the file's rows up to the id `last` are acknowledged. Raises the same errors as `import_outbox_files`."""
        while (through := self._through.get(file.centre, file.first - 1)) < last:
            if through < file.first - 1:
                raise InvalidMessage(
                    f"{file.path}: starts at row {file.first}, but headquarters has {file.centre} only up to {through}: import"
                    " the file before it, or wait for the connection"
                )
            self._received.clear()
            try:
                async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                    await self._received.wait()
            except TimeoutError as error:
                raise HeadquartersUnreachable(
                    f"{file.path}: no gatherer has committed it: start `dialer hq gather`, or see its log for why the file was"
                    " refused, then import it again (rows that are stored already are skipped)"
                ) from error


async def import_outbox_files(session: Session, files: Sequence[OutboxFile]) -> AsyncIterator[OutboxFile]:
    """Send the rows of the files to the gatherer. Yield each file once all its rows are committed.

    Raises HeadquartersUnreachable if no gatherer answers, and InvalidMessage if rows before a file's first row are missing.
    Files that were sent before the error stay imported. Importing them again changes nothing.
    """
    acks = _Acknowledgements()
    for centre in {file.centre for file in files}:
        await session.subscribe(build_ack_subject(centre), acks.store_acknowledgement)
    for file in files:
        acks.discard_earlier(file.centre)
        for number, batch in enumerate(file.read_batches()):
            await session.store(build_batch_subject(file.centre), await asyncio.to_thread(pack_batch, batch))
            if number == 0:
                await acks.wait_for_row(file, batch.last)  # find out whether rows before it are missing
        await acks.wait_for_row(file, file.last)
        yield file
