"""Run AGI scripts. A script's standard input and output carry the AGI protocol of one call.

After a hang-up, the script first has a moment to store the last key. Then it gets SIGHUP, as from Asterisk itself, and
has some seconds to end. Results that it stores before its end count.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from dialer.domain.errors import ProtocolError, UnsafeValue
from dialer.flows.errors import FlowError
from dialer.flows.model import Scalar
from dialer.flows.turns import Committed, FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import ARGUMENT, CallHungUp, encode_environment, encode_reply
from dialer.switch.asterisk.scripts.commands import (
    Forward,
    GetFact,
    GetVariable,
    Recordings,
    Refuse,
    SetVariable,
    StoreResult,
    encode_refusal_reply,
    encode_value_reply,
    interpret_script_command,
)
from dialer.switch.asterisk.scripts.containment import ScriptRules, make_script_command
from dialer.switch.asterisk.scripts.process import ContainedProcess
from dialer.switch.flow_effects import CommitFlow, commit_flow_result

_log = structlog.get_logger(__name__)

PREFIX: Final = "script:"
MOST_COMMANDS: Final = 10_000
MOST_REFUSED: Final = 100
MOST_LINE_BYTES: Final = 4096
MOST_VARIABLES: Final = 200
LAST_KEY_SECONDS: Final = 1.0
"""Time from a hang-up to SIGHUP, in which the script can store the caller's last key.

Most scripts end on the signal, and pyst2 sends no command after it. LAST_KEY_SECONDS plus STOP_SECONDS is shorter than
the engine's wait for a flow's last commit.
"""
STOP_SECONDS: Final = 3.0  # from SIGHUP until the script is killed
_DEAD: Final = b"511 Command Not Permitted on a dead channel or intercept routine\n"


class ScriptEnd(StrEnum):
    """How an AGI script ended."""

    DONE = "done"  # by itself, with exit status 0
    FAILED = "failed"  # with another exit status, or by an error in the AGI protocol
    HUNG_UP = "hung-up"
    TOO_LONG = "too-long"


def find_agi_script_in_flow_setting(flow: str) -> Path | None:
    """Return the path in a campaign's `flow = "script:/path/to/script.py"`, or None if the value names a flow.

    Raises FlowError if the path is not a file that can be executed.
    """
    if not flow.startswith(PREFIX):
        return None
    path = Path(flow.removeprefix(PREFIX))
    if not path.is_absolute() or not path.is_file():
        raise FlowError(
            flow, 0, "", "the AGI script is not a file; give its full path, such as script:/etc/matdan/survey.py"
        )
    if path.suffix != ".py" and not os.access(path, os.X_OK):
        raise FlowError(flow, 0, "", "the AGI script is not executable; run chmod +x on it, or give it the suffix .py")
    return path


@dataclass(slots=True)
class ScriptRun:
    """One run of an AGI script, for one call."""

    call: AgiCall
    script: Path
    rules: ScriptRules
    commit: CommitFlow
    facts: Mapping[str, Scalar]
    recordings: Recordings  # whether the script may record the caller, and where
    recorded: set[str] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)
    commits: int = 0
    refused: int = 0
    hangs_up: bool = False  # the script has sent HANGUP
    caller_left: bool = False  # the caller has hung up
    signalled: bool = False  # SIGHUP was sent

    async def run_script_until_ended(self) -> ScriptEnd:
        """Run the AGI script until it ends or reaches a limit. Raises FlowError if it cannot be started."""
        try:
            process = await ContainedProcess.start(
                self.rules, make_script_command(self.script), self.script.parent, MOST_LINE_BYTES
            )
        except (OSError, KeyError) as error:
            raise FlowError(
                str(self.script), 0, "", f"the AGI script cannot be started ({error}); check it and `flows.script_user`"
            ) from error
        end = ScriptEnd.FAILED
        try:
            async with asyncio.timeout(self.rules.seconds) as limit:
                watch = asyncio.create_task(self._watch_for_hang_up(process, limit), name="script-hang-up")
                try:
                    end = await self._answer_script_commands(process)
                finally:
                    watch.cancel()
        except TimeoutError:
            end = ScriptEnd.HUNG_UP if self.caller_left else ScriptEnd.TOO_LONG
        except ProtocolError as error:
            _log.warning("script.protocol_violated", script=self.script.name, problem=str(error))
        finally:
            await process.stop(STOP_SECONDS)
        if end is ScriptEnd.DONE and process.exit_status != 0:
            end = ScriptEnd.HUNG_UP if self.caller_left else ScriptEnd.FAILED
        if end in {ScriptEnd.FAILED, ScriptEnd.TOO_LONG}:
            _log.warning("script.failed", script=self.script.name, end=end.value, status=process.exit_status)
        return end

    async def _watch_for_hang_up(self, process: ContainedProcess, limit: asyncio.Timeout) -> None:
        """Wait until the call has ended. Then send SIGHUP to the AGI script, and shorten the time that it may still
        run.
        """
        await self.call.ended.wait()
        self.caller_left = not self.hangs_up
        at = asyncio.get_running_loop().time() + LAST_KEY_SECONDS + STOP_SECONDS
        if not limit.expired():
            limit.reschedule(min(at, limit.when() or at))
        await asyncio.sleep(LAST_KEY_SECONDS)
        self._send_hangup_signal_to_script(process)

    def _send_hangup_signal_to_script(self, process: ContainedProcess) -> None:
        """Send SIGHUP to the AGI script, once. A script that has hung up the call itself gets no signal, so that it can
        still store the caller's answers.
        """
        if not self.signalled and not self.hangs_up:
            self.signalled = True
            process.send_hangup_signal()

    async def _answer_script_commands(self, process: ContainedProcess) -> ScriptEnd:
        """Answer the script's commands one after the other, until the script ends."""
        fields = self.call.env.fields.items()  # sent without the token that authenticates Asterisk
        await process.write_to_program(
            encode_environment((name, value) for name, value in fields if not name.startswith(ARGUMENT))
        )
        for _ in range(MOST_COMMANDS):
            try:
                line = await process.stdout.readline()
            except ValueError as error:
                raise ProtocolError(
                    f"the AGI script sent a line of more than {MOST_LINE_BYTES} bytes: let it send shorter lines"
                ) from error
            if not line:
                await process.wait_until_program_ended()
                return ScriptEnd.HUNG_UP if self.signalled else ScriptEnd.DONE
            text = line.decode("utf-8", "replace").strip()
            if not text:
                continue
            try:
                answer = await self._execute_script_command(text)
            except CallHungUp:
                answer = _DEAD
                self._send_hangup_signal_to_script(process)
            await process.write_to_program(answer)
        raise ProtocolError(f"the AGI script sent more than {MOST_COMMANDS} commands in one call: let it end sooner")

    async def _execute_script_command(self, line: str) -> bytes:
        """Execute a command that the AGI script sent, if scripts may use it. Return the reply to the script.

        Raises:
            ProtocolError: the script sent too many commands that scripts may not use.
            CallHungUp: the caller has hung up.
        """
        match interpret_script_command(line, self.commits + 1, self.recordings, self.recorded):
            case Refuse(reason=reason):
                self.refused += 1
                if self.refused == 1:
                    _log.warning("script.command_refused", script=self.script.name, reason=reason)
                if self.refused > MOST_REFUSED:
                    raise ProtocolError(
                        f"the AGI script sent more than {MOST_REFUSED} commands that scripts may not use: remove"
                        " these commands"
                    )
                return encode_refusal_reply(reason)
            case GetFact(name=name):
                return encode_value_reply(self.facts.get(name))
            case StoreResult(commit=commit):
                return b"200 result=1\n" if await self._store_script_result(commit) else b"200 result=0\n"
            case SetVariable(name=name, value=value):
                if name not in self.variables and len(self.variables) >= MOST_VARIABLES:
                    return encode_refusal_reply(f"more than {MOST_VARIABLES} variables")
                self.variables[name] = value
                return b"200 result=1\n"
            case GetVariable(name=name) if name in self.variables:
                return encode_value_reply(self.variables[name])
            case GetVariable(name=name):
                return encode_reply(await self.call.send_command("GET VARIABLE", name))
            case Forward(verb=verb, arguments=arguments, recorded=recorded):
                if recorded is not None:
                    self.recorded.add(recorded)
                self.hangs_up |= verb == "HANGUP" and not arguments and not self.call.has_call_ended
                try:
                    return encode_reply(await self.call.send_command(verb, *arguments))
                except UnsafeValue as error:
                    return encode_refusal_reply(str(error))

    async def _store_script_result(self, commit: FlowCommit) -> bool:
        """Store a result of the AGI script, and return whether it is on disk.

        If the script's time limit expires meanwhile, the result is still stored.
        """
        self.commits += 1
        storing = asyncio.create_task(commit_flow_result(commit, self.commit), name="script-commit")
        try:
            return isinstance(await asyncio.shield(storing), Committed)
        except asyncio.CancelledError:
            await asyncio.wait({storing})
            raise
