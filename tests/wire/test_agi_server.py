"""The FastAGI server against a scripted Asterisk on TCP, in virtual time: flows, hang-ups at every moment, hostile peers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from dialer.errors import PortInUse, SwitchError, UnsafeValue
from dialer.switch.asterisk.agi_call import AgiCall, KeyedDigits, Recording, RecordingEnd
from dialer.switch.asterisk.agi_codec import AgiReply, CallHungUp, SoundMissing
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from tests.support.agi_peer import ENVIRONMENT, AsteriskCall
from tests.support.ami_peer import settle
from tests.support.virtual import virtual_time

Handler = Callable[[AgiCall], Awaitable[None]]


class Recorder:
    """A handler that keeps what the flow returned or raised."""

    def __init__(self, flow: Callable[[AgiCall], Awaitable[object]]) -> None:
        self.results: list[object] = []
        self.errors: list[BaseException] = []
        self.calls: list[AgiCall] = []
        self._flow = flow

    async def __call__(self, call: AgiCall) -> None:
        self.calls.append(call)
        try:
            self.results.append(await self._flow(call))
        except BaseException as error:
            self.errors.append(error)
            raise


def server_of(handler: Handler, **limits: float) -> AgiServer:
    return AgiServer(handler, AgiLimits(**limits), port=0)  # type: ignore[arg-type]  # a test's shorthand


async def answer_all(call: AgiCall) -> None:
    await call.answer()


@virtual_time()
async def test_a_whole_flow_as_it_was_recorded() -> None:
    async def flow(call: AgiCall) -> object:
        assert call.env.unique_id == "attempt-1"
        assert call.env.script == "ivr"
        assert call.env.parameters == {"campaign": "3"}
        await call.answer()
        digits = await call.get_data("lab/welcome", 5000, 1)
        key = await call.wait_for_digit(1000)
        ended_by = await call.stream_file("lab/thanks")
        await call.hangup()
        return digits, key, ended_by

    recorder = Recorder(flow)
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
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
    assert recorder.results == [(KeyedDigits("1", False), None, None)]


@pytest.mark.parametrize(
    ("use", "command", "answer", "result"),
    [
        (lambda call: call.stream_file("a", "12#"), "STREAM FILE a 12#", b"200 result=35 endpos=8\n", "#"),
        (lambda call: call.stream_file("a"), 'STREAM FILE a ""', b"200 result=0 endpos=8\n", None),
        (lambda call: call.wait_for_digit(500), "WAIT FOR DIGIT 500", b"200 result=48\n", "0"),
        (lambda call: call.get_data("a", 10, 2), "GET DATA a 10 2", b"200 result= (timeout)\n", KeyedDigits("", True)),
        (
            lambda call: call.get_data("a", 10, 2),
            "GET DATA a 10 2",
            b"200 result=1 (timeout)\n",
            KeyedDigits("1", True),
        ),
        (lambda call: call.get_data("a", 10, 2), "GET DATA a 10 2", b"200 result=*#\n", KeyedDigits("*#", False)),
        (lambda call: call.get_data("a", 10, 2), "GET DATA a 10 2", b"200 result=\n", KeyedDigits("", False)),
        (lambda call: call.say_digits("12"), 'SAY DIGITS 12 ""', b"200 result=0\n", None),
        (lambda call: call.say_number(12, "1"), "SAY NUMBER 12 1", b"200 result=49\n", "1"),
        (lambda call: call.get_variable("X"), "GET VARIABLE X", b"200 result=1 (a b)\n", "a b"),
        (lambda call: call.get_variable("X"), "GET VARIABLE X", b"200 result=1 ()\n", ""),
        (lambda call: call.get_variable("X"), "GET VARIABLE X", b"200 result=0\n", None),
        (lambda call: call.set_variable("X", "a b"), 'SET VARIABLE X "a b"', b"200 result=1\n", None),
        (lambda call: call.command("NOOP"), "NOOP", b"510 Invalid or unknown command\n", AgiReply(510)),
        (lambda call: call.command("NOOP"), "NOOP", b"520-Usage:\nNOOP\n520 End\n", AgiReply(520)),
        (
            lambda call: call.record_file("r", "wav", "#", 9000, silence_seconds=3, beep=True),
            "RECORD FILE r wav # 9000 BEEP s=3",
            b"200 result=0 (timeout) endpos=16000\n",
            Recording(RecordingEnd.TIME, None, 16000),
        ),
        (
            lambda call: call.record_file("r", "wav", "5", 9000),
            "RECORD FILE r wav 5 9000",
            b"200 result=53 (dtmf) endpos=8000\n",
            Recording(RecordingEnd.KEY, "5", 8000),
        ),
        (
            lambda call: call.record_file("r", "wav", "5", 9000),
            "RECORD FILE r wav 5 9000",
            b"200 result=-1 (hangup) endpos=4000\n",
            Recording(RecordingEnd.HANGUP, None, 4000),
        ),
    ],
)
def test_each_command_and_what_its_answer_means(
    use: Callable[[AgiCall], Awaitable[object]], command: str, answer: bytes, result: object
) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(use)
        async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
            assert await peer.exchange(answer) == [command]
            await peer.ended.wait()
        assert recorder.results == [result]

    run()


@pytest.mark.parametrize(
    ("use", "answer", "told"),
    [
        (lambda call: call.answer(), b"510 Invalid or unknown command\n", "ANSWER (it answered 510)"),
        (lambda call: call.say_digits("1"), b"520 Wrong\n", "SAY DIGITS (it answered 520)"),
        (lambda call: call.record_file("r", "wav", "#", 1), b"200 result=-1 (writefile)\n", "record into r.wav"),
    ],
)
def test_what_asterisk_cannot_do_is_a_switch_error(
    use: Callable[[AgiCall], Awaitable[object]], answer: bytes, told: str
) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(use)
        async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(answer)
            await peer.ended.wait()
        (error,) = recorder.errors
        assert type(error) is SwitchError
        assert told in str(error)

    run()


PLAYING: list[Callable[[AgiCall], Awaitable[object]]] = [
    lambda call: call.stream_file("matdan/hi/welcome"),
    lambda call: call.get_data("matdan/hi/welcome", 1000, 1),
    lambda call: call.say_digits("1"),
]


@pytest.mark.parametrize("use", PLAYING)
@pytest.mark.parametrize(
    "after",
    [b"HANGUP\n200 result=0\n", b"200 result=0\nHANGUP\n", b"HANGUP\n511 Command Not Permitted\n", b"511 No\n", b""],
)
def test_minus_one_and_then_a_sign_of_hang_up_is_a_hang_up(
    use: Callable[[AgiCall], Awaitable[object]], after: bytes
) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(use)
        async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(b"200 result=-1 endpos=0\n")
            assert await peer.command() == "GET VARIABLE AGISTATUS"
            peer.wire.write(after)
            if not after:
                peer.wire.close()
            await peer.ended.wait()
        (error,) = recorder.errors
        assert isinstance(error, CallHungUp)
        assert recorder.calls[0].hung_up

    run()


@pytest.mark.parametrize("use", PLAYING)
def test_minus_one_without_a_hang_up_is_a_sound_that_is_missing(use: Callable[[AgiCall], Awaitable[object]]) -> None:
    @virtual_time()
    async def run() -> None:
        async def flow(call: AgiCall) -> object:
            with pytest.raises(SoundMissing, match=r"matdan/hi/welcome|digits"):
                await use(call)
            return await call.stream_file("apology")  # the call goes on

        recorder = Recorder(flow)
        async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(b"200 result=-1 endpos=0\n", b"200 result=0\n", b"200 result=0 endpos=9\n")
            await peer.ended.wait()
        assert recorder.results == [None]

    run()


@virtual_time()
async def test_after_a_hang_up_variables_work_and_nothing_else_is_sent() -> None:
    async def flow(call: AgiCall) -> object:
        with pytest.raises(CallHungUp):
            await call.wait_for_digit(1000)
        with pytest.raises(CallHungUp):
            await call.stream_file("a")
        await call.hangup()
        await call.set_variable("MATDAN_DONE", "1")
        return await call.get_variable("MATDAN_DONE")

    recorder = Recorder(flow)
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.exchange(b"HANGUP\n511 Command Not Permitted\n", b"200 result=1\n", b"200 result=1 (1)\n")
        await peer.ended.wait()
    assert recorder.results == ["1"]
    assert peer.lines == ["WAIT FOR DIGIT 1000", "SET VARIABLE MATDAN_DONE 1", "GET VARIABLE MATDAN_DONE"]


@virtual_time()
async def test_a_key_that_came_with_the_hang_up_is_kept() -> None:
    async def flow(call: AgiCall) -> object:
        digits = await call.get_data("menu", 5000, 1)
        with pytest.raises(CallHungUp):
            await call.stream_file("thanks")
        return digits

    recorder = Recorder(flow)
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.exchange(b"HANGUP\n200 result=1\n")
        await peer.ended.wait()
    assert recorder.results == [KeyedDigits("1", False)]


@virtual_time()
async def test_a_hang_up_between_two_commands_stops_the_next() -> None:
    gate = asyncio.Event()

    async def flow(call: AgiCall) -> object:
        await call.answer()
        await gate.wait()
        return await call.stream_file("a")

    recorder = Recorder(flow)
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.exchange(b"200 result=0\nHANGUP\n")
        await settle()
        gate.set()
        await peer.ended.wait()
    assert isinstance(recorder.errors[0], CallHungUp)
    assert peer.lines == ["ANSWER"]


async def four_commands(call: AgiCall) -> None:
    await call.answer()
    await call.get_data("a", 1000, 1)
    await call.stream_file("b")
    await call.record_file("c", "wav", "#", 1000)
    await call.set_variable("DONE", "1")


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("answered", range(5))
def test_a_cut_after_each_command_is_an_ordinary_end(answered: int, reset: bool) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(four_commands)
        async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
            await peer.exchange(*[b"200 result=0\n"] * answered)
            assert await peer.command()
            if reset:
                peer.wire.abort()
            else:
                peer.wire.write(b"200 res")  # cut in the middle of an answer
                peer.wire.close()
            await settle()
            assert server.calls == 0
            assert len(peer.lines) == answered + 1
        (error,) = recorder.errors
        assert isinstance(error, CallHungUp)

    run()


@virtual_time()
async def test_a_cut_while_the_handler_works_leaves_its_work_alone() -> None:
    committed = []

    async def flow(call: AgiCall) -> None:
        await call.answer()
        await asyncio.sleep(3)
        committed.append("mark")
        await call.stream_file("thanks")

    recorder = Recorder(flow)
    async with server_of(recorder) as server:
        async with AsteriskCall(server.port) as peer:
            await peer.exchange(b"200 result=0\n")
        await asyncio.sleep(4)
    assert committed == ["mark"]
    assert isinstance(recorder.errors[0], CallHungUp)


@virtual_time()
async def test_answers_split_at_every_byte_read_the_same() -> None:
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    async with server_of(recorder) as server, AsteriskCall(server.port, b"") as peer:
        for byte in ENVIRONMENT:
            peer.wire.write(bytes([byte]))
            await settle()
        await peer.command()
        for byte in b"200 result=7\n":
            peer.wire.write(bytes([byte]))
            await settle()
        await peer.ended.wait()
    assert recorder.results == [KeyedDigits("7", False)]


@virtual_time()
async def test_two_commands_at_once_are_a_mistake_and_only_one_is_sent() -> None:
    async def flow(call: AgiCall) -> object:
        first = asyncio.create_task(call.wait_for_digit(1000))
        await settle()
        with pytest.raises(RuntimeError, match="still running"):
            await call.stream_file("a")
        return await first

    recorder = Recorder(flow)
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        assert await peer.command()
        await settle()
        peer.wire.write(b"200 result=50\n")
        await peer.ended.wait()
    assert recorder.results == ["2"]
    assert len(peer.lines) == 1


@virtual_time()
async def test_a_command_given_up_does_not_put_the_next_out_of_step() -> None:
    async def flow(call: AgiCall) -> object:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await call.get_data("a", 5000, 1)
        return await call.get_variable("X")

    recorder = Recorder(flow)
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.command()
        await asyncio.sleep(2)
        assert len(peer.lines) == 1  # nothing is sent into a running command
        peer.wire.write(b"200 result=9\n")
        await peer.exchange(b"200 result=1 (value)\n")
        await peer.ended.wait()
    assert recorder.results == ["value"]


@virtual_time()
async def test_unsafe_arguments_are_refused_before_anything_is_sent() -> None:
    async def flow(call: AgiCall) -> None:
        for use in (
            call.stream_file("a\nHANGUP"),
            call.set_variable("GLOBAL(X)", "1"),
            call.get_variable("SHELL(id)"),
            call.set_variable("X", "a\rb"),
            call.get_variable(""),
        ):
            with pytest.raises(UnsafeValue):
                await use
        await call.answer()

    recorder = Recorder(flow)
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        assert await peer.exchange(b"200 result=0\n") == ["ANSWER"]
        await peer.ended.wait()
    assert recorder.results == [None]
    assert len(peer.lines) == 1


@virtual_time()
async def test_a_handler_that_raises_closes_its_own_call_alone(capsys: pytest.CaptureFixture[str]) -> None:
    async def flow(call: AgiCall) -> None:
        await call.answer()
        if not call.env.get("agi_accountcode"):
            raise ValueError("a mistake")
        await call.stream_file("a")

    other = ENVIRONMENT.replace(b"agi_accountcode: ", b"agi_accountcode: other")
    async with server_of(flow) as server:
        async with AsteriskCall(server.port) as bad, AsteriskCall(server.port, other) as good:
            await good.exchange(b"200 result=0\n")
            await bad.exchange(b"200 result=0\n")
            await bad.ended.wait()
            await good.exchange(b"200 result=0\n")
            await good.ended.wait()
        assert len(good.lines) == 2
        assert server.calls == 0
    assert "a mistake" in capsys.readouterr().out


@virtual_time()
async def test_a_port_that_is_taken_names_itself_and_its_setting() -> None:
    async with server_of(answer_all) as server:
        with pytest.raises(PortInUse, match=rf"port {server.port} on 127\.0\.0\.1 .*`fastagi\.port`"):
            await AgiServer(answer_all, port=server.port).__aenter__()


@virtual_time()
async def test_an_address_that_is_not_ours_names_its_setting() -> None:
    with pytest.raises(SwitchError, match=r"192\.0\.2\.1:4573 .*`fastagi\.host`"):
        await AgiServer(answer_all, host="192.0.2.1").__aenter__()


@virtual_time()
async def test_a_peer_that_is_not_allowed_is_closed_unheard() -> None:
    recorder = Recorder(answer_all)
    async with AgiServer(recorder, port=0, allowed_peers=["10.0.0.0/8", "192.0.2.7"]) as server:
        for _ in range(2):
            async with AsteriskCall(server.port) as peer:
                await peer.ended.wait()
        assert server.refused_connections == 2
    assert recorder.calls == []


@virtual_time()
async def test_a_flood_beyond_the_limit_is_refused_and_live_calls_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    async with server_of(recorder, connections=20, environment_seconds=5) as server:
        async with AsteriskCall(server.port) as live:
            await live.command()
            flood = [AsteriskCall(server.port, b"") for _ in range(300)]
            for peer in flood:
                await peer.__aenter__()
            await settle()
            assert sum(peer.ended.is_set() for peer in flood) == 281
            assert server.refused_connections == 281
            live.wire.write(b"200 result=5\n")
            await live.ended.wait()
            assert recorder.results == [KeyedDigits("5", False)]
            await asyncio.sleep(5.1)  # the silent ones have used up their time
            assert all(peer.ended.is_set() for peer in flood)
        async with AsteriskCall(server.port) as later:
            assert await later.command()
            later.wire.write(b"200 result=6\n")
            await later.ended.wait()
    assert recorder.results == [KeyedDigits("5", False), KeyedDigits("6", False)]
    assert capsys.readouterr().out.count("agi.connections_full") == 1


@pytest.mark.parametrize(
    "poison",
    [
        b"agi_x: " + b"a" * 10_000_000,
        b"".join(b"agi_%d: %s\n" % (number, b"a" * 1000) for number in range(10_000)),
        b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00" * 5000,
        b"\n" * 10 + b"200 result=0\n",
        ENVIRONMENT + b"200 result=0\n200 result=0\n",
        ENVIRONMENT + b"HANGUP\nnonsense\n",
        ENVIRONMENT + b"520-a\n" + b"b\n" * 1000,
    ],
    ids=[
        "no-line-feed",
        "10-MB-environment",
        "long-line",
        "http",
        "zeros",
        "no-environment",
        "unasked",
        "nonsense",
        "usage",
    ],
)
def test_a_peer_that_breaks_the_protocol_costs_its_own_connection(poison: bytes) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
        async with server_of(recorder) as server, AsteriskCall(server.port) as live:
            await live.command()
            async with AsteriskCall(server.port, poison) as hostile:
                await hostile.ended.wait()
            live.wire.write(b"200 result=5\n")
            await live.ended.wait()
            assert KeyedDigits("5", False) in recorder.results
            await settle()
            assert server.calls == 0

    run()


@virtual_time()
async def test_an_environment_that_does_not_come_has_a_deadline() -> None:
    async with server_of(answer_all, environment_seconds=5) as server:
        async with AsteriskCall(server.port, ENVIRONMENT[:-1]) as peer:
            begun = asyncio.get_running_loop().time()
            await peer.ended.wait()
            assert asyncio.get_running_loop().time() - begun == pytest.approx(5, abs=0.01)
        async with AsteriskCall(server.port) as peer:
            await peer.command()
            await asyncio.sleep(3600)  # a call itself may last
            assert not peer.ended.is_set()


@virtual_time()
async def test_stopping_lets_calls_end_by_themselves_and_takes_no_new_ones() -> None:
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    server = server_of(recorder)
    async with server, AsteriskCall(server.port) as running, AsteriskCall(server.port, b"agi_") as opening:
        await running.command()
        await settle()
        stop = asyncio.create_task(server.stop(10))
        await settle()
        assert opening.ended.is_set()
        assert not running.ended.is_set()
        with pytest.raises(ConnectionRefusedError):
            await AsteriskCall(server.port).__aenter__()
        running.wire.write(b"200 result=5\n")
        await stop
        await running.ended.wait()
    assert recorder.results == [KeyedDigits("5", False)]


@virtual_time()
async def test_stopping_ends_what_does_not_end_by_itself() -> None:
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.command()
        begun = asyncio.get_running_loop().time()
        await server.stop(4)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(4, abs=0.01)
        assert server.calls == 0
        await peer.ended.wait()
    assert isinstance(recorder.errors[0], asyncio.CancelledError)


@virtual_time()
async def test_an_error_of_the_body_ends_calls_at_once() -> None:
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    begun = asyncio.get_running_loop().time()
    with pytest.raises(KeyError):
        async with server_of(recorder) as server:
            peer = await AsteriskCall(server.port).__aenter__()
            await peer.command()
            raise KeyError
    assert asyncio.get_running_loop().time() - begun < 0.1
    await peer.ended.wait()


@virtual_time()
async def test_the_kernel_watches_for_peers_that_vanish() -> None:
    async with server_of(answer_all) as server:
        assert server._server is not None
        for listener in server._server.sockets:
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
