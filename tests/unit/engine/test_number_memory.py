"""What the dialler remembers of a number's calls until every claim knows of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.model import Outcome
from dialer.domain.other_centres import PeerCallKind, PeerCallRecord
from dialer.domain.phone_facts import PhoneFacts
from dialer.engine.placing.number_memory import REMEMBER_SECONDS, NumberMemory
from tests.support.calls import a_call
from tests.support.rules import NOON

FACTS = PhoneFacts(attempts_today=0, conversations_today=0, abandoned_at=None)
TALKED: dict[str, Any] = {"connected_at": NOON - 60}


class Memory:
    """A number memory with a clock and live calls that a test sets."""

    def __init__(self) -> None:
        self.now = NOON
        self.live: dict[str, Any] = {}
        core = SimpleNamespace(clock=SimpleNamespace(now=lambda: self.now))
        self.numbers = NumberMemory(cast(Any, core), cast(Any, SimpleNamespace(list_live_calls=self.live.values)))

    def read(self, facts: PhoneFacts = FACTS, phone_id: int = 1) -> PhoneFacts:
        return self.numbers.update_facts_of_reserved_number(facts, phone_id, ("calls",))


@pytest.mark.parametrize(
    ("outcome", "call", "called_at", "talked_at", "abandoned_at"),
    [
        (Outcome.CONNECTED, TALKED, NOON, NOON, None),
        (Outcome.COMPLETED, {}, NOON, NOON, None),  # the voter pressed keys in an IVR flow
        (Outcome.NO_ANSWER, {}, NOON, None, None),
        (Outcome.ABANDONED, {}, NOON, None, NOON),
        (Outcome.ABANDONED, TALKED, NOON, NOON, NOON),
        (Outcome.MACHINE, TALKED, NOON, None, None),  # the agent heard an answering machine
        (Outcome.REFUSED, {}, None, None, None),  # it was never placed
        (Outcome.REFUSED, TALKED, None, None, None),
        (Outcome.CONNECTED, {**TALKED, "inbound": True}, 0.0, NOON, None),
        (Outcome.COMPLETED, {"inbound": True}, 0.0, NOON, None),
        (Outcome.ABANDONED, {"inbound": True}, None, None, None),
        (Outcome.NO_ANSWER, {"inbound": True}, None, None, None),
    ],
)
def test_ended_call_updates_the_cached_call_times_of_its_number(
    outcome: Outcome,
    call: dict[str, Any],
    called_at: float | None,
    talked_at: float | None,
    abandoned_at: float | None,
) -> None:
    memory = Memory()
    memory.numbers.remember_ended_call(a_call(**call), outcome)
    found = memory.read()
    assert (found.called_at, found.talked_at, found.abandoned_at) == (called_at, talked_at, abandoned_at)
    assert found.campaigns == (("calls",) if called_at is not None else ())


def test_later_call_does_not_change_the_cached_time_of_an_earlier_conversation() -> None:
    memory = Memory()
    memory.numbers.remember_ended_call(a_call(**TALKED), Outcome.CONNECTED)
    memory.now = NOON + 60
    memory.numbers.remember_ended_call(a_call(), Outcome.NO_ANSWER)
    assert (memory.read().called_at, memory.read().talked_at) == (NOON + 60, NOON)
    memory.now = NOON + 120
    memory.numbers.remember_ended_call(a_call(inbound=True, **TALKED), Outcome.CONNECTED)
    assert (memory.read().called_at, memory.read().talked_at) == (NOON + 60, NOON + 120)


def test_cached_call_times_never_replace_newer_data_of_a_reserved_number() -> None:
    memory = Memory()
    memory.numbers.remember_ended_call(a_call(**TALKED), Outcome.CONNECTED)
    memory.numbers.remember_ended_call(a_call(), Outcome.ABANDONED)
    newer = PhoneFacts(1, 1, abandoned_at=NOON + 5, called_at=NOON + 5, talked_at=NOON + 5, campaigns=("b",))
    assert memory.read(newer) == newer


def remember_call_of_other_centre(memory: Memory, kind: PeerCallKind, at: float, phone_id: int = 1) -> None:
    memory.numbers.remember_call_of_other_centre(phone_id, PeerCallRecord("0" * 64, at, kind))


@pytest.mark.parametrize(
    ("kind", "called_at", "talked_at", "abandoned_at"),
    [
        (PeerCallKind.CALL, NOON, None, None),
        (PeerCallKind.CONVERSATION, NOON, NOON, None),
        (PeerCallKind.ABANDONED, NOON, None, NOON),
        (PeerCallKind.INBOUND, None, NOON, None),
    ],
)
def test_call_of_another_centre_updates_the_cached_call_times_of_its_number(
    kind: PeerCallKind, called_at: float | None, talked_at: float | None, abandoned_at: float | None
) -> None:
    memory = Memory()
    remember_call_of_other_centre(memory, kind, NOON)
    found = memory.read()
    assert (found.called_at, found.talked_at, found.abandoned_at) == (called_at, talked_at, abandoned_at)
    assert found.campaigns == ("calls",)
    assert memory.read(phone_id=2) == FACTS  # the call was to another number


def test_cached_times_of_calls_by_other_centres_are_separate_for_each_kind_of_call() -> None:
    memory = Memory()
    for kind, at in ((PeerCallKind.CONVERSATION, 10.0), (PeerCallKind.ABANDONED, 20.0), (PeerCallKind.CALL, 15.0)):
        remember_call_of_other_centre(memory, kind, NOON + at)
    found = memory.read()
    assert (found.called_at, found.talked_at, found.abandoned_at) == (NOON + 20, NOON + 10, NOON + 20)


@pytest.mark.parametrize("ahead", [-5.0, 5.0])
def test_cached_call_time_is_the_latest_of_own_and_other_centres_calls(ahead: float) -> None:
    memory = Memory()
    remember_call_of_other_centre(memory, PeerCallKind.CONVERSATION, NOON)
    remember_call_of_other_centre(memory, PeerCallKind.ABANDONED, NOON)
    at = NOON + ahead
    found = memory.read(PhoneFacts(1, 1, abandoned_at=at, called_at=at, talked_at=at, campaigns=("b",)))
    last = max(at, NOON)
    assert (found.called_at, found.talked_at, found.abandoned_at) == (last, last, last)
    assert found.campaigns == ("b",)


def test_cached_data_of_a_number_includes_an_opt_out_of_the_number() -> None:
    memory = Memory()
    assert not memory.read().opted_out
    memory.numbers.remember_opt_out_of_number(1)
    assert memory.read().opted_out


def test_old_cached_call_times_of_a_number_without_a_live_call_are_dropped() -> None:
    for live in (False, True):
        memory = Memory()
        memory.numbers.remember_opt_out_of_number(1)
        memory.numbers.remember_ended_call(a_call(**TALKED), Outcome.ABANDONED)
        remember_call_of_other_centre(memory, PeerCallKind.CONVERSATION, NOON, phone_id=2)
        known, known_elsewhere = memory.read(), memory.read(phone_id=2)
        if live:
            memory.live["attempt"] = a_call()
        memory.now = NOON + REMEMBER_SECONDS
        memory.numbers.forget_old_calls_and_opt_outs()
        assert (memory.read(), memory.read(phone_id=2)) == (known, known_elsewhere)  # not older than that yet
        memory.now = NOON + REMEMBER_SECONDS + 1
        memory.numbers.forget_old_calls_and_opt_outs()
        assert (memory.read() == FACTS, memory.read(phone_id=2)) == (not live, FACTS)
