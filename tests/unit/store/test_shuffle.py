"""Numbers of equal weight in a booth are called in a shuffled order, fixed for each campaign."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise

from dialer.domain.enums import CampaignKind, Purpose
from tests.support.stores import Backend, claim_numbers

SEED = 20_240_419


async def read_call_order(backend: Backend, campaigns: tuple[str, ...] = ("a", "b")) -> list[list[int]]:
    store = await backend.open()
    orders = []
    for campaign_id in campaigns:
        await store.add_or_update_campaign(campaign_id, CampaignKind.AGENTS, Purpose.TURNOUT)
        await store.add_roll_numbers_to_queue(campaign_id)
        claims = await claim_numbers(store, 1000, campaign_id=campaign_id)
        await store.release_claimed_numbers(claims)
        assert [each.booth_id for each in claims] == sorted(each.booth_id for each in claims)
        orders.append([each.phone_id for each in claims])
    await store.close()
    return orders


async def test_shuffled_call_order_of_numbers_is_not_ascending_and_survives_a_restart(backend: Backend) -> None:
    backend.fill(600, 600)
    with closing(backend.connect()) as db:
        db.execute("UPDATE shuffle SET seed = ?", (SEED,))
        db.execute(
            "UPDATE voter SET weight = 1.0 / (SELECT count(*) FROM link AS other JOIN link AS own USING (phone_id)"
            " WHERE own.voter_id = voter.voter_id)"
        )
    first, second = await read_call_order(backend)
    assert sorted(first) == sorted(second) == list(range(1, len(first) + 1))
    for called in (first, second):
        steps = [later - earlier for earlier, later in pairwise(called)]
        assert 0.4 < sum(step > 0 for step in steps) / len(steps) < 0.6
        assert max(steps.count(step) for step in set(steps)) <= 8  # of 399: no step comes again and again
        assert sum(abs(step) <= 2 for step in steps) <= 12
    assert first != second  # two campaigns do not ring the same numbers one after the other
    assert await read_call_order(backend) == [first, second]


async def test_numbers_of_voters_with_more_weight_come_first_after_shuffling(backend: Backend) -> None:
    backend.fill(600, 600)
    with closing(backend.connect()) as db:
        db.execute("UPDATE shuffle SET seed = ?", (SEED,))
    (called,) = await read_call_order(backend, ("a",))
    with closing(backend.connect()) as db:
        weights = dict(db.execute("SELECT phone_id, count(*) FROM link GROUP BY phone_id"))
    assert [weights[phone] for phone in called] == sorted(weights.values(), reverse=True)


async def test_each_new_store_has_its_own_random_seed_for_shuffling_numbers(backend: Backend) -> None:
    await (await backend.open()).close()
    with closing(backend.connect()) as db:
        ((seed,),) = db.execute("SELECT seed FROM shuffle").fetchall()
    assert 0 < seed < 2**31
