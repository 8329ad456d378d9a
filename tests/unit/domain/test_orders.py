"""Orders of headquarters: their format and signatures, and which orders a centre refuses."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.orders import (
    ExecutedOrder,
    HqOrder,
    OrderForged,
    OrderKind,
    calculate_order_digest,
    find_order_signers,
    parse_order_text,
    refuse_invalid_order,
    sign_order,
    was_order_executed,
)
from dialer.domain.signing import derive_public_key
from dialer.hq.orders import create_order

NOW = 1_713_771_727.0
KEYS = {name: bytes([place]) * 32 for place, name in enumerate(("asha", "ravi", "meena"), 1)}
LEADERS = {name: derive_public_key(key) for name, key in KEYS.items() if name != "meena"}


def make_order(kind: str = "stop-all", **changes: Any) -> HqOrder:
    fields = {
        "id": "o-1",
        "to": "all",
        "order": OrderKind(kind),
        "made_at": NOW - 10,
        "expires_at": NOW + 60,
        **changes,
    }
    return HqOrder(**fields)


def sign_order_as(order: HqOrder, *names: str) -> list[str]:
    return find_order_signers(
        order.order_as_json_text, [sign_order(order.order_as_json_text, name, KEYS[name]) for name in names], LEADERS
    )


def test_headquarters_order_is_encoded_and_decoded_without_change() -> None:
    order = make_order("quota", campaign_id="turnout", max_calls=20, to="zone:north")
    assert parse_order_text(order.order_as_json_text) == order
    assert sign_order_as(order, "ravi", "asha") == ["asha", "ravi"]


def test_headquarters_order_signed_by_an_earlier_version_with_the_field_campaign_is_valid() -> None:
    order = make_order("pause", campaign_id="turnout")
    text = order.order_as_json_text.replace('"campaign_id"', '"campaign"')
    assert (parse_order_text(text), '"campaign":"turnout"' in text) == (order, True)
    assert find_order_signers(text, [sign_order(text, "ravi", KEYS["ravi"])], LEADERS) == ["ravi"]
    with pytest.raises(CommandRefused, match="campaign Extra inputs are not permitted"):
        parse_order_text(text.replace('"campaign":', '"campaign_id":"persuasion","campaign":'))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "pause"},
        {"campaign_id": "turnout"},
        {"kind": "pause", "campaign_id": "turnout", "max_calls": 3},
        {"kind": "quota", "campaign_id": "turnout", "max_calls": 0},
        {"expires_at": NOW - 10},
        {"expires_at": NOW + 8 * 86_400},
        {"to": "everybody"},
        {"made_at": NOW * 1000, "expires_at": NOW * 1000 + 60},
        {"role": "supervisor"},
    ],
)
def test_invalid_headquarters_order_cannot_be_created(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        make_order(**changes)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"id": "o-1"}', make_order().order_as_json_text.replace("stop-all", "dance"), "\ud800"]
)
def test_invalid_text_of_a_headquarters_order_is_refused(text: str) -> None:
    with pytest.raises(CommandRefused, match="the order of headquarters is invalid"):
        parse_order_text(text)


def test_headquarters_order_is_valid_only_if_headquarters_leaders_signed_its_exact_text() -> None:
    order = make_order()
    good = sign_order(order.order_as_json_text, "asha", KEYS["asha"])
    assert find_order_signers(order.order_as_json_text, [good, good], LEADERS) == [
        "asha"
    ]  # two signatures of the same leader count once
    forged = [
        [good.model_copy(update={"leader": "ravi"})],
        [good, good.model_copy(update={"leader": "meena"})],
        [sign_order(order.order_as_json_text, "meena", KEYS["meena"])],
        [good.model_copy(update={"signature": "AA=="})],
        [good.model_copy(update={"signature": "none"})],
    ]
    for signatures in forged:
        with pytest.raises(OrderForged):
            find_order_signers(order.order_as_json_text, signatures, LEADERS)
    with pytest.raises(OrderForged):
        find_order_signers(order.order_as_json_text.replace("all", "ALL"), [good], LEADERS)


@pytest.mark.parametrize(
    ("order", "names", "says"),
    [
        (make_order(), (), "have it signed by one leader"),
        (
            make_order("resume"),
            ("asha",),
            r"the order resume has too few valid signatures \(1\): have it signed by two leaders",
        ),
        (make_order("resume", campaign_id="turnout"), ("ravi",), "have it signed by two leaders"),
        (
            make_order(to="zone:south"),
            ("asha",),
            "the order is addressed to zone:south, but this is centre pune-1 of zone north",
        ),
        (make_order(to="centre:pune-2"), ("asha",), "addressed to centre:pune-2"),
        (make_order("pause", campaign_id="turnout", made_at=NOW - 90, expires_at=NOW), ("asha",), "has expired"),
        (make_order("resume", made_at=NOW - 90, expires_at=NOW), ("asha", "ravi"), "has expired"),
    ],
)
def test_centre_refuses_an_invalid_headquarters_order_with_a_reason(
    order: HqOrder, names: tuple[str, ...], says: str
) -> None:
    with pytest.raises(CommandRefused, match=says):
        refuse_invalid_order(order, sign_order_as(order, *names), "pune-1", "north", NOW)


@pytest.mark.parametrize("centre_clock_ahead", [-86_400.0, -360.0, 0.0, 360.0, 30 * 86_400.0])
def test_centre_obeys_a_stop_order_whatever_its_clock_shows(centre_clock_ahead: float) -> None:
    stop = make_order()
    refuse_invalid_order(stop, sign_order_as(stop, "asha"), "pune-1", "north", NOW + centre_clock_ahead)


def test_stop_order_supersedes_an_earlier_resume_order_dated_by_a_fast_clock() -> None:
    resume = make_order("resume", id="resume", made_at=NOW + 240, expires_at=NOW + 3600)
    stop = create_order(OrderKind.STOP_ALL, "all", NOW, after=resume.made_at)
    assert not was_order_executed(stop, stop.order_as_json_text, [make_executed_order(resume)])
    tie = make_order(made_at=resume.made_at, expires_at=NOW + 3600)
    assert not was_order_executed(tie, tie.order_as_json_text, [make_executed_order(resume)])
    with pytest.raises(CommandRefused, match="a later order"):
        was_order_executed(resume, resume.order_as_json_text, [make_executed_order(tie)])


@pytest.mark.parametrize("to", ["all", "zone:north", "centre:pune-1"])
def test_centre_accepts_headquarters_orders_to_itself_its_zone_or_all_centres(to: str) -> None:
    stop, resume = make_order(to=to), make_order("resume", to=to)
    refuse_invalid_order(stop, sign_order_as(stop, "ravi"), "pune-1", "north", NOW)
    refuse_invalid_order(resume, sign_order_as(resume, "asha", "ravi"), "pune-1", "north", NOW)
    assert not make_order(to="zone:none").is_addressed_to_centre("pune-1", None)


def make_executed_order(order: HqOrder) -> ExecutedOrder:
    return ExecutedOrder(order.id, calculate_order_digest(order.order_as_json_text), order.order.value, order.made_at)


def test_centre_executes_a_headquarters_order_once_and_not_after_a_later_order() -> None:
    stop = make_order(id="stop", made_at=NOW - 50)
    resume = make_order("resume", id="resume", made_at=NOW - 40)
    pause = make_order("pause", id="pause", campaign_id="turnout", made_at=NOW - 45)
    quota = make_order("quota", id="quota", campaign_id="turnout", max_calls=9, made_at=NOW - 45)
    assert not was_order_executed(stop, stop.order_as_json_text, [])
    assert was_order_executed(stop, stop.order_as_json_text, [make_executed_order(stop), make_executed_order(resume)])
    with pytest.raises(CommandRefused, match="give this order a new id"):
        was_order_executed(stop, make_order(id="stop").order_as_json_text, [make_executed_order(stop)])
    assert not was_order_executed(resume, resume.order_as_json_text, [make_executed_order(stop)])
    # A stop or pause is superseded only by a later resume.
    assert not was_order_executed(
        stop, stop.order_as_json_text, [make_executed_order(pause), make_executed_order(quota)]
    )
    assert not was_order_executed(
        pause, pause.order_as_json_text, [make_executed_order(stop), make_executed_order(quota)]
    )
    for overtaken, by in ((stop, resume), (pause, resume), (quota, resume), (quota, pause), (resume, make_order())):
        with pytest.raises(CommandRefused, match="a later order"):
            was_order_executed(overtaken, overtaken.order_as_json_text, [make_executed_order(by)])
