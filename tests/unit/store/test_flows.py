"""Answers entered in flows, and look-ups of numbers and open attempts."""

from __future__ import annotations

from dataclasses import replace

from dialer.domain.model import Announcement, AttemptId, Disposition, DispositionRecord
from dialer.domain.results import FlowAnswers, Result
from dialer.domain.voter_place import VoterPlace
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE
from tests.support.stores import NOW, Backend, claim_and_open_attempt, open_filled_store


async def test_later_answer_to_a_question_of_a_flow_replaces_the_first_answer(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        attempt = (await claim_and_open_attempt(store, 3)).attempt_id
        assert await store.read_flow_answers(attempt) == {}
        await store.save_flow_answers(attempt, {"hour": "17:00", "still_to_vote": "2"}, NOW)
        await store.save_flow_answers(attempt, {"hour": "18:00"}, NOW + 1)
        await store.save_flow_answers(attempt, {"hour": "18:00"}, NOW + 2)
        assert await store.read_flow_answers(attempt) == {"hour": "18:00", "still_to_vote": "2"}
        assert await store.read_flow_answers(AttemptId("another")) == {}
        told = [row.at for row in await store.read_outbox_rows_for_broker(9) if row.topic == FlowAnswers.__name__]
        assert told == [NOW, NOW + 1]  # the same again is no news


async def test_published_flow_answers_name_the_voter_whom_the_call_addressed(backend: Backend) -> None:
    told: list[VoterPlace | None] = []

    def encode(result: Result) -> Announcement:
        if isinstance(result, FlowAnswers | DispositionRecord):
            told.append(result.place)
        return Announcement("news", "{}")

    backend.encode = encode
    async with open_filled_store(backend) as store:
        attempt = await claim_and_open_attempt(store, 3)
        await store.save_flow_answers(attempt.attempt_id, {"hour": "17:00"}, NOW)
        said = DispositionRecord(attempt.attempt_id, Disposition.VOTED, NOW, "17", None)
        await store.save_disposition_of_call(said)
        await store.save_disposition_of_call(replace(said, at=NOW + 1, answers={"knows_booth": "yes"}))
    addressed = VoterPlace(ROLL_VERSION, STATE_CODE, CONSTITUENCY_NUMBER, 1, 1)
    assert [None if each is None else replace(each, part_number=1, serial=1) for each in told] == [
        addressed,
        None,
        addressed,
    ]


async def test_number_for_an_sms_is_not_returned_after_an_opt_out(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        number = await store.find_number_for_sms(1)
        assert number is not None
        assert number.startswith("+")
        await store.save_opt_out(1, at=NOW, source="voter-key")
        assert await store.find_number_for_sms(1) is None
        assert await store.find_number_for_sms(10_000_000) is None


async def test_live_call_attempt_to_a_phone_number_is_found(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        attempt = (await claim_and_open_attempt(store, 3)).attempt_id
        numbers = [await store.find_number_for_sms(phone_id) for phone_id in range(1, 60)]
        found = [await store.find_unfinished_attempt_on_number(number) for number in numbers if number is not None]
        assert [each for each in found if each is not None] == [attempt]
        assert await store.find_unfinished_attempt_on_number("+910000000000") is None
