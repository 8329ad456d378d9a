"""Authentication of FastAGI connections: Asterisk's dialplan sends a token that it computes
(`dialer.deploy.asterisk.agi_secret`).

Any other connection is rejected, whatever attempt or seat it names, and an alert is raised: either a stranger has found
the port, or Asterisk still runs a dialplan of another rendering and its calls are not served.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import replace

from dialer.deploy.asterisk.agi_secret import agi_token
from dialer.domain.alerts import Alert, AlertKind, new_alert
from dialer.domain.clock import Clock
from dialer.switch.asterisk.agi_codec import AgiEnvironment
from dialer.switch.asterisk.agi_server import AgiAuthenticator

QUIET_SECONDS = 300.0  # from the last rejected connection to the end of its alert


class TokenAuthenticator(AgiAuthenticator):
    """Accepts connections with a valid token. Raises an alert for others, and for too many connections."""

    def __init__(self, secret: str, raise_alert: Callable[[Alert], None], clock: Clock) -> None:
        """`secret` is the dialplan's. `raise_alert` gets each alert, and its end."""
        self._secret = secret
        self._raise_alert = raise_alert
        self._clock = clock
        self._last: dict[str, float] = {}  # when each alert's cause last occurred, on the loop's clock
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._raised: dict[str, Alert] = {}

    def accepts(self, environment: AgiEnvironment) -> bool:
        """Return whether a connection has the token of its path, channel and unique id."""
        token = agi_token(self._secret, environment.script, environment.unique_id, environment.channel)
        shown = (*environment.arguments, "")[0]
        if hmac.compare_digest(shown.encode(), token.encode()):
            return True
        self._report(new_alert(AlertKind.FASTAGI_STRANGER, self._clock.now()))
        return False

    def on_overload(self, problem: str) -> None:
        """Raise the alert of too many connections."""
        self._report(new_alert(AlertKind.FASTAGI_CROWDED, self._clock.now(), problem=problem))

    def close(self) -> None:
        """Raise no alert after this."""
        for timer in self._timers.values():
            timer.cancel()

    def _report(self, alert: Alert) -> None:
        loop, code = asyncio.get_running_loop(), alert.code
        self._last[code] = loop.time()
        if code in self._raised:
            return
        self._raised[code] = alert
        self._raise_alert(alert)
        self._timers[code] = loop.call_later(QUIET_SECONDS, self._end_if_quiet, code)

    def _end_if_quiet(self, code: str) -> None:
        loop = asyncio.get_running_loop()
        left = self._last[code] + QUIET_SECONDS - loop.time()
        if left > 0:
            self._timers[code] = loop.call_later(left, self._end_if_quiet, code)
            return
        self._raise_alert(replace(self._raised.pop(code), at=self._clock.now(), cleared=True))
