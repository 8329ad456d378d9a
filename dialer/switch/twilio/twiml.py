"""Pages as TwiML. Sounds are played from the site's own web server where it has one; else Twilio speaks the texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twilio.twiml.voice_response import Gather as GatherVerb
from twilio.twiml.voice_response import VoiceResponse

from dialer.audio.names import PromptName
from dialer.audio.numbers import LABEL
from dialer.audio.words import words_of
from dialer.flows.model import PromptKind
from dialer.flows.sounds import sounds_of
from dialer.flows.texts import FALLBACK_LANGUAGE, Texts, written
from dialer.flows.turns import PromptRef, Record, Transfer
from dialer.switch.twilio.pages import Gather, Page

SPOKEN = {
    "en": "en-IN",
    "hi": "hi-IN",
    "bn": "bn-IN",
    "gu": "gu-IN",
    "kn": "kn-IN",
    "ml": "ml-IN",
    "mr": "mr-IN",
    "pa": "pa-IN",
    "ta": "ta-IN",
    "te": "te-IN",
}
"""Languages that Twilio has a voice for, by our tag; the others are spoken in English unless there are sounds."""
DIAL_SECONDS = 20


@dataclass(frozen=True, slots=True)
class TwilioVoice:
    """How prompts sound."""

    texts: Callable[[], Texts]  # what flows say now
    # Where `matdan/hi/turnout/question.wav` and the others are served; None: spoken texts.
    sounds_url: str | None = None
    may_play: Callable[[str], bool] | None = None  # whether a sound may be played now; None: every one may
    # Whether calls in a language begin with saying that a computer speaks.
    labelled: Callable[[str], bool] | None = None

    def add_label(self, verb: Any, language: str) -> None:
        """Say that a computer speaks, where that is asked for."""
        if self.labelled is None or not self.labelled(language):
            return
        if self.sounds_url is not None:
            verb.play(f"{self.sounds_url}/{PromptName('', language, LABEL).sound}.wav")
            return
        tag = language if language in SPOKEN else FALLBACK_LANGUAGE
        words = words_of(tag)
        if words is not None:
            verb.say(words.label, language=SPOKEN[tag])

    def add(self, verb: Any, prompts: Sequence[PromptRef], language: str) -> None:
        """Add prompts to a response, or to a Gather inside one."""
        for ref in prompts:
            if self.sounds_url is not None:
                for sound in sounds_of(ref, language, self.texts()):
                    if self.may_play is not None and not self.may_play(sound):
                        continue
                    verb.play(f"{self.sounds_url}/{sound}.wav")
            elif ref.kind is not PromptKind.RECORDING:  # campaign audio is certified sound: no voice stands in for it
                tag = language if language in SPOKEN else FALLBACK_LANGUAGE
                verb.say(written(ref, tag, self.texts()), language=SPOKEN[tag])


def twiml(
    page: Page,
    next_url: str,
    voice: TwilioVoice,
    language: str,
    transfer_to: str | None = None,
    *,
    first: bool = False,
) -> str:
    """The XML of a page.

    `next_url` takes what comes of it, `transfer_to` a transfer; `first`: it is the call's first one.
    """
    response = VoiceResponse()
    if first:
        voice.add_label(response, language)
    voice.add(response, page.said, language)
    match page.ending:
        case Gather() as gather:
            verb = GatherVerb(
                input="dtmf",
                action=next_url,
                method="POST",
                num_digits=gather.most_digits,
                timeout=math.ceil(gather.timeout_seconds),
                finish_on_key=gather.terminator,
                action_on_empty_result=True,
            )
            voice.add(verb, gather.prompts, language)
            response.append(verb)
        case Record() as record:
            response.record(
                action=next_url,
                method="POST",
                max_length=math.ceil(record.max_seconds),
                timeout=math.ceil(record.silence_seconds),
                finish_on_key=record.terminator,
                play_beep=True,
            )
        case Transfer() if transfer_to is not None:
            dial = response.dial(action=next_url, method="POST", timeout=DIAL_SECONDS)
            if transfer_to.startswith("sip:"):
                dial.sip(transfer_to)
            else:
                dial.number(transfer_to)
        case _:
            pass
    if page.waiting is None:
        response.hangup()
    else:  # where Twilio goes on when a verb brought nothing, and where it comes back to after plain prompts
        response.redirect(next_url, method="POST")
    return str(response)


def hang_up() -> str:
    """The TwiML for a call that nobody may serve."""
    response = VoiceResponse()
    response.hangup()
    return str(response)
