"""Load a flow from YAML. The first mistake raises a FlowError with file, line, node and remedy.

Loading checks whether a flow can run: known keys and names, existing target nodes, limits. Whether it may take calls is
checked in `dialer.flows.check`: exits, an opt-out, texts in every language.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from dialer.flows import nodes as _nodes  # noqa: F401 - registers the kinds of nodes
from dialer.flows.errors import FlowError
from dialer.flows.fields import DeclaredNames, Name, Reprompt
from dialer.flows.flow import Flow
from dialer.flows.model import FlowPurpose, Offer, PromptKind
from dialer.flows.node import NODE_KINDS, Node
from dialer.flows.parsing import OneOrMany, WholeNumber, YamlModel, parse_part_of_yaml_document
from dialer.flows.yaml_document import Document, parse_yaml, read_yaml_file

MAX_NODES = 400
MAX_SUBDIALOG_DEPTH = 5
DEFAULT_MAX_TURNS = 60

FindFlow = Callable[[str], Path | None]
"""Returns the file of a subdialog's flow by its name, or None if there is none."""
_STORING_KEYS = ("field", "answer", "record")
"""The keys of nodes that store an answer under a name."""


class FlowFile(YamlModel):
    """A Matdan flow: the prompts, menus and stored answers of an IVR call."""

    flow: Name = Field(description="Name of the flow. The file has the same name.")
    title: str = Field("", max_length=200)
    purpose: FlowPurpose = Field(description="Decides what the flow may say, and whether it must offer an opt-out.")
    offers: Annotated[tuple[Offer, ...], OneOrMany()] = Field(
        (), description="Offers that a profile may forbid: transport is a ride to the polling station."
    )
    start: Name = Field(description="The first node.")
    max_turns: WholeNumber = Field(
        DEFAULT_MAX_TURNS, ge=1, le=5_000, description="Limit of turns, at which a call is ended."
    )
    facts: dict[Name, Literal["number", "digits", "date", "hour", "place", "name"]] = Field(
        {}, description="Facts about the voter and how each is spoken. Any fact can be unknown in a call."
    )
    no_input: Reprompt | None = Field(None, description="Default reaction to silence, for all questions.")
    no_match: Reprompt | None = Field(None, description="Default reaction to a wrong key, for all questions.")
    nodes: Annotated[
        dict[Name, Any],
        Field(min_length=1, max_length=MAX_NODES),
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
                "additionalProperties": {"$ref": "#/$defs/Node"},
                "minProperties": 1,
                "maxProperties": MAX_NODES,
            }
        ),
    ]


def load_flow_file(path: Path, find: FindFlow) -> Flow:
    """Return the flow in a file, with its subdialogs. `find` returns the file of a subdialog. Raises FlowError."""
    return load_flow_text(read_yaml_file(path), path, find)


def load_flow_text(text: str, path: Path, find: FindFlow) -> Flow:
    """Return the flow in a YAML text, with its subdialogs, as if the file `path` had this content. Raises FlowError."""
    return _load_flow_and_subdialogs(text, path, find, ())


def parse_flow(text: str, file: str = "<flow>") -> Flow:
    """Return the flow in a YAML text. A flow that is not read from a file cannot have subdialogs. Raises FlowError."""
    return load_flow_text(text, Path(file), lambda _name: None)


def _load_flow_and_subdialogs(text: str, path: Path, find: FindFlow, callers: tuple[str, ...]) -> Flow:
    file = str(path)
    flow = _parse_flow_document(parse_yaml(text, file))
    chain = (*callers, flow.name)
    digest = hashlib.sha256(text.encode())
    subflows: dict[str, Flow] = {}
    for node in flow.nodes.values():
        called = node.subdialog_flow_name
        if called is None or called in subflows:
            continue
        if called in chain:
            problem = f"the node calls flow {called}, which contains this node; remove it, as a subdialog cannot contain itself"
            raise FlowError(file, node.line_number, node.name, problem)
        if len(chain) > MAX_SUBDIALOG_DEPTH:
            problem = f"the flow is nested in more than {MAX_SUBDIALOG_DEPTH} subdialogs; flatten them"
            raise FlowError(file, node.line_number, node.name, problem)
        found = find(called)
        if found is None:
            problem = f"the node calls flow {called}, which does not exist; correct the name or add flows/{called}.yaml"
            raise FlowError(file, node.line_number, node.name, problem)
        subflow = _load_flow_and_subdialogs(read_yaml_file(found), found, find, chain)
        if subflow.name != called:
            raise FlowError(
                str(found), 1, "", f"the flow is called `flow: {subflow.name}`; file and flow must have the same name"
            )
        subflows[called] = subflow
        digest.update(subflow.version.encode())
    return replace(flow, version=digest.hexdigest()[:12], subflows=MappingProxyType(subflows))


def _parse_flow_document(document: Document) -> Flow:
    facts = _read_declarations_of_voter_data(document)
    names = DeclaredNames(facts, _read_spoken_kinds_of_answers(document))
    header = parse_part_of_yaml_document(FlowFile, document, names=names)
    names = replace(names, no_input=header.no_input, no_match=header.no_match)
    nodes = {name: _parse_flow_node(name, document, names) for name in header.nodes}
    _check_that_target_nodes_exist(nodes, header.start, document)
    return Flow(
        name=header.flow,
        version="",
        title=header.title or header.flow,
        purpose=header.purpose,
        start=header.start,
        nodes=MappingProxyType(nodes),
        facts=MappingProxyType(facts),
        max_turns=header.max_turns,
        file=document.file,
        offers=frozenset(header.offers),
    )


def _read_declarations_of_voter_data(document: Document) -> dict[str, PromptKind]:
    """Return the facts that a flow declares with a valid kind. Facts with an invalid kind are reported later, when the
    header is parsed.
    """
    written = document.values.get("facts")
    kinds = {kind.value for kind in PromptKind if not kind.is_prompt_same_for_every_voter}
    pairs = written.items() if isinstance(written, dict) else ()
    return {name: PromptKind(kind) for name, kind in pairs if isinstance(kind, str) and kind in kinds}


def _read_spoken_kinds_of_answers(document: Document) -> dict[str, PromptKind]:
    """Return how each answer of the flow is spoken, such as a number or an hour.

    The answers are read before the nodes, so that a prompt may speak an answer of a later node.

    Raises:
        FlowError: two nodes store answers of different kinds under the same name.
    """
    answers: dict[str, PromptKind] = {}
    written = document.values.get("nodes")
    for node_name, node in written.items() if isinstance(written, dict) else ():
        if not isinstance(node, dict):
            continue
        reads = node.get("reads", "digits")
        kind = PromptKind(reads) if reads in ("number", "hour") else PromptKind.DIGITS
        for key in _STORING_KEYS:
            name = node.get(key)
            if not isinstance(name, str):
                continue
            if answers.get(name, kind) is not kind:
                problem = f"reads {name} as {kind}, another node as {answers[name]}; use two names"
                raise FlowError(
                    document.file, document.find_line_number_of_value(("nodes", node_name, key)), node_name, problem
                )
            answers[name] = kind
    return answers


def _parse_flow_node(name: str, document: Document, names: DeclaredNames) -> Node:
    """Parse the node `name` of a document. One key of the node, such as `menu:`, names its kind."""
    place = ("nodes", name)
    line = document.find_line_number_of_value(place)
    written = document.values["nodes"][name]  # type: ignore[index,call-overload]  # the header has been validated
    if not isinstance(written, dict):
        raise FlowError(
            document.file, line, name, "the node is not a mapping: write its lines as in `say: [...]` and `next: ...`"
        )
    kinds = [key for key in written if key in NODE_KINDS]
    if len(kinds) > 1 and "say" in kinds:  # most kinds have prompts too
        kinds.remove("say")
    if len(kinds) != 1:
        problem = f"has {' and '.join(kinds) or 'none'} of {', '.join(NODE_KINDS)}; a node has exactly one"
        raise FlowError(document.file, line, name, problem)
    node = parse_part_of_yaml_document(NODE_KINDS[kinds[0]], document, place, names=names, name=name)
    node.set_name_and_line_of_part(name, line)
    return node


def _check_that_target_nodes_exist(nodes: Mapping[str, Node], start: str, document: Document) -> None:
    known = ", ".join(sorted(nodes)[:12])
    if start not in nodes:
        problem = f"starts at {start}, which is not a node; use one of {known}"
        raise FlowError(document.file, document.find_line_number_of_value(("start",)), "", problem)
    for node in nodes.values():
        for label, target in node.list_next_nodes():
            if target not in nodes:
                way = f" on {label}" if label else ""
                problem = f"the node goes{way} to {target}, which is not a node; use one of {known}"
                raise FlowError(document.file, node.line_number, node.name, problem)
