"""The documents tell the truth: settings, commands, topics, the example and the README's commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.document import settings_page
from config.settings import load_settings
from dialer.cli_document import commands_page
from dialer.model import Disposition, MarkKind, Outcome

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_setting_is_documented() -> None:
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == settings_page(), "run: python -m config.document docs"


def test_every_command_is_documented() -> None:
    page = commands_page()
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == page, "run: python -m dialer.cli_document docs"
    for row in page.splitlines():
        if row.startswith("| `-"):
            assert not row.endswith("|  |"), f"an option without a meaning: {row}"


@pytest.mark.parametrize("name", ["centre.example.toml", "demo.toml"])
def test_the_shipped_settings_are_good(name: str) -> None:
    settings = load_settings(ROOT / "config" / name)
    assert settings.campaigns
    assert settings.trunks


@pytest.mark.parametrize("word", [*Outcome, *Disposition, *MarkKind])
def test_every_outcome_disposition_and_mark_is_in_the_glossary(word: str) -> None:
    assert f"`{word}`" in (DOCS / "glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_links_between_the_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_opens_with_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme[:1200]
    assert "make test" in readme[:1200]
