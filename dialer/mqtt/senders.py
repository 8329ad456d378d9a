"""Who may give commands over MQTT, by what they are known, and the keys that they sign with (Ed25519).

Who sends is the last level of the topic, and what stands there is as good as the broker's access list; a signature needs no
broker to be believed. The bytes that are signed are those that were sent, not a JSON that was made anew: two programs need not
agree on how a number is written.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import SettingError
from config.words import SupervisorRole as Role
from dialer.domain.errors import CommandRefused

if TYPE_CHECKING:
    from nacl.signing import SigningKey

_PURPOSE = b"matdan-command-1"
_PUBLIC, _PRIVATE = "ed25519:", "ed25519-private:"
_OTHERS_MAY = 0o077


class BadSignature(CommandRefused):
    """A command does not bear its sender's signature: somebody else wrote it, or it was changed on its way."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who may give commands."""

    name: str
    roles: frozenset[Role]
    key: bytes | None = None  # public; whoever has one is obeyed only where a command bears its signature


class Senders:
    """All who may give commands."""

    def __init__(
        self,
        senders: Iterable[Sender],
        kept: Mapping[str, Role] | None = None,
        *,
        signed: bool = False,
        broker_knows: bool = True,
    ) -> None:
        """`senders` are those of the settings; `kept` are the store's users, as they are at each moment; `signed`: nobody is obeyed
        without a signature; `broker_knows`: the broker asks who connects, as far as we can tell.
        """
        self._senders = {sender.name: sender for sender in senders}
        self._kept = {} if kept is None else kept
        self._signed = signed
        self._broker_knows = broker_knows

    def find(self, name: str) -> Sender | None:
        """The sender of that name; None: nobody whom we know now."""
        sender = self._senders.get(name)
        if sender is None and (role := self._kept.get(name)) is not None:
            return Sender(name, frozenset({role}))
        return sender

    def refuse_unproved(self, sender: Sender, centre: str, text: str, signature: object) -> None:
        """Raise CommandRefused unless a command with this text is that sender's; `signature`: base64, None: there is none."""
        if signature is None:
            if self._signed or sender.key is not None:
                raise CommandRefused(
                    "the command is not signed: the settings want it (broker.signed_commands, or the key of its sender)"
                )
            if not self._broker_knows:
                raise CommandRefused(
                    "the broker lets anybody connect, so nobody is known to have sent this: give the dialler a user of its own"
                    " (broker.username, `dialer mqtt render`), or sign commands"
                )
            return
        if sender.key is None:
            raise CommandRefused("the settings have no key of its sender: add `key` to it in [[supervisors]]")
        if not _holds(sender.key, signed_bytes(centre, sender.name, text), signature):
            raise BadSignature(
                "the signature is not its sender's for this command in this centre: compare the key with that in [[supervisors]]"
            )


def _holds(key: bytes, signed: bytes, signature: object) -> bool:
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415 - most sites and commands sign nothing
    from nacl.signing import VerifyKey  # noqa: PLC0415

    try:
        given = base64.b64decode(signature, validate=True) if isinstance(signature, str) else b""
        VerifyKey(key).verify(signed, given)
    except (BadSignatureError, binascii.Error, ValueError):
        return False
    return True


def _signing_key(private: bytes | None = None) -> SigningKey:
    """The key of these bytes, or a new one."""
    from nacl.signing import SigningKey  # noqa: PLC0415

    return SigningKey.generate() if private is None else SigningKey(private)


def signed_bytes(centre: str, user: str, text: str) -> bytes:
    """What a signature is over: purpose, centre, sender and the command's text, a line each. Neither of the first three has a line
    end in it; id and expiry stand in the text.
    """
    return b"\n".join([_PURPOSE, centre.encode(), user.encode(), text.encode("utf-8", "surrogatepass")])


@dataclass(frozen=True, slots=True)
class Signer:
    """Who gives commands from this machine, and with which key."""

    user: str
    key: bytes | None = field(default=None, repr=False)  # private; None: commands go unsigned

    def payload(self, centre: str, text: str) -> str:
        """The message for a command with this text."""
        if self.key is None:
            return text
        signature = _signing_key(self.key).sign(signed_bytes(centre, self.user, text)).signature
        return json.dumps({"command": text, "signature": base64.b64encode(signature).decode()})


def public_key(private: bytes) -> bytes:
    """The public key of a private one."""
    return bytes(_signing_key(private).verify_key)


def read_public_key(text: str) -> bytes:
    """The key of the settings' text, which they have held to its pattern."""
    return base64.b64decode(text.removeprefix(_PUBLIC))


def public_key_text(key: bytes) -> str:
    """A public key as the settings have it."""
    return _PUBLIC + base64.b64encode(key).decode()


def new_key_file(path: Path) -> bytes:
    """Make a private key and the file for it, for this user's eyes alone; returns its public key. Raises SettingError."""
    key = _signing_key()
    text = f"{_PRIVATE}{base64.b64encode(bytes(key)).decode()}\n"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        raise SettingError(
            str(path), "(file)", "is there already, and may be somebody's only key", "name another one"
        ) from error
    except OSError as error:
        raise SettingError(
            str(path), "(file)", f"cannot be written ({error.strerror})", "name another place"
        ) from error
    return bytes(key.verify_key)


def read_key_file(path: Path) -> bytes:
    """The private key in a file. Raises SettingError where there is none, where it is none, or where others may read it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024).decode("ascii", "replace").strip()
    except OSError as error:
        problem = f"the private key cannot be read ({error.strerror})"
        raise SettingError(
            str(path), "broker.key_file", problem, "put it back, or make one with `dialer mqtt key`"
        ) from error
    if sys.platform != "win32" and mode & _OTHERS_MAY:
        raise SettingError(
            str(path), "broker.key_file", "others may read the private key", "`chmod 600` it and make a new one"
        )
    try:
        key = base64.b64decode(text.removeprefix(_PRIVATE), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(_PRIVATE) or len(key) != 32:
        raise SettingError(str(path), "broker.key_file", "is no private key", "make one with `dialer mqtt key`")
    return key
