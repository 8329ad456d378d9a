"""The FastAGI server against hostile peers and at its end, in virtual time: each costs its own connection alone."""

from __future__ import annotations

import asyncio
import socket

import pytest

from dialer.domain.errors import PortInUse, SwitchError
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiEnvironment
from dialer.switch.asterisk.agi_server import LOOPBACK, AgiLimits, AgiServer, Door, addresses_of
from tests.support.agi_peer import ENVIRONMENT, AsteriskCall, Recorder, answer_all, server_of
from tests.support.ami_peer import settle
from tests.support.virtual import virtual_time


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
        assert not server._tasks
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
    async with AgiServer(recorder, AgiLimits(["10.0.0.0/8", "192.0.2.7"]), port=0) as server:
        for _ in range(2):
            async with AsteriskCall(server.port) as peer:
                await peer.ended.wait()
        assert recorder.calls == []
    assert recorder.calls == []


async def test_the_addresses_of_a_host_are_itself_or_what_its_name_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host != "asterisk.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = [("10.0.0.6", 0), ("10.0.0.6", 0), ("fe80::1%eth0", 0, 0, 2)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", names)
    assert await addresses_of("10.0.0.7") == ("10.0.0.7",)
    assert await addresses_of("::1") == ("::1",)
    found = await addresses_of("asterisk.example")
    assert found == ("10.0.0.6", "fe80::1")
    assert AgiServer(answer_all, AgiLimits([*LOOPBACK, *found]))._is_allowed("10.0.0.6")
    for nobody in ("nowhere.example", "x" * 64 + ".example"):
        with pytest.raises(SwitchError, match=rf"{nobody}.*`ami\.host`") as caught:
            await addresses_of(nobody)
        assert "\n" not in str(caught.value)


class Doorkeeper(Door):
    """A door that knows its own by an argument, and counts what it was asked and told."""

    def __init__(self) -> None:
        self.turned_away = 0
        self.crowds: list[str] = []

    def admits(self, environment: AgiEnvironment) -> bool:
        self.turned_away += environment.arguments != ("ours",)
        return environment.arguments == ("ours",)

    def crowded(self, problem: str) -> None:
        self.crowds.append(problem)


OURS = ENVIRONMENT[:-1] + b"agi_arg_1: ours\n\n"


@virtual_time()
async def test_a_flood_of_silent_connections_makes_room_for_calls_and_is_gone_in_seconds() -> None:
    """From the address of Asterisk itself: the oldest that says nothing is closed, and not the call that comes last."""
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    door = Doorkeeper()
    limits = AgiLimits(connections=20, opening=50, opening_per_peer=30, environment_seconds=5)
    async with AgiServer(recorder, limits, port=0, door=door) as server, AsteriskCall(server.port, OURS) as live:
        await live.command()
        flood = [AsteriskCall(server.port, b"") for _ in range(300)]
        for number, peer in enumerate(flood):
            await peer.__aenter__()
            if number % 100 == 50:
                async with AsteriskCall(server.port, OURS) as another:
                    assert (await another.command()).startswith("GET DATA")
                    another.wire.write(b"200 result=4\n")
                    await another.ended.wait()
        await settle()
        assert [peer.ended.is_set() for peer in flood] == [True] * 270 + [False] * 30
        assert len(door.crowds) == 270
        live.wire.write(b"200 result=5\n")
        await live.ended.wait()
        await asyncio.sleep(5.1)  # the silent ones have used up their time
        assert all(peer.ended.is_set() for peer in flood)
        assert not server._opening
        assert not server._opening_of
    assert recorder.results == ["4"] * 3 + ["5"]


@virtual_time()
async def test_all_peers_together_have_a_limit_too() -> None:
    door = Doorkeeper()
    async with AgiServer(answer_all, AgiLimits(opening=5, opening_per_peer=30), port=0, door=door) as server:
        flood = [AsteriskCall(server.port, b"") for _ in range(12)]
        for peer in flood:
            await peer.__aenter__()
        await settle()
        assert [peer.ended.is_set() for peer in flood] == [True] * 7 + [False] * 5


@virtual_time()
async def test_who_is_not_let_in_is_closed_unheard_and_takes_no_calls_place() -> None:
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    door = Doorkeeper()
    async with AgiServer(recorder, AgiLimits(connections=2), port=0, door=door) as server:
        for environment in (ENVIRONMENT, ENVIRONMENT[:-1] + b"agi_arg_1: yours\n\n") * 5:
            async with AsteriskCall(server.port, environment + b"200 result=0\n") as stranger:
                await stranger.ended.wait()
                assert stranger.lines == []
        assert door.turned_away == 10
        async with AsteriskCall(server.port, OURS) as one, AsteriskCall(server.port, OURS) as two:
            await one.command()
            await two.command()
            async with AsteriskCall(server.port, OURS) as third:
                await third.ended.wait()
            assert door.crowds == ["2 calls are in flows at once (`fastagi.max_connections`)"]
            assert not one.ended.is_set()
    assert len(recorder.calls) == 2


@virtual_time()
async def test_the_log_names_each_fault_once_a_minute_and_each_address_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        server_of(answer_all, environment_seconds=5) as server,
        AgiServer(answer_all, AgiLimits(["192.0.2.7"]), port=0) as closed,
    ):
        for _ in range(40):
            for port, sent in ((server.port, b"nonsense\n\n"), (closed.port, b"")):
                async with AsteriskCall(port, sent) as peer:
                    await peer.ended.wait()
        first = capsys.readouterr().out
        assert (first.count("agi.protocol_error"), first.count("agi.peer_not_allowed")) == (1, 1)
        await asyncio.sleep(61)
        async with AsteriskCall(server.port, b"nonsense\n\n") as peer:
            await peer.ended.wait()
    out = capsys.readouterr().out
    assert (out.count("agi.protocol_error"), out.count("agi.peer_not_allowed")) == (1, 0)


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
            assert "5" in recorder.results
            await settle()
            assert not server._tasks

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
    assert recorder.results == ["5"]


@virtual_time()
async def test_stopping_ends_what_does_not_end_by_itself() -> None:
    recorder = Recorder(lambda call: call.get_data("a", 1000, 1))
    async with server_of(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.command()
        begun = asyncio.get_running_loop().time()
        await server.stop(4)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(4, abs=0.01)
        assert not server._tasks
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
