"""Presets of carriers: complete files with a source each, which render without faults, and which a trunk overrides."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dialer.deploy.asterisk.lint import lint_file_texts
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.settings.carrier_presets import load_carrier_presets
from dialer.settings.trunks import Transport, Trunk
from tests.support.asterisk_support import PASSWORDS, a_site
from tests.support.paths import ROOT

PRESETS = load_carrier_presets()


def make_trunk(**own: Any) -> Trunk:
    return Trunk.model_validate({"name": "a", "endpoint": "carrier-a", "caller_ids": ["+911140000001"], **own})


def test_trunk_presets_are_shipped_for_two_carriers_each_of_india_europe_and_america() -> None:
    countries = [preset.country for preset in PRESETS.values()]
    assert {country: countries.count(country) for country in countries} == {"IN": 2, "US": 2, "IE": 1, "NL": 1}


@pytest.mark.parametrize("name", PRESETS)
def test_docs_table_of_carriers_lists_every_preset_with_its_sources(name: str) -> None:
    page = (ROOT / "docs/how-to/carriers.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"|`{name}`|")]
    preset = PRESETS[name]
    assert all(source.startswith("https://") and f"({source})" in row for source in preset.sources)
    assert all(f"`{key}`" in row for key in preset.trunk)


@pytest.mark.parametrize("name", PRESETS)
def test_trunk_with_a_carrier_preset_is_rendered_without_faults(name: str) -> None:
    account = {"username": "acc1", "password": "Zk4w9qLm2x"}
    own = {"name": "a", "endpoint": "carrier-a", "caller_ids": ["+911140000001"], "preset": name, **account}
    settings = a_site(trunks=[own if "host" in PRESETS[name].trunk else {**own, "host": "10.9.0.10"}])
    files = render_asterisk_site_files(settings, PASSWORDS)
    assert [str(finding) for finding in lint_file_texts(files, settings)] == []
    dumped = settings.trunks[0].model_dump(mode="json")
    assert all(dumped[key] == value for key, value in PRESETS[name].trunk.items())


def test_settings_of_a_trunk_override_its_carrier_preset() -> None:
    assert make_trunk(preset="exotel").transport is Transport.TLS
    trunk = make_trunk(preset="exotel", transport="tcp", port=5070, srtp=False, calls_per_second=8)
    assert (trunk.host, trunk.transport, trunk.port) == ("pstn.in2.exotel.com", Transport.TCP, 5070)
    assert trunk.calls_per_second == 8


def test_unknown_carrier_preset_is_refused_with_the_names_of_all_presets() -> None:
    with pytest.raises(ValidationError, match="must be one of didww, exotel, kwebbl, plivo, twilio, vonage"):
        make_trunk(preset="nobody")
