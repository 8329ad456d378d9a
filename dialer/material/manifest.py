"""The published documents about campaign material: the file list of a bundle (manifest), and the assignment of versions
to centres (waves).

A bundle is a folder of files with a name and a version number. Files are identified by their SHA-256, so that a centre
downloads only the files that it does not have.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialer.errors import MatdanError
from dialer.settings.fields import Slug

MAX_FILES = 100_000
MAX_BYTES = 20 << 30
MAX_MANIFEST_BYTES = 32 << 20
WAVES_TARGET = "waves.json"
MANIFEST = "bundle.json"
"""The manifest's file, next to the files of a version."""
_PATH_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")

Addressee = Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]
Version = Annotated[int, Field(ge=1, le=1_000_000)]


class MaterialRefused(MatdanError):
    """Raised if campaign material is invalid, untrusted, or cannot be published or installed. The version in use does
    not change.
    """


class _Document(BaseModel):
    """A JSON document about campaign material that headquarters publishes and centres validate."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    title: ClassVar[str]  # in error messages

    @classmethod
    def parse_published_document(cls, data: bytes) -> Self:
        """Parse and validate a published document: a list of files (manifest) or the steps of a roll-out (waves).

        Raises MaterialRefused.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            problem = f"{'.'.join(str(step) for step in first['loc'])[:80]}: {first['msg']}".removeprefix(": ")
            raise MaterialRefused(f"the published {cls.title} is invalid ({problem}): publish it again") from error

    def encode_document_as_json(self) -> bytes:
        """Return the document as JSON bytes for publication."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()


class BundleFile(_Document):
    """A file in a bundle (versioned folder) of campaign material."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=MAX_BYTES)]  # bytes
    packed: Annotated[int, Field(ge=0, le=MAX_BYTES)] | None = None
    """Bytes of its .xz file, which is downloaded instead; None: it is not compressed."""


class Manifest(_Document):
    """The list of files in one version of a bundle of campaign material."""

    title = "bundle manifest"

    name: Slug
    version: Version
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._-]{1,64}$")]  # the profile it was made for
    made_at: Annotated[float, Field(gt=0, lt=1e11)]  # epoch seconds
    files: Annotated[dict[str, BundleFile], Field(min_length=1, max_length=MAX_FILES)]  # by path below the folder

    @model_validator(mode="after")
    def _refuse_unsafe_file_paths(self) -> Self:
        if MANIFEST in self.files:
            raise ValueError(f"the file name {MANIFEST} is reserved for the manifest: remove or rename that file")
        folders: set[str] = set()
        for path in self.files:
            parts = PurePosixPath(path).parts
            if "/".join(parts) != path or not all(map(_PATH_PART.fullmatch, parts)):
                raise ValueError(f"{path[:80]!r} is not a relative path of plain names: rename the file")
            folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
        if both := folders & self.files.keys():
            raise ValueError(f"the bundle has a file and a folder named {min(both)}: rename one of them")
        if self.total_file_bytes > MAX_BYTES:
            raise ValueError(f"the bundle is larger than {MAX_BYTES >> 30} GiB: split it or remove files")
        return self

    @property
    def total_file_bytes(self) -> int:
        """The total size of the campaign material's files (bytes)."""
        return sum(file.size for file in self.files.values())

    @property
    def manifest_path_on_server(self) -> str:
        """The path of this file list (manifest) on the material server."""
        return get_published_manifest_path(self.name, self.version)

    @property
    def bundle_name_and_version(self) -> str:
        """The name and version of the campaign material, such as "prompts-7", for folder names and messages."""
        return f"{self.name}-{self.version}"


class Wave(_Document):
    """The assignment of a version of campaign material to some centres. It is one step (wave) of a roll-out."""

    name: Slug
    version: Version
    to: Annotated[tuple[Addressee, ...], Field(strict=False)]


class Waves(_Document):
    """All assignments of campaign material to centres (waves). If several apply to a centre, the first one counts."""

    title = WAVES_TARGET

    waves: Annotated[tuple[Wave, ...], Field(strict=False, max_length=1_000)] = ()

    def find_assignment_of_centre(self, centre: str, zone: str | None) -> Wave | None:
        """Return the assignment (wave) that applies to a centre, or None."""
        addressees = {"all", f"centre:{centre}", f"zone:{zone}"}
        return next((wave for wave in self.waves if addressees & {*wave.to}), None)


def get_published_manifest_path(name: str, version: int) -> str:
    """Return the path on the material server at which the file list (manifest) of a bundle's version is published."""
    return f"bundles/{name}/{version}.json"


def get_published_file_path(sha256: str, *, packed: bool = False) -> str:
    """Return the path of a file of campaign material on the material server, below `files/`.

    With `packed`, return the path of the file's compressed copy.
    """
    return f"{sha256[:2]}/{sha256}{'.xz' if packed else ''}"
