"""The supervisors' pages in Chromium with a real desk and broker: figures, commands and messages about failures.

The dialler is a real monitor with an engine that only records commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.desk.server import OpenDesk, serve_pages_of_desk
from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.clock import SystemClock
from dialer.domain.judged_calls import WhoAnswered
from dialer.domain.model import AttemptId, CampaignState
from dialer.domain.view import CallingHours, CampaignChange, CentreView, SeatState
from dialer.engine.campaigns.commands import (
    PauseCampaign,
    ResumeCampaign,
    SetCallingHours,
    SetCampaignWeight,
    SetSpeed,
    StopAll,
)
from dialer.engine.command.base import Command
from dialer.engine.recordings.commands import JudgeRecordedCall, PlayRecording
from dialer.engine.roll_import.commands import DownloadRejectedRows, EraseNumbers, ImportRoll, SuppressNumbers
from dialer.engine.seats.commands import SeatCampaigns, SeatMessage, SeatPause
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.store.store import open_store
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    close_pages_after,
    find_accessibility_violations,
    find_overflowing_elements,
    ignore_http_errors,
    measure_page_bytes,
    new_page,
    sign_in,
    sign_out,
)
from tests.support.desk import PASSWORD, add_recorded_talk, desk_settings, set_passwords
from tests.support.fake_centre import FakeEngine, centre_view, change_state
from tests.support.page_texts import read_page_texts
from tests.support.recordings import speech, write_recording
from tests.support.seats import CHEAP

MOST_PAGE_BYTES = 85_000

pytestmark = NEEDS_A_BROWSER


@dataclass(slots=True)
class Site:
    """A centre with a desk, and a browser."""

    engine: FakeEngine
    desk: OpenDesk
    browser: Browser
    faults: list[str]

    async def page(self, width: int = 1366, height: int = 768, language: str = "en-IN") -> Page:
        """Open the desk in a new browser context. Console errors are faults."""
        page = await new_page(self.browser, self.faults, width, height, language)
        await page.goto(self.desk.origin)
        return page

    async def board(self, name: str = "asha", **how: Any) -> Page:
        """Sign in and open the board."""
        page = await self.page(**how)
        await sign_in(page, name, PASSWORD)
        await page.wait_for_selector(".seat-card")
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    store_path = tmp_path / "centre.db"
    settings = desk_settings(store_path)
    view = getattr(request, "param", centre_view(seats=12, booths=60))
    engine = FakeEngine(change_state(view, at=SystemClock().now()))
    senders = Senders([Sender(each.name, frozenset({each.role})) for each in settings.supervisors])
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker())
        store = await open_store(store_path, encode=create_outbox_row_of_result)
        stack.push_async_callback(store.close)
        await set_passwords(settings, "asha", "vikram")
        stop = asyncio.Event()
        monitor = Monitor(Presence("pune-1", broker.connection_settings, SystemClock()), engine, store, senders)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        desk = await stack.enter_async_context(
            serve_pages_of_desk(settings, broker=broker.connection_settings, hasher=CHEAP)
        )
        await stack.enter_async_context(close_pages_after(browser))
        faults: list[str] = []
        yield Site(engine, desk, browser, faults)
        stop.set()
        await running
        assert not faults


async def test_supervisor_sees_the_centre_and_sends_commands(site: Site) -> None:
    page = await site.page()
    await sign_in(page, "asha", "not-the-password")
    await expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    ignore_http_errors(site.faults, 401)
    board = await site.board()

    # The board shows the retained state and each change.
    assert await board.locator(".seat-card").count() == 12
    first = site.engine.make_centre_view().seats[0]
    await expect(board.locator(".seat-card").first).to_contain_text("agent-1")
    told_at = SystemClock().now()
    site.engine.tell(replace(first, state=SeatState.PAUSED, at=told_at, since=told_at - 125.0, reason="lunch"))
    await expect(board.locator(".seat-card").first).to_contain_text("paused")
    await expect(board.locator(".seat-card").first).to_contain_text("lunch")
    for _ in range(2):
        await expect(board.locator(".seat-card").first).to_contain_text("paused")
        shown = re.search(r"\b(\d+):(\d\d)\b", await board.locator(".seat-card").first.inner_text())
        assert shown is not None
        passed = SystemClock().now() - told_at  # the page takes the clock from a message that may be this late
        assert 124 - passed <= int(shown[1]) * 60 + int(shown[2]) <= 126 + passed
        await board.reload()

    # A command is confirmed, executed once under the supervisor's name, and answered.
    card = board.locator(".campaign", has_text="turnout-agents")
    await card.get_by_role("button", name="Pause").click()
    await board.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert not site.engine.executed
    await card.get_by_role("button", name="Pause").click()
    await board.get_by_role("dialog").get_by_role("button", name="Pause").click()
    await expect(board.get_by_role("status")).to_have_text("Command carried out: done: PauseCampaign")
    await board.get_by_role("button", name="Stop all campaigns").click()
    await board.get_by_role("dialog").get_by_role("button", name="Stop all campaigns").click()
    await expect(board.get_by_role("status")).to_have_text("Command carried out: done: StopAll")
    assert site.engine.executed == [PauseCampaign(campaign_id="turnout-agents"), StopAll()]
    await board.locator(".seat-card").nth(1).get_by_role("button").click()
    await board.locator(".menu:popover-open").get_by_role("button", name="Log off").click()
    await expect(board.get_by_role("dialog")).to_contain_text("seat-02")
    await board.keyboard.press("Escape")
    assert len(site.engine.executed) == 2

    # A message to an agent is sent by Enter. An empty one cannot be sent.
    await board.locator(".seat-card").nth(1).get_by_role("button").click()
    await board.locator(".menu:popover-open").get_by_role("button", name="Message").click()
    await expect(board.get_by_role("dialog").get_by_role("button", name="Message")).to_be_disabled()
    await expect(board.get_by_role("dialog")).to_contain_text(
        "The message to seat-02 is shown on the agent's page until it is read"
    )
    await board.get_by_label("Message to the agent").fill("the second page first")
    await board.keyboard.press("Enter")
    await expect(board.get_by_role("status")).to_have_text("Command carried out: done: SeatMessage")
    assert site.engine.executed[2:] == [SeatMessage(text="the second page first", seat="seat-02")]
    assert site.engine.senders[2:] == ["asha"]

    # A seat is restricted to one campaign.
    await board.locator(".seat-card").nth(1).get_by_role("button").click()
    await board.locator(".menu:popover-open").get_by_role("button", name="Change campaign").click()
    await expect(board.get_by_role("dialog")).to_contain_text(
        "Seat seat-02 takes only calls of the campaign that you choose, from the next call"
    )
    await board.get_by_role("dialog").get_by_role("combobox").select_option("turnout-ivr")
    await board.get_by_role("dialog").get_by_role("button", name="Change campaign").click()
    await expect(board.get_by_role("status")).to_have_text("Command carried out: done: SeatCampaigns")
    assert site.engine.executed[3:] == [SeatCampaigns(seat="seat-02", campaigns=("turnout-ivr",))]
    reserved_seat = replace(site.engine.make_centre_view().seats[1], campaigns=("turnout-ivr",))
    site.engine.tell(reserved_seat)
    await expect(board.locator(".seat-card").nth(1)).to_contain_text("these campaigns only: turnout-ivr")

    # The speed of a campaign is limited.
    await card.get_by_role("button", name="Actions for campaign").click()
    await board.locator(".menu:popover-open").get_by_role("button", name="Set calling limit").click()
    await expect(board.get_by_role("dialog")).to_contain_text(
        "how many calls campaign turnout-agents may make at once for the rest of today"
    )
    await board.get_by_role("dialog").get_by_role("combobox").select_option("1 unanswered call per agent")
    await board.get_by_role("dialog").get_by_role("button", name="Set calling limit").click()
    await expect(board.get_by_role("status")).to_have_text("Command carried out: done: SetSpeed")
    assert site.engine.executed[4:] == [SetSpeed(campaign_id="turnout-agents", calls_per_seat=1)]
    assert site.engine.senders[4:] == ["asha"]

    # An acknowledgement of an alert is shown to everybody, also after a reload.
    site.engine.raise_or_clear_alert(
        create_alert(AlertKind.SWITCH_DOWN, SystemClock().now(), problem="<img src=x onerror=alert(1)>")
    )
    viewer = await site.board("vikram")
    await expect(viewer.locator(".alert")).to_contain_text("<img src=x")
    assert await viewer.get_by_role("button", name="Acknowledge").count() == 0
    await board.get_by_role("button", name="Acknowledge").click()
    await expect(viewer.locator(".alert")).to_contain_text("acknowledged by asha")
    assert await viewer.get_by_role("button", name="Stop all campaigns").count() == 0
    assert await viewer.get_by_role("button", name="Pause").count() == 0


async def test_supervisor_sorts_seats_by_agent_and_time_in_state(site: Site) -> None:
    board = await site.board()
    first, second, *_ = site.engine.make_centre_view().seats
    site.engine.tell(replace(first, agent="9999", since=first.since - 3000))
    site.engine.tell(replace(second, agent="17"))
    cards = board.locator(".seat-card")
    # Agent 17 has a name in the settings.
    await expect(cards.nth(1)).to_contain_text("Asha Kale")
    for _ in range(2):
        await board.get_by_label("Sort seats by").select_option("by agent's name")
        await expect(cards.first).to_contain_text("9999")
        await expect(board.locator(".seat-card", has_text="Asha Kale")).to_have_count(1)
        await board.get_by_label("Sort seats by").select_option("longest time in state first")
        await expect(cards.first).to_contain_text(first.seat)
        await board.reload()
        await expect(board.get_by_label("Sort seats by")).to_have_value("since")


async def test_supervisor_sends_one_command_to_several_selected_seats(site: Site) -> None:
    board = await site.board()
    seats = [each for each in site.engine.make_centre_view().seats if each.state is not SeatState.OFFLINE][:2]
    for seat in seats:
        site.engine.tell(replace(seat, state=SeatState.PAUSED))
        await expect(board.locator(".seat-card", has_text=seat.seat)).to_contain_text("paused")
    await board.get_by_role("button", name="Select seats").click()
    await expect(board.locator(".selection")).to_contain_text("0 seats selected")
    assert await board.get_by_role("button", name="Actions for the selected seats").count() == 0
    for seat in seats:
        await board.get_by_label(f"Select seat {seat.seat}").check()
    assert_accessible(await find_accessibility_violations(board))
    await board.get_by_role("button", name="Actions for the selected seats").click()
    await board.locator(".menu:popover-open").get_by_role("button", name="Message").click()
    await expect(board.get_by_role("dialog")).to_contain_text(", ".join(seat.seat for seat in seats))
    await board.get_by_label("Message to the agent").fill("come back at noon")
    await board.keyboard.press("Enter")
    await expect(board.get_by_role("status")).to_have_text("2 of 2 commands carried out.")
    assert site.engine.executed == [SeatMessage(text="come back at noon", seat=seat.seat) for seat in seats]
    await board.get_by_role("button", name="Clear selection").click()
    await expect(board.get_by_role("checkbox")).to_have_count(0)


async def test_click_on_the_hold_reason_of_a_campaign_shows_counts_of_its_call_list(site: Site) -> None:
    board = await site.board()
    card = board.locator(".campaign", has_text="turnout-agents")
    await expect(card).not_to_contain_text("numbers on the call list completed")
    await card.locator("button.why").click()
    await expect(card).to_contain_text("numbers on the call list completed")
    await expect(card.locator("button.why")).to_have_attribute("aria-expanded", "true")


def make_centre_with_thirty_seats() -> CentreView:
    """Return the view of a centre with seats 01 to 30, which have been in their states for up to 150 seconds."""
    view, now = centre_view(seats=30, booths=60), SystemClock().now()
    seats = (
        replace(seat, seat=seat.seat.removeprefix("seat-"), at=now, since=now + seat.since - seat.at)
        for seat in view.seats
    )
    return replace(view, seats=tuple(seats))


@pytest.mark.parametrize("site", [make_centre_with_thirty_seats()], indirect=True)
@pytest.mark.parametrize("language", ["en", "hi"])
async def test_first_screen_of_the_board_shows_figures_campaigns_and_thirty_seats(site: Site, language: str) -> None:
    board = await site.board(language=f"{language}-IN")
    await expect(board.locator(".seat-card")).to_have_count(30)
    for watched in (".tile", ".campaign .line", ".seat-card"):
        for place in await board.locator(watched).all():
            box = await place.bounding_box()
            assert box and box["y"] + box["height"] <= 768, (watched, box)


async def test_filters_of_the_board_page_survive_a_page_reload(site: Site) -> None:
    board = await site.board()
    booths = await board.locator("#booths-title + span").text_content() or ""
    for _ in range(2):
        await board.get_by_label("Language of the agent").select_option("hi")
        await expect(board.locator(".seat-card")).to_have_count(
            10
        )  # two of the three seats with a set language do not speak Hindi
        await board.get_by_label("Search").fill("209/7")
        await expect(board.locator("#booths-title + span")).not_to_have_text(booths)
        await board.get_by_label("Seat state", exact=True).select_option("ready")
        assert await board.evaluate("location.hash") == "#language=hi&booth=209%2F7&seats=ready"
        await board.reload()
        await expect(board.get_by_label("Language of the agent")).to_have_value("hi")
        await expect(board.get_by_label("Search")).to_have_value("209/7")
        await expect(board.get_by_label("Seat state", exact=True)).to_have_value("ready")
        await board.get_by_label("Seat state", exact=True).select_option("")
    await board.get_by_label("Search").fill("Sita Devi")
    assert await board.evaluate("location.hash") == "#language=hi"
    await board.get_by_label("Campaign", exact=True).select_option("turnout-ivr")
    await expect(board.locator(".campaign")).to_have_count(1)
    await expect(board.locator(".seat-card")).to_have_count(0)
    await board.reload()
    await expect(board.locator(".campaign")).to_have_count(1)
    await board.goto(site.desk.origin + "/board#campaign=nothing-here&language=<script>")
    await expect(board.locator(".campaign")).to_have_count(2)
    await expect(board.locator(".seat-card")).to_have_count(12)


async def test_board_shows_the_age_of_its_figures_when_the_dialler_disconnects(site: Site) -> None:
    board = await site.board()
    await expect(board.locator("main > [role=alert]")).to_have_text("")
    site.engine.current = change_state(site.engine.current, switch_up=False)
    site.engine.raise_or_clear_alert(
        create_alert(AlertKind.SWITCH_DOWN, 1.0, problem="connection refused")
    )  # the alert also publishes the centre's state
    await expect(board.locator(".status.bad")).to_contain_text("Asterisk")
    await sign_out(board)
    await expect(board.locator("input[name=password]")).to_be_visible()


ROLL = "state_code,constituency_number,part_number,serial,name,mobile\n" + "".join(
    f"S13,209,118,{serial},Voter {serial},98000{serial:05}\n" for serial in range(1, 301)
)


async def test_supervisor_imports_an_electoral_roll_and_blocks_and_erases_a_number(site: Site, tmp_path: Path) -> None:
    roll = tmp_path / "kothrud.csv"
    roll.write_text(ROLL + "S13,209,118,x,Nobody,\n", encoding="utf-8")
    board = await site.board()
    await board.get_by_role("link", name="Voter rolls").click()
    await board.set_input_files("input[name=roll]", roll)
    await board.get_by_role("button", name="Check file").click()
    await expect(board.get_by_text("checked; the import would")).to_be_visible(timeout=60_000)
    await expect(board.locator("dl.figures")).to_contain_text("300")
    await expect(board.get_by_text("1 × ")).to_contain_text("serial")
    found = await find_accessibility_violations(board)
    assert not await find_overflowing_elements(board)
    await board.get_by_role("button", name="Import").click()
    await board.get_by_role("dialog").get_by_role("button", name="Import").click()
    await expect(board.get_by_text("imported: done: ImportRoll")).to_be_visible()
    (taken,) = site.engine.executed
    assert isinstance(taken, ImportRoll)
    assert taken.who == "asha"
    await board.get_by_role("button", name="Discard").click()
    await expect(board.get_by_text("kothrud.csv")).to_have_count(0)

    for button, command in (("Stop calling this number", SuppressNumbers), ("Erase this number", EraseNumbers)):
        await board.get_by_label("Phone number", exact=True).fill("98000 00007")
        await board.get_by_role("button", name=button).click()
        await expect(board.get_by_role("dialog")).to_contain_text("98000 00007")
        await board.get_by_role("dialog").get_by_role("button", name=button).click()
        await expect(board.locator(".said")).to_contain_text(f"done: {command.__name__}")
        assert isinstance(site.engine.executed[-1], command)
        await expect(board.get_by_label("Phone number", exact=True)).to_have_value("")
    assert not [*(tmp_path / "centre.db.spool").iterdir()]
    await board.set_viewport_size({"width": 360, "height": 640})
    assert not await find_overflowing_elements(board)
    assert_accessible(found + await find_accessibility_violations(board))


ODD_ROLL = "MLA SEAT,BOOTH CODE,NR,WHO,CALL AT,CASTE\n" + "".join(
    f"209,118,{serial},Voter {serial},98000{serial:05},x\n" for serial in range(1, 31)
)


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_supervisor_maps_the_columns_of_a_roll_and_downloads_its_rejected_rows(
    site: Site, tmp_path: Path, language: str
) -> None:
    texts = read_page_texts(language, "board", "staff")
    roll = tmp_path / "kothrud.csv"
    roll.write_text(ODD_ROLL + "209,118,31,Om,12345,x\n209,118,y,Nobody,98000 99999,x\n", encoding="utf-8")
    board = await site.board(language=f"{language}-IN")
    await board.get_by_role("link", name=texts["to-lists"]).click()
    await board.set_input_files("input[name=roll]", roll)
    await board.get_by_role("button", name=texts["roll-check"], exact=True).click()
    status, problem = board.locator("main [role=status]"), board.locator("main [role=alert]")
    await expect(problem).to_have_text(texts["roll-problem-no-headings"], timeout=60_000)
    await expect(board.get_by_role("button", name=texts["roll-import"])).to_have_count(0)
    row = board.locator("tr", has_text="CALL AT")
    await expect(row).to_contain_text("••••••0001")
    await expect(board.locator("tr", has_text="CASTE")).to_contain_text(texts["roll-never-stored"])
    found = await find_accessibility_violations(board)

    async def check_with(**fields: str) -> None:
        for heading, field in fields.items():
            label = texts["roll-field-of"].replace("{ $column }", heading.replace("_", " "))
            await board.get_by_label(label, exact=True).select_option(field)
        await board.get_by_role("button", name=texts["roll-check-again"]).click()

    # The required columns are missing, then two columns have one field, then serials are read from the names.
    await check_with(CALL_AT="mobile")
    await expect(problem).to_contain_text(texts["roll-field-part-number"], timeout=60_000)
    await check_with(MLA_SEAT="constituency_number", BOOTH_CODE="part_number", NR="serial", WHO="serial")
    await expect(problem).to_contain_text(
        texts["roll-problem-repeated-field"].replace("{ $fields }", texts["roll-field-serial"]), timeout=60_000
    )
    await check_with(NR="")
    await expect(problem).to_have_text(texts["roll-problem-all-rejected"], timeout=60_000)
    await expect(board.get_by_role("button", name=texts["roll-import"])).to_have_count(0)
    await check_with(NR="serial", WHO="name")
    await expect(status).to_contain_text(texts["roll-is-checked"], timeout=60_000)
    await expect(problem).to_have_count(0)

    # The result outlives a reload; a changed choice must be checked before the import.
    await board.reload()
    await expect(status).to_contain_text(texts["roll-is-checked"])
    taking = board.get_by_role("button", name=texts["roll-import"], exact=True)
    await board.get_by_label(texts["roll-field-of"].replace("{ $column }", "WHO"), exact=True).select_option("house")
    await expect(taking).to_be_disabled()
    await expect(board.get_by_text(texts["roll-columns-changed"])).to_be_visible()
    await check_with(WHO="name")
    await expect(status).to_contain_text(texts["roll-is-checked"], timeout=60_000)
    await expect(board.locator("dl.figures")).to_contain_text("31")
    rejects = board.locator("[aria-labelledby=roll-rejects-title] tbody tr")
    await expect(rejects).to_have_count(2)
    await expect(rejects.nth(1)).to_contain_text("NR")

    # On any width nothing is cut off.
    for width, height in ((360, 640), *SIZES):
        await board.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(board), width
        found += await find_accessibility_violations(board)

    # The download is in the audit log. The file has whole rows, except what is never stored.
    async with board.expect_download() as downloading:
        await board.get_by_role("button", name=texts["do-rejects-download"]).click()
    file = await (await downloading.value).path()
    lines = file.read_text("utf-8-sig").splitlines()
    assert [line.partition(",")[0] for line in lines] == ["REJECT_ROW", "32", "33"]
    assert "98000 99999" in lines[2]
    assert "CASTE" not in lines[0]
    (downloaded,) = site.engine.executed
    assert isinstance(downloaded, DownloadRejectedRows)
    assert downloaded.rejects == 2
    assert site.engine.senders[-1] == "asha"
    await taking.click()
    await board.get_by_role("dialog").get_by_role("button", name=texts["roll-import"]).click()
    await expect(status).to_contain_text(texts["roll-is-done"])
    assert_accessible(found)


async def test_recording_can_be_played_only_by_users_with_a_permitted_role(site: Site, tmp_path: Path) -> None:
    now = SystemClock().now()
    wav = write_recording(tmp_path / "talk.wav", speech(2.0, 8000), 8000).read_bytes()
    attempts = [add_recorded_talk(tmp_path, now - ago, wav) for ago in (300, 600)]
    board = await site.board()
    await board.get_by_role("link", name="Recordings").click()
    await expect(board.locator("tbody tr")).to_have_count(2)
    found = await find_accessibility_violations(board)
    await board.get_by_role("button", name="Play").first.click()
    player = board.locator("audio")
    plays = (
        "player => new Promise(plays => player.ontimeupdate = () => player.currentTime > 1.4 && plays(player.duration))"
    )
    await player.evaluate("player => player.currentTime = 1.4")
    assert await player.evaluate(plays) == pytest.approx(2.0, abs=0.1)
    assert site.engine.executed == [PlayRecording(attempt_id=AttemptId(attempts[0]))]
    (tmp_path / "recorded" / f"{attempts[1]}.wav").unlink()
    await board.get_by_role("button", name="Play").click()
    await expect(board.locator(".said")).to_contain_text("has been deleted")
    ignore_http_errors(site.faults, 409)
    await board.set_viewport_size({"width": 360, "height": 640})
    assert not await find_overflowing_elements(board)
    assert_accessible(found + await find_accessibility_violations(board))
    viewer = await site.board("vikram")
    await expect(viewer.get_by_role("link", name="Recordings")).to_have_count(0)


async def test_person_listens_to_a_call_taken_for_a_machine_then_says_who_answered(site: Site, tmp_path: Path) -> None:
    wav = write_recording(tmp_path / "talk.wav", speech(2.0, 8000), 8000).read_bytes()
    attempt = AttemptId(add_recorded_talk(tmp_path, SystemClock().now() - 300, wav))
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("UPDATE attempt SET outcome = 'machine', connected_at = NULL")
        db.commit()
    board = await site.board()
    add_recorded_talk(tmp_path, SystemClock().now() - 200, wav)  # a conversation, which nobody judges
    await board.get_by_role("link", name="Recordings").click()
    await expect(board.locator("tbody tr")).to_have_count(2)
    await board.get_by_label("Only calls taken for answering machines").check()
    await expect(board.locator("tbody tr")).to_have_count(1)
    await expect(board.locator("tbody tr")).to_contain_text("Not recorded yet")
    await board.get_by_role("button", name="Play").click()
    await board.get_by_role("button", name="Person").click()
    await expect(board.get_by_role("button", name="Person", pressed=True)).to_be_visible()
    assert_accessible(await find_accessibility_violations(board))
    assert site.engine.executed == [
        PlayRecording(attempt_id=attempt),
        JudgeRecordedCall(attempt_id=attempt, answered_by=WhoAnswered.PERSON),
    ]


async def test_recording_is_played_from_the_details_of_a_call_in_the_reports(site: Site, tmp_path: Path) -> None:
    wav = write_recording(tmp_path / "talk.wav", speech(2.0, 8000), 8000).read_bytes()
    attempt = add_recorded_talk(tmp_path, SystemClock().now() - 300, wav)
    board = await site.board()
    await board.goto(f"{site.desk.origin}/reports#view=calls&from=2026-01-01")
    await board.locator("tbody tr").first.get_by_role("button").click()
    assert not site.engine.executed
    await board.get_by_role("button", name="Play recording").click()
    await expect(board.locator("audio")).to_have_attribute("src", f"/api/recordings/{attempt}")
    assert site.engine.executed == [PlayRecording(attempt_id=AttemptId(attempt))]


@pytest.mark.parametrize("language", sorted(path.stem for path in (SOURCES / "locales/board").glob("*.ftl")))
async def test_board_page_is_accessible_and_truncates_no_text(site: Site, language: str) -> None:
    board = await site.board(language=f"{language}-IN")
    await expect(board.locator("html")).to_have_attribute("lang", language)
    found: list[Any] = []
    for width, height in SIZES:
        await board.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(board), width
        found += await find_accessibility_violations(board)
    await board.locator(".seat-card button").first.click()
    await expect(board.locator(".menu:popover-open")).to_be_visible()
    assert not await find_overflowing_elements(board)
    await board.keyboard.press("Escape")
    await board.locator("header .grave").click()
    await expect(board.get_by_role("dialog")).to_be_visible()
    assert not await find_overflowing_elements(board)
    for beside in ("lists", "recordings", "account"):
        await board.goto(f"{site.desk.origin}/board?{beside}")
        await board.wait_for_selector("main .panel")
        for width, height in SIZES:
            await board.set_viewport_size({"width": width, "height": height})
            assert not await find_overflowing_elements(board), (beside, width)
    assert_accessible(found)


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_board_header_fits_one_line_and_menus_open_at_their_buttons(site: Site, language: str) -> None:
    board = await site.board(language=f"{language}-IN", width=1280, height=720)
    for other in ("account", "lists", "recordings", "settings", ""):
        await board.goto(f"{site.desk.origin}/board{other and '?'}{other}")
        await board.wait_for_selector("main .panel")
        buttons = [await each.bounding_box() for each in await board.locator("header button:visible, header a").all()]
        assert len({round(box["y"] + box["height"] / 2) for box in buttons if box}) == 1, other
    ignore_http_errors(site.faults, 409)  # this desk's settings are in no file

    for button in (board.locator("[popovertarget=account-menu]"), board.locator(".seat-card .more").last):
        await button.click()
        menu = board.locator(".menu:popover-open")
        await expect(menu).to_be_visible()
        at, opened = await button.bounding_box(), await menu.bounding_box()
        assert at and opened
        above, below = at["y"] - opened["y"] - opened["height"], opened["y"] - at["y"] - at["height"]
        assert 0 <= max(above, below) < 10
        await board.keyboard.press("Escape")
    await board.locator("[popovertarget=account-menu]").click()
    assert_accessible(await find_accessibility_violations(board))


async def test_board_page_stays_below_its_download_size_limit(site: Site) -> None:
    page = await site.browser.new_page(locale="hi-IN")
    assert await measure_page_bytes(page, site.desk.origin, "input[name=name]") < MOST_PAGE_BYTES


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_supervisor_works_a_whole_day(site: Site, language: str) -> None:
    texts = read_page_texts(language, "board", "staff")
    board = await site.board(language=f"{language}-IN")
    dialog, menu = board.get_by_role("dialog"), board.locator(".menu:popover-open")

    async def confirm(command: str, done: type[Command]) -> None:
        # the text below may still be that of an earlier command of the same kind
        async with board.expect_response(lambda response: response.request.method == "POST"):
            await dialog.get_by_role("button", name=texts[f"do-{command}"]).click()
        await expect(board.locator(".said")).to_contain_text(f"done: {done.__name__}")
        assert isinstance(site.engine.executed[-1], done)
        assert site.engine.senders[-1] == "asha"

    # In the morning: an alert, and why a campaign does not dial.
    site.engine.raise_or_clear_alert(create_alert(AlertKind.SWITCH_DOWN, 1.0, problem="connection refused"))
    alert = board.locator(".alert.critical")
    await alert.get_by_role("button", name=texts["alert-acknowledge"]).click()
    await expect(alert).to_contain_text("asha")
    campaign = board.locator(".campaign", has_text="turnout-agents")
    await campaign.locator("button.why").click()
    await expect(campaign.locator(".details")).to_be_visible()

    # A campaign is paused, started and limited.
    for command, done in (("pause", PauseCampaign), ("resume", ResumeCampaign)):
        await campaign.locator(".buttons").get_by_role("button", name=texts[f"do-{command}"]).click()
        await confirm(command, done)
        state = CampaignState.PAUSED if command == "pause" else CampaignState.RUNNING
        first, *others = site.engine.current.campaigns
        view = replace(first, state=state, at=SystemClock().now())
        site.engine.current = replace(site.engine.current, campaigns=(view, *others))
        site.engine.tell(CampaignChange(view.campaign_id))
        await expect(campaign.locator(".state")).to_have_text(texts[f"state-{state}"])
    for command, label, chosen, limited in (
        ("speed", "speed-choice", "calls_per_seat=1.5", SetSpeed),
        ("weight", "weight-choice", "3", SetCampaignWeight),
    ):
        await campaign.locator(".more").click()
        await menu.get_by_role("button", name=texts[f"do-{command}"]).click()
        await dialog.get_by_label(texts[label]).select_option(chosen)
        await confirm(command, limited)

    # Its calling hours are narrowed, and reset to those of the settings.
    for entered, hours in (("9:00 – 12:00,14:00-18:00", ("09:00-12:00", "14:00-18:00")), ("", None)):
        await campaign.locator(".more").click()
        await menu.get_by_role("button", name=texts["do-calling-hours"]).click()
        await expect(dialog).to_contain_text("09:00-20:00")  # the legal hours
        field, submit = dialog.get_by_label(texts["hours-choice"]), dialog.locator("button.main")
        await expect(field).to_have_value("09:00-21:00")
        await field.fill("9-12")
        await expect(submit).to_be_disabled()
        await field.fill(entered)
        await confirm("calling-hours", SetCallingHours)
        assert site.engine.executed[-1] == SetCallingHours(campaign_id="turnout-agents", hours=hours)
    first, *others = site.engine.current.campaigns
    set_by_asha = CallingHours(("10:00-18:00",), ("09:00-20:00",), ("10:00-18:00",), "asha")
    site.engine.current = replace(
        site.engine.current, campaigns=(replace(first, calling_hours=set_by_asha, at=SystemClock().now()), *others)
    )
    site.engine.tell(CampaignChange(first.campaign_id))
    await expect(campaign.locator(".details")).to_contain_text("10:00-18:00")
    await expect(campaign.locator(".details")).to_contain_text("asha")

    # An agent gets a message and is sent to a break.
    seat = board.locator(".seat-card", has_text="seat-02")
    await seat.locator(".more").click()
    await menu.get_by_role("button", name=texts["do-seat-message"]).click()
    await dialog.get_by_label(texts["message-text"]).fill("ask for the booth first")
    await confirm("seat-message", SeatMessage)
    await seat.locator(".more").click()
    await menu.get_by_role("button", name=texts["do-seat-pause"]).click()
    await confirm("seat-pause", SeatPause)

    # A number is blocked, and reports and recordings are looked at.
    await board.get_by_role("link", name=texts["to-lists"]).click()
    await board.get_by_label(texts["number"], exact=True).fill("98000 00007")
    await board.get_by_role("button", name=texts["do-suppress"]).click()
    await confirm("suppress", SuppressNumbers)
    await board.get_by_role("link", name=texts["to-recordings"]).click()
    await expect(board.locator("#recordings-title")).to_be_visible()
    await board.get_by_role("link", name=texts["to-reports"]).click()
    await board.wait_for_selector("main .panel")
    await board.get_by_role("link", name=texts["to-board"]).click()
    await board.wait_for_selector(".seat-card")

    # In the evening everything is stopped.
    await board.locator("header .grave").click()
    await confirm("stop-all", StopAll)
    await board.locator("[popovertarget=account-menu]").click()
    await board.get_by_role("button", name=texts["sign-out"], exact=True).click()
    await expect(board.locator("input[name=password]")).to_be_visible()
