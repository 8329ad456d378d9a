"""Runs a script on one call: its standard input and output are the call's AGI stream, and nothing else of ours is in its reach.

It has limits of time, memory and processes, an environment, a directory and file descriptors of its own, another user's rights
where the dialler has root's, and where the kernel lets us namespaces of its own, without a network; what it starts ends with it,
and with the dialler. When the caller hangs up it has a moment for the key that it was just answer_of, then it gets SIGHUP, as under
Asterisk itself, and a few seconds. What it puts on record until its end is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import pwd
import signal
import subprocess
import sys
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import IO

import structlog

from dialer.domain.errors import ProtocolError, UnsafeValue
from dialer.flows.errors import FlowError
from dialer.flows.model import Scalar
from dialer.flows.turns import Committed, FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import ARGUMENT, CallHungUp, encode_environment, encode_reply
from dialer.switch.asterisk.scripts import launcher
from dialer.switch.asterisk.scripts.commands import (
    Answer,
    Forward,
    Keep,
    Recall,
    Recordings,
    Refuse,
    Remember,
    answer_of,
    judge,
    refusal,
)
from dialer.switch.flow_effects import CommitFlow, put_on_record

_log = structlog.get_logger(__name__)

PREFIX = "script:"
MOST_COMMANDS = 10_000
MOST_REFUSED = 100
MOST_LINE_BYTES = 4096
MOST_VARIABLES = 200
KEEP_SECONDS = 1.0
"""From a hang-up to SIGHUP, for the key that the caller gave last: most scripts die of the signal, and pyst2 asks nothing more
after it. Together with HANG_UP_SECONDS it is less than the engine waits for a flow's last commit.
"""
TRY_SECONDS = 10.0  # for a containment that is tried out, which takes some 50 ms
HANG_UP_SECONDS = 3.0  # after SIGHUP, for a script to end by itself
_DEAD = b"511 Command Not Permitted on a dead channel or intercept routine\n"


CPU_MARGIN_SECONDS = 5
"""A script that only computes is ended by our clock, which says so, and not by the system's a moment earlier."""


class Containment(StrEnum):
    """What keeps a script and all that it starts together; the first that the machine allows is taken."""

    USER = "user"  # namespaces that an ordinary user may make
    ROOT = "root"  # namespaces that root makes
    NONE = "none"  # a process over it that orphans come to, and limits

    @property
    def cuts_network(self) -> bool:
        """Whether the script has no network but where it is allowed one."""
        return self is not Containment.NONE


@dataclass(frozen=True, slots=True)
class ScriptRules:
    """What a script may use of the machine."""

    seconds: float = 300.0  # of a call; CPU_MARGIN_SECONDS more of CPU time, for what a script leaves behind
    memory_megabytes: int = 256
    user: str | None = None  # whose rights it has; None: ours
    processes: int = 16  # and threads, with the script itself
    network: bool = False  # whether it may use the machine's network
    containment: Containment = Containment.NONE  # see `find_containment`
    errors: Path | None = None  # where its standard error goes; it may hold numbers, so it goes into no log


class ScriptEnd(StrEnum):
    """How a script ended."""

    DONE = "done"  # by itself, with status 0
    FAILED = "failed"  # by itself, with another status, or it broke AGI
    HUNG_UP = "hung-up"
    TOO_LONG = "too-long"


def find_containment(rules: ScriptRules) -> Containment:
    """The best containment that this machine allows a script under these rules, tried out. Blocks for a moment.

    Raises FlowError where a script could not be started at all.
    """
    problem = ""
    for containment in Containment:
        try:
            command = launched(replace(rules, containment=containment), None)
            tried = subprocess.run(  # noqa: S603 - our own launcher
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TRY_SECONDS, check=False
            )
        except (OSError, KeyError, subprocess.TimeoutExpired) as error:
            problem = str(error)
            continue
        if tried.returncode == 0:
            return containment
        problem = tried.stderr.decode(errors="replace").strip()
    raise FlowError("script", 0, "", f"cannot be started ({problem}); check `flows.script_user`")


def kept_together(rules: ScriptRules) -> str:
    """The containment in plain words."""
    whose = "" if rules.user is None else f", with the rights of {rules.user}"
    network = "the machine's network" if rules.network else "no network"
    match rules.containment:
        case Containment.USER:
            return f"namespaces of their own: {network}, {rules.processes} processes each{whose}"
        case Containment.ROOT:
            return f"namespaces of their own: {network}, {launcher.SPARE_PROCESSES} processes more than their user has{whose}"
    return (
        f"no namespaces on this machine: the network stays open, {launcher.SPARE_PROCESSES} processes more than their user has, "
        f"and a script that kills its launcher outlives its call{whose}"
    )


def launched(rules: ScriptRules, script: Path | None) -> list[str]:
    """The launcher's command line; without a script the containment alone is tried. Raises KeyError where there is no such user."""
    rights = ""
    if rules.user is not None:
        entry = pwd.getpwnam(rules.user)
        rights = f"{entry.pw_uid}:{entry.pw_gid}"
    return [
        sys.executable,
        "-I",
        launcher.__file__,
        rules.containment.value,
        "on" if rules.network else "off",
        str(os.getpid()),
        str(math.ceil(rules.seconds) + CPU_MARGIN_SECONDS),
        str(rules.memory_megabytes * 1024 * 1024),
        str(rules.processes),
        rights,
        str(script or ""),
    ]


def script_of(flow: str) -> Path | None:
    """The script of a campaign's `flow`, `script:/path/to/script.py`; None: it is a flow. Raises FlowError where there is none."""
    if not flow.startswith(PREFIX):
        return None
    path = Path(flow.removeprefix(PREFIX))
    if not path.is_absolute() or not path.is_file():
        raise FlowError(
            flow, 0, "", "is no script; give the whole path of a file, such as script:/etc/matdan/survey.py"
        )
    if path.suffix != ".py" and not os.access(path, os.X_OK):
        raise FlowError(flow, 0, "", "is not executable; make it so (chmod +x), or name it .py")
    return path


@dataclass(slots=True)
class ScriptRun:
    """One call's script."""

    call: AgiCall
    script: Path
    rules: ScriptRules
    commit: CommitFlow
    facts: Mapping[str, Scalar]
    recordings: Recordings  # whether it may record the caller, and where
    recorded: set[str] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)
    commits: int = 0
    refused: int = 0
    hangs_up: bool = False  # by a command of its own
    left: bool = False  # by the caller
    warned: bool = False  # by SIGHUP
    transport: asyncio.SubprocessTransport = field(init=False)

    async def run(self) -> ScriptEnd:
        """Run it to its end, or to a limit. Raises FlowError where it cannot be started."""
        process = await self._started()
        end = ScriptEnd.FAILED
        try:
            async with asyncio.timeout(self.rules.seconds) as limit:
                watch = asyncio.create_task(self._watch(process, limit), name="script-hang-up")
                try:
                    end = await self._talk(process)
                finally:
                    watch.cancel()
        except TimeoutError:
            end = ScriptEnd.HUNG_UP if self.left else ScriptEnd.TOO_LONG
        except ProtocolError as error:
            _log.warning("script.broke-agi", script=self.script.name, problem=str(error))
        finally:
            await self._stop(process)
        if end is ScriptEnd.DONE and process.returncode != 0:
            end = ScriptEnd.HUNG_UP if self.left else ScriptEnd.FAILED
        if end in {ScriptEnd.FAILED, ScriptEnd.TOO_LONG}:
            _log.warning("script.ended", script=self.script.name, end=end.value, status=process.returncode)
        return end

    async def _started(self) -> asyncio.subprocess.Process:
        rules = self.rules
        errors: int | IO[bytes] = asyncio.subprocess.DEVNULL
        try:
            if rules.errors is not None:
                errors = rules.errors.open("ab")
            home = "/" if rules.user is None else pwd.getpwnam(rules.user).pw_dir
            loop = asyncio.get_running_loop()
            self.transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(limit=MOST_LINE_BYTES, loop=loop),
                *launched(rules, self.script),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=self.script.parent,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": home},
                start_new_session=True,
            )
            return asyncio.subprocess.Process(self.transport, protocol, loop)
        except (OSError, KeyError) as error:
            raise FlowError(
                str(self.script), 0, "", f"cannot be started ({error}); check it and `flows.script_user`"
            ) from error
        finally:
            if not isinstance(errors, int):
                errors.close()

    async def _watch(self, process: asyncio.subprocess.Process, limit: asyncio.Timeout) -> None:
        """When the call is over, whatever the script is busy with: little time is left to it, and it is told."""
        await self.call.gone.wait()
        self.left = not self.hangs_up
        at = asyncio.get_running_loop().time() + KEEP_SECONDS + HANG_UP_SECONDS
        if not limit.expired():
            limit.reschedule(min(at, limit.when() or at))
        await asyncio.sleep(KEEP_SECONDS)
        self._warn(process)

    def _warn(self, process: asyncio.subprocess.Process) -> None:
        """SIGHUP, once. Who has hung up by itself knows, and may still put on record what was said."""
        if not self.warned and not self.hangs_up:
            self.warned = True
            _signal(process, signal.SIGHUP)

    async def _talk(self, process: asyncio.subprocess.Process) -> ScriptEnd:
        """Answer the script's commands, one after the other, until it ends."""
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        fields = self.call.env.fields.items()  # without what shows that a connection is Asterisk's
        process.stdin.write(
            encode_environment((name, value) for name, value in fields if not name.startswith(ARGUMENT))
        )
        for _ in range(MOST_COMMANDS):
            try:
                line = await process.stdout.readline()
            except ValueError as error:
                raise ProtocolError(f"a line of more than {MOST_LINE_BYTES} bytes") from error
            if not line:
                await process.wait()
                return ScriptEnd.HUNG_UP if self.warned else ScriptEnd.DONE
            text = line.decode("utf-8", "replace").strip()
            if not text:
                continue
            try:
                answer = await self._answer(text)
            except CallHungUp:
                answer = _DEAD
                self._warn(process)
            # What has ended, or hears no answer, has its say all the same: the marks that it wrote before count.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                if not process.stdin.is_closing():
                    process.stdin.write(answer)
                    await process.stdin.drain()
        raise ProtocolError(f"more than {MOST_COMMANDS} commands in one call")

    async def _answer(self, line: str) -> bytes:
        judged = judge(line, self.commits + 1, self.recordings, self.recorded)
        match judged:
            case Refuse(why=why):
                self.refused += 1
                if self.refused == 1:
                    _log.warning("script.refused", script=self.script.name, why=why)
                if self.refused > MOST_REFUSED:
                    raise ProtocolError(f"more than {MOST_REFUSED} commands that a script may not use")
                return refusal(why)
            case Answer(name=name):
                return answer_of(self.facts.get(name))
            case Keep(commit=commit):
                return b"200 result=1\n" if await self._kept(commit) else b"200 result=0\n"
            case Remember(name=name, value=value):
                if name not in self.variables and len(self.variables) >= MOST_VARIABLES:
                    return refusal(f"more than {MOST_VARIABLES} variables")
                self.variables[name] = value
                return b"200 result=1\n"
            case Recall(name=name) if name in self.variables:
                return answer_of(self.variables[name])
            case Recall(name=name):
                return encode_reply(await self.call.command("GET VARIABLE", name))
            case Forward(verb=verb, arguments=arguments, recorded=recorded):
                if recorded is not None:
                    self.recorded.add(recorded)
                self.hangs_up |= verb == "HANGUP" and not arguments and not self.call.hung_up
                try:
                    return encode_reply(await self.call.command(verb, *arguments))
                except UnsafeValue as error:
                    return refusal(str(error))

    async def _kept(self, commit: FlowCommit) -> bool:
        """Whether it is on record. What has begun is seen to its end, even if the script's time is over meanwhile: else it would be
        on disk, and the engine would not know of it.
        """
        self.commits += 1
        keeping = asyncio.create_task(put_on_record(commit, self.commit), name="script-commit")
        try:
            return isinstance(await asyncio.shield(keeping), Committed)
        except asyncio.CancelledError:
            await asyncio.wait({keeping})
            raise

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        """No process of the script outlives the call, whatever it has started: its launcher ends them."""
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_SECONDS):
                await _drained(process)
        self.transport.close()  # kills a launcher that a script has stopped, and leaves pipes that something still holds


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Read what a script still writes, so that it does not block on it, to its end."""
    assert process.stdout is not None  # noqa: S101 - pipes were asked for
    while await process.stdout.read(MOST_LINE_BYTES):
        pass
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """To its launcher, which hands SIGHUP on to the session that the script leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.send_signal(number)
