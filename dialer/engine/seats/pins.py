"""PINs: hashed with argon2id, and checked in a time that does not reveal whether the agent exists."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from dialer.domain.errors import CommandRefused
from dialer.engine.seats.log_ins import PIN, AgentAccount
from dialer.settings.unfinished import find_pin_weakness


def hash_pin(pin: str) -> str:
    """Return the argon2id hash of a PIN (second recommended parameters of RFC 9106). Raises CommandRefused.

    Invalid and trivial PINs are refused.
    """
    if not PIN.fullmatch(pin):
        raise CommandRefused("the PIN is not valid: a PIN must have 4 to 12 digits")
    if (weakness := find_pin_weakness(pin)) is not None:
        raise CommandRefused(f"this PIN is easy to guess, because it {weakness}. Choose another one")
    return PasswordHasher().hash(pin)


class PinCheck:
    """Checks PINs against the agents' hashes. Each check takes tens of milliseconds of CPU: run it in a thread."""

    def __init__(self, accounts: Iterable[AgentAccount]) -> None:
        """Create the PIN check of these agents, with a hash for unknown agents so that their check takes equally long."""
        self._accounts = {account.number: account for account in accounts}
        hashes = [account.pin_hash for account in self._accounts.values()]
        hasher = PasswordHasher.from_parameters(extract_parameters(hashes[0])) if hashes else PasswordHasher()
        self._nobody = hasher.hash(secrets.token_hex(16))
        self._hasher = hasher

    def is_pin_correct(self, number: str, pin: str) -> bool:
        """Return whether the agent exists and this is the agent's PIN.

        The check takes equally long for an unknown agent.
        """
        account = self._accounts.get(number)
        right = self._does_pin_match_hash(
            self._nobody if account is None else account.pin_hash, pin if PIN.fullmatch(pin) else ""
        )
        return right and account is not None

    def _does_pin_match_hash(self, pin_hash: str, pin: str) -> bool:
        try:
            return self._hasher.verify(pin_hash, pin)
        except (VerificationError, InvalidHashError):
            return False
