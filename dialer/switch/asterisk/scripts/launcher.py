"""Runs a script on a short lead: `python launcher.py CONTAINMENT NETWORK PARENT SECONDS BYTES PROCESSES UID:GID SCRIPT`.

Imports nothing of ours. A process of its own sets the limits, because a function that runs between fork and exec may deadlock in a
threaded parent; and it stays, because whoever started processes must see to their end:

- In namespaces (`user`, `root`) the script has a first process over it, and when that ends the kernel ends every process of the
  namespace, whatever they have become. It ends with the script, with this launcher, and so with the dialler.
- Without (`none`) this launcher is whom orphans come to (PR_SET_CHILD_SUBREAPER). It stops them all, so that none forks on, and
  kills them: at the script's end, and when the dialler is gone. A script that kills its launcher gets away.

Ends with the script's status, 128 and the signal's number where one ended it, or UNCONTAINED.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
from collections.abc import Callable

UNCONTAINED = 70  # status of a launcher that could not do what it was told to
OPEN_FILES = 64
WRITTEN_BYTES = 64 * 1024 * 1024
NICE = 5
SPARE_PROCESSES = 256
"""Without a user namespace the kernel counts all processes of a user together: so many more than there are may be started."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38  # neither sudo nor a setuid program gives it more rights again
_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_SLAVE = 2, 4, 8, 0x4000, 0x80000
_WATCHED = (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM)
_LINUX = sys.platform == "linux"


def main(
    containment: str, network: str, parent: int, seconds: int, memory: int, processes: int, rights: str, script: str
) -> int:
    """Run the script (`rights` "": with ours) and return its status. `network`: "on" leaves it the machine's. A script "" is none:
    the containment alone is tried.
    """
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    user = containment == "user"
    most = processes + 2 if user else _tasks_of(rights) + SPARE_PROCESSES  # counted where all of them can still be seen
    if user:
        _take(rights)
    if containment != "none":
        _enter(user=user, network=network == "on")
    if _LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return UNCONTAINED  # the dialler is gone

    def become() -> None:
        _limit(seconds, memory, most)
        if not user:
            _take(rights)
        if containment == "none" and _LINUX:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _become(script)

    reading, writing = os.pipe()
    first = os.fork()
    if first:
        os.close(reading)
        status = _watch(first)
        if containment == "none":
            _sweep()
        else:
            _kill(first, signal.SIGKILL)  # returns when the kernel has ended the whole namespace
            _reap()
        return status
    os.close(writing)
    if containment == "none":
        _exec(become)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if select.select([reading], [], [], 0)[0]:
        os._exit(UNCONTAINED)  # the launcher is gone already: nothing would tell us
    os.close(reading)
    _hide()
    child = os.fork()
    if not child:
        _exec(become)
    os._exit(_watch(child))


def _take(rights: str) -> None:
    """Another user's rights, for good."""
    if rights:
        user, _, group = rights.partition(":")
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
        if _LINUX:
            _prctl(_PR_SET_DUMPABLE, 1)  # /proc/self is root's else, and the namespace's users could not be told


def _enter(*, user: bool, network: bool) -> None:
    uid, gid = os.geteuid(), os.getegid()
    flags = _NEW_MOUNTS | _NEW_IPC | _NEW_PROCESSES | (0 if network else _NEW_NETWORK) | (_NEW_USER if user else 0)
    if _libc().unshare(flags):
        raise OSError(ctypes.get_errno(), "no namespaces")
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib would be imported for this
                file.write(text)


def _hide() -> None:
    """Other processes, and the sockets of the machine's services, as far as the kernel lets us: limits hold without."""
    libc = _libc()
    if libc.mount(b"none", b"/", None, _MS_REC | _MS_SLAVE, None):
        return  # else it would be the machine's own
    libc.mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)
    libc.mount(b"tmpfs", b"/run", b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, b"size=1m,mode=755")


def _watch(child: int) -> int:
    """Wait for the child's end, or to be told to end; its status. What is said to us by SIGHUP is said to it and its group."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(null, stream)  # the script's alone: its end is to be seen
    os.close(null)
    while True:
        number = signal.sigwait(_WATCHED)
        if number == signal.SIGTERM:
            return 128 + number
        if number == signal.SIGHUP:
            _signal_group(child, number)
            continue
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if not ended:
                break


def _signal_group(child: int, number: int) -> None:
    try:
        os.killpg(child, number)
    except (ProcessLookupError, PermissionError):
        os.kill(child, number)


def _sweep() -> None:
    """End whatever is left below this process."""
    stopped: set[int] = set()
    while fresh := _below(os.getpid()) - stopped:
        for pid in fresh:  # who is stopped does not fork, and is not missed by the next look
            _kill(pid, signal.SIGSTOP)
        stopped |= fresh
    for pid in stopped:
        _kill(pid, signal.SIGKILL)
    while not _reap(os.WNOHANG):
        for pid in _below(os.getpid()):
            _kill(pid, signal.SIGKILL)
        _reap(most=1)


def _reap(options: int = 0, most: int = 1 << 30) -> bool:
    """Take the ends of children, so many; whether there are no children any more."""
    try:
        for _ in range(most):
            if not os.waitpid(-1, options)[0]:
                return False
    except ChildProcessError:
        return True
    return False


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _below(ancestor: int) -> set[int]:
    """The living descendants of a process."""
    children: dict[int, list[int]] = {}
    for pid, (state, parent) in _processes().items():
        if state != "Z":
            children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = [ancestor]
    while waiting:
        fresh = [pid for pid in children.get(waiting.pop(), []) if pid not in found]
        found.update(fresh)
        waiting += fresh
    return found


def _processes() -> dict[int, tuple[str, int]]:
    """State and parent of each process; none where there is no /proc."""
    found: dict[int, tuple[str, int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208 - as above
        try:
            with open(f"/proc/{name}/stat") as file:  # noqa: PTH123
                state, parent = file.read().rpartition(") ")[2].split()[:2]
            found[int(name)] = state, int(parent)
        except (OSError, ValueError):
            continue  # no process, or gone
    return found


def _tasks_of(rights: str) -> int:
    """Threads and processes of the user that the script will be."""
    uid, tasks = int(rights.partition(":")[0]) if rights else os.getuid(), 0
    for pid in _processes():
        try:
            if os.stat(f"/proc/{pid}").st_uid == uid:  # noqa: PTH116
                tasks += os.stat(f"/proc/{pid}/task").st_nlink - 2  # noqa: PTH116
        except OSError:
            continue
    return tasks


def _limit(seconds: int, memory: int, processes: int) -> None:
    limits = [
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, WRITTEN_BYTES),
        (resource.RLIMIT_CORE, 0),
    ]
    if _LINUX:
        limits.append((resource.RLIMIT_NPROC, processes))
    for kind, most in limits:
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    os.nice(NICE)
    if _LINUX:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        try:
            with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
                file.write("500")  # memory is taken from it before it is taken from the dialler
        except OSError:
            pass


def _exec(become: Callable[[], None]) -> None:
    """Become the script, with the signals as a program expects them. Never returns."""
    try:
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # nohup and Python itself ignore some, and would hand that on
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        become()
    except BaseException as error:  # noqa: BLE001 - a forked process ends here, whatever it is
        os.write(2, f"the script was not started: {error}\n".encode())
    os._exit(UNCONTAINED)


def _become(script: str) -> None:
    if not script:
        os._exit(0)
    if script.endswith(".py"):
        os.execv(sys.executable, [sys.executable, "-E", "-s", "-u", script])  # noqa: S606 - what it is for
    os.execv(script, [script])  # noqa: S606 - what it is for


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    try:
        STATUS = main(*sys.argv[1:3], *map(int, sys.argv[3:7]), *sys.argv[7:9])  # type: ignore[arg-type] # as at the top
    except OSError as problem:
        os.write(2, f"the script was not started: {problem}\n".encode())
        STATUS = UNCONTAINED
    os._exit(STATUS)
