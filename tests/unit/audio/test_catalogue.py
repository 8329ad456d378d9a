"""The catalogue of prompts: strict reading, atomic writing, and the rules for playing prompts."""

from __future__ import annotations

import errno
import os
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialer.audio import catalogue
from dialer.audio.catalogue import (
    Entry,
    Voice,
    open_catalogue_for_changes,
    parse_generated_catalogue,
    read_catalogue,
    write_catalogue,
)
from dialer.audio.errors import AudioError, CatalogueError
from dialer.audio.files import PARTIAL_PREFIX
from dialer.audio.names import PromptName
from dialer.audio.play_rules import PlayRules, find_reason_prompt_is_blocked
from dialer.settings.audio import SoundFormat

SHA, OTHER, SOUND = "a" * 64, "b" * 64, "c" * 64
NAME = PromptName("", "hi", "recording/message")
NUMBER = PromptName("", "hi", "number/7")
TODAY = date(2026, 11, 24)
FOUND = {SoundFormat.ALAW: SOUND}


def make_entry(**changes: object) -> Entry:
    values: dict[str, object] = {
        "voice": "human",
        "source": "hi/recording/message.mp3",
        "source_sha256": SHA,
        "recipe": "1",
        "seconds": 12.5,
        "loudness_lufs": -19.0,
        "true_peak_db": -2.1,
        "files": {"alaw": SOUND},
    }
    return Entry.model_validate(values | changes)


CERTIFIED = {"certificate": "MCMC/7", "certificate_sha256": SHA, "valid_until": TODAY}
APPROVED = {"approved_by": "A. Person", "approved_on": TODAY, "approved_sha256": SHA}


@pytest.mark.parametrize(
    ("changes", "rules", "why"),
    [
        ({}, PlayRules(), None),
        ({}, PlayRules(certified_recordings=True), "has no certificate"),
        (CERTIFIED, PlayRules(certified_recordings=True), None),
        (CERTIFIED | {"valid_until": None}, PlayRules(certified_recordings=True), None),
        (CERTIFIED | {"certificate_sha256": OTHER}, PlayRules(), "is not the recording to which certificate MCMC/7"),
        (CERTIFIED | {"valid_until": date(2026, 11, 23)}, PlayRules(), "ended on 2026-11-23"),
        ({}, PlayRules(approved_only=True), "has not been approved"),
        (APPROVED, PlayRules(approved_only=True), None),
        (APPROVED | {"approved_sha256": OTHER}, PlayRules(approved_only=True), "was changed after it was approved"),
        (APPROVED | {"approved_sha256": OTHER}, PlayRules(), None),
        ({"voice": "draft"}, PlayRules(), None),
        ({"voice": "draft"}, PlayRules(play_drafts=False), "is a draft voice"),
        ({"voice": "synthetic"}, PlayRules(play_drafts=False), None),
        ({"files": {"alaw": OTHER}}, PlayRules(), "was changed on disk after it was prepared"),
        ({"files": {"sln16": SOUND}}, PlayRules(), "was changed on disk after it was prepared"),
    ],
)
def test_sound_catalogue_allows_only_approved_and_certified_prompts(
    changes: dict[str, object], rules: PlayRules, why: str | None
) -> None:
    found = find_reason_prompt_is_blocked(NAME, make_entry(**changes), FOUND, rules, TODAY)
    assert (found is None) if why is None else (found is not None and why in found)


def test_only_campaign_recordings_need_a_certificate() -> None:
    rules = PlayRules(certified_recordings=True)
    assert find_reason_prompt_is_blocked(PromptName("", "hi", "number/7"), make_entry(), FOUND, rules, TODAY) is None
    own = PromptName("town", "hi", "recording/message")
    assert find_reason_prompt_is_blocked(own, make_entry(), FOUND, rules, TODAY) is not None


def test_prompt_missing_from_the_catalogue_or_without_sound_files_is_not_played() -> None:
    assert "not in the catalogue" in (find_reason_prompt_is_blocked(NAME, None, FOUND, PlayRules(), TODAY) or "")
    assert "no sound on disk" in (find_reason_prompt_is_blocked(NAME, make_entry(), {}, PlayRules(), TODAY) or "")


def test_prompt_is_not_played_if_a_sound_file_was_changed() -> None:
    both = FOUND | {SoundFormat.SLIN16: OTHER}
    assert find_reason_prompt_is_blocked(NAME, make_entry(), both, PlayRules(), TODAY) is not None


def test_saving_a_loaded_catalogue_writes_only_changed_files(tmp_path: Path) -> None:
    entries = {
        NAME: make_entry(text='एक "दो"\nतीन', notes=("a note",), **CERTIFIED, **APPROVED),
        PromptName("", "en", "number/7"): make_entry(voice=Voice.DRAFT),
        PromptName("town", "hi", "recording/message"): make_entry(),
    }
    write_catalogue(tmp_path, entries)
    assert read_catalogue(tmp_path) == entries
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.toml"))
    assert files == ["campaign/town/hi.toml", "en.toml", "hi.toml"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.toml")}
    with open_catalogue_for_changes(tmp_path) as changed:
        del changed[PromptName("town", "hi", "recording/message")]
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.toml")}
    assert set(before) - set(after) == {tmp_path / "campaign/town/hi.toml"}
    assert all(before[path] == time for path, time in after.items())


WRITTEN = f"""
[label]
text = "यह आवाज़ कंप्यूटर की है"
voice = "human"
seconds = 12.5
loudness_lufs = -19.0
notes = [
    "a note",
    "another",
]
approved_on = 2026-11-24

[label.files]
alaw = "{SOUND}"

["number/7"]
voice = "draft"

["number/7".files]
alaw = "{SOUND}"
"""[1:]


def test_catalogue_file_that_matdan_wrote_is_parsed_without_tomllib(tmp_path: Path) -> None:
    assert parse_generated_catalogue(WRITTEN) == tomllib.loads(WRITTEN)
    write_catalogue(tmp_path, {NAME: make_entry(notes=("a", "b"), **CERTIFIED, **APPROVED), NUMBER: make_entry()})
    text = (tmp_path / "hi.toml").read_text(encoding="utf-8")
    assert parse_generated_catalogue(text) == tomllib.loads(text)


def test_catalogue_file_that_matdan_wrote_is_read_without_tomllib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_toml(_: bytes) -> NoReturn:
        raise AssertionError("tomllib takes a quarter of the dialler's start with thousands of prompts")

    entries = {NAME: make_entry(notes=("a", "b"), **CERTIFIED, **APPROVED), NUMBER: make_entry()}
    write_catalogue(tmp_path, entries)
    monkeypatch.setattr(catalogue, "parse_toml_table", refuse_toml)
    assert read_catalogue(tmp_path) == entries


@given(
    st.integers(0, len(WRITTEN)),
    st.integers(0, 40),
    st.one_of(st.text('\t\r\n"\\[].=#-01é\x7f', max_size=4), st.sampled_from(WRITTEN.splitlines(keepends=True))),
)
@example(WRITTEN.index("2026-11-24"), 10, "2026-13-24")
@example(WRITTEN.index("\n[label.files]"), 0, 'text = "again"\n')
@example(WRITTEN.index('\n["number/7".files]'), 0, 'files = "none"\n')
@example(len(WRITTEN), 0, "[label]\n\n[label.files]\n")
def test_edited_catalogue_is_parsed_with_the_same_result_as_by_tomllib_or_not_at_all(
    place: int, length: int, text: str
) -> None:
    edited = WRITTEN[:place] + text + WRITTEN[place + length :]
    tables = parse_generated_catalogue(edited)
    assert tables is None or tables == tomllib.loads(edited)


def test_interrupted_audio_preparation_stores_the_finished_catalogue_entries(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_catalogue_for_changes(tmp_path) as entries:
        entries[NAME] = make_entry()
        raise KeyboardInterrupt
    assert read_catalogue(tmp_path) == {NAME: make_entry()}


def test_full_disk_leaves_all_files_of_the_sound_catalogue_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there is no space for the second of two files, the first is not written either."""
    english = PromptName("", "en", "number/7")
    before = {NAME: make_entry(), english: make_entry()}
    write_catalogue(tmp_path, before)
    fsync = os.fsync
    written: list[int] = []

    def raise_disk_full(handle: int) -> None:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(handle)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", raise_disk_full)
    with pytest.raises(
        AudioError, match=r"hi\.toml: the file cannot be written .No space left on device.*; check"
    ) as error:
        write_catalogue(tmp_path, {name: make_entry(text="new") for name in before})
    assert "\n" not in str(error.value)
    assert written
    assert read_catalogue(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["en.toml", "hi.toml"]


def test_incomplete_sound_files_are_removed_by_the_next_preparation(tmp_path: Path) -> None:
    (tmp_path / f"{PARTIAL_PREFIX}x").write_bytes(b"half")
    with open_catalogue_for_changes(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_unreadable_folder_of_the_sound_catalogue_is_reported_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = tmp_path / "catalogue"
    write_catalogue(catalogue, {NAME: make_entry(), PromptName("town", "hi", "recording/message"): make_entry()})
    (catalogue / "campaign/city").symlink_to(tmp_path)
    with pytest.raises(CatalogueError, match=r"campaign/city: is a symbolic link that does not lead to a file"):
        read_catalogue(catalogue)
    (catalogue / "campaign/city").unlink()
    scandir = os.scandir

    def refuse_access(path: str) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "town":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_access)
    with pytest.raises(CatalogueError, match=r"campaign/town: the folder cannot be read .Permission denied"):
        read_catalogue(catalogue)


def test_sound_catalogue_is_changed_by_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        open_catalogue_for_changes(tmp_path),
        pytest.raises(CatalogueError, match="another process"),
        open_catalogue_for_changes(tmp_path),
    ):
        pass
    with open_catalogue_for_changes(tmp_path) as entries:
        assert entries == {}


def test_missing_sound_catalogue_is_read_as_empty(tmp_path: Path) -> None:
    assert read_catalogue(tmp_path / "none") == {}


GOOD = f"""["recording/message"]
voice = "human"
source = "x"
source_sha256 = "{SHA}"
recipe = "1"
seconds = 1.0
loudness_lufs = -19.0
true_peak_db = -2.0
files.alaw = "{SOUND}"
"""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("hi.toml", "x = ", "is not TOML"),
        (
            "hi.toml",
            GOOD + "certificat = 'x'\n",
            "recording/message.certificat: the catalogue entry is invalid: this key is unknown",
        ),
        ("hi.toml", GOOD + "certificate = 'x'\n", "the certificate of this prompt is incomplete"),
        ("hi.toml", GOOD + "valid_until = 2026-01-01\n", "but no certificate; add `certificate`"),
        ("hi.toml", GOOD + "approved_by = 'x'\n", "the approval of this prompt is incomplete"),
        ("hi.toml", GOOD.replace('"human"', '"robot"'), "recording/message.voice"),
        ("hi.toml", GOOD.replace(SHA, "123"), "recording/message.source_sha256"),
        ("hi.toml", GOOD.replace("recording/message", "../../etc/passwd"), "is not valid in the name of a prompt"),
        ("hi.toml", "recording = 3\n", "recording"),
        ("Hindi.toml", GOOD, "is not the name of a prompt"),
        ("../outside/hi.toml", GOOD, ""),
    ],
)
def test_invalid_entries_of_the_sound_catalogue_are_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    directory = tmp_path / "catalogue"
    directory.mkdir()
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    if not words:
        assert read_catalogue(directory) == {}
        return
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(directory)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
