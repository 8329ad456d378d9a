"""Presets of carriers: trunk settings from the carriers' public documents, as files in `config/carriers`.

A preset has only the values that the documents state.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dialer import content
from dialer.settings.fields import create_validator_from_condition
from dialer.settings.files import parse_toml_table

_FOLDER = content.CONFIG / "carriers"


class CarrierPreset(BaseModel):
    """A carrier's SIP settings (hosts, codecs, number format), and the page where the carrier publishes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    carrier: str
    country: str = Field(pattern="^[A-Z]{2}$")
    sources: tuple[str, ...] = Field(min_length=1)
    ask: str  # what the site's own contract says
    trunk: dict[str, Any]


@cache
def load_carrier_presets() -> Mapping[str, CarrierPreset]:
    """Return all presets by name."""
    return {
        path.stem: CarrierPreset.model_validate(parse_toml_table(path.read_bytes()))
        for path in sorted(_FOLDER.glob("*.toml"))
    }


PresetName = Annotated[
    str,
    create_validator_from_condition(
        lambda name: name in load_carrier_presets(), f"must be one of {', '.join(load_carrier_presets())}"
    ),
]
"""The name of a preset."""


def add_carrier_preset_to_trunk_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a trunk, completed with its carrier's preset. The trunk's own settings take precedence."""
    preset = load_carrier_presets().get(str(values.get("preset")))
    return {**({} if preset is None else preset.trunk), **values}
