"""A check of the recorded sample of calls taken for answering machines on a real Asterisk: a machine's call is recorded
from the answer on, and of people nothing remains.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import wave
from pathlib import Path
from typing import Any

from dialer.deploy.asterisk.render import render_asterisk_site_files
from tests.asterisk.answering_machines import (
    DETECTS,
    FLOW,
    MAILBOXES,
    MESSAGE,
    SENSITIVE_AMD,
    call_phones,
    make_greeting,
    speak,
)
from tests.asterisk.called_phones import CalledPhone
from tests.asterisk.sounds import make_tone
from tests.asterisk.stage import Lab, write_sounds

SAMPLED = {**DETECTS, "machine_sample": 1.0}
LEAST_GREETING_SECONDS = 2.0
LOUD = 1_000  # of a 16-bit sample


async def check_machine_sample(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    folder = lab.directory / "recordings"
    folder.mkdir(parents=True)
    files = render_asterisk_site_files(
        lab.settings(lab.directory, seats=1, campaign={}, recordings={"directory": folder}), {}
    )
    lab.asterisk.write_configuration(
        {name: re.sub(r"AMD\([\d,]+\)", f"AMD({SENSITIVE_AMD})", text) for name, text in files.items()}
    )
    write_sounds(lab.asterisk)
    lab.asterisk.write_sound("matdan/message", speak("en", MESSAGE, lab.directory))
    lab.agent_audio.write_bytes(make_tone(1.0))
    greeting, _ = make_greeting(MAILBOXES[0], lab.directory)
    hello = speak("en", "Hello", lab.directory)
    agents: dict[str, Any] = {"pacing": "progressive", **SAMPLED}
    faults = []
    try:
        await lab.asterisk.start()
        await lab.connect_phone("01", lab.phones["01"])
        await lab.wait_for_phones()
        for name, campaign in (
            ("flow", {**FLOW, **SAMPLED}),
            ("flow-message", {**FLOW, **SAMPLED, "machine_message": True}),
            ("agents", agents),
        ):
            phones = [CalledPhone(greeting), CalledPhone(hello)]
            found = await call_phones(lab, name, phones, campaign, agent=name == "agents")
            if [outcome == "machine" for outcome, *_ in found] != [True, False]:
                faults.append(f"{name}: the detection took none or both for machines: {found}")
            faults += check_recordings(name, lab.directory / name / "centre.db", folder)
        faults += await check_hang_up_during_detection(lab, folder)
    finally:
        await lab.stop()
    return [*faults, *lab.asterisk.unexpected_log_lines()]


def check_recordings(name: str, store: Path, folder: Path) -> list[str]:
    """Check that the first call is recorded with its greeting, and that the second one left an empty file."""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        machine, person = (attempt for (attempt,) in db.execute("SELECT attempt_id FROM attempt ORDER BY phone_id"))
        listed = db.execute(
            "SELECT attempt_id, abs(started_at - answered_at) < 0.01 FROM recording JOIN attempt USING (attempt_id)"
        ).fetchall()
    faults = [] if listed == [(machine, 1)] else [f"{name}: recordings in the store: {listed}, machine {machine}"]
    size = (folder / f"{person}.wav").stat().st_size
    if size:
        faults.append(f"{name}: {size} bytes of a person are left")
    with wave.open(str(folder / f"{machine}.wav")) as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    seconds = len(samples) / 8_000
    loud = sum(abs(sample) > LOUD for sample in samples[:8_000])
    if seconds < LEAST_GREETING_SECONDS or not loud:
        faults.append(f"{name}: the machine's recording has {seconds:.1f} s, {loud} loud samples in the first second")
    return faults


async def check_hang_up_during_detection(lab: Lab, folder: Path) -> list[str]:
    """Check that nothing is left of a person who is gone before detection ends."""
    phone = CalledPhone(b"")
    calling = asyncio.create_task(call_phones(lab, "gone", [phone], {**FLOW, **SAMPLED}))
    while not phone.sent:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # of 1.7 s of detection
    channels = await lab.asterisk.run_command("core show channels concise")
    for channel in re.findall(r"^(PJSIP/carrier-\w+)", channels, re.MULTILINE):
        await lab.asterisk.run_command(f"channel request hangup {channel}")
    found = await calling
    with contextlib.closing(sqlite3.connect(f"file:{lab.directory / 'gone' / 'centre.db'}?mode=ro", uri=True)) as db:
        [(attempt,)] = db.execute("SELECT attempt_id FROM attempt")
        listed = db.execute("SELECT count(*) FROM recording").fetchone()
    size = (folder / f"{attempt}.wav").stat().st_size
    return [] if (size, listed, found[0][0]) == (0, (0,), "left") else [f"gone: {size} bytes, {listed}, {found}"]
