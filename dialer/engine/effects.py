"""What follows from what has happened, as values: a feature says it, `Engine` carries it out, in one place and in one order. Pure.

What follows from a call alone is read off its facts, before and after (`follows`): events come in no promised order, and whichever
told of a thing first, it follows once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from typing import Any, Concatenate, NamedTuple, ParamSpec

from dialer.domain.clock import Instant
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId
from dialer.domain.switch import CallEnded, Switch, SwitchEvent
from dialer.domain.view import CallChange, CampaignChange, Change
from dialer.engine.calls.state import Call
from dialer.engine.command.registry import CommandOfSeat
from dialer.pacing.port import PacingEventKind
from dialer.store.sqlite import Store, Write

P = ParamSpec("P")


class What(StrEnum):
    """What of our own is due, or has come of an order."""

    VOTER_TOO_LATE = "voter-too-late"  # has waited for a seat as long as anybody may
    VOTER_NEVER_CAME = "voter-never-came"  # to the seat that was reserved
    WRAP_UP_OVER = "wrap-up-over"
    CALL_PHONE = "call-phone"  # the seat's, which did not come
    PHONE_NOT_CALLED = "phone-not-called"
    AGENT_GONE = "agent-gone"  # the phone was away too long
    UNLOCKED = "unlocked"  # log-ins at the seat
    CALL_AT_SEAT = "call-at-seat"  # or on its way there
    HOUSEHOLD_CHANGED = "household-changed"  # of the call at a seat: something was said elsewhere
    PREVIEW_OVER = "preview-over"  # the agent was shown a call and said nothing
    OWN_CALL_BACK = "own-call-back"  # an agent's, asked for in that attempt
    MESSAGE_OLD = "message-old"  # a supervisor's, at the seat
    SEAT_CHANGED = "seat-changed"  # its state, for whoever listens to it
    NOT_HANDED_OVER = "not-handed-over"  # the voter, to the target
    FORGERIES_OVER = "forgeries-over"  # of orders of headquarters, for a while
    FLOW_OVERDUE = "flow-overdue"  # its last commit, after the end of the call


class Due(NamedTuple):
    """An event of our own, by the seat or the attempt that it is of."""

    what: What
    seat: str = ""
    attempt_id: AttemptId | None = None


class Over(NamedTuple):
    """A call is over and nothing is waited for any more."""

    ended: CallEnded


Event = SwitchEvent | Due | Over


class Learn(NamedTuple):
    """The campaign's pacer learns of something that happened now; `seconds` as the kind says. `call` is the one that it
    happened to, where it is a call's: what its number came to is learned as well.
    """

    campaign_id: str
    kind: PacingEventKind
    seconds: float = 0.0
    call: Call | None = None
    closing_seconds: float | None = None  # of a talk or wrap-up: since its end was announced


class Timer(NamedTuple):
    """`due` happens later; the same key replaces what was to be done. None: nothing is done under this key."""

    key: str
    seconds: float = 0.0
    due: Due | None = None


class Order(NamedTuple):
    """A method of the switch, called once and never again: where it fails `failed` happens, and the switch's events settle it."""

    method: str
    args: tuple[Any, ...]
    options: dict[str, Any]
    failed: Due | None = None

    def or_else(self, failed: Due) -> Order:
        """The same, and what happens where it fails."""
        return self._replace(failed=failed)


class StoreCommit(NamedTuple):
    """A write to the store, tried until it is kept. Each is harmless when repeated. `news`: something is announced with it."""

    method: str
    args: tuple[Any, ...]
    options: dict[str, Any]
    news: bool = False


class Notify(NamedTuple):
    """Those who listen hear of a change."""

    change: Change


Effect = Learn | Timer | Order | StoreCommit | Notify | CommandOfSeat | StoreError | Event
"""A command was keyed at a seat. A StoreError: something could not be kept, or read: dialling stops until the store works. An
event: it happens next."""


def order(method: Callable[Concatenate[Switch, P], Awaitable[object]], /, *args: P.args, **options: P.kwargs) -> Order:
    """`order(Switch.connect, attempt_id, seat)`."""
    return Order(method.__name__, args, options)


def keep(method: Write[P, Any], /, *args: P.args, **options: P.kwargs) -> StoreCommit:
    """`keep(Store.record_answer, attempt_id, at)`."""
    return StoreCommit(method.name, args, options, news=method.announces and options.get("announced") is not False)


def follows(before: Call, after: Call, now: Instant) -> list[Effect]:
    """What follows from what has become known of a call."""
    effects: list[Effect] = []
    if after.leg is not before.leg:
        effects += _of_the_leg(before, after)
    if after.talk is not before.talk:
        effects += _of_the_talk(before, after, now)
    if after.state is not before.state:
        change = CallChange(after.campaign_id, after.attempt_id, after.state, now.at, after.talk.seat, None)
        effects += (Notify(change), Notify(CampaignChange(after.campaign_id)))
    return effects


def _of_the_leg(before: Call, after: Call) -> Iterator[Effect]:
    was, leg, campaign_id = before.leg, after.leg, after.campaign_id
    own = not after.inbound  # a caller's says nothing of our calls
    if leg.written and not was.written:
        yield Learn(campaign_id, PacingEventKind.PLACED, call=after)
    if _counted(after) and not _counted(before):
        yield Learn(campaign_id, PacingEventKind.ANSWERED, after.seconds_to_answer, after)
    if own and leg.not_counted and not was.not_counted:  # given up once; one that was counted is taken back
        kind = PacingEventKind.MACHINE if was.judged else PacingEventKind.FAILED
        yield Learn(campaign_id, kind, after.seconds_to_answer, after)
    if own and leg.message_started and not was.message_started and after.talk.connected_at is None:
        yield Learn(campaign_id, PacingEventKind.ABANDONED)
    if leg.answered_at is not None and was.answered_at is None:
        yield keep(Store.record_answer, after.attempt_id, leg.answered_at)


def _of_the_talk(before: Call, after: Call, now: Instant) -> Iterator[Effect]:
    was, talk, campaign_id, own = before.talk, after.talk, after.campaign_id, not after.inbound
    if own and talk.heard_nobody and not was.heard_nobody:
        yield Learn(campaign_id, PacingEventKind.ABANDONED)
    if talk.connected_at is not None and was.connected_at is None and talk.seat is not None:
        yield keep(Store.record_connect, after.attempt_id, talk.connected_at, talk.seat, talk.agent)
        if own and after.kind is not CampaignKind.IVR:  # else it did not wait for a seat as the pacer's calls do
            answered = after.leg.answered_seconds
            waited = 0.0 if answered is None else now.seconds - answered
            yield Learn(campaign_id, PacingEventKind.CONNECTED, waited)
    if talk.recorded and not was.recorded:
        yield keep(Store.record_recording, after.attempt_id, now.at)


def _counted(call: Call) -> bool:
    """Whether the pacer counts it as answered by a person."""
    return call.answered and call.leg.judged and not call.leg.not_counted and not call.inbound
