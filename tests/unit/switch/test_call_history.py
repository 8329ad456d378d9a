"""The reader of Asterisk's call records, with lines that Asterisk 22.10.1 wrote with our cdr_custom.conf."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.model import AttemptId
from dialer.domain.switch import History, PastCall
from dialer.engine.calls.reconcile import Reconciler
from dialer.engine.core import Core
from dialer.switch.asterisk import call_history
from dialer.switch.asterisk.call_history import parse_call_history, read_call_history

LINES = """\
id-1,4,1795779056.400164,0.000000,1795779056.710350,AppDial2,(Outgoing Line)
id-4,16,1795779056.400398,0.000000,1795779056.713912,AppDial2,(Outgoing Line)
id-3,0,1795779056.401891,0.000000,1795779056.718464,AppDial2,(Outgoing Line)
id-0,8,1795779056.398456,1795779056.910217,1795779059.915032,Playback,matdan/message
id-talk,8,1795779056.404568,1795779056.915065,1795779058.406954,ConfBridge,seat-01,matdan_seat,matdan_voter
""".splitlines()
ASKED = [AttemptId(name) for name in ("id-0", "id-1", "id-3", "id-4", "id-talk", "id-none")]


def test_call_records_are_decoded_for_every_way_a_call_ends() -> None:
    history = parse_call_history(LINES, ASKED, 60.0)
    assert history.ended == {
        "id-1": PastCall(None, "BUSY"),
        "id-4": PastCall(None, "CONGESTION"),
        "id-3": PastCall(None, "NOANSWER"),
        "id-0": PastCall(1795779056.910217),
        "id-talk": PastCall(1795779056.915065, None, "01"),
    }
    assert (history.first_at, history.up_seconds) == (1795779056.398456, 60.0)


@pytest.mark.parametrize(("seconds", "dial_status"), [(0.2, None), (9.9, None), (10.1, "NOANSWER"), (30.1, "NOANSWER")])
def test_failed_call_that_lasted_its_ring_limit_counts_as_no_answer(seconds: float, dial_status: str | None) -> None:
    line = f"id-1,2,1796167828.0,0.000000,{1796167828.0 + seconds},AppDial2,(Outgoing Line)"
    assert parse_call_history([line], ASKED, None).ended == {"id-1": PastCall(None, dial_status)}


@pytest.mark.parametrize("line", ["", "id-1", "id-1,x,1,2,3,a,b", "id-1,4,1795779056.4", "id-1,4,,,,,", "\x00,\ufffd"])
def test_damaged_call_record_is_skipped(line: str) -> None:
    assert parse_call_history([line, *LINES], ASKED, None) == parse_call_history(LINES, ASKED, None)


def test_call_record_with_an_answer_overrides_later_records_of_the_same_call() -> None:
    again = "id-0,0,1795779060.0,0.000000,1795779061.0,AppDial2,(Outgoing Line)"
    assert parse_call_history([*LINES, again], ASKED, None).ended == parse_call_history(LINES, ASKED, None).ended


def test_call_records_are_read_from_rotated_and_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "matdan.csv"
    assert read_call_history(file, ASKED, None).first_at is None
    file.with_name("matdan.csv.1").write_text("\n".join(LINES[:3]) + "\n", encoding="utf-8")
    file.write_text("\n".join(LINES[3:]) + "\n", encoding="utf-8")
    assert set(read_call_history(file, ASKED, None).ended) == {"id-0", "id-1", "id-3", "id-4", "id-talk"}
    monkeypatch.setattr(call_history, "MOST_BYTES", len(LINES[4]) + 10)
    assert "id-talk" in read_call_history(file, ASKED, None).ended
    assert "id-0" not in read_call_history(file, ASKED, None).ended


@pytest.mark.parametrize(
    ("created_at", "first_at", "last_at", "up_seconds", "answered", "never"),
    [
        (900.0, 500.0, 901.0, 800.0, False, True),
        (900.0, 500.0, 899.0, 800.0, False, False),  # no record since: the disk may have been full
        (900.0, 500.0, 901.0, 99.0, False, False),  # the switch started after it: calls of that time have no record
        (900.0, 898.0, 901.0, 800.0, False, False),  # the oldest record is younger: the file may start after it
        (900.0, None, None, 800.0, False, False),
        (900.0, 500.0, 901.0, None, False, False),
        (900.0, 500.0, 901.0, 800.0, True, False),
        (None, 500.0, 901.0, 800.0, False, False),  # an attempt of this run: it knows what it has sent
    ],
)
def test_call_is_assumed_never_sent_only_if_call_records_are_complete(
    created_at: float | None,
    first_at: float | None,
    last_at: float | None,
    up_seconds: float | None,
    answered: bool,
    never: bool,
) -> None:
    core = SimpleNamespace(clock=SimpleNamespace(now=lambda: 1000.0))
    nothing: list[Any] = [None] * 8
    reconciler = Reconciler(cast(Core, core), *nothing)
    if created_at is not None:
        reconciler._created_at = {AttemptId("a"): created_at}
    call = SimpleNamespace(attempt_id=AttemptId("a"), is_answered=answered)
    assert reconciler._was_call_never_sent_to_asterisk(call, History({}, first_at, last_at, up_seconds)) is never  # type: ignore[arg-type]
    assert not reconciler._was_call_never_sent_to_asterisk(call, None)  # type: ignore[arg-type]
