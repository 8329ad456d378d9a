"""The users of the pages: their passwords, sessions and failed sign-ins. Roles come from the settings or the store.

One low-priority thread hashes passwords with argon2id, so that many simultaneous sign-ins do not delay calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, TypeVar

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dialer.domain.backoff import double_seconds_up_to_limit
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import StoreError
from dialer.errors import MatdanError, SettingError
from dialer.settings.site import Settings
from dialer.settings.unfinished import find_secret_weakness
from dialer.store.desk_file import DeskFile, StoredPassword, get_desk_file_path
from dialer.store.keys import read_store_key_of_site
from dialer.store.known_devices import KnownDeviceRecords
from dialer.store.users import read_users_of_store
from dialer.web.devices import KnownDevices, is_device_of_user
from dialer.web.directory import Directory
from dialer.web.slow_work import CLIENT, QueueFull, SlowWork, create_low_priority_thread

_log = structlog.get_logger(__name__)

MIN_PASSWORD_LENGTH = 12
MAX_PASSWORD_LENGTH = 200
MAX_WAITING = 100  # requests that wait for a password hash
ALLOWED_FAILURES = 5  # in a row, before a name is locked for one address or one known device
ALLOWED_FAILURES_OF_ALL = 50  # in a row from all unknown devices, before the name is locked for them
MAX_SOURCES = 10_000  # addresses and devices whose failed sign-ins are remembered; the oldest is forgotten first
FIRST_LOCK_SECONDS, LONGEST_LOCK_SECONDS = 30.0, 900.0
USE_RECORDED_SECONDS = 300.0  # least time between two records of a session's use
MAX_UNKNOWN_NAMES = 1_000  # whose failed sign-ins are remembered; the oldest is forgotten first
ONE_TIME_PASSWORD_SECONDS = 3 * 86_400.0  # validity of a one-time password
_ONE_TIME_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without letters that look alike
_ONE_TIME_GROUPS = 5  # of four letters: 100 bits

_STATUS = {"wrong": 401, "once": 403, "expired": 403, "weak": 409}
AGENT = "agent"
"""The role of an agent at a seat. It is not a role of the settings."""
AGENTS = frozenset({AGENT})
"""The roles of a route for agents. Such a route accepts only sessions of agents; every other route only sessions of people."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """A user who has signed in to the pages: a person, or an agent at a seat."""

    name: str  # an agent's number
    role: str  # a role of the settings or of the table of users, or AGENT
    seat: str = ""  # of an agent


class NotSignedIn(MatdanError):
    """Raised when a sign-in is refused, with the problem code for the page and the HTTP status."""

    def __init__(self, problem: str, seconds: float = 0.0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.seconds = seconds
        self.status = _STATUS.get(problem, 429)


@dataclass(slots=True)
class _FailedSignIns:
    allowed: int = ALLOWED_FAILURES  # in a row, before a lock
    count: int = 0  # in a row
    locked_until: float = 0.0  # monotonic seconds


def refuse_unknown_user(name: str, names: Iterable[str]) -> None:
    """Raise SettingError for a name that is no user of the settings or the store."""
    known = sorted(names)
    if name not in known:
        there = ", ".join(known) or "none"
        raise SettingError(
            "settings",
            "supervisors",
            f"have no user {name!r}, and neither has the store; known users: {there}",
            f"`dialer user add {name} ROLE` adds this user",
        )


def refuse_weak_password(name: str, password: str) -> None:
    """Raise SettingError for a password that is too short, too long or easy to guess."""
    if len(password) > MAX_PASSWORD_LENGTH:
        raise SettingError(
            "password", name, f"has more than {MAX_PASSWORD_LENGTH} characters", "choose a shorter password"
        )
    if (why := find_secret_weakness(password, name, least=MIN_PASSWORD_LENGTH)) is not None:
        raise SettingError("password", name, why, "choose another password, such as four unrelated words")


class People:
    """The passwords and sessions of all users of the pages."""

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
        self._thread = create_low_priority_thread("passwords")
        self._unknown_user_hash = self._hasher.hash(secrets.token_hex())
        self._slow_work = SlowWork(self._thread, MAX_WAITING)
        self._failures: dict[str, _FailedSignIns] = {}  # by name of a user
        self._failures_of_sources: OrderedDict[tuple[str, str], _FailedSignIns] = OrderedDict()  # by name and source
        self.devices = KnownDevices(KnownDeviceRecords(file), clock)
        self._unknown_names: OrderedDict[str, _FailedSignIns] = OrderedDict()

    async def sign_in_with_password(self, name: str, password: str, new: str | None = None) -> str:
        """Start a session for a user who has entered the right password, and return the session's token.

        `new` is a new password that replaces the old one. Checking an unknown name takes as long as checking a wrong
        password. Raises NotSignedIn with a problem code:

        - `wrong`: the name or the password is wrong;
        - `locked`: too many failed sign-ins (with the remaining seconds);
        - `busy`: too many sign-ins are waiting;
        - `once`: the one-time password must be replaced;
        - `expired`: the one-time password is too old;
        - `weak`: the new password is too weak.
        """
        stored = await self.require_correct_password(name, password)
        if stored.once and self._clock.now() - stored.at > ONE_TIME_PASSWORD_SECONDS:
            raise NotSignedIn("expired")
        if stored.once and new is None:
            raise NotSignedIn("once")
        if new is not None:
            try:
                if new == password:
                    raise NotSignedIn("weak")
                await self.set_password(name, new)
            except SettingError as weak:
                raise NotSignedIn("weak") from weak
        return await self.begin_session(name)

    async def require_correct_password(self, name: str, password: str) -> StoredPassword:
        """Return the stored password of a user if `password` is right.

        Raises NotSignedIn with the problem code `wrong`, `locked` or `busy`.
        """
        self._refuse_sign_in_if_overloaded()
        failures = self._find_failed_sign_ins(name)
        self._refuse_locked_user(failures)
        stored = await self._find_stored_password(name)
        if (
            not await self.run_in_low_priority_thread(lambda: self._is_password_correct(failures, stored, password))
            or stored is None
        ):
            raise NotSignedIn("wrong")
        if await self._find_stored_password(name) != stored:
            raise NotSignedIn("wrong")  # it was changed or removed meanwhile
        return stored

    def _is_password_correct(
        self, failures: Sequence[_FailedSignIns], stored: StoredPassword | None, password: str
    ) -> bool:
        """Return whether a password is right, and count a failed sign-in if it is not. Raises NotSignedIn for a locked
        user.

        The lock is checked again here, because simultaneous requests may all have passed the first check.
        """
        self._refuse_locked_user(failures)
        if (
            self._verify_password(self._unknown_user_hash if stored is None else stored.hash, password)
            and stored is not None
        ):
            for each in failures:
                each.count, each.locked_until = 0, 0.0
            return True
        for each in failures:
            each.count += 1
            if each.count >= each.allowed:
                seconds = double_seconds_up_to_limit(
                    FIRST_LOCK_SECONDS, each.count - each.allowed, LONGEST_LOCK_SECONDS
                )
                each.locked_until = self._clock.monotonic() + seconds
        return False

    def _refuse_locked_user(self, failures: Sequence[_FailedSignIns]) -> None:
        if (seconds := max(each.locked_until for each in failures) - self._clock.monotonic()) > 0:
            raise NotSignedIn("locked", seconds)

    async def begin_session(self, name: str) -> str:
        """Start a session for a user whose identity was verified, and return its token."""
        token = create_session_token()
        at = self._clock.now()
        await self._file.begin_sign_in_session(
            compute_digest_of_session_token(token), name, at, forget_before=at - self._idle_seconds
        )
        return token

    async def _find_stored_password(self, name: str) -> StoredPassword | None:
        """Return the stored password of a user, or None.

        The password of a removed user is not valid for a later user with the same name.
        """
        if self.directory.find_user_by_name(name) is None:
            return None  # unknown names must not cost a read
        await self.directory.reread_stored_users()
        user, stored = self.directory.find_user_by_name(name), await self._file.read_password(name)
        return None if user is None or stored is None or stored.at < user.added_at else stored

    async def has_user_existed_since(self, name: str, at: float) -> bool:
        """Return whether a user exists and was already a user at the time `at` (epoch seconds)."""
        await self.directory.reread_stored_users()
        user = self.directory.find_user_by_name(name)
        return user is not None and at >= user.added_at

    def _find_failed_sign_ins(self, name: str) -> list[_FailedSignIns]:
        """Return the counts of failed sign-ins that can lock this user name for the current client.

        A known device of the user has its own count. For an unknown device, two counts apply: that of its network
        address, and that of all unknown devices together. Unknown user names have separate counts.
        """
        if self.directory.find_user_by_name(name) is not None:
            client = CLIENT.get()
            if client.device is not None and is_device_of_user(client.device, name):
                return [self._get_failed_sign_ins_of_source(name, client.device.device)]
            of_all = self._failures.setdefault(name, _FailedSignIns(ALLOWED_FAILURES_OF_ALL))
            return [self._get_failed_sign_ins_of_source(name, client.address), of_all]
        failures = self._unknown_names.setdefault(name, _FailedSignIns())
        self._unknown_names.move_to_end(name)
        if len(self._unknown_names) > MAX_UNKNOWN_NAMES:
            self._unknown_names.popitem(last=False)
        return [failures]

    def _get_failed_sign_ins_of_source(self, name: str, source: str) -> _FailedSignIns:
        """Return the failed sign-ins of a user name from one address or device."""
        failures = self._failures_of_sources.setdefault((name, source), _FailedSignIns())
        self._failures_of_sources.move_to_end((name, source))
        if len(self._failures_of_sources) > MAX_SOURCES:
            self._failures_of_sources.popitem(last=False)
        return failures

    async def find_user_of_session(self, token: str) -> SignedInUser | None:
        """Return the user of a session, or None if the session is no longer valid.

        A session ends when it expires, when the user signs out, and when the user's rights change.
        """
        digest = compute_digest_of_session_token(token)
        found = await self._file.read_sign_in_session(digest)
        if found is None:
            return None
        (name, used_at), now = found, self._clock.now()
        user = self.directory.find_user_by_name(name)
        if user is None or used_at < user.changed_at or now - used_at > self._idle_seconds:
            await run_function_and_log_store_error(self._file.end_sign_in_session(digest))
            return None
        if now - used_at > USE_RECORDED_SECONDS:
            await run_function_and_log_store_error(self._file.record_sign_in_session_use(digest, now))
        return SignedInUser(name, user.role)

    async def end_session(self, token: str) -> None:
        """End the session that has this token."""
        await self._file.end_sign_in_session(compute_digest_of_session_token(token))

    async def end_all_sessions_of_user(self, name: str) -> None:
        """End all sessions of a user."""
        await self._file.end_sessions_of_person(name)

    async def end_sessions_after_rights_change(self, name: str) -> None:
        """End all sessions of a user whose rights have changed, and delete the password of a removed user."""
        if self.directory.find_user_by_name(name) is None:
            await self.set_password(name, None)
        else:
            await self.end_all_sessions_of_user(name)

    async def set_password(self, name: str, password: str | None) -> None:
        """Store a new password of a user; None deletes it and the user's passkeys.

        Raises SettingError: unknown user or weak password.
        """
        if password is not None:
            await self.directory.reread_stored_users()
            refuse_unknown_user(name, self.directory.list_user_names())
            refuse_weak_password(name, password)
        await self._store_password(name, password, once=False)

    async def create_one_time_password(self, name: str) -> str:
        """Replace a user's password with a new one-time password, and return the new one.

        The user can sign in with this password once, and must then choose another one. Raises SettingError for an
        unknown user.
        """
        await self.directory.reread_stored_users()
        refuse_unknown_user(name, self.directory.list_user_names())
        groups = ["".join(secrets.choice(_ONE_TIME_LETTERS) for _ in range(4)) for _ in range(_ONE_TIME_GROUPS)]
        password = "-".join(groups)
        await self._store_password(name, password, once=True)
        return password

    async def _store_password(self, name: str, password: str | None, *, once: bool) -> None:
        hashed = (
            None if password is None else await self.run_in_low_priority_thread(lambda: self._hasher.hash(password))
        )
        stored = None if hashed is None else StoredPassword(hashed, self._clock.now(), once)
        await self._file.set_password(name, stored)
        self._failures.pop(name, None)
        for each in [each for each in self._failures_of_sources if each[0] == name]:
            del self._failures_of_sources[each]

    def close(self) -> None:
        """Stop the thread that hashes passwords."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _refuse_sign_in_if_overloaded(self) -> None:
        try:
            self._slow_work.refuse_request_if_queue_is_full()
        except QueueFull as full:
            raise NotSignedIn("busy", 5.0) from full

    async def run_in_low_priority_thread(self, work: Callable[[], T]) -> T:
        """Run slow work, such as a password hash, in one low-priority thread, and return its result.

        Raises NotSignedIn (`busy`) if too many requests from the client's address are waiting.
        """
        try:
            return await self._slow_work.run_slow_work_in_turn(work)
        except QueueFull as full:
            raise NotSignedIn("busy", 5.0) from full

    def _verify_password(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


@contextlib.asynccontextmanager
async def open_user_accounts_of_pages(settings: Settings) -> AsyncIterator[People]:
    """Open the file with the accounts of a site's pages, for use by a command. Raises StoreError."""
    path, key = settings.store.path, read_store_key_of_site(settings)
    file = await DeskFile.open(get_desk_file_path(path), key)
    directory = Directory(settings.supervisors, partial(asyncio.to_thread, read_users_of_store, path, key))
    people = People(file, directory, SystemClock(), idle_seconds=0.0)
    try:
        yield people
    finally:
        people.close()
        await file.close()


async def set_password(settings: Settings, name: str, password: str | None) -> None:
    """Store the password of a user at a site, or delete it (None).

    Raises SettingError, StoreError.
    """
    async with open_user_accounts_of_pages(settings) as people:
        await people.set_password(name, password)


async def create_one_time_password_at_site(settings: Settings, name: str) -> str:
    """Store and return a one-time password of a user at a site.

    Raises SettingError, StoreError.
    """
    async with open_user_accounts_of_pages(settings) as people:
        return await people.create_one_time_password(name)


async def run_function_and_log_store_error(work: Awaitable[object], event: str = "desk.write_failed") -> bool:
    """Run an async function and return whether it succeeded.

    A StoreError is logged as `event` and not raised.
    """
    try:
        await work
    except StoreError as error:
        _log.warning(event, problem=str(error))
        return False
    return True


async def repeat_function_with_pause(seconds: float, work: Callable[[], Awaitable[object]]) -> NoReturn:
    """Repeat an async function until cancelled, with a pause of `seconds` in between."""
    while True:
        await work()
        await asyncio.sleep(seconds)


async def has_session_ended(
    find_user_of_session: Callable[[str], Awaitable[SignedInUser | None]], token: str, user: SignedInUser
) -> bool:
    """Return whether a session is no longer valid for this user.

    Return False if the session cannot be read now.
    """
    try:
        return await find_user_of_session(token) != user
    except StoreError as error:
        _log.warning("session.read_failed", problem=str(error))
        return False


def create_session_token() -> str:
    """Return a new random session token. Whoever has it is signed in."""
    return secrets.token_urlsafe(32)


def compute_digest_of_session_token(token: str) -> str:
    """Return the digest of a session token. The digest is stored in place of the token. Because a token is random, a
    fast hash is safe.
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
