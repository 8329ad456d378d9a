"""The signed log of a store's changes. Each entry (epoch) signs the changes of about one minute with a key of its own.

The signature also covers the previous entry and the public key of the next one. Used keys are destroyed, so an intruder
cannot change earlier records unnoticed. The log is verified with its first public key.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from dialer.domain import signing
from dialer.domain.schema import MESSAGE, Count

Digits = Annotated[str, Field(pattern="^[0-9a-f]*$")]


class EpochKind(StrEnum):
    """The reason why an entry of the signed log (epoch) was written."""

    START = "start"
    """A chain of keys begins: a new store, an upgrade from before such seals, a restored copy, or a lost secret."""
    MINUTE = "minute"
    CLOSE = "close"
    """The program that wrote to the store ended."""
    CRASH = "crash"
    """The next program sealed what one that was killed had left."""
    PURGE = "purge"
    """Records were purged, and the log was started again with the remaining ones."""
    UPGRADE = "upgrade"
    """Another version seals other fields, and the log was started again with all rows as they were found."""


LOG_STARTS = frozenset({EpochKind.PURGE, EpochKind.UPGRADE})
"""Epochs with which the log was started again: the rows of those before are gone."""


@dataclass(frozen=True, slots=True)
class SealedEpoch:
    """An entry of the signed log (epoch). It signs the changes to a store in about one minute.

    Keep a copy where nobody with access to the store can change it.
    """

    __pydantic_config__ = MESSAGE

    epoch: Annotated[int, Field(ge=1)]
    """1, 2, 3, ... without a gap"""
    at: float
    """when it was sealed (epoch seconds)"""
    kind: str
    """start, minute, close, crash, purge or upgrade"""
    first: Count
    """first row of the store's log in this epoch"""
    last: Count
    """last row; `first` - 1 if there are none"""
    root: Digits
    """SHA-256 (hexadecimal) of these rows"""
    layout: Digits
    """SHA-256 (hexadecimal) of the names of all sealed fields"""
    entry: Count
    """number of the last entry of the audit"""
    entry_digest: Digits
    """SHA-256 (hexadecimal) over that entry and all before it"""
    doubt: str
    """what another program did to the log before it was sealed; empty: nothing"""
    previous: Digits
    """digest of the epoch before; empty: there is none"""
    key: Digits
    """the public key (Ed25519, hexadecimal) that `signature` is valid for"""
    next_key: Digits
    """the public key of the next epoch"""
    signature: Digits = ""
    """Ed25519, hexadecimal"""

    def encode_fields_to_sign(self) -> bytes:
        """Return the bytes to sign: all fields of this log entry except the signature."""
        names = [each for each in self.__dataclass_fields__ if each != "signature"]
        return ascii(("matdan epoch", *(getattr(self, name) for name in names))).encode("ascii")

    def compute_digest_of_signed_log_entry(self) -> str:
        """Return the SHA-256 (hexadecimal) of this log entry, including its signature."""
        return hashlib.sha256(self.encode_fields_to_sign() + self.signature.encode("ascii")).hexdigest()

    def has_valid_signature(self) -> bool:
        """Return whether the signature fits the public key in this log entry. Whether this key may sign is not checked
        here.
        """
        try:
            key, signature = bytes.fromhex(self.key), bytes.fromhex(self.signature)
        except ValueError:
            return False
        encoded = base64.b64encode(signature).decode()
        return len(key) == 32 and signing.verify_signature(key, self.encode_fields_to_sign(), encoded)


@dataclass(frozen=True, slots=True)
class EpochProblem:
    """A problem in the signed log: the number of the entry (epoch), and what is wrong."""

    epoch: int
    problem: str


def find_breaks_in_signature_chain(
    epochs: Iterable[SealedEpoch], first_keys: Collection[str] = (), *, behind: SealedEpoch | None = None
) -> Iterator[EpochProblem]:
    """Yield every break in the signed log, such as a missing entry or a wrong signature.

    Each entry (epoch) must be signed with the key that the previous entry names.

    Args:
        epochs: Consecutive entries of the log.
        first_keys: The public keys (hexadecimal) with which a log may begin. Empty: any key.
        behind: The entry before `epochs`. None: the first of `epochs` must have number 1.
    """
    last = behind
    for each in epochs:
        number = 1 if last is None else last.epoch + 1
        if last is not None and each.epoch == last.epoch:
            yield EpochProblem(each.epoch, "differs from the epoch with this number that was sealed before")
        elif last is not None and each.epoch < last.epoch:
            yield EpochProblem(each.epoch, f"is sealed after epoch {last.epoch}")
        elif each.epoch != number:
            yield EpochProblem(number, f"epochs {number} to {each.epoch - 1} are missing")
        elif each.previous != ("" if last is None else last.compute_digest_of_signed_log_entry()):
            yield EpochProblem(each.epoch, "does not follow the epoch before it")
        elif last is not None and not _does_entry_follow_previous_one(each, last):
            yield EpochProblem(each.epoch, f"rows {last.last + 1} to {each.first - 1} of the log are in no epoch")
        if each.kind == EpochKind.START:
            if first_keys and each.key not in first_keys:
                yield EpochProblem(
                    each.epoch, f"a new chain begins with the key {each.key}, which is not one that you gave"
                )
        elif last is None:
            yield EpochProblem(each.epoch, "the first epoch does not begin a chain")
        elif each.key != last.next_key:
            yield EpochProblem(each.epoch, "sealed with another key than that of this epoch")
        yield from find_problems_of_signed_log_entry(each)
        last = each


def find_problems_of_signed_log_entry(epoch: SealedEpoch) -> Iterator[EpochProblem]:
    """Yield the problems of one log entry (epoch): an invalid signature, or changes by another program."""
    if not epoch.has_valid_signature():
        yield EpochProblem(epoch.epoch, "the signature is not valid")
    if epoch.doubt:
        yield EpochProblem(epoch.epoch, epoch.doubt)


def _does_entry_follow_previous_one(epoch: SealedEpoch, last: SealedEpoch) -> bool:
    """Return whether the changes of a log entry (epoch) begin right after those of the previous entry.

    A gap is allowed if the log was started again between the two.
    """
    return epoch.first == last.last + 1 or (epoch.kind in LOG_STARTS and epoch.first > last.last)
