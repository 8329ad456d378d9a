"""A try-out of a flow: a simulated call through the flow, in which the user of a web page is the caller.

After each entry of the user, the whole call is simulated again from its start. So nothing is stored between entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dialer.domain.schema import MESSAGE
from dialer.flows.flow import Flow
from dialer.flows.model import Scalar
from dialer.flows.terminal_call import TerminalCall
from dialer.flows.texts import Texts, render_prompt_as_words
from dialer.flows.turns import Action, Collect, Ending, FlowState, PromptRef

Entry = str | None
"""What the caller enters: keys (any key stands for a spoken message), "" for silence, or None to hang up."""


class LineKind(StrEnum):
    """What a line of the transcript shows: a prompt, an entry of the caller, or a result of the flow."""

    PROMPT = "prompt"  # the caller hears it
    KEYS = "keys"  # the caller pressed these keys
    SILENCE = "silence"  # the caller pressed no key
    MESSAGE = "message"  # the caller left a spoken message
    HANG_UP = "hang-up"  # the caller hung up
    RESULT = "result"  # what the flow did, such as saving an answer


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """A line in the transcript of a simulated call through a flow."""

    __pydantic_config__ = MESSAGE

    kind: LineKind
    text: str
    sounds: tuple[str, ...] = ()
    """names of the sounds of a prompt that can be played"""


@dataclass(frozen=True, slots=True)
class ExpectedEntry:
    """What the simulated caller must enter next: at most this many digits, or a spoken message (0 digits)."""

    __pydantic_config__ = MESSAGE

    max_digits: int
    terminator: str
    """key that ends the digits, such as #; empty if there is none"""


@dataclass(frozen=True, slots=True)
class TryOut:
    """The result of a simulated call so far: its transcript, and either the expected entry or how the call ended."""

    __pydantic_config__ = MESSAGE

    lines: tuple[TranscriptLine, ...]
    node: str
    """the current node, preceded by its subdialogs, such as opt_out/ask"""
    expected: ExpectedEntry | None
    """null: the call has ended"""
    ending: Ending | None
    answers: Mapping[str, str]
    """the caller's answers, when the call has ended"""


class _CallerMustAnswer(Exception):
    """Raised to stop the simulated call at the first question for which there is no entry."""


@dataclass(slots=True)
class _PageCall(TerminalCall):
    """A simulated call that writes a transcript for the page, with the sounds of each prompt."""

    find_sounds: Callable[[PromptRef], tuple[str, ...]] = lambda _: ()
    lines: list[TranscriptLine] = field(default_factory=list)

    def play_prompt(self, ref: PromptRef) -> None:
        words = render_prompt_as_words(ref, self.language, self.texts)
        self.lines.append(TranscriptLine(LineKind.PROMPT, words, self.find_sounds(ref)))


def simulate_flow_call(
    flow: Flow,
    texts: Texts,
    language: str,
    facts: Mapping[str, Scalar],
    entries: Sequence[Entry],
    *,
    agent_available: bool = True,
    store_works: bool = True,
    find_sounds: Callable[[PromptRef], tuple[str, ...]] = lambda _: (),
) -> TryOut:
    """Simulate a call through a flow, up to its end or to the first question for which `entries` has no answer.

    Args:
        flow: the flow to play.
        texts: the texts of its prompts.
        language: the language of the call.
        facts: what is known about the voter, as from `make_sample_voter_data`.
        entries: what the caller enters, in this order.
        agent_available: whether transfers to an agent succeed.
        store_works: whether results can be stored.
        find_sounds: returns the names of the sounds of a prompt that can be played.
    """
    left = list(entries)

    def take_next_entry(_hint: str) -> Entry:
        if not left:
            raise _CallerMustAnswer
        entry = left.pop(0)
        call.lines.append(_make_transcript_line_of_caller(entry, call.actions[-1]))
        return entry

    def append_result_line(text: str) -> None:
        call.lines.append(TranscriptLine(LineKind.RESULT, text.removeprefix("[").removesuffix("]")))

    call = _PageCall(
        flow,
        texts,
        language,
        append_result_line,
        take_next_entry,
        agent_available,
        store_works,
        find_sounds=find_sounds,
    )
    state: FlowState | None = None
    try:
        state = call.play_flow_on_terminal(facts)
    except _CallerMustAnswer:
        question = call.actions[-1]
        digits, end = (question.max_digits, question.terminator) if isinstance(question, Collect) else (0, "")
        return TryOut(tuple(call.lines), question.node, ExpectedEntry(digits, end), None, {})
    return TryOut(tuple(call.lines), state.current_node_path, None, state.ending, state.answers)


def _make_transcript_line_of_caller(entry: Entry, action: Action) -> TranscriptLine:
    """Return the transcript's line for what the caller entered at a question."""
    if entry is None:
        return TranscriptLine(LineKind.HANG_UP, "")
    if not entry:
        return TranscriptLine(LineKind.SILENCE, "")
    return TranscriptLine(LineKind.KEYS, entry) if isinstance(action, Collect) else TranscriptLine(LineKind.MESSAGE, "")
