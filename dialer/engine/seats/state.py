"""A seat's state machine. Pure: each step takes a seat and gives the next one, or says why it may not be taken.

offline --log in, phone up--> ready --reserve--> reserved --connect--> talking --call ends--> wrap-up --> ready
A pause or a log-off during a call takes effect after its wrap-up. A phone that drops makes the seat lost until it is back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dialer.domain.clock import Instant
from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.model import AttemptId
from dialer.domain.view import AgentMessage, SeatState
from dialer.engine.seats.log_ins import AgentAccount
from dialer.pacing.port import SeatStage

_WITH_CALL = frozenset({SeatState.RESERVED, SeatState.TALKING})
_AT_WORK = _WITH_CALL | {SeatState.WRAP_UP, SeatState.READY}
_CAN_BE_RESERVED = frozenset({SeatState.READY, SeatState.PAUSED})
_CAN_CLOSE = frozenset({SeatState.TALKING, SeatState.WRAP_UP})


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat."""

    name: str
    endpoint: str
    languages: frozenset[str]
    since: Instant  # in this state
    state: SeatState = SeatState.OFFLINE
    agent: str | None = None
    agent_languages: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()  # the agent's
    # That it alone serves, by a supervisor's word; empty: all that the skills allow.
    campaigns: frozenset[str] = frozenset()
    phone_up: bool = False
    doubted: bool = False  # the phone is listened to, for it may be dead: no voter is sent there meanwhile
    promised: bool = False  # a call-back of the agent's own is due: no other call is for the seat after this one
    attempt_id: AttemptId | None = None  # with a call, and through its wrap-up
    campaign_id: str | None = None
    then: SeatState = SeatState.READY  # after the wrap-up: ready, paused or offline
    reason: str | None = None  # of the pause, or of the one to come
    message: AgentMessage | None = None  # that the agent has not read yet
    closing_since_seconds: float | None = None  # monotonic: since talk or wrap-up is said to come to its end
    server: str = ""  # of several Asterisks the one that its phone is at

    @property
    def stage(self) -> SeatStage:
        """Where a busy seat is in its conversation, as far as the desk has told."""
        if self.state is SeatState.WRAP_UP:
            return SeatStage.WRAP_UP if self.closing_since_seconds is None else SeatStage.WRAP_UP_FILLED
        return SeatStage.TALKING if self.closing_since_seconds is None else SeatStage.CLOSING

    @property
    def leaving(self) -> bool:
        """Has announced a break or a log-off, or is promised: will not be free after this call."""
        return self.promised or self.then is not SeatState.READY

    @property
    def at_work(self) -> bool:
        """Return whether the seat takes calls, now or after the one that it has."""
        return self.state in _AT_WORK and not self.leaving

    @property
    def free(self) -> bool:
        """Whether a voter may be sent there now."""
        return self.state is SeatState.READY and not self.doubted and not self.promised

    @property
    def spoken(self) -> frozenset[str]:
        """Languages spoken at the seat now: the agent's, else the seat's own; empty: any."""
        return self.agent_languages or self.languages

    def can_serve(self, skill: str | None, campaign_id: str) -> bool:
        """Whether the agent may take calls of a campaign, which asks for this skill."""
        return (skill is None or skill in self.skills) and (not self.campaigns or campaign_id in self.campaigns)

    def serving(self, campaigns: frozenset[str]) -> Seat:
        """Takes calls of these campaigns alone, from the next one on, until its agent logs off; of none in particular: of all."""
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent; log in first")
        return replace(self, campaigns=campaigns)

    def _to(self, state: SeatState, now: Instant) -> Seat:
        if state is self.state:
            return self
        return replace(self, state=state, since=now, closing_since_seconds=None)

    def logged_in(self, agent: str, account: AgentAccount | None, now: Instant) -> Seat:
        """An agent takes the seat; with an `account` where the settings have agents. Raises CommandRefused where it is taken."""
        if self.agent is not None:
            raise CommandRefused(f"seat {self.name} is taken; log its agent off first", RefusedBecause.SEAT_TAKEN)
        seat = replace(self, agent=agent, then=SeatState.READY, reason=None)
        if account is not None:
            seat = replace(seat, agent_languages=account.languages, skills=account.skills)
        return seat._to(SeatState.READY if self.phone_up else SeatState.LOST, now)

    def phone_came(self, now: Instant) -> Seat:
        """The agent's phone is on the line. Of one who had logged off it is nobody's."""
        seat = replace(self, phone_up=True, doubted=False)
        if seat.state is SeatState.LOST:
            if seat.then is SeatState.OFFLINE:
                return seat._emptied(now)
            return replace(seat, attempt_id=None, campaign_id=None)._to(seat.then, now)
        return seat

    def phone_went(self, now: Instant) -> Seat:
        """The agent's phone is gone: the seat is lost, or empty after a log-off. A wrap-up may be finished on the page."""
        seat = replace(self, phone_up=False, doubted=False)
        if seat.agent is None:
            return seat._to(SeatState.OFFLINE, now)
        if seat.state is SeatState.WRAP_UP:
            return seat
        return seat._emptied(now) if seat.then is SeatState.OFFLINE else seat._to(SeatState.LOST, now)

    def logged_off(self, now: Instant) -> Seat:
        """The agent leaves: now, or after the call."""
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent to log off")
        if self.state in _WITH_CALL or self.state is SeatState.WRAP_UP:
            return replace(self, then=SeatState.OFFLINE)
        return self._emptied(now)

    def _emptied(self, now: Instant) -> Seat:
        seat = replace(
            self,
            agent=None,
            agent_languages=frozenset(),
            skills=frozenset(),
            campaigns=frozenset(),
            promised=False,
            attempt_id=None,
            campaign_id=None,
            then=SeatState.READY,
            reason=None,
            message=None,
        )
        return seat._to(SeatState.OFFLINE, now)

    def paused(self, reason: str, now: Instant) -> Seat:
        """No further calls: now, or after the call."""
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent to pause")
        if self.state in _WITH_CALL or self.state is SeatState.WRAP_UP:
            return replace(self, then=SeatState.PAUSED, reason=reason)
        seat = replace(self, then=SeatState.PAUSED, reason=reason)
        return seat if seat.state is SeatState.LOST else seat._to(SeatState.PAUSED, now)

    def made_ready(self, now: Instant) -> Seat:
        """Takes calls again: ends a pause or a wrap-up."""
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent; log in first")
        seat = replace(self, then=SeatState.READY, reason=None)
        if seat.state in _WITH_CALL:
            return seat
        state = SeatState.READY if seat.phone_up else SeatState.LOST
        return replace(seat, attempt_id=None, campaign_id=None)._to(state, now)

    def reserved(self, attempt_id: AttemptId, campaign_id: str, now: Instant) -> Seat:
        """A voter is on the way. Only a ready seat is ever reserved, or in a pause one whose agent asks for the call."""
        assert self.state in _CAN_BE_RESERVED, f"seat {self.name} is {self.state}"  # noqa: S101 - the engine's own invariant
        return replace(self, attempt_id=attempt_id, campaign_id=campaign_id, promised=False)._to(
            SeatState.RESERVED, now
        )

    def talking(self, attempt_id: AttemptId, campaign_id: str, now: Instant) -> Seat:
        """Voter and agent hear each other."""
        return replace(self, attempt_id=attempt_id, campaign_id=campaign_id)._to(SeatState.TALKING, now)

    def closing(self, seconds: float) -> Seat:
        """The talk, or the wrap-up, comes to its end. A repeat changes nothing."""
        if self.state not in _CAN_CLOSE:
            raise CommandRefused(f"seat {self.name} has no call that could come to its end")
        return self if self.closing_since_seconds is not None else replace(self, closing_since_seconds=seconds)

    def call_ended(self, now: Instant) -> Seat:
        """The voter is gone: wrap-up after a talk; after a reservation that came to nothing, what was to follow."""
        if self.state is SeatState.TALKING:
            return self._to(SeatState.WRAP_UP, now)
        if self.state is SeatState.RESERVED:
            return self.wrapped_up(now)
        return self

    def wrapped_up(self, now: Instant) -> Seat:
        """The wrap-up is over: ready, or what was asked for in the call. A seat without an agent, after a restart, is emptied."""
        if self.agent is None or self.then is SeatState.OFFLINE:
            return self._emptied(now)
        state = self.then if self.phone_up else SeatState.LOST
        return replace(self, attempt_id=None, campaign_id=None)._to(state, now)


@dataclass(slots=True)
class SeatTally:
    """Time at a seat since its agent logged in (seconds by state), and calls."""

    seconds: dict[SeatState, float] = field(default_factory=dict)
    calls: int = 0


def choose_seat(
    seats: Iterable[Seat], language: str, skill: str | None = None, campaign_id: str = "", server: str | None = None
) -> Seat | None:
    """The ready seat that has been idle longest, among those that speak the voter's language if there is one; else None.

    A seat without languages takes any. Where nobody free speaks it, the longest idle of all: an answered voter must not wait.
    Among these one of the voter's own `server`, if there is one: voice that goes over another server comes a little later.
    A skill is never waived, nor is what a supervisor said of the seat: they say who may take the call at all.
    """
    ready = [seat for seat in seats if seat.free and seat.can_serve(skill, campaign_id)]
    fitting = [seat for seat in ready if not seat.spoken or language in seat.spoken]
    return min(
        fitting or ready,
        key=lambda seat: (server is not None and seat.server != server, seat.since.seconds, seat.name),
        default=None,
    )
