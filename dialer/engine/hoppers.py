"""Hoppers: some seconds' worth of claims per campaign, so that a call that may start has its number at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from dialer.engine.results import Results
from dialer.engine.state import CampaignRun, Centre
from dialer.errors import StoreError
from dialer.model import Claim, VotingBooths
from dialer.rules.calling_hours import day_start
from dialer.store.port import Store

_log = structlog.get_logger(__name__)

HOPPER_SIZE = 60  # claims held per campaign: some seconds of dialling, so that priorities stay fresh
CLAIMED_AT_ONCE = 10  # a long claim holds up the marks and results behind it, and leaves fewer at hand while it lasts
LEASE_SECONDS = 60.0
LEAST_LEASE_SECONDS = 15.0  # claims with less left go back to the queue: the order has moved on
LOOK_AGAIN_SECONDS = 1.0  # numbers are due, but cannot be had yet: another campaign's call, a booth that comes after
PRIORITIES_SECONDS = 30.0  # how long the booths' priorities stand before they are computed anew

Priorities = Callable[[CampaignRun, float], Mapping[int, float]]
"""The booths' priorities for a campaign at a moment (epoch seconds); booths that are not named come after those that
are."""


class Hoppers:
    """Fills the campaigns' hoppers from their queues and gives back what is not dialled."""

    def __init__(
        self,
        centre: Centre,
        store: Store,
        results: Results,
        *,
        owner: str,
        has_room: Callable[[], bool],
        priorities: Priorities,
    ) -> None:
        """`owner` names this dialler in its claims; `has_room` says whether the disk can still take results."""
        self._centre = centre
        self._store = store
        self._results = results
        self._owner = owner
        self._has_room = has_room
        self._priorities = priorities

    def refill(self, run: CampaignRun) -> None:
        """Claim more where the hopper runs low and the queue may have some."""
        if run.refilling or not self._runs_low(run) or run.next_due_at > self._centre.clock.now():
            return
        if not self._has_room():
            full = StoreError("the disk is nearly full (store.reserve_megabytes); free some space")
            self._results.stop_for_room(full, self._has_room)
            return
        run.refilling = True
        self._centre.spawn(self._fill(run), "refill")

    def _runs_low(self, run: CampaignRun) -> bool:
        return len(run.hopper) <= HOPPER_SIZE - CLAIMED_AT_ONCE

    async def _fill(self, run: CampaignRun) -> None:
        clock = self._centre.clock
        try:
            run.next_due_at = 0.0
            self._set_priorities(run)
            while run.held_because is None and not self._centre.draining and self._runs_low(run):
                quotas = run.order.plan(CLAIMED_AT_ONCE)
                first = run.order.first(quotas)
                claims = await self._store.claim(
                    run.spec.campaign_id,
                    CLAIMED_AT_ONCE,
                    owner=self._owner,
                    now=clock.now(),
                    lease_seconds=LEASE_SECONDS,
                    booths=quotas,
                    voting=None if first is None else VotingBooths(first, run.votes_until),
                    day_start=day_start(self._centre.zone, clock.now()),
                )
                full = len(claims) == CLAIMED_AT_ONCE
                run.order.took(quotas, claims, full=full)
                run.hopper.extend(claims)
                if claims:
                    self._centre.wake.set()
                if full or not run.order.exhausted:
                    continue
                if first is None or run.order.waits:  # else what stands aside has its turn now
                    await self._note_next_due(run)
                    break
        except StoreError as error:
            self._results.store_failed(error)
            await self._results.until_store_works()
        finally:
            run.refilling = False
        if run.hopper:
            self._centre.wake.set()

    async def _note_next_due(self, run: CampaignRun) -> None:
        now, given_back = self._centre.clock.now(), run.given_back
        due = await self._store.next_due_at(run.spec.campaign_id)
        if run.given_back != given_back:  # numbers came back meanwhile, which the answer may not know
            return
        run.list_done = due is None
        found = float("inf") if due is None else max(due, now + LOOK_AGAIN_SECONDS)
        run.next_due_at = min(found, run.next_due_at or found)
        if due is not None and due <= now and not run.order.waits:
            run.order.look_again()

    def _set_priorities(self, run: CampaignRun) -> None:
        now = self._centre.clock.now()
        if now - run.priorities_at >= PRIORITIES_SECONDS:
            run.priorities_at = now
            run.votes_until = self._centre.polls_today().until
            run.order.set_priorities(self._priorities(run, now))

    def give_back(self, run: CampaignRun) -> None:
        """Put the hopper's claims back into the queue."""
        self._put_back(run, list(run.hopper))
        run.hopper.clear()

    def give_back_old(self, run: CampaignRun) -> None:
        """Put the claims back whose lease ends soon; they stand first in the hopper."""
        ends = self._centre.clock.now() + LEAST_LEASE_SECONDS
        old: list[Claim] = []
        while run.hopper and run.hopper[0].leased_until < ends:
            old.append(run.hopper.popleft())
        if old:
            self._put_back(run, old)

    def _put_back(self, run: CampaignRun, claims: Sequence[Claim]) -> None:
        run.next_due_at = 0.0
        if claims:
            run.given_back += 1
            run.list_done = False
            run.order.gave_back(claims)
            self._centre.spawn(self._release(claims), "release-claims")

    async def _release(self, claims: Sequence[Claim]) -> None:
        try:
            await self._store.release(claims)
        except StoreError as error:  # the lease puts them back by itself
            _log.warning("claims.not-released", claims=len(claims), problem=str(error))
