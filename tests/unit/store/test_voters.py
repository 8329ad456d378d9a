"""The store's marks (recorded answers), opt-outs, dispositions, turnout, outbox and other records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import KeyTaken, StoreError
from dialer.domain.model import (
    Announcement,
    AttemptId,
    BoothTurnout,
    CampaignProgress,
    Disposition,
    DispositionRecord,
    Mark,
    MarkSource,
    Outcome,
)
from dialer.store.commands import ExecutedCommand
from dialer.store.marks import MarkEffect
from dialer.store.seat_intervals import SeatInterval
from dialer.store.store import Store
from tests.support.stores import (
    CAMPAIGN,
    NOW,
    Backend,
    claim_and_open_attempt,
    claim_numbers,
    claim_one_number,
    end_attempt,
    make_ended_call,
    make_mark,
    open_filled_store,
    read_turnout,
)

NEWS = Announcement("voter/mark", '{"voter_id": 1}')
PENDING = (MarkKind.NOT_YET, MarkKind.LATER)
CLOSING = (MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED)


async def list_queued_numbers(store: Store) -> set[int]:
    """Return the numbers that could be claimed now."""
    claims = await claim_numbers(store, 1000, now=NOW + 1e6)
    await store.release_claimed_numbers(claims)
    return {each.phone_id for each in claims}


def make_repeated_effect(effect: MarkEffect) -> MarkEffect:
    """Return the expected effect of recording the same mark again: the same numbers to cancel, but no changes."""
    return MarkEffect(False, effect.booth_id, effect.silenced_phones, effect.voter_silenced)


# Marks


async def test_recorded_vote_ends_calls_to_the_voters_own_number(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        effect = await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert effect == MarkEffect(
            True, 1, silenced_phones=(1,), voter_silenced=True, contacted_change=1, voted_change=1
        )
        for campaign_id in (CAMPAIGN, "b"):
            assert await store.read_campaign_progress(campaign_id, NOW) == CampaignProgress(
                36, completed=1, remaining=35, attempts=0
            )
        assert [row.topic for row in await store.read_outbox_rows_for_broker(10)] == ["Mark"]


async def test_number_of_a_household_is_called_until_everybody_has_voted(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        first = await store.save_voter_mark(make_mark(3, MarkKind.VOTED))
        assert (first.silenced_phones, first.voter_silenced) == ((), True)
        assert 3 in await list_queued_numbers(store)
        second = await store.save_voter_mark(make_mark(4, MarkKind.WILL_NOT))
        assert second.silenced_phones == (3,)
        assert 3 not in await list_queued_numbers(store)


async def test_recorded_vote_that_is_received_twice_is_stored_once(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        first = await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        again = await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert again == make_repeated_effect(first)
        other = await store.save_voter_mark(make_mark(1, MarkKind.VOTED, key="another"))
        assert other.recorded
        assert len(await store.read_outbox_rows_for_broker(10)) == 2


@pytest.mark.parametrize("kind", PENDING)
async def test_voter_marked_not_yet_or_later_is_still_called(backend: Backend, kind: MarkKind) -> None:
    async with open_filled_store(backend) as store:
        effect = await store.save_voter_mark(make_mark(1, kind))
        assert effect == MarkEffect(True, booth_id=1, contacted_change=1, not_yet_change=1)
        assert await read_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=0, not_yet=1, booth_name="Primary School 1"
        )
        assert 1 in await list_queued_numbers(store)


@pytest.mark.parametrize("kind", CLOSING)
async def test_voter_who_moved_or_died_or_will_not_vote_is_not_called_again(backend: Backend, kind: MarkKind) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.NOT_YET))
        assert (await store.save_voter_mark(make_mark(1, kind))).silenced_phones == (1,)
        assert await read_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=0, not_yet=0, booth_name="Primary School 1"
        )


@pytest.mark.parametrize("kind", [*PENDING, *CLOSING, MarkKind.WRONG_NUMBER])
async def test_recorded_vote_of_a_voter_wins_over_later_recorded_answers(backend: Backend, kind: MarkKind) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert (await store.save_voter_mark(make_mark(1, kind))).voter_silenced
        assert await read_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=1, not_yet=0, booth_name="Primary School 1"
        )
        assert 1 not in await list_queued_numbers(store)


async def test_voter_marked_wrong_number_loses_the_link_to_the_number_and_stays_callable(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 1, Outcome.CONNECTED, retry_at=NOW + 60)
        effect = await store.save_voter_mark(make_mark(1, MarkKind.WRONG_NUMBER, new=new))
        assert effect == MarkEffect(
            True, booth_id=1, silenced_phones=(1,), voter_silenced=False, without_number_change=1
        )
        assert 1 not in await list_queued_numbers(store)
        assert await read_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=0, voted=0, not_yet=0, without_number=1, booth_name="Primary School 1"
        )


async def test_wrong_number_for_one_voter_does_not_affect_other_voters_of_the_household(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 3, Outcome.CONNECTED, retry_at=NOW + 60)
        assert (await store.save_voter_mark(make_mark(3, MarkKind.WRONG_NUMBER, new=new))).silenced_phones == ()
        again = await claim_one_number(store, 3, now=NOW + 60)
        assert (again.voter_id, again.pending_voters) == (4, 1)


async def test_voter_marked_wrong_number_without_a_call_keeps_all_links_to_numbers(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert (await store.save_voter_mark(make_mark(1, MarkKind.WRONG_NUMBER))).silenced_phones == ()
        assert 1 in await list_queued_numbers(store)


async def test_voter_status_of_an_unknown_voter_is_rejected(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        with pytest.raises(StoreError, match="no voter 999"):
            await store.save_voter_mark(make_mark(999, MarkKind.VOTED))
        assert await store.read_outbox_rows_for_broker(10) == []


async def test_turnout_counts_equal_the_sum_of_all_stored_voter_statuses(backend: Backend) -> None:
    kinds = [MarkKind.NOT_YET, MarkKind.LATER, MarkKind.WILL_NOT, MarkKind.VOTED, MarkKind.MOVED, MarkKind.VOTED]
    async with open_filled_store(backend) as store:
        marks = [make_mark(1, kind, key=str(number)) for number, kind in enumerate(kinds)]
        marks.append(make_mark(1, MarkKind.NOT_YET, key="taken back", source=MarkSource.CORRECTION))
        effects = [await store.save_voter_mark(each) for each in marks]
        changes = [(each.contacted_change, each.voted_change, each.not_yet_change) for each in effects]
        assert changes == [(1, 0, 1), (0, 0, 0), (0, 0, -1), (0, 1, 0), (0, 0, 0), (0, 0, 0), (0, -1, 1)]
        assert await read_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=0, not_yet=1, booth_name="Primary School 1"
        )


# Opt-outs


async def test_opt_out_ends_calls_to_the_number_in_every_campaign(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        assert await store.save_opt_out(6, at=NOW, source="flow")
        assert not await store.save_opt_out(6, at=NOW + 1, source="flow")
        for campaign_id in (CAMPAIGN, "b"):
            assert (await store.read_campaign_progress(campaign_id, NOW)).completed == 1
        assert len(await store.read_outbox_rows_for_broker(10)) == 1


async def test_opt_out_is_still_stored_after_a_restart(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_opt_out(6, at=NOW, source="flow")
    again = await backend.open()
    assert not await again.save_opt_out(6, at=NOW + 1, source="flow")
    assert await again.add_roll_numbers_to_queue(CAMPAIGN) == 0
    assert 6 not in await list_queued_numbers(again)
    await again.close()


async def test_opt_out_of_an_unknown_number_is_rejected(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        with pytest.raises(StoreError, match="no phone number with the id 999"):
            await store.save_opt_out(999, at=NOW, source="flow")


# Dispositions


def make_disposition(
    attempt_id: AttemptId, disposition: Disposition, retry_at: float | None = None
) -> DispositionRecord:
    return DispositionRecord(attempt_id, disposition, NOW + 40, "asha", retry_at)


async def test_disposition_of_a_call_sets_when_the_number_is_due_again(backend: Backend) -> None:
    async with open_filled_store(backend, 3) as store:
        new = await make_ended_call(store, 1, Outcome.CONNECTED)
        await store.save_disposition_of_call(make_disposition(new.attempt_id, Disposition.CALL_BACK, NOW + 900))
        await claim_numbers(store, 2)
        assert await store.find_next_due_time(CAMPAIGN) == NOW + 900


async def test_disposition_without_a_retry_ends_calls_to_the_number(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 1, Outcome.CONNECTED, retry_at=NOW + 60)
        await store.save_disposition_of_call(make_disposition(new.attempt_id, Disposition.WILL_NOT))
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).completed == 1


async def test_disposition_of_a_call_stores_and_publishes_its_voter_statuses_and_opt_out(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 3, Outcome.CONNECTED, retry_at=NOW + 60)
        marks = [make_mark(3, MarkKind.VOTED, new=new), make_mark(4, MarkKind.NOT_YET, new=new)]
        record = make_disposition(new.attempt_id, Disposition.VOTED, NOW + 900)
        effect = await store.save_disposition_of_call(record, marks, opt_out=True)
        assert [each.voter_silenced for each in effect.marks] == [True, False]
        assert effect.opted_out
        assert not await store.save_opt_out(3, at=NOW, source="again")
        assert 3 not in await list_queued_numbers(store)  # opted out, whatever the time that was asked for
        again = await store.save_disposition_of_call(record, marks, opt_out=True)
        assert list(again.marks) == [make_repeated_effect(each) for each in effect.marks]
        assert not again.opted_out
        told = [row.topic for row in await store.read_outbox_rows_for_broker(10)]
        assert told == ["EndedAttempt", "DispositionRecord", "Mark", "Mark", "OptOut"]


async def test_second_disposition_of_a_call_replaces_the_first_disposition(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 1, Outcome.CONNECTED)
        await store.save_disposition_of_call(make_disposition(new.attempt_id, Disposition.WILL_NOT))
        later = replace(make_disposition(new.attempt_id, Disposition.LATER, NOW + 900), at=NOW + 50)
        await store.save_disposition_of_call(later)
        assert 1 in await list_queued_numbers(store)
        assert [row.topic for row in await store.read_outbox_rows_for_broker(10)] == [
            "EndedAttempt",
            "DispositionRecord",
            "DispositionRecord",
        ]


async def test_disposition_during_a_call_sets_the_retry_time_when_the_call_ends(backend: Backend) -> None:
    async with open_filled_store(backend, 3) as store:
        new = await claim_and_open_attempt(store, 1)
        await claim_numbers(store, 2)
        await store.save_disposition_of_call(make_disposition(new.attempt_id, Disposition.NOT_YET, NOW + 900))
        assert await store.find_next_due_time(CAMPAIGN) is None
        await end_attempt(store, new, Outcome.CONNECTED, retry_at=NOW + 1800)
        assert await store.find_next_due_time(CAMPAIGN) == NOW + 1800


async def test_late_disposition_does_not_change_a_number_that_is_dialled_again(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        first = await make_ended_call(store, 1, Outcome.CONNECTED, retry_at=NOW + 60)
        second = await claim_and_open_attempt(store, 1, now=NOW + 60)
        await store.save_disposition_of_call(make_disposition(first.attempt_id, Disposition.NOT_YET, NOW + 900))
        await end_attempt(store, second, Outcome.NO_ANSWER, retry_at=NOW + 1800)
        await store.save_disposition_of_call(make_disposition(first.attempt_id, Disposition.WILL_NOT))
        assert (await claim_numbers(store, 1, now=NOW + 1800))[0].phone_id == 1


async def test_disposition_of_an_attempt_that_does_not_exist_stores_nothing(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        record = make_disposition(AttemptId("00000000-0000-4000-8000-000000000000"), Disposition.VOTED)
        with pytest.raises(StoreError, match="no attempt 00000000"):
            await store.save_disposition_of_call(record, [make_mark(1, MarkKind.VOTED)])
        assert (await read_turnout(store)).voted == 0


async def test_disposition_that_cannot_be_stored_is_rolled_back_completely(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 1, Outcome.CONNECTED, retry_at=NOW + 60)
        marks = [make_mark(1, MarkKind.VOTED), make_mark(999, MarkKind.VOTED)]
        with pytest.raises(StoreError, match="Voter 999 does not have the number"):
            await store.save_disposition_of_call(make_disposition(new.attempt_id, Disposition.VOTED), marks)
        assert (await read_turnout(store)).voted == 0
        assert 1 in await list_queued_numbers(store)
        assert [row.topic for row in await store.read_outbox_rows_for_broker(10)] == [
            "EndedAttempt"
        ]  # of the call before


# The roll


async def test_store_returns_booths_and_voters_with_their_details(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        booths = await store.read_booths()
        assert sorted(booths) == [1, 2, 3, 4, 5, 6]
        assert (booths[2].part_number, booths[2].name, booths[2].closes_at) == (2, "Primary School 2", "18:00")
        shown = await store.read_voter_for_agent_page(10)
        assert (shown["name"], shown["serial"], shown["booth_id"], shown["age"]) == ("Voter 10", 1, 2, None)
        assert set(shown) == {"name", "name_local", "age", "sex", "house", "section", "serial", "booth_id"}
        with pytest.raises(StoreError, match="no voter 999"):
            await store.read_voter_for_agent_page(999)


async def test_store_returns_the_voters_of_a_phone_number_who_still_need_a_call(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(8, MarkKind.VOTED))
        assert await store.find_pending_voters(6) == [7, 9]
        assert await store.find_pending_voters(999) == []


async def test_voter_is_found_by_booth_and_serial_number(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.find_voter_by_serial_number(2, 3) == 12
        assert await store.find_voter_by_serial_number(2, 10) is None


async def test_store_returns_the_turnout_of_every_booth_that_has_voters(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        for voter_id, kind in ((10, MarkKind.VOTED), (11, MarkKind.NOT_YET), (12, MarkKind.MOVED)):
            await store.save_voter_mark(make_mark(voter_id, kind))
        turnout = await store.count_booth_turnout()
        assert [each.part_number for each in turnout] == [1, 2, 3, 4, 5, 6]
        assert turnout[1] == BoothTurnout(
            2, 174, 2, voters=9, contacted=3, voted=1, not_yet=1, booth_name="Primary School 2"
        )
        assert sum(each.contacted for each in turnout) == 3


# Records


async def test_oldest_stored_messages_are_read_first_and_published_messages_are_deleted(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.add_messages_to_outbox([Announcement("t", str(number)) for number in range(5)], NOW)
        rows = await store.read_outbox_rows_for_broker(3)
        assert [(row.topic, row.payload, row.at) for row in rows] == [("t", "0", NOW), ("t", "1", NOW), ("t", "2", NOW)]
        await store.mark_outbox_rows_published(rows[1].outbox_id)
        assert [row.payload for row in await store.read_outbox_rows_for_broker(10)] == ["2", "3", "4"]


async def test_row_ids_of_stored_messages_are_never_reused(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.add_messages_to_outbox([NEWS, NEWS], NOW)
        last = (await store.read_outbox_rows_for_broker(10))[-1].outbox_id
        await store.mark_outbox_rows_published(last)
        await store.add_messages_to_outbox([NEWS], NOW)
        await store.mark_outbox_rows_published(last)  # a repeat of the same call, after its reply was lost
        assert len(await store.read_outbox_rows_for_broker(10)) == 1


async def test_trimming_the_message_queue_deletes_the_oldest_messages_and_returns_their_number(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await store.add_messages_to_outbox([Announcement("t", str(number)) for number in range(9)], NOW)
        assert (await store.delete_oldest_messages_of_full_outbox(keep_at_most=4)).deleted == 5
        assert [row.payload for row in await store.read_outbox_rows_for_broker(10)] == ["5", "6", "7", "8"]
        assert (await store.delete_oldest_messages_of_full_outbox(keep_at_most=4)).deleted == 0


async def test_limit_of_the_message_queue_neither_counts_nor_deletes_opt_outs(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        news = [
            Announcement(f"results/{topic}", topic) for topic in ("opt-outs", "marks", "marks", "opt-outs", "marks")
        ]
        await store.add_messages_to_outbox([*news, Announcement("results/opt-outs", "opt-outs")], NOW)
        assert (await store.delete_oldest_messages_of_full_outbox(keep_at_most=2)).deleted == 1
        assert [row.payload for row in await store.read_outbox_rows_for_broker(10)] == [
            "opt-outs",
            "marks",
            "opt-outs",
            "marks",
            "opt-outs",
        ]
        assert (await store.delete_oldest_messages_of_full_outbox(keep_at_most=0)).deleted == 2
        assert [row.payload for row in await store.read_outbox_rows_for_broker(10)] == ["opt-outs"] * 3


async def test_command_of_a_supervisor_received_twice_is_stored_once(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.find_executed_command("c-1") is None
        assert await store.record_new_command("c-1", "pause", "hash", "done", NOW)
        assert not await store.record_new_command("c-1", "pause", "other", "otherwise", NOW)
        assert await store.find_executed_command("c-1") == ExecutedCommand("hash", "done")


async def test_time_interval_of_a_seat_state_is_stored_once(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        intervals = [
            SeatInterval("01", "asha", "ready", NOW, NOW),
            SeatInterval("01", "asha", "talking", NOW, NOW + 60),
            SeatInterval("02", None, "paused", NOW, NOW + 60, "tea"),
        ]
        await store.save_intervals_of_seat_states(intervals)
        await store.save_intervals_of_seat_states(intervals)
    assert backend.seat_seconds() == {("01", "ready"): 0, ("01", "talking"): 60, ("02", "paused"): 60}


async def test_stored_pacing_state_is_returned_unchanged(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.read_pacer_state(CAMPAIGN) is None
        await store.save_pacer_state(CAMPAIGN, '{"alpha": 1.4}')
        assert await store.read_pacer_state(CAMPAIGN) == '{"alpha": 1.4}'
        with pytest.raises(StoreError, match="no campaign 'nowhere'"):
            await store.save_pacer_state("nowhere", "{}")


# Life


async def test_closed_store_rejects_reads_and_writes_and_can_be_closed_twice(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        with pytest.raises(StoreError, match="closed"):
            await store.count_booth_turnout()


async def test_voter_status_with_the_key_of_a_different_stored_status_is_rejected(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        at_five = Mark("k", 1, MarkKind.LATER, MarkSource.AGENT, NOW, hour=17)
        assert (await store.save_voter_mark(at_five)).recorded
        assert not (await store.save_voter_mark(replace(at_five, at=NOW + 1))).recorded
        others: list[dict[str, Any]] = [
            {"hour": 18},
            {"kind": MarkKind.VOTED, "hour": None},
            {"voter_id": 2},
            {"undoes": "j"},
        ]
        for other in others:
            with pytest.raises(KeyTaken):
                await store.save_voter_mark(replace(at_five, **other))
