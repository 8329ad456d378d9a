"""Flows and AGI scripts during whose actions the call ends, or another process stores marks for the same voters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.model import AttemptId, Mark, MarkSource, Outcome
from dialer.domain.view import CallChange, CallState
from dialer.flows.model import Scope
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.simulation.asterisk.voters import Behaviour
from dialer.switch.asterisk.agi_call import AgiCall
from tests.support.agi_scripts import skip_without_containment
from tests.support.centre import SCRIPTS_AS_WE_ARE, Site, a_site
from tests.support.live_flows import DECLARED, ivr_campaign, scripted_voters
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time

# Scripts. In real time: a process knows no other.

ASK = """
import signal, sys

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])

def ask(line):
    print(line, flush=True)
    return sys.stdin.readline().strip()

while sys.stdin.readline().strip():
    pass
"""
BUSY = """
ask("WAIT FOR DIGIT 5000")
signal.sigwait([signal.SIGHUP])  # in place of a slow look-up
ask("SET VARIABLE MATDAN_MARK voted")
"""


async def test_agi_script_may_store_an_answer_after_the_hang_up(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    skip_without_containment()
    script = tmp_path_factory.mktemp("scripts") / "survey.py"
    script.write_text(ASK + BUSY)
    config = scripted_voters(Behaviour(answer_after=0.05, keys=((1.0, "1"),), hang_up_after=1.5))
    async with a_site(
        tmp_path, config, campaign=ivr_campaign(f"script:{script}", declared=DECLARED), flows=SCRIPTS_AS_WE_ARE
    ) as site:
        await site.until(lambda: len(site.ended()) >= 1, 20)
        assert site.centre_view.state.marks == {"voted": 1}
    assert query_site_store(tmp_path, "SELECT outcome, left_at FROM attempt WHERE phone_id = 1") == [
        ("left", "script (hung-up)")
    ]
    assert query_site_store(tmp_path, "SELECT kind, source FROM mark") == [("voted", "voter-key")]


async def test_agi_script_past_its_time_limit_ends_the_call(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    skip_without_containment()
    folder = tmp_path_factory.mktemp("scripts")
    script, started = folder / "survey.py", folder / "started"
    script.write_text(ASK + f"open({str(started)!r}, 'a').write('once ')\nask('WAIT FOR DIGIT -1')\n")
    campaign = ivr_campaign(f"script:{script}", declared=DECLARED)
    config = scripted_voters(Behaviour(answer_after=0.05))  # the caller stays on the line
    async with a_site(tmp_path, config, campaign=campaign, flows={"script_seconds": 1, **SCRIPTS_AS_WE_ARE}) as site:
        await site.until(lambda: len(site.ended()) >= 1, 10)
    assert query_site_store(tmp_path, "SELECT outcome, left_at FROM attempt WHERE phone_id = 1") == [
        ("left", "script (too-long)")
    ]
    assert started.read_text() == "once "


# Households


async def wait_for_flow(site: Site) -> AttemptId:
    """Wait until the flow of the household's call has started, and return its attempt."""

    def list_started_flows() -> list[CallChange]:
        return [each for each in site.changes if isinstance(each, CallChange) and each.state is CallState.IN_FLOW]

    await site.until(lambda: bool(list_started_flows()))
    return AttemptId(list_started_flows()[0].attempt_id)


async def store_marks(site: Site, known: list[int]) -> None:
    """Store marks for the household, as from a booth worker's list."""
    at = site.clock.now()
    for voter in known:
        mark = Mark(f"list/{voter}", voter, MarkKind.VOTED, MarkSource.BOOTH_WORKER, at)
        await site.centre.store.save_voter_mark(mark)


@virtual_time()
async def test_flow_thanks_a_household_whose_last_voter_is_recorded_during_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[str] = []
    stream_file = AgiCall.play_sound_file

    async def record_played_sound(self: AgiCall, name: str, *rest: Any, **more: Any) -> str | None:
        played.append(name.rpartition("/")[2])
        return await stream_file(self, name, *rest, **more)

    monkeypatch.setattr(AgiCall, "play_sound_file", record_played_sound)
    nobody = Behaviour(fails_with=0)
    config = scripted_voters(*[nobody] * 5, Behaviour(keys=((9.0, "1"),)))
    async with a_site(tmp_path, config, campaign=ivr_campaign("household", channels=30)) as site:
        await wait_for_flow(site)
        await store_marks(site, await site.centre.store.find_pending_voters(6))
        await site.until(lambda: any(change.outcome is Outcome.COMPLETED for change in site.ended()))
    assert "noted_all" in played
    assert "not_saved" not in played
    assert query_site_store(tmp_path, "SELECT DISTINCT source FROM mark") == [("booth-worker",)]


@virtual_time()
async def test_ivr_flow_records_answers_only_for_the_remaining_voters_of_a_household(tmp_path: Path) -> None:
    nobody = Behaviour(fails_with=0)
    config = scripted_voters(*[nobody] * 5, Behaviour())
    async with a_site(tmp_path, config, campaign=ivr_campaign("household", channels=30)) as site:
        attempt_id = await wait_for_flow(site)
        first, *others = await site.centre.store.find_pending_voters(6)
        assert others
        await store_marks(site, others)
        desk = site.centre.engine.features.ivr_flow_service
        desk.end_flow_of_call(
            attempt_id, completed=False, left_at=None, answers={}
        )  # the flow's connection is lost, and it comes back
        session = desk.start_flow_of_call(attempt_id)
        assert session is not None

        async def commit_mark(sequence: int, said: MarkKind, count: int | None = None) -> bool:
            what = FlowCommit(CommitKind.MARK, "node", sequence, mark=said, scope=Scope.HOUSEHOLD, count=count)
            return await desk.store_input_of_ivr_caller(session, what)

        assert await commit_mark(101, MarkKind.NOT_YET, count=len(others) + 1)  # more than are pending
        assert await commit_mark(102, MarkKind.VOTED)
        assert await commit_mark(103, MarkKind.VOTED)  # nobody is left
    told = "SELECT voter_id, kind FROM mark WHERE source = 'relative' ORDER BY mark_id"
    assert query_site_store(tmp_path, told) == [(first, "not-yet"), (first, "voted")]
