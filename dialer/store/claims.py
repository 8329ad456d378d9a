"""Claims: numbers that are reserved for dialling, for a limited time.

A target is a number in a campaign's queue. Functions run inside a transaction of the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from dialer.domain.model import NO_VOTER, BoothWorker, Claim, VotingBooths
from dialer.settings.site_time import DAY_SECONDS
from dialer.store import campaigns, targets
from dialer.store.booth_workers import find_booth_worker_by_phone
from dialer.store.number_facts import read_number_facts_for_calling_rules
from dialer.store.sql import Command, Connection, Query, Statements

SET_ASIDE_AT_ONCE = 10
"""Retries that one claim may set aside. After a night there may be thousands, and marks wait for the transaction to end."""
EARLIEST_DUE = 1.0
"""The earliest `due_at` of a target that was dialled: 0 is a fresh one."""


class Unclaimed(StrEnum):
    """The reason why a number in a campaign's queue cannot be reserved (claimed) for dialling."""

    NOT_LISTED = "not-listed"
    CLOSED = "closed"  # in this campaign
    NOT_DUE = "not-due"
    REFUSED = "refused"  # the rules refused it when it was last claimed
    IN_USE = "in-use"  # claimed by somebody else, or on a call


class Candidate(NamedTuple):
    """A target (number in a campaign's queue) that could be reserved (claimed) for dialling."""

    target: int  # its rowid
    phone_id: int
    attempts: int
    e164: str
    opted_out: int
    consent: str
    on_a_call: int
    queue_booth_id: int
    weight: float
    waits_for_booth: int | None  # None: it need not wait for a booth's polling day


class ListedNumber(NamedTuple):
    """The state of a number in a campaign's queue."""

    state: str
    refused_by: str | None
    promised: int
    due_at: float  # epoch seconds; 0: fresh
    opted_out: int


class PendingOnPhone(NamedTuple):
    """The voter for whom a number is called, and how many of the number's voters are still to be called."""

    voter_id: int
    pending_voters: int
    language: str
    booth_id: int


class SQL(Statements):
    due = Query(Candidate)
    set_aside = Query(Candidate)
    fresh = Query(Candidate)
    fresh_of_booth = Query(Candidate)
    number = Query(Candidate)
    listed_number = Query(ListedNumber)
    pending_on_phone = Query(PendingOnPhone)
    claim_target = Command()
    set_target_aside = Command()
    end_expired_asides = Command()
    end_all_asides = Command()
    release = Command()
    postpone = Command()
    refuse = Command()
    release_refused = Command()
    release_expired = Command()
    release_owned = Command()


def claim_queued_numbers(
    db: Connection,
    campaign_id: str,
    limit: int,
    *,
    owner: str,
    now: float,
    lease_seconds: float,
    booths: Mapping[int, int] | None = None,
    voting: VotingBooths | None = None,
    day_start: float | None = None,
) -> list[Claim]:
    """Reserve up to `limit` numbers of a campaign's queue for dialling.

    Return the reservations (claims), with the facts that the calling rules check. A number returns to the queue when
    its reservation expires. No number is reserved twice. The cost does not depend on the length of the queue.

    The order is:

    - Promised calls that are due.
    - Other due numbers, the longest due first.
    - Numbers that were never called. They come from the polling stations in `booths`, in this order and up to the
      number given for each. If `booths` is None, they come booth after booth. Within a booth, the number with the
      highest weight of pending voters comes first.

    Numbers that have opted out, are on a call or have no pending voter are skipped. They are closed if that is final.
    Attempts and conversations count from `day_start` (None: the last 24 hours).

    `voting` has the booths that vote on this polling day. Of other booths, only promised calls are reserved. The other
    due numbers of such booths are set aside until one of these happens: the day ends, this function is called without
    `voting`, the dialler restarts, or the number gets a new due time.
    """
    release_expired_claims(db, now)
    SQL.end_expired_asides.run_statement(db, campaign_id=campaign_id, now=now)
    since = now - DAY_SECONDS if day_start is None else day_start
    search = _Search(db, campaign_id, limit, _Times(since, now, now + lease_seconds), voting)
    for promised in (True, False):
        search.claim_numbers_found_by_query(limit, SQL.due, now=now, promised=promised)
    if voting is None:
        search.claim_numbers_found_by_query(limit, SQL.set_aside)
    if booths is None:
        search.claim_numbers_found_by_query(limit, SQL.fresh)
    else:
        for booth_id, most in booths.items():
            search.claim_numbers_found_by_query(most, SQL.fresh_of_booth, booth_id=booth_id)
    return search.store_claimed_and_closed_numbers(owner)


def claim_number(
    db: Connection,
    campaign_id: str,
    phone_id: int,
    *,
    owner: str,
    now: float,
    lease_seconds: float,
    day_start: float,
) -> Claim | Unclaimed:
    """Reserve one due number for dialling before the numbers ahead of it in the queue. Return the reservation (claim),
    or why the number cannot be reserved.

    Times are epoch seconds. A promised call is not due before the promised time.
    """
    release_expired_claims(db, now)
    listed = SQL.listed_number.fetch_first_row(db, campaign_id=campaign_id, phone_id=phone_id)
    if listed is None:
        return Unclaimed.NOT_LISTED
    if listed.refused_by is not None and not listed.opted_out:
        return Unclaimed.REFUSED
    if listed.state == "closed" or listed.opted_out:
        return Unclaimed.CLOSED
    if listed.state != "due":
        return Unclaimed.IN_USE
    if listed.due_at > now:
        return Unclaimed.NOT_DUE
    search = _Search(db, campaign_id, 1, _Times(day_start, now, now + lease_seconds), None)
    search.claim_numbers_found_by_query(1, SQL.number, promised=bool(listed.promised), phone_id=phone_id)
    if claims := search.store_claimed_and_closed_numbers(owner):
        return claims[0]
    return Unclaimed.CLOSED if search.closings else Unclaimed.IN_USE


def release_claimed_numbers(db: Connection, claims: Sequence[Claim]) -> None:
    """Put numbers that are reserved for dialling back into the campaign's queue.

    Numbers that were closed or dialled after they had been reserved are not changed.
    """
    for each in claims:
        release_claimed_number(db, each)


def release_claimed_number(db: Connection, claim: Claim) -> None:
    """Put a number that is reserved for dialling back into the campaign's queue, unless it has been closed or dialled
    meanwhile.
    """
    SQL.release.run_statement(
        db, campaign_id=claim.campaign_id, phone_id=claim.phone_id, attempts=claim.attempt_number - 1
    )


def postpone_claimed_numbers(db: Connection, claims: Sequence[tuple[Claim, float]]) -> None:
    """Put reserved (claimed) numbers that the rules forbid to call now back into the queue.

    Each number is due at the time given for it (epoch seconds).
    """
    for each, due_at in claims:
        SQL.postpone.run_statement(
            db,
            campaign_id=each.campaign_id,
            phone_id=each.phone_id,
            attempts=each.attempt_number - 1,
            due_at=max(due_at, EARLIEST_DUE),
        )


def remove_refused_numbers_from_queue(db: Connection, claims: Sequence[tuple[Claim, str]]) -> None:
    """Take reserved numbers that the calling rules refuse for an indefinite time out of the queue.

    The reason is stored with each number. `return_refused_numbers_to_queue` puts the numbers back.
    """
    for each, reason in claims:
        SQL.refuse.run_statement(
            db,
            campaign_id=each.campaign_id,
            phone_id=each.phone_id,
            attempts=each.attempt_number - 1,
            reason=reason,
        )


def return_refused_numbers_to_queue(db: Connection, campaign_id: str, most: int) -> int:
    """Put up to `most` numbers that the calling rules refused back into the queue, each at its earlier place.

    Return how many were put back.
    """
    return SQL.release_refused.run_statement(db, campaign_id=campaign_id, most=most)


def release_expired_claims(db: Connection, now: float, owner: str | None = None) -> int:
    """Put numbers whose reservation for dialling has expired back into the queue, and return how many.

    Give `owner` when a dialler starts: it is that dialler's name. Then all numbers that its earlier run had reserved
    also return to the queue, and are counted. Numbers that were skipped for the day become available again.
    """
    released = SQL.release_expired.run_statement(db, now=now)
    if owner is None:
        return released
    released += SQL.release_owned.run_statement(db, owner=owner)
    SQL.end_all_asides.run_statement(db)
    return released


class _Times(NamedTuple):
    """The times that decide whether a number can be reserved (claimed) for dialling (epoch seconds)."""

    day_start: float  # attempts and conversations count from here
    now: float
    until: float  # the end of the lease


@dataclass
class _Search:
    """One search of a campaign's queue, with the numbers found: to reserve for dialling, to skip today, and to close."""

    db: Connection
    campaign_id: str
    limit: int
    times: _Times
    voting: VotingBooths | None
    claims: list[Claim] = field(default_factory=list)
    claimed: list[int] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)  # retries of booths that vote another day
    closings: list[Callable[[Connection], None]] = field(
        default_factory=list
    )  # of numbers on which nobody is to be called

    def __post_init__(self) -> None:
        self._calls_workers = campaigns.is_booth_worker_campaign(self.db, self.campaign_id)

    def store_claimed_and_closed_numbers(self, owner: str) -> list[Claim]:
        """Store which numbers the search has reserved or closed, and return the reservations.

        Call it after the search, because it changes the indexes that the search reads.
        """
        for close in self.closings:
            close(self.db)
        if self.voting is not None:
            for target in self.aside:
                SQL.set_target_aside.run_statement(self.db, target=target, until=self.voting.until)
        for target in self.claimed:
            SQL.claim_target.run_statement(self.db, target=target, owner=owner, until=self.times.until)
        return self.claims

    def claim_numbers_found_by_query(
        self, most: int, query: Query[Candidate], *, promised: bool = False, **parameters: object
    ) -> None:
        """Reserve at most `most` of the numbers in the queue that `query` finds.

        The query's rows are read one by one, only until enough numbers are reserved. `promised` says whether the query
        finds calls that were promised to voters.
        """
        room = min(most, self.limit - len(self.claims))
        if room <= 0:
            return
        for row in query.iterate_rows(self.db, campaign_id=self.campaign_id, promised=promised, **parameters):
            if self._is_number_of_other_polling_day(row):
                self.aside.append(row.target)
                if len(self.aside) == SET_ASIDE_AT_ONCE:
                    break
                continue
            if row.on_a_call:
                continue
            found = None if row.opted_out else self._build_claim_of_number(row, promised=promised)
            if found is None:
                self.closings.append(self._create_job_that_closes_number(row))
                continue
            self.claims.append(found)
            self.claimed.append(row.target)
            room -= 1
            if room == 0:
                break

    def _is_number_of_other_polling_day(self, row: Candidate) -> bool:
        """Return whether the voters of a number vote on another day than today. Such a number is skipped today."""
        if self.voting is None or row.waits_for_booth is None:
            return False
        return row.waits_for_booth not in self.voting.booth_ids

    def _build_claim_of_number(self, row: Candidate, *, promised: bool) -> Claim | None:
        """Return a reservation (claim) of a number for one call, or None if the campaign has nobody to call on this
        number.
        """
        worker: BoothWorker | None = None
        if self._calls_workers:
            worker = find_booth_worker_by_phone(self.db, row.phone_id)
            addressed = None if worker is None else PendingOnPhone(NO_VOTER, 0, worker.language, worker.booth_ids[0])
        else:
            addressed = SQL.pending_on_phone.fetch_first_row(self.db, phone_id=row.phone_id)
        if addressed is None:
            return None
        return Claim(
            campaign_id=self.campaign_id,
            phone_id=row.phone_id,
            number=row.e164,
            attempt_number=row.attempts + 1,
            voter_id=addressed.voter_id,
            pending_voters=addressed.pending_voters,
            language=addressed.language,
            booth_id=addressed.booth_id,
            facts=read_number_facts_for_calling_rules(
                self.db, row.phone_id, row.e164, row.consent, self.times.day_start
            ),
            queue_booth_id=row.queue_booth_id,
            weight=row.weight,
            worker=worker,
            leased_until=self.times.until,
            promised=promised,
        )

    def _create_job_that_closes_number(self, row: Candidate) -> Callable[[Connection], None]:
        """Return a write job that closes a number in the campaigns' queues, because nobody is to be called on it."""
        if row.opted_out:
            return partial(targets.close_number_in_all_queues, phone_id=row.phone_id)
        if self._calls_workers:
            return partial(targets.close_number_in_queue, target=row.target)
        return partial(targets.close_number_in_voter_campaigns, phone_id=row.phone_id, settled=targets.NOBODY_PENDING)
