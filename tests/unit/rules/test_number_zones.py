"""The time zones of phone numbers on machines whose own time zone data lacks older names."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest

from tests.support.paths import ROOT


@pytest.mark.parametrize(("number", "zones"), [("+919812345678", "Asia/Calcutta"), ("+442071234567", "Europe/London")])
def test_time_zones_of_a_number_need_no_system_time_zone_data(number: str, zones: str) -> None:
    """Debian 13 has moved names such as Asia/Calcutta, which libphonenumber uses, into a package of their own."""
    code = (
        "import sys; from dialer.rules.number_zones import find_time_zones_of_number;"
        "print(*(zone.key for zone in find_time_zones_of_number(sys.argv[1])))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, number],
        env={**os.environ, "PYTHONTZPATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == zones


def test_time_zone_data_is_installed_with_the_dialler() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(each.startswith("tzdata") for each in project["dependencies"])
