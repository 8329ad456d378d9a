"""Runs a flow over one call: the thin driver between the pure machine and FastAGI.

The machine decides; here its actions are done, one after the other, and what came of them is handed back. A hang-up at any moment
is an ordinary end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dialer.flows.machine import KEYS, start, step
from dialer.flows.model import PromptKind, Scalar
from dialer.flows.node import Flow
from dialer.flows.prompts import MissingSounds
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
from dialer.switch.flow_effects import CommitFlow, put_on_record

MOST_KNOWN_PROMPTS = 4096  # of which the sounds are remembered: a campaign has some hundred, its booths' names apart

# A question's own: without a name or a number it is one still.
_WORDS = frozenset({PromptKind.TEXT, PromptKind.RECORDING})


class FlowCall(Protocol):
    """What a flow needs of a call. Each method raises CallHungUp when the caller is gone."""

    async def answer(self) -> object:
        """Answer the channel; harmless on one that is up."""
        ...

    async def stream_file(self, name: str, escape_digits: str = "") -> str | None:
        """Play a sound; the key that ended it, or None."""
        ...

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        """The next key, or None when none came in time."""
        ...

    async def hangup(self) -> object:
        """Hang up."""
        ...


class PromptResolver(Protocol):
    """Finds the sounds of a prompt."""

    def sounds(self, ref: PromptRef, language: str) -> Sequence[str]:
        """Names of sound files, without extension, in the order in which they are played."""
        ...

    def why_not(self, sound: str) -> str | None:
        """Why a sound may not be played; None: it may. One that may not is left out, as one that is missing."""
        ...


class ConventionalPrompts:
    """Sounds by convention (see `dialer.flows.sounds`): needs no catalogue of recordings."""

    def __init__(self, texts: Texts) -> None:
        """`texts` decides where a language puts a value in a sentence."""
        self.texts = texts
        self._known: dict[tuple[PromptRef, str], tuple[str, ...]] = {}

    def sounds(self, ref: PromptRef, language: str) -> Sequence[str]:
        """`matdan/<language>/...`"""
        found = self._known.get((ref, language))
        if found is None:
            if len(self._known) >= MOST_KNOWN_PROMPTS:
                self._known.clear()
            found = self._known[ref, language] = sounds_of(ref, language, self.texts)
        return found

    def why_not(self, sound: str) -> str | None:
        """Nothing is known against any sound."""
        return None


class FlowHost:
    """What a flow may ask for beyond sounds and keys. Here there is none of it: every request fails, and the flow says so."""

    async def record(self, action: Record) -> Recorded | None:
        """Play a tone and record the caller; None when nothing was recorded. The prompts have been played."""
        return None

    async def transfer(self, action: Transfer) -> bool:
        """Hand the call to an agent; True when one has it. The prompts have been played."""
        return False

    async def send_sms(self, action: SendSms) -> bool:
        """Send an SMS to the caller; True when the gateway took it."""
        return False


@dataclass(frozen=True, slots=True)
class FlowResult:
    """How a flow ended on one call."""

    state: FlowState
    unheard: str | None  # the sound for want of which the call came to nothing: no answer to it means anything

    @property
    def completed(self) -> bool:
        """Whether it came to an end of its own, and something of it was heard."""
        return self.state.completed and self.unheard is None


class QuestionUnheard(Exception):
    """A question of which a word is missing, or all: nobody can answer it. The text is the sound."""


@dataclass(slots=True)
class _Run:
    """One call's flow under way."""

    call: FlowCall
    language: str
    prompts: PromptResolver
    commit: CommitFlow
    services: FlowHost
    missing: MissingSounds
    heard: bool = False  # anything at all
    left_out: str | None = None  # the first sound that was not heard

    async def do(self, action: Action) -> Input:
        """Do one action and say what came of it."""
        match action:
            case Play():
                event: Input = Played(await self.play(action.prompts, action.escape_digits))
            case Collect():
                event = await self.collect(action)
            case Commit(commit=commit):
                event = await put_on_record(commit, self.commit)
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
        """Play prompts; the key that ended them, or None. A sound that is missing is left out: the call is worth more than it.

        Raises QuestionUnheard where the prompts are a question's (`asks`) and its own words, or all of it, are not heard.
        """
        heard, left_out = False, ""
        for ref in prompts:
            for sound in self.prompts.sounds(ref, self.language):
                why = self.prompts.why_not(sound)
                try:
                    digit = await self.call.stream_file(sound, escape_digits) if why is None else None
                except SoundMissing as error:
                    why = str(error)
                if why is not None:
                    self.missing.tell(sound, why)
                    self.left_out = self.left_out or sound
                    left_out = left_out or sound
                    if asks and ref.kind in _WORDS:
                        raise QuestionUnheard(sound)
                    continue
                heard = self.heard = True
                if digit:
                    return digit
        if asks and left_out and not heard:
            raise QuestionUnheard(left_out)
        return None

    async def collect(self, action: Collect) -> Digits:
        """Play and collect. Digit by digit, because GET DATA cannot tell "#" from the end of time."""
        digits = action.typed_ahead
        if not digits:
            first = await self.play(action.prompts, KEYS if action.barge_in else "", asks=True)
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
    """Run a flow on an answered call to its end, and say how it ended. The caller's hang-up is no error.

    `missing` is told of sounds that were left out; shared by many calls, it names each once. A question that cannot be heard
    ends the call at once, and so does a flow of which nothing was heard count for nothing (`FlowResult.unheard`).

    Other errors (the connection to the switch is cut, a cancellation) pass through; what was committed by then is on disk.
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
    return FlowResult(turn.state, unheard if run.heard else unheard or run.left_out)
