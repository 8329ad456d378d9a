"""`dialer audio ...` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.audio.errors import AudioError
from dialer.audio.information_message import INFORMATION as MESSAGE
from dialer.audio.names import PromptName
from dialer.audio.words import load_spoken_words
from dialer.cli.audio import app
from dialer.errors import SettingError
from dialer.flows.model import PromptKind
from dialer.flows.sounds import make_sound_name_for_spoken_name
from dialer.flows.spoken import collect_information_message_to_record
from dialer.flows.texts import load_shipped_texts
from dialer.settings.site import load_settings
from tests.support.certified import catalogue_entry, list_prompts, write_prompts
from tests.support.command_line import run
from tests.support.one_process import work_in_one_process
from tests.support.recordings import speech, write_recording

INFORMATION = PromptName("", "hi", MESSAGE)


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    work_in_one_process(monkeypatch)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "recordings/hi/recording/message.mp3", speech(0.5, 44_100), 44_100)
    (tmp_path / "centre.toml").write_text(
        '[audio]\ncatalogue = "catalogue"\nformats = ["alaw"]\nworkers = 1\ncertified_recordings = true\n'
    )
    return tmp_path


def audio(*arguments: str) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, [*arguments, "-c", "centre.toml"])
    return result.exit_code, result.output, result.exception


def list_catalogue(*arguments: str) -> list[dict[str, object]]:
    code, output, _ = audio("list", "--json", *arguments)
    assert code == 0
    found = json.loads(output)
    assert isinstance(found, list)
    return found


def test_changed_recording_loses_its_certificate_and_is_not_played(site: Path) -> None:
    (site / "recordings/hi/recording/words.mp3").write_text("words, words, words")
    code, output, _ = audio("prepare")
    assert code == 1
    assert "hi/recording/words.mp3: the file is not a recording but text" in output
    assert "1 prepared, 0 unchanged, 1 failed" in output
    (site / "recordings/hi/recording/words.mp3").unlink()
    code, output, _ = audio("prepare")
    assert (code, output.strip()) == (0, "0 prepared, 1 unchanged, 0 failed")

    (row,) = list_catalogue()
    assert row["prompt"] == "hi/recording/message"
    assert row["may_play"] is False
    assert "has no certificate" in str(row["why_not"])

    code, output, _ = audio(
        "approve", "hi/recording/message", "--by", "A. Person", "--certificate", "MCMC/7", "--valid-until", "2099-01-31"
    )
    assert (code, output.strip()) == (0, "hi/recording/message: approved")
    (row,) = list_catalogue()
    assert row["may_play"] is True
    assert (row["approved_by"], row["certificate"], row["valid_until"]) == ("A. Person", "MCMC/7", "2099-01-31")

    write_recording(site / "recordings/hi/recording/message.mp3", speech(0.5, 44_100, seed=9), 44_100)
    assert audio("prepare")[0] == 0
    (row,) = list_catalogue()
    assert "is not the recording to which certificate MCMC/7 was issued" in str(row["why_not"])
    code, output, _ = audio("list")
    assert "is not the recording" in " ".join(output.split())


def test_sound_file_changed_after_preparation_may_not_be_played(site: Path) -> None:
    audio("prepare")
    audio("approve", "hi/recording/message", "--by", "A", "--certificate", "1")
    assert list_catalogue()[0]["may_play"] is True
    (site / "sounds/matdan/hi/recording/message.alaw").write_bytes(b"\xd5" * 8000)
    assert "was changed on disk after it was prepared" in str(list_catalogue()[0]["why_not"])


def test_prompt_whose_certificate_is_for_another_recording_is_not_played(site: Path) -> None:
    audio("prepare")
    code, output, _ = audio(
        "approve", "hi/recording/message", "--by", "A", "--certificate", "1", "--sha256", "ab" * 32, "--synthetic"
    )
    assert code == 0
    assert "but it may not be played: it is not the recording" in output
    assert list_catalogue()[0]["voice"] == "synthetic"


def test_audio_approve_command_with_a_flow_certifies_all_prompts_of_the_flow(site: Path) -> None:
    """Approval covers texts and recordings of the flow and its subflows, and the campaign's own prompts instead of shared ones."""
    own = PromptName("town", "hi", "recording/campaign_message")
    entries = {name: catalogue_entry() for name in [*list_prompts("material"), own, PromptName("", "hi", "number/7")]}
    write_prompts(site, entries)
    certificate = ("--by", "A. Person", "--certificate", "MCMC/9", "--valid-until", "2099-01-31")
    code, output, _ = audio("approve", "--flow", "material", "-l", "hi", "--campaign", "town", *certificate)
    assert code == 0, output
    certified = {str(row["prompt"]) for row in list_catalogue() if row["certificate"] == "MCMC/9"}
    shared = {name.relative_prompt_path for name in list_prompts("material")} - {"hi/recording/campaign_message"}
    assert certified == shared | {"campaign/town/hi/recording/campaign_message"}
    assert "hi/number/7: approved" not in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "A"], "give either names of prompts, or --flow"),
        (["hi/recording/message", "--flow", "material", "--by", "A"], "give either names of prompts, or --flow"),
        (["--flow", "material", "--by", "A"], "add --language"),
        (["--flow", "material", "-l", "hi", "--by", "A"], "is not in the catalogue"),
        (["hi/recording/none", "--by", "A"], "is not in the catalogue"),
        (["../../etc/passwd", "--by", "A"], "is not the name of a prompt"),
        (["hi/recording/message", "--by", " "], "give the name of the person"),
        (["hi/recording/message", "--by", "A", "--sha256", "ab" * 32], "need --certificate"),
        (["hi/recording/message", "--by", "A", "--certificate", "1", "--sha256", "x"], "cannot be approved"),
        (["hi/recording/message", "--by", "A", "--certificate", "1\n2"], "cannot be approved"),
    ],
)
def test_invalid_approval_of_a_recording_is_refused_and_changes_nothing(
    site: Path, arguments: list[str], words: str
) -> None:
    audio("prepare")
    before = (site / "catalogue/hi.toml").read_bytes()
    _, _, error = audio("approve", *arguments)
    assert isinstance(error, AudioError)
    assert words in str(error)
    assert "\n" not in str(error)
    assert (site / "catalogue/hi.toml").read_bytes() == before


def test_audio_check_command_reports_missing_uncertified_and_outdated_prompts(site: Path) -> None:
    audio("prepare")
    write_recording(site / "recordings/hi/common/goodbye.mp3", speech(0.5, 44_100), 44_100)
    audio("prepare")
    (site / "texts").mkdir()
    (site / "texts/hi.yaml").write_text('common.goodbye: "फिर मिलेंगे।"\n', encoding="utf-8")
    code, output, _ = audio("check", "-l", "hi", "--texts", "texts")
    assert code == 1
    assert "hi/recording/message: has no certificate" in output
    assert "hi/turnout/question: is missing" in output
    assert "hi/common/goodbye: the text has changed since" in output
    assert "ta/" not in output
    with (site / "centre.toml").open("a") as file:
        file.write('[flows]\ntexts = "texts"\n')
    assert audio("check", "-l", "hi")[1] == output


def test_audio_check_command_requires_prompts_in_the_languages_of_agents_and_catalogue(site: Path) -> None:
    write_recording(site / "recordings/ta/common/goodbye.mp3", speech(0.5, 44_100), 44_100)
    audio("prepare")
    looked = {line.partition("/")[0] for line in audio("check")[1].splitlines()}
    assert {"ur", "bn", "en"} <= looked  # neither agents nor roll name languages
    with (site / "centre.toml").open("a") as file:
        file.write(
            '[centre]\nlanguage = "hi"\n[[seats]]\nname = "01"\nendpoint = "agent01"\nlanguages = ["hi", "mr"]\n'
        )
    looked = {line.partition("/")[0] for line in audio("check")[1].splitlines() if ": is missing" in line}
    assert looked == {"hi", "mr", "ta"}


def test_audio_check_command_requires_prompts_in_the_languages_of_the_roll(site: Path) -> None:
    with (site / "centre.toml").open("a") as file:
        file.write('[centre]\nlanguage = "hi"\n[[campaigns]]\nid = "calls"\nkind = "ivr"\nflow = "turnout"\n')
        file.write('[store]\npath = "centre.db"\n')
    (site / "roll.csv").write_text("AC_NO,PART_NO,SLNO,LANGUAGE,MOBILE\n1,1,1,bn,9812345601\n1,1,2,mr,9812345602\n")

    def list_languages_with_missing_prompts() -> set[str]:
        return {line.partition("/")[0] for line in audio("check")[1].splitlines() if ": is missing" in line}

    assert {"ur", "ta"} <= list_languages_with_missing_prompts()  # no roll yet
    assert run("import", "roll.csv", "-c", "centre.toml")[0] == 0
    assert list_languages_with_missing_prompts() == {"hi", "bn", "mr"}


def test_audio_check_command_requires_a_prompt_for_the_organisations_name(site: Path) -> None:
    name = make_sound_name_for_spoken_name(PromptKind.NAME, "Example Seva", "hi").removeprefix("matdan/")
    with (site / "centre.toml").open("a") as file:
        file.write('[centre]\norganisation = "Example Seva"\n')
    assert f"{name}: is missing" in audio("check", "-l", "hi")[1]
    write_recording(site / f"recordings/{name}.mp3", speech(0.5, 44_100), 44_100)
    assert audio("prepare")[0] == 0
    assert name not in audio("check", "-l", "hi")[1]
    assert next(row["text"] for row in list_catalogue() if row["prompt"] == name) == "Example Seva"


def test_recording_of_an_outdated_text_is_reported_again_after_every_preparation(site: Path) -> None:
    (site / "texts").mkdir()
    (site / "texts/hi.yaml").write_text('errand.ask: "Polls close at six."\n')
    write_recording(site / "recordings/hi/errand/ask.wav", speech(0.5, 8_000), 8_000)
    audio("prepare", "--texts", "texts")
    (site / "texts/hi.yaml").write_text('errand.ask: "Polls close at seven."\n')
    config = site / "centre.toml"
    config.write_text(config.read_text().replace('["alaw"]', '["alaw", "sln16"]'))
    assert "2 prepared" in audio("prepare", "--texts", "texts")[1]
    assert "2 prepared" in audio("prepare", "--all", "--texts", "texts")[1]
    finding = "hi/errand/ask: the text has changed since"
    assert finding in audio("check", "-l", "hi", "--texts", "texts")[1]

    # A recording that says the new text all the same is accepted after its prompt was removed.
    audio("remove", "hi/errand/ask")
    audio("prepare", "--texts", "texts")
    assert finding not in audio("check", "-l", "hi", "--texts", "texts")[1]


def test_approved_draft_is_not_reported_as_a_missing_recording(site: Path) -> None:
    """The information message is included: its draft begins with the label "a computer speaks", approved or not."""
    text = collect_information_message_to_record("hi", "Example Seva", load_shipped_texts())[INFORMATION]
    words = load_spoken_words("hi")
    assert words is not None
    with (site / "centre.toml").open("a") as file:
        file.write('[centre]\norganisation = "Example Seva"\nlanguage = "hi"\n')
    spoken = catalogue_entry(voice="draft", source="espeak-ng 1.52.0 hi", text=f"{words.label} {text}")
    write_prompts(site, {INFORMATION: spoken})
    _, _, refused = audio("approve", INFORMATION.relative_prompt_path, "--by", "A. Person")
    assert "approve the draft with --synthetic" in str(refused)
    assert audio("approve", INFORMATION.relative_prompt_path, "--by", "A. Person", "--synthetic")[0] == 0
    assert INFORMATION.relative_prompt_path not in audio("check", "-l", "hi")[1]
    config = (site / "centre.toml").read_text()
    (site / "centre.toml").write_text(config.replace("Example Seva", "Another Seva"))
    finding = f"{INFORMATION.relative_prompt_path}: the text has changed since; run dialer audio drafts or record it"
    assert finding in audio("check", "-l", "hi")[1]
    (site / "centre.toml").write_text(config)

    assert "the sound catalogue has no recordings" in str(audio("picture")[2])
    assert audio("picture", INFORMATION.relative_prompt_path)[0] == 0
    svg = (site / f"pictures/{INFORMATION.relative_prompt_path}.svg").read_text(encoding="utf-8")
    assert "spoken by espeak-ng 1.52.0 hi" in svg
    assert "SYNTHETIC" in svg
    assert "until it is recorded" not in svg


def test_symbolic_link_in_the_folder_of_recordings_is_rejected(site: Path) -> None:
    (site / "recordings/en").symlink_to(site)
    code, output, _ = audio("prepare")
    assert code == 1
    assert "en: is a symbolic link that does not lead to a file; replace it by the files" in output
    assert "1 prepared, 0 unchanged, 1 failed" in output


def test_audio_remove_command_deletes_a_prompt_and_its_sounds_but_not_the_recording(site: Path) -> None:
    audio("prepare")
    code, output, _ = audio("remove", "hi/recording/message")
    assert code == 0
    assert output.strip() == (
        "hi/recording/message: removed; `dialer audio prepare` adds it again unless you delete"
        " recordings/hi/recording/message.mp3"
    )
    assert list_catalogue() == []
    assert not list((site / "sounds").rglob("*.alaw"))
    assert isinstance(audio("remove", "hi/recording/message")[2], AudioError)


def test_audio_check_command_reports_a_missing_recording_file(site: Path) -> None:
    audio("prepare")
    (site / "recordings/hi/recording/message.mp3").unlink()
    assert "recording hi/recording/message.mp3 is missing" in audio("check", "-l", "hi")[1]


def test_settings_that_require_certified_recordings_need_a_sound_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text("[audio]\ncertified_recordings = true\n")
    with pytest.raises(SettingError, match="certified_recordings needs a catalogue"):
        load_settings(path)
    path.write_text('[audio]\nformats = ["alaw", "alaw"]\n')
    with pytest.raises(SettingError, match="formats must not repeat a format"):
        load_settings(path)


def test_recording_that_no_flow_plays_is_rejected_with_a_similar_prompt_name(site: Path) -> None:
    for slip in (
        "hi/turnout/questoin",
        "campaign/turnout-ivr/hi/turnout/question",
        "campaign/turnout/hi/turnout/question",
    ):
        write_recording(site / f"recordings/{slip}.mp3", speech(0.5, 44_100), 44_100)
    with (site / "centre.toml").open("a") as settings:
        settings.write('[[campaigns]]\nid = "turnout-ivr"\nkind = "ivr"\nflow = "turnout"\n')
    code, message, _ = audio("prepare")
    assert code == 1
    refused = {line for line in message.splitlines() if ".mp3: " in line}
    assert refused == {
        "campaign/turnout/hi/turnout/question.mp3: campaign 'turnout' is not in the settings;"
        " did you mean turnout-ivr?",
        "hi/recording/message.mp3: no flow plays recording/message; did you mean recording/campaign_message?",
        "hi/turnout/questoin.mp3: no flow plays turnout/questoin; did you mean turnout/question?",
    }
    assert "1 prepared, 0 unchanged, 3 failed" in message


def test_audio_check_command_reports_a_catalogue_entry_that_no_flow_plays(site: Path) -> None:
    write_prompts(site, {PromptName("", "hi", "turnout/questoin"): catalogue_entry()})
    code, message, _ = audio("check", "-l", "hi")
    assert code == 1
    assert "hi/turnout/questoin: no flow plays turnout/questoin; did you mean turnout/question?" in message


def test_recordings_for_a_flow_written_by_the_site_are_prepared(site: Path) -> None:
    (site / "own.yaml").write_text(
        "flow: own\npurpose: information\nstart: hello\nnodes:\n"
        "  hello: {say: [{recording: candidate}, own.welcome], next: bye}\n"
        "  bye: {disconnect: done, say: [common.goodbye]}\n"
    )
    (site / "texts").mkdir()
    (site / "texts/hi.yaml").write_text("own.welcome: नमस्ते\n")
    with (site / "centre.toml").open("a") as settings:
        settings.write('[flows]\ntexts = "texts"\n[[campaigns]]\nid = "own"\nkind = "ivr"\nflow = "own.yaml"\n')
    (site / "recordings/hi/recording/message.mp3").rename(site / "recordings/hi/recording/candidate.mp3")
    write_recording(site / "recordings/hi/own/welcome.mp3", speech(0.5, 44_100), 44_100)
    code, message, _ = audio("prepare")
    assert (code, "2 prepared, 0 unchanged, 0 failed" in message) == (0, True), message
