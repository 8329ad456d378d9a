"""`dialer flow check`: what is wrong with a flow that loads, found before a single call.

Each rule is a function from a flow to its problems; `check_flow` runs them all, over the subdialogs too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dialer.flows.known import can_be_left_out
from dialer.flows.model import FlowPurpose, Offer, Prompt, PromptKind
from dialer.flows.node import Flow, Node, Question
from dialer.flows.texts import Texts, placeholders
from dialer.flows.turns import CommitKind
from dialer.flows.wording import (
    acknowledges,
    asks_choice,
    asks_for_vote,
    keeps_choice,
    offers_transport,
    spoken_seconds,
)

Edges = Mapping[str, tuple[str, ...]]
MAX_PROMPT_SECONDS = 30.0
_NEEDS_OPT_OUT = frozenset(FlowPurpose) - {FlowPurpose.WORKER, FlowPurpose.PART}


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


Problems = Iterator[tuple[str, Node, str]]
"""The rule's name, where, and what is wrong with what to do."""
Rule = Callable[[Subject], Problems]


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
        for rule in RULES if part is not flow else (*RULES, _missing_opt_out):
            found.update((subject.finding(*problem), None) for problem in rule(subject))
    thanks: dict[tuple[str, str], FlowFinding] = {}
    _look_for_thanks(flow, NOTHING, texts, spoken, thanks)
    found.update(dict.fromkeys(thanks.values()))
    return sorted(found, key=lambda finding: (finding.file, finding.line, finding.rule))


def _unreached(subject: Subject) -> Problems:
    flow = subject.flow
    found = reached(flow_edges(flow), [flow.start])
    for node in flow.nodes.values():
        if node.name not in found:
            yield "unreached", node, "is never reached; lead to it or delete it"


def _no_exit(subject: Subject) -> Problems:
    """Nodes from which no end can be reached: a circle without an exit, or what leads only into one."""
    flow = subject.flow
    edges = flow_edges(flow)
    ends = [node.name for node in flow.nodes.values() if ends_call(flow, node) or not edges[node.name]]
    lost = reached(edges, [flow.start]) - reached(reversed_edges(edges), ends)
    inside = _among(edges, lost)
    looping = circles(inside)
    for circle in looping:
        first = flow.nodes[circle[0]]
        yield "no-exit", first, f"is in a loop without an exit ({' -> '.join(circle)}); add a way out"
    in_circles = {name for circle in looping for name in circle}
    for name in inside:
        if name not in in_circles:
            yield "no-exit", flow.nodes[name], "leads only into a loop without an exit; add a way out"


def _among(edges: Edges, names: Collection[str]) -> Edges:
    """The part of a graph that lies among these nodes."""
    return {name: tuple(each for each in targets if each in names) for name, targets in edges.items() if name in names}


def _wordless_circle(subject: Subject) -> Problems:
    """A circle in which nothing need be said: the machine would run in it without end, so it ends such a call as a fault."""
    flow = subject.flow
    silent = {name for name, node in flow.nodes.items() if _may_be_silent(flow, node)}
    for circle in circles(_among(flow_edges(flow), silent)):
        way = " -> ".join(circle)
        problem = f"is in a circle in which nothing is said or asked ({way}); say or ask something in it"
        yield "wordless-circle", flow.nodes[circle[0]], problem


def _may_be_silent(flow: Flow, node: Node) -> bool:
    """Whether a node can pass without an action: it, or all that is called in it."""
    if node.calls is None:
        return node.may_be_silent
    subflow = flow.subflows[node.calls]
    edges = flow_edges(subflow)
    silent = {name for name, part in subflow.nodes.items() if _may_be_silent(subflow, part)}
    passed = reached({name: edges[name] if name in silent else () for name in edges}, [subflow.start])
    return any(subflow.nodes[name].returns for name in passed)


def _silent_caller(subject: Subject) -> Problems:
    """A caller who keys nothing must come to an end by the flow itself, not by its limit of turns."""

    def without_keys(node: Node, label: str) -> bool:
        return label == "no-input" if isinstance(node, Question) else True

    flow = subject.flow
    for circle in circles(flow_edges(flow, without_keys)):
        problem = f"asks a caller who keys nothing for ever ({' -> '.join(circle)}); lead no_input out of the circle"
        yield "silent-caller", flow.nodes[circle[0]], problem


def _silent_question(subject: Subject) -> Problems:
    for node in subject.flow.nodes.values():
        if isinstance(node, Question) and all(can_be_left_out(prompt) for prompt in node.prompts):
            # A question that needs a fact is fine where a branch has made sure of it; the branch must be on every way here.
            needed = {name for prompt in node.prompts for name in _needed(prompt)}
            if not _assured(subject.flow, node, needed):
                names = ", ".join(sorted(needed))
                problem = f"is silent for a voter of whom {names} is not known; branch on it before, or add a prompt without it"
                yield "silent-question", node, problem


def _needed(prompt: Prompt) -> tuple[str, ...]:
    return tuple(name for name, _ in prompt.needs) if prompt.kind.is_fixed else (prompt.value,)


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


def _unsayable(subject: Subject) -> Problems:
    """Of all that a flow says or sends, in every language that the texts have."""
    for node in subject.flow.nodes.values():
        for key, _ in node.texts_needed():
            for tag in subject.texts.languages():
                text = subject.texts.text(key, tag) or ""
                for rule, problem in unsayable(text, f"{key}, {tag}", subject.purpose, subject.offers):
                    yield rule, node, problem


def _kept_choice(subject: Subject) -> Problems:
    for node in subject.flow.nodes.values():
        if node.keeps is not None and keeps_choice(node.keeps):
            yield "forbidden-question", node, KEPT_CHOICE.format(node.keeps)


KEPT_CHOICE = "keeps an answer called {}; whom somebody votes for is never stored: remove the question"


def _material(subject: Subject) -> Problems:
    """Campaign material only in a flow that is declared as such, and there with the opt-out one key away."""
    for node in subject.flow.nodes.values():
        recordings = [prompt.value for prompt in node.said if prompt.kind is PromptKind.RECORDING]
        if not recordings:
            continue
        what = recordings[0]
        if subject.purpose is not FlowPurpose.MATERIAL:
            problem = f"plays campaign material ({what}) in a flow for {subject.purpose}"
            yield "material", node, f"{problem}; move it to a flow with `purpose: material`"
        elif not any(_opts_out(subject.flow, subject.flow.nodes[way]) for way in node.ways_by_one_key()):
            problem = f"plays {what} where no key opts out; play it in a menu with barge-in and an opt-out choice"
            yield "material", node, problem


def _transport(subject: Subject) -> Problems:
    """A ride to the poll is offered only where the profile allows it."""
    if not subject.flow.offers <= subject.may_offer:
        yield "transport", subject.flow.nodes[subject.flow.start], f"begins a flow that {MAY_NOT_OFFER}"


MAY_NOT_OFFER = "offers transport, which the profile forbids (transport.may_offer); take the offer out"


def _missing_opt_out(subject: Subject) -> Problems:
    flow = subject.flow
    if subject.purpose in _NEEDS_OPT_OUT and not _can_opt_out(flow):
        problem = "begins a flow in which nobody can opt out; add a choice `9:` that leads to an `opt_out: number` node"
        yield "missing-opt-out", flow.nodes[flow.start], problem


def _can_opt_out(flow: Flow) -> bool:
    inside = (flow.nodes[name] for name in reached(flow_edges(flow), [flow.start]))
    return any(_opts_out(flow, node) for node in inside)


def _opts_out(flow: Flow, node: Node) -> bool:
    """Whether the node is an opt-out, or another flow in which there is one."""
    return node.opts_out or (node.calls is not None and _can_opt_out(flow.subflows[node.calls]))


def _too_long(subject: Subject) -> Problems:
    most = subject.max_prompt_seconds
    for node in subject.flow.nodes.values():
        keys = [prompt.value for prompt in node.asked if prompt.kind is PromptKind.TEXT]
        for tag in subject.languages:
            seconds = sum(spoken_seconds(subject.texts.text(key, tag) or "", tag) for key in keys)
            if seconds > most:
                yield "too-long", node, f"speaks for about {seconds:.0f} s in {tag}; at most {most:g} s: shorten it"


def _never_returns(subject: Subject) -> Problems:
    """A flow that is only ever a subdialog must come back, or the flow above it stops there."""
    flow = subject.flow
    if flow.purpose is FlowPurpose.PART and not comes_back(flow):
        yield "never-returns", flow.nodes[flow.start], "begins a part that never returns; add a `return:`"


# Where a flow says "noted" without a commit before it. For every node: which kinds of commit can be the last thing that happened
# since the caller last answered a question. "Noted" is earned only where each of them is a commit, and an opt-out is acknowledged
# only after an opt-out.


Earned = frozenset[CommitKind | None]
"""The commits that may have happened since the last answer; None: on some way there was none."""

NOTHING: Earned = frozenset({None})


def acknowledging_keys(node: Node, texts: Texts, languages: Sequence[str]) -> Iterator[str]:
    """The text keys of a node that acknowledge: by their name (`turnout.noted_voted`), or by their wording in any language."""
    for prompt in node.said:
        if prompt.kind is PromptKind.TEXT:
            named = prompt.value.rpartition(".")[2].startswith("noted")
            if named or any(acknowledges(texts.text(prompt.value, tag) or "") for tag in languages):
                yield prompt.value


def _look_for_thanks(
    flow: Flow, entry: Earned, texts: Texts, languages: Sequence[str], found: dict[tuple[str, str], FlowFinding]
) -> Earned:
    """Walk to a fixed point; what can be earned where the flow returns."""
    earned: dict[str, Earned] = {flow.start: entry}
    todo = [flow.start]
    returned: Earned = frozenset()
    while todo:
        node = flow.nodes[todo.pop()]
        here = earned[node.name]
        if node.returns:
            returned |= here
        if node.calls is not None:
            after = _look_for_thanks(flow.subflows[node.calls], here, texts, languages, found)
            ways = [(target, after) for _, target in node.targets()]
        else:
            ways = [(target, _earned_after(node, label, here)) for label, target in node.targets()]
        for target, brought in ways:
            known = earned.get(target, frozenset())
            if brought and not brought <= known:
                earned[target] = known | brought
                todo.append(target)
    for name, here in earned.items():
        node = flow.nodes[name]
        for key in acknowledging_keys(node, texts, languages):
            if (problem := _unearned(key, here)) is not None:
                found[flow.file, name] = FlowFinding("thanks-before-commit", flow.file, node.line, name, problem)
    return returned


def _earned_after(node: Node, label: str, here: Earned) -> Earned:
    """What is earned on one way out of a node."""
    if node.listens:
        return NOTHING
    if node.commits is None:
        return here
    return frozenset({node.commits}) if label == "committed" else NOTHING


def _unearned(key: str, here: Earned) -> str | None:
    if None in here:
        return f"says {key} where nothing may have been committed; put it after the `next:` of a mark, opt_out or save"
    if key.startswith("opt_out.") and here != {CommitKind.OPT_OUT}:
        return f"says {key} after something else than an opt-out; put it after the `next:` of an opt_out node"
    return None


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
