"""Erasure of data that identifies people from the store. Calls and results can still be counted afterwards.

Functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dialer.domain.results import Encode, OptOut
from dialer.rules.number_hash import create_number_hasher, hash_number
from dialer.store import number_hashes, seal_verification, seals, targets
from dialer.store.opt_outs import suppress_phone_number
from dialer.store.outbox import add_result_to_outbox
from dialer.store.sql import Command, Connection, Query, Scalar, Statements

ERASED = "erased"
"""The source of the opt-out that an erasure leaves behind."""
ERASED_AGAIN = f"centre {ERASED}"
"""The source of the opt-out of a number that was erased before. Reports do not count it again."""


@dataclass(frozen=True, slots=True)
class BlankedNumber:
    """What the erasure of a phone number changed in the store."""

    phone_id: int | None  # None: it was not on the roll
    voters: int  # whose names were erased too
    stored_as_hash: bool  # False: the suppression list still contains the number itself


@dataclass(frozen=True, slots=True)
class Holdings:
    """How many voters, numbers, calls and other records a store contains."""

    voters: int  # with a name, a house or an EPIC number
    numbers: int
    attempts: int
    marks: int
    recordings: int  # of conversations, as far as the store knows
    with_twilio: int  # messages stored by Twilio


@dataclass(frozen=True, slots=True)
class RecordedVoice:
    """The recorded calls of a phone number, and how many recordings they have. The recordings may contain people's
    voices.
    """

    attempts: frozenset[str]  # recording files are named by them
    recordings: int  # of conversations, as far as the store knows
    with_twilio: tuple[str, ...]  # ids of messages stored by Twilio


class SQL(Statements):
    phone_id_of = Scalar(int)
    voters_on = Scalar(int)
    blank_voter = Command()
    blank_worker = Command()
    blank_workers = Command()
    delete_unknown_serials = Command()
    delete_links = Command()
    blank_phone = Command()
    blank_callers = Command()
    attempts_on = Scalar(str)
    recordings_on = Scalar(int)
    twilio_recordings_on = Scalar(str)
    delete_recordings = Command()
    delete_messages = Command()
    delete_own_call_backs = Command()
    delete_hash = Command()
    delete_peer_calls = Command()
    delete_registered = Command()
    delete_consent_ahead = Command()
    blank_opt_out = Command()
    last_blank_place = Scalar(int)
    listed_opt_outs = Scalar(str)
    set_hash = Command()
    was_erased = Scalar(bool)
    holdings = Query(Holdings)
    blank_voters = Command()
    delete_all_links = Command()
    blank_phones = Command()
    close_targets = Command()
    delete_hashes = Command()
    delete_all_registered = Command()
    delete_registers = Command()
    delete_all_consent_ahead = Command()
    delete_marks = Command()
    blank_all_callers = Command()
    delete_complaint_answers = Command()
    delete_complaints = Command()
    delete_answers = Command()
    delete_inbound_calls = Command()
    delete_judged_calls = Command()
    delete_releases = Command()
    delete_attempts = Command()
    delete_intervals = Command()


_PURGE = (
    SQL.close_targets,
    SQL.delete_all_links,
    SQL.delete_hashes,
    SQL.delete_all_registered,
    SQL.delete_registers,
    SQL.delete_all_consent_ahead,
    SQL.blank_voters,
    SQL.blank_workers,
    SQL.blank_all_callers,
)
_PURGE_RECORDS = (
    SQL.delete_complaint_answers,
    SQL.delete_complaints,
    SQL.delete_answers,
    SQL.delete_inbound_calls,
    SQL.delete_unknown_serials,
    SQL.delete_marks,
    SQL.delete_judged_calls,
    SQL.delete_releases,
    SQL.delete_attempts,
    SQL.delete_intervals,
)


def find_recordings_of_number(db: Connection, number: str) -> RecordedVoice:
    """Return the ids of all call attempts of a number, and how many recordings of these calls there are.

    The files of recordings are named after these ids. A number that is not on the electoral roll has no recordings.
    """
    return RecordedVoice(
        frozenset(SQL.attempts_on.fetch_all_values(db, number=number)),
        SQL.recordings_on.fetch_only_value(db, number=number),
        tuple(SQL.twilio_recordings_on.fetch_all_values(db, number=number)),
    )


def delete_recording_rows(db: Connection, phone_id: int | None) -> None:
    """Delete the store's rows about recordings of a number's calls, or of all calls (None).

    The rows only describe the recordings. The caller erases the sound files.
    """
    SQL.delete_recordings.run_statement(db, phone_id=phone_id)
    SQL.delete_messages.run_statement(db, phone_id=phone_id)


def erase_number_from_store(
    db: Connection,
    encode: Encode | None,
    number: str,
    *,
    at: float,
    secrets: Sequence[bytes],
    with_voters: bool,
) -> BlankedNumber:
    """Erase a phone number (E.164) from the store and, if `with_voters`, the data that identifies its voters.

    The next roll may contain the number again, so its opt-out stays as a hash, made with the first secret that the
    centres share. The other centres are notified even of an old opt-out, because they may have had no common secret at
    the time. Without any secret the number itself stays. `at` is in epoch seconds. Raises StoreError if `secrets` lacks
    a secret that the store needs to recognise numbers that opted out.
    """
    number_hashes.save_fingerprints_of_shared_secrets(db, secrets)
    phone_id = SQL.phone_id_of.fetch_first_value(db, number=number)
    suppress_phone_number(
        db, None, number, at=at, source=ERASED_AGAIN if _was_number_erased(db, number, secrets) else ERASED
    )
    if secrets:
        hashed = hash_number(secrets[0], number)
        add_result_to_outbox(db, encode, OptOut(None, at, ERASED, number_hash=hashed), at)
        _store_opt_out_hashes(db, [hashed], at)
        _remove_numbers_from_opt_outs(db, [number])
    SQL.delete_registered.run_statement(db, number=number)
    SQL.delete_consent_ahead.run_statement(db, number=number)
    SQL.blank_callers.run_statement(db, number=number)
    if phone_id is None:
        return BlankedNumber(None, 0, bool(secrets))
    voters = SQL.voters_on.fetch_all_values(db, phone_id=phone_id) if with_voters else []
    for voter_id in voters:
        SQL.blank_voter.run_statement(db, voter_id=voter_id)
    targets.close_number_in_all_queues(db, phone_id)
    SQL.blank_worker.run_statement(db, phone_id=phone_id)
    SQL.delete_links.run_statement(db, phone_id=phone_id)
    SQL.delete_own_call_backs.run_statement(db, phone_id=phone_id)
    SQL.delete_hash.run_statement(db, phone_id=phone_id)
    SQL.delete_peer_calls.run_statement(db, phone_id=phone_id)
    SQL.blank_phone.run_statement(db, phone_id=phone_id, at=at)
    return BlankedNumber(phone_id, len(voters), bool(secrets))


def count_stored_personal_data(db: Connection) -> Holdings:
    """Return the number of voters, numbers and records in the store."""
    return SQL.holdings.fetch_only_row(db)


def purge_personal_data(db: Connection, *, at: float, secrets: Sequence[bytes], records_too: bool) -> dict[str, str]:
    """Erase the data of all voters and numbers that identifies people.

    With `records_too`, also delete call attempts, answers, complaints, facts about voters (marks) and seat intervals.

    - Numbers that opted out stay suppressed. They are stored as hashes with the centres' first shared secret or,
      without a secret, as numbers.
    - The time and source of each opt-out stay, and so does the audit.
    - Recordings stay. With `records_too`, the caller deletes their rows first.

    Returns the details for the audit entry: the result of a verification before the purge, and which seals were deleted
    with their rows. `at` is in epoch seconds.
    """
    verdict = seal_verification.verify_seals(db)
    before = {"before": "whole" if verdict.is_evidence_intact else f"{len(verdict.findings) + verdict.more} findings"}
    number_hashes.save_fingerprints_of_shared_secrets(db, secrets)
    if secrets:
        hashed = create_number_hasher(secrets[0])
        listed = SQL.listed_opt_outs.fetch_all_values(db)
        # All with the time of the purge: the time of an opt-out, to the microsecond, would identify its call.
        _store_opt_out_hashes(db, [hashed(number) for number in listed], at)
        _remove_numbers_from_opt_outs(db, listed)
    SQL.delete_own_call_backs.run_statement(db, phone_id=None)
    SQL.delete_peer_calls.run_statement(db, phone_id=None)
    for command in _PURGE + (_PURGE_RECORDS if records_too else ()):
        command.run_statement(db)
    SQL.blank_phones.run_statement(db, at=at)
    seals.renew_hash_salts_of_changed_rows(db)
    return seals.restart_signed_log_after_purge(db, at) | before if records_too else before


@contextmanager
def overwrite_deleted_content(db: Connection) -> Iterator[None]:
    """Let SQLite overwrite the content of deleted rows on disk, for all rows that the `with` block deletes."""
    db.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        db.execute("PRAGMA secure_delete = OFF")


def return_free_pages_to_disk(db: Connection) -> None:
    """Shrink the store's file: rewrite it without the space of deleted rows (SQLite's VACUUM).

    Call it outside a transaction. The disk needs free space for two copies of the store: one in the folder for
    temporary files, one next to the store. If there is less, the error of a full disk is raised and nothing changes.
    """
    db.execute("VACUUM")


def _was_number_erased(db: Connection, number: str, secrets: Sequence[bytes]) -> bool:
    """Return whether a number was erased earlier, so that only its hash is stored."""
    return any(
        SQL.was_erased.fetch_only_value(db, number_hash=hash_number(each, number), centre=ERASED) for each in secrets
    )


def _store_opt_out_hashes(db: Connection, hashes: Sequence[str], at: float) -> None:
    """Store the hashes of numbers that opted out. They are stored in sorted order, so that the order does not reveal
    which hash belongs to which number.
    """
    for hashed in sorted(hashes):
        SQL.set_hash.run_statement(db, number_hash=hashed, at=at, centre=ERASED)


def _remove_numbers_from_opt_outs(db: Connection, numbers: Sequence[str]) -> None:
    """Remove these phone numbers from the rows of their opt-outs. The rows themselves stay.

    Call it before the numbers are removed from the electoral roll.
    """
    last = SQL.last_blank_place.fetch_only_value(db)
    for place, number in enumerate(numbers, last + 1):
        SQL.blank_opt_out.run_statement(db, number=number, place=place)
