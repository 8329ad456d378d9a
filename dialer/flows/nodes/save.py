"""The node `save:`, which stores answers as facts about voters, such as the number of people at home."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from dialer.flows.fields import DeclaredNames, Name
from dialer.flows.node import CommittingNode
from dialer.flows.parsing import OneOrMany, make_yaml_error
from dialer.flows.turns import CommitKind, FlowCommit, FlowState


def _refuse_undeclared_answer(name: str, info: ValidationInfo[DeclaredNames]) -> str:
    if name not in info.context.answers:
        raise make_yaml_error(
            f"the node saves {name}, which is not an answer of this flow; use the name of a field, answer or recording"
        )
    return name


class SaveNode(CommittingNode):
    """A node that stores answers as facts about voters, such as the number of people at home."""

    kind = "save"
    commits = CommitKind.ANSWERS

    answers: Annotated[
        tuple[Annotated[Name, AfterValidator(_refuse_undeclared_answer)], ...], Field(min_length=1), OneOrMany()
    ] = Field(alias="save", description="The names of the answers.")

    def create_result_to_store(self, state: FlowState) -> FlowCommit:
        """Return the answers to store, without those that the caller has not given."""
        given = {name: state.answers[name] for name in self.answers if name in state.answers}
        return replace(super().create_result_to_store(state), answers=given)

    @property
    def diagram_title(self) -> str:
        """A short description with the names of the answers."""
        return f"Records: {', '.join(self.answers)}"
