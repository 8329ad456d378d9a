"""A script in one language, as the agent's page shows it.

Values in braces, such as the voter's name, are not filled in yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialer.domain.schema import MESSAGE
from dialer.flows.script import Script, ScriptPage


@dataclass(frozen=True, slots=True)
class ScriptChoice:
    """An answer that the agent can select."""

    __pydantic_config__ = MESSAGE

    value: str
    """the stored answer"""
    label: str
    to: str | None
    """the next page"""


@dataclass(frozen=True, slots=True)
class ScriptQuestion:
    """A question of a script, and its answers."""

    __pydantic_config__ = MESSAGE

    name: str
    answers: tuple[ScriptChoice, ...]


@dataclass(frozen=True, slots=True)
class TranslatedPage:
    """A page of an agents' script in one language."""

    __pydantic_config__ = MESSAGE

    text: str
    ask: ScriptQuestion | None
    next: str | None
    """the next page; null if a question decides or the page is the last one"""
    closing: bool
    """whether the conversation ends here"""


@dataclass(frozen=True, slots=True)
class TranslatedScript:
    """An agents' script in one language."""

    __pydantic_config__ = MESSAGE

    name: str
    version: str
    start: str
    """the first page"""
    pages: Mapping[str, TranslatedPage]
    """by name"""


def create_script_in_language(script: Script, language: str) -> TranslatedScript:
    """Return a script that agents read, in one language. If the script has no texts in this language, its first
    language is used.
    """
    tag = language if language in script.languages else script.languages[0]
    pages = {name: _create_script_page_in_language(page, tag) for name, page in script.pages.items()}
    return TranslatedScript(script.name, script.version, script.start, pages)


def _create_script_page_in_language(page: ScriptPage, tag: str) -> TranslatedPage:
    answers = (ScriptChoice(value, answer.label.get(tag, ""), answer.to) for value, answer in page.answers.items())
    question = None if page.ask is None else ScriptQuestion(page.ask, tuple(answers))
    return TranslatedPage(page.text.get(tag, ""), question, page.next, page.is_end_of_conversation)
