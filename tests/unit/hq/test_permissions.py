"""What users of headquarters' pages may do and see, by role and zone."""

from __future__ import annotations

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.domain.errors import CommandRefused
from dialer.hq.accounts import Accounts
from dialer.hq.page_database import PageDatabase
from dialer.hq.rights import (
    ACTIONS_OF_ROLE,
    HqAction,
    are_centres_in_user_zone,
    can_user_see_page_value,
    can_user_see_zone,
    list_allowed_actions,
    list_roles_that_allow_action,
)
from dialer.settings.headquarters import HqSettings

ZONE_OF_CENTRE = {"pune-1": "west", "patna-1": "east"}
ALLOWED = {
    "headquarters": "manage-incidents propose-material confirm-material propose-resume confirm-resume read-audit",
    "zone": "manage-incidents propose-resume",
    "media": "propose-material",
    "compliance": "manage-incidents confirm-material confirm-resume read-audit",
    "viewer": "",
}


def test_each_headquarters_role_allows_exactly_its_actions() -> None:
    assert {role: {*actions.split()} for role, actions in ALLOWED.items()} == {
        role.value: {*ACTIONS_OF_ROLE[role]} for role in HqRole
    }
    for action in HqAction:
        assert list_roles_that_allow_action(action) == {
            role for role, actions in ALLOWED.items() if action in actions.split()
        }


def test_headquarters_user_of_one_zone_may_not_read_the_audit() -> None:
    assert "read-audit" in list_allowed_actions("headquarters", "")
    assert "read-audit" not in list_allowed_actions("headquarters", "west")


@pytest.mark.parametrize("kind", ["material", "resume"])
def test_only_the_headquarters_role_may_both_propose_and_confirm_orders(kind: str) -> None:
    """Even headquarters may not confirm its own proposal, which `HqActions` checks by name."""
    both = list_roles_that_allow_action(HqAction(f"propose-{kind}")) & list_roles_that_allow_action(
        HqAction(f"confirm-{kind}")
    )
    assert both == {HqRole.HEADQUARTERS}


@pytest.mark.parametrize(
    ("user_zone", "key", "is_visible"),
    [
        ("", "hq", True),
        ("west", "hq", True),
        ("west", "centre/west/pune-1", True),
        ("west", "centre/east/patna-1", False),
        ("west", "incident/east/7", False),
        ("west", "order/west/stop-1", True),
        ("west", "proposal//7", False),
        ("", "proposal//7", True),
        ("", "centre/east/patna-1", True),
    ],
)
def test_headquarters_user_of_a_zone_receives_only_page_values_of_that_zone(
    user_zone: str, key: str, is_visible: bool
) -> None:
    assert can_user_see_page_value(user_zone, key) is is_visible


def test_headquarters_user_of_one_zone_sees_no_other_zone() -> None:
    assert can_user_see_zone("west", "west")
    assert not can_user_see_zone("west", "east")
    assert can_user_see_zone("", "east")


@pytest.mark.parametrize(
    ("to", "for_all_zones", "for_west"),
    [
        ("all", True, False),
        ("zone:west", True, True),
        ("zone:east", True, False),
        ("zone:nowhere", False, False),
        ("centre:pune-1", True, True),
        ("centre:patna-1", True, False),
        ("centre:nobody", False, False),
        ("all:west", False, False),
        ("pune-1", False, False),
        ("", False, False),
    ],
)
def test_headquarters_user_of_a_zone_may_act_only_in_that_zone(to: str, for_all_zones: bool, for_west: bool) -> None:
    assert (are_centres_in_user_zone("", to, ZONE_OF_CENTRE), are_centres_in_user_zone("west", to, ZONE_OF_CENTRE)) == (
        for_all_zones,
        for_west,
    )


@pytest.mark.parametrize(
    ("name", "role", "zone", "refusal"),
    [
        ("ravi", "king", "", "the role king is unknown: use one of headquarters, zone, media, compliance, viewer"),
        ("ravi", "zone", "", "--zone is missing: the role `zone` needs the zone whose centres the user sees"),
        ("ravi", "zone", "east", "the zone east is unknown: the zones in the settings are west"),
        ("9876543210", "viewer", "", "has so many digits that it may be a phone number"),
        ("Ravi K", "viewer", "", "the user name 'Ravi K' is not valid: use 1 to 32"),
    ],
)
async def test_invalid_headquarters_account_is_refused(name: str, role: str, zone: str, refusal: str) -> None:
    settings = HqSettings.model_validate(
        {
            "centres": [{"id": "pune-1", "zone": "west"}],
            "gather": {"database": "postgresql://nobody@127.0.0.1:1/none"},
        }
    )
    accounts = Accounts(PageDatabase(settings, SystemClock()), settings)
    with pytest.raises(CommandRefused, match=refusal):
        await accounts.save_account(name, role, zone, "a-test")
