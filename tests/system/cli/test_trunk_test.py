"""`dialer trunk test`: what it says about a carrier, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import SwitchError
from dialer.errors import SettingError
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier, DtmfMode
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, SimulatedTrunk
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.site.trunk_test import TrunkTest, describe_trunk_test, find_trunk_to_test, place_test_call
from tests.support.centre import site_settings
from tests.support.virtual import virtual_time

ANSWERS, BUSY, SILENT, PREMIUM = "+917000000001", "+917000000002", "+917000000003", "+4490012345678"
CONFIG = SimulatedAsteriskConfig(
    trunks=(SimulatedTrunk("carrier", registration="Rejected"),),
    scripts={
        ANSWERS: Behaviour(answer_after=3.0, hang_up_after=5.0),
        BUSY: Behaviour(answer_after=1.0, fails_with=486),
        SILENT: Behaviour(answer_after=90.0, rings_with=()),
    },
)


def make_settings(directory: Path, port: int) -> Settings:
    account = {"host": "10.9.0.10", "username": "acc1", "password": "Zk4w9q", "registers": True}
    trunk = {"name": "north", "endpoint": "carrier", "caller_ids": ["+911140000001"], **account}
    settings = site_settings(directory, port, trunks=[trunk], campaign={})
    twilio = settings.trunks[0].model_copy(update={"name": "cloud", "carrier": Carrier.TWILIO})
    return settings.model_copy(update={"trunks": (*settings.trunks, twilio)})


async def describe_call(directory: Path, number: str) -> list[str]:
    async with SimulatedAsterisk(CONFIG) as switch:
        settings = make_settings(directory, switch.ami_port)
        return list(
            describe_trunk_test(await place_test_call(settings, find_trunk_to_test(settings, "north"), number, 20.0))
        )


@virtual_time()
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (ANSWERS, "It was answered after 3."),
        (BUSY, "The carrier ended the call with SIP 486 (cause 17): outcome busy. The trunk works."),
        (SILENT, "until the ring limit: outcome carrier-failure. This counts against the trunk."),
    ],
)
async def test_trunk_test_command_says_what_the_carrier_did_with_the_test_call(
    tmp_path: Path, number: str, said: str
) -> None:
    registration, asked, *told = await describe_call(tmp_path, number)
    assert registration == "Registration: Rejected."
    assert asked == f"The carrier was asked to call {number}, with the caller ID +911140000001."
    assert said in " ".join(told)


@virtual_time()
async def test_trunk_test_reports_that_no_key_arrived_if_the_called_phone_only_hangs_up(tmp_path: Path) -> None:
    *_, last = await describe_call(tmp_path, ANSWERS)
    assert last.startswith("The key # did not arrive. If you pressed it, ask the carrier how it sends keys")


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (DtmfMode.RFC4733, "The key # arrived as RFC 4733 events or SIP INFO."),
        (DtmfMode.INBAND, "The key # arrived as tones in the voice (in-band)."),
        (DtmfMode.INFO, "The key # arrived as SIP INFO."),
    ],
)
def test_trunk_test_names_the_dtmf_method_by_which_the_key_arrived(mode: DtmfMode, text: str) -> None:
    test = TrunkTest(ANSWERS, "+911140000001", answered_after=3.0, key_arrived_as=mode)
    assert list(describe_trunk_test(test))[-1] == text


@virtual_time()
async def test_trunk_test_refuses_numbers_without_an_allowed_prefix(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="prefix not allowed"):
        await describe_call(tmp_path, PREMIUM)


def test_trunk_test_of_an_unknown_trunk_names_the_trunks_that_asterisk_has(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, 5038)
    for name in ("south", "cloud"):
        with pytest.raises(SettingError, match="give one of these: north"):
            find_trunk_to_test(settings, name)


@virtual_time()
async def test_trunk_test_without_an_asterisk_server_is_refused(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, 1)
    with pytest.raises(SwitchError):
        await place_test_call(settings, find_trunk_to_test(settings, "north"), ANSWERS, 20.0)
