"""Exports of voter-data portals, found in a folder or downloaded over HTTPS, and checked against a saved map file.

The store records the SHA-256 of imported files, so that no file is imported twice under any name. Files are not moved.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from dialer.domain.errors import RollError
from dialer.domain.https import send_https_request
from dialer.domain.output import create_private_file
from dialer.domain.signing import read_secret_file
from dialer.errors import SettingError
from dialer.roll.cleaning import BoothDetails, BoothKey, BoothSlot, Cleaner
from dialer.roll.fields import PLACE, Field, find_field_of_heading, normalize_heading
from dialer.roll.importer import PreparedImport, prepare_roll_import
from dialer.roll.mapping import load_column_map
from dialer.roll.warnings import find_unused_columns_with_phone_numbers
from dialer.settings.files import open_regular_file
from dialer.settings.sources import Source

QUIET_SECONDS = 30.0
"""A file that changed more recently may still be incomplete."""
MAX_EXPORT_BYTES = 4 << 30  # far more than a CSV file of three million voters
_REJECTS, _PART = ".rejects.csv", ".part"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def find_portal_by_name(sources: Sequence[Source], name: str) -> Source:
    """Return the voter-data portal with this name from the settings.

    Raises:
        SettingError: The settings have no portal of this name.
    """
    found = {source.name: source for source in sources}
    if name not in found:
        remedy = f"choose from {', '.join(found)}" if found else "add a table [[sources]] (docs/how-to/rolls.md)"
        raise SettingError("settings", "sources", f"has no source {name!r}", remedy)
    return found[name]


def find_exports_not_imported_yet(
    source: Source, imported: Collection[str], fetched: Path | None = None
) -> Iterator[Path]:
    """Yield the files in a portal's folder that have not been imported, oldest first.

    `imported` has the SHA-256 of imported files. `fetched` is a file that was downloaded just now, so it is complete.

    Raises:
        RollError: The folder cannot be read, or a file may still be incomplete.
    """
    known = {*imported}
    for changed, path, sha256 in _list_portal_files(source):
        if sha256 in known:
            continue
        if path != fetched and abs(time.time() - changed) < QUIET_SECONDS:
            raise RollError(
                f"{path}: the export changed within the last {QUIET_SECONDS:.0f} s, so it may be incomplete; import "
                "it again when it is complete"
            )
        known.add(sha256)
        yield path


def _list_portal_files(source: Source) -> Iterator[tuple[float, Path, str]]:
    """Yield each file in a portal's folder, oldest first, as (modification time, path, SHA-256).

    Raises:
        RollError: The folder or a file cannot be read.
    """
    try:
        found = [(path.stat().st_mtime, path) for path in source.folder.iterdir() if _is_export_file(path)]
        for changed, path in sorted(found):
            with open_regular_file(path) as file:
                yield changed, path, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RollError(
            f"{source.folder}: the export folder cannot be read ({error.strerror}); correct `folder` of"
            f" {source.name!r} in [[sources]]"
        ) from error


def load_voter_ids_sent_by_portal(
    source: Source, imported: Collection[str] | None = None
) -> dict[tuple[str, str, int, int, int], str]:
    """Return the portal's own ID of each voter, from the exports in the portal's folder.

    The keys are roll version, state, constituency, part and serial number. With `imported` (SHA-256 hashes), only these
    exports are read. If exports differ, the latest one counts.

    Raises:
        RollError: `id_heading` is not set, the folder has no export, or an export cannot be read or lacks the column.
    """
    if source.id_heading is None:
        raise RollError(
            f"source {source.name!r}: `id_heading` is not set in [[sources]]; set it to the heading of the column "
            "with the portal's IDs"
        )
    exports = [path for _, path, sha256 in _list_portal_files(source) if imported is None or sha256 in imported]
    if not exports:
        missing_file = "export" if imported is None else "imported export"
        raise RollError(
            f"{source.folder}: the folder has no {missing_file} of the portal, so the portal's IDs are unknown; put one "
            "into it"
        )
    found: dict[tuple[str, str, int, int, int], str] = {}
    for path in exports:
        prepared = prepare_roll_import(path, load_column_map(source.map_file))
        found |= _read_voter_ids_of_portal(prepared, source.id_heading, source.roll_version)
    return found


def _read_voter_ids_of_portal(
    prepared: PreparedImport, heading: str, roll_version: str
) -> dict[tuple[str, str, int, int, int], str]:
    header, normalized = prepared.mapping.header, normalize_heading(heading)
    wanted = [place for place, each in enumerate(header) if normalize_heading(each) == normalized]
    if not wanted:
        raise RollError(
            f'{prepared.roll.path}: the export has no column "{heading}"; correct `id_heading` of this source in '
            "[[sources]]"
        )
    booths: list[BoothKey] = []

    def add_booth_and_return_its_index(key: BoothKey, _: BoothDetails) -> BoothSlot:
        booths.append(key)
        return BoothSlot(len(booths) - 1, is_new=True)

    mapping = prepared.mapping
    by_place = replace(mapping, columns={name: mapping.columns[name] for name in PLACE if name in mapping.columns})
    cleaner = Cleaner(
        by_place, add_booth_and_return_its_index, roll_version=roll_version, damaged=prepared.roll.damaged
    )
    found = {}
    for batch in prepared.roll.read_row_batches(prepared.mapping.skip_rows):
        rows = cleaner.convert_rows_to_voters(batch)
        cells = rows.table.columns[wanted[0]] if rows.table.rows else ()
        for booth, serial, cell in zip(rows.booths, rows.serials, cells, strict=True):
            if cell.strip():
                found[*booths[booth.booth_id], serial] = cell.strip()
    return found


def _is_export_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and not path.name.endswith((_REJECTS, _PART))


def prepare_portal_import(source: Source, path: Path, region: str) -> PreparedImport:
    """Open a portal's export and map its columns with the saved map file.

    Raises:
        RollError: The export cannot be read, or does not fit the map file: a named column is missing, or a column of phone
            numbers is not named.
    """
    map_file = load_column_map(source.map_file)
    prepared = prepare_roll_import(path, map_file)
    mapping = prepared.mapping
    named = mapping.columns.get(Field.MOBILE, ()) if Field.MOBILE in map_file.columns else ()
    first = next(prepared.roll.read_row_batches(mapping.skip_rows), None)
    rows = [] if first is None else first.rows
    unread = {index for index, _, _ in find_unused_columns_with_phone_numbers(mapping, rows, region)}
    for index, heading in enumerate(mapping.header):
        by_heading = find_field_of_heading(heading)
        known = index in named or index in mapping.sensitive or heading in mapping.ignored
        if not known and (index in unread or (by_heading is not None and by_heading[0] is Field.MOBILE)):
            raise RollError(
                f'{path}: the column "{heading}" has phone numbers, but the map file does not use it; in '
                f"{source.map_file}, add it to `mobile` under [columns], or to `ignore`"
            )
    return prepared


def download_portal_export(source: Source, url: str) -> Path:
    """Download the current export of a portal into the portal's folder, and return the path of the file.

    Raises:
        RollError: The download failed; no incomplete file is left.
    """
    part = source.folder / f".{source.name}{_PART}"
    try:
        with (
            send_https_request(url, build_auth_headers(source)) as answer,
            os.fdopen(create_private_file(part), "wb") as file,
        ):
            digest = _copy_http_response_to_file(answer, file)
        name = _NOT_IN_A_NAME.sub("-", PurePosixPath(urlsplit(url).path).name)[-100:] or "export"
        path = source.folder / f"{digest[:12]}-{name}"
        part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        raise RollError(
            f"{url}: the download failed ({error or type(error).__name__}); try again, or ask the portal's operator"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def build_auth_headers(source: Source) -> dict[str, str]:
    """Return the HTTP headers that authenticate a request to a portal.

    The result is empty if there is no token file.

    Raises:
        SettingError: The token is invalid, or other users can read its file.
    """
    if source.token_file is None:
        return {}
    setting, remedy = f"sources.{source.name}.token_file", "put the portal's token there, one word"
    token = read_secret_file(source.token_file, setting, "the token", remedy)
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise SettingError(str(source.token_file), setting, "is not a valid token", remedy)
    return {"Authorization": f"Bearer {token}"}


def _copy_http_response_to_file(answer: http.client.HTTPResponse, file: IO[bytes]) -> str:
    """Copy the body of an HTTP response to a file, and return its SHA-256.

    Raises:
        OSError: The body is empty, incomplete, or larger than MAX_EXPORT_BYTES.
    """
    digest, size = hashlib.sha256(), 0
    while some := answer.read(1 << 20):
        digest.update(some)
        size += file.write(some)
        if size > MAX_EXPORT_BYTES:
            raise OSError(
                f"the portal's export is larger than {MAX_EXPORT_BYTES >> 30} GB; let the portal export it in parts"
            )
    if answer.length:
        raise OSError(
            f"the portal closed the connection after {size:,} bytes, before the export was complete; download it again"
        )
    if not size:
        raise OSError("the file downloaded from the portal is empty; ask the portal's operator")
    return digest.hexdigest()
