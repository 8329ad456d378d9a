"""Log the sounds that are skipped because they are missing or may not be played."""

from __future__ import annotations

import structlog

_MOST_LOGGED = 1000

_log = structlog.get_logger(__name__)


class MissingSounds:
    """A log of the sounds that calls skip, because they are missing or may not be played. It records each sound once,
    not for every call.
    """

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def log_skipped_sound(self, sound: str, reason: str) -> None:
        """Log that a sound was skipped, unless this sound has been logged before."""
        if sound in self._logged or len(self._logged) >= _MOST_LOGGED:
            return
        self._logged.add(sound)
        _log.error("sound.missing", sound=sound, error=reason)
        if len(self._logged) == _MOST_LOGGED:
            _log.error("sound.missing_many", error="no further missing sounds are logged; run dialer audio check")
