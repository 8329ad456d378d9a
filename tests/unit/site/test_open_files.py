"""The limit on open files is raised at the start and checked by `dialer check`; calls open no files of words."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dialer.audio.errors import CatalogueError
from dialer.audio.words import list_languages_with_words, load_spoken_words, load_spoken_words_of_all_languages
from dialer.domain.finding import Level
from dialer.settings.site import Settings
from dialer.site.checks.before_start import check_site
from dialer.site.open_files import count_open_files_needed

TRUNK = {"name": "a", "endpoint": "a", "channels": 90, "caller_ids": ["+911140000001"]}
DECLARED = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
SCRIPT = {"id": "c", "kind": "ivr", "purpose": "survey", "flow": "script:/etc/x.py", "declared": DECLARED}


def make_site(**changes: Any) -> Settings:
    quiet: dict[str, Any] = {"inbound": {"channels": 0}, "broker": {"enabled": False}, "fastagi": {"port": 0}}
    return Settings.model_validate({"trunks": [TRUNK], **quiet, **changes})


def test_dialer_check_requires_more_open_files_for_more_channels_and_for_agi_scripts() -> None:
    assert count_open_files_needed(make_site()) == 546  # 256 of them connections that say nothing
    assert count_open_files_needed(make_site(campaigns=[SCRIPT])) == 456 + 4 * 90
    assert count_open_files_needed(make_site(fastagi={"max_connections": 10})) == 466


async def test_dialer_check_reports_that_channels_need_more_open_files_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (100, 256))
    found = [each async for each in check_site(make_site()) if each.subject == "open files"]
    assert [each.level for each in found] == [Level.ERROR]
    assert "may open 256 files, but its channels need 546" in found[0].text
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (100, 1024))
    assert not [each async for each in check_site(make_site()) if each.subject == "open files"]


def test_dialler_raises_the_soft_limit_on_open_files_to_the_hard_limit() -> None:
    code = (
        "import resource as r; from dialer.site.open_files import raise_open_files_limit\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, 128)); raise_open_files_limit(); print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["128", "128"]


def test_prompt_with_a_spoken_number_is_played_without_opening_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_open(_path: Path, *_: Any, **__: Any) -> str:
        raise OSError(24, "Too many open files")

    load_spoken_words.cache_clear()
    load_spoken_words_of_all_languages()
    monkeypatch.setattr(Path, "read_text", fail_to_open)
    assert all(load_spoken_words(language) for language in list_languages_with_words())
    load_spoken_words.cache_clear()
    with pytest.raises(CatalogueError, match="Too many open files"):
        load_spoken_words("hi")
    load_spoken_words.cache_clear()
