"""Check a flow that loads, before a single call: `dialer flow check`.

Each rule is a function from a flow to its problems. `check_flow` runs them all, on the subdialogs too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dialer.flows.acknowledgements import unjustified_acknowledgements
from dialer.flows.content_rules import OFFERS_FORBIDDEN_TRANSPORT, STORES_CHOICE, forbidden_wording
from dialer.flows.fields import Prompt
from dialer.flows.finding import FlowFinding
from dialer.flows.flow import Flow
from dialer.flows.graph import (
    can_end_at,
    can_opt_out,
    can_return,
    flow_edges,
    loops,
    opts_out_at,
    reachable,
    reversed_edges,
    subgraph,
)
from dialer.flows.known import can_be_left_out
from dialer.flows.model import FlowPurpose, Offer, PromptKind
from dialer.flows.node import Node, Question
from dialer.flows.texts import Texts, placeholders
from dialer.flows.wording import names_choice, spoken_seconds

MAX_PROMPT_SECONDS = 30.0
_NEEDS_OPT_OUT = frozenset(FlowPurpose) - {FlowPurpose.WORKER, FlowPurpose.PART}


@dataclass(frozen=True, slots=True)
class Subject:
    """A flow to check, and what it is checked against."""

    flow: Flow
    purpose: FlowPurpose  # of the outermost flow: subdialogs are judged by it
    offers: frozenset[Offer]  # declared by the outermost flow or this subdialog
    may_offer: frozenset[Offer]  # allowed by the site's profile
    texts: Texts
    languages: tuple[str, ...]
    max_prompt_seconds: float

    def finding(self, rule: str, node: Node, problem: str) -> FlowFinding:
        """Return a finding at a node."""
        return FlowFinding(rule, self.flow.file, node.line, node.name, problem)


Problems = Iterator[tuple[str, Node, str]]
"""(name of the rule, node, what is wrong and what to do)."""
Rule = Callable[[Subject], Problems]


def check_flow(
    flow: Flow,
    texts: Texts,
    languages: Sequence[str] | None = None,
    max_prompt_seconds: float = MAX_PROMPT_SECONDS,
    *,
    may_offer: frozenset[Offer] = frozenset(),
) -> list[FlowFinding]:
    """Return all problems of a flow and its subdialogs, in the order of file and line.

    `languages` are those that it must speak; by default all that `texts` has. `may_offer` is what the profile allows.
    """
    spoken = tuple(languages) if languages is not None else tuple(texts.languages())
    found: dict[FlowFinding, None] = {}
    for part in flow.parts():
        offers = flow.offers | part.offers
        subject = Subject(part, flow.purpose, offers, may_offer, texts, spoken, max_prompt_seconds)
        for rule in RULES if part is not flow else (*RULES, _missing_opt_out):
            found.update((subject.finding(*problem), None) for problem in rule(subject))
    found.update(dict.fromkeys(unjustified_acknowledgements(flow, texts, spoken)))
    return sorted(found, key=lambda finding: (finding.file, finding.line, finding.rule))


def _unreachable(subject: Subject) -> Problems:
    flow = subject.flow
    found = reachable(flow_edges(flow), [flow.start])
    for node in flow.nodes.values():
        if node.name not in found:
            yield "unreachable", node, "cannot be reached; lead to it or delete it"


def _no_exit(subject: Subject) -> Problems:
    """Nodes from which no end can be reached: those in an endless loop, and those that lead only into one."""
    flow = subject.flow
    edges = flow_edges(flow)
    ends = [node.name for node in flow.nodes.values() if can_end_at(flow, node) or not edges[node.name]]
    lost = reachable(edges, [flow.start]) - reachable(reversed_edges(edges), ends)
    inside = subgraph(edges, lost)
    endless = loops(inside)
    for loop in endless:
        yield "no-exit", flow.nodes[loop[0]], f"is in a loop without an exit ({' -> '.join(loop)}); add a way out"
    in_loops = {name for loop in endless for name in loop}
    for name in inside:
        if name not in in_loops:
            yield "no-exit", flow.nodes[name], "leads only into a loop without an exit; add a way out"


def _silent_loop(subject: Subject) -> Problems:
    """Loops in which the machine may need no action: it would not stop, so it ends such a call as a fault."""
    flow = subject.flow
    silent = {name for name, node in flow.nodes.items() if _may_be_silent(flow, node)}
    for loop in loops(subgraph(flow_edges(flow), silent)):
        way = " -> ".join(loop)
        problem = f"is in a loop in which nothing may be said or asked ({way}); add a prompt or a question"
        yield "silent-loop", flow.nodes[loop[0]], problem


def _may_be_silent(flow: Flow, node: Node) -> bool:
    """Return whether the call can pass a node, or its subdialog, without an action."""
    if node.subflow is None:
        return node.may_be_silent
    subflow = flow.subflows[node.subflow]
    edges = flow_edges(subflow)
    silent = {name for name, part in subflow.nodes.items() if _may_be_silent(subflow, part)}
    passed = reachable({name: edges[name] if name in silent else () for name in edges}, [subflow.start])
    return any(subflow.nodes[name].returns for name in passed)


def _silent_caller(subject: Subject) -> Problems:
    """Loops for a caller who presses no key: the flow itself must end such a call, not its limit of turns."""

    def without_keys(node: Node, label: str) -> bool:
        return label == "no-input" if isinstance(node, Question) else True

    flow = subject.flow
    for loop in loops(flow_edges(flow, without_keys)):
        problem = f"asks a silent caller again without end ({' -> '.join(loop)}); lead no_input out of the loop"
        yield "silent-caller", flow.nodes[loop[0]], problem


def _silent_question(subject: Subject) -> Problems:
    """Questions whose prompts may all be left out, unless a branch on every way to them makes sure of the value."""
    for node in subject.flow.nodes.values():
        if isinstance(node, Question) and all(can_be_left_out(prompt) for prompt in node.prompts):
            needed = {name for prompt in node.prompts for name in _names_needed(prompt)}
            if not _any_is_known(subject.flow, node, needed):
                names = ", ".join(sorted(needed))
                problem = f"is silent for a voter without {names}; branch on it before, or add a prompt without it"
                yield "silent-question", node, problem


def _names_needed(prompt: Prompt) -> tuple[str, ...]:
    return tuple(name for name, _ in prompt.needs) if prompt.kind.is_fixed else (prompt.value,)


def _any_is_known(flow: Flow, node: Node, needed: set[str]) -> bool:
    """Return whether one of the names is known on every way to `node`: it was answered, or a branch tested it."""
    return any(not _reachable_without(flow, node, name) for name in needed)


def _reachable_without(flow: Flow, node: Node, name: str) -> bool:
    """Return whether `node` can be reached on a way that neither asks for `name` nor tests that it is known."""
    edges = dict(flow_edges(flow))
    for other in flow.nodes.values():
        targets = other.targets_without(name)
        if targets is not None:
            edges[other.name] = targets
    return node.name in reachable(edges, [flow.start])


def _missing_texts(subject: Subject) -> Problems:
    for node in subject.flow.nodes.values():
        for key, needs in node.texts_needed():
            missing = [tag for tag in subject.languages if subject.texts.text(key, tag) is None]
            if missing:
                problem = f"has no text {key} in {', '.join(missing)}; add it to texts/{missing[0]}.yaml"
                yield "missing-text", node, problem
            for tag in subject.languages:
                text = subject.texts.text(key, tag)
                if text is not None and placeholders(text) != needs:
                    yield "placeholders", node, _mismatch(key, tag, placeholders(text), needs)


def _mismatch(key: str, tag: str, in_text: set[str], given: set[str]) -> str:
    shown = ", ".join(f"{{{name}}}" for name in sorted(in_text)) or "no placeholder"
    listed = ", ".join(sorted(given)) or "nothing"
    return f"fills {key} with {listed}, but its {tag} text has {shown}; make `with:` and the text agree"


def _forbidden_wording(subject: Subject) -> Problems:
    """Forbidden wording in all texts that the flow says or sends, in every language of the texts."""
    for node in subject.flow.nodes.values():
        for key, _ in node.texts_needed():
            for tag in subject.texts.languages():
                text = subject.texts.text(key, tag) or ""
                for rule, problem in forbidden_wording(text, f"{key}, {tag}", subject.purpose, subject.offers):
                    yield rule, node, problem


def _stored_choice(subject: Subject) -> Problems:
    for node in subject.flow.nodes.values():
        if node.stored_answer is not None and names_choice(node.stored_answer):
            yield "forbidden-question", node, STORES_CHOICE.format(node.stored_answer)


def _material(subject: Subject) -> Problems:
    """Campaign material outside a flow that is declared as such, or without an opt-out one key away."""
    for node in subject.flow.nodes.values():
        recordings = [prompt.value for prompt in node.all_prompts if prompt.kind is PromptKind.RECORDING]
        if not recordings:
            continue
        recording = recordings[0]
        if subject.purpose is not FlowPurpose.MATERIAL:
            problem = f"plays campaign material ({recording}) in a flow for {subject.purpose}"
            yield "material", node, f"{problem}; move it to a flow with `purpose: material`"
        elif not any(opts_out_at(subject.flow, subject.flow.nodes[target]) for target in node.one_key_targets()):
            problem = f"plays {recording} where no key opts out; play it in a menu with barge-in and an opt-out choice"
            yield "material", node, problem


def _transport(subject: Subject) -> Problems:
    if not subject.flow.offers <= subject.may_offer:
        yield "transport", subject.flow.nodes[subject.flow.start], f"begins a flow that {OFFERS_FORBIDDEN_TRANSPORT}"


def _missing_opt_out(subject: Subject) -> Problems:
    flow = subject.flow
    if subject.purpose in _NEEDS_OPT_OUT and not can_opt_out(flow):
        problem = "begins a flow without an opt-out; add a choice `9:` that leads to an `opt_out: number` node"
        yield "missing-opt-out", flow.nodes[flow.start], problem


def _too_long(subject: Subject) -> Problems:
    most = subject.max_prompt_seconds
    for node in subject.flow.nodes.values():
        keys = [prompt.value for prompt in node.first_prompts if prompt.kind is PromptKind.TEXT]
        for tag in subject.languages:
            seconds = sum(spoken_seconds(subject.texts.text(key, tag) or "", tag) for key in keys)
            if seconds > most:
                yield "too-long", node, f"speaks for about {seconds:.0f} s in {tag}; at most {most:g} s: shorten it"


def _never_returns(subject: Subject) -> Problems:
    """Parts that never return: the calling flow would stop there."""
    flow = subject.flow
    if flow.purpose is FlowPurpose.PART and not can_return(flow):
        yield "never-returns", flow.nodes[flow.start], "begins a part that never returns; add a `return:`"


RULES: tuple[Rule, ...] = (
    _unreachable,
    _no_exit,
    _silent_loop,
    _silent_caller,
    _silent_question,
    _missing_texts,
    _forbidden_wording,
    _stored_choice,
    _material,
    _transport,
    _too_long,
    _never_returns,
)
