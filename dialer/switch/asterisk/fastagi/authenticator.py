"""Authenticate FastAGI connections by a token that Asterisk's dialplan computes (`dialer.deploy.asterisk.agi_secret`).

A connection without a valid token is rejected and raises an alert. Either a stranger has found the port, or Asterisk
runs an outdated dialplan, so its calls are not served.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import replace

from dialer.deploy.asterisk.agi_secret import compute_agi_token
from dialer.domain.alerts import Alert, AlertKind, create_alert
from dialer.domain.clock import Clock
from dialer.switch.asterisk.agi_codec import AgiEnvironment
from dialer.switch.asterisk.agi_server import AgiAuthenticator

QUIET_SECONDS = 300.0  # from the last rejected connection to the end of the alert


class TokenAuthenticator(AgiAuthenticator):
    """An authenticator that accepts FastAGI connections with a valid token.

    It raises an alert when a connection has no valid token, or when there are too many connections.
    """

    def __init__(self, secret: str, raise_alert: Callable[[Alert], None], clock: Clock) -> None:
        """Create an authenticator.

        Args:
            secret: the secret in the rendered dialplan, from which tokens are computed.
            raise_alert: called with each alert when it starts and when it has cleared.
            clock: gives the alerts' times.
        """
        self._secret = secret
        self._raise_alert = raise_alert
        self._clock = clock
        self._last: dict[str, float] = {}  # when the cause of each alert last occurred (loop time)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._raised: dict[str, Alert] = {}

    def is_connection_authentic(self, environment: AgiEnvironment) -> bool:
        """Return whether a connection has the valid token for its path, channel and unique id."""
        token = compute_agi_token(
            self._secret, environment.agi_url_path, environment.unique_id, environment.channel_name
        )
        shown = (*environment.agi_arguments, "")[0]
        if hmac.compare_digest(shown.encode(), token.encode()):
            return True
        self._raise_alert_unless_active(create_alert(AlertKind.FASTAGI_STRANGER, self._clock.now()))
        return False

    def report_too_many_connections(self, problem: str) -> None:
        """Raise the alert that connections are closed because there are too many of them."""
        self._raise_alert_unless_active(create_alert(AlertKind.FASTAGI_CROWDED, self._clock.now(), problem=problem))

    def close(self) -> None:
        """Cancel the timers that clear the authenticator's alerts. No alert of the authenticator changes after this."""
        for timer in self._timers.values():
            timer.cancel()

    def _raise_alert_unless_active(self, alert: Alert) -> None:
        loop, code = asyncio.get_running_loop(), alert.code
        self._last[code] = loop.time()
        if code in self._raised:
            return
        self._raised[code] = alert
        self._raise_alert(alert)
        self._timers[code] = loop.call_later(QUIET_SECONDS, self._clear_alert_after_time_without_attacks, code)

    def _clear_alert_after_time_without_attacks(self, code: str) -> None:
        loop = asyncio.get_running_loop()
        left = self._last[code] + QUIET_SECONDS - loop.time()
        if left > 0:
            self._timers[code] = loop.call_later(left, self._clear_alert_after_time_without_attacks, code)
            return
        self._raise_alert(replace(self._raised.pop(code), at=self._clock.now(), cleared=True))
