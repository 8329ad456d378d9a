"""Files that centres had carried to headquarters: what is in them goes the way of the line, through the stream of batches and the
gatherer's own commit. So it is there once, whatever came before or comes after, and the books have one writer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.domain.errors import HeadquartersUnreachable
from dialer.nats import nkey
from dialer.nats.carried import CarriedFile, read_carried
from dialer.nats.wire import NotOurs, kept_subject, pack, read_kept, up_subject
from dialer.settings.headquarters import HqSettings

if TYPE_CHECKING:
    from dialer.nats.session import Session

PATIENCE_SECONDS = 30.0
"""With a gatherer that says nothing: it commits what arrived within a second, and another one takes over within some."""


def read_files(settings: HqSettings, paths: Sequence[Path]) -> list[CarriedFile]:
    """What is to be brought, each looked through: centre by centre, the oldest rows of each first. Raises NotOurs in a line for
    the first that is not whole, of no centre of this headquarters, or not signed by its centre.
    """
    files = [read_carried(path) for path in paths]
    for file in files:
        _refuse_foreign(settings, file)
    return sorted(files, key=lambda file: (file.centre, file.first, file.last))


def _refuse_foreign(settings: HqSettings, file: CarriedFile) -> None:
    found = [centre for centre in settings.centres if centre.id == file.centre]
    if not found:
        raise NotOurs(f"{file.path}: is of {file.centre}, no centre of this headquarters: add it to [[centres]]")
    if settings.nkey_file is None:
        return  # a server that asks nobody for a key
    own, rendered = found[0].nkey, settings.nkey_file.parent / "centres" / f"{file.centre}.nk"
    if own is None and not rendered.exists():
        raise NotOurs(f"{file.path}: no key is known of {file.centre}: name its nkey in [[centres]]")
    public = nkey.public_key_of_seed(rendered) if own is None else nkey.public_key(own)
    if not file.signed_by(public):
        raise NotOurs(f"{file.path}: is not signed by {file.centre}'s key: have it written there, with its nkey_file")


class _Answers:
    """Up to which id the gatherer says that it has committed each centre's rows."""

    def __init__(self) -> None:
        self._through: dict[str, int] = {}
        self._came = asyncio.Event()

    def forget(self, centre: str) -> None:
        """What was said before is of another file."""
        self._through.pop(centre, None)

    async def take(self, subject: str, data: bytes) -> None:
        self._through[subject.removeprefix(kept_subject(""))] = read_kept(data)
        self._came.set()

    async def until(self, file: CarriedFile, last: int) -> None:
        """Wait until they are up to `last`. Raises as `bring` does."""
        while (through := self._through.get(file.centre, file.first - 1)) < last:
            if through < file.first - 1:
                raise NotOurs(
                    f"{file.path}: begins at {file.first}, and headquarters has {file.centre} up to {through} only: bring the file"
                    " before it, or wait for the line"
                )
            self._came.clear()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._came.wait()
            except TimeoutError as error:
                raise HeadquartersUnreachable(
                    f"{file.path}: no gatherer has committed it yet: start `dialer hq gather`, or read in its log why it was"
                    " refused, and bring the file again, which changes nothing that is there"
                ) from error


async def bring(session: Session, files: Sequence[CarriedFile]) -> AsyncIterator[CarriedFile]:
    """Hand the files to the gatherer, one after another; each as soon as all of it is committed.

    Raises HeadquartersUnreachable where no gatherer answers, and NotOurs for a file before which rows are missing; what was handed
    over before stays, and to bring it again changes nothing.
    """
    answers = _Answers()
    for centre in {file.centre for file in files}:
        await session.listen(kept_subject(centre), answers.take)
    for file in files:
        answers.forget(file.centre)
        for number, batch in enumerate(file.batches()):
            await session.put(up_subject(file.centre), await asyncio.to_thread(pack, batch))
            if number == 0:
                await answers.until(file, batch.last)  # whether it follows what is there, before all of it is sent
        await answers.until(file, file.last)
        yield file
