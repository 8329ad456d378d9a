"""Draft voices: prompts without a recording are synthesised in every shipped language, and recordings are untouched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dialer.audio import espeak
from dialer.audio.catalogue import Entry, Voice, open_catalogue_for_changes, read_catalogue
from dialer.audio.conversion import Recipe
from dialer.audio.drafts import DraftJob, synthesise_draft, synthesise_drafts
from dialer.audio.errors import AudioError, VoiceMissing
from dialer.audio.files import hash_file
from dialer.audio.names import AudioDirectories, PromptName
from dialer.audio.prepare import Refused
from dialer.audio.words import list_languages_with_words, load_spoken_words
from dialer.cli.audio import app
from dialer.flows.model import PromptKind
from dialer.flows.sounds import make_sound_name_for_spoken_name
from dialer.settings.audio import SoundFormat
from tests.support.one_process import work_in_one_process
from tests.support.recordings import speech, write_recording

LINE = Recipe((SoundFormat.ALAW,))


@pytest.fixture(autouse=True)
def _work_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    work_in_one_process(monkeypatch)


@pytest.mark.parametrize("language", list_languages_with_words())
def test_every_shipped_language_has_a_synthetic_voice_for_drafts(language: str, tmp_path: Path) -> None:
    words = load_spoken_words(language)
    assert words is not None
    name = PromptName("", language, "label/synthetic")
    result = synthesise_draft(
        DraftJob(language, words.label, (name,), LINE, AudioDirectories(tmp_path, tmp_path / "sounds"))
    )
    assert isinstance(result, list)
    entry = result[0].entry
    assert entry.voice is Voice.DRAFT
    assert entry.text == words.label
    assert entry.source.startswith("espeak-ng ")
    assert 0.8 < entry.seconds < 6
    assert entry.loudness_lufs == pytest.approx(-19.0, abs=0.5)
    assert hash_file(tmp_path / f"sounds/{name.sound_name}.alaw") == entry.files[SoundFormat.ALAW]


@pytest.mark.parametrize(("language", "word"), [("as", "ছয়"), ("as", "ন"), ("or", "ସ୍ୱର"), ("bn", "নয়")])
def test_synthetic_voice_pronounces_a_word_instead_of_spelling_the_letters(language: str, word: str) -> None:
    """Spelt letter by letter, "ছয়" takes espeak-ng over two seconds, pronounced half a second."""
    samples, rate = espeak.synthesise_speech(word, language)
    assert len(samples) / rate < 1.2
    assert np.abs(samples).max() > 0.05


def test_text_shared_by_several_prompts_is_spoken_by_the_synthetic_voice_once(tmp_path: Path) -> None:
    places = AudioDirectories(tmp_path / "recordings", tmp_path / "sounds")
    texts = {PromptName("", "hi", name): "सात" for name in ("number/7", "digit/7", "day/7")}
    texts[PromptName("", "zz", "number/7")] = "seven"
    entries: dict[PromptName, Entry] = {}
    told: list[tuple[int, int]] = []
    report = synthesise_drafts(
        places, entries, LINE, texts, workers=1, progress=lambda *progress: told.append(progress)
    )
    assert (report.drafted, report.unchanged, report.recorded) == (3, 0, 0)
    assert [(each.source, each.reason) for each in report.refused] == [
        ("zz/number/7", "no draft voice exists for the language zz; record the prompts of this language")
    ]
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)
    assert len({entry.files[SoundFormat.ALAW] for entry in entries.values()}) == 1

    # Nothing is done twice; another text is; a recording is never overwritten.
    digit = PromptName("", "hi", "digit/7")
    entries[digit] = entries[digit].model_copy(update={"voice": Voice.HUMAN, "source": "hi/digit/7.wav"})
    changed = {PromptName("", "hi", "number/7"): "साठ", digit: "सात", PromptName("", "hi", "day/7"): "सात"}
    before = hash_file(tmp_path / "sounds/matdan/hi/digit/7.alaw")
    report = synthesise_drafts(places, entries, LINE, changed, workers=1)
    assert (report.drafted, report.unchanged, report.recorded) == (1, 1, 1)
    assert hash_file(tmp_path / "sounds/matdan/hi/digit/7.alaw") == before
    assert entries[PromptName("", "hi", "number/7")].text == "साठ"


SEVEN = PromptName("", "hi", "number/7")


def approve_entry(entry: Entry) -> Entry:
    """Return an entry as approved by `dialer audio approve --synthetic`."""
    said = {"approved_by": "A. Person", "approved_sha256": entry.source_sha256, "voice": Voice.SYNTHETIC}
    return entry.model_copy(update=said)


def run_drafts(
    tmp_path: Path, entries: dict[PromptName, Entry], text: str, recipe: Recipe = LINE
) -> tuple[int, int, int]:
    """Make drafts. Return the numbers of made, of unchanged, and of no longer approved prompts."""
    places = AudioDirectories(tmp_path / "recordings", tmp_path / "sounds")
    report = synthesise_drafts(places, entries, recipe, {SEVEN: text}, workers=1)
    return report.drafted, report.unchanged, len(report.void)


def test_approved_draft_recording_loses_its_approval_when_its_text_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # what espeak-ng says depends on what the same process said before
    entries: dict[PromptName, Entry] = {}
    run_drafts(tmp_path, entries, "सात")
    entries[SEVEN] = approve_entry(entries[SEVEN])
    before = entries[SEVEN]
    assert run_drafts(tmp_path, entries, "सात") == (0, 1, 0)
    assert entries[SEVEN] == before

    assert run_drafts(tmp_path, entries, "साठ") == (1, 0, 1)
    assert (entries[SEVEN].voice, entries[SEVEN].is_recording_approved, entries[SEVEN].text) == (
        Voice.DRAFT,
        False,
        "साठ",
    )
    assert entries[SEVEN].files != before.files
    assert entries[SEVEN].approved_by == "A. Person"  # written down, as a recording's is: it counts no more
    assert run_drafts(tmp_path, entries, "साठ") == (0, 1, 0)

    # What was approved and is said again word for word, somebody has heard.
    assert run_drafts(tmp_path, entries, "सात") == (1, 0, 0)
    assert entries[SEVEN] == before


def test_approved_draft_recording_stays_approved_when_stored_in_a_new_audio_format(tmp_path: Path) -> None:
    entries: dict[PromptName, Entry] = {}
    run_drafts(tmp_path, entries, "सात")
    entries[SEVEN] = approve_entry(entries[SEVEN])
    both = Recipe((SoundFormat.ALAW, SoundFormat.SLIN16))
    assert run_drafts(tmp_path, entries, "सात", both) == (1, 0, 0)
    assert (entries[SEVEN].voice, entries[SEVEN].is_recording_approved) == (Voice.SYNTHETIC, True)
    assert set(entries[SEVEN].files) == set(both.formats)


def test_draft_recording_remade_by_a_new_voice_version_loses_its_approval(tmp_path: Path) -> None:
    entries: dict[PromptName, Entry] = {}
    run_drafts(tmp_path, entries, "सात")
    entries[SEVEN] = approve_entry(entries[SEVEN]).model_copy(update={"source": "espeak-ng 1.40 hi"})
    assert run_drafts(tmp_path, entries, "सात") == (0, 1, 0)  # its sounds are still those that were heard
    (tmp_path / f"sounds/{SEVEN.sound_name}.alaw").unlink()
    assert run_drafts(tmp_path, entries, "सात") == (1, 0, 1)
    assert (entries[SEVEN].voice, entries[SEVEN].is_recording_approved) == (Voice.DRAFT, False)


def test_prompt_text_too_long_for_the_catalogue_gets_no_draft_recording(tmp_path: Path) -> None:
    places = AudioDirectories(tmp_path / "recordings", tmp_path / "sounds")
    name, long = PromptName("", "hi", "number/7"), PromptName("", "hi", "place/0123456789abcdef")
    catalogue = tmp_path / "catalogue"
    with open_catalogue_for_changes(catalogue) as entries:
        report = synthesise_drafts(
            places, entries, LINE, {name: "सात", long: "Town Hall, " * 500}, catalogue=catalogue, workers=1
        )
    ((source, why),) = [(each.source, each.reason) for each in report.refused]
    assert source == long.relative_prompt_path
    assert "has a text of 5,500 characters ('Town Hall, Town Hall" in why
    assert "accepts 5,000; shorten it, with one place name per line" in why
    assert (report.drafted, set(read_catalogue(catalogue))) == (1, {name})

    # What an older run left of another kind, the switch might choose: it goes where nothing is new, too.
    places.get_sound_path(name, SoundFormat.SLIN16).write_bytes(b"of before")
    with open_catalogue_for_changes(catalogue) as entries:
        assert synthesise_drafts(places, entries, LINE, {name: "सात"}, catalogue=catalogue, workers=1).unchanged == 1
    assert not places.get_sound_path(name, SoundFormat.SLIN16).exists()


def test_draft_recording_of_a_text_without_speakable_words_is_refused(tmp_path: Path) -> None:
    job = DraftJob("hi", "  ", (PromptName("", "hi", "x/y"),), LINE, AudioDirectories(tmp_path, tmp_path))
    result = synthesise_draft(job)
    assert isinstance(result, Refused)
    assert "\n" not in result.reason


def test_missing_synthetic_voices_give_one_line_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "is_espeak_installed", lambda: False)
    with pytest.raises(VoiceMissing, match=r"\.venv/bin/pip install -e '\.\[voices\]'"):
        synthesise_drafts(AudioDirectories(tmp_path, tmp_path), {}, LINE, {PromptName("", "hi", "x/y"): "सात"})


def test_audio_list_command_shows_unrecorded_prompts_as_drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one of the drafts was recorded, `list` shows the others as drafts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/xy.yaml").write_text('common.goodbye: "Goodbye."\n', encoding="utf-8")
    (tmp_path / "names.txt").write_text("Town Hall\n\n", encoding="utf-8")
    arguments = ["drafts", "-l", "xy", "--texts", "texts", "--names", "names.txt"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "0 drafts created, 0 unchanged, 0 have recordings, 3 failed" in result.output
    assert "no draft voice exists for the language xy" in result.output

    write_recording(tmp_path / "recordings/hi/common/goodbye.wav", speech(0.5, 8_000), 8_000)
    assert CliRunner().invoke(app, ["prepare"]).exit_code == 0
    assert [entry.voice for entry in read_catalogue(tmp_path / "catalogue").values()] == [Voice.HUMAN]
    assert "1 prompts, 0 of them drafts" in CliRunner().invoke(app, ["list"]).output
    assert "0 prompts" in CliRunner().invoke(app, ["list", "--drafts"]).output
    missing = CliRunner().invoke(app, ["drafts", "--names", "none.txt"])
    assert "cannot be read as UTF-8 text" in str(missing.exception)


def test_byte_order_mark_in_the_file_of_spoken_names_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for spoken in (
        "dialer.flows.spoken.collect_prompts_to_record_for_texts",
        "dialer.flows.spoken.collect_prompts_to_record_for_numbers",
        "dialer.cli.audio._get_information_message_texts",
    ):  # names alone, which is quick
        monkeypatch.setattr(spoken, lambda *_: {})
    (tmp_path / "names.txt").write_text("Town Hall\nOld Mill\n", encoding="utf-8-sig")
    result = CliRunner().invoke(app, ["drafts", "-l", "en", "--names", "names.txt"])
    assert result.exit_code == 0, result.output
    played = {make_sound_name_for_spoken_name(PromptKind.PLACE, name, "en") for name in ("Town Hall", "Old Mill")}
    assert played <= {name.sound_name for name in read_catalogue(tmp_path / "catalogue")}


def test_audio_drafts_command_reports_recordings_that_lost_approval_by_a_new_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for spoken in (
        "dialer.flows.spoken.collect_prompts_to_record_for_texts",
        "dialer.flows.spoken.collect_prompts_to_record_for_numbers",
        "dialer.cli.audio._get_information_message_texts",
    ):  # the organisation's name alone, which is quick
        monkeypatch.setattr(spoken, lambda *_: {})
    name = make_sound_name_for_spoken_name(PromptKind.NAME, "Matdan demo", "en").removeprefix("matdan/")
    run = CliRunner().invoke
    assert run(app, ["drafts", "-l", "en"]).exit_code == 0
    assert run(app, ["approve", name, "--by", "A. Person", "--synthetic"]).exit_code == 0
    assert "0 drafts created, 1 unchanged, 0 have recordings" in run(app, ["drafts", "-l", "en"]).output
    said = PromptName("", "en", name.partition("/")[2])
    monkeypatch.setattr("dialer.flows.spoken.collect_prompts_to_record_for_names", lambda *_: {said: "Matdan show"})
    told = run(app, ["drafts", "-l", "en"]).output
    assert f"{name}: the draft has changed and is no longer approved: listen to it, then approve it again" in told
    assert "1 drafts created, 0 unchanged" in told
    assert "1 of them drafts" in run(app, ["list", "--drafts"]).output


@pytest.mark.parametrize("language", ["EN", "de", "xx"])
def test_audio_drafts_command_refuses_a_language_without_prompt_texts(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, ["drafts", "-l", language]).exception
    assert isinstance(refused, AudioError)
    assert f"--language: {language!r} is unknown; use one of: as, bn, en" in str(refused)
    assert not (tmp_path / "catalogue").exists()
