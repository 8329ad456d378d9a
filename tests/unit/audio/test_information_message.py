"""The information message: draft or recording, in the centre's language, under the name that the dialplan plays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer import content
from dialer.audio.catalogue import Voice, read_catalogue
from dialer.audio.errors import AudioError
from dialer.audio.information_message import (
    INFORMATION,
    MESSAGE_SOUND,
    MessageState,
    find_missing_sounds,
    install_information_message,
)
from dialer.audio.names import AudioDirectories, PromptName
from dialer.audio.tones import SILENCE, TONES, write_agent_tones
from dialer.audio.words import load_spoken_words
from dialer.cli.audio import app
from dialer.domain.finding import Finding, Level
from dialer.flows.spoken import collect_information_message_to_record, collect_prompts_to_record_for_texts
from dialer.flows.texts import Texts, load_shipped_texts, merge_text_collections
from dialer.settings.site import load_settings
from dialer.simulation.asterisk.core import MESSAGE_SOUND as SIMULATED_MESSAGE
from dialer.site.checks.before_start import check_site
from tests.support.one_process import work_in_one_process
from tests.support.recordings import speech, write_recording

HINDI = PromptName("", "hi", INFORMATION)
SEAT = '[[seats]]\nname = "01"\nendpoint = "agent01"\n'


@pytest.fixture(autouse=True)
def _work_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    work_in_one_process(monkeypatch)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "centre.toml").write_text(
        '[centre]\norganisation = "Example Seva"\nlanguage = "hi"\n'
        '[audio]\ncatalogue = "catalogue"\nformats = ["alaw", "sln16"]\nworkers = 1\n' + SEAT
    )
    (tmp_path / "texts").mkdir()
    return tmp_path


def run_audio(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "-c", "centre.toml"])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def make_message_draft(monkeypatch: pytest.MonkeyPatch) -> str:
    """Run `dialer audio drafts` for the message only, which is quick."""
    monkeypatch.setattr("dialer.flows.spoken.collect_prompts_to_record_for_texts", lambda *_: {})
    monkeypatch.setattr("dialer.flows.spoken.collect_prompts_to_record_for_numbers", lambda *_: {})
    monkeypatch.setattr("dialer.flows.spoken.collect_prompts_to_record_for_names", lambda *_: {})
    return run_audio("drafts")


def read_sounds(site: Path, name: str) -> dict[str, bytes]:
    paths = (site / "sounds/matdan").glob(f"{name}.*")
    return {path.suffix[1:]: path.read_bytes() for path in sorted(paths)}


def test_dialplan_and_simulation_play_the_installed_information_message() -> None:
    template = content.CONFIG / "asterisk/dialplan/voters.conf.j2"
    assert re.findall(r"Playback\((.*?)\)", template.read_text(encoding="utf-8")) == [MESSAGE_SOUND]
    assert SIMULATED_MESSAGE == MESSAGE_SOUND


@pytest.mark.parametrize("language", load_shipped_texts().list_languages_with_texts())
def test_information_message_names_the_caller_and_asks_for_no_key_press(language: str) -> None:
    ((name, words),) = collect_information_message_to_record(language, "Example Seva", load_shipped_texts()).items()
    assert name == PromptName("", language, INFORMATION)
    assert "Example Seva" in words
    assert not any(letter.isdigit() or letter in "{}" for letter in words)
    assert not [
        each
        for each in collect_prompts_to_record_for_texts(load_shipped_texts(), [language])
        if each.name.startswith("message/")
    ]


def test_language_without_an_information_message_uses_the_english_message() -> None:
    (name,) = collect_information_message_to_record("zz", "Example Seva", load_shipped_texts())
    assert name.language == "en"
    assert collect_information_message_to_record("hi", "Example Seva", Texts({})) == {}
    own = merge_text_collections(
        [load_shipped_texts(), Texts({"hi": {"message.information": "{organisation} {closes_at}"}})]
    )
    assert (
        collect_information_message_to_record("hi", "Example Seva", own) == {}
    )  # a value that nobody knows when no call is there


def test_draft_of_the_information_message_uses_the_centres_language_and_formats(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "1 drafts created" in make_message_draft(monkeypatch)
    entries = read_catalogue(site / "catalogue")
    assert set(entries) == {HINDI}
    assert entries[HINDI].voice is Voice.DRAFT
    assert "Example Seva" in entries[HINDI].text
    words = load_spoken_words("hi")
    assert words is not None
    assert entries[HINDI].text.startswith(
        words.label
    )  # the neutral profile wants a computer's voice to say that it is one
    message = read_sounds(site, "message")
    assert set(message) == {"alaw", "sln16"}
    assert message == read_sounds(site, "hi/message/information")
    assert "hi/message/information" in run_audio("list", "--drafts")

    # Run again it stays; taken away it comes back; under another name it is spoken anew.
    (site / "sounds/matdan/message.alaw").unlink()
    assert "1 unchanged" in make_message_draft(monkeypatch)
    assert read_sounds(site, "message") == message
    config_file = site / "centre.toml"
    config_file.write_text(config_file.read_text().replace("Example Seva", "Example Sangathan"))
    assert "1 drafts created" in make_message_draft(monkeypatch)
    assert read_sounds(site, "message") == read_sounds(site, "hi/message/information") != message


@pytest.mark.parametrize("recording", ["hi/message.information.mp3", "hi/message/information.wav"])
def test_recorded_information_message_replaces_the_synthetic_draft(
    site: Path, monkeypatch: pytest.MonkeyPatch, recording: str
) -> None:
    make_message_draft(monkeypatch)
    draft = read_sounds(site, "message")
    write_recording(site / "recordings" / recording, speech(0.5, 44_100), 44_100)
    assert "1 prepared" in run_audio("prepare")
    entry = read_catalogue(site / "catalogue")[HINDI]
    assert (entry.voice, entry.source) == (Voice.HUMAN, recording)
    assert "Example Seva" in entry.text
    recorded = read_sounds(site, "message")
    assert recorded == read_sounds(site, "hi/message/information") != draft
    assert "1 have recordings" in make_message_draft(monkeypatch)
    assert read_sounds(site, "message") == recorded


@pytest.mark.parametrize("suffix", ["wav", "gsm"])
def test_information_message_file_of_the_site_is_replaced_only_by_a_recording(
    site: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    by_hand = site / f"sounds/matdan/message.{suffix}"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"spoken by a person")
    assert "a file that was installed by hand stays" in make_message_draft(monkeypatch)
    assert read_sounds(site, "message") == {suffix: b"spoken by a person"}
    write_recording(site / "recordings/hi/message/information.mp3", speech(0.5, 44_100), 44_100)
    run_audio("prepare")
    assert {"alaw", "sln16"} <= set(read_sounds(site, "message"))
    assert by_hand.is_file() is (suffix == "gsm")  # no kind of ours


def test_removing_a_translated_information_message_installs_the_english_message(site: Path) -> None:
    for language, seed in (("en", 1), ("hi", 2)):
        write_recording(site / f"recordings/{language}/message/information.wav", speech(0.5, 16_000, seed=seed), 16_000)
    run_audio("prepare")
    english, hindi = read_sounds(site, "en/message/information"), read_sounds(site, "hi/message/information")
    assert read_sounds(site, "message") == hindi != english
    run_audio("remove", "hi/message/information")
    assert read_sounds(site, "message") == english
    run_audio("remove", "en/message/information")
    assert read_sounds(site, "message") == {}


def test_sound_changed_after_preparation_is_not_installed_as_information_message(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_message_draft(monkeypatch)
    before = read_sounds(site, "message")
    (site / "sounds/matdan/hi/message/information.alaw").write_bytes(b"something else")
    entries = read_catalogue(site / "catalogue")
    places = AudioDirectories(site / "recordings", site / "sounds")
    assert install_information_message(places, entries, entries, ("hi", "en")) is MessageState.NONE
    assert read_sounds(site, "message") == before


def test_unwritable_sounds_directory_gives_a_one_line_error(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_message_draft(monkeypatch)
    (site / "sounds/matdan/message.alaw").unlink()
    (site / "sounds/matdan/message.alaw").mkdir()
    (site / "sounds/matdan/message.alaw/x").touch()
    entries = {HINDI: read_catalogue(site / "catalogue")[HINDI].model_copy(update={"voice": Voice.HUMAN})}
    with pytest.raises(AudioError, match="cannot be installed") as error:
        install_information_message(AudioDirectories(site / "recordings", site / "sounds"), entries, entries, ("hi",))
    assert "\n" not in str(error.value)


async def list_findings(*whats: str) -> list[Finding]:
    settings = load_settings(Path("centre.toml"))
    return [finding async for finding in check_site(settings) if finding.subject in whats]


async def test_dialer_check_reports_sounds_missing_in_asterisk(site: Path) -> None:
    with (site / "centre.toml").open("a") as file:
        file.write("[ami]\nport = 1\n[fastagi]\nport = 0\n[broker]\nenabled = false\n")
    message, tones = await list_findings("information message", "tones")
    assert (message.level, tones.level) == (Level.ERROR, Level.ERROR)
    assert "an abandoned caller hears nothing" in message.text
    assert all(name in tones.text for name in TONES)
    assert "the voter is disconnected" in tones.text

    write_agent_tones(site / "sounds")
    (site / "sounds/matdan/message.gsm").write_bytes(b"x")
    message, tones = await list_findings("information message", "tones")
    assert (message.level, tones.level) == (Level.OK, Level.OK)

    (site / f"sounds/{SILENCE}.wav").rename(site / "sounds/matdan/.half-done-silence.wav")
    assert find_missing_sounds(site / "sounds", TONES) == [SILENCE]
    (site / "sounds/matdan/beep.wav").unlink()
    (tones,) = await list_findings("tones")
    assert "matdan/beep, matdan/silence: if an agent's phone fails" in tones.text


async def test_dialer_check_skips_asterisk_sounds_for_a_site_without_asterisk(site: Path) -> None:
    (site / "centre.toml").write_text("[fastagi]\nport = 0\n[broker]\nenabled = false\n")
    assert await list_findings("information message", "tones") == []
