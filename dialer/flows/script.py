"""Scripts: what an agent reads to a voter, page by page, and which answers are kept. Written, checked and reloaded as flows are.

A script is a YAML file whose texts stand in it, by language. The agent's page fills the values in braces and shows one page at a
time. Whom somebody votes for is asked in no script, by the same judgement as in flows.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from dialer import content
from dialer.domain.enums import MarkKind, Purpose
from dialer.flows.check import KEPT_CHOICE, MAY_NOT_OFFER, FlowFinding, circles, reached, reversed_edges, unsayable
from dialer.flows.errors import FlowError, UnknownFlow
from dialer.flows.fields import Fields
from dialer.flows.model import Offer
from dialer.flows.reader import Table, Text, file_of, read_file, read_table
from dialer.flows.texts import LANGUAGE, odd_braces, placeholders
from dialer.flows.wording import keeps_choice

SCRIPTS_DIRECTORY = content.IVR_FLOWS / "scripts"
MAX_PAGES = 100
MAX_ANSWERS = 9  # to one question: as many as there are keys
MAX_TEXT = 2_000  # letters of a page in one language
MAX_LABEL = 80
VALUES: Final = MappingProxyType(
    {
        "voter": "name of whom the call addresses",
        "relative": "name of that voter's father, mother or spouse, as the roll has it",
        "house": "that voter's house",
        "serial": "that voter's serial number in the part",
        "part": "number of the part",
        "booth": "name of the polling station",
        "constituency": "name of the constituency",
        "opens": "when the poll opens there",
        "closes": "when it closes",
        "agent": "the agent's number",
        "centre": "on whose behalf the centre calls",
    }
)
"""What a text may have in braces, as the agent's page knows it of the call. Any may be unknown: then its line is left out."""
_MARKS = frozenset(kind.value.replace("-", "_") for kind in MarkKind)


@dataclass(frozen=True, slots=True)
class ScriptAnswer:
    """What may be answered to a question."""

    value: str  # what is kept
    label: Mapping[str, str]  # on its button, by language
    to: str  # the page that follows


@dataclass(frozen=True, slots=True)
class ScriptPage:
    """What the agent sees at once."""

    name: str
    line: int
    text: Mapping[str, str]  # by language
    ask: str | None  # name under which the answer is kept
    answers: tuple[ScriptAnswer, ...]
    next: str | None
    closing: bool

    def targets(self) -> tuple[str, ...]:
        """The pages that may follow; () of a last page."""
        return (*(answer.to for answer in self.answers), *((self.next,) if self.next else ()))

    def said(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield all that stands on it, each with what it is called."""
        yield "text", self.text
        for answer in self.answers:
            yield f"answer {answer.value}", answer.label


@dataclass(frozen=True, slots=True)
class Script:
    """One version of a script. `version` is a hash of its text."""

    name: str
    version: str
    title: str
    purpose: Purpose
    offers: frozenset[Offer]
    languages: tuple[str, ...]  # the first stands in where a voter's is none of them
    start: str
    pages: Mapping[str, ScriptPage]
    file: str

    def __str__(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    def questions(self) -> dict[str, frozenset[str]]:
        """What may be kept: the values by the name of the question, which several pages may ask."""
        found: dict[str, frozenset[str]] = {}
        for page in self.pages.values():
            if page.ask is not None:
                found[page.ask] = found.get(page.ask, frozenset()) | {answer.value for answer in page.answers}
        return found

    def in_language(self, language: str) -> dict[str, Any]:
        """The script as JSON for the agent's page, in that language or in its first: `{name, version, start, pages: {id: {text,
        ask: {name, answers: [{value, label, to}]} | None, next: id | None, closing}}}`. Values stand in braces still.
        """
        tag = language if language in self.languages else self.languages[0]
        pages = {
            page.name: {
                "text": page.text.get(tag, ""),
                "ask": page.ask
                and {
                    "name": page.ask,
                    "answers": [
                        {"value": each.value, "label": each.label.get(tag, ""), "to": each.to} for each in page.answers
                    ],
                },
                "next": page.next,
                "closing": page.closing,
            }
            for page in self.pages.values()
        }
        return {"name": self.name, "version": self.version, "start": self.start, "pages": pages}


class PageFields(Fields):
    """The keys of a page."""

    part = "page"


def shipped_scripts() -> list[str]:
    """The names of the scripts that come with the project, in alphabetical order."""
    return sorted(path.stem for path in SCRIPTS_DIRECTORY.glob("*.yaml"))


def load_script(name_or_path: str) -> Script:
    """The shipped script of that name, or the one in that .yaml file. Raises UnknownFlow, FlowError."""
    path = file_of(name_or_path, SCRIPTS_DIRECTORY)
    if path is None:
        raise UnknownFlow(name_or_path, shipped_scripts(), "script")
    return parse_script(read_file(path), str(path))


def parse_script(text: str, file: str = "<script>") -> Script:
    """The script that `text` holds. Raises FlowError for the first that is wrong."""
    top = Fields(read_table(text, file), file, "")
    name = top.name("script")
    title = top.text("title", "")
    purpose = Purpose(top.choice("purpose", [*Purpose]))
    offers = frozenset(Offer(word) for word in top.choices("offers", [*Offer]))
    languages = tuple(value.value if isinstance(value, Text) else "" for value in top.items("languages"))
    if not languages or len({*languages}) < len(languages) or not all(map(LANGUAGE.fullmatch, languages)):
        raise top.error("`languages:` must list each language once, such as [en, hi]", "languages")
    start = top.name("start")
    table = top.table("pages")
    top.finish()
    if table is None or not 1 <= len(table.values) <= MAX_PAGES:
        raise top.error(f"has {len(table.values) if table else 0} pages; write 1 to {MAX_PAGES} below `pages:`")
    found = {each: _page(each, table, languages, file) for each in Fields(table, file, "").names()}
    known = ", ".join(sorted(found)[:12])
    if start not in found:
        raise top.error(f"starts at {start}, which is no page; use one of {known}", "start")
    for page in found.values():
        for target in page.targets():
            if target not in found:
                problem = f"leads to {target}, which is no page; use one of {known}"
                raise FlowError(file, page.line, page.name, problem, part=PageFields.part)
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Script(name, version, title or name, purpose, offers, languages, start, MappingProxyType(found), file)


def _page(name: str, pages: Table, languages: tuple[str, ...], file: str) -> ScriptPage:
    value, line = pages.values[name], pages.lines[name]
    if not isinstance(value, Table):
        raise FlowError(file, line, name, "must be a mapping such as `text: {...}` and `next: ...`", part="page")
    fields = PageFields(Table(value.values, line, value.lines), file, name)
    text = _by_language(fields, "text", languages, MAX_TEXT)
    ask, follows = fields.optional_name("ask"), fields.optional_name("next")
    given = fields.table("answers")
    answers: list[ScriptAnswer] = []
    for each in () if given is None else PageFields(given, file, name).names():
        inner = given.values[each] if given is not None else None
        if not isinstance(inner, Table):
            raise fields.error(f"answer {each} must be a mapping such as {{label: {{en: Yes}}, to: thanks}}", "answers")
        answer = PageFields(inner, file, name)
        answers.append(ScriptAnswer(each, _by_language(answer, "label", languages, MAX_LABEL), answer.name("to")))
        answer.finish()
    if (ask is None) is not (not answers) or len(answers) > MAX_ANSWERS:
        raise fields.error(f"a question has both `ask:`, the name of what is kept, and 1 to {MAX_ANSWERS} `answers:`")
    if ask is not None and follows is not None:
        raise fields.error("has a question, whose answers lead on, and `next:` too; keep one", "next")
    closing = fields.yes("closing", default=ask is None and follows is None)
    fields.finish()
    return ScriptPage(name, line, text, ask, tuple(answers), follows, closing)


def _by_language(fields: Fields, key: str, languages: tuple[str, ...], most: int) -> Mapping[str, str]:
    """The texts that are there. Which are missing is for the check, which names them all."""
    table = fields.table(key)
    if table is None:
        raise fields.error(f"lacks `{key}:`; add it, such as {key}: {{{languages[0]}: ...}}")
    inner = PageFields(table, fields.file, fields.node)
    found = {tag: text for tag in languages if (text := inner.text(tag, "", most).strip())}
    inner.finish()
    return MappingProxyType(found)


# What is wrong with a script that loads


class PageFinding(FlowFinding):
    """One thing that is wrong on a page of a script, where, and what to do."""

    part = PageFields.part


def check_script(
    script: Script, languages: tuple[str, ...] = (), *, may_offer: frozenset[Offer] = frozenset()
) -> list[FlowFinding]:
    """Everything that is wrong with a script, in the order of its lines; [] when nothing is. `languages` must be there beside its
    own; `may_offer` is what the profile allows.
    """
    wanted = dict.fromkeys((*script.languages, *languages))
    edges = {page.name: page.targets() for page in script.pages.values()}
    met = reached(edges, [script.start])
    ending = reached(reversed_edges(edges), [name for name, targets in edges.items() if not targets])
    loops = {name: " -> ".join(circle) for circle in circles(edges) for name in circle}
    found: dict[FlowFinding, None] = {}
    for page in script.pages.values():
        problems = [*_unsaid(page, tuple(wanted)), *_misspoken(script, page)]
        if page.name not in met:
            problems.append(("unreached", "is never reached; lead to it or delete it"))
        if page.name not in ending:
            way = f" ({loops[page.name]})" if page.name in loops else ""
            problems.append(("no-exit", f"leads to no last page{way}; add a page that leads nowhere, and a way to it"))
        if page.name == script.start and not script.offers <= may_offer:
            problems.append(("transport", f"begins a script that {MAY_NOT_OFFER}"))
        found.update((PageFinding(rule, script.file, page.line, page.name, what), None) for rule, what in problems)
    return sorted(found, key=lambda finding: (finding.line, finding.rule))


def _unsaid(page: ScriptPage, wanted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for what, texts in page.said():
        missing = [tag for tag in wanted if tag not in texts]
        if missing:
            yield "missing-language", f"has no {what} in {', '.join(missing)}; add it"
        for tag, text in texts.items():
            if odd_braces(text):
                yield "unknown-value", f"has a brace in {what}, {tag} that is no value such as {{voter}}; remove it"
            for name in sorted(placeholders(text) - VALUES.keys()):
                known = ", ".join(VALUES)
                yield "unknown-value", f"has {{{name}}} in {what}, {tag}, which no page knows; use one of {known}"


def _misspoken(script: Script, page: ScriptPage) -> Iterator[tuple[str, str]]:
    for what, texts in page.said():
        for tag, text in texts.items():
            yield from unsayable(text, f"{what}, {tag}", script.purpose, script.offers)
    for name in (*((page.ask,) if page.ask else ()), *(answer.value for answer in page.answers)):
        if keeps_choice(name):
            yield "forbidden-question", KEPT_CHOICE.format(name)
    if page.ask in _MARKS:
        problem = (
            f"keeps an answer called {page.ask}, which is a mark: the agent says it with the outcome; name it otherwise"
        )
        yield "named-like-a-mark", problem


# What a site's campaigns use


LOOK_SECONDS = 10.0  # between two looks for a version that only the dialler knows, since who is on the line waits


class ScriptLibrary:
    """The scripts of a site's campaigns, as they were last read. The dialler judges answers by its own, the desk shows its own."""

    def __init__(self, campaigns: Mapping[str, tuple[str, Purpose]], may_offer: frozenset[Offer] = frozenset()) -> None:
        """`campaigns`: of each that has a script, its setting (a name or path as `load_script` takes it) and what it calls for.

        Raises FlowError for the first script with anything wrong.
        """
        self._campaigns = dict(campaigns)
        self._may_offer = may_offer
        self._current: dict[str, Script] = {}
        # By campaign and version: a call ends on the one that it began with.
        self._seen: dict[tuple[str, str], Script] = {}
        self._looked_at = -math.inf  # monotonic: when a version was last looked for in the files
        self.take(self.read())

    def read(self) -> dict[str, Script]:
        """Every campaign's script, read anew and taken by nobody yet. Raises FlowError."""
        return self._read(self._campaigns)

    def prepared(self, campaigns: Mapping[str, tuple[str, Purpose]]) -> Callable[[], None]:
        """Read the scripts of these that are new, or another; what is returned has these campaigns use them, and no others one.
        Raises FlowError, and changes nothing.
        """
        read = self._read({name: each for name, each in campaigns.items() if self._campaigns.get(name) != each})

        def use() -> None:
            self._campaigns = dict(campaigns)
            self._current = {name: script for name, script in self._current.items() if name in campaigns}
            self.take(read)

        return use

    def _read(self, campaigns: Mapping[str, tuple[str, Purpose]]) -> dict[str, Script]:
        found: dict[str, Script] = {}
        for campaign, (source, purpose) in campaigns.items():
            script = found[campaign] = load_script(source)
            for finding in check_script(script, may_offer=self._may_offer):
                where, problem = (finding.file, finding.line, finding.node), f"{finding.problem} [{finding.rule}]"
                raise FlowError(*where, problem, part=PageFields.part)
            if script.purpose is not purpose:
                problem = f"is for {script.purpose}, and campaign {campaign} for {purpose}; give it another script"
                raise FlowError(script.file, 0, "", problem)
        return found

    def take(self, scripts: Mapping[str, Script]) -> list[str]:
        """Use what `read` gave from now on; the names of the scripts that changed."""
        changed = [
            script.name
            for campaign, script in scripts.items()
            if campaign not in self._current or self._current[campaign].version != script.version
        ]
        self._current.update(scripts)
        self._seen.update(((campaign, str(script)), script) for campaign, script in scripts.items())
        return changed

    def version_of(self, campaign: str) -> str | None:
        """Name and version of the campaign's script, as `campaigns/{campaign}/statistics` tells them; None: it has none."""
        script = self._current.get(campaign)
        return None if script is None else str(script)

    def script_for(self, campaign: str, language: str, version: str | None) -> dict[str, Any] | None:
        """The campaign's script for a pop in that language, as `Script.in_language` has it. `version` is what the dialler says of
        the campaign (`script` of `campaigns/{campaign}/statistics`; None: it has none, or was not heard).

        Where that version is not known here, the files are read anew, at most every ten seconds. None where that does not bring
        it: answers to another one would be refused. Never raises; blocks where files are read.
        """
        now = time.monotonic()
        if version is not None and (campaign, version) not in self._seen and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            with suppress(FlowError):
                self.take(self.read())
        script = self._seen.get((campaign, version or ""))
        return None if script is None else script.in_language(language)

    def stray(self, campaign: str, answers: Mapping[str, str]) -> str | None:
        """What of an agent's answers is in no version of the campaign's script, in words; None: all of it is."""
        if not answers:
            return None
        asked = [script.questions() for (of, _), script in self._seen.items() if of == campaign]
        for name, value in answers.items():
            allowed = [questions[name] for questions in asked if name in questions]
            if not allowed:
                return f"the script of campaign {campaign} asks nothing called {name}"
            if not any(value in values for values in allowed):
                return f"the script of campaign {campaign} has no answer {value} to {name}"
        return None
