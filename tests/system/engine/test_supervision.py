"""Monitoring (listen, whisper, barge) and recordings on the simulated Asterisk: by role, and always audited."""

from __future__ import annotations

import asyncio
import contextlib
import json
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.deploy.asterisk.render import render_dialplan
from dialer.domain.errors import CommandRefused, StoreFull
from dialer.domain.model import AttemptId, Disposition
from dialer.domain.view import SeatState
from dialer.engine.command.base import Command, CommandContext
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.recordings.commands import PlayRecording, SeatPauseRecording, SeatResumeRecording
from dialer.engine.seats.commands import SeatLogOff, SeatReady
from dialer.engine.supervision.commands import Barge, Listen, StopListening, Whisper
from dialer.engine.transfers.commands import SeatCompleteTransfer, SeatConsult, SeatHold, SeatResume
from dialer.settings.recordings import RecordingSettings
from dialer.simulation.asterisk.channels import Channel, EndsBy
from dialer.simulation.asterisk.config import PhoneMode, SeatPhone, SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.rules import profile_allowing_recording
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time

SUPERVISORS = [
    {"name": "asha", "endpoint": "asha", "role": "supervisor"},
    {"name": "ravi", "endpoint": "ravi", "role": "coach"},
    {"name": "mina", "endpoint": "mina", "role": "listener"},
]


def make_switch_config(mode: PhoneMode = PhoneMode.ANSWERS, recordings: Path | None = None) -> SimulatedAsteriskConfig:
    """Return a switch with voters who answer and stay, and three supervisors' phones."""
    made = None if recordings is None else render_dialplan(recordings=RecordingSettings(directory=recordings))
    return SimulatedAsteriskConfig(
        seats=(*make_seat_phones(2), *(SeatPhone(each["name"], "", mode, 1.0) for each in SUPERVISORS)),
        start_epoch=START_EPOCH,
        profile=VoterProfile(answer_rate=0.0),
        scripts={f"+91{7_000_000_001 + n}": Behaviour(answer_after=1.0) for n in range(50)},
        dialplan=made,
    )


@contextlib.asynccontextmanager
async def run_talking_centre(
    directory: Path, config: SimulatedAsteriskConfig | None = None, **changes: Any
) -> AsyncIterator[Site]:
    """Run a centre whose seat 01 talks to a voter, and whose seat 02 is vacant."""
    async with a_site(directory, config or make_switch_config(), seats=2, supervisors=SUPERVISORS, **changes) as site:
        await site.log_in("01")
        await wait_for_talk(site)
        yield site


async def wait_for_talk(site: Site) -> None:
    await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
    await asyncio.sleep(0.5)


def find_supervisor_channel(site: Site, name: str = "asha") -> Channel | None:
    return next((channel for channel in site.switch.channels.values() if channel.seat == name), None)


def find_supervisor_place(site: Site, name: str = "asha") -> str | None:
    channel = find_supervisor_channel(site, name)
    return None if channel is None else f"{channel.application}({channel.data})"


def get_voter_channel(site: Site) -> Channel:
    return site.switch.channels[site.centre_view.seats[0].attempt_id or ""]


def read_audit(directory: Path) -> list[tuple[str, str]]:
    return query_site_store(
        directory,
        "SELECT kind, who FROM audit WHERE kind NOT IN ('seal', 'settings', 'log-in', 'log-off') ORDER BY number",
    )


@virtual_time()
async def test_supervisor_can_listen_to_whisper_into_and_barge_into_a_call(tmp_path: Path) -> None:
    async with run_talking_centre(tmp_path) as site:
        execute = site.centre.engine.execute_command
        assert await execute(Listen(seat="01"), CommandContext("asha")) == "supervisor asha, seat 01: listen"
        await asyncio.sleep(2)
        assert find_supervisor_place(site) == "ChanSpy(,qg(seat-01))"
        await execute(Whisper(seat="01"), CommandContext("asha"))
        await asyncio.sleep(1)
        assert find_supervisor_place(site) == "ChanSpy(,qwg(seat-01))"
        await execute(Barge(seat="01"), CommandContext("asha"))
        await asyncio.sleep(1)
        assert find_supervisor_place(site) == "ConfBridge(seat-01,matdan_seat,matdan_helper)"
        assert await execute(StopListening(), CommandContext("asha")) == "supervisor asha: monitoring ended"
        await asyncio.sleep(1)
        assert find_supervisor_channel(site) is None
        attempt = get_voter_channel(site).uniqueid
    kinds = ["listen", "whisper", "listen-end", "barge", "whisper-end", "barge-end"]
    assert read_audit(tmp_path) == [(kind, "asha") for kind in kinds]
    (what,) = query_site_store(tmp_path, "SELECT what FROM audit WHERE kind = 'barge'")[0]
    assert json.loads(what).keys() == {"seat", "party", "attempt"}
    assert json.loads(what)["attempt"] == attempt


@virtual_time()
async def test_supervisor_who_hangs_up_while_changing_the_monitoring_mode_is_removed(tmp_path: Path) -> None:
    async with run_talking_centre(tmp_path) as site:
        execute = site.centre.engine.execute_command
        await execute(Listen(seat="01"), CommandContext("asha"))
        await asyncio.sleep(2)
        supervision = site.centre.engine.features.seat_monitoring_service
        move_third_party = supervision._switch.move_third_party

        async def move_and_hang_up(*args: Any) -> None:
            await move_third_party(*args)
            phone = find_supervisor_channel(site)
            assert phone is not None
            site.switch.hang_up_channel_from_other_side(phone, EndsBy.VOTER)
            await asyncio.sleep(1)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(supervision._switch, "move_third_party", move_and_hang_up)
            with pytest.raises(CommandRefused, match="asha has hung up"):
                await execute(Whisper(seat="01"), CommandContext("asha"))
        assert not site.centre.engine.features.supervisors_monitoring_seats
        await asyncio.sleep(1)
    assert sorted(kind for kind, _ in read_audit(tmp_path)) == ["listen", "listen-end", "whisper", "whisper-end"]


@virtual_time()
async def test_supervisor_who_barged_in_is_released_when_the_call_ends(tmp_path: Path) -> None:
    async with run_talking_centre(tmp_path) as site:
        execute = site.centre.engine.execute_command
        await execute(Barge(seat="01"), CommandContext("asha"))
        await asyncio.sleep(2)
        first = get_voter_channel(site)
        site.switch.hang_up_channel_from_other_side(first, EndsBy.VOTER)
        await asyncio.sleep(1)
        assert find_supervisor_place(site) == "ChanSpy(,qg(seat-01))"
        await execute(SeatReady(seat="01"))
        await wait_for_talk(site)
        assert get_voter_channel(site) is not first
        assert find_supervisor_place(site) == "ChanSpy(,qg(seat-01))"  # continues to listen over several calls


@virtual_time()
async def test_supervisors_phone_is_hung_up_if_barging_in_cannot_be_ended(tmp_path: Path) -> None:
    async with run_talking_centre(tmp_path) as site:
        await site.centre.engine.execute_command(Barge(seat="01"), CommandContext("asha"))
        await asyncio.sleep(2)
        first, barger = get_voter_channel(site), find_supervisor_channel(site)
        assert barger is not None
        site.switch.hang_up_channel_from_other_side(first, EndsBy.VOTER)
        await asyncio.sleep(0.01)
        barger.goto = None  # in spite of the requests
        await site.centre.engine.execute_command(SeatReady(seat="01"))
        await wait_for_talk(site)
        assert get_voter_channel(site) is not first


@virtual_time()
async def test_monitoring_is_refused_for_a_wrong_role_seat_or_user_name(tmp_path: Path) -> None:
    async with run_talking_centre(tmp_path) as site:
        execute = site.centre.engine.execute_command
        refusals: list[tuple[str, Command, str]] = [
            ("mina", Whisper(seat="01"), "the role listener of supervisor mina does not permit whisper"),
            ("mina", Barge(seat="01"), "the role listener of supervisor mina does not permit barge"),
            ("ravi", Barge(seat="01"), "the role coach of supervisor ravi does not permit barge"),
            (
                "eve",
                Listen(seat="01"),
                "the settings have no supervisor of this name, so no seat can be monitored: add the sender of the command to"
                " [[supervisors]]",
            ),
            (
                "asha\r\nAction: Hangup",
                Listen(seat="01"),
                "the settings have no supervisor of this name, so no seat can be monitored",
            ),
            ("eve", StopListening(), "the settings have no supervisor of this name, so no seat can be monitored"),
            ("asha", Listen(seat="77"), "seat '77' is not in the settings"),
            ("asha", Listen(seat="02"), "seat 02 is offline, so there is no agent to listen to"),
            ("asha", StopListening(), "supervisor asha is not monitoring any seat"),
        ]
        for sender, command, says in refusals:
            with pytest.raises(CommandRefused) as refused:
                await execute(command, CommandContext(sender))
            assert str(refused.value).startswith(says)
            assert "\n" not in str(refused.value)
        assert not any(find_supervisor_channel(site, each["name"]) for each in SUPERVISORS)
        await execute(Barge(seat="01"), CommandContext("asha"))
        with pytest.raises(CommandRefused, match=r"supervisor asha is already monitoring seat 01 \(barge\)"):
            await execute(Barge(seat="01"), CommandContext("asha"))
        await execute(Whisper(seat="01"), CommandContext("ravi"))
        await execute(Listen(seat="01"), CommandContext("mina"))
    assert read_audit(tmp_path)[:3] == [("barge", "asha"), ("whisper", "ravi"), ("listen", "mina")]


@virtual_time()
async def test_monitoring_of_a_seat_starts_only_after_an_audit_entry_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_talking_centre(tmp_path) as site:

        async def fail_for_lack_of_space(*_: object) -> int:
            raise StoreFull("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(site.centre.store, "append_audit_entry", fail_for_lack_of_space)
            with pytest.raises(
                CommandRefused, match="monitoring was not started, because its audit entry could not be stored"
            ):
                await site.centre.engine.execute_command(Listen(seat="01"), CommandContext("asha"))
            await asyncio.sleep(2)
            assert find_supervisor_channel(site) is None
        await site.centre.engine.execute_command(Listen(seat="01"), CommandContext("asha"))
        await asyncio.sleep(2)
        assert find_supervisor_channel(site) is not None


@virtual_time()
async def test_supervisor_removed_while_monitoring_starts_cannot_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_talking_centre(tmp_path) as site:
        centre, audit = site.centre.engine.features, site.centre.store.append_audit_entry

        async def remove_supervisor_meanwhile(*entry: Any) -> int:
            centre.core.plan = replace(centre.core.plan, supervisors={})
            site.centre.engine.features.seat_monitoring_service.apply_settings_of_supervisors()
            await asyncio.sleep(0.1)
            return await audit(*entry)

        monkeypatch.setattr(site.centre.store, "append_audit_entry", remove_supervisor_meanwhile)
        with pytest.raises(
            CommandRefused, match="monitoring by supervisor asha was ended, because the settings have changed"
        ):
            await site.centre.engine.execute_command(Listen(seat="01"), CommandContext("asha"))
        monkeypatch.setattr(site.centre.store, "append_audit_entry", audit)
        await asyncio.sleep(2)
        assert find_supervisor_channel(site) is None
        assert not centre.supervisors_monitoring_seats
    assert read_audit(tmp_path) == [("listen", "asha"), ("listen-end", "asha")]


@virtual_time()
async def test_monitoring_ends_when_supervisor_or_agent_leaves_or_the_dialler_stops(
    tmp_path: Path,
) -> None:
    async with run_talking_centre(tmp_path) as site:
        execute = site.centre.engine.execute_command
        await execute(Listen(seat="01"), CommandContext("asha"))
        await execute(Listen(seat="01"), CommandContext("ravi"))
        await asyncio.sleep(2)
        site.switch.hang_up_phone("ravi")
        await asyncio.sleep(1)
        await execute(SeatLogOff(seat="01"))  # the log-off takes effect after the call
        assert find_supervisor_channel(site) is not None
        site.switch.hang_up_channel_from_other_side(get_voter_channel(site), EndsBy.VOTER)
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP)
        await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        await asyncio.sleep(2)
        assert find_supervisor_channel(site) is None
        await site.log_in("01")
        await execute(Listen(seat="01"), CommandContext("mina"))
        await asyncio.sleep(2)
        switch = site.switch
    assert not [channel for channel in switch.channels.values() if channel.seat == "mina"]
    begins = [entry for entry in read_audit(tmp_path) if entry[0] == "listen"]
    assert sorted(entry for entry in read_audit(tmp_path) if entry[0] == "listen-end") == sorted(
        ("listen-end", who) for _, who in begins
    )


@pytest.mark.parametrize("mode", [PhoneMode.BUSY, PhoneMode.RINGS, PhoneMode.UNREGISTERED])
@virtual_time()
async def test_supervisors_monitoring_ends_if_the_supervisors_phone_is_unreachable(
    mode: PhoneMode, tmp_path: Path
) -> None:
    async with run_talking_centre(tmp_path, make_switch_config(mode)) as site:
        await site.centre.engine.execute_command(Listen(seat="01"), CommandContext("asha"))
        await asyncio.sleep(25)
        with pytest.raises(CommandRefused, match="is not monitoring any seat"):
            await site.centre.engine.execute_command(StopListening(), CommandContext("asha"))
    assert read_audit(tmp_path) == [("listen", "asha"), ("listen-end", "asha")]


@virtual_time()
async def test_supervisors_monitoring_left_by_a_crashed_dialler_is_ended_at_the_restart(tmp_path: Path) -> None:
    async with SimulatedAsterisk(make_switch_config()) as switch:
        async with a_site(tmp_path, switch=switch, seats=2, supervisors=SUPERVISORS) as site:
            await site.log_in("01")
            await site.centre.engine.execute_command(Listen(seat="01"), CommandContext("asha"))
            await asyncio.sleep(2)
            # as if killed: no phone is hung up
            site.centre.engine.features.supervisors_monitoring_seats._listeners.clear()
        assert [channel for channel in switch.channels.values() if channel.seat == "asha"]
        async with a_site(tmp_path, switch=switch, seats=2, supervisors=SUPERVISORS):
            await asyncio.sleep(2)
            assert not [channel for channel in switch.channels.values() if channel.seat == "asha"]
    assert read_audit(tmp_path) == [("listen", "asha"), ("listen-end", "dialler")]


# Recordings


@virtual_time()
async def test_campaign_with_recording_stores_one_file_per_conversation(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    rules = profile_allowing_recording(tmp_path)
    async with run_talking_centre(
        tmp_path, make_switch_config(recordings=folder), campaign={"record": True}, rules=rules
    ) as site:
        execute = site.centre.engine.execute_command
        channel = get_voter_channel(site)
        assert site.centre_view.seats[0].recording == "on"
        assert await execute(SeatPauseRecording(seat="01")) == "seat 01: the recording is paused"
        assert site.centre_view.seats[0].recording == "paused"
        with pytest.raises(CommandRefused, match="seat 01: the recording is already paused"):
            await execute(SeatPauseRecording(seat="01"))
        await asyncio.sleep(3)
        assert await execute(SeatResumeRecording(seat="01")) == "seat 01: the recording is resumed"
        with pytest.raises(CommandRefused, match="the recording is already running"):
            await execute(SeatResumeRecording(seat="01"))
        await asyncio.sleep(1)
        await execute(SeatHold(seat="01"))
        await asyncio.sleep(30)
        await execute(SeatResume(seat="01"))  # continues in the same file
        await asyncio.sleep(1)
        recording = channel.recording
        assert recording is not None
        attempt = AttemptId(channel.uniqueid)
        with pytest.raises(
            CommandRefused, match="no recording of that call is available: the call is still in progress"
        ):
            await execute(PlayRecording(attempt_id=attempt))
        site.switch.hang_up_channel_from_other_side(channel, EndsBy.VOTER)
        await asyncio.sleep(0.5)
        assert recording.muted_seconds == pytest.approx(3, abs=0.1)
        assert recording.seconds == pytest.approx(5.5, abs=0.3), "music is not recorded"
        with pytest.raises(CommandRefused, match="seat 01 has no call that is being recorded"):
            await execute(SeatPauseRecording(seat="01"))
        assert await execute(PlayRecording(attempt_id=attempt)) == "the recording may be played"
        with pytest.raises(CommandRefused, match="or its recording was erased"):
            await execute(PlayRecording(attempt_id=AttemptId("0" * 8 + attempt[8:])))
        with wave.open(str(folder / f"{channel.uniqueid}.wav")) as file:
            assert file.getnframes() > 0
    assert query_site_store(tmp_path, "SELECT attempt_id FROM recording") == [(channel.uniqueid,)]


@virtual_time()
async def test_phone_keys_put_the_call_on_hold_and_pause_the_recording(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    rules = profile_allowing_recording(tmp_path)
    async with run_talking_centre(
        tmp_path, make_switch_config(recordings=folder), campaign={"record": True}, rules=rules
    ) as site:
        for keys, recording, help_now in [
            ("*6", "paused", None),
            ("*6", "paused", None),  # only the low tone
            ("*4", "paused", "hold"),
            ("*7", "on", "hold"),
            ("*5", "on", None),
        ]:
            site.switch.press_phone_keys("agent01", keys, every_seconds=0.5)
            await asyncio.sleep(2)
            assert (site.centre_view.seats[0].recording, site.centre_view.seats[0].transfer) == (recording, help_now)


@virtual_time()
async def test_call_recording_is_off_by_default(tmp_path: Path) -> None:
    async with run_talking_centre(tmp_path) as site:
        assert get_voter_channel(site).recording is None
        assert site.centre_view.seats[0].recording is None
        with pytest.raises(CommandRefused, match="no call that is being recorded"):
            await site.centre.engine.execute_command(SeatPauseRecording(seat="01"))
        with pytest.raises(CommandRefused, match="is not in the settings"):
            await site.centre.engine.execute_command(SeatResumeRecording.model_construct(seat="../01"))
    assert not query_site_store(tmp_path, "SELECT 1 FROM recording")


@virtual_time()
async def test_recording_announcement_is_played_before_the_voter_is_connected(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    made = render_dialplan(recordings=RecordingSettings(directory=folder, prompt="matdan/recorded"))
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        start_epoch=START_EPOCH,
        profile=VoterProfile(answer_rate=0.0),
        scripts={f"+91{7_000_000_001 + n}": Behaviour(answer_after=1.0) for n in range(50)},
        dialplan=made,
    )
    changes: dict[str, Any] = {
        "campaign": {"record": True},
        "rules": profile_allowing_recording(tmp_path),
        "recordings": {"directory": str(folder), "prompt": "matdan/recorded"},
    }
    async with a_site(tmp_path, config, seats=2, **changes) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.RESERVED)
        await asyncio.sleep(2.5)  # longer than the usual connect limit
        assert (get_voter_channel(site).application, site.centre_view.seats[0].state) == (
            "Playback",
            SeatState.RESERVED,
        )
        await wait_for_talk(site)
        assert get_voter_channel(site).recording is not None


@virtual_time()
async def test_supervisor_who_listens_hears_a_consultation(tmp_path: Path) -> None:
    transfers = [{"name": "boss", "kind": "supervisor", "endpoint": "ravi"}]
    async with run_talking_centre(tmp_path, transfers=transfers) as site:
        await site.centre.engine.execute_command(Barge(seat="01"), CommandContext("asha"))
        await site.centre.engine.execute_command(SeatConsult(seat="01", to="boss"))
        await asyncio.sleep(2)
        assert (
            len(site.switch.conferences.by_name["seat-01"].members) == 3
        )  # agent, boss and asha; the voter is on hold


@virtual_time()
async def test_inbound_call_can_be_held_transferred_and_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    numbers = [{"number": "+911140000012", "mode": "agent", "campaign": "agents"}]
    changes: dict[str, Any] = {
        "campaign": {"record": True, "hours": [{"start": "23:00", "until": "23:01"}]},
        "rules": profile_allowing_recording(tmp_path),
        "inbound": {"channels": 3, "numbers": numbers},
        "transfers": [{"name": "boss", "kind": "supervisor", "endpoint": "ravi"}],
        "supervisors": SUPERVISORS,
    }
    async with a_site(tmp_path, make_switch_config(recordings=folder), seats=2, **changes) as site:
        execute = site.centre.engine.execute_command
        await site.log_in("01")
        channel = site.switch.place_inbound_call("+917000000060", called="+911140000012")
        await wait_for_talk(site)
        attempt = site.centre_view.seats[0].attempt_id
        assert attempt != channel.uniqueid
        await execute(SeatHold(seat="01"))
        await asyncio.sleep(1)
        assert channel.application == "MusicOnHold"
        await execute(SeatResume(seat="01"))
        await asyncio.sleep(1)
        await execute(SeatPauseRecording(seat="01"))
        assert channel.recording is not None
        assert channel.recording.muted
        await execute(SeatConsult(seat="01", to="boss"))
        await asyncio.sleep(2)
        await execute(SeatCompleteTransfer(seat="01"))
        await asyncio.sleep(1)
        together = [member.channel for member in site.switch.conferences.by_name[f"aside-{attempt}"].members]
        assert {member.seat for member in together} == {"ravi", None}
        site.switch.hang_up_phone("ravi")
        await site.until(lambda: channel.uniqueid not in site.switch.channels)
    assert [file.name for file in folder.iterdir()] == [f"{attempt}.wav"]
    assert query_site_store(tmp_path, "SELECT attempt_id FROM recording") == [(attempt,)]
