"""An agent's page, a real desk, a real broker and a real store: sign-in, screen pop and outcome.

The dialler is a real monitor with an engine that only records commands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.server import OpenDesk, serve_pages_of_desk
from dialer.domain.clock import SystemClock
from dialer.domain.view import ScreenPop, SeatState, SeatView
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.dispositions.commands import SeatDispose
from dialer.engine.seats.commands import SeatSignIn
from dialer.flows.script import load_script
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.settings.site import Settings
from dialer.store.connection import open_store_exclusively
from dialer.store.store import open_store
from tests.support.browser import NEEDS_A_BROWSER, close_pages_after, ignore_http_errors, new_page
from tests.support.desk import PIN, two_agent_settings
from tests.support.fake_centre import FakeEngine, centre_view, change_state
from tests.support.screen_pop import ATTEMPT, LONG_NAME, fill_household
from tests.support.seats import CHEAP

pytestmark = NEEDS_A_BROWSER

SETTLED_MS = 800  # the page refuses keys sooner after a call arrives
EMPTY = SeatView("04", 0.0, None, SeatState.OFFLINE, 0.0, None, None, 0.0, 0)
POP = ScreenPop(ATTEMPT, 1, 2, 118, (2, 3), opted_out=False, grounds=3)


class SeatEngine(FakeEngine):
    """An engine with one seat for any agent who signs in."""

    def seat(self, state: SeatState, **more: Any) -> None:
        """Publish the seat's state."""
        now = SystemClock().now()
        seat = replace(EMPTY, agent="101", state=state, at=now, since=now, **more)
        self.current = change_state(replace(self.current, seats=(seat,)), at=now)
        self.tell(seat)

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Record the command. A sign-in makes the seat ready."""
        done = await super().execute_command(command, context)
        if isinstance(command, SeatSignIn):
            self.seat(SeatState.READY)
        return done


@dataclass(slots=True)
class Site:
    """A centre with one seat, its desk and an agent's page."""

    engine: SeatEngine
    desk: OpenDesk
    page: Page
    faults: list[str]


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    store_path = tmp_path / "centre.db"
    given = two_agent_settings().model_dump(exclude_unset=True)
    settings = Settings.model_validate(given | {"store": {"path": store_path}, "desk": {"port": 0, "user": "desk"}})
    view = centre_view(seats=0)
    campaign = replace(view.campaigns[0], script=str(load_script("polling_day")))
    engine = SeatEngine(change_state(replace(view, campaigns=(campaign,), seats=(EMPTY,)), at=SystemClock().now()))
    senders = Senders([Sender(each.name, frozenset({each.role})) for each in settings.supervisors])
    faults: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker())
        store = await open_store(store_path, encode=create_outbox_row_of_result)
        await store.close()
        with open_store_exclusively(store_path, "a test") as db:
            db.execute(
                "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, constituency_name, part_number, name)"
                " VALUES (118, '1', 'S13', 209, 'Kothrud', 118, 'School')"
            )
        fill_household(store_path, SystemClock().now())
        store = await open_store(store_path, encode=create_outbox_row_of_result)
        stack.push_async_callback(store.close)
        stop = asyncio.Event()
        monitor = Monitor(Presence("pune-1", broker.connection_settings, SystemClock()), engine, store, senders)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        desk = await stack.enter_async_context(
            serve_pages_of_desk(settings, broker=broker.connection_settings, hasher=CHEAP)
        )
        await stack.enter_async_context(close_pages_after(browser))
        page = await new_page(browser, faults)
        await page.clock.install()
        await page.goto(f"{desk.origin}/agent")
        yield Site(engine, desk, page, faults)
        stop.set()
        await running
        assert not faults


async def test_agent_signs_in_sees_the_voter_and_records_an_outcome(site: Site) -> None:
    page = site.page
    await page.get_by_label("Language").select_option("en")
    await page.fill("input[name=agent]", "101")
    await page.fill("input[name=pin]", PIN)
    await page.fill("input[name=seat]", "04")
    await page.press("input[name=pin]", "Enter")
    await expect(page.locator(".waiting")).to_have_text("Waiting for the next voter")

    site.engine.seat(SeatState.RESERVED, campaign_id="turnout-agents", attempt_id=ATTEMPT, screen_pop=POP)
    await expect(page.locator(".name")).to_contain_text(LONG_NAME[:50])
    await expect(page.locator(".member").nth(1)).to_contain_text("<b>Asha</b>")
    await expect(page.locator("#who-title + .id")).to_have_text("•••• 4321")
    await expect(page.locator(".member")).to_have_count(3)
    await expect(page.locator("body")).to_contain_text("on no do-not-call register (ncpr)")
    site.engine.seat(SeatState.TALKING, campaign_id="turnout-agents", attempt_id=ATTEMPT, screen_pop=POP)
    await expect(page.get_by_role("button", name="1 Has voted")).to_be_enabled()

    await page.locator("#script-title").locator("xpath=ancestor::section").get_by_role("button").first.click()
    await page.clock.run_for(SETTLED_MS)
    await page.get_by_label("Note").fill("asks for the bus")
    await page.keyboard.press("Escape")
    async with page.expect_response(lambda answer: answer.url.endswith("/api/agent/draft") and answer.status == 204):
        await page.get_by_role("button", name="2 Not voted yet").click()
        await page.clock.run_for(SETTLED_MS)
    await page.reload()
    await expect(page.locator(".chip.said-of")).to_contain_text("Not voted yet")
    await expect(page.get_by_label("Note")).to_have_value("asks for the bus")
    await expect(page.get_by_role("button", name="1 Has voted")).to_be_enabled()
    await page.clock.run_for(SETTLED_MS)
    site.engine.seat(SeatState.WRAP_UP, campaign_id="turnout-agents", attempt_id=ATTEMPT, screen_pop=POP)
    await expect(page.locator("progress")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".entry.saved")).to_contain_text("Not voted yet")
    (said,) = [command for command in site.engine.executed if isinstance(command, SeatDispose)]
    assert (said.seat, said.disposition_details.attempt_id) == ("04", ATTEMPT)
    assert [(each.voter_id, each.kind.value) for each in said.disposition_details.voters] == [(2, "not-yet")]
    assert said.disposition_details.note is not None
    assert said.disposition_details.answers

    # After log-off the page shows the sign-in.
    assert not site.faults
    site.engine.seat(SeatState.READY)
    await page.get_by_role("button", name="Log off").click()
    await page.get_by_role("dialog").get_by_role("button", name="Log off").click()
    site.engine.tell(EMPTY)
    await expect(page.locator("input[name=pin]")).to_be_visible()
    ignore_http_errors(site.faults, 401, 409)  # 409: a request for the call arrived after the seat had left it
