"""How reserved numbers become calls: which are placed, postponed or refused, and what an error of store or switch does."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import Purpose
from dialer.domain.errors import CommandRefused, OriginateUnsure, RefusedBecause, StoreError, SwitchError
from dialer.domain.model import AttemptId, Booth, NewAttempt, Outcome
from dialer.domain.switch import OriginateRequest
from dialer.domain.switch_events import CallEnded, CallSentToCarrier, EndedBy
from dialer.domain.view import CallState, Preview
from dialer.engine.calls.state import Call
from dialer.engine.effects import CallFinished, StartTimer, StoreCommit, StoreFailed, TimerExpired, TimerKind
from dialer.engine.placing.eligibility import REST_SECONDS
from dialer.engine.placing.originate import PREVIEW_STANDS_SECONDS
from dialer.engine.trunks.state import WIRE_SECONDS
from dialer.rules.gate import Objection, Reason, Ruling
from dialer.store.attempts import Refusal
from tests.support.placing import make_claim, make_turns_that_want_calls
from tests.support.rules import CALLER_ID, NOON

FAST = {"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID], "calls_per_second": 1_000.0}
MIDNIGHT = NOON + 12 * 3_600


class Site:
    """An engine with a store, a switch and a journal that record what they are asked to do."""

    def __init__(self, seats: int = 1, **sections: Any) -> None:
        sections.setdefault("trunks", [FAST])
        self.turns = make_turns_that_want_calls(seats, **sections)
        self.originator, self.run = self.turns.features.call_originator, self.turns.features.loaded_campaigns["calls"]
        self.tasks: list[Any] = []
        self.turns.features.core.spawn_background_task = lambda work, name: self.tasks.append((name, work))  # type: ignore[method-assign]
        self.journal: list[tuple[str, str]] = []
        self.postponed: list[Any] = []
        self.refused: list[Any] = []
        self.placed: list[OriginateRequest] = []
        self.error: Exception | None = None
        self.refusals: list[Refusal | None] = []

        def note(step: str) -> Any:
            return lambda attempt_id: self.journal.append((step, attempt_id))

        self.originator._sent = cast(
            Any,
            SimpleNamespace(
                record_attempt_before_commit=note("opening"),
                remove_unsent_attempt=note("forgotten"),
                record_attempt_before_sending=note("sending"),
            ),
        )
        self.originator._store = cast(Any, self)
        self.originator._switch = cast(Any, self)
        self.turns.features.core.in_event = True

    async def commit_new_attempts(self, attempts: list[NewAttempt], **_: Any) -> list[Refusal | None]:
        if self.error is not None:
            raise self.error
        return self.refusals or [None] * len(attempts)

    async def end_attempts(self, *_: Any, **__: Any) -> None:
        raise AssertionError

    async def postpone_claimed_numbers(self, claims: Any) -> None:
        self.postponed += claims

    async def remove_refused_numbers_from_queue(self, claims: Any) -> None:
        self.refused += claims

    async def originate_call(self, request: OriginateRequest) -> None:
        self.placed.append(request)
        if self.error is not None:
            raise self.error

    def rule(self, ruling: Ruling) -> None:
        """Let the rules decide this about every number."""
        cast(Any, self.turns.features.calling_rules_checker._gate).check_rules_before_originate = lambda *_: ruling

    def place(self, count: int, *phones: int) -> list[int]:
        """Place up to `count` calls to these reserved phones. Return the phones that are called."""
        self.run.hopper = deque(make_claim(phone) for phone in phones)
        self.originator.place_calls_of_campaign(self.run, count, Counter(), Counter())
        return [call.phone_id for call in self.turns.features.live_calls.list_live_calls()]

    def create_call(self, phone: int = 1) -> tuple[NewAttempt, Call]:
        return self.originator._create_attempt_and_call(self.run, make_claim(phone), None, "carrier", CALLER_ID)

    def run_tasks(self) -> list[str]:
        """Run the background tasks except the dialling of calls. Return the names of all of them."""
        names = []
        for name, work in self.tasks:
            names.append(name)
            if name in ("postpone", "refuse"):
                asyncio.run(work)
            else:
                work.close()
        self.tasks.clear()
        return names


def test_number_of_placed_calls_never_exceeds_the_number_that_pacing_requests() -> None:
    site = Site(trunks=[{**FAST, "name": name, "endpoint": name} for name in ("one", "two", "three")])
    assert site.place(2, 1, 2, 3) == [1, 2]
    assert [claim.phone_id for claim in site.run.hopper] == [3]
    assert site.run_tasks() == ["open-attempts"]


@pytest.mark.parametrize("limit", [{"channels": 1}, {"calls_per_second": 1.0}])
def test_each_call_of_a_pacing_decision_counts_against_the_limits_of_its_trunk(limit: dict[str, Any]) -> None:
    site = Site(trunks=[{**FAST, **limit}])
    assert site.place(3, 1, 2, 3) == [1]
    assert [claim.phone_id for claim in site.run.hopper] == [2, 3]
    site.run_tasks()


def test_unsent_calls_count_against_the_call_rate_limit_of_their_trunk() -> None:
    site = Site(trunks=[{**FAST, "calls_per_second": 2.0}])
    site.run.hopper.append(make_claim(1))
    assert not site.originator.place_calls_of_campaign(site.run, 1, Counter(), Counter(carrier=2))
    assert site.originator.place_calls_of_campaign(site.run, 1, Counter(), Counter(carrier=1))
    assert site.run_tasks() == ["open-attempts"]


def test_calls_of_one_pacing_decision_stay_within_the_remaining_call_rate_limit() -> None:
    site = Site(trunks=[{**FAST, "calls_per_second": 100.0}])
    starts = site.turns.features.trunk_health_monitor.pool.get_trunk_rate_limiter("carrier")
    for number in range(98):
        starts.record_call_sent_on_trunk(9.1 + number / 200)
    assert site.place(5, 1, 2, 3, 4, 5) == [1, 2]
    site.run_tasks()


def test_call_that_asterisk_sends_late_occupies_the_call_rate_limit_from_then_on() -> None:
    site = Site(trunks=[{**FAST, "calls_per_second": 1.0}])
    starts = site.turns.features.trunk_pool.get_trunk_rate_limiter("carrier")
    starts.record_call_sent_on_trunk(10.0)
    call = site.turns.call(began_seconds=10.0)
    site.turns.clock.seconds = 10.4
    site.turns.engine.on_switch_event(CallSentToCarrier(call.attempt_id))
    assert starts.count_seconds_until_sending(10.4) == pytest.approx(1.0 + WIRE_SECONDS)


def test_ivr_campaign_uses_its_trunks_in_the_order_of_the_settings() -> None:
    trunks = [{**FAST, "name": name, "endpoint": name} for name in ("far", "near")]
    site = Site(trunks=trunks, campaign={"kind": "ivr", "flow": "turnout", "pacing": "broadcast"})
    site.turns.features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    site.turns.features.asterisk_servers.up.add("b")
    site.place(1, 1)
    [call] = site.turns.features.live_calls.list_live_calls()
    assert call.trunk == "far"  # although the agent is at the other server
    site.run_tasks()


def test_call_shows_the_caller_id_for_the_voters_constituency() -> None:
    area = {"constituencies": [174], "caller_ids": ["+911140000002"]}
    site = Site(trunks=[{**FAST, "caller_ids": [CALLER_ID, "+911140000002"], "areas": [area]}])
    site.turns.features.polling_days_of_booths.booths = {1: Booth(1, 174, 1, "School", "hi", "18:00")}
    shown: list[str] = []
    create_call = site.originator._create_attempt_and_call

    def record_caller_id(*facts: Any) -> Any:
        shown.append(facts[-1])
        return create_call(*facts)

    cast(Any, site.originator)._create_attempt_and_call = record_caller_id
    site.place(1, 1)
    assert shown == ["+911140000002"]
    site.run_tasks()


def test_no_call_is_placed_without_a_reserved_number() -> None:
    site = Site()
    assert not site.originator.place_calls_of_campaign(site.run, 2, Counter(), Counter())
    assert site.run_tasks() == []


@pytest.mark.parametrize(("until", "due_at"), [(NOON + 77, NOON + 77), (None, NOON + 10 + REST_SECONDS)])
def test_number_that_the_rules_forbid_for_a_limited_time_is_postponed(until: float | None, due_at: float) -> None:
    site = Site()
    site.rule(Ruling((Objection(Reason.CALLER_ID, "not now", NOON + 5),), until))
    site.run.next_due_at, site.run.list_done = float("inf"), True
    assert site.place(1, 1, 2) == []
    assert site.run_tasks() == ["postpone"]
    assert site.postponed == [(make_claim(1), due_at), (make_claim(2), due_at)]
    assert (site.run.next_due_at, site.run.list_done) == (due_at, False)


def test_call_queue_is_read_again_when_the_first_postponed_number_is_due() -> None:
    site = Site()
    site.run.next_due_at = float("inf")
    postponed = [(make_claim(1), NOON + 90), (make_claim(2), NOON + 50), (make_claim(3), NOON + 70)]
    asyncio.run(site.originator._postpone_reserved_numbers(site.run, postponed))
    assert site.run.next_due_at == NOON + 50
    assert site.postponed == postponed


def test_number_that_the_rules_forbid_permanently_is_refused_with_the_reason() -> None:
    site = Site()
    site.rule(Ruling((Objection(Reason.OPTED_OUT, "opted out", None),), None))
    site.run.next_due_at, site.run.list_done = float("inf"), True
    assert site.place(1, 1) == []
    assert site.run_tasks() == ["refuse"]
    assert site.refused == [(make_claim(1), Reason.OPTED_OUT.value)]
    assert (site.run.next_due_at, site.run.list_done) == (NOON + 10, False)


@pytest.mark.parametrize(
    ("purpose", "last_call_at", "due_at"),
    [
        (Purpose.TURNOUT, None, None),
        (Purpose.TURNOUT, NOON + 11, None),
        (Purpose.TURNOUT, NOON + 10, NOON + 10 + REST_SECONDS),
        (Purpose.BOOTH_WORKERS, None, MIDNIGHT),
        (Purpose.BOOTH_WORKERS, NOON + 11, None),
        (Purpose.BOOTH_WORKERS, NOON + 10, MIDNIGHT),
    ],
)
def test_phone_number_is_postponed_when_the_last_call_time_of_its_booth_has_passed(
    purpose: Purpose, last_call_at: float | None, due_at: float | None
) -> None:
    site = Site()
    site.run.purpose = purpose
    site.originator._polls = cast(
        Any,
        SimpleNamespace(
            booths={}, find_calling_deadline_of_booth=lambda *_: last_call_at, get_next_midnight=lambda: MIDNIGHT
        ),
    )
    assert site.place(1, 1) == ([1] if due_at is None else [])
    assert site.run_tasks() == (["open-attempts"] if due_at is None else ["postpone"])
    assert site.postponed == ([] if due_at is None else [(make_claim(1), due_at)])


def test_campaign_with_previews_places_a_call_for_each_free_seat() -> None:
    site = Site(seats=2, campaign={"pacing": "preview"})
    asked = site.turns.record_guaranteed_agents_of_rule_checks()
    assert site.place(3, 1, 2, 3) == [1, 2]
    assert asked == [True, True]
    assert {call.reserved_seat for call in site.turns.features.live_calls.list_live_calls()} == {"01", "02"}
    site.run_tasks()


def test_previewed_call_goes_to_an_agent_who_speaks_the_voters_language() -> None:
    site = Site(seats=2, campaign={"pacing": "preview"})
    for name, languages in (("01", {"mr"}), ("02", {"hi"})):
        seat = site.turns.features.agent_seats[name]
        object.__setattr__(seat, "agent_languages", frozenset(languages))
    site.place(1, 1)
    [call] = site.turns.features.live_calls.list_live_calls()
    assert call.reserved_seat == "02"
    site.run_tasks()


def test_call_is_placed_over_the_asterisk_server_with_more_free_agents() -> None:
    trunks = [{**FAST, "name": name, "endpoint": name} for name in ("near", "far")]
    site = Site(seats=3, trunks=trunks)
    servers, seats = site.turns.features.asterisk_servers, site.turns.features.agent_seats
    servers.add_asterisk_servers({"far": "b"}, ())
    servers.up.add("b")
    for name in ("02", "03"):
        object.__setattr__(seats[name], "server", "b")
    site.place(3, 1, 2, 3)
    used = Counter(call.trunk for call in site.turns.features.live_calls.list_live_calls())
    assert used == {"far": 2, "near": 1}
    site.run_tasks()


def test_agent_calls_on_a_server_are_limited_by_its_agents() -> None:
    trunks = [{**FAST, "name": name, "endpoint": name} for name in ("near", "far")]
    site = Site(seats=2, trunks=trunks)
    servers, seats = site.turns.features.asterisk_servers, site.turns.features.agent_seats
    servers.add_asterisk_servers({"far": "b"}, ())
    servers.up.add("b")
    object.__setattr__(seats["02"], "server", "b")
    loads = site.originator._calculate_server_loads(site.run)
    assert (loads.working, loads.free, loads.calls) == ({"": 1, "b": 1}, {"": 1, "b": 1}, {"": 0, "b": 0})
    ringing = site.turns.call(phone_id=50, voter_id=50)
    loads = site.originator._calculate_server_loads(site.run)
    assert loads.calls == {"": 1, "b": 0}
    site.turns.call(phone_id=50, voter_id=50, answered_seconds=1.0, seat="01", connected_at=NOON)
    assert site.originator._calculate_server_loads(site.run).calls == {"": 0, "b": 0}
    assert ringing.call_state in {CallState.DIALLING, CallState.SENDING}
    site.turns.features.live_calls.add_or_replace_call(site.turns.call(phone_id=50, voter_id=50, reserved_seat="01"))
    assert site.originator._calculate_server_loads(site.run).calls == {"": 0, "b": 0}


# Storing attempts


def test_call_attempts_that_the_store_refuses_are_not_placed() -> None:
    site = Site()
    placed = [site.create_call(phone) for phone in (1, 2)]
    site.refusals = [None, Refusal.OPTED_OUT]
    site.turns.features.core.pop_requested_side_effects()
    opened = asyncio.run(site.originator._commit_call_attempts(site.run, placed))
    first, second = (attempt.attempt_id for attempt, _ in placed)
    assert [attempt.attempt_id for attempt in opened] == [first]
    assert site.journal == [("opening", first), ("opening", second), ("forgotten", second)]
    assert list(site.turns.features.live_calls._calls) == [first]
    assert site.turns.features.core.wake.is_set()
    lines = [
        line for effect in site.turns.features.core.pop_requested_side_effects() if (line := site.turns._line(effect))
    ]
    assert lines == ["call sending"]


def test_call_attempts_whose_commit_failed_all_end_with_the_outcome_refused() -> None:
    site = Site()
    placed = [site.create_call(phone) for phone in (1, 2)]
    site.error = StoreError("full")
    site.turns.features.core.pop_requested_side_effects()
    assert asyncio.run(site.originator._commit_call_attempts(site.run, placed)) == []
    failed, commit = site.turns.features.core.pop_requested_side_effects()
    assert failed == StoreFailed(site.error)
    assert isinstance(commit, StoreCommit)
    [ended] = commit.call.args
    assert [(each.attempt_id, each.outcome, each.ended_at, each.retry_at) for each in ended] == [
        (attempt.attempt_id, Outcome.REFUSED, NOON + 10, NOON + 10) for attempt, _ in placed
    ]
    assert commit.call.keywords == {"announced": False}
    assert not site.turns.features.live_calls
    assert [step for step, _ in site.journal] == ["opening", "opening", "forgotten", "forgotten"]


@pytest.mark.parametrize(("is_cancelled", "name"), [(False, None), (True, "originate")])
def test_agent_gets_no_preview_of_a_cancelled_call(is_cancelled: bool, name: str | None) -> None:
    site = Site(campaign={"pacing": "preview"})
    seat = site.turns.features.agent_seats["01"]
    placed = site.originator._create_attempt_and_call(site.run, make_claim(1), seat, "carrier", CALLER_ID)
    if is_cancelled:
        site.turns.features.live_calls.add_or_replace_call(placed[1].copy_call_with_cancellation())
    asyncio.run(site.originator._commit_and_dial_call_attempts(site.run, [placed]))
    shown = site.turns.features.live_calls[placed[0].attempt_id].leg.preview
    assert shown == (None if is_cancelled else Preview(NOON + 10 + PREVIEW_STANDS_SECONDS, False))
    assert site.run_tasks() == ([] if name is None else [name])


def test_previews_of_ended_calls_are_forgotten_when_the_next_preview_is_shown() -> None:
    site = Site(campaign={"pacing": "preview"})
    attempt, call = site.create_call(1)
    site.originator._show_preview_to_agent(site.run, attempt, call)
    site.turns.features.live_calls.remove_call(attempt.attempt_id)
    attempt, call = site.create_call(2)
    site.originator._show_preview_to_agent(site.run, attempt, call)
    assert list(site.originator._previewed) == [attempt.attempt_id]


# Sending calls to the switch


@pytest.mark.parametrize(
    ("campaign", "detects", "leaves_message"),
    [
        ({}, False, False),
        ({"machine_detection": "before-seat"}, True, False),
        ({"machine_detection": "after-seat"}, False, False),
        (
            {
                "kind": "ivr",
                "flow": "turnout",
                "pacing": "broadcast",
                "machine_detection": "before-seat",
                "machine_message": True,
            },
            True,
            True,
        ),
    ],
)
def test_call_attempt_is_stored_before_its_call_is_sent_with_the_campaigns_settings(
    campaign: dict[str, Any], detects: bool, leaves_message: bool
) -> None:
    site = Site(campaign={**campaign, "ring_seconds": 42})
    site.turns.features.active_alerts.raise_alert(AlertKind.ORIGINATE, problem="no answer")
    attempt, _ = site.create_call()
    assert asyncio.run(site.originator._originate_call(site.run, attempt)) is None
    [request] = site.placed
    assert (request.attempt_id, request.number) == (attempt.attempt_id, attempt.claim.number)
    assert (request.endpoint, request.caller_id, request.ring_seconds) == ("carrier", CALLER_ID, 42)
    assert (request.detect_machine, request.message_to_machine) == (detects, leaves_message)
    assert request.kind is site.run.spec.kind
    assert site.journal == [("sending", attempt.attempt_id)]
    assert site.turns.features.live_calls[attempt.attempt_id].leg.originate_sent
    assert AlertKind.ORIGINATE not in site.turns.features.active_alerts


@pytest.mark.parametrize(("share", "records"), [(1.0, True), (0.0, False)])
def test_call_in_the_machine_detection_sample_is_sent_with_a_request_to_record(share: float, records: bool) -> None:
    site = Site(campaign={"machine_detection": "before-seat"})
    site.run.spec = replace(site.run.spec, machine_sample=share)
    attempt, _ = site.create_call()
    assert asyncio.run(site.originator._originate_call(site.run, attempt)) is None
    assert [request.record_machine for request in site.placed] == [records]


def find_unplaced_attempts(site: Site) -> list[AttemptId]:
    ended = [
        effect.ended
        for effect in site.turns.features.core.pop_requested_side_effects()
        if isinstance(effect, CallFinished)
    ]
    assert ended == [CallEnded(each.attempt_id, EndedBy.NOT_PLACED, answered=False) for each in ended]
    return [each.attempt_id for each in ended]


def test_call_that_the_switch_rejects_is_ended_with_an_alert() -> None:
    site = Site()
    attempt, _ = site.create_call()
    site.error = SwitchError("no such endpoint")
    refused = asyncio.run(site.originator._originate_call(site.run, attempt))
    assert isinstance(refused, CommandRefused)
    assert (str(refused), refused.why) == (
        "the switch did not place the call: no such endpoint",
        RefusedBecause.NO_CHANNEL,
    )
    assert find_unplaced_attempts(site) == [attempt.attempt_id]
    assert "no such endpoint" in site.turns.features.active_alerts.active["originate"].text
    assert site.journal[-1] == ("forgotten", attempt.attempt_id)


def test_call_stays_live_if_asterisk_may_have_received_the_originate() -> None:
    site = Site()
    attempt, _ = site.create_call()
    site.error = OriginateUnsure("connection lost")
    assert asyncio.run(site.originator._originate_call(site.run, attempt)) is None
    assert find_unplaced_attempts(site) == []
    assert attempt.attempt_id in site.turns.features.live_calls
    assert AlertKind.ORIGINATE not in site.turns.features.active_alerts


def test_call_whose_attempt_cannot_be_stored_is_not_sent() -> None:
    site = Site()
    attempt, _ = site.create_call()

    def record_attempt_before_sending(_: AttemptId) -> None:
        raise OSError("disk full")

    cast(Any, site.originator._sent).record_attempt_before_sending = record_attempt_before_sending
    refused = asyncio.run(site.originator._originate_call(site.run, attempt))
    assert str(refused) == "the call could not be recorded before it is placed: disk full"
    assert not site.placed
    assert find_unplaced_attempts(site) == [attempt.attempt_id]
    assert "disk full" in site.turns.features.active_alerts.active["originate"].text


def test_call_cancelled_before_sending_ends_without_a_request_to_the_switch() -> None:
    site = Site()
    attempt, call = site.create_call()
    site.turns.features.live_calls.add_or_replace_call(call.copy_call_with_cancellation())
    refused = asyncio.run(site.originator._originate_call(site.run, attempt))
    assert str(refused) == "the call was cancelled before it was sent"
    assert not site.placed
    assert find_unplaced_attempts(site) == [attempt.attempt_id]


def test_call_with_a_reserved_seat_is_sent_even_if_no_other_agent_is_available() -> None:
    site = Site()
    asked = site.turns.record_guaranteed_agents_of_rule_checks()
    features = site.turns.features
    attempt, call = site.originator._create_attempt_and_call(
        site.run, make_claim(1), features.agent_seats["01"], "carrier", CALLER_ID
    )
    object.__setattr__(features.agent_seats["01"], "call_back_promised", True)  # the agent leaves after this call
    assert site.originator._find_reason_not_to_send_call(site.run, attempt, call) is None
    assert asked == [True]
    features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    other = NewAttempt(attempt.attempt_id, attempt.claim, "carrier", CALLER_ID, NOON)
    without, unreserved = site.create_call(2)
    refused = site.originator._find_reason_not_to_send_call(site.run, without, unreserved)
    assert str(refused) == "campaign calls is held: no agent is available"
    assert site.originator._find_reason_not_to_send_call(site.run, other, call) is None


def test_load_of_an_asterisk_server_counts_its_agents_and_calls() -> None:
    site = Site(seats=3, trunks=[{**FAST, "name": name, "endpoint": name} for name in ("carrier", "far")])
    site.turns.features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    for number in (1, 2):
        site.turns.call(AttemptId(str(number) * 36), phone_id=number, voter_id=number)
    loads = site.originator._calculate_server_loads(site.run)
    assert (loads.working[""], loads.free[""], loads.calls[""]) == (3, 3, 2)


@pytest.mark.parametrize("has_seat", [False, True])
def test_call_attempt_stores_its_legal_grounds_and_the_time_since_the_last_call(has_seat: bool) -> None:
    site, asked = Site(), list[tuple[str, bool]]()
    limits = replace(site.originator._trunks["carrier"], attestation="A")
    site.originator._trunks.apply_trunk_settings([limits], 0.0)

    def find_legal_grounds_for_call(*given: object, guaranteed: bool) -> tuple[str, float]:
        asked.append((str(given[-1]), guaranteed))
        return '{"verdict":"allowed"}', 77.0

    cast(Any, site.originator._eligibility).find_legal_grounds_for_call = find_legal_grounds_for_call
    seat = site.turns.features.agent_seats["01"] if has_seat else None
    attempt, _ = site.originator._create_attempt_and_call(site.run, make_claim(1), seat, "carrier", CALLER_ID)
    assert (asked, attempt.grounds, attempt.gap_seconds) == ([("A", has_seat)], '{"verdict":"allowed"}', 77.0)


def test_call_limits_of_the_campaign_are_checked_when_attempts_are_stored() -> None:
    site, asked = Site(), list[dict[str, Any]]()

    async def commit_new_attempts(_: list[NewAttempt], **limits: Any) -> list[Refusal | None]:
        asked.append(limits)
        return [None]

    cast(Any, site).commit_new_attempts = commit_new_attempts
    gaps = site.originator._eligibility.find_call_limits_of_campaign(site.run)[2]
    cast(Any, site.originator._eligibility).find_call_limits_of_campaign = lambda _: (9, 4, gaps)
    asyncio.run(site.originator._commit_call_attempts(site.run, [site.create_call()]))
    since = NOON - 12 * 3_600
    assert asked == [{"max_attempts_since": since, "max_attempts": 9, "max_conversations": 4, "gaps": gaps}]


def test_voter_data_is_shown_at_the_reserved_seat_once_the_call_is_stored() -> None:
    site = Site()
    placed = site.originator._create_attempt_and_call(
        site.run, make_claim(1), site.turns.features.agent_seats["01"], "carrier", CALLER_ID
    )
    site.turns.features.core.pop_requested_side_effects()  # those of the reservation
    asyncio.run(site.originator._commit_call_attempts(site.run, [placed]))
    pop = TimerExpired(TimerKind.SCREEN_POP, "01", placed[0].attempt_id)
    timers = [each for each in site.turns.features.core.pop_requested_side_effects() if isinstance(each, StartTimer)]
    assert timers == [StartTimer("screen/01", 0.0, pop)]


def test_calls_on_the_same_trunk_wait_in_the_same_send_queue() -> None:
    site, queues = Site(), list[object]()
    for phone in (1, 2):
        attempt, _ = site.create_call(phone)
        site.turns.clock.seconds += 1.0
        asyncio.run(site.originator._originate_call(site.run, attempt))
        queues.append(site.originator._queues["carrier"])
    assert queues[0] is queues[1]


@pytest.mark.parametrize(("trunk", "is_sent"), [("near", True), ("far", False)])
def test_call_is_not_sent_if_the_server_of_its_trunk_is_unreachable(trunk: str, is_sent: bool) -> None:
    site = Site(trunks=[{**FAST, "name": name, "endpoint": name} for name in ("near", "far")])
    site.turns.features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    placed = site.originator._create_attempt_and_call(site.run, make_claim(1), None, trunk, CALLER_ID)
    refused = site.originator._find_reason_not_to_send_call(site.run, *placed)
    assert (refused is None) is is_sent
