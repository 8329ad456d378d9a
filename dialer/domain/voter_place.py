"""The position of a voter on an electoral roll."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.schema import MESSAGE


@dataclass(frozen=True, slots=True)
class VoterPlace:
    """The position of a voter on an electoral roll. It is the same in every centre that uses the roll."""

    __pydantic_config__ = MESSAGE

    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    """the voter's serial number in the part"""
