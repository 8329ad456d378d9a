"""A catalogue for tests: a recording, with its sound file, for every prompt of a flow in a language."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from dialer.audio.catalogue import Entry, write_catalogue
from dialer.audio.files import compute_sha256_of_bytes
from dialer.audio.names import AudioDirectories, PromptName, find_prompt_of_sound
from dialer.flows.catalogue import load_flow
from dialer.flows.sounds import list_sounds_of_flow
from dialer.flows.texts import load_shipped_texts
from dialer.settings.audio import SoundFormat

RECORDING = "a" * 64  # the hash of every recording
CERTIFICATE: dict[str, Any] = {
    "certificate": "MCMC/7",
    "certificate_sha256": RECORDING,
    "valid_until": date(2024, 5, 22),
}


def catalogue_entry(**changes: Any) -> Entry:
    """Return the catalogue entry of a recorded prompt."""
    values: dict[str, Any] = {
        "voice": "human", "source": "x.mp3", "source_sha256": RECORDING, "recipe": "1", "seconds": 1.0,
        "loudness_lufs": -19.0, "true_peak_db": -2.0, "files": {"alaw": compute_sha256_of_bytes(b"sound")},
    }  # fmt: skip
    return Entry.model_validate(values | changes)


def list_prompts(flow: str, language: str = "hi") -> list[PromptName]:
    """Return the prompts of a flow, without shared sounds."""
    names = [
        find_prompt_of_sound(sound) for sound in list_sounds_of_flow(load_flow(flow), language, load_shipped_texts())
    ]
    return [name for name in names if name is not None]


def write_prompts(
    directory: Path, entries: dict[PromptName, Entry], catalogue: str = "catalogue", sounds: str = "sounds"
) -> dict[str, Any]:
    """Write a catalogue and its sound files. Return the [audio] settings for them."""
    places = AudioDirectories(directory / "recordings", directory / sounds)
    for name in entries:
        sound = places.get_sound_path(name, SoundFormat.ALAW)
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(b"sound")
    write_catalogue(directory / catalogue, entries)
    return {"recordings": str(places.recordings), "sounds": str(places.sounds), "catalogue": str(directory / catalogue)}


def certified_site(directory: Path, flow: str, language: str = "hi", **changes: Any) -> dict[str, Any]:
    """Return [audio] settings in which all prompts of the flow are certified. `changes` apply to the first prompt."""
    names = list_prompts(flow, language)
    entries = {name: catalogue_entry(**CERTIFICATE) for name in names}
    entries[names[0]] = catalogue_entry(**CERTIFICATE | changes)
    return write_prompts(directory, entries)
