"""Headquarters' pages on a real PostgreSQL: who sees and does what of which zone, a second person, the audit; and in Chromium."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from dialer.desk.pages_built import BUILT, SOURCES
from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.domain.signing import new_key_file
from dialer.hq import deeds
from dialer.hq.database import database
from dialer.hq.desk import hq_people, running_hq_desk
from dialer.hq.expected import COLUMNS, read_official, take_official
from dialer.hq.gather import Arrived, Books
from dialer.hq.material import give_material, online_key
from dialer.hq.rights import DEEDS, Deed
from dialer.hq.servers import postgresql
from dialer.material.repository import Repository
from dialer.settings.headquarters import HqSettings
from dialer.web.access import HQ_COOKIE
from dialer.web.assets import read_assets
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    chromium,
    must_suit_everybody,
    new_page,
    overflowing,
    violations,
)
from tests.support.command_line import run
from tests.support.desk import PASSWORD
from tests.support.headquarters import NOW, attempt_row, batch, mark_row, row
from tests.support.material import KEYS, PEOPLE
from tests.support.seats import CHEAP
from tests.support.waiting import HANG_SECONDS

DOORS = {
    ("POST", "/api/hq/incidents"): Deed.INCIDENT,
    ("POST", "/api/hq/incidents/owner"): Deed.INCIDENT,
    ("POST", "/api/hq/incidents/close"): Deed.INCIDENT,
    ("POST", "/api/hq/proposals/material"): Deed.PROPOSE_MATERIAL,
    ("POST", "/api/hq/proposals/resume"): Deed.PROPOSE_RESUME,
    ("GET", "/api/hq/audit"): Deed.AUDIT,
}
LANGUAGES = sorted(path.stem for path in (SOURCES / "locales/hq").glob("*.ftl"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="matdan-pg-", ignore_cleanup_errors=True) as folder,
        postgresql(Path(folder)) as running,
    ):
        yield running


@dataclass(slots=True)
class Headquarters:
    """Its pages, two zones with a centre each, and an account of each role for all zones and for one: `media`, `media-west`."""

    settings: HqSettings
    origin: str
    browser: httpx.AsyncClient
    tokens: dict[str, str]

    async def get(self, name: str, path: str) -> httpx.Response:
        return await self.browser.get(path, headers=self._headers(name))

    async def post(self, who: str, path: str, **body: Any) -> httpx.Response:
        return await self.browser.post(path, json=body, headers={"origin": self.origin, **self._headers(who)})

    def _headers(self, name: str) -> dict[str, str]:
        return {"cookie": f"{HQ_COOKIE}={self.tokens[name]}"} if name in self.tokens else {}


@pytest.fixture
async def hq(tmp_path: Path, address: str) -> AsyncIterator[Headquarters]:
    name = f"hq_{uuid.uuid4().hex[:8]}"
    async with database(address) as books:
        await books.ask(f"CREATE DATABASE {name}")
    settings = HqSettings.model_validate(
        {
            "servers": ["nats://127.0.0.1:1"],  # nobody is there: the pages open all the same
            "gather": {"database": address.replace("/postgres?", f"/{name}?")},
            "centres": [
                {"id": "pune-1", "zone": "west", "state": "S13", "seats": 40},
                {"id": "patna-1", "zone": "east", "seats": 20},
            ],
            "expected_progress": [
                {"at": "07:00", "contacted": 0.0, "voted": 0.0},
                {"at": "18:00", "contacted": 0.9, "voted": 0.6},
            ],
            "desk": {"port": 0, "file": tmp_path / "hq.desk.db"},
            "bundles": {"folder": tmp_path / "material", "online_key_file": tmp_path / "online.key"},
        }
    )
    new_key_file(tmp_path / "online.key")
    tokens = {}
    clock = SystemClock()
    async with hq_people(settings, clock, CHEAP) as (books_of_people, accounts, people, _):
        for role in HqRole:
            for account, zone in ((role.value, ""), (f"{role}-west", "west")):
                if zone or role is not HqRole.ZONE:
                    await accounts.set(account, role, zone, "a-test")
        await people.directory.refresh()
        for account in accounts.roles:
            await people.set_password(account, PASSWORD)
            tokens[account] = await people.begin_session(account)
        await accounts.set("ravi-of-patna", HqRole.ZONE, "east", "a-test")
        figures = tmp_path / "official.csv"
        figures.write_text(
            "state_code,constituency_number,part_number,at,electors,percent\nS13,209,,2026-04-22 11:00,300000,31.5\n",
            encoding="utf-8",
        )
        await take_official(books_of_people, read_official(figures, ZoneInfo("Asia/Kolkata")))
    async with database(settings.gather.database.get_secret_value()) as books:
        await books.prepare()
        await books.do("add_centres", ["pune-1", "patna-1"], ["west", "east"])
        rows = [mark_row(1, 7), mark_row(2, 8, "not-yet"), attempt_row(3), row(4, "test-marks", at=NOW)]
        await Books(settings, books, clock).enter("UP.1", 0, [Arrived(1, "up.pune-1", batch(rows))])
    async with (
        running_hq_desk(settings, read_assets(BUILT), hasher=CHEAP) as origin,
        httpx.AsyncClient(base_url=origin) as browser,
    ):
        yield Headquarters(settings, origin, browser, tokens)


def approved_material(settings: HqSettings, folder: Path) -> Repository:
    """Version 8 of a bundle, signed by media and compliance, and published."""
    (folder / "source").mkdir()
    (folder / "source" / "page.txt").write_text("text", encoding="utf-8")
    repository, online, now = Repository(settings.bundles.folder), online_key(settings), time.time()
    repository.create([KEYS["r1"], KEYS["r2"]], [], PEOPLE, online, now)
    repository.add_bundle(folder / "source", "turnout", 8, "india", now)
    for name in ("lata", "meena"):
        repository.sign(KEYS[name])
    repository.publish(online, now)
    return repository


async def test_who_sees_and_does_what_of_which_zone_and_a_second_person_answers(
    hq: Headquarters, tmp_path: Path
) -> None:
    for (method, path), deed in DOORS.items():
        for name in [*hq.tokens, "nobody"]:
            answer = await hq.get(name, path) if method == "GET" else await hq.post(name, path)
            if name == "nobody":
                assert answer.status_code == 401
            elif deed not in DEEDS[HqRole(name.removesuffix("-west"))]:
                assert (answer.status_code, answer.json()) == (403, {"problem": "role"}), (name, path)
            elif deed is Deed.AUDIT:
                assert answer.status_code == (403 if name.endswith("-west") else 200), (name, path)
            else:
                assert answer.status_code == 422, (name, path)

    for path in ("constituencies?centre=patna-1", "booths?centre=patna-1&state=S13&constituency=209", "days?zone=east"):
        assert (await hq.get("viewer", f"/api/hq/{path}")).status_code == 200
        refused = await hq.get("viewer-west", f"/api/hq/{path}")
        assert (refused.status_code, refused.json()) == (403, {"problem": "other-zone"})
    (booth,) = (await hq.get("viewer-west", "/api/hq/booths?centre=pune-1&state=S13&constituency=209")).json()
    assert (booth["part_number"], booth["reached"], booth["voted"], booth["share"]) == (2, 2, 1, None)
    (area,) = (await hq.get("viewer", "/api/hq/constituencies?centre=pune-1")).json()
    assert (area["reached"], area["share"]) == (2, 0.315)
    assert area["at"]
    assert (await hq.get("viewer", "/api/hq/days?centre=pune-1")).json() == []  # its calls are of 2024

    # What no database takes is no word of its being away.
    for nul in (
        await hq.get("viewer", "/api/hq/booths?centre=pune-1&state=%00&constituency=209"),
        await hq.post("headquarters", "/api/hq/incidents", to="zone:west", text="no\0power"),
    ):
        assert (nul.status_code, nul.json()) == (422, {"problem": "values"})

    # An incident has an owner, of the zone.
    opened = {"to": "centre:pune-1", "text": "no power"}
    assert (await hq.post("zone-west", "/api/hq/incidents", **opened)).status_code == 204
    assert (await hq.post("zone-west", "/api/hq/incidents", to="centre:patna-1", text="x")).json() == {
        "problem": "other-zone"
    }
    stranger = await hq.post("headquarters", "/api/hq/incidents", to="zone:east", text="x", owner="zone-west")
    assert stranger.json() == {"problem": "no-owner"}
    assert (await hq.post("compliance", "/api/hq/incidents", to="zone:east", text="flood")).status_code == 204
    assert (await hq.post("zone-west", "/api/hq/incidents/close", id=2)).json() == {"problem": "no-incident"}
    assert (await hq.post("zone-west", "/api/hq/incidents/owner", id=1, owner="headquarters")).status_code == 204

    # What two decide, two do.
    resume = {"to": "zone:west", "text": "the court has lifted it"}
    assert (await hq.post("zone-west", "/api/hq/proposals/resume", **resume)).status_code == 204
    for name, said, problem in (
        ("zone-west", "confirm", "role"),
        ("media", "confirm", "role"),
        ("compliance-west", "maybe", "values"),
    ):
        assert (await hq.post(name, "/api/hq/proposals/answer", id=1, answer=said)).json() == {"problem": problem}
    done = await hq.post("compliance-west", "/api/hq/proposals/answer", id=1, answer="confirm")
    assert done.json() == {"state": "confirmed", "result": ""}
    again = await hq.post("headquarters", "/api/hq/proposals/answer", id=1, answer="decline")
    assert again.json() == {"problem": "no-proposal"}
    assert (await hq.post("headquarters", "/api/hq/proposals/resume", to="all", text="over")).status_code == 204
    own = await hq.post("headquarters", "/api/hq/proposals/answer", id=2, answer="confirm")
    assert (own.status_code, own.json()) == (409, {"problem": "own-proposal"})
    other = await hq.post("compliance-west", "/api/hq/proposals/answer", id=2, answer="confirm")
    assert other.json() == {"problem": "no-proposal"}
    version = {"name": "turnout", "version": 8, "to": "all"}
    material = await hq.post("media", "/api/hq/proposals/material", **version)
    assert material.json() == {"problem": "not-approved"}

    # Of material that both parts have signed a second person gives the version at once.
    repository = approved_material(hq.settings, tmp_path)
    give_material(hq.settings, "turnout", 8, ["zone:east"])
    turnout = {"name": "turnout", "version": 8, "to": "centre:pune-1"}
    assert (await hq.post("media-west", "/api/hq/proposals/material", **turnout)).status_code == 204
    east = {**turnout, "to": "zone:east"}
    assert (await hq.post("media-west", "/api/hq/proposals/material", **east)).json() == {"problem": "other-zone"}
    given = await hq.post("compliance", "/api/hq/proposals/answer", id=3, answer="confirm")
    assert given.json() == {"state": "done", "result": ""}
    assert {to for wave in repository.waves().waves for to in wave.to} == {"centre:pune-1", "zone:east"}

    # What a zone's page is told has nothing of another zone.
    async with hq.browser.stream("GET", "/api/hq/events", headers=hq._headers("zone-west")) as stream:
        lines = stream.aiter_lines()
        told: dict[str, Any] = {}
        while "incident/west/1" not in told or not told["material/west"]["waves"]:
            line = await anext(lines)
            told |= json.loads(line[6:])["values"] if line.startswith("data: ") else {}
    assert {"hq", "centre/west/pune-1", "incident/west/1", "proposal/west/1", "owners/west"} <= told.keys()
    assert not {key for key in told if key.startswith(("proposal//", "material//"))}
    assert not re.search("east|patna", json.dumps(told))
    assert [each["to"] for each in told["material/west"]["waves"]] == [["centre:pune-1"]]
    assert told["owners/west"] == ["compliance", "compliance-west", "headquarters", "headquarters-west", "zone-west"]
    pune = told["centre/west/pune-1"]
    assert (pune["planned"], pune["reached"], pune["voted"], pune["tested_at"]) == (40, 2, 1, NOW + 4)
    assert (pune["official"]["electors"], pune["state"]) == (300_000, "S13")
    assert pune["heard_at"] > pune["made_at"]

    # All of it is in the audit, whose chain holds, and of which a changed line is found.
    entries = (await hq.get("compliance", "/api/hq/audit")).json()
    assert [each["kind"] for each in entries[:4]] == [
        "material-answered",
        "material-proposed",
        "resume-proposed",
        "resume-answered",
    ]
    assert [json.loads(each["what"])["version"] for each in entries[:2]] == ["turnout 8"] * 2
    async with hq_people(hq.settings, SystemClock(), CHEAP) as (books, accounts, _, _):
        assert await books.audit_breaks() == []
        async with database(hq.settings.gather.database.get_secret_value()) as changed:
            await changed.ask("UPDATE audit SET who = 'nobody' WHERE number = 3")
        assert [each.number for each in await books.audit_breaks()] == [3]
        await accounts.remove("media", "a-test")
    async with asyncio.timeout(HANG_SECONDS):
        while (await hq.get("media", "/api/hq/days")).status_code != 401:
            await asyncio.sleep(0.1)


async def test_what_was_confirmed_when_the_pages_were_killed_is_done_or_withdrawn(
    hq: Headquarters, tmp_path: Path
) -> None:
    """One was given and not noted, one was not given, and of one nobody can know yet."""
    approved_material(hq.settings, tmp_path)

    async def state_of(number: int) -> tuple[str, str]:
        async with database(hq.settings.gather.database.get_secret_value()) as books:
            [found] = await books.ask("SELECT state, result FROM proposal WHERE id = $1", number)
            return found

    clock = SystemClock()
    async with hq_people(hq.settings, SystemClock(), CHEAP) as (books, accounts, _, _):
        async with books.used() as db:
            for to in ("centre:pune-1", "zone:east", "zone:west"):
                number = await db.value("propose", "material", to, "turnout 8", "media", clock.now())
                await db.do("answer_proposal", number, "compliance", clock.now() - 300, "confirmed", "")
            await db.do("answer_proposal", number, "compliance", clock.now(), "confirmed", "")
        give_material(hq.settings, "turnout", 8, ["centre:pune-1"])
        its = deeds.Deeds(hq.settings, books, accounts, lambda: None)
        for _ in range(2):
            await its.settle()
        settled = [each for each in await books.audit() if each.kind == "material-settled"]
        assert [json.loads(each.what)["state"] for each in settled] == ["done", "failed"]
        assert json.loads(settled[1].what)["version"] == "turnout 8"
        assert await books.audit_breaks() == []
    assert [(await state_of(number))[0] for number in (1, 2, 3)] == ["done", "failed", "confirmed"]
    assert "propose it again" in (await state_of(2))[1]


def test_accounts_and_figures_are_kept_by_commands(tmp_path: Path, address: str) -> None:
    name = f"hq_{uuid.uuid4().hex[:8]}"

    async def create() -> None:
        async with database(address) as books:
            await books.ask(f"CREATE DATABASE {name}")

    asyncio.run(create())
    path = tmp_path / "hq.toml"
    path.write_text(
        f'[gather]\ndatabase = "{address.replace("/postgres?", f"/{name}?")}"\n'
        f'[desk]\nfile = "{tmp_path / "hq.desk.db"}"\n[[centres]]\nid = "pune-1"\nzone = "west"\n',
        encoding="utf-8",
    )

    def hq(*words: str | Path, given: str = "") -> tuple[int, str]:
        return run("hq", *words, "-c", path, given=given)

    code, told = hq("user", "add", "ravi", "zone", "--zone", "west", "--who", "asha")
    assert code == 0
    assert re.search(r"ravi may sign in once with (\w{4}-){4}\w{4}, and then chooses another password", told)
    code, told = hq("user", "password", "nobody")
    assert code != 0
    assert told == "nobody is no account: see `dialer hq user list`"
    assert hq("user", "password", "ravi", "--password", "-", given=f"{PASSWORD}\n") == (0, "")
    assert "never signed in" in hq("user", "list")[1]
    figures = tmp_path / "official.csv"
    figures.write_text(f"{','.join(COLUMNS)}\nS13,209,,2026-04-22 11:00,300000,31.5\n", encoding="utf-8")
    assert hq("official", figures) == (0, "1 figures taken in\n")
    assert hq("user", "remove", "ravi", "--who", "asha") == (0, "")
    code, told = hq("audit")
    assert code == 0
    assert (
        told.splitlines()[-1]
        == f"2 entries, and the chain holds; its end was held against entry 2 in {tmp_path}/hq.desk.db"
    )

    async def attacked(sql: str) -> None:
        """With the database's rights alone."""
        async with database(address.replace("/postgres?", f"/{name}?")) as books:
            await books.ask(sql)

    asyncio.run(attacked("DELETE FROM audit WHERE number = 2"))
    cut = "broken at entry 2: the chain ends at 1, but entry 2 was noted: the end was cut off"
    assert hq("audit")[0] == 1
    assert hq("audit")[1].splitlines()[-1] == cut
    for _ in range(2):  # what comes after it covers nothing up
        assert hq("user", "add", f"meena-{_}", "media", "--who", "asha")[0] == 0
        assert hq("audit")[0] == 1
    assert hq("audit")[1].splitlines()[-1] == "broken at entry 2: it is not the entry that was noted under this number"
    code, told = hq("audit", "--accept-end", "--who", "asha")
    assert (code, "audit-end-accepted" in told) == (0, True)
    assert told.splitlines()[-1].startswith("4 entries, and the chain holds; its end was held against entry 4 in")
    moved = "UPDATE audit SET digest = repeat('0', 64), who = 'nobody' WHERE number = 4"
    asyncio.run(attacked(moved))
    assert hq("audit")[0] == 1
    path.write_text('[gather]\ndatabase = "postgresql://nobody@127.0.0.1:1/none"\n', encoding="utf-8")
    code, told = hq("user", "list")
    assert code != 0
    assert "headquarters' database does not answer" in told


async def sign_in(browser: Browser, hq: Headquarters, name: str, faults: list[str], **how: Any) -> Page:
    page = await new_page(browser, faults, **how)
    await page.goto(hq.origin)
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_selector(".tiles")
    return page


@pytest.mark.skipif(NEEDS_A_BROWSER[0].args[0] or NEEDS_A_BROWSER[1].args[0], reason="needs chromium and built pages")
async def test_the_way_down_to_a_booth_an_incident_and_every_view_suits_everybody(hq: Headquarters) -> None:
    faults: list[str] = []
    found: list[Any] = []
    async with chromium() as browser:
        page = await sign_in(browser, hq, "headquarters", faults)
        await expect(page.locator(".zone")).to_have_count(2)
        await page.get_by_role("link", name="west", exact=True).first.click()
        await page.get_by_role("link", name="pune-1", exact=True).last.click()
        await page.get_by_role("link", name="S13 209").click()
        await expect(page.locator("tbody tr")).to_contain_text("209/2")
        await page.reload()
        await expect(page.locator("tbody tr")).to_contain_text("50%")
        await page.get_by_role("link", name="Incidents").click()
        await page.get_by_role("combobox", name="Where").select_option("centre:pune-1")
        await page.get_by_label("Description").fill("<img src=x onerror=alert(1)>")
        await page.get_by_role("button", name="Open an incident").click()
        await expect(page.locator(".alert")).to_contain_text("<img src=x")
        await expect(page.locator(".alert")).to_contain_text("owner: headquarters")
        west = await sign_in(browser, hq, "zone-west", faults)
        await expect(west.locator(".zone")).to_have_count(1)
        assert await west.get_by_role("link", name="Audit").count() == 0
        for language in LANGUAGES:
            page = await sign_in(browser, hq, "headquarters", faults, language=f"{language}-IN")
            for width, height in SIZES:
                await page.set_viewport_size({"width": width, "height": height})
                for view in ("figures", "incidents", "material", "orders", "days", "ready", "audit", "account"):
                    await page.evaluate(f"location.hash = 'view={view}'")
                    await page.wait_for_selector("main .panel")
                    assert not await overflowing(page), (view, width, language)
                    if (language, width) in {("en", SIZES[0][0]), ("hi", SIZES[-1][0])}:  # each view once of both
                        found += await violations(page)
            await page.evaluate("location.hash = 'zone=west&centre=pune-1&constituency=S13.209'")
            await expect(page.locator("tbody tr")).to_contain_text("209/2")
            assert not await overflowing(page)
            found += await violations(page)
    assert not faults
    must_suit_everybody(found)
