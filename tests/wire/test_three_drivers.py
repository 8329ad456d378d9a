"""The same keys give the same call on Asterisk, on Twilio and at the terminal: random callers in every shipped flow.

Stand-ins of Asterisk and Twilio speak real FastAGI and real HTTP to our servers; the caller is the same in all three.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import aiohttp
import pytest

from dialer.domain.model import AttemptId
from dialer.flows.catalogue import list_shipped_flows
from dialer.flows.flow import Flow
from dialer.flows.model import TELEPHONE_KEYS, Scalar
from dialer.flows.sounds import list_sounds_of_prompt
from dialer.flows.terminal_call import TerminalCall
from dialer.flows.texts import SMS, fill_placeholders_of_text, load_shipped_texts
from dialer.flows.turns import Commit, FlowCommit, PromptRef, Record, Recorded, SendSms, Transfer
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import CallHungUp, split_agi_command
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, FlowHost, FlowResult, run_flow
from dialer.switch.twilio import flows as twilio_flows
from tests.support.agi_scripts import SCRIPT_ENVIRONMENT
from tests.support.flow_support import FACTS, FLOWS
from tests.support.scripted_call import ScriptedCall
from tests.support.twilio_flows import Call, RunningWebhooks, run_webhooks
from tests.support.twilio_line import Line
from tests.support.waiting import HANG_SECONDS

WALKS = 40
LANGUAGE = "hi"
Lines = Sequence[str | None]


@dataclass(frozen=True)
class Transcript:
    """The transcript of a call, independent of its driver."""

    heard: tuple[str, ...]
    commits: tuple[FlowCommit, ...]
    completed: bool
    left_at: str | None
    answers: dict[str, str]


def make_caller(chance: random.Random) -> tuple[list[str | None], dict[str, Scalar]]:
    """Return random lines of keys, mostly valid, and facts about the caller."""
    lines: list[str | None] = []
    for _ in range(chance.randrange(12)):
        match chance.randrange(8):
            case 0:
                lines.append("".join(chance.choices(TELEPHONE_KEYS, k=chance.randrange(7))))
            case 1:
                lines.append(chance.choice(["", None, "#", "12#", "0017#", "9"]))
            case _:
                lines.append(chance.choice("1234569") + chance.choice(["", "", "#", "1", "2#"]))
    facts: dict[str, Scalar] = {**FACTS, "pending_voters": chance.randrange(1, 5)}
    for name in ("booth_name", "booth_part", "closes_at"):
        if not chance.randrange(4):
            del facts[name]
    return lines, facts


def replace_recording_names(answers: Mapping[str, str]) -> dict[str, str]:
    """Replace the names of recordings, which depend on the driver."""
    return {name: "a recording" if name == "message" else value for name, value in answers.items()}


def make_comparable(commits: Iterable[FlowCommit]) -> tuple[FlowCommit, ...]:
    return tuple(replace(commit, answers=replace_recording_names(commit.answers)) for commit in commits)


# The terminal


def run_at_terminal(flow: Flow, lines: Lines, facts: dict[str, Scalar]) -> Transcript:
    left = list(lines)
    refs: list[PromptRef] = []

    class Terminal(TerminalCall):
        def _print_prompts(self, prompts: tuple[PromptRef, ...], *, barge_in: bool = False) -> None:
            super()._print_prompts(prompts, barge_in=barge_in)
            refs.extend(prompts)

    call = Terminal(
        flow, load_shipped_texts(), LANGUAGE, say=lambda _: None, press=lambda _: left.pop(0) if left else None
    )
    state = call.play_flow_on_terminal(facts)
    hung_up = state.ending is not None and state.ending.value == "hung-up"
    return Transcript(
        heard=tuple(sound for ref in refs for sound in list_sounds_of_prompt(ref, LANGUAGE, load_shipped_texts())),
        commits=make_comparable(action.commit for action in call.actions if isinstance(action, Commit)),
        completed=state.ending is not None and state.ending.value in {"completed", "transferred"},
        left_at=state.current_node_path if hung_up else None,
        answers=replace_recording_names(dict(state.answers)),
    )


# Asterisk


class Peer(FlowHost):
    """Asterisk's side of a FastAGI call with a caller. A recorded message takes one line, as at the terminal."""

    def __init__(self, lines: Lines) -> None:
        self.lines = list(lines)
        self.caller = ScriptedCall(lines)
        self.caller._lines = self.lines  # one list: recordings take from it too

    async def record_caller_message(self, action: Record) -> Recorded | None:
        self.caller._keys = ""
        if (self.lines.pop(0) if self.lines else None) is None:
            raise CallHungUp
        return Recorded("a recording", 2.0)

    async def transfer_call(self, action: Transfer) -> bool:
        return True

    async def send_sms(self, action: SendSms) -> bool:
        return (
            fill_placeholders_of_text(f"{SMS}{action.template}", LANGUAGE, action.values, load_shipped_texts())
            is not None
        )

    async def talk(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SCRIPT_ENVIRONMENT.encode())
        while data := await reader.readline():
            words = split_agi_command(data.decode().rstrip("\n"))
            try:
                key = await self._do(words)
                writer.write(f"200 result={ord(key) if key else 0} endpos=8000\n".encode())
            except CallHungUp:
                writer.write(b"HANGUP\n200 result=-1 endpos=0\n")
        writer.close()

    async def _do(self, words: list[str]) -> str | None:
        match words:
            case ["STREAM", "FILE", name, keys]:
                return await self.caller.play_sound_file(name, keys)
            case ["WAIT", "FOR", "DIGIT", milliseconds]:
                return await self.caller.wait_for_digit(int(milliseconds))
        return None


async def run_on_asterisk(flow: Flow, lines: Lines, facts: dict[str, Scalar]) -> Transcript:
    results: list[FlowResult] = []
    peer = Peer(lines)

    commits: list[FlowCommit] = []

    async def record_commit(made: FlowCommit) -> bool:
        commits.append(made)
        return True

    async def handler(call: AgiCall) -> None:
        results.append(
            await run_flow(
                call,
                flow,
                facts,
                LANGUAGE,
                prompts=ConventionalPrompts(load_shipped_texts()),
                commit=record_commit,
                host=peer,
            )
        )

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server, asyncio.timeout(HANG_SECONDS):
        await peer.talk(server.port)
    (result,) = results
    return Transcript(
        heard=tuple(sound for sound in peer.caller.journal if sound.startswith("matdan/")),
        commits=make_comparable(commits),
        completed=result.is_flow_completed,
        left_at=result.state.node_where_caller_hung_up,
        answers=replace_recording_names(dict(result.state.answers)),
    )


# Twilio


async def run_on_twilio(
    server: RunningWebhooks,
    session: aiohttp.ClientSession,
    attempt: str,
    flow: Flow,
    lines: Lines,
    facts: dict[str, Scalar],
) -> Transcript:
    call = server.desk.calls[attempt] = Call(flow, facts, LANGUAGE)
    line = Line(server.port, list(lines))
    await line.run(session, f"/twilio/voice/{attempt}")
    server.flows.end_flow_after_hang_up(AttemptId(attempt))
    while not call.ends:
        await asyncio.sleep(0)
    (end,) = call.ends
    assert call.asked == list(call.commits.values())
    return Transcript(
        heard=tuple(line.heard),
        commits=make_comparable(call.commits.values()),
        completed=end[0],
        left_at=end[1],
        answers=replace_recording_names(end[2]),
    )


@pytest.mark.parametrize("name", list_shipped_flows())
async def test_flow_gives_the_same_result_over_asterisk_twilio_and_terminal(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio_flows, "LATE_SECONDS", 0.0)  # no key of these callers is late, and there are thousands
    flow = FLOWS[name]
    chance = random.Random(name)
    seen: set[str | None] = set()
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        for walk in range(WALKS):
            lines, facts = make_caller(chance)
            here = run_at_terminal(flow, lines, facts)
            assert await run_on_asterisk(flow, lines, facts) == here, (lines, facts)
            assert await run_on_twilio(server, session, f"{name}-{walk}", flow, lines, facts) == here, (lines, facts)
            seen.add(here.left_at)
    # Some callers hung up during the flow, some completed it; `booth` asks nothing, so no caller leaves it early.
    assert len(seen) > 1 or name == "booth"
