"""The supervisor's first day: watch, steer, stop."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.visit import Visit
from tests.journeys.walk import Walk

PASSWORD = "lorry-mango-violin"


def alone(walk: Walk) -> None:
    """The page; then commands that are none, and people with no such role."""
    walk.first_day()
    walk.is_refused("dialer command puase turnout-agents -c centre.toml", "puase", "pause")
    walk.is_refused("dialer command pause -c centre.toml", "campaign")
    walk.is_refused("dialer command pause turnout-agents -c centre.toml", "is not reachable")
    walk.is_refused(
        "dialer user add ravi boss -c centre.toml",
        "`role` must be 'viewer', 'listener', 'coach', 'compliance' or 'supervisor'",
    )


def at_work(walk: Walk, visit: Visit) -> None:
    """Sign in with a one-time password, see the board, steer from the shell and from the page."""
    centre = visit.centre
    once = walk.does("dialer user password supervisor --once -c centre.toml")
    page = visit.open(f"{centre.origin}/board")
    page.fill("input[name=name]", "supervisor")
    page.fill("input[name=password]", "not-this-one")
    page.press("input[name=password]", "Enter")
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    page.fill("input[name=password]", once)
    page.press("input[name=password]", "Enter")
    page.fill("input[name=new]", PASSWORD)
    visit.picture(walk, page, "A one-time password has to be changed")
    page.press("input[name=new]", "Enter")
    page.locator(".seat-card").first.wait_for()
    shown = visit.picture(walk, page, "The board")
    walk.must("turnout-agents" in shown, "the board does not name the campaign")
    walk.does("dialer board -c centre.toml", "pune-1", "turnout-agents")
    walk.does("dialer command pause turnout-agents -c centre.toml --as supervisor")
    page.locator(".campaign", has_text="turnout-agents").get_by_role("button", name="Start").wait_for()
    visit.picture(walk, page, "A campaign that was paused from a shell")
    walk.is_refused("dialer command pause turnuot -c centre.toml --as supervisor", "turnuot", "turnout-agents")
    walk.is_refused("dialer command pause campain=turnout-agents -c centre.toml", "did you mean `campaign`?")
    walk.does("dialer command resume turnout-agents -c centre.toml --as supervisor")
    walk.is_refused("dialer command seat-unlock 01 -c centre.toml --as supervisor", "seat 01 is not locked")
    page.get_by_role("button", name="Stop everything").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop everything").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    page.locator(".campaign", has_text="turnout-agents").get_by_text("stopped").wait_for()
    visit.picture(walk, page, "Everything is stopped")
    walk.does("dialer command resume turnout-agents -c centre.toml --as supervisor")
    walk.does("dialer user add meena listener -c centre.toml --as supervisor", "meena")
    page.set_viewport_size({"width": 360, "height": 640})
    visit.picture(walk, page, "The board on a phone")
