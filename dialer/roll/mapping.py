"""Map the columns of an electoral roll to fields: by their headings, or by a map file.

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
from typing import Any, Literal

from dialer.domain.errors import RollError
from dialer.roll.fields import REQUIRED, Field, find_field_of_heading, is_sensitive_column, normalize_heading
from dialer.roll.reading import FileOptions
from dialer.settings.files import MAX_TOML_BYTES, NotToml, parse_toml_table, read_whole_file

MappingProblem = Literal["no-headings", "header-row", "missing-fields", "repeated-field"]
DROPPED = "dropped: caste, religion, Aadhaar number and choice of vote are never stored"
NOT_USED = "not used"


class ColumnsNotMapped(RollError):
    """Raised if the columns of an electoral roll cannot be mapped to fields.

    `problem` and `fields` repeat the error's text as codes, for pages on which a person maps the columns. There are
    four problems: no heading is known, the row of headings is not among the first rows, required fields have no column,
    or a field has several columns.
    """

    def __init__(self, text: str, problem: MappingProblem, fields: Sequence[Field] = ()) -> None:
        super().__init__(text)
        self.problem: MappingProblem = problem
        self.fields = tuple(fields)


@dataclass(frozen=True, slots=True)
class MapFile:
    """The content of a map file, which says what the columns of an electoral roll contain."""

    path: Path | None = None
    options: FileOptions = field(default_factory=FileOptions)
    header_row: int | None = None  # 1 is the first row; 0: no header; None: find it
    columns: Mapping[Field, tuple[str | int, ...]] = field(default_factory=dict)
    values: Mapping[Field, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    sha256: str = ""  # of the map file

    @property
    def label(self) -> str:
        """The name of the map file in messages: its path, or "column mapping" for a mapping without a file."""
        return "the column mapping" if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns of an electoral roll by the field of a voter that they contain. Column indexes count from 0."""

    header: tuple[str, ...]
    skip_rows: int  # rows before the first voter: the header and the rows above it
    columns: Mapping[Field, tuple[int, ...]]
    values: Mapping[Field, str]
    sensitive: frozenset[int]  # columns that are dropped, also from the rejects file
    ignored: frozenset[str] = frozenset()  # headings that the map file ignores
    map_sha256: str = ""  # of the map file

    def describe_use_of_each_column(self) -> list[tuple[str, str]]:
        """Return the heading of each column with its use, such as "serial" (serial number) or "not used"."""
        fields: dict[int, list[str]] = {}
        for name, indexes in self.columns.items():
            for index in indexes:
                fields.setdefault(index, []).append(name.value)
        return [
            (heading, DROPPED if index in self.sensitive else ", ".join(fields.get(index, [NOT_USED])))
            for index, heading in enumerate(self.header)
        ]


def load_column_map(path: Path) -> MapFile:
    """Read a map file, which says what the columns of an electoral roll contain. Raises:
    RollError: The file cannot be read or has an invalid setting; the message names the key and the remedy.
    """
    try:
        data = read_whole_file(path, MAX_TOML_BYTES, pipe=True)
        content = parse_toml_table(data)
    except OSError as error:
        raise RollError(
            f"{path}: the map file cannot be read ({error.strerror}); check its path (option --map, or `map_file` "
            "in [[sources]])"
        ) from error
    except (NotToml, UnicodeDecodeError) as error:
        raise RollError(f"the map file {path} is not valid TOML ({error}); correct its syntax") from error
    known = ("encoding", "delimiter", "sheet", "header_row", "ignore", "columns", "values")
    for key in content:
        if key not in known:
            hint, choices = _suggest_similar_name(key, known), ", ".join(known)
            raise RollError(f"{path}: the map file has the unknown setting `{key}`{hint}; choose from {choices}")
    texts = {
        key: _require_type_of_map_file_value(path, key, content.get(key), str)
        for key in ("encoding", "delimiter", "sheet")
    }
    columns = _parse_field_table_of_map_file(
        path, "columns", _require_type_of_map_file_value(path, "columns", content.get("columns"), dict) or {}
    )
    values = _parse_field_table_of_map_file(
        path, "values", _require_type_of_map_file_value(path, "values", content.get("values"), dict) or {}
    )
    return MapFile(
        path=path,
        options=FileOptions(**texts),
        header_row=_require_type_of_map_file_value(path, "header_row", content.get("header_row"), int),
        columns={name: _parse_column_reference(path, name, value) for name, value in columns.items()},
        values={name: _parse_fixed_value(path, name, value) for name, value in values.items()},
        ignore=_parse_list_of_headings(path, "ignore", content.get("ignore", [])),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _require_type_of_map_file_value(path: Path, key: str, value: Any, kind: type) -> Any:
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        expected = {str: "a text in quotes", int: "a whole number", dict: "a table"}[kind]
        raise RollError(f"{path}: the setting `{key}` of this map file is not {expected}; correct this setting")
    return value


def _parse_field_table_of_map_file(path: Path, table: str, entries: dict[str, Any]) -> dict[Field, Any]:
    names = [name.value for name in Field]
    for key in entries:
        if key not in names:
            hint, choices = _suggest_similar_name(key, names), ", ".join(names)
            raise RollError(f"{path}: the map file has the unknown field `{table}.{key}`{hint}; choose from {choices}")
    return {Field(key): value for key, value in entries.items()}


def _parse_column_reference(path: Path, name: Field, value: Any) -> tuple[str | int, ...]:
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in entries):
        raise RollError(
            f"{path}: `columns.{name}` must be a heading, a column's number, or a list of them; correct it in this "
            "map file"
        )
    return tuple(entry for entry in entries if entry != "")


def _parse_list_of_headings(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise RollError(f"{path}: the setting `{key}` of this map file is not a list of headings; correct this setting")
    return tuple(value)


def _parse_fixed_value(path: Path, name: Field, value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise RollError(f"{path}: `values.{name}` must be a text or a whole number; correct it in this map file")
    return str(value)


def _suggest_similar_name(word: str, known: Sequence[str]) -> str:
    """Return the text ', did you mean "NAME"' with a known name similar to `word`, or an empty text."""
    near = get_close_matches(normalize_heading(word), [normalize_heading(name) for name in known], n=1, cutoff=0.6)
    return "" if not near else f', did you mean "{next(name for name in known if normalize_heading(name) == near[0])}"'


def map_roll_columns_to_fields(
    path: Path, head: Sequence[Sequence[str]], map_file: MapFile | None = None
) -> ColumnMapping:
    """Find the header of an electoral roll among its first rows (`head`), and the field that each column contains.

    Raises:
        RollError: No header was found, a required column is missing, or the map file does not fit the header.
    """
    map_file = map_file or MapFile()
    header, skip_rows = find_headings(path, head, map_file)
    return _build_column_mapping(path, header, skip_rows, map_file)


def find_headings(path: Path, head: Sequence[Sequence[str]], map_file: MapFile) -> tuple[tuple[str, ...], int]:
    """Return the headings of an electoral roll, and the number of rows before its first voter. `head` has its first
    rows.

    Raises:
        RollError: No row has a known heading, or the map file names a row that is not among the first rows.
    """
    if map_file.header_row == 0:
        width = max(map(len, head), default=0)
        return tuple(f"column {number}" for number in range(1, width + 1)), 0
    if map_file.header_row is not None:
        if not 1 <= map_file.header_row <= len(head):
            raise ColumnsNotMapped(
                f"{map_file.label}: `header_row` is {map_file.header_row}, but the headings must be in the first "
                f"{len(head)} rows of {path}; correct `header_row`",
                "header-row",
            )
        return _clean_headings(head[map_file.header_row - 1]), map_file.header_row
    named = [name for names in map_file.columns.values() for name in names if isinstance(name, str)]
    best, best_score = -1, 0
    for index, row in enumerate(head):
        header = _clean_headings(row)
        score = len(guess_fields_from_headings(header)) + sum(
            _find_column_by_heading(header, name) is not None for name in named
        )
        if score > best_score:
            best, best_score = index, score
    if best < 0:
        raise ColumnsNotMapped(_explain_missing_header(path, head), "no-headings")
    return _clean_headings(head[best]), best + 1


def _clean_headings(row: Sequence[str]) -> tuple[str, ...]:
    # Headings are printed, so characters that could not be decoded are replaced.
    return tuple(" ".join(cell.encode("utf-8", "replace").decode().split()) for cell in row)


def _explain_missing_header(path: Path, head: Sequence[Sequence[str]]) -> str:
    first = next((row for row in head if any(cell.strip() for cell in row)), [])
    if is_data_row(first):
        return (
            f"{path} has no header row (its first row is {_format_first_cells(first)}); add one, or set header_row = 0 in a --map"
            " file and give columns by number"
        )
    return (
        f"{path}: no known heading in its first rows ({_format_first_cells(first)}); name the columns in a --map file"
    )


def is_data_row(row: Sequence[str]) -> bool:
    """Return whether a row contains data rather than headings: at least two of its cells are numbers."""
    return sum(cell.strip().isdecimal() for cell in row) >= 2


def _format_first_cells(row: Sequence[str]) -> str:
    """Return the first cells of a row as text for an error message."""
    cells = [cell.strip()[:20] for cell in row if cell.strip()]
    # If the first row is data, it may contain a voter's phone number: hide long digits.
    hidden = ["#" * len(cell) if cell.isdecimal() and len(cell) > 5 else cell for cell in cells[:8]]
    return ", ".join(hidden) + (", ..." if len(cells) > 8 else "")


def guess_fields_from_headings(header: Sequence[str]) -> dict[Field, tuple[int, ...]]:
    """Return the column indexes of each field that is recognised by a heading.

    A field has one column: if several headings fit, the most common heading is used. Only phone numbers may have
    several columns.
    """
    ranked: dict[Field, list[tuple[int, int]]] = {}
    for index, heading in enumerate(header):
        if heading and not is_sensitive_column(heading) and (found := find_field_of_heading(heading)) is not None:
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


def _build_column_mapping(path: Path, header: tuple[str, ...], skip_rows: int, map_file: MapFile) -> ColumnMapping:
    ignored = {normalize_heading(heading) for heading in map_file.ignore}
    skipped = frozenset(heading for heading in header if heading and normalize_heading(heading) in ignored)
    columns = guess_fields_from_headings(["" if heading in skipped else heading for heading in header])
    for name, wanted in map_file.columns.items():
        columns[name] = tuple(_find_column_index(path, header, map_file, name, column) for column in wanted)
        if not wanted:
            del columns[name]
        elif len(wanted) > 1 and name is not Field.MOBILE:
            raise ColumnsNotMapped(
                f"{map_file.label}: `columns.{name}` has several columns, which only `columns.mobile` may have; name "
                "one column",
                "repeated-field",
                [name],
            )
    for name in map_file.values:
        columns.pop(name, None)
    missing = [name for name in REQUIRED if name not in columns and name not in map_file.values]
    if missing:
        fields = " and ".join(name.replace("_", " ") for name in missing)
        raise ColumnsNotMapped(
            f'{path}: no column for {fields}; its columns are {_format_first_cells(header)}; write {missing[0]} = "HEADING" '
            "under [columns] of a --map file",
            "missing-fields",
            missing,
        )
    chosen = {index for indexes in columns.values() for index in indexes}
    sensitive = frozenset(
        index for index, heading in enumerate(header) if index not in chosen and is_sensitive_column(heading)
    )
    ordered = {name: columns[name] for name in Field if name in columns}
    return ColumnMapping(header, skip_rows, ordered, dict(map_file.values), sensitive, skipped, map_file.sha256)


def _find_column_by_heading(header: Sequence[str], heading: str) -> int | None:
    squeezed = normalize_heading(heading)
    return next((index for index, name in enumerate(header) if normalize_heading(name) == squeezed), None)


def _find_column_index(path: Path, header: Sequence[str], map_file: MapFile, name: Field, column: str | int) -> int:
    """Return the index of the column that the map file names by heading or number (from 1)."""
    key = f"{map_file.label}: columns.{name}"
    if isinstance(column, int):
        if not 1 <= column <= len(header):
            raise RollError(
                f"{key} = {column} must be from 1 to {len(header)}, the number of columns of {path}; correct it"
            )
        return column - 1
    index = _find_column_by_heading(header, column)
    if index is None:
        hint, columns = _suggest_similar_name(column, header), _format_first_cells(header)
        raise RollError(f'{key}: {path} has no column "{column}"{hint}; use one of its columns: {columns}')
    return index
