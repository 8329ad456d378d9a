"""What is known in a call: the facts it began with and the caller's answers, and what follows from them. Pure."""

from __future__ import annotations

import re
from typing import Final

from dialer.flows.model import Condition, Prompt, PromptKind, Scalar
from dialer.flows.turns import FlowState, PromptRef

SPOKEN: Final = {
    PromptKind.NUMBER: re.compile(r"[0-9]{1,9}"),
    PromptKind.DIGITS: re.compile(r"[0-9]{1,20}"),
    PromptKind.DATE: re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
    PromptKind.HOUR: re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]"),
    PromptKind.PLACE: re.compile(r".{1,200}"),
    PromptKind.NAME: re.compile(r".{1,200}"),
}


def lookup(state: FlowState, name: str) -> Scalar | None:
    """What is known under `name`: the caller's answer first, then the fact."""
    if name in state.answers:
        return state.answers[name]
    value = state.facts.get(name)
    return None if value == "" else value


def can_be_left_out(prompt: Prompt) -> bool:
    """Whether a prompt is not said to a voter of whom too little is known."""
    return bool(prompt.needs) or not prompt.kind.is_fixed


def resolve(state: FlowState, prompts: tuple[Prompt, ...]) -> tuple[PromptRef, ...]:
    """The prompts that can be said now: one that needs what is unknown, or malformed, is left out whole."""
    return tuple([ref for prompt in prompts if (ref := _resolve_one(state, prompt)) is not None])


def _resolve_one(state: FlowState, prompt: Prompt) -> PromptRef | None:
    if not prompt.kind.is_fixed:
        return _spoken(state, prompt.value, prompt.kind)
    values: list[tuple[str, PromptRef]] = []
    for name, kind in prompt.needs:
        value = _spoken(state, name, kind)
        if value is None:
            return None
        values.append((name, value))
    return PromptRef(prompt.kind, prompt.value, tuple(values))


def _spoken(state: FlowState, name: str, kind: PromptKind) -> PromptRef | None:
    value = lookup(state, name)
    if value is None or isinstance(value, bool):
        return None
    text = str(value)
    return PromptRef(kind, text) if SPOKEN[kind].fullmatch(text) else None


def holds(condition: Condition, value: Scalar | None) -> bool:
    """Whether a case holds. Of what is unknown only "unknown" holds."""
    if condition.known is not None:
        return (value is not None) is condition.known
    if value is None:
        return False
    if condition.equals is not None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return text == condition.equals
    number = whole(value)
    if number is None:
        return False
    return (condition.above is None or number > condition.above) and (
        condition.below is None or number < condition.below
    )


def whole(value: Scalar | None) -> int | None:
    """A fact as a whole number; the hour of "18:00"; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value
    found = re.fullmatch(r"([0-9]{1,9})(?::[0-5][0-9])?", value, re.ASCII)
    return int(found[1]) if found else None
