"""The state machine of an agent's seat: each step returns the changed seat, or raises CommandRefused.

A pause or a log-off during a call takes effect after its wrap-up. If its phone is disconnected, the seat is "lost" until
the phone is back. The usual states of a seat are:

offline --log in, phone connected--> ready --reserve--> reserved --connect--> talking --call ends--> wrap-up --> ready
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
    """The state of an agent's seat and of the agent who is logged in there. Each method returns a changed copy; the
    seat itself never changes.
    """

    name: str
    endpoint: str
    languages: frozenset[str]
    since: Instant  # start of the current state
    state: SeatState = SeatState.OFFLINE
    agent: str | None = None
    agent_languages: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()  # of the agent
    # The campaigns to which a supervisor has restricted the seat; empty: all that the agent's skills allow.
    campaigns: frozenset[str] = frozenset()
    phone_up: bool = False
    phone_suspect: bool = False  # the phone may be dead and is being checked: the seat gets no voters meanwhile
    phone_on_hold: bool = False  # by the phone's own hold key: the seat gets no voters meanwhile
    call_back_promised: bool = False  # the agent's next call is a call-back that the agent has promised
    attempt_id: AttemptId | None = None  # of the current call, until its wrap-up ends
    campaign_id: str | None = None
    then: SeatState = SeatState.READY  # the state after the wrap-up: ready, paused or offline
    reason: str | None = None  # of the pause, or of the requested pause
    message: AgentMessage | None = None  # a supervisor's message that the agent has not read yet
    closing_since_seconds: float | None = None  # when the agent announced the end of the talk or wrap-up (monotonic)
    server: str = ""  # the Asterisk server of the phone, if there are several

    @property
    def conversation_stage(self) -> SeatStage:
        """Return the stage of a busy seat's conversation: talking, closing (the agent has announced the end) or
        wrap-up.
        """
        if self.state is SeatState.WRAP_UP:
            return SeatStage.WRAP_UP if self.closing_since_seconds is None else SeatStage.WRAP_UP_FILLED
        return SeatStage.TALKING if self.closing_since_seconds is None else SeatStage.CLOSING

    @property
    def is_agent_leaving(self) -> bool:
        """Return whether the seat takes no further call after the present one, because a break, a log-off or a promised
        call-back follows.
        """
        return self.call_back_promised or self.then is not SeatState.READY

    @property
    def is_taking_calls(self) -> bool:
        """Return whether the seat takes calls, now or after its current call."""
        return self.state in _AT_WORK and not self.is_agent_leaving

    @property
    def is_free_for_voter(self) -> bool:
        """Return whether a voter may be connected to the seat now."""
        return self.state is SeatState.READY and self.is_phone_usable and not self.call_back_promised

    @property
    def is_phone_usable(self) -> bool:
        """Return whether the seat's phone is neither on hold nor suspected to be dead. It may still be disconnected."""
        return not self.phone_suspect and not self.phone_on_hold

    @property
    def spoken_languages(self) -> frozenset[str]:
        """Return the languages spoken at the seat: the languages of the agent, or else of the seat.

        Empty means any language.
        """
        return self.agent_languages or self.languages

    def can_serve_campaign(self, skill: str | None, campaign_id: str) -> bool:
        """Return whether the agent at the seat may take calls of a campaign that requires this skill, or no skill
        (None).
        """
        return (skill is None or skill in self.skills) and (not self.campaigns or campaign_id in self.campaigns)

    def restrict_seat_to_campaigns(self, campaigns: frozenset[str]) -> Seat:
        """Return the seat restricted to these campaigns until its agent logs off.

        An empty set ends the restriction. Raises CommandRefused.
        """
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent: log in first")
        return replace(self, campaigns=campaigns)

    def _change_seat_state(self, state: SeatState, now: Instant) -> Seat:
        if state is self.state:
            return self
        return replace(self, state=state, since=now, closing_since_seconds=None)

    def log_in_agent(self, agent: str, account: AgentAccount | None, now: Instant) -> Seat:
        """Return the seat with an agent logged in. Raises CommandRefused if the seat already has an agent.

        `account` is the agent's account, or None if the settings have no agents.
        """
        if self.agent is not None:
            raise CommandRefused(
                f"seat {self.name} is already in use: log its agent off first", RefusedBecause.SEAT_TAKEN
            )
        seat = replace(self, agent=agent, then=SeatState.READY, reason=None)
        if account is not None:
            seat = replace(seat, agent_languages=account.languages, skills=account.skills)
        return seat._change_seat_state(SeatState.READY if self.phone_up else SeatState.LOST, now)

    def connect_phone(self, now: Instant) -> Seat:
        """Return the seat with its agent's phone connected."""
        seat = replace(self, phone_up=True, phone_suspect=False, phone_on_hold=False)
        if seat.state is SeatState.LOST:
            if seat.then is SeatState.OFFLINE:
                return seat._copy_seat_without_agent(now)
            return replace(seat, attempt_id=None, campaign_id=None)._change_seat_state(seat.then, now)
        return seat

    def disconnect_phone(self, now: Instant) -> Seat:
        """Return the seat with its agent's phone disconnected. The seat is lost until the phone is back, or vacant
        after a log-off. A wrap-up continues on the page.
        """
        seat = replace(self, phone_up=False, phone_suspect=False, phone_on_hold=False)
        if seat.agent is None:
            return seat._change_seat_state(SeatState.OFFLINE, now)
        if seat.state is SeatState.WRAP_UP:
            return seat
        return (
            seat._copy_seat_without_agent(now)
            if seat.then is SeatState.OFFLINE
            else seat._change_seat_state(SeatState.LOST, now)
        )

    def log_off_agent(self, now: Instant) -> Seat:
        """Return the seat with its agent logged off, now or after the call. Raises CommandRefused."""
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent to log off")
        if self.state in _WITH_CALL or self.state is SeatState.WRAP_UP:
            return replace(self, then=SeatState.OFFLINE)
        return self._copy_seat_without_agent(now)

    def _copy_seat_without_agent(self, now: Instant) -> Seat:
        seat = replace(
            self,
            agent=None,
            agent_languages=frozenset(),
            skills=frozenset(),
            campaigns=frozenset(),
            call_back_promised=False,
            attempt_id=None,
            campaign_id=None,
            then=SeatState.READY,
            reason=None,
            message=None,
        )
        return seat._change_seat_state(SeatState.OFFLINE, now)

    def pause_seat(self, reason: str, now: Instant) -> Seat:
        """Return the seat with a pause: at once, or after the present call. Raises CommandRefused."""
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent to pause")
        if self.state in _WITH_CALL or self.state is SeatState.WRAP_UP:
            return replace(self, then=SeatState.PAUSED, reason=reason)
        seat = replace(self, then=SeatState.PAUSED, reason=reason)
        return seat if seat.state is SeatState.LOST else seat._change_seat_state(SeatState.PAUSED, now)

    def make_seat_ready(self, now: Instant) -> Seat:
        """Return the seat after its pause or wrap-up was ended. Raises CommandRefused."""
        if self.agent is None:
            raise CommandRefused(f"seat {self.name} has no agent: log in first")
        seat = replace(self, then=SeatState.READY, reason=None)
        if seat.state in _WITH_CALL:
            return seat
        state = SeatState.READY if seat.phone_up else SeatState.LOST
        return replace(seat, attempt_id=None, campaign_id=None)._change_seat_state(state, now)

    def reserve_seat_for_call(self, attempt_id: AttemptId, campaign_id: str, now: Instant) -> Seat:
        """Return the seat reserved for a call. The seat must be ready, or paused by an agent who dials the call."""
        assert self.state in _CAN_BE_RESERVED, f"seat {self.name} is {self.state}"  # noqa: S101 - the engine's own invariant
        return replace(
            self, attempt_id=attempt_id, campaign_id=campaign_id, call_back_promised=False
        )._change_seat_state(SeatState.RESERVED, now)

    def start_conversation(self, attempt_id: AttemptId, campaign_id: str, now: Instant) -> Seat:
        """Return the seat with a conversation that begins now."""
        return replace(self, attempt_id=attempt_id, campaign_id=campaign_id)._change_seat_state(SeatState.TALKING, now)

    def mark_talk_as_ending_soon(self, seconds: float) -> Seat:
        """Return the seat after its agent has announced the end of the talk or wrap-up. `seconds` is the time of the
        announcement (monotonic). A second announcement changes nothing. Raises CommandRefused.
        """
        if self.state not in _CAN_CLOSE:
            raise CommandRefused(f"seat {self.name} has no call or wrap-up, so the agent cannot announce its end")
        return self if self.closing_since_seconds is not None else replace(self, closing_since_seconds=seconds)

    def end_call_at_seat(self, now: Instant) -> Seat:
        """Return the seat after its call has ended. After a talk the seat goes to wrap-up. A seat that was only
        reserved becomes ready, or goes to a state that was requested during the reservation, such as paused.
        """
        if self.state is SeatState.TALKING:
            return self._change_seat_state(SeatState.WRAP_UP, now)
        if self.state is SeatState.RESERVED:
            return self.end_wrap_up(now)
        return self

    def end_wrap_up(self, now: Instant) -> Seat:
        """Return the seat after its wrap-up: ready, or in the state requested during the call. A seat without an agent
        becomes vacant.
        """
        if self.agent is None or self.then is SeatState.OFFLINE:
            return self._copy_seat_without_agent(now)
        state = self.then if self.phone_up else SeatState.LOST
        return replace(self, attempt_id=None, campaign_id=None)._change_seat_state(state, now)


@dataclass(slots=True)
class SeatTally:
    """Totals of a seat since its agent logged in: seconds by state, and calls."""

    seconds: dict[SeatState, float] = field(default_factory=dict)
    calls: int = 0


def choose_seat(
    seats: Iterable[Seat],
    language: str,
    skill: str | None = None,
    campaign_id: str = "",
    server: str | None = None,
    sharing: Collection[tuple[str | None, str]] = (),
) -> Seat | None:
    """Return the best free seat for a voter, or None if no seat is free.

    The seat must have the skill, and a supervisor must not have restricted it to other campaigns. Seats are preferred
    in this order:

    - seats that speak the voter's language; if there are none, any language
    - seats that few other campaigns can use; `sharing` has the skill and the id of each of these campaigns
    - seats of the voter's own `server`
    - seats that have been idle longest
    """
    ready = [seat for seat in seats if seat.is_free_for_voter and seat.can_serve_campaign(skill, campaign_id)]
    fitting = [seat for seat in ready if not seat.spoken_languages or language in seat.spoken_languages]
    return min(
        fitting or ready,
        key=lambda seat: (
            sum(seat.can_serve_campaign(*needs) for needs in sharing),
            server is not None and seat.server != server,
            seat.since.seconds,
            seat.name,
        ),
        default=None,
    )
