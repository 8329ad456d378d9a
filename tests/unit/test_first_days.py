"""The pages "your first day as ..." tell what can be done: their commands are run in order, as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.support.command_line import run

PAGES = sorted((Path(__file__).parents[2] / "docs" / "first-days").glob("[!i]*.md"))


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


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a kind, without the indentation of the list that they stand in."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^\1```$", page, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_first_day_do_what_they_say(
    page: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    shutil.copytree(site, here)
    text = (here / "centre.toml").read_text().replace(str(site), str(here))
    (here / "centre.toml").write_text(text)
    (here / "site").mkdir()
    (here / "sounds").mkdir()
    monkeypatch.chdir(here)
    said = page.read_text(encoding="utf-8")
    for settings in blocks(said, "toml"):
        Path("hq.toml").write_text(settings)
    commands = [line for block in blocks(said, "sh") for line in block.splitlines()]
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "dialer"
        code, told = run(*words)
        assert code == 0, f"{command}: {told}"
