"""The supervisor's first day: watch the board, send commands and stop campaigns."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.access import CentreAccess
from tests.journeys.journey import Journey

PASSWORD = "lorry-mango-violin"


def run_without_centre(journey: Journey) -> None:
    """Run the commands on the supervisor's first-day page; unknown commands and roles are refused."""
    journey.run_first_day_page()
    journey.check_refused("dialer command puase turnout-agents -c centre.toml", "puase", "pause")
    journey.check_refused("dialer command pause -c centre.toml", "campaign_id")
    journey.check_refused("dialer command pause turnout-agents -c centre.toml", "is not reachable")
    journey.check_refused(
        "dialer user add ravi boss -c centre.toml",
        "`role` must be 'viewer', 'listener', 'coach', 'compliance' or 'supervisor'",
    )


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Sign in with a one-time password, and send commands from the shell and from the board."""
    centre = access.centre
    once = journey.run("dialer user password supervisor --once -c centre.toml")
    page = access.open_page(f"{centre.origin}/board")
    page.fill("input[name=name]", "supervisor")
    page.fill("input[name=password]", "not-this-one")
    page.press("input[name=password]", "Enter")
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    page.fill("input[name=password]", once)
    page.press("input[name=password]", "Enter")
    page.fill("input[name=new]", PASSWORD)
    access.take_screenshot(journey, page, "A one-time password has to be changed")
    page.press("input[name=new]", "Enter")
    page.locator(".seat-card").first.wait_for()
    shown = access.take_screenshot(journey, page, "The board")
    journey.require("turnout-agents" in shown, "the board does not name the campaign")
    journey.run("dialer board -c centre.toml", "pune-1", "turnout-agents")
    journey.run("dialer command pause turnout-agents -c centre.toml --as supervisor")
    page.locator(".campaign", has_text="turnout-agents").get_by_role(
        "button", name="Start campaign turnout-agents"
    ).wait_for()
    access.take_screenshot(journey, page, "A campaign paused from the shell")
    journey.check_refused("dialer command pause turnuot -c centre.toml --as supervisor", "turnuot", "turnout-agents")
    journey.check_refused("dialer command pause campain=turnout-agents -c centre.toml", "did you mean `campaign_id`?")
    journey.run("dialer command resume turnout-agents -c centre.toml --as supervisor")
    journey.check_refused("dialer command seat-unlock 01 -c centre.toml --as supervisor", "seat 01 is not locked")
    page.get_by_role("button", name="Stop all campaigns").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop all campaigns").click()
    expect(page.get_by_role("status")).to_contain_text("Command carried out")
    page.locator(".campaign", has_text="turnout-agents").get_by_text("stopped", exact=True).wait_for()
    access.take_screenshot(journey, page, "Everything is stopped")
    journey.run("dialer command resume turnout-agents -c centre.toml --as supervisor")
    journey.run("dialer user add meena listener -c centre.toml --as supervisor", "meena")
    page.set_viewport_size({"width": 360, "height": 640})
    access.take_screenshot(journey, page, "The board on a phone")
