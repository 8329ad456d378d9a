"""Queues: campaigns, enrolling, claims and their leases. Every function runs inside a transaction of the writer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import StoreError
from dialer.domain.model import NO_VOTER, BoothWorker, CampaignState, Claim, DispositionRecord, VotingBooths
from dialer.domain.orders import LONGEST_VALID_SECONDS, HeardOrder
from dialer.domain.phone_facts import Consent, PhoneFacts
from dialer.settings.site_time import DAY_SECONDS
from dialer.store import audit
from dialer.store.port import AuditNote, OwnCallBack, Unclaimed
from dialer.store.sql import Connection, parameters_of
from dialer.store.untyped_sql import Row, Statement, load_statements

SQL = load_statements("queues")

MOST_PHONES = 2**63 - 1
SET_ASIDE_AT_ONCE = 10
"""Retries that a claim passes over for good: after a night there may be thousands, and it holds up the marks behind it."""


def ensure_campaign(db: Connection, campaign_id: str, kind: CampaignKind, purpose: Purpose) -> CampaignState:
    """Make the campaign known, keep its state if it was; returns the state an operator last asked for, of one that is new too:
    it comes stopped where all were, and none was resumed since.
    """
    row = SQL["ensure_campaign"].row(db, campaign_id=campaign_id, kind=kind.value, purpose=purpose.value)
    return CampaignState(row.state)


def set_campaign_state(db: Connection, campaign_id: str, state: CampaignState) -> None:
    """Keep what an operator asked for: it is so too when a stop of headquarters is lifted that stands now."""
    _set_state(db, campaign_id, state)
    SQL["stays_as_it_is"](db, path=f'$."{campaign_id}"')
    if state is CampaignState.RUNNING:
        SQL["not_all_stand"](db)


def stop_campaigns(db: Connection, at: float) -> list[str]:
    """Keep that an operator stopped all at this epoch second, those too that the store will only come to know; returns the ids of
    those that it knows.
    """
    SQL["all_stand"](db, at=at)
    SQL["all_stay_stopped"](db)
    return sorted(row.campaign_id for row in SQL["stop_campaigns"].rows(db))


def _set_state(db: Connection, campaign_id: str, state: CampaignState) -> None:
    if SQL["set_campaign_state"](db, campaign_id=campaign_id, state=state.value).rowcount == 0:
        raise unknown_campaign(campaign_id)


def enrol(db: Connection, campaign_id: str, first: int = 0, last: int = MOST_PHONES) -> int:
    """Add the targets that are missing, and open those that were closed because nobody on them was pending where somebody is now;
    returns how many. Sorts the roll's numbers once, on disk where they are many; or of it those from the `first` to the `last` id.
    """
    if not _calls_workers(db, campaign_id):
        return SQL["enrol"](db, campaign_id=campaign_id, first=first, last=last).rowcount
    added = SQL["enrol_workers"](db, campaign_id=campaign_id).rowcount
    SQL["place_workers"](db, campaign_id=campaign_id)
    return added


def _calls_workers(db: Connection, campaign_id: str) -> bool:
    return SQL["purpose"].value(db, str, campaign_id=campaign_id) == Purpose.BOOTH_WORKERS


def claim(
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
    """Take up to `limit` targets off the queue: those whose time has come first, then fresh ones. Of the first, those
    whose time was asked for come before the others, the longest due first.

    `booths` says of which booths, in which order, and how many of each at most; None: booth after booth. Within a booth
    the number whose pending voters weigh most comes first. A claim is not dialled yet and returns to the queue when its
    lease ends. Numbers that opted out, are on a call or have nobody pending are passed over (and closed where that is for
    good). Two claims never give the same target. Costs the same however long the list is. Each claim carries what the
    rules must know of its number; attempts and conversations count since `day_start` (none: the last 24 hours).

    `voting`, on a polling day: numbers of other booths have no turn, but for those whose time was asked for; what is due of
    them stands aside, and is given again after all others that are due once a claim names no `voting` booths, after their
    day, after a restart, or when it has a new time. None: whatever their booth.
    """
    release_expired(db, now)
    SQL["aside_no_more"](db, campaign_id=campaign_id, now=now)
    since = now - DAY_SECONDS if day_start is None else day_start
    walk = _Walk(db, campaign_id, limit, _Times(since, now, now + lease_seconds), voting)
    for promised in (True, False):
        walk.take(limit, SQL["claim_timed"], now=now, promised=promised)
    if voting is None:
        walk.take(limit, SQL["claim_aside"])
    if booths is None:
        walk.take(limit, SQL["claim_fresh"])
    else:
        for booth_id, most in booths.items():
            walk.take(most, SQL["claim_fresh_of_booth"], booth_id=booth_id)
    return walk.settle(owner)


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
    """Take one target off the queue that is due, whoever's turn it would be, or why that cannot be; a claim as `claim` gives it.
    Times are epoch seconds; a number whose call was asked for is due at that time, and no sooner.
    """
    release_expired(db, now)
    listed = SQL["listed_number"].row(db, campaign_id=campaign_id, phone_id=phone_id)
    if listed is None:
        return Unclaimed.NOT_LISTED
    if listed.state == "closed" or listed.opted_out:
        return Unclaimed.CLOSED
    if listed.state != "due":
        return Unclaimed.IN_USE
    if listed.due_at > now:
        return Unclaimed.NOT_DUE
    walk = _Walk(db, campaign_id, 1, _Times(day_start, now, now + lease_seconds), None)
    walk.take(1, SQL["claim_number"], promised=bool(listed.promised), phone_id=phone_id)
    if claims := walk.settle(owner):
        return claims[0]
    return Unclaimed.CLOSED if walk.done_for else Unclaimed.IN_USE


class _Times(NamedTuple):
    """Of a claim, epoch seconds."""

    day_start: float  # attempts and conversations count since then
    now: float
    until: float  # the end of the lease


@dataclass
class _Walk:
    """A walk along the queue's indexes, which takes what can be called and notes what never will be."""

    db: Connection
    campaign_id: str
    limit: int
    times: _Times
    voting: VotingBooths | None
    claims: list[Claim] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)  # retries of booths that vote another day
    # Closes what nobody is to be called on.
    done_for: list[Callable[[Connection], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._workers = _calls_workers(self.db, self.campaign_id)

    def settle(self, owner: str) -> list[Claim]:
        """Write what the walk has found, once it has come to its end; its claims."""
        for close in self.done_for:
            close(self.db)
        if self.voting is not None:
            for target in self.aside:
                SQL["stand_aside"](self.db, target=target, until=self.voting.until)
        for target in self.taken:
            SQL["take"](self.db, target=target, owner=owner, until=self.times.until)
        return self.claims

    def take(self, most: int, statement: Statement, *, promised: bool = False, **bound: object) -> None:
        """Take up to `most` of what the statement finds. Reads row by row and stops: the order comes from the index, so
        nothing behind the last row taken is touched. `promised`: these are the calls that were asked for.
        """
        room = min(most, self.limit - len(self.claims))
        if room <= 0:
            return
        found = statement(self.db, campaign_id=self.campaign_id, promised=promised, **bound)
        for row in statement.named(found):
            if row.waits is not None and self.voting is not None and row.waits not in self.voting.booth_ids:
                self.aside.append(row.target)
                if len(self.aside) == SET_ASIDE_AT_ONCE:
                    break
                continue
            if row.on_a_call:
                continue
            called = None if row.opted_out else self._who_is_called(row.phone_id)
            if called is None:
                self.done_for.append(self._closing(row))
                continue
            facts = phone_facts(self.db, row.phone_id, row.e164, row.consent, self.times.day_start)
            self.claims.append(
                Claim(
                    campaign_id=self.campaign_id,
                    phone_id=row.phone_id,
                    number=row.e164,
                    attempt_number=row.attempts + 1,
                    facts=facts,
                    queue_booth_id=row.queue_booth_id,
                    weight=row.weight,
                    leased_until=self.times.until,
                    promised=promised,
                    **called,
                )
            )
            self.taken.append(row.target)
            room -= 1
            if room == 0:
                break
        found.close()

    def _who_is_called(self, phone_id: int) -> dict[str, Any] | None:
        """Whom a claim addresses: its fields from the voter on; None: there is nobody on the number to be called."""
        if not self._workers:
            pending = SQL["pending_on_phone"].row(self.db, phone_id=phone_id)
            return None if pending is None else pending._asdict()
        found = worker_on(self.db, phone_id)
        if found is None:
            return None
        nobody = {"voter_id": NO_VOTER, "pending_voters": 0}
        return nobody | {"language": found.language, "booth_id": found.booth_ids[0], "worker": found}

    def _closing(self, row: Row) -> Callable[[Connection], object]:
        if row.opted_out:
            return partial(close_phone, phone_id=row.phone_id)
        if self._workers:
            return partial(SQL["close_target"], target=row.target)
        return partial(close_voters, phone_id=row.phone_id, settled=1)


def worker_on(db: Connection, phone_id: int) -> BoothWorker | None:
    """The booth worker whose number it is; None: it is nobody's on the list."""
    rows = [*SQL["worker_on_phone"].rows(db, phone_id=phone_id)]
    return BoothWorker(rows[0].worker_id, rows[0].language, tuple(row.booth_id for row in rows)) if rows else None


def phone_facts(db: Connection, phone_id: int, number: str, consent: str, day_start: float) -> PhoneFacts:
    """What the rules must know of a number; attempts and conversations count since `day_start`."""
    return facts_by(db, phone_id, number, consent, SQL["earlier_calls"].row(db, phone_id=phone_id, day_start=day_start))


def facts_by(
    db: Connection, phone_id: int, number: str, consent: str, calls: Row, *, opted_out: bool = False
) -> PhoneFacts:
    """The same by the sums of its calls."""
    return PhoneFacts(
        calls.attempts,
        calls.conversations,
        calls.abandoned_at,
        tuple(SQL["registers_of"].values(db, str, number=number)),
        Consent(consent),
        opted_out,
        called_at=calls.called_at,
        talked_at=calls.talked_at,
        campaigns=() if calls.talked_at is None else campaigns_of(db, phone_id),
    )


def campaigns_of(db: Connection, phone_id: int) -> tuple[str, ...]:
    """The campaigns that have a number, closed in them or not."""
    return tuple(SQL["campaigns_of"].values(db, str, phone_id=phone_id))


def postpone(db: Connection, claims: Sequence[tuple[Claim, float]]) -> None:
    """Put claims back that the rules forbid now, each due at its own epoch second; as `release` otherwise."""
    for each, due_at in claims:
        SQL["postpone"](
            db,
            campaign_id=each.campaign_id,
            phone_id=each.phone_id,
            attempts=each.attempt_number - 1,
            due_at=max(due_at, 1.0),
        )


def release(db: Connection, claims: Sequence[Claim]) -> None:
    """Put claims back as they were; those that were closed or dialled since are left alone."""
    for each in claims:
        put_back(db, each)


def put_back(db: Connection, claim: Claim) -> None:
    """Put one claim back, if it still is one."""
    SQL["put_back"](db, campaign_id=claim.campaign_id, phone_id=claim.phone_id, attempts=claim.attempt_number - 1)


def release_expired(db: Connection, now: float, owner: str | None = None) -> int:
    """Put back claims whose lease has ended, and all of `owner`'s (after its restart, when nothing stands aside); how many."""
    overdue = SQL["put_back_overdue"](db, now=now).rowcount
    if owner is None:
        return overdue
    owned = SQL["put_back_owned"](db, owner=owner).rowcount
    SQL["none_aside"](db)
    return overdue + owned


SETTLED_UNKNOWN = 2
"""`target.settled` of what an attempt has closed of which nobody knows whether it was a call: a person may release it."""


def close_phone(db: Connection, phone_id: int, settled: int = 0) -> None:
    """Close the number's due and claimed targets in every campaign."""
    SQL["close_phone"](db, phone_id=phone_id, settled=settled)


@dataclass(frozen=True, slots=True)
class UnknownAttempt:
    """An attempt of which nobody knows whether it was a call. Times are epoch seconds."""

    attempt_id: str
    campaign_id: str
    number: str
    created_at: float
    ended_at: float
    trunk: str


def unknown_attempts(db: Connection) -> list[UnknownAttempt]:
    """Those that nobody has released, the oldest first."""
    return SQL["unknown"].all(db, UnknownAttempt)


def release_unknown(db: Connection, attempt_id: str, *, at: float, who: str, reason: str) -> int | None:
    """Keep that a person lets the number of such an attempt be called again, and open what the attempt had closed; how many targets
    that were. None: the store has no such attempt, or it was released before.
    """
    phone_id = SQL["unknown_phone"].value(db, int, attempt_id=attempt_id)
    if phone_id is None:
        return None
    SQL["release_unknown"](db, attempt_id=attempt_id, at=at, who=who, reason=reason)
    return SQL["reopen_released"](db, phone_id=phone_id).rowcount


def reopen(db: Connection, voter_id: int, at: float) -> bool:
    """Bring the numbers of a voter who is pending again into every campaign that calls voters, and open again what was closed of
    them because nobody on them was pending; whether there was any. Fresh numbers are fresh again, others due when they would have
    been, and no sooner than `at` (epoch seconds). What was closed for another reason stays closed.
    """
    return SQL["reopen"](db, voter_id=voter_id, at=at).rowcount > 0


SETTLED_WRONG_NUMBER = 3
"""`target.settled` of what the wrong number of its last pending voter has closed: opened again where that was a slip."""


def close_voters(db: Connection, phone_id: int, *, settled: int) -> None:
    """Close them but in campaigns that call booth workers. `settled`: 1 because nobody is pending, which `reopen` may change."""
    SQL["close_voters"](db, phone_id=phone_id, settled=settled)


def first_due(db: Connection) -> dict[str, float]:
    """By campaign, when its first number that is not closed is due, epoch seconds (0: now); campaigns without one are left out."""
    return dict(SQL["first_due"].rows(db))


def keep_own_call_back(db: Connection, campaign_id: str, phone_id: int, record: DispositionRecord) -> None:
    """Keep what an agent promised to herself, in place of what was promised of the number before; what is anyone's by now goes."""
    SQL["forget_own_call_backs"](db, campaign_id=campaign_id, phone_id=phone_id, now=record.at)
    if record.own_at is not None and record.agent is not None and record.retry_at is not None:
        own = OwnCallBack(campaign_id, phone_id, record.agent, record.attempt_id, record.own_at, record.retry_at)
        SQL["keep_own_call_back"](db, **parameters_of(own))


def own_call_backs(db: Connection, now: float) -> list[OwnCallBack]:
    """Those that are not anyone's yet; some may have been called since."""
    return SQL["own_call_backs"].all(db, OwnCallBack, now=now)


def unknown_campaign(campaign_id: str) -> StoreError:
    """The error for a campaign that the store does not have."""
    return StoreError(f"the store has no campaign {campaign_id!r}: check the name, or start the campaign first")


# What headquarters orders of campaigns: an order, what it changes and its entry in the audit are one transaction.


def heard_orders(db: Connection) -> list[HeardOrder]:
    """Those that were obeyed, the oldest first."""
    return SQL["heard_orders"].all(db, HeardOrder)


def standing_stops(db: Connection) -> dict[str, dict[str, CampaignState]]:
    """The stops that stand, by the order's id: the campaigns that each stopped, with their states before."""
    return {
        row.order_id: {name: CampaignState(state) for name, state in json.loads(row.stopped or "{}").items()}
        for row in SQL["standing_stops"].rows(db)
    }


def keep_order(
    db: Connection,
    heard: HeardOrder,
    states: Mapping[str, CampaignState],
    entry: AuditNote,
    *,
    stopped: Mapping[str, CampaignState] | None = None,
    lifts: bool = False,
) -> None:
    """Keep an order that is obeyed, and the campaigns' `states` by it, with an entry in the audit ("headquarters-order"), once.
    `stopped`: of a stop, the states before; `lifts`: no stop stands any more.
    """
    before = None if stopped is None else json.dumps({name: state.value for name, state in stopped.items()})
    fields = {"order_id": heard.order_id, "digest": heard.digest, "kind": heard.kind, "made_at": heard.made_at}
    if SQL["keep_headquarters_order"](db, **fields, stopped=before).rowcount == 0:
        return
    for campaign_id, state in states.items():
        _set_state(db, campaign_id, state)
    if lifts:
        SQL["lift_stops"](db, at=entry.at)
    SQL["forget_headquarters_orders"](db, before=entry.at - LONGEST_VALID_SECONDS)
    audit.append(db, "headquarters-order", entry.who, entry.what, entry.at)
