"""Runs a flow on one call: the driver between the flow's state machine, which is pure, and FastAGI.

The machine returns actions. The driver carries them out one after the other and returns their results to the machine. A
hang-up at any moment is an ordinary end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dialer.flows.flow import Flow
from dialer.flows.machine import start, step
from dialer.flows.missing_sounds import MissingSounds
from dialer.flows.model import TELEPHONE_KEYS, PromptKind, Scalar
from dialer.flows.sounds import sounds_of
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
from dialer.switch.flow_effects import CommitFlow, commit_result

MOST_CACHED_PROMPTS = 4096  # a campaign has some hundred, not counting its booths' names

# Prompts that a question cannot be understood without; a name or a number can be missing.
_ESSENTIAL = frozenset({PromptKind.TEXT, PromptKind.RECORDING})


class FlowCall(Protocol):
    """What a flow needs of a call. Each method raises CallHungUp where the caller has hung up."""

    async def answer(self) -> object:
        """Answer the channel. Harmless on one that is up."""
        ...

    async def stream_file(self, name: str, escape_digits: str = "") -> str | None:
        """Play a sound. Return the key that interrupted it, or None."""
        ...

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        """Return the next key; None: none in time."""
        ...

    async def hangup(self) -> object:
        """Hang up."""
        ...


class PromptResolver(Protocol):
    """Finds the sounds of a prompt."""

    def sounds(self, ref: PromptRef, language: str) -> Sequence[str]:
        """Return the names of sound files, without extension, in playing order."""
        ...

    def why_not(self, sound: str) -> str | None:
        """Return why a sound may not be played; None: it may. One that may not is skipped, as a missing one is."""
        ...


class ConventionalPrompts:
    """Finds sounds by their conventional names (see `dialer.flows.sounds`), without a catalogue of recordings."""

    def __init__(self, texts: Texts) -> None:
        """`texts` say where a language puts a value in a sentence."""
        self.texts = texts
        self._cache: dict[tuple[PromptRef, str], tuple[str, ...]] = {}

    def sounds(self, ref: PromptRef, language: str) -> Sequence[str]:
        """Return names such as `matdan/<language>/...`."""
        found = self._cache.get((ref, language))
        if found is None:
            if len(self._cache) >= MOST_CACHED_PROMPTS:
                self._cache.clear()
            found = self._cache[ref, language] = sounds_of(ref, language, self.texts)
        return found

    def why_not(self, sound: str) -> str | None:
        """Return None: every sound may be played."""
        return None


class FlowHost:
    """What a flow may request beyond sounds and keys.

    In this base class every request fails, which the flow then handles.
    """

    async def record(self, action: Record) -> Recorded | None:
        """Play a tone and record the caller, after the prompts. Return None where nothing was recorded."""
        return None

    async def transfer(self, action: Transfer) -> bool:
        """Transfer the call to an agent, after the prompts. Return whether one has it."""
        return False

    async def send_sms(self, action: SendSms) -> bool:
        """Send an SMS to the caller. Return whether the gateway accepted it."""
        return False


@dataclass(frozen=True, slots=True)
class FlowResult:
    """How a flow ended on one call."""

    state: FlowState
    unheard: str | None  # the missing sound that made the call fail: answers to it mean nothing

    @property
    def completed(self) -> bool:
        """Whether the flow reached its own end, and was heard."""
        return self.state.completed and self.unheard is None


class QuestionUnheard(Exception):
    """Raised for a question that cannot be heard, in part or at all. The text is the missing sound."""


@dataclass(slots=True)
class _Run:
    """A flow in progress on one call."""

    call: FlowCall
    language: str
    prompts: PromptResolver
    commit: CommitFlow
    services: FlowHost
    missing: MissingSounds
    heard: bool = False  # a sound was played
    skipped: str | None = None  # the first missing sound

    async def do(self, action: Action) -> Input:
        """Carry out one action and return its result."""
        match action:
            case Play():
                event: Input = Played(await self.play(action.prompts, action.escape_digits))
            case Collect():
                event = await self.collect(action)
            case Commit(commit=commit):
                event = await commit_result(commit, self.commit)
            case Record():
                await self.play(action.prompts)
                event = await self.services.record(action) or Failed()
            case Transfer():
                await self.play(action.prompts)
                event = Transferred() if await self.services.transfer(action) else Failed()
            case SendSms():
                event = SmsSent() if await self.services.send_sms(action) else Failed()
            case Disconnect():
                await self.play(action.prompts)
                await self.call.hangup()
                event = HungUp()
        return event

    async def play(self, prompts: Sequence[PromptRef], escape_digits: str = "", *, asks: bool = False) -> str | None:
        """Play prompts. Return the key that interrupted them, or None. Missing sounds are skipped.

        Raises QuestionUnheard where the prompts are a question's (`asks`) and an essential one, or all, cannot be heard.
        """
        heard, skipped = False, ""
        for ref in prompts:
            for sound in self.prompts.sounds(ref, self.language):
                why = self.prompts.why_not(sound)
                try:
                    digit = await self.call.stream_file(sound, escape_digits) if why is None else None
                except SoundMissing as error:
                    why = str(error)
                if why is not None:
                    self.missing.log(sound, why)
                    self.skipped = self.skipped or sound
                    skipped = skipped or sound
                    if asks and ref.kind in _ESSENTIAL:
                        raise QuestionUnheard(sound)
                    continue
                heard = self.heard = True
                if digit:
                    return digit
        if asks and skipped and not heard:
            raise QuestionUnheard(skipped)
        return None

    async def collect(self, action: Collect) -> Digits:
        """Play and collect digits, one by one: GET DATA does not distinguish "#" from a timeout."""
        digits = action.typed_ahead
        if not digits:
            first = await self.play(action.prompts, TELEPHONE_KEYS if action.barge_in else "", asks=True)
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
    services: FlowHost | None = None,
    missing: MissingSounds | None = None,
) -> FlowResult:
    """Run a flow on an answered call to its end, and return how it ended. A hang-up by the caller is no error.

    `missing` reports skipped sounds; shared by many calls, it reports each once. A question that cannot be heard ends
    the call at once, and a flow of which nothing was heard does not count (`FlowResult.unheard`).

    Other errors (a lost connection to the switch, a cancellation) are raised; results stored by then are on disk.
    """
    run = _Run(call, language, prompts, commit, services or FlowHost(), missing or MissingSounds())
    turn = start(flow, Start(facts, language))
    unheard: str | None = None
    try:
        await call.answer()
        while turn.action is not None:
            event = await run.do(turn.action)
            if turn.ended:
                break
            turn = step(flow, turn.state, event)
    except CallHungUp:
        turn = step(flow, turn.state, HungUp())
    except QuestionUnheard as question:
        unheard = str(question)
        turn = step(flow, turn.state, HungUp())
        with contextlib.suppress(CallHungUp):
            await call.hangup()
    return FlowResult(turn.state, unheard if run.heard else unheard or run.skipped)
