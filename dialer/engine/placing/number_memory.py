"""Calls and opt-outs of phone numbers in the last minutes, in memory.

A number that is reserved for dialling carries facts from the store. This module remembers what happened to it since
then, also at other centres. So rule checks need not read the store again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from typing import TypeVar

from dialer.domain.model import Outcome
from dialer.domain.other_centres import PeerCallRecord, PeerCallTimes, find_later_of_two_times
from dialer.domain.phone_facts import PhoneFacts
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.core import Core

_Known = TypeVar("_Known")

REMEMBER_SECONDS = 300.0  # much longer than a claim's lease


class NumberMemory:
    """The recent calls and opt-outs of phone numbers, in memory, by phone id. Each dictionary is sorted by time (epoch
    seconds).
    """

    def __init__(self, core: Core, calls: LiveCalls) -> None:
        self._core = core
        self._calls = calls
        self._opted_out: dict[int, float] = {}
        self._abandoned_at: dict[int, float] = {}
        self._called_at: dict[
            int, tuple[float, float]
        ] = {}  # end of the last call, and of the last conversation (0: none)
        self._called_elsewhere: dict[
            int, tuple[float, PeerCallTimes]
        ] = {}  # with the time when the dialler learnt of it

    def remember_ended_call(self, call: Call, outcome: Outcome) -> None:
        """Remember a call that has ended, so that later rule checks of its number include the call."""
        now = self._core.clock.now()
        talked = call.talk.connected_at is not None or outcome is Outcome.COMPLETED
        if (
            outcome is Outcome.ABANDONED and not call.inbound
        ):  # as in the store, only abandoned outbound calls lock a number
            self._abandoned_at.pop(call.phone_id, None)
            self._abandoned_at[call.phone_id] = now
        if outcome is Outcome.REFUSED or (call.inbound and not talked):
            return
        called_before, talked_before = self._called_at.pop(call.phone_id, (0.0, 0.0))
        talked = talked and outcome is not Outcome.MACHINE
        self._called_at[call.phone_id] = (called_before if call.inbound else now, now if talked else talked_before)

    def remember_call_of_other_centre(self, phone_id: int, call: PeerCallRecord) -> None:
        """Remember that another centre has called a number, so that later rule checks of the number include the call."""
        _, before = self._called_elsewhere.pop(phone_id, (0.0, PeerCallTimes()))
        times = PeerCallTimes(*map(find_later_of_two_times, before, call.call_times_changed_by_this_call))
        self._called_elsewhere[phone_id] = (self._core.clock.now(), times)

    def remember_opt_out_of_number(self, phone_id: int) -> None:
        """Remember that a number has opted out, so that it is not called even if it was reserved before."""
        self._opted_out.pop(phone_id, None)
        self._opted_out[phone_id] = self._core.clock.now()

    def update_facts_of_reserved_number(
        self, facts: PhoneFacts, phone_id: int, campaigns: tuple[str, ...]
    ) -> PhoneFacts:
        """Return the facts about a reserved number, updated with calls and opt-outs since its reservation.

        `campaigns` are the campaigns that may have called the number since then.
        """
        elsewhere = self._called_elsewhere.get(phone_id)
        if elsewhere is not None:
            called_at, talked_at, abandoned_at = elsewhere[1]
            facts = replace(
                facts,
                abandoned_at=find_later_of_two_times(abandoned_at, facts.abandoned_at),
                called_at=find_later_of_two_times(called_at, facts.called_at),
                talked_at=find_later_of_two_times(talked_at, facts.talked_at),
                campaigns=facts.campaigns or campaigns,
            )
        abandoned_at = self._abandoned_at.get(phone_id)
        if abandoned_at is not None:
            facts = replace(facts, abandoned_at=max(abandoned_at, facts.abandoned_at or 0.0))
        if phone_id in self._opted_out:
            facts = replace(facts, opted_out=True)
        ends = self._called_at.get(phone_id)
        if ends is not None:
            own_called_at, own_talked_at = ends
            facts = replace(
                facts,
                called_at=max(own_called_at, facts.called_at or 0.0),
                talked_at=max(own_talked_at, facts.talked_at or 0.0) or None,
                campaigns=facts.campaigns or campaigns,
            )
        return facts

    def forget_old_calls_and_opt_outs(self) -> None:
        """Forget calls and opt-outs that are older than any reservation of a number, because the store's facts include
        them.

        Calls and opt-outs of a number with a live call are kept, because the number may have been reserved even
        earlier.
        """
        before = self._core.clock.now() - REMEMBER_SECONDS
        live = {call.phone_id for call in self._calls.list_live_calls()}
        _remove_old_entries_of_numbers(self._opted_out, lambda at: at < before, live)
        _remove_old_entries_of_numbers(self._abandoned_at, lambda at: at < before, live)
        _remove_old_entries_of_numbers(self._called_at, lambda ends: max(ends) < before, live)
        _remove_old_entries_of_numbers(self._called_elsewhere, lambda each: each[0] < before, live)


def _remove_old_entries_of_numbers(known: dict[int, _Known], is_old: Callable[[_Known], bool], live: set[int]) -> None:
    """Remove the old entries, except those of numbers with a live call (`live`).

    `known` is sorted by time, so the search ends at the first entry that is not old.
    """
    for phone_id in list(takewhile(lambda each: is_old(known[each]), known)):
        if phone_id not in live:
            del known[phone_id]
