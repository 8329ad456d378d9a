"""Agents at the desk of a complete centre with a real broker and simulated calls, through the pages' HTTP interface."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from dialer.store.agent_records import erase_notes_about_number
from tests.support.agent_centre import AgentPage, agent_centre
from tests.support.mqtt import NEEDS_MOSQUITTO
from tests.support.screen_pop import LONG_NAME, TURNED_NAME
from tests.support.stored import execute_in_store, query_store
from tests.support.voters import make_answering_switch

pytestmark = NEEDS_MOSQUITTO

LINES = make_answering_switch(answer_after=1.5, talk_seconds=60.0)


async def test_agent_handles_a_call_from_sign_in_to_outcome(tmp_path: Path) -> None:
    store = tmp_path / "centre.db"
    async with agent_centre(tmp_path, LINES) as centre:
        page = centre.page
        assert (await page.sign_in(pin="2469")).json() == {"problem": "pin-wrong"}
        assert (await page.sign_in()).status_code == 204
        assert (await page.ask("GET", "/api/agent/seats")).json()[0]["phone"] == "own"
        me = (await page.ask("GET", "/api/agent/me")).json()
        assert (me["agent"], me["seat"]) == ("101", "01")
        async with page.open():
            pop = await page.talking()
            attempt = pop["attempt"]

            # The screen pop arrives during the call, between the seat's messages about it.
            order = [
                "pop" if each.get("pop") else each["seat"]["state"]
                for each in page.told
                if each.keys() & {"pop", "seat"}
            ]
            assert set(order[: order.index("pop")]) <= {"ready", "reserved", "talking"}
            row = query_store(
                store, "SELECT e164, voter_id FROM attempt JOIN phone USING (phone_id) WHERE attempt_id = ?", attempt
            )
            ((number, voter_id),) = row
            assert (pop["masked"], pop["addressed"]) == (f"•••• {number[-4:]}", voter_id)
            assert number not in str(page.told)
            assert pop["script"]["name"] == "polling_day"
            assert pop["lawful"]["code"] in {"allowed", "not-listed"}

            # A second page reports that the first is open. A reload restores the draft.
            assert (await page.ask("GET", "/api/agent/events?tab=two")).json() == {"problem": "open-elsewhere"}
            draft = {"attempt": attempt, "draft": {"note": "at six"}}
            assert (await page.ask("PUT", "/api/agent/draft", draft)).status_code == 204
        page.now.clear()
        async with page.open():
            assert page.now["pop"]["draft"] == draft["draft"]

            # A note that is too long is refused. A valid note is on disk before the outcome refers to it.
            note = {"id": "note-1", "attempt": attempt, "text": "x" * 1_000_000}
            assert (await page.ask("POST", "/api/agent/note", note)).json() == {"problem": "too-long"}
            assert (await page.ask("POST", "/api/agent/note", {**note, "text": "at six"})).status_code == 204

            # A repeated outcome is stored once. An outcome for another seat's call is refused.
            said = {"attempt_id": attempt, "disposition": "voted", "note": "note-1"}
            said["voters"] = [{"voter_id": voter_id, "mark": "voted", "confidence": "said"}]
            assert (await page.do("seat-dispose", seat="02", **said))[0] == 422
            for _ in range(2):
                status, answer = await page.do("seat-dispose", "the-first-word", **said)
                assert (status, answer["status"]) == (200, "done"), answer
            assert query_store(store, "SELECT disposition, note, agent FROM attempt WHERE attempt_id = ?", attempt) == [
                ("voted", "note-1", "101")
            ]
            assert query_store(store, "SELECT voter_id, kind FROM mark") == [(voter_id, "voted")]

            # An outcome for a call that has ended does not reach the next voter.
            await page.do("seat-hang-up", attempt_id=attempt)
            await page.until(lambda: page.now["seat"]["state"] == "wrap-up")
            await page.do("seat-ready", attempt_id=attempt)
            await page.until(lambda: page.now["seat"]["attempt_id"] not in {attempt, None})
            late = await page.do("seat-hang-up", attempt_id=attempt)
            assert late == (409, {"problem": "late"})
            status, answer = await page.do(
                "seat-dispose", attempt_id="00000000-0000-4000-8000-000000000000", disposition="voted"
            )
            assert (status, answer["status"], answer["code"]) == (200, "refused", "call-over")

            # Without the broker nothing is queued, and the screen pop stays.
            await centre.wire.take_down()
            await page.until(lambda: not page.now["desk"]["connected"])
            assert await page.do("seat-pause", reason="break") == (503, {"problem": "away"})
            other = AgentPage(page.origin, page.http)
            assert (await other.sign_in("102", "1357", "02")).json() == {"problem": "away"}
            await centre.wire.forward_to(centre.broker.port)
            await page.until(lambda: page.now["desk"]["connected"])

            assert (await page.do("seat-log-off"))[1]["status"] == "done"
            last = (await page.talking())["attempt"]
            await page.do("seat-hang-up", attempt_id=last)
            await page.until(lambda: page.now["seat"]["state"] == "wrap-up")
            await page.do("seat-dispose", attempt_id=last, disposition="refused")
            await page.until(lambda: page.now.get("ended") == "signed-out")
        assert (await page.ask("GET", "/api/agent/me")).json() is None
    assert erase_notes_about_number(store, None, None) == 1


async def test_wrong_pins_of_a_stranger_lock_neither_the_agent_nor_the_seat(tmp_path: Path) -> None:
    """Two browsers at one address: the agent has signed in on the first one before."""
    async with agent_centre(tmp_path, LINES) as centre:
        page, stranger = centre.page, AgentPage(centre.page.origin, centre.page.http)
        assert (await stranger.ask("GET", "/api/agent/seats")).json() == []
        assert (await page.sign_in()).status_code == 204
        assert len((await page.ask("GET", "/api/agent/seats")).json()) > 1
        assert (await centre.supervise("seat-log-off", seat="01"))["status"] == "done"
        told = [(await stranger.sign_in(pin="9999")).json()["problem"] for _ in range(10)]
        assert told == ["pin-wrong"] * 10
        answer = await stranger.sign_in()
        assert (answer.status_code, answer.json()) == (429, {"problem": "seat-locked", "seat": "01", "minutes": 15.0})
        assert (await page.sign_in()).status_code == 204


async def test_wrong_pins_lock_their_device_until_a_supervisor_unlocks_the_seat(tmp_path: Path) -> None:
    async with agent_centre(tmp_path, LINES) as centre:
        page = centre.page
        told = [(await page.sign_in(pin="9999")).json()["problem"] for _ in range(10)]
        assert told == ["pin-wrong"] * 10
        assert (await page.sign_in(seat="02")).json()["problem"] == "seat-locked"
        assert (await centre.supervise("seat-unlock", seat="01"))["status"] == "done"
        assert (await page.sign_in()).status_code == 204
        other = AgentPage(page.origin, page.http)
        assert (await other.sign_in("102", "1357", "01")).json() == {"problem": "seat-taken"}
        assert (await other.sign_in("101", "2468", "02")).json() == {"problem": "agent-elsewhere", "seat": "01"}
        assert (await other.sign_in("101", "2468", "09")).json() == {"problem": "no-seat"}


async def test_voters_names_with_markup_are_shown_as_plain_text(tmp_path: Path) -> None:
    def change_voters_names(store: Path) -> None:
        execute_in_store(store, "UPDATE voter SET name = ?, house = ?", LONG_NAME, TURNED_NAME)

    async with agent_centre(tmp_path, LINES, change_voters_names) as centre:
        assert (await centre.page.sign_in()).status_code == 204
        async with centre.page.open():
            pop = await centre.page.talking()
            assert {(each["name"], each["house"]) for each in pop["voters"]} == {(LONG_NAME, TURNED_NAME)}


async def test_agent_dials_and_skips_previews_and_types_a_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, listed, stranger = tmp_path / "centre.db", "+917000000050", "+919123456780"
    async with agent_centre(tmp_path, LINES, pacing="preview", manual_dialling=True) as centre:
        page = centre.page
        assert (await page.sign_in()).status_code == 204
        assert (await page.ask("GET", "/api/agent/me")).json()["manual"] == ["agents"]
        async with page.open():
            await page.until(lambda: bool(page.now["seat"]["preview"]) and page.now["pop"] is not None)
            first = page.now["pop"]["attempt"]
            assert not centre.site.switch.placed_calls
            assert (await page.do("seat-preview-skip", attempt_id=first, reason="hour"))[1]["status"] == "done"
            await page.until(lambda: bool(page.now["seat"]["preview"]) and page.now["seat"]["attempt_id"] != first)
            second = page.now["seat"]["attempt_id"]
            assert (await page.do("seat-preview-dial", attempt_id=first))[1]["code"] == "call-over"
            assert (await page.do("seat-preview-dial", attempt_id=second))[1]["status"] == "done"
            assert (await page.talking())["attempt"] == second
            assert [call.channel_id for call in centre.site.switch.placed_calls] == [second]
            await page.do("seat-pause", reason="break")
            await page.do("seat-hang-up", attempt_id=second)
            await page.until(lambda: page.now["seat"]["state"] == "wrap-up")
            await page.do("seat-dispose", attempt_id=second, disposition="voted")
            await page.until(lambda: page.now["seat"]["state"] == "paused")

            async def dial_number(number: str) -> dict[str, str | None]:
                answer = await page.ask("POST", "/api/agent/dial", {"id": str(uuid.uuid4()), "number": number})
                found: dict[str, str | None] = answer.json()
                return found

            assert (await dial_number(stranger))["code"] == "not-listed"
            assert await dial_number("no number") == {"problem": "no-number"}
            assert (await dial_number(f"0{listed[3:8]} {listed[8:]}"))["status"] == "done"
            pop = await page.talking()
            assert pop["masked"] == f"•••• {listed[-4:]}"
            again = await page.do("seat-dial", campaign_id="agents", phone_id=pop["phone"])
            assert again[1]["code"] == "seat-not-free"
            assert centre.site.switch.placed_calls[-1].number == listed
            for number in (listed, stranger):
                assert number[3:] not in str(page.told)
    said = "".join(capsys.readouterr())
    kept = [*query_store(store, "SELECT topic, payload FROM outbox"), *query_store(store, "SELECT what FROM audit")]
    for number in (listed, stranger):
        assert number[3:] not in said + str(kept)
    (skipped,) = [
        what
        for (what,) in query_store(store, "SELECT what FROM audit")
        if "seat-preview-skip" in what and "done" in what
    ]
    assert first in skipped
    assert "hour" in skipped
