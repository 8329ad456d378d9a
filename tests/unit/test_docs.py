"""The docs agree with the product: settings, commands, topics, examples, links and terms."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main

from bench.speed_page import FIGURES, TITLES, speed_page
from dialer.cli.document import render_commands_page
from dialer.cli.document_permissions import render_permissions_page
from dialer.cli.main import app
from dialer.domain.enums import ComplaintChannel, ComplaintRemedy, ComplaintTopic, Confidence, MarkKind
from dialer.domain.model import Disposition, MarkSource, Outcome
from dialer.engine.command.catalogue import COMMANDS
from dialer.flows.catalogue import load_flow, refuse_flow_that_breaks_rules
from dialer.flows.document import render_nodes_page
from dialer.flows.load import parse_flow
from dialer.flows.mermaid import draw_flow
from dialer.flows.model import FlowPurpose
from dialer.flows.script import VALUES, parse_script
from dialer.flows.script_check import check_script
from dialer.flows.texts import load_shipped_texts
from dialer.metrics.document import render_metrics_page
from dialer.mqtt.commands.checks import AcceptedCommand, check_command_message
from dialer.mqtt.commands.message import parse_command_message
from dialer.pacing.port import Limit
from dialer.rules.gate import Reason
from dialer.settings.document import render_settings_page
from dialer.settings.site import Settings, load_settings
from tests.support.mqtt import BOSS, SENDERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_setting_is_on_the_settings_page_of_the_docs() -> None:
    page = (DOCS / "reference/settings.md").read_text(encoding="utf-8")
    assert page == render_settings_page(page), "run: python -m dialer.settings.document docs/reference"


def test_every_command_is_on_the_commands_page_of_the_docs() -> None:
    page = render_commands_page()
    assert (DOCS / "reference/commands.md").read_text(encoding="utf-8") == page, (
        "run: python -m dialer.cli.document docs/reference"
    )
    for row in page.splitlines():
        if row.startswith("|`-"):
            assert not row.endswith("||"), f"an option without a meaning: {row}"


def test_generated_docs_page_of_permissions_is_up_to_date() -> None:
    page = (DOCS / "reference/permissions.md").read_text(encoding="utf-8")
    assert page == render_permissions_page(), "run: python -m dialer.cli.document_permissions docs/reference"


def test_generated_docs_page_of_metrics_is_up_to_date() -> None:
    page = (DOCS / "reference/metrics.md").read_text(encoding="utf-8")
    assert page == render_metrics_page(), "run: python -m dialer.metrics.document docs/reference"


def test_docs_page_on_speed_shows_the_stored_figures_of_every_benchmark() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    page = (DOCS / "reference/speed.md").read_text(encoding="utf-8")
    assert page == speed_page(figures), "run: python -m bench.speed_page docs/reference"
    assert figures.keys() == TITLES.keys()


def test_docs_navigation_lists_every_page_once() -> None:
    def pages(part: Any) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [page for each in (part.values() if isinstance(part, dict) else part) for page in pages(each)]

    placed = pages(tomllib.loads((DOCS / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"])
    assert sorted(placed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_docs_pages_have_no_merge_conflict_markers() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    assert [
        page.name for page in pages if re.search(r"^(<{7}|>{7}) |^={7}$", page.read_text("utf-8"), re.MULTILINE)
    ] == []


@pytest.mark.parametrize("name", ["centre.example.toml", "demo.toml"])
def test_example_settings_files_in_the_repository_are_valid(name: str) -> None:
    settings = load_settings(ROOT / "config" / name)
    assert settings.campaigns
    assert settings.trunks


@pytest.mark.parametrize("word", [*Outcome, *Disposition, *MarkKind, *Confidence])
def test_every_call_outcome_disposition_and_voter_status_is_in_the_glossary(word: str) -> None:
    assert f"`{word}`" in (DOCS / "reference/glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*ComplaintTopic, *ComplaintChannel, *ComplaintRemedy, *MarkSource])
def test_docs_page_on_the_polling_day_lists_complaint_values_and_sources_of_voter_statuses(word: str) -> None:
    assert f"`{word}`" in (DOCS / "how-to/polling-day.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", Limit)
def test_docs_page_on_pacing_explains_every_limit_of_dialling(word: str) -> None:
    assert f"|`{word}`|" in (DOCS / "explanation/pacing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", Reason)
def test_docs_page_on_rules_explains_every_reason_that_forbids_a_call(reason: str) -> None:
    page = (DOCS / "explanation/rules.md").read_text(encoding="utf-8")
    assert f"`{reason}`" in page.partition("## The gate")[2].partition("## Ask")[0]


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_links_between_docs_pages_have_existing_targets(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", prose):
        if "://" not in target:
            found = page.parent / target if target else page
            assert found.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in list_anchors(found), f"{page.name}: {target}#{anchor}"


def test_every_docs_path_named_in_code_settings_and_tests_exists() -> None:
    homes = ("audio", "bench", "config", "dialer", "ivr_flows", "tests")
    kinds = {".py", ".toml", ".yml", ".yaml", ".conf", ".j2", ".ts", ".tsx", ".ftl"}
    files = [path for home in homes for path in (ROOT / home).rglob("*") if path.suffix in kinds]
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        if "node_modules" not in path.parts
        for name in re.findall(r"(?<![\w/.])docs/[\w/-]+\.(?:md|json)", path.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file()
    }
    assert missing == set()


def list_anchors(page: Path) -> set[str]:
    """Return the link targets (anchors) that GitHub creates for the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*ROOT.glob("[RS]*.md"), *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_every_command_and_option_on_a_docs_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    code = "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL))
    for said in re.findall(r"(?<![\w.-])dialer((?: (?!\.\.\.)[^\s`#|;&]+)+)", code):
        command: Any = typer.main.get_command(app)
        words = said.split()
        while words and hasattr(command, "list_commands") and re.match("[a-z]", words[0]):
            command = command.get_command(None, words.pop(0))
            assert command is not None, f"{page.name}: dialer{said}"
        options = {"--help", *(name for each in command.params for name in each.opts)}
        options |= {name for name, _ in getattr(command, "list_options_of_group", list)()}  # a group's own
        given = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
        assert given <= options, f"{page.name}: dialer{said}: {given - options}"
    for module in re.findall(r"python -m ([\w.]+\w)", code):
        assert find_spec(module) is not None, f"{page.name}: {module}"


@pytest.mark.parametrize("page", [ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_every_test_named_on_a_docs_page_exists(page: Path) -> None:
    named = re.findall(r"`((?:tests/)?[\w/]*\btest_\w+\.py)(?:::(\w+))?", page.read_text(encoding="utf-8"))
    for name, test in named:
        paths = [ROOT / name] if name.startswith("tests/") else list((ROOT / "tests").rglob(name))
        assert [path for path in paths if path.is_file()], f"{page.name}: {name}"
        assert any(f"def {test}" in path.read_text(encoding="utf-8") for path in paths), f"{page.name}: {name}::{test}"


@pytest.mark.parametrize("page", sorted((DOCS / "how-to").glob("*.md")), ids=lambda page: page.name)
def test_seat_commands_named_on_docs_pages_exist(page: Path) -> None:
    assert set(re.findall(r"`(seat-[a-z-]+)`", page.read_text(encoding="utf-8"))) <= COMMANDS.keys()


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_modules_named_on_docs_pages_exist(page: Path) -> None:
    for name in re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text(encoding="utf-8")):
        assert any((home / name).is_file() for home in (ROOT, ROOT / "dialer")), f"{page.name}: {name}"


def test_readme_is_short_and_starts_with_two_commands_to_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) < 80
    assert not [line for line in readme.splitlines() if len(line) > 120]
    assert "make demo" in readme[:1200]
    assert "make test" in readme[:1200]


def test_example_flow_in_the_docs_passes_the_flow_check() -> None:
    page = (DOCS / "how-to/flows.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    refuse_flow_that_breaks_rules(parse_flow(text, "errand.yaml"), load_shipped_texts())


def test_mqtt_commands_shown_on_docs_pages_are_accepted() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md")))
    shown = re.findall(r'^\{"id": .*"expires_at": \d+\}$', pages, re.MULTILINE)
    assert shown
    for text in shown:
        now = json.loads(text)["expires_at"] - 30
        read = check_command_message(
            parse_command_message(text.encode()), BOSS, SENDERS, "pune-1", retained=False, now=now
        )
        assert isinstance(read, AcceptedCommand), f"{text}: {read}"


def test_docs_page_on_flow_nodes_is_up_to_date_and_explains_every_key() -> None:
    page = render_nodes_page()
    assert (DOCS / "reference/flow-nodes.md").read_text(encoding="utf-8") == page, (
        "run: python -m dialer.flows.document docs/reference"
    )
    assert "||" not in page


def test_flow_diagram_in_the_docs_is_up_to_date() -> None:
    diagram = draw_flow(load_flow("opt_out"), load_shipped_texts(), "en")
    assert f"```mermaid\n{diagram}```" in (DOCS / "how-to/flows.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("purpose", FlowPurpose)
def test_docs_page_on_flows_explains_every_purpose_of_a_flow(purpose: str) -> None:
    assert f"|`{purpose}`|" in (DOCS / "how-to/flows.md").read_text(encoding="utf-8")


def test_example_settings_for_twilio_are_valid() -> None:
    page = (DOCS / "how-to/twilio.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    values = tomllib.loads(text)
    values["twilio"] |= {"account_sid": "AC" + "0" * 32, "auth_token": "x"}
    assert Settings.model_validate(values).twilio.enabled


def read_glossary_rows() -> list[list[str]]:
    """Return the rows of the glossary: term, meaning, and terms to avoid."""
    page = (DOCS / "reference/glossary.md").read_text(encoding="utf-8")
    return [line.split("|")[1:4] for line in page.splitlines() if line.startswith("|")][2:]


def test_glossary_lists_each_term_once_in_alphabetical_order() -> None:
    terms = [re.sub("[^a-z ]", "", term.lower()) for term, _, _ in read_glossary_rows()]
    assert terms == sorted(set(terms))


def list_product_texts() -> Iterator[tuple[str, str]]:
    """Yield each text that people read, with its place: docs, English texts of the pages, docstrings and messages."""
    for path in [*ROOT.glob("[RS]*.md"), *sorted(DOCS.rglob("*.md"))]:
        if path.name != "glossary.md":
            prose = re.sub(
                r"^```.*?^```|\]\([^)]*\)", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
            )
            yield str(path.relative_to(ROOT)), prose
    for path in sorted((ROOT / "dialer/desk/pages/locales").rglob("en.ftl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield f"{path.relative_to(ROOT)}: {line.partition('=')[0].strip()}", line.partition("=")[2] or line
    for path in sorted(path for path in (ROOT / "dialer").rglob("*.py") if "node_modules" not in path.parts):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            # Strings of one or two words are names.
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(" ") >= 2:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def test_product_texts_use_no_term_that_the_glossary_excludes() -> None:
    excluded = [term.strip() for _, _, terms in read_glossary_rows() for term in terms.split(";") if term.strip()]
    words = "|".join(re.escape(term).replace(r"\ ", r"\s+") for term in excluded)
    pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)
    found = {
        f"{place}: {match[0]}"
        for place, text in list_product_texts()
        for match in pattern.finditer(re.sub(r"`[^`]*`", "``", text))
    }
    assert sorted(found) == []


def test_agent_script_in_the_docs_is_valid_and_its_page_lists_every_placeholder() -> None:
    page = (DOCS / "how-to/scripts.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert check_script(parse_script(text, "errand.yaml")) == []
    rows = "".join(re.findall(r"^\|(`\{.*?)\|", page, re.MULTILINE))
    assert sorted(re.findall(r"\{(\w+)\}", rows)) == sorted(VALUES)
