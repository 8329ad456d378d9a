"""Check the signed logs that centres' stores (databases) send to headquarters. Without I/O.

A store signs (seals) its changes once a minute. Each minute is one log entry, called an epoch
(dialer/domain/sealed_epochs.py). Each entry has the digest of the entry before it, and the public key of the next one.
So a store whose log was forged, cut off or restored from an old copy cannot continue it. Headquarters keeps the last
entry of each log, and the keys with which the log begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dialer.domain.sealed_epochs import (
    EpochKind,
    EpochProblem,
    SealedEpoch,
    find_breaks_in_signature_chain,
    find_problems_of_signed_log_entry,
)

_MOST_UNACCEPTED_KEYS = 100  # so that a stolen key of a centre cannot fill the database
_MOST_PROBLEM_LETTERS = 200


@dataclass(slots=True)
class SealChain:
    """The signed log that a centre's store has sent, and the first contradiction found in it.

    The store signs (seals) its changes once a minute. Such a log entry is called an epoch.
    """

    first_keys: list[str] = field(default_factory=list)
    """the public keys (hexadecimal) with which its chains of keys begin; empty: that was before the first epoch received"""
    unaccepted_keys: list[str] = field(default_factory=list)
    """those of chains of keys that began after a contradiction"""
    head: SealedEpoch | None = None
    """the last epoch before a contradiction; None: there was none"""
    latest: SealedEpoch | None = None
    may_start: bool = True
    """whether a new chain of keys may begin, because the store is new or a copy"""
    contradiction: str = ""
    """how an epoch after `head` contradicts the earlier ones; empty: none does"""
    contradicted_at: float | None = None

    def add_signed_log_entry(
        self, epoch: SealedEpoch, store_began_at: float, known_epochs: Mapping[str, int], now: float
    ) -> bool:
        """Add the next entry of the store's signed log (epoch). Return whether it contradicts earlier entries.

        After a contradiction, further entries are not compared until a person has accepted the store. `store_began_at`
        is when the store's first results arrived (epoch seconds). `known_epochs` has the entries of all stores of the
        centre: the number of each, by its digest.
        """
        if epoch == self.latest:
            return False
        problem = None if self.contradiction else self._find_contradiction_to_earlier_entries(epoch, known_epochs)
        if problem is not None:
            self.contradiction = f"epoch {problem.epoch}: {problem.problem[:_MOST_PROBLEM_LETTERS]}"
            self.contradicted_at = now
        begins_keys = epoch.kind == EpochKind.START
        if not self.contradiction:
            self.head = epoch
            if begins_keys:
                self.first_keys.append(epoch.key)
        elif begins_keys:
            self.unaccepted_keys = [*self.unaccepted_keys, epoch.key][-_MOST_UNACCEPTED_KEYS:]
        self.latest = epoch
        # The outbox of a restored store begins with epochs from before the backup. Later ones follow the restore.
        if begins_keys or epoch.at > store_began_at:
            self.may_start = False
        return problem is not None

    def accept_latest_log_entry_of_chain(self) -> None:
        """Accept the latest entry of the signed log, because a person has accepted the store. The next entry must
        continue it.
        """
        self.first_keys += self.unaccepted_keys
        self.unaccepted_keys = []
        self.head = self.latest
        self.contradiction, self.contradicted_at = "", None

    def _find_contradiction_to_earlier_entries(
        self, epoch: SealedEpoch, known_epochs: Mapping[str, int]
    ) -> EpochProblem | None:
        """Return how an entry of the signed log (epoch) contradicts the entries before it, or None if it does not."""
        problems = find_problems_of_signed_log_entry(epoch)
        if self.head is not None and epoch.kind == EpochKind.START:
            if not self.may_start:
                return EpochProblem(epoch.epoch, f"begins new keys in the same store, after epoch {self.head.epoch}")
            if known_epochs.get(epoch.previous) != epoch.epoch - 1:
                return EpochProblem(epoch.epoch, "begins new keys after an epoch that headquarters never received")
        elif self.head is not None:
            problems = find_breaks_in_signature_chain([epoch], behind=self.head)
        return next(iter(problems), None)


def create_empty_signed_log(original: SealChain | None) -> SealChain:
    """Return the empty signed log of a store that has sent no entries yet.

    `original` is the log of the store from which this store was copied, or None.
    """
    if original is None:
        return SealChain()
    return replace(
        original,
        first_keys=[*original.first_keys],
        unaccepted_keys=[*original.unaccepted_keys],
        may_start=True,
    )


def describe_contradiction_in_signed_log(centre: str, incarnation: str, contradiction: str) -> str:
    """Return what a person must do about a contradiction in a store's signed log, or "" without a contradiction."""
    if not contradiction:
        return ""
    return (
        f"the seals of {centre} contradict those received before: {contradiction}. Verify the store with the key and the"
        f" head that `dialer hq store list` shows, then `dialer hq store accept {centre} {incarnation[:8]}`"
    )
