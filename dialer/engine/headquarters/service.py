"""Orders of headquarters: verified with the public keys of leaders (people who may sign orders), and carried out once.

A stop by headquarters survives restarts and commands at the centre. Only an order signed by two leaders ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialer.domain.alerts import CLOCKS_APART_SECONDS, AlertKind
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import CampaignState
from dialer.domain.orders import (
    ExecutedOrder,
    HqOrder,
    LeaderSignature,
    OrderForged,
    OrderKind,
    calculate_order_digest,
    find_order_signers,
    parse_order_text,
    refuse_invalid_order,
    was_order_executed,
)
from dialer.engine.alerts.state import Alerts
from dialer.engine.campaigns.service import Campaigns
from dialer.engine.core import Core
from dialer.engine.effects import StartTimer, TimerExpired, TimerKind
from dialer.store.audit import AuditNote
from dialer.store.store import Store

_FORGERY_ALERT = "headquarters-forged"
QUIET_SECONDS = 3600.0  # time without another forged order before the alert is cleared; the audit keeps each refusal


class HeadquartersOrders:
    """Verifies orders of headquarters and carries them out."""

    def __init__(self, core: Core, alerts: Alerts, store: Store, campaigns: Campaigns) -> None:
        """Create the service that verifies orders of headquarters. If the settings name no leaders (people who may sign
        orders), no order is accepted.
        """
        self._core = core
        self._alerts = alerts
        self._store = store
        self._campaigns = campaigns

    async def restore_stop_order(self) -> None:
        """Restore a stop by headquarters that is still in force from an earlier run. Campaigns that were added since
        are stopped too. Raises StoreError.
        """
        stops = await self._store.read_stop_orders_in_force()
        if stops:
            stopped = {name: state for each in stops.values() for name, state in each.items()}
            self._suspend_campaigns(next(reversed(stops)), stopped)

    async def execute_headquarters_order(self, text: str, signatures: Sequence[LeaderSignature]) -> str:
        """Verify an order of headquarters and carry it out. Raises CommandRefused.

        Raises StoreError if the order could not be stored; an order to stop is in force even then.
        """
        order = parse_order_text(text)
        plan = self._core.plan.headquarters
        if not plan.leaders:
            raise CommandRefused(
                "this centre refuses all orders of headquarters, because its settings do not name the people who may"
                " sign orders: add these leaders, with their public keys, to [[headquarters.leaders]]"
            )
        try:
            signers = find_order_signers(text, signatures, plan.leaders)
        except OrderForged:
            self._alerts.raise_alert(AlertKind.HEADQUARTERS_FORGED)
            self._core.request_side_effects(
                StartTimer(_FORGERY_ALERT, QUIET_SECONDS, TimerExpired(TimerKind.FORGERY_ALERT_EXPIRED))
            )
            raise
        now = self._core.clock.now()
        refuse_invalid_order(order, signers, self._core.centre_id, plan.zone, now)
        if was_order_executed(order, text, await self._store.read_headquarters_orders()):
            return f"order {order.id} was already carried out"
        what = {
            "command": order.order.value,
            "id": order.id,
            "to": order.to,
            "signed": ", ".join(signers),
            "status": "done",
        }
        if order.campaign_id is not None:
            what["campaign_id"] = order.campaign_id
        heard = ExecutedOrder(order.id, calculate_order_digest(text), order.order.value, order.made_at)
        return await self._carry_out_headquarters_order(
            order, heard, AuditNote(f"headquarters/{signers[0]}", now, what)
        )

    async def _carry_out_headquarters_order(self, order: HqOrder, heard: ExecutedOrder, note: AuditNote) -> str:
        if order.order is OrderKind.STOP_ALL:
            before = self._suspend_campaigns(order.id, {})  # before it is stored: a stop must not wait for the disk
            stopped = dict.fromkeys(self._core.plan.campaigns, CampaignState.STOPPED)
            await self._store.save_headquarters_order(heard, stopped, note, stopped=before)
            return f"stopped {len(stopped)} campaigns"
        if order.order is OrderKind.RESUME and order.campaign_id is None:
            return await self._resume_suspended_campaigns(heard, note)
        campaign_id = order.campaign_id or ""
        if order.order is OrderKind.QUOTA:
            said = await self._campaigns.set_campaign_speed_limit(
                campaign_id, order.max_calls, order.calls_per_seat, note.who
            )
        else:
            state = CampaignState.PAUSED if order.order is OrderKind.PAUSE else CampaignState.RUNNING
            said = await self._campaigns.set_campaign_state(campaign_id, state)
        await self._store.save_headquarters_order(heard, {}, note)
        return said

    def clear_alert_about_forged_orders(self) -> None:
        """Clear the alert about forged orders from headquarters, because no forged order has arrived for a while."""
        self._alerts.clear_alert(AlertKind.HEADQUARTERS_FORGED)

    async def stop_campaigns_because_store_lost_results(self) -> str:
        """Stop all campaigns, because headquarters has results that this store has lost. Raises StoreError."""
        self._alerts.raise_alert(AlertKind.STORE_SET_BACK)
        return await self._campaigns.stop_all_campaigns()

    def update_uplink_alerts(self, problem: str, clock_ahead_seconds: float, server_problem: str) -> None:
        """Raise or clear three alerts: headquarters refuses this centre's results (`problem`), headquarters' server
        cannot store them (`server_problem`), or the clocks differ (`clock_ahead_seconds`).

        An empty text means that there is no problem.
        """
        for kind, cause in (
            (AlertKind.HEADQUARTERS_REFUSES, problem),
            (AlertKind.HEADQUARTERS_FULL, server_problem),
        ):
            if cause:
                self._alerts.raise_alert(kind, problem=cause)
            else:
                self._alerts.clear_alert(kind)
        if abs(clock_ahead_seconds) > CLOCKS_APART_SECONDS:
            self._alerts.raise_alert(AlertKind.HEADQUARTERS_CLOCK, seconds=round(abs(clock_ahead_seconds)))
        else:
            self._alerts.clear_alert(AlertKind.HEADQUARTERS_CLOCK)

    async def _resume_suspended_campaigns(self, heard: ExecutedOrder, note: AuditNote) -> str:
        why = self._campaigns.suspended_because
        states = (
            self._campaigns.resume_all_campaigns()
        )  # before it is stored, so that a stop given meanwhile comes later
        try:
            await self._store.save_headquarters_order(heard, states, note, lifts=True)
        except StoreError:
            if why is not None:
                self._campaigns.suspend_all_campaigns(why, {})
            raise
        self._alerts.clear_alert(AlertKind.HEADQUARTERS_STOP)
        return (
            f"{len(states)} campaigns resumed as before the stop" if states else "no stop by headquarters was in force"
        )

    def _suspend_campaigns(self, order_id: str, stopped: Mapping[str, CampaignState]) -> dict[str, CampaignState]:
        why = (
            f"headquarters has stopped all campaigns (order {order_id}): they resume by an order that two leaders sign"
        )
        self._alerts.raise_alert(AlertKind.HEADQUARTERS_STOP, order=order_id)
        return self._campaigns.suspend_all_campaigns(why, stopped)
