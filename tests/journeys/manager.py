"""The centre manager's first day: is it ready, how far does it get, what did it come to."""

from __future__ import annotations

from tests.journeys.visit import Visit
from tests.journeys.walk import Walk

REHEARSAL = "dialer rehearse -c centre.toml"


def alone(walk: Walk) -> None:
    """The page; then days that nobody can have, and what a report says of itself."""
    walk.first_day()
    walk.does("dialer report turnout -c centre.toml", "pune-1")
    walk.is_refused(
        "dialer report turnout --campaign turnuot-agents -c centre.toml", "turnuot-agents", "turnout-agents"
    )
    walk.is_refused("dialer simulate --seats 0", "seats is 0; give 1 to")
    walk.is_refused("dialer simulate --seats 20 --answer-rate 30", "--answer-rate")
    (copy,) = (walk.folder / "backups").iterdir()
    walk.is_refused(f"dialer restore backups/{copy.name} -c centre.toml", "centre.db")


def at_work(walk: Walk, visit: Visit) -> None:
    """Is it ready, how many seats, what did it come to; a copy while it runs."""
    walk.does("dialer check -c centre.toml", "phones: 3 of 3 are registered")
    judged = walk.does("dialer rehearse -c centre.toml --hours 1 --no-faults", code=None, documented=REHEARSAL)
    walk.must(judged.endswith(("ready", "NOT READY")), f"a rehearsal says nothing at its end: {judged[-100:]}")
    walk.does("dialer simulate --seats 20 --answer-rate 0.3", "predictive", "95 % interval")
    for report in ("hours", "agents", "turnout", "abandonment"):
        for kind in ("csv", "xlsx", "pdf"):
            walk.does(f"dialer report {report} -c centre.toml --format {kind} --out {report}.{kind}")
        walk.does(f"dialer report {report} -c centre.toml", "pune-1")
    walk.does("dialer backup backups -c centre.toml")
    page = visit.open(f"{visit.centre.origin}/board")
    visit.picture(walk, page, "The board's sign-in")
