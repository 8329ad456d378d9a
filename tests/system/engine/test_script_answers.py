"""Answers to script questions: stored, published and undone together with the disposition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import StoreBusy
from dialer.domain.model import AttemptId
from dialer.engine.call_flows.commands import ReloadFlows
from dialer.flows.script import SCRIPTS_DIRECTORY, load_script, parse_script
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.store.store import Store
from tests.support.centre import a_site
from tests.support.dispositions import Page
from tests.support.seats import wait_for_wrap_up
from tests.support.stored import query_site_store, query_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

READS = {"wrap_up_seconds": 60.0, "script": "polling_day"}
ANSWERS = {"knows_booth": "told", "been_there": "still_to_go"}


def read_stored_answers(directory: Path) -> list[tuple[Any, ...]]:
    return query_site_store(directory, "SELECT attempt_id, name, value FROM flow_answer ORDER BY attempt_id, name")


def read_disposition(directory: Path, attempt: str) -> str | None:
    [(word,)] = query_store(directory / "centre.db", "SELECT disposition FROM attempt WHERE attempt_id = ?", attempt)
    return None if word is None else str(word)


def read_published_answers(directory: Path) -> list[Any]:
    """Return the answers in each published disposition."""
    news = query_site_store(
        directory, "SELECT payload FROM outbox WHERE topic = 'results/dispositions' ORDER BY outbox_id"
    )
    return [json.loads(payload)["answers"] for (payload,) in news]


@virtual_time()
async def test_script_answers_are_stored_published_and_undone_with_the_disposition(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=READS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        assert await page.dispose(attempt, "not-yet", answers=ANSWERS) == ("done", "seat 01: not-yet is saved")
        assert read_stored_answers(tmp_path) == [
            (attempt, "been_there", "still_to_go"),
            (attempt, "knows_booth", "told"),
        ]
        assert (await page.undo(attempt))[0] == "done"
        assert read_stored_answers(tmp_path) == []
        assert (await page.dispose(attempt, "voted", answers={"been_there": "been"}))[0] == "done"
        assert read_stored_answers(tmp_path) == [(attempt, "been_there", "been")]
        second = await wait_for_wrap_up(site)
        assert (await page.dispose(second, "voted"))[0] == "done"  # without answers, as before
        assert read_published_answers(tmp_path) == [ANSWERS, dict.fromkeys(ANSWERS), {"been_there": "been"}, {}]


@virtual_time()
async def test_disposition_with_an_unknown_script_answer_is_refused(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=READS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        for answers, words in (
            ({"knows_booth": "told", "party": "one"}, "the script of campaign agents has no question party"),
            ({"knows_booth": "often"}, "the script of campaign agents has no answer often to knows_booth"),
        ):
            assert await page.dispose(attempt, "voted", answers=answers) == (
                "refused",
                f"the disposition was not saved: {words}",
            )
            assert page.why == "other-script"
        assert (read_stored_answers(tmp_path), read_disposition(tmp_path, attempt)) == ([], None)
        assert (await page.dispose(attempt, "voted", command_id="k-1", answers=ANSWERS))[0] == "done"
        other = await page.dispose(attempt, "voted", command_id="k-1", answers={"knows_booth": "knows"})
        assert other == ("refused", "another command has this ID: every command needs a new one")


@virtual_time()
async def test_undoing_a_disposition_restores_the_answers_given_earlier_in_the_ivr_flow(tmp_path: Path) -> None:
    """The flow had stored answers before the call came to the agent."""
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=READS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        await site.centre.store.save_flow_answers(
            AttemptId(attempt), {"knows_booth": "knows", "wanted": "1"}, site.clock.now()
        )
        assert (await page.dispose(attempt, "not-yet", answers=ANSWERS))[0] == "done"
        assert (attempt, "knows_booth", "told") in read_stored_answers(tmp_path)
        assert (await page.undo(attempt))[0] == "done"
        assert read_stored_answers(tmp_path) == [(attempt, "knows_booth", "knows"), (attempt, "wanted", "1")]


@virtual_time()
@pytest.mark.parametrize(
    "at",
    [
        "change_script_answers",
        "save_call_back_reserved_for_agent",
        "save_voter_mark",
        "_reschedule_numbers_after_disposition",
    ],
)
async def test_disposition_with_script_answers_is_stored_completely_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=READS) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)

        def fail_as_busy(*_: object, **__: object) -> None:
            raise StoreBusy("the disk is gone")

        with monkeypatch.context() as broken:
            broken.setattr(f"dialer.store.dispositions.{at}", fail_as_busy)
            assert await page.dispose(attempt, "not-yet", command_id="k-1", answers=ANSWERS) == ("", "")
        assert (read_stored_answers(tmp_path), read_disposition(tmp_path, attempt)) == ([], None)
        assert query_site_store(tmp_path, "SELECT 1 FROM mark") == read_published_answers(tmp_path) == []
        assert (await page.dispose(attempt, "not-yet", command_id="k-1", answers=ANSWERS))[0] == "done"
        assert len(read_stored_answers(tmp_path)) == len(ANSWERS)


@virtual_time()
async def test_disposition_repeated_after_a_crash_stores_the_script_answers_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply to the command is lost, and the page sends it again to the restarted dialler."""
    async with SimulatedAsterisk(make_answering_switch(talk_seconds=5.0)) as switch:
        async with a_site(tmp_path, switch=switch, seats=1, campaign=READS) as site:
            page = Page(site, tmp_path)
            await site.log_in("01")
            attempt = await wait_for_wrap_up(site)
            commits = site.centre.store.save_disposition_of_call

            async def commit_and_lose_reply(_: Store, *given: Any, **more: Any) -> None:
                await commits(*given, **more)
                raise StoreBusy("killed")

            with monkeypatch.context() as killed:
                killed.setattr(Store, "save_disposition_of_call", commit_and_lose_reply)
                assert await page.dispose(attempt, "not-yet", command_id="k-1", answers=ANSWERS) == ("", "")
        stands = read_stored_answers(tmp_path)
        async with a_site(tmp_path, switch=switch, seats=1, campaign=READS) as site:
            page = Page(site, tmp_path)
            again = await page.dispose(attempt, "not-yet", command_id="k-1", answers=ANSWERS)
            assert again == ("done", "seat 01: not-yet is saved")
            assert read_stored_answers(tmp_path) == stands
            assert len(stands) == len(read_published_answers(tmp_path)[0]) == len(ANSWERS)
            assert len(read_published_answers(tmp_path)) == 1


@virtual_time()
async def test_reloaded_call_script_applies_to_new_calls_only(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    text = (SCRIPTS_DIRECTORY / "polling_day.yaml").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    async with a_site(
        tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=READS | {"script": str(path)}
    ) as site:
        page = Page(site, tmp_path)
        await site.log_in("01")
        attempt = await wait_for_wrap_up(site)
        version = site.centre_view.campaigns[0].script
        path.write_text(text.replace("knows_booth", "knows_way"), encoding="utf-8")
        assert (await page.dispose(attempt, "voted", answers={"knows_way": "told"}))[0] == "refused"
        assert await site.centre.engine.execute_command(ReloadFlows()) == "flows reloaded; changed: polling_day"
        assert (await page.dispose(attempt, "voted", answers={"knows_way": "told", "knows_booth": "told"}))[0] == "done"
        assert version == str(parse_script(text))
        assert site.centre_view.campaigns[0].script == str(load_script(str(path))) != version
