"""Calls of the engine, built from the fields that a test names."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from dialer.domain.enums import CampaignKind
from dialer.domain.model import AttemptId
from dialer.engine.calls.state import Call, FlowPart, Leg, Talk

ID = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")
_PARTS = {"leg": Leg, "talk": Talk, "flow": FlowPart}
_PART_OF = {field.name: name for name, kind in _PARTS.items() for field in fields(kind)}


def a_call(kind: CampaignKind = CampaignKind.AGENTS, **facts: Any) -> Call:
    """Create a call that was stored at epoch second 0. `facts` sets fields of the call or of its parts, by name."""
    parts: dict[str, dict[str, Any]] = {"leg": {"began_seconds": 0.0, "originate_sent": True}, "talk": {}, "flow": {}}
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
    }
    for name, value in facts.items():
        parts.get(_PART_OF.get(name, ""), values)[name] = value
    return Call(**values, **{name: part(**parts[name]) for name, part in _PARTS.items()})
