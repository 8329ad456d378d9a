"""Campaigns, their queues, claims and counts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.errors import StoreError
from dialer.domain.model import CampaignProgress, CampaignState, Claim, EndedAttempt, Outcome
from dialer.pacing.port import RecentAnswers
from dialer.store import campaigns
from dialer.store.claims import Unclaimed
from dialer.store.connection import open_store_for_writing
from dialer.store.log_ins import LogIn
from dialer.store.store import Store
from dialer.store.targets import add_roll_numbers_to_queue
from tests.support.roll_filler import fill_roll
from tests.support.stores import (
    CAMPAIGN,
    LEASE_SECONDS,
    NOW,
    Backend,
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

# Campaigns and queues


async def test_campaign_keeps_the_state_that_an_operator_has_set(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.add_or_update_campaign("new", CampaignKind.IVR, Purpose.SURVEY) is CampaignState.RUNNING
        await store.set_campaign_state("new", CampaignState.STOPPED)
    store = await backend.open()
    assert await store.add_or_update_campaign("new", CampaignKind.IVR, Purpose.SURVEY) is CampaignState.STOPPED
    await store.close()


async def test_new_campaign_begins_in_its_first_state_unless_all_campaigns_are_stopped(backend: Backend) -> None:
    paused, running, stopped = CampaignState.PAUSED, CampaignState.RUNNING, CampaignState.STOPPED
    async with open_filled_store(backend) as store:

        async def add_campaign(name: str, first_state: CampaignState) -> CampaignState:
            return await store.add_or_update_campaign(name, CampaignKind.IVR, Purpose.SURVEY, first_state)

        assert await add_campaign("new", paused) is paused
        await store.set_campaign_state("new", running)
        assert await add_campaign("new", paused) is running  # an operator has started it
        await store.stop_campaigns(NOW)
        assert await add_campaign("later", paused) is stopped


async def test_setting_the_state_of_an_unknown_campaign_is_rejected(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        with pytest.raises(StoreError, match="no campaign 'nowhere'"):
            await store.set_campaign_state("nowhere", CampaignState.PAUSED)


async def test_adding_phone_numbers_twice_to_a_campaign_queues_each_number_once(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        progress = await store.read_campaign_progress(CAMPAIGN, NOW)
        assert progress == CampaignProgress(total=36, completed=0, remaining=36, attempts=0)
        assert await store.add_roll_numbers_to_queue(CAMPAIGN) == 0
        assert await store.read_campaign_progress(CAMPAIGN, NOW) == progress


async def test_opted_out_numbers_and_numbers_without_pending_voters_are_not_queued(
    backend: Backend,
) -> None:
    async with open_filled_store(backend, campaigns=()) as store:
        await store.save_opt_out(1, at=NOW, source="import")
        await store.save_voter_mark(make_mark(2, MarkKind.VOTED))
        await store.save_voter_mark(make_mark(3, MarkKind.VOTED))
        await store.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        assert await store.add_roll_numbers_to_queue(CAMPAIGN) == 34
        phones = {each.phone_id for each in await claim_numbers(store, 100)}
        assert not phones & {1, 2}
        assert 3 in phones  # of voters 3 and 4; one of them is pending


async def test_undialled_numbers_are_reserved_up_to_the_limit_of_each_booth(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        asked = {5: 4, 2: 2, 6: 8, 1: 6}
        claims = await store.claim_queued_numbers(CAMPAIGN, 13, owner="engine", now=NOW, lease_seconds=60, booths=asked)
        assert [each.queue_booth_id for each in claims] == [5] * 4 + [2] * 2 + [6] * 6 + [1]
        rest = await claim_numbers(store, 100)
        assert {each.phone_id for each in claims} & {each.phone_id for each in rest} == set()
        assert len(claims) + len(rest) == 36


async def test_numbers_of_a_booth_are_reserved_in_order_of_voter_weight(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        claims = await store.claim_queued_numbers(CAMPAIGN, 6, owner="engine", now=NOW, lease_seconds=60, booths={1: 6})
        assert [(each.pending_voters, each.weight) for each in claims] == [
            (3, 3.0),
            (2, 2.0),
            (1, 1.0),
            (1, 1.0),
            (1, 1.0),
            (1, 1.0),
        ]


async def test_due_retries_are_reserved_before_undialled_numbers_and_longest_due_first(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 5, retry_at=NOW + 300)
        await make_ended_call(store, 9, retry_at=NOW + 200)
        await make_ended_call(store, 7, retry_at=NOW + 9000)
        phones = [each.phone_id for each in await claim_numbers(store, 3, now=NOW + 400)]
        assert phones[:2] == [9, 5]
        assert phones[2] not in (5, 7, 9)


async def test_reservation_of_a_phone_number_names_the_voter_to_ask_for(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        claimed = await claim_one_number(store, 6)
        assert (claimed.number, claimed.voter_id, claimed.pending_voters) == ("+917000000006", 7, 3)
        assert (claimed.campaign_id, claimed.attempt_number, claimed.booth_id, claimed.language) == (
            CAMPAIGN,
            1,
            1,
            "bn",
        )
        await store.release_claimed_numbers([claimed])
        await store.save_voter_mark(make_mark(7, MarkKind.VOTED))
        again = await claim_one_number(store, 6)
        assert (again.voter_id, again.pending_voters) == (8, 2)


async def test_no_phone_number_is_reserved_for_dialling_twice(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        seen = [each.phone_id for _ in range(6) for each in await claim_numbers(store, 8)]
        assert sorted(seen) == list(range(1, 37))
        assert await store.find_next_due_time(CAMPAIGN) is None


async def test_request_to_reserve_zero_numbers_returns_no_number(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await claim_numbers(store, 0) == []
        assert await claim_numbers(store, 5, campaign_id="nowhere") == []


async def test_released_number_returns_to_its_place_in_the_queue(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        first = await claim_numbers(store, 3)
        await store.release_claimed_numbers(first)
        assert await claim_numbers(store, 3) == first
        await store.release_claimed_numbers(first)
        await store.release_claimed_numbers(first)
        assert await store.find_next_due_time(CAMPAIGN) == 0.0


async def test_returning_reserved_numbers_to_the_queue_changes_no_dialled_or_completed_number(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        dialled, closed = await claim_numbers(store, 2)
        assert await commit_new_attempt(store, make_attempt(dialled)) is None
        await store.save_opt_out(closed.phone_id, at=NOW, source="agent")
        await store.release_claimed_numbers([dialled, closed])
        progress = await store.read_campaign_progress(CAMPAIGN, NOW)
        assert (progress.completed, progress.remaining) == (1, 34)


async def test_number_whose_reservation_has_expired_can_be_reserved_again(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        first = await claim_numbers(store, 36)
        assert await claim_numbers(store, 1, now=NOW + LEASE_SECONDS - 1) == []
        assert await claim_numbers(store, 36, now=NOW + LEASE_SECONDS) == first


async def test_reserved_numbers_return_to_the_queue_on_expiry_or_restart(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await store.claim_queued_numbers(CAMPAIGN, 2, owner="one", now=NOW, lease_seconds=10)
        await store.claim_queued_numbers(CAMPAIGN, 3, owner="two", now=NOW, lease_seconds=1000)
        assert await store.release_expired_claims(NOW + 9) == 0
        assert await store.release_expired_claims(NOW + 10) == 2
        assert await store.release_expired_claims(NOW + 10, owner="one") == 0
        assert await store.release_expired_claims(NOW + 10, owner="two") == 3


async def test_number_on_a_call_of_another_campaign_is_not_reserved(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=("a", "b")) as store:
        new = await claim_and_open_attempt(store, 1, campaign_id="a")
        assert 1 not in {each.phone_id for each in await claim_numbers(store, 100, campaign_id="b")}
        await end_attempt(store, new)
        assert [each.phone_id for each in await claim_numbers(store, 100, campaign_id="b")] == [1]


# Figures


async def test_outcomes_of_calls_are_counted_in_the_period_of_their_call_attempts(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        outcomes = [Outcome.CONNECTED, Outcome.ABANDONED, Outcome.MACHINE, Outcome.NO_ANSWER, Outcome.COMPLETED]
        for minute, outcome in enumerate(outcomes):
            await make_ended_call(store, minute + 1, outcome, now=NOW + 60 * minute)
        await claim_and_open_attempt(store, 9)
        assert await store.count_attempts_by_outcome(CAMPAIGN) == dict.fromkeys(outcomes, 1)
        assert await store.count_attempts_by_outcome(CAMPAIGN, NOW + 180) == {
            Outcome.NO_ANSWER: 1,
            Outcome.COMPLETED: 1,
        }


async def test_recent_answers_of_ended_and_live_calls_are_returned_with_their_age(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        outcomes = [Outcome.CONNECTED, Outcome.ABANDONED, Outcome.MACHINE, Outcome.NO_ANSWER, Outcome.DROPPED]
        for minute, outcome in enumerate(outcomes):
            await make_ended_call(store, minute + 1, outcome, now=NOW + 60 * minute)
        live = await claim_and_open_attempt(store, 9, now=NOW + 300)
        await store.save_answer_time_of_call(live.attempt_id, NOW + 310)
        await claim_and_open_attempt(store, 10, now=NOW + 300)
        now, window = NOW + 330, 600.0
        told = await store.count_recent_answers_by_interval(CAMPAIGN, now, window, 60.0)
        assert [each.age_seconds for each in told] == sorted((each.age_seconds for each in told), reverse=True)
        assert (sum(each.answers for each in told), sum(each.abandoned for each in told)) == (4, 1)
        assert told[-1] == RecentAnswers(0.0, 1, 0)  # the one that goes on
        assert await store.count_recent_answers_by_interval(CAMPAIGN, now, 30.0, 1.0) == [RecentAnswers(20.0, 1, 0)]
        [early] = [
            each
            for each in await store.count_recent_answers_by_interval(CAMPAIGN, NOW + 215, 140.0, 1.0)
            if each.abandoned
        ]
        assert early.answers == 1  # it was dialled before the window began
        assert await store.count_recent_answers_by_interval("nowhere", now, window, 60.0) == []


async def test_campaign_progress_counts_completed_remaining_and_waiting_numbers(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 1)
        await make_ended_call(store, 2, retry_at=NOW + 60)
        await claim_and_open_attempt(store, 3)
        await claim_numbers(store, 4)
        assert await store.read_campaign_progress(CAMPAIGN, NOW) == CampaignProgress(
            total=36, completed=1, remaining=30, attempts=3, waiting=1
        )


async def test_agents_log_ins_survive_a_restart(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_log_in(LogIn("02", "102", False, None, NOW))
        await store.save_log_in(LogIn("01", "101", False, None, NOW))
        await store.save_log_in(LogIn("01", "101", True, "meal", NOW + 1))
        await store.save_log_in(LogIn("03", "103", False, None, NOW))
        await store.remove_log_in("03", NOW + 2)
        await store.remove_log_in("99", NOW + 2)
    store = await backend.open()
    try:
        assert await store.read_log_ins() == [
            LogIn("01", "101", True, "meal", NOW + 1),
            LogIn("02", "102", False, None, NOW),
        ]
    finally:
        await store.close()


# One number


async def claim_number(store: Store, phone_id: int, campaign: str = CAMPAIGN, at: float = NOW) -> Claim | Unclaimed:
    return await store.claim_number(
        campaign, phone_id, owner="o", now=at, lease_seconds=LEASE_SECONDS, day_start=NOW - 3600
    )


async def test_number_chosen_by_an_agent_is_reserved_like_a_queued_number(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        [in_turn] = await claim_numbers(store, 1)
        await store.release_claimed_numbers([in_turn])
        assert await claim_number(store, in_turn.phone_id) == in_turn
        await store.release_claimed_numbers([in_turn])
        assert await claim_numbers(store, 1) == [in_turn]  # it stands where it stood
        assert await claim_number(store, in_turn.phone_id) is Unclaimed.IN_USE
        assert await commit_new_attempt(store, make_attempt(in_turn)) is None
        assert await claim_number(store, in_turn.phone_id) is Unclaimed.IN_USE


async def test_number_with_a_promised_call_cannot_be_reserved_before_the_promised_time(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 7)
        ended = EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 600, promised=True)
        await store.end_attempts([ended])
        assert await claim_number(store, 7, at=NOW + 599) is Unclaimed.NOT_DUE
        again = await claim_number(store, 7, at=NOW + 600)
        assert isinstance(again, Claim)
        assert (again.promised, again.attempt_number) == (True, 2)


async def test_number_that_must_not_be_called_is_not_reserved(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await claim_number(store, 5_000) is Unclaimed.NOT_LISTED
        assert await claim_number(store, 1, "other") is Unclaimed.NOT_LISTED
        await store.save_opt_out(1, at=NOW, source="import")
        assert await claim_number(store, 1) is Unclaimed.CLOSED


def test_numbers_already_queued_are_skipped_without_reading_their_voters(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 600, voters_per_booth=100)
    with closing(open_store_for_writing(path)) as db:
        campaigns.add_or_update_campaign(db, CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        steps = 0

        def count_step() -> None:
            nonlocal steps
            steps += 1

        db.set_progress_handler(count_step, 10)
        assert add_roll_numbers_to_queue(db, CAMPAIGN) > 100
        first, steps = steps, 0
        assert add_roll_numbers_to_queue(db, CAMPAIGN) == 0
        assert steps < first / 3
