"""`dialer complaint add|answer`: complaints about calls come in, and what was done about them."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import typer

from dialer.cli.external_records import carry_out
from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite, SiteAndWho, said
from dialer.cli.report import moment
from dialer.domain.clock import SystemClock
from dialer.domain.complaints import ComplaintChannel, ComplaintRemedy, ComplaintTopic
from dialer.domain.errors import RollError
from dialer.mqtt.commands.client import CommandRequest
from dialer.roll.phone_numbers import parse_single_number
from dialer.settings.site_time import site_zone
from dialer.store import number_history, voters
from dialer.store.connection import Connection

app = CommandGroup()


@app.command("add")
def add(
    site: SiteAndWho,
    about: Annotated[ComplaintTopic, typer.Option(help="What the complaint is about.")],
    channel: Annotated[ComplaintChannel, typer.Option(help="How the complaint was made.")],
    number: Annotated[
        str | None,
        typer.Option(
            help="The number that was called; the complaint is about its last call before --at. - reads standard input."
        ),
    ] = None,
    campaign: Annotated[str | None, typer.Option(metavar="ID", help="The campaign, if the call is not known.")] = None,
    attempt: Annotated[str | None, typer.Option(metavar="ID", help="The call's attempt ID, if known.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="WHEN", help="When the complaint was made: 2026-04-22T09:00. [default: now]")
    ] = None,
) -> None:
    """Record a complaint, also while the dialler runs.

    Only the id of the number is stored. The number is not suppressed.
    """
    now = SystemClock().now()
    made_at = now if at is None else moment(at, site_zone(site.settings), "--at")
    if made_at > now:
        raise typer.BadParameter("--at lies ahead")
    number = None if number is None else said(number)
    told: dict[str, Any] = {
        "key": f"complaint/{uuid.uuid4().hex}",
        "at": round(made_at, 3),
        "about": about.value,
        "channel": channel.value,
        **_call(site, number, campaign, attempt, made_at),
    }
    _keep(site, "complaint", complaint=told)
    if number is not None and about is ComplaintTopic.AFTER_OPT_OUT:
        typer.echo("see why the number was called: dialer rules explain NUMBER", err=True)
    elif number is not None:
        typer.echo("to suppress the number too: dialer optout add NUMBER", err=True)


@app.command("answer")
def answer(
    site: SiteAndWho,
    complaint: Annotated[
        int, typer.Argument(metavar="COMPLAINT", min=1, max=999_999_999, help="The complaint's number.")
    ],
    done: Annotated[ComplaintRemedy, typer.Option(help="What was done about the complaint.")],
) -> None:
    """Record what was done about a complaint, also while the dialler runs.

    The last answer counts; all are stored.
    """
    told = {
        "key": f"answer/{uuid.uuid4().hex}",
        "complaint": complaint,
        "at": round(SystemClock().now(), 3),
        "answer": done.value,
    }
    _keep(site, "complaint-answer", answer=told)


def _keep(site: SiteAndWho, command: str, **fields: Any) -> None:
    for line in carry_out(site.settings, [CommandRequest(command, {**fields, "who": site.person})]):
        typer.echo(line)


def _call(site: NamedSite, number: str | None, campaign: str | None, attempt: str | None, at: float) -> dict[str, Any]:
    told: dict[str, Any] = {"campaign": campaign, "attempt": attempt}
    with site.reading() as db:
        if number is not None:
            told |= _of_number(db, number, site.settings.centre.region, campaign, at)
        if attempt is not None:
            found = number_history.campaign_and_phone(db, attempt)
            if found is None:
                raise RollError(f"--attempt: the store has no attempt {attempt}")
            told |= {"attempt": attempt, "campaign": found[0], "phone": found[1]}
    return {name: value for name, value in told.items() if value is not None}


def _of_number(db: Connection, number: str, region: str, campaign: str | None, at: float) -> dict[str, Any]:
    phone_id = voters.phone_id_of(db, parse_single_number(number, region))
    if phone_id is None:
        typer.echo("the number is on no roll here: the complaint is kept without it", err=True)
        return {}
    last = number_history.last_call(db, phone_id, campaign, at)
    if last is None:
        typer.echo("no call to the number is known: the complaint is kept without one", err=True)
        return {"phone": phone_id}
    return {"phone": phone_id, "attempt": last[0], "campaign": last[1]}
