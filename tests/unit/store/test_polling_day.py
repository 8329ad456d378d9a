"""Corrections that reopen voters, batches of marks, official turnout, and complaints."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.enums import ComplaintChannel, ComplaintRemedy, ComplaintTopic, MarkKind
from dialer.domain.errors import NotInStore
from dialer.domain.model import AttemptId, BoothTurnout, Mark, MarkSource, Outcome
from dialer.domain.official_turnout import FINAL, OfficialFigure
from dialer.store.audit import AuditNote
from dialer.store.store import Store
from tests.support.stores import (
    CAMPAIGN,
    NOW,
    Backend,
    claim_and_open_attempt,
    claim_numbers,
    claim_one_number,
    end_attempt,
    make_ended_call,
    make_mark,
    open_filled_store,
)

DAY = date(2024, 4, 22)


def make_entry(at: float = NOW + 100) -> AuditNote:
    return AuditNote("asha", at, {"batch": "b-1"})


def make_correction(voter_id: int = 1, at: float = NOW + 100, key: str = "undo") -> Mark:
    return Mark(key, voter_id, MarkKind.NOT_YET, MarkSource.CORRECTION, at, agent="asha")


async def list_queued_numbers(store: Store, now: float = NOW + 1e6) -> set[int]:
    """Return the numbers that could be claimed."""
    claims = await claim_numbers(store, 1000, now=now)
    await store.release_claimed_numbers(claims)
    return {each.phone_id for each in claims}


async def count_turnout(store: Store) -> BoothTurnout:
    return (await store.count_booth_turnout())[0]


# Corrections


async def test_correcting_a_wrongly_recorded_vote_returns_an_undialled_number_to_the_queue(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert 1 not in await list_queued_numbers(store)
        effect = await store.save_voter_mark(make_correction())
        assert (effect.voter_silenced, effect.reopened, effect.voted_change) == (False, True, -1)
        assert await count_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=0, not_yet=1, booth_name="Primary School 1"
        )
        assert (await claim_one_number(store, 1)).attempt_number == 1
        assert (await claim_one_number(store, 1, campaign_id="b")).voter_id == 1
        assert not (await store.save_voter_mark(make_correction())).reopened


async def test_correction_of_a_vote_that_was_never_recorded_is_not_stored(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        effect = await store.save_voter_mark(make_correction())
        assert (effect.recorded, effect.superfluous, effect.contacted_change, effect.not_yet_change) == (
            False,
            True,
            0,
            0,
        )
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert (await store.save_voter_mark(make_correction())).recorded
        again = await store.save_voter_mark(make_correction())  # the same one, told again
        assert (again.recorded, again.superfluous) == (False, False)
        assert (await store.save_voter_mark(make_correction(key="a second"))).superfluous
        assert await count_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=0, not_yet=1, booth_name="Primary School 1"
        )
        assert [row.topic for row in await store.read_outbox_rows_for_broker(10)] == [
            "Mark",
            "Mark",
        ]  # voted, and that taken back


async def test_correcting_a_wrongly_recorded_vote_returns_a_called_number_to_the_queue(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED, new=new))
        await end_attempt(store, new, Outcome.COMPLETED, retry_at=NOW + 600)
        assert 1 not in await list_queued_numbers(store)
        await store.save_voter_mark(make_correction())
        assert 1 not in await list_queued_numbers(store, now=NOW + 599)
        assert 1 in await list_queued_numbers(store, now=NOW + 600)


@pytest.mark.parametrize("outcome", [Outcome.NO_ANSWER, Outcome.UNKNOWN])
async def test_correcting_a_recorded_vote_does_not_requeue_a_number_completed_for_another_reason(
    backend: Backend, outcome: Outcome
) -> None:
    """The attempts are used up, or the result of a call is unknown."""
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 1, outcome)
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert not (await store.save_voter_mark(make_correction())).reopened
        assert 1 not in await list_queued_numbers(store)


async def test_correcting_a_wrongly_recorded_vote_does_not_requeue_a_number_that_opted_out(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        await store.save_opt_out(1, at=NOW + 90, source="agent")
        assert not (await store.save_voter_mark(make_correction())).reopened


async def test_correcting_a_wrongly_recorded_vote_makes_the_voter_callable_again(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.DECEASED))
        assert (await store.save_voter_mark(make_correction())).reopened
        assert 1 in await list_queued_numbers(store)


async def test_vote_recorded_after_a_correction_overrides_the_correction(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))  # of NOW + 60
        effect = await store.save_voter_mark(make_correction(at=NOW + 59))
        assert (effect.recorded, effect.voter_silenced, effect.voted_change) == (True, True, 0)
        assert (await count_turnout(store)).voted == 1


@pytest.mark.parametrize("order", [(MarkKind.VOTED, MarkKind.NOT_YET), (MarkKind.NOT_YET, MarkKind.VOTED)])
async def test_recorded_vote_wins_over_a_contradictory_voter_status_of_the_same_second(
    backend: Backend, order: tuple[MarkKind, MarkKind]
) -> None:
    async with open_filled_store(backend) as store:
        marks = [Mark(kind.value, 1, kind, MarkSource.BOOTH_WORKER, NOW + 60.5) for kind in order]
        effects = await store.save_voter_marks(marks, make_entry())
        assert [effect.recorded for effect in effects] == [True, True]
        assert effects[-1].voter_silenced
        assert await count_turnout(store) == BoothTurnout(
            1, 174, 1, voters=9, contacted=1, voted=1, not_yet=0, booth_name="Primary School 1"
        )
        assert len(await store.read_outbox_rows_for_broker(10)) == 2


# Marks that come together


async def test_voter_statuses_in_one_request_are_stored_completely_or_not_at_all(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        marks = [make_mark(1, MarkKind.VOTED), make_mark(999, MarkKind.VOTED)]
        with pytest.raises(NotInStore, match="no voter 999"):
            await store.save_voter_marks(marks, make_entry())
        assert (await count_turnout(store)).voted == 0
        assert await store.read_outbox_rows_for_broker(10) == []
        assert await store.append_audit_entry("next", "test", {}, NOW) == 1


async def test_voter_statuses_in_one_request_have_one_audit_entry(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        marks = [make_mark(1, MarkKind.VOTED), make_mark(10, MarkKind.VOTED)]
        first = await store.save_voter_marks(marks, make_entry())
        again = await store.save_voter_marks(marks, make_entry(NOW + 200))
        assert [effect.recorded for effect in (*first, *again)] == [True, True, False, False]
        assert [effect.silenced_phones for effect in again] == [(1,), (7,)]  # told again: whom to leave alone
        assert len(await store.read_outbox_rows_for_broker(10)) == 2
        assert await store.append_audit_entry("next", "test", {}, NOW) == 3


# Official turnout


async def test_official_turnout_figure_is_stored_once_and_a_changed_figure_is_added(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        figures = [OfficialFigure(DAY, 174, None, "09:00", 0.11), OfficialFigure(DAY, 174, 2, FINAL, 0.66)]
        assert await store.append_official_turnout_figures(figures, make_entry()) == 2
        assert await store.append_official_turnout_figures(figures, make_entry(NOW + 200)) == 0
        assert (
            await store.append_official_turnout_figures([replace(figures[0], share=0.12)], make_entry(NOW + 300)) == 1
        )
        assert await store.append_official_turnout_figures([figures[0]], make_entry(NOW + 400)) == 1  # and back


@pytest.mark.parametrize(("constituency", "part"), [(9, None), (174, 99)])
async def test_official_turnout_figures_are_all_rejected_if_one_area_is_unknown(
    backend: Backend, constituency: int, part: int | None
) -> None:
    async with open_filled_store(backend) as store:
        good = OfficialFigure(DAY, 174, None, "09:00", 0.11)
        with pytest.raises(NotInStore, match=f"constituency {constituency}"):
            await store.append_official_turnout_figures(
                [good, OfficialFigure(DAY, constituency, part, "09:00", 0.1)], make_entry()
            )
        assert await store.append_official_turnout_figures([good], make_entry()) == 1


async def test_official_figure_for_an_ambiguous_constituency_needs_a_state(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        with closing(backend.connect()) as db:
            db.execute("UPDATE booth SET state_code = 'S13' WHERE booth_id = 6")
        figure = OfficialFigure(DAY, 174, None, "09:00", 0.11)
        with pytest.raises(NotInStore, match=r"several states \(S13, S24\)"):
            await store.append_official_turnout_figures([figure], make_entry())
        with pytest.raises(NotInStore, match="constituency 174 of S14 is not on the roll"):
            await store.append_official_turnout_figures([replace(figure, state_code="S14")], make_entry())
        both = [replace(figure, state_code=state) for state in ("S13", "S24")]
        assert await store.append_official_turnout_figures(both, make_entry()) == 2
        assert await store.append_official_turnout_figures(both, make_entry()) == 0
        of_one = replace(figure, part_number=6)  # one of them alone has it
        assert (
            await store.append_official_turnout_figures([of_one, replace(of_one, state_code="S13")], make_entry()) == 1
        )


# Complaints


def make_complaint(key: str = "c-1", **changes: Any) -> Complaint:
    return replace(Complaint(key, NOW, ComplaintTopic.TOO_OFTEN, ComplaintChannel.LETTER), **changes)


async def test_complaint_of_a_voter_is_recorded_once_and_its_answer_is_stored(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 1)
        about = make_complaint(campaign_id=CAMPAIGN, attempt_id=new.attempt_id, phone_id=1)
        assert await store.save_complaint(about, make_entry()) == 1
        assert await store.save_complaint(about, make_entry(NOW + 200)) == 1
        assert await store.save_complaint(make_complaint("c-2"), make_entry()) == 2
        answer = ComplaintAnswer("a-1", 1, NOW + 500, ComplaintRemedy.EXPLAINED)
        await store.answer_complaint(answer, make_entry())
        await store.answer_complaint(answer, make_entry(NOW + 600))
        assert await store.append_audit_entry("next", "test", {}, NOW) == 4


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"campaign_id": "nowhere"}, "no campaign nowhere"),
        ({"attempt_id": AttemptId("x")}, "no attempt x"),
        ({"phone_id": 999}, "no number 999"),
    ],
)
async def test_complaint_about_a_call_that_does_not_exist_is_rejected(
    backend: Backend, changes: dict[str, Any], what: str
) -> None:
    async with open_filled_store(backend) as store:
        with pytest.raises(NotInStore, match=what):
            await store.save_complaint(make_complaint(**changes), make_entry())
        with pytest.raises(NotInStore, match="no complaint 1"):
            await store.answer_complaint(ComplaintAnswer("a-1", 1, NOW, ComplaintRemedy.UNFOUNDED), make_entry())
