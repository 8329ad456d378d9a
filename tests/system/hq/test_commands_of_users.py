"""Commands at headquarters act as a user of its pages: the same rights, the same second user, and the same audit."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.hq.desk import open_user_accounts
from dialer.hq.proposals import VALID_SECONDS, Proposals
from dialer.web.people import SignedInUser
from dialer.web.refusals import RequestRefused
from tests.support.command_line import run
from tests.support.desk import PASSWORD
from tests.support.headquarters import query_database
from tests.support.headquarters_pages import Headquarters, publish_material
from tests.support.material import KEYS
from tests.support.seats import CHEAP

ANSWER = "/api/hq/proposals/answer"
MATERIAL = "/api/hq/proposals/material"


_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


async def command(
    hq: Headquarters, user: str, *words: str, password: str = PASSWORD, settings: Path | None = None
) -> tuple[int, str]:
    """Run `dialer hq` as a user. Return exit code and output, without log lines of the headquarters in this process."""
    options: list[Any] = ["--as", user, "--password", "-", "-c", settings or hq.path]
    code, output = await asyncio.to_thread(run, "hq", *words, *options, given=f"{password}\n")
    return code, "".join(line for line in output.splitlines(keepends=True) if not _LOG_LINE.match(line))


async def read_actions(hq: Headquarters) -> list[tuple[str, str, dict[str, str]]]:
    """Return kind, user and details of the audit's entries about material, the oldest first."""
    entries = (await hq.get("compliance", "/api/hq/audit")).json()[::-1]
    return [
        (each["kind"], each["who"], json.loads(each["what"]))
        for each in entries
        if each["kind"] not in {"account-set", "account-removed"}
    ]


async def test_campaign_material_proposed_by_a_command_is_assigned_after_another_user_confirms(
    hq: Headquarters, tmp_path: Path
) -> None:
    repository = publish_material(hq.settings, tmp_path)
    code, output = await command(hq, "media", "bundle", "assign", "turnout", "8", "--to", "centre:pune-1")
    assert (code, "proposal 1 of media waits for another user" in output) == (0, True)
    assert repository.read_roll_out_waves().waves == ()
    confirmed = await hq.post("compliance", ANSWER, id=1, answer="confirm")
    assert confirmed.json() == {"state": "done", "result": ""}
    await hq.succeed("media", MATERIAL, name="turnout", version=8, to="zone:east")
    assert await command(hq, "compliance", "proposal", "confirm", "2") == (0, "proposal 2: done\n")
    assert {to for wave in repository.read_roll_out_waves().waves for to in wave.to} == {"centre:pune-1", "zone:east"}


async def test_headquarters_action_by_command_has_the_same_audit_entry_as_on_a_page(
    hq: Headquarters, tmp_path: Path
) -> None:
    publish_material(hq.settings, tmp_path)
    await command(hq, "media", "bundle", "assign", "turnout", "8", "--to", "centre:pune-1")
    await command(hq, "compliance", "proposal", "decline", "1")
    by_command = await read_actions(hq)
    await hq.succeed("media", MATERIAL, name="turnout", version=8, to="centre:pune-1")
    await hq.post("compliance", ANSWER, id=2, answer="decline")
    by_page = [(kind, who, {**what, "proposal": "1"}) for kind, who, what in (await read_actions(hq))[2:]]
    assert [(kind, who) for kind, who, _ in by_page] == [
        ("material-proposed", "media"),
        ("material-answered", "compliance"),
    ]
    assert by_command == by_page
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (db, _, _, _):
        assert await db.find_breaks_in_audit_chain() == []


@pytest.mark.parametrize("to", ["all", "centre:pune-1"])
async def test_same_accounts_may_propose_campaign_material_by_command_as_on_the_page(
    hq: Headquarters, tmp_path: Path, to: str
) -> None:
    publish_material(hq.settings, tmp_path)
    accepted = set()
    for user in hq.tokens:
        on_page = await hq.post(user, MATERIAL, name="turnout", version=8, to=to)
        code, output = await command(hq, user, "bundle", "assign", "turnout", "8", "--to", to)
        assert (code == 0) is (on_page.status_code == 204), (user, output)
        accepted |= {user} if code == 0 else set()
    in_west = {"media-west", "headquarters-west"} if to == "centre:pune-1" else set()
    assert accepted == {"media", "headquarters", *in_west}


@pytest.mark.parametrize("kind", ["rollout", "resume"])
async def test_same_accounts_may_decline_a_proposal_by_command_as_on_the_page(hq: Headquarters, kind: str) -> None:
    sql = (
        'INSERT INTO proposal (kind, "to", text, proposed_by, proposed_at)'
        " VALUES ($1, 'zone:west', 'turnout 8', 'headquarters', extract(epoch from now())) RETURNING id"
    )
    accepted = set()
    for user in hq.tokens:
        [(first,)], [(second,)] = [await query_database(hq.database, sql, kind) for _ in range(2)]
        on_page = await hq.post(user, ANSWER, id=first, answer="decline")
        code, output = await command(hq, user, "proposal", "decline", str(second))
        assert (code == 0) is (on_page.status_code == 200), (user, output)
        accepted |= {user} if code == 0 else set()
    assert accepted == {"compliance", "compliance-west", "headquarters-west"}  # not the user who proposed it


async def test_refused_headquarters_command_gives_a_one_line_error(hq: Headquarters, tmp_path: Path) -> None:
    publish_material(hq.settings, tmp_path)
    assign = ("bundle", "assign", "turnout", "8", "--to", "all")
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (_, _, people, _):
        once = await people.create_one_time_password("ravi-of-patna")
    without_database = tmp_path / "other.toml"
    without_database.write_text(
        f'gather.database = "postgresql://nobody@127.0.0.1:1/none"\ndesk.file = "{tmp_path / "other.db"}"\n'
    )
    assert (await command(hq, "headquarters", *assign))[0] == 0
    old = await query_database(
        hq.database,
        'INSERT INTO proposal (kind, "to", text, proposed_by, proposed_at)'
        " VALUES ('material', 'all', 'turnout 7', 'media', extract(epoch from now()) - $1::float8) RETURNING id",
        VALID_SECONDS,
    )
    for user, words, options, expected in (
        ("media", assign, {"password": "not the password"}, "no account has this name and password"),
        ("nobody", assign, {}, "no account has this name and password"),
        ("ravi-of-patna", assign, {"password": once}, "the user ravi-of-patna has a one-time password"),
        ("viewer", assign, {}, "the role of the user viewer does not allow this"),
        ("media-west", assign, {}, "outside the zone of the user media-west"),
        ("media", ("bundle", "assign", "turnout", "8", "--to", "zone:nowhere"), {}, "these centres do not exist"),
        ("media", ("bundle", "assign", "turnout", "9", "--to", "all"), {}, "this version is not approved"),
        ("headquarters", ("proposal", "confirm", "1"), {}, "another user must confirm or decline it"),
        ("compliance", ("proposal", "confirm", "99"), {}, "no proposal with this ID waits"),
        (
            "compliance",
            ("proposal", "confirm", str(old[0][0])),
            {},
            "has expired, because nobody answered it within a day",
        ),
        ("viewer", ("bundle", "waves", "turnout", "8"), {}, "the role of the user viewer does not allow this"),
        ("media-west", ("bundle", "waves", "turnout", "8"), {}, "outside the zone of the user media-west"),
        ("viewer", ("bundle", "publish"), {}, "the role of the user viewer does not allow this"),
        ("media-west", ("bundle", "publish"), {}, "outside the zone of the user media-west"),
        ("viewer", ("bundle", "withdraw", "turnout", "8"), {}, "the role of the user viewer does not allow this"),
        ("media", assign, {"settings": without_database}, "headquarters' database does not answer"),
    ):
        code, output = await command(hq, user, *words, **options)
        assert (code, expected in output, output.count("\n")) == (2, True, 0), output
    assert [kind for kind, _, _ in await read_actions(hq)] == ["material-proposed"]


async def test_headquarters_account_that_was_removed_can_no_longer_act_by_command(
    hq: Headquarters, tmp_path: Path
) -> None:
    publish_material(hq.settings, tmp_path)
    assign = ("bundle", "assign", "turnout", "8", "--to", "all")
    assert (await command(hq, "media", *assign))[0] == 0
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (_, accounts, _, _):
        await accounts.remove_account("media", "a-test")
    code, output = await command(hq, "media", *assign)
    assert (code, "no account has this name and password" in output) == (2, True)


async def test_rollout_of_campaign_material_that_nobody_confirmed_in_time_can_be_proposed_again(
    hq: Headquarters, tmp_path: Path
) -> None:
    repository = publish_material(hq.settings, tmp_path)
    waves = ("bundle", "waves", "turnout", "8")
    for _ in range(2):  # a second call makes no second proposal
        code, output = await command(hq, "media", *waves)
        assert (code, output.startswith("turnout 8 in waves: proposal 1 of media waits for another user")) == (1, True)
    await query_database(hq.database, "UPDATE proposal SET proposed_at = proposed_at - $1::float8", VALID_SECONDS)
    assert "proposal 2 of media waits" in (await command(hq, "media", *waves))[1]
    assert await command(hq, "compliance", "proposal", "confirm", "2") == (0, "proposal 2: confirmed\n")
    assert repository.read_roll_out_waves().waves == ()  # it is carried out by the command
    await query_database(hq.database, "UPDATE proposal SET answered_at = answered_at - $1::float8", VALID_SECONDS)
    assert "proposal 3 of media waits" in (await command(hq, "media", *waves))[1]
    code, output = await command(hq, "compliance", "proposal", "list")
    states = [line.partition("+")[0].rpartition(": ")[2] for line in output.splitlines()]
    assert (code, states) == (0, ["expired", "confirmed by compliance", "open"])


@pytest.mark.parametrize(("problem", "state"), [("", "done"), ("centre:pune-1 " + "x" * 400, "failed")])
async def test_running_rollout_may_assign_its_version_to_further_centres(
    hq: Headquarters, tmp_path: Path, problem: str, state: str
) -> None:
    repository, who = publish_material(hq.settings, tmp_path), SignedInUser("media", HqRole.MEDIA)
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (db, accounts, _, _):
        proposals = Proposals(hq.settings, db, accounts)
        number = (await proposals.propose_rollout("turnout", 8, who)).id
        with pytest.raises(RequestRefused, match="no-rollout") as refused:
            await proposals.assign_rollout_to_next_centres(number, ["all"], who)
        assert refused.value.status == 409
        second = SignedInUser("compliance", HqRole.COMPLIANCE)
        assert (await proposals.answer_proposal(number, second, confirm=True)).state == "confirmed"
        assert await proposals.find_confirmed_rollout("turnout", 8, who) == number
        assert await proposals.find_confirmed_rollout("turnout", 9, who) is None
        for stranger in (second, SignedInUser("media-west", HqRole.MEDIA)):
            with pytest.raises(RequestRefused):
                await proposals.assign_rollout_to_next_centres(number, ["all"], stranger)
        await proposals.assign_rollout_to_next_centres(number, ["centre:pune-1", "zone:east"], who)
        waves = repository.read_roll_out_waves().waves
        assert [(wave.name, wave.version, {*wave.to}) for wave in waves] == [
            ("turnout", 8, {"centre:pune-1", "zone:east"})
        ]
        await proposals.record_end_of_rollout(number, problem, who)
        with pytest.raises(RequestRefused, match="no-rollout"):
            await proposals.record_end_of_rollout(number, "", who)
        assert await proposals.find_confirmed_rollout("turnout", 8, who) is None
        [listed] = await proposals.list_proposals(who)
        assert (listed.state, listed.result) == (state, problem[:300])
        assert (listed.kind, listed.to, listed.text) == ("rollout", "all", "turnout 8")
        assert await db.find_breaks_in_audit_chain() == []
    details = {"proposal": str(number), "version": "turnout 8"}
    assert (await read_actions(hq))[2:] == [
        ("rollout-assigned", "media", {**details, "to": "centre:pune-1"}),
        ("rollout-assigned", "media", {**details, "to": "zone:east"}),
        ("rollout-settled", "media", {**details, "to": "all", "state": state}),
    ]


async def test_confirmation_to_continue_a_rollout_of_campaign_material_expires_after_a_day(
    hq: Headquarters, tmp_path: Path
) -> None:
    publish_material(hq.settings, tmp_path)
    who = SignedInUser("media", HqRole.MEDIA)
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (db, accounts, _, _):
        proposals = Proposals(hq.settings, db, accounts)
        number = (await proposals.propose_rollout("turnout", 8, who)).id
        await proposals.answer_proposal(number, SignedInUser("compliance", HqRole.COMPLIANCE), confirm=True)
        await query_database(hq.database, "UPDATE proposal SET answered_at = answered_at - $1::float8", VALID_SECONDS)
        assert await proposals.find_confirmed_rollout("turnout", 8, who) is None
        with pytest.raises(RequestRefused, match="no-rollout"):
            await proposals.assign_rollout_to_next_centres(number, ["all"], who)


async def test_confirmed_or_declined_proposal_shows_who_answered_and_when(hq: Headquarters, tmp_path: Path) -> None:
    publish_material(hq.settings, tmp_path)
    who, second = SignedInUser("media", HqRole.MEDIA), SignedInUser("compliance", HqRole.COMPLIANCE)
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (db, accounts, _, _):
        proposals = Proposals(hq.settings, db, accounts)
        first = time.time()
        for confirm in (True, False):
            number = (await proposals.propose_material("turnout", 8, "centre:pune-1", who)).id
            await proposals.answer_proposal(number, second, confirm=confirm)
        answered = await proposals.list_proposals(who)
        assert [(each.state, each.answered_by) for each in answered] == [
            ("done", "compliance"),
            ("declined", "compliance"),
        ]
        assert all(first <= (each.answered_at or 0.0) <= time.time() for each in answered)
        with pytest.raises(RequestRefused, match="role") as refused:
            await proposals.propose_material("turnout", 8, "all", second)
        assert refused.value.status == 403
        resume = SignedInUser("headquarters", HqRole.HEADQUARTERS)
        await proposals.propose_that_calls_resume("all", "the court has lifted it", resume)
    *answers, resumed = await read_actions(hq)
    assert [what.get("state") for _, _, what in answers] == [None, "confirmed", None, "declined"]
    assert resumed == ("resume-proposed", "headquarters", {"proposal": "3", "to": "all"})


async def test_refused_material_proposal_has_an_http_status_for_its_cause(hq: Headquarters, tmp_path: Path) -> None:
    publish_material(hq.settings, tmp_path)
    who, second = SignedInUser("media", HqRole.MEDIA), SignedInUser("compliance", HqRole.COMPLIANCE)
    both = SignedInUser("media", HqRole.COMPLIANCE)
    async with open_user_accounts(hq.settings, SystemClock(), CHEAP) as (db, accounts, _, _):
        proposals = Proposals(hq.settings, db, accounts)
        number = (await proposals.propose_material("turnout", 8, "all", who)).id
        refused: list[tuple[str, int]] = []
        for answer in (
            proposals.propose_material("turnout", 9, "all", who),
            proposals.answer_proposal(number + 1, second, confirm=True),
            proposals.answer_proposal(number, both, confirm=True),
        ):
            with pytest.raises(RequestRefused) as raised:
                await answer
            refused.append((str(raised.value), raised.value.status))
        await query_database(hq.database, "UPDATE proposal SET proposed_at = proposed_at - $1::float8", VALID_SECONDS)
        with pytest.raises(RequestRefused) as raised:
            await proposals.answer_proposal(number, second, confirm=True)
        refused.append((str(raised.value), raised.value.status))
    assert refused == [("not-approved", 409), ("no-proposal", 404), ("own-proposal", 409), ("proposal-expired", 409)]


async def test_withdrawal_of_campaign_material_is_drafted_and_audited_under_the_users_name(
    hq: Headquarters, tmp_path: Path
) -> None:
    repository = publish_material(hq.settings, tmp_path)
    code, output = await command(hq, "media", "bundle", "withdraw", "turnout", "9")
    assert (code, "turnout 9" in output) == (2, True)
    assert await read_actions(hq) == []
    assert (await command(hq, "media", "bundle", "withdraw", "turnout", "8"))[0] == 0
    assert repository.list_versions_changed_by_draft()[1] == ["bundles/turnout/8.json"]
    assert await read_actions(hq) == [("withdrawal-drafted", "media", {"version": "turnout 8"})]


async def test_publication_of_campaign_material_is_audited_with_user_versions_and_both_signatures(
    hq: Headquarters, tmp_path: Path
) -> None:
    repository = publish_material(hq.settings, tmp_path)
    repository.draft_bundle_from_folder(tmp_path / "source", "turnout", 9, "india", time.time())
    code, output = await command(hq, "media", "bundle", "publish")
    assert (code, "nobody of the department media has signed" in output) == (2, True)
    assert await read_actions(hq) == []
    repository.draft_withdrawal_of_material_version("turnout", 8, time.time())
    for name in ("lata", "meena"):
        repository.sign_drafted_bundles(KEYS[name])
    assert await command(hq, "media", "bundle", "publish") == (0, "approved: bundles/turnout/9.json\n")
    signed = {"media": "lata", "compliance": "meena"}
    assert await read_actions(hq) == [
        ("material-published", "media", {"version": "bundles/turnout/9.json", "state": "approved", **signed}),
        ("material-published", "media", {"version": "bundles/turnout/8.json", "state": "withdrawn", **signed}),
    ]
