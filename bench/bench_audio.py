"""Conversion of prompts: `dialer audio prepare` compared with ffmpeg, with one process per core.

    python -m bench.bench_audio                40 MP3 recordings of 30 s to 8 kHz A-law; --quick: a short trial

Ours decodes, removes offset and rumble, trims, normalises to -19 LUFS with a true peak below -2 dB, encodes, measures the
result, hashes it and writes the catalogue. The contender is one pass of `ffmpeg -af loudnorm`, as people usually write it.
The minimum is ffmpeg without loudness: decode, resample, encode. Every output must have the right length. Ours must be
within 0.7 LU of -19 LUFS, loudnorm within 4 (one pass has to guess), both below their peak. Wall time and CPU time count
all processes.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench.common import (
    Contender,
    Done,
    Stopwatch,
    Unrunnable,
    describe_machine,
    interleave,
    measure_with_child_processes,
    parse_arguments,
    print_table,
    ratio_figures,
    record,
    write_json,
)
from dialer.audio.catalogue import open_catalogue_for_changes
from dialer.audio.conversion import Recipe
from dialer.audio.formats import decode_sound, get_sample_rate
from dialer.audio.loudness import measure_loudness
from dialer.audio.names import AudioDirectories
from dialer.audio.prepare import prepare_recordings
from dialer.process.pool import choose_process_count
from dialer.settings.audio import SoundFormat
from tests.support.recordings import speech, write_recording

LINE = SoundFormat.ALAW
RECORDINGS, SECONDS = 40, 30.0
KINDS = 4  # different recordings; the others are copies
LOUDNORM = "ffmpeg, loudnorm in one pass"


def make_recordings(directory: Path, count: int, seconds: float) -> None:
    """Write stereo MP3 files at 44.1 kHz with different levels."""
    made = []
    for number in range(min(KINDS, count)):
        voice = speech(seconds, 44_100, level=0.08 * (number + 1), seed=number)
        made.append(write_recording(directory / f"hi/recording/{number}.mp3", voice, 44_100, right=voice * 0.8))
    for number in range(len(made), count):
        shutil.copy(made[number % len(made)], directory / f"hi/recording/{number}.mp3")


def find_wrong_output(directory: Path, count: int, seconds: float, *, within_lu: float | None) -> str:
    """Return the problem of the output files, or "".

    They must be within `within_lu` of -19 LUFS (None: any loudness).
    """
    files = sorted(directory.rglob("*.alaw"))
    if len(files) != count:
        return f"{len(files)} files of {count}"
    for path in files:
        samples = decode_sound(path.read_bytes(), LINE)
        if abs(len(samples) / get_sample_rate(LINE) - seconds) > 0.5:
            return f"{path.name} has {len(samples) / get_sample_rate(LINE):.1f} s of {seconds:.1f}"
    for path in files[:KINDS] if within_lu is not None else []:
        loudness = measure_loudness(decode_sound(path.read_bytes(), LINE), get_sample_rate(LINE))
        if abs(loudness.integrated_lufs + 19) > (within_lu or 0) or loudness.true_peak_db > -1.5:
            return f"{path.name} is at {loudness.integrated_lufs:.1f} LUFS, peak {loudness.true_peak_db:.1f} dB"
    return ""


def run_ours(recordings: Path, count: int, seconds: float, watch: Stopwatch) -> Done:
    """Convert the recordings as `dialer audio prepare` does."""
    with tempfile.TemporaryDirectory() as out:
        places = AudioDirectories(recordings, Path(out) / "sounds")
        with measure_with_child_processes(watch), open_catalogue_for_changes(Path(out) / "catalogue") as entries:
            report = prepare_recordings(places, entries, Recipe((LINE,)), {})
        if report.refused:
            return Done(count, report.refused[0].reason)
        return Done(count, find_wrong_output(places.sounds, count, seconds, within_lu=0.7))


def run_ffmpeg(recordings: Path, count: int, seconds: float, filters: list[str], watch: Stopwatch) -> Done:
    """Convert each recording with an ffmpeg process of one thread, one process per core at once."""
    if shutil.which("ffmpeg") is None:
        raise Unrunnable("ffmpeg is not installed (Debian: apt install ffmpeg)")
    sources = sorted(recordings.rglob("*.mp3"))
    with tempfile.TemporaryDirectory() as out:

        def one(source: Path) -> None:
            target = str(Path(out) / f"{source.stem}.alaw")
            command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", str(source), *filters]
            subprocess.run([*command, "-ac", "1", "-ar", "8000", "-f", "alaw", target], check=True)

        with measure_with_child_processes(watch), ThreadPoolExecutor(choose_process_count(count, 0)) as pool:
            list(pool.map(one, sources))
        return Done(count, find_wrong_output(Path(out), count, seconds, within_lu=4 if filters else None))


def main() -> None:
    """Run the bench and print its tables."""
    chosen = parse_arguments(__doc__ or "", rounds=3)
    count, seconds = chosen.size.pick((RECORDINGS, SECONDS), (6, 10.0), (2, 3.0))
    with tempfile.TemporaryDirectory() as directory:
        recordings = Path(directory)
        make_recordings(recordings, count, seconds)
        ffmpeg: Callable[..., Done] = partial(run_ffmpeg, recordings, count, seconds)
        contenders = [
            Contender(
                "ours: trimmed, normalised, measured, catalogued", partial(run_ours, recordings, count, seconds), "ours"
            ),
            Contender(LOUDNORM, partial(ffmpeg, ["-af", "loudnorm=I=-19:TP=-2"])),
            Contender("ffmpeg without loudness (the minimum)", partial(ffmpeg, []), "limit"),
        ]
        results = interleave(contenders, chosen.rounds, warm_up=False)
    print(f"{describe_machine()}; {count} MP3s of {seconds:.0f} s, {choose_process_count(count, 0)} at once")
    print_table("Wall time, ms per prompt", results, unit="ms", scale=1e3, wall=True)
    ours, loudnorm = results[0], results[1]
    if ours.usable and loudnorm.usable:
        ratio = ours.wall_per_operation / loudnorm.wall_per_operation
        print(f"  goal: at most 1.2 x {LOUDNORM}: {ratio:.2f} x - {'met' if ratio <= 1.2 else 'NOT met'}")
    print_table("CPU time of all processes, ms per prompt", results, unit="ms", scale=1e3)
    if chosen.json:
        write_json(chosen.json, {"prompts": results})
    record("audio", [*ratio_figures("wall", results, wall=True), *ratio_figures("CPU", results)])


if __name__ == "__main__":
    main()
