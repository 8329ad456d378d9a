"""Passkeys: signing in with a key of a device or a security key in place of a password (WebAuthn Level 3).

Each is made by who has just given the password. It is bound to the desk's host, wants its owner verified (a finger, a PIN), and
answers a challenge that is good once and for two minutes.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import Field

from dialer.domain.clock import Clock
from dialer.store.passkey_records import Passkey, PasskeyRecords
from dialer.web.access import EVERY_ROLE, PageRoute, SignedIn, allow, allow_anyone, start_session
from dialer.web.page_requests import PageRequest
from dialer.web.people import MOST_PASSWORD, People
from dialer.web.refusals import RequestRefused
from dialer.web.sign_in import SIGN_IN

_log = structlog.get_logger(__name__)

CHALLENGE_SECONDS = 120.0
MOST_CHALLENGES = 1_000  # that wait for their answers: the oldest goes
MOST_PASSKEYS = 8  # of one person
_ALGORITHMS = (-8, -7, -257)  # Ed25519, ECDSA on P-256, RSA with SHA-256 (IANA, COSE): between them all devices


@dataclass(frozen=True, slots=True)
class PasskeyHost:
    """Where passkeys are good."""

    host: str  # the "RP ID" of WebAuthn
    origins: tuple[str, ...]


def passkey_host(origins: Iterable[str]) -> PasskeyHost | None:
    """The host that passkeys are bound to, of the desk's addresses; None: they have none but numbers, which browsers refuse."""
    named = sorted(origin for origin in origins if not _is_number(urlsplit(origin).hostname or ""))
    hosts = sorted({urlsplit(origin).hostname or "" for origin in named})
    return PasskeyHost(hosts[0], tuple(named)) if len(hosts) == 1 else None


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Challenges:
    """Random values that were given out: each is good for one answer, for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: OrderedDict[bytes, tuple[str, bytes, float]] = OrderedDict()

    def give(self, name: str = "", handle: bytes = b"") -> bytes:
        """A new one, for that person."""
        if len(self._given) >= MOST_CHALLENGES:
            self._given.popitem(last=False)
        challenge = secrets.token_bytes(32)
        self._given[challenge] = (name, handle, self._clock.monotonic() + CHALLENGE_SECONDS)
        return challenge

    def take(self, challenge: bytes) -> tuple[str, bytes] | None:
        """For whom it was given, and the handle; None: it never was, or is none any more."""
        name, handle, until = self._given.pop(challenge, ("", b"", 0.0))
        return (name, handle) if until > self._clock.monotonic() else None


class PasswordGiven(PageRequest):
    """The own password, before a passkey is made."""

    password: Annotated[str, Field(min_length=1, max_length=MOST_PASSWORD)]


class PasskeyAnswer(PageRequest):
    """What a browser's `PublicKeyCredential.toJSON()` gives."""

    credential: dict[str, Any]


class PasskeyNamed(PageRequest):
    """A passkey by its id."""

    id: Annotated[str, Field(min_length=1, max_length=2_000)]


class Passkeys:
    """The doors of passkeys."""

    def __init__(self, records: PasskeyRecords, people: People, clock: Clock, host: PasskeyHost | None) -> None:
        self._records = records
        self._people = people
        self._clock = clock
        self._host = host
        self._registrations, self._sign_ins = Challenges(clock), Challenges(clock)

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute)
        own = allow(EVERY_ROLE)
        router.get("/api/passkeys", dependencies=own)(self.listed)
        router.post("/api/passkeys", dependencies=own, status_code=204)(self.register)
        router.post("/api/passkeys/challenge", dependencies=own)(self.begin)
        router.post("/api/passkeys/remove", dependencies=own, status_code=204)(self.remove)
        router.post("/api/sign-in/challenge", dependencies=allow_anyone())(self.begin_sign_in)
        router.post("/api/sign-in/passkey", dependencies=SIGN_IN, status_code=204)(self.sign_in)
        return router

    async def listed(self, who: SignedIn) -> list[dict[str, Any]]:
        """One's own; times are epoch seconds, null: never."""
        return [
            {"id": _text(each.credential), "at": each.at, "used_at": each.used_at}
            for each in await self._records.of_name(who.name)
        ]

    async def begin(self, given: PasswordGiven, who: SignedIn) -> dict[str, Any]:
        """What `navigator.credentials.create` needs; of who gives the password once more, for a page may have been left open."""
        if self._host is None:
            raise RequestRefused(409, "no-passkeys")
        await self._people.check(who.name, given.password)
        own = await self._records.of_name(who.name)
        if len(own) >= MOST_PASSKEYS:
            raise RequestRefused(409, "passkeys-full")
        handle = own[0].handle if own else secrets.token_bytes(32)
        return {
            "rp": {"id": self._host.host, "name": "Matdan"},
            "user": {"id": _text(handle), "name": who.name, "displayName": who.name},
            "challenge": _text(self._registrations.give(who.name, handle)),
            "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
            "timeout": int(CHALLENGE_SECONDS * 1000),
            "excludeCredentials": [{"type": "public-key", "id": _text(each.credential)} for each in own],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }

    async def register(self, answer: PasskeyAnswer, who: SignedIn) -> None:
        """Keep a new passkey of one's own."""
        host, challenge = self._host, _challenge_of(answer.credential)
        given = None if challenge is None else self._registrations.take(challenge)
        if host is None or challenge is None or given is None or given[0] != who.name:
            raise RequestRefused(409, "passkey-stale")
        made = await self._people.in_turn(lambda: _registered(answer.credential, challenge, host))
        if made is None:
            raise RequestRefused(409, "passkey-wrong")
        credential, key, count = made
        if not await self._records.add(Passkey(credential, who.name, given[1], key, count, self._clock.now())):
            raise RequestRefused(409, "passkey-wrong")
        _log.info("desk.passkey-added", user=who.name)

    async def remove(self, named: PasskeyNamed, who: SignedIn) -> None:
        """Remove one of one's own."""
        await self._records.remove(who.name, _bytes(named.id))

    async def begin_sign_in(self) -> dict[str, Any]:
        """What `navigator.credentials.get` needs. Nobody is named: the device knows its owner."""
        if self._host is None:
            raise RequestRefused(409, "no-passkeys")
        return {
            "rpId": self._host.host,
            "challenge": _text(self._sign_ins.give()),
            "timeout": int(CHALLENGE_SECONDS * 1000),
            "allowCredentials": [],
            "userVerification": "required",
        }

    async def sign_in(self, answer: PasskeyAnswer, request: Request, response: Response) -> None:
        """A session, in a cookie that no script can read."""
        challenge = _challenge_of(answer.credential)
        if challenge is None or self._sign_ins.take(challenge) is None:
            raise RequestRefused(401, "passkey-stale")
        name = await self._proved(answer.credential, challenge)
        if name is None:
            raise RequestRefused(401, "passkey-wrong")
        start_session(request, response, await self._people.begin_session(name))

    async def _proved(self, credential: dict[str, Any], challenge: bytes) -> str | None:
        """Who has signed the challenge with a passkey that is good now; None: nobody. Raises NotSignedIn: `busy`."""
        host, passkey = self._host, await self._records.find(_bytes(credential.get("id")))
        if host is None or passkey is None or not await self._people.is_still(passkey.name, passkey.at):
            return None
        count = await self._people.in_turn(lambda: _signed(credential, challenge, host, passkey))
        if count is None or not await self._records.use(passkey, count, self._clock.now()):
            return None
        return passkey.name


# What the library does takes a while (its import too, the first time), and is done in the thread that looks at passwords.


def _registered(credential: dict[str, Any], challenge: bytes, host: PasskeyHost) -> tuple[bytes, bytes, int] | None:
    """Id, public key and count of a new passkey; None: it is none that was made for this challenge, here."""
    made = _verified("verify_registration_response", credential, challenge, host)
    return None if made is None else (made.credential_id, made.credential_public_key, made.sign_count)


def _signed(credential: dict[str, Any], challenge: bytes, host: PasskeyHost, passkey: Passkey) -> int | None:
    """How often the passkey has signed, by its own word; None: this is not signed by it, for this challenge, here, now."""
    known = {"credential_public_key": passkey.public_key, "credential_current_sign_count": passkey.sign_count}
    verified = _verified("verify_authentication_response", credential, challenge, host, passkey.name, **known)
    told = None if verified is None else credential["response"].get("userHandle")
    is_another = told is not None and _bytes(told) != passkey.handle
    return None if verified is None or is_another else verified.new_sign_count


def _verified(
    by: str, credential: dict[str, Any], challenge: bytes, host: PasskeyHost, user: str | None = None, **known: Any
) -> Any:
    """What the library says of an answer; None: it refuses it."""
    import webauthn  # noqa: PLC0415

    try:
        return getattr(webauthn, by)(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=host.host,
            expected_origin=list(host.origins),
            require_user_verification=True,
            **known,
        )
    except Exception as error:  # noqa: BLE001 - whatever a stranger's bytes make a library raise is a refusal
        _log.warning("desk.passkey-refused", user=user, problem=type(error).__name__)
        return None


def _challenge_of(credential: dict[str, Any]) -> bytes | None:
    """Which challenge an answer says that it answers; None: it says none."""
    try:
        return _bytes(json.loads(_bytes(credential["response"]["clientDataJSON"]))["challenge"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: object) -> bytes:
    """What a text is in base64 for addresses; of anything else nothing."""
    try:
        return base64.urlsafe_b64decode(f"{text}===") if isinstance(text, str) else b""
    except ValueError:
        return b""
