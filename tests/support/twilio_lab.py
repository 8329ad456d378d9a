"""The Twilio adapter with a stand-in of the REST API and a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind
from dialer.domain.model import AttemptId
from dialer.domain.switch import OriginateRequest
from dialer.domain.switch_events import SwitchEvent
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.api import TwilioApi
from dialer.switch.twilio.spend import SpendMeter
from tests.support.twilio_line import account
from tests.support.twilio_stand_in import Person, TwilioStandIn

NUMBER = "+917000000001"
NOW = 1_713_758_400.0


class StillClock(Clock):
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return NOW + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def get_seconds_since_boot(self) -> float:
        return self.seconds


@dataclass
class Lab:
    """A Twilio adapter and a stand-in for Twilio. Calls ring until a test changes their status."""

    twilio: TwilioStandIn
    switch: TwilioSwitch
    clock: StillClock
    events: list[SwitchEvent]
    ends: list[AttemptId]
    ours: dict[str, AttemptId] = field(default_factory=dict)

    def attempt(self, number: int = 1) -> AttemptId:
        return AttemptId(f"0b0c7f4e-0000-4000-8000-{number:012d}")

    async def dial(self, which: int = 1, **changes: object) -> AttemptId:
        values = {
            "attempt_id": self.attempt(which),
            "number": f"+91700000{which:04d}",
            "endpoint": "twilio",
            "caller_id": "+911140000001",
            "kind": CampaignKind.IVR,
            "ring_seconds": 30.0,
            "at": 0.0,
            **changes,
        }
        await self.switch.originate_call(OriginateRequest(**values))  # type: ignore[arg-type]  # by name
        return self.attempt(which)

    async def status(self, attempt_id: AttemptId, status: str, sid: str | None = None, **form: str) -> None:
        known = sid or self.switch.find_twilio_sid_of_call(attempt_id) or "CA" + "0" * 32
        await self.switch.on_status_callback(attempt_id, {"CallStatus": status, "CallSid": known, **form})


@asynccontextmanager
async def run_lab(
    most: float | None = None, *, resync: bool = True, timeout: float = 5.0, legs: int = 1
) -> AsyncIterator[Lab]:
    clock = StillClock()
    async with TwilioStandIn(clock.now) as twilio:
        twilio.anybody = Person(holds=asyncio.Event(), callbacks=lambda _: [])
        settings = account(
            api_url=twilio.url,
            max_call_seconds=120,
            price_per_minute=0.1,
            price_per_sms=0.05,
            max_spend_per_day=most,
            sms_from="+911140000009",
            transfer_to="sip:agents@example.org" if legs == 2 else None,
        )
        api = TwilioApi(settings, timeout)
        events: list[SwitchEvent] = []
        ends: list[AttemptId] = []
        ours: dict[str, AttemptId] = {}

        async def find(number: str) -> AttemptId | None:
            return ours.get(number)

        switch = TwilioSwitch(api, settings, SpendMeter(settings), clock, find)
        switch.set_event_sink(events.append, ends.append)
        try:
            if resync:
                await switch.load_live_calls_at_start()
            yield Lab(twilio, switch, clock, events, ends, ours)
        finally:
            await api.close()
