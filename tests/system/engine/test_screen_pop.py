"""Screen pops: shown at the seat before the voter is connected, and updated with marks from elsewhere."""

from __future__ import annotations

from pathlib import Path

from dialer.domain.model import Disposition
from dialer.domain.view import SeatState, SeatView
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.external_records.commands import MarkReport, RecordMarks
from tests.support.centre import a_site
from tests.support.seats import seat, wait_until_talking
from tests.support.stored import query_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch


@virtual_time()
async def test_agent_sees_voter_data_from_seat_reservation_until_wrap_up_ends(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_answering_switch(talk_seconds=8.0), seats=1, campaign={"wrap_up_seconds": 10.0}
    ) as site:
        await site.log_in("01")
        await wait_until_talking(site)
        attempt = seat(site).attempt_id
        changes = [change for change in site.changes if isinstance(change, SeatView)]
        first = next(view for view in changes if view.attempt_id == attempt and view.screen_pop is not None)
        assert first.state is SeatState.RESERVED
        pop = seat(site).screen_pop
        assert pop is not None
        [row] = query_store(
            tmp_path / "centre.db",
            "SELECT phone_id, voter_id, booth_id, lawful_id FROM attempt JOIN voter USING (voter_id) WHERE attempt_id = ?",
            attempt,
        )
        assert (pop.phone_id, pop.voter_id, pop.booth_id, pop.grounds) == row
        assert pop.voter_id in pop.voters
        assert (pop.settled, pop.opted_out) == ((), False)
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        assert seat(site).screen_pop == pop
        await site.until(lambda: seat(site).state is SeatState.READY)
        assert seat(site).screen_pop is None


@virtual_time()
async def test_agent_sees_votes_and_opt_outs_that_arrive_during_the_call(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=60.0), seats=1) as site:
        await site.log_in("01")
        await wait_until_talking(site)
        pop = seat(site).screen_pop
        assert pop is not None
        voter_id = pop.voters[-1]
        mark = MarkReport(key="import/1", voter_id=voter_id, kind="voted", source="booth-worker", at=site.clock.now())
        await site.centre.engine.execute_command(RecordMarks(marks=(mark,), batch="b-1", who="ops"))

        def list_settled_voters() -> tuple[int, ...]:
            now = seat(site).screen_pop
            return () if now is None else now.settled

        await site.until(lambda: list_settled_voters() == (voter_id,), seconds=1)
        assert seat(site).state is SeatState.TALKING
        await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.OPT_OUT))

        def has_opted_out() -> bool:
            now = seat(site).screen_pop
            return now is not None and now.opted_out

        await site.until(has_opted_out, seconds=1)
        told = [change.screen_pop for change in site.changes if isinstance(change, SeatView)]
        assert told[-1] is not None
        assert told[-1].opted_out
