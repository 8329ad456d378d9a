"""What holds for every test."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
import structlog

from dialer.store import connection, migrate
from dialer.store.migrate import Migration
from dialer.store.sql import Connection


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting makes lives to the end. To look for garbage in it, then and later, took a worker a second; to look for it as
    often as Python does by itself took a twentieth of all tests' time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


@pytest.fixture(autouse=True)
def _nobody_elses_log() -> Iterator[None]:
    """A command that ran in a test has said where log lines go: into that test's own output, which is closed by the next one."""
    yield
    structlog.reset_defaults()


@cache
def _new_store(_: tuple[Migration, ...]) -> sqlite3.Connection:
    """A store in which nothing is, made by these migrations."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate.migrate_schema(db, Path("new"))
    return db


def _migrated(db: Connection, path: Path) -> int:
    if isinstance(db, sqlite3.Connection) and migrate.read_schema_version(db, path) == 0:
        _new_store(migrate.load_migrations()).backup(db)
    return migrate.migrate_schema(db, path)


@pytest.fixture(autouse=True, scope="session")
def _new_stores_are_copies() -> Iterator[None]:
    """A new store is a copy of the first one: to run every migration from nothing takes 14 ms, and there are thousands. What the
    migrations make is looked at in tests/unit/store, which runs them itself.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "migrate_schema", _migrated)
        yield
