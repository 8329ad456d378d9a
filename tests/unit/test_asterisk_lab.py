"""The parts of `make test-asterisk` that need no Asterisk: SIPp scripts, audio, packets and the report."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.asterisk.__main__ import RunReport, describe_delays
from tests.asterisk.packets import CallPackets, PacketReader
from tests.asterisk.process import NoAsterisk, find_asterisk
from tests.asterisk.sipp_scripts import (
    render_carrier,
    render_dialling_phone,
    render_phone,
    render_registrar,
    render_registration,
    render_stranger,
)
from tests.asterisk.sounds import encode_a_law, is_loud, make_silence, make_tone
from tests.support.scenario import load_scenario, scenario_files

CARRIER = 5080
INVITE = "INVITE sip:+917030000001@127.0.0.1:5080 SIP/2.0\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\n\r\nm=audio {port} RTP/AVP 8\r\n"


@pytest.mark.parametrize("path", scenario_files(), ids=lambda path: path.stem)
def test_sipp_carrier_scenario_simulates_each_group_of_numbers_separately(path: Path) -> None:
    scenario = load_scenario(path)
    root = ElementTree.fromstring(render_carrier(scenario, "/x.alaw"))  # noqa: S314 - made by ourselves
    labels = [element.get("id") for element in root.iter("label")]
    assert len(labels) == len(set(labels))
    assert {f"group{group}" for group in range(len(scenario.voters))} <= set(labels)
    targets = {target for element in root.iter() for key in ("next", "ontimeout") if (target := element.get(key))}
    assert targets <= set(labels)
    assert len(scenario.voters) <= 100, "a number has two digits for its group"


@pytest.mark.parametrize(
    "text",
    [
        render_phone("/x"),
        render_dialling_phone(4000),
        render_registration(),
        render_registrar(),
        render_stranger("carrier"),
    ],
)
def test_sipp_scenario_files_reference_only_existing_labels(text: str) -> None:
    root = ElementTree.fromstring(text)  # noqa: S314 - made by ourselves
    labels = {element.get("id") for element in root.iter("label")}
    assert {target for element in root.iter() if (target := element.get("next"))} <= labels


def test_decoding_of_a_law_audio_matches_itu_g711() -> None:
    """Values of ITU-T G.711 tables 1a and 1b: zero, the ends, and the smallest steps; even bits are inverted."""
    assert [encode_a_law(sample) for sample in (0, 16, -16, 32767, -32768)] == [0xD5, 0xD4, 0x55, 0xAA, 0x2A]


def test_asterisk_lab_distinguishes_a_tone_from_silence_in_audio_packets() -> None:
    assert is_loud(make_tone(0.02))
    assert not is_loud(make_silence(0.02))
    assert not is_loud(make_tone(0.02, amplitude=40))
    assert not is_loud(b"")


def make_packet(source: int, target: int, payload: bytes) -> bytes:
    """Return an Ethernet frame with UDP over IPv4, as a packet capture on loopback has it."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return bytes(14) + header + struct.pack("!HHHH", source, target, 8 + len(payload), 0) + payload


def test_asterisk_lab_measures_delay_from_200_ok_to_the_first_speech() -> None:
    reader = PacketReader(CARRIER)
    ok = "SIP/2.0 200 OK\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n\r\n"
    for number, call in enumerate(("a", "b")):
        reader.process_packet(
            make_packet(5060, CARRIER, INVITE.format(call=call, port=30_000 + 2 * number).encode()), 1.0
        )
    reader.process_packet(
        make_packet(30_000, 46_000, bytes(12) + make_tone(0.02)), 1.5
    )  # before the answer: a ring-back
    reader.process_packet(make_packet(CARRIER, 5060, ok.format(call="a", cseq="1 INVITE").encode()), 2.0)
    reader.process_packet(make_packet(CARRIER, 5060, ok.format(call="b", cseq="2 CANCEL").encode()), 2.0)
    reader.process_packet(make_packet(30_000, 46_000, bytes(12) + make_silence(0.02)), 2.005)
    reader.process_packet(make_packet(30_002, 46_000, bytes(12) + make_tone(0.02)), 2.007)
    reader.process_packet(make_packet(30_000, 46_000, bytes(12) + make_tone(0.02)), 2.012)
    reader.process_packet(make_packet(30_000, 46_000, bytes(12) + make_tone(0.02)), 2.032)
    delays = [call.delay_milliseconds for call in reader.calls.values()]
    assert delays[0] == pytest.approx(12.0)
    assert delays[1] is None
    assert reader.invites == ["+917030000001", "+917030000001"]


def test_asterisk_lab_counts_a_retransmitted_sip_invite_as_one_call() -> None:
    reader = PacketReader(CARRIER)
    for _ in range(2):
        reader.process_packet(make_packet(5060, CARRIER, INVITE.format(call="a", port=30_000).encode()), 1.0)
    assert len(reader.invites) == 1
    assert CallPackets("1", 2).delay_milliseconds is None


def test_report_of_the_asterisk_lab_states_performance_goal_and_load() -> None:
    met = describe_delays([10.0] * 99 + [140.0])
    assert "100 calls: median 10.0 ms, p95 10.0, p99 140.0, max 140.0; goal p99 under 150 ms: met (load " in met
    assert "MISSED" in describe_delays([10.0] * 98 + [151.0] * 2)
    assert describe_delays([]) == "no delay was measured"


def test_report_of_the_asterisk_lab_counts_checks_as_well_as_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    report = RunReport()
    report.add_result("log-in", [])
    report.add_result("agents-talk", ["no voter was connected", "no seat"])
    report.add_fault("WARNING of Asterisk")
    assert report.describe_result() == "1 of 2 checks and scenarios hold"
    assert report.failed == ["agents-talk", "WARNING of Asterisk"]
    lines = ["ok   log-in: holds", "FAIL agents-talk: no voter was connected; no seat", "FAIL WARNING of Asterisk"]
    assert capsys.readouterr().out.splitlines() == lines


async def test_asterisk_lab_check_that_times_out_names_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def hang() -> list[str]:
        raise TimeoutError

    report = RunReport()
    await report.run_check("call-rate", hang())
    assert report.failed == ["call-rate"]
    assert "FAIL call-rate (0 s): timed out (test_asterisk_lab.py:" in capsys.readouterr().out


def test_asterisk_lab_reports_that_asterisk_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASTERISK_SBIN", str(tmp_path / "none"))
    with pytest.raises(NoAsterisk, match="is not an executable"):
        find_asterisk()
    program = tmp_path / "asterisk"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("ASTERISK_SBIN", str(tmp_path))
    assert find_asterisk() == program
