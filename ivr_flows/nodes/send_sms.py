"""`send_sms:` from a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames, read_need
from ivr_flows.known import lookup
from ivr_flows.node import FAILED, NAME, Acting, Answered, Entered, Flow, Going, Look, Node, node_kind, node_schema
from ivr_flows.texts import SMS
from ivr_flows.turns import FlowState, Input, SendSms, SmsFailed, SmsSent


@node_kind("send_sms")
@dataclass(frozen=True, slots=True)
class SmsNode(Node):
    """Send the caller an SMS from a template."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Send an SMS from a template.",
        ("send_sms", "next", "failed"),
        **{"send_sms": NAME, "with": {"$ref": "#/$defs/with"}, "next": NAME, "failed": FAILED},
    )
    look: ClassVar[Look] = Look.SERVICE

    template: str
    needs: tuple[str, ...]  # facts or answers that fill it
    next: str
    failed: str

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        needs = tuple(read_need(item, fields, names)[0] for item in fields.items("with"))
        return cls(
            fields.node,
            fields.line,
            template=fields.name("send_sms"),
            needs=needs,
            next=fields.name("next"),
            failed=fields.name("failed"),
        )

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        known = {name: lookup(state, name) for name in self.needs}
        values = {name: value for name, value in known.items() if value is not None}
        return Acting(state, SendSms(state.where, self.template, values))

    def answer(self, state: FlowState, event: Input) -> Answered:
        if isinstance(event, SmsSent):
            return Going(state, self.next)
        return Going(state, self.failed) if isinstance(event, SmsFailed) else None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on, and the way when it could not be sent."""
        yield "sent", self.next
        yield "failed", self.failed

    def texts_needed(self) -> Iterator[tuple[str, set[str]]]:
        """The template."""
        yield f"{SMS}{self.template}", set(self.needs)

    @property
    def title(self) -> str:
        return f"Sends an SMS: {self.template}"
