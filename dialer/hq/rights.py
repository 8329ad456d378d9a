"""Decide what users of headquarters' pages may do and see. Without I/O.

The user's role decides which actions are allowed, and the user's zone (group of centres) for which centres. A user with
a zone sees nothing of other zones, and can do nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dialer.domain.enums import HqRole


class HqAction(StrEnum):
    """An action on headquarters' pages that needs a permission."""

    MANAGE_INCIDENTS = "manage-incidents"  # open, assign and close them
    PROPOSE_MATERIAL = "propose-material"
    CONFIRM_MATERIAL = "confirm-material"
    PROPOSE_RESUME = "propose-resume"
    CONFIRM_RESUME = "confirm-resume"
    READ_AUDIT = "read-audit"  # of all users, so only for accounts that see all zones


ACTIONS_OF_ROLE: dict[HqRole, frozenset[HqAction]] = {
    HqRole.HEADQUARTERS: frozenset(HqAction),
    HqRole.ZONE: frozenset({HqAction.MANAGE_INCIDENTS, HqAction.PROPOSE_RESUME}),
    HqRole.MEDIA: frozenset({HqAction.PROPOSE_MATERIAL}),
    HqRole.COMPLIANCE: frozenset(
        {HqAction.MANAGE_INCIDENTS, HqAction.CONFIRM_MATERIAL, HqAction.CONFIRM_RESUME, HqAction.READ_AUDIT}
    ),
    HqRole.VIEWER: frozenset(),
}


def list_roles_that_allow_action(action: HqAction) -> frozenset[str]:
    """Return the roles that allow an action."""
    return frozenset(role for role, actions in ACTIONS_OF_ROLE.items() if action in actions)


def list_allowed_actions(role: str, zone: str) -> list[str]:
    """Return the actions that are allowed to a user of this role and zone ("": all zones)."""
    return sorted(ACTIONS_OF_ROLE[HqRole(role)] - ({HqAction.READ_AUDIT} if zone else set()))


def can_user_see_zone(user_zone: str, zone: str) -> bool:
    """Return whether a user of `user_zone` ("": all zones) sees `zone`."""
    return user_zone in {"", zone}


def can_user_see_page_value(user_zone: str, key: str) -> bool:
    """Return whether a user of `user_zone` may see the value that headquarters' pages store under `key`.

    - KIND: every user
    - KIND/ZONE/...: users of this zone, and users of all zones
    - KIND//...: users of all zones, because the value is that of all zones together
    """
    parts = key.split("/")
    return len(parts) == 1 or can_user_see_zone(user_zone, parts[1])


def are_centres_in_user_zone(user_zone: str, to: str, zone_of_centre: Mapping[str, str]) -> bool:
    """Return whether `to` ("all", "zone:NAME" or "centre:ID") exists and all its centres belong to the user's zone."""
    kind, _, name = to.partition(":")
    match kind:
        case "all":
            return user_zone == "" and not name
        case "zone":
            return can_user_see_zone(user_zone, name) and name in zone_of_centre.values()
        case "centre":
            return name in zone_of_centre and can_user_see_zone(user_zone, zone_of_centre[name])
    return False
