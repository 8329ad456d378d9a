"""The prompts of a call: the campaign's own before the shared ones, and only those that the catalogue allows."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from dialer.audio.catalogue import Entry, Voice, open_catalogue_for_changes, write_catalogue
from dialer.audio.errors import CatalogueError
from dialer.audio.files import compute_sha256_of_bytes, hash_file
from dialer.audio.names import AudioDirectories, PromptName, parse_prompt_name
from dialer.audio.play_rules import PlayRules
from dialer.audio.playlist import ListedPrompt, Playlist, PlaylistReader
from dialer.flows.model import PromptKind
from dialer.flows.prompts import CataloguePrompts, SitePrompts, create_site_prompts_if_catalogue_exists
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import PromptRef
from dialer.settings.audio import SoundFormat
from dialer.settings.jurisdiction import load_profile
from dialer.settings.site import Settings
from dialer.switch.asterisk.fastagi.flow_driver import run_flow
from tests.support.flow_support import FACTS, FLOWS
from tests.support.scripted_call import ScriptedCall
from tests.support.virtual import virtual_time

SHA = "a" * 64
TODAY = date(2026, 11, 24)
GOODBYE = PromptRef(PromptKind.TEXT, "common.goodbye")


def make_entry(content: bytes = b"sound", **changes: object) -> Entry:
    values: dict[str, object] = {
        "voice": "human", "source": "x.mp3", "source_sha256": SHA, "recipe": "1", "seconds": 1.0,
        "loudness_lufs": -19.0, "true_peak_db": -2.0, "files": {"alaw": compute_sha256_of_bytes(content)},
    }  # fmt: skip
    return Entry.model_validate(values | changes)


def make_listed_prompt(sound: Entry, *, on_disk: bool = True) -> ListedPrompt:
    return ListedPrompt(sound, lambda: dict(sound.files) if on_disk else {})


def make_call_prompts(
    prompts: dict[str, ListedPrompt], rules: PlayRules | None = None, *, label: bool = False
) -> CataloguePrompts:
    playlist = Playlist({parse_prompt_name(path): each for path, each in prompts.items()}, rules or PlayRules())
    return CataloguePrompts(playlist, "town", TODAY, load_shipped_texts(), label)


def test_campaigns_own_prompt_overrides_the_prompt_shared_by_all_campaigns() -> None:
    both = {
        "hi/common/goodbye": make_listed_prompt(make_entry()),
        "campaign/town/hi/common/goodbye": make_listed_prompt(make_entry()),
    }
    assert make_call_prompts(both).find_sound_files(GOODBYE, "hi") == ["matdan/campaign/town/hi/common/goodbye"]
    other = {
        "hi/common/goodbye": make_listed_prompt(make_entry()),
        "campaign/city/hi/common/goodbye": make_listed_prompt(make_entry()),
    }
    assert make_call_prompts(other).find_sound_files(GOODBYE, "hi") == ["matdan/hi/common/goodbye"]


def test_blocked_prompt_of_a_campaign_is_replaced_by_the_shared_prompt() -> None:
    ended = make_entry(certificate="1", certificate_sha256=SHA, valid_until=date(2026, 11, 23))
    prompts = {
        "hi/common/goodbye": make_listed_prompt(make_entry()),
        "campaign/town/hi/common/goodbye": make_listed_prompt(ended),
    }
    assert make_call_prompts(prompts).find_sound_files(GOODBYE, "hi") == ["matdan/hi/common/goodbye"]
    del prompts["hi/common/goodbye"]
    alone = make_call_prompts(prompts)
    assert alone.find_sound_files(GOODBYE, "hi") == ["matdan/campaign/town/hi/common/goodbye"]
    assert "ended on 2026-11-23" in (alone.find_reason_sound_is_blocked("matdan/campaign/town/hi/common/goodbye") or "")


def test_sounds_outside_the_catalogue_directory_may_always_be_played() -> None:
    assert make_call_prompts({}).find_reason_sound_is_blocked("beep") is None
    assert "not in the catalogue" in (
        make_call_prompts({}).find_reason_sound_is_blocked("matdan/hi/common/goodbye") or ""
    )


def test_call_announces_a_synthetic_voice_to_the_voter_once() -> None:
    prompts = {
        "hi/common/goodbye": make_listed_prompt(make_entry(voice=Voice.DRAFT)),
        "hi/common/greeting": make_listed_prompt(make_entry()),
        "hi/label/synthetic": make_listed_prompt(make_entry(voice=Voice.DRAFT)),
    }
    labelled = make_call_prompts(prompts, label=True)
    assert labelled.find_sound_files(PromptRef(PromptKind.TEXT, "common.greeting"), "hi") == [
        "matdan/hi/common/greeting"
    ]
    assert labelled.find_sound_files(GOODBYE, "hi") == ["matdan/hi/label/synthetic", "matdan/hi/common/goodbye"]
    assert labelled.find_sound_files(GOODBYE, "hi") == ["matdan/hi/common/goodbye"]
    assert make_call_prompts(prompts).find_sound_files(GOODBYE, "hi") == ["matdan/hi/common/goodbye"]


def test_synthetic_prompts_are_not_played_if_their_required_announcement_is_blocked() -> None:
    prompts = {
        "hi/common/goodbye": make_listed_prompt(make_entry(voice=Voice.DRAFT)),
        "hi/common/greeting": make_listed_prompt(make_entry()),
        "hi/label/synthetic": make_listed_prompt(make_entry(voice=Voice.DRAFT), on_disk=False),
    }
    why = make_call_prompts(prompts, label=True).find_reason_sound_is_blocked("matdan/hi/common/goodbye")
    assert why == "is a synthetic voice, but its announcement hi/label/synthetic may not be played"
    assert make_call_prompts(prompts, label=True).find_reason_sound_is_blocked("matdan/hi/common/greeting") is None
    assert make_call_prompts(prompts).find_reason_sound_is_blocked("matdan/hi/common/goodbye") is None


async def test_blocked_prompt_is_skipped_in_a_call_and_logged_once() -> None:
    prompts = make_call_prompts(
        {
            "hi/common/greeting": make_listed_prompt(make_entry()),
            "hi/turnout/question": make_listed_prompt(make_entry(), on_disk=False),
        }
    )

    async def commit(_: object) -> bool:
        return True

    scripted = ScriptedCall(["", "", ""])
    with capture_logs() as logs:
        await run_flow(scripted, FLOWS["turnout"], FACTS, "hi", prompts=prompts, commit=commit)
    assert [name for name in scripted.journal if name.startswith("matdan/")] == ["matdan/hi/common/greeting"]
    told = [log["sound"] for log in logs if log["event"] == "sound.missing"]
    assert told.count("matdan/hi/turnout/question") == 1  # asked three times
    assert len(told) == len(set(told))


@pytest.fixture
def site(tmp_path: Path) -> PlaylistReader:
    places = AudioDirectories(tmp_path / "recordings", tmp_path / "sounds")
    name = PromptName("", "hi", "common/goodbye")
    places.get_sound_path(name, SoundFormat.ALAW).parent.mkdir(parents=True)
    places.get_sound_path(name, SoundFormat.ALAW).write_bytes(b"sound")
    write_catalogue(tmp_path / "catalogue", {name: make_entry()})
    return PlaylistReader(tmp_path / "catalogue", places, PlayRules())


def test_sound_catalogue_reader_detects_each_change_and_hashes_no_file_twice(
    site: PlaylistReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = PromptName("", "hi", "common/goodbye")
    hashed: list[Path] = []

    def hash_and_record_file(path: Path) -> str | None:
        hashed.append(path)
        return hash_file(path)

    monkeypatch.setattr("dialer.audio.playlist.hash_file", hash_and_record_file)
    assert site.read_playlist().find_reason_sound_is_blocked(name, TODAY) is None
    assert site.read_playlist().find_reason_sound_is_blocked(name, TODAY) is None
    sound = site.places.get_sound_path(name, SoundFormat.ALAW)
    assert hashed == [sound]
    sound.write_bytes(b"another")
    assert "was changed on disk after it was prepared" in (
        site.read_playlist().find_reason_sound_is_blocked(name, TODAY) or ""
    )
    write_catalogue(site.catalogue, {name: make_entry(b"another")})
    assert site.read_playlist().find_reason_sound_is_blocked(name, TODAY) is None
    stray = site.places.get_sound_path(name, SoundFormat.SLIN16)  # that the switch might choose instead
    stray.write_bytes(b"another")
    assert site.read_playlist().find_reason_sound_is_blocked(name, TODAY) is not None
    stray.unlink()
    sound.unlink()
    assert "has no sound on disk" in (site.read_playlist().find_reason_sound_is_blocked(name, TODAY) or "")


def test_playlist_reader_reads_the_status_of_existing_sound_files_only(
    site: PlaylistReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def look(path: str) -> tuple[int, int, int]:
        looked_at.append(path)
        return 0, 0, 0

    sound = site.places.get_sound_path(PromptName("", "hi", "common/goodbye"), SoundFormat.ALAW)
    sound.with_suffix(".txt").write_text("not a sound", encoding="utf-8")
    monkeypatch.setattr("dialer.audio.playlist._read_file_time_size_and_inode", look)
    site.read_playlist()
    assert [path for path in looked_at if path.startswith(str(site.places.sounds))] == [str(sound)]


def test_changed_sound_is_detected_in_a_folder_that_cannot_be_listed(
    site: PlaylistReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = PromptName("", "hi", "common/goodbye")
    folder = str(site.places.get_sound_path(name, SoundFormat.ALAW).parent)
    list_folder = os.listdir

    def refuse_to_list_sounds(path: str) -> list[str]:
        if path == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return list_folder(path)

    monkeypatch.setattr(os, "listdir", refuse_to_list_sounds)
    assert site.read_playlist().find_reason_sound_is_blocked(name, TODAY) is None
    site.places.get_sound_path(name, SoundFormat.ALAW).write_bytes(b"another")
    assert "was changed on disk" in (site.read_playlist().find_reason_sound_is_blocked(name, TODAY) or "")


class Noon:
    def now(self) -> float:
        return 1_795_500_000.0  # 2026-11-24 06:00 UTC

    def monotonic(self) -> float:
        return 0.0

    def get_seconds_since_boot(self) -> float:
        return 0.0


@virtual_time()
async def test_running_centre_reloads_a_changed_sound_catalogue_but_not_a_damaged_catalogue(
    site: PlaylistReader,
) -> None:
    prompts = SitePrompts(site, Noon(), ZoneInfo("Asia/Kolkata"), load_shipped_texts)
    await prompts.reload_catalogue()
    sound = "matdan/hi/common/goodbye"
    assert prompts.get_prompts_for_call("town").find_reason_sound_is_blocked(sound) is None
    assert prompts.get_prompts_for_call("town").today == TODAY
    with capture_logs() as logs:
        task = asyncio.create_task(prompts.reload_catalogue_regularly())
        (site.catalogue / "hi.toml").write_text("damaged")
        await asyncio.sleep(100)
        assert prompts.get_prompts_for_call("town").find_reason_sound_is_blocked(sound) is None
        (site.catalogue / "hi.toml").unlink()
        with open_catalogue_for_changes(site.catalogue):
            pass
        await asyncio.sleep(40)
        assert prompts.get_prompts_for_call("town").find_reason_sound_is_blocked(sound) is not None
        task.cancel()
    assert [log["event"] for log in logs] == ["catalogue.unreadable"]


@virtual_time()
async def test_sounds_are_still_played_while_the_sound_catalogue_is_briefly_missing(
    site: PlaylistReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is renamed, as by a checkout. Then one of its folders disappears while it is read."""
    (site.catalogue / "campaign/town").mkdir(parents=True)
    prompts = SitePrompts(site, Noon(), ZoneInfo("Asia/Kolkata"), load_shipped_texts)
    await prompts.reload_catalogue()
    sound = "matdan/hi/common/goodbye"
    scandir = os.scandir

    def scan_vanished_folder(path: str) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "town":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return scandir(path)

    with capture_logs() as logs:
        task = asyncio.create_task(prompts.reload_catalogue_regularly())
        site.catalogue.rename(site.catalogue.with_name("away"))
        await asyncio.sleep(100)
        assert prompts.get_prompts_for_call("town").find_reason_sound_is_blocked(sound) is None
        site.catalogue.with_name("away").rename(site.catalogue)
        await asyncio.sleep(40)
        assert prompts.get_prompts_for_call("town").find_reason_sound_is_blocked(sound) is None
        with monkeypatch.context() as checkout:
            checkout.setattr(os, "scandir", scan_vanished_folder)
            await asyncio.sleep(100)
        assert prompts.get_prompts_for_call("town").find_reason_sound_is_blocked(sound) is None
        with open_catalogue_for_changes(site.catalogue) as entries:  # which is meant
            entries.clear()
        await asyncio.sleep(40)
        assert prompts.get_prompts_for_call("town").find_reason_sound_is_blocked(sound) is not None
        assert not task.done()
        task.cancel()
    gone = f"{site.catalogue}: the catalogue has disappeared; restore the directory and its files"
    assert [log["error"] for log in logs][:1] == [gone]
    assert "campaign/town: the folder cannot be read (No such file or directory)" in logs[1]["error"]
    assert len(logs) == 2


def test_unmounted_directory_of_sounds_is_not_read_as_an_empty_catalogue(site: PlaylistReader) -> None:
    """A lost mount leaves an empty directory."""
    name = PromptName("", "hi", "common/goodbye")
    assert site.read_playlist().find_reason_sound_is_blocked(name, TODAY) is None
    site.catalogue.rename(site.catalogue.with_name("away"))
    site.catalogue.mkdir()
    for _ in range(2):
        with pytest.raises(CatalogueError, match="has disappeared; restore the directory and its files"):
            site.read_playlist()
    site.catalogue.rmdir()
    site.catalogue.with_name("away").rename(site.catalogue)
    assert site.read_playlist().find_reason_sound_is_blocked(name, TODAY) is None


async def test_blocked_shared_prompt_requested_twice_is_logged_once(site: PlaylistReader) -> None:
    prompts = SitePrompts(site, Noon(), ZoneInfo("Asia/Kolkata"), load_shipped_texts)
    await prompts.reload_catalogue()
    assert prompts.is_shared_sound_allowed_now("matdan/hi/common/goodbye")
    with capture_logs() as logs:
        assert not prompts.is_shared_sound_allowed_now("matdan/hi/recording/message")
        assert not prompts.is_shared_sound_allowed_now("matdan/hi/recording/message")
    assert [log["sound"] for log in logs] == ["matdan/hi/recording/message"]


def test_site_without_a_catalogue_plays_sounds_at_their_default_paths(tmp_path: Path) -> None:
    neutral = load_profile("neutral")
    assert create_site_prompts_if_catalogue_exists(Settings(), neutral, Noon(), load_shipped_texts) is None
    with_one = Settings.model_validate({"audio": {"catalogue": str(tmp_path / "catalogue")}})
    assert create_site_prompts_if_catalogue_exists(with_one, neutral, Noon(), load_shipped_texts) is not None


async def test_dialler_does_not_start_with_a_damaged_catalogue(site: PlaylistReader) -> None:
    (site.catalogue / "hi.toml").write_text("damaged")
    with pytest.raises(CatalogueError):
        await SitePrompts(site, Noon(), ZoneInfo("UTC"), load_shipped_texts).reload_catalogue()


def test_sound_files_are_checked_against_the_catalogues_hash_before_playing(
    site: PlaylistReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of sounds a call plays five. Each is hashed once on first use, and changed sounds are blocked."""
    names = [PromptName("", "hi", f"common/sound_{n}") for n in range(4)]
    for name in names:
        site.places.get_sound_path(name, SoundFormat.ALAW).write_bytes(b"sound")
    write_catalogue(site.catalogue, {name: make_entry() for name in names})
    hashed: list[str] = []

    def hash_and_record_file(path: Path) -> str | None:
        hashed.append(path.stem)
        return hash_file(path)

    monkeypatch.setattr("dialer.audio.playlist.hash_file", hash_and_record_file)
    playlist = site.read_playlist()
    assert hashed == []
    site.places.get_sound_path(names[1], SoundFormat.ALAW).write_bytes(b"another")
    for _ in range(3):
        assert playlist.find_reason_sound_is_blocked(names[0], TODAY) is None
        assert (
            playlist.find_reason_sound_is_blocked(names[1], TODAY)
            == "was changed on disk after it was prepared; run dialer audio prepare"
        )
    assert hashed == ["sound_0", "sound_1"]
    site.hash_all_sounds(playlist)
    assert hashed == ["sound_0", "sound_1", "sound_2", "sound_3"]
    again = site.read_playlist()  # one was changed after it had been looked at
    site.hash_all_sounds(again)
    assert site.read_playlist() is again, "nothing has changed: neither parsed nor hashed again"
    assert len(hashed) == 4
