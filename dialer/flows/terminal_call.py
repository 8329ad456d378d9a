"""The driver that runs a flow at the terminal, for `dialer flow try`.

Prompts are printed. The keys for a question are entered as one line; extra keys count for the next question. A line
with too few keys means that the caller stopped in the middle, an empty line means silence, and the end of input means a
hang-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dialer.errors import MatdanError
from dialer.flows.flow import Flow
from dialer.flows.known import SPOKEN
from dialer.flows.machine import continue_flow, start_flow
from dialer.flows.model import TELEPHONE_KEYS, PromptKind, Scalar
from dialer.flows.texts import SMS, Texts, fill_placeholders_of_text, render_prompt_as_words
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
"""The default facts, under the names used in the shipped flows."""

_EXAMPLES: Final = {PromptKind.NUMBER: "a number such as 3", PromptKind.HOUR: "an hour such as 18:00"}


class BadFact(MatdanError):
    """Raised if a fact has an invalid value. The text names the fact and shows an example."""


Say = Callable[[str], None]
"""Prints one line."""
Press = Callable[[str], str | None]
"""Reads one line of keys, given a hint for the prompt. None means that the caller hangs up."""


@dataclass(slots=True)
class TerminalCall:
    """A simulated call at the terminal. `agent_available` decides whether transfers succeed, and `store_works` whether
    results can be stored.
    """

    flow: Flow
    texts: Texts
    language: str
    say: Say
    press: Press
    agent_available: bool = True
    store_works: bool = True
    actions: list[Action] = field(default_factory=list)
    _ahead: str = ""

    def play_flow_on_terminal(self, facts: Mapping[str, Scalar]) -> FlowState:
        """Run the call and return the final state of its flow."""
        turn = start_flow(self.flow, Start(facts, self.language))
        while turn.action is not None:
            self.actions.append(turn.action)
            event = self._perform_flow_action(turn.action)
            if turn.has_flow_ended:
                break
            turn = continue_flow(self.flow, turn.state, event)
        return turn.state

    def _perform_flow_action(self, action: Action) -> Input:
        match action:
            case Play():
                event: Input = self._perform_play_action(action)
            case Collect():
                event = self._collect_keys_from_terminal(action)
            case Commit(commit=commit):
                self.say(f"[{describe_flow_result(commit)}: {'saved' if self.store_works else 'NOT saved'}]")
                event = Committed() if self.store_works else Failed()
            case Record():
                self._print_prompts(action.prompts)
                line = self.press("speak, then Enter")
                event = HungUp() if line is None else Recorded("trial", float(len(line)))
            case Transfer():
                self._print_prompts(action.prompts)
                self.say(
                    f"[transfer: {'an agent takes the call' if self.agent_available else 'no agent is available'}]"
                )
                event = Transferred() if self.agent_available else Failed()
            case SendSms():
                text = fill_placeholders_of_text(f"{SMS}{action.template}", self.language, action.values, self.texts)
                self.say(f"[SMS {action.template}: {text or 'NOT sent, because one of its values is unknown'}]")
                event = SmsSent() if text is not None else Failed()
            case Disconnect():
                self._print_prompts(action.prompts)
                event = HungUp()
        return event

    def _print_prompts(self, prompts: tuple[PromptRef, ...], *, barge_in: bool = False) -> None:
        """Print prompts. A prompt that keys cannot interrupt discards keys that were entered ahead."""
        if prompts and not barge_in:
            self._ahead = ""
        for ref in prompts:
            self.play_prompt(ref)

    def play_prompt(self, ref: PromptRef) -> None:
        """Print the words of a prompt."""
        self.say(render_prompt_as_words(ref, self.language, self.texts))

    def _perform_play_action(self, action: Play) -> Played:
        if action.allows_barge_in and self._ahead:
            digit, self._ahead = self._ahead[0], self._ahead[1:]
            return Played(digit)
        self._print_prompts(action.prompts, barge_in=action.allows_barge_in)
        return Played()

    def _collect_keys_from_terminal(self, action: Collect) -> Input:
        keys = action.typed_ahead
        if not keys:
            if not action.barge_in or not self._ahead:
                self._print_prompts(action.prompts, barge_in=action.barge_in)
            if not self._ahead:
                line = self.press(_describe_expected_keys(action))
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


def _describe_expected_keys(action: Collect) -> str:
    if action.max_digits == 1 and not action.terminator:
        return "one key"
    end = f", then {action.terminator}" if action.terminator else ""
    return f"up to {action.max_digits} digits{end}"


def describe_flow_result(commit: FlowCommit) -> str:
    """Return a description of a commit (a result that a flow stores), such as "voted (voter)"."""
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


def list_kinds_of_declared_facts(flow: Flow) -> dict[str, PromptKind]:
    """Return the kind, such as number or hour, of each fact about the voter that a flow or its subdialogs declare.

    The kind that the flow itself declares takes precedence.
    """
    kinds: dict[str, PromptKind] = {}
    for each in flow.subflows.values():
        kinds |= list_kinds_of_declared_facts(each)
    return kinds | dict(flow.facts)


def make_sample_voter_data(flow: Flow, given: Mapping[str, str]) -> dict[str, Scalar]:
    """Return sample facts (data about the voter) for a trial call: sample values, replaced by those in `given`.

    The values in `given` are text; "" means unknown.

    Raises:
        BadFact: a value is invalid.
    """
    kinds = list_kinds_of_declared_facts(flow)
    facts = {name: value for name, value in SAMPLE_FACTS.items() if name in flow.facts or flow.subflows}
    for name, value in given.items():
        kind = kinds.get(name)
        if value and kind in _EXAMPLES and not SPOKEN[kind].fullmatch(value):
            raise BadFact(
                f"the fact {name}={value[:30]} is not valid; give {_EXAMPLES[kind]}, or no value if it is unknown"
            )
        facts[name] = int(value) if value and kind is PromptKind.NUMBER else value
    return facts
