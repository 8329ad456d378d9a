"""What headquarters' pages know of material: what is published, nothing of one that never began, and a word where it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import StoreError
from dialer.hq.material import material_of
from dialer.settings.headquarters import HqSettings
from tests.support.material import publishing

NOW = 1_776_921_000.0


async def test_what_is_published_is_told_and_damage_is_no_emptiness(tmp_path: Path) -> None:
    settings = HqSettings.model_validate({"servers": ["nats://one"], "bundles": {"folder": tmp_path / "hq"}})
    assert await material_of(settings) == {"approved": [], "waves": []}
    (tmp_path / "turnout").mkdir()
    (tmp_path / "turnout" / "texts.yaml").write_text("hi: {}", encoding="utf-8")
    with publishing(tmp_path / "hq", NOW) as publisher:
        publisher.approve(tmp_path / "turnout", NOW)
        publisher.assign(1, NOW)
    assert await material_of(settings) == {
        "approved": ["bundles/turnout/1.json"],
        "waves": [{"name": "turnout", "version": 1, "to": ["all"]}],
    }
    for path in (tmp_path / "hq" / "public" / "metadata").glob("*.targets.json"):
        path.write_bytes(b"{")
    with pytest.raises(StoreError, match="cannot be read"):
        await material_of(settings)
