"""Mistakes in hq.toml are reported like those of a centre's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.errors import SettingError, SettingMistakes
from dialer.settings.headquarters import load_hq_settings

SERVERS = "nats://hq.example.org:4222"


def test_all_mistakes_in_headquarters_settings_are_reported_with_line_and_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "hq.toml"
    path.write_text(f'servers = ["{SERVERS}"]\n[[centres]]\nid = "pune-1"\nzon = "west"\n', encoding="utf-8")
    with pytest.raises(SettingMistakes) as caught:
        load_hq_settings(path)
    missing, unknown = str(caught.value).splitlines()
    assert missing == f"{path}:2: centres.pune-1.zone: is missing; add it, see docs/reference/settings.md."
    assert unknown == f"{path}:4: centres.pune-1.zon: is not a setting; did you mean `zone`?"


def test_missing_headquarters_settings_file_gives_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no such file; write one, see docs/how-to/headquarters.md\.$"):
        load_hq_settings(tmp_path / "hq.toml")
    with pytest.raises(SettingError, match=r"is a directory; give the file in it, such as hq.toml\.$"):
        load_hq_settings(tmp_path)
