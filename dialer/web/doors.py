"""Who may come in where: one table of doors, and a guard before all of them. What is not in the table is not there.

The guard looks at host, origin and session before a request's body is read, and gives every answer the headers that keep a page
to itself: no script but its own files, no frame, no other site.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from types import FunctionType, MappingProxyType
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import structlog
from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dialer.domain.enums import USER_ROLES, HqRole
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import StoreError
from dialer.web.people import AGENTS, Who

_log = structlog.get_logger(__name__)

COOKIE = "__Host-desk"
SOCKET = "WEBSOCKET"
"""The method of a door at which a WebSocket is opened."""
MOST_BODY_BYTES = 65_536
EVERY_ROLE: frozenset[str] = frozenset({*USER_ROLES, Role.BOOTH_DESK, *HqRole})
"""Of a centre's people or of headquarters', each named as such; not programs', which have no page, nor an agent's."""

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_ENCRYPTED = {"strict-transport-security": "max-age=31536000"}


@dataclass(frozen=True, slots=True)
class WebDoor:
    """A way in: what is asked for, who may, and who answers."""

    method: str  # of HTTP, or SOCKET
    path: str  # `{name}` stands for one level
    answer: Callable[..., Any]  # as FastAPI takes it: it returns the JSON that is given, or nothing
    roles: frozenset[str] | None = EVERY_ROLE  # None: anybody, before signing in too
    gives: Mapping[int, Any] = field(default_factory=dict, compare=False)
    """Of an `answer` that returns a Response, for the document: by status the type of its JSON, a media type, or None: no body."""
    takes: str = "application/json"  # the type of what is sent: one that no form of another site can send
    most_bytes: int = MOST_BODY_BYTES
    signs_in: bool = False  # a refusal as wrong (401) is logged with the address that it came from, for fail2ban
    _form: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_form", re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.path))))

    def leads(self, method: str, path: str) -> bool:
        """Whether a request comes to this door."""
        return method == self.method and bool(self._form.fullmatch(path))


Answer = TypeVar("Answer", bound=Callable[..., Any])
_DOORS: dict[Callable[..., Any], Callable[..., WebDoor]] = {}


def door(
    method: str,
    path: str,
    roles: frozenset[str] | None = EVERY_ROLE,
    gives: Mapping[int, Any] = MappingProxyType({}),
    **more: Any,
) -> Callable[[Answer], Answer]:
    """Have a method answer at a door; the values are those of `WebDoor`."""

    def mark(answer: Answer) -> Answer:
        _DOORS[answer] = partial(WebDoor, method, path, roles=roles, gives=gives, **more)
        return answer

    return mark


def doors_of(*parts: object) -> list[WebDoor]:
    """The doors at which these parts' methods answer, in the order in which they stand there."""
    return [
        _DOORS[each](answer=getattr(part, name))
        for part in parts
        for kind in reversed(type(part).__mro__)
        for name, each in vars(kind).items()
        if isinstance(each, FunctionType) and each in _DOORS
    ]


class PageAsked(BaseModel):
    """What a page sends, and nothing beside it. What is wrong in it is told without what was given, which may be a password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
"""Of a command that a page asks for: the same again is the same command."""


async def _who(request: Request) -> Who:
    who: Who = request.state.who
    return who


Signed = Annotated[Who, Depends(_who)]
"""Who has signed in, for the answer of a door with roles."""


Find = Callable[[str], Awaitable[Who | None]]
"""Who has a session's token. Raises StoreError."""


class Guard:
    """Lets through who may, and tells everybody else why not, in a word that a page has a sentence for. It alone has to do with the
    session's cookie.
    """

    cookie = COOKIE

    def __init__(
        self,
        inner: ASGIApp,
        doors: Iterable[WebDoor],
        people: Find,
        agents: Find,
        origins: Callable[[], frozenset[str]],
    ) -> None:
        """`agents` are asked for at their doors, `people` at all others; `origins` are the addresses under which people may have
        opened the page.
        """
        self._inner = inner
        self._doors = tuple(doors)
        self._people = people
        self._agents = agents
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket for as long as it is open."""
        method = SOCKET if scope["type"] == "websocket" else scope["method"]
        origins = self._origins()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        door = next((door for door in self._doors if door.leads(method, scope["path"])), None)
        state = scope.setdefault("state", {})
        encrypted = all(origin.startswith("https:") for origin in origins)
        secured = _with_headers(send, state, self.cookie, encrypted=encrypted)
        if door is not None and door.signs_in:
            secured = _telling(secured, _address(scope, headers))
        try:
            if headers.get("host", "") not in {urlsplit(origin).netloc for origin in origins}:
                raise PageRefused(421, "host")
            if door is None:
                raise PageRefused(404, "nothing-here")
            _refuse_stranger(door, headers, origins)
            token = token_in(headers.get("cookie", ""), self.cookie)
            state.update(who=await self._who(door, token), token=token)
        except PageRefused as refused:
            await refused.answer(scope, receive, secured)
        else:
            await self._inner(scope, _bounded(receive, door.most_bytes), secured)

    async def _who(self, door: WebDoor, token: str | None) -> Who | None:
        """Who comes to a door; None: it is for anybody. Raises PageRefused."""
        if door.roles is None:
            return None
        find = self._agents if door.roles == AGENTS else self._people
        try:
            who = None if token is None else await find(token)
        except StoreError as error:
            _log.error("desk.not-kept", problem=str(error))
            raise PageRefused(503, "not-kept") from error
        if who is None:
            raise PageRefused(401, "signed-out")
        if who.role not in door.roles:
            raise PageRefused(403, "role")
        return who


class TrainingGuard(Guard):
    """That of a desk for training: cookies do not know ports, and who trains may have the real desk open beside it."""

    cookie = "__Host-training"


class PageRefused(Exception):
    """A refusal, as a word that the pages have a sentence for. It is the answer, wherever on the way to one it is raised."""

    def __init__(self, status: int, word: str, **more: Any) -> None:
        super().__init__(word)
        self.answer = JSONResponse({"problem": word, **more}, status_code=status)


def begun(request: Request, token: str | None) -> None:
    """Have the answer begin a session, or end it (None): the guard sets its cookie."""
    request.state.session = token


def _refuse_stranger(door: WebDoor, headers: dict[str, str], origins: frozenset[str]) -> None:
    """Raise PageRefused where a request comes from another page than ours, as far as the browser says."""
    site = headers.get("sec-fetch-site", "same-origin")
    # Whoever follows a link to the page comes from elsewhere, and gets the page, which is the same for all.
    navigates = door.method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    is_foreign = site not in {"same-origin", "none"} and not navigates
    if is_foreign or (door.method != "GET" and headers.get("origin") not in origins):
        raise PageRefused(403, "other-site")
    kind = headers.get("content-type", "").split(";")[0].strip()
    if door.method not in {"GET", SOCKET} and kind != door.takes:
        raise PageRefused(403, "not-json")


def token_in(cookies: str, name: str = COOKIE) -> str | None:
    """The session's token in a request's cookies."""
    try:
        found = SimpleCookie(cookies).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


def cookie_of(token: str | None, name: str = COOKIE) -> str:
    """What sets the session's cookie; None: takes it away. It goes to this host alone, encrypted alone, and to no script."""
    age = "" if token is not None else "; Max-Age=0"
    return f"{name}={token or ''}; Path=/; Secure; HttpOnly; SameSite=Strict{age}"


def _bounded(receive: Receive, most_bytes: int) -> Receive:
    left = most_bytes

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, "too-long")
        return message

    return bounded


def _with_headers(send: Send, state: dict[str, Any], cookie: str, *, encrypted: bool) -> Send:
    extra = HEADERS | (_ENCRYPTED if encrypted else {})
    lines = [(name.encode(), value.encode()) for name, value in {"cache-control": "no-store", **extra}.items()]

    async def secured(message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            given = [*message.get("headers", [])]
            said = {name for name, _ in given}  # what an answer says of itself stands
            if "session" in state:
                given.append((b"set-cookie", cookie_of(state["session"], cookie).encode()))
            message = {**message, "headers": [*given, *(line for line in lines if line[0] not in said)]}
        await send(message)

    return secured


def _address(scope: Scope, headers: Mapping[str, str]) -> str:
    """Where a request comes from: by the word of a web server on this machine where one passes it on. Nobody else is believed."""
    client = (scope.get("client") or ("unknown", 0))[0]
    told = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()  # what the last one on the way has added
    try:
        return str(ip_address(told)) if ip_address(client).is_loopback else client
    except ValueError:
        return client


def _telling(send: Send, address: str) -> Send:
    """Log the refusal of a sign-in. Nobody is named: a name may be a password in the wrong field."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.UNAUTHORIZED:
            _log.warning("sign-in.refused", address=address)
        await send(message)

    return told
