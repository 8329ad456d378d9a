"""`field:` digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dialer.flows.fields import ANSWER_KINDS, Fields, KnownNames, known_name, read_choices
from dialer.flows.keys import ANSWER, NEXT, NODE, TERMINATOR, Key, integer, key, number
from dialer.flows.known import lookup, resolve, whole
from dialer.flows.model import Prompt, PromptKind
from dialer.flows.node import Acting, Entered, Flow, Going, Question, node_kind
from dialer.flows.turns import Collect, Digits, FlowState

_INSTEAD = frozenset("*#")


def _read_bound(fields: Fields, key: str, names: KnownNames) -> int | str | None:
    bound = fields.bound(key)
    return known_name(fields, key, bound, names) if isinstance(bound, str) else bound


def _read_instead(fields: Fields, key: str, names: KnownNames) -> Mapping[str, str]:
    known = '"#" or "*": what is keyed instead of digits'
    return MappingProxyType(read_choices(fields, _INSTEAD, known) if key in fields.key_names() else {})


_BOUND = Key(_read_bound, {"anyOf": [{"type": "integer", "minimum": 0}, NODE.schema]}, needed=False)
_READS = Key(
    lambda given, name, _: ANSWER_KINDS[given.choice(name, list(ANSWER_KINDS), "digits")],
    {"enum": [*ANSWER_KINDS], "default": "digits", "description": "How the answer is spoken; hour: 3 means 15:00."},
    needed=False,
)
_CHOICES = Key(
    _read_instead,
    {
        "type": "object",
        "description": "Where # (alone) and * lead, keyed instead of digits.",
        "propertyNames": {"pattern": "^[*#]$"},
        "additionalProperties": NODE.schema,
        "minProperties": 1,
    },
    needed=False,
    ways=Mapping.items,
)


@node_kind("field")
@dataclass(frozen=True, slots=True)
class FieldNode(Question):
    """Collect digits. `lowest` and `highest` bound their value; a str names the fact that holds the bound.

    `reads` is DIGITS, NUMBER or HOUR: how the answer is spoken later, and, for HOUR, that 3 means 15:00 (see `polling_hour`).
    `one_of` names the fact that lists the values that are accepted, with commas; where it is unknown every value is.
    `choices` are what "#" (the terminator alone) and "*" lead to where they are keyed instead of digits.
    """

    keeps: str = key(NODE.of("Name that the answer is kept under."), "field")
    reads: PromptKind = key(_READS)
    min_digits: int = key(integer(1, 20, default=1))
    max_digits: int = key(integer(1, 20))
    terminator: str = key(TERMINATOR)
    between_seconds: float = key(number(3, 0.5, 30).of("Between digits."))
    lowest: int | str | None = key(_BOUND)
    highest: int | str | None = key(_BOUND)
    one_of: str | None = key(ANSWER.of("The fact that lists the numbers that are accepted, with commas."))
    next: str = key(NEXT)
    choices: Mapping[str, str] = key(_CHOICES)

    def refuse_misfit(self, fields: Fields) -> None:
        if self.min_digits > self.max_digits:
            raise fields.error("`min_digits:` is more than `max_digits:`", "min_digits")

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
        return Going(state.with_answer(self.keeps, value).but(stray=stray), self.next)

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

    def ways_unsure_of(self, name: str) -> tuple[str, ...] | None:
        """All but the way on make nothing known."""
        if name != self.keeps:
            return None
        return (*self.choices.values(), self.no_input.then, self.no_match.then)

    @property
    def title(self) -> str:
        fixed = self.min_digits == self.max_digits
        digits = str(self.max_digits) if fixed else f"{self.min_digits}-{self.max_digits}"
        return f"Asks for {digits} digits: {self.keeps}"


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
