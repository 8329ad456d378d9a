"""Pictures of prompts before and after preparation, for the people who record them."""

from __future__ import annotations

from pathlib import Path

from dialer.audio.catalogue import Entry, Voice
from dialer.audio.conversion import Recipe, find_audible_range
from dialer.audio.decoding import decode_recording
from dialer.audio.errors import AudioError, RecordingRefused
from dialer.audio.files import write_file_atomically
from dialer.audio.formats import decode_sound, get_sample_rate
from dialer.audio.loudness import measure_loudness
from dialer.audio.names import AudioDirectories, PromptName
from dialer.audio.picture import (
    Caption,
    Panel,
    create_sound_panel,
    draw_sounds_as_svg,
    render_picture_page,
)
from dialer.audio.prepare import is_recorded_by_person

_DRAWN_RATE = 16_000
_MARKS = {Voice.DRAFT: "DRAFT", Voice.SYNTHETIC: "SYNTHETIC", Voice.HUMAN: ""}


def draw_prompt_sounds(name: PromptName, entry: Entry, places: AudioDirectories, recipe: Recipe) -> str:
    """Return a picture (SVG) of a prompt: of its recording, if there is one, and of each sound file.

    Raises AudioError.
    """
    sent = is_recorded_by_person(entry)
    panels = [_make_recording_panel(name, entry, places, recipe)] if sent else []
    for sound_format in sorted(entry.files, key=get_sample_rate):
        path = places.get_sound_path(name, sound_format)
        try:
            samples = decode_sound(path.read_bytes(), sound_format)
        except OSError as error:
            raise AudioError(
                f"{path}: the sound cannot be read ({error.strerror}); run dialer audio prepare"
            ) from error
        panels.append(create_sound_panel(f"after: {path.name}", samples, get_sample_rate(sound_format)))
    until = ", until it is recorded" if entry.voice is Voice.DRAFT else ""
    remarks = entry.notes if sent else (*entry.notes, f"spoken by {entry.source}{until}")
    caption = Caption(name.relative_prompt_path, entry.text, _MARKS[entry.voice], remarks)
    return draw_sounds_as_svg(caption, panels, recipe.loudness_lufs, recipe.true_peak_db)


def _make_recording_panel(name: PromptName, entry: Entry, places: AudioDirectories, recipe: Recipe) -> Panel:
    try:
        sent = decode_recording(places.recordings / entry.source, _DRAWN_RATE, recipe.max_seconds, raw=True)
        clean = decode_recording(places.recordings / entry.source, _DRAWN_RATE, recipe.max_seconds).samples
    except RecordingRefused as error:
        raise AudioError(
            f"the picture of prompt {name.relative_prompt_path} cannot be drawn from {entry.source}: {error}"
        ) from error
    audible = find_audible_range(
        clean, _DRAWN_RATE, measure_loudness(clean, _DRAWN_RATE, peaks=False), recipe.loudness_lufs
    )
    return create_sound_panel(f"before: {entry.source}", sent.samples, _DRAWN_RATE, audible)


def write_prompt_pictures(
    prompts: list[tuple[PromptName, Entry]], places: AudioDirectories, recipe: Recipe, directory: Path, title: str
) -> list[Path]:
    """Write a picture of each prompt, and a page that shows all pictures. Return the files. Raises AudioError."""
    files: list[Path] = []
    try:
        for name, entry in prompts:
            path = directory / f"{name.relative_prompt_path}.svg"
            write_file_atomically(path, draw_prompt_sounds(name, entry, places, recipe).encode())
            files.append(path)
        shown = [(name.relative_prompt_path, f"{name.relative_prompt_path}.svg") for name, _ in prompts]
        write_file_atomically(directory / "index.html", render_picture_page(title, shown).encode())
    except OSError as error:
        raise AudioError(
            f"{directory}: the pictures cannot be written ({error.strerror}); choose another folder with --out"
        ) from error
    return [*files, directory / "index.html"]
