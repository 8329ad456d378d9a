"""The MQTT message by which Home Assistant (2024.11 and later) discovers a centre as a device with its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dialer.domain.schema import MESSAGE, get_type_adapter


@dataclass(frozen=True, slots=True)
class DiscoveryDevice:
    """The centre as a device of Home Assistant."""

    __pydantic_config__ = MESSAGE

    identifiers: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class DiscoveryOrigin:
    """The software that publishes the device: Matdan."""

    __pydantic_config__ = MESSAGE

    name: Literal["Matdan"] = "Matdan"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryEntity:
    """An entity of the device: a figure of the centre."""

    __pydantic_config__ = MESSAGE

    platform: Literal["sensor", "binary_sensor"]
    unique_id: str
    name: str
    value_template: str
    """how the value is read from the message (Jinja)"""
    state_topic: str | None = None
    """absent: the state topic of the device"""
    state_class: Literal["measurement", "total_increasing"] | None = None
    device_class: Literal["connectivity"] | None = None
    unit_of_measurement: Literal["%"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The message that describes a centre as a device to Home Assistant: its entities, and the topics of their figures."""

    __pydantic_config__ = MESSAGE

    device: DiscoveryDevice
    origin: DiscoveryOrigin = DiscoveryOrigin()
    state_topic: str
    availability_topic: str
    availability_template: str = "{{ 'online' if value_json.online else 'offline' }}"
    components: Mapping[str, DiscoveryEntity]


def create_discovery_message(centre: str, state_topic: str, alerts_topic: str) -> Discovery:
    """Return the message that describes a centre to Home Assistant. The figures are read from the given topics."""
    counter = {"state_class": "total_increasing"}
    connection = {"platform": "binary_sensor", "state_class": None, "device_class": "connectivity"}
    entities = (
        _create_sensor_entity(
            centre, "switch", "Link to Asterisk", "'ON' if value_json.switch_up else 'OFF'", **connection
        ),
        _create_sensor_entity(centre, "calls", "Live calls", "value_json.calls"),
        _create_sensor_entity(centre, "ready", "Agents ready", "value_json.seats.ready | default(0)"),
        _create_sensor_entity(centre, "talking", "Agents talking", "value_json.seats.talking | default(0)"),
        _create_sensor_entity(
            centre, "busy", "Agents busy", "(100 * (value_json.utilisation or 0)) | round", unit_of_measurement="%"
        ),
        _create_sensor_entity(centre, "voted", "Marked voted", "value_json.marks.voted | default(0)", **counter),
        _create_sensor_entity(centre, "opt-outs", "Opted out", "value_json.opt_outs", **counter),
        _create_sensor_entity(centre, "alerts", "Alerts", "value_json.alerts | count", state_topic=alerts_topic),
    )
    return Discovery(
        device=DiscoveryDevice((f"matdan-{centre}",), f"Matdan {centre}"),
        state_topic=state_topic,
        availability_topic=state_topic,
        components=dict(entities),
    )


def _create_sensor_entity(centre: str, key: str, name: str, template: str, **more: Any) -> tuple[str, DiscoveryEntity]:
    fields = {"platform": "sensor", "state_class": "measurement", **more}
    return key, DiscoveryEntity(
        unique_id=f"matdan-{centre}-{key}", name=name, value_template=f"{{{{ {template} }}}}", **fields
    )


def encode_discovery_message_as_json(message: Discovery) -> str:
    """Return the message as JSON, without the fields that are not set: Home Assistant accepts no null for them."""
    return get_type_adapter(Discovery).dump_json(message, exclude_none=True).decode()
