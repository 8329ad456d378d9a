"""`dialer rules show|check|explain`: the rules that hold at a site, whether it keeps them, and why somebody is not called."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, time
from enum import Enum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from dialer.cli.findings import FindingPrinter, JsonOption
from dialer.cli.group import CommandGroup
from dialer.cli.options import ConfigOption, NamedSite, said
from dialer.cli.report import FILE_WIDTH, moment
from dialer.domain.clock import SystemClock
from dialer.settings.jurisdiction import Rule, load_profile, shipped_profiles
from dialer.settings.site import load_settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_zone
from dialer.site.checks.explain import explain_findings
from dialer.site.checks.rules import check_profile, check_rules
from dialer.store.file_checks import file_exists

app = CommandGroup()

_LATEST = datetime(3000, 1, 1, tzinfo=UTC).timestamp()

AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="WHEN", help="Time to explain, in the centre's time: 2026-04-22T09:00. [default: now]"
    ),
]


@app.command()
def show(
    profile: Annotated[str | None, typer.Argument(help="A profile's name or file. [default: the site's]")] = None,
    config: ConfigOption = None,
) -> None:
    """Show every rule with its value, its source, and whether it was confirmed against a text.

    A site's own stricter values are marked.
    """
    settings = load_settings(config)
    base = load_profile(profile or settings.rules.jurisdiction)
    own = base if profile else site_profile(settings)
    console = _console()
    console.print(escape(f"{own.title} ({own.name}); shipped: {', '.join(shipped_profiles())}"), soft_wrap=True)
    table = Table("rule", "value", "basis", "confirmed", Column("source", overflow="fold"), box=box.SIMPLE_HEAD)
    for name, rule in own.rules().items():
        before = base.rules()[name]
        confirmed = Text("by a text", style="green") if rule.confirmed else Text("no", style="orange1")
        source = rule.source if rule.read_at is None else f"{rule.source} <{rule.read_at}>"
        head = (name, (rule.basis.value, confirmed, escape(source)))
        for field in type(rule).model_fields:
            if field not in Rule.model_fields:
                value, was = getattr(rule, field), getattr(before, field)
                text = Text(f"{field}: {_plain(value)}")
                if value != was:
                    text.append(f"  stricter here (profile: {_plain(was)})", style="orange1")
                table.add_row(head[0], text, *head[1])
                head = ("", ("", Text(), ""))
    console.print(table)
    unread = [name for name, rule in own.rules().items() if not rule.confirmed]
    if unread:
        console.print(
            f"No text confirms {', '.join(unread)}: they are our own caution, or from memory.", soft_wrap=True
        )
    console.print("Counsel must confirm a profile before anyone calls a campaign compliant.")


@app.command()
def check(site: NamedSite, at: AtOption = None, as_json: JsonOption = False) -> None:
    """Check whether a site keeps its rules: settings, certificates, registers, polling days. Exit 1 if a campaign cannot call."""
    settings = site.settings
    now = _now(at, site_zone(settings))
    profile = site_profile(settings)
    printer = FindingPrinter(as_json=as_json)
    printer.show_all(check_profile(settings))
    with site.reading() if file_exists(site.path) else nullcontext() as db:
        printer.show_all(check_rules(settings, profile, db, now))
    printer.exit()


@app.command()
def explain(
    site: NamedSite,
    who: Annotated[
        str, typer.Argument(help="A number, a voter's ID, or constituency/part/serial; - reads it from standard input.")
    ],
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why a number or voter can or cannot be called now, campaign by campaign, and when next.

    With `--at` in the past: by what was known then (rules, registers, consents, opt-outs, marks and calls).
    """
    settings = site.settings
    now = _now(at, site_zone(settings))
    past = at is not None and now < SystemClock().now()
    with site.reading() as db:
        FindingPrinter(as_json=as_json).show_all(
            explain_findings(settings, db, said(who, "the number"), now, past=past)
        )


def _now(at: str | None, zone: ZoneInfo) -> float:
    """The moment as of which the rules are asked, epoch seconds. Raises BadParameter where no calendar has the days round it."""
    if at is None:
        return SystemClock().now()
    named = moment(at, zone, "--at")
    if not 0.0 <= named < _LATEST:
        raise typer.BadParameter(f"--at: {at!r} is no moment of a campaign: write 2026-04-22T09:00")
    return named


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH  # nothing is cut in a file or a pipe
    return console


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, BaseModel):
        return " ".join(f"{name} {_plain(each)}" for name, each in value.model_dump().items())
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], time):
        return f"{value[0]:%H:%M}-{value[1]:%H:%M}"
    if isinstance(value, tuple):
        return ", ".join(_plain(each) for each in value) or "none"
    return str(value)
