"""From a granted call start to the switch: what is checked last, and what the journal of sent attempts is told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.errors import RefusedBecause, StoreError
from dialer.domain.model import AttemptId, Claim, NewAttempt
from dialer.store.port import Refusal
from tests.support.turns import A, Turns

CLAIM = Claim("calls", 1, "+919812345601", 1, 1, 1, "hi", 1)


class Journal:
    """A journal of sent attempts that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def opening(self, attempt_id: AttemptId) -> None:
        self.told.append("opening")

    def sending(self, attempt_id: AttemptId) -> None:
        self.told.append("sending")

    def dropped(self, attempt_id: AttemptId) -> None:
        self.told.append("dropped")


def originating(caller_id: str = "+911140000001", **store: Any) -> tuple[Turns, Journal, NewAttempt, list[str]]:
    """A call that has been granted its start, with a journal and a switch that remember."""
    turns, journal, sent = Turns(), Journal(), list[str]()

    async def originate(request: Any) -> None:
        sent.append(request.caller_id)

    originator = turns.features.originator
    originator._sent = cast(Any, journal)
    originator._switch = cast(Any, SimpleNamespace(originate=originate))
    originator._store = cast(Any, SimpleNamespace(end_attempts=turns.features.store.end_attempts, **store))
    originator._holds = cast(Any, SimpleNamespace(find=lambda *_: None, no_agent=lambda *_: None))
    allowed = SimpleNamespace(allowed=True)
    originator._eligibility = cast(
        Any, SimpleNamespace(originate=lambda *_, **__: allowed, limits=lambda _: (9, None, ()))
    )
    turns.call(written=False)
    return turns, journal, NewAttempt(A, CLAIM, "carrier", caller_id, turns.clock.now()), sent


def test_call_is_sent_with_a_caller_id_of_its_trunk() -> None:
    turns, journal, attempt, sent = originating()
    turns.after(1, lambda: asyncio.run(turns.features.originator._originate(turns.features.runs["calls"], attempt)))
    assert sent == ["+911140000001"]
    assert journal.told == ["sending"]


def test_call_with_a_caller_id_of_another_trunk_is_never_sent() -> None:
    turns, journal, attempt, sent = originating(caller_id="+911149999999")
    refusals: list[Any] = []

    def originate() -> None:
        refusals.append(asyncio.run(turns.features.originator._originate(turns.features.runs["calls"], attempt)))

    assert "commit end refused" in turns.after(1, originate)
    assert [refusal.why for refusal in refusals] == [RefusedBecause.NO_LINE]
    assert sent == []
    assert journal.told == ["dropped"]


def test_journal_drops_an_attempt_that_the_store_refuses() -> None:
    async def refuse(*_: object, **__: object) -> list[Refusal | None]:
        return [Refusal.OPTED_OUT]

    turns, journal, attempt, _ = originating(open_attempts=refuse)
    placed = [(attempt, turns.features.calls[A])]
    turns.after(1, lambda: asyncio.run(turns.features.originator._open(turns.features.runs["calls"], placed)))
    assert journal.told == ["opening", "dropped"]
    assert A not in turns.features.calls


def test_journal_drops_an_attempt_whose_commit_failed() -> None:
    async def fail(*_: object, **__: object) -> list[Refusal | None]:
        raise StoreError("the disk is full")

    turns, journal, attempt, _ = originating(open_attempts=fail)
    placed = [(attempt, turns.features.calls[A])]
    turns.after(1, lambda: asyncio.run(turns.features.originator._open(turns.features.runs["calls"], placed)))
    assert journal.told == ["opening", "dropped"]


@pytest.mark.parametrize("problem", ["cancelled", "held"])
def test_journal_drops_a_committed_attempt_that_is_not_sent(problem: str) -> None:
    turns, journal, attempt, sent = originating()
    if problem == "cancelled":
        turns.after(1, lambda: turns.features.calls.cancel(turns.features.calls[A]))
    else:
        turns.features.originator._holds = cast(Any, SimpleNamespace(find=lambda *_: "held", no_agent=lambda *_: None))
    turns.after(1, lambda: asyncio.run(turns.features.originator._originate(turns.features.runs["calls"], attempt)))
    assert journal.told == ["dropped"]
    assert sent == []
