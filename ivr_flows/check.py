"""`dialer flow check`: what is wrong with a flow that loads, found before a single call.

Each rule is a function from a flow to findings; `check_flow` runs them all, over the subdialogs too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ivr_flows.known import can_be_left_out
from ivr_flows.model import FlowPurpose, Offer, Prompt, PromptKind
from ivr_flows.node import Flow, Node, Question
from ivr_flows.texts import Texts, placeholders
from ivr_flows.thanks import unearned_thanks
from ivr_flows.wording import asks_choice, asks_for_vote, keeps_choice, offers_transport, spoken_seconds

Edges = Mapping[str, tuple[str, ...]]
MAX_PROMPT_SECONDS = 30.0
_NEEDS_OPT_OUT = frozenset(
    {
        FlowPurpose.TURNOUT,
        FlowPurpose.MATERIAL,
        FlowPurpose.INFORMATION,
        FlowPurpose.CONFIRMATION,
        FlowPurpose.INBOUND,
        FlowPurpose.ABANDONED,
        FlowPurpose.OPT_OUT,
    }
)


@dataclass(frozen=True, slots=True)
class FlowFinding:
    """One thing that is wrong, where, and what to do."""

    rule: str
    file: str
    line: int
    node: str
    problem: str

    part: ClassVar = "node"

    def __str__(self) -> str:
        """One line: file, line, node, what is wrong and what to do, the rule's name."""
        return f"{self.file}:{self.line}: {self.part} {self.node}: {self.problem} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Subject:
    """A flow under check, with what it is checked against."""

    flow: Flow
    purpose: FlowPurpose  # of the outermost flow: a part is judged by what it is a part of
    offers: frozenset[Offer]  # declared by the outermost flow or this part of it
    may_offer: frozenset[Offer]  # by the profile that holds
    texts: Texts
    languages: tuple[str, ...]
    max_prompt_seconds: float

    def finding(self, rule: str, node: Node, problem: str) -> FlowFinding:
        """A finding at a node."""
        return FlowFinding(rule, self.flow.file, node.line, node.name, problem)


Rule = Callable[[Subject], Iterator[FlowFinding]]


def check_flow(
    flow: Flow,
    texts: Texts,
    languages: Sequence[str] | None = None,
    max_prompt_seconds: float = MAX_PROMPT_SECONDS,
    *,
    may_offer: frozenset[Offer] = frozenset(),
) -> list[FlowFinding]:
    """Everything that is wrong with a flow and its subdialogs, in the order of file and line; [] when nothing is.

    `languages` are those that it must speak, all that `texts` has by default; `may_offer` is what the profile allows.
    """
    spoken = tuple(languages) if languages is not None else tuple(texts.languages())
    found: dict[FlowFinding, None] = {}
    for part in flow.parts():
        offers = flow.offers | part.offers
        subject = Subject(part, flow.purpose, offers, may_offer, texts, spoken, max_prompt_seconds)
        for rule in RULES:
            found.update(dict.fromkeys(rule(subject)))
        if part is flow:
            found.update(dict.fromkeys(_missing_opt_out(subject)))
    for thanks in unearned_thanks(flow, texts, spoken):
        found[FlowFinding("thanks-before-commit", thanks.file, thanks.node.line, thanks.node.name, thanks.problem)] = (
            None
        )
    return sorted(found, key=lambda finding: (finding.file, finding.line, finding.rule))


def _unreached(subject: Subject) -> Iterator[FlowFinding]:
    flow = subject.flow
    found = reached(flow_edges(flow), [flow.start])
    for node in flow.nodes.values():
        if node.name not in found:
            yield subject.finding("unreached", node, "is never reached; lead to it or delete it")


def _no_exit(subject: Subject) -> Iterator[FlowFinding]:
    """Nodes from which no end can be reached: a circle without an exit, or what leads only into one."""
    flow = subject.flow
    edges = flow_edges(flow)
    ends = [node.name for node in flow.nodes.values() if ends_call(flow, node) or not edges[node.name]]
    lost = reached(edges, [flow.start]) - reached(reversed_edges(edges), ends)
    inside = {name: tuple(target for target in edges[name] if target in lost) for name in flow.nodes if name in lost}
    looping = circles(inside)
    for circle in looping:
        first = flow.nodes[circle[0]]
        yield subject.finding("no-exit", first, f"is in a loop without an exit ({' -> '.join(circle)}); add a way out")
    in_circles = {name for circle in looping for name in circle}
    for name in inside:
        if name not in in_circles:
            yield subject.finding("no-exit", flow.nodes[name], "leads only into a loop without an exit; add a way out")


def _wordless_circle(subject: Subject) -> Iterator[FlowFinding]:
    """A circle in which nothing need be said: the machine would run in it without end, so it ends such a call as a fault."""
    flow = subject.flow
    edges = flow_edges(flow)
    silent = {name for name, node in flow.nodes.items() if _may_be_silent(flow, node)}
    inside = {
        name: tuple(target for target in edges[name] if target in silent) for name in flow.nodes if name in silent
    }
    for circle in circles(inside):
        problem = (
            f"is in a circle in which nothing is said or asked ({' -> '.join(circle)}); say or ask something in it"
        )
        yield subject.finding("wordless-circle", flow.nodes[circle[0]], problem)


def _may_be_silent(flow: Flow, node: Node) -> bool:
    """Whether a node can pass without an action: it, or all that is called in it."""
    if node.calls is None:
        return node.may_be_silent
    subflow = flow.subflows[node.calls]
    edges = flow_edges(subflow)
    silent = {name for name, part in subflow.nodes.items() if _may_be_silent(subflow, part)}
    passed = reached({name: edges[name] if name in silent else () for name in edges}, [subflow.start])
    return any(subflow.nodes[name].returns for name in passed)


def _silent_caller(subject: Subject) -> Iterator[FlowFinding]:
    """A caller who keys nothing must come to an end by the flow itself, not by its limit of turns."""

    def without_keys(node: Node, label: str) -> bool:
        return label == "no-input" if isinstance(node, Question) else True

    flow = subject.flow
    for circle in circles(flow_edges(flow, without_keys)):
        problem = f"asks a caller who keys nothing for ever ({' -> '.join(circle)}); lead no_input out of the circle"
        yield subject.finding("silent-caller", flow.nodes[circle[0]], problem)


def _silent_question(subject: Subject) -> Iterator[FlowFinding]:
    for node in subject.flow.nodes.values():
        if isinstance(node, Question) and all(can_be_left_out(prompt) for prompt in node.prompts):
            # A question that needs a fact is fine where a branch has made sure of it; the branch must be on every way here.
            needed = {name for prompt in node.prompts for name in _needed(prompt)}
            if not _assured(subject.flow, node, needed):
                names = ", ".join(sorted(needed))
                problem = f"is silent for a voter of whom {names} is not known; branch on it before, or add a prompt without it"
                yield subject.finding("silent-question", node, problem)


def _needed(prompt: Prompt) -> tuple[str, ...]:
    if prompt.kind in (PromptKind.TEXT, PromptKind.RECORDING):
        return tuple(name for name, _ in prompt.needs)
    return (prompt.value,)


def _assured(flow: Flow, node: Node, needed: set[str]) -> bool:
    """Whether some need can be met on every way to `node`: it is an answer just given, or a branch made sure of the fact."""
    return any(not _reached_without(flow, node, name) for name in needed)


def _reached_without(flow: Flow, node: Node, name: str) -> bool:
    """Whether `node` can be reached on a way that neither answers `name` nor branches on knowing it."""
    edges = dict(flow_edges(flow))
    for other in flow.nodes.values():
        unsure = other.ways_unsure_of(name)
        if unsure is not None:
            edges[other.name] = unsure
    return node.name in reached(edges, [flow.start])


def _missing_texts(subject: Subject) -> Iterator[FlowFinding]:
    for node in subject.flow.nodes.values():
        for key, needs in node.texts_needed():
            missing = [tag for tag in subject.languages if subject.texts.text(key, tag) is None]
            if missing:
                problem = f"has no text {key} in {', '.join(missing)}; add it to texts/{missing[0]}.yaml"
                yield subject.finding("missing-text", node, problem)
            for tag in subject.languages:
                text = subject.texts.text(key, tag)
                if text is not None and placeholders(text) != needs:
                    yield subject.finding("placeholders", node, _mismatch(key, tag, placeholders(text), needs))


def _mismatch(key: str, tag: str, written: set[str], given: set[str]) -> str:
    shown = ", ".join(f"{{{name}}}" for name in sorted(written)) or "no placeholder"
    listed = ", ".join(sorted(given)) or "nothing"
    return f"fills {key} with {listed}, but its {tag} text has {shown}; make `with:` and the text agree"


def unsayable(text: str, where: str, purpose: str, offers: frozenset[Offer]) -> Iterator[tuple[str, str]]:
    """(rule, problem) of what a text must not say that is for this purpose and has declared these offers; `where` it stands."""
    if (words := asks_choice(text)) is not None:
        problem = f'asks whom somebody votes for ("{words}" in {where}); that is never asked: remove it'
        yield "forbidden-question", problem
    if purpose != FlowPurpose.MATERIAL and (words := asks_for_vote(text)) is not None:
        yield "material", f'asks for a vote ("{words}" in {where}), and this is for {purpose}; remove it'
    if Offer.TRANSPORT not in offers and (words := offers_transport(text)) is not None:
        problem = f'speaks of a ride ("{words}" in {where}); remove it, or declare `offers: [transport]`'
        yield "transport", problem


def _unsayable(subject: Subject) -> Iterator[FlowFinding]:
    for node, key, tag, text in _said(subject):
        for rule, problem in unsayable(text, f"{key}, {tag}", subject.purpose, subject.offers):
            yield subject.finding(rule, node, problem)


def _kept_choice(subject: Subject) -> Iterator[FlowFinding]:
    for node in subject.flow.nodes.values():
        name = node.keeps
        if name is not None and keeps_choice(name):
            yield subject.finding("forbidden-question", node, KEPT_CHOICE.format(name))


KEPT_CHOICE = "keeps an answer called {}; whom somebody votes for is never stored: remove the question"


def _material(subject: Subject) -> Iterator[FlowFinding]:
    """Campaign material only in a flow that is declared as such, and there with the opt-out one key away."""
    for node in subject.flow.nodes.values():
        recordings = [prompt.value for prompt in node.said if prompt.kind is PromptKind.RECORDING]
        if not recordings:
            continue
        if subject.purpose is not FlowPurpose.MATERIAL:
            problem = (
                f"plays campaign material ({recordings[0]}) in a flow for {subject.purpose}; move it to a flow with "
            )
            yield subject.finding("material", node, f"{problem}`purpose: material`")
        elif not any(_opts_out(subject.flow, subject.flow.nodes[way]) for way in node.ways_by_one_key()):
            problem = (
                f"plays {recordings[0]} where no key opts out; play it in a menu with barge-in and an opt-out choice"
            )
            yield subject.finding("material", node, problem)


def _transport(subject: Subject) -> Iterator[FlowFinding]:
    """A ride to the poll is offered only where the profile allows it."""
    if not subject.flow.offers <= subject.may_offer:
        yield subject.finding(
            "transport", subject.flow.nodes[subject.flow.start], f"begins a flow that {MAY_NOT_OFFER}"
        )


MAY_NOT_OFFER = "offers transport, which the profile forbids (transport.may_offer); take the offer out"


def _missing_opt_out(subject: Subject) -> Iterator[FlowFinding]:
    flow = subject.flow
    if subject.purpose in _NEEDS_OPT_OUT and not _can_opt_out(flow):
        problem = "begins a flow in which nobody can opt out; add a choice `9:` that leads to an `opt_out: number` node"
        yield subject.finding("missing-opt-out", flow.nodes[flow.start], problem)


def _can_opt_out(flow: Flow) -> bool:
    inside = (flow.nodes[name] for name in reached(flow_edges(flow), [flow.start]))
    return any(_opts_out(flow, node) for node in inside)


def _opts_out(flow: Flow, node: Node) -> bool:
    """Whether the node is an opt-out, or another flow in which there is one."""
    return node.opts_out or (node.calls is not None and _can_opt_out(flow.subflows[node.calls]))


def _too_long(subject: Subject) -> Iterator[FlowFinding]:
    for node in subject.flow.nodes.values():
        for tag in subject.languages:
            said = [
                subject.texts.text(prompt.value, tag) or "" for prompt in node.asked if prompt.kind is PromptKind.TEXT
            ]
            seconds = sum(spoken_seconds(text, tag) for text in said)
            if seconds > subject.max_prompt_seconds:
                problem = (
                    f"speaks for about {seconds:.0f} s in {tag}; at most {subject.max_prompt_seconds:g} s: shorten it"
                )
                yield subject.finding("too-long", node, problem)


def _said(subject: Subject) -> Iterator[tuple[Node, str, str, str]]:
    """(node, key, language, text) of all that a flow says or sends, in every language that the texts have."""
    for node in subject.flow.nodes.values():
        for key, _ in node.texts_needed():
            for tag in subject.texts.languages():
                text = subject.texts.text(key, tag)
                if text is not None:
                    yield node, key, tag, text


def _never_returns(subject: Subject) -> Iterator[FlowFinding]:
    """A flow that is only ever a subdialog must come back, or the flow above it stops there."""
    flow = subject.flow
    if flow.purpose is FlowPurpose.PART and not comes_back(flow):
        yield subject.finding(
            "never-returns", flow.nodes[flow.start], "begins a part that never returns; add a `return:`"
        )


# A flow as a graph


def reached(edges: Edges, starts: Iterable[str]) -> set[str]:
    """The nodes that can be reached from `starts`, these included."""
    found: set[str] = set()
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(edges.get(name, ()))
    return found


def reversed_edges(edges: Edges) -> Edges:
    """The same graph with every edge turned round."""
    turned: dict[str, list[str]] = {name: [] for name in edges}
    for name, targets in edges.items():
        for target in targets:
            turned.setdefault(target, []).append(name)
    return {name: tuple(sources) for name, sources in turned.items()}


def circles(edges: Edges) -> list[list[str]]:
    """Every set of nodes that lead back to themselves: strongly connected components with an edge inside."""
    found: list[list[str]] = []
    placed: set[str] = set()
    turned = reversed_edges(edges)
    for name in edges:
        if name in placed:
            continue
        together = reached(edges, edges[name]) & reached(turned, turned[name])
        if name in together:
            placed |= together
            found.append([node for node in edges if node in together])
    return found


def flow_edges(flow: Flow, keep: Callable[[Node, str], bool] = lambda _node, _label: True) -> Edges:
    """A flow's graph: node -> the nodes that it can go to, each once. A subdialog that never comes back has no way on."""
    edges: dict[str, tuple[str, ...]] = {}
    for node in flow.nodes.values():
        if node.calls is not None and not comes_back(flow.subflows[node.calls]):
            edges[node.name] = ()
        else:
            targets = (target for label, target in node.targets() if keep(node, label))
            edges[node.name] = tuple(dict.fromkeys(targets))
    return edges


def comes_back(flow: Flow) -> bool:
    """Whether a flow, run as a subdialog, can return to the flow above it."""
    return any(flow.nodes[name].returns for name in reached(flow_edges(flow), [flow.start]))


def ends_call(flow: Flow, node: Node) -> bool:
    """Whether the call can end at this node, or, for a part, the part can."""
    if node.calls is not None:
        subflow = flow.subflows[node.calls]
        inside = reached(flow_edges(subflow), [subflow.start])
        return any(ends_call(subflow, subflow.nodes[name]) and not subflow.nodes[name].returns for name in inside)
    return node.ends_call


RULES: tuple[Rule, ...] = (
    _unreached,
    _no_exit,
    _wordless_circle,
    _silent_caller,
    _silent_question,
    _missing_texts,
    _unsayable,
    _kept_choice,
    _material,
    _transport,
    _too_long,
    _never_returns,
)
