"""A shipped flow over the real FastAGI server on TCP: keys, a hang-up, a lost connection, a missing sound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from dialer.domain.enums import MarkKind
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import Ending, FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, FlowCall, FlowResult, run_flow
from tests.support.agi_scripts import SCRIPT_ENVIRONMENT
from tests.support.flow_support import FACTS, FLOWS
from tests.support.waiting import HANG_SECONDS

HANG_UP = "HANGUP"
CUT = "CUT"


class Line:
    """A scripted Asterisk: it replies from `answers`, and otherwise plays each sound out or times out waiting for a key."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.commands: list[str] = []
        self._answers = answers
        self._dead = False

    async def talk(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SCRIPT_ENVIRONMENT.encode())
        while data := await reader.readline():
            command = data.decode().strip()
            self.commands.append(command)
            answer = self._answer(command)
            if answer == CUT:
                break
            writer.write(f"{answer}\n".encode())
        writer.close()

    def _answer(self, command: str) -> str:
        for begin, answer in self._answers.items():
            if command.replace('"', "").startswith(begin):
                if answer == HANG_UP:
                    self._dead = True
                    return "200 result=-1 endpos=800\nHANGUP"
                return answer
        if self._dead and not command.startswith(("SET VARIABLE", "GET VARIABLE")):
            return "511 Command Not Permitted on a dead channel or intercept routine"
        return "200 result=0 endpos=8000" if command.startswith("STREAM FILE") else "200 result=0"


async def call_through(line: Line) -> tuple[list[FlowResult], list[FlowCommit]]:
    results: list[FlowResult] = []
    commits: list[FlowCommit] = []

    async def record_commit(what: FlowCommit) -> bool:
        commits.append(what)
        line.commands.append(f"-- {what.kind} on disk")
        return True

    async def handler(call: AgiCall) -> None:
        served: FlowCall = call
        results.append(
            await run_flow(
                served,
                FLOWS["turnout"],
                FACTS,
                "hi",
                prompts=ConventionalPrompts(load_shipped_texts()),
                commit=record_commit,
            )
        )

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server, asyncio.timeout(HANG_SECONDS):
        await line.talk(server.port)
    return results, commits


async def test_flow_over_a_real_agi_connection_ends_after_one_key() -> None:
    line = Line({"WAIT FOR DIGIT": "200 result=49"})
    results, commits = await call_through(line)
    assert line.commands[0] == "ANSWER"
    committed = line.commands.index("-- mark on disk")
    assert "noted_voted" in line.commands[committed + 1]
    assert not any("noted" in command for command in line.commands[:committed])
    assert line.commands[-1] == "HANGUP"
    assert [commit.mark for commit in commits] == [MarkKind.VOTED]
    assert results[0].is_flow_completed


async def test_key_pressed_during_a_flow_question_stops_its_playback() -> None:
    line = Line({"STREAM FILE matdan/hi/turnout/question": "200 result=57 endpos=400"})
    results, _ = await call_through(line)
    assert not any(command.startswith("WAIT FOR DIGIT") for command in line.commands)
    assert results[0].state.node == "opted_out"


@pytest.mark.parametrize(
    ("where", "left_at"),
    [
        ("STREAM FILE matdan/hi/common/greeting", "greeting"),
        ("STREAM FILE matdan/hi/turnout/question", "question"),
        ("STREAM FILE matdan/hi/turnout/noted_voted", "noted_voted"),
    ],
)
@pytest.mark.parametrize("how", [HANG_UP, CUT])
async def test_hang_up_or_lost_agi_connection_ends_the_flow_normally(where: str, left_at: str, how: str) -> None:
    line = Line({where: how, "WAIT FOR DIGIT": "200 result=49"})
    results, commits = await call_through(line)
    assert results[0].state.ending is Ending.HUNG_UP
    assert results[0].state.node_where_caller_hung_up == left_at
    assert len(commits) == (left_at == "noted_voted")


async def test_missing_sound_in_a_flow_is_distinguished_from_a_hang_up() -> None:
    line = Line({"STREAM FILE matdan/hi/common/greeting": "200 result=-1 endpos=0", "WAIT FOR DIGIT": "200 result=49"})
    results, _ = await call_through(line)
    assert results[0].is_flow_completed


async def test_concurrent_flows_do_not_affect_each_other() -> None:
    made: list[str] = []

    async def handler(call: AgiCall) -> None:
        result = await run_flow(
            call,
            FLOWS["booth_worker"],
            FACTS,
            "hi",
            prompts=ConventionalPrompts(load_shipped_texts()),
            commit=_make_commit(made, call.env.unique_id),
        )
        assert result.is_flow_completed

    async def call_as_worker(port: int, serial: int) -> None:
        keys = [*str(serial), "#", "#"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SCRIPT_ENVIRONMENT.replace("7b0c", f"call-{serial}").encode())
        while data := await reader.readline():
            waits = data.startswith(b"WAIT FOR DIGIT")
            writer.write(f"200 result={ord(keys.pop(0)) if waits else 0} endpos=1\n".encode())
        writer.close()

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server, asyncio.timeout(HANG_SECONDS):
        await asyncio.gather(*(call_as_worker(server.port, serial) for serial in range(1, 101)))
    assert sorted(made) == sorted(f"call-{serial} {serial}" for serial in range(1, 101))


def _make_commit(made: list[str], call: str) -> Callable[[FlowCommit], Awaitable[bool]]:
    async def record_commit(what: FlowCommit) -> bool:
        made.append(f"{call} {what.serial}")
        return True

    return record_commit
