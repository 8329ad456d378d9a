"""The FastAGI server against hostile peers, and its stop, in virtual time."""

from __future__ import annotations

import asyncio
import socket

import pytest

from dialer.domain.errors import PortInUse, SwitchError
from dialer.switch.asterisk.addresses import resolve_asterisk_addresses
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiEnvironment
from dialer.switch.asterisk.agi_server import LOOPBACK, AgiAuthenticator, AgiLimits, AgiServer
from tests.support.agi_peer import ENVIRONMENT, AsteriskCall, Recorder, answer_all, make_server
from tests.support.ami_peer import settle
from tests.support.virtual import virtual_time


@virtual_time()
async def test_failing_agi_handler_ends_only_the_affected_call(capsys: pytest.CaptureFixture[str]) -> None:
    async def run_flow(call: AgiCall) -> None:
        await call.answer_channel()
        if not call.env.get_field("agi_accountcode"):
            raise ValueError("a mistake")
        await call.play_sound_file("a")

    other = ENVIRONMENT.replace(b"agi_accountcode: ", b"agi_accountcode: other")
    async with make_server(run_flow) as server:
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
async def test_agi_port_in_use_is_reported_with_the_name_of_the_port_setting() -> None:
    async with make_server(answer_all) as server:
        with pytest.raises(PortInUse, match=rf"port {server.port} on 127\.0\.0\.1 .*`fastagi\.port`"):
            await AgiServer(answer_all, port=server.port).__aenter__()


@virtual_time()
async def test_error_about_a_foreign_agi_address_names_the_setting() -> None:
    with pytest.raises(SwitchError, match=r"192\.0\.2\.1:4573 .*`fastagi\.host`"):
        await AgiServer(answer_all, host="192.0.2.1").__aenter__()


@virtual_time()
async def test_agi_connection_from_another_address_is_closed_before_anything_is_read() -> None:
    recorder = Recorder(answer_all)
    async with AgiServer(recorder, AgiLimits(["10.0.0.0/8", "192.0.2.7"]), port=0) as server:
        for _ in range(2):
            async with AsteriskCall(server.port) as peer:
                await peer.ended.wait()
        assert recorder.calls == []
    assert recorder.calls == []


async def test_host_name_of_a_permitted_agi_client_is_resolved_to_ip_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve_host_name(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host != "asterisk.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = [("10.0.0.6", 0), ("10.0.0.6", 0), ("fe80::1%eth0", 0, 0, 2)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_host_name)
    assert await resolve_asterisk_addresses("10.0.0.7") == ("10.0.0.7",)
    assert await resolve_asterisk_addresses("::1") == ("::1",)
    found = await resolve_asterisk_addresses("asterisk.example")
    assert found == ("10.0.0.6", "fe80::1")
    assert AgiServer(answer_all, AgiLimits([*LOOPBACK, *found]))._is_address_allowed("10.0.0.6")
    for unknown in ("nowhere.example", "x" * 64 + ".example"):
        with pytest.raises(SwitchError, match=rf"{unknown}.*`ami\.host`") as caught:
            await resolve_asterisk_addresses(unknown)
        assert "\n" not in str(caught.value)


class OursOnly(AgiAuthenticator):
    """An authenticator that accepts the argument `ours`, counts other connections, and records overloads."""

    def __init__(self) -> None:
        self.rejected = 0
        self.overloads: list[str] = []

    def is_connection_authentic(self, environment: AgiEnvironment) -> bool:
        self.rejected += environment.agi_arguments != ("ours",)
        return environment.agi_arguments == ("ours",)

    def report_too_many_connections(self, problem: str) -> None:
        self.overloads.append(problem)


OURS = ENVIRONMENT[:-1] + b"agi_arg_1: ours\n\n"


@virtual_time()
async def test_flood_of_silent_agi_connections_does_not_block_calls() -> None:
    """This holds for Asterisk's own address too: the oldest silent connection is closed, not the newest call."""
    recorder = Recorder(lambda call: call.play_sound_and_read_keys("a", 1000, 1))
    authenticator = OursOnly()
    limits = AgiLimits(connections=20, opening=50, opening_per_peer=30, environment_seconds=5)
    async with (
        AgiServer(recorder, limits, port=0, authenticator=authenticator) as server,
        AsteriskCall(server.port, OURS) as live,
    ):
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
        assert len(authenticator.overloads) == 270
        live.wire.write(b"200 result=5\n")
        await live.ended.wait()
        await asyncio.sleep(5.1)  # past the time limit of silent connections
        assert all(peer.ended.is_set() for peer in flood)
        assert not server._opening
        assert not server._opening_of
    assert recorder.results == ["4"] * 3 + ["5"]


@virtual_time()
async def test_number_of_silent_agi_connections_from_all_addresses_together_is_limited() -> None:
    authenticator = OursOnly()
    async with AgiServer(
        answer_all, AgiLimits(opening=5, opening_per_peer=30), port=0, authenticator=authenticator
    ) as server:
        flood = [AsteriskCall(server.port, b"") for _ in range(12)]
        for peer in flood:
            await peer.__aenter__()
        await settle()
        assert [peer.ended.is_set() for peer in flood] == [True] * 7 + [False] * 5


@virtual_time()
async def test_rejected_agi_connection_gets_no_command_and_does_not_count_as_a_call() -> None:
    recorder = Recorder(lambda call: call.play_sound_and_read_keys("a", 1000, 1))
    authenticator = OursOnly()
    async with AgiServer(recorder, AgiLimits(connections=2), port=0, authenticator=authenticator) as server:
        for environment in (ENVIRONMENT, ENVIRONMENT[:-1] + b"agi_arg_1: yours\n\n") * 5:
            async with AsteriskCall(server.port, environment + b"200 result=0\n") as stranger:
                await stranger.ended.wait()
                assert stranger.lines == []
        assert authenticator.rejected == 10
        async with AsteriskCall(server.port, OURS) as one, AsteriskCall(server.port, OURS) as two:
            await one.command()
            await two.command()
            async with AsteriskCall(server.port, OURS) as third:
                await third.ended.wait()
            assert authenticator.overloads == ["2 calls are served at once (`fastagi.max_connections`)"]
            assert not one.ended.is_set()
    assert len(recorder.calls) == 2


@virtual_time()
async def test_each_kind_of_agi_fault_is_logged_once_a_minute_and_each_address_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        make_server(answer_all, environment_seconds=5) as server,
        AgiServer(answer_all, AgiLimits(["192.0.2.7"]), port=0) as closed,
    ):
        for _ in range(40):
            for port, sent in ((server.port, b"nonsense\n\n"), (closed.port, b"")):
                async with AsteriskCall(port, sent) as peer:
                    await peer.ended.wait()
        first = capsys.readouterr().out
        assert (first.count("agi.protocol_error"), first.count("agi.peer_rejected")) == (1, 1)
        await asyncio.sleep(61)
        async with AsteriskCall(server.port, b"nonsense\n\n") as peer:
            await peer.ended.wait()
    out = capsys.readouterr().out
    assert (out.count("agi.protocol_error"), out.count("agi.peer_rejected")) == (1, 0)


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
def test_agi_protocol_error_closes_only_the_affected_connection(poison: bytes) -> None:
    @virtual_time()
    async def run() -> None:
        recorder = Recorder(lambda call: call.play_sound_and_read_keys("a", 1000, 1))
        async with make_server(recorder) as server, AsteriskCall(server.port) as live:
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
async def test_agi_connection_that_sends_no_complete_header_is_closed_at_the_time_limit() -> None:
    async with make_server(answer_all, environment_seconds=5) as server:
        async with AsteriskCall(server.port, ENVIRONMENT[:-1]) as peer:
            began_at = asyncio.get_running_loop().time()
            await peer.ended.wait()
            assert asyncio.get_running_loop().time() - began_at == pytest.approx(5, abs=0.01)
        async with AsteriskCall(server.port) as peer:
            await peer.command()
            await asyncio.sleep(3600)  # an accepted call has no time limit
            assert not peer.ended.is_set()


@virtual_time()
async def test_stopping_agi_server_waits_for_calls_in_progress_and_accepts_no_new_calls() -> None:
    recorder = Recorder(lambda call: call.play_sound_and_read_keys("a", 1000, 1))
    server = make_server(recorder)
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
async def test_stopping_agi_server_ends_calls_that_last_longer_than_the_drain_time() -> None:
    recorder = Recorder(lambda call: call.play_sound_and_read_keys("a", 1000, 1))
    async with make_server(recorder) as server, AsteriskCall(server.port) as peer:
        await peer.command()
        began_at = asyncio.get_running_loop().time()
        await server.stop(4)
        assert asyncio.get_running_loop().time() - began_at == pytest.approx(4, abs=0.01)
        assert not server._tasks
        await peer.ended.wait()
    assert isinstance(recorder.errors[0], asyncio.CancelledError)


@virtual_time()
async def test_exception_in_the_with_block_of_the_agi_server_ends_all_calls_immediately() -> None:
    recorder = Recorder(lambda call: call.play_sound_and_read_keys("a", 1000, 1))
    began_at = asyncio.get_running_loop().time()
    with pytest.raises(KeyError):
        async with make_server(recorder) as server:
            peer = await AsteriskCall(server.port).__aenter__()
            await peer.command()
            raise KeyError
    assert asyncio.get_running_loop().time() - began_at < 0.1
    await peer.ended.wait()


@virtual_time()
async def test_agi_server_enables_tcp_keepalive_on_its_connections() -> None:
    async with make_server(answer_all) as server:
        assert server._server is not None
        for listener in server._server.sockets:
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
