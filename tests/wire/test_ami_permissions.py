"""Missing permissions of the manager user are reported before the start, with the line of manager.conf that grants them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dialer.deploy.asterisk.render import render_dialplan
from dialer.domain.errors import PermissionMissing, SwitchError
from dialer.simulation.asterisk.config import LEAST_PRIVILEGE_USER, ManagerUser, SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.switch.asterisk.ami_client import READ_LINE
from dialer.switch.asterisk.ami_permissions import WRITE_LINE, check_ami_permissions
from dialer.switch.asterisk.ami_session import AmiLogin
from tests.support.virtual import virtual_time


async def check_user(user: ManagerUser, **changes: str) -> str:
    config = SimulatedAsteriskConfig(users=(user,), **changes)  # type: ignore[arg-type]  # a dialplan's text alone
    async with SimulatedAsterisk(config) as switch:
        greeting = await check_ami_permissions(AmiLogin("127.0.0.1", switch.ami_port, user.name, user.secret))
        assert not switch.placed_calls
        async with asyncio.timeout(5):
            while switch.channels:  # the two halves of a Local channel end one after the other
                await asyncio.sleep(0)
        return greeting


@virtual_time()
async def test_ami_permission_check_accepts_the_rendered_ami_user_and_places_no_call() -> None:
    assert (await check_user(LEAST_PRIVILEGE_USER)).startswith("Asterisk Call Manager")


@pytest.mark.parametrize(
    ("kind", "right", "line"),
    [
        ("write", "originate", WRITE_LINE),
        ("write", "call", WRITE_LINE),
        ("write", "reporting", WRITE_LINE),
        ("read", "system", READ_LINE),
        ("read", "call", READ_LINE),
        ("read", "user", READ_LINE),
    ],
)
def test_each_missing_ami_permission_is_named_with_the_settings_line_that_grants_it(
    kind: str, right: str, line: str
) -> None:
    @virtual_time()
    async def run() -> None:
        rights = getattr(LEAST_PRIVILEGE_USER, kind) - {right}
        with pytest.raises(PermissionMissing) as refused:
            await check_user(replace(LEAST_PRIVILEGE_USER, **{kind: rights}))
        text = str(refused.value)
        assert f"lacks {right} in its {kind} classes" in text
        assert f"section [dialler], write the line `{line}`" in text
        assert "\n" not in text

    run()


@virtual_time()
async def test_ami_permission_check_waits_until_asterisk_has_booted() -> None:
    user = LEAST_PRIVILEGE_USER
    async with SimulatedAsterisk() as switch:
        restart = asyncio.create_task(switch.restart(boot_seconds=20.0))
        await asyncio.sleep(1.0)
        await check_ami_permissions(AmiLogin("127.0.0.1", switch.ami_port, user.name, user.secret))
        assert switch.booted
        await restart


@virtual_time()
async def test_permission_check_reports_a_missing_dialplan_in_asterisk() -> None:
    with pytest.raises(SwitchError, match="no context matdan-check"):
        await check_user(LEAST_PRIVILEGE_USER, dialplan="[other]\nexten => s,1,Hangup()\n")


@pytest.mark.parametrize(
    "text", [render_dialplan(manager_secret="earlier"), render_dialplan().replace("MATDAN_AGI=", "OTHER=")]
)
def test_permission_check_reports_an_outdated_dialplan_in_asterisk_with_a_remedy(text: str) -> None:
    @virtual_time()
    async def run() -> None:
        with pytest.raises(SwitchError, match=r"does not match these settings.*`dialer asterisk render`"):
            await check_user(LEAST_PRIVILEGE_USER, dialplan=text)

    run()
