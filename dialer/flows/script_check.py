"""The checks of a loaded script, as run by `dialer script check`."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.domain.enums import MarkKind
from dialer.domain.translatable import TranslatableText, translatable
from dialer.flows.content_rules import describe_stored_choice_of_candidate, find_forbidden_wording
from dialer.flows.finding import FlowFinding, PageFinding
from dialer.flows.graph import find_loops_in_graph, find_nodes_reachable_from, reverse_edges_of_graph
from dialer.flows.model import Offer
from dialer.flows.script import VALUES, Script, ScriptPage
from dialer.flows.texts import find_placeholders, has_braces_outside_placeholders
from dialer.flows.wording import is_answer_name_for_candidate_choice

_MARKS = frozenset(kind.value.replace("-", "_") for kind in MarkKind)


def check_script(
    script: Script, languages: tuple[str, ...] = (), *, may_offer: frozenset[Offer] = frozenset()
) -> list[FlowFinding]:
    """Return all problems of a script, in the order of lines.

    Args:
        script: the script.
        languages: required languages, in addition to the script's own.
        may_offer: the offers to voters (such as a ride) that the profile allows.
    """
    required = tuple(dict.fromkeys((*script.languages, *languages)))
    edges = {name: page.list_next_pages() for name, page in script.pages.items()}
    met = find_nodes_reachable_from(edges, [script.start])
    ending = find_nodes_reachable_from(
        reverse_edges_of_graph(edges), [name for name, targets in edges.items() if not targets]
    )
    loop_of = {name: " -> ".join(loop) for loop in find_loops_in_graph(edges) for name in loop}
    found: dict[FlowFinding, None] = {}
    for name, page in script.pages.items():
        problems = [*_find_problems_in_texts_of_page(page, required), *_find_forbidden_wording_in_text(script, page)]
        if name not in met:
            problems.append(("unreachable", translatable("unreachable", "cannot be reached; lead to it or delete it")))
        if name not in ending:
            problems.append(("no-exit", _describe_missing_last_page(loop_of.get(name))))
        if name == script.start and not script.offers <= may_offer:
            problem = translatable(
                "script-offers-forbidden-transport",
                "starts a script that offers transport, which the profile forbids (`transport.may_offer`); remove the offer",
            )
            problems.append(("transport", problem))
        found.update(
            (PageFinding(rule, script.file, page.line_number, name, problem), None) for rule, problem in problems
        )
    return sorted(found, key=lambda finding: (finding.line, finding.rule))


def _describe_missing_last_page(loop: str | None) -> TranslatableText:
    if loop is None:
        return translatable("no-last-page", "leads to no last page; add a last page and lead to it")
    return translatable(
        "loop-without-last-page", "leads to no last page ({loop}); add a last page and lead to it", loop=loop
    )


def _find_problems_in_texts_of_page(
    page: ScriptPage, required: tuple[str, ...]
) -> Iterator[tuple[str, TranslatableText]]:
    for what, texts in page.list_texts_of_script_page():
        missing = [tag for tag in required if tag not in texts]
        if missing:
            yield (
                "missing-language",
                translatable(
                    "page-text-missing",
                    "has no {part} in {languages}; add it",
                    part=what,
                    languages=", ".join(missing),
                ),
            )
        for tag, text in texts.items():
            if has_braces_outside_placeholders(text):
                yield (
                    "unknown-value",
                    translatable(
                        "brace-without-value",
                        "has a brace in {part}, {language} that is not a value such as {example}; remove it",
                        part=what,
                        language=tag,
                        example="{voter}",
                    ),
                )
            for name in sorted(find_placeholders(text) - VALUES.keys()):
                yield (
                    "unknown-value",
                    translatable(
                        "unknown-value",
                        "has the unknown value {name} in {part}, {language}; use one of {known}",
                        name=f"{{{name}}}",
                        part=what,
                        language=tag,
                        known=", ".join(VALUES),
                    ),
                )


def _find_forbidden_wording_in_text(script: Script, page: ScriptPage) -> Iterator[tuple[str, TranslatableText]]:
    for what, texts in page.list_texts_of_script_page():
        for tag, text in texts.items():
            yield from find_forbidden_wording(text, f"{what}, {tag}", script.purpose, script.offers)
    for name in (*((page.ask,) if page.ask else ()), *page.answers):
        if is_answer_name_for_candidate_choice(name):
            yield "forbidden-question", describe_stored_choice_of_candidate(name)
    if page.ask in _MARKS:
        problem = translatable(
            "answer-named-like-mark",
            "stores an answer called {answer}, the name of a mark, which agents save with the outcome; rename it",
            answer=page.ask,
        )
        yield "named-like-a-mark", problem
