"""Which trunks still have their earlier calls in the history of their Asterisk server after a change of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dialer.settings.site import Settings
from dialer.site.asterisk import find_trunks_with_unchanged_server
from dialer.site.settings_changes import list_settings_by_key
from tests.support.centre import site_settings

SERVERS = [{"name": "a", "host": "127.0.0.1"}, {"name": "b", "host": "127.0.0.2"}]


def make_site(directory: Path, servers: list[dict[str, str]], **lines: str) -> Settings:
    trunk: dict[str, Any] = {"channels": 5, "caller_ids": ["+911140000001"]}
    trunks = [{"name": name, "endpoint": f"to-{name}", "server": server, **trunk} for name, server in lines.items()]
    seats = [{"name": "01", "endpoint": "agent-01", "server": "b"}]
    return site_settings(directory, 0, seats=seats, asterisk={"servers": servers}, trunks=trunks)


@pytest.mark.parametrize(
    ("servers", "lines", "stand"),
    [
        (SERVERS, {"one": "a", "two": "b"}, {"one", "two"}),
        (SERVERS, {"one": "b", "two": "b"}, {"two"}),
        (SERVERS, {"one": "a", "two": "b", "three": "b"}, {"one", "two"}),
        ([SERVERS[0], {**SERVERS[1], "host": "127.0.0.3"}], {"one": "a", "two": "b"}, set()),
        (SERVERS[1:], {"two": "b"}, set()),
    ],
)
def test_trunk_moved_to_another_asterisk_server_has_no_call_history_on_that_server(
    servers: list[dict[str, str]], lines: dict[str, str], stand: set[str], tmp_path: Path
) -> None:
    before = list_settings_by_key(make_site(tmp_path, SERVERS, one="a", two="b"))
    now = make_site(tmp_path, servers, **lines)
    printed = list_settings_by_key(now)
    changed = {key for key in {*before, *printed} if before.get(key) != printed.get(key)}
    assert find_trunks_with_unchanged_server(now, changed) == stand
