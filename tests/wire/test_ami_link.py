"""The reconnecting AMI link against a scripted manager, in virtual time: resync, back-off, refusals, and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from random import Random

import pytest

from dialer.domain.backoff import Backoff
from dialer.domain.errors import (
    LoginRefused,
    OriginateUnsure,
    ProtocolError,
    SwitchError,
    SwitchNotListening,
    SwitchUnreachable,
)
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_link import maintain_ami_link
from tests.support.ami_peer import ManagerPeer, PeerSession, error, settle, success
from tests.support.virtual import virtual_time


class Journal:
    """Records the reports of an AMI link, with their virtual times (s)."""

    def __init__(self) -> None:
        self.ups: list[float] = []
        self.downs: list[tuple[float, SwitchError]] = []
        self.clients: list[AmiClient] = []
        self.changed = asyncio.Event()

    async def up(self, client: AmiClient) -> None:
        self.clients.append(client)
        await client.send_action("CoreStatus")
        self.ups.append(asyncio.get_running_loop().time())
        self.changed.set()

    def down(self, reason: SwitchError) -> None:
        self.downs.append((asyncio.get_running_loop().time(), reason))
        self.changed.set()

    async def change(self) -> None:
        """Wait for the next report."""
        self.changed.clear()
        await self.changed.wait()
        await settle()


def make_link(
    peer: ManagerPeer,
    journal: Journal,
    *,
    on_ami_link_up: Callable[[AmiClient], Awaitable[None]] | None = None,
    keep: Callable[[AmiClient], Awaitable[SwitchError]] = AmiClient.wait_until_session_lost,
    seed: int = 1,
    backoff: Backoff | None = None,
) -> AbstractAsyncContextManager[None]:
    chance = Random(seed)
    return maintain_ami_link(
        lambda: AmiClient(peer.login, on_event=lambda _: None),
        on_ami_link_up=on_ami_link_up or journal.up,
        on_ami_link_down=journal.down,
        run_ami_session=keep,
        wait_seconds=lambda failures: (backoff or Backoff()).calculate_seconds_until_next_attempt(failures, chance),
    )


@virtual_time()
async def test_ami_link_is_reported_up_after_the_resync_and_reconnects_after_a_loss() -> None:
    journal = Journal()
    async with ManagerPeer() as peer, make_link(peer, journal):
        await journal.change()
        assert [action.action_name for action in peer.session.actions] == ["Login", "CoreStatus"]

        peer.session.wire.close()
        await journal.change()
        assert (len(journal.ups), len(journal.downs)) == (1, 1)

        await journal.change()
        first, second = journal.clients
        assert not first.is_session_up
        assert second.is_session_up
        assert 0.25 <= journal.ups[1] - journal.downs[0][0] <= 0.51
    assert not journal.clients[-1].is_session_up
    assert len(journal.downs) == 1  # our own stop is not reported as a loss


@virtual_time()
async def test_ami_link_calls_the_session_callback_only_after_the_resync_with_asterisk() -> None:
    journal = Journal()
    gate = asyncio.Event()
    kept: list[AmiClient] = []

    async def resync(_: AmiClient) -> None:
        await gate.wait()

    async def keep_session(client: AmiClient) -> SwitchError:
        kept.append(client)
        return await client.wait_until_session_lost()

    async with ManagerPeer() as peer, make_link(peer, journal, on_ami_link_up=resync, keep=keep_session):
        await settle()
        assert kept == []
        gate.set()
        await settle()
        assert [client.is_session_up for client in kept] == [True]


@virtual_time()
async def test_interval_between_ami_reconnects_grows_with_seeded_jitter() -> None:
    waits: list[list[float]] = []
    for seed in (1, 1, 2):
        journal = Journal()
        async with (
            ManagerPeer(lambda _, action: error(action, "Permission denied")) as peer,
            make_link(peer, journal, seed=seed),
        ):
            while len(journal.downs) < 10:
                await journal.change()
        times = [seconds for seconds, _ in journal.downs]
        waits.append([round(after - before, 3) for before, after in pairwise(times)])
    assert waits[0] == waits[1] != waits[2]
    for number, wait in enumerate(waits[0]):
        longest = min(30, 0.5 * 2**number)
        assert longest / 2 <= wait <= longest + 0.002


@virtual_time()
async def test_ami_link_connects_within_a_fifth_of_a_second_once_asterisk_listens_again() -> None:
    journal = Journal()
    async with ManagerPeer() as peer:
        login = peer.login
        async with maintain_ami_link(
            lambda: AmiClient(login, on_event=lambda _: None),
            on_ami_link_up=journal.up,
            on_ami_link_down=journal.down,
            wait_seconds=float,
        ):
            await journal.change()
            await asyncio.sleep(60)
            peer.stop_listening()
            peer.session.wire.close()
            await asyncio.sleep(100.5)  # not a whole number of seconds after the last attempt
            assert [type(reason) for _, reason in journal.downs] == [SwitchUnreachable, SwitchNotListening]

            await peer.listen(login.port)
            listening_since = asyncio.get_running_loop().time()
            await journal.change()
            assert journal.ups[1] - listening_since <= 0.21
            peer.session.wire.close()
            await journal.change()
            assert [type(reason) for _, reason in journal.downs[2:]] == [SwitchUnreachable]
            await journal.change()
            assert journal.ups[2] - journal.downs[2][0] == pytest.approx(2, abs=0.01)


@virtual_time()
async def test_interval_between_ami_reconnects_is_reset_only_by_a_long_session() -> None:
    def close_at_once(session: PeerSession, action: AmiMessage) -> bytes:
        if len(peer.sessions) <= 5:
            asyncio.get_running_loop().call_later(0.5, session.wire.close)
        return success(action)

    journal = Journal()
    backoff = Backoff(first_seconds=1, longest_seconds=64)
    async with ManagerPeer(close_at_once) as peer, make_link(peer, journal, backoff=backoff):
        while len(journal.ups) < 6:
            await journal.change()
        flapping = [up - down for up, (down, _) in zip(journal.ups[1:], journal.downs, strict=True)]
        assert all(2**number / 2 <= wait <= 2**number + 0.01 for number, wait in enumerate(flapping))
        await asyncio.sleep(6)
        peer.session.wire.close()
        await journal.change()
        await journal.change()
        assert journal.ups[-1] - journal.downs[-1][0] <= 1.01


@virtual_time()
async def test_refused_ami_login_is_reported_and_retried_slowly() -> None:
    journal = Journal()
    async with (
        ManagerPeer(lambda _, action: error(action, "Authentication failed"), accepts_login=False) as peer,
        make_link(peer, journal),
    ):
        await journal.change()
        await journal.change()
        peer.accepts_login = True
        peer.answer = lambda _, action: success(action)
        await journal.change()
        assert journal.clients[-1].is_session_up
    (first, one), (second, two) = journal.downs
    assert isinstance(one, LoginRefused)
    assert isinstance(two, LoginRefused)
    assert second - first == pytest.approx(60, abs=0.1)
    assert journal.ups[0] - second == pytest.approx(60, abs=0.1)


@virtual_time()
async def test_failed_or_interrupted_resync_counts_as_a_lost_ami_connection() -> None:
    journal = Journal()
    answers = iter(["refuse", "cut", "garbage", "good"])

    def answer_action(session: PeerSession, action: AmiMessage) -> bytes | None:
        match next(answers):
            case "refuse":
                return error(action, "Permission denied")
            case "cut":
                session.wire.close()
                return None
            case "garbage":
                return b"\x00\r\n\r\n"
            case _:
                return success(action)

    async with ManagerPeer(answer_action) as peer, make_link(peer, journal):
        while not journal.ups:
            await journal.change()
        assert journal.clients[-1].is_session_up
    assert len(journal.downs) == 3
    assert len(peer.sessions) == 4


@virtual_time()
async def test_no_ami_action_is_resent_on_a_new_session() -> None:
    journal = Journal()

    def lose_originates(session: PeerSession, action: AmiMessage) -> bytes | None:
        if action.action_name == "Originate":
            session.wire.close()
            return None
        return success(action)

    async with ManagerPeer(lose_originates) as peer, make_link(peer, journal):
        await journal.change()
        with pytest.raises(OriginateUnsure):
            await journal.clients[0].send_action("Originate", action_id="attempt-1")
        while len(journal.ups) < 2:
            await journal.change()
        await asyncio.sleep(60)
        assert [len(session.named("Originate")) for session in peer.sessions] == [1, 0]


@virtual_time()
async def test_ami_link_reports_a_peer_that_does_not_speak_ami() -> None:
    journal = Journal()
    async with ManagerPeer(banner=b"220 mail.example ESMTP\r\n") as peer, make_link(peer, journal):
        await journal.change()
    assert isinstance(journal.downs[0][1], ProtocolError)


@pytest.mark.parametrize("moment", ["connecting", "resyncing", "up", "waiting"])
def test_ami_link_can_be_stopped_in_every_state(moment: str) -> None:
    @virtual_time()
    async def run() -> None:
        journal = Journal()

        async def wait_forever(_: AmiClient) -> None:
            await asyncio.Event().wait()

        refuse = moment == "waiting"
        async with ManagerPeer(
            lambda _, action: error(action, "Authentication failed") if refuse else success(action),
            banner=b"" if moment == "connecting" else b"Asterisk Call Manager/11.0.0\r\n",
            accepts_login=not refuse,
        ) as peer:
            async with make_link(peer, journal, on_ami_link_up=wait_forever if moment == "resyncing" else None):
                await settle()
                assert bool(journal.ups) is (moment == "up")
                assert bool(journal.downs) is refuse
                stopped_at = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() == stopped_at
            await settle()
            assert peer.sessions_ended == 1

    run()


@virtual_time()
async def test_exception_in_the_resync_ends_the_ami_link_and_is_raised() -> None:
    async def stumble(_: AmiClient) -> None:
        raise ValueError("a mistake")

    journal = Journal()
    with pytest.raises(ExceptionGroup) as raised:
        async with ManagerPeer() as peer, make_link(peer, journal, on_ami_link_up=stumble):
            await asyncio.Event().wait()
    assert raised.value.subgroup(ValueError) is not None


@virtual_time()
async def test_exception_in_the_with_block_of_the_ami_link_stops_it() -> None:
    journal = Journal()
    async with ManagerPeer() as peer:
        link = make_link(peer, journal)
        with pytest.raises(KeyError):
            async with link:
                await journal.change()
                raise KeyError("the body's own")
        await settle()
        assert peer.sessions_ended == 1


@virtual_time()
async def test_cancelling_the_with_block_of_the_ami_link_stops_the_link() -> None:
    journal = Journal()
    async with ManagerPeer() as peer:
        link = make_link(peer, journal)

        async def wait_in_with_block() -> None:
            async with link:
                await asyncio.Event().wait()

        task = asyncio.create_task(wait_in_with_block())
        await journal.change()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await settle()
        assert peer.sessions_ended == 1
