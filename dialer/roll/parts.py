"""The parts of the roll in a store, looked up by number and, where needed, by roll version or state."""

from __future__ import annotations

from collections import defaultdict

from dialer.store.connection import Connection
from dialer.store.roll import StoredBooth, all_booths


class UnfitRow(Exception):
    """A row matches no voter, or not exactly one part, of the roll. The text says why."""


class NoSuchPart(UnfitRow):
    """The roll has no part with this number."""


class Parts:
    """The parts of the roll, read once from the store."""

    def __init__(self, db: Connection) -> None:
        """Read the parts from `db`."""
        self._parts: dict[tuple[int, int], list[StoredBooth]] = defaultdict(list)
        for place in all_booths(db):
            self._parts[place.constituency_number, place.part_number].append(place)

    def booth(self, constituency: int, part: int, *, version: str | None, state: str | None) -> int:
        """Return the id of the booth. `version` and `state` are None if unknown. Raises UnfitRow for none or several."""
        known = self._parts.get((constituency, part), [])
        if not known:
            raise NoSuchPart(f"part {part} of constituency {constituency} is not on the roll")
        of_version = [each for each in known if version is None or each.roll_version == version]
        if not of_version:
            raise UnfitRow(
                f"it is of another roll version than here ({_versions(known)}): its serials are other voters'"
            )
        fitting = of_version
        if len(fitting) > 1 and state is not None:  # only if needed, because lists write states in many ways
            fitting = [each for each in fitting if each.state_code == state.upper()]
        if len(fitting) == 1:
            return fitting[0].booth_id
        if len({each.roll_version for each in of_version}) > 1:
            raise UnfitRow(
                f"the part is on the roll more than once ({_versions(of_version)}): say which in a column roll version"
            )
        raise UnfitRow(
            f"the part is on the roll of several states ({_states(of_version)}): say which in a column state"
        )


def _versions(parts: list[StoredBooth]) -> str:
    return ", ".join(sorted({each.roll_version for each in parts}))


def _states(parts: list[StoredBooth]) -> str:
    return ", ".join(sorted({each.state_code or "none named" for each in parts}))
