"""`menu:` one key of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dialer.flows.fields import read_choices
from dialer.flows.keys import NODE, OPTIONAL_NODE, SOME_PROMPTS, Key, key
from dialer.flows.known import resolve
from dialer.flows.model import Prompt
from dialer.flows.node import Acting, Entered, Flow, Going, Question, node_kind
from dialer.flows.turns import Collect, Digits, FlowState

_KEYS = frozenset("0123456789*#")
_CHOICES = Key(
    lambda given, _, __: MappingProxyType(read_choices(given, _KEYS, 'one of 0 to 9, "*" and "#"')),
    {
        "type": "object",
        "propertyNames": {"pattern": "^[0-9*#]$"},
        "additionalProperties": NODE.schema,
        "minProperties": 1,
    },
    ways=Mapping.items,
)


@node_kind("menu")
@dataclass(frozen=True, slots=True)
class MenuNode(Question):
    """Ask for one key of several."""

    head = "Asks for a key"
    draws_labels = True

    prompts: tuple[Prompt, ...] = key(SOME_PROMPTS, "menu")
    choices: Mapping[str, str] = key(_CHOICES)
    keeps: str | None = key(OPTIONAL_NODE, "answer")  # the key is kept under this name

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
        return Going(state if self.keeps is None else state.with_answer(self.keeps, key), target)

    def ways_by_one_key(self) -> tuple[str, ...]:
        """The choices, with barge-in."""
        return tuple(self.choices.values()) if self.barge_in else ()
