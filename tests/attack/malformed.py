"""Malformed payloads, made from valid ones with a seed. Some are valid still."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from dialer.engine.command.catalogue import COMMANDS
from tests.support.command_messages import required_fields

_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, 10**400, 1e308, -0.0, "", "\x00", "\ud800", "x" * 5_000, [], {}, [[]], {"": None}),
    *("+919001234567", "../../etc", "${SHELL(id)}", "a\r\nAction: Hangup", "'; DROP TABLE voter; --", "\u202e", "٣"),
)
_TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\u",
    b":",
    b",",
    b"NaN",
    b"1e999",
    b"\xff",
    b"\xed\xa0\x80",
    b"\x00",
    b"-",
)


def make_valid_commands(now: float) -> list[dict[str, Any]]:
    """Return a valid message of each command."""
    return [
        {
            "id": f"c-{name}",
            "name": name,
            "expires_at": now + 60,
            **required_fields(name),
        }
        for name in COMMANDS
    ]


def make_malformed(random: Random, seeds: Sequence[dict[str, Any]]) -> bytes:
    """Return random bytes, a valid payload with some bytes changed, or one with odd values and a bad signature."""
    kind = random.randrange(8)
    if kind == 0:
        return random.randbytes(random.randrange(200))
    if kind == 1:
        return b"".join(random.choices(_TOKENS, k=random.randrange(60)))
    if kind == 2:
        return random.choice((b"[", b'{"a":', b'[{"id":')) * random.choice((50, 2_000, 8_000))
    fields = dict(random.choice(seeds))
    for _ in range(random.randrange(3)):
        key = random.choice([*fields, "role", "signature", "command", "\x00", "x" * 300])
        if random.random() < 0.3:
            fields.pop(key, None)
        else:
            fields[key] = random.choice(_ODD)
    text = json.dumps(fields)
    if kind in {3, 4}:
        return json.dumps({"command": text, "signature": random.choice(_ODD)}, skipkeys=True).encode()
    payload = bytearray(text.encode())
    for _ in range(random.randrange(4)):
        position = random.randrange(len(payload) + 1)
        payload[position : position + random.randrange(3)] = random.choice(_TOKENS)
    return bytes(payload)
