"""The table of outcomes, row by row: what a real Asterisk said of each SIP status, and what the simulated one says of it.

`captures/endings/by-sip-status.jsonl` holds the events of one call per status, as the dialler's own manager user got them from
Asterisk 22.11.0-rc1; a phone that rang before the status came is a row of its own. The rows of docs/outcomes.md are the same.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dialer.calls import Call, outcome_of
from dialer.model import AttemptId, CampaignKind, Outcome
from dialer.simulation.asterisk import Scripted, SimulatedAsteriskConfig
from dialer.simulation.asterisk.originate import CARRIER_CAUSES, dial_status
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage
from dialer.switch.asterisk.tracker import CallTracker
from dialer.switch.port import CallEnded, CallRinging
from tests.support.simulation import lab_centre
from tests.support.virtual import virtual_time

ID = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")
ROOT = Path(__file__).parents[2]
CAPTURED = {
    row["ending"]: row["events"]
    for row in map(
        json.loads,
        (ROOT / "tests/captures/endings/by-sip-status.jsonl").read_text(encoding="utf-8").splitlines(),
    )
}
TABLE: dict[int, Outcome] = {
    486: Outcome.BUSY,
    600: Outcome.BUSY,
    480: Outcome.NO_ANSWER,
    404: Outcome.INVALID_NUMBER,
    410: Outcome.INVALID_NUMBER,
    484: Outcome.INVALID_NUMBER,
    485: Outcome.INVALID_NUMBER,
    604: Outcome.INVALID_NUMBER,
    503: Outcome.CONGESTION,
    403: Outcome.REJECTED,
    603: Outcome.REJECTED,
    400: Outcome.CARRIER_FAILURE,
    402: Outcome.CARRIER_FAILURE,
    408: Outcome.CARRIER_FAILURE,
    422: Outcome.CARRIER_FAILURE,
    487: Outcome.CARRIER_FAILURE,
    488: Outcome.CARRIER_FAILURE,
    491: Outcome.CARRIER_FAILURE,
    500: Outcome.CARRIER_FAILURE,
    502: Outcome.CARRIER_FAILURE,
    504: Outcome.CARRIER_FAILURE,
    606: Outcome.CARRIER_FAILURE,
}


def a_call() -> Call:
    return Call(ID, "c", CampaignKind.AGENTS, 1, 1, 1, 1, "hi", 1, "t", 0.0, written=True)


def messages_of(text: str) -> list[AmiMessage]:
    banner = b"Asterisk Call Manager/11.0.0\r\n"
    return list(AmiDecoder().feed(banner + text.replace("{id}", ID).encode()))


def ending_of(messages: list[AmiMessage], attempt_id: AttemptId = ID) -> tuple[Outcome, CallEnded]:
    """What the tracker and the rule make of a call's events."""
    tracker, call = CallTracker(), a_call()
    tracker.expect(attempt_id)
    told = [event for message in messages for event in tracker.take(message)]
    if any(isinstance(event, CallRinging) for event in told):
        call = call.rang(1.0, 1.0)
    (ended,) = [event for event in told if isinstance(event, CallEnded)]
    return outcome_of(call, ended), ended


def test_every_status_of_the_captures_is_in_the_table_and_in_the_simulation() -> None:
    captured = {int(name.partition("-")[0]) for name in CAPTURED}
    assert captured == set(TABLE) == set(CARRIER_CAUSES)


@pytest.mark.parametrize("ending", CAPTURED)
def test_what_a_real_asterisk_said_gives_the_outcome_of_the_table(ending: str) -> None:
    status = int(ending.partition("-")[0])
    outcome, ended = ending_of(messages_of(CAPTURED[ending]))
    assert outcome is TABLE[status]
    assert (ended.technical_cause, ended.cause) == (str(status), CARRIER_CAUSES[status])
    assert ended.dial_status == dial_status(status)
    assert ended.ever_ringing is ending.endswith("-ringing")
    assert not ended.timed_out


@pytest.mark.parametrize("rings", [False, True])
def test_the_simulated_asterisk_says_the_same(rings: bool) -> None:
    numbers = {f"+9170000{status:05d}": status for status in TABLE}
    scripts = {number: Scripted(answer_after=1.0, rings=rings, fails_with=code) for number, code in numbers.items()}
    found: dict[int, Outcome] = {}

    @virtual_time()
    async def run() -> None:
        async with lab_centre(SimulatedAsteriskConfig(scripts=scripts)) as (_, lab):
            for number, status in numbers.items():
                channel = AttemptId(f"3f0e7c1a-5b1d-4a53-9a0b-{status:012d}")
                start = len(lab.messages)
                await lab.call(number, channel)
                await lab.event("OriginateResponse", ActionID=channel)
                await lab.event("Hangup", Uniqueid=channel)
                events = [message for message in lab.messages[start:] if message.event]
                found[status] = ending_of(events, channel)[0]

    run()
    assert found == TABLE


def test_the_page_of_outcomes_has_the_same_rows() -> None:
    page = (ROOT / "docs/outcomes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-9, ]+) \| `([a-z-]+)` \|", page, re.MULTILINE)
    assert {int(status): Outcome(name) for statuses, name in rows for status in statuses.split(",")} == TABLE
