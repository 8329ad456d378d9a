"""`branch:` where what is known says."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.errors import FlowError
from dialer.flows.fields import Fields, KnownNames, known_name
from dialer.flows.keys import NODE, Key, key
from dialer.flows.known import holds, lookup
from dialer.flows.model import Condition, describe_condition
from dialer.flows.node import Entered, Flow, Look, Node, Walked, node_kind
from dialer.flows.reader import Table, Value
from dialer.flows.turns import FlowState

MAX_CASES = 20


def _read_cases(fields: Fields, key: str, names: KnownNames) -> tuple[Condition, ...]:
    cases = fields.items(key)
    if not 1 <= len(cases) <= MAX_CASES:
        raise fields.error(f"`{key}:` has {len(cases)} cases; give 1 to {MAX_CASES}", key)
    return tuple(_read_case(case, fields, names) for case in cases)


def _read_case(case: Value, fields: Fields, names: KnownNames) -> Condition:
    if not isinstance(case, Table):
        problem = "a case of `branch:` is a mapping such as {when: pending_voters, above: 1, goto: household}"
        raise FlowError(fields.file, case.line, fields.node, problem)
    inner = Fields(case, fields.file, fields.node)
    tests = [key for key in ("known", "equals", "above", "below") if key in case.values]
    if len(tests) != 1:
        raise inner.error("a case of `branch:` has exactly one of known, equals, above, below")
    condition = Condition(
        name=known_name(inner, "when", inner.name("when"), names),
        goto=inner.name("goto"),
        known=inner.yes("known", True) if tests == ["known"] else None,
        equals=inner.text("equals") if tests == ["equals"] else None,
        above=inner.integer("above", None, 0, 10**9) if tests == ["above"] else None,
        below=inner.integer("below", None, 0, 10**9) if tests == ["below"] else None,
    )
    inner.finish()
    return condition


_CASES = Key(
    _read_cases,
    {"type": "array", "minItems": 1, "maxItems": MAX_CASES, "items": {"$ref": "#/$defs/case"}},
    ways=lambda cases: [(describe_condition(case), case.goto) for case in cases],
)


@node_kind("branch")
@dataclass(frozen=True, slots=True)
class BranchNode(Node):
    """Go where the first true condition says."""

    look = Look.QUIET
    head = "Depends on"
    passes = True
    draws_labels = True

    conditions: tuple[Condition, ...] = key(_CASES, "branch")
    otherwise: str = key(NODE.to("otherwise"))

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        true = (case.goto for case in self.conditions if holds(case, lookup(state, case.name)))
        return Walked(state.but(node=next(true, self.otherwise)))

    def ways_unsure_of(self, name: str) -> tuple[str, ...] | None:
        """A case on it makes it known, but for the case that it is not."""
        unsure = (case.goto for case in self.conditions if case.name != name or case.known is False)
        return (*unsure, self.otherwise)
