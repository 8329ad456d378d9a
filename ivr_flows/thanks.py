"""Where a flow says "noted" without a commit before it.

A flow analysis: for every node, which kinds of commit can be the last thing that happened since the caller last answered a
question. "Noted" is earned only where each of them is a commit, and an opt-out is acknowledged only after an opt-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ivr_flows.model import PromptKind
from ivr_flows.node import Flow, Node
from ivr_flows.texts import Texts
from ivr_flows.turns import CommitKind
from ivr_flows.wording import acknowledges

Earned = frozenset[CommitKind | None]
"""The commits that may have happened since the last answer; None: on some way there was none."""

NOTHING: Earned = frozenset({None})


@dataclass(frozen=True, slots=True)
class Thanks:
    """One "noted" that is not earned."""

    file: str
    node: Node
    problem: str


def unearned_thanks(flow: Flow, texts: Texts, languages: Sequence[str]) -> list[Thanks]:
    """Every place in a flow and its subdialogs where something is acknowledged that was not committed."""
    found: dict[tuple[str, str], Thanks] = {}
    _analyse(flow, NOTHING, texts, languages, found)
    return list(found.values())


def acknowledging_keys(node: Node, texts: Texts, languages: Sequence[str]) -> Iterator[str]:
    """The text keys of a node that acknowledge: by their name (`turnout.noted_voted`), or by their wording in any language."""
    for prompt in node.said:
        if prompt.kind is not PromptKind.TEXT:
            continue
        spoken = (texts.text(prompt.value, tag) for tag in languages)
        named = prompt.value.rpartition(".")[2].startswith("noted")
        if named or any(text is not None and acknowledges(text) for text in spoken):
            yield prompt.value


def _analyse(
    flow: Flow, entry: Earned, texts: Texts, languages: Sequence[str], found: dict[tuple[str, str], Thanks]
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
            after = _analyse(flow.subflows[node.calls], here, texts, languages, found)
            ways = [(target, after) for _, target in node.targets()]
        else:
            ways = [(target, _after(node, label, here)) for label, target in node.targets()]
        for target, brought in ways:
            known = earned.get(target, frozenset())
            if brought and not brought <= known:
                earned[target] = known | brought
                todo.append(target)
    for name, here in earned.items():
        for key in acknowledging_keys(flow.nodes[name], texts, languages):
            problem = _unearned(key, here)
            if problem is not None:
                found[flow.file, name] = Thanks(flow.file, flow.nodes[name], problem)
    return returned


def _after(node: Node, label: str, here: Earned) -> Earned:
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
