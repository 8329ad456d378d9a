"""Several Asterisk servers: new seats and trunks use the configured server, and removed ones stay known for their live
calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.model import AttemptId
from dialer.domain.switch_events import EventSink, SwitchDown, SwitchEvent, SwitchUp
from dialer.settings.site import load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.reload import SettingsReload
from dialer.switch.asterisk.multi_server import MultiServerSwitch


class Server:
    """A server that records its commands."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, ...]] = []
        self.tracker = self
        self.calls = self

    def set_event_sink(self, sink: EventSink) -> None:
        self.sink = sink

    def check_connection_to_other_asterisk(self, server: str) -> None:
        self.orders.append(("check", server))

    def is_call_still_tracked(self, attempt_id: AttemptId) -> bool:
        return attempt_id == "call"

    async def call_seat_phone(self, seat: str, endpoint: str) -> None:
        self.orders.append((seat, endpoint))

    async def connect_call_to_seat(self, attempt_id: AttemptId, seat: str, *, record: bool, server: str) -> None:
        self.orders.append((attempt_id, seat, server))


async def test_phone_of_an_added_seat_is_called_on_its_asterisk_server() -> None:
    one, other = Server(), Server()
    switch = MultiServerSwitch(cast(Any, {"one": one, "other": other}), {"phone01": "one"}, {"01": "one"})
    with pytest.raises(KeyError):
        await switch.call_seat_phone("02", "phone02")
    switch.register_servers_of_trunks_and_seats({"phone02": "other"}, {"02": "other"})
    await switch.call_seat_phone("02", "phone02")
    await switch.connect_call_to_seat(AttemptId("call"), "02")
    await switch.call_seat_phone("01", "phone01")
    assert (one.orders, other.orders) == ([("call", "02", "other"), ("01", "phone01")], [("02", "phone02")])


def test_servers_test_the_link_to_a_recovered_server_at_once() -> None:
    one, other = Server(), Server()
    events = list[SwitchEvent]()
    MultiServerSwitch(cast(Any, {"one": one, "other": other}), {}, {}).set_event_sink(events.append)
    other.sink(up := SwitchUp(frozenset(), frozenset(), (), restarted=True, server="other"))
    other.sink(SwitchDown("closed", "other"))
    assert events == [up, SwitchDown("closed", "other")]
    assert (one.orders, other.orders) == ([("check", "other")], [])


SITE = """
[centre]
id = "pune-1"
[ami]
username = "dialler"
secret = "a-secret-of-tests"
[[asterisk.servers]]
name = "one"
host = "127.0.0.1"
[[asterisk.servers]]
name = "other"
host = "127.0.0.2"
[[trunks]]
name = "carrier"
endpoint = "carrier"
server = "one"
caller_ids = ["+911140000001"]
[[campaigns]]
id = "turnout-agents"
kind = "agents"
"""
SEAT = '[[seats]]\nname = "{name}"\nendpoint = "agent{name}"\nserver = "{server}"\n'


def test_moving_a_seat_to_another_asterisk_server_needs_a_restart_of_the_dialler(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    first, again = SEAT.format(name="01", server="one"), SEAT.format(name="02", server="one")
    path.write_text(SITE + first + again, encoding="utf-8")
    settings = load_settings(path)
    read = SettingsReload(settings, load_site_profile(settings))
    path.write_text(SITE + first, encoding="utf-8")
    read().apply()
    path.write_text(SITE + first + SEAT.format(name="02", server="other"), encoding="utf-8")
    with pytest.raises(CommandRefused, match=r"no change was applied: seats\.02 needs a restart"):
        read()
    path.write_text(SITE + first + again, encoding="utf-8")
    assert read().changed == ("seats.02",)
