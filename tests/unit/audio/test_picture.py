"""The picture of a prompt before and after preparation."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from dialer.audio.errors import AudioError
from dialer.audio.picture import Caption, create_sound_panel, draw_sounds_as_svg, render_picture_page
from dialer.cli.audio import app
from tests.support.recordings import speech, write_recording

parsed = ElementTree.fromstring
SVG = "{http://www.w3.org/2000/svg}"


def parse_points(svg: str) -> list[tuple[float, float]]:
    line = parsed(svg).find(f"{SVG}polyline")
    assert line is not None
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.attrib["points"].split())]


def test_picture_of_a_recording_shows_the_waveform_up_to_its_peak() -> None:
    loud = create_sound_panel("before", speech(2, 16_000, level=1.0), 16_000, kept=(1_600, 30_000))
    assert len(loud.envelope) == 840
    assert min(low for low, _ in loud.envelope) >= -1
    assert max(max(-low, high) for low, high in loud.envelope) == pytest.approx(1.0)
    svg = draw_sounds_as_svg(Caption("hi/x"), [loud], -19.0, -2.0)
    silences = [each.attrib for each in parsed(svg).iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]
    assert [float(each["width"]) for each in silences] == [pytest.approx(42, abs=0.1), pytest.approx(52.5, abs=0.1)]


def test_picture_of_a_recording_draws_the_loudness_curve_at_the_measured_loudness() -> None:
    """A steady tone at the target loudness lies on the dashed line."""
    times = np.arange(16_000 * 4) / 16_000
    tone = np.sin(2 * np.pi * 1000 * times).astype(np.float32)
    quiet = tone * np.float32(10 ** ((-19.0 - create_sound_panel("x", tone, 16_000).loudness.integrated_lufs) / 20))
    svg = draw_sounds_as_svg(Caption("hi/x"), [create_sound_panel("after", quiet, 16_000)], -19.0, -2.0)
    wanted = re.findall(r'<line x1="60" y1="([\d.]+)" x2="900" y2="\1" stroke="#c2410c"', svg)
    assert len(wanted) == 1
    assert all(abs(y - float(wanted[0])) < 0.5 for _, y in parse_points(svg))


def test_untrusted_text_is_escaped_in_the_picture_of_a_recording() -> None:
    caption = Caption("hi/x", text='<script>"&', mark="DRAFT", remarks=("<b>",))
    svg = draw_sounds_as_svg(caption, [create_sound_panel("<i>", np.zeros(5, np.float32), 16_000)], -19.0, -2.0)
    parsed(svg)
    assert "<script>" not in svg
    assert "DRAFT" in svg
    assert "<script>" not in render_picture_page("<script>", [('"<', "a.svg")])


def test_picture_without_recordings_is_valid_svg() -> None:
    parsed(draw_sounds_as_svg(Caption("hi/x"), [], -19.0, -2.0))
    parsed(draw_sounds_as_svg(Caption("hi/x"), [create_sound_panel("a", np.zeros(0, np.float32), 8_000)], -19.0, -2.0))


def test_audio_picture_command_writes_a_picture_of_each_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert isinstance(runner.invoke(app, ["picture"]).exception, AudioError)
    recording = write_recording(tmp_path / "recordings/hi/common/goodbye.wav", speech(1, 16_000, level=0.02), 16_000)
    assert runner.invoke(app, ["prepare"]).exit_code == 0
    result = runner.invoke(app, ["picture", "-o", "out"])
    assert result.output.split() == ["out/hi/common/goodbye.svg", "out/index.html"]
    svg = (tmp_path / "out/hi/common/goodbye.svg").read_text(encoding="utf-8")
    assert "before: hi/common/goodbye.wav" in svg
    assert "after: goodbye.alaw" in svg
    assert "after: goodbye.sln16" in svg
    assert "recorded very quietly" in svg
    assert 'src="hi/common/goodbye.svg"' in (tmp_path / "out/index.html").read_text(encoding="utf-8")

    recording.unlink()
    assert "cannot be read" in str(runner.invoke(app, ["picture"]).exception)
    recording.write_text("words")
    (tmp_path / "sounds/matdan/hi/common/goodbye.alaw").unlink()
    assert "is not a recording but text" in str(runner.invoke(app, ["picture"]).exception)
    (tmp_path / "blocked").write_text("a file")
    write_recording(recording, speech(1, 16_000), 16_000)
    assert runner.invoke(app, ["prepare"]).exit_code == 0
    assert "choose another folder with --out" in str(runner.invoke(app, ["picture", "-o", "blocked"]).exception)
