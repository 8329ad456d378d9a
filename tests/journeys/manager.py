"""The centre manager's first day: is the centre ready, how many seats are needed, and reports."""

from __future__ import annotations

from tests.journeys.access import CentreAccess
from tests.journeys.journey import Journey

REHEARSAL = "dialer rehearse -c centre.toml"


def run_without_centre(journey: Journey) -> None:
    """Run the commands on the manager's first-day page; impossible simulations and restores are refused."""
    journey.run_first_day_page()
    journey.run("dialer report turnout -c centre.toml", "pune-1")
    journey.check_refused(
        "dialer report turnout --campaign turnuot-agents -c centre.toml", "turnuot-agents", "turnout-agents"
    )
    journey.check_refused("dialer simulate --seats 0", "the number of seats is 0; give 1 to")
    journey.check_refused("dialer simulate --seats 20 --answer-rate 30", "--answer-rate")
    (copy,) = (journey.folder / "backups").iterdir()
    journey.check_refused(f"dialer restore backups/{copy.name} -c centre.toml", "centre.db")


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Check whether the centre is ready, simulate seats, print all reports, and back up while the dialler runs."""
    journey.run("dialer check -c centre.toml", "phones: 3 of 3 are registered")
    judged = journey.run("dialer rehearse -c centre.toml --hours 1 --no-faults", code=None, documented=REHEARSAL)
    journey.require(judged.endswith(("ready", "NOT READY")), f"the rehearsal has no verdict: {judged[-100:]}")
    journey.run("dialer simulate --seats 20 --answer-rate 0.3", "predictive", "95 % interval")
    for report in ("hours", "agents", "turnout", "abandonment"):
        for kind in ("csv", "xlsx", "pdf"):
            journey.run(f"dialer report {report} -c centre.toml --format {kind} --out {report}.{kind}")
        journey.run(f"dialer report {report} -c centre.toml", "pune-1")
    journey.run("dialer backup backups -c centre.toml")
    page = access.open_page(f"{access.centre.origin}/board")
    access.take_screenshot(journey, page, "The board's sign-in")
