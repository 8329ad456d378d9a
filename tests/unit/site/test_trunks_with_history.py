"""Whose calls of the run before an Asterisk's history tells of, by what was changed in the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dialer.settings.site import Settings
from dialer.site.asterisk import trunks_with_history
from dialer.site.settings_changes import settings_by_key
from tests.support.centre import site_settings

BOXES = [{"name": "a", "host": "127.0.0.1"}, {"name": "b", "host": "127.0.0.2"}]


def site(directory: Path, boxes: list[dict[str, str]], **lines: str) -> Settings:
    trunk: dict[str, Any] = {"channels": 5, "caller_ids": ["+911140000001"]}
    trunks = [{"name": name, "endpoint": f"to-{name}", "box": box, **trunk} for name, box in lines.items()]
    seats = [{"name": "01", "endpoint": "agent-01", "box": "b"}]
    return site_settings(directory, 0, seats=seats, asterisk={"boxes": boxes}, trunks=trunks)


@pytest.mark.parametrize(
    ("boxes", "lines", "stand"),
    [
        (BOXES, {"one": "a", "two": "b"}, {"one", "two"}),
        (BOXES, {"one": "b", "two": "b"}, {"two"}),
        (BOXES, {"one": "a", "two": "b", "three": "b"}, {"one", "two"}),
        ([BOXES[0], {**BOXES[1], "host": "127.0.0.3"}], {"one": "a", "two": "b"}, set()),
        (BOXES[1:], {"two": "b"}, set()),
    ],
)
def test_a_line_stands_where_its_asterisk_does(
    boxes: list[dict[str, str]], lines: dict[str, str], stand: set[str], tmp_path: Path
) -> None:
    before = settings_by_key(site(tmp_path, BOXES, one="a", two="b"))
    now = site(tmp_path, boxes, **lines)
    told = settings_by_key(now)
    changed = {key for key in {*before, *told} if before.get(key) != told.get(key)}
    assert trunks_with_history(now, changed) == stand
