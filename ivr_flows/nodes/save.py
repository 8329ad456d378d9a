"""`save:` answers that are no mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames
from ivr_flows.node import FAILED, NAME, Committing, node_kind, node_schema
from ivr_flows.reader import Text
from ivr_flows.turns import CommitKind, FlowCommit, FlowState


@node_kind("save")
@dataclass(frozen=True, slots=True)
class SaveNode(Committing):
    """Commit answers that are no mark (how many at home, which slip was asked for)."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Commit answers that are no mark.",
        ("save", "next", "failed"),
        save={"anyOf": [NAME, {"type": "array", "items": NAME, "minItems": 1}]},
        next=NAME,
        failed=FAILED,
    )
    commits: ClassVar[CommitKind | None] = CommitKind.ANSWERS

    answers: tuple[str, ...]

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        answers: list[str] = []
        for name in fields.items("save"):
            if not isinstance(name, Text) or name.value not in names.answers:
                raise fields.error("`save:` lists answers of this flow; use the names of its fields", "save")
            answers.append(name.value)
        if not answers:
            raise fields.error("`save:` lists no answers", "save")
        return cls(
            fields.node, fields.line, answers=tuple(answers), next=fields.name("next"), failed=fields.name("failed")
        )

    def commit(self, state: FlowState) -> FlowCommit:
        """Those that were given."""
        answers = {name: state.answers[name] for name in self.answers if name in state.answers}
        return FlowCommit(CommitKind.ANSWERS, state.where, state.commits + 1, answers=answers)

    @property
    def title(self) -> str:
        return f"Records: {', '.join(self.answers)}"
