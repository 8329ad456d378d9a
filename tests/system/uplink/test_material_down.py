"""A centre takes material as the dialler's own reload does: the next call has it, what is wrong is taken back, and told."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from config.errors import MatdanError
from dialer.domain.clock import SystemClock
from dialer.mqtt.hearing import Reply
from dialer.nats.session import Session
from dialer.uplink.downwards import MaterialDown
from dialer.uplink.upwards import DiallerDoor
from ivr_flows.catalogue import FLOWS_DIRECTORY, FlowLibrary
from ivr_flows.texts import shipped_texts
from tests.support.material import publishing

NOW = time.time()
FLOW = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8")


class Dialler(DiallerDoor):
    """The dialler behind its broker, as far as its flows go."""

    def __init__(self) -> None:
        object.__setattr__(self, "flows", None)

    async def ask(self, name: str, values: dict[str, Any]) -> Reply | None:
        assert name == "reload-flows"
        flows: FlowLibrary | None = self.flows  # type: ignore[attr-defined]
        if flows is None:
            return None
        try:
            return Reply("done", f"changed: {', '.join(flows.reload())}")
        except MatdanError as refused:
            return Reply("refused", str(refused))


class Told(Session):
    """What headquarters hears."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    async def say(self, subject: str, data: bytes) -> None:
        assert subject == "live.pune-1.material"
        self.last = json.loads(data)

    def words(self) -> tuple[str | None, str | None, str]:
        return self.last["running"], self.last["wanted"], self.last["trouble"]


async def test_the_next_call_has_what_is_new_and_a_flow_that_is_wrong_is_taken_back(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "centre"
    (source / "flows").mkdir(parents=True)
    (source / "flows/turnout.yaml").write_text(FLOW)
    with publishing(tmp_path / "hq", NOW) as publisher:
        told, dialler = Told(), Dialler()
        down = MaterialDown("pune-1", told, dialler, publisher.centre(folder), SystemClock())
        await down.look()
        assert "does not have what it names" in told.words()[2]  # nothing was ever published
        publisher.approve(source, NOW)
        publisher.give(1, NOW)
        await down.look()  # before there is a dialler
        assert told.words() == ("turnout-1", "turnout-1", "")
        place = str(folder / "current/flows/turnout.yaml")
        library = FlowLibrary([place], shipped_texts())
        object.__setattr__(dialler, "flows", library)
        began_with = library.current(place)

        (source / "flows/turnout.yaml").write_text(FLOW.replace("reprompts: 2", "reprompts: 3") + "\n# new\n")
        (source / "texts").mkdir()
        (source / "texts/hi.yaml").write_text("a: b\n")
        publisher.approve(source, NOW)
        publisher.give(2, NOW)
        await down.look()
        assert told.words() == ("turnout-2", "turnout-2", "")
        assert told.last["from_next_start"] == "texts"
        assert library.version_of(began_with.name, began_with.version) is began_with  # a call goes on with it

        running = library.current(place)
        (source / "flows/turnout.yaml").write_text("start: nowhere\n")
        publisher.approve(source, NOW)
        publisher.give(3, NOW)
        for _ in range(2):
            await down.look()
            assert told.words()[:2] == ("turnout-2", "turnout-3")
            assert "turnout-3 was taken back" in told.words()[2]
        assert library.current(place) is running
        publisher.give(1, NOW)
        await down.look()
        assert told.words() == ("turnout-1", "turnout-1", "")
        assert library.current(place).version == began_with.version
    await down.look()  # headquarters is away: what runs runs on
    assert told.words() == ("turnout-1", None, "")


async def test_a_dialler_that_was_away_or_an_uplink_that_was_killed_is_asked_until_it_answers(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "centre"
    (source / "flows").mkdir(parents=True)
    with publishing(tmp_path / "hq", NOW) as publisher:
        told, dialler = Told(), Dialler()

        def uplink() -> MaterialDown:
            return MaterialDown("pune-1", told, dialler, publisher.centre(folder), SystemClock())

        async def given(version: int, flow: str) -> None:
            (source / "flows/turnout.yaml").write_text(flow)
            publisher.approve(source, NOW)
            publisher.give(version, NOW)
            await uplink().look()

        await given(1, FLOW)
        place = str(folder / "current/flows/turnout.yaml")
        library = FlowLibrary([place], shipped_texts())
        first = library.current(place)
        object.__setattr__(dialler, "flows", library)
        await uplink().look()
        object.__setattr__(dialler, "flows", None)
        await given(2, FLOW.replace("reprompts: 2", "reprompts: 3"))
        assert library.current(place) is first
        object.__setattr__(dialler, "flows", library)
        await uplink().look()
        second = library.current(place)
        assert (second is first, told.words()) == (False, ("turnout-2", "turnout-2", ""))

        object.__setattr__(dialler, "flows", None)
        await given(3, "start: nowhere\n")
        await given(4, "start: anywhere\n")
        object.__setattr__(dialler, "flows", library)
        await uplink().look()
        assert told.words()[:2] == ("turnout-2", "turnout-4")  # not 3, which the dialler never read
        assert "turnout-4 was taken back" in told.words()[2]
        assert library.current(place) is second


async def test_a_manifest_that_was_damaged_is_laid_out_anew_and_stops_no_uplink(tmp_path: Path) -> None:
    (tmp_path / "source/flows").mkdir(parents=True)
    (tmp_path / "source/flows/turnout.yaml").write_text(FLOW)
    with publishing(tmp_path / "hq", NOW) as publisher:
        told = Told()
        down = MaterialDown("pune-1", told, Dialler(), publisher.centre(tmp_path / "centre"), SystemClock())
        publisher.approve(tmp_path / "source", NOW)
        publisher.give(1, NOW)
        await down.look()
        (tmp_path / "centre/current/bundle.json").write_bytes(b"")
        await down.look()
        assert told.words() == ("turnout-1", "turnout-1", "")
        (tmp_path / "centre/current/bundle.json").write_bytes(b"")
    await down.look()  # headquarters is away
    assert told.words() == (None, None, "")
