"""Own call-backs: placed for the agent who promised them, at the agreed time; later for any agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.model import Outcome
from dialer.domain.view import SeatState
from dialer.engine.seats.commands import SeatCampaigns, SeatHangUp, SeatLogIn, SeatLogOff, SeatPause, SeatReady
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import Site, a_site
from tests.support.dispositions import Page
from tests.support.seats import CHEAP, seat
from tests.support.stored import query_site_store, query_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch, make_scripted_switch

AGENTS: list[dict[str, Any]] = [{"number": number, "pin": CHEAP.hash("2468")} for number in ("101", "102")]
TALKS = {"wrap_up_seconds": 60.0, "own_call_back_wait_minutes": 10}
ONE_NUMBER = make_scripted_switch(Behaviour(answer_after=4.0, talk_seconds=10.0), seats=2)
LONG_LIST = make_answering_switch(answer_after=4.0, post_dial_seconds=1.0, talk_seconds=40.0)
CALLS = "SELECT created_at, seat, agent, outcome FROM attempt WHERE phone_id = ? ORDER BY created_at"


async def sign_agents_in(site: Site, *names: str) -> None:
    for name in names:
        await site.centre.engine.execute_command(SeatLogIn(seat=name, agent=f"1{name}", pin="2468"))
    await site.until(lambda: all(seat(site, name).agent is not None for name in names))


@asynccontextmanager
async def run_site_with_two_agents(
    folder: Path, lines: Any, *, voters: int, **changes: Any
) -> AsyncIterator[tuple[Site, Page]]:
    campaign = {**TALKS, **changes.pop("campaign", {})}
    async with a_site(folder, lines, voters=voters, agents=AGENTS, campaign=campaign, **changes) as site:
        await sign_agents_in(site, "01", "02")
        yield site, Page(site, folder)


async def promise_call_back(site: Site, page: Page, seconds: float, name: str = "01") -> tuple[int, float]:
    """Let the agent promise a call-back in this many seconds. Return the number's id and the agreed time."""
    await site.until(lambda: seat(site, name).state is SeatState.WRAP_UP)
    attempt = seat(site, name).attempt_id
    at = round(site.clock.now()) + seconds
    assert (await page.dispose(attempt, "call-back", name, call_back_at=at, own_call_back=True))[0] == "done"
    [(phone_id,)] = query_store(page._store, "SELECT phone_id FROM attempt WHERE attempt_id = ?", attempt)
    return int(phone_id), at


def read_later_calls(folder: Path, phone_id: int) -> list[tuple[Any, ...]]:
    """Return the calls to a number after its first one."""
    return query_store(folder / "centre.db", CALLS, phone_id)[1:]


async def wait_for_second_call(site: Site, folder: Path, phone_id: int, seconds: float) -> None:
    """Wait until the number has a second call. The store is read once for each placed call."""
    looked_at = 0

    def has_second_call() -> bool:
        nonlocal looked_at
        placed, looked_at = looked_at, len(site.switch.placed_calls)
        return placed != looked_at and bool(read_later_calls(folder, phone_id))

    await site.until(has_second_call, seconds)


@virtual_time()
@pytest.mark.parametrize("name", ["01", "02"])
async def test_promised_call_back_is_connected_to_the_agent_who_made_the_promise(tmp_path: Path, name: str) -> None:
    async with run_site_with_two_agents(tmp_path, ONE_NUMBER, voters=1) as (site, page):
        other = {"01": "02", "02": "01"}[name]
        await site.centre.engine.execute_command(SeatPause(seat=other, reason="meal"))
        phone_id, hour = await promise_call_back(site, page, 600.0, name)
        await site.centre.engine.execute_command(
            SeatReady(seat=other)
        )  # idle for longer, so it would get any other call
        await asyncio.sleep(590.0)
        assert read_later_calls(tmp_path, phone_id) == []
        await site.until(lambda: seat(site, name).state is SeatState.TALKING, seconds=30.0)
        [(placed_at, at_seat, agent, _)] = read_later_calls(tmp_path, phone_id)
        assert (0.0 <= placed_at - hour <= 2.0, at_seat, agent) == (True, name, f"1{name}")
        grounds = "SELECT count(*) FROM attempt JOIN lawful USING (lawful_id) WHERE grounds ->> 'asked_for' IS NOT NULL"
        assert query_site_store(tmp_path, grounds) == [(1,)]
        await asyncio.sleep(700.0)
        assert len(read_later_calls(tmp_path, phone_id)) == 1


@virtual_time()
@pytest.mark.parametrize("leaves", [SeatLogOff(seat="01"), SeatPause(seat="01", reason="meal")])
async def test_promised_call_back_goes_to_another_agent_after_the_longest_wait(tmp_path: Path, leaves: Any) -> None:
    async with run_site_with_two_agents(tmp_path, ONE_NUMBER, voters=1) as (site, page):
        await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
        phone_id, hour = await promise_call_back(site, page, 600.0)
        await site.centre.engine.execute_command(leaves)
        await site.centre.engine.execute_command(SeatReady(seat="02"))
        await asyncio.sleep(600.0 + 590.0)
        assert read_later_calls(tmp_path, phone_id) == []
        await site.until(lambda: seat(site, "02").state is SeatState.TALKING, seconds=40.0)
        [(placed_at, at_seat, _, _)] = read_later_calls(tmp_path, phone_id)
        assert (placed_at - hour >= 600.0, at_seat) == (True, "02")


@virtual_time()
async def test_agent_who_logs_in_late_still_gets_an_own_promised_call_back(tmp_path: Path) -> None:
    async with run_site_with_two_agents(tmp_path, ONE_NUMBER, voters=1) as (site, page):
        await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
        phone_id, _ = await promise_call_back(site, page, 900.0)
        await site.centre.engine.execute_command(SeatLogOff(seat="01"))
        await site.centre.engine.execute_command(SeatReady(seat="02"))
        await asyncio.sleep(900.0 + 300.0)
        await sign_agents_in(site, "01")
        await site.until(lambda: seat(site).state is SeatState.TALKING, seconds=30.0)
        assert [at_seat for _, at_seat, _, _ in read_later_calls(tmp_path, phone_id)] == ["01"]


@virtual_time()
@pytest.mark.parametrize("pacing", ["progressive", "predictive", "preview"])
async def test_busy_agent_gets_an_own_promised_call_back_as_the_next_call(tmp_path: Path, pacing: str) -> None:
    """The list is long and every voter answers, so without a reserved seat the agent would never get the call-back."""
    campaign = {"pacing": pacing, **({"preview_seconds": 5} if pacing == "preview" else {})}
    async with run_site_with_two_agents(tmp_path, LONG_LIST, voters=200, campaign=campaign) as (site, page):
        await site.until(lambda: seat(site).state is SeatState.TALKING)
        phone_id, hour = await promise_call_back(site, page, 300.0)
        await asyncio.sleep(hour - site.clock.now())
        await wait_for_second_call(site, tmp_path, phone_id, 130.0)
        [(placed_at, _, _, _)] = read_later_calls(tmp_path, phone_id)
        await site.until(lambda: seat(site).state is SeatState.TALKING, seconds=20.0)
        [(_, at_seat, _, _)] = read_later_calls(tmp_path, phone_id)
        assert at_seat == "01"
        assert 0.0 <= placed_at - hour <= 120.0  # at most one talk and its wrap-up
        mine = query_site_store(
            tmp_path, "SELECT phone_id, created_at FROM attempt WHERE seat = '01' ORDER BY connected_at"
        )
        assert mine[-1][0] == phone_id
        assert len(mine) > 2
        await asyncio.sleep(60.0)
    assert Outcome.ABANDONED not in {call.outcome for call in site.ended()}


@virtual_time()
async def test_seat_restricted_to_other_campaigns_is_not_kept_for_a_promised_call_back(
    tmp_path: Path,
) -> None:
    day = [{"start": "00:00", "until": "23:59:59"}]
    two = [{**TALKS, "id": each, "kind": "agents", "pacing": "progressive", "hours": day} for each in ("one", "two")]
    async with run_site_with_two_agents(tmp_path, LONG_LIST, voters=200, campaigns=two) as (site, page):
        await site.until(lambda: seat(site).state is SeatState.TALKING)
        seats = site.centre.engine.features.agent_seats
        others = ({"one", "two"} - {seats["01"].campaign_id}).pop()
        await promise_call_back(site, page, 300.0)
        await site.until(lambda: seats["01"].call_back_promised, seconds=400.0)
        await site.centre.engine.execute_command(SeatCampaigns(seat="01", campaigns=(others,)))
        await site.until(lambda: not seats["01"].call_back_promised, seconds=2.0)


@virtual_time()
async def test_unanswered_calls_to_a_number_do_not_delay_its_promised_call_back(tmp_path: Path) -> None:
    first = Behaviour(answer_after=4.0, talk_seconds=10.0)
    async with run_site_with_two_agents(tmp_path, make_scripted_switch(first, seats=2), voters=400) as (site, page):
        await site.centre.engine.execute_command(SeatLogOff(seat="02"))
        phone_id, hour = await promise_call_back(site, page, 300.0)
        await asyncio.sleep(hour - site.clock.now())
        assert read_later_calls(tmp_path, phone_id) == []
        await wait_for_second_call(site, tmp_path, phone_id, 70.0)
        [(placed_at, _, _, _)] = read_later_calls(tmp_path, phone_id)
        assert placed_at - hour <= 65.0
        await site.until(lambda: seat(site).state is SeatState.TALKING, seconds=20.0)


@virtual_time()
async def test_promised_call_back_survives_a_restart_and_is_called_once(tmp_path: Path) -> None:
    async with SimulatedAsterisk(ONE_NUMBER) as switch:
        async with run_site_with_two_agents(tmp_path, None, voters=1, switch=switch) as (site, page):
            await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
            phone_id, hour = await promise_call_back(site, page, 1_800.0)
        await asyncio.sleep(600.0)
        async with a_site(tmp_path, switch=switch, agents=AGENTS, campaign=TALKS) as site:
            await site.centre.engine.execute_command(SeatReady(seat="02"))
            await asyncio.sleep(1_190.0)
            assert read_later_calls(tmp_path, phone_id) == []
            await site.until(lambda: seat(site).state is SeatState.TALKING, seconds=30.0)
            await asyncio.sleep(900.0)
        [(placed_at, at_seat, _, _)] = read_later_calls(tmp_path, phone_id)
        assert (0.0 <= placed_at - hour <= 2.0, at_seat) == (True, "01")


@virtual_time()
async def test_call_back_whose_promise_was_undone_or_replaced_is_not_placed(tmp_path: Path) -> None:
    async with run_site_with_two_agents(tmp_path, ONE_NUMBER, voters=1) as (site, page):
        await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        attempt, at = seat(site).attempt_id, round(site.clock.now()) + 1_800.0
        kept = "SELECT agent, at, until FROM own_call_back"
        assert (await page.dispose(attempt, "call-back", call_back_at=at, own_call_back=True))[0] == "done"
        assert query_site_store(tmp_path, kept) == [("101", at, at + 600.0)]
        assert (await page.undo(attempt))[0] == "done"
        assert query_site_store(tmp_path, kept) == []
        assert (await page.dispose(attempt, "call-back", call_back_at=at))[0] == "done"
        assert query_site_store(tmp_path, kept) == []
        assert query_site_store(tmp_path, "SELECT due_at FROM target") == [(at,)]
        await site.centre.engine.execute_command(SeatLogOff(seat="01"))
        await site.centre.engine.execute_command(SeatReady(seat="02"))
        await asyncio.sleep(at - site.clock.now())
        await site.until(lambda: seat(site, "02").state is SeatState.TALKING, seconds=60.0)


@virtual_time()
async def test_opt_out_cancels_a_promised_call_back(tmp_path: Path) -> None:
    async with run_site_with_two_agents(tmp_path, ONE_NUMBER, voters=1) as (site, page):
        await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
        phone_id, _ = await promise_call_back(site, page, 600.0)
        await site.centre.store.save_opt_out(phone_id, at=site.clock.now(), source="test")
        await site.centre.engine.execute_command(SeatReady(seat="02"))
        await asyncio.sleep(1_500.0)
        assert read_later_calls(tmp_path, phone_id) == []
        assert [seat(site, name).state for name in ("01", "02")] == [SeatState.READY] * 2


@virtual_time()
async def test_invalid_call_back_promise_is_refused_and_not_stored(tmp_path: Path) -> None:
    async with run_site_with_two_agents(tmp_path, ONE_NUMBER, voters=1) as (site, page):
        await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        attempt = seat(site).attempt_id
        refused = await page.dispose(attempt, "call-back", own_call_back=True)
        assert refused == (
            "refused",
            "`seat-dispose`: `own_call_back` needs `call_back_at`: add the time as `call_back_at`, or leave `own_call_back` out",
        )
        for wrong in ("yes", 1):
            refused = await page.dispose(attempt, "call-back", call_back_at=site.clock.now() + 60, own_call_back=wrong)
            assert refused[0] == "refused"
            assert refused[1].startswith("`seat-dispose`: `own_call_back` must be true or false (")
        assert query_site_store(tmp_path, "SELECT disposition FROM attempt WHERE disposition IS NOT NULL") == []


@virtual_time()
async def test_agent_can_hang_up_a_promised_call_back_while_the_phone_rings(tmp_path: Path) -> None:
    twice = make_scripted_switch(Behaviour(answer_after=4.0, talk_seconds=10.0), Behaviour(answer_after=4.0), seats=2)
    async with run_site_with_two_agents(tmp_path, twice, voters=1) as (site, page):
        await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
        phone_id, _ = await promise_call_back(site, page, 600.0)
        await asyncio.sleep(598.0)
        await site.until(lambda: seat(site).dialling, seconds=10.0)
        await site.centre.engine.execute_command(SeatHangUp(seat="01"))
        await site.until(lambda: seat(site).state is SeatState.READY, seconds=10.0)
        assert len(read_later_calls(tmp_path, phone_id)) == 1
