"""The Asterisk adapter reports the right live calls after it has listed Asterisk's channels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from dialer.domain.model import AttemptId
from dialer.domain.switch_events import SwitchEvent, SwitchUp
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.ami_codec import AmiMessage

ENDS, STAYS = (AttemptId(f"3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c2{digit}") for digit in "12")


def make_message(*lines: str) -> AmiMessage:
    return AmiMessage("\r\n".join(lines).encode())


class Client:
    """An AMI session in which a call is hung up between the list of channels and the end of the synchronisation."""

    def __init__(self, switch: AsteriskSwitch, during: str) -> None:
        self._switch = switch
        self.sent: list[tuple[str, ...]] = []  # the fields of each action
        self._during = during  # the action after which the Hangup comes

    def _hang_up_after(self, action: str) -> None:
        if action == self._during:
            self._switch.on_ami_event(make_message("Event: Hangup", f"Uniqueid: {ENDS}", "Cause: 16"))

    async def wait_until_asterisk_booted(self) -> None:
        return

    async def send_action(self, name: str, fields: Sequence[tuple[str, str]] = ()) -> AmiMessage:
        self.sent.append((name, *(f"{key}: {value}" for key, value in fields)))
        self._hang_up_after(name)
        return make_message("Response: Success", "CoreStartupDate: 2026-11-03", "CoreStartupTime: 08:00:00")

    async def send_list_action(self, name: str, *_: object) -> list[AmiMessage]:
        channels = [
            make_message("Event: CoreShowChannel", f"Uniqueid: {each}", "Context: matdan-voter", "ChannelState: 6")
            for each in (ENDS, STAYS)
        ]
        inbound = make_message("Event: CoreShowChannel", "Uniqueid: 17.1", "Context: matdan-voter", "ChannelState: 6")
        self._hang_up_after(name)
        return [*channels, inbound] if name == "CoreShowChannels" else []


@pytest.mark.parametrize("during", ["CoreStatus", "CoreShowChannels", "Status"])
async def test_call_that_ends_while_asterisk_lists_channels_is_not_reported_as_live(during: str) -> None:
    """Asterisk may send the Hangup of a channel right after it has listed the channel, and sends it only once."""
    events: list[SwitchEvent] = []
    switch = AsteriskSwitch()
    switch.set_event_sink(events.append)
    await switch.on_ami_link_up(cast(Any, Client(switch, during)))
    switch.close()
    [up] = [event for event in events if isinstance(event, SwitchUp)]
    assert STAYS in up.live_attempts
    assert ENDS not in up.live_attempts
    assert not switch.tracker.calls.is_call_still_tracked(ENDS)


async def test_asterisk_sends_options_to_another_server_that_has_come_up() -> None:
    switch = AsteriskSwitch()
    switch.check_connection_to_other_asterisk("b")  # without a connection to this Asterisk, nothing is sent
    switch.set_event_sink(lambda _: None)
    client = Client(switch, "")
    await switch.on_ami_link_up(cast(Any, client))
    switch.check_connection_to_other_asterisk("b")
    await asyncio.sleep(0)
    switch.close()
    assert ("PJSIPQualify", "Endpoint: matdan-server-b") in client.sent
