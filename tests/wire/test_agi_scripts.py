"""AGI scripts as flows: their commands on a call, and their limits."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.flows.errors import FlowError
from dialer.flows.turns import FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.scripts.commands import Recordings
from dialer.switch.asterisk.scripts.containment import ScriptRules
from dialer.switch.asterisk.scripts.runner import ScriptEnd, ScriptRun, find_agi_script_in_flow_setting
from tests.support.agi_scripts import HANG_UP, PLAIN, HeldOpen, Peer, run_script

PYST2 = """
    from asterisk.agi import AGI

    agi = AGI()
    agi.answer()
    agi.set_variable("SURVEY", "turnout")
    digit = agi.get_data("survey/question", 5000, 1)
    if digit == "1":
        agi.set_variable("MATDAN_MARK", "voted")
        agi.stream_file("survey/thanks")
    agi.verbose(agi.get_variable("MATDAN_FACT_closes_at"))
    agi.hangup()
"""


SHELL = """#!/bin/sh
while read -r line && [ -n "$line" ]; do :; done
echo "VERBOSE $(id -u) 1"
read -r answer
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str, head: str = PLAIN) -> Path:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(head) + textwrap.dedent(text))
        return path

    return write


async def test_agi_script_written_with_pyst2_talks_to_the_caller_and_stores_an_answer(
    script: Callable[..., Path],
) -> None:
    commits: list[FlowCommit] = []
    peer = Peer({"GET DATA": "200 result=1", "VERBOSE": "200 result=1"})
    end, commands = await run_script(script(PYST2, ""), peer, commits=commits)
    assert end is ScriptEnd.DONE
    assert commands == [
        "ANSWER",
        "GET DATA survey/question 5000 1",
        "STREAM FILE survey/thanks  0",
        "VERBOSE 18:00 1",
        "HANGUP",
    ]
    assert [commit.mark for commit in commits] == [MarkKind.VOTED]


async def test_agi_script_reads_voter_data_and_learns_whether_its_answer_was_stored(
    script: Callable[..., Path],
) -> None:
    path = script("""
        ask('VERBOSE "%s" 1' % ask("GET VARIABLE MATDAN_FACT_booth_name"))
        ask('VERBOSE "%s" 1' % ask("GET VARIABLE MATDAN_FACT_party"))
        ask('VERBOSE "%s" 1' % ask('SET VARIABLE MATDAN_MARK "later 17"'))
        ask('VERBOSE "%s" 1' % ask("SET VARIABLE MATDAN_OPT_OUT number"))
        ask('VERBOSE "%s" 1' % ask("SET VARIABLE MATDAN_ANSWER_AT_HOME 3"))
    """)
    commits: list[FlowCommit] = []
    end, commands = await run_script(path, commits=commits)
    assert end is ScriptEnd.DONE
    assert commands[0] == "VERBOSE 200 result=1 (Primary School 12) 1"
    assert commands[1:] == ["VERBOSE 200 result=0 1", *["VERBOSE 200 result=1 1"] * 3]
    assert (commits[0].sequence, commits[0].mark, commits[0].hour) == (1, MarkKind.LATER, 17)
    assert [commit.kind.value for commit in commits] == ["mark", "opt-out", "answers"]
    assert commits[2].answers == {"at_home": "3"}
    _, commands = await run_script(path, works=False)
    assert commands[2:] == ["VERBOSE 200 result=0 1"] * 3


@pytest.mark.parametrize(
    "line",
    [
        "EXEC System id",
        "DATABASE PUT a b c",
        "SET CONTEXT default",
        "SET VARIABLE SHELL(id) x",
        "GET VARIABLE ENV(PATH)",
        "GET FULL VARIABLE ${SHELL(id)}",
        "SET VARIABLE MATDAN_DONE 1",
        "SET VARIABLE MATDAN_MARK congress",
        'SET VARIABLE MATDAN_MARK "later 25"',
        "SET VARIABLE MATDAN_MARK later",
        "GET VARIABLE MATDAN_DONE",
        "STREAM FILE ../../etc/passwd #",
        "RECORD FILE x wav # 1000",
        "RECEIVE CHAR 0",
        "HANGUP PJSIP/carrier-00000001",
        "CHANNEL STATUS PJSIP/carrier-00000001",
        "SPEECH CREATE x",
        "GOSUB a b c",
        "ASYNCAGI BREAK",
        "nonsense",
    ],
)
async def test_agi_script_gets_an_unknown_command_reply_to_a_forbidden_command(
    script: Callable[..., Path], line: str
) -> None:
    end, commands = await run_script(script(f"""ask('VERBOSE "%s" 1' % ask({line!r})[:30])"""))
    assert end is ScriptEnd.DONE
    assert commands == ["VERBOSE 510 Invalid or unknown command 1"]


async def test_recording_by_an_agi_script_is_named_by_attempt_and_playable_only_in_that_call(
    script: Callable[..., Path],
) -> None:
    endless = "".join(f"ask('RECORD FILE said wav #{limit}')\n" for limit in ("", " -1", " 0"))
    elsewhere = "".join(
        f"ask('RECORD FILE {name} 1000')\n" for name in ("/srv/x wav #", "a/b wav #", "x w/v #", "../x wav #")
    )
    own = "ask('STREAM FILE said #')\nask('RECORD FILE said wav # 1000')\nask('STREAM FILE said #')\nask('GET DATA said&beep 1 1')"
    _, commands = await run_script(script(endless + elsewhere + own), recordings=Recordings("recorded", "7b0c-"))
    assert commands == [
        "STREAM FILE said #",  # a sound of the site, as there is no recording of that name yet
        "RECORD FILE recorded/7b0c-said wav # 1000",
        "STREAM FILE recorded/7b0c-said #",
        "GET DATA recorded/7b0c-said&beep 1 1",
    ]


async def test_variables_set_by_an_agi_script_do_not_reach_the_asterisk_channel(script: Callable[..., Path]) -> None:
    path = script("""
        for line in ("SET VARIABLE AGI_SERVER evil:1", "SET VARIABLE RECORDED 1", "SET VARIABLE SPYGROUP seat-01"):
            assert ask(line) == "200 result=1"
        for name in ("__MATDAN_DONE", "_MATDAN_ATTEMPT", "MATDAN_SEAT"):
            assert ask("SET VARIABLE %s 1" % name).startswith("510"), name
            assert ask("GET VARIABLE %s" % name).startswith("510"), name
        ask('VERBOSE "%s" 1' % ask("GET VARIABLE RECORDED"))
        ask("GET VARIABLE LANGUAGE")
        for number in range(300):
            last = ask("SET VARIABLE V%d x" % number)
        ask('VERBOSE "%s" 1' % last[:3])
    """)
    end, commands = await run_script(path)
    assert end is ScriptEnd.DONE
    assert commands == ["VERBOSE 200 result=1 (1) 1", "GET VARIABLE LANGUAGE", "VERBOSE 510 1"]


async def test_agi_script_inherits_no_environment_variable_or_file_descriptor(
    script: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATDAN_AMI__SECRET", "secret")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    path = script("""
        import os, resource
        ask("VERBOSE %s 1" % ",".join(sorted(os.environ)))
        ask("VERBOSE %s 1" % os.getcwd())
        ask("VERBOSE %s 1" % [fd for fd in range(3, 60) if os.path.exists("/proc/self/fd/%d" % fd)])
        ask("VERBOSE %d 1" % os.getsid(0))
        ask("VERBOSE %s 1" % (resource.getrlimit(resource.RLIMIT_AS)[0] >> 20))
        ask("VERBOSE %s 1" % [line for line in open("/proc/self/status") if line.startswith("NoNewPrivs")][0].split()[1])
    """)
    try:
        _, commands = await run_script(path)
    finally:
        os.close(reading)
        os.close(writing)
    assert commands == [
        "VERBOSE HOME,LANG,LC_CTYPE,PATH,PWD 1" if "LC_CTYPE" in commands[0] else "VERBOSE HOME,LANG,PATH,PWD 1",
        f"VERBOSE {path.parent} 1",
        "VERBOSE [] 1",
        "VERBOSE 1 1",
        "VERBOSE 256 1",
        "VERBOSE 1 1",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a script as another user")
async def test_agi_script_runs_as_the_configured_user(tmp_path: Path) -> None:
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(directory.stat().st_mode | 0o555)
    path = tmp_path / "script.sh"
    path.write_text(SHELL)
    path.chmod(0o755)
    end, commands = await run_script(path, rules=ScriptRules(seconds=20.0, user="nobody"))
    assert (end, commands) == (ScriptEnd.DONE, ["VERBOSE 65534 1"])


async def test_agi_script_has_limits_of_time_memory_line_length_and_refused_commands(
    script: Callable[..., Path],
) -> None:
    prologue = "ask('VERBOSE started 1')\n"
    end, commands = await run_script(script(prologue + "while True: pass"), rules=ScriptRules(seconds=1.0))
    assert (end, commands) == (ScriptEnd.TOO_LONG, ["VERBOSE started 1"])
    end, _ = await run_script(script("x = bytearray(1 << 30)\nask('VERBOSE allocated 1')"))
    assert end is ScriptEnd.FAILED
    end, _ = await run_script(script("print('x' * 100_000, flush=True)\nsys.stdin.readline()"))
    assert end is ScriptEnd.FAILED
    end, _ = await run_script(script("while True: ask('nonsense')"))
    assert end is ScriptEnd.FAILED
    end, _ = await run_script(script("raise SystemExit(3)"))
    assert end is ScriptEnd.FAILED


async def test_agi_script_gets_sighup_at_a_hang_up_and_leaves_no_process_running(
    script: Callable[..., Path], tmp_path: Path
) -> None:
    left = tmp_path / "left"
    path = script(f"""
        import signal, subprocess
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])  # waited for below; the child inherits it and stays
        held = open({str(left)!r}, "w")
        child = subprocess.Popen(["sleep", "600"], pass_fds=[held.fileno()])
        print(ask("STREAM FILE a #"), ask("STREAM FILE b #"))
        signal.sigwait([signal.SIGHUP])
        held.write("hung-up")
        held.flush()
    """)
    with HeldOpen(left) as held:
        end, _ = await run_script(path, Peer({"STREAM FILE": HANG_UP}))
        assert end is ScriptEnd.HUNG_UP
        assert held.read_to_end() == b"hung-up"


async def test_standard_error_of_an_agi_script_is_written_to_the_configured_file(
    script: Callable[..., Path], tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    end, _ = await run_script(script("raise ValueError('a mistake')"), rules=ScriptRules(seconds=20.0, errors=errors))
    assert end is ScriptEnd.FAILED
    assert "a mistake" in errors.read_text()


def test_agi_script_that_is_missing_or_not_executable_is_refused(tmp_path: Path) -> None:
    assert find_agi_script_in_flow_setting("turnout") is None
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    refused: Sequence[str] = ["script:nowhere.py", f"script:{tmp_path}/no.py", f"script:{tmp_path}", f"script:{plain}"]
    for flow in refused:
        with pytest.raises(FlowError):
            find_agi_script_in_flow_setting(flow)
    plain.chmod(0o755)
    assert find_agi_script_in_flow_setting(f"script:{plain}") == plain


async def test_agi_script_to_be_run_as_an_unknown_user_is_refused(script: Callable[..., Path]) -> None:
    errors: list[FlowError] = []

    async def refuse_commit(_: FlowCommit) -> bool:
        return False

    async def handler(agi: AgiCall) -> None:
        rules = ScriptRules(user="no-such-user")
        run = ScriptRun(agi, script(""), rules, refuse_commit, {}, Recordings())
        try:
            await run.run_script_until_ended()
        except FlowError as error:
            errors.append(error)

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server:
        await Peer().talk(server.port)
    assert "script_user" in str(errors[0])
