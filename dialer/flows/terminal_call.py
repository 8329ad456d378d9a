"""Play a caller at the terminal: the driver of flows behind `dialer flow try`.

Prompts are printed and keys are read in lines, one line per question. Further keys of a line are entered ahead, as on a
telephone. A short line is a caller who stops in the middle, an empty line is silence, and the end of input is a
hang-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dialer.errors import MatdanError
from dialer.flows.flow import Flow
from dialer.flows.known import SPOKEN
from dialer.flows.machine import start, step
from dialer.flows.model import TELEPHONE_KEYS, PromptKind, Scalar
from dialer.flows.texts import SMS, Texts, filled, written
from dialer.flows.turns import (
    Action,
    Collect,
    Commit,
    CommitKind,
    Committed,
    Digits,
    Disconnect,
    Failed,
    FlowCommit,
    FlowState,
    HungUp,
    Input,
    Play,
    Played,
    PromptRef,
    Record,
    Recorded,
    SendSms,
    SmsSent,
    Start,
    Transfer,
    Transferred,
)

SAMPLE_FACTS: Final[Mapping[str, Scalar]] = {
    "organisation": "Election Help Desk",
    "booth_name": "Government Primary School, Room 2",
    "booth_part": 12,
    "closes_at": "18:00",
    "hour_now": 9,
    "pending_voters": 3,
    "parts": 1,
    "part_numbers": "12",
}
"""The default facts, under the names that the shipped flows use."""

_EXAMPLES: Final = {PromptKind.NUMBER: "a number such as 3", PromptKind.HOUR: "an hour such as 18:00"}


class BadFact(MatdanError):
    """A fact has an impossible value. The text names it and shows an example."""


Say = Callable[[str], None]
"""Prints one line."""
Press = Callable[[str], str | None]
"""Asks for one line of keys, with a hint. None hangs up."""


@dataclass(slots=True)
class TerminalCall:
    """One call at the terminal. `agent_available` and `store_works` select the result of transfers and commits."""

    flow: Flow
    texts: Texts
    language: str
    say: Say
    press: Press
    agent_available: bool = True
    store_works: bool = True
    actions: list[Action] = field(default_factory=list)
    _ahead: str = ""

    def run(self, facts: Mapping[str, Scalar]) -> FlowState:
        """Run the call, and return the state in which it ended."""
        turn = start(self.flow, Start(facts, self.language))
        while turn.action is not None:
            self.actions.append(turn.action)
            event = self._do(turn.action)
            if turn.ended:
                break
            turn = step(self.flow, turn.state, event)
        return turn.state

    def _do(self, action: Action) -> Input:
        match action:
            case Play():
                event: Input = self._play(action)
            case Collect():
                event = self._collect(action)
            case Commit(commit=commit):
                self.say(f"[{describe_commit(commit)}: {'saved' if self.store_works else 'NOT saved'}]")
                event = Committed() if self.store_works else Failed()
            case Record():
                self._print(action.prompts)
                line = self.press("speak, then Enter")
                event = HungUp() if line is None else Recorded("trial", float(len(line)))
            case Transfer():
                self._print(action.prompts)
                self.say(
                    f"[transfer: {'an agent takes the call' if self.agent_available else 'no agent is available'}]"
                )
                event = Transferred() if self.agent_available else Failed()
            case SendSms():
                text = filled(f"{SMS}{action.template}", self.language, action.values, self.texts)
                self.say(f"[SMS {action.template}: {text or 'NOT sent, because one of its values is unknown'}]")
                event = SmsSent() if text is not None else Failed()
            case Disconnect():
                self._print(action.prompts)
                event = HungUp()
        return event

    def _print(self, prompts: tuple[PromptRef, ...], *, barge_in: bool = False) -> None:
        """Print prompts. Keys entered ahead are discarded by a prompt that they cannot end."""
        if prompts and not barge_in:
            self._ahead = ""
        for ref in prompts:
            self.say(written(ref, self.language, self.texts))

    def _play(self, action: Play) -> Played:
        if action.barge_in and self._ahead:
            digit, self._ahead = self._ahead[0], self._ahead[1:]
            return Played(digit)
        self._print(action.prompts, barge_in=action.barge_in)
        return Played()

    def _collect(self, action: Collect) -> Input:
        keys = action.typed_ahead
        if not keys:
            if not action.barge_in or not self._ahead:
                self._print(action.prompts, barge_in=action.barge_in)
            if not self._ahead:
                line = self.press(_hint(action))
                if line is None:
                    return HungUp()
                self._ahead = "".join(key for key in line if key in TELEPHONE_KEYS)
        while len(keys) < action.max_digits:
            if not self._ahead:
                return Digits(keys, timed_out=True)
            key, self._ahead = self._ahead[0], self._ahead[1:]
            if key == action.terminator:
                break
            keys += key
        return Digits(keys)


def _hint(action: Collect) -> str:
    if action.max_digits == 1 and not action.terminator:
        return "one key"
    end = f", then {action.terminator}" if action.terminator else ""
    return f"up to {action.max_digits} digits{end}"


def describe_commit(commit: FlowCommit) -> str:
    """Return a commit in words."""
    if commit.kind in (CommitKind.OPT_OUT, CommitKind.UNDO):
        return commit.kind.value
    if commit.kind is CommitKind.ANSWERS:
        return ", ".join(f"{name} = {value}" for name, value in commit.answers.items())
    words = f"{commit.mark} ({commit.scope})"
    if commit.count is not None:
        words += f" for {commit.count} of them"
    if commit.hour is not None:
        words += f" at {commit.hour}:00"
    if commit.part is not None:
        words += f" part {commit.part},"
    return f"{words} {commit.serial}" if commit.serial is not None else words


def facts_of(flow: Flow) -> dict[str, PromptKind]:
    """Return the kinds of the facts of a flow and its subdialogs, by name. The flow's own declarations take precedence."""
    kinds: dict[str, PromptKind] = {}
    for each in flow.subflows.values():
        kinds |= facts_of(each)
    return kinds | dict(flow.facts)


def sample_facts(flow: Flow, given: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the default facts that a flow declares, replaced by those `given` as text; "" makes a fact unknown.

    Raises BadFact for an impossible value.
    """
    kinds = facts_of(flow)
    facts = {name: value for name, value in SAMPLE_FACTS.items() if name in flow.facts or flow.subflows}
    for name, value in given.items():
        kind = kinds.get(name)
        if value and kind in _EXAMPLES and not SPOKEN[kind].fullmatch(value):
            raise BadFact(f"{name}={value[:30]} is not a valid value; give {_EXAMPLES[kind]}, or nothing for unknown")
        facts[name] = int(value) if value and kind is PromptKind.NUMBER else value
    return facts
