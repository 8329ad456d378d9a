"""Questions about a flow as a graph, asked by the check and by the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ivr_flows.model import (
    DisconnectNode,
    Flow,
    Node,
    ReturnNode,
    SubdialogNode,
    TransferNode,
)

Edges = Mapping[str, tuple[str, ...]]


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
        if isinstance(node, SubdialogNode) and not comes_back(flow.subflows[node.flow]):
            edges[node.name] = ()
        else:
            targets = (target for label, target in node.targets() if keep(node, label))
            edges[node.name] = tuple(dict.fromkeys(targets))
    return edges


def comes_back(flow: Flow) -> bool:
    """Whether a flow, run as a subdialog, can return to the flow above it."""
    return any(isinstance(flow.nodes[name], ReturnNode) for name in reached(flow_edges(flow), [flow.start]))


def ends_call(flow: Flow, node: Node) -> bool:
    """Whether the call can end at this node, or, for a part, the part can."""
    if isinstance(node, SubdialogNode):
        subflow = flow.subflows[node.flow]
        inside = reached(flow_edges(subflow), [subflow.start])
        return any(
            ends_call(subflow, subflow.nodes[name]) and not isinstance(subflow.nodes[name], ReturnNode)
            for name in inside
        )
    return isinstance(node, DisconnectNode | TransferNode | ReturnNode)
