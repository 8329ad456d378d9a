"""The first day at headquarters: list centres, create keys and send orders."""

from __future__ import annotations

import re

from tests.journeys.access import CentreAccess
from tests.journeys.centre import WAIT_SECONDS
from tests.journeys.journey import Journey

DEMO_SECONDS = "30"
FAILED_CHECK = re.compile(r"^FAILED ([^:]+):", re.MULTILINE)
SIGN_IN = re.compile(r"pages (http://\S+) - sign in as (\S+), (\S+);")


def run_without_centre(journey: Journey) -> None:
    """Run the commands on headquarters' first-day page; an existing key file and a wrong setting are refused."""
    journey.run_first_day_page()
    journey.check_refused("dialer hq keys make leader.key", "leader.key")
    text = (journey.folder / "hq.toml").read_text()
    (journey.folder / "wrong.toml").write_text(text.replace("zone =", "zoen ="))
    journey.check_refused(
        "dialer hq render -c wrong.toml --to etc2", "zoen: is not a setting; did you mean `zone`?", mistakes=2
    )


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Run commands without a NATS server; then run a demo headquarters and open its pages."""
    folder = journey.folder / "hq"
    folder.mkdir()
    journey.folder = folder
    (folder / "hq.toml").write_text('[server]\nhost = "hq.example.org"\n\n[[centres]]\nid = "pune-1"\nzone = "west"\n')
    journey.run("dialer hq keys make leader.key")
    journey.run("dialer hq check -c hq.toml", "check that nats-server runs", code=1)
    journey.check_refused(
        "dialer hq order stop-all --key leader.key -c hq.toml", "the signing key does not belong to a leader"
    )
    journey.check_refused("dialer hq order list -c hq.toml", "check that nats-server runs")
    centre = access.centre
    centre.start("hq", centre.dialer, "hq", "demo", "--for", DEMO_SECONDS, "--centres", "30")
    found: list[tuple[str, str, str]] = []

    def find_sign_in_page() -> bool:
        found.extend(SIGN_IN.findall(centre.log_path("hq").read_text()))
        return bool(found)

    centre.wait_until(find_sign_in_page, "headquarters' pages")
    journey.commands_left.discard("dialer hq gather -c hq.toml")  # the demo runs a gatherer
    address, name, password = found[0]
    page = access.open_page(address)
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.get_by_text("30 / 30").wait_for()
    access.take_screenshot(journey, page, "Headquarters: thirty centres")
    process = centre.processes.pop("hq")
    process.wait(WAIT_SECONDS)
    said = centre.log_path("hq").read_text()
    journey.record_view(f"dialer hq demo --for {DEMO_SECONDS} --centres 30", said)
    failed = FAILED_CHECK.findall(said)
    journey.require("passed headquarters' counters equal" in said and not failed, f"hq demo: {said[-300:]}")
