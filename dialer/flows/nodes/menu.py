"""The node `menu:`, which asks for one of several keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from dialer.flows.fields import NAME_SCHEMA, Name, Prompt, SomePrompts
from dialer.flows.flow import Flow
from dialer.flows.known import fill_prompt_values
from dialer.flows.model import TELEPHONE_KEYS
from dialer.flows.node import Act, Entered, GoTo, QuestionNode
from dialer.flows.parsing import make_yaml_error
from dialer.flows.turns import Collect, Digits, FlowState


def _require_telephone_keys(choices: dict[str, str]) -> dict[str, str]:
    for key in choices:
        if len(key) != 1 or key not in TELEPHONE_KEYS:
            raise make_yaml_error(
                'the menu has a choice that is not a key of a telephone; use one of 0 to 9, "*" and "#"', key
            )
    return choices


class MenuNode(QuestionNode):
    """A node that asks the caller to choose by one key."""

    kind = "menu"
    label = "Asks for a key"
    draws_labels = True

    prompts: SomePrompts = Field(alias="menu", description="The question.")
    choices: Annotated[
        dict[str, Name],
        Field(min_length=1),
        AfterValidator(_require_telephone_keys),
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": "^[0-9*#]$"},
                "additionalProperties": NAME_SCHEMA,
                "minProperties": 1,
            }
        ),
    ] = Field(description="The node for each key.")
    answer: Name | None = Field(None, description="Name under which the key is stored, unless it leads to an opt-out.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the action that asks the question.

        If the caller pressed a key during an earlier prompt, that key is the answer. Then return the step that follows
        it.
        """
        if state.typed_ahead:
            return self._go_to_node_chosen_by_key(
                state.copy_flow_state(typed_ahead=state.typed_ahead[1:]), state.typed_ahead[:1]
            )
        return Act(state, self.create_action_to_collect_keys(state, self.prompts))

    def create_action_to_collect_keys(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """Return the action that plays `prompts` and collects one key."""
        seconds = self.timeout_seconds
        return Collect(state.current_node_path, fill_prompt_values(state, prompts), self.barge_in, 1, seconds, seconds)

    def is_late_terminator_of_previous_answer(self, state: FlowState, event: Digits) -> bool:
        """Return whether the key is the terminator (such as #) of the previous answer, pressed too late.

        A key that is a choice of this menu never counts as a late terminator.
        """
        return event.digits == state.stray and event.digits not in self.choices

    def handle_entered_keys(self, state: FlowState, event: Digits) -> GoTo | Act:
        """Return the next step of the flow: for the pressed key, or for no-input if no key was pressed."""
        if not event.digits:
            return self.repeat_question(state, self.no_input, silent=True)
        return self._go_to_node_chosen_by_key(state, event.digits)

    def _go_to_node_chosen_by_key(self, state: FlowState, key: str) -> GoTo | Act:
        target = self.choices.get(key)
        if target is None:
            return self.repeat_question(state, self.no_match, silent=False)
        return GoTo(state if self.answer is None else state.copy_flow_state_with_answer(self.answer, key), target)

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes that follow each key, silence and wrong keys."""
        yield from self.choices.items()
        yield from super().list_next_nodes()

    def list_nodes_reachable_by_one_key(self) -> tuple[str, ...]:
        """Return the nodes that one key press reaches during the prompts.

        Empty if keys do not interrupt the prompts.
        """
        return tuple(self.choices.values()) if self.barge_in else ()

    @property
    def name_of_stored_answer(self) -> str | None:
        """The name under which the menu stores the chosen key, or None if it is not stored."""
        return self.answer
