"""English texts that the pages can translate, such as a check's finding: each has an id and values.

Logs and the command line print the English text. The pages translate it by its id (`dialer/desk/pages/locales/server`);
without a translation they show the English text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Annotated

from pydantic import PlainSerializer

from dialer.domain.schema import MESSAGE
from dialer.errors import SettingError


class TranslatableText(str):
    """An English text with the id and the values from which a page makes the same text in another language."""

    id: str
    values: Mapping[str, str | int | float]
    """A value may be a translatable text itself. Other texts are not translated, such as names."""


def translatable(text_id: str, english: str, **values: str | int | float) -> TranslatableText:
    """Return an English text that the pages can translate. `english` is a format string with the names of the values.

    Both `text_id` and `english` must be literals: a test reads them from the source, and compares them with the
    translations.
    """
    text = TranslatableText(english.format_map(values))
    text.id, text.values = text_id, values
    return text


def join_with_semicolons(texts: Iterable[str]) -> str:
    """Return the texts joined by semicolons, such as "it has opted out; the caller ID is not in the site's pool"."""
    return reduce(
        lambda first, second: translatable("both-texts", "{first}; {second}", first=first, second=second), texts
    )


def join_with_commas(texts: Iterable[str]) -> str:
    """Return the texts joined by commas, such as "09:00-21:00 on weekdays, 10:00-18:00 on Sundays"."""
    return reduce(
        lambda first, second: translatable("texts-in-list", "{first}, {second}", first=first, second=second), texts
    )


def add_remedy(problem: str, remedy: str) -> str:
    """Return a problem and its remedy, joined by a semicolon. Without a remedy, return only the problem."""
    return join_with_semicolons((problem, remedy)) if remedy else problem


def add_subject(subject: str, text: str) -> str:
    """Return a text after its subject, such as "centre.toml:14: is not a setting".

    Without a subject, return only the text.
    """
    return translatable("text-about-subject", "{subject}: {text}", subject=subject, text=text) if subject else text


def get_error_text(error: Exception) -> str:
    """Return the text of an error: where, what is wrong and what to do. It is translatable if the error's parts are."""
    if isinstance(error, SettingError):
        if not isinstance(error.problem, TranslatableText):
            return str(error)
        where = ": ".join(part for part in (error.file, error.key) if part)
        text = add_subject(where, add_remedy(error.problem, error.remedy))
        return text if text.endswith((".", "?")) else translatable("sentence", "{text}.", text=text)
    text = error.args[0] if error.args else ""
    return text if isinstance(text, TranslatableText) else str(error)


@dataclass(frozen=True, slots=True)
class PageText:
    """A text that a page shows in the user's language."""

    __pydantic_config__ = MESSAGE

    id: str
    """of its translations; empty: it has none"""
    values: Mapping[str, str | int | float | PageText]
    english: str


def make_page_text(text: str) -> PageText:
    """Return a text as the pages receive it. A text that is not translatable is shown in English."""
    if not isinstance(text, TranslatableText):
        return PageText("", {}, text)
    values = {
        name: make_page_text(value) if isinstance(value, TranslatableText) else value
        for name, value in text.values.items()
    }
    return PageText(text.id, values, str(text))


ShownText = Annotated[str, PlainSerializer(make_page_text, return_type=PageText)]
"""The type of a text in a record for the pages, which receive it as a `PageText`."""
