"""Make labelled recordings of answered calls: what a dialler hears when a person or a machine answers.

Speech comes from espeak-ng, is cut to a telephone's band by sox, and then gets a level, background noise, a codec
(G.711, GSM) and lost packets. Nothing is recorded: the clips show how detectors compare, not how often real people are
taken for machines. The same seed and the same programs make the same clips.
"""

from __future__ import annotations

import math
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.common import Unrunnable
from bench.greeting_texts import (
    ANNOUNCEMENTS,
    COMPANIES,
    HELLOS,
    MAILBOXES,
    MENUS,
    NAMES,
    PERSONAL_MACHINES,
    TELEVISION,
    Texts,
)
from dialer.audio.formats import decode_sound, encode_sound
from dialer.settings.audio import SoundFormat

RATE: Final = 8_000
FRAME: Final = 160
"""Samples of a packet (20 ms)."""
AFTERWARDS_SECONDS: Final = 3.0
LISTENED_SECONDS: Final = 10.0
"""The least length of a clip: longer than any detector listens."""
SAMPLE_BYTES: Final = 2

Pcm = NDArray[np.float64]
"""Samples between -1 and 1."""

VOICES: Final = (
    ("m1", "m3", "m7", "f1", "f2", "f5", "Annie", "Andy", "belinda", "Michael", "klatt2", "paul"),
    ("m6", "Alex", "Andrea", "anika", "aunty", "Gene", "Lee", "ed", "steph2", "klatt3", "robert", "victor"),
)
"""espeak-ng's voice variants: of the tuning half, of the held-out half."""


class Half(StrEnum):
    """Which half a clip belongs to. No voice and no text is in both."""

    TUNING = "tuning"
    HELD_OUT = "held-out"


class Kind(StrEnum):
    """What answers the call."""

    HELLO = "hello"
    NAME = "name"
    HELLO_HELLO = "hello? hello?"
    COMPANY = "company"
    LATE = "late hello"
    TELEVISION = "television"
    SILENT = "silence"
    NOISE = "noise"
    BREATHING = "breathing"
    GREETING_BEEP = "greeting, beep"
    GREETING = "greeting"
    MAILBOX = "network mailbox"
    ANNOUNCEMENT_TONES = "announcement, tones"
    ANNOUNCEMENT = "announcement"
    MENU = "menu"
    FAX = "fax"


CLIPS_PER_HALF: Final = {
    Kind.HELLO: 84,
    Kind.NAME: 24,
    Kind.HELLO_HELLO: 30,
    Kind.COMPANY: 30,
    Kind.LATE: 18,
    Kind.TELEVISION: 22,
    Kind.SILENT: 12,
    Kind.NOISE: 12,
    Kind.BREATHING: 8,
    Kind.GREETING_BEEP: 40,
    Kind.GREETING: 16,
    Kind.MAILBOX: 44,
    Kind.ANNOUNCEMENT_TONES: 16,
    Kind.ANNOUNCEMENT: 14,
    Kind.MENU: 14,
    Kind.FAX: 16,
}
MACHINES: Final = frozenset(
    {
        Kind.GREETING_BEEP,
        Kind.GREETING,
        Kind.MAILBOX,
        Kind.ANNOUNCEMENT_TONES,
        Kind.ANNOUNCEMENT,
        Kind.MENU,
        Kind.FAX,
    }
)


@dataclass(frozen=True, slots=True)
class Clip:
    """A call from its answer on: 16-bit samples at 8 kHz, and who answered."""

    name: str
    kind: Kind
    half: Half
    voice: str
    samples: NDArray[np.int16] = field(repr=False)

    @property
    def is_machine(self) -> bool:
        """Whether a machine answered."""
        return self.kind in MACHINES


def require_speech_programs() -> None:
    """Raise Unrunnable if espeak-ng or sox is not installed."""
    missing = [name for name in ("espeak-ng", "sox") if shutil.which(name) is None]
    if missing:
        raise Unrunnable(f"not installed: {', '.join(missing)} (Debian: apt install {' '.join(missing)})")


def make_clips(
    seed: int, halves: Iterable[Half] = Half, clips_per_half: Mapping[Kind, int] = CLIPS_PER_HALF
) -> list[Clip]:
    """Return the clips of some halves."""
    require_speech_programs()
    wanted = [
        (seed, half, kind, number)
        for half in halves
        for kind, count in clips_per_half.items()
        for number in range(count)
    ]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda each: make_clip(*each), wanted))


def make_clip(seed: int, half: Half, kind: Kind, number: int) -> Clip:
    """Return a clip. The same arguments make the same clip."""
    chance = random.Random(f"{seed} {half} {kind} {number}")
    caller = _Caller(half, number, chance)
    dry = _SCENES[kind](caller)
    enough = max(len(dry) + round(AFTERWARDS_SECONDS * RATE), round(LISTENED_SECONDS * RATE))
    padded = np.concatenate([dry, np.zeros(enough - len(dry))])
    level = 10 ** (chance.uniform(-36.0, -18.0) / 20) / _measure_level(padded)
    floor = 10 ** (chance.uniform(-72.0, -48.0) / 20)
    if kind is Kind.SILENT and chance.random() < 0.5:
        floor = 0.0
    noise = _make_noise(caller.numbers, len(padded)) * floor
    sent = padded * min(level, 0.98 / max(1e-9, float(np.abs(padded).max()))) + noise
    heard = _transmit(sent, chance, caller.numbers)
    pcm = np.clip(np.rint(heard * 32768), -32768, 32767).astype(np.int16)
    name = f"{half}-{''.join(letter if letter.isalpha() else '-' for letter in kind)}-{number:03d}"
    return Clip(name, kind, half, caller.voice if kind in _SPOKEN else "", pcm)


class _Caller:
    """The voice of one clip, and the chance that its pauses, speed and tones depend on."""

    def __init__(self, half: Half, number: int, chance: random.Random) -> None:
        self.chance = chance
        self.numbers = np.random.default_rng(chance.getrandbits(64))
        self._side = list(Half).index(half)
        self._number = number
        self.voice = chance.choice(VOICES[self._side])
        self._words_a_minute = chance.randint(145, 205)
        self._pitch = chance.randint(35, 65)

    def say(self, texts: Texts) -> Pcm:
        """Return one of the texts for this half, spoken. Languages take turns."""
        language = sorted(texts)[self._number % len(texts)]
        text = self.chance.choice(texts[language][self._side])
        text = re.sub(r"\{(.*?)\}", lambda each: self.chance.choice(each[1].split("|")), text)
        return self.say_text(language, text)

    def say_text(self, language: str, text: str) -> Pcm:
        """Return a text, spoken, without silence around it."""
        return _speak(f"{language}+{self.voice}", self._words_a_minute, self._pitch, text)

    def pause(self, least: float, most: float) -> Pcm:
        """Return silence of a random length (seconds)."""
        return np.zeros(round(self.chance.uniform(least, most) * RATE))

    def wait_and_ask_again(self) -> Pcm:
        """Return what a person does whom nobody answers."""
        return np.concatenate([self.pause(1.8, 3.5), self.say(HELLOS)])


@lru_cache(maxsize=4096)
def _speak(voice: str, words_a_minute: int, pitch: int, text: str) -> Pcm:
    """Return speech in a telephone's band, of level 1 (RMS of its loud parts), without silence around it."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(words_a_minute), "-p", str(pitch), "--stdout", text],
        capture_output=True,
        check=True,
    )
    filtered = subprocess.run(
        ["sox", "-D", "-t", "wav", "-", *_RAW, "-", "sinc", "300-3400"],
        input=spoken.stdout,
        capture_output=True,
        check=True,
    )
    samples = np.frombuffer(filtered.stdout, np.int16) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    return samples / _measure_level(samples)


_RAW: Final = ("-t", "raw", "-r", str(RATE), "-c", "1", "-e", "signed", "-b", "16")


def _measure_level(samples: Pcm) -> float:
    """Return the RMS of the frames that are at most 20 dB below the loudest, or 1 if all is silent."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = (frames**2).mean(axis=1)
    return float(np.sqrt(power[power >= 0.01 * power.max()].mean())) or 1.0


def _make_noise(numbers: np.random.Generator, length: int, exponent: float = 0.5) -> Pcm:
    """Return noise of level 1 whose amplitude falls with the frequency to the power of `exponent`."""
    spectrum = np.fft.rfft(numbers.standard_normal(length))
    frequencies = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 50.0)
    noise = np.fft.irfft(spectrum / frequencies**exponent, length)
    return noise / float(np.sqrt((noise**2).mean()))


def _make_tone(hertz: float, seconds: float) -> Pcm:
    tone: Pcm = math.sqrt(2) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return tone


def _transmit(samples: Pcm, chance: random.Random, numbers: np.random.Generator) -> Pcm:
    """Return the samples after a codec and a network that loses packets or delivers them too late."""
    codec = chance.choice(("alaw", "alaw", "ulaw", "gsm", "gsm+alaw"))
    for step in codec.split("+"):
        samples = _code_as_gsm(samples) if step == "gsm" else _code_as_g711(samples, SoundFormat(step))
    rate = chance.choice((0.0, 0.0, 0.01, 0.03))
    if not rate:
        return samples
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).copy()
    repeats = chance.random() < 0.5  # some gateways fill a gap with the packet before it
    lost = np.flatnonzero(numbers.random(len(frames)) < rate / 2)
    for first in map(int, lost):
        for each in range(first, min(first + chance.randint(1, 3), len(frames))):
            frames[each] = frames[each - 1] * 0.7 if repeats and each else 0.0
    return frames.reshape(-1)


def _code_as_g711(samples: Pcm, sound_format: SoundFormat) -> Pcm:
    coded = encode_sound(samples.astype(np.float32), sound_format)
    return decode_sound(coded, sound_format).astype(np.float64)


def _code_as_gsm(samples: Pcm) -> Pcm:
    pcm = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16).tobytes()
    coded = subprocess.run(
        ["sox", "-D", *_RAW, "-", "-t", "gsm", "-"], input=pcm, capture_output=True, check=True
    ).stdout
    decoded = subprocess.run(
        ["sox", "-D", "-t", "gsm", "-r", str(RATE), "-", *_RAW, "-"], input=coded, capture_output=True, check=True
    ).stdout
    return np.frombuffer(decoded, np.int16) / 32768


def _hello(caller: _Caller) -> Pcm:
    return np.concatenate([caller.pause(0.2, 0.9), caller.say(HELLOS), caller.wait_and_ask_again()])


def _name(caller: _Caller) -> Pcm:
    return np.concatenate([caller.pause(0.2, 0.9), caller.say(NAMES), caller.wait_and_ask_again()])


def _hello_hello(caller: _Caller) -> Pcm:
    parts = [caller.pause(0.2, 0.9), caller.say(HELLOS)]
    for _ in range(caller.chance.randint(1, 2)):
        parts += [caller.pause(0.35, 1.2), caller.say(HELLOS)]
    return np.concatenate([*parts, caller.wait_and_ask_again()])


def _company(caller: _Caller) -> Pcm:
    return np.concatenate([caller.pause(0.2, 0.7), caller.say(COMPANIES), caller.wait_and_ask_again()])


def _late(caller: _Caller) -> Pcm:
    return np.concatenate([caller.pause(1.5, 4.5), caller.say(HELLOS), caller.wait_and_ask_again()])


def _television(caller: _Caller) -> Pcm:
    hello = _hello(caller)
    other = _Caller(list(Half)[caller._side], 0, caller.chance)
    programme = other.say(TELEVISION)
    start = caller.chance.randrange(len(programme))
    loudness = 10 ** (caller.chance.uniform(-24.0, -10.0) / 20)
    length = max(len(hello), round(LISTENED_SECONDS * RATE))
    heard = np.resize(np.roll(programme, -start), length)
    return np.pad(hello, (0, length - len(hello))) + loudness * heard


def _silent(_caller: _Caller) -> Pcm:
    return np.zeros(1)


def _noise(caller: _Caller) -> Pcm:
    """A street or a kitchen: noise that swells, with knocks."""
    length = round(LISTENED_SECONDS * RATE)
    seconds = np.arange(length) / RATE
    swell = 1 + 0.6 * np.sin(2 * np.pi * (caller.chance.uniform(0.1, 1.5) * seconds + caller.chance.random()))
    samples = _make_noise(caller.numbers, length, caller.chance.choice((0.0, 0.5, 1.0))) * swell * 0.3
    for _ in range(caller.chance.randint(0, 6)):
        at = caller.chance.randrange(length - RATE // 4)
        knock = caller.numbers.standard_normal(RATE // 4) * np.exp(-np.arange(RATE // 4) / (0.03 * RATE))
        samples[at : at + RATE // 4] += knock
    return samples


def _breathing(caller: _Caller) -> Pcm:
    length = round(LISTENED_SECONDS * RATE)
    breath = np.sin(2 * np.pi * caller.chance.uniform(0.25, 0.6) * np.arange(length) / RATE) ** 2
    samples: Pcm = _make_noise(caller.numbers, length, 0.3) * breath**2
    return samples


def _beep(caller: _Caller) -> Pcm:
    tone = _make_tone(caller.chance.choice((440.0, 620.0, 800.0, 1000.0, 1400.0)), caller.chance.uniform(0.2, 0.8))
    return np.concatenate([caller.pause(0.1, 1.0), tone])


def _greeting(caller: _Caller) -> Pcm:
    return np.concatenate([caller.pause(0.1, 1.5), caller.say(PERSONAL_MACHINES)])


def _greeting_with_beep(caller: _Caller) -> Pcm:
    return np.concatenate([_greeting(caller), _beep(caller)])


def _mailbox(caller: _Caller) -> Pcm:
    return np.concatenate([caller.pause(0.1, 1.2), caller.say(MAILBOXES), _beep(caller)])


def _announcement(caller: _Caller) -> Pcm:
    words = caller.say(ANNOUNCEMENTS)
    return np.concatenate([caller.pause(0.1, 0.8), words, caller.pause(0.8, 1.5), words])


def _announcement_with_tones(caller: _Caller) -> Pcm:
    """The special information tone (ITU-T E.180) and an announcement."""
    tones = [_make_tone(hertz, 0.33) for hertz in (950.0, 1400.0, 1800.0)]
    return np.concatenate([caller.pause(0.0, 0.3), *tones, _announcement(caller)])


def _menu(caller: _Caller) -> Pcm:
    return np.concatenate([caller.pause(0.1, 0.8), caller.say(MENUS)])


def _fax(caller: _Caller) -> Pcm:
    """A fax machine that answers (ITU-T T.30): 2,100 Hz, and the V.21 flags of its preamble."""
    bits = np.tile([0, 1, 1, 1, 1, 1, 1, 0], 40)
    hertz = np.repeat(np.where(bits, 1_650.0, 1_850.0), round(RATE / 300))
    flags = np.sqrt(2) * np.sin(2 * np.pi * np.cumsum(hertz) / RATE)
    answer = _make_tone(2_100.0, caller.chance.uniform(2.6, 4.0))
    return np.concatenate([caller.pause(0.2, 2.5), answer, caller.pause(0.055, 0.095), flags])


_SCENES: Final[dict[Kind, Callable[[_Caller], Pcm]]] = {
    Kind.HELLO: _hello,
    Kind.NAME: _name,
    Kind.HELLO_HELLO: _hello_hello,
    Kind.COMPANY: _company,
    Kind.LATE: _late,
    Kind.TELEVISION: _television,
    Kind.SILENT: _silent,
    Kind.NOISE: _noise,
    Kind.BREATHING: _breathing,
    Kind.GREETING_BEEP: _greeting_with_beep,
    Kind.GREETING: _greeting,
    Kind.MAILBOX: _mailbox,
    Kind.ANNOUNCEMENT_TONES: _announcement_with_tones,
    Kind.ANNOUNCEMENT: _announcement,
    Kind.MENU: _menu,
    Kind.FAX: _fax,
}
_SPOKEN: Final = frozenset(Kind) - {Kind.SILENT, Kind.NOISE, Kind.BREATHING, Kind.FAX}
