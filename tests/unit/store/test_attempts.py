"""Attempts: the last check before a number is dialled, and the end of a call."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.clock import LoopClock
from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.model import (
    Announcement,
    AttemptId,
    Disposition,
    DispositionRecord,
    EndedAttempt,
    NewAttempt,
    OpenAttempt,
    Outcome,
)
from dialer.domain.phone_facts import CallIntervals
from dialer.domain.results import Result
from dialer.domain.view import ScreenPop
from dialer.store import targets
from dialer.store.attempts import Refusal
from dialer.store.log_ins import LogIn
from dialer.store.store import Store
from tests.support.stores import (
    CAMPAIGN,
    DAY_START,
    LEASE_SECONDS,
    NOW,
    Backend,
    SqliteBackend,
    announce_by_kind,
    claim_and_open_attempt,
    claim_numbers,
    claim_one_number,
    commit_new_attempt,
    end_attempt,
    make_attempt,
    make_ended_call,
    make_mark,
    open_filled_store,
)
from tests.support.virtual import virtual_time

HOUR = 3600.0
DAY_SECONDS = 86_400.0


async def test_call_attempt_is_listed_as_unfinished_until_its_end(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 3)
        await store.save_answer_time_of_call(new.attempt_id, NOW + 9)
        await store.save_connect_time_of_call(new.attempt_id, NOW + 10, "04", "asha")
    again = await backend.open()
    assert await again.read_unfinished_attempts() == [
        OpenAttempt(
            new.attempt_id,
            CAMPAIGN,
            phone_id=3,
            voter_id=3,
            booth_id=1,
            attempt_number=1,
            trunk="trunk",
            created_at=NOW,
            answered_at=NOW + 9,
            connected_at=NOW + 10,
            seat="04",
            caller_id=new.caller_id,
            number="+917000000003",
            pending_voters=2,
            agent="asha",
        )
    ]
    await again.save_voter_mark(make_mark(4, MarkKind.VOTED))  # the other one of the household
    [left] = await again.read_unfinished_attempts()
    assert left.pending_voters == 1
    assert await end_attempt(again, new, Outcome.CONNECTED)
    assert await again.read_unfinished_attempts() == []
    await again.close()


async def test_unfinished_call_attempt_is_returned_with_its_voter_statuses_and_disposition(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        keyed, talked = await claim_and_open_attempt(store, 3), await claim_and_open_attempt(store, 4)
        await store.save_voter_mark(make_mark(3, MarkKind.NOT_YET, new=keyed))
        await store.save_voter_mark(replace(make_mark(3, MarkKind.LATER, new=keyed), hour=16))
        record = DispositionRecord(talked.attempt_id, Disposition.CALL_BACK, NOW + 40, "asha", NOW + 900)
        await store.save_disposition_of_call(record)
    again = await backend.open()
    by_keys, by_agent = sorted(await again.read_unfinished_attempts(), key=lambda each: each.phone_id)
    assert (by_keys.said, by_keys.said_hour, by_keys.disposition) == (MarkKind.LATER, 16, None)
    assert (by_agent.said, by_agent.disposition) == (None, Disposition.CALL_BACK)
    assert (by_agent.disposed_at, by_agent.agent) == (NOW + 40, "asha")
    await again.close()


async def test_call_attempt_with_the_same_id_can_be_stored_only_once(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        assert await commit_new_attempt(store, new) is Refusal.OPEN_ATTEMPT
        await end_attempt(store, new, retry_at=NOW + 60)
        assert await commit_new_attempt(store, new) is Refusal.OPEN_ATTEMPT
        assert await store.read_unfinished_attempts() == []


async def test_phone_number_has_at_most_one_live_call_attempt_in_all_campaigns_together(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=("a", "b")) as store:
        of_b = make_attempt(await claim_one_number(store, 1, campaign_id="b"))
        await claim_and_open_attempt(store, 1, campaign_id="a")
        assert await commit_new_attempt(store, of_b) is Refusal.OPEN_ATTEMPT
        assert (await store.read_campaign_progress("b", NOW)).remaining == 36  # it went back to the queue


async def test_daily_cap_holds_in_the_25th_hour_of_a_daylight_saving_day(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 1, retry_at=NOW + 60)
        late = DAY_START + DAY_SECONDS + 600.0  # in the 25th hour: a day after the start of the day is past
        again = make_attempt(await claim_one_number(store, 1, now=late), at=late)
        assert await commit_new_attempt(store, again, max_attempts=1) is Refusal.ATTEMPT_CAP
        assert 1 not in {each.phone_id for each in await claim_numbers(store, 1000, now=late + 899.0)}
        assert 1 in {each.phone_id for each in await claim_numbers(store, 1000, now=late + 900.0)}


GAPS = CallIntervals(900.0, {"a": 1800.0, "b": 7200.0})


async def open_with_gaps(store: Store, new: NewAttempt) -> Refusal | None:
    [refusal] = await store.commit_new_attempts([new], max_attempts_since=DAY_START, max_attempts=9, gaps=GAPS)
    return refusal


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [
        (Outcome.NO_ANSWER, 900.0),
        (Outcome.BUSY, 900.0),
        (Outcome.CANCELLED, 900.0),
        (Outcome.COMPLETED, 7200.0),  # b has the number, and would wait so long
        (Outcome.REFUSED, 0.0),  # it was never placed
    ],
)
async def test_minimum_interval_between_calls_applies_across_campaigns(
    backend: Backend, outcome: Outcome, seconds: float
) -> None:
    async with open_filled_store(backend, campaigns=("a", "b")) as store:
        first = await claim_and_open_attempt(store, 1, campaign_id="a")
        await end_attempt(store, first, outcome)
        ended_at = NOW + 30.0
        if seconds:
            soon = make_attempt(await claim_one_number(store, 1, campaign_id="b", now=ended_at + 5), at=ended_at + 5)
            assert await open_with_gaps(store, soon) is Refusal.MINIMUM_INTERVAL
            early = await claim_numbers(store, 1000, campaign_id="b", now=ended_at + seconds - 1)
            assert 1 not in {each.phone_id for each in early}  # it is put off to the right moment: no claim spins
            await store.release_claimed_numbers(early)
        then = ended_at + seconds
    store = await backend.open()  # a restart forgets nothing of it
    late = make_attempt(await claim_one_number(store, 1, campaign_id="b", now=then), at=then)
    assert await open_with_gaps(store, late) is None
    await store.close()


async def test_promised_call_to_a_voter_is_due_at_the_promised_time(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=("a", "b")) as store:
        new = await claim_and_open_attempt(store, 1, campaign_id="a")
        ended = EndedAttempt(new.attempt_id, Outcome.LEFT, NOW + 30.0, retry_at=NOW + 60.0, promised=True)
        await store.end_attempts([ended])
        [promised] = [
            each for each in await claim_numbers(store, 40, campaign_id="a", now=NOW + 60) if each.phone_id == 1
        ]
        assert promised.promised
        assert await open_with_gaps(store, make_attempt(promised, at=NOW + 60)) is None


async def test_promised_call_back_waits_for_the_interval_after_another_campaigns_call(
    backend: Backend,
) -> None:
    async with open_filled_store(backend, campaigns=("a", "b")) as store:
        for place, campaign_id in enumerate(("a", "b")):
            new = await claim_and_open_attempt(store, 1, campaign_id=campaign_id, now=NOW + 40.0 * place)
            asked_at = NOW + 40.0 * place + 30.0
            ended = EndedAttempt(
                new.attempt_id, Outcome.LEFT, asked_at, answered_at=asked_at - 9, retry_at=NOW + 600.0, promised=True
            )
            await store.end_attempts([ended])
        kept = make_attempt(await claim_one_number(store, 1, campaign_id="b", now=NOW + 600), at=NOW + 600)
        assert await open_with_gaps(store, kept) is None
        ended = EndedAttempt(kept.attempt_id, Outcome.NO_ANSWER, NOW + 630.0, retry_at=NOW + 9000.0, promised=False)
        await store.end_attempts([ended])
        other = make_attempt(await claim_one_number(store, 1, campaign_id="a", now=NOW + 640), at=NOW + 640)
        assert await open_with_gaps(store, other) is Refusal.MINIMUM_INTERVAL
        free_at = NOW + 630.0 + GAPS.least_seconds
        early = await claim_numbers(store, 1000, campaign_id="a", now=free_at - 1)
        assert 1 not in {each.phone_id for each in early}
        await store.release_claimed_numbers(early)
        late = make_attempt(await claim_one_number(store, 1, campaign_id="a", now=free_at), at=free_at)
        assert await open_with_gaps(store, late) is None


@pytest.mark.parametrize(("ringing_at", "refusal"), [(None, None), (NOW + 75.0, Refusal.MINIMUM_INTERVAL)])
async def test_promised_call_that_was_cancelled_before_ringing_is_due_again_immediately(
    backend: Backend, ringing_at: float | None, refusal: Refusal | None
) -> None:
    async with open_filled_store(backend, campaigns=("a",)) as store:
        new = await claim_and_open_attempt(store, 1, campaign_id="a")
        ended = EndedAttempt(
            new.attempt_id, Outcome.LEFT, NOW + 30.0, answered_at=NOW + 9, retry_at=NOW + 60.0, promised=True
        )
        await store.end_attempts([ended])
        new = await claim_and_open_attempt(store, 1, campaign_id="a", now=NOW + 60)
        ended = EndedAttempt(new.attempt_id, Outcome.CANCELLED, NOW + 80.0, ringing_at=ringing_at, retry_at=NOW + 140.0)
        await store.end_attempts([ended])
        again = make_attempt(await claim_one_number(store, 1, campaign_id="a", now=NOW + 140), at=NOW + 140)
        assert await open_with_gaps(store, again) is refusal


async def test_refused_call_attempt_does_not_prevent_other_attempts_of_its_commit(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        first, second = await claim_numbers(store, 2)
        batch = [make_attempt(first), make_attempt(first), make_attempt(second)]
        refusals = await store.commit_new_attempts(batch, max_attempts_since=DAY_START, max_attempts=3)
        assert refusals == [None, Refusal.OPEN_ATTEMPT, None]


async def test_number_whose_reservation_has_expired_must_not_be_called(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        [claimed] = await claim_numbers(store)
        assert await commit_new_attempt(store, make_attempt(claimed, at=NOW + LEASE_SECONDS)) is Refusal.CLAIM_LOST


async def test_number_must_not_be_called_after_its_reservation_was_released(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        [claimed] = await claim_numbers(store)
        await store.release_claimed_numbers([claimed])
        assert await commit_new_attempt(store, make_attempt(claimed)) is Refusal.CLAIM_LOST


async def test_number_that_was_called_after_its_reservation_must_not_be_called_again(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        old = await claim_one_number(store, 1)
        await store.release_claimed_numbers([old])
        await make_ended_call(store, 1, retry_at=NOW + 10)
        new = await claim_one_number(store, 1, now=NOW + 10)
        assert await commit_new_attempt(store, make_attempt(old, at=NOW + 11)) is Refusal.CLAIM_LOST
        assert await commit_new_attempt(store, make_attempt(new, at=NOW + 11)) is None


async def test_call_is_refused_if_the_voter_was_unlinked_from_the_reserved_number(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        of_b = await claim_one_number(store, 3, campaign_id="b")
        new = await make_ended_call(store, 3, Outcome.CONNECTED)
        await store.save_voter_mark(make_mark(3, MarkKind.WRONG_NUMBER, new=new))
        assert await commit_new_attempt(store, make_attempt(of_b)) is Refusal.CLAIM_LOST
        assert (await claim_one_number(store, 3, campaign_id="b")).voter_id == 4


async def test_call_is_refused_if_the_number_opted_out_after_its_reservation(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        [claimed] = await claim_numbers(store)
        await store.save_opt_out(claimed.phone_id, at=NOW, source="page")
        assert await commit_new_attempt(store, make_attempt(claimed)) is Refusal.OPTED_OUT
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).completed == 1


async def test_call_is_refused_if_the_voter_was_marked_voted_after_the_reservation(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        claimed = await claim_one_number(store, 1)
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert await commit_new_attempt(store, make_attempt(claimed)) is Refusal.NOBODY_PENDING
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).completed == 1


async def test_household_is_still_called_for_its_other_voters_after_one_voter_has_voted(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        claimed = await claim_one_number(store, 3)
        await store.save_voter_mark(make_mark(3, MarkKind.VOTED))
        assert await commit_new_attempt(store, make_attempt(claimed)) is Refusal.CLAIM_LOST
        assert (await claim_one_number(store, 3)).voter_id == 4


async def test_daily_cap_on_attempts_applies_across_campaigns(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        await make_ended_call(store, 1, retry_at=NOW + 60)
        of_b = make_attempt(await claim_one_number(store, 1, campaign_id="b"))
        assert await commit_new_attempt(store, of_b, max_attempts=1) is Refusal.ATTEMPT_CAP
        # It rests until the day is over, and does not come first in the queue again and again.
        assert 1 not in {each.phone_id for each in await claim_numbers(store, 100, campaign_id="b", now=NOW + 3600)}
        tomorrow = DAY_START + 86_400
        claimed = await claim_one_number(store, 1, campaign_id="b", now=tomorrow)
        assert (
            await commit_new_attempt(store, make_attempt(claimed, at=tomorrow), since=tomorrow, max_attempts=1) is None
        )


async def test_daily_cap_on_conversations_applies_across_all_campaigns(backend: Backend) -> None:
    """A conversation is a call with an agent or a completed flow; unanswered calls do not count."""
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        await make_ended_call(store, 1, Outcome.BUSY, retry_at=NOW + 60)
        of_b = await claim_and_open_attempt(store, 1, campaign_id="b", now=NOW + 30)
        await end_attempt(store, of_b, Outcome.COMPLETED, retry_at=NOW + 60)
        again = make_attempt(await claim_one_number(store, 1, now=NOW + 120), at=NOW + 120)
        refusals = [
            await store.commit_new_attempts(
                [again], max_attempts_since=DAY_START, max_attempts=9, max_conversations=most
            )
            for most in (1, 2)
        ]
        assert refusals[0] == [Refusal.CONVERSATION_CAP]
        # Refused, it went back to the queue for tomorrow: the claim is none any more.
        assert refusals[1] == [Refusal.CLAIM_LOST]
        assert 1 not in {each.phone_id for each in await claim_numbers(store, 100, now=NOW + 3600)}


async def test_refused_call_attempt_returns_its_number_to_the_queue_and_does_not_count(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        for minute in range(3):
            now = NOW + 60 * minute
            new = make_attempt(await claim_one_number(store, 1, now=now), at=now)
            assert new.claim.attempt_number == 1
            assert await commit_new_attempt(store, new, max_attempts=1) is None
            assert await end_attempt(store, new, Outcome.REFUSED, retry_at=now + 30)
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).attempts == 0
        assert await store.count_attempts_by_outcome(CAMPAIGN) == {Outcome.REFUSED: 3}


async def test_attempt_number_of_a_phone_number_increases_with_each_call(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        numbers = []
        for minute in range(3):
            new = await make_ended_call(store, 2, retry_at=NOW + 60 * minute + 30, now=NOW + 60 * minute)
            numbers.append(new.claim.attempt_number)
        assert numbers == [1, 2, 3]
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).attempts == 3


async def test_first_stored_outcome_of_a_call_attempt_is_final(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        assert await end_attempt(store, new, Outcome.BUSY)
        assert not await end_attempt(store, new, Outcome.COMPLETED)
        await store.save_answer_time_of_call(new.attempt_id, NOW + 99)
        await store.save_connect_time_of_call(new.attempt_id, NOW + 99, "01", None)
        assert await store.count_attempts_by_outcome(CAMPAIGN) == {Outcome.BUSY: 1}
        assert len(await store.read_outbox_rows_for_broker(10)) == 1


async def test_ending_a_call_attempt_that_does_not_exist_changes_nothing(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        ended = EndedAttempt(AttemptId("00000000-0000-4000-8000-000000000000"), Outcome.BUSY, NOW)
        assert await store.end_attempts([ended]) == [False]
        assert await store.read_outbox_rows_for_broker(10) == []


async def test_number_without_a_retry_is_completed_only_in_its_campaign(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        await make_ended_call(store, 1, Outcome.INVALID_NUMBER)
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).completed == 1
        assert (await store.read_campaign_progress("b", NOW)).completed == 0


async def test_number_with_an_unknown_call_result_is_not_called_again_despite_a_retry_time(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 1, Outcome.UNKNOWN, retry_at=NOW + 60)
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).completed == 1


@pytest.mark.parametrize("how", ["mark", "opt-out"])
async def test_vote_or_opt_out_received_during_a_call_prevents_later_calls_to_the_number(
    backend: Backend, how: str
) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        new = await claim_and_open_attempt(store, 1)
        if how == "mark":
            await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        else:
            await store.save_opt_out(1, at=NOW, source="flow", attempt_id=new.attempt_id)
        await end_attempt(store, new, Outcome.COMPLETED, retry_at=NOW + 60)
        for campaign_id in (CAMPAIGN, "b"):
            assert (await store.read_campaign_progress(campaign_id, NOW)).completed == 1


async def test_campaign_without_undialled_numbers_is_due_at_its_earliest_retry(
    backend: Backend,
) -> None:
    async with open_filled_store(backend, 3) as store:  # three numbers
        assert await store.find_next_due_time(CAMPAIGN) == 0.0
        await make_ended_call(store, 1, retry_at=NOW + 500)
        await make_ended_call(store, 2, retry_at=NOW + 400)
        await make_ended_call(store, 3)
        assert await store.find_next_due_time(CAMPAIGN) == NOW + 400


async def test_number_with_a_retry_time_of_zero_is_not_treated_as_undialled(backend: Backend) -> None:
    async with open_filled_store(backend, 3) as store:
        await make_ended_call(store, 1, retry_at=0.0)
        assert [each.phone_id for each in await claim_numbers(store, 1)] == [1]


@virtual_time()
async def test_phone_numbers_are_retried_on_schedule_over_a_simulated_day(tmp_path: Path) -> None:
    clock = LoopClock(NOW)
    async with open_filled_store(SqliteBackend(tmp_path), 3) as store:
        calls = 0
        while (due_at := await store.find_next_due_time(CAMPAIGN)) is not None:
            await asyncio.sleep(max(0.0, due_at - clock.now()))
            [claimed] = await claim_numbers(store, 1, now=clock.now())
            new = make_attempt(claimed, at=clock.now())
            assert await commit_new_attempt(store, new) is None
            calls += 1
            retry_at = clock.now() + 3600 if claimed.attempt_number < 3 else None
            assert await end_attempt(store, new, retry_at=retry_at)
        assert calls == 9
        assert clock.now() >= NOW + 7200


async def test_phone_number_with_an_unknown_call_result_is_not_added_to_later_campaigns(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 1, Outcome.UNKNOWN, retry_at=NOW + 60)
        await store.add_or_update_campaign("later", CampaignKind.IVR, Purpose.TURNOUT)
        await store.add_roll_numbers_to_queue("later")
        assert 1 not in {each.phone_id for each in await claim_numbers(store, 1000, campaign_id="later")}
        assert 2 in {each.phone_id for each in await claim_numbers(store, 1000)}


async def test_store_finds_live_and_ended_call_attempts_by_id(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        live, ended = [await claim_and_open_attempt(store, phone_id) for phone_id in (1, 2)]
        await end_attempt(store, ended, Outcome.BUSY)
        asked = [live.attempt_id, AttemptId("0" * 36), ended.attempt_id]
        assert await store.find_stored_attempts(asked) == {live.attempt_id, ended.attempt_id}
        assert await store.find_stored_attempts([]) == frozenset()


def read_target_states(backend: Backend, phone_id: int) -> list[tuple[str, str, int, float]]:
    """Return campaign, state, reason for the closing (`settled`) and due time of each target of a number."""
    with closing(backend.connect()) as db:
        found = db.execute(
            "SELECT campaign_id, state, settled, due_at FROM target WHERE phone_id = ? ORDER BY campaign_id",
            (phone_id,),
        )
        return found.fetchall()


async def test_call_attempt_is_stored_with_its_legal_grounds(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = replace(
            make_attempt(await claim_one_number(store, 1)), grounds='{"verdict":"allowed"}', gap_seconds=4_995.0
        )
        assert await commit_new_attempt(store, new) is None
    with closing(backend.connect()) as db:
        stored = db.execute("SELECT gap_seconds, grounds FROM attempt JOIN lawful USING (lawful_id)").fetchall()
    assert stored == [(4_995.0, '{"verdict":"allowed"}')]


async def test_number_with_an_unknown_call_result_is_not_called_again_in_any_campaign(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        await make_ended_call(store, 1, Outcome.UNKNOWN, retry_at=NOW + 60)
    states = read_target_states(backend, 1)
    assert [(state, settled) for _, state, settled, _ in states] == [("closed", targets.UNKNOWN_RESULT)] * 2
    assert all(due_at < NOW for *_, due_at in states)  # the retry time of the call is not stored


async def test_number_whose_voters_have_all_voted_is_not_called_again_after_the_call(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        await end_attempt(store, new, retry_at=NOW + 60)
        await make_ended_call(store, 2, retry_at=NOW + 90)
    assert read_target_states(backend, 1) == [(CAMPAIGN, "closed", targets.NOBODY_PENDING, NOW + 60)]
    assert read_target_states(backend, 2) == [(CAMPAIGN, "due", 0, NOW + 90)]


async def test_published_result_of_an_ended_call_attempt_names_its_campaign(tmp_path: Path) -> None:
    announced: list[object] = []

    def encode(result: Result) -> Announcement:
        announced.append(result)
        return announce_by_kind(result)

    async with open_filled_store(SqliteBackend(tmp_path, encode)) as store:
        new = await make_ended_call(store, 1)
    assert [(each.attempt_id, each.campaign_id) for each in announced if isinstance(each, EndedAttempt)] == [
        (new.attempt_id, CAMPAIGN)
    ]


def change_rows(backend: Backend, statement: str) -> None:
    """Change rows of the store by SQL, so that the queue does not notice the change."""
    with closing(backend.connect()) as db:
        db.execute(statement)


async def test_number_refused_because_of_an_opt_out_is_not_called_again_in_any_campaign(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        claimed = await claim_one_number(store, 1)
        change_rows(backend, "UPDATE phone SET opted_out_at = 1713760200.0 WHERE phone_id = 1")
        assert await commit_new_attempt(store, make_attempt(claimed)) is Refusal.OPTED_OUT
    assert [state[:3] for state in read_target_states(backend, 1)] == [("b", "closed", 0), (CAMPAIGN, "closed", 0)]


async def test_phone_number_whose_voters_need_no_call_is_completed_in_all_voter_campaigns(
    backend: Backend,
) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b", "workers")) as store:
        claimed = await claim_one_number(store, 1)
        change_rows(backend, "UPDATE campaign SET purpose = 'booth-workers' WHERE campaign_id = 'workers'")
        change_rows(backend, "UPDATE voter SET turnout = 'voted' WHERE voter_id = 1")
        assert await commit_new_attempt(store, make_attempt(claimed)) is Refusal.NOBODY_PENDING
    assert [state[:3] for state in read_target_states(backend, 1)] == [
        ("b", "closed", targets.NOBODY_PENDING),
        (CAMPAIGN, "closed", targets.NOBODY_PENDING),
        ("workers", "due", 0),
    ]


async def test_call_attempt_that_the_rules_refuse_is_not_stored(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        claimed = await claim_one_number(store, 1)
        refused = make_attempt(claimed, at=NOW + LEASE_SECONDS)
        assert await commit_new_attempt(store, refused) is Refusal.CLAIM_LOST
        assert await store.find_stored_attempts([refused.attempt_id]) == frozenset()
        # A refusal other than a cap leaves the claim as it was: its lease ends by itself.
        assert await commit_new_attempt(store, make_attempt(claimed, at=NOW + LEASE_SECONDS - 1)) is None


async def test_call_attempt_to_a_number_missing_from_the_campaigns_queue_is_refused(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        claimed = await claim_one_number(store, 1)
        unknown = make_attempt(replace(claimed, campaign_id="no such campaign"))
        assert await commit_new_attempt(store, unknown) is Refusal.CLAIM_LOST


async def test_number_at_its_daily_cap_waits_until_the_next_day(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 1, retry_at=NOW + 60)
        again = make_attempt(await claim_one_number(store, 1, now=NOW + 60), at=NOW + 60)
        refusals = await store.commit_new_attempts([again], max_attempts_since=DAY_START, max_attempts=1, gaps=GAPS)
        assert refusals == [Refusal.ATTEMPT_CAP]
    assert read_target_states(backend, 1) == [(CAMPAIGN, "due", 0, DAY_START + DAY_SECONDS)]


@pytest.mark.parametrize(
    ("outcome", "counted", "used"),
    [(Outcome.BUSY, True, 1), (Outcome.BUSY, False, 0), (Outcome.REFUSED, True, 0), (Outcome.CANCELLED, True, 1)],
)
async def test_call_that_was_not_placed_does_not_count_as_an_attempt_to_the_number(
    backend: Backend, outcome: Outcome, counted: bool, used: int
) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        await store.end_attempts([EndedAttempt(new.attempt_id, outcome, NOW + 30, retry_at=NOW + 60, counted=counted)])
        again = make_attempt(await claim_one_number(store, 1, now=NOW + 60), at=NOW + 60)
        assert again.claim.attempt_number == 1 + used
        assert await commit_new_attempt(store, again, max_attempts=1) is (Refusal.ATTEMPT_CAP if used else None)


@pytest.mark.parametrize(
    ("outcome", "counted", "kept"),
    [
        (Outcome.NO_ANSWER, True, False),
        (Outcome.NO_ANSWER, False, True),
        (Outcome.REFUSED, True, True),
        (Outcome.CANCELLED, True, True),
    ],
)
async def test_promised_call_back_stays_promised_until_a_counted_attempt(
    backend: Backend, outcome: Outcome, counted: bool, kept: bool
) -> None:
    async with open_filled_store(backend) as store:
        first = await claim_and_open_attempt(store, 1)
        ended = EndedAttempt(first.attempt_id, Outcome.LEFT, NOW + 30, retry_at=NOW + 60, promised=True)
        await store.end_attempts([ended])
        second = await claim_and_open_attempt(store, 1, now=NOW + 60)
        assert second.claim.promised
        ended = EndedAttempt(second.attempt_id, outcome, NOW + 90, retry_at=NOW + 120, promised=False, counted=counted)
        await store.end_attempts([ended])
        assert (await claim_one_number(store, 1, now=NOW + 120)).promised is kept


@pytest.mark.parametrize("announced", [True, False])
async def test_result_of_a_call_attempt_is_queued_for_the_broker_only_if_requested(
    backend: Backend, announced: bool
) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        ended = EndedAttempt(new.attempt_id, Outcome.BUSY, NOW + 30)
        assert await store.end_attempts([ended, ended], announced=announced) == [True, False]
        assert len(await store.read_outbox_rows_for_broker(10)) == announced


async def test_screen_pop_names_the_voter_booth_and_legal_grounds_of_the_attempt(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await claim_and_open_attempt(store, 1)
        new = replace(make_attempt(await claim_one_number(store, 3)), grounds='{"verdict":"allowed"}')
        assert await commit_new_attempt(store, new) is None
        shown = ScreenPop(new.attempt_id, phone_id=3, voter_id=3, booth_id=1, voters=(3, 4), opted_out=False, grounds=1)
        assert await store.read_screen_pop(new.attempt_id) == shown
        await store.save_opt_out(3, at=NOW, source="page")
        after = await store.read_screen_pop(new.attempt_id)
        assert after is not None
        assert after.opted_out
        assert await store.read_screen_pop(AttemptId("unknown")) is None


@pytest.mark.parametrize(("since_seconds", "is_found"), [(30.0, True), (30.1, False)])
async def test_only_recently_ended_conversations_without_a_disposition_are_found(
    backend: Backend, since_seconds: float, is_found: bool
) -> None:
    async with open_filled_store(backend) as store:
        await store.save_log_in(LogIn("04", "asha", False, None, NOW))
        new = await claim_and_open_attempt(store, 3)
        await store.save_connect_time_of_call(new.attempt_id, NOW + 10, "04", "asha")
        assert await end_attempt(store, new, Outcome.CONNECTED)  # 30 s after its start
        found = await store.find_conversations_without_disposition(NOW + since_seconds)
        assert [each.attempt_id for each in found] == ([new.attempt_id] if is_found else [])
