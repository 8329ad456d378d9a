"""The live calls of a centre. Every count of calls is derived from them, so that no counter can drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from dialer.domain.model import AttemptId, Outcome
from dialer.domain.switch import Switch
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import CallChange, CallState, CampaignChange
from dialer.engine.calls.call_groups import (
    CallGroups,
    find_called_voter,
    find_campaign_of_call_without_seat,
    find_campaign_of_waiting_voter,
    find_trunk_of_call_with_channel,
    find_trunk_of_unsent_call,
)
from dialer.engine.calls.changes import list_side_effects_of_changed_call
from dialer.engine.calls.state import Call
from dialer.engine.core import Core
from dialer.engine.effects import CallFinished, Notify, make_order_to_switch
from dialer.engine.seats.state import Seat
from dialer.store.store import Store


class LiveCalls:
    """The live calls of a centre by attempt id.

    A call changes only through this class. So the groups of calls (by campaign, number, voter and trunk) always agree
    with the calls.
    """

    def __init__(self, core: Core, store: Store, switch: Switch) -> None:
        self._core = core
        self._store = store
        self._switch = switch
        self._calls: dict[AttemptId, Call] = {}
        self._by_campaign = CallGroups[str](lambda call: call.campaign_id)
        self._by_phone = CallGroups[int](lambda call: call.phone_id)
        self._by_voter = CallGroups[int](find_called_voter)
        self._without_seat = CallGroups[str](find_campaign_of_call_without_seat)
        self._waiting = CallGroups[str](find_campaign_of_waiting_voter)
        self._channels = CallGroups[str](find_trunk_of_call_with_channel)
        self._unsent = CallGroups[str](find_trunk_of_unsent_call)
        self._groups: tuple[CallGroups[str] | CallGroups[int], ...] = (
            self._by_campaign,
            self._by_phone,
            self._by_voter,
            self._without_seat,
            self._waiting,
            self._channels,
            self._unsent,
        )

    def __getitem__(self, attempt_id: AttemptId) -> Call:
        """Return the live call of an attempt. Raises KeyError."""
        return self._calls[attempt_id]

    def __contains__(self, attempt_id: object) -> bool:
        """Return whether an attempt has a live call."""
        return attempt_id in self._calls

    def __len__(self) -> int:
        """Return the number of live calls."""
        return len(self._calls)

    def find_live_call(self, attempt_id: AttemptId | None) -> Call | None:
        """Return the live call of an attempt, or None if the call has ended or is unknown."""
        return None if attempt_id is None else self._calls.get(attempt_id)

    def list_live_calls(self) -> Collection[Call]:
        """Return all live calls, the oldest first."""
        return self._calls.values()

    def find_calls_of_campaign(self, campaign_id: str) -> list[Call]:
        """Return the live calls of a campaign."""
        return list(self._by_campaign[campaign_id])

    def find_calls_without_seat(self, campaign_id: str) -> list[Call]:
        """Return the calls of a campaign that are not answered yet, or whose voter waits for a seat."""
        return list(self._without_seat[campaign_id])

    def find_calls_waiting_for_seat(self) -> list[Call]:
        """Return the calls whose voters can be connected to a seat now."""
        return self._waiting.list_calls_of_all_groups()

    def find_calls_to_number_or_voter(self, phone_id: int, voter_id: int | None) -> list[Call]:
        """Return the live calls to a phone number, and the live calls to a voter on any number. If `voter_id` is None,
        return only the calls to the phone number.
        """
        return [*self._by_phone[phone_id], *(() if voter_id is None else self._by_voter[voter_id])]

    def count_channels_by_trunk(self) -> Counter[str]:
        """Return the number of channels that calls use, by trunk."""
        return self._channels.count_calls_by_group()

    def count_unsent_calls_by_trunk(self) -> Counter[str]:
        """Return how many calls were allowed to start and are not sent to the switch yet, by trunk."""
        return self._unsent.count_calls_by_group()

    def find_call_at_seat(self, seat: Seat) -> Call | None:
        """Return the live call at a seat, or None. During wrap-up the seat's call has usually ended."""
        return self.find_live_call(seat.attempt_id)

    def add_or_replace_call(self, call: Call) -> Call:
        """Add a live call, or replace it, without starting timers or notifying anybody. Return the call."""
        self._replace_call_in_all_groups(self._calls.get(call.attempt_id), call)
        return call

    def remove_call(self, attempt_id: AttemptId) -> None:
        """Remove a call that has ended from the live calls."""
        self._replace_call_in_all_groups(self._calls.get(attempt_id), None)

    def _replace_call_in_all_groups(self, before: Call | None, after: Call | None) -> None:
        """Replace a live call, also in every group of calls. `before` is None for a new call, `after` for an ended
        call.
        """
        if after is not None:
            self._calls[after.attempt_id] = after
        elif before is not None:
            del self._calls[before.attempt_id]
        for groups in self._groups:
            groups.update_groups_of_changed_call(before, after)

    def update_call(self, before: Call, after: Call) -> Call:
        """Replace a live call by its changed copy, request what the change requires (such as timers), and return the
        copy.
        """
        if after is before:
            return after
        self._replace_call_in_all_groups(self._calls.get(after.attempt_id), after)
        self._core.request_side_effects(
            *list_side_effects_of_changed_call(before, after, self._core.read_clock(), self._store)
        )
        if after.is_answered is not before.is_answered:
            self._core.wake.set()
        return after

    def cancel_call(self, call: Call) -> None:
        """Hang up an outbound call that is not answered yet. A call that was not sent to the switch yet is
        never sent.
        """
        if call.is_answered or call.leg.cancelled or call.inbound:
            return
        self.update_call(call, call.copy_call_with_cancellation())
        if call.leg.originate_sent:
            self._core.request_side_effects(make_order_to_switch(self._switch.hang_up_call, call.attempt_id))
        elif call.leg.preview is not None:  # otherwise the task that is about to send it finds it cancelled
            self._core.request_side_effects(
                CallFinished(CallEnded(call.attempt_id, EndedBy.NOT_PLACED, answered=False))
            )

    def publish_call_state(self, call: Call, state: CallState, outcome: Outcome | None = None) -> None:
        """Notify subscribers of the state of a call."""
        change = CallChange(call.campaign_id, call.attempt_id, state, self._core.clock.now(), call.talk.seat, outcome)
        self._core.request_side_effects(Notify(change), Notify(CampaignChange(call.campaign_id)))
