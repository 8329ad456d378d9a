"""Speech synthesis for draft voices, with eSpeak NG from its Python wheel. Only worker processes load the library.

Drafts let people try out flows before the prompts are recorded.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from dialer.audio.errors import VoiceMissing
from dialer.audio.filters import Samples
from dialer.extras import describe_extra_installation

WORDS_A_MINUTE: Final = 150

# Replacements for letters and words that the voices of 1.52 spell out instead of speaking: the Bengali YYA that NFC
# decomposes, Odia WA, and words of a single letter.
_RESPELLED: Final = {
    "as": (("\u09af\u09bc", "\u09df"),),
    "bn": (("\u09af\u09bc", "\u09df"),),
    "or": (("\u0b71", "\u0b2c"),),
}
_WORDS: Final = {"as": {"ন": "নো"}}

_REINSTALL_VOICES: Final = "run pip install --force-reinstall espeakng-loader"

_RETRIEVAL: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come by the callback before espeak_Synth returns
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_RATE: Final = 1
_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class _Engine:
    """The loaded eSpeak NG library, with its version and sample rate."""

    library: ctypes.CDLL
    rate: int
    version: str
    pieces: list[bytes]
    callback: object  # referenced here because the library holds a pointer to it


def is_espeak_installed() -> bool:
    """Return whether the wheel with the draft voices (eSpeak NG) is installed."""
    return find_spec("espeakng_loader") is not None


def check_draft_voices_are_installed() -> None:
    """Raise VoiceMissing if the draft voices (eSpeak NG) are not installed."""
    if not is_espeak_installed():
        raise VoiceMissing(f"draft voices are not installed: {describe_extra_installation('voices')}")


@lru_cache(maxsize=1)
def _load_speech_engine() -> _Engine:
    check_draft_voices_are_installed()
    import espeakng_loader  # noqa: PLC0415 - an optional extra, loaded in worker processes only

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise VoiceMissing(f"draft voices cannot be loaded ({error}): {_REINSTALL_VOICES}") from error
    home = str(Path(espeakng_loader.get_data_path()).parent)
    rate = library.espeak_Initialize(_RETRIEVAL, 0, home.encode(), _DONT_EXIT)
    if rate <= 0:
        raise VoiceMissing(f"draft voices have no data in {home}: {_REINSTALL_VOICES}")
    pieces: list[bytes] = []

    def collect_spoken_samples(samples: int | None, count: int, _: object) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _CALLBACK(collect_spoken_samples)
    library.espeak_SetSynthCallback(callback)
    library.espeak_Info.restype = ctypes.c_char_p
    version = library.espeak_Info(None).decode().split()[0]
    return _Engine(library, rate, version, pieces, callback)


def select_draft_voice(language: str) -> str:
    """Select the draft voice for a language, and return its name with the engine's version. Raises VoiceMissing."""
    engine = _load_speech_engine()
    if engine.library.espeak_SetVoiceByName(language.encode()) != 0:
        raise VoiceMissing(f"no draft voice exists for the language {language}; record the prompts of this language")
    return f"espeak-ng {engine.version} {language}"


def respell_text_for_pronunciation(text: str, language: str) -> str:
    """Return a text in a spelling that the draft voice pronounces correctly."""
    words = [_WORDS.get(language, {}).get(word, word) for word in text.split()]
    respelled = " ".join(words)
    for letter, other in _RESPELLED.get(language, ()):
        respelled = respelled.replace(letter, other)
    return respelled


def synthesise_speech(text: str, language: str) -> tuple[Samples, int]:
    """Synthesise a text. Return it as (samples, sample rate in Hz). Raises VoiceMissing if the voice cannot speak it."""
    select_draft_voice(language)
    engine = _load_speech_engine()
    engine.pieces.clear()
    engine.library.espeak_SetParameter(_RATE, WORDS_A_MINUTE, 0)
    content = respell_text_for_pronunciation(text, language).encode() + b"\0"
    failed = engine.library.espeak_Synth(content, ctypes.c_size_t(len(content)), 0, 1, 0, _UTF8, None, None)
    engine.library.espeak_Synchronize()
    if failed or not engine.pieces:
        raise VoiceMissing(f"the draft voice of {language} cannot say {text[:40]!r}; record this prompt")
    samples = np.frombuffer(b"".join(engine.pieces), np.int16).astype(np.float32) / 32768.0
    return samples, engine.rate
