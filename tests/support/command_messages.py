"""Valid command messages of every kind, as received from the broker."""

from __future__ import annotations

import json
from typing import Any

from dialer.engine.command.catalogue import COMMANDS

NOW = 1713771727.0


def make_message(**changes: Any) -> bytes:
    """Return a valid command message with some fields changed; None leaves a field out."""
    fields = {"id": "c-1", "name": "pause", "campaign_id": "turnout-ivr", "expires_at": NOW + 30, **changes}
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


MARK = {
    "key": "import/1",
    "voter_id": 7,
    "kind": "voted",
    "source": "booth-worker",
    "at": NOW - 60,
    "reported_by": "worker-12",
}
FIGURE = {"day": "2024-04-22", "constituency_number": 174, "part_number": None, "hour": "09:00", "share": 0.11}
COMPLAINT = {"key": "c/1", "at": NOW - 60, "about": "too-often", "channel": "letter", "phone_id": 7}
ANSWER = {"key": "a/1", "complaint": 3, "at": NOW - 60, "answer": "explained"}
NEEDED: dict[str, Any] = {
    "campaign_id": "turnout-ivr",
    "seat": "01",
    "to": "boss",
    "reason": "tea",
    "serials": "7:12,15",
    "who": "ops.1",
    "batch": "sha-0f-1",
    "agent": "101",
    "attempt_id": "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f",
    "disposition": "voted",
    "answered_by": "person",
    "attempts": ["0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f"],
    "marks": [MARK],
    "figures": [FIGURE],
    "complaint": COMPLAINT,
    "answer": ANSWER,
    "hashes": ["0f" * 32],
    "fingerprint": "0f" * 8,
    "source": "letter-12",
    "text": "back to the first page of the script",
    "message_at": NOW - 60,
    "phone_id": 7,
    "campaigns": ["turnout-agents"],
    "max_calls": 20,
    "calls_per_seat": 1.5,
    "abandoned_target": 0.01,
    "weight": 2.0,
    "hours": ["10:00-13:00", "14:00-18:00"],
    "list": "0f" * 16,
    "sha256": "0f" * 32,
    "rejects": 2,
    "coaching_note": "0f" * 16,
    "action": "write",
    "names": True,
    "user": "meena",
    "author": "asha",
    "digest": "0f" * 32,
    "role": "coach",
    "through": 812,
    "problem": "two stores send results",
    "clock_ahead_seconds": 31.0,
    "stream": "PEERS.1",
    "after": 40,
    "position": 42,
    "opt_outs": [{"number_hash": "0f" * 32, "at": NOW - 60, "centre": "pune-2"}],
    "peer_calls": [{"number_hash": "0f" * 32, "at": NOW - 60, "kind": "conversation", "centre": "pune-2"}],
    "peer_marks": [
        {
            "key": "0f0f/1:turnout",
            "roll_version": "2026-1",
            "state_code": "S13",
            "constituency_number": 209,
            "part_number": 118,
            "serial": 7,
            "kind": "voted",
            "source": "agent",
            "at": NOW - 60,
            "centre": "pune-2",
        }
    ],
    "order": "{}",
    "signatures": [{"leader": "asha", "signature": "AA=="}],
}


def required_fields(name: str) -> dict[str, Any]:
    """Return the fields that a message of this command must have, with valid values."""
    fields = {key: NEEDED[key] for key in COMMANDS[name].list_required_field_names()}
    return {**fields, "seat": "01"} if name == "seat-message" else fields


def make_command(name: str, **changes: Any) -> bytes:
    """Return a valid message of a command, with some fields changed; None leaves a field out."""
    return make_message(name=name, **{"campaign_id": None, **required_fields(name), **changes})
