"""A command is one registration: a file with a class is all there is to write."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.domain.clock import SystemClock
from dialer.engine import command as commands
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.engine.command.registry import COMMANDS, SEAT, SUPERVISOR_ALONE, VALUES, Command, offered
from dialer.mqtt import document
from dialer.mqtt.commands import CommandDesk, judge_command, open_command
from dialer.store.sqlite import Store, open_store
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import SENDERS

A_COMMAND = '''

from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import AT_THE_SEAT, SEAT, CommandOfSeat, Value, offered, text_of

COFFEE = Value("coffee", "black or white", text_of("black|white"), description="of seat-coffee")


@offered("seat-coffee", SEAT, COFFEE, roles=AT_THE_SEAT)
class SeatCoffee(CommandOfSeat):
    """The agent takes a break for coffee."""

    coffee: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.pause(self.seat, f"{self.coffee} coffee")
'''


@pytest.fixture
def a_new_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file of a command stands among the others."""
    (tmp_path / "coffee.py").write_text(A_COMMAND, encoding="utf-8")
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    commands.find_commands()
    yield
    del COMMANDS["seat-coffee"], VALUES["coffee"]
    del sys.modules["dialer.engine.command.coffee"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "centre.db")
    yield opened
    await opened.close()


class Breaks:
    """A desk for seats that notes who pauses."""

    def __init__(self) -> None:
        self.paused: list[tuple[str, str]] = []

    async def pause(self, seat_name: str, reason: str) -> str:
        self.paused.append((seat_name, reason))
        return f"seat {seat_name}: paused"


async def ask(store: Store, user: str, breaks: Breaks, **values: Any) -> dict[str, Any]:
    """What is answered to the command when `user` gives it over MQTT."""
    desks: Any = SimpleNamespace(seats=breaks)

    class Engine(FakeEngine):
        async def execute(self, command: Command) -> str:
            return await command.carry_out(desks)

    desk = CommandDesk(Engine(), store, SystemClock(), SENDERS, "pune-1")
    now = SystemClock().now()
    fields = {"id": f"c-{len(await store.outbox(100))}", "name": "seat-coffee", "expires_at": now + 30, **values}
    payload = json.dumps(fields).encode()
    await desk.handle(judge_command(open_command(payload), user, SENDERS, "pune-1", retained=False, now=now))
    rows = [row for row in await store.outbox(100) if row.topic == f"replies/{user}/{fields['id']}"]
    answer: dict[str, Any] = json.loads(rows[-1].payload)
    return answer


@pytest.mark.usefixtures("a_new_command")
async def test_it_comes_over_mqtt_and_is_carried_out(store: Store) -> None:
    breaks = Breaks()
    answer = await ask(store, "desk", breaks, seat="01", coffee="black")
    assert (answer["status"], answer["text"]) == ("done", "seat 01: paused")
    assert breaks.paused == [("01", "black coffee")]


@pytest.mark.usefixtures("a_new_command")
async def test_it_is_refused_to_other_roles_and_with_other_values(store: Store) -> None:
    breaks = Breaks()
    answer = await ask(store, "listener", breaks, seat="01", coffee="black")
    assert answer["text"] == "`seat-coffee` is for the role desk or supervisor; listener has listener"
    answer = await ask(store, "desk", breaks, seat="01", coffee="tea")
    assert answer["text"] == "`seat-coffee` needs `coffee`, black or white"
    answer = await ask(store, "supervisor", breaks, seat="01", coffee="white", reason="break")
    assert answer["text"] == "`seat-coffee` takes no `reason`: leave `reason` out"
    assert breaks.paused == []


@pytest.mark.usefixtures("a_new_command")
def test_it_stands_in_the_documents() -> None:
    properties = document.asyncapi()["components"]["schemas"]["CommandPayload"]["properties"]
    assert "seat-coffee" in properties["name"]["enum"]
    assert properties["coffee"]["description"] == "of seat-coffee"
    row = "| `seat-coffee` | The agent takes a break for coffee. | `seat`, `coffee` |  | `desk`, `supervisor` | at most once |"
    assert row in document.markdown()


def test_without_its_file_there_is_none() -> None:
    assert "seat-coffee" not in COMMANDS
    assert "seat-coffee" not in document.markdown()


def test_a_name_is_not_registered_twice() -> None:
    class Another(Command):
        async def carry_out(self, desks: object) -> str:
            return ""

    with pytest.raises(ValueError, match="the command pause, or one of its values, is registered twice"):
        offered("pause", SEAT, roles=SUPERVISOR_ALONE)(Another)
    assert COMMANDS["pause"].make is PauseCampaign
