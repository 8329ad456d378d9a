"""`dialer check` of real brokers: one that asks for nothing, one as `dialer mqtt render` sets it up, and none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiomqtt

from dialer.deploy.mosquitto.render import MARKER
from dialer.domain.clock import SystemClock
from dialer.domain.signing import new_key_file, public_key_text
from dialer.mqtt.embedded_broker import BrokerKind, demo_broker
from dialer.settings.site import Settings
from dialer.site.check import broker
from dialer.site.checks.finding import Verdict
from tests.support.mqtt import NEEDS_MOSQUITTO, supervisor
from tests.support.rendered_broker import a_free_port, a_site, rendered_broker

PEOPLE = [{"name": "asha", "role": "supervisor"}]


async def told(settings: Settings) -> dict[str, Verdict]:
    return {finding.text: finding.verdict async for finding in broker(settings, SystemClock())}


def of(port: int, supervisors: list[dict[str, Any]], **broker: Any) -> Settings:
    return Settings.model_validate(
        {"centre": {"id": "pune-1"}, "broker": {"port": port, **broker}, "supervisors": supervisors}
    )


def about(findings: dict[str, Verdict], words: str) -> Verdict:
    (verdict,) = [verdict for text, verdict in findings.items() if words in text]
    return verdict


@NEEDS_MOSQUITTO
async def test_a_broker_that_lets_strangers_publish_is_spoken_of(tmp_path: Path) -> None:
    async with demo_broker(BrokerKind.MOSQUITTO) as open_broker, supervisor(open_broker.settings) as listener:
        port = open_broker.port
        findings = await told(of(port, PEOPLE, username="pune-1.dialler"))
        assert (
            about(findings, "it lets strangers publish commands: whoever reaches it can stop the centre") is Verdict.BAD
        )
        assert about(findings, "it takes messages of any length") is Verdict.NOTE
        findings = await told(of(port, PEOPLE))
        assert about(findings, "it lets strangers publish commands; none is obeyed") is Verdict.NOTE
        assert about(findings, "no command is obeyed but a signed one") is Verdict.NOTE
        findings = await told(of(port, PEOPLE, host="0.0.0.0"))  # noqa: S104 - leads to this machine, and is not its loopback
        assert about(findings, "nothing is encrypted on the way to 0.0.0.0") is Verdict.NOTE
        key_file = tmp_path / "own.key"
        signing = [{**PEOPLE[0], "key": public_key_text(new_key_file(key_file))}]
        findings = await told(of(port, signing, username="pune-1.dialler", key_file=str(key_file)))
        assert about(findings, "it lets strangers publish commands; none is obeyed") is Verdict.NOTE
        said = {message.text for message in listener.heard if "/commands" in message.topic}
        assert said <= {""}  # nothing that could be a command


@NEEDS_MOSQUITTO
async def test_a_rendered_broker_turns_strangers_away(tmp_path: Path) -> None:
    site = a_site("pune-1", a_free_port(), supervisors=PEOPLE, mosquitto={"data_directory": str(tmp_path)})
    async with rendered_broker(tmp_path / "broker", site):
        findings = await told(site)
    assert findings == {
        f"an MQTT broker answers at 127.0.0.1:{site.broker.port}": Verdict.GOOD,
        "it turns strangers away": Verdict.GOOD,
    }


@NEEDS_MOSQUITTO
async def test_a_broker_whose_list_forgets_strangers_lets_them_read(tmp_path: Path) -> None:
    site = a_site("pune-1", a_free_port(), supervisors=PEOPLE, mosquitto={"data_directory": str(tmp_path)})

    def spoil(files: dict[str, str]) -> None:
        files["mosquitto.conf"] = files["mosquitto.conf"].replace("allow_anonymous false", "allow_anonymous true")
        files["matdan.acl"] = f"{MARKER}\ntopic read dialer/v1/pune-1/#\n{files['matdan.acl']}"

    async with rendered_broker(tmp_path / "broker", site, altered=spoil) as running:
        findings = await told(site)
        assert about(findings, "it lets strangers connect, though not publish commands") is Verdict.NOTE
        own = running.dialler("pune-1")
        async with aiomqtt.Client(own.host, own.port, username=own.username, password=own.password) as dialler:
            await dialler.publish("dialer/v1/pune-1/state", "{}", qos=1, retain=True)
        findings = await told(site)
        assert about(findings, "it lets strangers read this centre's state") is Verdict.NOTE


async def test_no_broker_and_no_encryption() -> None:
    findings = await told(of(a_free_port(), PEOPLE))
    assert list(findings.values()) == [Verdict.NOTE]
    assert "dialling works without one" in next(iter(findings))
