"""Campaign material at headquarters: versions of flows, scripts and recordings, their approval, and their assignment to
centres.

A bundle is a signed folder of material with a name and a version.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tuf.api.exceptions import RepositoryError

from dialer.domain import signing
from dialer.domain.errors import StoreError
from dialer.errors import SettingError
from dialer.hq.page_records import Assignment, PublishedMaterial
from dialer.material.manifest import MaterialRefused
from dialer.material.repository import Repository
from dialer.settings.headquarters import HqSettings


def read_online_signing_key(settings: HqSettings) -> bytes:
    """Return the private key with which this server signs the list of newest material, and its assignment to centres.

    Raises SettingError.
    """
    path = settings.bundles.online_key_file
    if path is None:
        raise SettingError("hq.toml", "bundles.online_key_file", "is not set", "make one with `dialer hq keys make`")
    return signing.read_key_file(path, "bundles.online_key_file")


def assign_material_to_centres(settings: HqSettings, name: str, version: int, to: Collection[str]) -> None:
    """Assign a version of campaign material (a bundle) to the centres in `to` ("all", "zone:NAME" or "centre:ID").

    The assignment replaces earlier ones of the same centres. Raises MaterialRefused, SettingError.
    """
    replaced = [f"centre:{each.id}" for each in settings.centres if {"all", f"zone:{each.zone}"} & {*to}]
    if "all" in to:
        replaced += {f"zone:{each.zone}" for each in settings.centres}
    repository = Repository(settings.bundles.folder)
    repository.assign_approved_bundle_version(
        name, version, to, [*replaced, *to], read_online_signing_key(settings), time.time()
    )


def draft_withdrawal_of_material_version(settings: HqSettings, name: str, version: int) -> None:
    """Draft the withdrawal of a version of campaign material (a bundle), which officers must then sign.

    Raises MaterialRefused, or StoreError if the folder of the material cannot be used.
    """
    with _convert_folder_errors_to_store_errors(settings, "the withdrawal cannot be drafted"):
        Repository(settings.bundles.folder).draft_withdrawal_of_material_version(name, version, time.time())


class DraftedMaterial(NamedTuple):
    """A draft of campaign material: the versions to approve, the versions to withdraw, and who has signed the draft."""

    approved: list[str]  # manifests of versions
    withdrawn: list[str]
    signers: dict[str, str]  # departments by name


def read_signed_draft_of_material(settings: HqSettings) -> DraftedMaterial:
    """Return the draft of campaign material, which the media and compliance officers have signed.

    Raises MaterialRefused if a signature is missing, and StoreError if the folder cannot be read.
    """
    repository = Repository(settings.bundles.folder)
    with _convert_folder_errors_to_store_errors(settings, "the draft cannot be read"):
        return DraftedMaterial(
            *repository.list_versions_changed_by_draft(),
            repository.find_signers_of_complete_bundle_draft(),
        )


def publish_signed_draft_of_material(settings: HqSettings) -> list[str]:
    """Publish the draft of campaign material. Return the versions that are approved from now on.

    Raises MaterialRefused, SettingError, and StoreError if the folder cannot be written.
    """
    repository = Repository(settings.bundles.folder)
    online = read_online_signing_key(settings)
    with _convert_folder_errors_to_store_errors(settings, "the draft cannot be published"):
        repository.publish_drafted_bundles(online, time.time())
        return repository.list_approved_bundle_versions()


@contextmanager
def _convert_folder_errors_to_store_errors(settings: HqSettings, failure: str) -> Iterator[None]:
    """Convert errors with the campaign material's folder in the `with` block to StoreError.

    `failure` says what failed, and becomes part of the error's text.
    """
    try:
        yield
    except (RepositoryError, OSError) as error:
        raise StoreError(f"campaign material in {settings.bundles.folder}: {failure}: {error}") from error


async def read_published_material(settings: HqSettings) -> PublishedMaterial:
    """Return the published campaign material, which is empty before the first publication.

    Raises StoreError if it cannot be read.
    """
    folder = settings.bundles.folder

    def read_material_from_repository() -> PublishedMaterial:
        repository = Repository(folder)
        waves = [
            Assignment(name=each.name, version=each.version, to=[*each.to])
            for each in repository.read_roll_out_waves().waves
        ]
        return PublishedMaterial(approved=repository.list_approved_bundle_versions(), waves=waves)

    try:
        return await asyncio.to_thread(read_material_from_repository)
    except (MaterialRefused, RepositoryError, OSError) as error:
        raise StoreError(f"{folder}: the published material cannot be read: {error}") from error
