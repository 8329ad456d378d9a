"""`dialer flow ...`: list, check, draw and try the flows that callers hear."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dialer.cli.group import CommandGroup
from dialer.domain.output import refuse_kept
from dialer.domain.words import counted
from dialer.errors import MatdanError
from dialer.extras import with_extra
from dialer.flows.catalogue import load_flow, shipped_flows
from dialer.flows.check import MAX_PROMPT_SECONDS, check_flow
from dialer.flows.draw import draw_flow
from dialer.flows.model import offers_allowed
from dialer.flows.rehearse import Rehearsal, facts_of, sample_facts
from dialer.flows.texts import Texts, texts_with
from dialer.settings.site import load_settings
from dialer.settings.site_rules import site_profile

_NO_LETTER = "\U0010fffd"  # for private use: no font has it
PNG_ZOOM = 1.5  # so that small print is legible on paper


class MissingExtra(MatdanError):
    """An optional library is not installed. The text says which, and how to do without."""


class MissingFont(MatdanError):
    """No font here has a language's letters. The text says which to install, and how to do without."""


class FlowOptionError(MatdanError):
    """An option cannot be as it was given. The text names it, or the file that it names, and what to do."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")


app = CommandGroup()

FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="Name of a shipped flow, or path of a .yaml file.")]
TextsOption = Annotated[
    Path | None,
    typer.Option(
        "--texts", metavar="DIR", help="Your own texts, one <language>.yaml each; they come before the shipped ones."
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings: its profile holds."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON list instead of lines.")]
LanguageOption = Annotated[str, typer.Option("--language", "-l", help="Language, such as hi or en.")]


@app.command("list")
def list_flows() -> None:
    """List the shipped flows."""
    table = Table("flow", "purpose", "title", "version", box=None)
    for name in shipped_flows():
        flow = load_flow(name)
        table.add_row(name, flow.purpose.value, escape(flow.title), flow.version)
    Console().print(table)


@app.command()
def check(
    flows: Annotated[
        list[str] | None, typer.Argument(metavar="[FLOW]...", help="Every shipped flow by default.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "-l", help="A language that must be there; every known one by default."),
    ] = None,
    max_prompt_seconds: Annotated[
        float, typer.Option(help="The longest that one prompt may speak.")
    ] = MAX_PROMPT_SECONDS,
    texts: TextsOption = None,
    config: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what is wrong with flows before a single call: exits 1 when anything is, 2 when a flow cannot be loaded.

    What a profile forbids is judged by the site's, without one by `neutral`.
    """
    if not (math.isfinite(max_prompt_seconds) and max_prompt_seconds > 0):
        raise FlowOptionError("--max-prompt-seconds", "is no number of seconds above 0; give one, such as 20")
    names = flows or shipped_flows()
    settings = load_settings(config)
    catalogue = texts_with(texts or settings.flows.texts)
    may_offer = offers_allowed(site_profile(settings))
    findings = [
        finding
        for name in names
        for finding in check_flow(load_flow(name), catalogue, language or None, max_prompt_seconds, may_offer=may_offer)
    ]
    findings = list(dict.fromkeys(findings))
    tell_checked(findings, counted(len(names), "flow"), as_json=as_json)


def tell_checked(findings: Sequence[Any], checked: str, *, as_json: bool) -> None:
    """Print what was found of so many that were checked. Exit 1 where anything was."""
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        typer.echo("\n".join([*map(str, findings), f"{checked} checked, {len(findings)} findings"]))
    if findings:
        raise typer.Exit(1)


@app.command()
def draw(
    flow: FlowName,
    language: LanguageOption = "en",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file: .svg, or .png for where no browser is; FLOW.svg by default."),
    ] = None,
    texts: TextsOption = None,
) -> None:
    """Draw a picture of a flow for the people who record and approve it."""
    loaded = load_flow(flow)
    path = out or Path(f"{loaded.name}.svg")
    if path.suffix.lower() not in {".svg", ".png"}:
        raise FlowOptionError(str(path), "is neither an .svg nor a .png file; choose another --out")
    refuse_kept(path, "--out", {"the flow itself": Path(flow)})
    catalogue = _spoken(language, texts_with(texts))
    try:
        picture = draw_flow(loaded, catalogue, language)
        path.write_bytes(_png(picture) if path.suffix.lower() == ".png" else picture.encode())
    except OSError as error:
        raise FlowOptionError(str(path), f"cannot be written ({error.strerror}); choose another --out") from error
    typer.echo(f"{path}: {loaded.title}")


def _png(picture: str) -> bytes:
    try:
        import resvg_py  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MissingExtra(f"a .png needs resvg: {with_extra('pictures')}; or draw an .svg") from error
    refuse_without_letters(picture)
    return bytes(resvg_py.svg_to_bytes(svg_string=picture, zoom=PNG_ZOOM))


def refuse_without_letters(picture: str) -> None:
    """Raise MissingFont where no font of this machine has the letters that an SVG is written in."""
    import resvg_py  # noqa: PLC0415 - an optional extra

    letters = Counter(letter for letter in picture if letter.isalpha() and not letter.isascii())
    # A letter that no font has is drawn as the same box as one that no font can have; where there is no font at all, as nothing.
    for letter, _ in letters.most_common(1):
        own, none = (
            bytes(resvg_py.svg_to_bytes(svg_string=f'<svg xmlns="http://www.w3.org/2000/svg">{text}</svg>'))
            for text in (f'<text y="20">{each}</text>' for each in (letter, _NO_LETTER))
        )
        if own == none:
            raise MissingFont(
                "no font of this machine has the letters of that language, and a .png would show boxes: install one"
                " (Debian: apt install fonts-noto-core), or draw an .svg"
            )


@app.command("try")
def try_flow(
    flow: FlowName,
    language: LanguageOption = "en",
    fact: Annotated[
        list[str] | None,
        typer.Option("--fact", "-f", metavar="NAME=VALUE", help="What is known of the caller; empty: unknown."),
    ] = None,
    keys: Annotated[
        str | None, typer.Option(help="Play this instead of asking: lines with , between, such as 2,3#; then hang up.")
    ] = None,
    no_agent: Annotated[bool, typer.Option("--no-agent", help="Nobody is free to take the call.")] = False,
    store_fails: Annotated[bool, typer.Option("--store-fails", help="Nothing can be put on record.")] = False,
    texts: TextsOption = None,
) -> None:
    """Be the caller: read what is heard, key in digits. Enter alone is silence; h hangs up."""
    loaded = load_flow(flow)
    facts = sample_facts(loaded, _facts(fact or [], facts_of(loaded).keys()))
    script = keys.split(",") if keys is not None else None

    def press(hint: str) -> str | None:
        return _scripted(script) if script is not None else _asked(hint)

    rehearsal = Rehearsal(
        loaded,
        _spoken(language, texts_with(texts)),
        language,
        hear=typer.echo,
        press=press,
        agent_free=not no_agent,
        store_works=not store_fails,
    )
    state = rehearsal.run(facts)
    answers = ", ".join(f"{name} = {value}" for name, value in state.answers.items()) or "none"
    typer.echo(f"-- {state.ending} at {state.where}; answers: {answers}; turns: {state.turns}")


def _scripted(script: list[str]) -> str | None:
    if not script:
        return None
    line = script.pop(0)
    typer.echo(f"> {line}")
    return line


def _asked(hint: str) -> str | None:
    try:
        line = typer.prompt(f"> ({hint})", default="", show_default=False, prompt_suffix=" ")
    except typer.Abort:  # end of input, or Ctrl-C: the caller is gone
        typer.echo()
        return None
    return None if str(line).strip().lower() == "h" else str(line)


def _facts(given: list[str], known: Collection[str]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter("write NAME=VALUE, such as closes_at=18:00", param_hint="--fact")
        if name.strip() not in known:
            names = ", ".join(sorted(known)) or "none"
            raise FlowOptionError("--fact", f"the flow knows no fact {name.strip()!r}; it knows: {names}")
        facts[name.strip()] = value.strip()
    return facts


def _spoken(language: str, texts: Texts) -> Texts:
    """The texts, which have that language. Raises FlowOptionError: what fell back to English would be taken for it."""
    if language not in texts.languages():
        raise FlowOptionError(
            "--language", f"there are no texts in {language!r}; there are: {', '.join(texts.languages())}"
        )
    return texts
