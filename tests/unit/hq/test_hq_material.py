"""The published material, as headquarters' pages show it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import StoreError
from dialer.hq.material import read_published_material
from dialer.settings.headquarters import HqSettings
from tests.support.material import publishing

NOW = 1_776_921_000.0


def hq_settings(folder: Path) -> HqSettings:
    return HqSettings.model_validate({"servers": ["nats://one"], "bundles": {"folder": folder}})


def publish_version(tmp_path: Path) -> HqSettings:
    """Publish version 1 of a bundle for all centres."""
    (tmp_path / "turnout").mkdir()
    (tmp_path / "turnout" / "texts.yaml").write_text("hi: {}", encoding="utf-8")
    with publishing(tmp_path / "hq", NOW) as publisher:
        publisher.approve(tmp_path / "turnout", NOW)
        publisher.assign(1, NOW)
    return hq_settings(tmp_path / "hq")


async def test_list_of_published_flows_and_sounds_is_empty_before_the_first_publication(tmp_path: Path) -> None:
    assert await read_published_material(hq_settings(tmp_path / "hq")) == {"approved": [], "waves": []}


async def test_list_of_published_flows_and_sounds_has_approved_versions_and_their_centres(tmp_path: Path) -> None:
    assert await read_published_material(publish_version(tmp_path)) == {
        "approved": ["bundles/turnout/1.json"],
        "waves": [{"name": "turnout", "version": 1, "to": ["all"]}],
    }


async def test_damaged_list_of_published_material_is_not_shown_as_empty(tmp_path: Path) -> None:
    settings = publish_version(tmp_path)
    for path in (tmp_path / "hq" / "public" / "metadata").glob("*.targets.json"):
        path.write_bytes(b"{")
    with pytest.raises(StoreError, match="cannot be read"):
        await read_published_material(settings)
