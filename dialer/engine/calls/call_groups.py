"""Groups of live calls, such as the calls of each campaign, so that a decision reads only the calls that it needs.

`LiveCalls` updates the groups whenever a call changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from dialer.domain.model import AttemptId
from dialer.domain.view import CallState
from dialer.engine.calls.state import Call

Key = TypeVar("Key")


class CallGroups(Generic[Key]):
    """Live calls in groups, for example one group for each campaign. The calls of a group are in the order in which
    they joined it.
    """

    def __init__(self, find_group: Callable[[Call], Key | None]) -> None:
        """Create empty groups. `find_group` returns the group of a call, or None if the call belongs to no group."""
        self._find_group = find_group
        self._groups: dict[Key, dict[AttemptId, Call]] = {}

    def __getitem__(self, group: Key) -> Collection[Call]:
        """Return the calls of a group. The result is empty for an unknown group."""
        calls = self._groups.get(group)
        return () if calls is None else calls.values()

    def list_calls_of_all_groups(self) -> list[Call]:
        """Return the calls of all groups."""
        return [call for calls in self._groups.values() for call in calls.values()]

    def count_calls_by_group(self) -> Counter[Key]:
        """Return the number of calls in each group. Groups without calls are left out."""
        return Counter({group: len(calls) for group, calls in self._groups.items()})

    def update_groups_of_changed_call(self, before: Call | None, after: Call | None) -> None:
        """Replace a call in its group, or move it to its new group. `before` is None for a new call, `after` for an
        ended call.
        """
        old = None if before is None else self._find_group(before)
        new = None if after is None else self._find_group(after)
        if before is not None and old is not None and old != new:
            calls = self._groups[old]
            del calls[before.attempt_id]
            if not calls:
                del self._groups[old]
        if after is not None and new is not None:
            self._groups.setdefault(new, {})[after.attempt_id] = after


def find_campaign_of_call_without_seat(call: Call) -> str | None:
    """Return the campaign of a call that is not answered yet, or whose voter waits for a seat. Return None for any
    other call.
    """
    needs_seat = call.leg.answered_seconds is None or call.call_state is CallState.WAITING
    return call.campaign_id if needs_seat else None


def find_campaign_of_waiting_voter(call: Call) -> str | None:
    """Return the campaign of a call whose voter can be connected to a seat now. Return None for any other call."""
    return call.campaign_id if call.leg.waiting and call.call_state is CallState.WAITING else None


def find_trunk_of_call_with_channel(call: Call) -> str | None:
    """Return the trunk of a call that uses a channel. Return None for any other call.

    A call uses a channel from the moment at which it is committed to the store until the switch reports its end.
    """
    return call.trunk if call.leg.ended is None else None


def find_trunk_of_unsent_call(call: Call) -> str | None:
    """Return the trunk of a call that was allowed to start and is not sent to the switch yet. Return None for any other
    call.
    """
    leg = call.leg
    return None if leg.originate_sent or leg.preview is not None or call.inbound else call.trunk


def find_called_voter(call: Call) -> int | None:
    """Return the id of the voter who is called, or None if the call is to a booth worker."""
    return call.voter_id if call.worker is None else None
