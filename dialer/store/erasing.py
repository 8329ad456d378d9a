"""Erasing what identifies people; what was done stays countable. Every function runs inside a transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.errors import RecordingError
from dialer.rules.number_hash import number_hash, number_hasher
from dialer.store import audit, seals
from dialer.store.copying import copies_before_upgrades
from dialer.store.desk_file import forget_written
from dialer.store.keys import StoreKey
from dialer.store.opt_outs import begin_hashing, opt_out_number
from dialer.store.outbox import tell
from dialer.store.port import AuditNote, Encode, OptOutNews
from dialer.store.queues import close_phone
from dialer.store.recordings import erase as remove_recording
from dialer.store.recordings import files_of
from dialer.store.sql import Connection
from dialer.store.untyped_sql import load_statements

SQL = load_statements("erasing")

ERASED = "erased"
"""The source of an opt-out that an erasure leaves behind."""
AGAIN = f"centre {ERASED}"
"""That of a number which was erased before: reports count it no second time."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure of one number did."""

    phone_id: int | None  # None: it was on no roll
    voters: int  # whose names were erased too
    kept_as_hash: bool  # False: the suppression list still holds the number itself


@dataclass(frozen=True, slots=True)
class Stock:
    """What a store holds."""

    voters: int  # with a name, a house or an EPIC number
    numbers: int
    attempts: int
    marks: int
    recordings: int  # of conversations, as the store knows them
    with_twilio: int  # messages that Twilio keeps


@dataclass(frozen=True, slots=True)
class RecordedVoice:
    """Where the voice of a number's people may be recorded."""

    attempts: frozenset[str]  # by whose ids the files are named
    recordings: int  # of conversations, as the store knows them
    with_twilio: tuple[str, ...]  # ids of messages that Twilio keeps


def voice_of(db: Connection, number: str) -> RecordedVoice:
    """What may be recorded of the people on a number; of one that is on no roll nothing is known."""
    return RecordedVoice(
        frozenset(SQL["attempts_on"].values(db, str, number=number)),
        SQL["recordings_on"].number(db, number=number),
        tuple(SQL["with_twilio_on"].values(db, str, number=number)),
    )


def forget_recordings(db: Connection, phone_id: int | None) -> None:
    """Forget that a number's calls were recorded, or that any were (None). The files are the caller's to erase."""
    SQL["forget_recordings"](db, phone_id=phone_id)
    SQL["forget_messages"](db, phone_id=phone_id)


def blank_number(
    db: Connection,
    encode: Encode | None,
    number: str,
    *,
    at: float,
    secrets: Sequence[bytes],
    with_voters: bool,
) -> Erased:
    """Erase a number, and with `with_voters` what identifies the voters on it; what was done. It stays suppressed for good: under
    the first secret as a hash, without one as the number itself, for otherwise the next roll would bring it back. `at`: epoch
    seconds. Raises StoreError for a secret that is gone while it is needed.

    With a secret the other centres are told, of a number that had opted out before as well: it may have been before they shared
    one, and from now on nobody here knows the number any more.
    """
    begin_hashing(db, secrets)
    phone_id = SQL["phone"].value(db, int, number=number)
    opt_out_number(db, None, number, at=at, source=AGAIN if _was_erased(db, number, secrets) else ERASED)
    if secrets:
        hashed = number_hash(secrets[0], number)
        tell(db, encode, OptOutNews(None, at, ERASED, number_hash=hashed), at)
        _keep_hashes(db, [hashed], at)
        _blank_opt_outs(db, [number])
    registers = SQL["registers_of"].values(db, str, number=number)
    SQL["forget_registered"](db, number=number)
    for name in registers:
        seals.seal(db, seals.REGISTER, name)
    for row_id in seals.SQL["consent_ahead_id_of"].values(db, int, number=number):
        seals.gone(db, seals.CONSENT_AHEAD, row_id)
    SQL["forget_consent_ahead"](db, number=number)
    SQL["blank_callers"](db, number=number)
    if phone_id is None:
        return Erased(None, 0, bool(secrets))
    voters = SQL["voters_on"].values(db, int, phone_id=phone_id) if with_voters else []
    for voter_id in voters:
        SQL["blank_voter"](db, voter_id=voter_id)
    close_phone(db, phone_id)
    SQL["blank_worker"](db, phone_id=phone_id)
    SQL["drop_links"](db, phone_id=phone_id)
    SQL["forget_own_call_backs"](db, phone_id=phone_id)
    SQL["forget_hash"](db, phone_id=phone_id)
    SQL["blank_phone"](db, phone_id=phone_id, at=at)
    seals.consents_erased(db, [phone_id])
    return Erased(phone_id, len(voters), bool(secrets))


def _was_erased(db: Connection, number: str, secrets: Sequence[bytes]) -> bool:
    return any(SQL["was_erased"].row(db, number_hash=number_hash(each, number), centre=ERASED) for each in secrets)


def stock(db: Connection) -> Stock:
    """What there is to be erased."""
    return SQL["counts"].all(db, Stock)[0]


def purge(db: Connection, *, at: float, secrets: Sequence[bytes], records_too: bool) -> dict[str, str]:
    """Erase what identifies every voter and number; with `records_too` attempts, what was said in them, complaints, marks and
    seats' time as well.

    The suppression list stays: under the first secret as hashes, without one as numbers; and when and how each number opted out
    stays too. The audit stays, and so do the recordings: with `records_too`, forget them first. `at`: epoch seconds.

    Returns what the audit's entry must say of it: what a verification found before, and which seals went with their records.
    """
    verdict = seals.verify(db)
    before = {"before": "whole" if verdict.whole else f"{len(verdict.findings) + verdict.more} findings"}
    begin_hashing(db, secrets)
    if secrets:
        hashed = number_hasher(secrets[0])
        listed = SQL["all_opt_outs"].values(db, str)
        # As of now: its own moment, to the microsecond, would lead from a hash to the call in which the number opted out.
        _keep_hashes(db, [hashed(number) for number in listed], at)
        _blank_opt_outs(db, listed)
    names = ["close_targets", "drop_all_links", "forget_hashes", "forget_all_registered", "forget_registers"]
    names += ["forget_all_consent_ahead", "blank_voters", "blank_workers", "blank_all_callers"]
    if records_too:
        names += ["forget_complaint_answers", "forget_complaints", "forget_answers", "forget_inbound"]
        names += ["forget_unknown_serials", "forget_marks", "forget_released", "forget_attempts", "forget_intervals"]
    seals.all_gone(db, seals.CONSENT_AHEAD)
    seals.all_gone(db, seals.REGISTER)
    SQL["forget_own_call_backs"](db, phone_id=None)
    for name in names:
        SQL[name](db)
    SQL["blank_phones"](db, at=at)
    seals.consents_erased(db)
    return seals.begin_anew(db, at) | before if records_too else before


def _keep_hashes(db: Connection, hashes: Sequence[str], at: float) -> None:
    """In the order of the hashes, so that no order leads from one to an opt-out."""
    for hashed in sorted(hashes):
        SQL["keep_hash"](db, number_hash=hashed, at=at, centre=ERASED)
        seals.seal(db, seals.OPT_OUT_HASH, seals.SQL["opt_out_hash_id_of"].number(db, hashed=hashed))


def _blank_opt_outs(db: Connection, numbers: Sequence[str]) -> None:
    """Leave of these numbers' opt-outs what leads to nobody. Before the numbers themselves are blanked."""
    last = SQL["last_off_the_roll"].number(db)
    ids = [seals.SQL["opt_out_id_of"].value(db, int, number=number) for number in numbers]
    for place, number in enumerate(numbers, last + 1):
        SQL["blank_opt_out"](db, number=number, place=place)
    for row_id in filter(None, ids):
        seals.erased(db, seals.OPT_OUT, row_id)


# A number with all that hangs on it: its people's recordings and what agents wrote of them too, all of it or nothing.


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
    db.execute("PRAGMA secure_delete = ON")
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
        voice = voice_of(db, number)
        files = rules.files(voice.attempts, expected=kept is None and voice.recordings > 0)
        done = blank_number(db, encode, number, at=entry.at, secrets=rules.secrets, with_voters=with_voters)
        if kept is None and done.phone_id is not None:
            forget_recordings(db, done.phone_id)
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


def _said(done: Erased, voice: RecordedVoice, files: int, kept: str | None) -> Iterator[str]:
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
