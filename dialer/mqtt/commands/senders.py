"""The users and programs that may send commands, and the check that a command comes from its named sender.

The last level of the topic names the sender. Without a signature, only the broker's access list prevents somebody else
from publishing there. A signature proves the sender even if the broker accepts anybody. It covers the bytes as they
were sent, so sender and dialler may format JSON differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dialer.domain import signing
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import CommandRefused
from dialer.mqtt.commands.message import build_signed_bytes


class BadSignature(CommandRefused):
    """Raised if the signature of a command is not the sender's: somebody else wrote the command, or changed it."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A person or program that may send commands."""

    name: str
    roles: frozenset[Role]
    key: bytes | None = None  # public key; with one, only signed commands are accepted

    @property
    def sender_role_names(self) -> str:
        """The sender's roles, separated by commas."""
        return ", ".join(sorted(self.roles))


class Senders:
    """All who may send commands to the dialler: the supervisors in the settings, and the users in the store."""

    def __init__(
        self,
        supervisors: Iterable[Sender],
        users: Mapping[str, Role] | None = None,
        *,
        signed: bool = False,
        broker_knows: bool = True,
    ) -> None:
        """Create the list of senders.

        Args:
            users: the roles of the users in the store, by name. The mapping may change later.
            signed: whether every command must be signed.
            broker_knows: whether the broker authenticates its clients, so that it knows who publishes.
        """
        self.replace_users_from_settings(supervisors)
        self._users = {} if users is None else users
        self._signed = signed
        self._broker_knows = broker_knows

    def replace_users_from_settings(self, supervisors: Iterable[Sender]) -> None:
        """Replace the supervisors that came from the settings."""
        self._supervisors = {sender.name: sender for sender in supervisors}

    def find_sender_by_user_name(self, name: str) -> Sender | None:
        """Return the sender with a user name, or None if this user may not send commands."""
        sender = self._supervisors.get(name)
        if sender is None and (role := self._users.get(name)) is not None:
            return Sender(name, frozenset({role}))
        return sender

    def authenticate_command(self, sender: Sender, centre: str, text: str, signature: object) -> None:
        """Raise CommandRefused unless the named sender sent this command.

        `signature` is base64, or None if the command is unsigned.
        """
        if signature is None:
            if self._signed or sender.key is not None:
                raise CommandRefused(
                    "the command is not signed: sign it with the sender's key (required by `broker.signed_commands`, or by "
                    "`key` of this sender in [[supervisors]])"
                )
            if not self._broker_knows:
                raise CommandRefused(
                    "the broker accepts anybody without a log-in, so the sender is unknown: run `dialer mqtt "
                    "render` and set `broker.username`, or sign commands"
                )
            return
        if sender.key is None:
            raise CommandRefused(
                "the settings have no public key of the sender: add `key` to the sender in [[supervisors]]"
            )
        if not signing.verify_signature(sender.key, build_signed_bytes(centre, sender.name, text), signature):
            raise BadSignature(
                "the command's signature is not valid: check that `key` of the sender in [[supervisors]] is right, "
                "and that the command was signed for this centre and not changed afterwards"
            )
