"""The compliance officer's first day: who is not called, and what proves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.journeys.visit import Visit
from tests.journeys.walk import Walk


def alone(walk: Walk) -> None:
    """The page; then what is no number, no register, no complaint."""
    walk.first_day()
    walk.is_refused(
        "dialer optout add 98100-words -c centre.toml",
        "not a single valid phone number; write one number, with its country code",
    )
    walk.does("dialer optout add - -c centre.toml", given="+919810000002\n")
    walk.does("dialer rules explain +919810000002 -c centre.toml", "opted out")
    walk.is_refused("dialer complaint add --about noise --channel call -c centre.toml", "noise", "too-often")
    (walk.folder / "register.txt").write_text("+919810000003\nno number\n")
    issued = datetime.now(UTC).date() - timedelta(days=1)
    walk.does(
        f"dialer register import register.txt --name ncpr --dated {issued} -c centre.toml",
        "1 number",
        "no number in 1 line",
        code=1,
    )
    walk.is_refused("dialer register import register.txt --name ncpr --dated 1.1.2029 -c centre.toml", "1.1.2029")
    walk.is_refused("dialer report complaints --format docx -c centre.toml", "docx")


def at_work(walk: Walk, visit: Visit) -> None:
    """Who asks not to be called is not, from now on, while calls are made; and the day is proved."""
    walk.does("dialer rules check -c centre.toml")
    walk.does("dialer optout add +919810000001 -c centre.toml")
    walk.does("dialer rules explain +919810000001 -c centre.toml", "opted out")
    walk.does("dialer report evidence -c centre.toml")
    walk.does("dialer audit verify -c centre.toml")
