"""`mark:` what became known of a voter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames, known_answer
from ivr_flows.known import lookup, whole
from ivr_flows.model import MarkKind, Scope
from ivr_flows.node import FAILED, NAME, Answered, Committing, Going, named, node_kind, node_schema
from ivr_flows.turns import CommitKind, FlowCommit, FlowState, Input, NobodyFound


@node_kind("mark")
@dataclass(frozen=True, slots=True)
class MarkNode(Committing):
    """Record a mark. The call goes to `next` only when it is committed, else to `failed`, or to `unknown` where nobody has the
    serial that was keyed.
    """

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Record a mark; next only when it is committed.",
        ("mark", "next", "failed"),
        mark={"enum": ["voted", "not-yet", "later", "will-not", "wrong-number", "moved", "deceased"]},
        scope={"enum": ["voter", "household", "serial"], "default": "voter"},
        hour=named("The field that asked for the hour; with later."),
        serial=named("The field that asked for the serial; with the scope serial."),
        part=named("The field that asked for the serial's part; none: the worker has only one."),
        unknown=named("Node when nobody has the serial; none: failed."),
        count=named(
            "The field that asked how many of the household it is about; with not-yet and the scope household."
        ),
        next=NAME,
        failed=FAILED,
    )
    commits: ClassVar[CommitKind | None] = CommitKind.MARK

    mark: MarkKind
    scope: Scope
    hour: str | None  # name of the answer that holds the hour, for later
    serial: str | None  # name of the answer that holds the serial, for the scope serial
    part: str | None  # name of the answer that holds the serial's part; None: the worker has only one
    unknown: str | None  # for the scope serial
    count: str | None  # name of the answer that says how many of the household it is about; None: all of them

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        mark = MarkKind(fields.choice("mark", [kind.value for kind in MarkKind]))
        whom = Scope(fields.choice("scope", [kind.value for kind in Scope], "voter"))
        hour, serial = known_answer(fields, "hour", names), known_answer(fields, "serial", names)
        if (mark is MarkKind.LATER) != (hour is not None):
            raise fields.error(
                "`mark: later` needs `hour:` with the field that asked for it, and no other mark takes one"
            )
        if (whom is Scope.SERIAL) != (serial is not None):
            raise fields.error(
                "`scope: serial` needs `serial:` with the field that asked for it, and no other scope takes one"
            )
        part, unknown = known_answer(fields, "part", names), fields.optional_name("unknown")
        if serial is None and (part is not None or unknown is not None):
            raise fields.error("`part:` and `unknown:` go with `scope: serial` alone")
        count = known_answer(fields, "count", names)
        if count is not None and (whom is not Scope.HOUSEHOLD or mark is not MarkKind.NOT_YET):
            problem = "`count:` goes with `mark: not-yet` and `scope: household` alone: of which voters else would it be known?"
            raise fields.error(problem, "count")
        return cls(
            fields.node,
            fields.line,
            mark=mark,
            scope=whom,
            hour=hour,
            serial=serial,
            part=part,
            unknown=unknown,
            count=count,
            next=fields.name("next"),
            failed=fields.name("failed"),
        )

    def commit(self, state: FlowState) -> FlowCommit:
        """The mark, with what was keyed for it."""
        return FlowCommit(
            kind=CommitKind.MARK,
            node=state.where,
            sequence=state.commits + 1,
            mark=self.mark,
            scope=self.scope,
            hour=_number_answer(state, self.hour),
            serial=_number_answer(state, self.serial),
            part=_number_answer(state, self.part),
            count=_number_answer(state, self.count),
            answers=dict(state.answers),
        )

    def answer(self, state: FlowState, event: Input) -> Answered:
        if isinstance(event, NobodyFound):
            return Going(state, self.unknown or self.failed)
        return Committing.answer(self, state, event)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the commit, and the ways when it failed or nobody has the serial."""
        yield "committed", self.next
        yield "failed", self.failed
        if self.unknown is not None:
            yield "unknown", self.unknown

    @property
    def title(self) -> str:
        return f"Records: {self.mark}" + ("" if self.scope is Scope.VOTER else f" ({self.scope})")

    def notes(self) -> list[str]:
        """For how many, and what follows when it fails."""
        notes = Committing.notes(self)
        return notes if self.count is None else [f"for as many of them as {self.count.replace('_', ' ')}", *notes]


def _number_answer(state: FlowState, name: str | None) -> int | None:
    return whole(lookup(state, name)) if name is not None else None
