"""AGI scripts that want to outlive their call, fill the machine, reach its network or hear other voters: none does.

Real children, under each containment that this machine allows; `none`, what is left where there are no namespaces, is always tried.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from dialer.switch.asterisk.scripts import launcher
from dialer.switch.asterisk.scripts.commands import Forward, Recordings, Refuse, judge
from dialer.switch.asterisk.scripts.runner import Containment, ScriptEnd, ScriptRules, find_containment, launched
from tests.support.agi_scripts import GONE, PLAIN, SCRIPT_ENVIRONMENT, Held, Peer, call

RULES = ScriptRules(seconds=20.0, processes=100)
BOMB = 900  # processes that a script tries to start: more than any containment leaves it, and no harm to the machine
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a script another user's rights")


@cache
def allowed(containment: Containment) -> bool:
    command = launched(replace(RULES, containment=containment), None)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(params=list(Containment))
def containment(request: pytest.FixtureRequest) -> Containment:
    chosen = Containment(request.param)
    if not allowed(chosen):
        pytest.skip("this machine allows no such namespaces")
    return chosen


def written(directory: Path, text: str) -> Path:
    path = directory / "script.py"
    path.write_text(textwrap.dedent(PLAIN) + textwrap.dedent(text))
    return path


ESCAPES = """
    import os, subprocess, signal
    held = open({held!r}, "w")
    numbers = dict(pass_fds=[held.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(20):
        subprocess.Popen(["setsid", "sleep", "600"], **numbers)
        subprocess.Popen(["sh", "-c", "trap '' HUP TERM; sleep 600 & setsid sleep 600 &"], **numbers).wait()
    for _ in range(5):  # the classic daemon
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in (1, 2, 15):
                    signal.signal(number, signal.SIG_IGN)
                for stream in (0, 1):
                    os.close(stream)
                signal.pause()
            os._exit(0)
    held.write("out")
    held.flush()
    ask("VERBOSE out 1")
"""


@pytest.mark.parametrize("then", ["", "signal.pause()", "os.kill(os.getpid(), 9)"], ids=["ends", "stays", "is-killed"])
async def test_nothing_that_a_script_starts_outlives_it(tmp_path: Path, containment: Containment, then: str) -> None:
    path = written(tmp_path, ESCAPES.format(held=str(tmp_path / "held")) + f"    {then}\n")
    with Held(tmp_path / "held") as held:
        peer = Peer({"VERBOSE": f"200 result=1{GONE}"} if "pause" in then else {})  # the caller hangs up
        end, commands = await call(path, peer, rules=replace(RULES, containment=containment))
        assert commands == ["VERBOSE out 1"]
        assert end is {"": ScriptEnd.DONE, "signal.pause()": ScriptEnd.HUNG_UP}.get(then, ScriptEnd.FAILED)
        assert held.left() == b"out"


DIALLER = """
import subprocess, sys
from dataclasses import replace
from pathlib import Path
from dialer.switch.asterisk.scripts.runner import Containment, ScriptRules, launched
rules = ScriptRules(seconds=60.0, processes=100, containment=Containment(sys.argv[1]))
script = subprocess.Popen(launched(rules, Path(sys.argv[2])), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
script.stdin.write(b"agi_network: yes\\n\\n")
script.stdin.flush()
print(script.stdout.readline().decode(), flush=True)
sys.stdin.read()
"""


def test_nothing_that_a_script_starts_outlives_a_dialler_that_is_killed(
    tmp_path: Path, containment: Containment
) -> None:
    path = written(tmp_path, ESCAPES.format(held=str(tmp_path / "held")) + "    signal.pause()\n")
    with Held(tmp_path / "held") as held:
        command = [sys.executable, "-c", DIALLER, containment.value, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as dialler:
            assert dialler.stdout is not None
            assert dialler.stdout.readline() == b"VERBOSE out 1\n"
            dialler.kill()
        assert held.left() == b"out"


@pytest.fixture
def own_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """A user who has no other processes: the kernel counts all of a user's on the machine together, and none of root's. None: we
    are not root, and it is we.
    """
    if os.geteuid() != 0:
        return None
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(directory.stat().st_mode | 0o555)
    number = 1_000_000_000 + os.getpid()
    entry = pwd.struct_passwd(("script", "x", number, number, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: entry)
    return "script"


async def test_a_script_that_starts_processes_without_end_has_few(
    tmp_path: Path, containment: Containment, own_user: str | None
) -> None:
    path = tmp_path / "script.sh"
    path.write_text(
        f"#!/bin/sh\nexec 9> {tmp_path / 'held'}\nn=0\n"
        f"while [ $n -lt {BOMB} ]; do sleep 600 & n=$((n + 1)); printf . >&9; done\n"
    )
    path.chmod(0o755)
    rules = ScriptRules(seconds=15.0, processes=16, user=own_user, containment=containment)
    with Held(tmp_path / "held") as held:
        await call(path, rules=rules)
        started = len(held.left())
    assert 1 <= started <= (16 if containment is Containment.USER else launcher.SPARE_PROCESSES)


MANY_THREADS = """
import os, sys, threading
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
threading.stack_size(65536)
for _ in range(int(sys.argv[2])):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("started", flush=True)
sys.stdin.read()
"""


@NEEDS_ROOT
def test_a_script_starts_beside_all_that_its_user_has_running(containment: Containment, own_user: str) -> None:
    """Asterisk has hundreds of threads, and many a site runs its scripts as the same user."""
    number = str(pwd.getpwnam(own_user).pw_uid)
    command = [sys.executable, "-c", MANY_THREADS, number, str(launcher.SPARE_PROCESSES + 20)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"started\n"
        tried = launched(replace(RULES, user=own_user, containment=containment), Path("/bin/true"))
        done = subprocess.run(tried, capture_output=True, text=True, check=False)
        other.kill()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("network", [False, True])
async def test_a_script_has_no_network_but_where_it_may(
    tmp_path: Path, containment: Containment, network: bool
) -> None:
    reached = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    path = written(
        tmp_path,
        f"""
        import socket
        for _ in range(5):
            try:
                socket.create_connection(("127.0.0.1", {port}), 2).recv(1)
            except OSError:
                pass
        ask("VERBOSE tried 1")
        """,
    )
    async with server:
        end, _ = await call(path, rules=replace(RULES, network=network, containment=containment))
        assert end is ScriptEnd.DONE
    assert reached == (5 if network or not containment.cuts_network else 0)


async def test_a_script_reaches_no_process_of_the_machine(tmp_path: Path, containment: Containment) -> None:
    if not containment.cuts_network:
        pytest.skip("without namespaces the user's rights alone decide that")
    path = written(
        tmp_path,
        f"""
        import os
        try:
            os.kill({os.getpid()}, 0)
            ask("VERBOSE reached 1")
        except ProcessLookupError:
            ask("VERBOSE nobody 1")
        """,
    )
    _, commands = await call(path, rules=replace(RULES, containment=containment))
    assert commands == ["VERBOSE nobody 1"]


def test_the_best_that_the_machine_allows_is_taken() -> None:
    assert find_containment(RULES) is next(each for each in Containment if allowed(each))


async def test_a_script_never_sees_what_shows_that_a_connection_is_asterisks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.support.agi_scripts.SCRIPT_ENVIRONMENT", SCRIPT_ENVIRONMENT[:-1] + "agi_arg_1: the-token\n\n"
    )
    path = written(tmp_path, "")
    path.write_text(
        "import sys\n"
        'seen = "".join(iter(lambda: sys.stdin.readline().strip(), ""))\n'
        'print("VERBOSE %s 1" % ("agi_uniqueid" in seen, "the-token" in seen).__str__().replace(" ", ""), flush=True)\n'
        "sys.stdin.readline()\n"
    )
    _, commands = await call(path)
    assert commands == ["VERBOSE (True,False) 1"]


# Sounds

OTHERS = "7b0c4f9e-1111-4222-8333-444455556666-1"
OWN = Recordings("matdan/recordings", "9a9a9a9a-1111-4222-8333-444455556666-")
NOT_PLAYED = (
    "/etc/passwd",
    "/var/spool/asterisk/monitor/x",
    "../recordings/x",
    "a/../../x",
    "a/./b",
    "./a",
    "a//b",
    "",
    "-/../x",
    "http://192.0.2.1/x.wav",
    "sound:x",
    "a b",
    "a;b",
    "a,b",
    "a|b",
    "${X}",
    f"matdan/recordings/{OTHERS}",
    f"MATDAN/RECORDINGS/{OTHERS.upper()}",
    f"monitor/{OTHERS}",
    OTHERS[:-2],
    "matdan/recordings/anything",
    f"matdan/recordings/{OWN.prefix}not-recorded",
    "x" * 201,
    "साउंड",
)


@pytest.mark.parametrize("verb", ["STREAM FILE", "CONTROL STREAM FILE", "GET DATA", "GET OPTION"])
def test_no_script_plays_what_is_no_sound_of_the_site(verb: str) -> None:
    told = [judge(f'{verb} "{name}" 1 1', 1, OWN) for name in NOT_PLAYED]
    told += [judge(f'{verb} "beep&{name}" 1 1', 1, OWN) for name in NOT_PLAYED]
    told += [judge(verb, 1, OWN)]
    assert [each for each in told if not isinstance(each, Refuse)] == []
    for name in ("beep", "matdan/hi/turnout.question", "custom/a_b-c.1", "digits/1"):
        assert isinstance(judge(f"{verb} {name} #", 1, OWN), Forward)


def test_no_recording_of_another_call_is_named_by_any_spelling() -> None:
    pieces = ("matdan/recordings/", "./", "../", "//", "&", " ", OTHERS, "beep", "/")
    forwarded = 0
    for parts in itertools.product(pieces, repeat=4):
        judged = judge(f'STREAM FILE "{"".join(parts)}" #', 1, OWN, {"said"})
        if isinstance(judged, Forward):
            assert OTHERS not in judged.arguments[0]
            assert ".." not in judged.arguments[0]
            assert not judged.arguments[0].startswith("/")
            forwarded += 1
    assert forwarded  # what is no other call's is played


@pytest.mark.parametrize(
    ("date_format", "zone"),
    [
        (f"'/var/spool/asterisk/recordings/{OTHERS}'", "UTC"),
        (f"A 'matdan/recordings/{OTHERS}' B", "UTC"),
        ("'beep", "UTC"),
        ("IMp", "../../../etc/passwd"),
        ("IMp", "/etc/passwd"),
        ("IMp", "Asia/../../x"),
        ("IMp", "'beep'"),
    ],
)
def test_no_date_that_is_said_plays_a_sound_or_reads_a_file(date_format: str, zone: str) -> None:
    assert isinstance(judge(f'SAY DATETIME 1713767400 "" "{date_format}" "{zone}"', 1, OWN), Refuse)
    assert isinstance(judge(f'say   datetime 1713767400 # "{date_format}" {zone}', 1, OWN), Refuse)


def test_a_date_is_said_as_ever() -> None:
    for command in (
        'SAY DATETIME 1713767400 ""',
        'SAY DATETIME 1713767400 "#*" "ABdY IMp"',
        'SAY DATETIME 0 0 "Q k M" Asia/Kolkata',
        "SAY DATETIME 0 0 IMp Etc/GMT+5",
    ):
        assert isinstance(judge(command, 1, OWN), Forward), command
