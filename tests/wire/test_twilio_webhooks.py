"""Twilio's webhooks over HTTP: forged, repeated and reordered requests, and a restart during a call."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from dialer.domain.enums import MarkKind
from dialer.domain.errors import PortInUse
from dialer.domain.model import AttemptId
from dialer.engine.calls.ending import FLOW_GRACE_SECONDS
from dialer.switch.twilio.flows import LATE_SECONDS
from dialer.switch.twilio.tokens import StateTokens
from tests.support.flow_support import FACTS, FLOWS
from tests.support.twilio_flows import Call, RunningWebhooks, run_webhooks
from tests.support.twilio_line import ACCOUNT, AUTH_TOKEN, PUBLIC_URL, Line, account
from tests.support.virtual import virtual_time

ATTEMPT = "0b0c7f4e-0000-4000-8000-000000000001"
VOICE = f"/twilio/voice/{ATTEMPT}"


async def test_complete_twilio_call_is_served_with_spoken_texts() -> None:
    async with run_webhooks(sounds=False) as server, aiohttp.ClientSession() as session:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        line = Line(server.port, ["1"])
        assert await line.run(session, VOICE)
        assert any("धन्यवाद" in text for text in line.heard)
        assert [commit.mark for commit in call.commits.values()] == [MarkKind.VOTED]
        assert call.ends == [(True, None, {})]
        assert 'language="hi-IN"' in line.answers[0]
        assert server.switch.statuses[0] == (ATTEMPT, "in-progress")


async def test_prompt_in_a_language_without_a_twilio_voice_is_spoken_in_english() -> None:
    async with run_webhooks(sounds=False) as server, aiohttp.ClientSession() as session:
        server.desk.calls[ATTEMPT] = Call(FLOWS["material"], FACTS, "or")
        line = Line(server.port, [None])
        await line.run(session, VOICE)
        assert 'language="en-IN"' in line.answers[0]
        assert "campaign_message" not in "".join(line.answers)


@pytest.mark.parametrize(
    "forgery",
    ["no signature", "wrong key", "another path", "another field", "another account", "the proxy's host", "not UTF-8"],
)
async def test_forged_twilio_request_changes_nothing(forgery: str) -> None:
    genuine = RequestValidator(AUTH_TOKEN)
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        fields = {"AccountSid": ACCOUNT, "CallSid": "CA1"}
        body: bytes | dict[str, str] = fields
        headers: dict[str, str] = {}
        match forgery:
            case "no signature":
                signature = ""
            case "wrong key":
                signature = RequestValidator("another secret").compute_signature(PUBLIC_URL + VOICE, fields)
            case "another path":
                signature = genuine.compute_signature(PUBLIC_URL + VOICE + "x", fields)
            case "another field":
                signature = genuine.compute_signature(PUBLIC_URL + VOICE, fields)
                body = {**fields, "Digits": "1"}
            case "another account":
                body = {**fields, "AccountSid": "AC" + "1" * 32}
                signature = genuine.compute_signature(PUBLIC_URL + VOICE, body)
            case "the proxy's host":
                signature = genuine.compute_signature("https://evil.example" + VOICE, fields)
                headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
            case _:
                body, signature = b"AccountSid=\xff\xfe", "x"
        async with session.post(
            f"http://127.0.0.1:{server.port}{VOICE}", data=body, headers={"X-Twilio-Signature": signature, **headers}
        ) as answer:
            assert answer.status == 403
            assert await answer.text() == "403: Forbidden"
        assert not call.begun
        assert server.webhooks.refused == 1


async def test_genuine_twilio_signature_is_valid_with_and_without_port_and_repeated_fields() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        line = Line(server.port, [])
        fields = {"AccountSid": ACCOUNT, "CallSid": line.sid}
        with_port = PUBLIC_URL.replace("example.org", "example.org:443")
        signature = RequestValidator(AUTH_TOKEN).compute_signature(with_port + VOICE, fields)
        assert (await line.post(session, VOICE, {}, signature=signature))[0] == 200


async def test_twilio_webhook_refuses_large_requests_and_methods_other_than_post() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        line = Line(server.port, [])
        assert (await line.post(session, VOICE, {"x": "y" * 100_000}))[0] == 413
        assert (await line.post(session, VOICE, {f"f{n}": "" for n in range(300)}))[0] == 403
        async with session.get(f"http://127.0.0.1:{server.port}{VOICE}") as answer:
            assert answer.status == 405
        assert (await line.post(session, "/twilio/other", {}))[0] == 404


async def test_twilio_request_without_a_live_call_is_answered_with_hang_up() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        line = Line(server.port, ["1"])
        assert await line.run(session, VOICE)
        assert line.heard == []
        token = "abc.def"
        assert "<Hangup" in (await line.post(session, f"/twilio/flow/{token}", {}))[1]


async def test_duplicate_simultaneous_twilio_requests_get_the_same_response() -> None:
    """Twilio repeats a request without a timely response. The second may arrive while the first is being processed."""

    class Twice(Line):
        async def post(self, session, path, form, **options):  # type: ignore[no-untyped-def]  # as Line.post
            first, second = await asyncio.gather(
                super().post(session, path, form, **options), super().post(session, path, form, **options)
            )
            assert first == second
            return first

    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["household"], FACTS)
        line = Twice(server.port, ["2", "1#"])
        assert await line.run(session, VOICE)
        assert [(commit.mark, commit.count) for commit in call.asked] == [(MarkKind.NOT_YET, 1)]
        assert call.ends == [(True, None, {"still_to_vote": "1"})]


async def test_late_duplicate_twilio_request_gets_the_earlier_response() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        line = Line(server.port, ["2", "5#"])
        assert await line.run(session, VOICE)
        request_until, ends = list(call.asked), list(call.ends)
        for (path, form), answer in list(zip(line.requests, line.answers, strict=True))[::-1]:
            extra = {name: value for name, value in form.items() if name not in {"AccountSid", "CallSid"}}
            assert await line.post(session, path, extra) == (200, answer)
        assert (call.asked, call.ends) == (request_until, ends)
        # The same token with other keys is a duplicate: the first keys count.
        path = next(path for path, form in line.requests if form.get("Digits") == "2")
        await line.post(session, path, {"Digits": "1"})
        assert (call.asked, call.ends) == (request_until, ends)


async def test_twilio_call_continues_from_the_state_in_the_url_after_a_restart() -> None:
    async with run_webhooks() as before, aiohttp.ClientSession() as session:
        before.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        line = Line(before.port, ["2", "5#"])
        _, page = await line.post(session, VOICE, {})
        path, form = line.do(page)
        assert path is not None
    async with run_webhooks() as after, aiohttp.ClientSession() as session:
        call = after.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        line.port = after.port
        while path is not None:
            _, page = await line.post(session, path, form)
            path, form = line.do(page)
        assert [commit.mark for commit in call.asked] == [MarkKind.NOT_YET, MarkKind.LATER]
        assert call.ends == [(True, None, {"hour": "17:00"})]
        # Another call of the account cannot use this call's URL.
        after.switch.sids[ATTEMPT] = "CA" + "9" * 32
        assert "<Hangup" in (await line.post(session, line.requests[-1][0], {}))[1]


async def test_twilio_call_speaks_no_confirmation_if_the_answer_cannot_be_stored() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        server.desk.works = False
        line = Line(server.port, ["1"])
        assert await line.run(session, VOICE)
        assert "matdan/hi/common/not_saved" in line.heard
        assert "matdan/hi/turnout/noted_voted" not in line.heard


async def test_twilio_flow_stores_answers_before_a_transfer_and_continues_if_the_transfer_fails() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["material"], FACTS)
        line = Line(server.port, ["1", "1"], agent_answers=False)
        assert await line.run(session, VOICE)
        assert line.dialled == ["sip:agents@example.org"]
        assert server.transfers == [ATTEMPT]
        assert call.handed_over == [{}]
        assert "matdan/hi/material/no_agent" in line.heard
        assert call.ends == [(True, None, {"call_back": "1"})]


async def test_flow_over_twilio_tells_the_caller_that_a_service_is_unavailable() -> None:
    async with run_webhooks(transfer=False, records=False) as server, aiohttp.ClientSession() as session:
        for number, (name, lines, said) in enumerate(
            [
                ("material", ["1", ""], "matdan/hi/material/no_agent"),
                ("inbound", ["4"], "matdan/hi/common/not_saved"),
            ]
        ):
            attempt = f"attempt-{number}"
            server.desk.calls[attempt] = Call(FLOWS[name], FACTS)
            line = Line(server.port, list(lines))
            assert await line.run(session, f"/twilio/voice/{attempt}")
            assert said in line.heard


async def test_sms_with_booth_details_is_sent_only_once_over_twilio() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["booth_information"], FACTS, "en")
        line = Line(server.port, ["2"])
        assert await line.run(session, VOICE)
        for path, form in list(line.requests):
            await line.post(session, path, {k: v for k, v in form.items() if k not in {"AccountSid", "CallSid"}})
        assert call.sms == ["Your polling station: Government Primary School, part 12. You can vote until 18:00."]


async def test_message_recorded_by_twilio_is_stored_if_the_caller_hangs_up_while_speaking() -> None:
    async with run_webhooks() as server, aiohttp.ClientSession() as session:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["inbound"], FACTS)
        line = Line(server.port, ["4", "speaks"])
        path: str | None = VOICE
        form: dict[str, str] = {}
        while path is not None and "RecordingSid" not in form:
            _, page = await line.post(session, path, form)
            path, form = line.do(page)
        assert path is not None
        for _ in range(2):
            await line.post(session, path, {**form, "Digits": "hangup"})
        server.flows.end_flow_after_hang_up(AttemptId(ATTEMPT))
        await server.flows.close()
        assert [commit.answers for commit in call.asked] == [{"message": form["RecordingSid"]}]
        ((completed, left_at, answers),) = call.ends
        assert (completed, left_at, answers) == (False, "noted_message", {"message": form["RecordingSid"]})


async def report_end_before_request(
    server: RunningWebhooks, call: Call, line: Line, path: str, form: dict[str, str]
) -> None:
    """Report the end of a call before its last request arrives, while the fake engine still holds the call."""
    server.switch.sids.clear()  # the switch forgets a call at its end
    server.desk.is_live_call = lambda attempt_id: not call.ends  # type: ignore[method-assign]  # until its flow is over
    server.flows.end_flow_after_hang_up(AttemptId(ATTEMPT))
    async with aiohttp.ClientSession() as session:
        await asyncio.sleep(LATE_SECONDS - 0.1)
        await line.post(session, path, form)
    await server.flows.close()


async def request_until(server: RunningWebhooks, line: Line, until: str) -> tuple[str, dict[str, str]]:
    """Return the request with the caller's input `until`, not sent yet."""
    path: str | None = VOICE
    form: dict[str, str] = {}
    server.switch.sids[ATTEMPT] = line.sid
    async with aiohttp.ClientSession() as session:
        while until not in form or not form[until]:
            _, page = await line.post(session, path or "", form)
            path, form = line.do(page)
    return path or "", form


@virtual_time()
async def test_key_press_that_twilio_sends_after_the_end_of_the_call_is_stored() -> None:
    async with run_webhooks() as server:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        line = Line(server.port, ["1"])
        path, form = await request_until(server, line, "Digits")
        await report_end_before_request(server, call, line, path, form)
        assert [commit.mark for commit in call.commits.values()] == [MarkKind.VOTED]
        assert call.ends == [(True, None, {})]


@virtual_time()
async def test_twilio_recording_that_arrives_after_the_call_is_stored() -> None:
    async with run_webhooks() as server:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["inbound"], FACTS)
        line = Line(server.port, ["4", "speaks"])
        path, form = await request_until(server, line, "RecordingSid")
        await report_end_before_request(server, call, line, path, {**form, "Digits": "hangup"})
        assert [commit.answers for commit in call.commits.values()] == [{"message": form["RecordingSid"]}]
        assert call.ends == [(False, "noted_message", {"message": form["RecordingSid"]})]


@virtual_time()
async def test_late_twilio_request_of_another_call_is_refused() -> None:
    async with run_webhooks() as server:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        line = Line(server.port, ["1"])
        path, form = await request_until(server, line, "Digits")
        line.sid = "CA" + "9" * 32
        await report_end_before_request(server, call, line, path, form)
        assert call.commits == {}
        assert call.ends == [(False, "question", {})]


@virtual_time()
async def test_twilio_wait_for_late_requests_is_shorter_than_the_engines() -> None:
    assert LATE_SECONDS < FLOW_GRACE_SECONDS
    async with run_webhooks() as server:
        call = server.desk.calls[ATTEMPT] = Call(FLOWS["turnout"], FACTS)
        await request_until(server, Line(server.port, ["1"]), "Digits")
        began = asyncio.get_running_loop().time()
        server.flows.end_flow_after_hang_up(AttemptId(ATTEMPT))
        await server.flows.close()
        assert asyncio.get_running_loop().time() - began == pytest.approx(LATE_SECONDS, abs=0.1)
        assert call.ends == [(False, "question", {})]


async def test_twilio_webhook_port_in_use_gives_a_one_line_error() -> None:
    async with run_webhooks() as server:
        webhooks = server.webhooks
        other = type(webhooks)(server.flows, webhooks._switch, account(port=server.port))
        with pytest.raises(PortInUse, match=r"twilio\.port"):
            await other.__aenter__()


def test_webhook_tokens_made_for_another_twilio_account_are_refused() -> None:
    assert StateTokens("a")._key != StateTokens("b")._key
