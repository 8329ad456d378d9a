"""Decide which column of a roll holds which field: guess from the headings, or follow a map file.

A map file is TOML. Every line may be left out:

    encoding = "utf-16"
    delimiter = ";"
    sheet = "Sheet2"
    header_row = 3                      # counted from 1, as a spreadsheet does; 0: the file has no header row
    ignore = ["OFFICE PHONE"]           # columns that are not read
    [columns]                           # field = heading, list of headings or column number; "": do not read the field
    part_number = "BOOTH"
    mobile = ["PHONE A", "PHONE B"]
    [values]                            # fields with the same value in every row
    state_code = "S24"
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dialer.domain.errors import RollError
from dialer.roll.fields import REQUIRED, Field, field_of, is_sensitive, squeeze
from dialer.roll.reading import FileOptions
from dialer.settings.files import MOST_TOML_BYTES, NotToml, read_whole, toml_table

DROPPED = "dropped: the store keeps no caste, religion, Aadhaar number or choice of vote"
NOT_USED = "not used"


@dataclass(frozen=True, slots=True)
class MapFile:
    """The content of a map file."""

    path: Path | None = None
    options: FileOptions = field(default_factory=FileOptions)
    header_row: int | None = None  # 1 is the first row; 0: no header; None: find it
    columns: Mapping[Field, tuple[str | int, ...]] = field(default_factory=dict)
    values: Mapping[Field, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    sha256: str = ""  # of the file itself


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns that hold each field. Column indexes count from 0."""

    header: tuple[str, ...]
    skip_rows: int  # rows before the first voter: the header and the rows above it
    columns: Mapping[Field, tuple[int, ...]]
    values: Mapping[Field, str]
    sensitive: frozenset[int]  # columns that are dropped, also from the rejects file
    ignored: frozenset[str] = frozenset()  # headings that the map file ignores
    map_sha256: str = ""  # of that map file

    def meanings(self) -> list[tuple[str, str]]:
        """For each column, its heading and how it is used, as text for people."""
        fields: dict[int, list[str]] = {}
        for name, indexes in self.columns.items():
            for index in indexes:
                fields.setdefault(index, []).append(name.value)
        return [
            (heading, DROPPED if index in self.sensitive else ", ".join(fields.get(index, [NOT_USED])))
            for index, heading in enumerate(self.header)
        ]


def load_map(path: Path) -> MapFile:
    """Read a map file. Raises RollError that names file and key and says what to do."""
    try:
        data = read_whole(path, MOST_TOML_BYTES, pipe=True)
        content = toml_table(data)
    except OSError as error:
        raise RollError(
            f"{path}: cannot be read ({error.strerror}); check its path (--map, or map_file of [[sources]])"
        ) from error
    except (NotToml, UnicodeDecodeError) as error:
        raise RollError(f"{path} is not valid TOML ({error}); correct it there") from error
    known = ("encoding", "delimiter", "sheet", "header_row", "ignore", "columns", "values")
    for key in content:
        if key not in known:
            raise RollError(
                f"{path}: {key}: there is no such setting{_near(key, known)}; there are: {', '.join(known)}"
            )
    texts = {key: _typed(path, key, content.get(key), str) for key in ("encoding", "delimiter", "sheet")}
    columns = _fields(path, "columns", _typed(path, "columns", content.get("columns"), dict) or {})
    values = _fields(path, "values", _typed(path, "values", content.get("values"), dict) or {})
    return MapFile(
        path=path,
        options=FileOptions(**texts),
        header_row=_typed(path, "header_row", content.get("header_row"), int),
        columns={name: _column_names(path, name, value) for name, value in columns.items()},
        values={name: _value(path, name, value) for name, value in values.items()},
        ignore=_headings_of(path, "ignore", content.get("ignore", [])),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _typed(path: Path, key: str, value: Any, kind: type) -> Any:
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        words = {str: "a text in quotes", int: "a whole number", dict: "a table"}
        raise RollError(f"{path}: {key} must be {words[kind]}; correct it there")
    return value


def _fields(path: Path, table: str, entries: dict[str, Any]) -> dict[Field, Any]:
    names = [name.value for name in Field]
    for key in entries:
        if key not in names:
            raise RollError(
                f"{path}: {table}.{key}: there is no such field{_near(key, names)}; there are: {', '.join(names)}"
            )
    return {Field(key): value for key, value in entries.items()}


def _column_names(path: Path, name: Field, value: Any) -> tuple[str | int, ...]:
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in entries):
        raise RollError(
            f"{path}: columns.{name} must be a heading, a column's number, or a list of them; correct it there"
        )
    return tuple(entry for entry in entries if entry != "")


def _headings_of(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise RollError(f"{path}: {key} must be a list of headings; correct it there")
    return tuple(value)


def _value(path: Path, name: Field, value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise RollError(f"{path}: values.{name} must be a text or a whole number; correct it there")
    return str(value)


def _near(word: str, known: Sequence[str]) -> str:
    """', did you mean ...' when a known word is similar, else an empty text."""
    near = get_close_matches(squeeze(word), [squeeze(name) for name in known], n=1, cutoff=0.6)
    return "" if not near else f', did you mean "{next(name for name in known if squeeze(name) == near[0])}"'


def map_columns(path: Path, head: Sequence[Sequence[str]], map_file: MapFile | None = None) -> ColumnMapping:
    """Find the header among the first rows, and the field of each column.

    Raises RollError if a required column is missing.
    """
    map_file = map_file or MapFile()
    if map_file.header_row == 0:
        width = max(map(len, head), default=0)
        return _finish(path, tuple(f"column {number}" for number in range(1, width + 1)), 0, map_file)
    if map_file.header_row is not None:
        if not 1 <= map_file.header_row <= len(head):
            raise RollError(
                f"{map_file.path}: header_row = {map_file.header_row} is not among the first {len(head)} rows of {path};"
                " correct it there"
            )
        return _finish(path, _headings(head[map_file.header_row - 1]), map_file.header_row, map_file)
    named = [name for names in map_file.columns.values() for name in names if isinstance(name, str)]
    best, best_score = -1, 0
    for index, row in enumerate(head):
        header = _headings(row)
        score = len(_guess(header)) + sum(_position(header, name) is not None for name in named)
        if score > best_score:
            best, best_score = index, score
    if best < 0:
        raise RollError(_no_header(path, head))
    return _finish(path, _headings(head[best]), best + 1, map_file)


def _headings(row: Sequence[str]) -> tuple[str, ...]:
    # Headings are printed, so bytes that could not be decoded are replaced.
    return tuple(" ".join(cell.encode("utf-8", "replace").decode().split()) for cell in row)


def _no_header(path: Path, head: Sequence[Sequence[str]]) -> str:
    first = next((row for row in head if any(cell.strip() for cell in row)), [])
    if sum(cell.strip().isdecimal() for cell in first) >= 2:
        return (
            f"{path} has no header row (its first row is {_shown(first)}); add one, or set header_row = 0 in a --map file"
            " and give columns by number"
        )
    return f"{path}: no heading is known in its first rows ({_shown(first)}); name the columns in a --map file"


def _shown(row: Sequence[str]) -> str:
    cells = [cell.strip()[:20] for cell in row if cell.strip()]
    # If the first row is data, it may hold a voter's number: hide the digits.
    hidden = ["#" * len(cell) if cell.isdecimal() and len(cell) > 5 else cell for cell in cells[:8]]
    return ", ".join(hidden) + (", ..." if len(cells) > 8 else "")


def _guess(header: Sequence[str]) -> dict[Field, tuple[int, ...]]:
    """Guess the fields from the headings.

    When two columns fit one field, the more common heading wins; every column of phone numbers is read.
    """
    ranked: dict[Field, list[tuple[int, int]]] = {}
    for index, heading in enumerate(header):
        if heading and not is_sensitive(heading) and (found := field_of(heading)) is not None:
            ranked.setdefault(found[0], []).append((found[1], index))
    columns = {
        name: tuple(index for _, index in sorted(places, key=lambda place: place[1]))
        if name is Field.MOBILE
        else (min(places)[1],)
        for name, places in ranked.items()
    }
    for latin, local in ((Field.NAME, Field.NAME_LOCAL), (Field.LAST_NAME, Field.LAST_NAME_LOCAL)):
        if Field.NAME not in ranked and local in columns:
            columns[latin] = columns.pop(local)  # the only name column is the name, in any script
    return columns


def _finish(path: Path, header: tuple[str, ...], skip_rows: int, map_file: MapFile) -> ColumnMapping:
    ignored = {squeeze(heading) for heading in map_file.ignore}
    passed_over = frozenset(heading for heading in header if heading and squeeze(heading) in ignored)
    columns = _guess(["" if heading in passed_over else heading for heading in header])
    for name, wanted in map_file.columns.items():
        columns[name] = tuple(_find(path, header, map_file, name, column) for column in wanted)
        if not wanted:
            del columns[name]
        elif len(wanted) > 1 and name is not Field.MOBILE:
            raise RollError(f"{map_file.path}: columns.{name} takes one column; only mobile may have several")
    for name in map_file.values:
        columns.pop(name, None)
    missing = [name for name in REQUIRED if name not in columns and name not in map_file.values]
    if missing:
        raise RollError(
            f"{path}: no column for {' and '.join(name.replace('_', ' ') for name in missing)}; its columns are"
            f' {_shown(header)}; write {missing[0]} = "HEADING" under [columns] of a --map file'
        )
    chosen = {index for indexes in columns.values() for index in indexes}
    sensitive = frozenset(
        index for index, heading in enumerate(header) if index not in chosen and is_sensitive(heading)
    )
    ordered = {name: columns[name] for name in Field if name in columns}
    return ColumnMapping(header, skip_rows, ordered, dict(map_file.values), sensitive, passed_over, map_file.sha256)


def _position(header: Sequence[str], heading: str) -> int | None:
    squeezed = squeeze(heading)
    return next((index for index, name in enumerate(header) if squeeze(name) == squeezed), None)


def _find(path: Path, header: Sequence[str], map_file: MapFile, name: Field, column: str | int) -> int:
    """The index of a column that the map file names."""
    key = f"{map_file.path}: columns.{name}"
    if isinstance(column, int):
        if not 1 <= column <= len(header):
            raise RollError(f"{key}: {path} has columns 1 to {len(header)}, not {column}; correct it there")
        return column - 1
    index = _position(header, column)
    if index is None:
        raise RollError(
            f'{key}: {path} has no column "{column}"{_near(column, header)}; its columns are {_shown(header)}'
        )
    return index
