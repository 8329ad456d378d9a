"""Converting a directory of recordings to sounds: only changed ones, atomically, and bad recordings do not affect
others.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.audio.catalogue import Entry, Voice
from dialer.audio.conversion import Recipe
from dialer.audio.errors import AudioError, BadPromptName
from dialer.audio.files import PARTIAL_PREFIX, hash_file, write_file_atomically
from dialer.audio.names import AudioDirectories, PromptName, find_prompt_of_sound, parse_prompt_name
from dialer.audio.prepare import (
    Refused,
    copy_text_and_approvals,
    list_recordings,
    plan_recording_conversions,
    prepare_recording,
    prepare_recordings,
)
from dialer.process.pool import choose_process_count, run_jobs_in_processes
from dialer.settings.audio import SoundFormat
from tests.support.recordings import speech, write_recording

LINE = Recipe((SoundFormat.ALAW,))
QUESTION = PromptName("", "hi", "turnout/question")


@pytest.fixture
def places(tmp_path: Path) -> AudioDirectories:
    site = AudioDirectories(tmp_path / "recordings", tmp_path / "sounds")
    for name in ("hi/turnout/question.mp3", "hi/common/goodbye.wav", "campaign/town/hi/recording/message.ogg"):
        write_recording(site.recordings / name, speech(0.5, 48_000), 48_000)
    return site


def run_prepare(
    places: AudioDirectories, entries: dict[PromptName, Entry], recipe: Recipe = LINE
) -> tuple[list[str], list[str]]:
    """Run `prepare` in this process, without the process pool. Return (prepared, refused)."""
    sources, unseen = list_recordings(places.recordings)
    plan = plan_recording_conversions(places, sources, entries, recipe, {})
    prepared, refused = [], [f"{each.source}: {each.reason}" for each in (*unseen, *plan.refused)]
    for job in plan.jobs:
        result = prepare_recording(job)
        if isinstance(result, Refused):
            refused.append(f"{result.source}: {result.reason}")
        else:
            entries[result.name] = copy_text_and_approvals(result.entry, entries.get(result.name), "")
            prepared.append(result.name.relative_prompt_path)
    return sorted(prepared), refused


def test_only_changed_recordings_are_converted_to_sounds(places: AudioDirectories) -> None:
    entries: dict[PromptName, Entry] = {}
    assert run_prepare(places, entries) == (
        ["campaign/town/hi/recording/message", "hi/common/goodbye", "hi/turnout/question"],
        [],
    )
    sound = places.sounds / "matdan/hi/turnout/question.alaw"
    assert hash_file(sound) == entries[QUESTION].files[SoundFormat.ALAW]
    assert entries[QUESTION].source == "hi/turnout/question.mp3"
    assert run_prepare(places, entries) == ([], [])

    sound.write_bytes(b"something else")  # a sound that somebody replaced
    assert run_prepare(places, entries) == (["hi/turnout/question"], [])
    (places.sounds / "matdan/hi/common/goodbye.alaw").unlink()
    assert run_prepare(places, entries) == (["hi/common/goodbye"], [])
    write_recording(places.recordings / "hi/turnout/question.mp3", speech(0.5, 48_000, seed=2), 48_000)
    assert run_prepare(places, entries) == (["hi/turnout/question"], [])
    assert len(run_prepare(places, entries, replace(LINE, loudness_lufs=-16.0))[0]) == 3
    assert len(run_prepare(places, entries, Recipe((SoundFormat.ALAW, SoundFormat.G722)))[0]) == 3


def test_each_invalid_recording_is_reported_and_valid_recordings_are_prepared(places: AudioDirectories) -> None:
    hindi = places.recordings / "hi"
    (hindi / "turnout/text.mp3").write_text("these are words\n" * 40)
    (hindi / "turnout/empty.mp3").touch()
    (hindi / "turnout/Big Name.mp3").write_bytes(b"x")
    (hindi / "common/goodbye.mp3").write_bytes((hindi / "common/goodbye.wav").read_bytes())
    (hindi / "common/out.wav").symlink_to("/etc/hostname")
    (hindi / "common/.hidden.wav").write_bytes(b"x")
    (hindi / "notes.txt").write_text("not a recording")
    (places.recordings / "at-the-top.wav").write_bytes(b"x")
    prepared, refused = run_prepare(places, {})
    assert "hi/turnout/question" in prepared
    assert sorted(line.partition(":")[0] for line in refused) == [
        "at-the-top.wav",
        "hi/common/goodbye.wav",
        "hi/common/out.wav",
        "hi/turnout/Big Name.mp3",
        "hi/turnout/empty.mp3",
        "hi/turnout/text.mp3",
    ]
    assert all("\n" not in line for line in refused)
    assert any("second recording of the same prompt" in line for line in refused)
    assert any("is a link to a file outside" in line for line in refused)


@pytest.mark.parametrize(
    "source", ["../../etc/passwd", "hi/../../etc/passwd.mp3", "/etc/passwd", "hi/a\0b.mp3", "hi/..", ""]
)
def test_recording_path_outside_the_recordings_directory_is_refused_before_opening_the_file(
    places: AudioDirectories, source: str
) -> None:
    plan = plan_recording_conversions(places, [source], {}, LINE, {})
    assert not plan.jobs
    assert len(plan.refused) == 1
    assert "\n" not in plan.refused[0].reason


@pytest.mark.parametrize(
    "path",
    ["hi", "hi/", "/hi/x", "hi/../x", "hi/./x", "hi/x\n", "HI/x", "hindi/x", "hi/X", "hi/x.y", "hi//x", "hi/a/b/c/d/e",
     "campaign", "campaign/a", "campaign/../hi/x", "campaign/A/hi/x", "campaign//hi/x", "hi/" + "x" * 65],
)  # fmt: skip
def test_invalid_prompt_names_are_refused(path: str) -> None:
    with pytest.raises(BadPromptName):
        parse_prompt_name(path)
    assert find_prompt_of_sound(f"matdan/{path}") is None


def test_prompt_name_is_unchanged_after_conversion_to_a_sound_name_and_back() -> None:
    for path in ("hi/turnout/question-1", "campaign/town-2/en/recording/message", "hi/place/0123456789abcdef"):
        name = parse_prompt_name(path)
        assert name.relative_prompt_path == path
        assert find_prompt_of_sound(name.sound_name) == name
    assert find_prompt_of_sound("beep") is None
    assert find_prompt_of_sound("digits/1") is None


def test_missing_recordings_directory_gives_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="is not a folder"):
        list_recordings(tmp_path / "none")


def test_audio_preparation_uses_several_processes_and_reports_progress(places: AudioDirectories) -> None:
    (places.recordings / "hi/turnout/text.mp3").write_text("these are words\n" * 40)
    left_behind = places.sounds / "matdan" / "hi" / f"{PARTIAL_PREFIX}1"
    left_behind.parent.mkdir(parents=True)
    left_behind.write_bytes(b"x")
    told: list[tuple[int, int]] = []
    entries: dict[PromptName, Entry] = {}
    report = prepare_recordings(
        places,
        entries,
        LINE,
        {QUESTION: "Have you voted?"},
        workers=2,
        progress=lambda *progress: told.append(progress),
    )
    assert [each.name for each in report.prepared] == sorted(entries)
    assert entries[QUESTION].text == "Have you voted?"
    assert [(each.source, each.reason.split()[0]) for each in report.refused] == [("hi/turnout/text.mp3", "the")]
    assert told == [(done, 4) for done in range(5)]
    assert not left_behind.exists()
    assert {path.suffix for path in places.sounds.rglob("*") if path.is_file()} == {".alaw"}


def _die_at_three(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number * 2


def test_recording_that_crashes_its_worker_process_does_not_stop_other_recordings() -> None:
    results = dict(run_jobs_in_processes(_die_at_three, [1, 2, 3, 4], workers=2))
    assert results == {1: 2, 2: 4, 3: None, 4: 8}


def test_audio_preparation_starts_at_most_one_process_per_recording_and_cpu() -> None:
    assert choose_process_count(1, 0) == 1
    assert choose_process_count(100, 7) == 7
    assert choose_process_count(0, 7) == 1
    assert list(run_jobs_in_processes(_die_at_three, [], workers=1)) == []


def test_failed_write_of_a_sound_file_leaves_the_old_sound_file_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.alaw"
    write_file_atomically(path, b"old")

    def raise_disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", raise_disk_full)
    with pytest.raises(OSError, match="No space"):
        write_file_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_during_the_preparation_of_sounds_gives_a_one_line_error(
    places: AudioDirectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", raise_disk_full)
    _, refused = run_prepare(places, {})
    assert len(refused) == 3
    assert all("cannot be written (No space left on device)" in line for line in refused)


def test_new_recording_keeps_the_approval_of_its_prompt_unless_a_draft_was_approved(places: AudioDirectories) -> None:
    entries: dict[PromptName, Entry] = {}
    run_prepare(places, entries)
    approved = entries[QUESTION].model_copy(
        update={"approved_by": "A", "approved_sha256": entries[QUESTION].source_sha256}
    )
    assert approved.is_recording_approved
    fresh = entries[QUESTION].model_copy(update={"source_sha256": "0" * 64})
    again = copy_text_and_approvals(fresh, approved, "")
    assert again.approved_by == "A"
    assert not again.is_recording_approved
    sent = approved.model_copy(update={"voice": Voice.SYNTHETIC})
    assert copy_text_and_approvals(fresh, sent, "").voice is Voice.SYNTHETIC
    for voice in (Voice.DRAFT, Voice.SYNTHETIC):  # a draft that was approved is no recording either
        spoken = approved.model_copy(update={"voice": voice, "source": "espeak-ng 1.52.0 hi"})
        recorded = copy_text_and_approvals(fresh, spoken, "")
        assert (recorded.voice, recorded.approved_by) == (Voice.HUMAN, "")


def test_catalogue_stores_the_current_text_only_for_a_new_recording(
    places: AudioDirectories,
) -> None:
    entries: dict[PromptName, Entry] = {}
    run_prepare(places, entries)
    before = entries[QUESTION].model_copy(update={"text": "Polls close at six."})
    assert copy_text_and_approvals(entries[QUESTION], before, "Polls close at seven.").text == "Polls close at six."
    assert (
        copy_text_and_approvals(entries[QUESTION], entries[QUESTION], "Polls close at seven.").text
        == "Polls close at seven."
    )
    another = entries[QUESTION].model_copy(update={"source_sha256": "0" * 64})
    assert copy_text_and_approvals(another, before, "Polls close at seven.").text == "Polls close at seven."
    assert copy_text_and_approvals(another, before, "").text == "Polls close at six."


def test_recording_with_a_text_too_long_for_the_catalogue_is_refused(
    places: AudioDirectories,
) -> None:
    plan = plan_recording_conversions(
        places, list_recordings(places.recordings)[0], {}, LINE, {QUESTION: "word " * 1_001}
    )
    assert QUESTION not in [job.name for job in plan.jobs]
    assert len(plan.jobs) == 2
    ((source, why),) = [(each.source, each.reason) for each in plan.refused]
    assert source == "hi/turnout/question.mp3"
    assert "has a text of 5,005 characters ('word word" in why
    assert "accepts 5,000; shorten it" in why


def test_unreadable_folder_of_recordings_is_reported_and_other_folders_are_prepared(
    places: AudioDirectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse_access(path: str) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "turnout":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    (places.recordings / "hi/.turnout").mkdir()
    monkeypatch.setattr(os, "scandir", refuse_access)
    prepared, refused = run_prepare(places, {})
    assert prepared == ["campaign/town/hi/recording/message", "hi/common/goodbye"]
    assert refused == [
        "hi/turnout: the folder cannot be read (Permission denied); check that it exists, and its permissions"
    ]
    with pytest.raises(AudioError, match=r"turnout: the folder cannot be read .Permission denied"):
        list_recordings(places.recordings / "hi/turnout")


def test_each_recording_in_an_inaccessible_folder_is_refused(
    places: AudioDirectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_access(look: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def stat_or_refuse(path: Any, **options: Any) -> os.stat_result:
            if "/turnout/" in os.fspath(path):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return look(path, **options)

        return stat_or_refuse

    with monkeypatch.context() as denying:
        denying.setattr(os, "stat", refuse_access(os.stat))
        denying.setattr(os, "lstat", refuse_access(os.lstat))
        sources, unseen = list_recordings(places.recordings)
        plan = plan_recording_conversions(places, sources, {}, LINE, {})
    assert not unseen
    assert [each.source for each in plan.refused] == ["hi/turnout/question.mp3"]
    assert "check the path and the permissions of its folder" in plan.refused[0].reason


def test_recording_that_is_a_symbolic_link_to_a_folder_or_missing_file_is_reported(
    places: AudioDirectories, tmp_path: Path
) -> None:
    (places.recordings / "hi/turnout").rename(tmp_path / "outside")
    (places.recordings / "hi/turnout").symlink_to(tmp_path / "outside")
    (places.recordings / "en").symlink_to(tmp_path / "unmounted")
    (places.recordings / "hi/common/again.wav").symlink_to("goodbye.wav")
    prepared, refused = run_prepare(places, {})
    assert prepared == ["campaign/town/hi/recording/message", "hi/common/again", "hi/common/goodbye"]
    assert sorted(line.partition(":")[0] for line in refused) == ["en", "hi/turnout"]
    assert all("is a symbolic link that does not lead to a file" in line for line in refused)
