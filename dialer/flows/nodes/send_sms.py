"""The node `send_sms:`, which sends an SMS from a template."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import KnownValues, Name
from dialer.flows.flow import Flow
from dialer.flows.known import look_up_answer_or_voter_data
from dialer.flows.node import Act, Answered, Entered, GoTo, Node, NodeStyle
from dialer.flows.texts import SMS
from dialer.flows.turns import Failed, FlowState, Input, SendSms, SmsSent


class SmsNode(Node):
    """A node that sends an SMS to the caller."""

    kind = "send_sms"
    style = NodeStyle.SERVICE

    template: Name = Field(alias="send_sms", description="Name of the template; its text has the key sms.NAME.")
    needs: KnownValues = Field((), alias="with", description="Facts or answers that fill the template.")
    next: Name = Field(description="Node after the SMS was sent.")
    failed: Name = Field(description="Node if the SMS could not be sent.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the step that sends the SMS."""
        known = {name: look_up_answer_or_voter_data(state, name) for name, _ in self.needs}
        values = {name: value for name, value in known.items() if value is not None}
        return Act(state, SendSms(state.current_node_path, self.template, values))

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Return the step after the SMS was sent, or could not be sent."""
        match event:
            case SmsSent():
                return GoTo(state, self.next)
            case Failed():
                return GoTo(state, self.failed)
        return None

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the next node after a sent SMS, and the next node after a failed SMS."""
        yield "sent", self.next
        yield "failed", self.failed

    def list_texts_needed_by_node(self) -> Iterator[tuple[str, set[str]]]:
        """Yield the key of the SMS template's text, with the names of the values that it needs."""
        yield f"{SMS}{self.template}", {name for name, _ in self.needs}

    @property
    def diagram_title(self) -> str:
        """A short description with the name of the template."""
        return f"Sends an SMS: {self.template}"
