"""The table of outcomes, row by row: each SIP status as reported by a real Asterisk and by the simulated one.

`captures/endings/by-sip-status.jsonl` contains the events of one call per status, as the dialler's own manager user
received them from Asterisk 22. A phone that rang before the status came has a row of its own, and so has a carrier that
sent 183 before it (early media). docs/reference/outcomes.md has the same rows.
"""

from __future__ import annotations

import json
import re

import pytest

from dialer.domain.clock import Instant
from dialer.domain.enums import CampaignKind
from dialer.domain.model import AttemptId, Outcome
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.engine.calls.state import derive_outcome_of_ended_call
from dialer.engine.trunks.state import has_call_failed_because_of_trunk
from dialer.rules.retries import RetryRules, compute_retry_time_after_outcome
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.originate import CARRIER_CAUSES, convert_sip_status_to_dial_status
from dialer.simulation.asterisk.voters import Behaviour
from dialer.simulation.document_outcomes import update_outcomes_page
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage
from dialer.switch.asterisk.listing import _parse_channel_in_ami_list
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from tests.support.calls import ID, a_call
from tests.support.outcome_table import TABLE, TRUNKS_FAULT, find_end_and_outcome
from tests.support.paths import ROOT
from tests.support.simulation import lab_centre
from tests.support.virtual import virtual_time

CAPTURED = {
    row["ending"]: row["events"]
    for row in map(
        json.loads,
        (ROOT / "tests/captures/endings/by-sip-status.jsonl").read_text(encoding="utf-8").splitlines(),
    )
}
EARLY = {
    row["ending"]: row
    for row in map(
        json.loads, (ROOT / "tests/captures/endings/early-media.jsonl").read_text(encoding="utf-8").splitlines()
    )
}


def decode_ami_messages(text: str) -> list[AmiMessage]:
    banner = b"Asterisk Call Manager/11.0.0\r\n"
    return list(AmiDecoder().decode_bytes(banner + text.replace("{id}", ID).encode()))


def test_every_captured_call_status_is_documented_and_simulated() -> None:
    captured = {int(name.partition("-")[0]) for name in CAPTURED}
    assert captured == set(TABLE) == set(CARRIER_CAUSES)


@pytest.mark.parametrize("ending", CAPTURED)
def test_calls_captured_from_asterisk_have_the_outcomes_of_the_outcome_table(ending: str) -> None:
    status = int(ending.partition("-")[0])
    outcome, ended = find_end_and_outcome(decode_ami_messages(CAPTURED[ending]))
    assert outcome is TABLE[status]
    assert (ended.technical_cause, ended.cause) == (str(status), CARRIER_CAUSES[status])
    assert ended.dial_status == convert_sip_status_to_dial_status(status)
    assert ended.ever_ringing is ending.endswith(("-ringing", "-progress"))
    assert not ended.timed_out


@pytest.mark.parametrize(
    ("ending", "ever_ringing", "outcome"),
    [
        ("limit-silent", False, Outcome.CARRIER_FAILURE),  # a dead trunk
        ("limit-progress", True, Outcome.NO_ANSWER),
        ("limit-progress-ringing", True, Outcome.NO_ANSWER),
        ("limit-ringing-progress", True, Outcome.NO_ANSWER),
        ("limit-forwarded", True, Outcome.NO_ANSWER),  # SIP 181
    ],
)
def test_call_that_never_rings_is_a_carrier_failure_at_the_ring_limit(
    ending: str, ever_ringing: bool, outcome: Outcome
) -> None:
    found, ended = find_end_and_outcome(decode_ami_messages(EARLY[ending]["events"]))
    assert (found, ended.ever_ringing, ended.timed_out) == (outcome, ever_ringing, True)
    assert has_call_failed_because_of_trunk(found, ended) is not ever_ringing


@pytest.mark.parametrize("status", [500, 503])
def test_announcement_after_sip_183_is_a_carrier_failure(status: int) -> None:
    """The carrier sends `Reason: Q.850;cause=1` (no such number) with the 5xx, which a real Asterisk does
    not report.
    """

    def list_reported_fields(text: str) -> list[tuple[str, ...]]:
        fields = ("Event", "DialStatus", "Response", "Reason", "Cause", "TechCause", "DestChannelState", "ChannelState")
        return sorted(tuple(message.get(name) for name in fields) for message in decode_ami_messages(text))

    assert list_reported_fields(EARLY[f"{status}-progress-cause-1"]["events"]) == list_reported_fields(
        CAPTURED[f"{status}-progress"]
    )


def test_phone_ringing_after_sip_183_counts_as_ringing() -> None:
    """A restarted dialler reads the ringing from CoreShowChannels, as a real Asterisk lists it."""
    listed = _parse_channel_in_ami_list(decode_ami_messages(EARLY["limit-progress"]["listed"])[0], {})
    assert (listed.unique_id, listed.up, listed.ringing) == (ID, False, False)
    tracker = SwitchTracker()
    _, *states = tracker.rebuild_tracked_state_from_channels([listed], restarted=False)
    assert states == []  # the ring time must not reach pacing or the trunk's health
    ends = [
        event
        for message in decode_ami_messages(EARLY["limit-progress"]["events"])
        for event in tracker.handle_ami_event(message)
    ]
    (ended,) = [event for event in ends if isinstance(event, CallEnded)]
    assert derive_outcome_of_ended_call(a_call(), ended) is Outcome.NO_ANSWER


def test_call_cancelled_after_sip_183_has_the_outcome_cancelled() -> None:
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    told = [
        event
        for message in decode_ami_messages(EARLY["cancelled-progress"]["events"])
        for event in tracker.handle_ami_event(message)
    ]
    (ended,) = [event for event in told if isinstance(event, CallEnded)]
    assert derive_outcome_of_ended_call(a_call(cancelled=True), ended) is Outcome.CANCELLED


@pytest.mark.parametrize("rings_with", [(), (180,), (183,), (183, 180)])
def test_simulated_asterisk_gives_the_call_outcomes_of_the_outcome_table(rings_with: tuple[int, ...]) -> None:
    numbers = {f"+9170000{status:05d}": status for status in TABLE}
    scripts = {
        number: Behaviour(answer_after=1.5, rings=bool(rings_with), rings_with=rings_with or (180,), fails_with=code)
        for number, code in numbers.items()
    }
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
                events = [message for message in lab.messages[start:] if message.event_name]
                found[status] = find_end_and_outcome(events, channel)[0]

    run()
    assert found == TABLE


def test_docs_page_of_outcomes_lists_the_rows_of_the_outcome_table() -> None:
    page = (ROOT / "docs/reference/outcomes.md").read_text(encoding="utf-8")
    assert update_outcomes_page(page) == page, "run `make reference`"
    rows = re.findall(r"^\|([0-9, ]+)\|`([a-z-]+)`\|\d+\|[^|]*\|(yes|no)\|$", page, re.MULTILINE)
    found = {
        int(status): (Outcome(name), failed == "yes") for numbers, name, failed in rows for status in numbers.split(",")
    }
    assert found == {status: (outcome, status in TRUNKS_FAULT) for status, outcome in TABLE.items()}


@pytest.mark.parametrize("status", ["406", "488"])
@pytest.mark.parametrize("kind", [CampaignKind.AGENTS, CampaignKind.IVR])
def test_answer_without_audio_that_asterisk_can_use_is_a_carrier_failure(kind: CampaignKind, status: str) -> None:
    call = a_call(kind=kind).copy_call_with_answer(Instant(2.0, 2.0))
    ended = CallEnded(ID, EndedBy.HANGUP, answered=True, cause=127, technical_cause=status)
    outcome = derive_outcome_of_ended_call(call, ended)
    assert outcome is Outcome.CARRIER_FAILURE
    assert has_call_failed_because_of_trunk(outcome, ended) is True
    talked = derive_outcome_of_ended_call(call.copy_call_with_voter_connected("04", None, Instant(3.0, 3.0)), ended)
    assert talked is Outcome.CONNECTED


NEVER, SOON = None, 60.0
RULES = RetryRules(3, busy_seconds=900, no_answer_seconds=5400, other_seconds=7200, abandoned_lock_seconds=259_200)
RETRIES: dict[Outcome, float | None] = {
    Outcome.CONNECTED: 7200,  # unless the agent enters a disposition
    Outcome.COMPLETED: NEVER,
    Outcome.LEFT: 7200,
    Outcome.ABANDONED: 259_200,
    Outcome.DROPPED: 7200,
    Outcome.MACHINE: 7200,
    Outcome.BUSY: 900,
    Outcome.NO_ANSWER: 5400,
    Outcome.INVALID_NUMBER: NEVER,
    Outcome.CONGESTION: 7200,
    Outcome.REJECTED: 5400,
    Outcome.CARRIER_FAILURE: 7200,
    Outcome.CANCELLED: SOON,
    Outcome.REFUSED: SOON,
    Outcome.MISSED: 7200,
    Outcome.UNKNOWN: NEVER,
}


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_has_its_retry_interval_until_the_last_attempt(outcome: Outcome) -> None:
    seconds = RETRIES[outcome]
    assert compute_retry_time_after_outcome(RULES, outcome, 1, 1000.0) == (
        None if seconds is None else 1000.0 + seconds
    )
    last = compute_retry_time_after_outcome(RULES, outcome, 3, 1000.0)
    assert last == (1060.0 if seconds == SOON else None)
