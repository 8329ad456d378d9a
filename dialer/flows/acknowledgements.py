"""Find acknowledgements ("noted, thank you") that a flow says before anything was committed.

For every node the check computes which kinds of commit can be the last event since the caller's last answer. An
acknowledgement is justified if each of them is a commit. An opt-out may be acknowledged only after an opt-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dialer.flows.finding import FlowFinding
from dialer.flows.flow import Flow
from dialer.flows.model import PromptKind
from dialer.flows.node import Node
from dialer.flows.texts import Texts
from dialer.flows.turns import CommitKind
from dialer.flows.wording import acknowledges

_Commits = frozenset[CommitKind | None]
"""The commits that may have happened since the last answer; None stands for a way without a commit."""
_NO_COMMIT: _Commits = frozenset({None})


def unjustified_acknowledgements(flow: Flow, texts: Texts, languages: Sequence[str]) -> list[FlowFinding]:
    """Return a finding for each node of a flow and its subdialogs that acknowledges what may not have been committed."""
    found: dict[tuple[str, str], FlowFinding] = {}
    _follow(flow, _NO_COMMIT, texts, languages, found)
    return list(found.values())


def acknowledging_keys(node: Node, texts: Texts, languages: Sequence[str]) -> Iterator[str]:
    """Yield the keys of texts that acknowledge, by key (`turnout.noted_voted`) or by wording in any of the languages."""
    for prompt in node.all_prompts:
        if prompt.kind is PromptKind.TEXT:
            named = prompt.value.rpartition(".")[2].startswith("noted")
            if named or any(acknowledges(texts.text(prompt.value, tag) or "") for tag in languages):
                yield prompt.value


def _follow(
    flow: Flow, entry: _Commits, texts: Texts, languages: Sequence[str], found: dict[tuple[str, str], FlowFinding]
) -> _Commits:
    """Propagate commits through the flow to a fixed point, and return those possible where the flow returns."""
    commits: dict[str, _Commits] = {flow.start: entry}
    todo = [flow.start]
    returned: _Commits = frozenset()
    while todo:
        node = flow.nodes[todo.pop()]
        here = commits[node.name]
        if node.returns:
            returned |= here
        if node.subflow is not None:
            after = _follow(flow.subflows[node.subflow], here, texts, languages, found)
            ways = [(target, after) for _, target in node.targets()]
        else:
            ways = [(target, _commits_after(node, label, here)) for label, target in node.targets()]
        for target, added in ways:
            known = commits.get(target, frozenset())
            if added and not added <= known:
                commits[target] = known | added
                todo.append(target)
    for name, here in commits.items():
        node = flow.nodes[name]
        for key in acknowledging_keys(node, texts, languages):
            if (problem := _problem(key, here)) is not None:
                found[flow.file, name] = FlowFinding("premature-acknowledgement", flow.file, node.line, name, problem)
    return returned


def _commits_after(node: Node, label: str, here: _Commits) -> _Commits:
    """Return the commits since the last answer on one way out of a node."""
    if node.takes_input:
        return _NO_COMMIT
    if node.commits is None:
        return here
    return frozenset({node.commits}) if label == "committed" else _NO_COMMIT


def _problem(key: str, here: _Commits) -> str | None:
    if None in here:
        return f"says {key} where nothing may have been committed; move it after the `next:` of a mark, opt_out or save"
    if key.startswith("opt_out.") and here != {CommitKind.OPT_OUT}:
        return f"says {key} after something other than an opt-out; move it after the `next:` of an opt_out node"
    return None
