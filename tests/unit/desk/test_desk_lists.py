"""Rolls and numbers from the board: uploads are checked, imported or discarded, and commands contain no number."""

from __future__ import annotations

import asyncio
import errno
import io
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dialer.desk import rolls
from dialer.desk.rolls import RollStatus
from dialer.domain.schema import convert_record_to_json_values
from dialer.mqtt.dialler_client import Reply
from dialer.store.spool import Spool
from tests.support.desk import DeskUnderTest, run_desk

ROLL = b"state_code,constituency_number,roll_version,part_number,serial,name,mobile\n" + b"".join(
    b"S13,209,1,118,%d,Voter %d,91800000%04d\n" % (serial, serial, serial) for serial in range(1, 41)
)
ID = "0f9a7c1e-click"
NUMBER = "+918000000007"


@pytest.fixture(autouse=True)
def check_rolls_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check rolls in this process, because a separate one takes seconds to start. One test uses it."""
    if "separate_process" not in request.node.name:
        monkeypatch.setattr(rolls, "_start_roll_check_process", lambda: ThreadPoolExecutor(1))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        yield stand


async def upload_roll(desk: DeskUnderTest, roll: bytes = ROLL, name: str = "kothrud%20118.csv") -> Any:
    return await desk.post("/api/lists", roll, "supervisor", content_type="application/octet-stream", x_name=name)


async def wait_for_status(desk: DeskUnderTest, state: str) -> dict[str, Any]:
    """Wait until the work on the roll has ended. Return its status, which must be in `state`."""
    with desk.page_state.open_subscription(lambda key: key == "list", 0.0) as subscription:
        async for update in subscription.stream_updates():
            found = update.values.get("list")
            if isinstance(found, RollStatus) and found.state in {"checked", "done", "refused"}:
                assert found.state == state, found
                values: dict[str, Any] = convert_record_to_json_values(found)
                return values
    raise AssertionError("the desk was closed")


def list_spool_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "centre.db.spool").glob("*"))


async def test_uploaded_electoral_roll_is_checked_in_a_separate_process_and_then_imported(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    answer = await upload_roll(desk)
    assert answer.status_code == 200, answer.text
    list_id = answer.json()["list"]
    assert (await upload_roll(desk)).json() == {"problem": "list-busy"}
    found = await wait_for_status(desk, "checked")
    assert (found["name"], found["by"]) == ("kothrud 118.csv", "supervisor")
    assert found["figures"]["rows"] == found["figures"]["voters"] == found["figures"]["numbers"] == 40
    assert found["warnings"] == []
    assert not [name for name in list_spool_files(tmp_path) if name == f"{list_id}.csv"]  # the uploaded file is deleted
    assert not desk.dialler_client.asked
    other = {"id": ID, "list": "0" * 32}
    assert (await desk.post("/api/lists/import", other, "supervisor")).json() == {"problem": "no-list"}
    taking = await desk.post("/api/lists/import", {"id": ID, "list": list_id}, "supervisor")
    assert taking.status_code == 204
    assert (await wait_for_status(desk, "done"))["text"] == "it was done"
    assert desk.dialler_client.asked == [
        ("supervisor", ID, "roll-import", {"list": list_id, "who": "supervisor"}),
    ]
    assert list_spool_files(tmp_path) == []


async def test_desk_shows_the_warnings_about_an_uploaded_electoral_roll(desk: DeskUnderTest) -> None:
    await upload_roll(desk, ROLL.replace(b",mobile\n", b",remarks\n"))
    warnings = (await wait_for_status(desk, "checked"))["warnings"]
    assert any("remarks" in warning for warning in warnings)


async def test_electoral_roll_import_is_retried_while_the_broker_is_unreachable(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolls, "RECONNECT_SECONDS", 0.0)
    replies = iter([None, Reply("unanswered", ""), Reply("done", "40 rows")])

    def answer(_: object) -> None:
        desk.dialler_client.reply = next(replies)

    desk.dialler_client.meanwhile = answer
    list_id = (await upload_roll(desk)).json()["list"]
    await wait_for_status(desk, "checked")
    await desk.post("/api/lists/import", {"id": ID, "list": list_id}, "supervisor")
    assert (await wait_for_status(desk, "done"))["text"] == "40 rows"
    assert [each[1] for each in desk.dialler_client.asked] == [ID, ID]


@pytest.mark.parametrize(
    ("roll", "name", "told"),
    [
        (b"a,b\n1,2\n", "letters.csv", "letters.csv"),
        (b"\x00\x01", "roll.xlsx", "roll.xlsx"),
    ],
)
async def test_unreadable_uploaded_electoral_roll_is_refused_with_a_reason(
    desk: DeskUnderTest, tmp_path: Path, roll: bytes, name: str, told: str
) -> None:
    assert (await upload_roll(desk, roll, name)).status_code == 200
    found = await wait_for_status(desk, "refused")
    assert told in found["text"]
    assert str(tmp_path) not in found["text"]
    assert list_spool_files(tmp_path) == []
    gone = await desk.post("/api/lists/discard", {"id": ID, "list": found["id"]}, "supervisor")
    assert gone.status_code == 204
    assert desk.page_state.get_value_of_key("list", RollStatus) is None


async def test_electoral_roll_upload_is_refused_while_another_roll_is_uploaded(desk: DeskUnderTest) -> None:
    await desk.cookie("supervisor")  # sign in first, so that both requests run together
    answers = await asyncio.gather(upload_roll(desk), upload_roll(desk, name="kothrud%20119.csv"))
    (taken,) = [each.json()["list"] for each in answers if each.status_code == 200]
    assert [each.json() for each in answers if each.status_code != 200] == [{"problem": "list-busy"}]
    assert (await wait_for_status(desk, "checked"))["id"] == taken


async def test_full_disk_during_the_upload_of_an_electoral_roll_is_reported(
    desk: DeskUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "open", lambda *_: Full())
        answer = await upload_roll(desk)
    assert (answer.status_code, answer.json()) == (503, {"problem": "not-saved"})
    assert desk.page_state.get_value_of_key("list", RollStatus) is None
    assert (await upload_roll(desk)).status_code == 200


async def test_killed_checking_process_of_an_electoral_roll_is_reported(
    desk: DeskUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_as_if_killed(*_: object) -> None:
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    monkeypatch.setattr(rolls, "check_uploaded_roll", fail_as_if_killed)
    await upload_roll(desk)
    assert "short of memory" in (await wait_for_status(desk, "refused"))["text"]
    assert list_spool_files(tmp_path) == []


async def test_uploaded_file_that_is_no_roll_or_exceeds_disk_space_is_refused(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await upload_roll(desk, name="../../etc/passwd")).json() == {"problem": "no-roll"}
    monkeypatch.setattr(rolls, "DISK_FACTOR", 2**60)
    assert (await upload_roll(desk)).json() == {"problem": "no-room"}


async def test_temporary_file_with_a_typed_phone_number_is_deleted_after_the_command(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    seen: list[list[str]] = []

    def read_spooled_numbers(values: Mapping[str, Any]) -> None:
        with closing(Spool(tmp_path / "centre.db", None).open_spooled_file(values["list"])) as handed:
            seen.append(handed.read_phone_numbers())

    desk.dialler_client.meanwhile = read_spooled_numbers
    for path, name, more in (("suppress", "suppress", {}), ("erase", "erase-number", {"names": True})):
        asked = {"id": ID, "number": "80000 00007", **more}
        for _ in range(2):  # a repeated request has the same command id
            answer = await desk.post(f"/api/numbers/{path}", asked, "compliance")
            assert answer.json() == {"status": "done", "text": "it was done"}
        first, again = desk.dialler_client.asked[-2:]
        assert first == again
        assert first[:3] == ("compliance", ID, name)
        assert "8000000007" not in str(first)
    assert seen == [[NUMBER]] * 4
    assert list_spool_files(tmp_path) == []
    refused = await desk.post("/api/numbers/suppress", {"id": ID, "number": "12"}, "compliance")
    assert (refused.status_code, refused.json()) == (422, {"problem": "no-number"})
