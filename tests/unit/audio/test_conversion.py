"""Conversion of recordings to sounds, and refusals of invalid recordings."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.audio.conversion import Recipe, Sounds, convert_recording
from dialer.audio.decoding import decode_recording
from dialer.audio.errors import RecordingRefused
from dialer.audio.filters import RESAMPLER, Samples, apply_filters_and_yield_frames, apply_filters_to_samples
from dialer.audio.formats import decode_sound, encode_sound, get_sample_rate
from dialer.audio.loudness import measure_loudness, measure_true_peak
from dialer.settings.audio import SoundFormat
from tests.support.recordings import speech, tone, write_recording

ALL = Recipe(tuple(SoundFormat))
LINE = Recipe((SoundFormat.ALAW,))
SILENCE = np.zeros(8_000, np.float32)


BYTES_A_SECOND = {
    SoundFormat.SLIN16: 32_000,
    SoundFormat.ALAW: 8_000,
    SoundFormat.ULAW: 8_000,
    SoundFormat.G722: 8_000,
    SoundFormat.WAV: 16_000,
}


@pytest.mark.parametrize(
    ("name", "rate"),
    [("a.mp3", 44_100), ("a.m4a", 32_000), ("a.ogg", 48_000), ("a.wav", 11_025), ("a.flac", 96_000), ("b.wav", 8_000)],
)
@pytest.mark.parametrize("level", [0.003, 0.99])
def test_recordings_of_every_format_are_normalised_to_the_target_loudness(
    tmp_path: Path, name: str, rate: int, level: float
) -> None:
    voice = speech(4, rate, level=level)
    path = write_recording(tmp_path / name, voice, rate, right=voice * np.float32(0.7))
    made = convert_recording(path, ALL)
    assert set(made.contents) == set(SoundFormat)
    for sound_format, content in made.contents.items():
        loudness = measure_loudness(decode_sound(content, sound_format), get_sample_rate(sound_format))
        assert loudness.integrated_lufs == pytest.approx(-19.0, abs=0.5), sound_format
        assert loudness.true_peak_db <= -2.0, sound_format
        assert len(content) / BYTES_A_SECOND[sound_format] == pytest.approx(made.seconds, abs=0.02)
    assert made.loudness_lufs == pytest.approx(-19.0, abs=0.5)


def test_peaks_of_a_recording_are_limited_to_the_maximum_level(tmp_path: Path) -> None:
    voice = speech(4, 16_000, level=0.05)
    voice[::4000] = 0.95  # a click in each syllable
    made = convert_recording(write_recording(tmp_path / "a.wav", voice, 16_000), ALL)
    assert made.true_peak_db <= -2.0
    assert any("peaks far above its speech" in note for note in made.notes)


def test_clipped_recording_is_reported_and_not_clipped_further(tmp_path: Path) -> None:
    voice = np.clip(speech(3, 16_000, level=4.0), -1, 1)
    made = convert_recording(write_recording(tmp_path / "a.wav", voice, 16_000), LINE)
    assert any("is clipped in" in note for note in made.notes)
    assert np.abs(decode_sound(made.contents[SoundFormat.ALAW], SoundFormat.ALAW)).max() < 0.8


def read_cut_seconds(made: Sounds) -> float:
    """Return the seconds of silence that a note reports as cut off."""
    (note,) = (each for each in made.notes if each.endswith(" s of silence, which were cut off"))
    return float(note.split()[1])


def test_conversion_removes_dc_offset_and_silence_at_both_ends_of_a_recording(tmp_path: Path) -> None:
    voice = np.concatenate([SILENCE, SILENCE, speech(2, 8_000), SILENCE]) + np.float32(0.2)
    made = convert_recording(write_recording(tmp_path / "a.wav", voice, 8_000), LINE)
    assert made.seconds == pytest.approx(2.1, abs=0.15)
    assert read_cut_seconds(made) == pytest.approx(2.9, abs=0.15)
    sound = decode_sound(made.contents[SoundFormat.ALAW], SoundFormat.ALAW)
    assert abs(float(sound.mean())) < 0.002


def test_background_noise_and_clicks_are_trimmed_from_recordings(tmp_path: Path) -> None:
    room = np.random.default_rng(3).standard_normal(16_000 * 6).astype(np.float32) * np.float32(0.001)
    room[1_600:1_760] += np.float32(0.3)  # a button, 10 ms, long before
    room[32_000:64_000] += speech(2, 16_000, level=0.06)
    made = convert_recording(write_recording(tmp_path / "a.wav", room, 16_000), LINE)
    assert made.seconds == pytest.approx(2.1, abs=0.2)
    assert read_cut_seconds(made) > 3


def test_short_word_in_a_recording_is_not_trimmed_as_a_click(tmp_path: Path) -> None:
    word = np.concatenate([SILENCE, speech(0.07, 8_000), SILENCE])
    made = convert_recording(write_recording(tmp_path / "a.wav", word, 8_000), LINE)
    assert made.seconds == pytest.approx(0.23, abs=0.05)


def test_frequencies_above_the_telephone_band_are_removed_from_converted_recordings(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.wav", tone(5_000, 2, 44_100), 44_100)
    heard = decode_recording(path, 8_000, 600).samples[800:-800]
    alias_db = 20 * math.log10(float(np.sqrt(np.mean(heard**2))) / (0.5 / math.sqrt(2)) + 1e-9)
    assert alias_db < -80  # 16 bits carry no more than that
    kept = apply_filters_to_samples(tone(3_400, 2, 44_100), 44_100, (("aresample", f"osr=8000:osf=flt:{RESAMPLER}"),))[
        800:-800
    ]
    assert float(np.abs(kept).max()) == pytest.approx(0.5, rel=0.02)


def test_stereo_channels_of_opposite_polarity_do_not_cancel_the_voice(tmp_path: Path) -> None:
    voice = speech(2, 16_000)
    path = write_recording(tmp_path / "a.wav", voice, 16_000, right=-voice)
    made = convert_recording(path, LINE)
    assert made.loudness_lufs == pytest.approx(-19.0, abs=0.5)
    assert any("cancel each other out" in note for note in made.notes)


@pytest.mark.parametrize("seconds", [0.12, 0.35, 1.0])
def test_recording_of_a_single_word_gets_the_loudness_of_a_sentence(tmp_path: Path, seconds: float) -> None:
    word = speech(seconds, 16_000)
    made = convert_recording(write_recording(tmp_path / "a.wav", word, 16_000), LINE)
    assert made.loudness_lufs == pytest.approx(-19.0, abs=0.7)


def find_refusal(path: Path, recipe: Recipe = LINE) -> str:
    with pytest.raises(RecordingRefused) as caught:
        convert_recording(path, recipe)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"please play the message\n" * 100, "not a recording but text"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n" * 9, "not a recording but text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n" * 9, "not a recording but text"),
        (bytes(range(1, 250)) * 40, "is not a recording"),
        (b"RIFF\x10\x00\x00\x00WAVE" + b"\0" * 9, "damaged"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90" + b"x" * 50, "s"),
    ],
)
def test_recording_file_without_audio_is_refused_whatever_its_extension(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    assert words in find_refusal(path)


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.wav", "a.flac"])
def test_truncated_recording_is_refused(tmp_path: Path, name: str) -> None:
    path = write_recording(tmp_path / name, speech(6, 44_100), 44_100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in find_refusal(path)


def test_ogg_recording_without_a_last_page_is_reported_as_possibly_truncated(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.ogg", speech(4, 48_000), 48_000)
    assert convert_recording(path, LINE).notes == ()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert any("may be truncated" in note for note in convert_recording(path, LINE).notes)


def write_flac(path: Path, samples: int) -> Path:
    """Return a short FLAC with another length in its header (36 bits from byte 21.5; 0 means unknown)."""
    write_recording(path, speech(3, 44_100), 44_100)
    content = bytearray(path.read_bytes())
    content[21] = (content[21] & 0xF0) | (samples >> 32)
    content[22:26] = (samples & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(content)
    return path


def test_six_hour_recording_is_refused_by_the_length_in_the_header(tmp_path: Path) -> None:
    path = write_flac(tmp_path / "a.flac", 6 * 3600 * 44_100)
    assert "is 6.0 h long, at most 600 s are allowed (audio.max_seconds)" in find_refusal(path)


def test_long_recording_without_a_length_header_is_refused(tmp_path: Path) -> None:
    path = write_flac(tmp_path / "a.flac", 0)
    assert convert_recording(path, LINE).seconds > 2
    assert "at most 1 s are allowed" in find_refusal(path, Recipe((SoundFormat.ALAW,), max_seconds=1.0))


@pytest.mark.parametrize("sound", [np.zeros(16_000, np.float32), np.full(16_000, 0.3, np.float32)])
def test_silent_recording_is_refused_with_and_without_a_dc_offset(tmp_path: Path, sound: Samples) -> None:
    assert "is silent" in find_refusal(write_recording(tmp_path / "a.wav", sound, 8_000))


def test_directory_or_missing_file_in_place_of_a_recording_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in find_refusal(tmp_path)
    assert "cannot be read" in find_refusal(tmp_path / "none.mp3")


@settings(deadline=None, derandomize=True, max_examples=80)
@given(data=st.data())
def test_damaged_recording_never_crashes_the_decoder(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["a.mp3", "a.flac", "a.wav", "a.ogg", "a.m4a"]))
    path = tmp_path_factory.getbasetemp() / f"damage-{name}"
    if not path.exists():
        write_recording(path, speech(0.6, 16_000), 16_000)
    content = bytearray(path.read_bytes())
    anywhere, header = st.integers(0, len(content) - 1), st.integers(0, min(119, len(content) - 1))
    for place in data.draw(st.lists(anywhere | header, max_size=30)):
        content[place] = data.draw(st.integers(0, 255))
    damaged = tmp_path_factory.getbasetemp() / f"damaged-{name}"
    damaged.write_bytes(content)
    try:
        made = convert_recording(damaged, LINE)
    except RecordingRefused as error:
        assert "\n" not in str(error)
    else:
        assert made.true_peak_db <= -1.9


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_measured_true_peak_equals_that_of_ffmpeg(rate: int) -> None:
    """A sine at a quarter of the rate, whose samples miss its peaks by 3 dB, and a voice, compared with ebur128."""
    between = np.sin(np.pi / 2 * np.arange(rate) + np.pi / 4).astype(np.float32) * np.float32(0.5)
    between *= np.hanning(rate).astype(np.float32)
    assert measure_true_peak(between, rate) == pytest.approx(20 * math.log10(0.5), abs=0.15)
    voice = speech(3, rate, level=0.9)
    frames = list(apply_filters_and_yield_frames(voice, rate, (("ebur128", "metadata=1:peak=true"),)))
    theirs = 20 * math.log10(float(frames[-1].metadata["lavfi.r128.true_peak"]))
    assert measure_true_peak(voice, rate) == pytest.approx(theirs, abs=0.2)
    assert measure_true_peak(np.zeros(rate, np.float32), rate) == -math.inf


@pytest.mark.parametrize("sound_format", list(SoundFormat))
def test_audio_of_each_format_is_the_same_after_encoding_and_decoding(sound_format: SoundFormat) -> None:
    voice = speech(1, get_sample_rate(sound_format))[:-1]  # an odd number of samples
    heard = decode_sound(encode_sound(voice, sound_format), sound_format)
    assert abs(len(heard) - len(voice)) <= 1
    assert measure_loudness(heard, get_sample_rate(sound_format)).integrated_lufs == pytest.approx(
        measure_loudness(voice, get_sample_rate(sound_format)).integrated_lufs, abs=0.3
    )


def test_converting_a_recording_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.mp3", speech(1, 44_100), 44_100)
    assert convert_recording(path, ALL).contents == convert_recording(path, ALL).contents
    assert Recipe((SoundFormat.ALAW,), -16.0).recipe_identifier != LINE.recipe_identifier
    assert io.BytesIO(convert_recording(path, LINE).contents[SoundFormat.ALAW]).getbuffer().nbytes > 0
