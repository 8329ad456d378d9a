"""YAML -> Flow. Whatever is wrong is one FlowError that names file, line and node and says what to do.

Here stands what makes a flow runnable at all: known words, targets that exist, limits. What makes it a *good* flow (exits, opt-out,
texts in every language) is judged by `dialer.flows.check`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from dialer.flows import nodes as _nodes  # noqa: F401 - the kinds register themselves
from dialer.flows.errors import FlowError
from dialer.flows.fields import ANSWER_KINDS, Fields, KnownNames, read_reprompt
from dialer.flows.model import FlowPurpose, Offer, PromptKind
from dialer.flows.node import NODE_KINDS, Flow, Node
from dialer.flows.reader import Table, Text, read_file, read_table

MAX_NODES = 400
MAX_SUBDIALOG_DEPTH = 5
DEFAULT_MAX_TURNS = 60

FindFlow = Callable[[str], Path | None]
"""The file of a subdialog's flow by its name, or None."""


def load_file(path: Path, find: FindFlow) -> Flow:
    """The flow that a file holds, with its subdialogs. Raises FlowError."""
    return _load(read_file(path), path, find, ())


def parse_flow(text: str, file: str = "<flow>") -> Flow:
    """The flow that `text` holds; subdialogs are looked for among nothing. Raises FlowError."""
    return _load(text, Path(file), lambda _name: None, ())


def _load(text: str, path: Path, find: FindFlow, above: tuple[str, ...]) -> Flow:
    file = str(path)
    flow = _read_flow(read_table(text, file), file)
    chain = (*above, flow.name)
    digest = hashlib.sha256(text.encode())
    subflows: dict[str, Flow] = {}
    for node in flow.nodes.values():
        called = node.calls
        if called is None or called in subflows:
            continue
        if called in chain:
            problem = f"calls flow {called}, which is running already; a subdialog cannot contain itself"
            raise FlowError(file, node.line, node.name, problem)
        if len(chain) > MAX_SUBDIALOG_DEPTH:
            raise FlowError(file, node.line, node.name, f"is more than {MAX_SUBDIALOG_DEPTH} subdialogs deep")
        found = find(called)
        if found is None:
            problem = f"calls flow {called}, which does not exist; correct the name or add flows/{called}.yaml"
            raise FlowError(file, node.line, node.name, problem)
        subflow = _load(read_file(found), found, find, chain)
        if subflow.name != called:
            raise FlowError(str(found), 1, "", f"says `flow: {subflow.name}`; a file is named for its flow")
        subflows[called] = subflow
        digest.update(subflow.version.encode())
    return replace(flow, version=digest.hexdigest()[:12], subflows=MappingProxyType(subflows))


def _read_flow(table: Table, file: str) -> Flow:
    top = Fields(table, file, "")
    name = top.name("flow")
    title = top.text("title", "")
    purpose = FlowPurpose(top.choice("purpose", [purpose.value for purpose in FlowPurpose]))
    offers = frozenset(Offer(word) for word in top.choices("offers", [offer.value for offer in Offer]))
    start = top.name("start")
    facts = _read_facts(top)
    node_tables = _node_tables(top)
    names = KnownNames(facts, _answer_kinds(node_tables, file), no_input=None, no_match=None)
    names = replace(
        names, no_input=read_reprompt(top, "no_input", names), no_match=read_reprompt(top, "no_match", names)
    )
    max_turns = top.integer("max_turns", DEFAULT_MAX_TURNS, 1, 5_000)
    top.finish()
    nodes = {node_name: _read_node(fields, names) for node_name, fields in node_tables.items()}
    _refuse_lost_targets(nodes, start, top, file)
    return Flow(
        name=name,
        version="",
        title=title or name,
        purpose=purpose,
        start=start,
        nodes=MappingProxyType(nodes),
        facts=MappingProxyType(dict(facts)),
        max_turns=max_turns,
        file=file,
        offers=offers,
    )


def _read_facts(top: Fields) -> Mapping[str, PromptKind]:
    table = top.table("facts")
    if table is None:
        return {}
    fields = Fields(table, top.file, "")
    kinds = [kind.value for kind in PromptKind if not kind.is_fixed]
    return {name: PromptKind(fields.choice(name, kinds)) for name in fields.names()}


def _node_tables(top: Fields) -> dict[str, Fields]:
    """The nodes' tables by name. Raises FlowError when there are none, too many, or one is no table."""
    table = top.table("nodes")
    if table is None or not table.values:
        raise top.error("has no nodes; add `nodes:` with at least one node")
    if len(table.values) > MAX_NODES:
        raise top.error(f"has more than {MAX_NODES} nodes; split it into subdialogs")
    names = Fields(table, top.file, "")
    found: dict[str, Fields] = {}
    for name in names.names():
        value = table.values[name]
        if not isinstance(value, Table):
            problem = "must be a mapping such as `say: [...]` and `next: ...`"
            raise FlowError(top.file, table.lines[name], name, problem)
        found[name] = Fields(replace(value, line=table.lines[name]), top.file, name)
    return found


def _answer_kinds(nodes: Mapping[str, Fields], file: str) -> Mapping[str, PromptKind]:
    """What each answer of the flow is spoken as. It is read before the nodes, for a prompt may stand above its question."""
    answers: dict[str, PromptKind] = {}
    for node_name, fields in nodes.items():
        for key in ("field", "answer", "record"):
            value = fields.table_here.values.get(key)
            if not isinstance(value, Text):
                continue
            reads = fields.table_here.values.get("reads")
            kind = ANSWER_KINDS.get(reads.value if isinstance(reads, Text) else "digits", PromptKind.DIGITS)
            if answers.get(value.value, kind) is not kind:
                problem = f"reads {value.value} as {kind}, another node as {answers[value.value]}; use two names"
                raise FlowError(file, value.line, node_name, problem)
            answers[value.value] = kind
    return answers


def _read_node(fields: Fields, names: KnownNames) -> Node:
    """One node: exactly one key says its kind. `say:` is the kind only where nothing else is, for most kinds also say something."""
    kinds = [key for key in fields.key_names() if key in NODE_KINDS]
    if len(kinds) > 1 and "say" in kinds:
        kinds.remove("say")
    if len(kinds) != 1:
        listed = ", ".join(NODE_KINDS)
        problem = f"has {'none' if not kinds else ' and '.join(kinds)} of {listed}; a node has exactly one"
        raise fields.error(problem)
    node = NODE_KINDS[kinds[0]].read(fields, names)
    fields.finish()
    return node


def _refuse_lost_targets(nodes: Mapping[str, Node], start: str, top: Fields, file: str) -> None:
    known = ", ".join(sorted(nodes)[:12])
    if start not in nodes:
        raise top.error(f"starts at {start}, which is no node; use one of {known}")
    for node in nodes.values():
        for label, target in node.targets():
            if target not in nodes:
                way = f" on {label}" if label else ""
                raise FlowError(
                    file, node.line, node.name, f"goes{way} to {target}, which is no node; use one of {known}"
                )
