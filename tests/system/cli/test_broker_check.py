"""`dialer check` reports on a broker that is open to anybody, rendered by `dialer mqtt render`, or not running."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import aiomqtt

from dialer.deploy.mosquitto.render import MARKER
from dialer.domain.clock import SystemClock
from dialer.domain.finding import Level
from dialer.domain.signing import create_key_file, format_public_key
from dialer.mqtt.embedded_broker import BrokerKind, find_mosquitto, run_demo_broker
from dialer.settings.site import Settings
from dialer.site.checks.broker import check_broker_access
from tests.support.mqtt import NEEDS_MOSQUITTO, connect_supervisor
from tests.support.rendered_broker import a_free_port, a_site, rendered_broker

PEOPLE = [{"name": "asha", "role": "supervisor"}]


async def list_findings(settings: Settings) -> dict[str, Level]:
    return {finding.text: finding.level async for finding in check_broker_access(settings, SystemClock())}


def make_site_with_broker(port: int, supervisors: list[dict[str, Any]], **broker: Any) -> Settings:
    return Settings.model_validate(
        {"centre": {"id": "pune-1"}, "broker": {"port": port, **broker}, "supervisors": supervisors}
    )


def find_level(findings: dict[str, Level], words: str) -> Level:
    (level,) = [level for text, level in findings.items() if words in text]
    return level


def does_mosquitto_limit_messages() -> bool:
    """Return whether Mosquitto limits the size of messages by default, as versions from 2.1 on do.

    The limit is `max_packet_size`, 2,000,000 bytes.
    """
    path = find_mosquitto()
    assert path is not None
    output = subprocess.run([path, "-h"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"version (\d+)\.(\d+)", output)
    assert version is not None
    return (int(version[1]), int(version[2])) >= (2, 1)


@NEEDS_MOSQUITTO
async def test_dialer_check_reports_a_broker_that_accepts_commands_without_a_password(tmp_path: Path) -> None:
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as open_broker,
        connect_supervisor(open_broker.connection_settings) as listener,
    ):
        port = open_broker.port
        findings = await list_findings(make_site_with_broker(port, PEOPLE, username="pune-1.dialler"))
        assert find_level(findings, "the broker accepts commands without a password") is Level.ERROR
        if not does_mosquitto_limit_messages():
            assert find_level(findings, "the broker accepts messages of any size") is Level.WARNING
        findings = await list_findings(make_site_with_broker(port, PEOPLE))
        assert find_level(findings, "the broker accepts messages without a password") is Level.WARNING
        assert find_level(findings, "so only signed commands are accepted") is Level.WARNING
        findings = await list_findings(make_site_with_broker(port, PEOPLE, host="0.0.0.0"))  # noqa: S104 - leads to this machine, and is not its loopback
        assert find_level(findings, "the connection to 0.0.0.0 is not encrypted") is Level.WARNING
        key_file = tmp_path / "own.key"
        signing = [{**PEOPLE[0], "key": format_public_key(create_key_file(key_file))}]
        findings = await list_findings(
            make_site_with_broker(port, signing, username="pune-1.dialler", key_file=str(key_file))
        )
        assert find_level(findings, "the broker accepts messages without a password") is Level.WARNING
        output = {message.text for message in listener.heard if "/commands" in message.topic}
        assert output <= {""}  # nothing that could be a command


@NEEDS_MOSQUITTO
async def test_mosquitto_broker_with_rendered_settings_rejects_unknown_users(tmp_path: Path) -> None:
    site = a_site("pune-1", a_free_port(), supervisors=PEOPLE, mosquitto={"data_directory": str(tmp_path)})
    async with rendered_broker(tmp_path / "broker", site):
        findings = await list_findings(site)
    assert findings == {
        f"an MQTT broker answers at 127.0.0.1:{site.broker.port}": Level.OK,
        "the broker rejects connections without a password": Level.OK,
    }


@NEEDS_MOSQUITTO
async def test_dialer_check_warns_about_a_broker_with_anonymous_access(tmp_path: Path) -> None:
    site = a_site("pune-1", a_free_port(), supervisors=PEOPLE, mosquitto={"data_directory": str(tmp_path)})

    def weaken_files(files: dict[str, str]) -> None:
        files["mosquitto.conf"] = files["mosquitto.conf"].replace("allow_anonymous false", "allow_anonymous true")
        files["matdan.acl"] = f"{MARKER}\ntopic read dialer/v1/pune-1/#\n{files['matdan.acl']}"

    async with rendered_broker(tmp_path / "broker", site, altered=weaken_files) as running:
        findings = await list_findings(site)
        assert find_level(findings, "anybody can connect without a password") is Level.WARNING
        own = running.dialler("pune-1")
        async with aiomqtt.Client(own.host, own.port, username=own.username, password=own.password) as dialler:
            await dialler.publish("dialer/v1/pune-1/state", "{}", qos=1, retain=True)
        findings = await list_findings(site)
        assert find_level(findings, "anybody can read this centre's state") is Level.WARNING


async def test_dialer_check_reports_an_unreachable_or_unencrypted_broker() -> None:
    findings = await list_findings(make_site_with_broker(a_free_port(), PEOPLE))
    assert list(findings.values()) == [Level.WARNING]
    assert "the centre can dial without a broker" in next(iter(findings))
