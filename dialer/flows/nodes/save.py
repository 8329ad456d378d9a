"""`save:` answers that are no mark."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dialer.flows.fields import Fields, KnownNames
from dialer.flows.keys import NODE, Key, key
from dialer.flows.node import Committing, node_kind
from dialer.flows.reader import Text
from dialer.flows.turns import CommitKind, FlowCommit, FlowState


def _read_answers(fields: Fields, key: str, names: KnownNames) -> tuple[str, ...]:
    answers: list[str] = []
    for name in fields.items(key):
        if not isinstance(name, Text) or name.value not in names.answers:
            raise fields.error("`save:` lists answers of this flow; use the names of its fields", key)
        answers.append(name.value)
    if not answers:
        raise fields.error("`save:` lists no answers", key)
    return tuple(answers)


_ANSWERS = Key(_read_answers, {"anyOf": [NODE.schema, {"type": "array", "items": NODE.schema, "minItems": 1}]})


@node_kind("save")
@dataclass(frozen=True, slots=True)
class SaveNode(Committing):
    """Commit answers that are no mark (how many at home, which slip was asked for)."""

    commits = CommitKind.ANSWERS

    answers: tuple[str, ...] = key(_ANSWERS, "save")

    def commit(self, state: FlowState) -> FlowCommit:
        """Those that were given."""
        given = {name: state.answers[name] for name in self.answers if name in state.answers}
        return replace(Committing.commit(self, state), answers=given)

    @property
    def title(self) -> str:
        return f"Records: {', '.join(self.answers)}"
