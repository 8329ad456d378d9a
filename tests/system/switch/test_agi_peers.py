"""Who may connect to a centre's FastAGI server: this machine, Asterisk's machine, and the addresses a site adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dialer.app import assemble_centre
from dialer.domain.clock import LoopClock
from dialer.domain.errors import SwitchError
from dialer.settings.site import Settings
from dialer.site import fastagi
from dialer.switch.asterisk.agi_server import AgiServer
from tests.support.centre import START_EPOCH, site_settings
from tests.support.roll_filler import fill_roll
from tests.support.virtual import virtual_time


async def make_agi_server(settings: Settings, patch: pytest.MonkeyPatch) -> AgiServer:
    """Return the FastAGI server of a centre with these settings."""
    made: list[AgiServer] = []

    def make_and_keep_server(*arguments: Any, **options: Any) -> AgiServer:
        made.append(AgiServer(*arguments, **options))
        return made[0]

    patch.setattr(fastagi, "AgiServer", make_and_keep_server)
    async with assemble_centre(settings, clock=LoopClock(START_EPOCH)):
        return made[0]


@virtual_time()
async def test_asterisk_on_another_machine_reaches_the_flows_of_the_dialler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(tmp_path / "centre.db", 1)
    settings = site_settings(
        tmp_path,
        5038,
        ami={"host": "10.0.0.6", "username": "dialler", "secret": "dialler"},
        fastagi={"host": "0.0.0.0", "port": 0, "allowed": ["10.1.0.0/16", "192.0.2.7"]},  # noqa: S104 - for Asterisk
    )
    server = await make_agi_server(settings, monkeypatch)
    for address in ("127.0.0.1", "::1", "10.0.0.6", "10.1.2.3", "192.0.2.7"):
        assert server._is_address_allowed(address), address
    for address in ("10.0.0.7", "10.2.0.1", "192.0.2.8", "::2"):
        assert not server._is_address_allowed(address), address


@virtual_time()
async def test_agi_server_accepts_only_local_connections_if_asterisk_is_on_the_same_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(tmp_path / "centre.db", 1)
    server = await make_agi_server(site_settings(tmp_path, 5038), monkeypatch)
    assert [str(network) for network in server._allowed] == ["127.0.0.0/8", "::1/128", "127.0.0.1/32"]


@virtual_time()
async def test_unresolvable_asterisk_host_gives_a_one_line_error_before_dialling(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 1)
    settings = site_settings(tmp_path, 5038, ami={"host": "x" * 64, "username": "dialler", "secret": "dialler"})
    with pytest.raises(SwitchError, match=r"`ami\.host`"):
        async with assemble_centre(settings, clock=LoopClock(START_EPOCH)):
            pass


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        ("0.0.0.0/0", "the network includes all addresses"),
        ("::/0", "the network includes all addresses"),
        ("10.0.0.6/24", "must be an address or a network"),
        ("asterisk.example", "must be an address or a network"),
        ("", "must be an address or a network"),
    ],
)
def test_agi_peer_network_that_is_invalid_or_includes_every_address_is_refused(
    tmp_path: Path, peer: str, words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        site_settings(tmp_path, 5038, fastagi={"allowed": [peer]})
