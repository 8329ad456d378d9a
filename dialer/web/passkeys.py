"""Passkeys: sign-in with a device or a security key instead of a password (WebAuthn Level 3).

Creating a passkey requires the user's password. A passkey is valid for one host name, and requires user verification
(fingerprint or PIN). It signs a challenge that can be used once, within two minutes.
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
from dialer.web.access import (
    EVERY_ROLE,
    PageRoute,
    SignedIn,
    allow_anyone,
    allow_users_with_roles,
    set_session_cookie,
)
from dialer.web.page_requests import PageRequest
from dialer.web.people import MAX_PASSWORD_LENGTH, People
from dialer.web.refusals import RequestRefused
from dialer.web.sign_in import SIGN_IN

_log = structlog.get_logger(__name__)

CHALLENGE_SECONDS = 120.0
MAX_CHALLENGES = 1_000  # unanswered; the oldest is discarded first
MAX_PASSKEYS_PER_USER = 8
_ALGORITHMS = (-8, -7, -257)  # Ed25519, ECDSA on P-256, RSA with SHA-256 (IANA, COSE): every device supports one


@dataclass(frozen=True, slots=True)
class PasskeyHost:
    """The host name and the origins (URLs) for which passkeys are valid."""

    host: str  # the RP ID of WebAuthn
    origins: tuple[str, ...]


def find_passkey_host(origins: Iterable[str]) -> PasskeyHost | None:
    """Return the host name for which passkeys are valid, and its `origins` (URLs of the pages).

    Return None if the origins contain only IP addresses, or more than one host name.
    """
    named = sorted(origin for origin in origins if not _is_ip_address(urlsplit(origin).hostname or ""))
    hosts = sorted({urlsplit(origin).hostname or "" for origin in named})
    return PasskeyHost(hosts[0], tuple(named)) if len(hosts) == 1 else None


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Challenges:
    """Random challenges that browsers must sign with a passkey. Each can be used once, within `CHALLENGE_SECONDS`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._issued: OrderedDict[bytes, tuple[str, bytes, float]] = OrderedDict()

    def issue_passkey_challenge(self, name: str = "", handle: bytes = b"") -> bytes:
        """Issue a challenge for the user `name`, or for any user if `name` is empty."""
        if len(self._issued) >= MAX_CHALLENGES:
            self._issued.popitem(last=False)
        challenge = secrets.token_bytes(32)
        self._issued[challenge] = (name, handle, self._clock.monotonic() + CHALLENGE_SECONDS)
        return challenge

    def redeem_passkey_challenge(self, challenge: bytes) -> tuple[str, bytes] | None:
        """Delete a used challenge. Return the user name and handle for which it was issued, or None if it is not valid."""
        name, handle, until = self._issued.pop(challenge, ("", b"", 0.0))
        return (name, handle) if until > self._clock.monotonic() else None


class PasswordConfirmation(PageRequest):
    """A request body with the user's password, which confirms that a passkey may be created."""

    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_LENGTH)]


class PasskeyAnswer(PageRequest):
    """A request body with the browser's answer to a challenge: the result of `PublicKeyCredential.toJSON()`."""

    credential: dict[str, Any]


class PasskeyReference(PageRequest):
    """A request body with the ID of a passkey."""

    id: Annotated[str, Field(min_length=1, max_length=2_000)]


class Passkeys:
    """The routes to create, list, remove and sign in with passkeys."""

    def __init__(self, records: PasskeyRecords, people: People, clock: Clock, host: PasskeyHost | None) -> None:
        self._records = records
        self._people = people
        self._clock = clock
        self._host = host
        self._registrations, self._sign_ins = Challenges(clock), Challenges(clock)

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes to create, list, remove and sign in with passkeys."""
        router = APIRouter(route_class=PageRoute)
        own = allow_users_with_roles(EVERY_ROLE)
        router.get("/api/passkeys", dependencies=own)(self.list_own_passkeys)
        router.post("/api/passkeys", dependencies=own, status_code=204)(self.register_passkey)
        router.post("/api/passkeys/challenge", dependencies=own)(self.begin_passkey_registration)
        router.post("/api/passkeys/remove", dependencies=own, status_code=204)(self.remove_passkey)
        router.post("/api/sign-in/challenge", dependencies=allow_anyone())(self.begin_passkey_sign_in)
        router.post("/api/sign-in/passkey", dependencies=SIGN_IN, status_code=204)(self.sign_in_by_passkey)
        return router

    async def list_own_passkeys(self, who: SignedIn) -> list[dict[str, Any]]:
        """Return the passkeys of the signed-in user. Times are epoch seconds; null = never."""
        return [
            {"id": _encode_base64(each.credential), "at": each.at, "used_at": each.used_at}
            for each in await self._records.read_passkeys_of_person(who.name)
        ]

    async def begin_passkey_registration(self, confirmation: PasswordConfirmation, who: SignedIn) -> dict[str, Any]:
        """Return the options with which the browser creates a passkey (`navigator.credentials.create`).

        The password is required because a page may be left open.
        """
        if self._host is None:
            raise RequestRefused(409, "no-passkeys")
        await self._people.require_correct_password(who.name, confirmation.password)
        own = await self._records.read_passkeys_of_person(who.name)
        if len(own) >= MAX_PASSKEYS_PER_USER:
            raise RequestRefused(409, "passkeys-full")
        handle = own[0].handle if own else secrets.token_bytes(32)
        return {
            "rp": {"id": self._host.host, "name": "Matdan"},
            "user": {"id": _encode_base64(handle), "name": who.name, "displayName": who.name},
            "challenge": _encode_base64(self._registrations.issue_passkey_challenge(who.name, handle)),
            "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
            "timeout": int(CHALLENGE_SECONDS * 1000),
            "excludeCredentials": [{"type": "public-key", "id": _encode_base64(each.credential)} for each in own],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }

    async def register_passkey(self, answer: PasskeyAnswer, who: SignedIn) -> None:
        """Store a new passkey of the signed-in user."""
        host, challenge = self._host, _read_challenge_of_answer(answer.credential)
        issued = None if challenge is None else self._registrations.redeem_passkey_challenge(challenge)
        if host is None or challenge is None or issued is None or issued[0] != who.name:
            raise RequestRefused(409, "passkey-stale")
        registered = await self._people.run_in_low_priority_thread(
            lambda: _verify_passkey_registration(answer.credential, challenge, host)
        )
        if registered is None:
            raise RequestRefused(409, "passkey-wrong")
        credential, key, count = registered
        if not await self._records.add_passkey(Passkey(credential, who.name, issued[1], key, count, self._clock.now())):
            raise RequestRefused(409, "passkey-wrong")
        _log.info("passkey.added", user=who.name)

    async def remove_passkey(self, passkey: PasskeyReference, who: SignedIn) -> None:
        """Remove a passkey of the signed-in user."""
        await self._records.remove_passkey(who.name, _decode_base64(passkey.id))

    async def begin_passkey_sign_in(self) -> dict[str, Any]:
        """Return the options with which the browser signs in by passkey (`navigator.credentials.get`).

        They contain no user name, because the passkey identifies the user.
        """
        if self._host is None:
            raise RequestRefused(409, "no-passkeys")
        return {
            "rpId": self._host.host,
            "challenge": _encode_base64(self._sign_ins.issue_passkey_challenge()),
            "timeout": int(CHALLENGE_SECONDS * 1000),
            "allowCredentials": [],
            "userVerification": "required",
        }

    async def sign_in_by_passkey(self, answer: PasskeyAnswer, request: Request, response: Response) -> None:
        """Start a session for the user whose passkey answered a challenge, in a cookie that no script can read."""
        challenge = _read_challenge_of_answer(answer.credential)
        if challenge is None or self._sign_ins.redeem_passkey_challenge(challenge) is None:
            raise RequestRefused(401, "passkey-stale")
        name = await self._verify_user_by_passkey(answer.credential, challenge)
        if name is None:
            raise RequestRefused(401, "passkey-wrong")
        set_session_cookie(request, response, await self._people.begin_session(name))

    async def _verify_user_by_passkey(self, credential: dict[str, Any], challenge: bytes) -> str | None:
        """Return the user whose valid passkey signed the challenge, or None.

        Raises NotSignedIn (`busy`) if too many requests wait to be verified.
        """
        host, passkey = self._host, await self._records.find_passkey(_decode_base64(credential.get("id")))
        if host is None or passkey is None or not await self._people.has_user_existed_since(passkey.name, passkey.at):
            return None
        count = await self._people.run_in_low_priority_thread(
            lambda: _verify_passkey_signature(credential, challenge, host, passkey)
        )
        if count is None or not await self._records.record_passkey_use(passkey, count, self._clock.now()):
            return None
        return passkey.name


# The library is slow (so is its first import), so it runs in the thread that hashes passwords.


def _verify_passkey_registration(
    credential: dict[str, Any], challenge: bytes, host: PasskeyHost
) -> tuple[bytes, bytes, int] | None:
    """Return ID, public key and signature count of a new passkey, or None if it is not valid for this host."""
    verified = _verify_passkey_answer("verify_registration_response", credential, challenge, host)
    return None if verified is None else (verified.credential_id, verified.credential_public_key, verified.sign_count)


def _verify_passkey_signature(
    credential: dict[str, Any], challenge: bytes, host: PasskeyHost, passkey: Passkey
) -> int | None:
    """Return a passkey's signature count, or None if its signature of the challenge is not valid for this host."""
    known = {"credential_public_key": passkey.public_key, "credential_current_sign_count": passkey.sign_count}
    verified = _verify_passkey_answer(
        "verify_authentication_response", credential, challenge, host, passkey.name, **known
    )
    handle = None if verified is None else credential["response"].get("userHandle")
    is_other_user = handle is not None and _decode_base64(handle) != passkey.handle
    return None if verified is None or is_other_user else verified.new_sign_count


def _verify_passkey_answer(
    function: str,
    credential: dict[str, Any],
    challenge: bytes,
    host: PasskeyHost,
    user: str | None = None,
    **known: Any,
) -> Any:
    """Return the verified content of a browser's passkey answer, or None if the library rejects it."""
    import webauthn  # noqa: PLC0415

    try:
        return getattr(webauthn, function)(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=host.host,
            expected_origin=list(host.origins),
            require_user_verification=True,
            **known,
        )
    except Exception as error:  # noqa: BLE001 - the library may raise anything for hostile input
        _log.warning("passkey.refused", user=user, problem=type(error).__name__)
        return None


def _read_challenge_of_answer(credential: dict[str, Any]) -> bytes | None:
    """Return the challenge that a browser's passkey answer contains, or None."""
    try:
        return _decode_base64(json.loads(_decode_base64(credential["response"]["clientDataJSON"]))["challenge"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _encode_base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decode_base64(text: object) -> bytes:
    """Return the bytes of a URL-safe base64 text. Return empty bytes for any other text."""
    try:
        return base64.urlsafe_b64decode(f"{text}===") if isinstance(text, str) else b""
    except ValueError:
        return b""
