"""Unsafe values are refused before they reach the dialplan or the manager interface (AMI)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import SwitchUnreachable, UnsafeValue
from dialer.domain.model import AttemptId
from dialer.domain.switch import OriginateRequest
from dialer.rules.numbers import find_reason_number_is_refused
from dialer.switch.asterisk.adapter import AsteriskSwitch

GOOD = "+919876543210"
BAD = [
    f"{GOOD}\r\nAction: Command",
    f"{GOOD}\nVariable: GLOBAL(X)=1",
    f"{GOOD}\r",
    f"{GOOD}&PJSIP/agent01",
    f"{GOOD}|{GOOD}",
    f"{GOOD},,g",
    "${SHELL(id)}",
    "+91${EXTEN}",
    "+91$[1+1]",
    "+" + "9" * 40,
    "9" * 40,
    "+91CALLME",
    "sip:attacker@example.org",
    "+९१९८७६५४३२१०",  # digits, but not ASCII digits
    "+9198765 43210",
    "+91987654321\x00",
    "",
    "+",
]


def make_request(**changes: str) -> OriginateRequest:
    good = OriginateRequest(
        AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22"),
        number=GOOD,
        endpoint="carrier",
        caller_id="+911140000001",
        kind=CampaignKind.IVR,
        ring_seconds=30.0,
        at=0.0,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # texts for the three fields that are texts


@pytest.mark.parametrize("number", BAD)
def test_phone_number_with_unsafe_characters_is_refused_by_an_error_without_the_number(number: str) -> None:
    problem = find_reason_number_is_refused(number, ("+91",), ())
    assert problem is not None
    assert not number or number not in problem


# Forty digits are not a number, but they are a safe, if odd, name of an endpoint.
FIELDS = [(field, value) for field in ("number", "caller_id") for value in BAD]
FIELDS += [("endpoint", value) for value in BAD if value != "9" * 40]


@pytest.mark.parametrize(("field", "value"), FIELDS)
async def test_value_with_unsafe_characters_is_never_sent_to_asterisk(field: str, value: str) -> None:
    """The check precedes the error that this unconnected adapter would give for a valid value."""
    with pytest.raises(UnsafeValue) as refused:
        await AsteriskSwitch().originate_call(make_request(**{field: value}))
    assert not value.strip("+") or value not in str(refused.value)


async def test_originate_with_valid_values_passes_the_check_for_unsafe_characters() -> None:
    with pytest.raises(SwitchUnreachable):
        await AsteriskSwitch().originate_call(make_request())
