"""The containment of AGI scripts: the command line that runs a program under bubblewrap, and a check that it works here.

bubblewrap (`bwrap`) gives the program namespaces of its own: users, processes, IPC, host name, and network unless the
site allows one. When `bwrap` ends, which it does when the dialler is killed, the kernel ends every process in them.
setpriv, env, choom, nice and prlimit (util-linux and coreutils) set user, signals, priority and limits. Each of these
programs replaces itself with the next, so no code of ours runs between fork and exec, where it could deadlock in a
threaded process.
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

CHECK_SECONDS: Final = 10.0  # bwrap takes some 10 ms
CPU_MARGIN_SECONDS: Final = 5
"""The dialler ends a script that computes for too long, and says so.

The kernel's limit comes later, for whatever is left.
"""
OPEN_FILES: Final = 64
WRITTEN_BYTES: Final = 64 * 1024 * 1024  # per file
NICE: Final = 5
OOM_SCORE: Final = 500  # the kernel takes memory from a script before it takes it from the dialler
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - the machine's, which libraries expect
SEARCH_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

_PACKAGES: Final = {
    "bwrap": "bubblewrap",
    "setpriv": "util-linux",
    "choom": "util-linux",
    "prlimit": "util-linux",
    "env": "coreutils",
    "nice": "coreutils",
}
"""Each program with the Debian package that has it."""


@dataclass(frozen=True, slots=True)
class ScriptRules:
    """What a script may use of the machine."""

    seconds: float = 300.0  # per call
    memory_megabytes: int = 256  # per process
    user: str | None = None  # whose permissions it has; None: the dialler's
    processes: int = 16  # and threads, including the script itself
    network: bool = False  # whether it has the machine's network
    errors: Path | None = None  # file for its standard error, which may hold phone numbers and so goes into no log
    hidden: tuple[Path, ...] = ()  # files and folders that it cannot see: settings with secrets, the store

    def check_visible(self, script: Path) -> None:
        """Raise FlowError where a script lies in a folder that scripts cannot see."""
        for path in self.hidden:
            if script.resolve().is_relative_to(path):
                raise FlowError(str(script), 0, "", f"lies in {path}, which AGI scripts cannot see; move it")


def describe_containment(rules: ScriptRules) -> str:
    """Return the containment in words, for an administrator."""
    network = "the machine's network" if rules.network else "no network"
    user = "" if rules.user is None else f", as user {rules.user}"
    return f"contained by bubblewrap: {network}, at most {rules.processes} processes each{user}"


def check_containment(rules: ScriptRules, scripts: Iterable[Path] = ()) -> None:
    """Run an empty program in the containment, and check that `scripts` can be seen from inside. Blocks for some 10 ms.

    Raises FlowError where this machine cannot contain scripts: then none is run.
    """
    for script in scripts:
        rules.check_visible(script)
    missing = [program for program in _PACKAGES if shutil.which(program, path=SEARCH_PATH) is None]
    if missing:
        packages = " ".join(sorted({_PACKAGES[program] for program in missing}))
        raise _refused(f"{', '.join(missing)} not installed; apt install {packages}")
    try:
        command = contained_command(rules, ["true"], Path("/"))
        done = subprocess.run(  # noqa: S603 - our own command line
            command,
            env=environment(rules),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except KeyError as error:
        raise _refused(f"there is no user {rules.user!r}; create it, or change flows.script_user") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _refused(str(error)) from error
    if done.returncode != 0:
        raise _refused(done.stderr.decode(errors="replace").strip() or f"bwrap ended with status {done.returncode}")


def _refused(problem: str) -> FlowError:
    return FlowError("script", 0, "", f"AGI scripts cannot be contained: {problem} (docs/how-to/scripts.md)")


def script_command(script: Path) -> list[str]:
    """Return the command line of a script, without containment: `.py` files run with the dialler's Python."""
    return [sys.executable, "-E", "-s", "-u", str(script)] if script.suffix == ".py" else [str(script)]


def environment(rules: ScriptRules) -> dict[str, str]:
    """Return a script's whole environment: none of the dialler's variables, which may hold secrets.

    Raises KeyError where the machine has no such user.
    """
    home = "/" if rules.user is None else pwd.getpwnam(rules.user).pw_dir
    return {"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "HOME": home}


def contained_command(
    rules: ScriptRules, program: Sequence[str], directory: Path, info: int | None = None
) -> list[str]:
    """Return the command line that runs a program, in a directory, contained.

    bwrap writes the process id of the namespace's first process, as JSON, to the file descriptor `info`. Raises
    KeyError where the machine has no such user.
    """
    reports = [] if info is None else ["--info-fd", str(info)]
    return [
        *_as_user(rules.user),
        *("env", "--default-signal"),  # under nohup SIGHUP would be ignored
        *("choom", "-n", str(OOM_SCORE), "--"),
        *("nice", "-n", str(NICE)),
        "bwrap",
        *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
        *(["--share-net"] if rules.network else []),
        *("--die-with-parent", "--new-session", *reports),
        *("--bind", "/", "/", "--dev", "/dev", "--bind", SHARED_MEMORY, SHARED_MEMORY, "--proc", "/proc"),
        *("--tmpfs", "/run", *(_name_servers() if rules.network else []), "--remount-ro", "/run"),
        *(argument for path in rules.hidden for argument in _hide(path)),
        *("--chdir", str(directory), "--"),
        # Inside, because the kernel counts processes by user and user namespace: outside it would count the dialler's threads.
        *("prlimit", *_limits(rules), "--"),
        *program,
    ]


def _as_user(user: str | None) -> list[str]:
    if user is None:
        return []
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--"]


def _name_servers() -> list[str]:
    """Keep /etc/resolv.conf readable where it is a link into /run, as with systemd-resolved."""
    servers = str(Path("/etc/resolv.conf").resolve())
    return ["--ro-bind-try", servers, servers] if servers.startswith("/run/") else []


def _hide(path: Path) -> list[str]:
    if path.is_dir():
        return ["--tmpfs", str(path), "--remount-ro", str(path)]
    return ["--ro-bind", "/dev/null", str(path)] if path.exists() else []


def _limits(rules: ScriptRules) -> list[str]:
    limits = (
        ("cpu", resource.RLIMIT_CPU, math.ceil(rules.seconds) + CPU_MARGIN_SECONDS),
        ("as", resource.RLIMIT_AS, rules.memory_megabytes * 1024 * 1024),
        ("nofile", resource.RLIMIT_NOFILE, OPEN_FILES),
        ("fsize", resource.RLIMIT_FSIZE, WRITTEN_BYTES),
        ("core", resource.RLIMIT_CORE, 0),
        ("nproc", resource.RLIMIT_NPROC, rules.processes + 1),  # and the first process, which is bwrap's
    )
    return [f"--{name}={_at_most_hard(kind, most)}" for name, kind, most in limits]


def _at_most_hard(kind: int, most: int) -> int:
    """Return a limit that an ordinary user may set: at most the hard one."""
    hard = resource.getrlimit(kind)[1]
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
