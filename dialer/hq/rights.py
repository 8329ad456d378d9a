"""Who may do what on headquarters' pages, and of which zone. Pure.

A role says what; the account's zone says where: whoever has one sees nothing of another zone, and does nothing there.
"""

from __future__ import annotations

from enum import StrEnum

from dialer.domain.enums import HqRole


class Deed(StrEnum):
    """What somebody does."""

    INCIDENT = "incident"  # open one, give it an owner, close it
    PROPOSE_MATERIAL = "propose-material"
    CONFIRM_MATERIAL = "confirm-material"
    PROPOSE_RESUME = "propose-resume"
    CONFIRM_RESUME = "confirm-resume"
    AUDIT = "audit"  # read what everybody did: of accounts without a zone


DEEDS: dict[HqRole, frozenset[Deed]] = {
    HqRole.HEADQUARTERS: frozenset(Deed),
    HqRole.ZONE: frozenset({Deed.INCIDENT, Deed.PROPOSE_RESUME}),
    HqRole.MEDIA: frozenset({Deed.PROPOSE_MATERIAL}),
    HqRole.COMPLIANCE: frozenset({Deed.INCIDENT, Deed.CONFIRM_MATERIAL, Deed.CONFIRM_RESUME, Deed.AUDIT}),
    HqRole.VIEWER: frozenset(),
}


def roles_for(deed: Deed) -> frozenset[str]:
    """The roles that may do it."""
    return frozenset(role for role, deeds in DEEDS.items() if deed in deeds)


def deeds_of(role: str, zone: str) -> list[str]:
    """What that one may do somewhere."""
    return sorted(DEEDS[HqRole(role)] - ({Deed.AUDIT} if zone else set()))


def may_see(zone: str, of_zone: str) -> bool:
    """Whether who has an account for `zone` ("" is all) sees what is of that one."""
    return zone in {"", of_zone}


def may_see_key(zone: str, key: str) -> bool:
    """Whether that one is told of a key of the page state: KIND/ZONE/... is of a zone, KIND of none, KIND//... of all together."""
    parts = key.split("/")
    return len(parts) == 1 or may_see(zone, parts[1])


def covers(zone: str, to: str, zones: dict[str, str]) -> bool:
    """Whether "all", "zone:NAME" or "centre:ID" lies within that one's zone, and there is such a one; `zones`: of each centre."""
    kind, _, name = to.partition(":")
    match kind:
        case "all":
            return zone == "" and not name
        case "zone":
            return may_see(zone, name) and name in zones.values()
        case "centre":
            return name in zones and may_see(zone, zones[name])
    return False
