"""What the rows of a batch add to headquarters' database."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.model import calculate_abandoned_rate
from dialer.domain.voter_place import VoterPlace
from dialer.hq.figures import compute_day_figures
from dialer.hq.ledger import (
    CentreRows,
    DayCounts,
    MarkRow,
    ResultRow,
    StatusChange,
    TurnoutArea,
    add_new_rows_of_batch,
    parse_answers_in_result,
    parse_outbox_row,
    refuse_batch_of_wrong_centre,
    sum_turnout_changes,
)
from dialer.hq.stores import KnownStore, StoreState
from dialer.nats.messages import BatchRow, InvalidMessage, OutboxBatch
from dialer.store.voter_status import VoterStatus
from tests.support.headquarters import NOW, attempt_row, batch, mark_row, row

SHARE = 0.25


def known_store(last_id: int) -> KnownStore:
    return KnownStore("a", None, StoreState.ACCEPTED, last_id, NOW, "")


def collect_rows(*batches: OutboxBatch) -> CentreRows:
    """The rows of pune-1 after these batches."""
    rows = CentreRows(known_store(10))
    for each in batches:
        add_new_rows_of_batch(each, rows, NOW + 10_000)
    return rows


def make_attempt_rows(first: int, last: int) -> list[BatchRow]:
    return [attempt_row(number) for number in range(first, last + 1)]


@pytest.mark.parametrize(
    ("spans", "last", "new", "lost"),
    [
        ([(11, 13, 0)], 13, [11, 12, 13], 0),
        ([(11, 13, 0), (14, 15, 0)], 15, [11, 12, 13, 14, 15], 0),
        ([(5, 10, 0)], 10, [], 0),  # stored already
        ([(9, 12, 0)], 12, [11, 12], 0),  # overlaps with an earlier batch
        ([(11, 13, 0), (11, 13, 0)], 13, [11, 12, 13], 0),
        ([(12, 13, 0)], 10, [], 0),  # row 11 is missing
        ([(11, 13, 0), (15, 16, 0)], 13, [11, 12, 13], 0),
        ([(1, 13, 9)], 13, [11, 12, 13], 0),  # rows to 9 are deleted at the centre, and stored here
        ([(11, 13, 12)], 13, [11, 12, 13], 2),
    ],
)
def test_each_result_row_from_a_centre_is_collected_once_and_in_order(
    spans: list[tuple[int, int, int]], last: int, new: list[int], lost: int
) -> None:
    rows = collect_rows(
        *(batch(make_attempt_rows(first, end), deleted_through=deleted) for first, end, deleted in spans)
    )
    assert (rows.store.last_id, [each.id for each in rows.rows], rows.lost_rows) == (last, new, lost)


def test_batch_published_on_the_nats_subject_of_another_centre_is_rejected() -> None:
    with pytest.raises(
        InvalidMessage, match=r"results of centre pune-1 arrived on up\.pune-2, the NATS subject of another centre"
    ):
        refuse_batch_of_wrong_centre(batch([attempt_row(1)]), "up.pune-2", {"pune-1"})


def test_batch_of_result_rows_from_an_unknown_centre_is_rejected() -> None:
    with pytest.raises(InvalidMessage, match=r"add the centre to \[\[centres\]\]"):
        refuse_batch_of_wrong_centre(batch([attempt_row(1)], centre="x"), "up.x", {"pune-1"})


def test_result_with_an_invalid_time_does_not_set_the_centres_newest_result_time() -> None:
    invalid = [BatchRow(12, "results/attempts", at, "{}") for at in (math.inf, math.nan, 9e99)]
    rows = [attempt_row(11), *(replace(each, id=12 + place) for place, each in enumerate(invalid))]
    collected = collect_rows(batch(rows))
    assert (collected.store.last_id, collected.created_at) == (14, attempt_row(11).at)


def test_result_time_of_a_centre_with_a_fast_clock_is_limited_to_now() -> None:
    rows = CentreRows(known_store(10))
    add_new_rows_of_batch(batch([attempt_row(11)]), rows, NOW - 3_600)
    assert rows.created_at == NOW - 3_600
    marked, _ = parse_outbox_row("pune-1", mark_row(12, 7), NOW - 3_600)
    assert marked.at == NOW - 3_600
    answered, fields = parse_outbox_row(
        "pune-1", row(7, "answers", attempt_id="a1", answers={"q": "1"}, place=PLACE), NOW
    )
    assert isinstance(answered, ResultRow)
    assert [each.at for each in parse_answers_in_result(answered, fields, NOW - 3_600)] == [NOW - 3_600]
    assert answered.at == NOW + 7  # the same when it is sent again
    days = DayCounts(ZoneInfo("Asia/Kolkata"), lambda centre, name: True, NOW - 86_400)
    days.add_result_to_day_counts(*parse_outbox_row("pune-1", attempt_row(1), NOW))
    assert {day for _, day, _ in days.counts} == {date(2024, 4, 21)}


def test_results_are_counted_by_day_in_the_time_zone_of_the_settings() -> None:
    days = DayCounts(ZoneInfo("Asia/Kolkata"), lambda centre, name: True, NOW + 86_400)
    for number, outcome in ((1, "busy"), (14 * 3600, "busy")):
        days.add_result_to_day_counts(*parse_outbox_row("pune-1", attempt_row(number, outcome), NOW))
    assert days.counts == {
        ("pune-1", date(2024, 4, day), what): 1.0 for day in (22, 23) for what in ("attempts", "outcome/busy")
    }


def test_voters_mistaken_for_machines_count_as_abandoned_at_headquarters() -> None:
    days = DayCounts(ZoneInfo("Asia/Kolkata"), lambda centre, name: True, NOW + 86_400)
    calls: list[dict[str, Any]] = [
        *[{"outcome": "connected", "connected_at": NOW, "false_positive_share": SHARE}] * 3,
        *[{"outcome": "machine", "connected_at": None, "false_positive_share": SHARE}] * 4,
        {"outcome": "machine", "connected_at": NOW, "false_positive_share": SHARE},  # an agent reports it
        *[{"outcome": "completed", "connected_at": None, "false_positive_share": SHARE}] * 2,
        *[
            {"outcome": outcome, "connected_at": None, "false_positive_share": 0.0}
            for outcome in ("machine", "completed")
        ],
        {"outcome": "machine", "connected_at": None},  # from an earlier version
    ]
    for number, fields in enumerate(calls, start=1):
        days.add_result_to_day_counts(*parse_outbox_row("pune-1", row(number, "attempts", **fields), NOW))
    figures = compute_day_figures({what: count for (_, _, what), count in days.counts.items()})
    expected = calculate_abandoned_rate({"connected": 3, "completed": 2}, 4 * SHARE)
    assert (figures["live_answers"], figures["abandoned"]) == (expected.live_answers, expected.abandoned) == (6.0, 1.0)


def test_headquarters_counts_live_answers_of_outbound_calls_only() -> None:
    days = DayCounts(ZoneInfo("Asia/Kolkata"), lambda centre, name: True, NOW + 86_400)
    calls: list[dict[str, Any]] = [
        {"outcome": "connected", "direction": "outbound"},
        {"outcome": "abandoned", "direction": "outbound"},
        *[{"outcome": "connected", "direction": "inbound"}] * 5,
        {"outcome": "abandoned", "direction": "inbound"},
        {"outcome": "completed", "direction": "inbound", "false_positive_share": SHARE},
    ]
    for number, fields in enumerate(calls, start=1):
        days.add_result_to_day_counts(*parse_outbox_row("pune-1", row(number, "attempts", **fields), NOW))
    figures = compute_day_figures({what: count for (_, _, what), count in days.counts.items()})
    assert (figures["live_answers"], figures["abandoned"]) == (2, 1)
    assert (figures["attempts"], figures["contacts"]) == (9, 6)


def test_voter_status_at_headquarters_has_the_voters_place_on_the_electoral_roll() -> None:
    mark, _ = parse_outbox_row("pune-1", mark_row(1, 12), NOW)
    assert isinstance(mark, MarkRow)
    assert mark.place == VoterPlace("2026-1", "S13", 209, 2, 12)


@pytest.mark.parametrize(
    ("kind", "is_mark_sent_to_other_centres"), [("voted", True), ("not-yet", False), ("deceased", False)]
)
def test_headquarters_sends_votes_but_no_other_voter_statuses_to_other_centres(
    kind: str, is_mark_sent_to_other_centres: bool
) -> None:
    mark, _ = parse_outbox_row("pune-1", mark_row(1, 12, kind), NOW)
    assert isinstance(mark, MarkRow)
    assert mark.is_mark_sent_to_other_centres is is_mark_sent_to_other_centres


def test_voter_status_of_an_unknown_kind_is_stored_but_not_counted() -> None:
    assert isinstance(parse_outbox_row("pune-1", mark_row(1, 12, "nonsense"), NOW)[0], ResultRow)


TOO_LONG = "x" * 129
TEXTS = ("key", "undoes", "roll_version", "state_code", "confidence", "at")
INVALID_FIELDS: list[tuple[str, object]] = [
    ("kind", []),
    ("kind", {}),
    ("source", []),
    *((name, TOO_LONG) for name in TEXTS),
    *((name, [TOO_LONG]) for name in ("undoes", "confidence", "at")),
]


@pytest.mark.parametrize(("name", "value"), INVALID_FIELDS)
def test_invalid_voter_status_is_stored_but_not_sent_to_other_centres(name: str, value: object) -> None:
    """As a mark it would stop the gatherer, or be too long for a peer update, and block all rows after it."""
    valid = mark_row(1, 12)
    assert isinstance(parse_outbox_row("pune-1", valid, NOW)[0], MarkRow)
    fields = json.loads(valid.payload)
    (fields["place"] if name in fields["place"] else fields)[name] = value
    invalid = replace(valid, payload=json.dumps(fields))
    assert isinstance(parse_outbox_row("pune-1", invalid, NOW)[0], ResultRow)


def test_changed_status_of_a_voter_changes_the_counts_of_booth_constituency_and_zone() -> None:
    place = VoterPlace("2026-1", "S13", 209, 2, 12)
    contacted, voted = VoterStatus("pending", True, True), VoterStatus("voted", True)
    sums = sum_turnout_changes(
        [
            StatusChange(place, "z1", 5.0, VoterStatus(), contacted),
            StatusChange(place, "z2", 9.0, contacted, voted),
        ]
    )
    assert sums[TurnoutArea("booth", "", "S13", 209, 2)] == (1, 1, 0, 9.0)
    assert sums[TurnoutArea("zone", "z1", "", 0, 0)] == (1, 0, 1, 5.0)
    assert sums[TurnoutArea("zone", "z2", "", 0, 0)] == (0, 1, -1, 9.0)
    assert sum_turnout_changes([StatusChange(place, "z1", 5.0, voted, voted)]) == {}


PLACE = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2, "serial": 12}
ANSWERS = {"hour": "17:00", "number": None, "message": "a1-2", "wish": f"RE{'0f' * 16}"}
STORED_ANSWERS = [("hour", "17:00"), ("number", None)]


@pytest.mark.parametrize(
    ("topic", "fields", "key", "answers"),
    [
        ("answers", {"answers": ANSWERS, "place": PLACE}, "a1/hour,message,number,wish", STORED_ANSWERS),
        ("answers", {"answers": {"hour": "18:00"}, "place": PLACE}, "a1/hour", [("hour", "18:00")]),
        ("dispositions", {"answers": ANSWERS, "place": PLACE}, "a1", STORED_ANSWERS),
        ("answers", {"answers": ANSWERS}, "a1/hour,message,number,wish", []),  # the voter is not on a roll
        ("answers", {"answers": "none", "place": PLACE}, "", []),
        ("attempts", {"answers": ANSWERS, "place": PLACE}, "a1", []),
    ],
)
def test_voter_answers_read_from_results_contain_no_names_of_recordings(
    topic: str, fields: dict[str, object], key: str, answers: list[tuple[str, str | None]]
) -> None:
    result, parsed = parse_outbox_row("pune-1", row(7, topic, attempt_id="a1", **fields), NOW)
    assert isinstance(result, ResultRow)
    assert result.key == (key or hashlib.sha256(result.payload.encode()).hexdigest())
    assert [(each.question, each.value) for each in parse_answers_in_result(result, parsed, NOW + 60)] == answers
