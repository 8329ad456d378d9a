"""Decide what a changed call requires, such as a timer, an update of the pacer or a notification.

Each decision compares the call before and after the change. So the switch's events may arrive in any order, and nothing
is requested twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from dialer.domain.clock import Instant
from dialer.domain.view import CallChange, CampaignChange
from dialer.engine.calls.state import Call
from dialer.engine.effects import Effect, Notify, UpdatePacer, make_order_to_write_to_store
from dialer.pacing.port import PacingEventKind
from dialer.store.store import Store


def list_side_effects_of_changed_call(before: Call, after: Call, now: Instant, store: Store) -> list[Effect]:
    """Return the side effects that a changed call requires, such as a timer or an update of the pacer.

    `before` and `after` are the call before and after the change.
    """
    effects: list[Effect] = []
    if after.leg is not before.leg:
        effects += _list_effects_of_changed_leg(before, after, store)
    if after.talk is not before.talk:
        effects += _list_effects_of_changed_conversation(before, after, now, store)
    if after.call_state is not before.call_state:
        change = CallChange(after.campaign_id, after.attempt_id, after.call_state, now.at, after.talk.seat, None)
        effects += (Notify(change), Notify(CampaignChange(after.campaign_id)))
    return effects


def _list_effects_of_changed_leg(before: Call, after: Call, store: Store) -> Iterator[Effect]:
    was, leg, campaign_id = before.leg, after.leg, after.campaign_id
    outbound = not after.inbound  # inbound calls tell the pacer nothing about the calls that it places
    if _counts_as_answered_by_person(after) and not _counts_as_answered_by_person(before):
        yield UpdatePacer(campaign_id, PacingEventKind.ANSWERED, after.seconds_from_start_to_answer, after)
    if (
        outbound and leg.excluded_from_pacing and not was.excluded_from_pacing
    ):  # tells the pacer to subtract the answer, if it was counted
        kind = PacingEventKind.MACHINE if was.answer_classified else PacingEventKind.FAILED
        yield UpdatePacer(campaign_id, kind, after.seconds_from_start_to_answer, after)
        if leg.taken_for_machine:
            yield UpdatePacer(campaign_id, PacingEventKind.TAKEN_FOR_MACHINE)
    if outbound and leg.message_started and not was.message_started and after.talk.connected_at is None:
        yield UpdatePacer(campaign_id, PacingEventKind.ABANDONED)
    if leg.answered_at is not None and was.answered_at is None:
        yield make_order_to_write_to_store(store.save_answer_time_of_call, after.attempt_id, leg.answered_at)


def _list_effects_of_changed_conversation(before: Call, after: Call, now: Instant, store: Store) -> Iterator[Effect]:
    was, talk, campaign_id, outbound = before.talk, after.talk, after.campaign_id, not after.inbound
    if outbound and talk.agent_silent and not was.agent_silent:
        yield UpdatePacer(campaign_id, PacingEventKind.ABANDONED)
    if talk.connected_at is not None and was.connected_at is None and talk.seat is not None:
        yield make_order_to_write_to_store(
            store.save_connect_time_of_call, after.attempt_id, talk.connected_at, talk.seat, talk.agent
        )
    if talk.recorded and not was.recorded:
        # The recording of a machine's call began at the answer, but is reported after detection.
        began = after.leg.answered_at if after.leg.taken_for_machine else None
        yield make_order_to_write_to_store(store.save_start_of_call_recording, after.attempt_id, began or now.at)


def _counts_as_answered_by_person(call: Call) -> bool:
    """Return whether the pacer counts the call as answered by a person, not by a machine."""
    return call.is_answered and call.leg.answer_classified and not call.leg.excluded_from_pacing and not call.inbound
