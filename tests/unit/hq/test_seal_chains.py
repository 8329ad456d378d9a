"""Sealed epochs of centres' stores at headquarters: which epochs contradict those received before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dialer.domain.sealed_epochs import SealedEpoch
from dialer.hq.seal_chains import SealChain, create_empty_signed_log, describe_contradiction_in_signed_log
from tests.support.headquarters import NOW
from tests.support.sealing import SealingStore

STORE_BEGAN_AT = NOW + 4.5
"""When the first results of a store arrive: epochs 1 to 4 were sealed before."""


class Headquarters:
    """The epochs that headquarters has received of a centre's stores."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.chain = create_empty_signed_log(None)

    def receive(self, *epochs: SealedEpoch) -> str:
        """Return the contradiction after these epochs."""
        for epoch in epochs:
            self.known[epoch.compute_digest_of_signed_log_entry()] = epoch.epoch
            self.chain.add_signed_log_entry(epoch, STORE_BEGAN_AT, self.known, NOW)
        return self.chain.contradiction

    def begin_copy(self) -> None:
        """Continue with a store that is a copy."""
        self.chain = create_empty_signed_log(self.chain)


@pytest.fixture
def headquarters() -> Headquarters:
    return Headquarters()


@pytest.fixture
def store(headquarters: Headquarters) -> SealingStore:
    """Return a store whose first six sealed epochs have reached headquarters."""
    store = SealingStore.create()
    assert headquarters.receive(store.seal("start"), *(store.seal() for _ in range(5))) == ""
    return store


def test_headquarters_stores_the_first_key_and_last_integrity_seal_of_a_centre(
    headquarters: Headquarters, store: SealingStore
) -> None:
    first = headquarters.chain.first_keys
    assert headquarters.receive(store.seal("close"), store.seal("crash"), store.seal()) == ""
    assert headquarters.chain.first_keys == first
    assert len(first) == 1
    assert headquarters.chain.head == store.last


def set_back(store: SealingStore) -> list[SealedEpoch]:
    """Seal again from where a copy of store and key file was put back."""
    copy = store.copy()
    lost = store.seal()
    return [lost, copy.seal(root="11")]


def cut_off(store: SealingStore) -> list[SealedEpoch]:
    """Seal after the last epoch was removed from the store: its key no longer fits."""
    copy = store.copy()
    lost = store.seal()
    return [lost, copy.restore().seal("start")]


def set_back_by_two(store: SealingStore) -> list[SealedEpoch]:
    copy = store.copy()
    return [store.seal(), store.seal(), copy.seal(root="11")]


def lose_the_key_file(store: SealingStore) -> list[SealedEpoch]:
    return [store.restore().seal("start")]


def leave_out_epochs(store: SealingStore) -> list[SealedEpoch]:
    return [store.seal(skip=3)]


def seal_changed_rows_again(store: SealingStore) -> list[SealedEpoch]:
    """Return an epoch that was changed after its key was destroyed."""
    return [replace(store.seal(), root="22")]


def seal_with_another_key(store: SealingStore) -> list[SealedEpoch]:
    return [store.restore().seal()]


def find_rows_of_another_program(store: SealingStore) -> list[SealedEpoch]:
    return [store.seal(doubt="another program added rows to the log, which were removed")]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (set_back, "epoch 7: differs from the epoch with this number that was sealed before"),
        (set_back_by_two, "epoch 7: is sealed after epoch 8"),
        (cut_off, "epoch 7: begins new keys in the same store, after epoch 7"),
        (lose_the_key_file, "epoch 7: begins new keys in the same store, after epoch 6"),
        (leave_out_epochs, "epoch 7: epochs 7 to 9 are missing"),
        (seal_changed_rows_again, "epoch 7: the signature is not valid"),
        (seal_with_another_key, "epoch 7: sealed with another key than that of this epoch"),
        (find_rows_of_another_program, "epoch 7: another program added rows to the log, which were removed"),
    ],
)
def test_integrity_seal_that_contradicts_earlier_seals_is_reported_until_accepted(
    headquarters: Headquarters, store: SealingStore, change: Callable[[SealingStore], list[SealedEpoch]], problem: str
) -> None:
    *before, contradicting = change(store)
    assert headquarters.receive(*before) == ""
    head = headquarters.chain.head
    assert headquarters.receive(contradicting) == problem
    assert headquarters.receive(store.seal()) == problem
    assert headquarters.chain.head == head  # with which the store can be verified
    headquarters.chain.accept_latest_log_entry_of_chain()
    assert headquarters.receive(store.seal(), store.seal()) == ""


def test_integrity_seal_keys_after_a_contradiction_are_valid_once_accepted(
    headquarters: Headquarters, store: SealingStore
) -> None:
    first = [*headquarters.chain.first_keys]
    without_keys = store.restore()
    begin = without_keys.seal("start")
    assert headquarters.receive(begin, without_keys.seal())
    assert headquarters.chain.first_keys == first
    headquarters.chain.accept_latest_log_entry_of_chain()
    assert headquarters.chain.first_keys == [*first, begin.key]
    assert headquarters.receive(without_keys.seal()) == ""


def test_restored_store_may_change_its_seal_keys_once(headquarters: Headquarters, store: SealingStore) -> None:
    backup = store.copy()
    assert headquarters.receive(store.seal(), store.seal()) == ""
    restored = backup.restore()
    headquarters.begin_copy()
    begin = restored.seal("start")
    assert headquarters.receive(begin, restored.seal()) == ""
    assert headquarters.chain.first_keys[1:] == [begin.key]
    assert headquarters.receive(restored.restore().seal("start"))  # it may do so once


def test_restored_store_may_send_integrity_seals_that_were_never_sent_before() -> None:
    headquarters, store = Headquarters(), SealingStore.create()
    assert headquarters.receive(store.seal("start"), store.seal()) == ""
    unsent, restored = store.seal(), store.restore()
    headquarters.begin_copy()
    assert headquarters.receive(unsent, restored.seal("start"), restored.seal()) == ""


def test_restored_centre_store_with_integrity_seals_unknown_to_headquarters_is_reported(
    headquarters: Headquarters, store: SealingStore
) -> None:
    forged = SealingStore.create()
    for kind in ("start", "minute", "minute"):
        forged.seal(kind)
    headquarters.begin_copy()
    problem = headquarters.receive(forged.restore().seal("start"))
    assert problem == "epoch 4: begins new keys after an epoch that headquarters never received"
    assert store.last == headquarters.chain.head


def test_new_seal_keys_of_the_same_store_are_reported(headquarters: Headquarters, store: SealingStore) -> None:
    headquarters.begin_copy()
    assert headquarters.receive(store.seal()) == ""
    assert headquarters.receive(store.restore().seal("start")).endswith("in the same store, after epoch 7")


def test_copied_store_with_contradicting_seals_is_reported_until_accepted(
    headquarters: Headquarters, store: SealingStore
) -> None:
    problem = headquarters.receive(store.seal(skip=1))
    headquarters.begin_copy()
    assert headquarters.receive(store.restore().seal("start")) == problem


def test_headquarters_verifies_seals_from_the_first_received_seal() -> None:
    headquarters, store = Headquarters(), SealingStore.create()
    for _ in range(8):
        store.seal()
    assert headquarters.receive(store.seal(), store.seal()) == ""
    assert headquarters.chain.first_keys == []
    assert headquarters.receive(store.restore().seal("start"))


def test_first_integrity_seal_with_an_invalid_signature_is_reported_as_a_contradiction(
    headquarters: Headquarters,
) -> None:
    forged = replace(SealingStore.create().seal("start"), root="33")
    assert headquarters.receive(forged) == "epoch 1: the signature is not valid"
    assert headquarters.chain.head is None


def test_integrity_seal_that_is_sent_twice_is_not_reported_as_a_contradiction(
    headquarters: Headquarters, store: SealingStore
) -> None:
    assert store.last is not None
    assert headquarters.receive(store.last, store.last, store.seal()) == ""


def test_centre_that_keeps_sending_new_seal_keys_does_not_fill_the_headquarters_database(
    headquarters: Headquarters, store: SealingStore
) -> None:
    for _ in range(150):
        store = store.restore()
        headquarters.receive(store.seal("start"))
    assert len(headquarters.chain.unaccepted_keys) == 100


def test_report_of_contradicting_integrity_seals_names_centre_and_command() -> None:
    text = describe_contradiction_in_signed_log("pune-1", "1" * 32, "epoch 7: is sealed after epoch 8")
    assert "the seals of pune-1 contradict those received before: epoch 7: is sealed after epoch 8." in text
    assert text.endswith("`dialer hq store accept pune-1 11111111`")
    assert describe_contradiction_in_signed_log("pune-1", "1" * 32, SealChain().contradiction) == ""
