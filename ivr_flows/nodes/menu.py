"""`menu:` one key of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames, own_reprompt, prompts_needed, read_choices
from ivr_flows.known import resolve
from ivr_flows.model import Prompt
from ivr_flows.node import NAME, REPROMPT, SOME_PROMPTS, Acting, Entered, Flow, Going, Question, node_kind, node_schema
from ivr_flows.turns import Collect, Digits, FlowState

_KEYS = frozenset("0123456789*#")


@node_kind("menu")
@dataclass(frozen=True, slots=True)
class MenuNode(Question):
    """Ask for one key of several."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Ask for one key of several.",
        ("menu", "choices"),
        menu=SOME_PROMPTS,
        barge_in={"type": "boolean", "default": True, "description": "A key ends the prompts."},
        timeout_seconds={"type": "number", "minimum": 1, "maximum": 60, "default": 5},
        choices={
            "type": "object",
            "propertyNames": {"pattern": "^[0-9*#]$"},
            "additionalProperties": NAME,
            "minProperties": 1,
        },
        answer=NAME,
        no_input=REPROMPT,
        no_match=REPROMPT,
    )

    choices: Mapping[str, str]
    answer_name: str | None  # the key is kept under this name

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        return cls(
            fields.node,
            fields.line,
            prompts=prompts_needed(fields, "menu", names),
            barge_in=fields.yes("barge_in", True),
            timeout_seconds=fields.number("timeout_seconds", 5, 1, 60),
            choices=MappingProxyType(read_choices(fields, _KEYS, 'one of 0 to 9, "*" and "#"')),
            answer_name=fields.optional_name("answer"),
            no_input=own_reprompt(fields, "no_input", names, names.no_input),
            no_match=own_reprompt(fields, "no_match", names, names.no_match),
        )

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        if state.typed_ahead:  # answered before it was asked
            return self._choose(state.but(typed_ahead=state.typed_ahead[1:]), state.typed_ahead[:1])
        return Acting(state, self.collect(state, self.prompts))

    def collect(self, state: FlowState, prompts: tuple[Prompt, ...]) -> Collect:
        """Ask for one key."""
        seconds = self.timeout_seconds
        return Collect(state.where, resolve(state, prompts), self.barge_in, 1, seconds, seconds)

    def is_stray(self, state: FlowState, event: Digits) -> bool:
        """Whether it is that terminator and no choice here."""
        return event.digits == state.stray and event.digits not in self.choices

    def take(self, state: FlowState, event: Digits) -> Going | Acting:
        """Where the key leads."""
        if not event.digits:
            return self.ask_again(state, self.no_input, silent=True)
        return self._choose(state, event.digits)

    def _choose(self, state: FlowState, key: str) -> Going | Acting:
        target = self.choices.get(key)
        if target is None:
            return self.ask_again(state, self.no_match, silent=False)
        return Going(state if self.answer_name is None else state.with_answer(self.answer_name, key), target)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield every choice, and what follows on silence and on other keys."""
        yield from self.choices.items()
        yield "no-input", self.no_input.then
        yield "no-match", self.no_match.then

    @property
    def keeps(self) -> str | None:
        """The name that the key is kept under."""
        return self.answer_name

    def ways_by_one_key(self) -> tuple[str, ...]:
        """The choices, with barge-in."""
        return tuple(self.choices.values()) if self.barge_in else ()

    @property
    def title(self) -> str:
        return "Asks for a key"

    def drawn_ways(self) -> list[tuple[str, str]]:
        """The choices by their keys."""
        return list(self.choices.items())
