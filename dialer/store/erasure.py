"""Erasing a number with all that hangs on it: its people's recordings and what agents wrote of them too, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.errors import RecordingError
from dialer.store import audit, erasing
from dialer.store.agent_records import forget_written
from dialer.store.cipher import StoreKey
from dialer.store.connection import Connection
from dialer.store.copying import copies_before_upgrades
from dialer.store.port import AuditNote, Encode
from dialer.store.recordings import erase as remove_recording
from dialer.store.recordings import files_of


@dataclass(frozen=True, slots=True)
class ErasureRules:
    """What a site has of people beside its store, and what it must keep."""

    recordings: Path  # the folder of conversations
    messages: Path  # that of what callers say in flows
    kept: Callable[
        [float], str | None
    ]  # until when recordings must be kept, in words, at an epoch second; None: not any more
    secrets: Sequence[bytes] = field(default=(), repr=False)

    def files(self, attempts: Collection[str] | None, *, expected: bool) -> list[Path]:
        """The recordings of these attempts, or of any (None), of which some may be `expected`. Raises RecordingError."""
        return [
            *files_of(self.recordings, attempts, expected=expected),
            *files_of(self.messages, attempts, expected=False),
        ]


@dataclass(frozen=True, slots=True)
class ErasedNumber:
    """What an erasure did; `said` tells a person, without the number."""

    phone_id: int | None
    said: tuple[str, ...]


@contextmanager
def overwriting(db: Connection) -> Iterator[None]:
    """What is deleted meanwhile is overwritten in the file."""
    erasing.overwrite_freed(db)
    try:
        yield
    finally:
        db.execute("PRAGMA secure_delete = OFF")


def erase_number(
    db: Connection,
    encode: Encode | None,
    number: str,
    rules: ErasureRules,
    store: tuple[Path, StoreKey | None],
    entry: AuditNote,
    *,
    with_voters: bool,
) -> ErasedNumber:
    """Erase a number inside a transaction, with its entry in the audit; removing the recordings is the last act. `store` names the
    file, whose desk's file is beside it. Raises RecordingError where one cannot be removed: then nothing is erased in the store.
    """
    kept = rules.kept(entry.at)
    with overwriting(db):
        voice = erasing.voice_of(db, number)
        files = rules.files(voice.attempts, expected=kept is None and voice.recordings > 0)
        done = erasing.erase_number(db, encode, number, at=entry.at, secrets=rules.secrets, with_voters=with_voters)
        if kept is None and done.phone_id is not None:
            erasing.forget_recordings(db, done.phone_id)
        notes = 0 if done.phone_id is None else forget_written(*store, done.phone_id)
        audit.note(
            db,
            "erase",
            entry,
            phone="none" if done.phone_id is None else done.phone_id,
            voters=done.voters,
            kept="hash" if done.kept_as_hash else "number, to suppress it",
            recordings=f"{len(files)} {'erased' if kept is None else 'kept'}",
            notes=notes,
        )
        if kept is None:
            remove(files)
    return ErasedNumber(done.phone_id, (*_said(done, voice, len(files), kept), *_copies(store[0])))


def _copies(path: Path) -> Iterator[str]:
    names = ", ".join(each.name for each in copies_before_upgrades(path))
    if names:
        yield f"it stands in the copies from before upgrades beside the store: remove {names}"


def _said(done: erasing.Erased, voice: erasing.RecordedVoice, files: int, kept: str | None) -> Iterator[str]:
    if done.phone_id is None:
        yield "the number was on no roll here; it is suppressed all the same"
    else:
        yield f"erased; {done.voters} voters' names too"
    if files:
        yield f"{files} recordings " + ("erased" if kept is None else f"stay {kept}: erase them then")
    if voice.with_twilio:
        yield f"Twilio keeps messages that only its console or API erases: {', '.join(voice.with_twilio)}"
    if not done.kept_as_hash:
        yield "the suppression list holds the number itself: set rules.opt_out_secret to keep a hash instead"


def remove(files: Sequence[Path]) -> None:
    """The last act before the commit: where one cannot be removed, nothing is erased in the store, and all can be asked again."""
    for file in files:
        try:
            remove_recording(file)
        except RecordingError as error:
            raise RecordingError(
                f"{error}; until then nothing is erased in the store: run it again afterwards"
            ) from error
