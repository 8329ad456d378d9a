"""A check of `dialer trunk test` on a real Asterisk: it tells what a carrier did with a call."""

from __future__ import annotations

from dialer.site.trunk_test import describe_trunk_test, find_trunk_to_test, place_test_call
from tests.asterisk.sipp_scripts import render_answers
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import CALLER_ID, VOTER, TrunkLab

_ASKED = f"The carrier was asked to call {VOTER}, with the caller ID {CALLER_ID}."
_ACCOUNT = {"username": "acc1", "password": "a-password-for-the-lab", "registers": True}
_ANSWER = "200 OK + sdp"
RING_SECONDS = 5.0
CARRIERS = {
    "answers": (
        {},
        ["180 Ringing", _ANSWER],
        ["The phone rang after ", "It was answered after ", "Codec: alaw."],
    ),
    "early-media": (
        {},
        ["183 Session Progress + sdp", _ANSWER],
        ["with early media (SIP 183)", "answered", "Codec: alaw."],
    ),
    "registers": (
        _ACCOUNT,
        ["486 Busy Here"],
        ["ended the call with SIP 486 (cause 17): outcome busy. The trunk works."],
    ),
    "refuses": ({}, ["403 Forbidden"], ["SIP 403 (cause 21): outcome rejected. This counts against the trunk."]),
    "silent": ({}, [], ["nothing that Asterisk reports until the ring limit: outcome carrier-failure."]),
}


async def check_trunk_test(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    trunks = TrunkLab(
        lab.asterisk.program, lab.sipp, lab.directory, {name: own for name, (own, _, _) in CARRIERS.items()}
    )
    for name, (_, responses, _) in CARRIERS.items():
        await trunks.answer_calls(name, render_answers(*responses, hangs_up=True))
    faults: list[str] = []
    async with trunks.run_asterisk():
        await trunks.wait_for_message("registers", "REGISTER")
        for name, (own, _, expected) in CARRIERS.items():
            trunk = find_trunk_to_test(trunks.settings, name)
            lines = list(describe_trunk_test(await place_test_call(trunks.settings, trunk, VOTER, RING_SECONDS)))
            wanted = [*(["Registration: Registered."] if own else []), _ASKED, *expected]
            text = " ".join(lines)
            faults += [f"{name}: {words!r} is not in {text!r}" for words in wanted if words not in text]
    return [*faults, *trunks.asterisk.unexpected_log_lines()]
