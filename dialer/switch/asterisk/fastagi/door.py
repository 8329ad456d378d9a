"""Who may come in over FastAGI: Asterisk's own dialplan, by the token that it computes (`dialer.deploy.asterisk.agi_secret`).

Nobody else is heard, whatever attempt or seat they name, and a person is told: either somebody tries doors, or Asterisk still
runs a dialplan of another rendering, and its calls go unserved.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable

from dialer.deploy.asterisk.agi_secret import agi_token
from dialer.domain.clock import Clock
from dialer.domain.view import Alert, AlertLevel
from dialer.switch.asterisk.agi_codec import AgiEnvironment
from dialer.switch.asterisk.agi_server import Door

QUIET_SECONDS = 300.0  # after the last connection that was turned away its alert ends
STRANGER, CROWDED = "fastagi-stranger", "fastagi-crowded"
_STRANGER_TEXT = (
    "a FastAGI connection without the dialplan's secret was turned away: if calls go unserved, Asterisk's dialplan is of another "
    "rendering (`dialer asterisk render`, then reload it); else look who connects to the FastAGI port"
)


class SiteDoor(Door):
    """A site's door."""

    def __init__(self, secret: str, raise_alert: Callable[[Alert], None], clock: Clock) -> None:
        """`secret` is the dialplan's; `raise_alert` hears of strangers and of crowds, and of their end."""
        self._secret = secret
        self._raise_alert = raise_alert
        self._clock = clock
        self._last: dict[str, float] = {}  # when a connection was last turned away for this, in the loop's seconds
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._standing: dict[str, Alert] = {}

    def admits(self, environment: AgiEnvironment) -> bool:
        """Whether it shows the token of this desk, this channel and its unique id."""
        token = agi_token(self._secret, environment.script, environment.unique_id, environment.channel)
        shown = (*environment.arguments, "")[0]
        if hmac.compare_digest(shown.encode(), token.encode()):
            return True
        self._report(STRANGER, _STRANGER_TEXT)
        return False

    def crowded(self, problem: str) -> None:
        """Connections are closed for want of room."""
        self._report(CROWDED, f"FastAGI connections are closed for want of room: {problem}")

    def close(self) -> None:
        """Nothing is told after this."""
        for timer in self._timers.values():
            timer.cancel()

    def _report(self, code: str, text: str) -> None:
        loop = asyncio.get_running_loop()
        self._last[code] = loop.time()
        if code in self._standing:
            return
        alert = self._standing[code] = Alert(code, AlertLevel.WARNING, text, self._clock.now())
        self._raise_alert(alert)
        self._timers[code] = loop.call_later(QUIET_SECONDS, self._look, code)

    def _look(self, code: str) -> None:
        loop = asyncio.get_running_loop()
        left = self._last[code] + QUIET_SECONDS - loop.time()
        if left > 0:
            self._timers[code] = loop.call_later(left, self._look, code)
            return
        alert = self._standing.pop(code)
        self._raise_alert(Alert(code, alert.level, alert.text, self._clock.now(), cleared=True))
