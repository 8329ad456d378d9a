"""[audio]: recordings, the sound files created from them, and the conditions for playing them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from dialer.settings.fields import Section


class SoundFormat(StrEnum):
    """A format of sound files, named by the extension of the files. Asterisk plays these formats without conversion."""

    SLIN16 = "sln16"  # 16 kHz, 16 bit
    ALAW = "alaw"  # 8 kHz, G.711 outside North America and Japan
    ULAW = "ulaw"  # 8 kHz, G.711 in North America and Japan
    G722 = "g722"  # 16 kHz
    WAV = "wav"  # 8 kHz, 16 bit, with a header: for a carrier that fetches sounds from a web server


class Audio(Section):
    """[audio] - recordings, the sound files made from them, and which of them may be played."""

    recordings: Path = Field(
        Path("recordings"), description="folder of the media team's recordings: LANGUAGE/PROMPT.mp3"
    )
    sounds: Path = Field(
        Path("sounds"),
        description="Asterisk's sounds folder, as a path on this machine; prompts are written to matdan/ in it",
    )
    catalogue: Path | None = Field(
        None, description="folder of the catalogue; if set, only prompts that it allows are played"
    )
    formats: tuple[SoundFormat, ...] = Field(
        (SoundFormat.ALAW, SoundFormat.SLIN16),
        min_length=1,
        description="formats of sound files: alaw, ulaw, sln16, g722, wav",
    )
    loudness_lufs: float = Field(-19.0, ge=-36, le=-10, description="loudness of prompts (LUFS, EBU R 128)")
    true_peak_db: float = Field(-2.0, ge=-20, le=0, description="maximum true peak of prompts (dB)")
    max_seconds: float = Field(600.0, ge=1, le=3600, description="maximum duration of a recording")
    workers: int = Field(0, ge=0, le=256, description="processes that prepare recordings; 0: one per CPU core")
    certified_recordings: bool = Field(
        False, description="play campaign recordings only with a certificate for exactly that recording"
    )
    approved_only: bool = Field(False, description="play prompts only if a named person has approved them")
    play_drafts: bool = Field(True, description="false: synthetic drafts are not played")
    label_synthetic: bool = Field(False, description="announce a synthetic voice once per call, before it speaks")

    def _find_contradicting_settings(self) -> Iterator[str]:
        set_rules = [
            name
            for name, is_set in (
                ("certified_recordings", self.certified_recordings),
                ("approved_only", self.approved_only),
                ("play_drafts = false", not self.play_drafts),
                ("label_synthetic", self.label_synthetic),
            )
            if is_set
        ]
        if set_rules and self.catalogue is None:
            yield f'{set_rules[0]} needs a catalogue; set audio.catalogue = "catalogue"'
        if len(set(self.formats)) < len(self.formats):
            yield "formats must not repeat a format"
