"""A call of the engine with the facts that a test names."""

from __future__ import annotations

from typing import Any

from config.words import CampaignKind
from dialer.domain.model import AttemptId
from dialer.engine.call import Call

ID = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")


def a_call(kind: CampaignKind = CampaignKind.AGENTS, **facts: Any) -> Call:
    values: dict[str, Any] = {
        "attempt_id": ID,
        "campaign_id": "c",
        "kind": kind,
        "phone_id": 1,
        "voter_id": 1,
        "booth_id": 1,
        "attempt_number": 1,
        "language": "hi",
        "pending_voters": 1,
        "trunk": "t",
        "began_seconds": 0.0,
        "written": True,
    }
    return Call(**{**values, **facts})
