"""The parts of the Twilio adapter without I/O: spending, signed states, statuses, and TwiML."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.audio.words import load_spoken_words
from dialer.domain.errors import ProtocolError
from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallAnswered, CallEnded, CallRinging
from dialer.flows.machine import start_flow
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import Committed, Digits, FlowCommit, FlowState, Input, Played, SendSms, Start, Transfer
from dialer.settings.twilio import Twilio
from dialer.switch.twilio.pages import Gather, Page, PageHost, make_twiml_page, parse_flow_input
from dialer.switch.twilio.spend import SpendMeter, count_sms_segments
from dialer.switch.twilio.states import FINAL, CallStatus, TwilioCall
from dialer.switch.twilio.tokens import MAX_TOKEN_CHARACTERS, PausedFlow, StateTokens
from dialer.switch.twilio.twiml import SPOKEN, TwilioVoice, render_twiml_page
from tests.support.flow_support import FACTS, FLOWS

ATTEMPT = AttemptId("0b0c7f4e-0000-4000-8000-000000000001")
TOKENS = StateTokens("secret")


class Host(PageHost):
    """A page host that accepts every request."""

    records = transfers = True

    async def commit_flow_result(self, commit: FlowCommit) -> Input:
        return Committed()

    async def send_sms(self, action: SendSms) -> bool:
        return True

    async def store_answers_before_transfer_to_agent(self, action: Transfer) -> None:
        return


def make_state(**changes: Any) -> FlowState:
    turn = start_flow(FLOWS["turnout"], Start({**FACTS, "booth_name": "प्राथमिक विद्यालय, कक्ष क्रमांक २" * 3}, "hi"))
    return FlowState.create_flow_state_from_json({**turn.state.convert_flow_state_to_json(), **changes})


# Spending


def make_meter(**changes: object) -> SpendMeter:
    given = {"price_per_minute": 0.1, "price_per_sms": 0.05, "max_call_seconds": 60, "max_spend_per_day": 10.0}
    return SpendMeter(Twilio.model_validate({**given, **changes}))


def test_no_twilio_call_is_allowed_before_the_accounts_spending_is_known() -> None:
    meter = make_meter()
    assert not meter.has_budget_for_call(0)
    assert not meter.has_budget_for_sms(0, 1)
    meter.record_spending_of_today(0)
    assert meter.has_budget_for_call(0)
    assert make_meter(max_spend_per_day=None).has_budget_for_call(1000)


def test_started_minutes_of_twilio_calls_are_charged_fully() -> None:
    meter = make_meter(max_spend_per_day=1.0)
    meter.record_spending_of_today(0.5)
    meter.add_call_cost(61)
    meter.add_sms_cost(1)
    assert meter.spent == pytest.approx(0.75)
    meter.record_spending_of_today(0.6)  # it does not hold the call yet
    assert meter.spent == pytest.approx(0.75)
    meter.record_spending_of_today(0.9)
    assert meter.spent == pytest.approx(0.9)
    assert meter.has_budget_for_call(0)
    assert not meter.has_budget_for_call(1)
    meter.record_spending_of_today(0.02)  # midnight
    assert meter.spent == pytest.approx(0.02)


def test_slightly_lower_twilio_spending_does_not_start_a_new_day() -> None:
    for day in (None, date(2029, 5, 6)):
        meter = make_meter()
        meter.record_spending_of_today(5.0, day)
        for _ in range(50):
            meter.add_call_cost(60)
        meter.record_spending_of_today(4.99, day)
        assert meter.spent == pytest.approx(10.0)
        assert not meter.has_budget_for_call(0)


def test_twilio_spending_restarts_at_midnight_of_the_account() -> None:
    meter = make_meter()
    meter.record_spending_of_today(5.0, date(2029, 5, 6))
    for yesterdays_or_nobodys in (date(2029, 5, 5), None):
        meter.record_spending_of_today(0.01, yesterdays_or_nobodys)
        assert meter.spent == pytest.approx(5.0)
    meter.record_spending_of_today(9.9, date(2029, 5, 5))
    assert meter.spent == pytest.approx(5.0)
    meter.record_spending_of_today(
        4.0, date(2029, 5, 7)
    )  # more than half of the day before, and a day of its own all the same
    assert meter.spent == pytest.approx(4.0)


def test_sms_is_refused_if_live_calls_could_reach_the_spending_cap() -> None:
    meter = make_meter(price_per_minute=0.05, max_call_seconds=600)
    meter.record_spending_of_today(0.0)
    live = 0
    while meter.has_budget_for_call(live):
        live += 1
    assert not meter.has_budget_for_sms(live, 1)
    live -= 1
    sent = 0
    while meter.has_budget_for_sms(live, 2):
        meter.add_sms_cost(2)
        sent += 1
    assert sent == 5
    for _ in range(live):
        meter.add_call_cost(600)
    assert meter.spent == pytest.approx(10.0)


def test_twilio_call_with_transfer_reserves_two_legs_and_is_charged_for_used_legs() -> None:
    meter = make_meter(
        price_per_minute=1.0, price_per_sms=0.0, max_call_seconds=300, transfer_to="sip:agents@example.org"
    )
    meter.record_spending_of_today(0.0)
    assert meter.has_budget_for_call(0)
    assert not meter.has_budget_for_call(1)
    meter.add_call_cost(61)
    assert meter.spent == pytest.approx(2.0)
    meter.add_call_cost(61, legs=2)
    assert meter.spent == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # The euro sign does not fit into the first part, nor all of the rest into the second.
        ("a" * 152 + "€" + "a" * 152, 3),
        ("क" * 70, 1),
        ("क" * 71, 2),
        ("क" * 134, 2),
        ("क" * 135, 3),
        ("a" * 70 + "’", 2),  # one character that the alphabet lacks
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),
    ],
)
def test_segments_of_an_sms_are_counted_by_its_character_encoding(text: str, segments: int) -> None:
    assert count_sms_segments(text) == segments


@pytest.mark.parametrize("language", ["hi", "ta", "te", "bn"])
def test_sms_with_booth_details_in_an_indian_script_takes_two_segments(language: str) -> None:
    values = {"booth_name": "राजकीय प्राथमिक विद्यालय, कक्ष 1", "booth_part": "12", "closes_at": "18:00"}
    assert count_sms_segments(load_shipped_texts().by_language[language]["sms.booth_slip"].format(**values)) == 2


# Tokens


def test_signed_flow_state_in_a_url_is_restored_unchanged() -> None:
    waiting = PausedFlow(ATTEMPT, "run", make_state(), after="played", ahead="1")
    token = TOKENS.encode_paused_flow_as_signed_token(waiting)
    assert TOKENS.decode_paused_flow_from_signed_token(token) == waiting
    assert len(token) < 1200
    assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_flow_state_that_is_too_long_for_a_url_is_refused() -> None:
    from random import Random

    chance = Random(1)
    answers = {f"answer_{n}": "".join(chance.choices("0123456789", k=20)) for n in range(400)}
    with pytest.raises(ProtocolError):
        TOKENS.encode_paused_flow_as_signed_token(PausedFlow(ATTEMPT, "run", make_state(answers=answers)))


def sign_again(content: bytes) -> str:
    body = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    return f"{body}.{base64.urlsafe_b64encode(TOKENS._compute_signature(body)).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "a.b",
        "é.é",
        "x" * (MAX_TOKEN_CHARACTERS + 1),
        StateTokens("another").encode_paused_flow_as_signed_token(PausedFlow(ATTEMPT, "run", make_state())),
        TOKENS.encode_paused_flow_as_signed_token(PausedFlow(ATTEMPT, "run", make_state()))[:-1],
        "A" + TOKENS.encode_paused_flow_as_signed_token(PausedFlow(ATTEMPT, "run", make_state()))[1:],
        sign_again(b"no zlib"),
        sign_again(zlib.compress(b"no JSON")),
        sign_again(zlib.compress(json.dumps({"a": "x"}).encode())),
        sign_again(zlib.compress(b"[" * 1_000_000)),
    ],
)
def test_forged_tokens_in_twilio_urls_are_refused(token: str) -> None:
    with pytest.raises(ProtocolError):
        TOKENS.decode_paused_flow_from_signed_token(token)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.text(max_size=80))
def test_arbitrary_text_is_refused_as_a_token_in_a_twilio_url(token: str) -> None:
    with pytest.raises(ProtocolError):
        TOKENS.decode_paused_flow_from_signed_token(token)


# Statuses


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(st.sampled_from(list(CallStatus)), max_size=12))
def test_twilio_call_statuses_in_any_order_report_each_change_once(statuses: list[CallStatus]) -> None:
    call = TwilioCall(ATTEMPT, "+910000000001", 0.0)
    events = [event for status in statuses for event in call.update_call_from_twilio_status(status)]
    assert sum(isinstance(event, CallEnded) for event in events) == bool(set(statuses) & FINAL)
    assert sum(isinstance(event, CallRinging) for event in events) <= 1
    assert sum(isinstance(event, CallAnswered) for event in events) <= 1
    if events and call.ended:
        assert isinstance(events[-1], CallEnded)
        assert events[-1].answered == any(isinstance(event, CallAnswered) for event in events)


@pytest.mark.parametrize(
    ("status", "sip_status", "cause", "dial_status"),
    [
        (CallStatus.BUSY, "486", 17, "BUSY"),
        (CallStatus.NO_ANSWER, "", 19, "NOANSWER"),
        (CallStatus.FAILED, "404", 1, None),
        (CallStatus.FAILED, "603", 21, None),
        (CallStatus.FAILED, "503", 34, None),
        (CallStatus.FAILED, "", None, None),
        (CallStatus.CANCELED, "", 16, None),
    ],
)
def test_final_twilio_call_status_is_converted_to_a_sip_status_and_q850_cause(
    status: CallStatus, sip_status: str, cause: int | None, dial_status: str | None
) -> None:
    (end,) = TwilioCall(ATTEMPT, "+910000000001", 0.0).update_call_from_twilio_status(status, sip_status=sip_status)
    assert isinstance(end, CallEnded)
    assert (end.cause, end.dial_status, end.answered) == (cause, dial_status, False)


# Pages and TwiML


async def make_first_twiml_page(name: str) -> Page:
    turn = start_flow(FLOWS[name], Start(FACTS, "hi"))
    return await make_twiml_page(FLOWS[name], turn, PausedFlow(ATTEMPT, "run", turn.state), Host())


async def test_interruptible_greeting_becomes_part_of_the_question_in_twiml() -> None:
    page = await make_first_twiml_page("turnout")
    assert page.said == ()
    assert isinstance(page.ending, Gather)
    assert [ref.value for ref in page.ending.prompts] == ["common.greeting", "common.from", "turnout.question"]
    assert page.waiting is not None
    assert page.waiting.state.node == "question"
    assert parse_flow_input(page.waiting, {"Digits": "1"}) == Digits("1")
    assert parse_flow_input(page.waiting, {"Digits": "", "FinishedOnKey": "#"}) == Digits("")
    assert parse_flow_input(page.waiting, {}) == Digits("", timed_out=True)
    assert parse_flow_input(page.waiting, {"Digits": "1<x>" * 50}) == Digits("1" * 30)


async def test_menu_in_twiml_accepts_the_hash_key() -> None:
    page = await make_first_twiml_page("turnout")
    xml = render_twiml_page(page, "https://x.example/a", TwilioVoice(load_shipped_texts), "hi")
    assert 'finishOnKey=""' in xml
    assert 'numDigits="1"' in xml
    assert 'actionOnEmptyResult="true"' in xml
    assert xml.count("https://x.example/a") == 2  # the question's, and where Twilio goes if it brings nothing


@pytest.mark.parametrize("language", ["hi", "en", "or"])
async def test_twilio_announces_a_synthetic_voice_once_before_the_first_word(language: str) -> None:
    page = await make_first_twiml_page("turnout")
    words = load_spoken_words(language if language in SPOKEN else "en")
    assert words is not None
    spoken = TwilioVoice(load_shipped_texts, labelled=lambda _: True)
    assert (
        words.label in render_twiml_page(page, "https://x.example/a", spoken, language, first=True).split("</Say>")[0]
    )
    assert words.label not in render_twiml_page(page, "https://x.example/a", spoken, language)
    assert words.label not in render_twiml_page(
        page, "https://x.example/a", TwilioVoice(load_shipped_texts), language, first=True
    )
    served = TwilioVoice(load_shipped_texts, "https://x.example/sounds", labelled=lambda tag: tag == "hi")
    plays = "https://x.example/sounds/matdan/hi/label/synthetic.wav" in render_twiml_page(
        page, "https://x", served, language, first=True
    )
    assert plays == (language == "hi")


async def test_markup_in_a_spoken_place_name_is_escaped_in_twiml() -> None:
    flow = FLOWS["booth"]
    turn = start_flow(flow, Start({**FACTS, "booth_name": '</Say><Dial>+1900</Dial> & "school"'}, "en"))
    page = await make_twiml_page(flow, turn, PausedFlow(ATTEMPT, "run", turn.state), Host())
    xml = render_twiml_page(page, "https://x.example/a", TwilioVoice(load_shipped_texts), "en")
    assert "<Dial>" not in xml
    assert "&lt;Dial&gt;" in xml


def test_twilio_webhook_without_a_pending_question_is_refused() -> None:
    with pytest.raises(ProtocolError):
        parse_flow_input(PausedFlow(ATTEMPT, "run", make_state(waiting="Commit")), {})
    assert parse_flow_input(PausedFlow(ATTEMPT, "run", make_state(), after="played"), {"Digits": "1"}) == Played()
