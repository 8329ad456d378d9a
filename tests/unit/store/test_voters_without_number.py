"""Voters without a callable number are counted separately."""

from __future__ import annotations

from contextlib import closing

from dialer.domain.enums import MarkKind
from dialer.domain.model import Mark, MarkSource
from tests.support.stores import NOW, Backend, make_mark, open_filled_store, read_turnout


async def test_count_of_voters_without_a_phone_number_excludes_voters_with_a_recorded_answer(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        with closing(backend.connect()) as db:
            db.execute("DELETE FROM link WHERE voter_id IN (1, 3, 9)")
            db.execute("UPDATE link SET dropped_at = 1.0 WHERE voter_id = 2")
        assert (await read_turnout(store)).without_number == 4
        marks = [
            make_mark(1, MarkKind.VOTED, key="seen", source=MarkSource.BOOTH_WORKER),
            make_mark(1, MarkKind.NOT_YET, key="again"),
            make_mark(4, MarkKind.VOTED),
        ]
        effects = [await store.save_voter_mark(each) for each in (*marks, marks[0])]
        assert [each.without_number_change for each in effects] == [-1, 0, 0, 0]
        assert (await read_turnout(store)).without_number == 3
        undone = Mark("b", 1, MarkKind.NOT_YET, MarkSource.CORRECTION, NOW + 90, undoes="seen")
        again = Mark("c", 1, MarkKind.NOT_YET, MarkSource.CORRECTION, NOW + 95, undoes="again")
        changes = [(await store.save_voter_mark(each)).without_number_change for each in (undone, again)]
        assert changes == [0, 1]  # not reached, as if nothing had been said
        assert (await read_turnout(store)).without_number == 4


async def test_voter_who_loses_the_last_phone_number_counts_once_as_a_voter_without_number(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        with closing(backend.connect()) as db:
            db.execute("INSERT INTO link (voter_id, phone_id) VALUES (7, 1)")  # 7, 8 and 9 share number 6
        await store.save_voter_mark(make_mark(8, MarkKind.NOT_YET))
        assert await store.count_voters_unreachable_after_opt_out(6) == {}
        await store.save_opt_out(6, at=NOW, source="test")
        assert await store.count_voters_unreachable_after_opt_out(6) == {1: 1}  # 9; 8 is reached, 7 has another number
        await store.save_opt_out(1, at=NOW, source="test")
        assert await store.count_voters_unreachable_after_opt_out(6) == {1: 2}  # of numbers of one moment the last id
        assert await store.count_voters_unreachable_after_opt_out(1) == {1: 1}
        assert (await read_turnout(store)).without_number == 3
        assert await store.count_voters_unreachable_after_opt_out(999) == {}
