"""Material as headquarters gives it: by the key that says what is newest, for centres of its settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any

from tuf.api.exceptions import RepositoryError

from dialer.domain import signing
from dialer.domain.errors import StoreError
from dialer.errors import SettingError
from dialer.material.manifest import MaterialRefused
from dialer.material.repository import Repository
from dialer.settings.headquarters import HqSettings


def online_key(settings: HqSettings) -> bytes:
    """The key that says what is newest and who runs what. Raises SettingError."""
    path = settings.bundles.online_key_file
    if path is None:
        raise SettingError("hq.toml", "bundles.online_key_file", "is not set", "make one with `dialer hq keys make`")
    return signing.read_key_file(path, "bundles.online_key_file")


def give_material(settings: HqSettings, name: str, version: int, to: Collection[str]) -> None:
    """Say who runs that version from now on: "all", "zone:NAME", "centre:ID". Raises MaterialRefused, SettingError."""
    covered = [f"centre:{each.id}" for each in settings.centres if {"all", f"zone:{each.zone}"} & {*to}]
    if "all" in to:
        covered += {f"zone:{each.zone}" for each in settings.centres}
    repository = Repository(settings.bundles.folder)
    repository.assign(name, version, to, [*covered, *to], online_key(settings), time.time())


async def material_of(settings: HqSettings) -> dict[str, Any]:
    """What media and compliance have approved, and who is to run what. A headquarters that never began has none. Raises StoreError
    where that cannot be read.
    """
    folder = settings.bundles.folder

    def read() -> dict[str, Any]:
        repository = Repository(folder)
        waves = [{"name": each.name, "version": each.version, "to": [*each.to]} for each in repository.waves().waves]
        return {"approved": repository.approved(), "waves": waves}

    try:
        return await asyncio.to_thread(read)
    except (MaterialRefused, RepositoryError, OSError) as error:
        raise StoreError(f"{folder}: the material published there cannot be read: {error}") from error
