"""Erasure of a phone number with everything that depends on it: its database rows, the recordings of its calls, and the
notes about them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.errors import RecordingError
from dialer.domain.results import Encode
from dialer.store import audit, recordings, seals
from dialer.store.agent_records import erase_notes_about_number
from dialer.store.audit import AuditNote
from dialer.store.copying import list_store_copies_made_before_upgrades
from dialer.store.erasing import (
    BlankedNumber,
    RecordedVoice,
    delete_recording_rows,
    erase_number_from_store,
    find_recordings_of_number,
    overwrite_deleted_content,
)
from dialer.store.keys import StoreKey
from dialer.store.sql import Connection


@dataclass(frozen=True, slots=True)
class ErasureRules:
    """The rules by which a site erases phone numbers.

    They say where recordings are, how long these must be stored, and with which secrets erased numbers are hashed.
    """

    recordings: Path  # the folder of conversations
    messages: Path  # the folder of callers' messages in flows
    retention: Callable[[float], str | None]  # until when recordings must be kept, in words, at a time; None: no longer
    secrets: Sequence[bytes] = field(default=(), repr=False)

    def find_recordings(self, attempts: Collection[str] | None, *, expected: bool) -> list[Path]:
        """Return the recordings of these call attempts, or all recordings if `attempts` is None.

        With `expected`, a missing folder of conversations raises RecordingError.
        """
        return [
            *recordings.find_recording_files(self.recordings, attempts, expected=expected),
            *recordings.find_recording_files(self.messages, attempts, expected=False),
        ]


@dataclass(frozen=True, slots=True)
class ErasedNumber:
    """What the erasure of a phone number changed in the store, the recordings and agents' notes."""

    phone_id: int | None  # None: the number was not on the roll
    messages: tuple[str, ...]  # for a person, without the number


def erase_number_with_audit_entry(
    db: Connection,
    encode: Encode | None,
    number: str,
    rules: ErasureRules,
    store: tuple[Path, StoreKey | None],
    note: AuditNote,
    *,
    with_voters: bool,
) -> ErasedNumber:
    """Erase a number (E.164) with an audit entry, inside the caller's transaction. Recordings are removed last.

    `store` is the store's file and key. The desk's file (the web pages' database) is next to it. Raises RecordingError
    if a recording cannot be removed. Then roll the transaction back.
    """
    kept = rules.retention(note.at)
    with overwrite_deleted_content(db):
        voice = find_recordings_of_number(db, number)
        files = rules.find_recordings(voice.attempts, expected=kept is None and voice.recordings > 0)
        done = erase_number_from_store(db, encode, number, at=note.at, secrets=rules.secrets, with_voters=with_voters)
        if kept is None and done.phone_id is not None:
            delete_recording_rows(db, done.phone_id)
        seals.renew_hash_salts_of_changed_rows(db)
        notes = 0 if done.phone_id is None else erase_notes_about_number(*store, done.phone_id)
        audit.append_audit_entry_from_note(
            db,
            "erase",
            note,
            phone="none" if done.phone_id is None else done.phone_id,
            voters=done.voters,
            kept="hash" if done.stored_as_hash else "number, to suppress it",
            recordings=f"{len(files)} {'erased' if kept is None else 'kept'}",
            notes=notes,
        )
        if kept is None:
            remove_recordings(files)
    return ErasedNumber(
        done.phone_id,
        (*_describe_erased_number(done, voice, len(files), kept), *_describe_store_copies_with_erased_number(store[0])),
    )


def remove_recordings(files: Sequence[Path]) -> None:
    """Remove recordings, as the last step of an erasure before its commit.

    Raises RecordingError if one cannot be removed. The caller must then roll back, and a person repeat the erasure
    later.
    """
    for file in files:
        try:
            recordings.erase_recording(file)
        except RecordingError as error:
            raise RecordingError(
                f"No number was erased, because a recording could not be erased: {error} Then erase the numbers again."
            ) from error


def _describe_store_copies_with_erased_number(path: Path) -> Iterator[str]:
    names = ", ".join(each.name for each in list_store_copies_made_before_upgrades(path))
    if names:
        yield f"The copies of the store from before upgrades still contain it. Delete {names}."


def _describe_erased_number(done: BlankedNumber, voice: RecordedVoice, files: int, kept: str | None) -> Iterator[str]:
    if done.phone_id is None:
        yield "The number is not on the roll; it is suppressed all the same."
    else:
        yield f"Erased, with the names of {done.voters} voters."
    if files:
        yield f"{files} recordings " + ("erased." if kept is None else f"are kept {kept}. Erase them then.")
    if voice.with_twilio:
        yield f"Twilio stores messages that only its console or API can erase: {', '.join(voice.with_twilio)}."
    if not done.stored_as_hash:
        yield "The suppression list contains the number itself. Set rules.opt_out_secret to store a hash instead."
