"""Agents' own call-backs: calls that agents promised to make themselves."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.model import DispositionRecord
from dialer.store.sql import Command, Connection, Query, Statements, get_fields_as_sql_parameters


@dataclass(frozen=True, slots=True)
class OwnCallBack:
    """A call-back that is reserved for an agent. Times are epoch seconds."""

    campaign_id: str
    phone_id: int
    agent: str
    attempt_id: str  # in which the voter asked for it
    at: float
    until: float  # from then on any agent may make it


class SQL(Statements):
    delete_replaced_or_expired = Command()
    insert_call_back = Command()
    call_backs = Query(OwnCallBack)


def save_call_back_reserved_for_agent(
    db: Connection, campaign_id: str, phone_id: int, record: DispositionRecord
) -> None:
    """Store the call-back that an agent promised to make personally, if the agent's result for the call contains one.

    An earlier call-back to the same number that was reserved for an agent is deleted.
    """
    SQL.delete_replaced_or_expired.run_statement(db, campaign_id=campaign_id, phone_id=phone_id, now=record.at)
    if record.own_at is not None and record.agent is not None and record.retry_at is not None:
        own = OwnCallBack(campaign_id, phone_id, record.agent, record.attempt_id, record.own_at, record.retry_at)
        SQL.insert_call_back.run_statement(db, **get_fields_as_sql_parameters(own))


def read_call_backs_reserved_for_agents(db: Connection, now: float) -> list[OwnCallBack]:
    """Return the call-backs that are reserved at `now` (epoch seconds) for the agents who promised to make them.

    Call-backs that have been made already may be among them.
    """
    return SQL.call_backs.fetch_all_rows(db, now=now)
