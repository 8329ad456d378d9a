"""The Twilio adapter against a simulated REST API: calls placed at most once, callbacks in any order, and refusals."""

from __future__ import annotations

import asyncio

import pytest
from twilio.http.response import Response

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import OriginateRefused, OriginateUnsure, SwitchError, SwitchUnreachable, UnsafeValue
from dialer.domain.switch_events import CallAnswered, CallEnded, CallRinging, EndedBy
from dialer.switch.twilio.adapter import TwilioSwitch
from tests.support.twilio_lab import run_lab
from tests.support.twilio_line import PUBLIC_URL
from tests.support.twilio_stand_in import PlacedCall


async def test_request_to_place_a_twilio_call_has_the_parameters_of_the_twilio_api() -> None:
    async with run_lab() as lab:
        attempt = await lab.dial()
        (call,) = lab.twilio.calls.values()
        assert call.form == {
            "To": "+917000000001",
            "From": "+911140000001",
            "Url": f"{PUBLIC_URL}/twilio/voice/{attempt}",
            "Method": "POST",
            "StatusCallback": f"{PUBLIC_URL}/twilio/status/{attempt}",
            "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
            "Timeout": "30",
            "TimeLimit": "120",
        }
        assert lab.twilio.wrong == []
        assert lab.switch.list_live_calls() == {attempt}
        await lab.switch.hang_up_call(attempt)
        assert call.status in {"ringing", "canceled"}


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (["ringing", "in-progress", "completed"], (True, True)),
        (["in-progress", "ringing", "completed"], (True, False)),  # the ring came after the answer
        (["completed", "in-progress", "ringing"], (True, False)),
        (["ringing", "ringing", "in-progress", "in-progress", "completed", "completed"], (True, True)),
        (["ringing", "no-answer", "no-answer"], (False, True)),
        (["no-answer", "ringing"], (False, False)),
        (["ringing", "busy", "completed"], (False, True)),
    ],
)
async def test_twilio_callbacks_in_any_order_end_the_call_once(told: list[str], outcome: tuple[bool, bool]) -> None:
    async with run_lab() as lab:
        attempt = await lab.dial()
        for status in told:
            await lab.status(attempt, status)
        (end,) = (event for event in lab.events if isinstance(event, CallEnded))
        assert (end.answered, end.ever_ringing) == outcome
        assert sum(isinstance(event, CallAnswered) for event in lab.events) == outcome[0]
        assert sum(isinstance(event, CallRinging) for event in lab.events) == outcome[1]
        assert lab.ends == [attempt]
        assert lab.switch.list_live_calls() == frozenset()


async def test_twilio_callbacks_of_other_calls_or_unknown_statuses_are_ignored() -> None:
    async with run_lab() as lab:
        attempt = await lab.dial()
        await lab.status(attempt, "completed", sid="CA" + "f" * 32)
        await lab.status(attempt, "levitating")
        await lab.status(lab.attempt(99), "completed")
        assert lab.events == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [(400, OriginateRefused), (401, OriginateRefused), (429, OriginateRefused), (500, OriginateUnsure)],
)
async def test_each_kind_of_twilio_refusal_gives_its_own_error_without_a_phone_number(
    fault: int, error: type[Exception]
) -> None:
    async with run_lab() as lab:
        lab.twilio.answers_with = [fault]
        with pytest.raises(error) as caught:
            await lab.dial()
        assert "+91" not in str(caught.value)
        assert lab.twilio.calls == {}
        assert lab.switch.list_live_calls() == (frozenset() if error is OriginateRefused else {lab.attempt()})


async def test_call_counts_as_not_placed_if_twilio_is_unreachable() -> None:
    async with run_lab() as lab:
        lab.switch._api._http._api_url = "http://127.0.0.1:1"
        with pytest.raises(SwitchUnreachable):
            await lab.dial()
        assert lab.switch.list_live_calls() == frozenset()


async def test_twilio_call_without_a_response_is_found_and_not_placed_again() -> None:
    async with run_lab() as lab:
        lab.twilio.loses_answers = 1
        with pytest.raises(OriginateUnsure):
            await lab.dial()
        assert lab.switch.list_live_calls() == {lab.attempt()}
        await lab.switch.hang_up_call(lab.attempt())  # its SID is unknown yet: hung up once it is known
        await lab.switch.query_live_calls()
        assert len(lab.twilio.calls) == 1
        (sid,) = lab.twilio.calls
        assert lab.switch.find_twilio_sid_of_call(lab.attempt()) == sid
        hanging_up = lab.twilio.calls[sid].task
        assert hanging_up is not None
        await hanging_up
        lab.clock.seconds = 100
        await lab.switch.query_live_calls()
        (end,) = (event for event in lab.events if isinstance(event, CallEnded))
        assert (end.by, end.answered) == (EndedBy.HANGUP, False)


@pytest.mark.parametrize("fault", [429, 503])
async def test_hang_up_refused_by_twilio_is_retried_at_the_next_callback(fault: int) -> None:
    async with run_lab() as lab:
        attempt = await lab.dial()
        (call,) = lab.twilio.calls.values()
        lab.twilio.answers_with = [fault, fault]
        with pytest.raises(SwitchError):
            await lab.switch.hang_up_call(attempt)
        await lab.status(attempt, "ringing")  # refused again
        assert call.status == "ringing"
        await lab.status(attempt, "in-progress")
        await wait_for_hang_up(call)
        assert call.status == "canceled"


async def test_hang_up_refused_by_twilio_is_retried_at_the_next_status_query() -> None:
    async with run_lab() as lab:
        attempts = [await lab.dial(number) for number in (1, 2)]
        lab.twilio.answers_with = [429, 429, 429]
        for attempt in attempts:
            with pytest.raises(SwitchError):
                await lab.switch.hang_up_call(attempt)
        await lab.switch.query_live_calls()  # the first is refused once more
        await lab.switch.query_live_calls()
        for call in lab.twilio.calls.values():
            await wait_for_hang_up(call)
            assert call.status == "canceled"


async def test_hang_up_request_is_not_sent_for_a_twilio_call_that_has_ended() -> None:
    async with run_lab() as lab:
        attempt = await lab.dial()
        lab.twilio.answers_with = [429]
        with pytest.raises(SwitchError):
            await lab.switch.hang_up_call(attempt)
        lab.twilio.answers_with = [429]
        await lab.status(attempt, "no-answer")
        await lab.switch.query_live_calls()
        assert lab.twilio.answers_with == [429]  # no request was sent
        assert lab.ends == [attempt]


async def wait_for_hang_up(call: PlacedCall) -> None:
    """Complete the call once the hang-up request has arrived. Without one the call rings for ever."""
    assert call.task is not None
    await asyncio.wait([call.task], timeout=5)


async def test_twilio_callback_provides_the_sid_of_a_call_without_a_response() -> None:
    async with run_lab() as lab:
        lab.twilio.loses_answers = 1
        with pytest.raises(OriginateUnsure):
            await lab.dial()
        (sid,) = lab.twilio.calls
        await lab.status(lab.attempt(), "ringing", sid=sid)
        assert lab.switch.find_twilio_sid_of_call(lab.attempt()) == sid


async def test_call_unknown_to_twilio_ends_with_an_unknown_result_after_a_minute() -> None:
    async with run_lab() as lab:
        lab.twilio.answers_with = [503]
        with pytest.raises(OriginateUnsure):
            await lab.dial()
        await lab.switch.query_live_calls()
        assert lab.events == []
        lab.clock.seconds = 61
        await lab.switch.query_live_calls()
        (end,) = lab.events
        assert isinstance(end, CallEnded)
        assert (end.by, end.answered) == (EndedBy.VANISHED, False)
        assert lab.switch.list_live_calls() == frozenset()


async def test_older_twilio_call_to_the_number_is_not_taken_for_the_new_call() -> None:
    async with run_lab() as lab:
        attempt = await lab.dial()
        await lab.status(attempt, "no-answer")
        lab.clock.seconds = 3600
        lab.twilio.answers_with = [503]
        with pytest.raises(OriginateUnsure):
            await lab.dial(2, number="+917000000001")
        await lab.switch.query_live_calls()
        assert lab.switch.find_twilio_sid_of_call(lab.attempt(2)) is None


async def test_twilio_is_queried_about_a_call_without_callbacks() -> None:
    async with run_lab() as lab:
        attempt = await lab.dial()
        (call,) = lab.twilio.calls.values()
        call.status, call.duration = "completed", "61"
        lab.clock.seconds = 30
        await lab.switch.query_live_calls()
        assert lab.events == []
        lab.clock.seconds = 61
        await lab.switch.query_live_calls()
        assert [type(event) for event in lab.events] == [CallAnswered, CallEnded]
        assert lab.ends == [attempt]
        assert lab.switch.meter.spent == pytest.approx(0.2)


async def test_twilio_calls_placed_before_a_restart_are_recognised_by_their_number() -> None:
    async with run_lab(resync=False) as lab:
        with pytest.raises(SwitchUnreachable):
            await lab.dial()  # nothing is dialled before the first resync
        lab.events.clear()
        await lab.switch.load_live_calls_at_start()
        attempt = await lab.dial()
        await lab.dial(2)
        again = TwilioSwitch(
            lab.switch._api, lab.switch._settings, lab.switch.meter, lab.clock, lab.switch._find_attempt
        )
        again.set_event_sink(lab.events.append, lab.ends.append)
        lab.ours["+917000000001"] = attempt  # the other call is foreign
        await again.load_live_calls_at_start()
        assert again.list_live_calls() == {attempt}
        (first, *_) = lab.twilio.calls.values()
        first.status = "in-progress"
        again.report_states_of_live_calls()
        await again.query_live_calls()
        assert lab.events == [CallAnswered(attempt)]


async def test_twilio_adapter_refuses_invalid_numbers_and_calls_that_need_an_agent() -> None:
    async with run_lab() as lab:
        for changes in ({"number": "+91&Url=x"}, {"caller_id": "client:x"}, {"number": "७०००००"}):
            with pytest.raises(UnsafeValue) as caught:
                await lab.dial(1, **changes)
            assert str(changes) not in str(caught.value)
        with pytest.raises(OriginateRefused):
            await lab.dial(1, kind=CampaignKind.AGENTS)
        assert lab.twilio.calls == {}
        for order in (
            lab.switch.connect_call_to_seat(lab.attempt(), "01"),
            lab.switch.play_information_message(lab.attempt()),
        ):
            with pytest.raises(SwitchError):
                await order
        await lab.switch.hang_up_call(lab.attempt())  # ended already: no error


async def test_unreadable_response_of_twilio_leaves_the_outcome_unknown() -> None:
    async with run_lab() as lab:
        http = lab.switch._api._http

        async def answer_unreadably(*_: object, **__: object) -> Response:
            return Response(201, "<html>", {})

        http.request = answer_unreadably  # type: ignore[method-assign]  # a proxy that answers for Twilio
        with pytest.raises(OriginateUnsure):
            await lab.dial()
        with pytest.raises(SwitchError):
            await lab.switch.query_live_calls()
        with pytest.raises(SwitchError):
            await lab.switch.load_live_calls_at_start()
