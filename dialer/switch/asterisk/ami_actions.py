"""The actions of one session that were written and wait for their answer, matched by ActionID. No I/O."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from dialer.domain.errors import LoginRefused, OriginateRefused, OriginateUnsure, PermissionMissing, SwitchError
from dialer.switch.asterisk.ami_codec import AmiMessage

_log = structlog.get_logger(__name__)

_NOTHING_TO_LIST: Final = frozenset({"No active conferences."})  # an Error, where an empty list is meant
_LIST_ENDS: Final = frozenset({"complete", "cancelled"})


@dataclass(slots=True, eq=False)
class PendingAction:
    """An action that waits."""

    name: str
    data: bytes  # still to be written; b"" from then on
    begun_at: float  # on the loop's clock, seconds
    deadline: float
    answer: asyncio.Future[AmiMessage] | None  # None: the session's own Ping, that nobody awaits
    items: list[AmiMessage] | None  # of a list, as they come; None: one response is the whole answer

    def succeed(self, message: AmiMessage) -> None:
        """The answer came. Another one that came before it stands."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(message)

    def refuse(self, error: SwitchError) -> None:
        """Asterisk answered Error."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)

    def fail(self, reason: SwitchError) -> None:
        """No answer came, and none will: of an Originate that was written nobody knows then whether it rings."""
        if self.name == "Originate" and not self.data:
            self.refuse(OriginateUnsure(f"an Originate has no answer: {reason}; the call may exist, do not repeat it"))
        else:
            self.refuse(type(reason)(f"{self.name} has no answer: {reason}"))


class Outstanding:
    """The table of what waits. Answers may come in any order, late, repeated or unasked."""

    def __init__(self, username: str, list_items: int) -> None:
        """`username` stands in refusals; `list_items` is the most that one list may hold."""
        self.lists = 0
        self._username = username
        self._list_items = list_items
        self._pending: dict[str, PendingAction] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, action_id: object) -> bool:
        return action_id in self._pending

    @property
    def oldest(self) -> PendingAction | None:
        """The one that has waited longest."""
        return next(iter(self._pending.values()), None)

    def add(self, action_id: str, pending: PendingAction) -> None:
        """Enter an action that is about to be written. Raises SwitchError when its ActionID waits already."""
        if action_id in self._pending:
            raise SwitchError(f"the ActionID of this {pending.name} is in use by one that waits; nothing was sent")
        self._pending[action_id] = pending
        self.lists += pending.items is not None

    def remove(self, action_id: str) -> None:
        """Strike one off; its caller has its answer, or does not wait any more."""
        pending = self._pending.pop(action_id)
        self.lists -= pending.items is not None
        if pending.answer is not None and pending.answer.done() and not pending.answer.cancelled():
            pending.answer.exception()  # a caller that was cancelled in this very moment has not read it

    def expire(self, now: float) -> float | None:
        """Fail what is due at `now`; returns when the next is due, None when nothing waits."""
        for pending in self._pending.values():
            if pending.deadline <= now:
                seconds = pending.deadline - pending.begun_at
                pending.fail(SwitchError(f"none came within {seconds:.3g} s"))
        return min((pending.deadline for pending in self._pending.values() if pending.deadline > now), default=None)

    def fail_all(self, reason: SwitchError) -> None:
        """The session is lost."""
        for pending in self._pending.values():
            pending.fail(reason)

    def take_response(self, message: AmiMessage) -> None:
        """Give a response to the action that it answers; one that nobody waits for is dropped."""
        action_id = message.action_id
        pending = self._pending.get(action_id)
        if pending is None:
            _log.debug("ami.response_unclaimed", response=message.response)
        elif pending.answer is None:
            del self._pending[action_id]
        elif message.is_error:
            if pending.items is not None and message.get("Message") in _NOTHING_TO_LIST:
                pending.succeed(message)
            else:
                pending.refuse(refusal(pending.name, message, self._username))
        elif pending.items is None:
            pending.succeed(message)

    def take_item(self, message: AmiMessage) -> bool:
        """Give an event to the list that it belongs to; False when it belongs to none."""
        pending = self._pending.get(message.action_id)
        if pending is None or pending.items is None:
            return False
        if message.get("EventList").lower() in _LIST_ENDS:
            pending.succeed(message)
        elif len(pending.items) < self._list_items:
            pending.items.append(message)
        else:
            pending.refuse(SwitchError(f"Asterisk's list for {pending.name} has over {self._list_items} items"))
        return True


def refusal(name: str, message: AmiMessage, username: str) -> SwitchError:
    """The error that the Error response `message` to the action `name` means."""
    text = message.get("Message", "no reason given")
    if text == "Permission denied":
        return PermissionMissing(
            f"manager user {username} may not do {name}: in manager.conf, section [{username}], "
            "write the line `write = originate,call,reporting`, then `manager reload`"
        )
    if name == "Login":
        return LoginRefused(
            f"Asterisk refused manager user {username} ({text}): compare `ami.username` and `ami.secret` with manager.conf"
        )
    if name == "Originate":
        return OriginateRefused(f"Asterisk refused to place a call: {text}")
    if name == "Command":
        text = message.get("Output", text)
    return SwitchError(f"Asterisk refused {name}: {text}")
