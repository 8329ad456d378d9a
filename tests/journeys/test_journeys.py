"""The commands on the pages "Your first day as ..." work in order, and common mistakes are refused in one line."""

from __future__ import annotations

import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from tests.journeys.journey import FIRST_DAYS, Journey
from tests.journeys.programs import run_in_process
from tests.support.command_line import run

ROLES = sorted(page.stem for page in FIRST_DAYS.glob("[!i]*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a site's settings and its imported roll."""
    folder = tmp_path_factory.mktemp("site")
    answers = "--id pune-1 --organisation Example --jurisdiction india --poll 2029-05-06 --seats 1 --trunk-host sip.carrier.in"
    for command in (
        f"init {folder}/centre.toml {answers} --caller-ids +911140000001 --data {folder}",
        f"sample-roll --rows 100 --out {folder}/first.csv",
        f"import {folder}/first.csv -c {folder}/centre.toml",
    ):
        code, output = run(*shlex.split(command))
        assert code == 0, output
    return folder


@pytest.mark.parametrize("role", ROLES)
def test_every_command_of_the_first_days_tutorials_works(role: str, site: Path, tmp_path: Path) -> None:
    site_copy = tmp_path / "site_copy"
    shutil.copytree(site, site_copy)
    text = (site_copy / "centre.toml").read_text().replace(str(site), str(site_copy))
    (site_copy / "centre.toml").write_text(text)
    journey = Journey(role, run_in_process, site_copy)
    import_module(f"tests.journeys.{role}").run_without_centre(journey)
