"""Inbound calls: each call to one of the site's numbers is routed before it is answered.

An inbound call is no attempt to call the number. It does not count in the abandoned-call rate, and does not update the
pacer. Otherwise it is handled like any other call.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from enum import StrEnum

import structlog

from dialer.domain.enums import CampaignKind, InboundMode
from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId, InboundParty, NewInbound, OpenAttempt
from dialer.domain.switch_events import CallEnded, SwitchUp
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call, Leg
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import CallFinished, StoreFailed
from dialer.engine.inbound.state import UnknownCallers
from dialer.engine.trunks.state import TrunkPool
from dialer.settings.inbound import InboundNumber
from dialer.store.store import Store

_log = structlog.get_logger(__name__)


class InboundAction(StrEnum):
    """The destination of an inbound call."""

    FLOW = "flow"
    AGENT = "agent"
    MESSAGE = "message"  # to the information message, because the caller is unknown
    HANG_UP = "hang-up"


class Inbound:
    """Routes inbound calls, and tracks which of them are live."""

    def __init__(
        self,
        core: Core,
        servers: AsteriskServers,
        unknown_callers: UnknownCallers,
        calls: LiveCalls,
        runs: CampaignRuns,
        store: Store,
        trunks: TrunkPool,
    ) -> None:
        """Create the routing of inbound calls. Calls to numbers that are not in the settings are hung up."""
        self._trunks = trunks
        self._core = core
        self._servers = servers
        self._unknown_callers = unknown_callers
        self._calls = calls
        self._runs = runs
        self._store = store
        self._routing: dict[
            AttemptId, CallEnded | None
        ] = {}  # calls that are being routed, with their end if they have ended meanwhile

    @property
    def live_inbound_call_count(self) -> int:
        """Return the number of live inbound calls."""
        known = sum(1 for call in self._calls.list_live_calls() if call.inbound)
        return known + len(self._unknown_callers.trunks.keys() | self._routing.keys())

    def reserve_channel_for_inbound_call(self) -> AttemptId | None:
        """Reserve a channel for an inbound call and return its attempt id, or None if it must be hung up unanswered."""
        if (
            self._core.draining
            or not self._servers.is_any_asterisk_server_up
            or self.live_inbound_call_count >= self._core.plan.inbound.channels
        ):
            _log.info("inbound.refused", live=self.live_inbound_call_count, channels=self._core.plan.inbound.channels)
            return None
        attempt_id = AttemptId(str(uuid.uuid4()))
        self._routing[attempt_id] = None
        return attempt_id

    def release_channel_of_inbound_call(self, attempt_id: AttemptId) -> None:
        """Release the trunk channel that was reserved for an inbound call, because the call is hung up without being
        routed.
        """
        self._routing.pop(attempt_id, None)
        self._unknown_callers.trunks.pop(attempt_id, None)

    async def route_inbound_call(
        self, attempt_id: AttemptId, called: str | None, number: str | None, endpoint: str, attestation: str = ""
    ) -> InboundAction:
        """Return where an inbound call is routed, and store the call. A channel must have been reserved for it.

        `called` is the called number and `number` the caller's (E.164; None if withheld). `endpoint` is the trunk's SIP
        endpoint. `attestation` is the STIR/SHAKEN attestation of the caller's number.
        """
        route = self._find_route_of_number(called)
        if route is None or route.campaign not in self._runs:
            _log.info("inbound.called_number_unknown", attempt=attempt_id)
            self.release_channel_of_inbound_call(attempt_id)
            return InboundAction.HANG_UP
        trunk = self._unknown_callers.trunks[attempt_id] = self._trunks.find_trunk_name_of_endpoint(endpoint)
        party: InboundParty | None = None
        try:
            party = await self._store.save_inbound_call(
                self._create_record_of_inbound_call(attempt_id, route, number, trunk, attestation)
            )
        except StoreError as error:  # the caller still hears a message, but no call-back is recorded
            self._core.request_side_effects(StoreFailed(error))
        return self._start_inbound_call(attempt_id, route, party, trunk)

    def _find_route_of_number(self, number: str | None) -> InboundNumber | None:
        return next((each for each in self._core.plan.inbound.numbers if each.number == number), None)

    def _create_record_of_inbound_call(
        self, attempt_id: AttemptId, route: InboundNumber, number: str | None, trunk: str, attestation: str
    ) -> NewInbound:
        now = self._core.clock.now()
        return NewInbound(
            attempt_id,
            route.campaign,
            now,
            route.number,
            number,
            trunk,
            route.mode,
            call_back_at=now + self._core.plan.inbound.call_back_delay_seconds
            if route.mode is InboundMode.MISSED_CALL
            else None,
            attestation=attestation,
        )

    def _start_inbound_call(
        self, attempt_id: AttemptId, route: InboundNumber, party: InboundParty | None, trunk: str
    ) -> InboundAction:
        ended = self._routing.pop(attempt_id, None)
        self._unknown_callers.trunks.pop(attempt_id, None)
        if route.mode is InboundMode.MISSED_CALL:
            # Even if the number is due earlier, the hopper reads the queue again by then.
            back_at = self._core.clock.now() + self._core.plan.inbound.call_back_delay_seconds
            self._runs[route.campaign].set_due_time_of_next_number(back_at)
            return InboundAction.HANG_UP
        if party is None:
            if ended is None:  # not stored, because the caller is not on the roll, but the call uses a channel
                self._unknown_callers.trunks[attempt_id] = trunk
            return InboundAction.MESSAGE
        call = self._calls.add_or_replace_call(self._create_live_inbound_call(attempt_id, route, party, trunk))
        self._calls.publish_call_state(call, call.call_state)
        if ended is not None:  # the caller hung up while the call was being routed
            self._core.request_side_effects(CallFinished(ended))
        return InboundAction.AGENT if route.mode is InboundMode.AGENT else InboundAction.FLOW

    def _create_live_inbound_call(
        self, attempt_id: AttemptId, route: InboundNumber, party: InboundParty, trunk: str
    ) -> Call:
        return Call(
            attempt_id=attempt_id,
            campaign_id=route.campaign,
            kind=_get_campaign_kind_of_inbound_number(route),
            phone_id=party.phone_id,
            voter_id=party.voter_id,
            booth_id=party.booth_id,
            attempt_number=0,
            language=party.language,
            pending_voters=party.pending_voters,
            trunk=trunk,
            leg=Leg(self._core.clock.monotonic(), originate_sent=True),
            inbound=True,
            flow_source=route.flow,
        )

    def on_end_of_unstored_inbound_call(self, ended: CallEnded) -> None:
        """Handle the end of an inbound call that is not stored: its caller is unknown, or the call is still being
        routed.
        """
        if self._unknown_callers.trunks.pop(ended.attempt_id, None) is not None:
            self._core.wake.set()  # a channel has become free
        if ended.attempt_id in self._routing:
            self._routing[ended.attempt_id] = ended

    def resync_inbound_calls_with_server(self, up: SwitchUp) -> frozenset[AttemptId]:
        """Remove unknown callers' inbound calls that have ended on an Asterisk server.

        Returns the other inbound calls of unknown callers, and the calls that are still being routed. They must not be
        hung up as stray calls.
        """
        strangers = self._unknown_callers.trunks
        for attempt_id in strangers.keys() - up.live_attempts - self._routing.keys():
            if self._servers.get_server_of_trunk(strangers[attempt_id]) == up.server:
                del strangers[attempt_id]
        return frozenset(strangers.keys() | self._routing.keys())

    def restore_inbound_call_of_earlier_run(self, call: Call, attempt: OpenAttempt) -> Call:
        """Return an inbound call that an earlier run left open, with the route of the number that was called."""
        route = self._find_route_of_number(attempt.caller_id)
        kind = CampaignKind.IVR if route is None else _get_campaign_kind_of_inbound_number(route)
        return replace(call, inbound=True, kind=kind, flow_source=None if route is None else route.flow)


def _get_campaign_kind_of_inbound_number(route: InboundNumber) -> CampaignKind:
    return CampaignKind.AGENTS if route.mode is InboundMode.AGENT else CampaignKind.IVR
