"""AGI scripts cannot outlive their call, exhaust the machine, use the network, or read secrets and other calls' recordings.

The scripts are real processes in the real containment.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import resource
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.flows.errors import FlowError
from dialer.switch.asterisk.scripts import containment
from dialer.switch.asterisk.scripts.commands import Forward, Recordings, Refuse, interpret_script_command
from dialer.switch.asterisk.scripts.containment import (
    ScriptRules,
    check_script_sandbox,
    create_command_in_sandbox,
    make_script_environment,
)
from dialer.switch.asterisk.scripts.runner import ScriptEnd
from tests.support.agi_scripts import (
    PLAIN,
    SCRIPT_ENVIRONMENT,
    THEN_HANG_UP,
    HeldOpen,
    Peer,
    run_script,
    skip_without_containment,
)

RULES = ScriptRules(seconds=20.0, processes=100)
FORK_BOMB = 900  # processes that a script tries to start: above its limit, but harmless to the machine
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a script as another user")


def write_script(directory: Path, text: str) -> Path:
    path = directory / "script.py"
    path.write_text(textwrap.dedent(PLAIN) + textwrap.dedent(text))
    return path


ESCAPING_SCRIPT = """
    import os, subprocess, signal
    pipe = open({pipe!r}, "w")
    numbers = dict(pass_fds=[pipe.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(20):
        subprocess.Popen(["setsid", "sleep", "600"], **numbers)
        subprocess.Popen(["sh", "-c", "trap '' HUP TERM; sleep 600 & setsid sleep 600 &"], **numbers).wait()
    for _ in range(5):  # a double-forked daemon
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in (1, 2, 15):
                    signal.signal(number, signal.SIG_IGN)
                for stream in (0, 1):
                    os.close(stream)
                signal.pause()
            os._exit(0)
    pipe.write("out")
    pipe.flush()
    ask("VERBOSE out 1")
"""


@pytest.mark.parametrize("then", ["", "signal.pause()", "os.kill(os.getpid(), 9)"], ids=["ends", "stays", "is-killed"])
async def test_processes_started_by_an_agi_script_end_with_the_script(tmp_path: Path, then: str) -> None:
    path = write_script(tmp_path, ESCAPING_SCRIPT.format(pipe=str(tmp_path / "pipe")) + f"    {then}\n")
    with HeldOpen(tmp_path / "pipe") as pipe:
        peer = Peer({"VERBOSE": f"200 result=1{THEN_HANG_UP}"} if "pause" in then else {})
        end, commands = await run_script(path, peer, rules=RULES)
        assert commands == ["VERBOSE out 1"]
        assert end is {"": ScriptEnd.DONE, "signal.pause()": ScriptEnd.HUNG_UP}.get(then, ScriptEnd.FAILED)
        assert pipe.read_to_end() == b"out"


DIALLER_PROGRAM = """
import subprocess, sys
from pathlib import Path
from dialer.switch.asterisk.scripts.containment import ScriptRules, create_command_in_sandbox, make_script_command
rules = ScriptRules(seconds=60.0, processes=100)
command = create_command_in_sandbox(rules, make_script_command(Path(sys.argv[1])), Path(sys.argv[1]).parent)
script = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
script.stdin.write(b"agi_network: yes\\n\\n")
script.stdin.flush()
print(script.stdout.readline().decode(), flush=True)
sys.stdin.read()
"""


def test_processes_started_by_an_agi_script_end_when_the_dialler_is_killed(tmp_path: Path) -> None:
    skip_without_containment()
    path = write_script(tmp_path, ESCAPING_SCRIPT.format(pipe=str(tmp_path / "pipe")) + "    signal.pause()\n")
    with HeldOpen(tmp_path / "pipe") as pipe:
        command = [sys.executable, "-c", DIALLER_PROGRAM, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as dialler:
            assert dialler.stdout is not None
            assert dialler.stdout.readline() == b"VERBOSE out 1\n"
            dialler.kill()
        assert pipe.read_to_end() == b"out"


@pytest.fixture
def script_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The name of a user without processes, under which scripts run if the tests run as root; otherwise None."""
    if os.geteuid() != 0:
        return None
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(directory.stat().st_mode | 0o555)
    number = 1_000_000_000 + os.getpid()
    entry = pwd.struct_passwd(("script", "x", number, number, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: entry)
    return "script"


async def test_agi_script_cannot_exceed_the_process_limit(tmp_path: Path, script_user: str | None) -> None:
    path = tmp_path / "script.sh"
    path.write_text(
        f"#!/bin/sh\nexec 9> {tmp_path / 'pipe'}\nn=0\n"
        f"while [ $n -lt {FORK_BOMB} ]; do sleep 600 & n=$((n + 1)); printf . >&9; done\n"
    )
    path.chmod(0o755)
    rules = ScriptRules(seconds=15.0, processes=16, user=script_user)
    with HeldOpen(tmp_path / "pipe") as pipe:
        await run_script(path, rules=rules)
        started = len(pipe.read_to_end())
    assert 1 <= started <= 16


PROGRAM_WITH_MANY_THREADS = """
import os, sys, threading
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
threading.stack_size(65536)
for _ in range(100):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("started", flush=True)
sys.stdin.read()
"""


@NEEDS_ROOT
async def test_process_limit_of_an_agi_script_ignores_other_processes_of_the_same_user(
    tmp_path: Path, script_user: str
) -> None:
    """Asterisk has hundreds of threads, and many sites run scripts as its user."""
    number = str(pwd.getpwnam(script_user).pw_uid)
    path = tmp_path / "script.sh"
    path.write_text(
        '#!/bin/sh\nwhile read -r line && [ -n "$line" ]; do :; done\necho "VERBOSE $(id -u) 1"\nread -r reply\n'
    )
    path.chmod(0o755)
    command = [sys.executable, "-c", PROGRAM_WITH_MANY_THREADS, number]
    other = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and await other.stdout.readline() == b"started\n"
        end, commands = await run_script(path, rules=ScriptRules(seconds=15.0, processes=16, user=script_user))
    finally:  # also where this machine cannot contain scripts, and the test is skipped
        other.kill()
        await other.wait()
    assert (end, commands) == (ScriptEnd.DONE, [f"VERBOSE {number} 1"])


@pytest.mark.parametrize("network", [False, True])
async def test_agi_script_has_network_access_only_if_allowed_in_the_settings(tmp_path: Path, network: bool) -> None:
    connections = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    path = write_script(
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
        end, _ = await run_script(path, rules=replace(RULES, network=network))
        assert end is ScriptEnd.DONE
    assert connections == (5 if network else 0)


async def test_agi_script_cannot_signal_processes_outside_the_sandbox(tmp_path: Path) -> None:
    path = write_script(
        tmp_path,
        f"""
        import os
        try:
            os.kill({os.getpid()}, 0)
            ask("VERBOSE reached 1")
        except ProcessLookupError:
            ask("VERBOSE none 1")
        """,
    )
    _, commands = await run_script(path, rules=RULES)
    assert commands == ["VERBOSE none 1"]


async def test_agi_script_sees_only_processes_of_the_script_and_no_service_sockets(tmp_path: Path) -> None:
    path = write_script(
        tmp_path,
        """
        import os
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
        ask("VERBOSE %d,%s 1" % (len(processes), os.listdir("/run")))
        """,
    )
    _, commands = await run_script(path, rules=RULES)
    assert commands == ["VERBOSE 2,[] 1"]  # bwrap's first process and the script


async def test_agi_script_cannot_create_namespaces(tmp_path: Path) -> None:
    path = write_script(
        tmp_path,
        """
        import subprocess
        ask("VERBOSE %s 1" % (subprocess.call(["unshare", "--user", "true"]) != 0))
        ask("VERBOSE %s 1" % [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapBnd")])
        """,
    )
    _, commands = await run_script(path, rules=RULES)
    assert commands == ["VERBOSE True 1", "VERBOSE ['0000000000000000'] 1"]


async def test_agi_script_cannot_read_the_settings_file_or_the_store(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = tmp_path_factory.mktemp("site")
    settings, store = site / "centre.toml", site / "data"
    settings.write_text("secret")
    store.mkdir()
    (store / "centre.db").write_text("secret")
    path = write_script(
        tmp_path,
        f"""
        import os
        try:
            settings = open({str(settings)!r}).read()
        except PermissionError:
            settings = ""
        ask("VERBOSE [%s]%s 1" % (settings, os.listdir({str(store)!r})))
        try:
            open({str(store / "centre.db")!r}, "w")
        except OSError:
            ask("VERBOSE read-only 1")
        """,
    )
    _, commands = await run_script(path, rules=replace(RULES, hidden=(settings, store, site / "not-there")))
    assert commands == ["VERBOSE [][] 1", "VERBOSE read-only 1"]
    assert (store / "centre.db").read_text() == "secret"


def test_agi_script_in_a_folder_hidden_by_the_sandbox_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("")
    with pytest.raises(FlowError, match="hidden from AGI scripts; move it"):
        check_script_sandbox(replace(RULES, hidden=(tmp_path,)), [script])


def test_missing_bubblewrap_program_for_agi_scripts_gives_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containment, "SEARCH_PATH", str(tmp_path))
    with pytest.raises(
        FlowError,
        match=r"cannot be isolated: programs .* are not installed \(bwrap, .*\): run `apt install bubblewrap",
    ) as refused:
        check_script_sandbox(RULES)
    assert "\n" not in str(refused.value)


def test_kernel_that_forbids_namespaces_is_reported_with_bubblewraps_error_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setattr(containment, "SEARCH_PATH", f"{tmp_path}:{containment.SEARCH_PATH}")
    with pytest.raises(FlowError, match="cannot be isolated: bwrap: No permissions to create new namespace"):
        check_script_sandbox(RULES)


def test_resource_limits_of_an_agi_script_stay_below_the_hard_limits_of_the_dialler(tmp_path: Path) -> None:
    """An ordinary user may not raise a hard limit, so the contained program would not start."""
    skip_without_containment()
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    program = (
        "import resource, subprocess, sys\n"
        "from pathlib import Path\n"
        "from dialer.switch.asterisk.scripts.containment import ScriptRules, create_command_in_sandbox\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))\n"
        f"sys.exit(subprocess.call(create_command_in_sandbox(ScriptRules(), [sys.executable, '-c', {script!r}], Path('/'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("(32, 32)\n", 0), done.stderr


def test_agi_script_runs_with_every_resource_limit_set() -> None:
    skip_without_containment()
    names = ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NPROC")
    program = f"import os, resource; print([resource.getrlimit(getattr(resource, n))[1] for n in {names}], os.nice(0))"
    rules = ScriptRules(seconds=10.5, memory_megabytes=200, processes=16)
    done = subprocess.run(
        create_command_in_sandbox(rules, [sys.executable, "-c", program], Path("/")),
        env=make_script_environment(rules),
        capture_output=True,
        text=True,
        check=False,
    )
    files = min(64, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    nice = min(19, os.nice(0) + 5)
    assert done.stdout == f"{[16, 200 << 20, files, 64 << 20, 0, 17]} {nice}\n", done.stderr


async def test_agi_script_does_not_receive_the_secret_token_of_the_agi_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.support.agi_scripts.SCRIPT_ENVIRONMENT", SCRIPT_ENVIRONMENT[:-1] + "agi_arg_1: the-token\n\n"
    )
    path = write_script(tmp_path, "")
    path.write_text(
        "import sys\n"
        'seen = "".join(iter(lambda: sys.stdin.readline().strip(), ""))\n'
        'print("VERBOSE %s 1" % ("agi_uniqueid" in seen, "the-token" in seen).__str__().replace(" ", ""), flush=True)\n'
        "sys.stdin.readline()\n"
    )
    _, commands = await run_script(path)
    assert commands == ["VERBOSE (True,False) 1"]


# Sounds

OTHER_CALLS_RECORDING = "7b0c4f9e-1111-4222-8333-444455556666-1"
OWN_RECORDINGS = Recordings("matdan/recordings", "9a9a9a9a-1111-4222-8333-444455556666-")
FORBIDDEN_SOUNDS = (
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
    f"matdan/recordings/{OTHER_CALLS_RECORDING}",
    f"MATDAN/RECORDINGS/{OTHER_CALLS_RECORDING.upper()}",
    f"monitor/{OTHER_CALLS_RECORDING}",
    OTHER_CALLS_RECORDING[:-2],
    "matdan/recordings/anything",
    f"matdan/recordings/{OWN_RECORDINGS.prefix}not-recorded",
    "x" * 201,
    "साउंड",
)


@pytest.mark.parametrize("verb", ["STREAM FILE", "CONTROL STREAM FILE", "GET DATA", "GET OPTION"])
def test_agi_script_can_play_only_sound_files_of_the_site(verb: str) -> None:
    commands = [interpret_script_command(f'{verb} "{name}" 1 1', 1, OWN_RECORDINGS) for name in FORBIDDEN_SOUNDS]
    commands += [interpret_script_command(f'{verb} "beep&{name}" 1 1', 1, OWN_RECORDINGS) for name in FORBIDDEN_SOUNDS]
    commands += [interpret_script_command(verb, 1, OWN_RECORDINGS)]
    assert [each for each in commands if not isinstance(each, Refuse)] == []
    for name in ("beep", "matdan/hi/turnout.question", "custom/a_b-c.1", "digits/1"):
        assert isinstance(interpret_script_command(f"{verb} {name} #", 1, OWN_RECORDINGS), Forward)


def test_agi_script_cannot_play_another_calls_recording_by_an_unusual_path() -> None:
    pieces = ("matdan/recordings/", "./", "../", "//", "&", " ", OTHER_CALLS_RECORDING, "beep", "/")
    forwarded = 0
    for parts in itertools.product(pieces, repeat=4):
        command = interpret_script_command(f'STREAM FILE "{"".join(parts)}" #', 1, OWN_RECORDINGS, {"said"})
        if isinstance(command, Forward):
            assert OTHER_CALLS_RECORDING not in command.arguments[0]
            assert ".." not in command.arguments[0]
            assert not command.arguments[0].startswith("/")
            forwarded += 1
    assert forwarded  # other sounds are allowed


@pytest.mark.parametrize(
    ("date_format", "zone"),
    [
        (f"'/var/spool/asterisk/recordings/{OTHER_CALLS_RECORDING}'", "UTC"),
        (f"A 'matdan/recordings/{OTHER_CALLS_RECORDING}' B", "UTC"),
        ("'beep", "UTC"),
        ("IMp", "../../../etc/passwd"),
        ("IMp", "/etc/passwd"),
        ("IMp", "Asia/../../x"),
        ("IMp", "'beep'"),
    ],
)
def test_agi_command_say_datetime_refuses_hostile_formats_without_opening_a_file(date_format: str, zone: str) -> None:
    assert isinstance(
        interpret_script_command(f'SAY DATETIME 1713767400 "" "{date_format}" "{zone}"', 1, OWN_RECORDINGS), Refuse
    )
    assert isinstance(
        interpret_script_command(f'say   datetime 1713767400 # "{date_format}" {zone}', 1, OWN_RECORDINGS), Refuse
    )


def test_agi_command_say_datetime_accepts_valid_times_formats_and_time_zones() -> None:
    for command in (
        'SAY DATETIME 1713767400 ""',
        'SAY DATETIME 1713767400 "#*" "ABdY IMp"',
        'SAY DATETIME 0 0 "Q k M" Asia/Kolkata',
        "SAY DATETIME 0 0 IMp Etc/GMT+5",
    ):
        assert isinstance(interpret_script_command(command, 1, OWN_RECORDINGS), Forward), command
