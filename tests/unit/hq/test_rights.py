"""Who sees and does what on headquarters' pages: one table of roles, deeds and zones."""

from __future__ import annotations

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.domain.errors import CommandRefused
from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.rights import DEEDS, Deed, covers, deeds_of, may_see, may_see_key, roles_for
from dialer.settings.headquarters import HqSettings

ZONES = {"pune-1": "west", "patna-1": "east"}
TABLE = {
    "headquarters": "incident propose-material confirm-material propose-resume confirm-resume audit",
    "zone": "incident propose-resume",
    "media": "propose-material",
    "compliance": "incident confirm-material confirm-resume audit",
    "viewer": "",
}


def test_every_role_does_what_the_table_says_and_nothing_else() -> None:
    assert {role: {*said.split()} for role, said in TABLE.items()} == {role.value: {*DEEDS[role]} for role in HqRole}
    for deed in Deed:
        assert roles_for(deed) == {role for role, said in TABLE.items() if deed in said.split()}
    assert "audit" in deeds_of("headquarters", "")
    assert "audit" not in deeds_of("headquarters", "west")


def test_a_second_person_is_there_for_all_that_needs_one() -> None:
    """Nobody but headquarters may both propose and confirm, and that one is asked for the name too."""
    for thing in ("material", "resume"):
        both = roles_for(Deed(f"propose-{thing}")) & roles_for(Deed(f"confirm-{thing}"))
        assert both == {HqRole.HEADQUARTERS}


@pytest.mark.parametrize(
    ("zone", "key", "seen"),
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
def test_a_zone_is_told_of_itself_alone(zone: str, key: str, seen: bool) -> None:
    assert may_see_key(zone, key) is seen


@pytest.mark.parametrize(
    ("to", "of_all", "of_west"),
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
def test_nothing_is_done_beyond_the_own_zone(to: str, of_all: bool, of_west: bool) -> None:
    assert (covers("", to, ZONES), covers("west", to, ZONES)) == (of_all, of_west)
    assert may_see("west", "west")


@pytest.mark.parametrize(
    ("name", "role", "zone", "refused"),
    [
        ("ravi", "king", "", "king is no role: one of headquarters, zone, media, compliance, viewer"),
        ("ravi", "zone", "", "the in-charge of a zone needs --zone"),
        ("ravi", "zone", "east", "east is no zone: there are west"),
        ("9876543210", "viewer", "", "has so many digits that it may be a phone number"),
        ("Ravi K", "viewer", "", "'Ravi K' is no name: 1 to 32"),
    ],
)
async def test_an_account_that_could_not_be_is_refused_in_a_line(name: str, role: str, zone: str, refused: str) -> None:
    settings = HqSettings.model_validate({"centres": [{"id": "pune-1", "zone": "west"}]})
    accounts = Accounts(HqBooks("postgresql://nobody@127.0.0.1:1/none", SystemClock()), settings)
    with pytest.raises(CommandRefused, match=refused):
        await accounts.set(name, role, zone, "a-test")
