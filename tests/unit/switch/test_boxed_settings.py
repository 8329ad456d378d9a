"""Seats and lines that come with new settings go to the box that has them; those of before stay known for their calls."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dialer.domain.model import AttemptId
from dialer.switch.asterisk.boxes import BoxedSwitch


class Box:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def has(self, attempt_id: AttemptId) -> bool:
        return attempt_id == "call"

    async def call_seat(self, seat: str, endpoint: str) -> None:
        self.asked.append((seat, endpoint))

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool, box: str) -> None:
        self.asked.append((attempt_id, seat, box))


async def test_a_seat_that_comes_is_called_at_its_own_box_and_one_that_is_gone_is_known_still() -> None:
    one, other = Box(), Box()
    switch = BoxedSwitch(cast(Any, {"one": one, "other": other}), {"phone01": "one"}, {"01": "one"})
    with pytest.raises(KeyError):
        await switch.call_seat("02", "phone02")
    switch.know({"phone02": "other"}, {"02": "other"})
    await switch.call_seat("02", "phone02")
    await switch.connect(AttemptId("call"), "02")
    await switch.call_seat("01", "phone01")
    assert (one.asked, other.asked) == ([("call", "02", "other"), ("01", "phone01")], [("02", "phone02")])
