"""The agent's first day: sign in, talk to a voter, and enter the result of the call."""

from __future__ import annotations

from playwright.sync_api import expect

from dialer.mqtt.embedded_broker import find_free_port, is_port_free
from tests.journeys.access import CentreAccess
from tests.journeys.journey import Journey

CALL_MS = 120_000
SETTLED_MS = 1_000  # keys pressed earlier are attributed to the previous call


def run_without_centre(journey: Journey) -> None:
    """Run the commands on the agent's first-day page; an unknown language is refused."""
    journey.run_first_day_page()
    journey.check_refused("dialer script show polling_day -l xx", "xx")


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Sign in, talk to a voter, enter the result and take a break; then sign in to the training desk."""
    centre = access.centre
    (number, pin), *_ = centre.pins.items()
    page = access.open_page(f"{centre.origin}/agent")
    page.fill("input[name=agent]", number)
    page.fill("input[name=pin]", "000111")
    page.fill("input[name=seat]", "01")
    page.press("input[name=pin]", "Enter")
    expect(page.locator(".problem")).to_have_text("Wrong agent number or PIN.")
    access.take_screenshot(journey, page, "A wrong PIN at the agent's page")
    page.fill("input[name=pin]", pin)
    page.press("input[name=pin]", "Enter")
    page.locator(".state-now").wait_for()
    page.locator(".name").first.wait_for(timeout=CALL_MS)
    page.wait_for_timeout(SETTLED_MS)
    shown = access.take_screenshot(journey, page, "A voter is on the line")
    journey.require("Example Office" in shown, "the call has no script")
    page.keyboard.press("1")
    page.keyboard.press("Enter")  # no marks for the rest of the household
    expect(page.locator(".entry.saved").first).to_be_visible()
    access.take_screenshot(journey, page, "The disposition is stored")
    for keys in (("NumpadMultiply", "3"), ("NumpadMultiply", "2", "1")):  # hang up, then a break after it
        for key in keys:
            page.keyboard.press(key)
    expect(page.locator(".state-now")).to_contain_text("विराम", timeout=CALL_MS)
    access.take_screenshot(journey, page, "A break")
    phone = access.open_page(f"{centre.origin}/agent", 360, 640)
    access.take_screenshot(journey, phone, "The sign-in on a phone")
    journey.run("dialer report dispositions -c centre.toml", "voted")
    _practise_at_training_desk(journey, access)


def _practise_at_training_desk(journey: Journey, access: CentreAccess) -> None:
    centre, port = access.centre, find_free_port()
    command = "dialer desk serve -c centre.toml --training"
    journey.check_refused(command, "(Address already in use); set another `desk.port` or `desk.host`")
    text = (centre.folder / "centre.toml").read_text().replace(f"port = {centre.ports['desk']}", f"port = {port}")
    (centre.folder / "training.toml").write_text(text)
    centre.start("training", centre.dialer, "desk", "serve", "-c", "training.toml", "--training")
    centre.wait_until(lambda: not is_port_free(port), "the training desk")
    (number, pin), *_ = centre.pins.items()
    page = access.open_page(f"http://127.0.0.1:{port}/agent")
    page.fill("input[name=agent]", number)
    page.fill("input[name=pin]", pin)
    page.fill("input[name=seat]", "01")
    page.press("input[name=pin]", "Enter")
    page.locator(".name").first.wait_for(timeout=CALL_MS)
    access.take_screenshot(journey, page, "Training: a made-up voter")
    centre.stop("training")
