"""eSpeak NG through its wheel: text in, samples out. Only worker processes load it; it keeps its state in the process.

Its voices are plain and its English is British; they are for trying a flow and for finding what has to be recorded.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from dialer.audio.decoding import Samples
from dialer.audio.errors import VoiceMissing
from dialer.extras import with_extra

WORDS_A_MINUTE: Final = 150

# What a voice of 1.52 spells out letter by letter, and what it speaks as it should: the composed Bengali YYA (NFC takes it
# apart), Odia's BA for WA, and a word that is one letter.
_RESPELLED: Final = {
    "as": (("\u09af\u09bc", "\u09df"),),
    "bn": (("\u09af\u09bc", "\u09df"),),
    "or": (("\u0b71", "\u0b2c"),),
}
_WORDS: Final = {"as": {"ন": "নো"}}

_AGAIN: Final = "install the package espeakng-loader again, with pip's --force-reinstall"

_RETRIEVAL: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come by the callback before espeak_Synth returns
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_RATE: Final = 1
_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class _Engine:
    """The library, loaded and ready."""

    library: ctypes.CDLL
    rate: int
    version: str
    pieces: list[bytes]
    callback: object  # kept alive: the library holds a pointer to it


def installed() -> bool:
    """Whether the wheel is there."""
    return find_spec("espeakng_loader") is not None


def require() -> None:
    """Raise VoiceMissing where the voices are not installed."""
    if not installed():
        raise VoiceMissing(f"draft voices are not installed: {with_extra('voices')}")


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    require()
    import espeakng_loader  # noqa: PLC0415 - an extra, and loaded in worker processes alone

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise VoiceMissing(f"draft voices cannot be loaded ({error}): {_AGAIN}") from error
    home = str(Path(espeakng_loader.get_data_path()).parent)
    rate = library.espeak_Initialize(_RETRIEVAL, 0, home.encode(), _DONT_EXIT)
    if rate <= 0:
        raise VoiceMissing(f"draft voices find no data in {home}: {_AGAIN}")
    pieces: list[bytes] = []

    def take(samples: int | None, count: int, _: object) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _CALLBACK(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_Info.restype = ctypes.c_char_p
    version = library.espeak_Info(None).decode().split()[0]
    return _Engine(library, rate, version, pieces, callback)


def voice_of(language: str) -> str:
    """The name of the voice, with the version of the engine. Raises VoiceMissing for a language that none speaks."""
    engine = _engine()
    if engine.library.espeak_SetVoiceByName(language.encode()) != 0:
        raise VoiceMissing(f"no draft voice speaks {language}; record its prompts")
    return f"espeak-ng {engine.version} {language}"


def spoken_as(text: str, language: str) -> str:
    """The text as the voice must be given it, so that it speaks and does not spell."""
    words = [_WORDS.get(language, {}).get(word, word) for word in text.split()]
    respelled = " ".join(words)
    for letter, other in _RESPELLED.get(language, ()):
        respelled = respelled.replace(letter, other)
    return respelled


def speak(text: str, language: str) -> tuple[Samples, int]:
    """(samples between -1 and 1, Hz). Raises VoiceMissing where nothing can say it."""
    voice_of(language)
    engine = _engine()
    engine.pieces.clear()
    engine.library.espeak_SetParameter(_RATE, WORDS_A_MINUTE, 0)
    content = spoken_as(text, language).encode() + b"\0"
    failed = engine.library.espeak_Synth(content, ctypes.c_size_t(len(content)), 0, 1, 0, _UTF8, None, None)
    engine.library.espeak_Synchronize()
    if failed or not engine.pieces:
        raise VoiceMissing(f"the draft voice of {language} cannot say {text[:40]!r}; record it")
    samples = np.frombuffer(b"".join(engine.pieces), np.int16).astype(np.float32) / 32768.0
    return samples, engine.rate
