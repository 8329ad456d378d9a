"""Campaigns: the state that an operator set, and the pacing statistics that the pacer learned."""

from __future__ import annotations

from typing import NamedTuple

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import StoreError
from dialer.domain.model import CampaignState
from dialer.store.sql import Command, Connection, Query, Scalar, Statements


class CampaignStateRow(NamedTuple):
    """The database row with a campaign's state, as an operator set it."""

    campaign_id: str
    state: str


class SQL(Statements):
    add_or_update_campaign = Scalar(CampaignState)
    set_campaign_state = Command()
    stop_campaigns = Scalar(str)
    campaign_states = Query(CampaignStateRow)
    set_stop_of_all = Command()
    delete_stop_of_all = Command()
    exclude_from_headquarters_stops = Command()
    exclude_all_from_headquarters_stops = Command()
    purpose = Scalar(str)
    save_pacer_state = Command()
    pacer_state = Scalar(str)


def add_or_update_campaign(
    db: Connection,
    campaign_id: str,
    kind: CampaignKind,
    purpose: Purpose,
    first_state: CampaignState = CampaignState.RUNNING,
) -> CampaignState:
    """Add a campaign, or update its kind and purpose. Return its state.

    The state is the one that a person last set. A new campaign gets `first_state`, or is stopped if a person has stopped
    all campaigns and resumed none since.
    """
    return SQL.add_or_update_campaign.fetch_only_value(
        db, campaign_id=campaign_id, kind=kind.value, purpose=purpose.value, first_state=first_state.value
    )


def set_campaign_state(db: Connection, campaign_id: str, state: CampaignState) -> None:
    """Store the state that an operator set for a campaign.

    A stop order of headquarters that is in force no longer applies to this campaign: when headquarters lifts the order,
    the campaign keeps the state that the operator set.
    """
    update_campaign_state(db, campaign_id, state)
    SQL.exclude_from_headquarters_stops.run_statement(db, path=f'$."{campaign_id}"')
    if state is CampaignState.RUNNING:
        SQL.delete_stop_of_all.run_statement(db)


def stop_campaigns(db: Connection, at: float) -> list[str]:
    """Store the state "stopped" for all campaigns, and return their ids. Campaigns that are added later start stopped
    too.

    `at` is in epoch seconds.
    """
    SQL.set_stop_of_all.run_statement(db, at=at)
    SQL.exclude_all_from_headquarters_stops.run_statement(db)
    return sorted(SQL.stop_campaigns.fetch_all_values(db))


def read_campaign_states(db: Connection) -> dict[str, CampaignState]:
    """Return the state that an operator set for each campaign, by campaign id."""
    return {row.campaign_id: CampaignState(row.state) for row in SQL.campaign_states.iterate_rows(db)}


def update_campaign_state(db: Connection, campaign_id: str, state: CampaignState) -> None:
    """Replace the stored state of a campaign, without ending a stop order of headquarters that applies to the campaign.

    Raises StoreError if the campaign is not in the store.
    """
    if SQL.set_campaign_state.run_statement(db, campaign_id=campaign_id, state=state.value) == 0:
        raise create_error_about_unknown_campaign(campaign_id)


def is_booth_worker_campaign(db: Connection, campaign_id: str) -> bool:
    """Return whether a campaign calls booth workers (helpers at polling stations) instead of voters."""
    return SQL.purpose.fetch_first_value(db, campaign_id=campaign_id) == Purpose.BOOTH_WORKERS


def save_pacer_state(db: Connection, campaign_id: str, state: str) -> None:
    """Store the pacing statistics that the campaign's pacer learned (JSON).

    Raises StoreError if the campaign is not in the store.
    """
    if SQL.save_pacer_state.run_statement(db, campaign_id=campaign_id, state=state) == 0:
        raise create_error_about_unknown_campaign(campaign_id)


def read_pacer_state(db: Connection, campaign_id: str) -> str | None:
    """Return the pacing statistics that the campaign's pacer learned (JSON), or None for a new campaign."""
    return SQL.pacer_state.fetch_first_value(db, campaign_id=campaign_id)


def create_error_about_unknown_campaign(campaign_id: str) -> StoreError:
    """Return the error to raise for a campaign that is not in the store."""
    return StoreError(f"The store has no campaign {campaign_id!r}. Check its name, or start the campaign first.")
