"""Exports of a voter-data portal: found in its drop folder, or fetched over HTTPS, and held against the mapping saved for it.

Which of them were taken stands in the store, by their SHA-256: no file is taken twice, whatever it is called, and none
is moved.
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
from dialer.domain.https import answered
from dialer.domain.output import own_file
from dialer.domain.signing import read_private
from dialer.errors import SettingError
from dialer.roll.cleaning import BoothDetails, BoothKey, BoothSlot, Cleaner
from dialer.roll.fields import PLACE, Field, field_of, squeeze
from dialer.roll.importer import PreparedImport, prepare_import
from dialer.roll.mapping import load_map
from dialer.roll.warnings import phone_columns
from dialer.settings.files import open_regular
from dialer.settings.sources import Source

QUIET_SECONDS = 30.0
"""A file that has changed so lately may still be on its way."""
MOST_BYTES = 4 << 30  # of a fetched export: what a sheet of three million voters takes as CSV, with room
_REJECTS, _PART = ".rejects.csv", ".part"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def source_named(sources: Sequence[Source], name: str) -> Source:
    """The source of that name. Raises SettingError."""
    found = {source.name: source for source in sources}
    if name not in found:
        there = f"there are: {', '.join(found)}" if found else "add a table [[sources]] (docs/how-to/rolls.md)"
        raise SettingError("settings", "sources", f"has none called {name!r}", there)
    return found[name]


def new_exports(source: Source, taken: Collection[str], fetched: Path | None = None) -> Iterator[Path]:
    """The files of its folder whose SHA-256 is not among those `taken`, the oldest first. `fetched` is known to be whole.

    Raises RollError where the folder cannot be read, and for one that may still be on its way.
    """
    known = {*taken}
    for changed, path, sha256 in _exports(source):
        if sha256 in known:
            continue
        if path != fetched and abs(time.time() - changed) < QUIET_SECONDS:
            raise RollError(
                f"{path}: changed within the last {QUIET_SECONDS:.0f} s, and may still be on its way: take it later"
            )
        known.add(sha256)
        yield path


def _exports(source: Source) -> Iterator[tuple[float, Path, str]]:
    """When each file of its folder has changed, the oldest first, and its SHA-256. Raises RollError."""
    try:
        found = [(path.stat().st_mtime, path) for path in source.folder.iterdir() if _is_export(path)]
        for changed, path in sorted(found):
            with open_regular(path) as file:
                yield changed, path, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RollError(
            f"{source.folder}: cannot be read ({error.strerror}); correct the folder of {source.name!r}"
        ) from error


def ids_of(source: Source, taken: Collection[str] | None = None) -> dict[tuple[str, str, int, int, int], str]:
    """The portal's own ids by roll version, state, constituency, part and serial, as the exports in its folder say: those that were
    `taken`, or all; the latest counts. Raises RollError where they cannot be read, have no such column, or none is
    there.
    """
    if source.id_heading is None:
        raise RollError(f"source {source.name!r}: id_heading is not set: name the heading of the portal's own id")
    exports = [path for _, path, sha256 in _exports(source) if taken is None or sha256 in taken]
    if not exports:
        raise RollError(
            f"{source.folder}: no export{' that was taken' if taken is not None else ''} is there: results go out under its ids"
        )
    found: dict[tuple[str, str, int, int, int], str] = {}
    for path in exports:
        prepared = prepare_import(path, load_map(source.map_file))
        found |= _ids(prepared, source.id_heading, source.roll_version)
    return found


def _ids(prepared: PreparedImport, heading: str, roll_version: str) -> dict[tuple[str, str, int, int, int], str]:
    wanted = [place for place, said in enumerate(prepared.mapping.header) if squeeze(said) == squeeze(heading)]
    if not wanted:
        raise RollError(f'{prepared.roll.path}: has no column "{heading}": correct id_heading')
    booths: list[BoothKey] = []

    def slot(key: BoothKey, _: BoothDetails) -> BoothSlot:
        booths.append(key)
        return BoothSlot(len(booths) - 1, is_new=True)

    mapping = prepared.mapping
    by_place = replace(mapping, columns={name: mapping.columns[name] for name in PLACE if name in mapping.columns})
    cleaner = Cleaner(by_place, slot, roll_version=roll_version, damaged=prepared.roll.damaged)
    found = {}
    for batch in prepared.roll.batches(prepared.mapping.skip_rows):
        rows = cleaner.clean(batch)
        cells = rows.table.columns[wanted[0]] if rows.table.rows else ()
        for booth, serial, cell in zip(rows.booths, rows.serials, cells, strict=True):
            if cell.strip():
                found[*booths[booth.booth_id], serial] = cell.strip()
    return found


def _is_export(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and not path.name.endswith((_REJECTS, _PART))


def prepare_export(source: Source, path: Path, region: str) -> PreparedImport:
    """An export, open and understood by the saved mapping. Raises RollError where that cannot be: the mapping names a column that
    the export lacks, or the export has a column of phone numbers that the mapping does not name.
    """
    map_file = load_map(source.map_file)
    prepared = prepare_import(path, map_file)
    mapping = prepared.mapping
    named = mapping.columns.get(Field.MOBILE, ()) if Field.MOBILE in map_file.columns else ()
    first = next(prepared.roll.batches(mapping.skip_rows), None)
    held = {index for index, _, _ in phone_columns(mapping, [] if first is None else first.rows, region)}
    for index, heading in enumerate(mapping.header):
        said = field_of(heading)
        known = index in named or index in mapping.sensitive or heading in mapping.ignored
        if not known and (index in held or (said is not None and said[0] is Field.MOBILE)):
            raise RollError(
                f'{path}: its column "{heading}" holds phone numbers, and {source.map_file} does not know it: add it there to'
                " mobile under [columns], or to ignore"
            )
    return prepared


def fetch(source: Source, url: str) -> Path:
    """Have what the portal exports now in the source's folder, whole or not at all; where it stands there. Raises RollError."""
    part = source.folder / f".{source.name}{_PART}"
    try:
        with answered(url, token_headers(source)) as answer, os.fdopen(own_file(part), "wb") as file:
            digest = _copied(answer, file)
        name = _NOT_IN_A_NAME.sub("-", PurePosixPath(urlsplit(url).path).name)[-100:] or "export"
        path = source.folder / f"{digest[:12]}-{name}"
        part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        raise RollError(
            f"{url}: nothing was fetched ({error or type(error).__name__}); try again, or ask the portal"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def token_headers(source: Source) -> dict[str, str]:
    """What a request to the portal bears. Raises SettingError for a token that is none, or that others may read."""
    if source.token_file is None:
        return {}
    setting, remedy = f"sources.{source.name}.token_file", "put the portal's token there, one word"
    token = read_private(source.token_file, setting, "the token", remedy)
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise SettingError(str(source.token_file), setting, "is no token", remedy)
    return {"Authorization": f"Bearer {token}"}


def _copied(answer: http.client.HTTPResponse, file: IO[bytes]) -> str:
    """The answer into the file; its SHA-256. Raises OSError where it is cut short, or too large."""
    digest, size = hashlib.sha256(), 0
    while some := answer.read(1 << 20):
        digest.update(some)
        size += file.write(some)
        if size > MOST_BYTES:
            raise OSError(f"it is larger than {MOST_BYTES >> 30} GB")
    if answer.length:
        raise OSError(f"it was cut short after {size:,} bytes")
    if not size:
        raise OSError("it is empty")
    return digest.hexdigest()
