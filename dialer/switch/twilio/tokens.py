"""Tokens: a flow's state, signed, in the URL of the next request, so that no state is stored in between. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dialer.domain.errors import ProtocolError
from dialer.domain.model import AttemptId
from dialer.flows.turns import FlowState

MAX_TOKEN_CHARACTERS = 3000
"""Twilio accepts URLs of up to 4,000 characters in TwiML."""
_MAX_STATE_BYTES = 64 * 1024
_SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call between two requests: its flow's state, and what the next request will answer."""

    attempt_id: AttemptId
    run: str  # the run of the flow, which identifies its commits in any process
    state: FlowState
    after: str = ""  # "played": the prompts were played and nothing was asked
    ahead: str = ""  # keys that were pressed before the question


class StateTokens:
    """Signs and reads tokens. The key is derived from the account's secret, so tokens stay valid after a restart."""

    def __init__(self, secret: str) -> None:
        """`secret` is the account's auth token."""
        self._key = hmac.new(secret.encode(), b"matdan flow state", hashlib.sha256).digest()

    def sign(self, waiting: Waiting) -> str:
        """Return the token of a call's state: letters, digits, "-", "_" and one dot.

        Raises ProtocolError where it is too long.
        """
        content: dict[str, Any] = {"a": waiting.attempt_id, "r": waiting.run, "e": waiting.after, "d": waiting.ahead}
        content["s"] = {key: value for key, value in waiting.state.to_json().items() if value not in _EMPTY}
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        body = _encoded(zlib.compress(text.encode(), 9))
        token = f"{body}.{_encoded(self._signature(body))}"
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ProtocolError("a flow's state is too long for a URL: shorten its facts or its answers")
        return token

    def read(self, token: str) -> Waiting:
        """Return what was signed. Raises ProtocolError for a token that this account did not sign."""
        body, dot, signature = token.partition(".")
        if len(token) > MAX_TOKEN_CHARACTERS or not dot:
            raise ProtocolError("a webhook's token is not ours")
        try:
            genuine = hmac.compare_digest(_decoded(signature), self._signature(body))
        except (ValueError, binascii.Error):
            genuine = False
        if not genuine:
            raise ProtocolError("a webhook's token is not ours")
        try:
            return _waiting(json.loads(zlib.decompressobj().decompress(_decoded(body), _MAX_STATE_BYTES)))
        except (ValueError, KeyError, TypeError, RecursionError, zlib.error) as error:
            raise ProtocolError("a webhook's token is from another version of Matdan") from error

    def _signature(self, body: str) -> bytes:
        return hmac.new(self._key, body.encode(), hashlib.sha256).digest()[:_SIGNATURE_BYTES]


_EMPTY: tuple[Any, ...] = ("", 0, None, (), [], {})


def _waiting(content: Mapping[str, Any]) -> Waiting:
    state = {"language": "", "facts": {}, "answers": {}, "frames": (), "ending": None, **content["s"]}
    return Waiting(AttemptId(content["a"]), content["r"], FlowState.from_json(state), content["e"], content["d"])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
