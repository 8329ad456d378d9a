"""Graphs of flows and scripts: reachable nodes, loops, and the nodes at which a flow can end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from dialer.flows.flow import Flow
from dialer.flows.node import Node

Edges = Mapping[str, tuple[str, ...]]
"""The targets of each node."""


def find_nodes_reachable_from(edges: Edges, starts: Iterable[str]) -> set[str]:
    """Return all nodes of a graph that can be reached from the nodes `starts`, including these."""
    found: set[str] = set()
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(edges.get(name, ()))
    return found


def reverse_edges_of_graph(edges: Edges) -> Edges:
    """Return the graph with the direction of every edge reversed."""
    sources: dict[str, list[str]] = {name: [] for name in edges}
    for name, targets in edges.items():
        for target in targets:
            sources.setdefault(target, []).append(name)
    return {name: tuple(each) for name, each in sources.items()}


def find_loops_in_graph(edges: Edges) -> list[list[str]]:
    """Return the loops of a graph: its strongly connected components with at least one edge."""
    found: list[list[str]] = []
    placed: set[str] = set()
    backwards = reverse_edges_of_graph(edges)
    for name in edges:
        if name in placed:
            continue
        together = find_nodes_reachable_from(edges, edges[name]) & find_nodes_reachable_from(backwards, backwards[name])
        if name in together:
            placed |= together
            found.append([node for node in edges if node in together])
    return found


def make_subgraph_of_nodes(edges: Edges, names: Collection[str]) -> Edges:
    """Return the part of a graph that consists of the given nodes and the edges between them."""
    return {name: tuple(each for each in targets if each in names) for name, targets in edges.items() if name in names}


def list_flow_edges(flow: Flow, keep: Callable[[Node, str], bool] = lambda _node, _label: True) -> Edges:
    """Return a flow as a graph: for each node, the names of its next nodes.

    `keep(node, label)` decides whether an edge is included. A node whose subdialog never returns has no edges.
    """
    edges: dict[str, tuple[str, ...]] = {}
    for node in flow.nodes.values():
        if node.subdialog_flow_name is not None and not can_return_to_calling_flow(
            flow.subflows[node.subdialog_flow_name]
        ):
            edges[node.name] = ()
        else:
            targets = (target for label, target in node.list_next_nodes() if keep(node, label))
            edges[node.name] = tuple(dict.fromkeys(targets))
    return edges


def find_reachable_nodes(flow: Flow) -> list[Node]:
    """Return the nodes that can be reached from the start of a flow."""
    return [flow.nodes[name] for name in find_nodes_reachable_from(list_flow_edges(flow), [flow.start])]


def can_return_to_calling_flow(flow: Flow) -> bool:
    """Return whether a flow, run as a subdialog, can return to the calling flow."""
    return any(node.returns for node in find_reachable_nodes(flow))


def can_call_end_at_node(flow: Flow, node: Node) -> bool:
    """Return whether a call can end at this node of a flow, or in the subdialog that the node runs."""
    if node.subdialog_flow_name is not None:
        subflow = flow.subflows[node.subdialog_flow_name]
        return any(
            can_call_end_at_node(subflow, inner) and not inner.returns for inner in find_reachable_nodes(subflow)
        )
    return node.ends_call


def can_caller_opt_out(flow: Flow) -> bool:
    """Return whether a caller can opt out in a flow or its subdialogs."""
    return any(can_caller_opt_out_at_node(flow, node) for node in find_reachable_nodes(flow))


def can_caller_opt_out_at_node(flow: Flow, node: Node) -> bool:
    """Return whether the caller can opt out at a node or in its subdialog."""
    return node.opts_out or (
        node.subdialog_flow_name is not None and can_caller_opt_out(flow.subflows[node.subdialog_flow_name])
    )
