"""Known devices of users of the pages, in the desk's file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.errors import StoreError
from dialer.store.desk_file import SCHEMA, DeskFile, StoredPassword
from dialer.store.known_devices import KnownDeviceRecords
from dialer.web.devices import DEVICE_SECONDS, MAX_DEVICES_OF_USER, KnownDevices, is_device_of_user
from tests.support.desk import SetClock


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[DeskFile]:
    opened = await DeskFile.open(tmp_path / "centre.desk.db", None)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def devices(file: DeskFile, clock: SetClock) -> KnownDevices:
    return KnownDevices(KnownDeviceRecords(file), clock)


async def is_known(devices: KnownDevices, cookie: str, user: str) -> bool:
    return is_device_of_user(await devices.find_device_of_cookie(cookie), user)


async def test_shared_device_stays_known_for_its_earlier_users_and_keeps_its_cookie(devices: KnownDevices) -> None:
    cookie = await devices.remember_user_on_device("agent 0", None)
    first = await devices.find_device_of_cookie(cookie)
    assert first is not None
    for number in range(1, 10):
        assert await devices.remember_user_on_device(f"agent {number}", cookie) == cookie
    device = await devices.find_device_of_cookie(cookie)
    assert device is not None
    assert (device.device, device.users) == (first.device, frozenset(f"agent {number}" for number in range(10)))


async def test_device_cookie_that_the_desk_never_set_belongs_to_no_device(devices: KnownDevices) -> None:
    cookie = await devices.remember_user_on_device("asha", None)
    assert await is_known(devices, cookie, "asha")
    assert not await is_known(devices, cookie, "ravi")
    device = await devices.find_device_of_cookie(cookie)
    assert device is not None
    for other in ("", "x", cookie[:-1], cookie + "0", cookie * 3, cookie.swapcase(), "\xe4" * 43, device.device):
        assert await devices.find_device_of_cookie(other) is None


async def test_device_is_forgotten_once_nobody_has_signed_in_there_for_half_a_year(
    devices: KnownDevices, file: DeskFile, clock: SetClock
) -> None:
    cookie = await devices.remember_user_on_device("asha", None)
    clock.pass_seconds(DEVICE_SECONDS - 1.0)
    await devices.remember_user_on_device("ravi", cookie)
    clock.pass_seconds(2.0)
    assert not await is_known(devices, cookie, "asha")
    assert await is_known(devices, cookie, "ravi")
    await devices.remember_user_on_device("meena", None)
    async with file.db._connection.execute("SELECT user FROM known_device ORDER BY user") as rows:
        assert [user async for (user,) in rows] == ["meena", "ravi"]


async def test_only_the_latest_devices_of_a_user_stay_known(devices: KnownDevices, clock: SetClock) -> None:
    cookies = []
    for _ in range(MAX_DEVICES_OF_USER + 1):
        cookies.append(await devices.remember_user_on_device("asha", None))
        clock.pass_seconds(1.0)
    assert [await is_known(devices, each, "asha") for each in (cookies[0], cookies[1], cookies[-1])] == [
        False,
        True,
        True,
    ]


async def test_devices_of_a_removed_user_are_forgotten(devices: KnownDevices, file: DeskFile, clock: SetClock) -> None:
    cookie = await devices.remember_user_on_device("asha", None)
    await file.set_password("asha", StoredPassword("hash", clock.now()))
    assert await is_known(devices, cookie, "asha")
    await file.set_password("asha", None)
    assert not await is_known(devices, cookie, "asha")


async def test_sign_in_continues_when_devices_cannot_be_read_or_stored(
    devices: KnownDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def raise_disk_full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    cookie = await devices.remember_user_on_device("asha", None)
    for name in ("read_users_signed_in_on_device", "save_sign_in_on_device"):
        monkeypatch.setattr(KnownDeviceRecords, name, raise_disk_full)
    assert await devices.find_device_of_cookie(cookie) is None
    assert await devices.remember_user_on_device("asha", cookie) == cookie


async def test_desk_file_of_an_earlier_version_is_opened_and_then_stores_known_devices(
    tmp_path: Path, clock: SetClock
) -> None:
    path = tmp_path / "old.desk.db"
    with_devices = next(place for place, step in enumerate(SCHEMA) if "known_device" in step)
    with closing(sqlite3.connect(path)) as old:
        old.executescript("".join(SCHEMA[:with_devices]) + f"PRAGMA user_version = {with_devices};")
    file = await DeskFile.open(path, None)
    devices = KnownDevices(KnownDeviceRecords(file), clock)
    assert await is_known(devices, await devices.remember_user_on_device("asha", None), "asha")
    await file.close()
