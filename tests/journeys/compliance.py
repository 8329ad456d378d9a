"""The compliance officer's first day: who may not be called, and the evidence for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.journeys.access import CentreAccess
from tests.journeys.journey import Journey


def run_without_centre(journey: Journey) -> None:
    """Run the commands on the compliance officer's first-day page; invalid numbers and complaints are refused."""
    journey.run_first_day_page()
    journey.check_refused(
        "dialer optout add 98100-words -c centre.toml",
        "not a single valid phone number; write one number, with its country code",
    )
    journey.run("dialer optout add - -c centre.toml", stdin="+919810000002\n")
    journey.run("dialer rules explain +919810000002 -c centre.toml", "opted out")
    journey.check_refused("dialer complaint add --about noise --channel call -c centre.toml", "noise", "too-often")
    (journey.folder / "register.txt").write_text("+919810000003\nno number\n")
    issued = datetime.now(UTC).date() - timedelta(days=1)
    journey.run(
        f"dialer register import register.txt --name ncpr --dated {issued} -c centre.toml",
        "1 number",
        "no number in 1 line",
        code=1,
    )
    journey.check_refused("dialer register import register.txt --name ncpr --dated 1.1.2029 -c centre.toml", "1.1.2029")
    journey.check_refused("dialer report complaints --format docx -c centre.toml", "docx")


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Add an opt-out while calls are made, then check the rules, the evidence report and the audit."""
    journey.run("dialer rules check -c centre.toml")
    journey.run("dialer optout add +919810000001 -c centre.toml")
    journey.run("dialer rules explain +919810000001 -c centre.toml", "opted out")
    journey.run("dialer report evidence -c centre.toml")
    journey.run("dialer audit verify -c centre.toml")
