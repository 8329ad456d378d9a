"""Attestations of caller IDs (STIR/SHAKEN): the level with which Asterisk signs calls, and what it verified of callers."""

from __future__ import annotations

import re
from typing import Final

from dialer.switch.asterisk.ami_client import AmiClient

ATTESTATION_VARIABLE: Final = "MATDAN_ATTESTATION"
"""A variable of an inbound channel: the result and level of the caller's signature, on trunks that verify it."""

_VERIFIED = re.compile(r"(?P<result>[a-z0-9_]{1,40}) (?P<level>[ABC]?)", re.ASCII)


async def fetch_attestation_of_trunk(client: AmiClient, endpoint: str) -> str:
    """Return the attestation (A, B or C) with which Asterisk signs the calls of a trunk's endpoint (STIR/SHAKEN).

    Return "" if Asterisk does not sign the calls, for example because it could not read the key. Raises SwitchError.
    """
    expression = f"AST_SORCERY(res_stir_shaken,profile,{endpoint},attest_level)"
    return (await client.send_action("Getvar", [("Variable", expression)])).get("Value")


def describe_verified_attestation(verified: str) -> str:
    """Return the attestation of an inbound call as text, such as "A" or "not verified: cert_not_trusted".

    `verified` has the words `RESULT LEVEL` from Asterisk's dialplan. Return "" for any other text.
    """
    found = _VERIFIED.fullmatch(verified)
    if found is None:
        return ""
    return found["level"] if found["result"] == "success" and found["level"] else f"not verified: {found['result']}"
