"""`send_sms:` from a template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialer.flows.fields import read_need
from dialer.flows.keys import FAILED, NODE, Key, key
from dialer.flows.known import lookup
from dialer.flows.node import Acting, Entered, Flow, Look, Node, node_kind
from dialer.flows.texts import SMS
from dialer.flows.turns import FlowState, SendSms, SmsSent

_NEEDS = Key(
    lambda given, name, names: tuple(read_need(item, given, names)[0] for item in given.items(name)),
    {"$ref": "#/$defs/with"},
    needed=False,
)


@node_kind("send_sms")
@dataclass(frozen=True, slots=True)
class SmsNode(Node):
    """Send the caller an SMS from a template."""

    look = Look.SERVICE
    head = "Sends an SMS: {node.template}"

    template: str = key(NODE, "send_sms")
    needs: tuple[str, ...] = key(_NEEDS, "with")  # facts or answers that fill it
    next: str = key(NODE.to("sent", SmsSent))
    failed: str = key(FAILED)

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        known = {name: lookup(state, name) for name in self.needs}
        values = {name: value for name, value in known.items() if value is not None}
        return Acting(state, SendSms(state.where, self.template, values))

    def texts_needed(self) -> Iterator[tuple[str, set[str]]]:
        """The template."""
        yield f"{SMS}{self.template}", set(self.needs)
