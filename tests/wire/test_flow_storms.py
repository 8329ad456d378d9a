"""Extreme callers over the real FastAGI server: each call ends after endless keys and endless silence."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from dialer.flows.catalogue import list_shipped_flows
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import Ending, FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, FlowResult, run_flow
from tests.support.agi_scripts import SCRIPT_ENVIRONMENT
from tests.support.flow_support import FACTS, FLOWS
from tests.support.waiting import HANG_SECONDS

SECONDS_A_SOUND = 3.0
LONGEST_SECONDS = 15 * 60


async def make_call(port: int, keys: str) -> float:
    """Call as somebody who always presses `keys`. Return the duration of the call (virtual seconds)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(SCRIPT_ENVIRONMENT.encode())
    pressed = itertools.cycle(keys) if keys else itertools.repeat("")
    seconds = 0.0
    while data := await reader.readline():
        words = data.decode().replace('"', "").split()
        answer = "200 result=0"
        if words[0] == "WAIT" or (words[0] == "STREAM" and len(words) > 3):
            key = next(pressed)
            answer = f"200 result={ord(key) if key else 0} endpos=400"
            if words[0] == "WAIT":
                seconds += 0.2 if key else int(words[3]) / 1000
        if words[0] == "STREAM":
            seconds += 0.2 if keys and len(words) > 3 else SECONDS_A_SOUND
        writer.write(f"{answer}\n".encode())
    writer.close()
    return seconds


@pytest.mark.parametrize("keys", ["", "#", "*", "#*", "*#*", "0#", "123456789*0#", "##1"])
async def test_every_flow_ends_if_the_caller_presses_keys_without_end(keys: str) -> None:
    results: list[FlowResult] = []
    names = iter(list_shipped_flows())

    async def accept_commit(what: FlowCommit) -> bool:
        return True

    async def handler(call: AgiCall) -> None:
        flow = FLOWS[next(names)]
        results.append(
            await run_flow(
                call, flow, FACTS, "hi", prompts=ConventionalPrompts(load_shipped_texts()), commit=accept_commit
            )
        )

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server, asyncio.timeout(HANG_SECONDS):
        for name in list_shipped_flows():
            seconds = await make_call(server.port, keys)
            assert results[-1].state.flow == name
            # Repeated requests reach the flow's limit of turns; a booth worker who reports serials has thousands.
            assert results[-1].state.ending in {Ending.COMPLETED, Ending.TOO_LONG}, name
            assert seconds < LONGEST_SECONDS or name == "booth_worker", (name, seconds)


async def test_every_flow_ends_within_an_hour_for_a_silent_caller() -> None:
    """Every flow ends after some minutes at most if the caller presses no key."""
    longest = 0.0
    names = iter(list_shipped_flows())

    async def accept_commit(what: FlowCommit) -> bool:
        return True

    async def handler(call: AgiCall) -> None:
        await run_flow(
            call,
            FLOWS[next(names)],
            FACTS,
            "hi",
            prompts=ConventionalPrompts(load_shipped_texts()),
            commit=accept_commit,
        )

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server, asyncio.timeout(HANG_SECONDS):
        for _ in list_shipped_flows():
            longest = max(longest, await make_call(server.port, ""))
    assert longest < 180
