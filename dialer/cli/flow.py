"""`dialer flow`: list, check, draw and try IVR flows, which say what a caller hears and presses."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.group import CommandGroup
from dialer.domain.output import refuse_protected_path
from dialer.domain.words import format_count
from dialer.errors import MatdanError
from dialer.flows.limits import MAX_PROMPT_SECONDS

if TYPE_CHECKING:
    from dialer.flows.texts import Texts


class FlowOptionError(MatdanError):
    """An option of `dialer flow` has an invalid value. The text names the option, and says what to do."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")


app = CommandGroup()

FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="Name of a shipped flow, or path of a .yaml file.")]
TextsOption = Annotated[
    Path | None,
    typer.Option(
        "--texts",
        metavar="DIR",
        help="Folder with your own texts as LANGUAGE.yaml, which override the shipped ones. [default: flows.texts]",
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
LanguageOption = Annotated[
    str, typer.Option("--language", "-l", metavar="CODE", help="The language, such as hi or en.")
]


@app.command("list")
def list_flows() -> None:
    """List the IVR flows that are shipped with Matdan."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dialer.flows.catalogue import list_shipped_flows, load_flow

    table = Table("flow", "purpose", "title", "version", box=None)
    for name in list_shipped_flows():
        flow = load_flow(name)
        table.add_row(name, flow.purpose.value, escape(flow.title), flow.version)
    Console().print(table)


@app.command("check")
def check_flows(
    flows: Annotated[
        list[str] | None, typer.Argument(metavar="[FLOW]...", help="Flows to check. [default: all shipped flows]")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            "--language", "-l", metavar="CODE", help="A required language. Repeatable. [default: all shipped ones]"
        ),
    ] = None,
    max_prompt_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Maximum duration of a prompt.")
    ] = MAX_PROMPT_SECONDS,
    texts: TextsOption = None,
    config: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check IVR flows for mistakes. Exit 1 if there are any, 2 if a flow cannot be loaded.

    Without --config, the rules of the profile `neutral` apply.
    """
    from dialer.flows.catalogue import list_shipped_flows, load_flow
    from dialer.flows.check import check_flow
    from dialer.flows.model import list_lawful_offers_to_voters
    from dialer.flows.texts import load_texts
    from dialer.settings.site import load_settings
    from dialer.settings.site_rules import load_site_profile

    if not (math.isfinite(max_prompt_seconds) and max_prompt_seconds > 0):
        raise FlowOptionError("--max-prompt-seconds", "must be a number of seconds above 0, such as 20")
    names = flows or list_shipped_flows()
    settings = load_settings(config)
    catalogue = load_texts(texts or settings.flows.texts)
    may_offer = list_lawful_offers_to_voters(load_site_profile(settings))
    findings = [
        finding
        for name in names
        for finding in check_flow(load_flow(name), catalogue, language or None, max_prompt_seconds, may_offer=may_offer)
    ]
    findings = list(dict.fromkeys(findings))
    print_check_findings(findings, format_count(len(names), "flow"), as_json=as_json)


def print_check_findings(findings: Sequence[Any], checked: str, *, as_json: bool) -> None:
    """Print the mistakes that a check found, and how many items were checked. Exits with code 1 if there are any."""
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        typer.echo("\n".join([*map(str, findings), f"{checked} checked, {format_count(len(findings), 'finding')}"]))
    if findings:
        raise typer.Exit(1)


@app.command("draw")
def draw_flow_diagram(
    flow: FlowName,
    language: LanguageOption = "en",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write to this file. A .md file gets a Markdown code block."),
    ] = None,
    texts: TextsOption = None,
) -> None:
    """Draw an IVR flow as a Mermaid diagram.

    GitHub and https://mermaid.live show such diagrams.
    """
    from dialer.flows.catalogue import load_flow
    from dialer.flows.mermaid import draw_flow
    from dialer.flows.texts import load_texts

    loaded = load_flow(flow)
    diagram = draw_flow(loaded, _require_texts_of_language(language, load_texts(texts)), language)
    if out is None:
        typer.echo(diagram, nl=False)
        return
    refuse_protected_path(out, "--out", {"the flow itself": Path(flow)})
    if out.suffix.lower() == ".md":
        diagram = f"```mermaid\n{diagram}```\n"
    try:
        out.write_text(diagram, encoding="utf-8")
    except OSError as error:
        raise FlowOptionError(str(out), f"cannot be written ({error.strerror}); choose another --out") from error
    typer.echo(f"{out}: {loaded.title}")


@app.command("try")
def try_flow_on_terminal(
    flow: FlowName,
    language: LanguageOption = "en",
    fact: Annotated[
        list[str] | None,
        typer.Option(
            "--fact",
            "-f",
            metavar="NAME=VALUE",
            help="A fact about the caller. Repeatable. An empty value means unknown.",
        ),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="Enter these keys instead of asking: one entry per prompt, separated by commas (2,3#), then hang up.",
        ),
    ] = None,
    no_agent: Annotated[bool, typer.Option("--no-agent", help="Simulate that no agent is available.")] = False,
    store_fails: Annotated[bool, typer.Option("--store-fails", help="Simulate that nothing can be saved.")] = False,
    texts: TextsOption = None,
) -> None:
    """Try an IVR flow as a caller: read the prompts and enter digits. Enter alone is silence; h hangs up."""
    from dialer.flows.catalogue import load_flow
    from dialer.flows.terminal_call import TerminalCall, list_kinds_of_declared_facts, make_sample_voter_data
    from dialer.flows.texts import load_texts

    loaded = load_flow(flow)
    facts = make_sample_voter_data(
        loaded, _parse_voter_data_options(fact or [], list_kinds_of_declared_facts(loaded).keys())
    )
    script = keys.split(",") if keys is not None else None

    def read_pressed_keys(hint: str) -> str | None:
        return _get_next_scripted_keys(script) if script is not None else _ask_user_for_pressed_keys(hint)

    call = TerminalCall(
        loaded,
        _require_texts_of_language(language, load_texts(texts)),
        language,
        say=typer.echo,
        press=read_pressed_keys,
        agent_available=not no_agent,
        store_works=not store_fails,
    )
    state = call.play_flow_on_terminal(facts)
    answers = ", ".join(f"{name} = {value}" for name, value in state.answers.items()) or "none"
    typer.echo(f"-- {state.ending} at {state.current_node_path}; answers: {answers}; turns: {state.turns}")


def _get_next_scripted_keys(script: list[str]) -> str | None:
    if not script:
        return None
    line = script.pop(0)
    typer.echo(f"> {line}")
    return line


def _ask_user_for_pressed_keys(hint: str) -> str | None:
    try:
        line = typer.prompt(f"> ({hint})", default="", show_default=False, prompt_suffix=" ")
    except typer.Abort:  # end of input or Ctrl-C means that the caller hangs up
        typer.echo()
        return None
    return None if str(line).strip().lower() == "h" else str(line)


def _parse_voter_data_options(given: list[str], known: Collection[str]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter("a fact must be given as NAME=VALUE, such as closes_at=18:00", param_hint="--fact")
        if name.strip() not in known:
            names = ", ".join(sorted(known)) or "none"
            raise FlowOptionError("--fact", f"the flow has no fact {name.strip()!r}; use one of: {names}")
        facts[name.strip()] = value.strip()
    return facts


def _require_texts_of_language(language: str, texts: Texts) -> Texts:
    """Return `texts` if they contain the language. Otherwise raise FlowOptionError.

    Without this check, prompts in an unknown language would be shown in English.
    """
    if language not in texts.list_languages_with_texts():
        raise FlowOptionError(
            "--language",
            f"there are no texts in {language!r}; use one of {', '.join(texts.list_languages_with_texts())}",
        )
    return texts
