"""The outbox with rows for the broker and for headquarters, and updates from other centres."""

from __future__ import annotations

from contextlib import closing

import pytest

from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.errors import NotInStore
from dialer.domain.model import Announcement, CampaignState, Mark, MarkSource
from dialer.domain.other_centres import PeerMarkRecord, PeerOptOutRecord, PeerUpdateBatch
from dialer.domain.results import OutboxWait
from dialer.domain.voter_place import VoterPlace
from dialer.rules.number_hash import hash_number
from dialer.store import identity, outbox
from dialer.store.identity import StoreIdentity
from dialer.store.peer_updates import PeerUpdateEffect
from dialer.store.seat_intervals import SeatInterval
from dialer.store.store import Store
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE
from tests.support.stores import NOW, Backend, SqliteBackend, make_mark, open_filled_store, read_turnout

SECRET = b"twenty characters, at least"


async def add_messages_to_outbox(store: Store, *payloads: str, topic: str = "results/marks") -> None:
    await store.add_messages_to_outbox([Announcement(topic, payload) for payload in payloads], NOW)


def read_headquarters_rows(backend: Backend, passed: int = 0) -> list[tuple[int, str]]:
    """Return the outbox rows that wait for headquarters, read on a separate connection as the uplink does."""
    assert isinstance(backend, SqliteBackend)
    with closing(backend.connect()) as db:
        return [
            (row.outbox_id, row.payload)
            for row in outbox.SQL.rows_after.fetch_all_rows(db, outbox_id=passed, limit=100)
        ]


def read_store_identity(backend: Backend) -> StoreIdentity:
    assert isinstance(backend, SqliteBackend)
    with closing(backend.connect()) as db:
        return identity.read_store_identity(db)


async def test_stored_messages_are_deleted_once_broker_and_headquarters_have_received_them(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await add_messages_to_outbox(store, "from before")
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await add_messages_to_outbox(store, "a", "b")
        await store.mark_outbox_rows_published(2)
        assert [row.payload for row in await store.read_outbox_rows_for_broker(10)] == ["b"]
        assert read_headquarters_rows(backend) == [(1, "from before"), (2, "a"), (3, "b")]
        assert not await store.record_last_outbox_id_at_headquarters(3, NOW)
        assert read_headquarters_rows(backend) == [(3, "b")]
        await store.record_last_outbox_id_at_headquarters(1, NOW)  # an answer that comes late changes nothing
        await store.mark_outbox_rows_published(3)
        assert read_headquarters_rows(backend) == []


async def test_stored_messages_wait_only_for_the_broker_if_no_headquarters_is_configured(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await add_messages_to_outbox(store, "a", "b")
        await store.mark_outbox_rows_published(1)
        await store.set_byte_limit_of_headquarters_queue(None)
        assert read_headquarters_rows(backend) == [(2, "b")]
        with pytest.raises(NotInStore, match="no headquarters"):
            await store.record_last_outbox_id_at_headquarters(2, NOW)
        await store.mark_outbox_rows_published(2)
        assert read_headquarters_rows(backend) == []


async def test_unsent_messages_are_counted_separately_for_broker_and_headquarters(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await add_messages_to_outbox(store, "a", "b", "c")
        assert await store.count_waiting_outbox_rows() == (OutboxWait("broker", 3, NOW),)
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await store.mark_outbox_rows_published(3)
        await store.record_last_outbox_id_at_headquarters(1, NOW)
        assert sorted(await store.count_waiting_outbox_rows(), key=str) == [
            OutboxWait("broker", 0, None),
            OutboxWait("headquarters", 2, NOW),
        ]


async def test_full_message_queue_deletes_telemetry_but_no_results(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "TELEMETRY_ROWS_KEPT", 0)
    async with open_filled_store(backend) as store:
        await store.set_byte_limit_of_headquarters_queue(2_000)
        await add_messages_to_outbox(store, *["x" * 100] * 10, topic="results/seat-hours")
        assert (await store.delete_oldest_messages_of_full_outbox(keep_at_most=1)).deleted == 0
        await add_messages_to_outbox(store, *["x" * 100] * 29)
        await add_messages_to_outbox(store, "x" * 100, topic="results/sealed-epochs")
        bound = await store.delete_oldest_messages_of_full_outbox()
        assert bound.deleted == 10
        assert 1_300 < bound.bytes_over_limit < 1_500  # thirty of 113
        assert len(read_headquarters_rows(backend)) == 30
        assert await store.delete_oldest_messages_of_full_outbox() == outbox.OutboxTrim(0, bound.bytes_over_limit)


async def test_store_older_than_its_result_rows_at_headquarters_gets_a_new_identity(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await add_messages_to_outbox(store, "a", "b", "c")
        await store.record_last_outbox_id_at_headquarters(1, NOW)
        before = read_store_identity(backend)
        assert await store.record_last_outbox_id_at_headquarters(
            20_000_000, NOW
        )  # headquarters has rows that were set back here
        after = read_store_identity(backend)
        assert after.incarnation != before.incarnation
        assert (after.previous, after.begins_after) == (before.incarnation, 1)
        assert read_headquarters_rows(backend, 1) == [(2, "b"), (3, "c")]
        assert (
            await store.add_or_update_campaign("survey", CampaignKind.AGENTS, Purpose.SURVEY) is CampaignState.STOPPED
        )
        assert not await store.record_last_outbox_id_at_headquarters(3, NOW)


async def test_working_hours_of_seats_are_published_only_to_headquarters(backend: Backend) -> None:
    stretches = [
        SeatInterval("01", "a", state, NOW + start, NOW + end)
        for state, start, end in (("ready", 0, 5), ("talking", 5, 65))
    ]
    async with open_filled_store(backend) as store:
        await store.save_intervals_of_seat_states(stretches[:1])
        assert read_headquarters_rows(backend) == []
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await store.save_intervals_of_seat_states(stretches)  # the first is known
        await store.save_intervals_of_seat_states(stretches)
        assert [payload for _, payload in read_headquarters_rows(backend)] == ["SeatHours"]


async def test_delivery_test_message_is_rejected_if_no_headquarters_is_configured(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        with pytest.raises(NotInStore, match="no headquarters"):
            await store.add_test_message_to_outbox(NOW)
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await store.add_test_message_to_outbox(NOW)
        assert [payload for _, payload in read_headquarters_rows(backend)] == ["TestMark"]


def make_peer_mark(
    serial: int, kind: MarkKind = MarkKind.VOTED, *, key: str = "", part: int = 2, undoes: str | None = None
) -> PeerMarkRecord:
    source = MarkSource.AGENT
    told = Mark(key or f"theirs:{serial}", 0, kind, source, NOW, agent="centre pune-2", undoes=undoes)
    return PeerMarkRecord(VoterPlace(ROLL_VERSION, STATE_CODE, CONSTITUENCY_NUMBER, part, serial), told)


async def apply_updates(
    store: Store, after: int, position: int, *marks: PeerMarkRecord, opt_outs: tuple[PeerOptOutRecord, ...] = ()
) -> PeerUpdateEffect:
    return await store.save_updates_from_other_centres(PeerUpdateBatch("PEERS", after, position, opt_outs, marks))


async def test_updates_of_other_centres_are_applied_once_together_with_their_stream_position(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        told = PeerOptOutRecord(hash_number(SECRET, "+917000000001"), NOW, "pune-2")
        taken = await apply_updates(store, 0, 7, make_peer_mark(3), opt_outs=(told,))
        assert taken.phones == (1,)
        assert [(each.voter_id, effect.voter_silenced) for each, effect in taken.marks] == [(12, True)]
        assert (await read_turnout(store, 2)).voted == 1
        assert (
            await apply_updates(store, 0, 7, make_peer_mark(4)) == PeerUpdateEffect()
        )  # the same again, whatever it says now
        with pytest.raises(NotInStore, match="Request those after position 7 again"):
            await apply_updates(store, 8, 9, make_peer_mark(4))
        assert len((await apply_updates(store, 7, 9, make_peer_mark(4))).marks) == 1
        assert read_headquarters_rows(backend) == []  # what others told is not told again


async def test_peer_updates_about_unknown_voters_or_own_votes_are_ignored(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(13, MarkKind.NOT_YET, key="ours"))
        taken = await apply_updates(
            store, 0, 3, make_peer_mark(3), make_peer_mark(3, part=99), make_peer_mark(5, key="ours")
        )
        assert (len(taken.marks), taken.unknown) == (1, 2)


async def test_undo_of_a_voter_status_by_another_centre_is_applied(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await apply_updates(store, 0, 1, make_peer_mark(3, key="word"))
        slip = make_peer_mark(3, MarkKind.NOT_YET, key="slip", undoes="word")
        nothing = make_peer_mark(4, MarkKind.NOT_YET, key="late", undoes="never-heard")
        taken = await apply_updates(store, 1, 2, slip, nothing)
        assert len(taken.marks) == 1
        assert (await read_turnout(store, 2)).voted == 0
