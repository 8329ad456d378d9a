"""The FastAGI server against a scripted Asterisk on TCP, in virtual time: flows and hang-ups at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dialer.domain.errors import SwitchError, UnsafeValue
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiReply, CallHungUp, SoundMissing
from tests.support.agi_peer import ENVIRONMENT, AsteriskCall, Recorder, make_server
from tests.support.ami_peer import settle
from tests.support.virtual import virtual_time


@virtual_time()
async def test_agi_server_sends_the_recorded_bytes_when_a_recorded_call_is_replayed() -> None:
    async def run_flow(call: AgiCall) -> object:
        assert call.env.unique_id == "attempt-1"
        assert call.env.agi_url_path == "ivr"
        await call.answer_channel()
        digits = await call.play_sound_and_read_keys("lab/welcome", 5000, 1)
        key = await call.wait_for_digit(1000)
        ended_by = await call.play_sound_file("lab/thanks")
        await call.hang_up_channel()
        return digits, key, ended_by

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        commands = await peer.exchange(
            b"200 result=0\n", b"200 result=1\n", b"200 result=0\n", b"200 result=0 endpos=16179\n", b"200 result=1\n"
        )
        await peer.ended.wait()
    assert commands == [
        "ANSWER",
        "GET DATA lab/welcome 5000 1",
        "WAIT FOR DIGIT 1000",
        'STREAM FILE lab/thanks ""',
        "HANGUP",
    ]
    assert recorder.results == [("1", None, None)]


@pytest.mark.parametrize(
    ("use", "command", "answer", "result"),
    [
        (lambda call: call.play_sound_file("a", "12#"), "STREAM FILE a 12#", b"200 result=35 endpos=8\n", "#"),
        (lambda call: call.play_sound_file("a"), 'STREAM FILE a ""', b"200 result=0 endpos=8\n", None),
        (lambda call: call.wait_for_digit(500), "WAIT FOR DIGIT 500", b"200 result=48\n", "0"),
        (lambda call: call.play_sound_and_read_keys("a", 10, 2), "GET DATA a 10 2", b"200 result= (timeout)\n", ""),
        (
            lambda call: call.play_sound_and_read_keys("a", 10, 2),
            "GET DATA a 10 2",
            b"200 result=1 (timeout)\n",
            "1",
        ),
        (lambda call: call.play_sound_and_read_keys("a", 10, 2), "GET DATA a 10 2", b"200 result=*#\n", "*#"),
        (lambda call: call.play_sound_and_read_keys("a", 10, 2), "GET DATA a 10 2", b"200 result=\n", ""),
        (lambda call: call.set_channel_variable("X", "a b"), 'SET VARIABLE X "a b"', b"200 result=1\n", None),
        (lambda call: call.send_command("NOOP"), "NOOP", b"510 Invalid or unknown command\n", AgiReply(510)),
        (lambda call: call.send_command("NOOP"), "NOOP", b"520-Usage:\nNOOP\n520 End\n", AgiReply(520)),
        (
            lambda call: call.record_file("r", "wav", "#", 9000, 3),
            "RECORD FILE r wav # 9000 BEEP s=3",
            b"200 result=0 (timeout) endpos=16000\n",
            16000,
        ),
        (
            lambda call: call.record_file("r", "wav", "5", 9000, 1),
            "RECORD FILE r wav 5 9000 BEEP s=1",
            b"200 result=53 (dtmf) endpos=8000\n",
            8000,
        ),
        (
            lambda call: call.record_file("r", "wav", "5", 9000, 1),
            "RECORD FILE r wav 5 9000 BEEP s=1",
            b"200 result=-1 (hangup) endpos=4000\n",
            4000,
        ),
    ],
)
def test_each_agi_reply_gives_its_command_the_expected_result(
    use: Callable[[AgiCall], Awaitable[object]], command: str, answer: bytes, result: object
) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(use)
        async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
            assert await peer.exchange(answer) == [command]
            await peer.ended.wait()
        assert recorder.results == [result]

    run()


@pytest.mark.parametrize(
    ("use", "answer", "told"),
    [
        (lambda call: call.answer_channel(), b"510 Invalid or unknown command\n", "ANSWER (reply 510)"),
        (lambda call: call.play_sound_and_read_keys("1", 1, 1), b"520 Wrong\n", "GET DATA (reply 520)"),
        (lambda call: call.record_file("r", "wav", "#", 1, 1), b"200 result=-1 (writefile)\n", "record to r.wav"),
    ],
)
def test_agi_command_that_asterisk_rejects_raises_a_switch_error(
    use: Callable[[AgiCall], Awaitable[object]], answer: bytes, told: str
) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(use)
        async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(answer)
            await peer.ended.wait()
        (error,) = recorder.errors
        assert type(error) is SwitchError
        assert told in str(error)

    run()


PLAYING: list[Callable[[AgiCall], Awaitable[object]]] = [
    lambda call: call.play_sound_file("matdan/hi/welcome"),
    lambda call: call.play_sound_and_read_keys("matdan/hi/welcome", 1000, 1),
]


@pytest.mark.parametrize("use", PLAYING)
@pytest.mark.parametrize(
    "after",
    [b"HANGUP\n200 result=0\n", b"200 result=0\nHANGUP\n", b"HANGUP\n511 Command Not Permitted\n", b"511 No\n", b""],
)
def test_agi_result_minus_one_at_a_hang_up_means_hang_up(
    use: Callable[[AgiCall], Awaitable[object]], after: bytes
) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(use)
        async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(b"200 result=-1 endpos=0\n")
            assert await peer.command() == "GET VARIABLE AGISTATUS"
            peer.wire.write(after)
            if not after:
                peer.wire.close()
            await peer.ended.wait()
        (error,) = recorder.errors
        assert isinstance(error, CallHungUp)
        assert recorder.calls[0].has_call_ended

    run()


@pytest.mark.parametrize("use", PLAYING)
def test_agi_result_minus_one_without_a_hang_up_means_missing_sound(
    use: Callable[[AgiCall], Awaitable[object]],
) -> None:
    @virtual_time()
    async def run() -> None:
        async def run_flow(call: AgiCall) -> object:
            with pytest.raises(SoundMissing, match=r"matdan/hi/welcome|digits"):
                await use(call)
            return await call.play_sound_file("apology")  # the call goes on

        recorder = Recorder(run_flow)
        async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(b"200 result=-1 endpos=0\n", b"200 result=0\n", b"200 result=0 endpos=9\n")
            await peer.ended.wait()
        assert recorder.results == [None]

    run()


@virtual_time()
async def test_agi_server_sends_only_commands_that_set_variables_after_a_hang_up() -> None:
    async def run_flow(call: AgiCall) -> object:
        with pytest.raises(CallHungUp):
            await call.wait_for_digit(1000)
        with pytest.raises(CallHungUp):
            await call.play_sound_file("a")
        await call.hang_up_channel()
        await call.set_channel_variable("MATDAN_DONE", "1")
        return (await call.send_command("GET VARIABLE", "MATDAN_DONE")).note

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.exchange(b"HANGUP\n511 Command Not Permitted\n", b"200 result=1\n", b"200 result=1 (1)\n")
        await peer.ended.wait()
    assert recorder.results == ["1"]
    assert peer.lines == ["WAIT FOR DIGIT 1000", "SET VARIABLE MATDAN_DONE 1", "GET VARIABLE MATDAN_DONE"]


@virtual_time()
async def test_key_pressed_just_before_the_hang_up_is_returned_by_the_agi_command() -> None:
    async def run_flow(call: AgiCall) -> object:
        digits = await call.play_sound_and_read_keys("menu", 5000, 1)
        with pytest.raises(CallHungUp):
            await call.play_sound_file("thanks")
        return digits

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.exchange(b"HANGUP\n200 result=1\n")
        await peer.ended.wait()
    assert recorder.results == ["1"]


@virtual_time()
async def test_hang_up_between_two_agi_commands_prevents_the_second_command() -> None:
    gate = asyncio.Event()

    async def run_flow(call: AgiCall) -> object:
        await call.answer_channel()
        await gate.wait()
        return await call.play_sound_file("a")

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.exchange(b"200 result=0\nHANGUP\n")
        await settle()
        gate.set()
        await peer.ended.wait()
    assert isinstance(recorder.errors[0], CallHungUp)
    assert peer.lines == ["ANSWER"]


async def send_four_commands(call: AgiCall) -> None:
    await call.answer_channel()
    await call.play_sound_and_read_keys("a", 1000, 1)
    await call.play_sound_file("b")
    await call.record_file("c", "wav", "#", 1000, 1)
    await call.set_channel_variable("DONE", "1")


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("answered", range(5))
def test_agi_call_ends_normally_if_the_connection_is_lost_after_any_command(answered: int, reset: bool) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(send_four_commands)
        async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(*[b"200 result=0\n"] * answered)
            assert await peer.command()
            if reset:
                peer.wire.abort()
            else:
                peer.wire.write(b"200 res")  # cut in the middle of an answer
                peer.wire.close()
            await settle()
            assert not server._tasks
            assert len(peer.lines) == answered + 1
        (error,) = recorder.errors
        assert isinstance(error, CallHungUp)

    run()


@virtual_time()
async def test_lost_agi_connection_does_not_interrupt_other_work_of_the_handler() -> None:
    committed = []

    async def run_flow(call: AgiCall) -> None:
        await call.answer_channel()
        await asyncio.sleep(3)
        committed.append("mark")
        await call.play_sound_file("thanks")

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server:
        async with AsteriskCall(server.port) as peer:
            await peer.exchange(b"200 result=0\n")
        await asyncio.sleep(4)
    assert committed == ["mark"]
    assert isinstance(recorder.errors[0], CallHungUp)


@virtual_time()
async def test_agi_replies_decode_the_same_when_split_at_any_byte() -> None:
    recorder = Recorder(lambda call: call.play_sound_and_read_keys("a", 1000, 1))
    async with make_server(recorder) as server, AsteriskCall(server.port, b"") as peer:
        for byte in ENVIRONMENT:
            peer.wire.write(bytes([byte]))
            await settle()
        await peer.command()
        for byte in b"200 result=7\n":
            peer.wire.write(bytes([byte]))
            await settle()
        await peer.ended.wait()
    assert recorder.results == ["7"]


@virtual_time()
async def test_second_agi_command_during_the_first_raises_an_error_and_is_not_sent() -> None:
    async def run_flow(call: AgiCall) -> object:
        first = asyncio.create_task(call.wait_for_digit(1000))
        await settle()
        with pytest.raises(RuntimeError, match="still running"):
            await call.play_sound_file("a")
        return await first

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        assert await peer.command()
        await settle()
        peer.wire.write(b"200 result=50\n")
        await peer.ended.wait()
    assert recorder.results == ["2"]
    assert len(peer.lines) == 1


@virtual_time()
async def test_agi_command_after_a_cancelled_command_gets_its_own_reply() -> None:
    async def run_flow(call: AgiCall) -> object:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await call.play_sound_and_read_keys("a", 5000, 1)
        return (await call.send_command("GET VARIABLE", "X")).note

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.command()
        await asyncio.sleep(2)
        assert len(peer.lines) == 1  # nothing is sent into a running command
        peer.wire.write(b"200 result=9\n")
        await peer.exchange(b"200 result=1 (value)\n")
        await peer.ended.wait()
    assert recorder.results == ["value"]


@virtual_time()
async def test_unsafe_agi_arguments_are_refused_before_anything_is_sent() -> None:
    async def run_flow(call: AgiCall) -> None:
        for use in (
            call.play_sound_file("a\nHANGUP"),
            call.set_channel_variable("GLOBAL(X)", "1"),
            call.set_channel_variable("X", "a\rb"),
            call.set_channel_variable("", "1"),
        ):
            with pytest.raises(UnsafeValue):
                await use
        await call.answer_channel()

    recorder = Recorder(run_flow)
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        assert await peer.exchange(b"200 result=0\n") == ["ANSWER"]
        await peer.ended.wait()
    assert recorder.results == [None]
    assert len(peer.lines) == 1
