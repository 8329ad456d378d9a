"""Start of `dialer run` with 4,802 prompts: CPU seconds until calls could be placed, compared with importing libraries.

    python -m bench.bench_start [--quick | --smoke]

Each round is a separate process, the two kinds in turn. CPU time is that of the process with all threads. No Asterisk and no
broker is used.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.common import Size, add_size_options, describe_machine, print_progress, record
from dialer.audio.catalogue import Entry, Voice, write_catalogue
from dialer.audio.names import parse_prompt_name
from dialer.settings.audio import SoundFormat
from tests.support.roll_filler import fill_roll

FULL_PROMPTS, SMOKE_PROMPTS = 4802, 60
GOAL_SECONDS = 1.5
LANGUAGES = ("hi", "mr", "ta", "te", "bn", "en")
_SITE = """
centre = {{ id = "test", time_zone = "Asia/Kolkata" }}
store = {{ path = "{directory}/centre.db" }}
fastagi = {{ port = 0 }}
broker = {{ enabled = false }}
audio = {{ catalogue = "{directory}/catalogue", recordings = "{directory}/recordings", sounds = "{directory}/sounds" }}
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[campaigns]]
id = "turnout"
kind = "ivr"
flow = "turnout"
"""
_OURS = """
import gc; gc.disable()
import asyncio, pathlib, sys, time, uvloop
import dialer.cli.running, dialer.cli.logs
from dialer.settings.site import load_settings
from dialer.app import assemble_centre
from dialer.audio.words import load_spoken_words_of_all_languages
from dialer.domain.clock import SystemClock
from dialer.flows.prompts import make_playlist_reader
from dialer.process.memory import exempt_start_up_objects_from_gc
from dialer.settings.site_rules import load_site_profile
from dialer.site.voices import refuse_unannounced_synthetic_voices
async def start():
    settings = load_settings(pathlib.Path(sys.argv[1]))
    await asyncio.to_thread(load_spoken_words_of_all_languages)
    profile = load_site_profile(settings)
    reader = make_playlist_reader(settings, profile)
    await asyncio.to_thread(refuse_unannounced_synthetic_voices, settings, profile, SystemClock(), reader)
    async with assemble_centre(settings, reader=reader, profile=profile) as centre:
        exempt_start_up_objects_from_gc()
        spent = time.process_time()
        print(spent, len(reader.read_playlist().listed))
uvloop.run(start())
"""
_LIMIT = """
import asyncio, sqlite3, sys, time, aiomqtt, argon2, numpy, phonenumbers, pydantic_settings, typer, uvloop, yaml
print(time.process_time(), sys.argv[2])
"""


def main() -> None:
    """Run the bench and print both figures and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, "2 rounds instead of 5")
    size: Size = parser.parse_args().size
    rounds, prompts = size.pick(5, 2, 1), size.pick(FULL_PROMPTS, FULL_PROMPTS, SMOKE_PROMPTS)
    with tempfile.TemporaryDirectory() as temporary:
        site = _write_site(Path(temporary), prompts)
        ours, limit = [], []
        for number in range(1, rounds + 1):
            print_progress(f"round {number} of {rounds}")
            limit.append(_measure_cpu_seconds(_LIMIT, site, prompts))
            ours.append(_measure_cpu_seconds(_OURS, site, prompts))
    print(f"a start with {prompts:,} prompts, {rounds} rounds each, {describe_machine()}: CPU s, median (min to max)")
    for name, seconds in (("ours", ours), ("imports of libraries (the minimum)", limit)):
        print(f"  {name:<36}{statistics.median(seconds):6.2f}  ({min(seconds):.2f} to {max(seconds):.2f})")
    print(f"  ours / minimum {statistics.median(ours) / statistics.median(limit):.2f}; goal {GOAL_SECONDS:g} s")
    record(
        "start",
        [
            ("CPU of a start, s", f"{statistics.median(ours):.2f}", f"{GOAL_SECONDS:g}"),
            ("CPU of importing the libraries, s", f"{statistics.median(limit):.2f}", ""),
        ],
    )


def _write_site(directory: Path, prompts: int) -> Path:
    sound = bytes(4000)
    sha = hashlib.sha256(sound).hexdigest()
    entries = {}
    for number in range(prompts):
        name = parse_prompt_name(f"{LANGUAGES[number % len(LANGUAGES)]}/place/booth-{number:05d}")
        entries[name] = Entry(
            text=f"प्राथमिक विद्यालय, वार्ड {number}",
            voice=Voice.HUMAN,
            source=f"{name.relative_prompt_path}.wav",
            source_sha256=sha,
            recipe="alaw, -20 LUFS, -1 dBTP",
            seconds=0.5,
            loudness_lufs=-20.1,
            true_peak_db=-1.5,
            files={SoundFormat.ALAW: sha},
        )
        path = directory / "sounds" / f"{name.sound_name}.alaw"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound)
    write_catalogue(directory / "catalogue", entries)
    fill_roll(directory / "centre.db", 20_000 if prompts == FULL_PROMPTS else 1_000, voters_per_booth=1000)
    site = directory / "site.toml"
    site.write_text(_SITE.format(directory=directory), encoding="utf-8")
    return site


def _measure_cpu_seconds(program: str, site: Path, prompts: int) -> float:
    """Return the CPU seconds of one start. Its failure ends the bench."""
    command = [sys.executable, "-c", program, str(site), str(prompts)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, found = done.stdout.split()[-2:]
    if int(found) != prompts:
        raise RuntimeError(f"the start found {found} of {prompts} prompts")
    return float(seconds)


if __name__ == "__main__":
    main()
