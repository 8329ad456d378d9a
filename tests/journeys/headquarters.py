"""Headquarters' first day: centres, keys, orders."""

from __future__ import annotations

import re

from tests.journeys.centre import PATIENCE_SECONDS
from tests.journeys.visit import Visit
from tests.journeys.walk import Walk

DEMO_SECONDS = "30"
FALLEN = re.compile(r"^FAILED ([^:]+):", re.MULTILINE)
SIGN_IN = re.compile(r"pages (http://\S+) - sign in as (\S+), (\S+);")


def alone(walk: Walk) -> None:
    """The page; then a key that is there already, and a settings file with a mistake."""
    walk.first_day()
    walk.is_refused("dialer hq keys make leader.key", "leader.key")
    text = (walk.folder / "hq.toml").read_text()
    (walk.folder / "wrong.toml").write_text(text.replace("zone =", "zoen ="))
    walk.is_refused(
        "dialer hq render -c wrong.toml --to etc2", "zoen: is not a setting; did you mean `zone`?", mistakes=2
    )


def at_work(walk: Walk, visit: Visit) -> None:
    """What says that no server is there; then a whole headquarters on this machine, and its pages."""
    folder = walk.folder / "hq"
    folder.mkdir()
    walk.folder = folder
    (folder / "hq.toml").write_text('[server]\nhost = "hq.example.org"\n\n[[centres]]\nid = "pune-1"\nzone = "west"\n')
    walk.does("dialer hq keys make leader.key")
    walk.does("dialer hq check -c hq.toml", "check that nats-server runs", code=1)
    walk.is_refused("dialer hq order stop-all --key leader.key -c hq.toml", "the key does not belong to a leader")
    walk.is_refused("dialer hq order list -c hq.toml", "check that nats-server runs")
    centre = visit.centre
    centre.start("hq", centre.dialer, "hq", "demo", "--for", DEMO_SECONDS, "--centres", "30")
    found: list[tuple[str, str, str]] = []

    def told() -> bool:
        found.extend(SIGN_IN.findall(centre.log("hq").read_text()))
        return bool(found)

    centre.until(told, "headquarters' pages")
    walk.to_walk.discard("dialer hq gather -c hq.toml")  # the demo has one
    address, name, password = found[0]
    page = visit.open(address)
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.get_by_text("30 / 30").wait_for()
    visit.picture(walk, page, "Headquarters: thirty centres")
    process = centre.processes.pop("hq")
    process.wait(PATIENCE_SECONDS)
    said = centre.log("hq").read_text()
    walk.saw(f"dialer hq demo --for {DEMO_SECONDS} --centres 30", said)
    fallen = [
        each for each in FALLEN.findall(said) if each != "uploads take less than 5 s"
    ]  # which a machine with much beside does not hold
    walk.must("passed headquarters' counters equal" in said and not fallen, f"hq demo: {said[-300:]}")
