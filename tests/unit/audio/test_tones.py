"""The tones for agents: duration, fades, and file format."""

from __future__ import annotations

import itertools
import wave
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.audio.tones import SAMPLES_A_SECOND, TONES, synthesise_tone, write_agent_tones
from dialer.cli.main import app
from dialer.domain.switch import SeatSound


@pytest.mark.parametrize("name", TONES)
def test_tone_for_a_pressed_key_has_the_requested_pitch_and_fades_in_and_out(name: str) -> None:
    for hertz, seconds in TONES[name]:
        samples = synthesise_tone([(hertz, seconds)])
        assert len(samples) == round(seconds * SAMPLES_A_SECOND)
        assert max(map(abs, samples)) < 12_000
        assert abs(samples[0]) < 1000
        assert abs(samples[-1]) < 1000
        crossings = sum((before < 0) != (after < 0) for before, after in itertools.pairwise(samples))
        assert crossings / (2 * seconds) == pytest.approx(hertz, abs=30)


def test_key_confirmation_tones_last_at_most_a_tenth_of_a_second() -> None:
    for sound in SeatSound:
        assert sum(seconds for _, seconds in TONES[f"matdan/{sound.value}"]) <= 0.1


def test_key_tones_are_written_as_8_khz_mono_wav_files(tmp_path: Path) -> None:
    paths = write_agent_tones(tmp_path)
    assert [path.relative_to(tmp_path).with_suffix("").as_posix() for path in paths] == list(TONES)
    with wave.open(str(paths[0]), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLES_A_SECOND)


def test_audio_tones_command_writes_the_tone_files_and_prints_their_directory(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["agent", "tones", "--to", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "matdan" / "beep.wav").is_file()
    assert len(result.output.splitlines()) == len(TONES)
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(app, ["agent", "tones", "--to", str(tmp_path / "file")])
    assert refused.exit_code != 0


def test_audio_tones_command_refuses_a_directory_whose_parent_is_missing(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["agent", "tones", "--to", str(tmp_path / "sound" / "en")])
    assert f"folder {tmp_path / 'sound'} does not exist; give the folder of Asterisk's sounds" in str(refused.exception)
    assert not (tmp_path / "sound").exists()
    made = [CliRunner().invoke(app, ["agent", "tones", "--to", str(tmp_path / "en")]).output for _ in range(2)]
    assert ["was created" in each for each in made] == [True, False]
