"""Search for parts of the stored electoral roll by constituency and part number, roll version and state.

A part is the list of voters of one polling booth.
"""

from __future__ import annotations

from collections import defaultdict

from dialer.store.connection import Connection
from dialer.store.roll import StoredBooth, read_all_booths


class UnmatchedRow(Exception):
    """Raised if a row of a file does not identify exactly one part or voter of the electoral roll. The message says why."""


class UnknownPart(UnmatchedRow):
    """Raised if the stored electoral roll has no part with this number. A part is the list of voters of one polling booth."""


class Parts:
    """An index of the parts of the stored electoral roll, read once."""

    def __init__(self, db: Connection) -> None:
        """Read the parts of the electoral roll from the store `db`."""
        self._parts: dict[tuple[int, int], list[StoredBooth]] = defaultdict(list)
        for place in read_all_booths(db):
            self._parts[place.constituency_number, place.part_number].append(place)

    def find_booth_id(self, constituency: int, part: int, *, version: str | None, state: str | None) -> int:
        """Return the ID of the polling booth for this part of a constituency's roll. `version` and `state` may be None
        (unknown).

        Raises:
            UnknownPart: The part is not on the roll.
            UnmatchedRow: The part is on the roll in another version only, or several booths match.
        """
        known = self._parts.get((constituency, part), [])
        if not known:
            raise UnknownPart(
                f"part {part} of constituency {constituency} is not on the roll; correct the part or the "
                "constituency, or import the roll of this part"
            )
        of_version = [each for each in known if version is None or each.roll_version == version]
        if not of_version:
            raise UnmatchedRow(
                f"the store has no roll of this row's version (it has {_format_roll_versions(known)}): write the "
                "version of the roll that the serial number is from"
            )
        fitting = of_version
        if len(fitting) > 1 and state is not None:  # only if needed, because lists write states in many ways
            fitting = [each for each in fitting if each.state_code == state.upper()]
        if len(fitting) == 1:
            return fitting[0].booth_id
        if len({each.roll_version for each in of_version}) > 1:
            raise UnmatchedRow(
                f"the store has this part in several versions of the roll ({_format_roll_versions(of_version)}): "
                "add the column `roll version` to the file you import"
            )
        raise UnmatchedRow(
            f"the store has this part in the rolls of several states ({_format_state_codes(of_version)}): add the "
            "column `state` to the file you import"
        )


def _format_roll_versions(parts: list[StoredBooth]) -> str:
    return ", ".join(sorted({each.roll_version for each in parts}))


def _format_state_codes(parts: list[StoredBooth]) -> str:
    return ", ".join(sorted({each.state_code or "no state" for each in parts}))
