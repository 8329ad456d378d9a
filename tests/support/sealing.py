"""Sealed epochs as a centre's store would seal them, for tests without a store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from dialer.domain.sealed_epochs import SealedEpoch
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.nats.messages import BatchRow
from dialer.store.seal_keys import EpochKeys
from tests.support.headquarters import NOW


@dataclass(slots=True)
class SealingStore:
    """The keys of a store, and its last epoch."""

    keys: EpochKeys
    last: SealedEpoch | None = None

    @classmethod
    def create(cls) -> Self:
        return cls(EpochKeys.generate_first_signing_keys(1))

    def copy(self) -> SealingStore:
        """Return a copy of store and key file."""
        return replace(self)

    def restore(self) -> SealingStore:
        """Return the store as a restore leaves it: without the key file."""
        assert self.last is not None
        return SealingStore(EpochKeys.generate_first_signing_keys(self.last.epoch + 1), self.last)

    def seal(self, kind: str = "minute", *, root: str = "00", doubt: str = "", skip: int = 0) -> SealedEpoch:
        """Seal an epoch of one row, whose hash is `root`, after leaving out `skip` numbers."""
        last, keys = self.last, self.keys
        before = 0 if last is None else last.last
        number = keys.epoch + skip
        unsigned = SealedEpoch(
            number, NOW + number, kind, before + 1, before + 1, root, "", 0, "", doubt,
            "" if last is None else last.compute_digest_of_signed_log_entry(), keys.epoch_public_key, keys.next_epoch_public_key,
        )  # fmt: skip
        self.last = replace(unsigned, signature=keys.sign_with_current_key(unsigned.encode_fields_to_sign()))
        self.keys = replace(keys.make_next_signing_keys(), epoch=number + 1)
        return self.last


def sealed_row(number: int, epoch: SealedEpoch) -> BatchRow:
    """Return the outbox row `number`: a sealed epoch."""
    announcement = create_outbox_row_of_result(epoch)
    return BatchRow(number, announcement.topic, epoch.at, announcement.payload)
