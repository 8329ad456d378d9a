"""The node `menu:` asks for one key of several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from dialer.flows.fields import NAME_SCHEMA, Name, Prompt, SomePrompts
from dialer.flows.flow import Flow
from dialer.flows.known import resolve
from dialer.flows.model import TELEPHONE_KEYS
from dialer.flows.node import Act, Entered, GoTo, Question
from dialer.flows.parsing import problem
from dialer.flows.turns import Collect, Digits, FlowState


def _only_keys_of_a_telephone(choices: dict[str, str]) -> dict[str, str]:
    for key in choices:
        if len(key) != 1 or key not in TELEPHONE_KEYS:
            raise problem('has a choice that is not a key of a telephone; use one of 0 to 9, "*" and "#"', key)
    return choices


class MenuNode(Question):
    """Ask for one key of several."""

    kind = "menu"
    label = "Asks for a key"
    draws_labels = True

    prompts: SomePrompts = Field(alias="menu", description="The question.")
    choices: Annotated[
        dict[str, Name],
        Field(min_length=1),
        AfterValidator(_only_keys_of_a_telephone),
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": "^[0-9*#]$"},
                "additionalProperties": NAME_SCHEMA,
                "minProperties": 1,
            }
        ),
    ] = Field(description="The node that each key leads to.")
    answer: Name | None = Field(None, description="Name under which the key is stored, unless it leads to an opt-out.")

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Ask for a key, unless one was entered during an earlier prompt."""
        if state.typed_ahead:
            return self._choose(state.replace(typed_ahead=state.typed_ahead[1:]), state.typed_ahead[:1])
        return Act(state, self.collect(state, self.prompts))

    def collect(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """Return the action that asks for one key."""
        seconds = self.timeout_seconds
        return Collect(state.where, resolve(state, prompts), self.barge_in, 1, seconds, seconds)

    def is_stray(self, state: FlowState, event: Digits) -> bool:
        """Return whether the key is the terminator of the previous field, and no choice here."""
        return event.digits == state.stray and event.digits not in self.choices

    def take(self, state: FlowState, event: Digits) -> GoTo | Act:
        """Return where the key leads."""
        if not event.digits:
            return self.ask_again(state, self.no_input, silent=True)
        return self._choose(state, event.digits)

    def _choose(self, state: FlowState, key: str) -> GoTo | Act:
        target = self.choices.get(key)
        if target is None:
            return self.ask_again(state, self.no_match, silent=False)
        return GoTo(state if self.answer is None else state.with_answer(self.answer, key), target)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes for each key, for silence and for other keys."""
        yield from self.choices.items()
        yield from super().targets()

    def one_key_targets(self) -> tuple[str, ...]:
        """Return the choices, if a key ends the prompts."""
        return tuple(self.choices.values()) if self.barge_in else ()

    @property
    def stored_answer(self) -> str | None:
        """The name of the answer."""
        return self.answer
