"""Who sits before a page: passwords, sessions, and what slows a guesser down.

Rights are not kept here: a name has the role that the settings gave it when the desk was started. Passwords are hashed with
argon2id, one at a time and below everything else of the machine: a hundred people who sign in at once must not hold up a call.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from config.errors import MatdanError, SettingError
from config.settings import Settings
from config.supervision import Supervisor
from config.unfinished import why_weak
from dialer.domain.clock import Clock, SystemClock
from dialer.store.cipher import site_key
from dialer.store.desk_file import DeskFile, desk_path

LEAST_PASSWORD = 12
MOST_PASSWORD = 200
MOST_WAITING = 100  # who wait for their password to be looked at
FREE_TRIES = 5  # wrong ones in a row
FIRST_LOCK_SECONDS, LONGEST_LOCK_SECONDS = 30.0, 900.0
NOTED_SECONDS = 300.0  # a session's last use is written down not more often
REMEMBERED = 1_000  # names that the settings do not have, with wrong tries: the longest ago goes
_NICE = 15

AGENT = "agent"
"""The role of who has a seat: no role of the settings, so that no door is for both."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who has signed in."""

    name: str  # of an agent: the number
    role: str  # of the settings, or AGENT
    seat: str = ""  # an agent's


class NotSignedIn(MatdanError):
    """A sign-in that was refused. `problem` is the page's word for it."""

    def __init__(self, problem: str, seconds: float = 0.0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.seconds = seconds


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    until: float = 0.0  # monotonic


def refuse_stranger(name: str, names: Iterable[str]) -> None:
    """Raise SettingError for a name that is not among those of the settings."""
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
        supervisors: Iterable[Supervisor],
        clock: Clock,
        idle_seconds: float,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._file = file
        self._roles = {each.name: each.role.value for each in supervisors}
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._hasher = hasher or PasswordHasher(parallelism=1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_stand_back)
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._waiting = 0
        self._tries = {name: _Tries() for name in self._roles}
        self._strangers: OrderedDict[str, _Tries] = OrderedDict()

    async def sign_in(self, name: str, password: str) -> str:
        """The token of a new session. Raises NotSignedIn: `wrong`, `locked` with seconds, `busy`. An unknown name takes as long."""
        self._refuse_crowd()
        now = self._clock.monotonic()
        tries = self._tries_of(name)
        if tries.until > now:
            raise NotSignedIn("locked", tries.until - now)
        hashed = await self._file.password_of(name) if name in self._roles else None
        if not await self._is_right(hashed or self._nobody, password) or hashed is None:
            tries.wrong += 1
            if tries.wrong >= FREE_TRIES:
                tries.until = self._clock.monotonic() + min(
                    LONGEST_LOCK_SECONDS, FIRST_LOCK_SECONDS * 2 ** (tries.wrong - FREE_TRIES)
                )
            raise NotSignedIn("wrong")
        self._tries[name] = _Tries()
        token = new_token()
        at = self._clock.now()
        await self._file.begin_session(digest_of(token), name, at, forget_before=at - self._idle_seconds)
        return token

    def _tries_of(self, name: str) -> _Tries:
        """Wrong ones under that name. Those of the settings' names are never forgotten, however many others are tried."""
        if name in self._tries:
            return self._tries[name]
        tries = self._strangers.setdefault(name, _Tries())
        self._strangers.move_to_end(name)
        if len(self._strangers) > REMEMBERED:
            self._strangers.popitem(last=False)
        return tries

    async def who(self, token: str) -> Who | None:
        """Whose session that is; None: nobody's, or nobody's any more."""
        digest = digest_of(token)
        found = await self._file.session(digest)
        if found is None:
            return None
        (name, used_at), now = found, self._clock.now()
        role = self._roles.get(name)
        if role is None or now - used_at > self._idle_seconds:
            await self._file.end_session(digest)
            return None
        if now - used_at > NOTED_SECONDS:
            await self._file.use_session(digest, now)
        return Who(name, role)

    async def sign_out(self, token: str) -> None:
        """The session is over."""
        await self._file.end_session(digest_of(token))

    async def set_password(self, name: str, password: str | None) -> None:
        """Keep a new password, or none. Raises SettingError for a name that the settings do not have, or a weak password."""
        if password is not None:
            refuse_stranger(name, self._roles)
            refuse_weak_password(name, password)
        hashed = None if password is None else await self.in_turn(lambda: self._hasher.hash(password))
        await self._file.set_password(name, hashed, self._clock.now())

    def close(self) -> None:
        """No password is looked at any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _is_right(self, hashed: str, password: str) -> bool:
        return await self.in_turn(lambda: self._verify(hashed, password))

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


async def set_password(settings: Settings, name: str, password: str | None) -> None:
    """Keep a password at a site, or none, from the command line: `People.set_password`. Raises SettingError, StoreError."""
    file = DeskFile(desk_path(settings.store.path), site_key(settings))
    people = People(file, settings.supervisors, SystemClock(), idle_seconds=0.0)
    try:
        await people.set_password(name, password)
    finally:
        people.close()
        await file.close()


def new_token() -> str:
    """A session's token: whoever has it is signed in."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is kept of a session's token: it is random, and needs no stretching."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _stand_back() -> None:
    if sys.platform == "linux":  # where a thread has a niceness of its own
        os.nice(_NICE)
