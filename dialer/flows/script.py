"""Scripts that agents read to voters: pages with texts in several languages, questions and answers.

A script is a YAML file like a flow, but contains its texts. The agent's page in the browser fills the values in braces
and shows one page at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from dialer import content
from dialer.domain.enums import Purpose
from dialer.flows.errors import PAGE, FlowError, UnknownFlow
from dialer.flows.fields import NAME_SCHEMA, Name
from dialer.flows.model import Offer
from dialer.flows.parsing import (
    NamedPart,
    OneOrMany,
    YamlModel,
    YesNo,
    make_yaml_error,
    parse_part_of_yaml_document,
    sanitise_text,
)
from dialer.flows.texts import LANGUAGE
from dialer.flows.yaml_document import Document, find_yaml_file, parse_yaml, read_yaml_file

SCRIPTS_DIRECTORY = content.IVR_FLOWS / "scripts"
MAX_PAGES = 100
MAX_ANSWERS = 9  # per question, as agents select them by the keys 1 to 9
MAX_TEXT = 2_000  # characters of a page in one language
MAX_LABEL = 80
VALUES: Final = MappingProxyType(
    {
        "voter": "name of the voter who is called",
        "relative": "name of the voter's father, mother or spouse, as in the roll",
        "house": "the voter's house",
        "serial": "the voter's serial number in the part",
        "part": "number of the part",
        "booth": "name of the polling station",
        "constituency": "name of the constituency",
        "opens": "opening time of the poll there",
        "closes": "closing time of the poll there",
        "agent": "the agent's number",
        "centre": "organisation on whose behalf the centre calls",
    }
)
"""The values that texts may contain in braces. A line with an unknown value is not shown."""


def _check_languages_of_text(texts: dict[str, str], info: ValidationInfo[tuple[str, ...]]) -> dict[str, str]:
    for tag in texts:
        if tag not in info.context:
            known = ", ".join(sorted(info.context))
            raise make_yaml_error(
                f"the text has the unknown language `{sanitise_text(tag)}`; use one of {known} (the `languages:` of the script)",
                tag,
            )
    return {tag: stripped for tag, text in texts.items() if (stripped := text.strip())}


def _check_language_code(value: str) -> str:
    if not LANGUAGE.fullmatch(value):
        raise make_yaml_error(f"`{sanitise_text(value)}` is not a language code; use two or three letters such as hi")
    return value


def _check_languages_are_distinct(languages: tuple[str, ...]) -> tuple[str, ...]:
    if len({*languages}) < len(languages):
        raise make_yaml_error("`languages:` must list each language once, such as [en, hi]")
    return languages


LanguageCode = Annotated[
    str, AfterValidator(_check_language_code), WithJsonSchema({"type": "string", "pattern": f"^{LANGUAGE.pattern}$"})
]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Label = Annotated[str, Field(max_length=MAX_LABEL)]
_TEXTS_HELP = f"The text by language. It may contain values in braces: {', '.join(f'{{{name}}}' for name in VALUES)}."


class ScriptAnswer(YamlModel):
    """An answer that the agent can choose for a question of the script."""

    label: Annotated[dict[str, Label], AfterValidator(_check_languages_of_text)] = Field(
        description="Text of the answer's button, by language."
    )
    to: Name = Field(description="The next page.")


def _forbid_question_with_next_page(schema: dict[str, Any]) -> None:
    schema["dependentRequired"] = {"ask": ["answers"], "answers": ["ask"]}
    schema["not"] = {"required": ["ask", "next"]}


class ScriptPage(NamedPart):
    """A page of a script. The agent sees one page at a time."""

    model_config = ConfigDict(json_schema_extra=_forbid_question_with_next_page)

    text: Annotated[dict[str, Text], AfterValidator(_check_languages_of_text)] = Field(description=_TEXTS_HELP)
    ask: Name | None = Field(None, description="Name under which the answer is stored; not the name of a mark.")
    answers: Annotated[dict[Name, ScriptAnswer], Field(min_length=1, max_length=MAX_ANSWERS)] = Field(
        {}, description="The answers, by the value that is stored."
    )
    next: Name | None = Field(
        None, description="The next page, if the page has no question. A page with neither is a last page."
    )
    closing: YesNo | None = Field(
        None,
        description="Whether the conversation ends here, so that the next voter may be called. Default: on last pages.",
    )

    @model_validator(mode="after")
    def _require_question_or_next_page(self) -> Self:
        if (self.ask is None) is not (not self.answers):
            problem_text = f"a question needs both `ask:`, the name of its answer, and 1 to {MAX_ANSWERS} `answers:`"
            raise make_yaml_error(problem_text)
        if self.ask is not None and self.next is not None:
            raise make_yaml_error("the page has both a question and `next:`; remove one of them", "next")
        return self

    @property
    def is_end_of_conversation(self) -> bool:
        """Whether the conversation ends at this page."""
        return not self.list_next_pages() if self.closing is None else self.closing

    def list_next_pages(self) -> tuple[str, ...]:
        """Return the pages that may follow this page. A last page has none."""
        return (*(answer.to for answer in self.answers.values()), *((self.next,) if self.next else ()))

    def list_texts_of_script_page(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield each text of the page as (description of the text, its translations by language)."""
        yield "text", self.text
        for value, answer in self.answers.items():
            yield f"answer {value}", answer.label


class ScriptFile(YamlModel):
    """A Matdan script, which an agent reads to a voter, with its questions and answers."""

    script: Name = Field(description="Name of the script.")
    title: str = Field("", max_length=200)
    purpose: Purpose = Field(description="Purpose of its campaigns, which decides what the script may say.")
    offers: Annotated[tuple[Offer, ...], OneOrMany()] = Field(
        (), description="Offers that a profile may forbid: transport is a ride to the polling station."
    )
    languages: Annotated[
        tuple[LanguageCode, ...],
        Field(min_length=1, json_schema_extra={"uniqueItems": True}),
        OneOrMany(),
        AfterValidator(_check_languages_are_distinct),
    ] = Field(description="Languages of every text. The first is used for voters who speak none of them.")
    start: Name = Field(description="The first page.")
    pages: Annotated[
        dict[Name, Any],
        Field(min_length=1, max_length=MAX_PAGES),
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": NAME_SCHEMA,
                "additionalProperties": {"$ref": "#/$defs/ScriptPage"},
                "minProperties": 1,
                "maxProperties": MAX_PAGES,
            }
        ),
    ]


@dataclass(frozen=True, slots=True)
class Script:
    """One version of a script that agents read to voters. `version` is a hash of its text."""

    name: str
    version: str
    title: str
    purpose: Purpose
    offers: frozenset[Offer]
    languages: tuple[str, ...]  # the first is used for voters who speak none of them
    start: str
    pages: Mapping[str, ScriptPage]
    file: str

    def __str__(self) -> str:
        """Return the script's name and version, separated by a space."""
        return f"{self.name} {self.version}"

    def get_allowed_answers_by_question(self) -> dict[str, frozenset[str]]:
        """Return the allowed answers of each question of the script, by the question's name. Several pages may ask the
        same question.
        """
        found: dict[str, frozenset[str]] = {}
        for page in self.pages.values():
            if page.ask is not None:
                found[page.ask] = found.get(page.ask, frozenset()) | page.answers.keys()
        return found


def list_shipped_scripts() -> list[str]:
    """Return the names of the scripts that come with Matdan, in alphabetical order."""
    return sorted(path.stem for path in SCRIPTS_DIRECTORY.glob("*.yaml"))


def load_script(name_or_path: str) -> Script:
    """Return the shipped script with this name, or the script in this .yaml file. Raises UnknownFlow and FlowError."""
    path = find_yaml_file(name_or_path, SCRIPTS_DIRECTORY)
    if path is None:
        raise UnknownFlow(name_or_path, list_shipped_scripts(), "script")
    return parse_script(read_yaml_file(path), str(path))


def parse_script(text: str, file: str = "<script>") -> Script:
    """Return the script in a YAML text. Raises FlowError for the first mistake."""
    document = parse_yaml(text, file)
    header = parse_part_of_yaml_document(ScriptFile, document)
    pages = {name: _parse_script_page(name, document, header.languages) for name in header.pages}
    known = ", ".join(sorted(pages)[:12])
    if header.start not in pages:
        problem_text = f"starts at {header.start}, which is not a page; use one of {known}"
        raise FlowError(file, document.find_line_number_of_value(("start",)), "", problem_text)
    for page in pages.values():
        for target in page.list_next_pages():
            if target not in pages:
                problem_text = f"leads to {target}, which is not a page; use one of {known}"
                raise FlowError(file, page.line_number, page.name, problem_text, part=PAGE)
    return Script(
        name=header.script,
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        title=header.title or header.script,
        purpose=header.purpose,
        offers=frozenset(header.offers),
        languages=header.languages,
        start=header.start,
        pages=MappingProxyType(pages),
        file=file,
    )


def _parse_script_page(name: str, document: Document, languages: tuple[str, ...]) -> ScriptPage:
    place = ("pages", name)
    page = parse_part_of_yaml_document(ScriptPage, document, place, names=languages, name=name, part=PAGE)
    page.set_name_and_line_of_part(name, document.find_line_number_of_value(place))
    return page
