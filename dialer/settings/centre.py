"""[centre], [store] and [dialling]: the centre itself, its store, and limits for all campaigns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from dialer.settings.fields import (
    Applied,
    NumberPrefix,
    Section,
    Slug,
    ZoneName,
    create_pattern_constraint,
    create_validator_from_condition,
)


class CentreSettings(Section):
    """[centre] - name, organisation and region of the centre."""

    id: Slug = Field("demo", description="name of the centre in topics and reports")
    organisation: Annotated[str, Applied.RELOAD] = Field(
        "Matdan demo", description="name of the organisation in the information message"
    )
    time_zone: ZoneName = Field("Asia/Kolkata", description="IANA time zone of the people who are called")
    language: Annotated[
        str, create_pattern_constraint(r"^[a-z]{2}$", "must be a language code of two lowercase letters, such as hi")
    ] = Field("hi", description="language for voters without a language of their own or of their booth")
    region: Annotated[
        str, create_pattern_constraint(r"^[A-Z]{2}$", "must be a country code of two capital letters, such as IN")
    ] = Field("IN", description="country of phone numbers without a country code")


class StoreSettings(Section):
    """[store] - the database of the centre, and its backups."""

    path: Annotated[
        Path,
        create_validator_from_condition(
            lambda path: path.name, "must be the path of a file, such as /var/lib/matdan/centre.db"
        ),
    ] = Field(Path("matdan.db"), description="the SQLite file; created if missing")
    reserve_megabytes: int = Field(200, ge=0, description="dialling stops if the disk has less free space (MB)")
    encryption_key_file: Path | None = Field(
        None, description="file with the store's encryption key; none: not encrypted"
    )
    backup_folder: Path | None = Field(
        None, description="folder for backups, preferably on another disk; none: no backups are made"
    )
    backup_minutes: int = Field(60, ge=5, le=1440, description="interval between backups")
    max_backups: int = Field(
        24, ge=1, le=10_000, description="number of backups in backup_folder; older ones are removed"
    )


class Dialling(Section):
    """[dialling] - limits that apply to the calls of every campaign."""

    applied: ClassVar[Applied] = Applied.RELOAD

    allowed_prefixes: tuple[NumberPrefix, ...] = Field(
        ("+91",), min_length=1, description="only numbers with these prefixes are dialled"
    )
    denied_prefixes: tuple[NumberPrefix, ...] = Field(
        (), description="numbers with these prefixes are never dialled, such as premium numbers"
    )
    max_attempts_per_day: int = Field(3, ge=1, description="maximum attempts per number and day, across campaigns")
    drain_seconds: float = Field(120.0, ge=0, description="how long a shutdown waits for live calls to end")
