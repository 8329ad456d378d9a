"""Download a complete list of other centres' opt-outs or marks about voters from headquarters, page by page."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import IO
from uuid import uuid4

from dialer.nats.messages import InvalidMessage, build_snapshot_subject
from dialer.nats.session import Session
from dialer.nats.snapshot import (
    SnapshotPage,
    SnapshotRequest,
    pack_snapshot_request,
    unpack_snapshot_page,
    verify_and_unpack_page,
)

Place = tuple[str, int]
"""A constituency: its state's code and its number."""
PAGE_TIMEOUT_SECONDS = 60.0  # 300 centres may ask at once, and are answered one after another
MAX_MEMORY_BYTES = 8 << 20
"""Larger snapshots are stored in an unnamed temporary file."""
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class PeerSnapshot:
    """A completely downloaded list of other centres' opt-outs or marks (snapshot)."""

    name: str  # unique
    position: int  # position in the stream from which to continue
    pages: Iterator[SnapshotPage]  # can be read once


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """The source of complete lists of other centres' opt-outs and marks (snapshots), which one centre downloads."""

    centre: str
    session: Session
    key: bytes | None = None  # headquarters' public key, which signs snapshots

    @contextlib.asynccontextmanager
    async def download_snapshot_of_updates(
        self, stream: str, place: Place | None, stored: int
    ) -> AsyncIterator[PeerSnapshot]:
        """Download the complete list of other centres' opt-outs, or of facts about the voters of a constituency.

        `stream` says which of the two, `place` is the constituency. A list that is older than the last update that this
        centre has stored (`stored`, a position in the stream) is refused. Raises InvalidMessage or
        HeadquartersUnreachable if the list cannot be downloaded completely.
        """
        request = SnapshotRequest(stream, uuid4().hex, "", *(place or ()))
        with tempfile.SpooledTemporaryFile(MAX_MEMORY_BYTES) as file:
            data, page = await self._request_snapshot_page(request)
            position = page.position
            if position < stored:
                raise InvalidMessage(
                    f"headquarters sent an outdated list of opt-outs and voters' marks, up to update {position}; this centre"
                    f" has updates up to {stored} and requests the list again"
                )
            _append_snapshot_page_to_file(file, data)
            while page.next_after is not None:
                request = replace(request, after=page.next_after)
                data, page = await self._request_snapshot_page(request)
                _append_snapshot_page_to_file(file, data)
            file.seek(0)
            yield PeerSnapshot(request.nonce, position, _read_snapshot_pages_from_file(file))

    async def _request_snapshot_page(self, request: SnapshotRequest) -> tuple[bytes, SnapshotPage]:
        subject = build_snapshot_subject(self.centre)
        data = await self.session.send_request(subject, pack_snapshot_request(request), PAGE_TIMEOUT_SECONDS)
        return data, await asyncio.to_thread(verify_and_unpack_page, data, self.centre, request, self.key)


def _append_snapshot_page_to_file(file: IO[bytes], data: bytes) -> None:
    file.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)


def _read_snapshot_pages_from_file(file: IO[bytes]) -> Iterator[SnapshotPage]:
    while length := file.read(_LENGTH_BYTES):
        yield unpack_snapshot_page(file.read(int.from_bytes(length, "big")))
