"""The dialler's log has the first keys of the store's seals."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from structlog.testing import capture_logs

from dialer.site.store import open_site_store
from dialer.store.seal_keys import get_seal_key_path
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll


async def read_logged_keys(path: Path) -> list[str]:
    settings: Any = SimpleNamespace(store=SimpleNamespace(path=path, encryption_key_file=None))
    with capture_logs() as logs:
        async with open_site_store(settings):
            pass
    [entry] = [each for each in logs if each["event"] == "store.opened"]
    return list(entry["first_keys"])


async def test_dialler_logs_at_each_start_the_keys_that_verify_the_store(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 20)
    [first] = await read_logged_keys(path)
    assert run("audit", "verify", "--store", path, "--first-key", first)[0] == 0
    shutil.move(get_seal_key_path(path), tmp_path / "lost")  # new keys begin, as after a restore
    keys = await read_logged_keys(path)
    assert keys[0] == first
    assert len(keys) == 2
    assert run("audit", "verify", "--store", path, "--first-key", keys[0], "--first-key", keys[1])[0] == 0
    assert run("audit", "verify", "--store", path, "--first-key", first)[0] == 1
