"""TwiML, the XML that tells Twilio what to do in a call: to play sounds from the site's web server, or to speak texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twilio.twiml.voice_response import Gather as GatherVerb
from twilio.twiml.voice_response import VoiceResponse

from dialer.audio.names import PromptName
from dialer.audio.numbers import LABEL
from dialer.audio.words import load_spoken_words
from dialer.flows.model import PromptKind
from dialer.flows.sounds import list_sounds_of_prompt
from dialer.flows.texts import FALLBACK_LANGUAGE, Texts, render_prompt_as_words
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
"""Twilio's voices by language. Without sounds, texts in other languages are spoken in English."""
DIAL_SECONDS = 20


@dataclass(frozen=True, slots=True)
class TwilioVoice:
    """The voice of calls on Twilio: recorded sounds or a computer voice for the prompts."""

    texts: Callable[[], Texts]  # returns the current texts of flows
    # Base URL of sounds such as `matdan/hi/turnout/question.wav`, or None to let Twilio speak the texts.
    sounds_url: str | None = None
    may_play: Callable[[str], bool] | None = None  # whether a sound may be played now; None allows every sound
    # Whether calls in a language must start with the notice that a computer speaks.
    labelled: Callable[[str], bool] | None = None

    def add_synthetic_voice_notice(self, verb: Any, language: str) -> None:
        """Add the notice that a computer speaks, if it is required in this language."""
        if self.labelled is None or not self.labelled(language):
            return
        if self.sounds_url is not None:
            verb.play(f"{self.sounds_url}/{PromptName('', language, LABEL).sound_name}.wav")
            return
        tag = language if language in SPOKEN else FALLBACK_LANGUAGE
        words = load_spoken_words(tag)
        if words is not None:
            verb.say(words.label, language=SPOKEN[tag])

    def add_prompts_to_twiml(self, verb: Any, prompts: Sequence[PromptRef], language: str) -> None:
        """Add prompts to a TwiML response, or to a question (`<Gather>`) in the response."""
        for ref in prompts:
            if self.sounds_url is not None:
                for sound in list_sounds_of_prompt(ref, language, self.texts()):
                    if self.may_play is not None and not self.may_play(sound):
                        continue
                    verb.play(f"{self.sounds_url}/{sound}.wav")
            elif ref.kind is not PromptKind.RECORDING:  # campaign audio is certified, so no voice may replace it
                tag = language if language in SPOKEN else FALLBACK_LANGUAGE
                verb.say(render_prompt_as_words(ref, tag, self.texts()), language=SPOKEN[tag])


def render_twiml_page(
    page: Page,
    next_url: str,
    voice: TwilioVoice,
    language: str,
    transfer_to: str | None = None,
    *,
    first: bool = False,
) -> str:
    """Return the TwiML of a page.

    Args:
        page: the page.
        next_url: the URL to which Twilio sends the result.
        voice: the sounds or voice of the prompts.
        language: the language of the prompts.
        transfer_to: the number or SIP address that a transfer dials.
        first: whether this is the first page of its call, which starts with the notice that a computer speaks.
    """
    response = VoiceResponse()
    if first:
        voice.add_synthetic_voice_notice(response, language)
    voice.add_prompts_to_twiml(response, page.said, language)
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
            voice.add_prompts_to_twiml(verb, gather.prompts, language)
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
    else:  # Twilio continues here after prompts, or if a verb had no result
        response.redirect(next_url, method="POST")
    return str(response)


def render_twiml_hang_up() -> str:
    """Return the TwiML that makes Twilio hang up the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)
