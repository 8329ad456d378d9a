"""A snapshot of what other centres told, fetched from headquarters: whole, or nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import IO
from uuid import uuid4

from dialer.nats.session import Session
from dialer.nats.snapshot import SnapshotAsked, SnapshotPage, pack_asked, read_page, unpacked
from dialer.nats.wire import NotOurs, snapshot_subject

ANSWER_SECONDS = 60.0  # for one page: three hundred centres may ask at once, and one is answered after the other
IN_MEMORY_BYTES = 8 << 20
"""Beyond it pages wait in a file without a name, which is gone with this process."""
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that is whole."""

    name: str  # no other one's
    position: int  # in the stream, which goes on behind it
    pages: Iterator[SnapshotPage]  # once


@dataclass(frozen=True, slots=True)
class NewsOrigin:
    """Headquarters, as a centre hears of others from there."""

    centre: str
    session: Session
    key: bytes | None = None  # headquarters', by which a snapshot is known

    @contextlib.asynccontextmanager
    async def snapshot(self, stream: str, place: tuple[str, int] | None, kept: int) -> AsyncIterator[Snapshot]:
        """All that was told of a constituency (state, number), or, without one, all opt-outs, for who has the stream up to `kept`.
        Raises NotOurs, HeadquartersUnreachable where it is not to be had whole.
        """
        asked = SnapshotAsked(stream, uuid4().hex, "", *(place or ()))
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as spool:
            data, page = await self._page(asked)
            first = page
            if first.position < kept:
                raise NotOurs(f"a snapshot up to {first.position}, where {kept} is known: it is too old, and not taken")
            _write(spool, data)
            while page.then is not None:
                asked = replace(asked, after=page.then)
                data, page = await self._page(asked)
                _write(spool, data)
            spool.seek(0)
            yield Snapshot(asked.nonce, first.position, _pages(spool))

    async def _page(self, asked: SnapshotAsked) -> tuple[bytes, SnapshotPage]:
        data = await self.session.ask(snapshot_subject(self.centre), pack_asked(asked), ANSWER_SECONDS)
        return data, await asyncio.to_thread(read_page, data, self.centre, asked, self.key)


def _write(spool: IO[bytes], data: bytes) -> None:
    spool.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)


def _pages(spool: IO[bytes]) -> Iterator[SnapshotPage]:
    while length := spool.read(_LENGTH_BYTES):
        yield unpacked(spool.read(int.from_bytes(length, "big")))
