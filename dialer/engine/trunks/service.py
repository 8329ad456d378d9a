"""The health of the trunks, updated from the results of their calls. An alert says when a trunk is suspended (gets no
calls for a while).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialer.domain.alerts import AlertKind
from dialer.domain.model import Outcome
from dialer.domain.switch_events import NO_AUDIO_STATUSES, CallEnded, UnregisteredTrunksListed
from dialer.domain.view import Hold, HoldReason, TrunkState
from dialer.engine.alerts.state import Alerts
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.state import Call
from dialer.engine.core import Core
from dialer.engine.trunks.state import (
    CALLS_WITH_CODEC,
    NO_COMMON_CODEC_CAUSE,
    TrunkPool,
    has_call_failed_because_of_trunk,
)


class Trunks:
    """Watches the health of the trunks in the settings."""

    def __init__(self, core: Core, alerts: Alerts, servers: AsteriskServers, trunks: TrunkPool) -> None:
        """Load the trunks of the settings into the pool `trunks`."""
        self._core = core
        self._alerts = alerts
        self._servers = servers
        self.pool = self._trunks = trunks
        self._answered_since_codec_failure: dict[str, int] = {}  # calls in a row, of trunks with the alert
        self.apply_settings_of_trunks()

    def apply_settings_of_trunks(self) -> None:
        """Apply the trunks of the current settings, and end the alerts of removed trunks."""
        gone = set(self._trunks.names)
        plan = self._core.plan
        self._servers.add_asterisk_servers(
            {trunk.name: trunk.server for trunk in plan.trunks}, (seat.server for seat in plan.seats.values())
        )
        self._trunks.apply_trunk_settings(plan.trunks, self._core.clock.monotonic())
        for name in gone - set(self._trunks.names):
            self._alerts.clear_alert(AlertKind.TRUNK, name)
            self._alerts.clear_alert(AlertKind.REGISTRATION, name)
            self._alerts.clear_alert(AlertKind.NO_CODEC, name)
            self._answered_since_codec_failure.pop(name, None)

    def on_unregistered_trunks_listed(self, listed: UnregisteredTrunksListed) -> None:
        """Raise an alert for each unregistered trunk of an Asterisk server, and end the alerts of registered trunks."""
        for name in self._trunks.names:
            if self._servers.get_server_of_trunk(name) != listed.server:
                continue
            if self._trunks[name].endpoint in listed.endpoints:
                self._alerts.raise_alert(AlertKind.REGISTRATION, trunk=name)
            else:
                self._alerts.clear_alert(AlertKind.REGISTRATION, name)

    def on_call_ringing(self, call: Call) -> None:
        """Update a trunk when one of its calls rings."""
        now = self._core.clock.monotonic()
        self._trunks.update_trunk_when_call_rings(
            call.trunk, now - call.placed_monotonic_seconds, call.placed_monotonic_seconds, now
        )
        self._update_failing_trunk_alert(call.trunk)

    def update_trunk_after_call(self, call: Call, ended: CallEnded, outcome: Outcome) -> bool:
        """Update a trunk when one of its calls ends. Return True if the call failed because of the trunk, not the
        number.
        """
        health = self._trunks.get_trunk_health(call.trunk)
        if health is None:  # found after a restart, on a trunk that is no longer in the settings
            return False
        tally = self._trunks.tallies[call.trunk]
        failed = has_call_failed_because_of_trunk(outcome, ended)
        if outcome is not Outcome.REFUSED:
            tally.attempts += 1
        tally.answered += outcome.is_answered
        tally.failures += failed is True
        self._trunks.update_trunk_when_call_ends(
            call.trunk, failed, call.placed_monotonic_seconds, self._core.clock.monotonic()
        )
        self._update_failing_trunk_alert(call.trunk)
        self._update_codec_alert(call.trunk, ended)
        rang = ended.ever_ringing or call.ringing_monotonic_seconds is not None
        return failed is True and not rang and health.is_trunk_at_fault

    def _update_codec_alert(self, name: str, ended: CallEnded) -> None:
        """Raise an alert when a call fails because its codec is not offered, and end it when the codecs work again."""
        answered = self._answered_since_codec_failure
        rejected = ended.cause == NO_COMMON_CODEC_CAUSE and not ended.answered
        if (rejected or ended.technical_cause in NO_AUDIO_STATUSES) and name in self._trunks.names:
            answered[name] = 0
            self._alerts.raise_alert(AlertKind.NO_CODEC, trunk=name)
        elif ended.answered and name in answered:
            answered[name] += 1
            if answered[name] >= CALLS_WITH_CODEC:
                del answered[name]
                self._alerts.clear_alert(AlertKind.NO_CODEC, name)

    def _update_failing_trunk_alert(self, name: str) -> None:
        """Raise an alert when a failing trunk is suspended (gets no calls for a while), and end it when the trunk works
        again.
        """
        health = self._trunks.get_trunk_health(name)
        if health is None:
            return
        now = self._core.clock.monotonic()
        if health.determine_state_of_trunk(now) is TrunkState.WORKING or name not in self._trunks.names:
            self._alerts.clear_alert(AlertKind.TRUNK, name)
        elif health.determine_state_of_trunk(now) is TrunkState.RESTING:
            until = self._format_local_time_after_seconds(health.count_seconds_until_test_call(now))
            self._alerts.raise_alert(
                AlertKind.TRUNK, trunk=name, until=until, failed=health.failed_calls, calls=health.judged_calls
            )

    def explain_suspension_of_all_trunks(self, campaign_id: str, names: Sequence[str]) -> Hold | None:
        """Return why a campaign cannot dial if all its trunks are suspended, otherwise None. An alert is active as long
        as all of them are suspended.
        """
        now = self._core.clock.monotonic()
        if not self._trunks.are_all_trunks_suspended(names, now):
            self._alerts.clear_alert(AlertKind.TRUNKS, campaign_id)
            return None
        left = min(
            (
                health.count_seconds_until_test_call(now)
                for name in names
                if (health := self._trunks.get_trunk_health(name)) is not None
            ),
            default=0.0,
        )
        what = (
            f"all trunks are suspended until {self._format_local_time_after_seconds(left)}"
            if left > 0
            else "a test call is in progress on a suspended trunk"
        )
        reasons = "; ".join(
            f"{name}: {health.suspension_reason}" for name in names if (health := self._trunks.get_trunk_health(name))
        )
        self._alerts.raise_alert(AlertKind.TRUNKS, campaign=campaign_id)
        return Hold(HoldReason.TRUNKS, f"{what} ({reasons})")

    def _format_local_time_after_seconds(self, seconds_ahead: float) -> str:
        at = round(self._core.clock.now() + seconds_ahead)
        return datetime.fromtimestamp(at, self._core.zone).strftime("%H:%M:%S")
