"""A mark undone by a booth worker leaves no trace in the queue and in all counts."""

from __future__ import annotations

import random

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.model import BoothTurnout, Mark, MarkSource
from dialer.store.marks import MarkEffect
from dialer.store.store import Store
from tests.support.stores import NOW, Backend, claim_numbers, open_filled_store

LIST, AGENT, WORKER, CORRECTION = MarkSource.IMPORT, MarkSource.AGENT, MarkSource.BOOTH_WORKER, MarkSource.CORRECTION
WORDS = (MarkKind.VOTED, MarkKind.NOT_YET, MarkKind.LATER, MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED)
VOTER, OTHER = 1, 2  # of one booth, each alone on a number


async def add_mark(
    store: Store, key: str, kind: MarkKind, source: MarkSource, minutes: float, voter_id: int = VOTER
) -> MarkEffect:
    return await store.save_voter_mark(Mark(key, voter_id, kind, source, NOW + 60 * minutes))


async def add_worker_mark(store: Store, minutes: float, key: str = "slip") -> MarkEffect:
    return await add_mark(store, key, MarkKind.VOTED, WORKER, minutes)


async def undo_worker_mark(store: Store, minutes: float, key: str = "slip") -> MarkEffect:
    back = Mark(f"{key}/back", VOTER, MarkKind.NOT_YET, CORRECTION, NOW + 60 * minutes, undoes=key)
    return await store.save_voter_mark(back)


async def get_turnout(store: Store) -> BoothTurnout:
    return (await store.count_booth_turnout())[0]


async def is_callable(store: Store, voter_id: int = VOTER) -> bool:
    claims = await claim_numbers(store, 1000, now=NOW + 1e6)
    await store.release_claimed_numbers(claims)
    return voter_id in {each.voter_id for each in claims}


def get_changes(effect: MarkEffect) -> tuple[int, int, int]:
    return effect.contacted_change, effect.voted_change, effect.not_yet_change


@pytest.mark.parametrize("kind", [MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED])
async def test_undoing_a_voter_status_does_not_permit_calls_that_an_earlier_status_forbids(
    backend: Backend, kind: MarkKind
) -> None:
    async with open_filled_store(backend) as store:
        await add_mark(store, "family", kind, AGENT, 0)
        await add_worker_mark(store, 1)
        effect = await undo_worker_mark(store, 1.02)
        assert (effect.voter_silenced, effect.reopened, get_changes(effect)) == (True, False, (0, -1, 0))
        assert not await is_callable(store)


async def test_voter_recorded_as_deceased_is_not_called_after_an_earlier_status_is_undone(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await add_worker_mark(store, 0)
        await add_mark(store, "family", MarkKind.DECEASED, AGENT, 1)
        assert (await undo_worker_mark(store, 2)).voter_silenced
        assert not await is_callable(store)


@pytest.mark.parametrize("kind", [MarkKind.NOT_YET, MarkKind.LATER])
async def test_undoing_a_voter_status_makes_the_voter_callable_as_before(backend: Backend, kind: MarkKind) -> None:
    async with open_filled_store(backend) as store:
        await add_mark(store, "self", kind, AGENT, 0)
        assert get_changes(await add_worker_mark(store, 1)) == (0, 1, -1)
        effect = await undo_worker_mark(store, 1.02)
        assert (effect.reopened, get_changes(effect)) == (True, (0, -1, 1))
        assert await get_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=0, not_yet=1, booth_name="Primary School 1"
        )
        assert await is_callable(store)


async def test_voter_with_a_corrected_vote_is_callable_after_an_undone_status(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await add_mark(store, "list", MarkKind.VOTED, LIST, 0)
        await add_mark(store, "undo", MarkKind.NOT_YET, CORRECTION, 30)
        await add_worker_mark(store, 60)
        effect = await undo_worker_mark(store, 61)
        assert (effect.voter_silenced, effect.reopened, get_changes(effect)) == (False, True, (0, -1, 1))
        assert await is_callable(store)


@pytest.mark.parametrize("slip_is_first", [True, False])
async def test_undone_voter_status_does_not_remove_a_correction(backend: Backend, slip_is_first: bool) -> None:
    """This also holds if the correction was made before the mark was undone."""
    async with open_filled_store(backend) as store:
        await add_mark(store, "list", MarkKind.VOTED, LIST, 0)
        await add_worker_mark(store, 60)
        if slip_is_first:
            await undo_worker_mark(store, 61)
        await add_mark(store, "correction", MarkKind.NOT_YET, CORRECTION, 30)
        if not slip_is_first:
            assert not await is_callable(store)
            await undo_worker_mark(store, 61)
        assert await is_callable(store)
        assert (await get_turnout(store)).voted == 0


async def test_voter_is_callable_again_once_each_wrongly_recorded_vote_is_corrected(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await add_mark(store, "afternoon", MarkKind.VOTED, LIST, 120)
        await add_mark(store, "undo", MarkKind.NOT_YET, CORRECTION, 180)
        await add_mark(store, "morning", MarkKind.VOTED, LIST, 0)  # a list that came late
        assert not await is_callable(store)
        await add_mark(store, "morning's correction", MarkKind.NOT_YET, CORRECTION, 60)
        assert await is_callable(store)


async def test_voter_whose_only_recorded_answer_was_undone_does_not_count_as_contacted(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert get_changes(await add_worker_mark(store, 0)) == (1, 1, 0)
        effect = await undo_worker_mark(store, 1)
        assert (effect.reopened, get_changes(effect)) == (True, (-1, -1, 0))
        assert await get_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=0, voted=0, not_yet=0, booth_name="Primary School 1"
        )


@pytest.mark.parametrize("seed", range(12))
async def test_undone_voter_statuses_change_neither_the_call_queue_nor_the_turnout_counts(
    backend: Backend, seed: int
) -> None:
    """Marks before, between and after an undone mark have the same effect as without that mark.

    The reported changes add up to the counts in the table.
    """
    chance = random.Random(seed)
    async with open_filled_store(backend) as store:
        told = {VOTER: (0, 0, 0), OTHER: (0, 0, 0)}
        open_slips: list[str] = []

        def count(effect: MarkEffect, voter_id: int = VOTER) -> None:
            told[voter_id] = tuple(map(sum, zip(told[voter_id], get_changes(effect), strict=True)))  # type: ignore[assignment]

        for number in range(12):
            if chance.random() < 0.5:
                open_slips.append(f"slip-{number}")
                count(await add_worker_mark(store, chance.randrange(20), open_slips[-1]))
            kind, source, at = chance.choice(WORDS), chance.choice((LIST, AGENT, CORRECTION)), chance.randrange(20)
            count(await add_mark(store, f"{number}", kind, source, at))
            count(await add_mark(store, f"{number}/other", kind, source, at, OTHER), OTHER)
            if open_slips and chance.random() < 0.7:
                count(await undo_worker_mark(store, 20, open_slips.pop()))
            booth = await get_turnout(store)
            together = tuple(map(sum, zip(*told.values(), strict=True)))
            assert (booth.contacted, booth.voted, booth.not_yet) == together
        for key in open_slips:
            count(await undo_worker_mark(store, 20, key))
        assert told[VOTER] == told[OTHER]
        assert await is_callable(store) == await is_callable(store, OTHER)
