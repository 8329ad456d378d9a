"""Who sits before a page: passwords, sessions, and what slows a guesser down.

Rights are not kept here: a name has the role that the settings or the table of users give it at that moment. Passwords are hashed
with argon2id, one at a time and below everything else of the machine: a hundred people who sign in at once must not hold up a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, TypeVar

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import StoreError
from dialer.errors import MatdanError, SettingError
from dialer.settings.site import Settings
from dialer.settings.unfinished import why_weak
from dialer.store.desk_file import DeskFile, StoredPassword, desk_path
from dialer.store.keys import site_key
from dialer.store.users import read_stored_users
from dialer.web.directory import Directory

_log = structlog.get_logger(__name__)

LEAST_PASSWORD = 12
MOST_PASSWORD = 200
MOST_WAITING = 100  # who wait for their password to be looked at
FREE_TRIES = 5  # wrong ones in a row
FIRST_LOCK_SECONDS, LONGEST_LOCK_SECONDS = 30.0, 900.0
NOTED_SECONDS = 300.0  # a session's last use is written down not more often
REMEMBERED = 1_000  # names of nobody, with wrong tries: the longest ago goes
ONCE_SECONDS = 3 * 86_400.0  # a one-time password that nobody has used by then is none
_ONCE_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that looks like another
_ONCE_GROUPS = 5  # of four: 100 bits
_NICE = 15

_STATUS = {"wrong": 401, "once": 403, "expired": 403, "weak": 409}
AGENT = "agent"
"""The role of who has a seat: no role of the settings."""
AGENTS = frozenset({AGENT})
"""Of a door for them: it asks for their sessions alone, and every other for those of people, so that no door is for both."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who has signed in."""

    name: str  # of an agent: the number
    role: str  # of the settings or the table of users, or AGENT
    seat: str = ""  # an agent's


class NotSignedIn(MatdanError):
    """A sign-in that was refused. `problem` is the page's word for it, `status` that of HTTP."""

    def __init__(self, problem: str, seconds: float = 0.0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.seconds = seconds
        self.status = _STATUS.get(problem, 429)


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    until: float = 0.0  # monotonic


def refuse_stranger(name: str, names: Iterable[str]) -> None:
    """Raise SettingError for a name that neither the settings nor the table of users has."""
    known = sorted(names)
    if name not in known:
        there = ", ".join(known) or "none"
        raise SettingError(
            "settings",
            "supervisors",
            f"have no {name!r}, and no user is called so; there are: {there}",
            f"`dialer user add {name} ROLE` adds a user",
        )


def refuse_weak_password(name: str, password: str) -> None:
    """Raise SettingError for a password that is too short, or the first that anybody would try."""
    if len(password) > MOST_PASSWORD:
        raise SettingError("password", name, f"has more than {MOST_PASSWORD} characters", "choose a shorter one")
    if (why := why_weak(password, name, least=LEAST_PASSWORD)) is not None:
        raise SettingError("password", name, why, "choose another: four words that nobody would put together will do")


class People:
    """Everybody who may sign in, and everybody who has."""

    def __init__(
        self,
        file: DeskFile,
        directory: Directory,
        clock: Clock,
        idle_seconds: float,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._file = file
        self.directory = directory
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._hasher = hasher or PasswordHasher(parallelism=1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_stand_back)
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._waiting = 0
        self._tries: dict[str, _Tries] = {}
        self._strangers: OrderedDict[str, _Tries] = OrderedDict()

    async def sign_in(self, name: str, password: str, new: str | None = None) -> str:
        """The token of a new session; a `new` password takes the place of the right one. Raises NotSignedIn: `wrong`, `locked` with
        seconds, `busy`; of who gave the right one `once` (it was for one time: choose a new one), `expired`, `weak`. An unknown
        name takes as long.
        """
        kept = await self.check(name, password)
        if kept.once and self._clock.now() - kept.at > ONCE_SECONDS:
            raise NotSignedIn("expired")
        if kept.once and new is None:
            raise NotSignedIn("once")
        if new is not None:
            try:
                if new == password:
                    raise NotSignedIn("weak")
                await self.set_password(name, new)
            except SettingError as weak:
                raise NotSignedIn("weak") from weak
        return await self.begin_session(name)

    async def check(self, name: str, password: str) -> StoredPassword:
        """The name's password, which that is. Raises NotSignedIn where it is not: `wrong`, `locked` with seconds, `busy`."""
        self._refuse_crowd()
        tries = self._tries_of(name)
        self._refuse_locked(tries)
        kept = await self._password_of(name)
        if not await self.in_turn(lambda: self._try(tries, kept, password)) or kept is None:
            raise NotSignedIn("wrong")
        if await self._password_of(name) != kept:
            raise NotSignedIn("wrong")  # it was changed or taken away meanwhile
        return kept

    def _try(self, tries: _Tries, kept: StoredPassword | None, password: str) -> bool:
        """Whether the password is right; counted in its turn, else any number could be tried at a time."""
        self._refuse_locked(tries)
        if self._verify(self._nobody if kept is None else kept.hash, password) and kept is not None:
            tries.wrong, tries.until = 0, 0.0
            return True
        tries.wrong += 1
        if tries.wrong >= FREE_TRIES:
            seconds = min(LONGEST_LOCK_SECONDS, FIRST_LOCK_SECONDS * 2 ** (tries.wrong - FREE_TRIES))
            tries.until = self._clock.monotonic() + seconds
        return False

    def _refuse_locked(self, tries: _Tries) -> None:
        if (seconds := tries.until - self._clock.monotonic()) > 0:
            raise NotSignedIn("locked", seconds)

    async def begin_session(self, name: str) -> str:
        """The token of a new session of somebody who has proved to be that one."""
        token = new_token()
        at = self._clock.now()
        await self._file.begin_session(digest_of(token), name, at, forget_before=at - self._idle_seconds)
        return token

    async def _password_of(self, name: str) -> StoredPassword | None:
        """The password by which one may sign in now: that of an earlier user of the name is none."""
        if self.directory.find(name) is None:
            return None  # a storm of strangers reads nothing
        await self.directory.refresh()
        user, kept = self.directory.find(name), await self._file.password_of(name)
        return None if user is None or kept is None or kept.at < user.added_at else kept

    async def is_still(self, name: str, at: float) -> bool:
        """Whether that one is a user now who was so at `at` (epoch seconds)."""
        await self.directory.refresh()
        user = self.directory.find(name)
        return user is not None and at >= user.added_at

    def _tries_of(self, name: str) -> _Tries:
        """Wrong ones under that name. Those of users' names are never forgotten, however many others are tried."""
        if self.directory.find(name) is not None:
            return self._tries.setdefault(name, _Tries())
        tries = self._strangers.setdefault(name, _Tries())
        self._strangers.move_to_end(name)
        if len(self._strangers) > REMEMBERED:
            self._strangers.popitem(last=False)
        return tries

    async def who(self, token: str) -> Who | None:
        """Whose session that is; None: nobody's, or nobody's any more. Another role than before ends it too."""
        digest = digest_of(token)
        found = await self._file.session(digest)
        if found is None:
            return None
        (name, used_at), now = found, self._clock.now()
        user = self.directory.find(name)
        if user is None or used_at < user.changed_at or now - used_at > self._idle_seconds:
            await tolerated(self._file.end_session(digest))
            return None
        if now - used_at > NOTED_SECONDS:
            await tolerated(self._file.use_session(digest, now))
        return Who(name, user.role)

    async def sign_out(self, token: str) -> None:
        """The session is over."""
        await self._file.end_session(digest_of(token))

    async def sign_out_everywhere(self, name: str) -> None:
        """Every session of that one is over."""
        await self._file.end_sessions_of(name)

    async def follow(self, name: str) -> None:
        """That one's rights have changed: who has lost all keeps no password, and nobody a session that was begun with others."""
        if self.directory.find(name) is None:
            await self.set_password(name, None)
        else:
            await self.sign_out_everywhere(name)

    async def set_password(self, name: str, password: str | None) -> None:
        """Keep a new password, or none: then no passkey is kept either. Raises SettingError for a name of nobody, or a weak one."""
        if password is not None:
            await self.directory.refresh()
            refuse_stranger(name, self.directory.names())
            refuse_weak_password(name, password)
        await self._keep(name, password, once=False)

    async def give_once(self, name: str) -> str:
        """A new password for one sign-in, at which it must be changed; told here and kept nowhere. Whatever was before is none any
        more. Raises SettingError for a name of nobody.
        """
        await self.directory.refresh()
        refuse_stranger(name, self.directory.names())
        groups = ["".join(secrets.choice(_ONCE_LETTERS) for _ in range(4)) for _ in range(_ONCE_GROUPS)]
        password = "-".join(groups)
        await self._keep(name, password, once=True)
        return password

    async def _keep(self, name: str, password: str | None, *, once: bool) -> None:
        hashed = None if password is None else await self.in_turn(lambda: self._hasher.hash(password))
        kept = None if hashed is None else StoredPassword(hashed, self._clock.now(), once)
        await self._file.set_password(name, kept)
        self._tries.pop(name, None)

    def close(self) -> None:
        """No password is looked at any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _refuse_crowd(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise NotSignedIn("busy", 5.0)

    async def in_turn(self, work: Callable[[], T]) -> T:
        """What takes long on purpose, as a password's hash does: one at a time. Raises NotSignedIn where too many wait: `busy`."""
        self._refuse_crowd()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


@contextlib.asynccontextmanager
async def people_of(settings: Settings) -> AsyncIterator[People]:
    """Everybody of a site, for the command line. Raises StoreError."""
    path, key = settings.store.path, site_key(settings)
    file = await DeskFile.open(desk_path(path), key)
    directory = Directory(settings.supervisors, partial(asyncio.to_thread, read_stored_users, path, key))
    people = People(file, directory, SystemClock(), idle_seconds=0.0)
    try:
        yield people
    finally:
        people.close()
        await file.close()


async def set_password(settings: Settings, name: str, password: str | None) -> None:
    """Keep a password at a site, or none: `People.set_password`. Raises SettingError, StoreError."""
    async with people_of(settings) as people:
        await people.set_password(name, password)


async def give_password(settings: Settings, name: str) -> str:
    """A one-time password at a site: `People.give_once`. Raises SettingError, StoreError."""
    async with people_of(settings) as people:
        return await people.give_once(name)


async def tolerated(work: Awaitable[object], said: str = "desk.unwritten") -> bool:
    """Whether it could be done. A disk that is full, or cannot be read, signs nobody out and ends nothing: the log has it as
    `said`, and who writes or reads tries again; of a session, at the next request.
    """
    try:
        await work
    except StoreError as error:
        _log.warning(said, problem=str(error))
        return False
    return True


async def again(seconds: float, work: Callable[[], Awaitable[object]]) -> NoReturn:
    """Do that until cancelled, so many seconds after the time before."""
    while True:
        await work()
        await asyncio.sleep(seconds)


async def is_over(find: Callable[[str], Awaitable[Who | None]], token: str, who: Who) -> bool:
    """Whether that one has the session no more, of whom a page is open. A file that cannot be read now ends no page: it is looked
    at again.
    """
    try:
        return await find(token) != who
    except StoreError as error:
        _log.warning("desk.session-unread", problem=str(error))
        return False


def new_token() -> str:
    """A session's token: whoever has it is signed in."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is kept of a session's token: it is random, and needs no stretching."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _stand_back() -> None:
    if sys.platform == "linux":  # where a thread has a niceness of its own
        os.nice(_NICE)
