"""Hang-ups and time limits while an AGI script is busy. In real time, as a process has no virtual clock."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from collections.abc import Callable, Coroutine
from pathlib import Path
from unittest.mock import patch

import pytest
import uvloop

from dialer.domain.enums import MarkKind
from dialer.flows.turns import FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import CallHungUp
from dialer.switch.asterisk.scripts import runner
from dialer.switch.asterisk.scripts.containment import ScriptRules
from dialer.switch.asterisk.scripts.process import ContainedProcess
from dialer.switch.asterisk.scripts.runner import ScriptEnd
from tests.support.agi_peer import AsteriskCall, Recorder, make_server
from tests.support.agi_scripts import PLAIN, THEN_HANG_UP, Peer, run_script
from tests.support.virtual import virtual_time

DEAD = "511 Command Not Permitted on a dead channel or intercept routine"
KEY_THEN_HANG_UP = {"WAIT FOR DIGIT": f"200 result=49{THEN_HANG_UP}"}

Script = Callable[..., Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(PLAIN) + textwrap.dedent(text))
        return path

    return write


async def test_busy_agi_script_may_store_an_answer_after_sighup_at_hang_up(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LAST_KEY_SECONDS", 0.0)
    replies = tmp_path / "replies"
    path = script(f"""
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        ask("WAIT FOR DIGIT 5000")
        signal.sigwait([signal.SIGHUP])  # in place of a slow look-up
        replies = [ask("STREAM FILE thanks #"), ask("SET VARIABLE MATDAN_MARK voted")]
        open({str(replies)!r}, "w").write("; ".join(replies))
    """)
    commits: list[FlowCommit] = []
    end, commands = await run_script(path, Peer(KEY_THEN_HANG_UP), commits=commits)
    assert (end, commands) == (ScriptEnd.HUNG_UP, ["WAIT FOR DIGIT 5000"])
    assert [commit.mark for commit in commits] == [MarkKind.VOTED]
    assert replies.read_text() == f"{DEAD}; 200 result=1"


async def test_agi_script_that_does_not_end_after_a_hang_up_is_killed(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LAST_KEY_SECONDS", 0.0)
    monkeypatch.setattr(runner, "STOP_SECONDS", 0.3)
    path = script("""
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        ask("WAIT FOR DIGIT 5000")
        signal.pause()
    """)
    end, _ = await run_script(path, Peer(KEY_THEN_HANG_UP))
    assert end is ScriptEnd.HUNG_UP


@pytest.mark.parametrize("ours", [signal.SIG_DFL, signal.SIG_IGN])
async def test_answer_entered_just_before_a_hang_up_is_stored_before_sighup(
    script: Script, monkeypatch: pytest.MonkeyPatch, ours: signal.Handlers
) -> None:
    """SIGHUP ends the script, as most scripts, even if the dialler runs under nohup and ignores SIGHUP."""
    monkeypatch.setattr(runner, "LAST_KEY_SECONDS", 30.0)
    before = signal.signal(signal.SIGHUP, ours)
    path = script("""
        if ask("WAIT FOR DIGIT 5000") == "200 result=49":
            ask("SET VARIABLE MATDAN_MARK voted")
        ask("STREAM FILE thanks #")
        import signal
        signal.pause()
    """)
    commits: list[FlowCommit] = []
    try:
        end, _ = await run_script(path, Peer(KEY_THEN_HANG_UP), commits=commits)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert end is ScriptEnd.HUNG_UP
    assert [commit.mark for commit in commits] == [MarkKind.VOTED]


async def test_agi_script_that_hangs_up_itself_may_still_store_an_answer(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LAST_KEY_SECONDS", 0.0)
    path = script("""
        ask("HANGUP")
        import time
        time.sleep(0.2)
        ask("SET VARIABLE MATDAN_MARK voted")
    """)
    commits: list[FlowCommit] = []
    end, _ = await run_script(path, Peer({"HANGUP": f"200 result=1{THEN_HANG_UP}"}), commits=commits)
    assert end is ScriptEnd.DONE
    assert [commit.mark for commit in commits] == [MarkKind.VOTED]


async def test_answers_sent_by_an_agi_script_that_reads_no_replies_are_stored(script: Script) -> None:
    path = script("""
        import os
        os.close(0)
        print("SET VARIABLE MATDAN_MARK voted\\nSET VARIABLE MATDAN_ANSWER_at_home 3\\nSET VARIABLE MATDAN_OPT_OUT number")
    """)
    commits: list[FlowCommit] = []
    end, _ = await run_script(path, commits=commits)
    assert end is ScriptEnd.DONE
    assert [commit.kind.value for commit in commits] == ["mark", "answers", "opt-out"]


async def test_answer_being_stored_when_an_agi_script_times_out_is_stored_completely(script: Script) -> None:
    commits: list[FlowCommit] = []
    seconds = 1.0
    path = script("ask('SET VARIABLE MATDAN_MARK voted')")
    end, _ = await run_script(
        path, rules=ScriptRules(seconds=seconds), commits=commits, until=lambda: asyncio.sleep(seconds + 0.2)
    )
    assert end is ScriptEnd.TOO_LONG
    assert [commit.mark for commit in commits] == [MarkKind.VOTED]


@pytest.mark.parametrize("answer", [b"", b"200 result=1\n"])
@virtual_time()
async def test_aborting_an_agi_call_hangs_up_during_a_running_command(answer: bytes) -> None:
    """Asterisk replies to some commands that a hang-up interrupts, and not to others."""

    async def run_flow(agi: AgiCall) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await agi.wait_for_digit(-1)
        await agi.abort_agi_call()
        with pytest.raises(CallHungUp):
            await agi.set_channel_variable("MATDAN_DONE", "1")
        return asyncio.get_running_loop().time()

    recorder = Recorder(run_flow)
    began = asyncio.get_running_loop().time()
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        assert [await peer.command(), await peer.command()] == ["WAIT FOR DIGIT -1", "HANGUP"]
        peer.wire.write(answer + b"200 result=1\nHANGUP\n")
        await peer.ended.wait()
    (at,) = recorder.results
    assert isinstance(at, float)
    assert at - began == pytest.approx(2.0, abs=0.1)
    assert len(peer.lines) == 2


@virtual_time()
async def test_aborting_an_agi_call_does_not_wait_for_a_command_that_never_ends() -> None:
    async def run_flow(agi: AgiCall) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await agi.record_file("a", "wav", "#", 60_000, 1)
        await agi.abort_agi_call()

    recorder = Recorder(run_flow)
    began = asyncio.get_running_loop().time()
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.ended.wait()
    assert recorder.errors == []
    assert asyncio.get_running_loop().time() - began == pytest.approx(4.0, abs=0.1)
    assert peer.lines[-1] == "HANGUP"  # read once the recording has ended: no second flow is started


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_agi_script_that_ends_immediately_counts_as_failed_and_the_call_continues(
    script: Script, run: Callable[[Coroutine[object, object, None]], None]
) -> None:
    """The dialler runs under uvloop, which raises RuntimeError for a write to a pipe that it has closed."""

    async def run_often() -> None:
        path = script("")
        path.write_text("raise SystemExit(3)\n")
        for _ in range(5):
            assert await run_script(path) == (ScriptEnd.FAILED, [])

    run(run_often())


async def test_writing_to_a_closed_agi_script_pipe_raises_no_error(script: Script) -> None:
    process = await ContainedProcess.start(ScriptRules(), [sys.executable, "-c", ""], Path("/"), 100)
    with patch.object(process._stdin, "write", side_effect=RuntimeError("the handler is closed")):
        await process.write_to_program(b"200 result=1\n")
    await process.stop(5.0)
