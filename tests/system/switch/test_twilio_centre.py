"""A whole centre with Twilio as its carrier: alone, and as the overflow of an Asterisk trunk. In virtual time, over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dialer.app import RunningCentre, assemble_centre
from dialer.domain.clock import LoopClock
from dialer.domain.finding import Level
from dialer.domain.view import CallChange, Change
from dialer.engine.campaigns.commands import StopCampaign
from dialer.errors import SettingError
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.site.checks.before_start import check_site
from tests.support.centre import START_EPOCH, site_settings
from tests.support.live_flows import ASK
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.twilio_line import ACCOUNT, AUTH_TOKEN, PUBLIC_URL
from tests.support.twilio_stand_in import Person, TwilioStandIn
from tests.support.virtual import virtual_time
from tests.support.voters import NOBODY_ANSWERS
from tests.support.waiting import HANG_SECONDS

TRUNK = {
    "name": "twilio",
    "endpoint": "twilio",
    "carrier": "twilio",
    "channels": 20,
    "calls_per_second": 10,
    "caller_ids": ["+911140000009"],
}
CARRIER = {
    "name": "carrier",
    "endpoint": "carrier",
    "channels": 2,
    "calls_per_second": 5,
    "caller_ids": ["+911140000001"],
}


def make_number(phone_id: int) -> str:
    return f"+91{7_000_000_000 + phone_id}"


def make_settings(directory: Path, carrier: TwilioStandIn, ami_port: int = 1, **changes: Any) -> Settings:
    campaign = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 20}
    account = {
        "enabled": True,
        "account_sid": ACCOUNT,
        "auth_token": AUTH_TOKEN,
        "public_url": PUBLIC_URL,
        "port": 0,
        "api_url": carrier.url,
        "calls_per_second": 10,
        "sms_from": "+911140000009",
        "sounds_url": "https://sounds.example.org",
        **changes.pop("twilio", {}),
    }
    campaign |= changes.pop("campaign", {})
    return site_settings(
        directory, ami_port, seats=0, campaign=campaign, twilio=account, **{"trunks": [TRUNK], **changes}
    )


@dataclass
class Site:
    """A site with a roll and a simulated Twilio. It stores its centre's announcements."""

    directory: Path
    clock: LoopClock
    twilio: TwilioStandIn
    changes: list[Change] = field(default_factory=list)

    def make_settings(self, ami_port: int = 1, **changes: Any) -> Settings:
        return make_settings(self.directory, self.twilio, ami_port, **changes)

    @contextlib.asynccontextmanager
    async def run_centre(self, settings: Settings | None = None) -> AsyncIterator[RunningCentre]:
        """Run the site's centre within the context. It can be run several times."""
        stop = asyncio.Event()
        async with assemble_centre(
            settings or self.make_settings(), clock=self.clock, chance=random.Random(1)
        ) as centre:
            assert centre.twilio_port is not None
            self.twilio.webhook_port = centre.twilio_port
            centre.engine.subscribe_to_changes(self.changes.append)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(centre.dial_until_stopped(stop))
                try:
                    yield centre
                finally:
                    stop.set()
                await running

    def count_ended_calls(self) -> Counter[str]:
        """Return how many calls ended with each outcome."""
        return Counter(
            change.outcome.value
            for change in self.changes
            if isinstance(change, CallChange) and change.outcome is not None
        )

    def list_dialled_numbers(self) -> list[str]:
        """Return the number of each call that Twilio was asked to place."""
        return [call.form["To"] for call in self.twilio.calls.values()]

    def read_rows(self, sql: str) -> list[tuple[Any, ...]]:
        return query_site_store(self.directory, sql)


@contextlib.asynccontextmanager
async def open_site(
    directory: Path,
    voters: int = 60,
    *,
    people: dict[str, Person] | None = None,
    anybody: Person | None = None,
    starts_at: float = START_EPOCH,
) -> AsyncIterator[Site]:
    """Open a site with Twilio. `people` are the voters who answer, by number. `anybody` stands for all other numbers.
    Without it these do not answer.
    """
    fill_roll(directory / "centre.db", voters, voters_per_booth=100)
    clock = LoopClock(starts_at)
    async with TwilioStandIn(clock.now) as twilio:
        twilio.people = people or {}
        twilio.anybody = anybody or twilio.anybody
        yield Site(directory, clock, twilio)


async def wait_until(condition: Any) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


@virtual_time()
async def test_site_without_asterisk_calls_through_twilio(tmp_path: Path) -> None:
    people = {
        make_number(1): Person(["1"]),  # voted
        make_number(2): Person(["2", "5#"]),  # will go at five
        make_number(3): Person(["9"]),  # never again
        make_number(4): Person([""]),  # says nothing once, then leaves
        make_number(5): Person(status="busy"),
        make_number(6): Person(status="failed", sip_status="404"),
        make_number(7): Person(["1"], callbacks=lambda told: told[::-1] * 2),  # backwards, and twice
    }
    async with open_site(tmp_path, people=people) as site:
        assert not site.make_settings().uses_asterisk
        async with site.run_centre() as centre:
            await wait_until(lambda: site.count_ended_calls().total() >= 30)
            view = centre.engine.make_centre_view()
            assert view.state.marks == {"voted": 2, "not-yet": 1, "later": 1}
            assert view.state.opt_outs == 1
        assert site.twilio.wrong == []
        assert len(site.list_dialled_numbers()) == len(set(site.list_dialled_numbers()))  # no number twice
    outcomes = dict(site.read_rows("SELECT phone_id, outcome FROM attempt WHERE phone_id <= 8"))
    assert outcomes == {
        1: "completed",
        2: "completed",
        3: "completed",
        4: "left",
        5: "busy",
        6: "invalid-number",
        7: "completed",
        8: "no-answer",
    }
    assert site.read_rows("SELECT left_at FROM attempt WHERE phone_id = 4") == [("question",)]
    assert site.read_rows("SELECT name, value FROM flow_answer") == [("hour", "17:00")]
    assert not site.read_rows("SELECT 1 FROM attempt WHERE ended_at IS NULL")
    assert site.read_rows("SELECT e164 FROM opt_out") == [(make_number(3),)]


@virtual_time()
async def test_calls_that_exceed_the_channels_of_the_first_trunk_use_twilio(tmp_path: Path) -> None:
    config = SimulatedAsteriskConfig(seats=make_seat_phones(1), start_epoch=START_EPOCH, profile=NOBODY_ANSWERS)
    async with (
        SimulatedAsterisk(config) as asterisk,
        open_site(tmp_path, anybody=Person(["1"]), starts_at=asterisk.get_current_time()) as site,
    ):
        settings = site.make_settings(asterisk.ami_port, trunks=[CARRIER, TRUNK])
        assert settings.uses_asterisk
        async with site.run_centre(settings) as centre:
            asterisk.agi_port = centre.agi_port
            await wait_until(lambda: len(site.twilio.calls) > 10)
        by_trunk = dict(site.read_rows("SELECT trunk, count(*) FROM attempt GROUP BY trunk"))
        assert by_trunk["carrier"] == len(asterisk.placed_calls) >= 2
        assert by_trunk["twilio"] == len(site.twilio.calls)
        dialled = [call.number for call in asterisk.placed_calls] + site.list_dialled_numbers()
        assert len(dialled) == len(set(dialled))


@virtual_time()
async def test_call_request_that_twilio_did_not_answer_is_reconciled_and_not_dialled_twice(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30, anybody=Person(["1"])) as site:
        site.twilio.loses_answers = 5
        async with site.run_centre():
            await wait_until(lambda: site.count_ended_calls().total() >= 15)
        assert len(site.list_dialled_numbers()) == len(set(site.list_dialled_numbers()))
    assert set(site.count_ended_calls()) == {"completed"}


@virtual_time()
async def test_twilio_calls_of_a_killed_dialler_continue_after_the_restart(tmp_path: Path) -> None:
    waits = asyncio.Event()
    async with open_site(tmp_path, 2, anybody=Person(["1"], holds=waits)) as site:
        with contextlib.suppress(ExceptionGroup):
            async with site.run_centre():
                await wait_until(lambda: len(site.twilio.calls) >= 2)
                raise RuntimeError("killed")
        placed = len(site.twilio.calls)
        assert site.read_rows("SELECT count(*) FROM attempt WHERE ended_at IS NULL")[0][0] == placed
        async with site.run_centre():
            waits.set()
            await wait_until(lambda: site.count_ended_calls().get("completed", 0) >= placed)
        assert len(site.twilio.calls) == placed


@virtual_time()
async def test_key_press_that_twilio_reports_after_the_end_of_the_call_is_stored(tmp_path: Path) -> None:
    people = {
        make_number(1): Person(["1"], late=0.05),
        make_number(2): Person(["9"], late=1.0),
        make_number(3): Person(["2", "5#"], late=2.5),
    }
    async with open_site(tmp_path, 3, people=people) as site, site.run_centre() as centre:
        await wait_until(lambda: site.count_ended_calls().total() >= 3)
        view = centre.engine.make_centre_view()
        assert view.state.marks == {"voted": 1, "not-yet": 1, "later": 1}
        assert view.state.opt_outs == 1
    assert site.count_ended_calls() == {"completed": 3}
    assert site.read_rows("SELECT e164 FROM opt_out") == [(make_number(2),)]


@virtual_time()
async def test_hang_up_request_that_twilio_refused_while_the_dialler_stops_is_repeated(tmp_path: Path) -> None:
    picks_up = asyncio.Event()
    async with (
        open_site(tmp_path, 30, anybody=Person(["1"], holds=picks_up)) as site,
        site.run_centre() as centre,
    ):
        await wait_until(lambda: len(site.twilio.calls) >= 5)
        await asyncio.sleep(2)
        site.twilio.answers_with = [429] * len(site.twilio.calls)  # too many requests
        await centre.engine.execute_command(StopCampaign(campaign_id="ivr"))
        await asyncio.sleep(5)
        assert {call.status for call in site.twilio.calls.values()} == {"canceled"}
        picks_up.set()
        await asyncio.sleep(15)
        assert centre.engine.make_centre_view().state.marks == {}
    assert set(site.count_ended_calls()) == {"cancelled"}


@virtual_time()
async def test_twilio_trunk_pauses_when_the_daily_spending_cap_is_reached(tmp_path: Path) -> None:
    cap = {"max_spend_per_day": 6.0, "price_per_minute": 0.1, "max_call_seconds": 60}
    async with open_site(tmp_path, anybody=Person(["1"], seconds=30)) as site:
        site.twilio.spent = 4.9
        async with site.run_centre(site.make_settings(twilio=cap)) as centre:
            await asyncio.sleep(300)
            (trunk,) = centre.engine.make_centre_view().state.trunks
            assert trunk.state in {"resting", "probing"}
        assert 8 <= len(site.twilio.calls) <= 11  # each was billed a minute at 0.1
    refused = site.read_rows("SELECT count(*) FROM attempt WHERE outcome = 'refused'")[0][0]
    assert 0 < refused < 30


@virtual_time()
async def test_call_transfer_over_twilio_is_charged_and_reserved_as_two_call_legs(tmp_path: Path) -> None:
    (tmp_path / "ask.yaml").write_text(ASK)
    account = {
        "max_spend_per_day": 4.0,
        "price_per_minute": 1.0,
        "max_call_seconds": 60,
        "transfer_to": "+911140000077",
    }
    async with open_site(tmp_path, anybody=Person(["3"], seconds=30)) as site:  # a minute of each leg
        async with site.run_centre(site.make_settings(twilio=account, campaign={"flow": str(tmp_path / "ask.yaml")})):
            await asyncio.sleep(300)
        legs = [call.line.dialled for call in site.twilio.calls.values() if call.line is not None]
    assert legs == [["+911140000077"]] * 2


async def test_dialer_check_of_a_site_without_asterisk_contacts_only_twilio(tmp_path: Path) -> None:
    async with TwilioStandIn(lambda: START_EPOCH) as twilio:
        twilio.spent = 1.5
        found = {finding.subject: finding async for finding in check_site(make_settings(tmp_path, twilio))}
        assert "asterisk" not in found
        assert (found["twilio"].level, found["twilio"].text) == (
            Level.WARNING,
            "answers; 1.50 spent today, without a cap",
        )
        twilio.answers_with = [401]
        found = {finding.subject: finding async for finding in check_site(make_settings(tmp_path, twilio))}
        assert found["twilio"].level is Level.ERROR
        assert "auth_token" in found["twilio"].text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"twilio": {"enabled": False}}, "needs [twilio] enabled = true"),
        ({"twilio": {"auth_token": ""}}, "MATDAN_TWILIO__AUTH_TOKEN"),
        ({"twilio": {"public_url": "https://x.example/"}}, "public_url"),
        ({"twilio": {"calls_per_second": 1}}, "twilio.calls_per_second"),
        ({"twilio": {"account_sid": "AC1"}}, "account_sid"),
        (
            {"campaign": {"kind": "agents", "flow": None, "pacing": "ratio", "trunks": ["twilio"]}},
            "remove its Twilio trunk",
        ),
        (
            {"trunks": [TRUNK, {**CARRIER, "endpoint": "twilio"}]},
            "must not have the endpoint 'twilio' of an Asterisk trunk",
        ),
    ],
)
def test_inconsistent_twilio_settings_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, SettingError)) as caught:
        make_settings(tmp_path, TwilioStandIn(lambda: 0.0), **changes)
    assert words in str(caught.value)
    assert AUTH_TOKEN not in str(caught.value)
