"""What a bundle is made of, and who is to run which one: the two documents that go with the files. Pure.

A bundle is a folder of files under a name, with a version that counts up. Files are known by their SHA-256, so that of a
new version only what is new is fetched.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialer.errors import MatdanError
from dialer.settings.fields import Slug

MOST_FILES = 100_000
MOST_BYTES = 20 << 30
MOST_MANIFEST_BYTES = 32 << 20
WAVES_TARGET = "waves.json"
MANIFEST = "bundle.json"  # beside a version's files
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")

Addressee = Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]
Version = Annotated[int, Field(ge=1, le=1_000_000)]


class MaterialRefused(MatdanError):
    """Material was not taken, or cannot be published. The text says what is wrong with it; what runs goes on running."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    called: ClassVar[str]  # for people

    @classmethod
    def read(cls, data: bytes) -> Self:
        """From its bytes. Raises MaterialRefused."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            why = f"{'.'.join(str(step) for step in first['loc'])[:80]}: {first['msg']}".removeprefix(": ")
            raise MaterialRefused(f"{cls.called} is none: {why}") from error

    def to_bytes(self) -> bytes:
        """As it is published."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()


class BundleFile(_Document):
    """A file of a bundle."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=MOST_BYTES)]  # bytes
    packed: Annotated[int, Field(ge=0, le=MOST_BYTES)] | None = (
        None  # bytes of it as .xz, which comes in its place; None: itself
    )


class Manifest(_Document):
    """What a bundle's version is made of."""

    called = "a bundle's manifest"

    name: Slug
    version: Version
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._-]{1,64}$")]  # the profile that it was made under
    made_at: Annotated[float, Field(gt=0, lt=1e11)]  # epoch seconds
    files: Annotated[dict[str, BundleFile], Field(min_length=1, max_length=MOST_FILES)]  # by path below the folder

    @model_validator(mode="after")
    def _stays_within_its_folder(self) -> Self:
        if MANIFEST in self.files:
            raise ValueError(f"{MANIFEST} is the name of the manifest itself: leave that file out")
        folders: set[str] = set()
        for path in self.files:
            parts = PurePosixPath(path).parts
            if "/".join(parts) != path or not all(map(_PART.fullmatch, parts)):
                raise ValueError(f"{path[:80]!r} is no path of plain names below a folder")
            folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
        if both := folders & self.files.keys():
            raise ValueError(f"{min(both)} is a file and a folder")
        if self.size > MOST_BYTES:
            raise ValueError("it is larger than any bundle may be")
        return self

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())

    @property
    def target(self) -> str:
        """Under what it is published."""
        return target_of(self.name, self.version)

    @property
    def label(self) -> str:
        """Name and version, as a folder and for people."""
        return f"{self.name}-{self.version}"


class Wave(_Document):
    """Who is to run a version."""

    name: Slug
    version: Version
    to: Annotated[tuple[Addressee, ...], Field(strict=False)]


class Waves(_Document):
    """Who is to run what: the first entry that is addressed to a centre counts."""

    called = WAVES_TARGET

    waves: Annotated[tuple[Wave, ...], Field(strict=False, max_length=1_000)] = ()

    def wave_of(self, centre: str, zone: str | None) -> Wave | None:
        """What that centre is to run; None: nothing."""
        mine = {"all", f"centre:{centre}", f"zone:{zone}"}
        return next((wave for wave in self.waves if mine & {*wave.to}), None)


def target_of(name: str, version: int) -> str:
    """Under what a version is published."""
    return f"bundles/{name}/{version}.json"


def file_place(sha256: str, *, packed: bool = False) -> str:
    """Where a file stands below the folder of files, or what goes over the line in its place."""
    return f"{sha256[:2]}/{sha256}{'.xz' if packed else ''}"
