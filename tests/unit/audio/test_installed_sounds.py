"""Installing sounds together with the catalogue: obsolete sounds are removed, and failures change nothing."""

from __future__ import annotations

import errno
import os
from datetime import date
from pathlib import Path

import pytest

from dialer.audio.catalogue import Voice, open_catalogue_for_changes, read_catalogue
from dialer.audio.conversion import Recipe
from dialer.audio.errors import AudioError
from dialer.audio.files import PARTIAL_PREFIX
from dialer.audio.names import AudioDirectories, PromptName
from dialer.audio.play_rules import PlayRules
from dialer.audio.playlist import PlaylistReader
from dialer.audio.prepare import PrepareReport, prepare_recordings
from dialer.settings.audio import SoundFormat
from tests.support.one_process import work_in_one_process
from tests.support.recordings import speech, write_recording

LINE = Recipe((SoundFormat.ALAW,))
BOTH = Recipe((SoundFormat.ALAW, SoundFormat.SLIN16))
QUESTION = PromptName("", "hi", "turnout/question")
GOODBYE = PromptName("", "en", "common/goodbye")


@pytest.fixture(autouse=True)
def _work_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    work_in_one_process(monkeypatch)


@pytest.fixture
def places(tmp_path: Path) -> AudioDirectories:
    site = AudioDirectories(tmp_path / "recordings", tmp_path / "sounds")
    for name in (QUESTION, GOODBYE):
        write_recording(site.recordings / f"{name.relative_prompt_path}.wav", speech(0.5, 8_000), 8_000)
    return site


def get_catalogue_directory(places: AudioDirectories) -> Path:
    return places.sounds.with_name("catalogue")


def run_prepare(places: AudioDirectories, recipe: Recipe = LINE) -> PrepareReport:
    with open_catalogue_for_changes(get_catalogue_directory(places)) as entries:
        return prepare_recordings(places, entries, recipe, {}, catalogue=get_catalogue_directory(places), workers=1)


def list_unplayable(places: AudioDirectories) -> list[str]:
    """Return the prompts of the catalogue that may not be played."""
    playlist = PlaylistReader(get_catalogue_directory(places), places, PlayRules()).read_playlist()
    assert playlist.listed
    return [
        name.relative_prompt_path
        for name in playlist.listed
        if playlist.find_reason_sound_is_blocked(name, date(2026, 11, 24)) is not None
    ]


def read_files(places: AudioDirectories) -> dict[str, bytes]:
    """Return the contents of all sounds and catalogue files, without the lock file."""
    found = [
        path for top in (places.sounds, get_catalogue_directory(places)) for path in top.rglob("*") if path.is_file()
    ]
    return {path.name: path.read_bytes() for path in found if path.name != ".lock"}


def test_installed_sounds_in_formats_removed_from_the_settings_are_deleted(places: AudioDirectories) -> None:
    run_prepare(places, BOTH)
    assert {"question.alaw", "question.sln16"} <= set(read_files(places))
    assert len(run_prepare(places).prepared) == 2
    assert not [name for name in read_files(places) if name.endswith("sln16")]
    assert list_unplayable(places) == []


def test_audio_preparation_without_new_recordings_deletes_sounds_in_removed_formats(places: AudioDirectories) -> None:
    """The sounds of drafts, which have no recording, are deleted too."""
    draft = PromptName("", "hi", "number/7")
    run_prepare(places)
    with open_catalogue_for_changes(get_catalogue_directory(places)) as entries:
        spoken = {"voice": Voice.DRAFT, "source": "espeak-ng 1.52.0 hi"}
        entries[draft] = entries[QUESTION].model_copy(update=spoken)
    places.get_sound_path(draft, SoundFormat.ALAW).parent.mkdir()
    places.get_sound_path(draft, SoundFormat.ALAW).write_bytes(
        places.get_sound_path(QUESTION, SoundFormat.ALAW).read_bytes()
    )
    before = read_files(places)
    for name in (QUESTION, draft):
        places.get_sound_path(name, SoundFormat.SLIN16).write_bytes(b"of before")
    assert sorted(list_unplayable(places)) == [draft.relative_prompt_path, QUESTION.relative_prompt_path]
    report = run_prepare(places)
    assert (report.prepared, len(report.unchanged)) == ([], 2)
    assert list_unplayable(places) == []
    assert read_files(places) == before


def test_full_disk_during_an_installation_leaves_old_sounds_and_catalogue_unchanged(
    places: AudioDirectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the sounds are made in other processes, whose disk is not full
    run_prepare(places)
    before = read_files(places)
    for name in (QUESTION, GOODBYE):
        write_recording(places.recordings / f"{name.relative_prompt_path}.wav", speech(0.5, 8_000, seed=2), 8_000)

    def raise_disk_full(_: int) -> None:  # in this process, which writes the catalogue
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as filling:
        filling.setattr(os, "fsync", raise_disk_full)
        with pytest.raises(
            AudioError, match=r"catalogue/en\.toml: the file cannot be written .No space left on device"
        ) as error:
            run_prepare(places)
    assert "\n" not in str(error.value)
    assert read_files(places) == before
    assert list_unplayable(places) == []
    assert not list(places.sounds.rglob(f"{PARTIAL_PREFIX}*"))
    assert len(run_prepare(places).prepared) == 2
    assert list_unplayable(places) == []


def test_sound_file_that_cannot_be_installed_does_not_block_other_sound_files(
    places: AudioDirectories,
) -> None:
    (places.get_sound_path(QUESTION, SoundFormat.ALAW) / "x").mkdir(parents=True)
    with pytest.raises(AudioError, match=r"hi/turnout/question\.alaw: the file cannot be written") as error:
        run_prepare(places)
    assert "\n" not in str(error.value)
    assert set(read_catalogue(get_catalogue_directory(places))) == {GOODBYE}
    assert list_unplayable(places) == []
    (places.get_sound_path(QUESTION, SoundFormat.ALAW) / "x").rmdir()
    places.get_sound_path(QUESTION, SoundFormat.ALAW).rmdir()
    run_prepare(places)
    assert set(read_catalogue(get_catalogue_directory(places))) == {QUESTION, GOODBYE}
    assert list_unplayable(places) == []
