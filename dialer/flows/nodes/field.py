"""The node `field:`, which asks for digits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from dialer.flows.fields import NAME_SCHEMA, DeclaredName, DeclaredNames, Name, Prompt, Terminator
from dialer.flows.flow import Flow
from dialer.flows.known import convert_number_or_time_to_integer, fill_prompt_values, look_up_answer_or_voter_data
from dialer.flows.node import Act, Entered, GoTo, QuestionNode
from dialer.flows.parsing import Number, WholeNumber, make_yaml_error
from dialer.flows.turns import Collect, Digits, FlowState
from dialer.flows.yaml_document import NAME

_MAX_BOUND_DIGITS = 9


def _parse_limit_of_field_value(value: object, info: ValidationInfo[DeclaredNames]) -> int | str:
    if not isinstance(value, str):
        raise PydanticCustomError("bound", "must be a whole number or the name of a fact")
    if value.isascii() and value.isdigit() and len(value) <= _MAX_BOUND_DIGITS:
        return int(value)
    if not NAME.fullmatch(value) or info.context.find_prompt_kind_of_name(value) is None:
        raise PydanticCustomError("undeclared", "is not declared")
    return value


def _refuse_digit_as_choice_key(choices: dict[str, str]) -> dict[str, str]:
    for key in choices:
        if key not in ("#", "*"):
            raise make_yaml_error(
                'the field has a choice for a digit, but digits are part of the answer; use the key "#" or "*"', key
            )
    return choices


Bound = Annotated[
    int | str,
    PlainValidator(_parse_limit_of_field_value),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, NAME_SCHEMA]}),
]
"""A whole number, or the name of a fact or answer that holds one."""


class FieldNode(QuestionNode):
    """A node that asks the caller for digits and stores them as an answer."""

    kind = "field"

    field: Name = Field(description="Name under which the answer is stored.")
    reads: Literal["digits", "number", "hour"] = Field(
        "digits", description="How the answer is spoken. With hour, 3 means 15:00."
    )
    min_digits: WholeNumber = Field(1, ge=1, le=20, description="Fewest digits of an answer.")
    max_digits: WholeNumber = Field(
        ge=1, le=20, description="Most digits of an answer; the input ends with the last one."
    )
    terminator: Terminator = Field("#", description="The key that ends the input.")
    between_seconds: Number = Field(3, ge=0.5, le=30, description="Longest pause between two digits.")
    lowest: Bound | None = Field(None, description="Lowest accepted value: a number, or the fact that holds it.")
    highest: Bound | None = Field(None, description="Highest accepted value: a number, or the fact that holds it.")
    one_of: DeclaredName | None = Field(
        None,
        description="The fact that lists the accepted numbers, separated by commas. If it is unknown, all are accepted.",
    )
    next: Name = Field(description="Node after an accepted answer.")
    choices: Annotated[
        dict[str, Name],
        Field(min_length=1),
        AfterValidator(_refuse_digit_as_choice_key),
        WithJsonSchema({"type": "object", "propertyNames": {"pattern": "^[*#]$"}, "additionalProperties": NAME_SCHEMA}),
    ] = Field({}, description="Nodes for # (alone) and *, entered instead of digits.")

    @model_validator(mode="after")
    def _refuse_contradicting_digit_limits(self) -> Self:
        if self.min_digits > self.max_digits:
            raise make_yaml_error("`min_digits:` is greater than `max_digits:`; lower `min_digits:`", "min_digits")
        return self

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the action that asks the question.

        If the caller pressed only the terminator during an earlier prompt, this counts as an empty answer. Then return
        the step that follows an empty answer.
        """
        if state.typed_ahead and state.typed_ahead == self.terminator:
            # The terminator alone is an empty answer, whether it was entered before or during the question.
            return self.handle_entered_keys(state.copy_flow_state(typed_ahead=""), Digits(""))
        return Act(state, self.create_action_to_collect_keys(state, self.prompts))

    def create_action_to_collect_keys(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """Return the action that plays `prompts` and collects digits."""
        return Collect(
            node=state.current_node_path,
            prompts=fill_prompt_values(state, prompts),
            barge_in=self.barge_in,
            max_digits=self.max_digits,
            timeout_seconds=self.timeout_seconds,
            between_seconds=self.between_seconds,
            terminator=self.terminator,
            typed_ahead=state.typed_ahead,
        )

    def is_late_terminator_of_previous_answer(self, state: FlowState, event: Digits) -> bool:
        """Return whether the input is only the terminator (such as #) of the previous answer, pressed too late."""
        return event.digits == ("" if state.stray == self.terminator else state.stray)

    def handle_entered_keys(self, state: FlowState, event: Digits) -> GoTo | Act:
        """Return the step that follows the entered digits, or a special key that the caller pressed instead of digits."""
        digits = event.digits
        if not (event.timed_out and not digits):
            instead = self.choices.get(digits or self.terminator)
            if instead is not None:
                return GoTo(state, instead)
        if not digits:
            return self.repeat_question(state, self.no_input, silent=True)
        value = self._parse_entered_answer(state, digits)
        if value is None:
            return self.repeat_question(state, self.no_match, silent=False)
        stray = self.terminator if len(digits) == self.max_digits else ""
        return GoTo(state.copy_flow_state_with_answer(self.field, value).copy_flow_state(stray=stray), self.next)

    def _parse_entered_answer(self, state: FlowState, digits: str) -> str | None:
        """Return the answer to store for the entered `digits`, or None if the field does not accept them."""
        if not (digits.isascii() and digits.isdigit() and self.min_digits <= len(digits) <= self.max_digits):
            return None
        number = int(digits)
        if self.reads == "hour":
            number = convert_entered_hour_to_polling_hour(number)
            if number > 23:
                return None
        lowest, highest = (
            _look_up_field_limit(state, self.lowest),
            _look_up_field_limit(state, self.highest),
        )
        if (lowest is not None and number < lowest) or (highest is not None and number > highest):
            return None
        if not _is_number_listed_in_fact(state, self.one_of, number):
            return None
        if self.reads == "hour":
            return f"{number:02d}:00"
        return str(number) if self.reads == "number" else digits

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes that follow an entered number, each special key, no-input and no-match."""
        yield "", self.next
        yield from self.choices.items()
        yield from super().list_next_nodes()

    def list_next_nodes_without_value(self, name: str) -> tuple[str, ...] | None:
        """Return the nodes that may follow if the value `name` is unknown.

        If `name` is this field, no answer was accepted. Then only the nodes after a special key, no-input or no-match
        may follow.
        """
        if name != self.field:
            return None
        return (*self.choices.values(), self.no_input.then, self.no_match.then)

    @property
    def name_of_stored_answer(self) -> str:
        """The name of the field, under which the digits are stored."""
        return self.field

    @property
    def diagram_title(self) -> str:
        """A short description with the number of digits and the name of the field."""
        fixed = self.min_digits == self.max_digits
        digits = str(self.max_digits) if fixed else f"{self.min_digits}-{self.max_digits}"
        return f"Asks for {digits} digits: {self.field}"


def convert_entered_hour_to_polling_hour(entered: int) -> int:
    """Return the hour of the day (0-23) that a voter means by an entered hour. 1 to 6 are in the afternoon, because no
    poll is open at night.
    """
    return entered + 12 if 1 <= entered <= 6 else entered


def _is_number_listed_in_fact(state: FlowState, fact: str | None, number: int) -> bool:
    """Return whether a fact about the voter, such as "12,14", lists this number. If the fact is unknown, return True."""
    listed = None if fact is None else look_up_answer_or_voter_data(state, fact)
    return listed is None or number in {
        convert_number_or_time_to_integer(each.strip()) for each in str(listed).split(",")
    }


def _look_up_field_limit(state: FlowState, bound: int | str | None) -> int | None:
    """Return a field's limit as a number. If the limit names a fact, return the value of the fact, or None if it is
    unknown.

    A time such as "18:30" counts as its hour (18).
    """
    if bound is None or isinstance(bound, int):
        return bound
    return convert_number_or_time_to_integer(look_up_answer_or_voter_data(state, bound))
