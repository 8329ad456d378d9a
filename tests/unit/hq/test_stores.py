"""Which of the stores that send as one centre headquarters accepts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.hq.stores import (
    SILENCE_SECONDS,
    KnownStore,
    StoreNotAccepted,
    StoreSightings,
    StoreState,
    accept_or_refuse_sender_of_batch,
    describe_conflict_of_databases,
    describe_replaced_database_of_centre,
)
from dialer.nats.messages import SendingStore
from tests.support.headquarters import NOW

FIRST, SECOND = SendingStore("1" * 32, None, 0, "r1"), SendingStore("2" * 32, "1" * 32, 40, "r2")


class Centre:
    """The stores of pune-1 as headquarters knows them."""

    def __init__(self) -> None:
        self.stores: dict[str, KnownStore] = {}
        self.sightings = StoreSightings()

    def send(self, sender: SendingStore, at: float) -> KnownStore:
        return accept_or_refuse_sender_of_batch("pune-1", self.stores, sender, self.sightings, NOW + at)

    def is_accepted(self, sender: SendingStore, at: float) -> bool:
        try:
            return self.send(sender, at).incarnation == sender.incarnation
        except StoreNotAccepted:
            return False

    @property
    def conflict(self) -> str:
        return describe_conflict_of_databases("pune-1", self.stores)


def test_headquarters_accepts_the_first_store_of_a_centre_with_its_first_result_row() -> None:
    centre = Centre()
    assert centre.send(FIRST, 0).last_id == 0
    assert not describe_replaced_database_of_centre("pune-1", centre.stores)


def test_restored_store_of_a_centre_continues_after_the_rows_that_headquarters_confirmed() -> None:
    centre = Centre()
    centre.send(FIRST, 0).last_id = 55
    assert not centre.is_accepted(SECOND, 100)
    assert centre.send(SECOND, 100 + SILENCE_SECONDS).last_id == 40
    assert not centre.conflict
    assert centre.stores[FIRST.incarnation].state is StoreState.REPLACED


@pytest.mark.parametrize(("previous", "origin"), [(FIRST.incarnation, "a copy"), (None, "no copy")])
def test_replaced_centre_store_is_reported_until_confirmed(previous: str | None, origin: str) -> None:
    centre, later = Centre(), replace(SECOND, previous=previous)
    centre.send(FIRST, 0)
    assert not centre.is_accepted(later, 100)
    assert not describe_replaced_database_of_centre("pune-1", centre.stores)
    new = centre.send(later, 200)
    assert describe_replaced_database_of_centre("pune-1", centre.stores) == (
        f"pune-1 sends from a new store, 22222222, which is {origin} of an earlier one. If you know that its machine was "
        "replaced or its store restored, confirm it with `dialer hq store accept pune-1 22222222`"
    )
    new.is_confirmed = True
    assert not describe_replaced_database_of_centre("pune-1", centre.stores)


def test_second_store_of_a_centre_is_refused_while_the_first_store_still_sends() -> None:
    centre = Centre()
    centre.send(FIRST, 0)
    assert not centre.is_accepted(SECOND, 100)
    centre.sightings.record_time_of_message_from_store("pune-1", FIRST.incarnation, NOW + 103)
    for at in (105, 110, 100_000):
        with pytest.raises(
            StoreNotAccepted, match="two stores send results as pune-1: 11111111 is accepted"
        ) as refused:
            centre.send(SECOND, at)
        assert refused.value.is_final
    assert centre.is_accepted(FIRST, 106)
    assert "22222222 is refused" in centre.conflict


def test_replaced_centre_store_is_refused_when_it_sends_again() -> None:
    centre = Centre()
    centre.send(FIRST, 0)
    assert not centre.is_accepted(SECOND, 100)
    assert centre.is_accepted(SECOND, 200)
    assert not centre.is_accepted(FIRST, 300)
    assert not centre.is_accepted(FIRST, 900)
    assert "22222222 is accepted, 11111111 is refused" in centre.conflict


def test_upgraded_store_of_a_centre_keeps_its_result_row_ids() -> None:
    centre = Centre()
    centre.send(SendingStore(), 0).last_id = 55
    assert centre.send(replace(FIRST, previous=""), 1).last_id == 55
    assert not describe_replaced_database_of_centre("pune-1", centre.stores)
    assert not centre.is_accepted(SendingStore(), 100)


def test_row_ids_restart_when_an_upgraded_store_first_sends_its_identity() -> None:
    centre = Centre()
    centre.send(SendingStore(), 0).last_id = 55
    assert not centre.is_accepted(FIRST, 100)
    assert centre.send(FIRST, 121).last_id == 0


def test_headquarters_accepts_a_restarted_store_and_refuses_its_copy() -> None:
    centre = Centre()
    for run, at in (("r1", 0), ("r2", 1), ("r3", 2), ("r3", 3)):
        assert centre.is_accepted(replace(FIRST, run=run), at)
    with pytest.raises(StoreNotAccepted, match="two machines send results from the same store of centre"):
        centre.send(replace(FIRST, run="r2"), 4)
    assert centre.is_accepted(replace(FIRST, run="r3"), 5)
    assert centre.is_accepted(replace(FIRST, run=""), 6)  # a file that was carried by hand
