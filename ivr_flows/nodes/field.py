"""`field:` digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from ivr_flows.fields import (
    ANSWER_KINDS,
    Fields,
    KnownNames,
    known_answer,
    known_name,
    own_reprompt,
    prompts_needed,
    read_choices,
)
from ivr_flows.known import lookup, resolve, whole
from ivr_flows.model import Prompt, PromptKind
from ivr_flows.node import (
    NAME,
    REPROMPT,
    SOME_PROMPTS,
    TERMINATOR,
    Acting,
    Entered,
    Flow,
    Going,
    Question,
    named,
    node_kind,
    node_schema,
)
from ivr_flows.turns import Collect, Digits, FlowState

_INSTEAD = frozenset("*#")


@node_kind("field")
@dataclass(frozen=True, slots=True)
class FieldNode(Question):
    """Collect digits. `lowest` and `highest` bound their value; a str names the fact that holds the bound.

    `reads` is DIGITS, NUMBER or HOUR: how the answer is spoken later, and, for HOUR, that 3 means 15:00 (see `polling_hour`).
    `one_of` names the fact that lists the values that are accepted, with commas; where it is unknown every value is.
    `choices` are what "#" (the terminator alone) and "*" lead to where they are keyed instead of digits.
    """

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Collect digits.",
        ("field", "say", "max_digits", "next"),
        field=named("Name that the answer is kept under."),
        reads={
            "enum": ["digits", "number", "hour"],
            "default": "digits",
            "description": "How the answer is spoken; hour: 3 means 15:00.",
        },
        say=SOME_PROMPTS,
        barge_in={"type": "boolean", "default": True, "description": "A key ends the prompts."},
        min_digits={"type": "integer", "minimum": 1, "maximum": 20, "default": 1},
        max_digits={"type": "integer", "minimum": 1, "maximum": 20},
        terminator=TERMINATOR,
        timeout_seconds={
            "type": "number",
            "minimum": 1,
            "maximum": 60,
            "default": 5,
            "description": "Until the first digit.",
        },
        between_seconds={
            "type": "number",
            "minimum": 0.5,
            "maximum": 30,
            "default": 3,
            "description": "Between digits.",
        },
        lowest={"anyOf": [{"type": "integer", "minimum": 0}, NAME]},
        highest={"anyOf": [{"type": "integer", "minimum": 0}, NAME]},
        one_of=named("The fact that lists the numbers that are accepted, with commas."),
        choices={
            "type": "object",
            "description": "Where # (alone) and * lead, keyed instead of digits.",
            "propertyNames": {"pattern": "^[*#]$"},
            "additionalProperties": NAME,
            "minProperties": 1,
        },
        no_input=REPROMPT,
        no_match=REPROMPT,
        next=NAME,
    )

    answer_name: str
    reads: PromptKind
    min_digits: int
    max_digits: int
    terminator: str  # "#", "*" or ""
    between_seconds: float  # between digits
    lowest: int | str | None
    highest: int | str | None
    one_of: str | None
    choices: Mapping[str, str]
    next: str

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        min_digits = fields.integer("min_digits", 1, 1, 20)
        max_digits = fields.integer("max_digits", None, 1, 20)
        if min_digits > max_digits:
            raise fields.error("`min_digits:` is more than `max_digits:`", "min_digits")
        choices: dict[str, str] = {}
        if "choices" in fields.key_names():
            choices = read_choices(fields, _INSTEAD, '"#" or "*": what is keyed instead of digits')
        return cls(
            fields.node,
            fields.line,
            prompts=prompts_needed(fields, "say", names),
            barge_in=fields.yes("barge_in", True),
            answer_name=fields.name("field"),
            reads=ANSWER_KINDS[fields.choice("reads", list(ANSWER_KINDS), "digits")],
            min_digits=min_digits,
            max_digits=max_digits,
            terminator=fields.choice("terminator", ("#", "*", ""), "#"),
            timeout_seconds=fields.number("timeout_seconds", 5, 1, 60),
            between_seconds=fields.number("between_seconds", 3, 0.5, 30),
            lowest=_read_bound(fields, "lowest", names),
            highest=_read_bound(fields, "highest", names),
            one_of=known_answer(fields, "one_of", names),
            choices=MappingProxyType(choices),
            no_input=own_reprompt(fields, "no_input", names, names.no_input),
            no_match=own_reprompt(fields, "no_match", names, names.no_match),
            next=fields.name("next"),
        )

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        if state.typed_ahead and state.typed_ahead == self.terminator:
            # Keyed before the first digit it is an empty entry, as it is when the question has been heard.
            return self.take(state.but(typed_ahead=""), Digits(""))
        return Acting(state, self.collect(state, self.prompts))

    def collect(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """Ask for digits."""
        return Collect(
            node=state.where,
            prompts=resolve(state, prompts),
            barge_in=self.barge_in,
            max_digits=self.max_digits,
            timeout_seconds=self.timeout_seconds,
            between_seconds=self.between_seconds,
            terminator=self.terminator,
            typed_ahead=state.typed_ahead,
        )

    def is_stray(self, state: FlowState, event: Digits) -> bool:
        """Whether it is that terminator alone."""
        return event.digits == ("" if state.stray == self.terminator else state.stray)

    def take(self, state: FlowState, event: Digits) -> Going | Acting:
        """What the digits, or the key instead of them, lead to."""
        digits = event.digits
        if not (event.timed_out and not digits):
            instead = self.choices.get(digits or self.terminator)
            if instead is not None:
                return Going(state, instead)
        if not digits:
            return self.ask_again(state, self.no_input, silent=True)
        value = self._accepted(state, digits)
        if value is None:
            return self.ask_again(state, self.no_match, silent=False)
        stray = self.terminator if len(digits) == self.max_digits else ""
        return Going(state.with_answer(self.answer_name, value).but(stray=stray), self.next)

    def _accepted(self, state: FlowState, digits: str) -> str | None:
        """What is kept for `digits`, or None when they are not accepted."""
        if not (digits.isascii() and digits.isdigit() and self.min_digits <= len(digits) <= self.max_digits):
            return None
        number = int(digits)
        if self.reads is PromptKind.HOUR:
            number = polling_hour(number)
            if number > 23:
                return None
        lowest, highest = _bound(state, self.lowest), _bound(state, self.highest)
        if (lowest is not None and number < lowest) or (highest is not None and number > highest):
            return None
        if not _listed(state, self.one_of, number):
            return None
        if self.reads is PromptKind.HOUR:
            return f"{number:02d}:00"
        return str(number) if self.reads is PromptKind.NUMBER else digits

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on, the keys that lead elsewhere, and what follows on silence and on digits that are not accepted."""
        yield "", self.next
        yield from self.choices.items()
        yield "no-input", self.no_input.then
        yield "no-match", self.no_match.then

    @property
    def keeps(self) -> str | None:
        """The name of the answer."""
        return self.answer_name

    def ways_unsure_of(self, name: str) -> tuple[str, ...] | None:
        """All but the way on make nothing known."""
        if name != self.answer_name:
            return None
        return (*self.choices.values(), self.no_input.then, self.no_match.then)

    @property
    def title(self) -> str:
        fixed = self.min_digits == self.max_digits
        digits = str(self.max_digits) if fixed else f"{self.min_digits}-{self.max_digits}"
        return f"Asks for {digits} digits: {self.answer_name}"


def _read_bound(fields: Fields, key: str, names: KnownNames) -> int | str | None:
    bound = fields.bound(key)
    return known_name(fields, key, bound, names) if isinstance(bound, str) else bound


def polling_hour(keyed: int) -> int:
    """The hour of day that a voter means who keys `keyed`: 1 to 6 are in the afternoon, for no poll is open at night."""
    return keyed + 12 if 1 <= keyed <= 6 else keyed


def _listed(state: FlowState, fact: str | None, number: int) -> bool:
    """Whether a number is one of those that a fact lists ("12,14"); what is not known lists all of them."""
    listed = None if fact is None else lookup(state, fact)
    return listed is None or number in {whole(each.strip()) for each in str(listed).split(",")}


def _bound(state: FlowState, bound: int | str | None) -> int | None:
    """A bound's value; None when it hangs on a fact that is unknown. Of an hour, its whole hours."""
    if bound is None or isinstance(bound, int):
        return bound
    return whole(lookup(state, bound))
