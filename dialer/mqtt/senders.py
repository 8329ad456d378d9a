"""Who may give commands over MQTT, by what they are known, and whether a command bears their signature.

Who sends is the last level of the topic, and what stands there is as good as the broker's access list; a signature needs no
broker to be believed. The bytes that are signed are those that were sent, not a JSON that was made anew: two programs need not
agree on how a number is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dialer.domain import signing
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import CommandRefused
from dialer.mqtt import topics
from dialer.mqtt.topics import Message

_PURPOSE = b"matdan-command-1"


class BadSignature(CommandRefused):
    """A command does not bear its sender's signature: somebody else wrote it, or it was changed on its way."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who may give commands."""

    name: str
    roles: frozenset[Role]
    key: bytes | None = None  # public; whoever has one is obeyed only where a command bears its signature

    @property
    def role(self) -> str:
        """The roles as one word."""
        return ", ".join(sorted(self.roles))


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
        self.use(senders)
        self._kept = {} if kept is None else kept
        self._signed = signed
        self._broker_knows = broker_knows

    def use(self, senders: Iterable[Sender]) -> None:
        """Those of the settings from now on."""
        self._senders = {sender.name: sender for sender in senders}

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
        if not signing.holds(sender.key, signed_bytes(centre, sender.name, text), signature):
            raise BadSignature(
                "the signature is not its sender's for this command in this centre: compare the key with that in [[supervisors]]"
            )


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

    def command(
        self, centre: str, command_id: str, name: str, values: Mapping[str, object], expires_at: float
    ) -> Message:
        """The message that gives a command."""
        text = json.dumps({"id": command_id, "name": name, "expires_at": expires_at, **values})
        return Message(topics.commands_topic(centre, self.user), self.payload(centre, text), 1, False)

    def payload(self, centre: str, text: str) -> str:
        """The same of a command with this text."""
        if self.key is None:
            return text
        return json.dumps({"command": text, "signature": signing.sign(self.key, signed_bytes(centre, self.user, text))})
