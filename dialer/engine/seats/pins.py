"""PINs: hashed with argon2id, and checked in a time that does not reveal whether the agent exists."""

from __future__ import annotations

from collections.abc import Iterable

from argon2.exceptions import InvalidHashError, VerificationError

from dialer.domain.errors import CommandRefused
from dialer.domain.pin_proof import PIN_HASHER, create_hash_for_unknown_agent
from dialer.engine.seats.log_ins import PIN, AgentAccount
from dialer.settings.unfinished import find_pin_weakness


def hash_pin(pin: str) -> str:
    """Return the argon2id hash of a PIN, at the lowest cost that OWASP recommends. Raises CommandRefused for an invalid
    or easily guessed PIN.
    """
    if not PIN.fullmatch(pin):
        raise CommandRefused("the PIN is not valid: a PIN must have 4 to 12 digits")
    if (weakness := find_pin_weakness(pin)) is not None:
        raise CommandRefused(f"this PIN is easy to guess, because it {weakness}. Choose another one")
    return PIN_HASHER.hash(pin)


class PinCheck:
    """Checks PINs against the agents' hashes. Each check takes tens of milliseconds of CPU: run it in a thread."""

    def __init__(self, accounts: Iterable[AgentAccount]) -> None:
        """Create the PIN check of these agents."""
        self._accounts = {account.number: account for account in accounts}
        self._hashes = tuple(account.pin_hash for account in self._accounts.values())

    def is_pin_correct(self, number: str, pin: str) -> bool:
        """Return whether the agent exists and this is the agent's PIN.

        The check takes equally long for an unknown agent.
        """
        account = self._accounts.get(number)
        pin_hash = create_hash_for_unknown_agent(self._hashes, number) if account is None else account.pin_hash
        right = self._does_pin_match_hash(pin_hash, pin if PIN.fullmatch(pin) else "")
        return right and account is not None

    def _does_pin_match_hash(self, pin_hash: str, pin: str) -> bool:
        try:
            return PIN_HASHER.verify(pin_hash, pin)
        except (VerificationError, InvalidHashError):
            return False
