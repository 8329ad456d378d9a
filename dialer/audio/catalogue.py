"""The catalogue of prompts: the recordings, sounds, approvals and certificates of each prompt.

Each language has a TOML file, such as `hi.toml`. The prompts of a single campaign are in `campaign/<id>/hi.toml`. As
these are text files, git shows each change. Unknown keys are errors, so that a misspelt certificate is noticed.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from dialer.audio.errors import BadPromptName, CatalogueError
from dialer.audio.files import (
    convert_write_errors_to_audio_errors,
    list_files_in_folder_tree,
    remove_partial_files,
    write_temporary_file,
)
from dialer.audio.names import CAMPAIGN_FOLDER, PromptName, parse_prompt_name
from dialer.settings.audio import SoundFormat
from dialer.settings.files import NotToml, parse_toml_table, read_whole_file

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MAX_TEXT: Final = 5000  # characters
_MOST_BYTES: Final = 16 * 1024 * 1024  # an entry has about 600 bytes
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]

LOCK: Final = ".lock"  # locked while the catalogue is changed; the file is never removed
_NO_DIRECTORY: Final = "is a file; set audio.catalogue to a directory (docs/reference/settings.md)"
_HEAD: Final = "# Made by `dialer audio prepare` and `dialer audio drafts`; approvals by `dialer audio approve`.\n\n"
# The parts of a file as `write_catalogue` writes it.
_QUOTED: Final = r'"[^"\\\x00-\x1f\x7f]*+"'
_NUMBER: Final = r"-?(?:0|[1-9]\d*+)\.\d++"
_DAY: Final = r"\d{4}-\d\d-\d\d"
_LIST: Final = rf"\[\n(?:    {_QUOTED},\n)*+\]"
_LINE: Final = re.compile(rf"([a-z0-9_]+) = (?:({_QUOTED})|({_NUMBER})|({_DAY})|({_LIST}))\n", re.ASCII)
_LINES: Final = rf"(?:[a-z0-9_]+ = (?:{_QUOTED}|{_NUMBER}|{_DAY}|{_LIST})\n)*+"
_ENTRY: Final = re.compile(rf'\[("[a-z0-9_/-]+"|[a-z0-9_-]+)\]\n({_LINES})\n\[\1\.files\]\n({_LINES})\n*', re.ASCII)


class Voice(StrEnum):
    """The kind of voice that speaks a prompt: a person, a synthetic voice, or a draft that a recording will replace."""

    HUMAN = "human"
    SYNTHETIC = "synthetic"  # a synthetic voice for permanent use
    DRAFT = "draft"  # a synthetic voice until the prompt is recorded


class Entry(BaseModel):
    """The catalogue entry of a prompt: its recording, sounds, approval and certificate.

    Approval and certificate each contain the hash of a recording, and are valid only for that recording.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Text = Field("", description="words of the prompt when its sounds were made")
    voice: Voice
    source: Line = Field(description="path of the recording below the recordings' directory, or the draft's voice")
    source_sha256: Sha256 = Field(description="hash of the recording, or of the draft's text and voice")
    recipe: Line = Field(description="parameters with which the sounds were made")
    seconds: float = Field(ge=0)
    loudness_lufs: float = Field(description="loudness of the sound that deviates most from the target")
    true_peak_db: float
    files: Mapping[SoundFormat, Sha256] = Field(description="hash of each sound")
    notes: tuple[Line, ...] = ()
    approved_by: Line = ""
    approved_on: date | None = None
    approved_sha256: Sha256 | None = Field(None, description="hash of the approved recording")
    certificate: Line = Field("", description="number of the certificate")
    certificate_sha256: Sha256 | None = Field(None, description="hash of the certified recording")
    valid_until: date | None = Field(None, description="last day of the certificate")

    @model_validator(mode="after")
    def _check_approval_and_certificate_hashes(self) -> Entry:
        if bool(self.certificate) != (self.certificate_sha256 is not None):
            raise ValueError(
                "the certificate of this prompt is incomplete; give both `certificate` (its number) and "
                "`certificate_sha256` (the hash of the certified recording)"
            )
        if self.valid_until is not None and not self.certificate:
            raise ValueError(
                "this prompt has `valid_until` but no certificate; add `certificate` and `certificate_sha256`, or remove "
                "`valid_until`"
            )
        if bool(self.approved_by) != (self.approved_sha256 is not None):
            raise ValueError(
                "the approval of this prompt is incomplete; give both `approved_by` (a name) and `approved_sha256` (the "
                "hash of the approved recording)"
            )
        return self

    @property
    def is_recording_approved(self) -> bool:
        """Whether a named person has approved the prompt's present recording."""
        return bool(self.approved_by) and self.approved_sha256 == self.source_sha256


Entries = Mapping[PromptName, Entry]


def describe_overlong_prompt_text(text: str) -> str | None:
    """Return an error if the text of a prompt is too long for the catalogue, otherwise None."""
    if len(text) <= MAX_TEXT:
        return None
    most = f"but the catalogue accepts {MAX_TEXT:,}"
    return (
        f"has a text of {len(text):,} characters ({text[:40]!r}...), {most}; shorten it, with one place name per line"
    )


def read_catalogue(directory: Path) -> dict[PromptName, Entry]:
    """Return the entries of all prompts in a catalogue, or {} if its directory does not exist.

    Raises CatalogueError with file, key and remedy.
    """
    return read_catalogue_entries(directory, list_catalogue_files(directory) or ())


def list_catalogue_files(directory: Path) -> list[Path] | None:
    """Return the files of a catalogue, sorted, or None if the directory does not exist. Raises CatalogueError."""
    try:
        if not directory.exists():
            return None
        if not directory.is_dir():
            raise CatalogueError(str(directory), "", _NO_DIRECTORY)
    except OSError as error:
        raise CatalogueError(
            str(directory), "", f"the catalogue folder cannot be read ({error.strerror}); check its permissions"
        ) from error

    def raise_error_about_unreadable_folder(path: Path, why: str) -> None:
        raise CatalogueError(str(path), "", why)

    return [
        path
        for path in list_files_in_folder_tree(directory, raise_error_about_unreadable_folder)
        if path.suffix == ".toml"
    ]


def read_catalogue_entries(directory: Path, files: Iterable[Path]) -> dict[PromptName, Entry]:
    """Return the entries of the prompts in the given catalogue files. Raises CatalogueError with file, key and remedy."""
    entries: dict[PromptName, Entry] = {}
    for path in files:
        scope = path.relative_to(directory).with_suffix("").as_posix()
        for key, table in _read_catalogue_tables(path).items():
            try:
                name = parse_prompt_name(f"{scope}/{key}")
            except BadPromptName as error:
                raise CatalogueError(
                    str(path), key, f"the catalogue entry has an invalid name: {error}; correct or remove the entry"
                ) from error
            entries[name] = _parse_catalogue_entry(path, key, table)
    return entries


def _read_catalogue_tables(path: Path) -> dict[str, Any]:
    try:
        data = read_whole_file(path, _MOST_BYTES)
        tables = parse_generated_catalogue(data.decode("utf-8"))
        return parse_toml_table(data) if tables is None else tables
    except OSError as error:
        raise CatalogueError(
            str(path), "", f"the catalogue file cannot be read ({error.strerror}); check its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise CatalogueError(
            str(path), "", f"the catalogue file is not UTF-8 ({error}); restore the file from git"
        ) from error
    except NotToml as error:
        raise CatalogueError(
            str(path), "", f"the catalogue file is not TOML ({error}); correct that line, or restore the file from git"
        ) from error


def parse_generated_catalogue(text: str) -> dict[str, Any] | None:
    """Parse a catalogue file that is formatted exactly as `write_catalogue` writes it. Return None for any other file.

    This is much faster than tomllib, which for thousands of prompts takes a quarter of the dialler's start.
    """
    tables: dict[str, Any] = {}
    position = len(_HEAD) if text.startswith(_HEAD) else 0
    while position < len(text):
        entry = _ENTRY.match(text, position)
        if entry is None:
            return None
        key = entry[1].strip('"')
        try:
            values, files = _parse_key_value_lines(entry[2]), _parse_key_value_lines(entry[3])
        except ValueError:
            return None
        if key in tables or "files" in values:
            return None
        tables[key] = {**values, "files": files}
        position = entry.end()
    return tables


def _parse_key_value_lines(lines: str) -> dict[str, Any]:
    """Return the values of `key = value` lines. Raises ValueError for a repeated key or a date that does not exist."""
    values: dict[str, Any] = {}
    found = _LINE.findall(lines)
    for key, quoted, number, day, texts in found:
        if quoted:
            values[key] = quoted[1:-1]
        elif number:
            values[key] = float(number)
        elif day:
            values[key] = date.fromisoformat(day)
        else:
            values[key] = [text[1:-1] for text in re.findall(_QUOTED, texts)]
    if len(values) < len(found):
        raise ValueError("a key is repeated")
    return values


def _parse_catalogue_entry(path: Path, key: str, table: object) -> Entry:
    try:
        return Entry.model_validate(table)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join((key, *(str(part) for part in problem["loc"])))
        words = "this key is unknown" if problem["type"] == "extra_forbidden" else problem["msg"]
        words = re.sub(r"^Value error, ", "", words)
        raise CatalogueError(
            str(path),
            where,
            f"the catalogue entry is invalid: {words}; correct the entry, or restore the file from git",
        ) from error


def write_catalogue(directory: Path, entries: Entries) -> None:
    """Write the changed files of a catalogue and remove files without entries. After an error no file has changed.

    Raises:
        AudioError: a file cannot be written.
    """
    with write_catalogue_after_installing_sounds(directory, entries):
        pass


@contextmanager
def write_catalogue_after_installing_sounds(directory: Path, entries: Entries) -> Iterator[None]:
    """Prepare the changed files of a catalogue, and put them in place when the `with` block ends without an error.

    The caller installs the new sounds in the block. The new files are written under temporary names before the block,
    so that a full disk is noticed before anything has changed.

    Raises AudioError, with the name of the file, if a file cannot be written.
    """
    files = {
        path: (_HEAD + tomli_w.dumps(tables)).encode()
        for path, tables in _group_catalogue_entries_by_file(directory, entries).items()
    }
    stale = set(list_catalogue_files(directory) or ()) - set(files)
    pending: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            with convert_write_errors_to_audio_errors(path):
                if not path.exists() or path.read_bytes() != content:
                    pending[path] = write_temporary_file(path, content)
        yield
        for path, temporary in pending.items():
            with convert_write_errors_to_audio_errors(path):
                temporary.replace(path)
        for path in stale:
            with convert_write_errors_to_audio_errors(path):
                path.unlink(missing_ok=True)
    finally:
        for temporary in pending.values():
            temporary.unlink(missing_ok=True)


def _group_catalogue_entries_by_file(directory: Path, entries: Entries) -> dict[Path, dict[str, Any]]:
    """Return the catalogue's entries grouped by the file that each belongs to."""
    files: dict[Path, dict[str, Any]] = {}
    for name, entry in sorted(entries.items()):
        table = entry.model_dump(mode="python", exclude_none=True)
        table = {key: value for key, value in table.items() if value not in ("", ())}
        table["voice"] = entry.voice.value
        table["files"] = {sound_format.value: sha for sound_format, sha in sorted(entry.files.items())}
        if entry.notes:
            table["notes"] = list(entry.notes)
        files.setdefault(_get_catalogue_file(directory, name), {})[name.name] = table
    return files


def _get_catalogue_file(directory: Path, name: PromptName) -> Path:
    scope = directory / CAMPAIGN_FOLDER / name.campaign if name.campaign else directory
    return scope / f"{name.language}.toml"


@contextmanager
def open_catalogue_for_changes(directory: Path) -> Iterator[dict[PromptName, Entry]]:
    """Lock the catalogue of prompts and yield its entries, which the caller may change in the `with` block.

    The changed entries are written when the block ends. Raises CatalogueError.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise CatalogueError(str(directory), "", _NO_DIRECTORY) from error
    except OSError as error:
        raise CatalogueError(
            str(directory),
            "",
            f"the catalogue cannot be written ({error.strerror}); check the permissions of its folder",
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogueError(
                str(directory), "", "the catalogue is being changed by another process; wait until that process ends"
            ) from error
        with convert_write_errors_to_audio_errors(directory):
            remove_partial_files(directory)
        entries = read_catalogue(directory)
        try:
            yield entries
        finally:  # also after an interruption
            write_catalogue(directory, entries)
    finally:
        os.close(lock)
