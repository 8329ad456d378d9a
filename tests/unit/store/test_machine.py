"""The rules about who may be called hold for any sequence of operations."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.model import Claim, MarkSource, NewAttempt, Outcome
from dialer.store.attempts import Refusal
from dialer.store.store import Store
from tests.support.stores import (
    LEASE_SECONDS,
    NOW,
    SqliteBackend,
    commit_new_attempt,
    end_attempt,
    make_attempt,
    make_mark,
)

VOTERS = 9
PHONES = 6
HOUSEHOLDS = {1: {1}, 2: {2}, 3: {3, 4}, 4: {5}, 5: {6}, 6: {7, 8, 9}}
CAMPAIGNS = ("a", "b")
MOST_ATTEMPTS = 4
RETRY_SECONDS = 30.0

campaigns = st.sampled_from(CAMPAIGNS)
phones = st.integers(1, PHONES)
voters = st.integers(1, VOTERS)


class StoreMachine(RuleBasedStateMachine):
    """Random claims, calls, marks, opt-outs and restarts, compared with a simple model."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._directory = tempfile.TemporaryDirectory()
        self._backend = SqliteBackend(Path(self._directory.name))
        self.now = NOW
        self.claims: list[Claim] = []
        self.calls: list[NewAttempt] = []
        self.stale: list[Claim] = []
        self.done_with: set[int] = set()  # voters
        self.opted_out: set[int] = set()
        self.placed: dict[int, int] = {}
        self.marks = 0

    @initialize()
    def begin(self) -> None:
        self._backend.fill(VOTERS, VOTERS)
        self.store: Store = self._runner.run(self._backend.open())
        for campaign_id in CAMPAIGNS:
            self._runner.run(self.store.add_or_update_campaign(campaign_id, CampaignKind.AGENTS, Purpose.TURNOUT))
            assert self._runner.run(self.store.add_roll_numbers_to_queue(campaign_id)) == PHONES

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self._runner.run(self.store.close())
        self._runner.close()
        self._directory.cleanup()

    def reachable(self, phone_id: int) -> bool:
        return phone_id not in self.opted_out and not HOUSEHOLDS[phone_id] <= self.done_with

    @rule(campaign_id=campaigns, limit=st.integers(1, 4))
    def claim(self, campaign_id: str, limit: int) -> None:
        claims = self._runner.run(
            self.store.claim_queued_numbers(
                campaign_id, limit, owner="engine", now=self.now, lease_seconds=LEASE_SECONDS
            )
        )
        assert len(claims) <= limit
        held = {(each.campaign_id, each.phone_id) for each in self.claims}
        on_a_call = {each.claim.phone_id for each in self.calls}
        for each in claims:
            assert (each.campaign_id, each.phone_id) not in held
            held.add((each.campaign_id, each.phone_id))
            assert each.phone_id not in on_a_call
            assert self.reachable(each.phone_id)
            assert each.voter_id in HOUSEHOLDS[each.phone_id] - self.done_with
            assert each.pending_voters == len(HOUSEHOLDS[each.phone_id] - self.done_with)
        self.claims += claims

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def dial(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.claims))
        self.claims.remove(claimed)
        self._dial(claimed, held=True)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def dial_a_claim_that_was_lost(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.stale))
        # The number may have been claimed again since; dialling then uses up that newer claim.
        self.claims = [each for each in self.claims if each.phone_id != claimed.phone_id]
        self._dial(claimed, held=False)

    def _dial(self, claimed: Claim, *, held: bool) -> None:
        phone_id = claimed.phone_id
        new = make_attempt(claimed, at=self.now)
        refusal = self._runner.run(commit_new_attempt(self.store, new, max_attempts=MOST_ATTEMPTS))
        if phone_id in self.opted_out:
            assert refusal is Refusal.OPTED_OUT
        elif HOUSEHOLDS[phone_id] <= self.done_with:
            assert refusal is Refusal.NOBODY_PENDING
        elif claimed.voter_id in self.done_with:
            assert refusal is Refusal.CLAIM_LOST
        elif any(each.claim.phone_id == phone_id for each in self.calls):
            assert refusal is Refusal.OPEN_ATTEMPT
        elif self.placed.get(phone_id, 0) >= MOST_ATTEMPTS:
            assert refusal is Refusal.ATTEMPT_CAP if held else refusal in (Refusal.ATTEMPT_CAP, Refusal.CLAIM_LOST)
        else:
            assert refusal is None or not held
        if refusal is None:
            self.calls.append(new)
            self.placed[phone_id] = self.placed.get(phone_id, 0) + 1

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), outcome=st.sampled_from(list(Outcome)), retry=st.booleans())
    def end(self, data: st.DataObject, outcome: Outcome, retry: bool) -> None:
        new = data.draw(st.sampled_from(self.calls))
        self.calls.remove(new)
        retry_at = self.now + RETRY_SECONDS if retry else None
        assert self._runner.run(end_attempt(self.store, new, outcome, retry_at=retry_at))
        assert not self._runner.run(end_attempt(self.store, new, Outcome.COMPLETED, retry_at=retry_at))
        if outcome is Outcome.REFUSED:
            self.placed[new.claim.phone_id] -= 1

    @rule(voter_id=voters, kind=st.sampled_from([MarkKind.VOTED, MarkKind.WILL_NOT, MarkKind.NOT_YET, MarkKind.LATER]))
    def mark(self, voter_id: int, kind: MarkKind) -> None:
        self.marks += 1
        made = make_mark(voter_id, kind, key=str(self.marks), source=MarkSource.AGENT)
        effect = self._runner.run(self.store.save_voter_mark(made))
        if kind in (MarkKind.VOTED, MarkKind.WILL_NOT):
            self.done_with.add(voter_id)
        [phone_id] = [phone for phone, household in HOUSEHOLDS.items() if voter_id in household]
        silent = HOUSEHOLDS[phone_id] <= self.done_with
        assert effect.recorded
        assert effect.voter_silenced == (voter_id in self.done_with)
        assert effect.silenced_phones == ((phone_id,) if silent else ())

    @rule(phone_id=phones)
    def opt_out(self, phone_id: int) -> None:
        new = self._runner.run(self.store.save_opt_out(phone_id, at=self.now, source="flow"))
        assert new == (phone_id not in self.opted_out)
        self.opted_out.add(phone_id)

    @precondition(lambda self: self.claims)
    @rule()
    def release(self) -> None:
        self._runner.run(self.store.release_claimed_numbers(self.claims))
        self._lose_claims()

    @rule(seconds=st.sampled_from([RETRY_SECONDS, LEASE_SECONDS, 86_400.0]))
    def wait(self, seconds: float) -> None:
        if seconds < LEASE_SECONDS:  # remaining lease times are not modelled, so all claims are released
            self._runner.run(self.store.release_claimed_numbers(self.claims))
        self._lose_claims()
        self.now += seconds
        self._runner.run(self.store.release_expired_claims(self.now))

    def _lose_claims(self) -> None:
        self.stale += self.claims
        self.claims = []

    @rule()
    def restart(self) -> None:
        self._runner.run(self.store.close())
        self.store = self._runner.run(self._backend.open())
        self._runner.run(self.store.release_expired_claims(self.now, owner="engine"))
        self._lose_claims()
        for campaign_id in CAMPAIGNS:
            assert self._runner.run(self.store.add_roll_numbers_to_queue(campaign_id)) == 0

    @invariant()
    def one_open_attempt_a_number(self) -> None:
        if hasattr(self, "store"):
            unfinished = self._runner.run(self.store.read_unfinished_attempts())
            assert {each.attempt_id for each in unfinished} == {each.attempt_id for each in self.calls}
            assert len({each.phone_id for each in unfinished}) == len(unfinished)

    @invariant()
    def nothing_is_lost_from_the_queues(self) -> None:
        if hasattr(self, "store"):
            for campaign_id in CAMPAIGNS:
                progress = self._runner.run(self.store.read_campaign_progress(campaign_id, NOW))
                assert progress.total == PHONES
                assert 0 <= progress.remaining <= PHONES - progress.completed


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, derandomize=True)
