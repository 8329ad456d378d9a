"""Rolls and numbers from the board: uploads are checked, imported or discarded, and commands contain no number."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dialer.desk import rolls
from dialer.desk.rolls import RollStatus
from dialer.desk.server import serve_pages_of_desk
from dialer.domain.schema import convert_record_to_json_values
from dialer.mqtt.dialler_client import Reply
from dialer.settings.site_time import DAY_SECONDS
from dialer.store.connection import open_store_exclusively
from dialer.store.spool import CLEANING_SECONDS, Spool
from tests.support.desk import DeskUnderTest, desk_settings, run_desk
from tests.support.seats import CHEAP
from tests.support.waiting import HANG_SECONDS

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
    assert any("remarks" in warning["english"] and warning["id"] for warning in warnings)


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
        (b"", "nothing.csv", "the file nothing.csv is empty"),
        ("नाम,भाग".encode("utf-16") + b"\n", "letters.csv", 'letters.csv is not in encoding "utf-16"'),
        (b"PK\x03\x04\x01", "roll.xlsx", "roll.xlsx"),
    ],
)
async def test_unreadable_uploaded_electoral_roll_is_refused_with_a_reason(
    desk: DeskUnderTest, tmp_path: Path, roll: bytes, name: str, told: str
) -> None:
    assert (await upload_roll(desk, roll, name)).status_code == 200
    found = await wait_for_status(desk, "refused")
    assert told in found["text"]
    assert str(tmp_path) not in found["text"]
    assert found["preview"] is None
    assert list_spool_files(tmp_path) == []
    gone = await desk.post("/api/lists/discard", {"id": ID, "list": found["id"]}, "supervisor")
    assert gone.status_code == 204
    assert desk.page_state.get_value_of_key("list", RollStatus) is None


ODD_HEADINGS = b"MLA SEAT,BOOTH CODE,NR,WHO,CALL AT,PAN CARD,CASTE\n" + b"".join(
    b"210,118,%d,Voter %d,91800000%04d,ABCDE1234F,x\n" % (serial, serial, serial) for serial in range(1, 5)
)
CHOSEN = {"constituency_number": [1], "part_number": [2], "serial": [3], "name": [4], "mobile": [5]}


async def check_again(desk: DeskUnderTest, list_id: str, columns: object, header_row: int = 1) -> Any:
    asked = {"id": ID, "list": list_id, "header_row": header_row, "columns": columns}
    return await desk.post("/api/lists/check", asked, "supervisor")


async def test_roll_with_unknown_headings_is_imported_with_columns_that_a_user_chose(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    await upload_roll(desk, ODD_HEADINGS)
    first = await wait_for_status(desk, "refused")
    assert (first["problem"], first["text"], first["figures"]) == ("no-headings", "", None)
    assert first["preview"]["header_row"] == 1
    assert [each["heading"] for each in first["preview"]["columns"]][:2] == ["MLA SEAT", "BOOTH CODE"]
    assert [each["field"] for each in first["preview"]["columns"]] == [None] * 7
    assert [name.partition(".")[2] for name in list_spool_files(tmp_path)] == ["upload.db"]

    assert (await check_again(desk, first["id"], CHOSEN)).status_code == 204
    second = await wait_for_status(desk, "checked")
    assert second["figures"]["voters"] == second["figures"]["numbers"] == 4
    assert [each["field"] for each in second["preview"]["columns"]][:5] == [*CHOSEN]
    assert second["problem"] is None
    for stale in (
        await check_again(desk, first["id"], None),
        await desk.post("/api/lists/import", {"id": ID, "list": first["id"]}, "supervisor"),
    ):
        assert (stale.status_code, stale.json()) == (409, {"problem": "no-list"})
    await desk.post("/api/lists/import", {"id": ID, "list": second["id"]}, "supervisor")
    await wait_for_status(desk, "done")
    assert desk.dialler_client.asked[0][3]["list"] == second["id"]
    assert list_spool_files(tmp_path) == []


@pytest.mark.parametrize(
    ("columns", "header_row", "problem", "fields"),
    [
        ({"serial": [3], "mobile": [5]}, 1, "missing-fields", ["constituency_number", "part_number"]),
        ({**CHOSEN, "name": [4, 6]}, 1, "repeated-field", ["name"]),
        (CHOSEN, 25, "header-row", []),
        ({**CHOSEN, "serial": [4]}, 1, "all-rejected", []),
        (None, 1, "missing-fields", ["constituency_number", "part_number", "serial"]),
    ],
)
async def test_unusable_choice_of_roll_columns_is_refused_and_can_be_corrected(
    desk: DeskUnderTest, columns: object, header_row: int, problem: str, fields: list[str]
) -> None:
    await upload_roll(desk, ODD_HEADINGS)
    first = await wait_for_status(desk, "refused")
    await check_again(desk, first["id"], columns, header_row)
    refused = await wait_for_status(desk, "refused")
    assert (refused["problem"], refused["problem_fields"]) == (problem, fields)
    assert len(refused["preview"]["columns"]) == 7
    taken = await desk.post("/api/lists/import", {"id": ID, "list": refused["id"]}, "supervisor")
    assert taken.json() == {"problem": "no-list"}
    await check_again(desk, refused["id"], CHOSEN)
    await wait_for_status(desk, "checked")


@pytest.mark.parametrize("columns", [{"caste": [7]}, {"serial": [0]}, {"serial": "3"}, {"serial": [True]}, []])
async def test_malformed_choice_of_roll_columns_is_refused_and_changes_nothing(
    desk: DeskUnderTest, columns: object
) -> None:
    await upload_roll(desk)
    found = await wait_for_status(desk, "checked")
    assert (await check_again(desk, found["id"], columns)).status_code == 422
    assert await wait_for_status(desk, "checked") == found


async def test_second_check_of_a_roll_is_refused_while_the_first_one_runs(desk: DeskUnderTest) -> None:
    await upload_roll(desk, ODD_HEADINGS)
    found = await wait_for_status(desk, "refused")
    answers = await asyncio.gather(*(check_again(desk, found["id"], CHOSEN) for _ in range(2)))
    assert sorted(each.status_code for each in answers) == [204, 409]
    checked = await wait_for_status(desk, "checked")
    assert (await check_again(desk, checked["id"], CHOSEN)).status_code == 204
    assert (await upload_roll(desk)).json() == {"problem": "list-busy"}
    await wait_for_status(desk, "checked")
    await upload_roll(desk)
    assert (await check_again(desk, checked["id"], CHOSEN)).json() == {"problem": "no-list"}
    await wait_for_status(desk, "checked")


async def test_preview_of_a_roll_masks_numbers_and_shows_no_sensitive_values(desk: DeskUnderTest) -> None:
    await upload_roll(desk, ROLL.replace(b",name,", b",caste,") + b"S13,209,1,118,x,Nobody,98000 00007\n")
    found = await wait_for_status(desk, "checked")
    columns = {each["heading"]: each for each in found["preview"]["columns"]}
    assert columns["mobile"]["examples"] == ["••••••••0001", "••••••••0002", "••••••••0003"]
    assert (columns["caste"]["dropped"], columns["caste"]["examples"]) == (True, [])
    assert columns["part_number"]["examples"] == ["118"] * 3
    assert not columns["part_number"]["dropped"]
    (reject,) = found["rejects"]
    assert (reject["row_number"], reject["column"], reject["value"]) == (42, "serial", "x")


async def test_roll_that_is_not_in_utf_8_is_previewed_and_checked(desk: DeskUnderTest) -> None:
    await upload_roll(desk, ROLL.replace(b"Voter 1,", "आशा,".encode()).decode().encode("utf-16"))
    found = await wait_for_status(desk, "checked")
    assert found["description"] == "CSV, UTF-16, comma"
    assert found["preview"]["columns"][5]["examples"][0] == "आशा"
    hindi = "".join(f"S13,209,1,118,{serial},आशा देवी,\n" for serial in range(50, 60)).encode()
    await upload_roll(desk, ROLL.replace(b"Voter 1,", b"Voter \xe0,") + hindi)
    damaged = await wait_for_status(desk, "checked")
    assert damaged["preview"]["columns"][5]["examples"][0] == "Voter ?"
    assert [each["value"] for each in damaged["rejects"]] == ["Voter ?"]


async def test_rejected_rows_are_downloaded_after_the_download_is_in_the_audit_log(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    await upload_roll(desk, ROLL + b"S13,209,1,118,x,Nobody,9800000007\nS13,209,1,118,41,Om,12345\n")
    found = await wait_for_status(desk, "checked")
    assert [each["value"] for each in found["rejects"]] == ["x", "12345"]
    asked = {"id": ID, "list": found["id"]}
    for role in ("viewer", "compliance", "booth-desk"):
        refused = await desk.post("/api/lists/rejects", asked, role)
        assert (refused.status_code, refused.json()) == (403, {"problem": "role"})
    desk.dialler_client.reply = Reply("refused", "no")
    refused = await desk.post("/api/lists/rejects", asked, "supervisor")
    assert (refused.status_code, refused.json()) == (503, {"problem": "rejects-not-audited"})
    desk.dialler_client.asked.clear()
    desk.dialler_client.reply = Reply("done", "")
    answer = await desk.post("/api/lists/rejects", asked, "supervisor")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="rejects.csv"'
    rows = answer.text.splitlines()
    assert len(rows) == 3
    assert "9800000007" in rows[1]
    ((_, _, name, values),) = desk.dialler_client.asked
    assert (name, values) == ("rejects-download", {"sha256": found["sha256"], "rejects": 2})
    assert not [name for name in list_spool_files(tmp_path) if name.endswith(".csv")]

    await desk.post("/api/lists/import", asked, "supervisor")
    await wait_for_status(desk, "done")
    assert (await desk.post("/api/lists/rejects", asked, "supervisor")).text == answer.text
    await desk.post("/api/lists/discard", asked, "supervisor")
    assert (await desk.post("/api/lists/rejects", asked, "supervisor")).json() == {"problem": "no-list"}
    assert list_spool_files(tmp_path) == []


async def test_rejected_rows_of_a_roll_that_is_discarded_meanwhile_are_not_downloaded(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload_roll(desk, ROLL + b"S13,209,1,118,x,Nobody,\n")
    asked = {"id": ID, "list": (await wait_for_status(desk, "checked"))["id"]}

    async def discard_roll_before_reply(*_: object) -> Reply:
        assert (await desk.post("/api/lists/discard", asked, "supervisor")).status_code == 204
        return Reply("done", "")

    monkeypatch.setattr(desk.dialler_client, "send_command", discard_roll_before_reply)
    answer = await desk.post("/api/lists/rejects", asked, "supervisor")
    assert (answer.status_code, answer.json()) == (409, {"problem": "no-list"})


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


def make_spooled_files_older(folder: Path, seconds: float) -> None:
    """Set the time at which each file of the spool was written to `seconds` ago."""
    for path in (folder / "centre.db.spool").iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


async def test_uploaded_roll_that_nobody_imports_is_deleted_within_a_day(desk: DeskUnderTest, tmp_path: Path) -> None:
    await desk.rolls.delete_old_uploads()  # nothing was uploaded yet
    await upload_roll(desk)
    await wait_for_status(desk, "checked")
    uploaded = list_spool_files(tmp_path)
    make_spooled_files_older(tmp_path, DAY_SECONDS - CLEANING_SECONDS - 60)
    await desk.rolls.delete_old_uploads()
    assert list_spool_files(tmp_path) == uploaded
    make_spooled_files_older(tmp_path, DAY_SECONDS - CLEANING_SECONDS + 60)
    desk.clock.pass_seconds(DAY_SECONDS - CLEANING_SECONDS + 60)
    await desk.rolls.delete_old_uploads()
    assert list_spool_files(tmp_path) == []
    assert desk.page_state.get_value_of_key("list", RollStatus) is None


async def test_old_roll_is_not_deleted_while_the_dialler_imports_it(
    desk: DeskUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload_roll(desk)
    found = await wait_for_status(desk, "checked")
    make_spooled_files_older(tmp_path, 2 * DAY_SECONDS)
    during_import: list[list[str]] = []

    async def delete_old_uploads_before_reply(*_: object, **__: object) -> Reply:
        await desk.rolls.delete_old_uploads()
        during_import.append(list_spool_files(tmp_path))
        return Reply("done", "")

    monkeypatch.setattr(desk.dialler_client, "send_command", delete_old_uploads_before_reply)
    await desk.post("/api/lists/import", {"id": ID, "list": found["id"]}, "supervisor")
    await wait_for_status(desk, "done")
    assert [f"{found['id']}.db" in files for files in during_import] == [True]


async def test_desk_deletes_old_uploads_at_its_start_and_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolls, "CLEANING_SECONDS", 0.01)
    with open_store_exclusively(tmp_path / "centre.db", "a test"):
        pass
    folder = tmp_path / "centre.db.spool"
    folder.mkdir()
    old, new = folder / "old.db", folder / "new.db"
    new.write_bytes(b"numbers")

    async def expect_old_file_to_be_deleted() -> None:
        old.write_bytes(b"numbers")
        os.utime(old, (time.time() - DAY_SECONDS,) * 2)
        async with asyncio.timeout(HANG_SECONDS):
            while old.exists():
                await asyncio.sleep(0.01)

    async with serve_pages_of_desk(desk_settings(tmp_path / "centre.db"), hasher=CHEAP, assets={}):
        await expect_old_file_to_be_deleted()
        await expect_old_file_to_be_deleted()
    assert new.exists()


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("pune%20118.csv", "pune 118.csv"),
        ("../../etc/pune.csv", "pune.csv"),
        ("C:%5CUsers%5Casha%5Cpune.csv", "pune.csv"),
        ("%E0%A4%AA%E0%A5%81%E0%A4%A3%E0%A5%87.csv", "पुणे.csv"),
        ("a%0Ab%E2%80%AE%00.csv", "ab.csv"),
        (f"{'x' * 150}.csv", f"{'x' * 96}.csv"),
    ],
)
async def test_import_of_an_uploaded_roll_is_recorded_under_the_name_of_the_users_file(
    desk: DeskUnderTest, tmp_path: Path, sent: str, name: str
) -> None:
    await upload_roll(desk, name=sent)
    found = await wait_for_status(desk, "checked")
    assert found["name"] == name
    with closing(Spool(tmp_path / "centre.db", None).open_spooled_file(found["id"])) as roll:
        assert roll.read_counts_of_uploaded_roll().file_name == name


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
