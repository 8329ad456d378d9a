"""Who may send commands, and whether a message is really theirs.

The sender is the last level of the topic, which is as reliable as the broker's access list. A signature does not depend on the
broker. It covers the text as sent, not JSON that is written again, so two programs need not agree on how a number is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dialer.domain import signing
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import CommandRefused
from dialer.mqtt.commands.message import signed_bytes


class BadSignature(CommandRefused):
    """The signature is not the sender's: somebody else wrote the command, or it was changed on the way."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who may send commands."""

    name: str
    roles: frozenset[Role]
    key: bytes | None = None  # public key; with one, only signed commands are accepted

    @property
    def role(self) -> str:
        """The roles, separated by commas."""
        return ", ".join(sorted(self.roles))


class Senders:
    """Everybody who may send commands: the supervisors of the settings, and the users of the store."""

    def __init__(
        self,
        supervisors: Iterable[Sender],
        users: Mapping[str, Role] | None = None,
        *,
        signed: bool = False,
        broker_knows: bool = True,
    ) -> None:
        """`users` are the roles of the store's users, a live mapping. `signed`: every command needs a signature. `broker_knows`:
        the broker authenticates its clients, as far as we can tell.
        """
        self.use(supervisors)
        self._users = {} if users is None else users
        self._signed = signed
        self._broker_knows = broker_knows

    def use(self, supervisors: Iterable[Sender]) -> None:
        """Replace the supervisors of the settings."""
        self._supervisors = {sender.name: sender for sender in supervisors}

    def find(self, name: str) -> Sender | None:
        """Return the sender of that name, or None for a stranger."""
        sender = self._supervisors.get(name)
        if sender is None and (role := self._users.get(name)) is not None:
            return Sender(name, frozenset({role}))
        return sender

    def authenticate(self, sender: Sender, centre: str, text: str, signature: object) -> None:
        """Raise CommandRefused unless a command with this text is that sender's. `signature`: base64, or None if unsigned."""
        if signature is None:
            if self._signed or sender.key is not None:
                raise CommandRefused(
                    "the command is not signed, which the settings require (broker.signed_commands, or the sender has a key)"
                )
            if not self._broker_knows:
                raise CommandRefused(
                    "the broker accepts anybody, so the sender is not known: give the dialler a user of its own"
                    " (broker.username, `dialer mqtt render`), or sign commands"
                )
            return
        if sender.key is None:
            raise CommandRefused("the settings have no key of the sender: add `key` to it in [[supervisors]]")
        if not signing.holds(sender.key, signed_bytes(centre, sender.name, text), signature):
            raise BadSignature(
                "the signature is not the sender's for this command in this centre: compare the sender's key with that in"
                " [[supervisors]]"
            )
