"""The place of a voter on a roll."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.schema import MESSAGE


@dataclass(frozen=True, slots=True)
class VoterPlace:
    """The place of a voter on a roll: the same in every centre that has the roll."""

    __pydantic_config__ = MESSAGE

    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    """the voter's serial number in the part"""
