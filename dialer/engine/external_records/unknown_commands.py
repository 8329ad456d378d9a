"""The command that releases attempts of which nobody knows whether they were calls. Pure."""

from __future__ import annotations

import re

from dialer.domain.model import AttemptId
from dialer.engine.command.desks import RecordsDesk
from dialer.engine.command.registry import REASON, RULES, Value, listed, offered
from dialer.engine.external_records.commands import WHO, RecordsCommand

MOST_ATTEMPTS = 100
_ATTEMPT = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def _read_attempts(value: object) -> tuple[AttemptId, ...]:
    attempts = listed(value, MOST_ATTEMPTS)
    if not all(isinstance(each, str) and _ATTEMPT.fullmatch(each) for each in attempts):
        raise ValueError("ids as `dialer unknown list` shows them")
    return tuple(map(AttemptId, attempts))


ATTEMPTS = Value(
    "attempts",
    f"1 to {MOST_ATTEMPTS} attempts",
    _read_attempts,
    list[str],
    f"of unknown-release: their ids, at most {MOST_ATTEMPTS}, all released or none",
)


@offered("unknown-release", ATTEMPTS, REASON, WHO, roles=RULES)
class ReleaseUnknown(RecordsCommand):
    """Attempts of which nobody knows whether they were calls: their numbers may be called again, all of them or none."""

    attempts: tuple[AttemptId, ...]
    reason: str
    who: str

    async def keep(self, records: RecordsDesk) -> str:
        return await records.release_unknown(self.attempts, self.reason, self.who)
