"""The agent's first day: sign in, talk, say how it ended."""

from __future__ import annotations

from playwright.sync_api import expect

from dialer.mqtt.embedded_broker import free_port, is_free
from tests.journeys.visit import Visit
from tests.journeys.walk import Walk

CALL_MS = 120_000
SETTLED_MS = 1_000  # a key sooner after a call came is taken for one before


def alone(walk: Walk) -> None:
    """The page: scripts are read before the first call."""
    walk.first_day()
    walk.is_refused("dialer script show polling_day -l xx", "xx")


def at_work(walk: Walk, visit: Visit) -> None:
    """Sign in on the page, talk to a voter, say how it ended, take a break, go home; and the training."""
    centre = visit.centre
    (number, pin), *_ = centre.pins.items()
    page = visit.open(f"{centre.origin}/agent")
    page.fill("input[name=agent]", number)
    page.fill("input[name=pin]", "000111")
    page.select_option("select[name=seat]", "01")
    page.press("input[name=pin]", "Enter")
    expect(page.locator(".problem")).to_have_text("Wrong agent number or PIN.")
    visit.picture(walk, page, "A wrong PIN at the agent's page")
    page.fill("input[name=pin]", pin)
    page.press("input[name=pin]", "Enter")
    page.locator(".state-now").wait_for()
    page.locator(".name").first.wait_for(timeout=CALL_MS)
    page.wait_for_timeout(SETTLED_MS)
    shown = visit.picture(walk, page, "A voter is on the line")
    walk.must("Example Office" in shown, "there is no script beside the call")
    page.keyboard.press("1")
    page.keyboard.press("Enter")  # of a household the others are not spoken of
    expect(page.locator(".entry.saved").first).to_be_visible()
    visit.picture(walk, page, "What was said is kept")
    for keys in (("NumpadMultiply", "3"), ("NumpadMultiply", "2", "1")):  # hang up, then a break after it
        for key in keys:
            page.keyboard.press(key)
    expect(page.locator(".state-now")).to_contain_text("विराम", timeout=CALL_MS)
    visit.picture(walk, page, "A break")
    phone = visit.open(f"{centre.origin}/agent", 360, 640)
    visit.picture(walk, phone, "The sign-in on a phone")
    walk.does("dialer report dispositions -c centre.toml", "voted")
    _training(walk, visit)


def _training(walk: Walk, visit: Visit) -> None:
    centre, port = visit.centre, free_port()
    command = "dialer desk serve -c centre.toml --training"
    walk.is_refused(command, "Address already in use; set desk.port or desk.host to another one")
    text = (centre.folder / "centre.toml").read_text().replace(f"port = {centre.ports['desk']}", f"port = {port}")
    (centre.folder / "training.toml").write_text(text)
    centre.start("training", centre.dialer, "desk", "serve", "-c", "training.toml", "--training")
    centre.until(lambda: not is_free(port), "the training's desk")
    (number, pin), *_ = centre.pins.items()
    page = visit.open(f"http://127.0.0.1:{port}/agent")
    page.fill("input[name=agent]", number)
    page.fill("input[name=pin]", pin)
    page.select_option("select[name=seat]", "01")
    page.press("input[name=pin]", "Enter")
    page.locator(".name").first.wait_for(timeout=CALL_MS)
    visit.picture(walk, page, "Training: a made-up voter")
    centre.end("training")
