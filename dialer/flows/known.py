"""The values that are known in a call (facts about the voter, the caller's answers), and the prompts that can be played
with them. No I/O.
"""

from __future__ import annotations

import re
from typing import Final

from dialer.flows.fields import Prompt
from dialer.flows.model import PromptKind, Scalar
from dialer.flows.turns import FlowState, PromptRef

SPOKEN: Final = {
    PromptKind.NUMBER: re.compile(r"[0-9]{1,9}"),
    PromptKind.DIGITS: re.compile(r"[0-9]{1,20}"),
    PromptKind.DATE: re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
    PromptKind.HOUR: re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]"),
    PromptKind.PLACE: re.compile(r".{1,200}"),
    PromptKind.NAME: re.compile(r".{1,200}"),
}
"""The pattern of values that can be spoken, by prompt kind."""


def look_up_answer_or_voter_data(state: FlowState, name: str) -> Scalar | None:
    """Return the caller's answer with this name. Without an answer, return the fact about the voter with this name, or
    None.
    """
    if name in state.answers:
        return state.answers[name]
    value = state.facts.get(name)
    return None if value == "" else value


def can_prompt_be_skipped(prompt: Prompt) -> bool:
    """Return whether a prompt may be skipped, because it speaks a value that may be unknown."""
    return bool(prompt.needs) or not prompt.kind.is_prompt_same_for_every_voter


def fill_prompt_values(state: FlowState, prompts: tuple[Prompt, ...]) -> tuple[PromptRef, ...]:
    """Return prompts together with the values that they speak. Prompts with an unknown or malformed value are left out."""
    return tuple([ref for prompt in prompts if (ref := _fill_prompt_value(state, prompt)) is not None])


def _fill_prompt_value(state: FlowState, prompt: Prompt) -> PromptRef | None:
    if not prompt.kind.is_prompt_same_for_every_voter:
        return _find_value_spoken_by_prompt(state, prompt.value, prompt.kind)
    values: list[tuple[str, PromptRef]] = []
    for name, kind in prompt.needs:
        value = _find_value_spoken_by_prompt(state, name, kind)
        if value is None:
            return None
        values.append((name, value))
    return PromptRef(prompt.kind, prompt.value, tuple(values))


def _find_value_spoken_by_prompt(state: FlowState, name: str, kind: PromptKind) -> PromptRef | None:
    value = look_up_answer_or_voter_data(state, name)
    if value is None or isinstance(value, bool):
        return None
    text = str(value)
    return PromptRef(kind, text) if SPOKEN[kind].fullmatch(text) else None


def convert_number_or_time_to_integer(value: Scalar | None) -> int | None:
    """Return a number as an integer, the hour of a time such as "18:00", or None for other values."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value
    found = re.fullmatch(r"([0-9]{1,9})(?::[0-5][0-9])?", value, re.ASCII)
    return int(found[1]) if found else None
