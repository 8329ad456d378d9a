"""`dialer unknown release`: numbers whose last call has an unknown result after a crash may be called again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.model import Outcome
from dialer.store.store import open_store
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_store
from tests.support.stores import (
    NOW,
    claim_and_open_attempt,
    claim_numbers,
    claim_one_number,
    commit_new_attempt,
    end_attempt,
    make_attempt,
)


@pytest.fixture
def unknown_attempts(tmp_path: Path) -> tuple[Path, list[str]]:
    """Return a store with three attempts of unknown result, whose numbers are in two campaigns, and their IDs."""
    path = tmp_path / "centre.db"
    fill_roll(path, 54, voters_per_booth=9)

    async def create_attempts() -> list[str]:
        store = await open_store(path)
        for campaign_id in ("a", "b"):
            await store.add_or_update_campaign(campaign_id, CampaignKind.AGENTS, Purpose.TURNOUT)
            await store.add_roll_numbers_to_queue(campaign_id)
        placed = [await claim_and_open_attempt(store, phone_id, campaign_id="a") for phone_id in (1, 2, 3)]
        for each in placed:
            await end_attempt(store, each, Outcome.UNKNOWN)
        await store.add_roll_numbers_to_queue("a")  # a restart does not reopen them
        await store.close()
        return [str(each.attempt_id) for each in placed]

    return path, asyncio.run(create_attempts())


def test_dialer_unknown_list_shows_attempts_without_full_numbers(
    unknown_attempts: tuple[Path, list[str]],
) -> None:
    path, ids = unknown_attempts
    code, text = run("unknown", "list", "--store", path)
    assert code == 0
    assert all(each in text for each in ids)
    assert "+91…001" in text and "+917000000001" not in text
    assert "3 attempts have an unknown result" in text


def test_number_with_an_unknown_call_result_is_callable_after_an_operators_release(
    unknown_attempts: tuple[Path, list[str]],
) -> None:
    path, ids = unknown_attempts
    before = query_store(path, "SELECT attempt_id, outcome FROM attempt")
    code, text = run("unknown", "release", ids[0], "--reason", "carrier-list", "--who", "asha", "--store", path)
    assert code == 0, text
    assert "1 attempts released; 2 numbers" in text
    assert query_store(path, "SELECT kind, who FROM audit WHERE kind = 'unknown-release'") == [
        ("unknown-release", "asha")
    ]
    assert query_store(path, "SELECT attempt_id, outcome FROM attempt") == before

    async def claim_again() -> None:
        store = await open_store(path)
        later = NOW + 86_400
        for campaign_id in ("a", "b"):
            assert {1} == {
                each.phone_id for each in await claim_numbers(store, 99, campaign_id=campaign_id, now=later)
            } & {
                1,
                2,
                3,
            }
            await store.release_expired_claims(later + 3600)
        new = make_attempt(await claim_one_number(store, 1, campaign_id="a", now=later), at=later)
        assert await commit_new_attempt(store, new, since=later - 60) is None
        await store.close()

    asyncio.run(claim_again())
    assert "2 attempts have an unknown result" in run("unknown", "list", "--store", path)[1]


def test_opted_out_number_with_an_unknown_call_result_is_not_called_after_its_release(
    unknown_attempts: tuple[Path, list[str]],
) -> None:
    path, _ = unknown_attempts
    assert run("optout", "add", "+917000000002", "--store", path)[0] == 0
    code, text = run("unknown", "release", "--all", "--reason", "carrier-list", "--store", path)
    assert code == 0
    assert "3 attempts released; 4 numbers" in text
    assert query_store(path, "SELECT DISTINCT state FROM target WHERE phone_id = 2") == [("closed",)]


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["--reason", "carrier-list"], "give either IDs of attempts or --all"),
        (["--all"], "--reason is empty: give a reason"),
        (["no-such-attempt", "--reason", "carrier-list"], "nothing was released"),
        (["--all", "--reason", "said by +91 98123 45678"], "looks like a phone number"),
    ],
)
def test_invalid_release_of_an_attempt_with_an_unknown_result_changes_nothing(
    unknown_attempts: tuple[Path, list[str]], arguments: list[str], output: str
) -> None:
    path, ids = unknown_attempts
    code, text = run(
        "unknown", "release", *arguments, *([ids[0]] if "no-such-attempt" in arguments else []), "--store", path
    )
    assert code != 0
    assert output in " ".join(text.split())
    assert "3 attempts have an unknown result" in run("unknown", "list", "--store", path)[1]
