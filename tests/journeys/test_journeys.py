"""The pages "your first day as ..." tell what can be done: their commands are run in order, as they stand; and what people have
stumbled over is said in one line."""

from __future__ import annotations

import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from tests.journeys.programs import in_process
from tests.journeys.walk import FIRST_DAYS, Walk
from tests.support.command_line import run

ROLES = sorted(page.stem for page in FIRST_DAYS.glob("[!i]*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site's settings, and its roll taken in."""
    folder = tmp_path_factory.mktemp("site")
    answers = "--id pune-1 --organisation Example --jurisdiction india --poll 2029-05-06 --seats 1 --trunk-host sip.carrier.in"
    for command in (
        f"init {folder}/centre.toml {answers} --caller-ids +911140000001 --data {folder}",
        f"sample-roll --rows 100 --out {folder}/first.csv",
        f"import {folder}/first.csv -c {folder}/centre.toml",
    ):
        code, said = run(*shlex.split(command))
        assert code == 0, said
    return folder


@pytest.mark.parametrize("role", ROLES)
def test_the_commands_of_a_first_day_do_what_they_say(role: str, site: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    shutil.copytree(site, here)
    text = (here / "centre.toml").read_text().replace(str(site), str(here))
    (here / "centre.toml").write_text(text)
    walk = Walk(role, in_process, here)
    import_module(f"tests.journeys.{role}").alone(walk)
