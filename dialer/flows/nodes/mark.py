"""The node `mark:`, which stores a mark: a fact about a voter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from pydantic import Field, model_validator

from dialer.domain.enums import MarkKind
from dialer.flows.fields import DeclaredName, Name
from dialer.flows.known import convert_number_or_time_to_integer, look_up_answer_or_voter_data
from dialer.flows.model import Scope
from dialer.flows.node import Answered, CommittingNode, GoTo
from dialer.flows.parsing import make_yaml_error
from dialer.flows.turns import CommitKind, FlowCommit, FlowState, Input, NotFound


class MarkNode(CommittingNode):
    """A node that stores a mark for a voter: a fact such as voted or not-yet."""

    kind = "mark"
    commits = CommitKind.MARK

    mark: MarkKind = Field(description="The mark.")
    scope: Scope = Field(Scope.VOTER, description="The voters to whom the mark applies.")
    hour: DeclaredName | None = Field(None, description="The field with the hour; only with the mark later.")
    serial: DeclaredName | None = Field(None, description="The field with the serial; only with the scope serial.")
    part: DeclaredName | None = Field(
        None, description="The field with the part; not needed if the worker has only one."
    )
    unknown: Name | None = Field(None, description="Node if no voter has the serial. Default: the node of `failed`.")
    count: DeclaredName | None = Field(
        None,
        description="The field with the number of household members; only with the mark not-yet and the scope household.",
    )

    @model_validator(mode="after")
    def _require_keys_of_voter_mark(self) -> Self:
        if (self.mark is MarkKind.LATER) != (self.hour is not None):
            raise make_yaml_error(
                "`mark: later` needs `hour:`, the field that holds the caller's hour; other marks must not have `hour:`"
            )
        if (self.scope is Scope.SERIAL) != (self.serial is not None):
            raise make_yaml_error(
                "`scope: serial` needs `serial:`, the field that holds the serial number; other scopes must not have `serial:`"
            )
        if self.serial is None and (self.part is not None or self.unknown is not None):
            raise make_yaml_error("`part:` and `unknown:` can be used only with `scope: serial`")
        if self.count is not None and (self.scope is not Scope.HOUSEHOLD or self.mark is not MarkKind.NOT_YET):
            raise make_yaml_error("`count:` can be used only with `mark: not-yet` and `scope: household`", "count")
        return self

    def create_result_to_store(self, state: FlowState) -> FlowCommit:
        """Return the mark (fact about a voter) to store, with the values that the caller entered."""
        return replace(
            super().create_result_to_store(state),
            mark=self.mark,
            scope=self.scope,
            hour=_look_up_entered_number(state, self.hour),
            serial=_look_up_entered_number(state, self.serial),
            part=_look_up_entered_number(state, self.part),
            count=_look_up_entered_number(state, self.count),
        )

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Return the step that follows after the attempt to store the mark.

        There are three results: the mark was stored, it was not stored, or no voter has the serial number.
        """
        if isinstance(event, NotFound):
            return GoTo(state, self.unknown or self.failed)
        return super().handle_action_result(state, event)

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the next nodes for a stored mark, a failure to store it, and a serial number that belongs to no voter."""
        yield from super().list_next_nodes()
        if self.unknown is not None:
            yield "unknown", self.unknown

    @property
    def diagram_title(self) -> str:
        """The mark, followed by its scope (which voters it is for) unless it is for the called voter alone."""
        return f"Records: {self.mark}" + ("" if self.scope is Scope.VOTER else f" ({self.scope})")

    def list_diagram_notes(self) -> list[str]:
        """Return notes for diagrams: the answer that counts the voters, if there is one, and the node after a failure."""
        notes = super().list_diagram_notes()
        return notes if self.count is None else [f"for {self.count.replace('_', ' ')} of them", *notes]


def _look_up_entered_number(state: FlowState, name: str | None) -> int | None:
    return convert_number_or_time_to_integer(look_up_answer_or_voter_data(state, name)) if name is not None else None
