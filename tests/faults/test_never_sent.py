"""A dialler killed between the commit of a call and its Originate: calls that were certainly never sent free their number."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import StoreError
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.breaking import run_until_killed
from tests.support.centre import a_site
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_scripted_switch

CAMPAIGN = {**IVR, "channels": 6, "hours": [{"start": "00:00", "until": "23:59:59"}]}


@virtual_time()
async def test_number_is_redialled_only_if_the_killed_dialler_sent_no_originate(
    tmp_path: Path,
) -> None:
    people = [Behaviour(answer_after=25.0, hang_up_after=5.0)] * 60
    committed: list[str] = []
    never_sent: list[str] = []
    fill_roll(tmp_path / "centre.db", 90, voters_per_booth=100, numbers_weigh_alike=True)
    async with SimulatedAsterisk(make_scripted_switch(*people)) as switch:
        async with run_until_killed(tmp_path, switch, seats=0, campaigns=[CAMPAIGN]) as first:
            store = first.centre.store
            commit = store.commit_new_attempts

            async def commit_then_hang(attempts: Any, **limits: Any) -> Any:
                answer = await commit(attempts, **limits)
                if len(committed) >= 3:
                    never_sent.extend(attempt.attempt_id for attempt in attempts)
                    await asyncio.Event().wait()
                committed.extend(attempt.attempt_id for attempt in attempts)
                return answer

            store.commit_new_attempts = commit_then_hang  # type: ignore[method-assign]
            await first.until(lambda: len(never_sent) >= 2, seconds=20)
        sent = [call.channel_id for call in switch.placed_calls]
        assert len(sent) >= 3 and not set(sent) & set(never_sent)
        await asyncio.sleep(60)  # they end, and nobody is there to hear of it
        async with a_site(tmp_path, switch=switch, seats=0, campaigns=[CAMPAIGN]) as second:
            await second.until(lambda: len(second.ended()) >= 6, seconds=120)
        outcomes = dict(query_site_store(tmp_path, "SELECT attempt_id, outcome FROM attempt"))
        assert {outcomes[each] for each in never_sent} == {"refused"}
        assert "refused" not in {outcomes[each] for each in sent}
        numbers = Counter(call.number for call in switch.placed_calls)
    assert set(numbers.values()) == {1}  # nobody twice
    freed = query_site_store(
        tmp_path,
        "SELECT DISTINCT phone.e164 FROM attempt JOIN phone USING (phone_id) WHERE outcome = 'refused'",
    )
    assert freed and {number for (number,) in freed} <= set(numbers)  # ... and nobody left out


@virtual_time()
async def test_call_preview_ended_by_a_kill_does_not_count_as_an_attempt(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 90, voters_per_booth=100, numbers_weigh_alike=True)
    previews = {"pacing": "preview"}
    async with SimulatedAsterisk(make_scripted_switch()) as switch:
        async with run_until_killed(tmp_path, switch, seats=1, campaign=previews) as first:
            await first.log_in("01")
            await first.until(lambda: first.centre_view.seats[0].preview is not None)
            shown = first.centre_view.seats[0].attempt_id
        async with a_site(tmp_path, switch=switch, seats=1, campaign=previews) as second:
            await second.until(lambda: second.centre_view.seats[0].preview is not None)
            assert second.centre_view.seats[0].attempt_id != shown
        assert switch.placed_calls == []
    attempts = query_site_store(tmp_path, "SELECT attempt_id, outcome, attempt_number FROM attempt ORDER BY created_at")
    assert attempts[0] == (shown, "refused", None)
    assert query_site_store(tmp_path, "SELECT DISTINCT attempts FROM target") == [(0,)]


@virtual_time()
async def test_older_store_is_refused_if_the_journal_of_sent_calls_is_newer(tmp_path: Path) -> None:
    """The older store lacks the calls and opt-outs that were made since the copy."""
    people = [Behaviour(answer_after=2.0, hang_up_after=5.0)] * 60
    store, copy = tmp_path / "centre.db", tmp_path / "copy.db"
    fill_roll(store, 90, voters_per_booth=100, numbers_weigh_alike=True)
    shutil.copyfile(store, copy)
    async with SimulatedAsterisk(make_scripted_switch(*people)) as switch:
        async with a_site(tmp_path, switch=switch, seats=0, campaigns=[CAMPAIGN]) as site:
            await site.until(lambda: len(site.ended()) >= 6, seconds=120)
        newest = store.read_bytes()
        store.write_bytes(copy.read_bytes())
        placed = len(switch.placed_calls)
        for _ in range(2):  # a restart does not make it right
            with pytest.raises(StoreError, match=r"older than the last run.*Restore the newest store, or run"):
                async with a_site(tmp_path, switch=switch, seats=0, campaigns=[CAMPAIGN]):
                    await asyncio.sleep(60)
        assert len(switch.placed_calls) == placed
        store.write_bytes(newest)
        async with a_site(tmp_path, switch=switch, seats=0, campaigns=[CAMPAIGN]) as site:
            await site.until(lambda: len(switch.placed_calls) > placed, seconds=120)
        store.write_bytes(copy.read_bytes())
        (tmp_path / "centre.db.sent").unlink()  # a person says that it is right
        async with a_site(tmp_path, switch=switch, seats=0, campaigns=[CAMPAIGN]):
            pass
