"""What a batch means for headquarters' books."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.voter_place import VoterPlace
from dialer.hq.ledger import (
    Announced,
    DayCounts,
    HeardCentre,
    KnownCentre,
    TakenMark,
    answers_of,
    read_row,
    take,
    trouble_of,
    turnout_changes,
)
from dialer.nats.messages import BatchRow, InvalidMessage
from dialer.store.voter_status import VoterStatus
from tests.support.headquarters import NOW, attempt_row, batch, mark_row
from tests.support.headquarters import row as row_of

KNOWN = {"pune-1": KnownCentre("z1", 10)}


def taken(*batches: object) -> HeardCentre | None:
    heard: dict[str, HeardCentre] = {}
    for each in batches:
        take(each, "up.pune-1", KNOWN, heard)  # type: ignore[arg-type]
    return heard.get("pune-1")


def rows(first: int, last: int) -> list[object]:
    return [attempt_row(number) for number in range(first, last + 1)]


@pytest.mark.parametrize(
    ("spans", "last", "fresh", "lost"),
    [
        ([(11, 13, 0)], 13, [11, 12, 13], 0),
        ([(11, 13, 0), (14, 15, 0)], 15, [11, 12, 13, 14, 15], 0),
        ([(5, 10, 0)], 10, [], 0),  # known
        ([(9, 12, 0)], 12, [11, 12], 0),  # cut otherwise than before
        ([(11, 13, 0), (11, 13, 0)], 13, [11, 12, 13], 0),
        ([(12, 13, 0)], 10, [], 0),  # one is missing before it
        ([(11, 13, 0), (15, 16, 0)], 13, [11, 12, 13], 0),
        ([(1, 13, 9)], 13, [11, 12, 13], 0),  # gone there, and known here
        ([(11, 13, 12)], 13, [11, 12, 13], 2),
    ],
)
def test_each_row_is_taken_once_in_its_order(
    spans: list[tuple[int, int, int]], last: int, fresh: list[int], lost: int
) -> None:
    heard = taken(*(batch(rows(first, end), gone=gone) for first, end, gone in spans))  # type: ignore[arg-type]
    assert heard is not None
    assert (heard.last_id, [row.id for row in heard.rows], heard.lost) == (last, fresh, lost)


def test_a_batch_is_its_sender_s_and_of_a_centre_that_is_ours() -> None:
    with pytest.raises(InvalidMessage, match="another's key"):
        take(batch([attempt_row(1)]), "up.pune-2", KNOWN, {})
    with pytest.raises(InvalidMessage, match=r"add it to \[\[centres\]\]"):
        take(batch([attempt_row(1)], centre="x"), "up.x", KNOWN, {})


def test_what_is_no_time_makes_no_row_the_newest() -> None:
    odd = [BatchRow(12, "results/attempts", at, "{}") for at in (math.inf, math.nan, 9e99)]
    rows_of = [attempt_row(11), *(replace(each, id=12 + place) for place, each in enumerate(odd))]
    heard = taken(batch(rows_of))
    assert heard is not None
    assert (heard.last_id, heard.made_at) == (14, attempt_row(11).at)


def test_a_clock_that_is_ahead_is_said() -> None:
    assert trouble_of(HeardCentre(5, NOW), NOW - 100) is None
    assert trouble_of(HeardCentre(5, NOW), NOW - 3_600) == "its clock is 3600 s ahead of ours"


def test_days_end_in_the_zone_of_the_settings() -> None:
    days = DayCounts(ZoneInfo("Asia/Kolkata"), lambda centre, word: True)
    for number, outcome in ((1, "busy"), (14 * 3600, "busy")):
        row, fields = read_row("pune-1", attempt_row(number, outcome), NOW)
        days.add(row, fields)
    assert days.counts == {
        ("pune-1", date(2024, 4, day), what): 1.0 for day in (22, 23) for what in ("attempts", "outcome/busy")
    }


def test_a_mark_is_read_with_its_place_and_goes_sideways_where_others_must_know() -> None:
    row, _ = read_row("pune-1", mark_row(1, 12), NOW)
    assert isinstance(row, TakenMark)
    assert row.place == VoterPlace("2026-1", "S13", 209, 2, 12)
    kinds = {"voted": True, "not-yet": False, "deceased": False}
    for kind, sideways in kinds.items():
        read, _ = read_row("pune-1", mark_row(1, 12, kind), NOW)
        assert isinstance(read, TakenMark)
        assert read.goes_sideways is sideways
    assert read_row("pune-1", mark_row(1, 12, "nonsense"), NOW)[0].__class__.__name__ == "Announced"


LONG = "x" * 129
WORDS = ("key", "undoes", "roll_version", "state_code", "confidence", "at")
NO_MARKS: list[tuple[str, object]] = [("kind", []), ("kind", {}), ("source", []), *((name, LONG) for name in WORDS)]


@pytest.mark.parametrize(("name", "value"), [*NO_MARKS, ("undoes", [LONG]), ("confidence", [LONG]), ("at", [LONG])])
def test_a_mark_that_no_dialler_would_take_is_kept_as_it_came_and_stands_in_nobodys_way(
    name: str, value: object
) -> None:
    """It would end the gatherer, or be longer than a message to other centres may be: all that follows would wait for ever."""
    row = mark_row(1, 12)
    assert isinstance(read_row("pune-1", row, NOW)[0], TakenMark)
    fields = json.loads(row.payload)
    (fields["place"] if name in fields["place"] else fields)[name] = value
    other = replace(row, payload=json.dumps(fields))
    assert isinstance(read_row("pune-1", other, NOW)[0], Announced)


def test_a_change_counts_in_its_booth_and_all_above_and_in_the_zone_that_brought_it() -> None:
    place = VoterPlace("2026-1", "S13", 209, 2, 12)
    heard, voted = VoterStatus("pending", True, True), VoterStatus("voted", True)
    sums = turnout_changes([(place, "z1", 5.0, VoterStatus(), heard), (place, "z2", 9.0, heard, voted)])
    assert sums["booth", "", "S13", 209, 2] == (1, 1, 0, 9.0)
    assert sums["zone", "z1", "", 0, 0] == (1, 0, 1, 5.0)
    assert sums["zone", "z2", "", 0, 0] == (0, 1, -1, 9.0)
    assert turnout_changes([(place, "z1", 5.0, voted, voted)]) == {}


def test_answers_are_kept_of_whom_the_call_addressed_but_no_recordings_and_each_row_has_a_key_of_its_own() -> None:
    place = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2, "serial": 12}
    said = {"hour": "17:00", "number": None, "message": "a1-2", "wish": f"RE{'0f' * 16}"}

    def read(topic: str, **fields: object) -> tuple[str, list[tuple[str, str | None]]]:
        row, read_fields = read_row("pune-1", row_of(7, topic, attempt_id="a1", **fields), NOW)
        assert isinstance(row, Announced)
        return row.key, [(each.question, each.value) for each in answers_of(row, read_fields)]

    kept = [("hour", "17:00"), ("number", None)]
    assert read("answers", answers=said, place=place) == ("a1/hour,message,number,wish", kept)
    assert read("answers", answers={"hour": "18:00"}, place=place) == ("a1/hour", [("hour", "18:00")])
    assert read("dispositions", answers=said, place=place) == ("a1", kept)
    assert read("answers", answers=said) == ("a1/hour,message,number,wish", [])  # nobody's on the roll
    assert read("answers", answers="none", place=place) == ("7", [])
    assert read("attempts", answers=said, place=place) == ("a1", [])
