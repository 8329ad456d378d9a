"""Campaign material in a centre: a new version applies to the next call, an invalid version is rolled back, and both
are reported.
"""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from dialer.domain.clock import SystemClock
from dialer.errors import MatdanError
from dialer.flows.catalogue import FLOWS_DIRECTORY
from dialer.flows.library import FlowLibrary
from dialer.flows.texts import load_shipped_texts
from dialer.mqtt.dialler_client import Reply
from dialer.nats.session import Session
from dialer.settings.jurisdiction import JURISDICTIONS
from dialer.settings.site import load_settings
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.material import MaterialUpdater, find_start_problem_with_material
from tests.support.material import publishing

NOW = time.time()
FLOW = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8")


class Dialler(DiallerCommands):
    """A dialler without a broker that reloads flows and settings."""

    def __init__(self) -> None:
        object.__setattr__(self, "flows", None)
        object.__setattr__(self, "settings_reply", None)

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        if name == "reload-settings":
            return self.settings_reply  # type: ignore[attr-defined, no-any-return]
        assert name == "reload-flows"
        flows: FlowLibrary | None = self.flows  # type: ignore[attr-defined]
        if flows is None:
            return None
        try:
            return Reply("done", f"changed: {', '.join(flows.reload_flows_and_scripts())}")
        except MatdanError as refused:
            return Reply("refused", str(refused))


class ReportedState(Session):
    """A stand-in for headquarters' session that stores the last reported state of the material."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    async def publish_message(self, subject: str, data: bytes) -> None:
        assert subject == "live.pune-1.material"
        self.last = json.loads(data)

    def summary(self) -> tuple[str | None, str | None, str]:
        return self.last["active"], self.last["assigned"], self.last["problem"]


async def test_installed_flows_apply_to_the_next_call_and_invalid_flows_are_rolled_back(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "centre"
    (source / "flows").mkdir(parents=True)
    (source / "flows/turnout.yaml").write_text(FLOW)
    with publishing(tmp_path / "hq", NOW) as publisher:
        reported, dialler = ReportedState(), Dialler()
        updater = MaterialUpdater("pune-1", reported, dialler, publisher.centre(folder), SystemClock())
        await updater.install_assigned_material_version()
        assert "a file is missing on the material server" in reported.summary()[2]  # nothing is published yet
        publisher.approve(source, NOW)
        publisher.assign(1, NOW)
        await updater.install_assigned_material_version()  # no dialler is running yet
        assert reported.summary() == ("turnout-1", "turnout-1", "")
        place = str(folder / "current/flows/turnout.yaml")
        library = FlowLibrary([place], load_shipped_texts())
        object.__setattr__(dialler, "flows", library)
        began_with = library.get_current_flow(place)

        (source / "flows/turnout.yaml").write_text(FLOW.replace("reprompts: 2", "reprompts: 3") + "\n# new\n")
        (source / "weights").mkdir()
        (source / "weights/all.csv").write_text("constituency,part,serial,weight\n")
        publisher.approve(source, NOW)
        publisher.assign(2, NOW)
        await updater.install_assigned_material_version()
        assert reported.summary() == ("turnout-2", "turnout-2", "")
        assert reported.last["after_restart"] == "weights"
        assert (
            library.get_flow_version(began_with.name, began_with.version) is began_with
        )  # a call in progress still uses it

        running = library.get_current_flow(place)
        (source / "flows/turnout.yaml").write_text("start: nowhere\n")
        publisher.approve(source, NOW)
        publisher.assign(3, NOW)
        for _ in range(2):
            await updater.install_assigned_material_version()
            assert reported.summary()[:2] == ("turnout-2", "turnout-3")
            assert "turnout-3 was rolled back" in reported.summary()[2]
        assert library.get_current_flow(place) is running
        publisher.assign(1, NOW)
        await updater.install_assigned_material_version()
        assert reported.summary() == ("turnout-1", "turnout-1", "")
        assert library.get_current_flow(place).version == began_with.version
    await updater.install_assigned_material_version()  # headquarters is unreachable: the active version stays
    assert reported.summary() == ("turnout-1", None, "")


async def test_uplink_asks_the_dialler_again_to_load_campaign_material_after_an_outage(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "centre"
    (source / "flows").mkdir(parents=True)
    with publishing(tmp_path / "hq", NOW) as publisher:
        reported, dialler = ReportedState(), Dialler()

        def uplink() -> MaterialUpdater:
            return MaterialUpdater("pune-1", reported, dialler, publisher.centre(folder), SystemClock())

        async def assign(version: int, flow: str) -> None:
            (source / "flows/turnout.yaml").write_text(flow)
            publisher.approve(source, NOW)
            publisher.assign(version, NOW)
            await uplink().install_assigned_material_version()

        await assign(1, FLOW)
        place = str(folder / "current/flows/turnout.yaml")
        library = FlowLibrary([place], load_shipped_texts())
        first = library.get_current_flow(place)
        object.__setattr__(dialler, "flows", library)
        await uplink().install_assigned_material_version()
        object.__setattr__(dialler, "flows", None)
        await assign(2, FLOW.replace("reprompts: 2", "reprompts: 3"))
        assert library.get_current_flow(place) is first
        object.__setattr__(dialler, "flows", library)
        await uplink().install_assigned_material_version()
        second = library.get_current_flow(place)
        assert (second is first, reported.summary()) == (False, ("turnout-2", "turnout-2", ""))

        object.__setattr__(dialler, "flows", None)
        await assign(3, "start: nowhere\n")
        await assign(4, "start: anywhere\n")
        object.__setattr__(dialler, "flows", library)
        await uplink().install_assigned_material_version()
        assert reported.summary()[:2] == ("turnout-2", "turnout-4")  # not 3, which the dialler never loaded
        assert "turnout-4 was rolled back" in reported.summary()[2]
        assert library.get_current_flow(place) is second


async def test_campaign_material_with_a_damaged_manifest_is_installed_again(tmp_path: Path) -> None:
    (tmp_path / "source/flows").mkdir(parents=True)
    (tmp_path / "source/flows/turnout.yaml").write_text(FLOW)
    with publishing(tmp_path / "hq", NOW) as publisher:
        reported = ReportedState()
        updater = MaterialUpdater("pune-1", reported, Dialler(), publisher.centre(tmp_path / "centre"), SystemClock())
        publisher.approve(tmp_path / "source", NOW)
        publisher.assign(1, NOW)
        await updater.install_assigned_material_version()
        (tmp_path / "centre/current/bundle.json").write_bytes(b"")
        await updater.install_assigned_material_version()
        assert reported.summary() == ("turnout-1", "turnout-1", "")
        (tmp_path / "centre/current/bundle.json").write_bytes(b"")
    await updater.install_assigned_material_version()  # headquarters is unreachable
    assert reported.summary() == (None, None, "")


async def test_campaign_material_is_installed_only_if_the_dialler_could_start_with_the_material(
    tmp_path: Path,
) -> None:
    source, folder, config = tmp_path / "source", tmp_path / "centre", tmp_path / "centre.toml"
    india = (JURISDICTIONS / "india.toml").read_text(encoding="utf-8")
    lines = ["[headquarters]", f'campaigns_folder = "{folder}/current/campaigns"', "[rules]", 'jurisdiction = "india"']
    config.write_text("\n".join(lines), encoding="utf-8")
    settings, dialler, reported = load_settings(config), Dialler(), ReportedState()
    own = config.read_text().replace('"india"', f'"{folder}/current/profiles/here.toml"')
    config.write_text(own, encoding="utf-8")
    for name in ("flows", "campaigns", "profiles"):
        (source / name).mkdir(parents=True)
    (source / "flows/turnout.yaml").write_text(FLOW)

    with publishing(tmp_path / "hq", NOW) as publisher:
        problem = partial(find_start_problem_with_material, settings, "india")
        updater = MaterialUpdater(
            "pune-1", reported, dialler, publisher.centre(folder, startup_problem=problem), SystemClock()
        )

        async def publish(campaign: str, profile: str) -> tuple[str | None, str, str]:
            (source / "campaigns/turnout.toml").write_text(f'[[campaigns]]\nid = "hq"\nkind = "agents"\n{campaign}\n')
            (source / "profiles/here.toml").write_text(profile)
            publisher.assign(publisher.approve(source, NOW), NOW)
            await updater.install_assigned_material_version()
            return reported.last["active"], reported.last["problem"], reported.last["after_restart"]

        assert await publish("", india) == ("turnout-1", "", "")
        object.__setattr__(dialler, "flows", FlowLibrary([], load_shipped_texts()))
        await updater.install_assigned_material_version()
        assert reported.summary() == ("turnout-1", "turnout-1", "")  # flows are loaded, settings not yet
        object.__setattr__(dialler, "settings_reply", Reply("unanswered", ""))
        assert await publish("channels = 6", india) == ("turnout-2", "", "")
        object.__setattr__(dialler, "settings_reply", Reply("done", "settings taken: campaigns.hq.channels"))
        assert await publish("channels = 7", india) == ("turnout-3", "", "")
        object.__setattr__(dialler, "settings_reply", Reply("refused", "campaigns.hq.flow needs a restart"))
        assert await publish("channels = 8", india) == (
            "turnout-4",
            "",
            "campaigns (campaigns.hq.flow needs a restart)",
        )
        for campaign, profile, expected in (
            ("chanels = 9", india, "campaigns/turnout.toml:4: campaigns.hq.chanels: is not a setting"),
            (
                "",
                india.replace('name = "india"', 'name = "us"'),
                "its profile is for 'us'; this centre's is for 'india'",
            ),
            ("", "", "profiles/here.toml: "),
        ):
            running, trouble, _ = await publish(campaign, profile)
            assert (running, "was rolled back" in trouble, expected in trouble) == ("turnout-4", True, True)
        config.write_text(own + "\n[ami]\nprt = 5\n", encoding="utf-8")
        running, trouble, _ = await publish("channels = 9", india)
        assert (running, "was not installed, because this centre's settings must be corrected first" in trouble) == (
            "turnout-4",
            True,
        )
        config.write_text(own, encoding="utf-8")
        object.__setattr__(dialler, "settings_reply", Reply("done", ""))
        await updater.install_assigned_material_version()
        assert reported.summary() == ("turnout-8", "turnout-8", "")
