"""Find acknowledgements ("noted, thank you") that a flow plays before it has stored the caller's answer.

Storing a result, such as an answer or an opt-out, is called a commit. A node may acknowledge an answer only if every
path from the answer to the node has a commit. To acknowledge an opt-out, this commit must be the opt-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dialer.domain.translatable import TranslatableText, translatable
from dialer.flows.finding import FlowFinding
from dialer.flows.flow import Flow
from dialer.flows.model import PromptKind
from dialer.flows.node import Node
from dialer.flows.texts import Texts
from dialer.flows.turns import CommitKind
from dialer.flows.wording import acknowledges

_Commits = frozenset[CommitKind | None]
"""The possible last commits since the caller's last answer. None stands for a path without a commit."""
_NO_COMMIT: _Commits = frozenset({None})


def find_premature_acknowledgements(flow: Flow, texts: Texts, languages: Sequence[str]) -> list[FlowFinding]:
    """Return a finding for each node that may thank for an answer before it is stored, also in subdialogs."""
    found: dict[tuple[str, str], FlowFinding] = {}
    _check_acknowledgements_of_flow(flow, _NO_COMMIT, texts, languages, found)
    return list(found.values())


def list_acknowledging_text_ids(node: Node, texts: Texts, languages: Sequence[str]) -> Iterator[str]:
    """Yield the id of each text of a node that acknowledges an answer, such as "noted, thank you".

    A text is recognised by its words in any language, or by an id whose last part begins with `noted`, such as
    `turnout.noted_voted`.
    """
    for prompt in node.prompts_and_reprompts:
        if prompt.kind is PromptKind.TEXT:
            named = prompt.value.rpartition(".")[2].startswith("noted")
            if named or any(acknowledges(texts.find_text_in_language(prompt.value, tag) or "") for tag in languages):
                yield prompt.value


def _check_acknowledgements_of_flow(
    flow: Flow, entry: _Commits, texts: Texts, languages: Sequence[str], found: dict[tuple[str, str], FlowFinding]
) -> _Commits:
    """Add a finding to `found` for each acknowledgement that a flow may play before it has stored the answer.

    `entry` has the commits (stored results) that may be the last one since the caller's last answer, when a call enters
    the flow. Return the same for a call that leaves the flow at a `return:` node.
    """
    commits: dict[str, _Commits] = {flow.start: entry}
    todo = [flow.start]
    returned: _Commits = frozenset()
    while todo:
        node = flow.nodes[todo.pop()]
        here = commits[node.name]
        if node.returns:
            returned |= here
        if node.subdialog_flow_name is not None:
            after = _check_acknowledgements_of_flow(
                flow.subflows[node.subdialog_flow_name], here, texts, languages, found
            )
            ways = [(target, after) for _, target in node.list_next_nodes()]
        else:
            ways = [
                (target, _list_last_results_after_node(node, label, here)) for label, target in node.list_next_nodes()
            ]
        for target, added in ways:
            known = commits.get(target, frozenset())
            if added and not added <= known:
                commits[target] = known | added
                todo.append(target)
    for name, here in commits.items():
        node = flow.nodes[name]
        for key in list_acknowledging_text_ids(node, texts, languages):
            if (problem := _describe_premature_acknowledgement(key, here)) is not None:
                found[flow.file, name] = FlowFinding(
                    "premature-acknowledgement", flow.file, node.line_number, name, problem
                )
    return returned


def _list_last_results_after_node(node: Node, label: str, here: _Commits) -> _Commits:
    """Return which commits (stored results) may be the last one when a call leaves a node by the edge `label`.

    `here` has the possible last commits when the call enters the node. Only commits since the caller's last answer
    count.
    """
    if node.accepts_input:
        return _NO_COMMIT
    if node.commits is None:
        return here
    return frozenset({node.commits}) if label == "committed" else _NO_COMMIT


def _describe_premature_acknowledgement(key: str, here: _Commits) -> TranslatableText | None:
    if None in here:
        return translatable(
            "thanks-before-storing",
            "plays {key} although nothing may be stored yet; move it after the `next:` of a `mark`, `opt_out` or `save`",
            key=key,
        )
    if key.startswith("opt_out.") and here != {CommitKind.OPT_OUT}:
        return translatable(
            "thanks-before-opt-out",
            "plays {key} although no opt-out may be stored; move it after the `next:` of an `opt_out` node",
            key=key,
        )
    return None
