"""The node `branch:`, which chooses the next node by facts (known data about the voter) and the caller's answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator

from dialer.flows.fields import DeclaredName, Name
from dialer.flows.flow import Flow
from dialer.flows.known import convert_number_or_time_to_integer, look_up_answer_or_voter_data
from dialer.flows.model import Scalar
from dialer.flows.node import Continue, Entered, Node, NodeStyle
from dialer.flows.parsing import OneOrMany, WholeNumber, YamlModel, YesNo, make_yaml_error
from dialer.flows.turns import FlowState

MAX_CASES = 20
_TESTS = ("known", "equals", "above", "below")

Limit = Annotated[WholeNumber, Field(ge=0, le=10**9)]
Text = Annotated[str, Field(max_length=200), WithJsonSchema({"type": ["string", "number", "boolean"]})]


def _require_one_test_in_schema(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [test]} for test in _TESTS]


class Condition(YamlModel):
    """A condition of a branch: it tests one fact or answer, and names the next node if the test is true."""

    model_config = ConfigDict(json_schema_extra=_require_one_test_in_schema)

    when: DeclaredName = Field(description="The fact or answer to test.")
    known: YesNo | None = Field(None, description="Test whether it is known.")
    equals: Text | None = Field(None, description="Test for this value.")
    above: Limit | None = Field(None, description="Test for a number above this one.")
    below: Limit | None = Field(None, description="Test for a number below this one.")
    goto: Name = Field(description="Node if the test is true.")

    @model_validator(mode="before")
    @classmethod
    def _require_exactly_one_test_per_condition(cls, written: Any) -> Any:
        if not isinstance(written, dict):
            raise make_yaml_error(
                "a case of `branch:` must be a mapping such as {when: pending_voters, above: 1, goto: household}"
            )
        if sum(test in written for test in _TESTS) != 1:
            raise make_yaml_error(f"a case of `branch:` must have exactly one of {', '.join(_TESTS)}")
        return written

    def is_condition_true_for_value(self, value: Scalar | None) -> bool:
        """Return whether the condition's test is true for a value. If the value is unknown, only `known: false` is
        true.
        """
        if self.known is not None:
            return (value is not None) is self.known
        if value is None:
            return False
        if self.equals is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            return text == self.equals
        number = convert_number_or_time_to_integer(value)
        if number is None:
            return False
        return (self.above is None or number > self.above) and (self.below is None or number < self.below)

    def __str__(self) -> str:
        """Return a description of the test, such as "pending_voters above 1"."""
        if self.known is not None:
            return f"{self.when} known" if self.known else f"{self.when} unknown"
        if self.equals is not None:
            return f"{self.when} is {self.equals}"
        return f"{self.when} above {self.above}" if self.above is not None else f"{self.when} below {self.below}"


class BranchNode(Node):
    """A node that continues at the node of its first true condition."""

    kind = "branch"
    style = NodeStyle.QUIET
    needs_no_action = True
    draws_labels = True
    label = "Depends on"

    conditions: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=MAX_CASES), OneOrMany()] = Field(
        alias="branch", description="The conditions, in the order in which they are tested."
    )
    otherwise: Name = Field(description="Node if no condition is true.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Continue at the node of the first condition that is true for this call."""
        true = (
            case.goto
            for case in self.conditions
            if case.is_condition_true_for_value(look_up_answer_or_voter_data(state, case.when))
        )
        return Continue(state.copy_flow_state(node=next(true, self.otherwise)))

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the target node of each condition, then the node for calls that meet no condition."""
        for case in self.conditions:
            yield str(case), case.goto
        yield "otherwise", self.otherwise

    def list_next_nodes_without_value(self, name: str) -> tuple[str, ...] | None:
        """Return the nodes that may follow if the value `name` is unknown.

        Of the conditions that test this value, only `known: false` is then true.
        """
        unsure = (case.goto for case in self.conditions if case.when != name or case.known is False)
        return (*unsure, self.otherwise)
