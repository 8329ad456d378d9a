"""A command is one class, from which reading, permissions, refusals, documents and help are derived."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import pytest
from pydantic import Field, ValidationError

from dialer.cli.document_permissions import render_permissions_page
from dialer.domain.clock import SystemClock
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.engine.command import catalogue
from dialer.engine.command.base import (
    FROM_DIALLER,
    SEAT_ROLES,
    SUPERVISOR_ONLY,
    Command,
    CommandContext,
    SeatCommand,
    registry,
)
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt import document
from dialer.mqtt.commands.checks import parse_and_check_payload
from dialer.mqtt.commands.gateway import CommandGateway
from dialer.store.store import Store, open_store
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import SENDERS

if TYPE_CHECKING:
    from dialer.engine.services import Services


@pytest.fixture
def coffee(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register a command seat-coffee for one test."""

    class SeatCoffee(SeatCommand):
        """Pause a seat for coffee."""

        name: Literal["seat-coffee"] = "seat-coffee"
        roles = SEAT_ROLES

        coffee: Annotated[Literal["black", "white"], Field(description="which kind")]

        async def execute_command(self, services: Services, context: CommandContext) -> str:
            return await services.seats.pause_seat(self.seat, f"{self.coffee} coffee for {context.sender}")

    cast("dict[str, type[Command]]", catalogue.COMMANDS)["seat-coffee"] = SeatCoffee
    yield
    del registry["seat-coffee"], cast("dict[str, type[Command]]", catalogue.COMMANDS)["seat-coffee"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "centre.db")
    yield opened
    await opened.close()


class Seats:
    """Stand-in for the engine's seats that records who pauses a seat."""

    def __init__(self) -> None:
        self.paused: list[tuple[str, str]] = []

    async def pause_seat(self, seat_name: str, reason: str) -> str:
        self.paused.append((seat_name, reason))
        return f"seat {seat_name}: paused"


async def send(store: Store, user: str, seats: Seats, **fields: Any) -> dict[str, Any]:
    """Return the reply to the command when `user` sends it over MQTT."""
    services: Any = SimpleNamespace(seats=seats)

    class Engine(FakeEngine):
        async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
            return await command.execute_command(services, context)

    gateway = CommandGateway(Engine(), store, SystemClock(), SENDERS, "pune-1")
    now = SystemClock().now()
    command_id = f"c-{len(await store.read_outbox_rows_for_broker(100))}"
    message = {"id": command_id, "name": "seat-coffee", "expires_at": now + 30, **fields}
    payload = json.dumps(message).encode()
    await gateway.execute_command_once_and_reply(
        parse_and_check_payload(payload, user, SENDERS, "pune-1", retained=False, now=now)
    )
    rows = [row for row in await store.read_outbox_rows_for_broker(100) if row.topic == f"replies/{user}/{command_id}"]
    reply: dict[str, Any] = json.loads(rows[-1].payload)
    return reply


@pytest.mark.usefixtures("coffee")
async def test_new_command_class_is_executed_over_mqtt(store: Store) -> None:
    seats = Seats()
    reply = await send(store, "desk", seats, seat="01", coffee="black")
    assert (reply["status"], reply["text"]) == ("done", "seat 01: paused")
    assert seats.paused == [("01", "black coffee for desk")]


@pytest.mark.usefixtures("coffee")
async def test_new_command_class_refuses_undeclared_roles_and_fields(store: Store) -> None:
    seats = Seats()
    reply = await send(store, "listener", seats, seat="01", coffee="black")
    assert reply["text"] == "`seat-coffee` needs the role desk or supervisor; listener has listener"
    reply = await send(store, "desk", seats, seat="01", coffee="tea")
    assert reply["text"] == "`seat-coffee`: `coffee` must be 'black' or 'white' (which kind)"
    reply = await send(store, "supervisor", seats, seat="01", coffee="white", reason="break")
    assert reply["text"] == "the command `seat-coffee` has no field `reason`: leave `reason` out"
    assert seats.paused == []


@pytest.mark.usefixtures("coffee")
def test_new_command_class_appears_in_the_documentation() -> None:
    schema = document.render_asyncapi()["components"]["schemas"]["SeatCoffee"]
    assert schema["properties"]["name"]["const"] == "seat-coffee"
    assert schema["properties"]["coffee"]["description"] == "which kind"
    assert set(schema["required"]) == {"id", "name", "expires_at", "seat", "coffee"}
    page = document.render_topics_page()
    assert "|`seat-coffee`|`seat`, `coffee`|no|Pause a seat for coffee.|" in page
    assert "|`coffee`|`black`, `white`|which kind|" in page
    (allowed,) = re.findall(r"^\|(.*)\|.*`seat-coffee`", render_permissions_page(), re.MULTILINE)
    assert allowed == "`desk`, `supervisor`"


def test_command_name_can_be_registered_only_once() -> None:
    with pytest.raises(TypeError, match="two command classes have the name pause: rename one of them"):

        class Another(Command):
            name: Literal["pause"] = "pause"
            roles = SUPERVISOR_ONLY

    assert COMMANDS["pause"] is PauseCampaign


def test_command_class_needs_roles_and_descriptions() -> None:
    with pytest.raises(TypeError, match="the class of command seat-tea needs `roles`"):

        class WithoutRoles(Command):
            name: Literal["seat-tea"] = "seat-tea"

    with pytest.raises(TypeError, match="the class of command seat-tea needs a description of its field sugar"):

        class WithoutDescription(Command):
            name: Literal["seat-tea"] = "seat-tea"
            roles = SUPERVISOR_ONLY
            sugar: bool

    assert "seat-tea" not in registry


def test_command_accepts_only_values_of_the_declared_types() -> None:
    with pytest.raises(ValidationError):
        PauseCampaign(campaign_id=cast(str, 7))
