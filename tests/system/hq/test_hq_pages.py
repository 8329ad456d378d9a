"""Headquarters' pages on a real PostgreSQL: permissions by role and zone, proposals, the audit, and the pages in Chromium."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.hq.database import open_database
from dialer.hq.desk import open_user_accounts
from dialer.hq.expected import COLUMNS
from dialer.hq.material import assign_material_to_centres
from dialer.hq.proposals import SQL, Proposals
from dialer.hq.rights import ACTIONS_OF_ROLE, HqAction
from dialer.hq.seal_chains import SealChain
from dialer.hq.seal_records import write_signed_log_of_store
from dialer.hq.store_records import write_stores_of_centres
from dialer.hq.stores import KnownStore, StoreState
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    find_accessibility_violations,
    find_overflowing_elements,
    new_page,
    run_chromium,
    sign_in,
)
from tests.support.command_line import run
from tests.support.desk import PASSWORD
from tests.support.headquarters import NOW, create_database, query_database
from tests.support.headquarters_pages import Headquarters, publish_material
from tests.support.sealing import SealingStore
from tests.support.seats import CHEAP
from tests.support.waiting import HANG_SECONDS

ACTION_OF_ROUTE = {
    ("POST", "/api/hq/incidents"): HqAction.MANAGE_INCIDENTS,
    ("POST", "/api/hq/incidents/owner"): HqAction.MANAGE_INCIDENTS,
    ("POST", "/api/hq/incidents/close"): HqAction.MANAGE_INCIDENTS,
    ("POST", "/api/hq/proposals/material"): HqAction.PROPOSE_MATERIAL,
    ("POST", "/api/hq/proposals/resume"): HqAction.PROPOSE_RESUME,
    ("GET", "/api/hq/audit"): HqAction.READ_AUDIT,
}
LANGUAGES = sorted(path.stem for path in (SOURCES / "locales/hq").glob("*.ftl"))


async def test_each_headquarters_page_route_is_allowed_only_to_the_roles_of_its_action(hq: Headquarters) -> None:
    for (method, path), action in ACTION_OF_ROUTE.items():
        for user in [*hq.tokens, "nobody"]:
            answer = await hq.get(user, path) if method == "GET" else await hq.post(user, path)
            if user == "nobody":
                assert answer.status_code == 401
            elif action not in ACTIONS_OF_ROLE[HqRole(user.removesuffix("-west"))]:
                assert (answer.status_code, answer.json()) == (403, {"problem": "role"}), (user, path)
            elif action is HqAction.READ_AUDIT:
                assert answer.status_code == (403 if user.endswith("-west") else 200), (user, path)
            else:  # allowed, but without the required fields
                assert answer.status_code == 422, (user, path)


async def test_headquarters_user_of_a_zone_may_not_read_figures_of_another_zone(hq: Headquarters) -> None:
    for path in ("constituencies?centre=patna-1", "booths?centre=patna-1&state=S13&constituency=209", "days?zone=east"):
        assert (await hq.get("viewer", f"/api/hq/{path}")).status_code == 200
        refused = await hq.get("viewer-west", f"/api/hq/{path}")
        assert (refused.status_code, refused.json()) == (403, {"problem": "other-zone"})


async def test_headquarters_page_of_a_centre_shows_contacted_voted_and_official_turnout_by_area(
    hq: Headquarters,
) -> None:
    (booth,) = (await hq.get("viewer-west", "/api/hq/booths?centre=pune-1&state=S13&constituency=209")).json()
    assert (booth["part_number"], booth["contacted"], booth["voted"], booth["share"]) == (2, 2, 1, None)
    (constituency,) = (await hq.get("viewer", "/api/hq/constituencies?centre=pune-1")).json()
    assert (constituency["contacted"], constituency["share"]) == (2, 0.315)
    assert constituency["at"]
    assert (await hq.get("viewer", "/api/hq/days?centre=pune-1")).json() == []  # its calls were made in 2024


async def test_headquarters_page_of_earlier_days_counts_opt_outs_and_people_taken_for_machines(
    hq: Headquarters,
) -> None:
    await query_database(
        hq.database,
        "INSERT INTO day_count SELECT 'pune-1', current_date, what, count FROM (VALUES ('outcome/connected', 5),"
        " ('flow-answers', 3), ('people-taken-for-machines', 2), ('opt-outs', 4)) AS counted (what, count)",
    )
    (day,) = (await hq.get("viewer", "/api/hq/days?centre=pune-1")).json()
    assert (day["live_answers"], day["abandoned"], day["opt_outs"]) == (10, 2, 4)


async def test_headquarters_page_refuses_text_that_the_database_cannot_store(hq: Headquarters) -> None:
    for answer in (
        await hq.get("viewer", "/api/hq/booths?centre=pune-1&state=%00&constituency=209"),
        await hq.post("headquarters", "/api/hq/incidents", to="zone:west", text="no\0power"),
    ):
        assert (answer.status_code, answer.json()) == (422, {"problem": "values"})


async def test_incident_at_headquarters_is_opened_assigned_and_closed_within_the_users_zone(hq: Headquarters) -> None:
    clicks = [hq.succeed("zone-west", "/api/hq/incidents", to="centre:pune-1", text="no power") for _ in range(5)]
    await asyncio.gather(*clicks)  # impatient, at the same time
    assert await hq.problem("zone-west", "/api/hq/incidents", to="centre:patna-1", text="x") == "other-zone"
    east = {"to": "zone:east", "text": "x", "owner": "zone-west"}
    assert await hq.problem("headquarters", "/api/hq/incidents", **east) == "no-owner"
    await hq.succeed("compliance", "/api/hq/incidents", to="zone:east", text="flood")
    assert await hq.problem("zone-west", "/api/hq/incidents/close", id=2) == "no-incident"
    await hq.succeed("zone-west", "/api/hq/incidents/owner", id=1, owner="headquarters")
    await hq.succeed("headquarters", "/api/hq/incidents/close", id=1)
    assert await hq.problem("zone-west", "/api/hq/incidents/owner", id=1, owner="zone-west") == "no-incident"


async def test_proposal_to_resume_dialling_is_confirmed_by_a_second_person_of_the_zone(hq: Headquarters) -> None:
    answer_route = "/api/hq/proposals/answer"
    await hq.succeed("zone-west", "/api/hq/proposals/resume", to="zone:west", text="the court has lifted it")
    for user, answer, problem in (
        ("zone-west", "confirm", "role"),
        ("media", "confirm", "role"),
        ("compliance-west", "maybe", "values"),
    ):
        assert await hq.problem(user, answer_route, id=1, answer=answer) == problem
    confirmed = await hq.post("compliance-west", answer_route, id=1, answer="confirm")
    assert confirmed.json() == {"state": "confirmed", "result": ""}
    assert await hq.problem("headquarters", answer_route, id=1, answer="decline") == "no-proposal"
    await hq.succeed("headquarters", "/api/hq/proposals/resume", to="all", text="over")
    assert await hq.problem("headquarters", answer_route, id=2, answer="confirm") == "own-proposal"
    assert await hq.problem("compliance-west", answer_route, id=2, answer="confirm") == "no-proposal"


async def test_campaign_material_is_assigned_after_a_second_person_confirms_the_proposal(
    hq: Headquarters, tmp_path: Path
) -> None:
    route = "/api/hq/proposals/material"
    assert await hq.problem("media", route, name="turnout", version=8, to="all") == "not-approved"
    repository = publish_material(hq.settings, tmp_path)
    assign_material_to_centres(hq.settings, "turnout", 8, ["zone:east"])
    await hq.succeed("media-west", route, name="turnout", version=8, to="centre:pune-1")
    assert await hq.problem("media-west", route, name="turnout", version=8, to="zone:east") == "other-zone"
    confirmed = await hq.post("compliance", "/api/hq/proposals/answer", id=1, answer="confirm")
    assert confirmed.json() == {"state": "done", "result": ""}
    assert {to for wave in repository.read_roll_out_waves().waves for to in wave.to} == {
        "centre:pune-1",
        "zone:east",
    }


async def test_headquarters_page_of_a_zone_receives_no_updates_of_another_zone(
    hq: Headquarters, tmp_path: Path
) -> None:
    publish_material(hq.settings, tmp_path)
    for to in ("zone:east", "centre:pune-1"):
        assign_material_to_centres(hq.settings, "turnout", 8, [to])
    await hq.succeed("zone-west", "/api/hq/incidents", to="centre:pune-1", text="no power")
    await hq.succeed("compliance", "/api/hq/incidents", to="zone:east", text="flood")
    await hq.succeed("zone-west", "/api/hq/proposals/resume", to="zone:west", text="over")
    await hq.succeed("headquarters", "/api/hq/proposals/resume", to="all", text="over")
    values: dict[str, Any] = {}
    async with hq.browser.stream("GET", "/api/hq/events", headers=hq.headers("zone-west")) as stream:
        lines = stream.aiter_lines()
        wanted = {"hq", "centre/west/pune-1", "incident/west/1", "proposal/west/1", "owners/west"}
        while not wanted <= values.keys() or not values.get("material/west", {}).get("waves"):
            line = await anext(lines)
            values |= json.loads(line[6:])["values"] if line.startswith("data: ") else {}
    assert not {key for key in values if key.startswith(("proposal//", "material//"))}
    assert not re.search("east|patna", json.dumps(values))
    assert [each["to"] for each in values["material/west"]["waves"]] == [["centre:pune-1"]]
    assert values["owners/west"] == ["compliance", "compliance-west", "headquarters", "headquarters-west", "zone-west"]
    pune = values["centre/west/pune-1"]
    assert (pune["planned_seats"], pune["contacted"], pune["voted"], pune["test_sent_at"]) == (40, 2, 1, NOW + 4)
    assert (pune["official"]["electors"], pune["state"]) == (300_000, "S13")
    assert pune["committed_at"] > pune["created_at"]


async def test_headquarters_audit_contains_every_action_and_its_check_finds_a_changed_entry(
    hq: Headquarters, tmp_path: Path
) -> None:
    publish_material(hq.settings, tmp_path)
    await hq.succeed("zone-west", "/api/hq/proposals/resume", to="zone:west", text="over")
    await hq.post("compliance-west", "/api/hq/proposals/answer", id=1, answer="decline")
    await hq.succeed("media", "/api/hq/proposals/material", name="turnout", version=8, to="centre:pune-1")
    await hq.post("compliance", "/api/hq/proposals/answer", id=2, answer="confirm")
    entries = (await hq.get("compliance", "/api/hq/audit")).json()
    assert [each["kind"] for each in entries[:4]] == [
        "material-answered",
        "material-proposed",
        "resume-answered",
        "resume-proposed",
    ]
    assert [json.loads(each["what"])["version"] for each in entries[:2]] == ["turnout 8"] * 2
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (db, _, _, _):
        assert await db.find_breaks_in_audit_chain() == []
        await query_database(hq.database, "UPDATE audit SET who = 'nobody' WHERE number = 3")
        assert [each.number for each in await db.find_breaks_in_audit_chain()] == [3]


async def test_web_session_of_a_removed_headquarters_account_ends(hq: Headquarters) -> None:
    assert (await hq.get("media", "/api/hq/days")).status_code == 200
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (_, accounts, _, _):
        await accounts.remove_account("media", "a-test")
    async with asyncio.timeout(HANG_SECONDS):
        while (await hq.get("media", "/api/hq/days")).status_code != 401:
            await asyncio.sleep(0.1)


async def test_interrupted_assignment_of_campaign_material_is_later_recorded_as_done_or_failed(
    hq: Headquarters, tmp_path: Path
) -> None:
    """One version was assigned before the pages were killed, one was not, and one was confirmed too recently to know."""
    publish_material(hq.settings, tmp_path)
    clock = SystemClock()
    async with open_user_accounts(hq.settings, clock, CHEAP) as (page_database, accounts, _, _):
        async with page_database.open_transaction() as db:
            for to in ("centre:pune-1", "zone:east", "zone:west"):
                number = await SQL.add_proposal.fetch_value(db, "material", to, "turnout 8", "media", clock.now())
                await SQL.answer_proposal.run_statement(db, number, "compliance", clock.now() - 300, "confirmed", "")
            await SQL.answer_proposal.run_statement(db, number, "compliance", clock.now(), "confirmed", "")
        assign_material_to_centres(hq.settings, "turnout", 8, ["centre:pune-1"])
        settling = Proposals(hq.settings, page_database, accounts)
        for _ in range(2):
            await settling.record_results_of_interrupted_proposals()
        settled = [each for each in await page_database.read_audit_entries() if each.kind == "material-settled"]
        assert [json.loads(each.what)["state"] for each in settled] == ["done", "failed"]
        assert json.loads(settled[1].what)["version"] == "turnout 8"
        assert await page_database.find_breaks_in_audit_chain() == []
    proposals = await query_database(hq.database, "SELECT state, result FROM proposal ORDER BY id")
    assert [state for state, _ in proposals] == ["done", "failed", "confirmed"]
    assert "propose it again" in proposals[1][1]


def test_hq_commands_manage_accounts_and_find_damage_in_the_audit_log(tmp_path: Path, address: str) -> None:
    database_address = asyncio.run(create_database(address, f"hq_{uuid.uuid4().hex[:8]}"))
    path = tmp_path / "hq.toml"
    path.write_text(
        f'[gather]\ndatabase = "{database_address}"\n'
        f'[desk]\nfile = "{tmp_path / "hq.desk.db"}"\n[[centres]]\nid = "pune-1"\nzone = "west"\n',
        encoding="utf-8",
    )

    def hq(*words: str | Path, given: str = "") -> tuple[int, str]:
        return run("hq", *words, "-c", path, given=given)

    code, output = hq("user", "add", "ravi", "zone", "--zone", "west", "--who", "asha")
    assert code == 0
    assert re.search(r"ravi may sign in once with (\w{4}-){4}\w{4}, and then chooses another password", output)
    code, output = hq("user", "password", "nobody")
    assert code != 0
    assert output == "there is no account nobody: see `dialer hq user list`"
    assert hq("user", "password", "ravi", "--password", "-", given=f"{PASSWORD}\n") == (0, "")
    assert "never signed in" in hq("user", "list")[1]
    figures = tmp_path / "official.csv"
    figures.write_text(f"{','.join(COLUMNS)}\nS13,209,,2026-04-22 11:00,300000,31.5\n", encoding="utf-8")
    assert hq("official", figures) == (0, "1 figures imported\n")
    assert hq("user", "remove", "ravi", "--who", "asha") == (0, "")
    code, output = hq("audit")
    assert code == 0
    assert (
        output.splitlines()[-1] == f"2 entries; the chain is intact; its end matches entry 2 in {tmp_path}/hq.desk.db"
    )

    def change_database(sql: str) -> None:
        asyncio.run(query_database(database_address, sql))

    change_database("DELETE FROM audit WHERE number = 2")
    cut_off = "broken at entry 2: the chain ends at 1, but entry 2 was noted: the end was cut off"
    assert hq("audit")[0] == 1
    assert hq("audit")[1].splitlines()[-1] == cut_off
    for number in range(2):  # later entries do not hide it
        assert hq("user", "add", f"meena-{number}", "media", "--who", "asha")[0] == 0
        assert hq("audit")[0] == 1
    assert (
        hq("audit")[1].splitlines()[-1] == "broken at entry 2: the entry differs from the noted head with this number"
    )
    code, output = hq("audit", "--accept-end", "--who", "asha")
    assert (code, "audit-end-accepted" in output) == (0, True)
    assert output.splitlines()[-1].startswith("4 entries; the chain is intact; its end matches entry 4 in")
    change_database("UPDATE audit SET digest = repeat('0', 64), who = 'nobody' WHERE number = 4")
    assert hq("audit")[0] == 1
    path.write_text('[gather]\ndatabase = "postgresql://nobody@127.0.0.1:1/none"\n', encoding="utf-8")
    code, output = hq("user", "list")
    assert code != 0
    assert "headquarters' database does not answer" in output


def test_hq_stores_command_shows_verification_keys_and_accepts_integrity_seals(tmp_path: Path, address: str) -> None:
    database_address = asyncio.run(create_database(address, f"hq_{uuid.uuid4().hex[:8]}"))
    path, store, chain = tmp_path / "hq.toml", SealingStore.create(), SealChain()
    path.write_text(
        f'[gather]\ndatabase = "{database_address}"\n[desk]\nfile = "{tmp_path / "hq.desk.db"}"\n'
        '[[centres]]\nid = "pune-1"\nzone = "west"\n',
        encoding="utf-8",
    )
    begin, head = store.seal("start"), store.seal()
    without_keys = store.restore()
    again = without_keys.seal("start")
    for epoch in (begin, head, again):
        chain.add_signed_log_entry(epoch, NOW, {}, NOW)
    met = SealChain()
    met.add_signed_log_entry(without_keys.seal(), NOW, {}, NOW)

    async def store_chains() -> None:
        async with open_database(database_address) as db:
            await db.prepare_schema()
            await db.run_statement("INSERT INTO centre (centre, zone) VALUES ('pune-1', 'west')")
            known = KnownStore("1" * 32, None, StoreState.ACCEPTED, 40, NOW, "")
            await write_stores_of_centres(
                db, {"pune-1": {"1" * 32: known, "": KnownStore("", None, StoreState.REPLACED, 3, 0, "")}}
            )
            await write_signed_log_of_store(db, "pune-1", "1" * 32, chain)
            await write_signed_log_of_store(db, "pune-1", "", met)

    asyncio.run(store_chains())
    code, listed = run("hq", "store", "list", "-c", path)
    assert code == 0
    assert (
        f"dialer audit verify --first-key {begin.key} --head 2:{head.compute_digest_of_signed_log_entry()}\n" in listed
    )
    assert "the first key is unknown here: the store was sealed before it sent its first results" in listed
    assert "CONTRADICTED: epoch 3: begins new keys in the same store, after epoch 2" in listed
    assert f"after that, a chain of keys began with {again.key}" in listed
    assert run("hq", "store", "accept", "pune-1", "1111", "--who", "asha", "-c", path)[0] == 0
    listed = run("hq", "store", "list", "-c", path)[1]
    keys = f"--first-key {begin.key} --first-key {again.key}"
    assert f"dialer audit verify {keys} --head 3:{again.compute_digest_of_signed_log_entry()}\n" in listed
    assert "CONTRADICTED" not in listed
    assert "store-accepted" in run("hq", "audit", "-c", path)[1]


async def sign_in_to_headquarters(
    browser: Browser, hq: Headquarters, user: str, faults: list[str], **options: Any
) -> Page:
    page = await new_page(browser, faults, **options)
    await page.goto(hq.origin)
    await sign_in(page, user, PASSWORD)
    await page.wait_for_selector(".tiles")
    return page


@pytest.mark.skipif(NEEDS_A_BROWSER[0].args[0] or NEEDS_A_BROWSER[1].args[0], reason="needs chromium and built pages")
async def test_every_headquarters_page_is_accessible_and_links_lead_from_zones_to_booths(hq: Headquarters) -> None:
    faults: list[str] = []
    found: list[Any] = []
    async with run_chromium() as browser:
        page = await sign_in_to_headquarters(browser, hq, "headquarters", faults)
        await expect(page.locator(".zone")).to_have_count(2)
        await page.get_by_role("link", name="west", exact=True).first.click()
        await page.get_by_role("link", name="pune-1", exact=True).last.click()
        await page.get_by_role("link", name="S13 209").click()
        await expect(page.locator("tbody tr")).to_contain_text("209/2")
        await page.reload()
        await expect(page.locator("tbody tr")).to_contain_text("50%")
        await page.get_by_role("link", name="Incidents").click()
        await page.get_by_role("combobox", name="Zone or centre").select_option("centre:pune-1")
        await page.get_by_label("Description").fill("<img src=x onerror=alert(1)>")
        await page.get_by_role("button", name="Open an incident").click()
        await expect(page.locator(".alert")).to_contain_text("<img src=x")
        await expect(page.locator(".alert")).to_contain_text("owner: headquarters")
        west = await sign_in_to_headquarters(browser, hq, "zone-west", faults)
        await expect(west.locator(".zone")).to_have_count(1)
        assert await west.get_by_role("link", name="Audit").count() == 0
        for language in LANGUAGES:
            page = await sign_in_to_headquarters(browser, hq, "headquarters", faults, language=f"{language}-IN")
            for width, height in SIZES:
                await page.set_viewport_size({"width": width, "height": height})
                for view in ("figures", "incidents", "material", "orders", "days", "ready", "audit", "account"):
                    await page.evaluate(f"location.hash = 'view={view}'")
                    await page.wait_for_selector("main .panel")
                    assert not await find_overflowing_elements(page), (view, width, language)
                    if (language, width) in {
                        ("en", SIZES[0][0]),
                        ("hi", SIZES[-1][0]),
                    }:  # each view once in both languages
                        found += await find_accessibility_violations(page)
            await page.evaluate("location.hash = 'zone=west&centre=pune-1&constituency=S13.209'")
            await expect(page.locator("tbody tr")).to_contain_text("209/2")
            assert not await find_overflowing_elements(page)
            found += await find_accessibility_violations(page)
    assert not faults
    assert_accessible(found)
