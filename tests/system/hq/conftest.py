"""A PostgreSQL server and running pages of a headquarters, for the tests of this folder."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from dialer.desk.pages_built import BUILT
from dialer.domain.clock import SystemClock
from dialer.domain.signing import create_key_file
from dialer.hq.batch_import import BatchImporter, ReceivedBatch
from dialer.hq.cpu_share import CpuShares
from dialer.hq.database import open_database
from dialer.hq.desk import run_hq_page_server
from dialer.hq.servers import run_postgresql
from dialer.hq.stores import StoreSightings
from dialer.settings.headquarters import load_hq_settings
from dialer.web.assets import read_built_page_files
from tests.support.headquarters import NOW, attempt_row, batch, create_database, mark_row, row
from tests.support.headquarters_pages import Headquarters, create_accounts
from tests.support.seats import CHEAP


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="matdan-pg-", ignore_cleanup_errors=True) as folder,
        run_postgresql(Path(folder)) as running,
    ):
        yield running


@pytest.fixture
async def hq(tmp_path: Path, address: str) -> AsyncIterator[Headquarters]:
    path = tmp_path / "hq.toml"
    path.write_text(
        f"""
servers = ["nats://127.0.0.1:1"]  # unreachable: the pages must open without it
centres = [
  {{id = "pune-1", zone = "west", state = "S13", seats = 40}},
  {{id = "patna-1", zone = "east", seats = 20}},
]
expected_progress = [
  {{at = "07:00", contacted = 0.0, voted = 0.0}},
  {{at = "18:00", contacted = 0.9, voted = 0.6}},
]
gather.database = "{await create_database(address, f"hq_{uuid.uuid4().hex[:8]}")}"
desk = {{port = 0, file = "{tmp_path / "hq.desk.db"}"}}
bundles = {{folder = "{tmp_path / "material"}", online_key_file = "{tmp_path / "online.key"}"}}
""",
        encoding="utf-8",
    )
    settings = load_hq_settings(path)
    create_key_file(tmp_path / "online.key")
    tokens = await create_accounts(settings, tmp_path)
    async with open_database(settings.gather.database.get_secret_value()) as db:
        await db.prepare_schema()
        await db.run_statement("INSERT INTO centre (centre, zone) VALUES ('pune-1', 'west'), ('patna-1', 'east')")
        rows = [mark_row(1, 7), mark_row(2, 8, "not-yet"), attempt_row(3), row(4, "test-marks", at=NOW)]
        importer = BatchImporter(settings, db, SystemClock(), StoreSightings(), CpuShares())
        await importer.commit_batches("UP.1", 0, [ReceivedBatch(1, NOW, "up.pune-1", batch(rows))])
    async with (
        run_hq_page_server(settings, read_built_page_files(BUILT), hasher=CHEAP) as origin,
        httpx.AsyncClient(base_url=origin) as browser,
    ):
        yield Headquarters(settings, path, origin, browser, tokens)
