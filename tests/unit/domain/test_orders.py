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
    find_signers,
    read_order,
    refuse_unlawful_order,
    sign_order,
    was_order_executed,
)
from dialer.domain.signing import derive_public_key

NOW = 1_713_771_727.0
KEYS = {name: bytes([place]) * 32 for place, name in enumerate(("asha", "ravi", "meena"), 1)}
LEADERS = {name: derive_public_key(key) for name, key in KEYS.items() if name != "meena"}


def an_order(kind: str = "stop-all", **changes: Any) -> HqOrder:
    fields = {
        "id": "o-1",
        "to": "all",
        "order": OrderKind(kind),
        "made_at": NOW - 10,
        "expires_at": NOW + 60,
        **changes,
    }
    return HqOrder(**fields)


def signed(order: HqOrder, *names: str) -> list[str]:
    return find_signers(order.text, [sign_order(order.text, name, KEYS[name]) for name in names], LEADERS)


def test_headquarters_order_is_read_as_written() -> None:
    order = an_order("quota", campaign="turnout", max_calls=20, to="zone:north")
    assert read_order(order.text) == order
    assert signed(order, "ravi", "asha") == ["asha", "ravi"]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "pause"},
        {"campaign": "turnout"},
        {"kind": "pause", "campaign": "turnout", "max_calls": 3},
        {"kind": "quota", "campaign": "turnout", "max_calls": 0},
        {"expires_at": NOW - 10},
        {"expires_at": NOW + 8 * 86_400},
        {"to": "everybody"},
        {"made_at": NOW * 1000, "expires_at": NOW * 1000 + 60},
        {"role": "supervisor"},
    ],
)
def test_invalid_headquarters_order_cannot_be_created(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        an_order(**changes)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"id": "o-1"}', an_order().text.replace("stop-all", "dance"), "\ud800"]
)
def test_invalid_text_of_a_headquarters_order_is_refused(text: str) -> None:
    with pytest.raises(CommandRefused, match="the order is invalid"):
        read_order(text)


def test_only_signatures_by_leaders_of_the_exact_order_text_are_valid() -> None:
    order = an_order()
    good = sign_order(order.text, "asha", KEYS["asha"])
    assert find_signers(order.text, [good, good], LEADERS) == ["asha"]  # two signatures of the same leader count once
    forged = [
        [good.model_copy(update={"leader": "ravi"})],
        [good, good.model_copy(update={"leader": "meena"})],
        [sign_order(order.text, "meena", KEYS["meena"])],
        [good.model_copy(update={"signature": "AA=="})],
        [good.model_copy(update={"signature": "none"})],
    ]
    for signatures in forged:
        with pytest.raises(OrderForged):
            find_signers(order.text, signatures, LEADERS)
    with pytest.raises(OrderForged):
        find_signers(order.text.replace("all", "ALL"), [good], LEADERS)


@pytest.mark.parametrize(
    ("order", "names", "says"),
    [
        (an_order(), (), "must be signed by one leader"),
        (an_order("resume"), ("asha",), "the order resume must be signed by two leaders: it has 1 signatures"),
        (an_order("resume", campaign="turnout"), ("ravi",), "must be signed by two leaders"),
        (an_order(to="zone:south"), ("asha",), "the order is for zone:south, but this is centre pune-1 of zone north"),
        (an_order(to="centre:pune-2"), ("asha",), "for centre:pune-2"),
        (an_order(made_at=NOW - 90, expires_at=NOW), ("asha",), "has expired"),
        (
            an_order(made_at=NOW + 3600, expires_at=NOW + 7200),
            ("asha",),
            "60 minutes in the future: check the clocks",
        ),
    ],
)
def test_order_that_a_centre_must_not_execute_is_refused_with_a_reason(
    order: HqOrder, names: tuple[str, ...], says: str
) -> None:
    with pytest.raises(CommandRefused, match=says):
        refuse_unlawful_order(order, signed(order, *names), "pune-1", "north", NOW)


@pytest.mark.parametrize("to", ["all", "zone:north", "centre:pune-1"])
def test_headquarters_order_to_the_centre_its_zone_or_all_centres_is_accepted(to: str) -> None:
    stop, resume = an_order(to=to), an_order("resume", to=to)
    refuse_unlawful_order(stop, signed(stop, "ravi"), "pune-1", "north", NOW)
    refuse_unlawful_order(resume, signed(resume, "asha", "ravi"), "pune-1", "north", NOW)
    assert not an_order(to="zone:none").is_addressed_to("pune-1", None)


def heard(order: HqOrder) -> ExecutedOrder:
    return ExecutedOrder(order.id, calculate_order_digest(order.text), order.order.value, order.made_at)


def test_headquarters_order_is_executed_once_and_not_after_a_later_one() -> None:
    stop = an_order(id="stop", made_at=NOW - 50)
    resume = an_order("resume", id="resume", made_at=NOW - 40)
    pause = an_order("pause", id="pause", campaign="turnout", made_at=NOW - 45)
    quota = an_order("quota", id="quota", campaign="turnout", max_calls=9, made_at=NOW - 45)
    assert not was_order_executed(stop, stop.text, [])
    assert was_order_executed(stop, stop.text, [heard(stop), heard(resume)])
    with pytest.raises(CommandRefused, match="give the order a new id"):
        was_order_executed(stop, an_order(id="stop").text, [heard(stop)])
    assert not was_order_executed(resume, resume.text, [heard(stop)])
    # A stop or pause is superseded only by a later resume.
    assert not was_order_executed(stop, stop.text, [heard(pause), heard(quota)])
    assert not was_order_executed(pause, pause.text, [heard(stop), heard(quota)])
    for overtaken, by in ((stop, resume), (pause, resume), (quota, resume), (quota, pause), (resume, an_order())):
        with pytest.raises(CommandRefused, match="a later order"):
            was_order_executed(overtaken, overtaken.text, [heard(by)])
