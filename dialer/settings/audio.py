"""[audio]: recordings, the sounds that are made of them, and which may be played."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from dialer.settings.fields import Section


class SoundFormat(StrEnum):
    """Kinds of sound file that Asterisk plays as they are, by their extensions."""

    SLIN16 = "sln16"  # 16 kHz, 16 bit
    ALAW = "alaw"  # 8 kHz, G.711 as telephone networks outside North America and Japan have it
    ULAW = "ulaw"  # 8 kHz, G.711 as those two have it
    G722 = "g722"  # 16 kHz
    WAV = "wav"  # 8 kHz, 16 bit, with a header: for a carrier that fetches sounds from a web server


class Audio(Section):
    """[audio] - recordings, the sounds that are made of them, and which may be played."""

    recordings: Path = Field(Path("recordings"), description="what the media team sends: <language>/<prompt>.mp3")
    sounds: Path = Field(
        Path("sounds"), description="Asterisk's sounds directory, as this machine sees it; ours go into matdan/ there"
    )
    catalogue: Path | None = Field(
        None, description="directory of the catalogue; with one, only what it lists and allows is played"
    )
    formats: tuple[SoundFormat, ...] = Field(
        (SoundFormat.ALAW, SoundFormat.SLIN16), min_length=1, description="kinds of file: alaw, ulaw, sln16, g722, wav"
    )
    loudness_lufs: float = Field(-19.0, ge=-36, le=-10, description="loudness of every prompt (EBU R 128)")
    true_peak_db: float = Field(-2.0, ge=-20, le=0, description="no peak passes this")
    max_seconds: float = Field(600.0, ge=1, le=3600, description="a longer recording is refused")
    workers: int = Field(0, ge=0, le=256, description="processes that prepare recordings; 0: as many as cores")
    certified_recordings: bool = Field(
        False, description="campaign recordings play only with a certificate for exactly that recording"
    )
    approved_only: bool = Field(False, description="a prompt plays only when a named person has approved it")
    play_drafts: bool = Field(True, description="false: a draft voice is not played, the prompt is left out")
    label_synthetic: bool = Field(False, description="say once a call that a computer speaks, before it does")

    def _objections(self) -> Iterator[str]:
        asked = [
            name
            for name, wanted in (
                ("certified_recordings", self.certified_recordings),
                ("approved_only", self.approved_only),
                ("play_drafts = false", not self.play_drafts),
                ("label_synthetic", self.label_synthetic),
            )
            if wanted
        ]
        if asked and self.catalogue is None:
            yield f'{asked[0]} needs to know the recordings; set dialer.audio.catalogue = "catalogue"'
        if len(set(self.formats)) < len(self.formats):
            yield "formats names one twice"
