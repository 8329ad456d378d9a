"""A conference (ConfBridge) of the simulated Asterisk, and its participants."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.config import ConferenceUser


@dataclass(slots=True)
class Participant:
    """A channel that is in a conference."""

    channel: Channel
    user: ConferenceUser
    result: str = ""  # set when the conference itself removes the participant


class Conference:
    """A conference of the simulated Asterisk. As in Asterisk, the announcer's channel counts as a channel of the
    bridge.
    """

    def __init__(self, name: str, uniqueid: str, announcer: str) -> None:
        """Create an empty conference. `announcer` is the name of the channel that plays announcements."""
        self.name = name
        self.uniqueid = uniqueid
        self.announcer = announcer
        self.members: list[Participant] = []
        self._head = (
            f"BridgeUniqueid: {uniqueid}\r\nBridgeType: base\r\nBridgeTechnology: softmix\r\n"
            f"BridgeCreator: ConfBridge\r\nBridgeName: {name}\r\nBridgeNumChannels: "
        ).encode()

    def render_bridge_event_lines(self, count: int) -> bytes:
        """Return the fields of an AMI event that describe the conference's bridge. `count` is its number of channels."""
        return b"%b%d\r\nBridgeVideoSourceMode: none\r\n" % (self._head, count)

    @property
    def marked_participant_count(self) -> int:
        """The number of participants with ConfBridge's option "marked"."""
        return sum(1 for member in self.members if member.user.marked)

    def list_channels_of_other_members(self, channel: Channel) -> str:
        """Return the value of BRIDGEPEER for a participant: the names of all other channels."""
        others = [member.channel.name for member in self.members if member.channel is not channel]
        return ",".join([f"{self.announcer};2", *others])
