"""A check of answering machine detection on a real Asterisk: silent people get the flow or an agent, and a message is
left on mailboxes after their beep.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.app import assemble_centre
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.domain.view import SeatState
from dialer.engine.calls.ending import MESSAGE_LEFT, NO_MESSAGE_LEFT
from dialer.engine.seats.commands import SeatHangUp, SeatLogIn
from tests.asterisk.called_phones import CalledPhone, CarrierOfPhones
from tests.asterisk.log_in import find_seat, run_dialler, wait_until
from tests.asterisk.process import NoAsterisk
from tests.asterisk.sounds import make_silence, make_tone
from tests.asterisk.stage import Lab, write_sounds
from tests.support.scenario import fill_numbers
from tests.support.scenario_run import LINES

SECONDS = 200.0
SENSITIVE_AMD = "2500,1500,300,5000,120,50,4,256,5000"
"""Arguments of AMD() that take each of the mailboxes for a machine, but many people too."""
DETECTS = {"machine_detection": "before-seat", "max_attempts": 1}
DECLARED = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
FLOW = {"kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 8, "declared": DECLARED}
MESSAGE = "This is the Matdan campaign. Polling stations are open until six. Please call us back on this number."
SENTENCES = (
    ("en", "You have reached the voicemail of nine one seven zero one zero"),
    ("en-us", "Hello, we are not able to come to the phone at the moment"),
    ("hi", "आप जिस व्यक्ति से संपर्क करना चाहते हैं वह अभी उपलब्ध नहीं है"),
    ("es", "Ha llamado al buzón de voz de la persona con la que desea hablar ahora"),
    ("fr", "Vous êtes bien sur la messagerie vocale de votre correspondant"),
)


@dataclass(frozen=True)
class Mailbox:
    """A mailbox's greeting: sentences with pauses, then `gap` seconds, then a beep unless `beep_hertz` is 0.

    A gap of more than 1.5 s is a late beep: the message has begun by then.
    """

    language: int
    sentences: int
    pause: float
    gap: float = 0.0
    beep_hertz: float = 0.0
    beep_seconds: float = 0.0
    echoes: bool = False


MAILBOXES = (
    Mailbox(0, 1, 0.0, 0.1, 1000, 0.2),
    Mailbox(1, 1, 0.0, 0.5, 440, 0.5),
    Mailbox(2, 1, 0.0, 0.8, 350, 1.0),
    Mailbox(3, 1, 0.0, 0.3, 2000, 0.3),
    Mailbox(4, 1, 0.0),
    Mailbox(0, 2, 0.4, 0.2, 620, 0.4),
    Mailbox(1, 2, 0.7, 1.0, 1400, 0.2),
    Mailbox(2, 2, 1.0, 1.2, 850, 0.6),
    Mailbox(3, 2, 0.9),
    Mailbox(4, 2, 1.0, 0.6, 1800, 1.0),
    Mailbox(0, 3, 0.5, 0.4, 500, 0.3),
    Mailbox(1, 3, 1.0, 0.1, 1100, 0.8),
    Mailbox(2, 3, 0.8),
    Mailbox(3, 3, 1.0, 1.3, 700, 0.2),
    Mailbox(4, 3, 0.6, 2.0, 1000, 0.5),
    Mailbox(0, 4, 1.0, 0.9, 400, 0.9),
    Mailbox(1, 4, 0.9),
    Mailbox(2, 4, 1.0, 3.0, 1200, 0.3),
    Mailbox(0, 5, 1.0, 0.5, 950, 0.7),
    Mailbox(1, 5, 0.8, 2.5, 1600, 0.2),
    Mailbox(0, 2, 0.5, 0.5, 800, 0.4, echoes=True),
)
SILENT_PEOPLE = (
    CalledPhone(b""),
    CalledPhone(b"", sends=False),
    *(CalledPhone(make_tone(1.0, 50.0, amplitude) * 60) for amplitude in (20, 40, 60, 80, 100, 120)),  # hum
)


async def check_answering_machines(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    message = speak("en", MESSAGE, lab.directory)
    settings = lab.settings(lab.directory, seats=1, campaign={})
    files = render_asterisk_site_files(settings, {})
    lab.asterisk.write_configuration(files)
    write_sounds(lab.asterisk)
    lab.asterisk.write_sound("matdan/message", message)
    lab.agent_audio.write_bytes(make_tone(1.0))
    try:
        await lab.asterisk.start()
        await lab.connect_phone("01", lab.phones["01"])
        await lab.wait_for_phones()
        faults = [
            *await check_silent_people(lab),
            *await check_silent_voter_of_agent(lab),
            *await check_mailboxes(lab, message, files["extensions.conf"]),
            *await check_missing_detection(lab),
        ]
    finally:
        await lab.stop()
    return [*faults, *lab.asterisk.unexpected_log_lines()]


async def check_mailboxes(lab: Lab, message: bytes, dialplan: str) -> list[str]:
    """Check that mailboxes record the whole message after their beep or greeting, with values that find each of them."""
    sensitive = re.sub(r"AMD\([\d,]+\)", f"AMD({SENSITIVE_AMD})", dialplan)
    (lab.asterisk.etc / "extensions.conf").write_text(sensitive, encoding="utf-8")
    await lab.asterisk.run_command("dialplan reload")
    made = [make_greeting(mailbox, lab.directory) for mailbox in MAILBOXES]
    phones = [CalledPhone(clip, echoes=each.echoes) for (clip, _), each in zip(made, MAILBOXES, strict=True)]
    never_silent = CalledPhone(speak(*SENTENCES[0], lab.directory) * 30)
    campaign = {**FLOW, **DETECTS, "machine_message": True}
    *attempts, last = await call_phones(lab, "mailboxes", [*phones, never_silent], campaign)
    faults = [] if last == ("machine", None, NO_MESSAGE_LEFT) else [f"a machine that is never silent: {last}"]
    if message in never_silent.get_audio_heard_after(0):
        faults.append("a machine that is never silent got a message")
    for place, (phone, (_, recorded_from), mailbox) in enumerate(zip(phones, made, MAILBOXES, strict=True)):
        has_message = message in phone.get_audio_heard_after(recorded_from)
        if not has_message or attempts[place] != ("machine", None, MESSAGE_LEFT):
            faults.append(f"mailbox {place} {has_message=} ({attempts[place]}): {mailbox}")
    return faults


async def check_silent_people(lab: Lab) -> list[str]:
    """Check that a flow goes on for people who say nothing."""
    attempts = await call_phones(lab, "silent-people", list(SILENT_PEOPLE), {**FLOW, **DETECTS})
    return [
        f"silent person {place} got no flow: {found}"
        for place, found in enumerate(attempts)
        if found[1] is None or found[0] == "machine"
    ]


async def check_silent_voter_of_agent(lab: Lab) -> list[str]:
    """Check that an agent gets a voter who says nothing."""
    campaign = {"pacing": "progressive", **DETECTS}
    attempts = await call_phones(lab, "agent", [CalledPhone(b"")], campaign, agent=True)
    return [] if attempts[0][0] == "connected" else [f"a silent voter was not connected to an agent: {attempts}"]


async def check_missing_detection(lab: Lab) -> list[str]:
    """Check that a person gets the flow on an Asterisk without AMD()."""
    await lab.asterisk.run_command("module unload app_amd.so")
    attempts = await call_phones(lab, "no-detection", [CalledPhone(b"")], {**FLOW, **DETECTS})
    return [] if attempts[0][1] is not None else [f"without AMD() a person got no flow: {attempts}"]


async def call_phones(
    lab: Lab, name: str, phones: list[CalledPhone], campaign: dict[str, Any], *, agent: bool = False
) -> list[tuple[Any, ...]]:
    """Let a campaign call all phones once. Return outcome, flow and the place where it ended, of each."""
    directory = lab.directory / name
    directory.mkdir()
    settings = lab.settings(directory, seats=1, campaign=campaign)
    # This store is new, so Asterisk must not know a call of another store. `database del` would log a warning.
    await lab.asterisk.run_command("database deltree matdan newest-call")
    numbers = [f"+9170100{place:05d}" for place in range(len(phones))]
    fill_numbers(settings.store.path, numbers)
    async with (
        CarrierOfPhones(lab.carrier_port, dict(zip(numbers, phones, strict=True))),
        assemble_centre(settings, chance=random.Random(1), profile=LINES) as centre,
        run_dialler(centre),
    ):
        if agent:
            await centre.engine.execute_command(SeatLogIn(seat="01", agent="agent"))
            await wait_until(lambda: find_seat(centre, "01").state is SeatState.TALKING)
            await centre.engine.execute_command(SeatHangUp(seat="01"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                while sum(centre.engine.make_centre_view().campaigns[0].outcomes.values()) < len(phones):
                    await asyncio.sleep(0.2)
    with contextlib.closing(sqlite3.connect(f"file:{settings.store.path}?mode=ro", uri=True)) as db:
        return db.execute("SELECT outcome, flow, left_at FROM attempt ORDER BY phone_id").fetchall()


def make_greeting(mailbox: Mailbox, directory: Path) -> tuple[bytes, int]:
    """Return the A-law clip of a mailbox, and the sample from which it records."""
    language, sentence = SENTENCES[mailbox.language]
    voice = speak(language, sentence, directory)
    clip = (voice + make_silence(mailbox.pause)) * (mailbox.sentences - 1) + voice
    if mailbox.beep_hertz:
        clip += make_silence(mailbox.gap) + make_tone(mailbox.beep_seconds, mailbox.beep_hertz)
    return clip, len(clip)


def speak(language: str, text: str, directory: Path) -> bytes:
    """Return a synthetic voice in A-law, without silence at its ends. Raises NoAsterisk without espeak-ng or sox."""
    for tool in ("espeak-ng", "sox"):
        if shutil.which(tool) is None:
            raise NoAsterisk(f"{tool} is not on PATH; install it")
    path = directory / f"voice-{abs(hash((language, text)))}.al"
    spoken = subprocess.run(["espeak-ng", "-v", language, "--stdout", text], capture_output=True, check=True).stdout
    cut = ["silence", "1", "0.02", "0.5%", "reverse", "silence", "1", "0.02", "0.5%", "reverse"]
    subprocess.run(
        ["sox", "-t", "wav", "-", "-t", "al", "-r", "8000", "-c", "1", path, "norm", "-6", *cut],
        input=spoken, check=True, capture_output=True,
    )  # fmt: skip
    return path.read_bytes()
