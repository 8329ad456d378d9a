"""The checks of a loaded script, as run by `dialer script check`."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.domain.enums import MarkKind
from dialer.flows.content_rules import OFFERS_FORBIDDEN_TRANSPORT, STORES_CHOICE, find_forbidden_wording
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
            problems.append(("unreachable", "cannot be reached; lead to it or delete it"))
        if name not in ending:
            way = f" ({loop_of[name]})" if name in loop_of else ""
            problems.append(("no-exit", f"leads to no last page{way}; add a last page and lead to it"))
        if name == script.start and not script.offers <= may_offer:
            problems.append(("transport", f"starts a script that {OFFERS_FORBIDDEN_TRANSPORT}"))
        found.update(
            (PageFinding(rule, script.file, page.line_number, name, problem), None) for rule, problem in problems
        )
    return sorted(found, key=lambda finding: (finding.line, finding.rule))


def _find_problems_in_texts_of_page(page: ScriptPage, required: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for what, texts in page.list_texts_of_script_page():
        missing = [tag for tag in required if tag not in texts]
        if missing:
            yield "missing-language", f"has no {what} in {', '.join(missing)}; add it"
        for tag, text in texts.items():
            if has_braces_outside_placeholders(text):
                yield "unknown-value", f"has a brace in {what}, {tag} that is not a value such as {{voter}}; remove it"
            for name in sorted(find_placeholders(text) - VALUES.keys()):
                known = ", ".join(VALUES)
                yield "unknown-value", f"has the unknown value {{{name}}} in {what}, {tag}; use one of {known}"


def _find_forbidden_wording_in_text(script: Script, page: ScriptPage) -> Iterator[tuple[str, str]]:
    for what, texts in page.list_texts_of_script_page():
        for tag, text in texts.items():
            yield from find_forbidden_wording(text, f"{what}, {tag}", script.purpose, script.offers)
    for name in (*((page.ask,) if page.ask else ()), *page.answers):
        if is_answer_name_for_candidate_choice(name):
            yield "forbidden-question", STORES_CHOICE.format(name)
    if page.ask in _MARKS:
        problem = (
            f"stores an answer called {page.ask}, the name of a mark, which agents save with the outcome; rename it"
        )
        yield "named-like-a-mark", problem
