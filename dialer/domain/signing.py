"""Ed25519 keys: made, kept in a file, signed with, and signatures held against them. What is signed says what it is for."""

from __future__ import annotations

import base64
import binascii
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.errors import SettingError

if TYPE_CHECKING:
    from nacl.signing import SigningKey

_PUBLIC, _PRIVATE = "ed25519:", "ed25519-private:"
_OTHERS_MAY = 0o077
_LEAST_SECRET_BYTES = 24
_MOST_BYTES = 8192  # of a secret: a portal's token may be long


def _signing_key(private: bytes | None = None) -> SigningKey:
    """The key of these bytes, or a new one."""
    from nacl.signing import SigningKey  # noqa: PLC0415 - most sites and commands sign nothing

    return SigningKey.generate() if private is None else SigningKey(private)


def sign(private: bytes, what: bytes) -> str:
    """The signature of these bytes, base64."""
    return base64.b64encode(_signing_key(private).sign(what).signature).decode()


def holds(public: bytes, what: bytes, signature: object) -> bool:
    """Whether that is these bytes' signature by this key; `signature`: base64, whatever was sent."""
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415
    from nacl.signing import VerifyKey  # noqa: PLC0415

    try:
        given = base64.b64decode(signature, validate=True) if isinstance(signature, str) else b""
        VerifyKey(public).verify(what, given)
    except (BadSignatureError, binascii.Error, ValueError):
        return False
    return True


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
    write_private(path, f"{_PRIVATE}{base64.b64encode(bytes(key)).decode()}\n")
    return bytes(key.verify_key)


def write_private(path: Path, text: str) -> None:
    """A new file with a secret, for this user's eyes alone. Raises SettingError where there is one already."""
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


def read_private(path: Path, setting: str, what: str, remedy: str) -> str:
    """A secret's text (`what`) in the file that `setting` names. Raises SettingError where it cannot be read, or by others too."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise SettingError(str(path), setting, f"{what} cannot be read ({error.strerror})", remedy) from error
    if sys.platform != "win32" and mode & _OTHERS_MAY:
        raise SettingError(str(path), setting, f"others may read {what}", "`chmod 600` it and make a new one")
    return text


def read_key_file(path: Path, setting: str = "broker.key_file") -> bytes:
    """The private key in a file that `setting` names. Raises SettingError where it is none, or others may read it."""
    text = read_private(path, setting, "the private key", "put it back, or make one with `dialer mqtt key`")
    try:
        key = base64.b64decode(text.removeprefix(_PRIVATE), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(_PRIVATE) or len(key) != 32:
        raise SettingError(str(path), setting, "is no private key", "make one with `dialer mqtt key`")
    return key


def read_webhook_secret(path: Path, setting: str) -> bytes:
    """The secret in a file that `setting` names, as Standard Webhooks writes it: https://www.standardwebhooks.com.

    Raises SettingError.
    """
    remedy = f"write whsec_ and base64 of {_LEAST_SECRET_BYTES} bytes or more there (openssl rand -base64 32)"
    text = read_private(path, setting, "the secret", remedy)
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) < _LEAST_SECRET_BYTES:
        raise SettingError(str(path), setting, "is no secret", remedy)
    return key
