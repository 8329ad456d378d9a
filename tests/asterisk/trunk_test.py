"""A check of `dialer trunk test` on a real Asterisk: it tells what a carrier did with a call, and how keys arrive."""

from __future__ import annotations

import asyncio
from typing import Any

from dialer.site.trunk_test import describe_trunk_test, find_trunk_to_test, place_test_call
from tests.asterisk.key_phone import KeyPhone
from tests.asterisk.sipp_scripts import render_answers, render_phone_with_keys
from tests.asterisk.sounds import make_key_tone, make_silence
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import CALLER_ID, VOTER, TrunkLab

_ASKED = f"The carrier was asked to call {VOTER}, with the caller ID {CALLER_ID}."
_ACCOUNT = {"username": "acc1", "password": "a-password-for-the-lab", "registers": True}
_ANSWER = "200 OK + sdp"
RING_SECONDS = 5.0
KEY_SECONDS = 2.0
"""When the phone presses # after the call has begun; the echo test has begun then."""
_NO_KEY = "The key # did not arrive."
CARRIERS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "answers": (
        {"dtmf": "rfc4733"},
        ["180 Ringing", _ANSWER],
        ["The phone rang after ", "It was answered after ", "Codec: alaw.", _NO_KEY],
    ),
    "early-media": (
        {"dtmf": "inband"},
        ["183 Session Progress + sdp", _ANSWER],
        ["with early media (SIP 183)", "answered", "Codec: alaw.", _NO_KEY],
    ),
    "registers": (
        _ACCOUNT,
        ["486 Busy Here"],
        ["ended the call with SIP 486 (cause 17): outcome busy. The trunk works."],
    ),
    "refuses": ({}, ["403 Forbidden"], ["SIP 403 (cause 21): outcome rejected. This counts against the trunk."]),
    "silent": ({}, [], ["nothing that Asterisk reports until the ring limit: outcome carrier-failure."]),
}
KEYS = {
    "events": "The key # arrived as RFC 4733 events or SIP INFO.",
    "info": "The key # arrived as RFC 4733 events or SIP INFO.",
    "tones": "The key # arrived as tones in the voice (in-band).",
}


async def check_trunk_test(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    owns = {**{name: own for name, (own, _, _) in CARRIERS.items()}, **{name: {} for name in KEYS}}
    trunks = TrunkLab(lab.asterisk.program, lab.sipp, lab.directory, owns)
    tone = lab.directory / "key.alaw"
    tone.write_bytes((make_key_tone(0.12) + make_silence(0.12)) * 20)
    for name, (_, responses, _) in CARRIERS.items():
        await trunks.answer_calls(name, render_answers(*responses, hangs_up=True))
    await trunks.answer_calls("info", render_phone_with_keys(info=True))
    await trunks.answer_calls("tones", render_phone_with_keys(str(tone)))
    faults: list[str] = []
    async with trunks.run_asterisk(), KeyPhone(make_silence(1.0)) as phone:
        await trunks.answer_calls("events", render_phone_with_keys(voice_port=phone.port))
        await trunks.wait_for_message("registers", "REGISTER")
        for name, (own, _, expected) in CARRIERS.items():
            wanted = [*(["Registration: Registered."] if "registers" in own else []), _ASKED, *expected]
            faults += await _compare_test(trunks, name, wanted)
        for name, sentence in KEYS.items():
            if name == "events":
                asyncio.get_running_loop().call_later(KEY_SECONDS, phone.press_keys, "#")
            faults += await _compare_test(trunks, name, [sentence])
    return [*faults, *trunks.asterisk.unexpected_log_lines()]


async def _compare_test(trunks: TrunkLab, name: str, wanted: list[str]) -> list[str]:
    """Return a line for each expected text that the test of a trunk does not print."""
    trunk = find_trunk_to_test(trunks.settings, name)
    text = " ".join(describe_trunk_test(await place_test_call(trunks.settings, trunk, VOTER, RING_SECONDS)))
    return [f"{name}: {words!r} is not in {text!r}" for words in wanted if words not in text]
