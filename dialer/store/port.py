"""The store as a port: its contract in prose, beside each method. One suite holds every implementation to it.

Promises of every implementation:
- A method that writes returns after the commit is durable, and not before. If it raises, nothing of it is kept, except
  where the commit's own reply was lost: then a repeat of the same call finds it done and changes nothing.
- There is one writer. Writes that wait together may share a commit; a write that fails does not fail its neighbours.
- A result and its announcements are committed together or not at all.
- Errors: StoreFull (no room; nothing was kept), StoreBusy, StoreCorrupt, StoreError.
Times are epoch seconds, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dialer.audit.chain import Head
from dialer.domain.model import (
    Announcement,
    AttemptId,
    Booth,
    BoothTurnout,
    CampaignKind,
    CampaignProgress,
    CampaignState,
    Claim,
    DispositionRecord,
    EndedAttempt,
    InboundParty,
    Mark,
    NewAttempt,
    NewInbound,
    OpenAttempt,
    Outcome,
    Purpose,
    UnknownSerial,
    VotingBooths,
)
from dialer.domain.phone_facts import NO_GAPS, CallGaps, Register
from dialer.pacing.port import AnswersOfLate
from dialer.store.records_port import DispositionEffect, PollingDayRecords

# What the store promises of booth workers' serials, beside `dialer.store.port`.


class WorkersStore(Protocol):
    """Serials that booth workers gave."""

    async def last_of_call(self, attempt_id: AttemptId) -> tuple[str, int] | None:
        """Key and voter of the last mark that a booth worker's call made and did not take back; None: there is none."""
        ...

    async def marked_by(self, key: str) -> list[int]:
        """The voters, in the marks' order, of every mark whose key is `key` or begins with `key/`: what a commit that may have been
        made before has left. Behind the writes that wait.
        """
        ...

    async def record_unknown_serial(self, unknown: UnknownSerial) -> None:
        """Keep that a worker gave a serial that nobody has. A repeat of its key changes nothing."""
        ...


class Refusal(StrEnum):
    """Why an attempt was not opened: nothing was written and nothing may be dialled for it."""

    CLAIM_LOST = "claim-lost"  # the lease ran out, or the target was closed since
    OPEN_ATTEMPT = "open-attempt"  # the number is on a call already, in whatever campaign
    OPTED_OUT = "opted-out"
    NOBODY_PENDING = "nobody-pending"  # everybody on the number has voted or is closed
    ATTEMPT_CAP = "attempt-cap"  # attempts per number since the day's start, across campaigns
    CONVERSATION_CAP = "conversation-cap"  # conversations, likewise
    GAP = "gap"  # the number was called, or talked to, too short a time ago, in whatever campaign


@dataclass(frozen=True, slots=True)
class SeatInterval:
    """A seat was in one state for a while."""

    seat: str
    agent: str | None
    state: str
    from_at: float
    until_at: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LogIn:
    """An agent has a seat."""

    seat: str
    agent: str
    paused: bool  # now, or after the call; else ready
    reason: str | None  # of the pause
    at: float  # of the log-in or the last change


@dataclass(frozen=True, slots=True)
class KeptCommand:
    """What is kept of a command that was executed."""

    content: str  # hash of what it asked for
    reply: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An announcement that the broker has not taken yet."""

    outbox_id: int
    topic: str
    payload: str
    at: float


class Store(PollingDayRecords, WorkersStore, Protocol):
    """Everything that survives a restart."""

    # Campaigns and queues

    async def ensure_campaign(self, campaign_id: str, kind: CampaignKind, purpose: Purpose) -> CampaignState:
        """Make the campaign known, keep its state if it was; returns the state an operator last asked for."""
        ...

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> None:
        """Keep what an operator asked for."""
        ...

    async def enrol(self, campaign_id: str) -> int:
        """Add a target for every number with a pending voter that has none in this campaign yet and has not opted out; in a
        campaign for booth workers, for every worker on the list. A target that was closed because nobody on its number was
        pending is opened again where somebody is now. Enrolling twice adds nothing. Returns how many were added or opened. A
        target stands in the queue of its first pending voter's booth; its rank is the weight of all who are pending on the number.
        """
        ...

    async def claim(
        self,
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
        ...

    async def release(self, claims: Iterable[Claim]) -> None:
        """Put claims back as they were; those that were closed or dialled since are left alone."""
        ...

    async def postpone(self, claims: Iterable[tuple[Claim, float]]) -> None:
        """Put claims back that the rules forbid now, each due at its own epoch second; as `release` otherwise."""
        ...

    async def registers(self) -> list[Register]:
        """The do-not-call registers that were imported, by name."""
        ...

    async def release_expired(self, now: float, owner: str | None = None) -> int:
        """Put back claims whose lease has ended, and all of `owner`'s (after its restart). Returns how many."""
        ...

    # Attempts

    async def open_attempts(
        self,
        attempts: Sequence[NewAttempt],
        *,
        max_attempts_since: float,
        max_attempts: int,
        max_conversations: int | None = None,
        gaps: CallGaps = NO_GAPS,
    ) -> list[Refusal | None]:
        """Commit attempts *before* they are dialled; for each one None, or why it must not be dialled.

        Everything is asked again at this moment: the claim, an open attempt on the number, opt-out, whether anybody on it is
        still pending, and the caps per number since `max_attempts_since`, across campaigns (of conversations None: no cap).
        `gaps`: a number that was called or talked to too short a time ago is due again when they are over, unless this call was
        asked for (its target is promised) and the phone has not rung since. Opening the same attempt id again is refused as
        OPEN_ATTEMPT. A refused target goes back to the queue, or is closed where the reason is for good. Attempts that end as
        `refused` were never placed: they count towards no cap and no gap.
        """
        ...

    async def record_rules_version(self, text: str, at: float) -> str:
        """Keep the rules that calls rest on from `at` (epoch seconds) on, as JSON; their digest. The same text is kept once."""
        ...

    async def record_answer(self, attempt_id: AttemptId, answered_at: float) -> None:
        """Keep that the call was answered, for the reconciling after a crash. An ended attempt is left alone."""
        ...

    async def record_connect(self, attempt_id: AttemptId, connected_at: float, seat: str, agent: str | None) -> None:
        """Keep that a seat took the call. An ended attempt is left alone."""
        ...

    async def end_attempts(
        self, ended: Sequence[EndedAttempt], announcements: Sequence[Announcement] = ()
    ) -> list[bool]:
        """Close attempts: outcome, times, and when the number is due again; with their announcements, in one transaction.

        For each one True if it was open until now; an attempt that has ended already keeps its first outcome and gives
        False. A target that a mark or an opt-out closed in the meantime stays closed whatever `retry_at` says. An attempt
        with outcome REFUSED, or that is not `counted`, gives its attempt number back; UNKNOWN closes the number's targets in
        every campaign.
        """
        ...

    async def record_disposition(
        self,
        record: DispositionRecord,
        marks: Sequence[Mark] = (),
        *,
        opt_out: bool = False,
        announcements: Sequence[Announcement] = (),
    ) -> DispositionEffect:
        """Keep what the agent said, with its marks and the opt-out of the number, in one transaction. A second disposition of
        the same attempt replaces the first one on the attempt; marks are appended by their keys. The disposition MACHINE makes
        the outcome of an ended attempt `machine`, and another one that replaces it makes it `connected` again. Returns what
        each mark changed, and whether the number had not opted out before.
        """
        ...

    async def take_inbound(self, call: NewInbound) -> InboundParty | None:
        """Log a call that comes in, and where its number is on the roll open an inbound attempt for it: of a missed call one
        that has ended already. Returns whose number it is; None: it is not on the roll, or withheld, and no attempt is kept.

        Inbound attempts use up no attempt of the number, are in no campaign's figures, and leave its targets alone: only a
        missed call's number is due at `call_back_at`, where somebody on it is pending and it has not opted out, and what is
        said in the call may put the next one off. One may be open beside an outbound attempt to the same number; while it
        is, the number is not dialled.
        """
        ...

    async def newest_event_at(self) -> float | None:
        """The newest moment, epoch seconds, that is kept of the attempts opened last; None: there was none."""
        ...

    async def unfinished_attempts(self) -> list[OpenAttempt]:
        """All attempts without an end."""
        ...

    async def known_attempts(self, attempt_ids: Sequence[AttemptId]) -> frozenset[AttemptId]:
        """Which of these attempts this store has ever opened."""
        ...

    # Voters

    async def record_opt_out(
        self,
        phone_id: int,
        *,
        at: float,
        source: str,
        attempt_id: AttemptId | None = None,
        announcements: Sequence[Announcement] = (),
    ) -> bool:
        """Suppress a number everywhere at once: closes its due and claimed targets in every campaign. False: it was already."""
        ...

    async def hash_numbers(self, secrets: Sequence[bytes]) -> int:
        """Hash every number of the roll under the centres' shared secrets (dialer/rules/number_hash.py), and suppress those that
        other centres told of in the meantime; returns how many were suppressed. The first secret is told under, the others are
        understood; none: none is shared. Raises StoreError where opt-outs may be known under another secret alone.
        """
        ...

    async def number_hash(self, phone_id: int) -> str | None:
        """The keyed hash of a number, under the first secret, as it may leave the centre; None: none is shared."""
        ...

    async def record_foreign_opt_out(self, number_hash: str, *, at: float, centre: str) -> int | None:
        """Keep that a number opted out in another centre, whether it is on our roll or comes later; the number's id where it
        is suppressed by this, None where it is not known here or was suppressed before.
        """
        ...

    async def booths(self) -> dict[int, Booth]:
        """Every booth of the roll."""
        ...

    async def pending_voters(self, phone_id: int) -> list[int]:
        """The voters on a number who are still to be called, in the roll's order."""
        ...

    async def voter_by_serial(self, booth_id: int, serial: int) -> int | None:
        """The voter with this serial number in a booth's part of the roll; None: there is none."""
        ...

    async def voter_for_screen(self, voter_id: int) -> dict[str, str | int | None]:
        """What the agent's page shows of a voter: name, name_local, age, sex, house, section, serial, booth_id."""
        ...

    async def booth_turnout(self) -> list[BoothTurnout]:
        """Turnout of every booth that has voters. Reads the whole roll: asked once, at the start."""
        ...

    async def without_number_since(self, phone_id: int) -> dict[int, int]:
        """How many voters not reached have no number that may be called any more since this one opted out, by booth."""
        ...

    # What was keyed in flows, and left there

    async def record_answers(self, attempt_id: AttemptId, answers: Mapping[str, str], at: float) -> None:
        """Keep what a caller answered, by the names of the flow. A later value of a name replaces the earlier one."""
        ...

    async def flow_answers(self, attempt_id: AttemptId) -> dict[str, str]:
        """What the caller of an attempt answered so far, by name; the agent who takes over the call sees it."""
        ...

    async def phone_number(self, phone_id: int) -> str | None:
        """The number (E.164) of a phone, to send it an SMS; None for one that opted out or that the store does not have."""
        ...

    async def open_attempt_on(self, number: str) -> AttemptId | None:
        """The attempt under way on a number (E.164): there is at most one."""
        ...

    # Figures

    async def campaign_progress(self, campaign_id: str) -> CampaignProgress:
        """How far the campaign is."""
        ...

    async def outcome_counts(self, campaign_id: str, since: float = 0.0) -> dict[Outcome, int]:
        """Ended attempts by outcome, of those created since."""
        ...

    async def answers_of_late(
        self, campaign_id: str, now: float, window_seconds: float, stretch_seconds: float
    ) -> list[AnswersOfLate]:
        """Live answers to our calls in the window that ends at `now`, epoch seconds, and those abandoned, by stretches of it, the
        oldest first; stretches without any are left out.
        """
        ...

    async def next_due_at(self, campaign_id: str) -> float | None:
        """The earliest time at which a target of this campaign is due (0: now); None: nothing waits."""
        ...

    async def record_seat_intervals(self, intervals: Sequence[SeatInterval]) -> None:
        """Keep where seats have spent their time."""
        ...

    async def keep_log_in(self, log_in: LogIn) -> None:
        """Keep who has a seat; what was kept of the seat before is replaced. Where it is another agent, it stands in the audit."""
        ...

    async def drop_log_in(self, seat: str, at: float) -> None:
        """Nobody has the seat from `at` (epoch seconds) on; nothing happens where nobody had it. Stands in the audit."""
        ...

    async def log_ins(self) -> list[LogIn]:
        """Who has which seat, in the seats' order."""
        ...

    async def save_pacer_state(self, campaign_id: str, state: str) -> None:
        """Keep what the campaign's pacer has learned (JSON)."""
        ...

    async def pacer_state(self, campaign_id: str) -> str | None:
        """What was kept; None for a new campaign."""
        ...

    # Announcements and commands

    async def announce(self, announcements: Sequence[Announcement], at: float) -> None:
        """Put announcements into the outbox that belong to no other write."""
        ...

    async def outbox(self, limit: int) -> list[OutboxRow]:
        """The oldest announcements that wait."""
        ...

    async def outbox_done(self, up_to: int, *, keep_at_most: int | None = 100_000) -> int:
        """Drop announcements up to this id, and the oldest beyond `keep_at_most` (None: no bound); returns how many were lost to
        that bound.

        Results themselves are in their tables: what is lost here is only the news of them. Those of opt-outs are never lost,
        and do not count: other centres have nothing else to know them by.
        """
        ...

    async def kept_command(self, command_id: str) -> KeptCommand | None:
        """What is kept of this command since it was executed; None: it was not executed yet."""
        ...

    async def record_command(self, command_id: str, name: str, content: str, reply: str, at: float) -> bool:
        """Keep that a command was executed, with the hash of what it asked for. False: it had been already, and nothing changed.
        What was executed three days before is forgotten: it has expired long since.
        """
        ...

    async def complete_command(self, command_id: str, reply: str) -> None:
        """Put the reply in place of the one that `record_command` kept before the command was executed."""
        ...

    # Recordings and audit

    async def record_recording(self, attempt_id: AttemptId, started_at: float) -> None:
        """Keep that the call is recorded. A repeat changes nothing."""
        ...

    async def settings_changed(self, settings: Mapping[str, str], at: float) -> int | None:
        """Keep the settings of a start, key by key and without secrets, and append to the audit what differs from the start before;
        the entry's number. None: nothing does.
        """
        ...

    async def seal(self, at: float) -> Head | None:
        """Put what was done since the last time into the audit's chain (dialer/store/seals.py); the chain's head. None: nothing
        was. `at`: epoch seconds. Raises as every write does; what is not chained now is chained the next time.
        """
        ...

    async def append_audit(self, kind: str, who: str, what: Mapping[str, str], at: float) -> int:
        """Append to the audit's hash chain what must be answered for later: a kind ("listen"), who did it, and details by name
        (ids and short reasons). Returns the entry's number once it is durable; the same entry of the same moment is kept once.
        Nothing of it can be changed or removed. Raises UnsafeValue for a phone number, or a text too long, in it.
        """
        ...

    # Life

    async def close(self) -> None:
        """Finish what waits, checkpoint, close. Closing twice is no error."""
        ...
