"""Peer updates during calls: voters who voted, opted out or were called in other centres are not called."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dialer.domain.model import Outcome
from dialer.domain.view import CallState
from dialer.engine.headquarters.commands import ImportPeerUpdates, PeerCall, PeerMark, PeerOptOut
from dialer.rules.number_hash import hash_number
from tests.support.centre import Site, a_site
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

SECRET = "twenty characters, at least"
NUMBER = "+917000000{:03}"


def make_peer_updates(
    site: Site, after: int, position: int, *serials: int, version: str = ROLL_VERSION, out: int = 0
) -> ImportPeerUpdates:
    """Return marks "voted" of these serials, and an opt-out of the number `out`, from another centre."""
    now = site.clock.now()
    marks = tuple(
        PeerMark(
            key=f"theirs:{serial}",
            roll_version=version,
            state_code=STATE_CODE,
            constituency_number=CONSTITUENCY_NUMBER,
            part_number=1,
            serial=serial,
            kind="voted",
            source="agent",
            at=now,
            centre="pune-2",
        )
        for serial in serials
    )
    hashes = [hash_number(SECRET.encode(), NUMBER.format(out))] if out else []
    return ImportPeerUpdates(
        stream="PEERS",
        after=after,
        position=position,
        opt_outs=tuple(PeerOptOut(number_hash=each, at=now, centre="pune-2") for each in hashes),
        peer_marks=marks,
    )


@virtual_time()
async def test_votes_and_opt_outs_reported_by_other_centres_cancel_ringing_calls(tmp_path: Path) -> None:
    lines = make_answering_switch(answer_after=25.0, talk_seconds=5.0)
    async with a_site(tmp_path, lines, seats=3, rules={"opt_out_secret": SECRET}) as site:
        await site.log_in("01", "02", "03")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 3)
        reply = await site.centre.engine.execute_command(make_peer_updates(site, 0, 4, 1, out=2))
        assert reply == "1 numbers suppressed, 1 marks saved"
        await site.until(lambda: len(site.ended()) == 2, seconds=1)
        assert {change.outcome for change in site.ended()} == {Outcome.CANCELLED}
        assert sum(booth.voted for booth in site.centre_view.booths) == 1
        assert (
            await site.centre.engine.execute_command(make_peer_updates(site, 0, 4, 1))
            == "0 numbers suppressed, 0 marks saved"
        )
    closed = query_site_store(tmp_path, "SELECT phone_id, state FROM target WHERE phone_id <= 2")
    assert closed == [(1, "closed"), (2, "closed")]
    assert query_site_store(
        tmp_path, "SELECT count(*) FROM outbox WHERE topic IN ('results/marks', 'results/opt-outs')"
    ) == [(0,)]


@virtual_time()
async def test_unknown_voter_alert_clears_at_the_next_vote_of_a_known_voter(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=25.0, talk_seconds=5.0)) as site:
        await site.centre.engine.execute_command(make_peer_updates(site, 0, 1, 1, 2, version="another roll"))
        (alert,) = [each for each in site.centre_view.alerts if each.code == "peer-marks-skipped"]
        assert alert.text.startswith("2 voter results of other centres were skipped")
        await site.centre.engine.execute_command(make_peer_updates(site, 1, 2, 1))
        assert not [each for each in site.centre_view.alerts if each.code == "peer-marks-skipped"]


@virtual_time()
async def test_phone_number_that_another_centre_called_is_not_dialled_within_the_minimum_interval(
    tmp_path: Path,
) -> None:
    """Number 1 is in the hopper when the call of the other centre is reported; it was reserved before."""
    lines = make_answering_switch(answer_after=5.0, talk_seconds=5.0)
    async with a_site(tmp_path, lines, voters=1, seats=1, rules={"opt_out_secret": SECRET}) as site:
        called_at = site.clock.now()
        call = PeerCall(
            number_hash=hash_number(SECRET.encode(), NUMBER.format(1)),
            at=called_at + 3600.0,
            kind="call",
            centre="pune-2",
        )
        update = ImportPeerUpdates(stream="CALLS", after=0, position=1, opt_outs=(), peer_marks=(), peer_calls=(call,))
        await site.centre.engine.execute_command(update)
        await site.log_in("01")
        await asyncio.sleep(890.0)
        assert query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE outcome IS NOT 'refused'") == [(0,)]
        await site.until(lambda: len(site.ended()) == 1, seconds=120)
    [(dialled_at,)] = query_site_store(tmp_path, "SELECT created_at FROM attempt WHERE outcome IS NOT 'refused'")
    assert dialled_at >= called_at + 900.0
