"""Parts of the roll, as small files name them: by number, and where a number is there more than once by version or state."""

from __future__ import annotations

from collections import defaultdict

from dialer.store import voters
from dialer.store.connection import Connection
from dialer.store.voters import BoothPlace

ROLL_VERSION = frozenset({"rollversion", "roll"})
STATE = frozenset({"state", "statecode", "stcode"})


class UnfitPart(Exception):
    """No one part is meant; the text says why, for people."""


class NoSuchPart(UnfitPart):
    """The roll has none of this number."""


class Parts:
    """The parts of the roll. Reads them once."""

    def __init__(self, db: Connection) -> None:
        """`db` is open for reading at least."""
        self._parts: dict[tuple[int, int], list[BoothPlace]] = defaultdict(list)
        for place in voters.booth_places(db):
            self._parts[place.constituency_number, place.part_number].append(place)

    def booth(self, constituency: int, part: int, *, version: str | None, state: str | None) -> int:
        """The booth that is meant; `version`, `state`: None where the file does not say. Raises UnfitPart for none or several."""
        known = self._parts.get((constituency, part), [])
        if not known:
            raise NoSuchPart(f"part {part} of constituency {constituency} is not on the roll")
        of_version = [each for each in known if version is None or each.roll_version == version]
        if not of_version:
            raise UnfitPart(
                f"it is of another roll version than here ({_versions(known)}): its serials are other voters'"
            )
        fitting = of_version
        if len(fitting) > 1 and state is not None:  # only where it decides: lists write a state in many ways
            fitting = [each for each in fitting if each.state_code == state.upper()]
        if len(fitting) == 1:
            return fitting[0].booth_id
        if len({each.roll_version for each in of_version}) > 1:
            raise UnfitPart(
                f"the part is on the roll more than once ({_versions(of_version)}): say which in a column roll version"
            )
        raise UnfitPart(
            f"the part is on the roll of several states ({_states(of_version)}): say which in a column state"
        )


def _versions(parts: list[BoothPlace]) -> str:
    return ", ".join(sorted({each.roll_version for each in parts}))


def _states(parts: list[BoothPlace]) -> str:
    return ", ".join(sorted({each.state_code or "none named" for each in parts}))
