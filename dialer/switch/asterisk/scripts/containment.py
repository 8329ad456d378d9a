"""Isolate AGI scripts: build the command line that runs a program in a bubblewrap sandbox, and check the sandbox.

bubblewrap (`bwrap`) gives the program its own namespaces for users, processes, IPC and host name. The program also gets
its own network namespace, unless the site allows network access. `bwrap` ends when the dialler is killed. Then the
kernel ends every process in the namespaces.

The programs setpriv, env, choom, nice and prlimit set user, signals, priority and limits. Each replaces itself with the
next one. So no code of ours runs between fork and exec, where it could deadlock in a process with threads.
"""

from __future__ import annotations

import math
import pwd
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dialer.flows.errors import FlowError

CHECK_SECONDS: Final = 10.0  # timeout of the check, which normally takes some 10 ms
CPU_MARGIN_SECONDS: Final = 5
"""How much longer the kernel's CPU limit is than the script's time, after which the dialler itself ends the script."""
OPEN_FILES: Final = 64
WRITTEN_BYTES: Final = 64 * 1024 * 1024  # per file
NICE: Final = 5
OOM_SCORE: Final = 500  # if memory runs out, the kernel kills a script before it kills the dialler
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - the machine's directory, which libraries expect
SEARCH_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

_PACKAGES: Final = {
    "bwrap": "bubblewrap",
    "setpriv": "util-linux",
    "choom": "util-linux",
    "prlimit": "util-linux",
    "env": "coreutils",
    "nice": "coreutils",
}
"""The Debian package of each program."""


@dataclass(frozen=True, slots=True)
class ScriptRules:
    """The limits and permissions that a site sets for its AGI scripts."""

    seconds: float = 300.0  # time per call
    memory_megabytes: int = 256  # per process
    user: str | None = None  # the user that runs scripts; None for the dialler's user
    processes: int = 16  # processes and threads, including the script itself
    network: bool = False  # whether scripts may use the network
    errors: Path | None = None  # file for standard error, which may contain phone numbers and so is not logged
    hidden: tuple[Path, ...] = ()  # files and folders that scripts cannot see: settings with secrets, the store

    def check_script_is_visible(self, script: Path) -> None:
        """Raise FlowError if an AGI script could not start, because its folder is hidden in the sandbox."""
        for path in self.hidden:
            if script.resolve().is_relative_to(path):
                raise FlowError(
                    str(script), 0, "", f"the AGI script is in {path}, which is hidden from AGI scripts; move it"
                )


def describe_sandbox_of_scripts(rules: ScriptRules) -> str:
    """Return a description of how scripts are isolated, for an administrator."""
    network = "the machine's network" if rules.network else "no network"
    user = "" if rules.user is None else f", as user {rules.user}"
    return f"isolated by bubblewrap: {network}, at most {rules.processes} processes each{user}"


def check_script_sandbox(rules: ScriptRules, scripts: Iterable[Path] = ()) -> None:
    """Check that a program can be run in the sandbox (bubblewrap), and that the files `scripts` are visible there.
    Blocks for some 10 ms.

    Raises:
        FlowError: the sandbox does not work on this machine, or hides a script. The dialler then runs no script.
    """
    for script in scripts:
        rules.check_script_is_visible(script)
    missing = [program for program in _PACKAGES if shutil.which(program, path=SEARCH_PATH) is None]
    if missing:
        programs, packages = ", ".join(missing), " ".join(sorted({_PACKAGES[program] for program in missing}))
        raise _make_containment_error(
            f"programs that AGI scripts need are not installed ({programs}): run `apt install {packages}`"
        )
    try:
        command = create_command_in_sandbox(rules, ["true"], Path("/"))
        done = subprocess.run(  # noqa: S603 - our own command line
            command,
            env=make_script_environment(rules),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except KeyError as error:
        raise _make_containment_error(
            f"user {rules.user!r} does not exist; create it, or change `flows.script_user`"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _make_containment_error(str(error)) from error
    if done.returncode != 0:
        raise _make_containment_error(
            done.stderr.decode(errors="replace").strip() or f"bwrap ended with status {done.returncode}"
        )


def _make_containment_error(problem: str) -> FlowError:
    return FlowError("script", 0, "", f"AGI scripts cannot be isolated: {problem} (docs/how-to/scripts.md)")


def make_script_command(script: Path) -> list[str]:
    """Return the command line that runs an AGI script, without the sandbox (`create_command_in_sandbox`).

    A script whose name ends in `.py` is run by the dialler's own Python.
    """
    return [sys.executable, "-E", "-s", "-u", str(script)] if script.suffix == ".py" else [str(script)]


def make_script_environment(rules: ScriptRules) -> dict[str, str]:
    """Return the environment variables of a script. The script inherits no variables of the dialler, because these may
    contain secrets.

    Raises KeyError if the machine has no such user.
    """
    home = "/" if rules.user is None else pwd.getpwnam(rules.user).pw_dir
    return {"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "HOME": home}


def create_command_in_sandbox(
    rules: ScriptRules, program: Sequence[str], directory: Path, info: int | None = None
) -> list[str]:
    """Return the command line that runs a program in a sandbox (bubblewrap), in a working directory.

    bwrap writes the process id of the sandbox's first process, as JSON, to the file descriptor `info`. Raises KeyError
    if the machine has no such user.
    """
    reports = [] if info is None else ["--info-fd", str(info)]
    return [
        *_make_setpriv_arguments_of_script(rules.user),
        *("env", "--default-signal"),  # undoes nohup, which ignores SIGHUP
        *("choom", "-n", str(OOM_SCORE), "--"),
        *("nice", "-n", str(NICE)),
        "bwrap",
        *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
        *(["--share-net"] if rules.network else []),
        *("--die-with-parent", "--new-session", *reports),
        *("--bind", "/", "/", "--dev", "/dev", "--bind", SHARED_MEMORY, SHARED_MEMORY, "--proc", "/proc"),
        *(
            "--tmpfs",
            "/run",
            *(_make_bwrap_arguments_for_resolv_conf() if rules.network else []),
            "--remount-ro",
            "/run",
        ),
        *(argument for path in rules.hidden for argument in _make_bwrap_arguments_that_hide_path(path)),
        *("--chdir", str(directory), "--"),
        # Inside the namespace: the kernel counts processes per user and user namespace, and so, outside of it, would
        # count the dialler's threads.
        *("prlimit", *_make_prlimit_arguments_of_script(rules), "--"),
        *program,
    ]


def _make_setpriv_arguments_of_script(user: str | None) -> list[str]:
    if user is None:
        return []
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--"]


def _make_bwrap_arguments_for_resolv_conf() -> list[str]:
    """Return the arguments of bwrap with which /etc/resolv.conf stays readable, even as a link into /run
    (systemd-resolved).
    """
    servers = str(Path("/etc/resolv.conf").resolve())
    return ["--ro-bind-try", servers, servers] if servers.startswith("/run/") else []


def _make_bwrap_arguments_that_hide_path(path: Path) -> list[str]:
    if path.is_dir():
        return ["--tmpfs", str(path), "--remount-ro", str(path)]
    return ["--ro-bind", "/dev/null", str(path)] if path.exists() else []


def _make_prlimit_arguments_of_script(rules: ScriptRules) -> list[str]:
    limits = (
        ("cpu", resource.RLIMIT_CPU, math.ceil(rules.seconds) + CPU_MARGIN_SECONDS),
        ("as", resource.RLIMIT_AS, rules.memory_megabytes * 1024 * 1024),
        ("nofile", resource.RLIMIT_NOFILE, OPEN_FILES),
        ("fsize", resource.RLIMIT_FSIZE, WRITTEN_BYTES),
        ("core", resource.RLIMIT_CORE, 0),
        ("nproc", resource.RLIMIT_NPROC, rules.processes + 1),  # plus bwrap's own process
    )
    return [f"--{name}={_reduce_to_hard_resource_limit(kind, most)}" for name, kind, most in limits]


def _reduce_to_hard_resource_limit(kind: int, most: int) -> int:
    """Return the smaller of the resource limit `most` and this process's hard limit for `kind` (see setrlimit(2))."""
    hard = resource.getrlimit(kind)[1]
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
