"""The driver that runs an IVR flow on one call over FastAGI.

The flow's state machine, which does no I/O, returns actions. The driver performs them one after the other and passes
their results back to the machine. A hang-up at any moment is an ordinary end of the flow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from dialer.flows.flow import Flow
from dialer.flows.machine import continue_flow, start_flow
from dialer.flows.missing_sounds import MissingSounds
from dialer.flows.model import TELEPHONE_KEYS, PromptKind, Scalar
from dialer.flows.sounds import list_sounds_of_prompt
from dialer.flows.texts import Texts
from dialer.flows.turns import (
    Action,
    Collect,
    Commit,
    Digits,
    Disconnect,
    Failed,
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
from dialer.switch.asterisk.agi_codec import CallHungUp, SoundMissing
from dialer.switch.flow_effects import CommitFlow, commit_flow_result

MOST_CACHED_PROMPTS = 4096  # a campaign has some hundred prompts, plus the names of its booths

# Without these prompts a question cannot be understood. A spoken name or number may be missing.
_ESSENTIAL = frozenset({PromptKind.TEXT, PromptKind.RECORDING})


class FlowCall(Protocol):
    """The operations on a call that an IVR flow needs. Each operation raises CallHungUp if the caller has hung up."""

    async def answer_channel(self) -> object:
        """Answer the call's channel, if it is not answered yet."""
        ...

    async def play_sound_file(self, name: str, escape_digits: str = "") -> str | None:
        """Play a sound. Return the key that interrupted it, or None if it was played out."""
        ...

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        """Return the next key that the caller presses, or None if the caller presses none in time."""
        ...

    async def hang_up_channel(self) -> object:
        """Hang up the call."""
        ...


class PromptResolver(Protocol):
    """A finder of the sound files for the prompts of IVR flows."""

    def find_sound_files(self, ref: PromptRef, language: str) -> Sequence[str]:
        """Return the sound files of a prompt, without extension, in playing order."""
        ...

    def find_reason_sound_is_blocked(self, sound: str) -> str | None:
        """Return why a sound may not be played, or None if it may. A blocked sound is skipped, like a missing one."""
        ...


class ConventionalPrompts:
    """A finder of the prompts' sound files at a site that has no catalogue of sounds.

    The names of the files are derived from the names of the prompts (see `dialer.flows.sounds`).
    """

    def __init__(self, texts: Texts) -> None:
        """Find sounds for the sentences in `texts`, which are sorted by language and have placeholders such as `{closes_at}`."""
        self.texts = texts
        self._find_cached_sound_files = lru_cache(MOST_CACHED_PROMPTS)(partial(list_sounds_of_prompt, texts=texts))

    def find_sound_files(self, ref: PromptRef, language: str) -> Sequence[str]:
        """Return the prompt's sound names, such as `matdan/hi/turnout/question`."""
        return self._find_cached_sound_files(ref, language)

    def find_reason_sound_is_blocked(self, sound: str) -> str | None:
        """Return None, because without a catalogue every sound may be played."""
        return None


class FlowHost:
    """The recordings, transfers and SMS that an IVR flow may request.

    This base class supports none of them: every request fails, and the flow continues on its path for failures.
    """

    async def record_caller_message(self, action: Record) -> Recorded | None:
        """Play the prompts and a tone, then record the caller's message.

        Return the name of the recording, or None if the caller could not be recorded.
        """
        return None

    async def transfer_call(self, action: Transfer) -> bool:
        """Play the prompts, then transfer the call to an agent. Return whether an agent got the call."""
        return False

    async def send_sms(self, action: SendSms) -> bool:
        """Send an SMS to the caller. Return whether the gateway accepted it."""
        return False


@dataclass(frozen=True, slots=True)
class FlowResult:
    """How an IVR flow ended on one call: its final state, and the sounds that could not be played."""

    state: FlowState
    unheard: str | None  # the missing sound that made the call fail, so that its answers are invalid

    @property
    def is_flow_completed(self) -> bool:
        """Whether the IVR flow reached its end and its prompts were played."""
        return self.state.has_flow_completed and self.unheard is None


class QuestionNotPlayed(Exception):
    """Raised if an essential prompt of a question, or every prompt of it, cannot be played.

    The caller would not understand the question. The text of the error is the name of the missing sound.
    """


@dataclass(slots=True)
class _FlowRun:
    """An IVR flow in progress on one call."""

    call: FlowCall
    language: str
    prompts: PromptResolver
    commit: CommitFlow
    host: FlowHost
    missing: MissingSounds
    heard: bool = False  # whether any sound was played
    skipped: str | None = None  # the first missing or blocked sound

    async def perform_flow_action(self, action: Action) -> Input:
        """Perform one action of the IVR flow, such as a question, and return its result."""
        match action:
            case Play():
                event: Input = Played(await self.play_prompts(action.prompts, action.escape_digits))
            case Collect():
                event = await self.collect_digits(action)
            case Commit(commit=commit):
                event = await commit_flow_result(commit, self.commit)
            case Record():
                await self.play_prompts(action.prompts)
                event = await self.host.record_caller_message(action) or Failed()
            case Transfer():
                await self.play_prompts(action.prompts)
                event = Transferred() if await self.host.transfer_call(action) else Failed()
            case SendSms():
                event = SmsSent() if await self.host.send_sms(action) else Failed()
            case Disconnect():
                await self.play_prompts(action.prompts)
                await self.call.hang_up_channel()
                event = HungUp()
        return event

    async def play_prompts(
        self, prompts: Sequence[PromptRef], escape_digits: str = "", *, asks: bool = False
    ) -> str | None:
        """Play prompts, skipping missing sounds. Return the key that interrupted them, or None.

        Args:
            asks: whether the prompts are a question.

        Raises:
            QuestionNotPlayed: an essential prompt of the question, or every prompt of it, cannot be played.
        """
        heard, skipped = False, ""
        for ref in prompts:
            for sound in self.prompts.find_sound_files(ref, self.language):
                why = self.prompts.find_reason_sound_is_blocked(sound)
                try:
                    digit = await self.call.play_sound_file(sound, escape_digits) if why is None else None
                except SoundMissing as error:
                    why = str(error)
                if why is not None:
                    self.missing.log_skipped_sound(sound, why)
                    self.skipped = self.skipped or sound
                    skipped = skipped or sound
                    if asks and ref.kind in _ESSENTIAL:
                        raise QuestionNotPlayed(sound)
                    continue
                heard = self.heard = True
                if digit:
                    return digit
        if asks and skipped and not heard:
            raise QuestionNotPlayed(skipped)
        return None

    async def collect_digits(self, action: Collect) -> Digits:
        """Play a question and collect the caller's digits one by one. The AGI command GET DATA is not used, because it
        does not distinguish the key "#" from a timeout.
        """
        digits = action.typed_ahead
        if not digits:
            first = await self.play_prompts(action.prompts, TELEPHONE_KEYS if action.barge_in else "", asks=True)
            first = first or await self.call.wait_for_digit(round(action.timeout_seconds * 1000))
            if not first:
                return Digits("", timed_out=True)
            if first == action.terminator:
                return Digits("")
            digits = first
        while len(digits) < action.max_digits:
            following = await self.call.wait_for_digit(round(action.between_seconds * 1000))
            if not following:
                return Digits(digits, timed_out=True)
            if following == action.terminator:
                break
            digits += following
        return Digits(digits)


async def run_flow(
    call: FlowCall,
    flow: Flow,
    facts: Mapping[str, Scalar],
    language: str,
    *,
    prompts: PromptResolver,
    commit: CommitFlow,
    host: FlowHost | None = None,
    missing: MissingSounds | None = None,
) -> FlowResult:
    """Run an IVR flow on a call to its end and return the result. A hang-up by the caller is no error.

    If a question cannot be played, the call ends at once. `FlowResult.unheard` then names the missing sound, as it also
    does if no sound of the flow could be played.

    Other errors, such as a lost connection to Asterisk, are raised. Results that were stored before stay stored.

    Args:
        call: the call.
        flow: the flow to run.
        facts: the facts about the voter that the flow may use.
        language: the language to start in.
        prompts: finds the sounds of prompts.
        commit: stores results.
        host: performs recordings, transfers and SMS. Without it they fail.
        missing: logs skipped sounds. Many calls share it, so that each sound is logged once.
    """
    run = _FlowRun(call, language, prompts, commit, host or FlowHost(), missing or MissingSounds())
    turn = start_flow(flow, Start(facts, language))
    unheard: str | None = None
    try:
        await call.answer_channel()
        while turn.action is not None:
            event = await run.perform_flow_action(turn.action)
            if turn.has_flow_ended:
                break
            turn = continue_flow(flow, turn.state, event)
    except CallHungUp:
        turn = continue_flow(flow, turn.state, HungUp())
    except QuestionNotPlayed as question:
        unheard = str(question)
        turn = continue_flow(flow, turn.state, HungUp())
        with contextlib.suppress(CallHungUp):
            await call.hang_up_channel()
    return FlowResult(turn.state, unheard if run.heard else unheard or run.skipped)
