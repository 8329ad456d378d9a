"""`dialer script`: list, check and show agents' scripts."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dialer.cli.flow import JsonOption, LanguageOption, ProfileOption, print_check_findings
from dialer.cli.group import CommandGroup
from dialer.domain.words import format_count

app = CommandGroup()


@app.command("list")
def list_scripts() -> None:
    """List the agents' scripts that are shipped with Matdan."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dialer.flows.script import list_shipped_scripts, load_script

    table = Table("script", "purpose", "languages", "title", "version", box=None)
    for name in list_shipped_scripts():
        script = load_script(name)
        table.add_row(name, script.purpose.value, " ".join(script.languages), escape(script.title), script.version)
    Console().print(table)


@app.command("check")
def check_scripts(
    scripts: Annotated[
        list[str] | None, typer.Argument(metavar="[SCRIPT]...", help="Scripts to check. [default: all shipped scripts]")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            "--language",
            "-l",
            metavar="CODE",
            help="A required language, in addition to those that the script declares. Repeatable.",
        ),
    ] = None,
    config: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check agents' scripts for mistakes. Exit 1 if there are any, 2 if a script cannot be loaded.

    Without --config, the rules of the profile `neutral` apply.
    """
    from dialer.flows.model import list_lawful_offers_to_voters
    from dialer.flows.script import list_shipped_scripts, load_script
    from dialer.flows.script_check import check_script
    from dialer.settings.site import load_settings
    from dialer.settings.site_rules import load_site_profile

    names = scripts or list_shipped_scripts()
    may_offer = list_lawful_offers_to_voters(load_site_profile(load_settings(config)))
    wanted = tuple(language or ())
    findings = [each for name in names for each in check_script(load_script(name), wanted, may_offer=may_offer)]
    print_check_findings(findings, format_count(len(names), "script"), as_json=as_json)


@app.command("show")
def show_script(
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="Name of a shipped script, or path of a .yaml file.")],
    language: LanguageOption = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Print an agents' script page by page, as the agent reads it."""
    from dialer.domain.schema import convert_record_to_json_values
    from dialer.flows.script import load_script
    from dialer.flows.translated_script import create_script_in_language

    loaded = load_script(script)
    if language not in loaded.languages:
        available = ", ".join(loaded.languages)
        raise typer.BadParameter(
            f"the script has no language {language!r}; use one of: {available}", param_hint="--language"
        )
    content = create_script_in_language(loaded, language)
    if as_json:
        typer.echo(json.dumps(convert_record_to_json_values(content), indent=2, ensure_ascii=False))
        return
    for name, page in content.pages.items():
        typer.echo(f"{name}{' (closing)' if page.closing else ''}")
        typer.echo("\n".join(f"    {line}" for line in page.text.splitlines()))
        if page.ask:
            for answer in page.ask.answers:
                typer.echo(f"  [{answer.label}] {page.ask.name} = {answer.value} > {answer.to}")
        if page.next:
            typer.echo(f"  > {page.next}")
