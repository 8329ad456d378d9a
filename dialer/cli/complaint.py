"""`dialer complaint add|answer`: record complaints about calls, and the centre's answers to them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndPersonOptions, SiteOptions, format_option_choices, read_argument_or_stdin
from dialer.cli.report import parse_time_option
from dialer.domain.enums import ComplaintChannel, ComplaintRemedy, ComplaintTopic
from dialer.domain.errors import RollError

if TYPE_CHECKING:
    from dialer.store.connection import Connection

app = CommandGroup()


@app.command("add")
def add_complaint(
    site: SiteAndPersonOptions,
    about: Annotated[
        ComplaintTopic, typer.Option(metavar=format_option_choices(ComplaintTopic), help="What the complaint is about.")
    ],
    channel: Annotated[
        ComplaintChannel,
        typer.Option(metavar=format_option_choices(ComplaintChannel), help="How the complaint was made."),
    ],
    number: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="The number that was called. The complaint is about its last call before --at. - reads standard input.",
        ),
    ] = None,
    campaign: Annotated[str | None, typer.Option(metavar="ID", help="The campaign, if the call is not known.")] = None,
    attempt: Annotated[str | None, typer.Option(metavar="ID", help="The call's attempt ID, if known.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="WHEN", help="When the complaint was made: 2026-04-22T09:00. [default: now]")
    ] = None,
) -> None:
    """Record a complaint about a call. The dialler may be running.

    Only the ID of the number is stored. The number can still be called: `dialer optout add` suppresses it.
    """
    from dialer.domain.clock import SystemClock
    from dialer.settings.site_time import get_site_zone

    now = SystemClock().now()
    made_at = now if at is None else parse_time_option(at, get_site_zone(site.site_settings), "--at")
    if made_at > now:
        raise typer.BadParameter(f"--at: {at} is in the future: give the time of the complaint")
    number = None if number is None else read_argument_or_stdin(number)
    fields: dict[str, Any] = {
        "key": f"complaint/{uuid.uuid4().hex}",
        "at": round(made_at, 3),
        "about": about.value,
        "channel": channel.value,
        **_identify_call_of_complaint(site, number, campaign, attempt, made_at),
    }
    _save_complaint_record(site, "complaint", complaint=fields)
    if number is not None and about is ComplaintTopic.AFTER_OPT_OUT:
        typer.echo("to see why the number was called: dialer rules explain NUMBER", err=True)
    elif number is not None:
        typer.echo("to suppress the number as well: dialer optout add NUMBER", err=True)


@app.command("answer")
def answer_complaint(
    site: SiteAndPersonOptions,
    complaint: Annotated[
        int,
        typer.Argument(
            metavar="COMPLAINT",
            min=1,
            max=999_999_999,
            help="The complaint's number (see `dialer report complaints`).",
        ),
    ],
    done: Annotated[
        ComplaintRemedy,
        typer.Option(metavar=format_option_choices(ComplaintRemedy), help="What was done about the complaint."),
    ],
) -> None:
    """Record what was done about a complaint. The dialler may be running.

    All answers to a complaint are stored; the last one counts.
    """
    from dialer.domain.clock import SystemClock

    fields = {
        "key": f"answer/{uuid.uuid4().hex}",
        "complaint": complaint,
        "at": round(SystemClock().now(), 3),
        "answer": done.value,
    }
    _save_complaint_record(site, "complaint-answer", answer=fields)


def _save_complaint_record(site: SiteAndPersonOptions, command: str, **fields: Any) -> None:
    from dialer.cli.external_records import save_records_via_dialler_or_store
    from dialer.mqtt.commands.client import CommandRequest

    for line in save_records_via_dialler_or_store(
        site.site_settings, [CommandRequest(command, {**fields, "who": site.responsible_person_id})]
    ):
        typer.echo(line)


def _identify_call_of_complaint(
    site: SiteOptions, number: str | None, campaign: str | None, attempt: str | None, at: float
) -> dict[str, Any]:
    """Return the ids of the call that a complaint is about, by field: its campaign, attempt and phone number.

    Unknown ids are left out. Raises RollError for an unknown attempt.
    """
    from dialer.store import number_history

    fields: dict[str, Any] = {"campaign_id": campaign, "attempt_id": attempt}
    with site.open_store_for_reading() as db:
        if number is not None:
            fields |= _find_last_call_to_number(db, number, site.site_settings.centre.region, campaign, at)
        if attempt is not None:
            found = number_history.find_campaign_and_phone_of_attempt(db, attempt)
            if found is None:
                raise RollError(f"--attempt: the store has no attempt {attempt}: check the ID of the attempt")
            fields |= {"attempt_id": attempt, "campaign_id": found[0], "phone_id": found[1]}
    return {name: value for name, value in fields.items() if value is not None}


def _find_last_call_to_number(
    db: Connection, number: str, region: str, campaign: str | None, at: float
) -> dict[str, Any]:
    from dialer.roll.phone_numbers import parse_single_phone_number
    from dialer.store import number_history, voters

    phone_id = voters.find_id_of_phone_number(db, parse_single_phone_number(number, region))
    if phone_id is None:
        typer.echo("note: the number is on no roll here; the complaint is stored without it", err=True)
        return {}
    last = number_history.find_last_call_to_number(db, phone_id, campaign, at)
    if last is None:
        typer.echo("note: the store has no call to the number; the complaint is stored without a call", err=True)
        return {"phone_id": phone_id}
    return {"phone_id": phone_id, "attempt_id": last[0], "campaign_id": last[1]}
