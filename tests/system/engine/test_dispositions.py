"""Dispositions saved by command: stored once, for the call that they name, and confirmed only when committed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import RefusedBecause, StoreBusy
from dialer.domain.view import SeatState
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.store.store import Store
from tests.support.centre import a_site
from tests.support.dispositions import Page, run_stress_test
from tests.support.seats import seat, wait_for_wrap_up, wait_until_talking
from tests.support.stored import query_site_store, query_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

TALKS = {"wrap_up_seconds": 60.0}


def read_dispositions(directory: Path) -> dict[str, str | None]:
    """Return the dispositions of calls that an agent had, by attempt."""
    return dict(
        query_site_store(directory, "SELECT attempt_id, disposition FROM attempt WHERE connected_at IS NOT NULL")
    )


def read_marks(directory: Path) -> list[tuple[Any, ...]]:
    return query_site_store(directory, "SELECT voter_id, kind, source, confidence FROM mark ORDER BY mark_id")


def read_turnout_of_voter(directory: Path, voter_id: int) -> str:
    [(turnout,)] = query_store(directory / "centre.db", "SELECT turnout FROM voter WHERE voter_id = ?", voter_id)
    return str(turnout)


@virtual_time()
async def test_disposition_is_stored_for_the_named_call_and_ends_the_wrap_up(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=TALKS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        assert await page.dispose(attempt, "not-yet", note="note-7") == ("done", "seat 01: not-yet is saved")
        assert read_dispositions(tmp_path)[attempt] == "not-yet"
        assert query_site_store(tmp_path, "SELECT note FROM attempt WHERE note IS NOT NULL") == [("note-7",)]
        assert seat(site).state is SeatState.READY
        audit = query_site_store(tmp_path, "SELECT what FROM audit WHERE kind = 'command'")
        assert [json.loads(what)["status"] for (what,) in audit] == ["begun", "done"]
        assert json.loads(audit[-1][0])["attempt_id"] == attempt


@virtual_time()
async def test_late_disposition_is_refused_and_not_stored_for_the_next_call(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_answering_switch(talk_seconds=20.0), seats=1, campaign={"wrap_up_seconds": 5.0}
    ) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        first = await wait_for_wrap_up(site)
        await wait_until_talking(site)
        second = seat(site).attempt_id
        refused = await page.dispose(first, "opt-out")
        assert refused == (
            "refused",
            "seat 01: the disposition was not saved, because that call and its wrap-up have ended",
        )
        assert page.why == RefusedBecause.CALL_OVER
        assert await page.dispose("0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f", "voted") == refused
        assert read_dispositions(tmp_path) == {first: None, second: None}
        assert (await page.dispose(second, "voted"))[0] == "done"
        assert read_dispositions(tmp_path) == {first: None, second: "voted"}


@virtual_time()
async def test_repeated_disposition_command_gets_the_same_reply_and_changes_nothing(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=TALKS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        first = await page.dispose(attempt, "voted", command_id="k-1")
        assert first == ("done", "seat 01: voted is saved")
        when = "SELECT disposed_at FROM attempt WHERE disposed_at IS NOT NULL"
        kept = query_site_store(tmp_path, when), read_marks(tmp_path)
        await wait_until_talking(site)
        assert await page.dispose(attempt, "voted", command_id="k-1") == first
        other = await page.dispose(attempt, "not-yet", command_id="k-1")
        assert other == ("refused", "another command has this ID: every command needs a new one")
        assert (
            query_site_store(tmp_path, "SELECT disposed_at FROM attempt WHERE disposed_at IS NOT NULL"),
            read_marks(tmp_path),
        ) == kept


@virtual_time()
async def test_outcomes_of_all_voters_of_a_household_are_stored_or_none(tmp_path: Path) -> None:
    """The third number belongs to the voters 3 and 4."""
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=TALKS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        for _ in range(2):
            assert (await page.dispose(await wait_for_wrap_up(site), "not-yet"))[0] == "done"
        attempt = await wait_for_wrap_up(site)
        store = tmp_path / "centre.db"
        [(phone_id, addressed)] = query_store(
            store, "SELECT phone_id, voter_id FROM attempt WHERE attempt_id = ?", attempt
        )
        household = [each for (each,) in query_store(store, "SELECT voter_id FROM link WHERE phone_id = ?", phone_id)]
        other = next((each for each in household if each != addressed), None)
        before = read_marks(tmp_path)
        stranger = await page.dispose(attempt, "voted", voters=[{"voter_id": 80, "mark": "voted"}])
        assert stranger == (
            "refused",
            "Voter 80 does not have the number of this call, so nothing was saved. Choose another voter.",
        )
        assert (read_marks(tmp_path), read_dispositions(tmp_path)[attempt]) == (before, None)
        asked = [{"voter_id": each, "mark": "voted"} for each in household]
        assert (await page.dispose(attempt, "voted", voters=asked))[0] == "done"
        expected = {(addressed, "voted", "agent", "said")} | ({(other, "voted", "agent", "told")} if other else set())
        assert set(read_marks(tmp_path)[len(before) :]) == expected
        assert {read_turnout_of_voter(tmp_path, each) for each in household} == {"voted"}


@virtual_time()
async def test_call_back_time_and_language_are_stored_for_the_next_call(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=TALKS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        at = site.clock.now() + 7200
        for wrong in (site.clock.now() - 1, site.clock.now() + 40 * 86400):
            refused = await page.dispose(attempt, "call-back", call_back_at=wrong)
            assert refused == ("refused", "`call_back_at` must be within the next 30 days: choose an earlier time")
        odd = await page.dispose(attempt, "voted", call_back_at=at)
        assert odd == (
            "refused",
            "`seat-dispose`: `call_back_at` is allowed with the disposition call-back only: leave `call_back_at` out",
        )
        assert (await page.dispose(attempt, "call-back", call_back_at=at))[0] == "done"
        due = "SELECT due_at, promised FROM target JOIN attempt USING (phone_id, campaign_id) WHERE attempt_id = ?"
        assert query_store(tmp_path / "centre.db", due, attempt) == [(pytest.approx(at), 1)]
        second = await wait_for_wrap_up(site)

        def read_language_of_voter(attempt: str) -> list[tuple[str]]:
            language = "SELECT voter.language FROM voter JOIN attempt USING (voter_id) WHERE attempt_id = ?"
            return query_store(tmp_path / "centre.db", language, attempt)

        assert (await page.dispose(second, "language", language="ta"))[0] == "done"
        assert read_language_of_voter(second) == [("ta",)]
        assert (await page.undo(second))[0] == "done"
        assert read_language_of_voter(second) == [("",)]


@virtual_time()
@pytest.mark.parametrize("slip", ["voted", "will-not", "wrong-number", "not-yet"])
async def test_undone_disposition_can_be_replaced_by_a_new_disposition(tmp_path: Path, slip: str) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=TALKS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        [(voter_id, phone_id)] = query_site_store(
            tmp_path, "SELECT voter_id, phone_id FROM attempt WHERE connected_at IS NOT NULL"
        )
        assert (await page.dispose(attempt, slip))[0] == "done"
        assert await page.undo(attempt) == (
            "done",
            "seat 01: the outcome is undone; save the right outcome of that call",
        )
        assert read_turnout_of_voter(tmp_path, voter_id) == "pending"
        link = "SELECT dropped_at FROM link WHERE voter_id = ? AND phone_id = ?"
        assert query_store(tmp_path / "centre.db", link, voter_id, phone_id) == [(None,)]
        assert query_store(tmp_path / "centre.db", "SELECT state FROM target WHERE phone_id = ?", phone_id) == [
            ("due",)
        ]
        assert read_dispositions(tmp_path)[attempt] == "none"
        assert (await page.undo(attempt))[0] == "refused"
        await wait_until_talking(site)  # the next voter is there, and the word is still of the one before
        assert (await page.dispose(attempt, "voted"))[0] == "done"
        assert (read_turnout_of_voter(tmp_path, voter_id), read_dispositions(tmp_path)[attempt]) == ("voted", "voted")


@virtual_time()
async def test_opt_out_or_old_disposition_cannot_be_undone(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=TALKS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        assert (await page.dispose(attempt, "opt-out"))[0] == "done"
        stands = "seat 01: the disposition cannot be undone, because other centres already know that this number has opted out"
        assert await page.undo(attempt) == ("refused", stands)
        attempt = await wait_for_wrap_up(site)
        assert (await page.dispose(attempt, "voted"))[0] == "done"
        await asyncio.sleep(8.5)
        late = (
            "seat 01: the disposition was not undone, because it is too old or none was saved for that call: save the right"
            " disposition instead"
        )
        assert await page.undo(attempt) == ("refused", late)


@virtual_time()
async def test_disposition_that_could_not_be_stored_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=TALKS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        kept_by = site.centre.store.save_disposition_of_call

        async def refuse_as_busy(*_: object, **__: object) -> None:
            raise StoreBusy("the store is busy")

        monkeypatch.setattr(Store, "save_disposition_of_call", refuse_as_busy)
        assert await page.dispose(attempt, "voted", command_id="k-1") == ("", "")
        assert read_dispositions(tmp_path)[attempt] is None
        monkeypatch.setattr(Store, "save_disposition_of_call", lambda _, *args, **options: kept_by(*args, **options))
        assert await page.dispose(attempt, "voted", command_id="k-1") == ("done", "seat 01: voted is saved")
        assert read_dispositions(tmp_path)[attempt] == "voted"


@virtual_time()
async def test_restarted_dialler_accepts_the_disposition_of_a_call_before_the_restart(tmp_path: Path) -> None:
    config = make_answering_switch(talk_seconds=5.0)
    async with SimulatedAsterisk(config) as switch:
        async with a_site(tmp_path, switch=switch, seats=1, campaign=TALKS) as site:
            await site.log_in("01")
            attempt = await wait_for_wrap_up(site)
        async with a_site(tmp_path, switch=switch, seats=1, campaign=TALKS) as site:
            page = Page(site, tmp_path)
            await wait_until_talking(site)
            assert (await page.dispose(attempt, "voted", command_id="k-1"))[0] == "done"
            assert read_dispositions(tmp_path)[attempt] == "voted"
        async with a_site(tmp_path, switch=switch, seats=1, campaign=TALKS) as site:
            page = Page(site, tmp_path)
            assert await page.dispose(attempt, "voted", command_id="k-1") == ("done", "seat 01: voted is saved")
    assert [kind for _, kind, *_ in read_marks(tmp_path)] == ["voted"]


@virtual_time(1e6)
async def test_no_disposition_is_lost_duplicated_or_misassigned_under_random_faults(tmp_path: Path) -> None:
    """`python -m tests.support.dispositions 10000 7` runs ten thousand dispositions."""
    told = await run_stress_test(tmp_path, 90, seed=7)
    assert told.faults == []
    assert len(told.confirmed) >= 90
    assert min(told.refused, told.repeated, told.restarts) >= 3
