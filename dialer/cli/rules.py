"""`dialer rules show|check|explain`: show a site's rules, check compliance, and explain why a person is not called."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, time
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dialer.cli.findings import FindingPrinter, JsonOption
from dialer.cli.group import CommandGroup
from dialer.cli.options import ConfigOption, SiteOptions, read_argument_or_stdin
from dialer.cli.report import FILE_WIDTH, parse_time_option

if TYPE_CHECKING:
    from rich.console import Console

app = CommandGroup()

_LATEST = datetime(3000, 1, 1, tzinfo=UTC).timestamp()

AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="WHEN", help="Check for this time, in the centre's time: 2026-04-22T09:00. [default: now]"
    ),
]


@app.command("show")
def show_rules(
    profile: Annotated[
        str | None, typer.Argument(help="A profile's name or file. [default: the site's profile]")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Show every legal rule with its value, its source, and whether a legal text confirmed it.

    Stricter values of the site are marked.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Column, Table
    from rich.text import Text

    from dialer.settings.jurisdiction import Rule, list_shipped_profiles, load_profile
    from dialer.settings.site import load_settings
    from dialer.settings.site_rules import load_site_profile

    settings = load_settings(config)
    base = load_profile(profile or settings.rules.jurisdiction)
    own = base if profile else load_site_profile(settings)
    console = _create_console_with_minimum_width()
    console.print(escape(f"{own.title} ({own.name}); shipped: {', '.join(list_shipped_profiles())}"), soft_wrap=True)
    table = Table("rule", "value", "basis", "confirmed", Column("source", overflow="fold"), box=box.SIMPLE_HEAD)
    for name, rule in own.list_profile_rules().items():
        before = base.list_profile_rules()[name]
        confirmed = Text("yes", style="green") if rule.confirmed else Text("no", style="orange1")
        source = rule.source if rule.read_at is None else f"{rule.source} <{rule.read_at}>"
        head = (name, (rule.basis.value, confirmed, escape(source)))
        for field in type(rule).model_fields:
            if field not in Rule.model_fields:
                value, was = getattr(rule, field), getattr(before, field)
                text = Text(f"{field}: {_format_rule_value(value)}")
                if value != was:
                    text.append(f"  stricter at this site (profile: {_format_rule_value(was)})", style="orange1")
                table.add_row(head[0], text, *head[1])
                head = ("", ("", Text(), ""))
    console.print(table)
    unread = [name for name, rule in own.list_profile_rules().items() if not rule.confirmed]
    if unread:
        console.print(
            f"Not confirmed by a legal text: {', '.join(unread)}. These are cautious assumptions.", soft_wrap=True
        )
    console.print("A lawyer must confirm the profile before a campaign is declared compliant.")


@app.command("check")
def check_rules_of_site(site: SiteOptions, at: AtOption = None, as_json: JsonOption = False) -> None:
    """Check whether a site complies with its rules: settings, certificates, registers, polling days.

    Exit 1 if a campaign cannot call.
    """
    from dialer.settings.site_rules import load_site_profile
    from dialer.settings.site_time import get_site_zone
    from dialer.site.checks.rules import check_calling_rules, check_settings_against_profile
    from dialer.store.file_checks import file_exists

    settings = site.site_settings
    now = _parse_time_or_now(at, get_site_zone(settings))
    profile = load_site_profile(settings)
    printer = FindingPrinter(as_json=as_json)
    printer.print_findings(check_settings_against_profile(settings))
    with site.open_store_for_reading() if file_exists(site.store_path) else nullcontext() as db:
        printer.print_findings(check_calling_rules(settings, profile, db, now))
    printer.exit_with_success_or_error()


@app.command("explain")
def explain_whether_person_can_be_called(
    site: SiteOptions,
    who: Annotated[
        str | None,
        typer.Argument(
            help="A phone number, a voter's ID, or constituency/part/serial; - reads it from standard input. "
            "[default: the lists of all campaigns]"
        ),
    ] = None,
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show for each campaign why a number or voter can or cannot be called now, and when next.

    Without WHO, count each campaign's numbers: due, waiting, refused by the rules, and completed. With `--at` in the
    past, the rules, lists and calls of that time apply.
    """
    from dialer.domain.clock import SystemClock
    from dialer.settings.site_time import get_site_zone
    from dialer.site.checks.explain import count_numbers_of_each_campaign_list, report_call_explanations

    settings = site.site_settings
    now = _parse_time_or_now(at, get_site_zone(settings))
    past = at is not None and now < SystemClock().now()
    if who is None and at is not None:
        raise typer.BadParameter(
            "--at needs WHO (a number or voter), because all other explanations are for the present time: add WHO, "
            "or leave --at out"
        )
    with site.open_store_for_reading() as db:
        printer = FindingPrinter(as_json=as_json)
        if who is None:
            printer.print_findings(count_numbers_of_each_campaign_list(settings, db, now))
            return
        printer.print_findings(
            report_call_explanations(settings, db, read_argument_or_stdin(who, "the number"), now, past=past)
        )


def _parse_time_or_now(at: str | None, zone: ZoneInfo) -> float:
    """Return the time that --at gives, or else now (epoch seconds).

    Raises BadParameter for years before 1970 or after 2999.
    """
    from dialer.domain.clock import SystemClock

    if at is None:
        return SystemClock().now()
    time_given = parse_time_option(at, zone, "--at")
    if not 0.0 <= time_given < _LATEST:
        raise typer.BadParameter(f"--at: {at!r} must be between 1970 and 2999: write 2026-04-22T09:00")
    return time_given


def _create_console_with_minimum_width() -> Console:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH  # in a file or pipe, do not cut columns to the width of a terminal
    return console


def _format_rule_value(value: Any) -> str:
    from pydantic import BaseModel

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, BaseModel):
        return " ".join(f"{name} {_format_rule_value(each)}" for name, each in value.model_dump().items())
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], time):
        return f"{value[0]:%H:%M}-{value[1]:%H:%M}"
    if isinstance(value, tuple):
        return ", ".join(_format_rule_value(each) for each in value) or "none"
    return str(value)
