"""Ed25519 keys and other secrets: create and read their files, sign data, and verify signatures.

The signed data begins with the purpose of the signature, so that a signature cannot be used for another purpose.
"""

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
_MOST_BYTES = 8192  # of a secret; a portal's token may be long


def _load_or_create_signing_key(private: bytes | None = None) -> SigningKey:
    """Return the Ed25519 key with the bytes `private`, or a new random key if there are none."""
    from nacl.signing import SigningKey  # noqa: PLC0415 - most sites and commands sign nothing

    return SigningKey.generate() if private is None else SigningKey(private)


def sign_bytes(private: bytes, what: bytes) -> str:
    """Return the Ed25519 signature (base64) of the bytes `what`."""
    return base64.b64encode(_load_or_create_signing_key(private).sign(what).signature).decode()


def verify_signature(public: bytes, what: bytes, signature: object) -> bool:
    """Return whether an Ed25519 signature (base64) of the bytes `what` is valid for the public key."""
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415
    from nacl.signing import VerifyKey  # noqa: PLC0415

    try:
        given = base64.b64decode(signature, validate=True) if isinstance(signature, str) else b""
        VerifyKey(public).verify(what, given)
    except (BadSignatureError, binascii.Error, ValueError):
        return False
    return True


def derive_public_key(private: bytes) -> bytes:
    """Return the public key of a private key."""
    return bytes(_load_or_create_signing_key(private).verify_key)


def read_public_key(text: str) -> bytes:
    """Return a public key from its text in the settings. The settings have already checked the format of the text."""
    return base64.b64decode(text.removeprefix(_PUBLIC))


def format_public_key(key: bytes) -> str:
    """Return a public key in the form used in settings."""
    return _PUBLIC + base64.b64encode(key).decode()


def create_key_file(path: Path) -> bytes:
    """Create a private key in a new file that only this user can read, and return its public key. Raises SettingError."""
    key = _load_or_create_signing_key()
    write_secret_file(path, f"{_PRIVATE}{base64.b64encode(bytes(key)).decode()}\n")
    return bytes(key.verify_key)


def write_secret_file(path: Path, text: str) -> None:
    """Write a secret to a new file that only this user can read. Raises SettingError if the file exists."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        raise SettingError(
            str(path), "(file)", "exists already and may be the only copy of a key", "name another file"
        ) from error
    except OSError as error:
        raise SettingError(
            str(path), "(file)", f"cannot be written ({error.strerror})", "name another place"
        ) from error


def read_secret_file(path: Path, setting: str, what: str, remedy: str) -> str:
    """Return the secret in a file. Raises SettingError if it cannot be read, or if other users can read it.

    The error names the `setting`, describes the file with the text `what`, and ends with the text `remedy`.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise SettingError(str(path), setting, f"{what} cannot be read ({error.strerror})", remedy) from error
    if sys.platform != "win32" and mode & _OTHERS_MAY:
        raise SettingError(str(path), setting, f"other users can read {what}", "`chmod 600` it and create a new one")
    return text


def read_key_file(path: Path, setting: str = "broker.key_file") -> bytes:
    """Return the private key in the file that a setting names. Raises SettingError if it is invalid or others can read
    it.
    """
    text = read_secret_file(path, setting, "the private key", "restore it, or create one with `dialer mqtt key`")
    try:
        key = base64.b64decode(text.removeprefix(_PRIVATE), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(_PRIVATE) or len(key) != 32:
        raise SettingError(str(path), setting, "is not a private key", "create one with `dialer mqtt key`")
    return key


def read_webhook_secret(path: Path, setting: str) -> bytes:
    """Return the webhook secret in the file that a setting names. The format is that of Standard Webhooks
    (https://www.standardwebhooks.com). Raises SettingError.
    """
    remedy = f"write whsec_ and base64 of {_LEAST_SECRET_BYTES} bytes or more there (openssl rand -base64 32)"
    text = read_secret_file(path, setting, "the secret", remedy)
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) < _LEAST_SECRET_BYTES:
        raise SettingError(str(path), setting, "is not a valid secret", remedy)
    return key
