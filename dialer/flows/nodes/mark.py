"""`mark:` what became known of a voter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dialer.domain.enums import MarkKind
from dialer.flows.fields import Fields
from dialer.flows.keys import ANSWER, OPTIONAL_NODE, key, member
from dialer.flows.known import lookup, whole
from dialer.flows.model import Scope
from dialer.flows.node import Answered, Committing, Going, node_kind
from dialer.flows.turns import CommitKind, FlowCommit, FlowState, Input, NobodyFound


@node_kind("mark")
@dataclass(frozen=True, slots=True)
class MarkNode(Committing):
    """Record a mark. The call goes to `next` only when it is committed, else to `failed`, or to `unknown` where nobody has the
    serial that was keyed.
    """

    commits = CommitKind.MARK

    mark: MarkKind = key(member(MarkKind))
    scope: Scope = key(member(Scope, Scope.VOTER))
    hour: str | None = key(ANSWER.of("The field that asked for the hour; with later."))
    serial: str | None = key(ANSWER.of("The field that asked for the serial; with the scope serial."))
    part: str | None = key(ANSWER.of("The field that asked for the serial's part; none: the worker has only one."))
    unknown: str | None = key(OPTIONAL_NODE.of("Node when nobody has the serial; none: failed.").to("unknown"))
    count: str | None = key(
        ANSWER.of("The field that asked how many of the household it is about; with not-yet and the scope household.")
    )

    def refuse_misfit(self, fields: Fields) -> None:
        if (self.mark is MarkKind.LATER) != (self.hour is not None):
            raise fields.error(
                "`mark: later` needs `hour:` with the field that asked for it, and no other mark takes one"
            )
        if (self.scope is Scope.SERIAL) != (self.serial is not None):
            raise fields.error(
                "`scope: serial` needs `serial:` with the field that asked for it, and no other scope takes one"
            )
        if self.serial is None and (self.part is not None or self.unknown is not None):
            raise fields.error("`part:` and `unknown:` go with `scope: serial` alone")
        if self.count is not None and (self.scope is not Scope.HOUSEHOLD or self.mark is not MarkKind.NOT_YET):
            problem = "`count:` goes with `mark: not-yet` and `scope: household` alone: of which voters else would it be known?"
            raise fields.error(problem, "count")

    def commit(self, state: FlowState) -> FlowCommit:
        """The mark, with what was keyed for it."""
        return replace(
            Committing.commit(self, state),
            mark=self.mark,
            scope=self.scope,
            hour=_number_answer(state, self.hour),
            serial=_number_answer(state, self.serial),
            part=_number_answer(state, self.part),
            count=_number_answer(state, self.count),
        )

    def answer(self, state: FlowState, event: Input) -> Answered:
        if isinstance(event, NobodyFound):
            return Going(state, self.unknown or self.failed)
        return Committing.answer(self, state, event)

    @property
    def title(self) -> str:
        return f"Records: {self.mark}" + ("" if self.scope is Scope.VOTER else f" ({self.scope})")

    def notes(self) -> list[str]:
        """For how many, and what follows when it fails."""
        notes = Committing.notes(self)
        return notes if self.count is None else [f"for as many of them as {self.count.replace('_', ' ')}", *notes]


def _number_answer(state: FlowState, name: str | None) -> int | None:
    return whole(lookup(state, name)) if name is not None else None
