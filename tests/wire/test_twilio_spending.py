"""The daily spending cap against a simulated Twilio API: cost and reserves of calls, second legs and SMS."""

from __future__ import annotations

import pytest

from dialer.domain.errors import OriginateRefused
from dialer.switch.twilio.adapter import TwilioSwitch
from tests.support.twilio_lab import NUMBER, run_lab


async def test_twilio_spending_cap_includes_the_possible_cost_of_live_calls() -> None:
    async with run_lab(most=1.0) as lab:
        lab.twilio.spent = 0.35
        await lab.switch.load_live_calls_at_start()
        for number in (1, 2, 3):  # each may last two minutes at 0.1
            await lab.dial(number)
        with pytest.raises(OriginateRefused, match="max_spend_per_day"):
            await lab.dial(4)
        await lab.status(lab.attempt(1), "busy")
        await lab.dial(4)
        await lab.status(lab.attempt(2), "completed", CallDuration="30")
        assert lab.switch.meter.spent == pytest.approx(0.45)
        with pytest.raises(OriginateRefused):
            await lab.dial(5)


async def test_transferred_and_recovered_twilio_calls_are_charged_for_two_legs() -> None:
    async with run_lab(most=100.0, legs=2) as lab:
        for number in (1, 2):
            await lab.dial(number)
        lab.switch.record_second_billed_leg(lab.attempt(2))
        for number, spent in ((1, 0.1), (2, 0.3)):
            await lab.status(lab.attempt(number), "completed", CallDuration="30")
            assert lab.switch.meter.spent == pytest.approx(spent)
        await lab.dial(3)
        lab.ours["+917000000003"] = lab.attempt(3)
        again = TwilioSwitch(
            lab.switch._api, lab.switch._settings, lab.switch.meter, lab.clock, lab.switch._find_attempt
        )
        again.set_event_sink(lab.events.append, lab.ends.append)
        await again.load_live_calls_at_start()
        sid = again.find_twilio_sid_of_call(lab.attempt(3)) or ""
        await again.on_status_callback(
            lab.attempt(3), {"CallStatus": "completed", "CallSid": sid, "CallDuration": "30"}
        )
        assert lab.switch.meter.spent == pytest.approx(0.5)


async def test_sms_is_refused_if_live_calls_could_then_exceed_the_spending_cap() -> None:
    async with run_lab(most=1.0) as lab:
        lab.twilio.spent = 0.25
        await lab.switch.load_live_calls_at_start()
        for number in (1, 2):  # each may last two minutes at 0.1
            await lab.dial(number)
        assert await lab.switch.send_sms(NUMBER, "क" * 71)
        assert lab.switch.meter.spent == pytest.approx(0.35)
        assert not await lab.switch.send_sms(NUMBER, "क" * 400)  # six segments
        await lab.dial(3)
        assert not await lab.switch.send_sms(NUMBER, "क" * 71)
        assert len(lab.twilio.messages) == 1


async def test_twilio_spending_restarts_when_twilio_reports_a_new_day() -> None:
    async with run_lab(most=10.0) as lab:
        for spent, day, counted in ((5.0, "2029-05-06", 5.0), (4.99, "2029-05-06", 5.0), (3.0, "2029-05-07", 3.0)):
            lab.twilio.spent, lab.twilio.day = spent, day
            await lab.switch.load_live_calls_at_start()
            assert lab.switch.meter.spent == pytest.approx(counted)
