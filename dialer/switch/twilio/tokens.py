"""Sign and verify tokens: the state of an IVR flow in the URL of Twilio's next request. No I/O."""

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
class PausedFlow:
    """An IVR flow that waits for Twilio's next request about its call."""

    attempt_id: AttemptId
    run: str  # id of the flow's run, which identifies its commits across restarts
    state: FlowState
    after: str = ""  # input for a page without a question: "played", "not-recorded" or "not-transferred"
    ahead: str = ""  # keys that were pressed before the question


class StateTokens:
    """The signer of tokens, which carry the state of a flow in the URL of Twilio's next request. It also verifies them.

    The key is derived from the account, so tokens stay valid after a restart.
    """

    def __init__(self, secret: str) -> None:
        """Create the signer with the account's auth token (`secret`)."""
        self._key = hmac.new(secret.encode(), b"matdan flow state", hashlib.sha256).digest()

    def encode_paused_flow_as_signed_token(self, waiting: PausedFlow) -> str:
        """Return the signed token of an IVR flow that waits for Twilio. Raises ProtocolError if it is too long.

        A token can be part of a URL: it has letters, digits, "-", "_" and one dot.
        """
        content: dict[str, Any] = {"a": waiting.attempt_id, "r": waiting.run, "e": waiting.after, "d": waiting.ahead}
        content["s"] = {
            key: value for key, value in waiting.state.convert_flow_state_to_json().items() if value not in _EMPTY
        }
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        body = _encode_base64(zlib.compress(text.encode(), 9))
        token = f"{body}.{_encode_base64(self._compute_signature(body))}"
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ProtocolError("the facts and answers of the flow are too long for a URL: shorten them")
        return token

    def decode_paused_flow_from_signed_token(self, token: str) -> PausedFlow:
        """Return the waiting IVR flow in a token. Raises ProtocolError if the token is not signed with this account's key."""
        body, dot, signature = token.partition(".")
        if len(token) > MAX_TOKEN_CHARACTERS or not dot:
            raise ProtocolError(
                "a Twilio webhook was rejected, because its token is not signed by this centre: check which program sends it"
            )
        try:
            genuine = hmac.compare_digest(_decode_base64(signature), self._compute_signature(body))
        except (ValueError, binascii.Error):
            genuine = False
        if not genuine:
            raise ProtocolError(
                "a Twilio webhook was rejected, because its token is not signed by this centre: check which program sends it"
            )
        try:
            return _parse_paused_flow_in_twilio_token(
                json.loads(zlib.decompressobj().decompress(_decode_base64(body), _MAX_STATE_BYTES))
            )
        except (ValueError, KeyError, TypeError, RecursionError, zlib.error) as error:
            raise ProtocolError(
                "a Twilio webhook was rejected, because another version of Matdan started this call: the voter "
                "must call again"
            ) from error

    def _compute_signature(self, body: str) -> bytes:
        return hmac.new(self._key, body.encode(), hashlib.sha256).digest()[:_SIGNATURE_BYTES]


_EMPTY: tuple[Any, ...] = ("", 0, None, (), [], {})


def _parse_paused_flow_in_twilio_token(content: Mapping[str, Any]) -> PausedFlow:
    state = {"language": "", "facts": {}, "answers": {}, "frames": (), "ending": None, **content["s"]}
    return PausedFlow(
        AttemptId(content["a"]), content["r"], FlowState.create_flow_state_from_json(state), content["e"], content["d"]
    )


def _encode_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
