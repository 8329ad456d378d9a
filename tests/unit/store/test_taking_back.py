"""A slip that a booth worker takes back: the voter is as if it had never been said, in the queues and in every figure."""

from __future__ import annotations

import random

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.model import BoothTurnout, Mark, MarkSource
from dialer.store.marks import MarkEffect
from dialer.store.store import Store
from tests.support.stores import NOW, Backend, claim, filled

LIST, AGENT, WORKER, CORRECTION = MarkSource.IMPORT, MarkSource.AGENT, MarkSource.BOOTH_WORKER, MarkSource.CORRECTION
WORDS = (MarkKind.VOTED, MarkKind.NOT_YET, MarkKind.LATER, MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED)
VOTER, OTHER = 1, 2  # of one booth, each alone on a number


async def said(
    store: Store, key: str, kind: MarkKind, source: MarkSource, minutes: float, voter_id: int = VOTER
) -> MarkEffect:
    return await store.record_mark(Mark(key, voter_id, kind, source, NOW + 60 * minutes))


async def slip(store: Store, minutes: float, key: str = "slip") -> MarkEffect:
    return await said(store, key, MarkKind.VOTED, WORKER, minutes)


async def taken_back(store: Store, minutes: float, key: str = "slip") -> MarkEffect:
    back = Mark(f"{key}/back", VOTER, MarkKind.NOT_YET, CORRECTION, NOW + 60 * minutes, undoes=key)
    return await store.record_mark(back)


async def turnout(store: Store) -> BoothTurnout:
    return (await store.booth_turnout())[0]


async def is_called(store: Store, voter_id: int = VOTER) -> bool:
    claims = await claim(store, 1000, now=NOW + 1e6)
    await store.release(claims)
    return voter_id in {each.voter_id for each in claims}


def changes(effect: MarkEffect) -> tuple[int, int, int]:
    return effect.reached_change, effect.voted_change, effect.not_yet_change


@pytest.mark.parametrize("kind", [MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED])
async def test_who_was_closed_before_the_slip_is_closed_after_it(backend: Backend, kind: MarkKind) -> None:
    async with filled(backend) as store:
        await said(store, "family", kind, AGENT, 0)
        await slip(store, 1)
        effect = await taken_back(store, 1.02)
        assert (effect.voter_silenced, effect.reopened, changes(effect)) == (True, False, (0, -1, 0))
        assert not await is_called(store)


async def test_closing_mark_between_a_slip_and_its_undo_stays_in_force(backend: Backend) -> None:
    async with filled(backend) as store:
        await slip(store, 0)
        await said(store, "family", MarkKind.DECEASED, AGENT, 1)
        assert (await taken_back(store, 2)).voter_silenced
        assert not await is_called(store)


@pytest.mark.parametrize("kind", [MarkKind.NOT_YET, MarkKind.LATER])
async def test_who_had_still_to_go_before_the_slip_has_still_to_go_after_it(backend: Backend, kind: MarkKind) -> None:
    async with filled(backend) as store:
        await said(store, "self", kind, AGENT, 0)
        assert changes(await slip(store, 1)) == (0, 1, -1)
        effect = await taken_back(store, 1.02)
        assert (effect.reopened, changes(effect)) == (True, (0, -1, 1))
        assert await turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=0, not_yet=1, booth_name="Primary School 1"
        )
        assert await is_called(store)


async def test_a_list_that_was_corrected_already_does_not_uphold_a_slip(backend: Backend) -> None:
    async with filled(backend) as store:
        await said(store, "list", MarkKind.VOTED, LIST, 0)
        await said(store, "undo", MarkKind.NOT_YET, CORRECTION, 30)
        await slip(store, 60)
        effect = await taken_back(store, 61)
        assert (effect.voter_silenced, effect.reopened, changes(effect)) == (False, True, (0, -1, 1))
        assert await is_called(store)


@pytest.mark.parametrize("slip_is_first", [True, False])
async def test_a_slip_that_was_taken_back_makes_no_correction_outdated(backend: Backend, slip_is_first: bool) -> None:
    """Also where the correction came before the slip was taken back: it holds from then on."""
    async with filled(backend) as store:
        await said(store, "list", MarkKind.VOTED, LIST, 0)
        await slip(store, 60)
        if slip_is_first:
            await taken_back(store, 61)
        await said(store, "correction", MarkKind.NOT_YET, CORRECTION, 30)
        if not slip_is_first:
            assert not await is_called(store)
            await taken_back(store, 61)
        assert await is_called(store)
        assert (await turnout(store)).voted == 0


async def test_a_voted_that_was_corrected_makes_no_other_correction_outdated(backend: Backend) -> None:
    async with filled(backend) as store:
        await said(store, "afternoon", MarkKind.VOTED, LIST, 120)
        await said(store, "undo", MarkKind.NOT_YET, CORRECTION, 180)
        await said(store, "morning", MarkKind.VOTED, LIST, 0)  # a list that came late
        assert not await is_called(store)
        await said(store, "morning's correction", MarkKind.NOT_YET, CORRECTION, 60)
        assert await is_called(store)


async def test_of_whom_nothing_is_known_but_a_slip_is_not_reached(backend: Backend) -> None:
    async with filled(backend) as store:
        assert changes(await slip(store, 0)) == (1, 1, 0)
        effect = await taken_back(store, 1)
        assert (effect.reopened, changes(effect)) == (True, (-1, -1, 0))
        assert await turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=0, voted=0, not_yet=0, booth_name="Primary School 1"
        )


@pytest.mark.parametrize("seed", range(12))
async def test_a_voter_is_as_if_the_slips_had_never_been_said(backend: Backend, seed: int) -> None:
    """Whatever else is said before, between and after: like the one of whom the rest alone was said. The changes that are told
    add up to the table.
    """
    chance = random.Random(seed)
    async with filled(backend) as store:
        told = {VOTER: (0, 0, 0), OTHER: (0, 0, 0)}
        open_slips: list[str] = []

        def count(effect: MarkEffect, voter_id: int = VOTER) -> None:
            told[voter_id] = tuple(map(sum, zip(told[voter_id], changes(effect), strict=True)))  # type: ignore[assignment]

        for number in range(12):
            if chance.random() < 0.5:
                open_slips.append(f"slip-{number}")
                count(await slip(store, chance.randrange(20), open_slips[-1]))
            kind, source, at = chance.choice(WORDS), chance.choice((LIST, AGENT, CORRECTION)), chance.randrange(20)
            count(await said(store, f"{number}", kind, source, at))
            count(await said(store, f"{number}/other", kind, source, at, OTHER), OTHER)
            if open_slips and chance.random() < 0.7:
                count(await taken_back(store, 20, open_slips.pop()))
            booth = await turnout(store)
            together = tuple(map(sum, zip(*told.values(), strict=True)))
            assert (booth.contacted, booth.voted, booth.not_yet) == together
        for key in open_slips:
            count(await taken_back(store, 20, key))
        assert told[VOTER] == told[OTHER]
        assert await is_called(store) == await is_called(store, OTHER)
