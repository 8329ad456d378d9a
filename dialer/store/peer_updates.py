"""Updates of other centres, which headquarters passes on in numbered streams: opt-outs, marks about voters, call times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from dialer.domain.errors import KeyTaken, NotInStore
from dialer.domain.model import Mark
from dialer.domain.other_centres import PeerCallRecord, PeerUpdateBatch
from dialer.store import marks, opt_outs, peer_calls
from dialer.store.marks import MarkEffect
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters


class Constituency(NamedTuple):
    """A constituency on this centre's electoral roll."""

    state_code: str
    constituency_number: int


class PeerStreamPosition(NamedTuple):
    """The position up to which a store has applied other centres' updates in a stream of nats-server."""

    position: int = 0  # 0: it has applied none
    stored_at: float | None = None  # when nats-server stored the message there (epoch seconds); None: unknown


class SQL(Statements):
    position = Query(PeerStreamPosition)
    set_position = Command()
    voter_at = Scalar(int)
    constituencies = Query(Constituency)


@dataclass(frozen=True, slots=True)
class PeerUpdateEffect:
    """The changes that updates of other centres made in the store."""

    phones: tuple[int, ...] = ()  # suppressed by them: cancel ringing calls to them
    marks: tuple[tuple[Mark, MarkEffect], ...] = ()  # with the ids of our voters
    unknown: int = 0  # marks of voters who are not on our roll
    calls: tuple[tuple[int, PeerCallRecord], ...] = ()  # each with the id of our number


def save_updates_from_other_centres(db: Connection, updates: PeerUpdateBatch) -> PeerUpdateEffect:
    """Store a batch of other centres' opt-outs, marks (facts about voters) and calls, and its position in the stream.

    A batch that was stored before is skipped. The updates are not announced again. A mark is skipped, and counted as
    unknown, if its voter is not on this centre's electoral roll (which may be another version), or if another mark has
    its key. Raises NotInStore if updates are missing between the stored position and the batch.
    """
    stored = (SQL.position.fetch_first_row(db, stream=updates.stream) or PeerStreamPosition()).position
    if updates.position <= stored:
        return PeerUpdateEffect()
    if updates.after > stored:
        raise NotInStore(
            f"Opt-outs and marks of other centres were not saved, because earlier ones of stream {updates.stream} are"
            f" missing. Request those after position {stored} again."
        )
    phones = []
    for each in updates.opt_outs:
        phone_id = opt_outs.save_opt_out_of_other_centre(db, each.number_hash, at=each.at, centre=each.centre)
        phones += [] if phone_id is None else [phone_id]
    recorded, unknown = [], 0
    for foreign in updates.marks:
        voter_id = SQL.voter_at.fetch_first_value(db, **get_fields_as_sql_parameters(foreign.place))
        undoes_nothing = foreign.mark.undoes is not None and not marks.is_voter_mark_stored(db, foreign.mark.undoes)
        if voter_id is None or undoes_nothing:
            unknown += voter_id is None
            continue
        mark = replace(foreign.mark, voter_id=voter_id)
        try:
            recorded.append((mark, marks.save_voter_mark(db, None, mark)))
        except KeyTaken:
            unknown += 1
    calls = [
        (phone_id, each)
        for each in updates.calls
        if (phone_id := peer_calls.save_call_of_other_centre(db, each)) is not None
    ]
    if calls:
        peer_calls.delete_calls_of_other_centres(db, updates.forget_calls_before)
    SQL.set_position.run_statement(db, stream=updates.stream, position=updates.position, stored_at=updates.stored_at)
    return PeerUpdateEffect(tuple(phones), tuple(recorded), unknown, tuple(calls))
