"""The catalogue of prompts per campaign and language: their recordings, sounds, approvals and certificates.

There is one TOML file per language, `hi.toml`, and `campaign/<id>/hi.toml` for the campaign's own prompts, so that git
shows each change. Unknown keys are errors, because a misspelt certificate must not count.
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
from dialer.audio.files import files_below, naming_write_errors, remove_partial_files, write_temporary
from dialer.audio.names import CAMPAIGN_FOLDER, PromptName, prompt_name
from dialer.settings.audio import SoundFormat
from dialer.settings.files import NotToml, read_whole, toml_table

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MAX_TEXT: Final = 5000  # characters
_MOST_BYTES: Final = 16 * 1024 * 1024  # an entry has about 600 bytes
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]

LOCK: Final = ".lock"  # held while the catalogue is changed; the file stays
_NO_DIRECTORY: Final = "is a file; set audio.catalogue to a directory (docs/reference/settings.md)"
_HEAD: Final = "# Made by `dialer audio prepare` and `dialer audio drafts`; approvals by `dialer audio approve`.\n\n"


class Voice(StrEnum):
    """The kind of voice."""

    HUMAN = "human"
    SYNTHETIC = "synthetic"  # a synthetic voice that is meant to be played
    DRAFT = "draft"  # a synthetic voice until a recording arrives


class Entry(BaseModel):
    """One prompt. The hash of its recording links it to its approval and its certificate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Text = Field("", description="what it says, when it was made")
    voice: Voice
    source: Line = Field(description="the recording, below the recordings' directory; of a draft, the voice")
    source_sha256: Sha256 = Field(description="of the recording; of a draft, of its text and voice")
    recipe: Line = Field(description="how the sounds were made")
    seconds: float = Field(ge=0)
    loudness_lufs: float = Field(description="of the sound that is farthest from what was asked for")
    true_peak_db: float
    files: Mapping[SoundFormat, Sha256] = Field(description="each sound's hash")
    notes: tuple[Line, ...] = ()
    approved_by: Line = ""
    approved_on: date | None = None
    approved_sha256: Sha256 | None = Field(None, description="of the recording that was approved")
    certificate: Line = Field("", description="number of the certificate")
    certificate_sha256: Sha256 | None = Field(None, description="of the recording that it was given for")
    valid_until: date | None = Field(None, description="last day of the certificate")

    @model_validator(mode="after")
    def _belong_together(self) -> Entry:
        if bool(self.certificate) != (self.certificate_sha256 is not None):
            raise ValueError(
                "a certificate needs its number and the hash it was given for: certificate, certificate_sha256"
            )
        if self.valid_until is not None and not self.certificate:
            raise ValueError("valid_until needs a certificate")
        if bool(self.approved_by) != (self.approved_sha256 is not None):
            raise ValueError("an approval needs a name and the hash that was approved: approved_by, approved_sha256")
        return self

    @property
    def approved(self) -> bool:
        """Whether a named person has approved the recording of the sounds."""
        return bool(self.approved_by) and self.approved_sha256 == self.source_sha256


Entries = Mapping[PromptName, Entry]


def text_problem(text: str) -> str | None:
    """Return why the text of a prompt is too long for the catalogue; None if it is not."""
    if len(text) <= MAX_TEXT:
        return None
    most = f"but the catalogue accepts {MAX_TEXT:,}"
    return (
        f"has a text of {len(text):,} characters ({text[:40]!r}...), {most}; shorten it, with one place name per line"
    )


def read_catalogue(directory: Path) -> dict[PromptName, Entry]:
    """Return every entry; none if the directory does not exist. Raises CatalogueError with file, key and remedy."""
    return read_entries(directory, catalogue_files(directory) or ())


def catalogue_files(directory: Path) -> list[Path] | None:
    """Return the files of a catalogue in order; None if there is no such directory. Raises CatalogueError."""
    try:
        if not directory.exists():
            return None
        if not directory.is_dir():
            raise CatalogueError(str(directory), "", _NO_DIRECTORY)
    except OSError as error:
        raise CatalogueError(str(directory), "", f"cannot be read ({error.strerror}); check its permissions") from error

    def refuse(path: Path, why: str) -> None:
        raise CatalogueError(str(path), "", why)

    return [path for path in files_below(directory, refuse) if path.suffix == ".toml"]


def read_entries(directory: Path, files: Iterable[Path]) -> dict[PromptName, Entry]:
    """Return the entries in these files of a catalogue. Raises CatalogueError with file, key and remedy."""
    entries: dict[PromptName, Entry] = {}
    for path in files:
        scope = path.relative_to(directory).with_suffix("").as_posix()
        for key, table in _tables(path).items():
            try:
                name = prompt_name(f"{scope}/{key}")
            except BadPromptName as error:
                raise CatalogueError(str(path), key, f"{error}; correct or remove it") from error
            entries[name] = _entry(path, key, table)
    return entries


def _tables(path: Path) -> dict[str, Any]:
    try:
        return toml_table(read_whole(path, _MOST_BYTES))
    except OSError as error:
        raise CatalogueError(str(path), "", f"cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise CatalogueError(str(path), "", f"is not UTF-8 ({error}); restore it from git") from error
    except NotToml as error:
        raise CatalogueError(
            str(path), "", f"is not TOML ({error}); correct that line, or restore it from git"
        ) from error


def _entry(path: Path, key: str, table: object) -> Entry:
    try:
        return Entry.model_validate(table)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join((key, *(str(part) for part in problem["loc"])))
        words = "is not a key of the catalogue" if problem["type"] == "extra_forbidden" else problem["msg"]
        words = re.sub(r"^Value error, ", "", words)
        raise CatalogueError(str(path), where, f"{words}; correct it, or restore it from git") from error


def write_catalogue(directory: Path, entries: Entries) -> None:
    """Write the files that changed, each atomically, and remove files without entries.

    Raises AudioError if they cannot be written; then no file has changed.
    """
    with staged_catalogue(directory, entries):
        pass


@contextmanager
def staged_catalogue(directory: Path, entries: Entries) -> Iterator[None]:
    """Write the new files of a catalogue next to the old ones, and rename them when the block ends without an error.

    Changes that belong together with them are made in the block; after it only renames remain, which need no disk
    space. Raises AudioError with the file that cannot be written.
    """
    files = {path: (_HEAD + tomli_w.dumps(tables)).encode() for path, tables in _by_file(directory, entries).items()}
    stale = set(catalogue_files(directory) or ()) - set(files)
    pending: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            with naming_write_errors(path):
                if not path.exists() or path.read_bytes() != content:
                    pending[path] = write_temporary(path, content)
        yield
        for path, temporary in pending.items():
            with naming_write_errors(path):
                temporary.replace(path)
        for path in stale:
            with naming_write_errors(path):
                path.unlink(missing_ok=True)
    finally:
        for temporary in pending.values():
            temporary.unlink(missing_ok=True)


def _by_file(directory: Path, entries: Entries) -> dict[Path, dict[str, Any]]:
    files: dict[Path, dict[str, Any]] = {}
    for name, entry in sorted(entries.items()):
        table = entry.model_dump(mode="python", exclude_none=True)
        table = {key: value for key, value in table.items() if value not in ("", ())}
        table["voice"] = entry.voice.value
        table["files"] = {sound_format.value: sha for sound_format, sha in sorted(entry.files.items())}
        if entry.notes:
            table["notes"] = list(entry.notes)
        files.setdefault(_file_of(directory, name), {})[name.name] = table
    return files


def _file_of(directory: Path, name: PromptName) -> Path:
    scope = directory / CAMPAIGN_FOLDER / name.campaign if name.campaign else directory
    return scope / f"{name.language}.toml"


@contextmanager
def changing_catalogue(directory: Path) -> Iterator[dict[PromptName, Entry]]:
    """Yield the entries of the catalogue under a lock, and write them at the end of the block. Raises CatalogueError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise CatalogueError(str(directory), "", _NO_DIRECTORY) from error
    except OSError as error:
        raise CatalogueError(
            str(directory), "", f"cannot be written ({error.strerror}); check its permissions"
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogueError(
                str(directory), "", "is being changed by another process; wait for it to end"
            ) from error
        with naming_write_errors(directory):
            remove_partial_files(directory)
        entries = read_catalogue(directory)
        try:
            yield entries
        finally:  # after an interruption too
            write_catalogue(directory, entries)
    finally:
        os.close(lock)
