"""Hoppers: some seconds' worth of claims per campaign, so that a call that may start has its number at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from dialer.engine.results import Results
from dialer.engine.state import CampaignRun, Centre
from dialer.errors import StoreError
from dialer.model import Claim
from dialer.rules.calling_hours import day_start
from dialer.store.port import Store

_log = structlog.get_logger(__name__)

HOPPER_SIZE = 60  # claims held per campaign: some seconds of dialling, so that priorities stay fresh
HOPPER_LOW = 30
LEASE_SECONDS = 60.0
HOPPER_MAX_AGE_SECONDS = 45.0  # older claims go back to the queue before their lease runs out
LOOK_AGAIN_SECONDS = 1.0  # numbers on a call for another campaign are due, but cannot be had just now
PRIORITIES_SECONDS = 30.0  # how long the booths' priorities stand before they are computed anew

Priorities = Callable[[CampaignRun, float], Mapping[int, float]]
"""The booths' priorities for a campaign at a moment (epoch seconds); booths that are not named keep what they had."""


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

    def stale(self, run: CampaignRun) -> bool:
        """Whether the hopper's claims are too old to be dialled: their lease ends soon, and the order has moved on."""
        held_seconds = self._centre.clock.monotonic() - run.hopper_since_seconds
        return bool(run.hopper) and held_seconds > HOPPER_MAX_AGE_SECONDS

    def refill(self, run: CampaignRun) -> None:
        """Claim more where the hopper runs low and the queue may have some."""
        if run.refilling or len(run.hopper) >= HOPPER_LOW or run.next_due_at > self._centre.clock.now():
            return
        if not self._has_room():
            self._results.store_failed(StoreError("the disk is nearly full (store.reserve_megabytes); free some space"))
            self._centre.spawn(self._results.await_room(self._has_room), "await-room")
            return
        run.refilling = True
        self._centre.spawn(self._fill(run), "refill")

    async def _fill(self, run: CampaignRun) -> None:
        clock = self._centre.clock
        try:
            run.next_due_at = 0.0
            self._set_priorities(run)
            wanted = HOPPER_SIZE - len(run.hopper)
            while wanted > 0:
                quotas = run.order.plan(wanted)
                claims = await self._store.claim(
                    run.spec.campaign_id,
                    wanted,
                    owner=self._owner,
                    now=clock.now(),
                    lease_seconds=LEASE_SECONDS,
                    booths=quotas,
                    day_start=day_start(self._centre.zone, clock.now()),
                )
                run.order.took(quotas, claims, full=len(claims) == wanted)
                if not run.hopper:
                    run.hopper_since_seconds = clock.monotonic()
                run.hopper.extend(claims)
                wanted -= len(claims)
                if run.order.exhausted:
                    break
            if wanted > 0:
                await self._note_next_due(run)
        except StoreError as error:
            self._results.store_failed(error)
            await self._results.await_room(self._has_room)
        finally:
            run.refilling = False
        if run.hopper:
            self._centre.wake.set()

    async def _note_next_due(self, run: CampaignRun) -> None:
        now = self._centre.clock.now()
        due = await self._store.next_due_at(run.spec.campaign_id)
        run.list_done = due is None
        found = float("inf") if due is None else max(due, now + LOOK_AGAIN_SECONDS)
        run.next_due_at = min(found, run.next_due_at or found)
        if due is not None and due <= now:
            run.order.look_again()

    def _set_priorities(self, run: CampaignRun) -> None:
        now = self._centre.clock.now()
        if now - run.priorities_at >= PRIORITIES_SECONDS:
            run.priorities_at = now
            run.order.set_priorities(self._priorities(run, now))

    def give_back(self, run: CampaignRun) -> None:
        """Put the hopper's claims back into the queue."""
        claims = list(run.hopper)
        run.hopper.clear()
        run.next_due_at = 0.0
        if claims:
            run.look_again()
            self._centre.spawn(self._release(claims), "release-claims")

    async def _release(self, claims: Sequence[Claim]) -> None:
        try:
            await self._store.release(claims)
        except StoreError as error:  # the lease puts them back by itself
            _log.warning("claims.not-released", claims=len(claims), problem=str(error))
