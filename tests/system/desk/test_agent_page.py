"""The agent's page in Chromium: screen pop, outcomes by keyboard, and messages about failures.

The desk is `AgentDesk`, with the real request checks, headers and event stream.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.mqtt.dialler_client import DeskStatus
from tests.support.agent_desk import TEN_FORTY, AgentDesk, agent_desk, voter
from tests.support.browser import (
    NEEDS_A_BROWSER,
    PATIENCE_MS,
    SIZES,
    assert_accessible,
    close_pages_after,
    find_accessibility_violations,
    find_overflowing_elements,
    ignore_http_errors,
    measure_page_bytes,
    new_page,
)

MOST_PAGE_BYTES = 60_000
SETTLED_MS = 800  # the page refuses keys sooner after a call arrives
UNDO_MS = 5_000
ELEVEN = TEN_FORTY + 1_200
LANGUAGES = sorted(path.stem for path in (SOURCES / "locales/agent").glob("*.ftl"))
FOUR_IN_THE_AFTERNOON = pytest.approx(TEN_FORTY + 5 * 3_600 + 20 * 60, abs=1.0)
HINDI = dict(zip("0123456789", "०१२३४५६७८९", strict=True))

pytestmark = NEEDS_A_BROWSER


@dataclass(slots=True)
class Site:
    """The desk of one seat, and a browser."""

    desk: AgentDesk
    browser: Browser
    faults: list[str]

    async def page(self, width: int = 1366, height: int = 768, language: str = "en") -> Page:
        """Open the page of an agent with this language. Tests can advance its clock."""
        self.desk.me["language"] = language
        page = await new_page(self.browser, self.faults, width, height, f"{language}-IN")
        await page.clock.install()
        await page.goto(f"{self.desk.origin}/agent")
        return page

    async def open_ready_page(self, **how: Any) -> Page:
        """Open the page and wait for the seat's state."""
        page = await self.page(**how)
        await page.wait_for_selector(".state-now")
        return page

    async def call(self, page: Page, attempt: str, voters: list[dict[str, Any]], **more: Any) -> None:
        """Connect a call and wait until the page shows it and accepts keys."""
        self.desk.call(attempt, voters, **more)
        await page.locator(f".name:has-text('{voters[0]['name']}')").wait_for()
        await page.clock.run_for(SETTLED_MS)


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser) -> AsyncIterator[Site]:
    faults: list[str] = []
    async with agent_desk() as desk, close_pages_after(browser):
        yield Site(desk, browser, faults)
    assert not faults


def household(first: int, count: int) -> list[dict[str, Any]]:
    return [voter(first + index, f"Voter {first + index}") for index in range(count)]


async def advance_clock_until(page: Page, done: Callable[[], bool]) -> None:
    """Advance the page's clock until `done` returns True."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not done():
            await page.clock.run_for(500)


async def test_agent_signs_in_with_number_and_pin(site: Site) -> None:
    site.desk.signed_in = False
    page = await site.page()
    await page.fill("input[name=agent]", "17")
    await page.fill("input[name=pin]", "1111")
    await page.select_option("select[name=seat]", "seat-04")
    await page.press("input[name=pin]", "Enter")
    await expect(page.locator(".problem")).to_have_text("Wrong agent number or PIN.")
    ignore_http_errors(site.faults, 401)
    await page.fill("input[name=pin]", "2468")
    await page.press("input[name=pin]", "Enter")
    await expect(page.locator(".waiting")).to_have_text("Waiting for the next voter")
    assert "2468" not in await page.evaluate("JSON.stringify([localStorage, sessionStorage])")


TEXT_WIDTH = """() => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector("h1"));
  return range.getBoundingClientRect().width;
}"""


async def test_agent_page_shows_no_text_in_a_fallback_font(site: Site) -> None:
    site.desk.signed_in = False
    page = await site.page(language="hi")
    await page.wait_for_selector("input[name=agent]")
    width = await page.evaluate(TEXT_WIDTH)
    await page.evaluate("document.body.style.zoom = '2'")  # draws all texts again
    assert await page.evaluate(TEXT_WIDTH) == pytest.approx(2 * width, rel=0.02)


LOADED_FONTS = "[...document.fonts].filter(each => each.status !== 'unloaded').map(each => each.family)"


@pytest.mark.parametrize(("language", "fonts"), [("en", []), ("hi", ["Desk Devanagari"])])
async def test_agent_page_fetches_only_the_font_of_its_language(site: Site, language: str, fonts: list[str]) -> None:
    page = await site.open_ready_page(language=language)
    assert await page.evaluate("document.querySelector('header select').offsetWidth") > 0
    assert await page.evaluate(LOADED_FONTS) == fonts


class Keyboard:
    """A keyboard with the Hindi layout: the usual key codes with Devanagari digits."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self.pressed = 0

    async def press(self, key: str) -> None:
        """Press a digit, alternately on the numeric keypad and in the digit row, or another key by its code."""
        self.pressed += 1
        row = "Numpad" if self.pressed % 2 else "Digit"
        code = {"/": "NumpadDivide", "+": "NumpadAdd"}.get(key, key)
        what = {"code": f"{row}{key}", "key": HINDI[key]} if key in HINDI else {"code": code, "key": key}
        for kind in ("rawKeyDown", "keyUp"):
            await self._session.send("Input.dispatchKeyEvent", {"type": kind, **what})


OUTCOMES: list[tuple[str, dict[str, Any]]] = [
    ("1", {"disposition": "voted"}),
    ("2", {"disposition": "not-yet"}),
    ("36", {"disposition": "later", "hour": 16}),
    ("4", {"disposition": "will-not"}),
    ("5", {"disposition": "wrong-number"}),
    ("6", {"disposition": "call-back"}),
    ("72", {"disposition": "language", "language": "bn"}),
    ("/6", {"disposition": "call-back", "call_back_at": FOUR_IN_THE_AFTERNOON, "own_call_back": True}),
    ("+6", {"disposition": "call-back", "call_back_at": FOUR_IN_THE_AFTERNOON}),
    ("8", {"disposition": "refused"}),
    ("9", {"disposition": "opt-out"}),
    ("0", {"disposition": "machine"}),
]


async def test_outcome_of_each_call_needs_at_most_two_keys_on_a_hindi_keyboard(site: Site) -> None:
    page = await site.open_ready_page(language="hi")
    keyboard = Keyboard(await page.context.new_cdp_session(page))
    for number in range(20):
        keys, expected = OUTCOMES[number % len(OUTCOMES)]
        attempt = f"attempt-{number}"
        await site.call(page, attempt, household(100 + number, 1))
        before = keyboard.pressed
        for key in keys:
            await keyboard.press(key)
        assert keyboard.pressed - before <= 2
        if expected["disposition"] in ("refused", "opt-out"):  # published at once, so the page delays it
            await expect(page.locator(".entry.waiting")).to_be_visible()
            await page.clock.run_for(UNDO_MS)
        values = (await site.desk.wait_for_commands("seat-dispose", number + 1))[-1]
        assert values["attempt_id"] == attempt
        reported = values.pop("voters", [])
        assert {key: values[key] for key in expected} == expected
        if expected["disposition"] in ("voted", "not-yet", "later", "will-not"):
            assert [each["mark"] for each in reported] == [expected["disposition"]]
        await expect(page.locator(".entry.saved")).to_be_visible()
        await page.clock.run_for(UNDO_MS)
        await expect(page.locator(".entry")).to_have_count(0)
        site.desk.idle()
        await page.wait_for_selector(".waiting")
    ids = [each for each, name, _ in site.desk.commands if name == "seat-dispose"]
    assert len(set(ids)) == 20


async def test_agent_enters_a_separate_outcome_for_each_voter_of_a_household(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(200, 3))
    await page.keyboard.press("1")
    assert not [name for _, name, _ in site.desk.commands if name == "seat-dispose"]
    await page.keyboard.press("KeyC")
    await expect(page.locator(".member.chosen")).to_contain_text("Voter 202")
    for key in "3", "1", "6":  # both digits of the hour, as on the phone
        await page.keyboard.press(key)
    await page.keyboard.press("2")
    (values,) = await site.desk.wait_for_commands("seat-dispose")
    assert values == {
        "attempt_id": "attempt-1",
        "disposition": "voted",
        "voters": [
            {"voter_id": 200, "mark": "voted"},
            {"voter_id": 201, "mark": "not-yet"},
            {"voter_id": 202, "mark": "later", "hour": 16},
        ],
    }
    assert await site.desk.wait_for_commands("seat-closing") == [{"attempt_id": "attempt-1"}]

    # A voter without an outcome gets no mark and is called again.
    await site.call(page, "attempt-2", household(300, 2))
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("1")
    await page.keyboard.press("Enter")
    values = (await site.desk.wait_for_commands("seat-dispose", 2))[1]
    assert values == {
        "attempt_id": "attempt-2",
        "disposition": "call-back",
        "voters": [{"voter_id": 301, "mark": "voted"}],
    }


async def test_enter_key_ends_the_wrap_up_after_the_outcome_is_saved(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.keyboard.press("1")
    await expect(page.locator(".entry.saved")).to_be_visible()
    site.desk.seat("wrap-up", "attempt-1")
    await expect(page.locator("progress")).to_be_visible()
    await page.keyboard.press("Enter")
    assert await site.desk.wait_for_commands("seat-ready") == [{}]
    site.desk.idle()
    await page.wait_for_selector(".waiting")
    await page.keyboard.press("NumpadMultiply")
    await page.keyboard.press("3")
    await expect(page.locator(".said.bad")).to_contain_text("You have no call")
    assert not [name for _, name, _ in site.desk.commands if name == "seat-hang-up"]


async def test_voters_name_is_shown_first_in_the_writing_system_of_the_page_language(site: Site) -> None:
    page = await site.open_ready_page(language="hi")
    await site.call(page, "attempt-1", [voter(1, "Sunita Kale", name_local="सुनीता काळे")])
    await expect(page.locator(".name")).to_have_text(re.compile(r"^सुनीता काळे\s+Sunita Kale$"))
    await site.call(page, "attempt-2", [voter(2, "Nekiled Patel", name_local="નેકીલેદ પટેલ")])
    await expect(page.locator(".name")).to_have_text(re.compile(r"^Nekiled Patel\s+નેકીલેદ પટેલ$"))


async def test_keyboard_shortcuts_of_the_agent_page_do_nothing_in_text_fields(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.get_by_label("Note").fill("")
    await page.get_by_label("Note").press_sequentially("919")
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    (values,) = await site.desk.wait_for_commands("seat-dispose")
    assert site.desk.notes == {values["note"]: "919"}
    assert values["disposition"] == "voted"


async def test_unsaved_outcome_survives_a_page_reload_and_is_resent(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 2))
    await page.keyboard.press("2")
    await page.get_by_label("Note").fill("after lunch")
    await page.keyboard.press("Escape")
    await page.clock.run_for(1_000)  # the draft goes to the desk
    await page.reload()
    await page.wait_for_selector(".name")
    await page.clock.run_for(SETTLED_MS)
    await expect(page.locator(".chip.said-of")).to_contain_text("Not voted yet")
    await expect(page.get_by_label("Note")).to_have_value("after lunch")

    site.desk.replies = [503] * 100  # the page retries without limit
    await page.keyboard.press("1")
    await expect(page.locator(".entry.retrying")).to_contain_text("Outcome not saved yet")
    await expect(page.locator(".entry.retrying")).to_contain_text("Voter 1")
    kept = await page.evaluate("JSON.stringify(localStorage)")
    assert "not-yet" in kept
    assert "Voter 1" not in kept
    assert "lunch" not in kept
    site.desk.replies = [{"status": "unanswered", "text": ""}]
    await page.reload()
    await expect(page.locator(".entry.retrying")).to_be_visible()
    await page.clock.run_for(1_500)  # it is retried, and shown as saved for five seconds
    await expect(page.locator(".entry.saved")).to_be_visible()
    ids = {each for each, name, _ in site.desk.commands if name == "seat-dispose"}
    assert len(ids) == 1
    assert len(await site.desk.wait_for_commands("seat-dispose")) >= 3
    ignore_http_errors(site.faults, 503)


async def test_unsent_outcome_saved_by_an_earlier_page_version_is_still_sent(site: Site) -> None:
    page = await site.open_ready_page()
    values = {"disposition": "voted", "voters": [{"voter": 1, "mark": "voted"}, {"voter": 2, "mark": "not-yet"}]}
    stored = {"id": "outcome-0001", "attempt": "attempt-1", "values": values, "owesNote": False, "state": "retrying"}
    stored |= {"from": 0, "savedAt": 0, "refusal": None}
    await page.evaluate("stored => localStorage.setItem('matdan-said-17', JSON.stringify([stored]))", stored)
    await page.reload()
    (sent,) = await site.desk.wait_for_commands("seat-dispose")
    assert sent == {
        "attempt_id": "attempt-1",
        "disposition": "voted",
        "voters": [{"voter_id": 1, "mark": "voted"}, {"voter_id": 2, "mark": "not-yet"}],
    }


async def test_note_that_an_agent_writes_after_saving_the_outcome_is_stored(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.keyboard.press("1")
    await expect(page.locator(".entry.saved")).to_be_visible()
    site.desk.away = {"note"}
    await page.get_by_label("Note").fill("ask for the son")
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Note not saved yet.")).to_be_visible()
    site.desk.away = set()
    site.desk.idle()
    await page.wait_for_selector(".waiting")
    await advance_clock_until(page, lambda: bool(site.desk.notes))
    assert site.desk.notes == {"n-attempt-1": "ask for the son"}
    ignore_http_errors(site.faults, 503)


async def test_agent_page_reports_a_note_as_saved_only_after_the_note_was_stored(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.get_by_label("Note").fill("after lunch")
    await page.keyboard.press("Escape")
    await page.clock.run_for(1_000)  # the draft goes to the desk
    site.desk.away = {"note"}
    await page.keyboard.press("1")
    await expect(page.locator(".entry.retrying")).to_be_visible()
    site.desk.away = set()
    await page.reload()  # the call is still there, and the desk has its draft
    await expect(page.locator(".entry.saved")).to_be_visible()
    assert site.desk.notes == {"n-attempt-1": "after lunch"}
    assert (await site.desk.wait_for_commands("seat-dispose"))[0]["note"] == "n-attempt-1"
    await page.clock.run_for(UNDO_MS)

    await site.call(page, "attempt-2", household(2, 1))
    await page.get_by_label("Note").fill("by evening")
    await page.keyboard.press("Escape")
    site.desk.away = {"note"}
    await page.keyboard.press("1")
    await expect(page.locator(".entry.retrying")).to_be_visible()
    site.desk.idle()
    await page.wait_for_selector(".waiting")
    await page.goto("about:blank")
    site.desk.away = set()
    await page.goto(f"{site.desk.origin}/agent")
    await expect(page.locator(".entry.saved")).to_contain_text("Outcome saved without the note")
    assert "note" not in (await site.desk.wait_for_commands("seat-dispose", 2))[1]
    await page.clock.run_for(UNDO_MS * 2)
    await page.get_by_role("button", name="Dismiss").click()
    await expect(page.locator(".entry")).to_have_count(0)
    ignore_http_errors(site.faults, 503)


async def test_unsaved_outcome_of_the_current_call_is_resent_until_the_desk_confirms(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.keyboard.press("4")
    await expect(page.locator(".entry.saved")).to_be_visible()
    await site.call(page, "attempt-2", household(2, 2))
    site.desk.drafts.clear()
    await page.keyboard.press("Backspace")
    await expect(page.locator(".correcting")).to_be_visible()
    await page.keyboard.press("Escape")
    site.desk.away = {"draft"}
    await page.keyboard.press("1")
    await advance_clock_until(page, lambda: bool(site.desk.drafts))
    site.desk.away = set()
    refused = len(site.desk.drafts)
    await advance_clock_until(page, lambda: len(site.desk.drafts) > refused)
    await page.reload()
    await expect(page.locator(".chip.said-of")).to_contain_text("Has voted")
    assert set(site.desk.drafts) == {"attempt-2"}
    ignore_http_errors(site.faults, 503)


async def test_second_window_of_the_agent_page_does_not_resend_an_undone_outcome(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.keyboard.press("9")
    await expect(page.locator(".entry.waiting")).to_be_visible()
    site.desk.taken = True
    second = await page.context.new_page()
    await second.clock.install()
    await second.goto(f"{site.desk.origin}/agent")
    await expect(second.locator(".sign-in [role=alert]")).to_contain_text("is open in another window")
    await page.keyboard.press("Backspace")
    await expect(page.locator(".entry.waiting")).to_have_count(0)
    await second.clock.run_for(UNDO_MS * 2)
    await second.get_by_role("button", name="Use this seat in this window").click()
    await expect(second.locator(".name")).to_be_visible()
    await second.clock.run_for(UNDO_MS * 2)
    await expect(second.locator(".entry")).to_have_count(0)
    assert not [name for _, name, _ in site.desk.commands if name == "seat-dispose"]


async def test_outcome_key_pressed_after_an_undo_replaces_the_undone_outcome(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.keyboard.press("4")
    await expect(page.locator(".entry.saved")).to_contain_text("Will not vote")
    await site.call(page, "attempt-2", household(2, 1))
    await page.keyboard.press("Backspace")
    assert await site.desk.wait_for_commands("seat-undo-disposition") == [{"attempt_id": "attempt-1"}]
    await expect(page.locator(".correcting")).to_contain_text("Voter 1")
    await page.keyboard.press("1")
    values = (await site.desk.wait_for_commands("seat-dispose", 2))[1]
    assert (values["attempt_id"], values["disposition"]) == ("attempt-1", "voted")
    await expect(page.locator(".correcting")).to_have_count(0)
    await page.keyboard.press("2")
    values = (await site.desk.wait_for_commands("seat-dispose", 3))[2]
    assert (values["attempt_id"], values["disposition"]) == ("attempt-2", "not-yet")

    # Outcomes published to other centres are not sent while they can be undone.
    await site.call(page, "attempt-3", household(3, 1))
    await page.keyboard.press("9")
    await expect(page.locator(".entry.waiting")).to_be_visible()
    await page.keyboard.press("Backspace")
    await expect(page.locator(".entry.waiting")).to_have_count(0)
    await page.clock.run_for(UNDO_MS * 2)
    assert len(await site.desk.wait_for_commands("seat-dispose", 3)) == 3


async def test_late_outcome_key_is_not_saved_for_the_next_voter(site: Site) -> None:
    page = await site.open_ready_page()
    await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
    site.desk.call("attempt-1", household(1, 1))
    await page.locator(".name:has-text('Voter 1')").wait_for()
    await page.keyboard.press("1")
    await expect(page.locator(".said.bad")).to_contain_text("A new call had just arrived")
    await page.clock.run_for(SETTLED_MS)
    site.desk.replies = [
        {"status": "refused", "text": "seat seat-04: that call and its wrap-up are over", "code": "call-over"}
    ]
    await page.keyboard.press("1")
    await expect(page.locator(".entry.refused")).to_contain_text(
        "Outcome not saved: The call and its wrap-up have already ended."
    )
    await page.get_by_role("button", name="Dismiss").click()
    await expect(page.locator(".entry")).to_have_count(0)
    assert len(await site.desk.wait_for_commands("seat-dispose")) == 1


async def test_agent_page_shows_a_vote_of_the_voter_reported_by_somebody_else(site: Site) -> None:
    page = await site.open_ready_page()
    people = household(1, 2)
    await site.call(page, "attempt-1", people)
    await expect(page.locator(".warn")).to_have_count(0)
    mark = {"at": site.desk.clock.now(), "kind": "voted", "source": "booth-worker", "hour": None}
    site.desk.call("attempt-1", [{**people[0], "pending": False, "marks": [mark]}, people[1]], opted_out=True)
    await expect(page.locator(".warn")).to_contain_text(
        "Voter 1\u2069: voter has voted. Somebody else has just recorded this outcome."
    )
    await expect(page.locator(".warn")).to_contain_text("has opted out")

    # Marks that this page recorded are not shown as news; those of other household members are.
    await site.call(page, "attempt-2", household(5, 3))
    await page.keyboard.press("1")
    await page.keyboard.press("Enter")
    await site.desk.wait_for_commands("seat-dispose")
    settled = [{**each, "pending": False, "marks": [mark]} for each in household(5, 2)]
    site.desk.call("attempt-2", [*settled, *household(7, 1)])
    await expect(page.locator(".warn")).to_contain_text(
        "Voter 6\u2069: voter has voted. Somebody else has just recorded this outcome."
    )
    await expect(page.locator(".warn")).not_to_contain_text("Voter 5")
    site.desk.seat("reserved", "attempt-1")
    await expect(page.locator(".state-now")).to_contain_text("call incoming")
    site.desk.idle()
    await expect(page.locator(".said")).to_contain_text("cancelled")


async def test_opt_out_is_sent_without_delay_although_the_agents_pc_clock_is_set_back(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    await page.keyboard.press("9")
    await expect(page.locator(".entry.waiting")).to_be_visible()
    await page.clock.set_system_time("2020-01-01T00:00:00Z")
    await page.keyboard.press("Enter")
    assert (await site.desk.wait_for_commands("seat-dispose"))[0]["disposition"] == "opt-out"
    await page.clock.run_for(UNDO_MS)
    await expect(page.locator(".entry")).to_have_count(0)


async def test_agent_page_warns_of_outdated_data_after_a_lost_connection(site: Site) -> None:
    page = await site.open_ready_page()
    site.desk.silent = True
    site.desk.seat("ready", None)
    await page.clock.run_for(30_000)
    await expect(page.locator(".stale")).to_contain_text("This page may be out of date")
    await expect(page.locator(".stale")).to_contain_text("you can still enter outcomes")
    site.desk.silent = False
    site.desk.page_state.set_value_of_key("desk", DeskStatus(False, site.desk.clock.now() - 90))
    await page.clock.run_for(30_000)
    await expect(page.locator(".stale")).to_contain_text(re.compile(r"No update from the dialler for [12]:\d\d"))


async def test_second_window_of_the_agent_page_can_replace_the_first_window(site: Site) -> None:
    site.desk.taken = True
    page = await site.page()
    await expect(page.locator(".sign-in [role=alert]")).to_contain_text("seat-04 is open in another window")
    await page.get_by_role("button", name="Use this seat in this window").click()
    await expect(page.locator(".waiting")).to_be_visible()
    site.desk.page_state.set_value_of_key("ended", "taken")
    await expect(page.locator(".sign-in [role=alert]")).to_contain_text("is now used in another window")
    ignore_http_errors(site.faults, 409)


async def test_agent_page_controls_the_seat_by_buttons_and_typed_star_codes(site: Site) -> None:
    page = await site.open_ready_page()
    await page.get_by_role("button", name="Pause").click()
    await page.locator(".menu:popover-open").get_by_role("button", name="meal").click()
    assert await site.desk.wait_for_commands("seat-pause") == [{"reason": "meal"}]
    site.desk.idle("paused")
    await expect(page.locator(".waiting")).to_contain_text("You are paused")
    await page.keyboard.press("NumpadMultiply")
    await page.keyboard.press("1")
    assert await site.desk.wait_for_commands("seat-ready") == [{}]
    await site.call(page, "attempt-1", household(1, 1))
    await page.get_by_role("button", name="Hang up").click()
    assert await site.desk.wait_for_commands("seat-hang-up") == [{"attempt_id": "attempt-1"}]
    await page.get_by_role("button", name="Transfer").click()
    menu = page.locator(".menu:popover-open")
    await menu.get_by_role("group", name="Transfer call").get_by_role("button", name="desk-lead").click()
    assert await site.desk.wait_for_commands("seat-transfer") == [{"to": "desk-lead", "attempt_id": "attempt-1"}]
    await page.keyboard.press("NumpadMultiply")
    await page.keyboard.press("0")
    await page.get_by_role("dialog").get_by_role("button", name="Log off").click()
    assert await site.desk.wait_for_commands("seat-log-off") == [{}]


async def test_agent_page_shows_a_supervisors_message_until_the_agent_confirms_reading(site: Site) -> None:
    page = await site.open_ready_page()
    line = {"text": "<b>the second page first</b> " * 7, "at": 1_776_740_000.125, "sender": "asha"}
    site.desk.seat("ready", message=line)
    await expect(page.locator(".line")).to_contain_text("<b>the second page first</b>")
    await expect(page.locator(".line")).to_contain_text("asha")
    assert not await find_overflowing_elements(page)
    found = await find_accessibility_violations(page)
    await page.get_by_role("button", name="Mark message as read", exact=True).click()
    assert await site.desk.wait_for_commands("seat-message-read") == [{"message_at": line["at"]}]
    site.desk.seat("ready")
    await expect(page.locator(".line")).to_have_count(0)
    assert_accessible(found)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("NotAllowedError", "Allow it next to the page address"),
        ("NotFoundError", "No microphone found"),
        ("NotReadableError", "Another program is using the microphone"),
    ],
)
async def test_agent_page_reports_a_blocked_microphone_and_can_repeat_the_request_for_access(
    site: Site, error: str, told: str
) -> None:
    site.desk.me["phone"] = "browser"
    page = await new_page(site.browser, site.faults)
    refuses = f"navigator.mediaDevices.getUserMedia = () => (asked++, Promise.reject(new DOMException('', '{error}')))"
    await page.add_init_script(f"window.asked = 0; {refuses}")
    await page.goto(f"{site.desk.origin}/agent")
    await expect(page.get_by_role("alert").filter(has_text=told)).to_be_visible()
    found = await find_accessibility_violations(page)
    await page.get_by_role("alert").get_by_role("button", name="Reconnect").click()
    assert await page.evaluate("asked") == 2
    await expect(page.get_by_role("button", name="Phone unavailable")).to_be_visible()
    await page.get_by_role("button", name="Phone unavailable").click()
    assert_accessible(found + await find_accessibility_violations(page))


async def test_agent_page_on_an_insecure_address_reports_that_the_microphone_is_unavailable(site: Site) -> None:
    site.desk.me["phone"] = "browser"
    page = await new_page(site.browser, site.faults)
    await page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    await page.goto(f"{site.desk.origin}/agent")
    await expect(page.get_by_role("alert").filter(has_text="Open the desk at its https address")).to_be_visible()


@pytest.mark.parametrize("pc", ["2001-01-01T00:00:00Z", "2037-06-01T12:00:00Z"])
async def test_agent_page_uses_the_servers_clock_on_a_pc_with_a_wrong_clock(site: Site, pc: str) -> None:
    page = await new_page(site.browser, site.faults)
    await page.clock.install(time=pc)
    await page.goto(f"{site.desk.origin}/agent")
    await page.wait_for_selector(".state-now")
    await site.call(page, "attempt-1", household(100, 1))
    await expect(page.locator(".closes")).to_contain_text("closes in 7:1")
    await page.keyboard.press("NumpadAdd")
    await page.keyboard.press("Enter")  # the next hour
    (said,) = await site.desk.wait_for_commands("seat-dispose")
    assert abs(said["call_back_at"] - ELEVEN) < 5
    await expect(page.locator(".entry.saved")).to_be_visible()
    await page.clock.run_for(UNDO_MS + 500)
    await expect(page.locator(".entry")).to_have_count(0)


async def test_agent_page_that_stays_open_over_midnight_shows_the_new_day(site: Site) -> None:
    site.desk.page_state.set_value_of_key("figures", FIGURES)
    page = await site.open_ready_page()
    await expect(page.locator(".figures")).to_contain_text("43")
    site.desk.clock.ahead = ELEVEN + 12 * 3600 + 3590 - site.desk.clock.now()  # ten seconds to midnight
    await site.call(page, "attempt-1", household(100, 1), booth=None)
    await page.keyboard.press("3")
    await expect(page.locator(".said")).to_contain_text("the poll closes in less than an hour")
    site.desk.clock.ahead += 20
    site.desk.page_state.set_value_of_key("figures", {**FIGURES, "calls": 0})
    site.desk.call("attempt-1", household(100, 1), booth=None, state="wrap-up")
    await expect(page.locator(".state-now.wrap-up")).to_be_visible()
    for key in "309":
        await page.keyboard.press(key)
    (said,) = await site.desk.wait_for_commands("seat-dispose")
    assert (said["disposition"], said["hour"]) == ("later", 9)
    site.desk.idle()
    await expect(page.locator(".figures")).not_to_contain_text("43")


async def test_idle_agent_page_shows_the_next_call_back_and_the_team_average(site: Site) -> None:
    page = await site.open_ready_page()
    await expect(page.get_by_text("Your figures appear here after your first call.")).to_be_visible()
    await expect(page.get_by_text("Call-backs that you promise for today appear here.")).to_be_visible()
    await expect(page.locator(".next-call-back")).to_have_count(0)
    site.desk.page_state.set_value_of_key("figures", FIGURES)
    site.desk.page_state.set_value_of_key("call_backs", CALL_BACKS)
    await expect(page.locator(".next-call-back")).to_have_text(re.compile(r"Next call-back in 1\d:\d\d: 11:00 Sunita"))
    await expect(page.locator(".figures")).to_contain_text(
        re.compile(r"Voters contacted\s*29\s*Contacts per hour\s*13.1")
    )
    await expect(page.locator(".figures")).to_contain_text("team average 14.2")
    site.desk.clock.ahead = 1_200
    site.desk.idle()
    await expect(page.locator(".next-call-back.due")).to_contain_text("Call-back due now: 11:00 Sunita")
    site.desk.page_state.set_value_of_key(
        "figures", {**FIGURES, "contacts_per_hour": None, "team_contacts_per_hour": None}
    )
    await expect(page.locator(".figures")).to_contain_text(re.compile(r"Contacts per hour\s*–\s*Talk time"))


async def test_keyboard_help_opens_by_question_mark_and_returns_the_focus(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1))
    help_dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    await page.get_by_label("Note").press("Shift+Slash")
    await expect(page.get_by_label("Note")).to_have_value("?")
    await expect(help_dialog).to_have_count(0)
    hang_up = page.get_by_role("button", name="Hang up")
    await hang_up.focus()
    await page.keyboard.press("Shift+Slash")
    await expect(help_dialog).to_contain_text("undo an outcome within 5 seconds")
    assert not await find_overflowing_elements(page)
    found = await find_accessibility_violations(page)
    await page.keyboard.press("1")  # not an outcome while the help is open
    await page.keyboard.press("Escape")
    await expect(help_dialog).to_have_count(0)
    await expect(hang_up).to_be_focused()
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await help_dialog.get_by_role("button", name="Close").click()
    await expect(help_dialog).to_have_count(0)
    assert not [name for _, name, _ in site.desk.commands if name == "seat-dispose"]
    assert_accessible(found)


async def test_agent_page_does_not_offer_outcomes_that_the_campaign_refuses(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 1), outcomes=["voted", "not-yet"], call_back_times=False)
    await expect(page.locator(".keypad button")).to_have_text([re.compile("Has voted"), re.compile("Not voted yet")])
    await page.keyboard.press("0")
    await expect(page.locator(".said.bad")).to_have_text("This campaign does not accept this outcome.")
    await page.keyboard.press("NumpadAdd")
    await expect(page.locator(".said.bad")).to_contain_text("No call-back can be promised")
    await page.keyboard.press("2")
    (values,) = await site.desk.wait_for_commands("seat-dispose")
    assert values["disposition"] == "not-yet"


@pytest.mark.parametrize("phone", ["own", "browser"])
async def test_agent_page_mentions_phone_keys_only_at_a_seat_with_a_desk_phone(site: Site, phone: str) -> None:
    site.desk.me["phone"] = phone
    page = await new_page(site.browser, site.faults)
    await page.add_init_script("navigator.mediaDevices.getUserMedia = () => new Promise(() => {})")
    await page.goto(f"{site.desk.origin}/agent")
    await page.wait_for_selector(".state-now")
    site.desk.idle("lost")
    lost = page.locator(".waiting")
    await expect(lost).to_contain_text("answer it" if phone == "own" else "reconnects it automatically")
    await page.keyboard.press("Shift+Slash")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(keys).to_contain_text("the same as on the phone" if phone == "own" else "on this keyboard")
    await page.keyboard.press("Escape")
    site.desk.page_state.set_value_of_key("desk", DeskStatus(False, TEN_FORTY))
    stale = page.get_by_role("alert").filter(has_text="No update from the dialler")
    await expect(stale).to_contain_text("with the phone's keys" if phone == "own" else "Go on entering outcomes here")


SCRIPT: dict[str, Any] = {
    "name": "polling_day",
    "version": "1",
    "start": "greeting",
    "pages": {
        "greeting": {
            "text": "This is {centre}.\nYour flat is {house}, {relative}.\nThe booth is {booth}, until {closes}.",
            "ask": {"name": "who", "answers": [{"value": "voter", "label": "Yes", "to": "end"}]},
            "next": None,
            "closing": False,
        },
        "end": {"text": "Goodbye, {voter}.", "ask": None, "next": None, "closing": True},
    },
}


async def test_call_script_shows_the_voters_data_and_saves_answers(site: Site) -> None:
    page = await site.open_ready_page()
    people = [voter(1, "Sunita Kale", relative=None)]
    await site.call(page, "attempt-1", people, script=SCRIPT)
    await expect(page.locator(".script")).to_contain_text("The booth is Municipal School No. 14, Room 2, until 18:00.")
    await expect(page.locator(".script")).not_to_contain_text("Your flat")  # its value is unknown
    await page.locator("section", has_text="Script").get_by_role("button", name="Yes").click()
    await expect(page.locator(".script")).to_have_text("Goodbye, Sunita Kale.")
    assert await site.desk.wait_for_commands("seat-closing") == [{"attempt_id": "attempt-1"}]
    await page.keyboard.press("1")
    (values,) = await site.desk.wait_for_commands("seat-dispose")
    assert values["answers"] == {"who": "voter"}


def script_page(name: str, *ways: str) -> dict[str, Any]:
    """Return a page of a script. Each answer is named like the page that it leads to."""
    answers = [{"value": to, "label": f"To {to}", "to": to} for to in ways]
    return {"text": name, "ask": {"name": name, "answers": answers}, "next": None, "closing": False}


WAYS: dict[str, Any] = {
    "name": "ways",
    "version": "1",
    "start": "who",
    "pages": {"who": script_page("who", "way", "end"), "way": script_page("way", "end"), "end": SCRIPT["pages"]["end"]},
}


async def test_script_answers_of_pages_that_the_agent_went_back_from_are_not_saved(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", [voter(1, "Sunita Kale")], script=WAYS)
    script = page.locator("section", has_text="Script")
    for label in ("To way", "To end", "←", "←", "To end"):
        await script.get_by_role("button", name=label).click()
    await page.keyboard.press("1")
    (values,) = await site.desk.wait_for_commands("seat-dispose")
    assert values["answers"] == {"who": "end"}


async def test_outcome_is_saved_without_script_answers_if_the_script_has_changed_meanwhile(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", [voter(1, "Sunita Kale")], script=SCRIPT)
    await page.locator("section", has_text="Script").get_by_role("button", name="Yes").click()
    await site.desk.wait_for_commands("seat-closing")
    refusal = "the disposition was not saved: the script of campaign turnout-agents has no question who"
    site.desk.replies.append({"status": "refused", "text": refusal, "code": "other-script"})
    await page.keyboard.press("1")
    first, second = await site.desk.wait_for_commands("seat-dispose", 2)
    assert first == {**second, "answers": {"who": "voter"}}
    ids = [each for each, name, _ in site.desk.commands if name == "seat-dispose"]
    assert len(set(ids)) == 2


async def test_agent_page_sends_entered_outcomes_when_the_wrap_up_ends(site: Site) -> None:
    page = await site.open_ready_page()
    await site.call(page, "attempt-1", household(1, 2))
    await page.keyboard.press("2")
    site.desk.seat("wrap-up", "attempt-1", since=site.desk.clock.now() - 20)
    await expect(page.locator(".state-now")).to_contain_text("remaining")
    assert not [name for _, name, _ in site.desk.commands if name == "seat-dispose"]
    site.desk.seat("wrap-up", "attempt-1", since=site.desk.clock.now() - 29)
    (values,) = await site.desk.wait_for_commands("seat-dispose")
    assert (values["disposition"], values["voters"]) == ("not-yet", [{"voter_id": 1, "mark": "not-yet"}])


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg/onload=alert(1)>',
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "{ $x } { voter } ${alert(1)}",
    "</title><iframe srcdoc='<script>parent.alert(1)</script>'>",
    "&lt;img src=x onerror=alert(1)&gt;",
    "\u202eevil\u202c \u2067right\u2069 to left",
    "\x00\x07 bell",
    "अ" * 10_000,
]


async def test_untrusted_text_on_the_agent_page_is_shown_as_plain_text(site: Site) -> None:
    page = await site.open_ready_page()
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    for number, text in enumerate(HOSTILE):
        people = [voter(number * 10 + each, text, relative=text, house=text, name_local=text) for each in range(2)]
        booth = {"name": text, "address": text, "constituency": text, "part": 1, "opens_at": None, "closes_at": None}
        site.desk.call(
            f"attempt-{number}",
            people,
            booth=booth,
            note={"text": text, "at": 1.0},
            script=SCRIPT,
            masked=f"No. {number}",
        )
        await expect(page.locator("#who-title + .id")).to_have_text(f"No. {number}")
        await page.clock.run_for(SETTLED_MS)
        await page.keyboard.press("1")
        assert not await find_overflowing_elements(page)
    await page.get_by_role("button", name="Show the whole text").first.click()
    await expect(page.locator(".name")).to_contain_text(HOSTILE[-1])
    assert not await find_overflowing_elements(page)
    assert not alerts
    assert (
        await page.evaluate(
            "document.querySelectorAll('main img, main script, main iframe, main svg:not(.icon)').length"
        )
        == 0
    )


@pytest.mark.parametrize("language", ["en", "hi"])
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_agent_page_is_accessible_and_truncates_no_text(
    site: Site, language: str, width: int, height: int
) -> None:
    site.desk.signed_in = False
    page = await site.page(width, height, language)
    await page.wait_for_selector("input[name=pin]")
    await expect(page.locator("html")).to_have_attribute("lang", language)
    assert not await find_overflowing_elements(page)
    found = await find_accessibility_violations(page)
    site.desk.signed_in = True
    site.desk.page_state.set_value_of_key("figures", FIGURES)
    site.desk.page_state.set_value_of_key("call_backs", CALL_BACKS)
    await page.reload()
    promised = page.locator(".call-backs li")
    await expect(promised.first).to_contain_text("सुनीता" if language == "hi" else "Sunita Mohan Kale")
    await expect(promised.last).to_contain_text("•••• 1002")
    assert not await find_overflowing_elements(page)
    found += await find_accessibility_violations(page)
    people = [
        voter(1, "Sunita Mohan Kale", name_local="सुनीता मोहन काळे"),
        voter(2, "Venkatanarasimharajuvaripeta Subrahmanyeswara"),
    ]
    await site.call(page, "attempt-1", people, script=SCRIPT, calls=CALLS)
    await page.locator(".member .icon-button").first.click()
    await page.locator(".menu:popover-open").wait_for()
    found += await find_accessibility_violations(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    await page.keyboard.press("3")
    assert not await find_overflowing_elements(page)
    found += await find_accessibility_violations(page)
    await page.keyboard.press("6")
    site.desk.seat("wrap-up", "attempt-1")
    await expect(page.locator("progress")).to_be_visible()
    assert not await find_overflowing_elements(page)
    found += await find_accessibility_violations(page)
    assert_accessible(found)


async def test_agent_page_texts_fit_in_every_language_and_urdu_runs_right_to_left(site: Site) -> None:
    page = await site.open_ready_page(width=360, height=640)
    await site.call(page, "attempt-1", household(1, 2), script=SCRIPT, calls=CALLS)
    found: list[Any] = []
    for language in LANGUAGES:
        await page.locator("header select").select_option(language)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ur" else "ltr")
        assert not await find_overflowing_elements(page), language
        found += await find_accessibility_violations(page)
    site.desk.page_state.set_value_of_key("coaching", COACHING_NOTES)
    site.desk.idle()
    await expect(page.locator(".coaching li")).to_have_count(2)
    for language in LANGUAGES:
        await page.locator("header select").select_option(language)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert not await find_overflowing_elements(page), language
        found += await find_accessibility_violations(page)
    assert_accessible(found)


COACHING_NOTES = [
    {"note": f"{number:032x}", "campaign": "turnout-agents", "call_at": TEN_FORTY - 3_600, "author": "asha"}
    | {"text": "Ask for the hour before you thank the voter.", "read": number == 1}
    for number in (2, 1)
]
FIGURES = {
    "calls": 43,
    "talked_seconds": 5123.0,
    "wrap_up_seconds": 612.0,
    "paused_seconds": 1500.0,
    "dispositions": {"voted": 17, "not-yet": 9, "none": 1},
    "marks": {"voted": 17},
    "contacts": 29,
    "contacts_per_hour": 13.1,
    "team_contacts_per_hour": 14.2,
}
CALL_BACKS = [
    {"at": TEN_FORTY + 1_200, "until": TEN_FORTY + 2_100, "campaign": "turnout-agents", "masked": "•••• 1001"}
    | {"name": "Sunita Mohan Kale", "name_local": "सुनीता मोहन काळे"},
    {"at": TEN_FORTY + 4_800, "until": TEN_FORTY + 5_700, "campaign": "turnout-agents", "masked": "•••• 1002"}
    | {"name": None, "name_local": None},
]
CALLS = [
    {"at": 1_776_740_000.0, "campaign": "turnout-agents", "outcome": "connected", "disposition": "not-yet"},
    {"at": 1_776_640_000.0, "campaign": "turnout-agents", "outcome": "no-answer", "disposition": None},
]


async def test_agent_page_stays_below_its_download_size_limit(site: Site) -> None:
    page = await site.browser.new_page(locale="hi-IN")
    packed = await measure_page_bytes(page, f"{site.desk.origin}/agent", ".waiting")
    assert packed < MOST_PAGE_BYTES  # without the phone's SIP library, which is loaded only if the browser is the phone


# Manual calls and previews


async def show_preview(site: Site, page: Page, attempt: str, *, dials: bool = False, seconds: float = 60.0) -> None:
    """Show a preview: the screen pop of a call that has not been dialled."""
    site.desk.call(attempt, household(500, 2), "reserved", phone=7)
    site.desk.seat("reserved", attempt, preview={"until": site.desk.clock.now() + seconds, "auto_dial": dials})
    await page.locator(".preview").wait_for()
    await page.clock.run_for(SETTLED_MS)


async def test_previewed_call_is_dialled_or_skipped_on_a_hindi_keyboard(site: Site) -> None:
    page = await site.open_ready_page(language="hi")
    keyboard = Keyboard(await page.context.new_cdp_session(page))
    await show_preview(site, page, "attempt-1")
    await expect(page.locator(".keypad.two")).to_contain_text("डायल करें")
    await keyboard.press("1")  # not an outcome: the call is not connected
    await keyboard.press("0")
    await keyboard.press("3")
    assert await site.desk.wait_for_commands("seat-preview-skip") == [{"attempt_id": "attempt-1", "reason": "known"}]
    site.desk.idle()
    await page.wait_for_selector(".waiting")
    await show_preview(site, page, "attempt-2")
    await keyboard.press("NumpadEnter")
    assert await site.desk.wait_for_commands("seat-preview-dial") == [{"attempt_id": "attempt-2"}]
    assert not [name for _, name, _ in site.desk.commands if name == "seat-dispose"]
    site.desk.seat("reserved", "attempt-2", dialling=True)
    await expect(page.locator(".dialling")).to_contain_text("मतदाता को फ़ोन लगाया जा रहा है")
    await page.keyboard.press("NumpadMultiply")
    await page.keyboard.press("3")
    assert await site.desk.wait_for_commands("seat-hang-up") == [{"attempt_id": "attempt-2"}]


async def test_key_pressed_for_the_previous_call_does_not_dial_the_next_call_preview(site: Site) -> None:
    page = await site.open_ready_page()
    site.desk.call("attempt-1", household(500, 1), "reserved", phone=7)
    site.desk.seat("reserved", "attempt-1", preview={"until": site.desk.clock.now() + 60, "auto_dial": False})
    await page.locator(".preview").wait_for()
    await page.keyboard.press("Enter")
    await expect(page.locator(".said")).to_contain_text("A new call had just arrived")
    assert not site.desk.commands


async def test_call_preview_shows_its_deadline_and_is_accessible(site: Site) -> None:
    page = await site.open_ready_page(width=360, height=640)
    await show_preview(site, page, "attempt-1", seconds=90)
    await expect(page.locator(".until")).to_contain_text("Call preview expires in 1:")
    await page.locator(".preview button", has_text="Skip").click()
    await expect(page.locator(".preview .detail button")).to_have_count(6)
    assert not await find_overflowing_elements(page)
    found = await find_accessibility_violations(page)
    await page.keyboard.press("Escape")
    await expect(page.locator(".preview .detail")).to_have_count(0)
    await show_preview(site, page, "attempt-2", dials=True, seconds=20)
    await expect(page.locator(".until.near")).to_contain_text("The voter is dialled automatically in 0:")
    for language in LANGUAGES:
        await page.locator("header select").select_option(language)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert not await find_overflowing_elements(page), language
    assert_accessible(found)


async def test_number_typed_by_the_agent_is_dialled_and_not_stored_in_the_browser(site: Site) -> None:
    site.desk.me["manual"] = ["turnout-agents"]
    page = await site.open_ready_page()
    await page.fill(".manual input", "98123 00000")
    await page.press(".manual input", "Enter")
    await expect(page.locator(".said")).to_contain_text("not in the list of your campaigns")
    await page.fill(".manual input", "what is it")
    await page.press(".manual input", "Enter")
    await expect(page.locator(".said")).to_contain_text("Not a valid phone number")
    site.faults.clear()  # the browser logs each 422
    await page.fill(".manual input", "+91 98123 45678")
    await page.press(".manual input", "Enter")
    await expect(page.locator(".said")).to_contain_text("Dialling the number.")
    await expect(page.locator(".manual input")).to_have_value("")
    assert "98123" not in page.url
    assert "98123" not in await page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    await site.call(page, "attempt-1", household(500, 1), phone=7)
    site.desk.idle("paused")
    await page.locator(".manual .recent button").click()
    assert await site.desk.wait_for_commands("seat-dial") == [{"campaign_id": "turnout-agents", "phone_id": 7}]
    assert_accessible(await find_accessibility_violations(page))


async def test_phone_number_field_is_hidden_if_manual_dialling_is_off(site: Site) -> None:
    page = await site.open_ready_page()
    await expect(page.locator(".manual")).to_have_count(0)
