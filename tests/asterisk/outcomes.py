"""A check of the table of outcomes on a real Asterisk: each SIP status, answers without usable audio, and calls without
an end.
"""

from __future__ import annotations

from dialer.domain.model import Outcome
from dialer.engine.trunks.state import has_call_failed_because_of_trunk
from tests.asterisk.sipp_scripts import render_answers, render_failures
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import TrunkLab
from tests.support.outcome_table import TABLE, TRUNKS_FAULT, find_end_and_outcome

_G729 = (
    render_answers("180 Ringing", "200 OK + sdp").replace("AVP 8", "AVP 18").replace("rtpmap:8 PCMA", "rtpmap:18 G729")
)
ANSWERS_WITHOUT_AUDIO = {"no-description": render_answers("180 Ringing", "200 OK"), "other-codec": _G729}
WITHOUT_END = {
    "forwards": (render_answers("181 Call Is Being Forwarded"), Outcome.NO_ANSWER),
    "queues": (render_answers("182 Queued"), Outcome.NO_ANSWER),
    "tries": (render_answers(), Outcome.CARRIER_FAILURE),
}
REDIRECTS = 3


async def check_outcomes(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    names = ("status", *ANSWERS_WITHOUT_AUDIO, *WITHOUT_END, "dead")
    trunks = TrunkLab(lab.asterisk.program, lab.sipp, lab.directory, {name: {} for name in names})
    await trunks.answer_calls("status", render_failures(sorted(TABLE)))
    for name, script in ANSWERS_WITHOUT_AUDIO.items():
        await trunks.answer_calls(name, script)
    for name, (script, _) in WITHOUT_END.items():
        await trunks.answer_calls(name, script)
    faults: list[str] = []
    async with trunks.run_asterisk():
        for status, expected in TABLE.items():
            faults += await _compare_outcome(
                trunks, "status", f"+91701000{status:04d}", expected, status in TRUNKS_FAULT
            )
        for name in ANSWERS_WITHOUT_AUDIO:
            faults += await _compare_outcome(trunks, name, "+917010000200", Outcome.CARRIER_FAILURE, True)
        for name, (_, expected) in {**WITHOUT_END, "dead": ("", Outcome.CARRIER_FAILURE)}.items():
            faults += await _compare_outcome(
                trunks, name, "+917010000100", expected, expected is Outcome.CARRIER_FAILURE
            )
        for _ in range(REDIRECTS):
            faults += await _compare_outcome(trunks, "status", "+917010000302", TABLE[302], False)
    called = len(trunks.list_received_messages("status", "INVITE"))
    if called != len(TABLE) + REDIRECTS:
        faults.append(f"the carrier received {called} calls, although {len(TABLE) + REDIRECTS} were placed")
    return [*faults, *trunks.asterisk.unexpected_log_lines()]


async def _compare_outcome(
    trunks: TrunkLab, trunk: str, number: str, expected: Outcome, trunks_fault: bool
) -> list[str]:
    """Return a line if a call has another outcome, or counts differently for its trunk."""
    attempt_id, messages = await trunks.place_call(trunk, number)
    outcome, ended = find_end_and_outcome(messages, attempt_id)
    found = (outcome, has_call_failed_because_of_trunk(outcome, ended) is True)
    return [] if found == (expected, trunks_fault) else [f"{trunk} {number[-3:]}: {found}, expected {expected}"]
