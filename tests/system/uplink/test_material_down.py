"""A centre takes material as the dialler's own reload does: the next call has it, what is wrong is taken back, and told."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from dialer.domain.clock import SystemClock
from dialer.errors import MatdanError
from dialer.flows.catalogue import FLOWS_DIRECTORY, FlowLibrary
from dialer.flows.texts import shipped_texts
from dialer.mqtt.hearing import Reply
from dialer.nats.session import Session
from dialer.settings.jurisdiction import JURISDICTIONS
from dialer.settings.site import load_settings
from dialer.uplink.downwards import MaterialDown
from dialer.uplink.uplink import material_problem
from dialer.uplink.upwards import DiallerDoor
from tests.support.material import publishing

NOW = time.time()
FLOW = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8")


class Dialler(DiallerDoor):
    """The dialler behind its broker, as far as its flows go."""

    def __init__(self) -> None:
        object.__setattr__(self, "flows", None)
        object.__setattr__(self, "reread", None)

    async def ask(self, name: str, values: dict[str, Any]) -> Reply | None:
        if name == "reload-settings":
            return self.reread  # type: ignore[attr-defined, no-any-return]
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
        (source / "weights").mkdir()
        (source / "weights/all.csv").write_text("constituency,part,serial,weight\n")
        publisher.approve(source, NOW)
        publisher.give(2, NOW)
        await down.look()
        assert told.words() == ("turnout-2", "turnout-2", "")
        assert told.last["from_next_start"] == "weights"
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


async def test_campaigns_and_a_profile_are_taken_where_a_dialler_could_start_with_them(tmp_path: Path) -> None:
    source, folder, config = tmp_path / "source", tmp_path / "centre", tmp_path / "centre.toml"
    india = (JURISDICTIONS / "india.toml").read_text(encoding="utf-8")
    lines = ["[headquarters]", f'campaigns_folder = "{folder}/current/campaigns"', "[rules]", 'jurisdiction = "india"']
    config.write_text("\n".join(lines), encoding="utf-8")
    settings, dialler, told = load_settings(config), Dialler(), Told()
    own = config.read_text().replace('"india"', f'"{folder}/current/profiles/here.toml"')
    config.write_text(own, encoding="utf-8")
    for name in ("flows", "campaigns", "profiles"):
        (source / name).mkdir(parents=True)
    (source / "flows/turnout.yaml").write_text(FLOW)

    with publishing(tmp_path / "hq", NOW) as publisher:
        problem = partial(material_problem, settings, "india")
        down = MaterialDown("pune-1", told, dialler, publisher.centre(folder, problem=problem), SystemClock())

        async def given(campaign: str, profile: str) -> tuple[str | None, str, str]:
            (source / "campaigns/turnout.toml").write_text(f'[[campaigns]]\nid = "hq"\nkind = "agents"\n{campaign}\n')
            (source / "profiles/here.toml").write_text(profile)
            publisher.give(publisher.approve(source, NOW), NOW)
            await down.look()
            return told.last["running"], told.last["trouble"], told.last["from_next_start"]

        assert await given("", india) == ("turnout-1", "", "")
        object.__setattr__(dialler, "flows", FlowLibrary([], shipped_texts()))
        await down.look()
        assert told.words() == ("turnout-1", "turnout-1", "")  # told flows, and still to be told settings
        object.__setattr__(dialler, "reread", Reply("unanswered", ""))
        assert await given("channels = 6", india) == ("turnout-2", "", "")
        object.__setattr__(dialler, "reread", Reply("done", "settings taken: campaigns.hq.channels"))
        assert await given("channels = 7", india) == ("turnout-3", "", "")
        object.__setattr__(dialler, "reread", Reply("refused", "campaigns.hq.flow needs a restart"))
        assert await given("channels = 8", india) == ("turnout-4", "", "campaigns (campaigns.hq.flow needs a restart)")
        for campaign, profile, says in (
            ("chanels = 9", india, "campaigns/turnout.toml:4: campaigns.hq.chanels: is not a setting"),
            (
                "",
                india.replace('name = "india"', 'name = "us"'),
                "its profile is of 'us', and this centre's of 'india'",
            ),
            ("", "", "profiles/here.toml: "),
        ):
            running, trouble, _ = await given(campaign, profile)
            assert (running, "was taken back" in trouble, says in trouble) == ("turnout-4", True, True)
        config.write_text(own + "\n[ami]\nprt = 5\n", encoding="utf-8")
        running, trouble, _ = await given("channels = 9", india)
        assert (running, "waits until the centre's settings are right" in trouble) == ("turnout-4", True)
        config.write_text(own, encoding="utf-8")
        object.__setattr__(dialler, "reread", Reply("done", ""))
        await down.look()
        assert told.words() == ("turnout-8", "turnout-8", "")
