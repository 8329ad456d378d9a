"""ConfBridge: one conference per seat, in which the marked agent and an end-marked voter meet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from uuid import UUID

from dialer.deploy.asterisk.render import conferences
from dialer.simulation.asterisk.bridges import Conference, Participant
from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.config import ConferenceUser, conference_menus
from dialer.simulation.asterisk.events import EventWriter

Place = tuple[str, str, int]
"""The location that a key leads to: context, extension, priority."""


class Conferences:
    """All conferences of the switch, by name."""

    def __init__(
        self,
        events: EventWriter,
        users: Mapping[str, ConferenceUser],
        random: Random,
        voter_met_agent: Callable[[Channel], None],
        run_menu_entry: Callable[[Channel, Place], Awaitable[None]],
    ) -> None:
        """`random` makes the bridges' ids.

        `voter_met_agent` is called when a voter and a marked member are in one conference; `run_menu_entry` walks the
        dialplan from a place until it runs off the end, while the member stays in the conference.
        """
        self.by_name: dict[str, Conference] = {}
        self._events = events
        self._users = users
        self._menus = conference_menus(conferences())
        self._random = random
        self._voter_met_agent, self._run_menu_entry = voter_met_agent, run_menu_entry
        self._made = 0

    def info(self, kind: str, name: str) -> str:
        """Return the CONFBRIDGE_INFO of a conference: `parties`, `marked`, `admins` or `locked`; "0" where there is none."""
        conference = self.by_name.get(name)
        if conference is None:
            return "0"
        admins = sum(1 for member in conference.members if member.user.admin)
        counts = {"parties": len(conference.members), "marked": conference.marked, "admins": admins}
        return str(counts.get(kind, 0))

    async def join(self, channel: Channel, name: str, template: str, menu: str) -> str:
        """Hold the channel in the conference until it leaves. Returns CONFBRIDGE_RESULT: HANGUP, ENDMARKED or KICKED.

        The result of a member who is redirected is HANGUP, as in Asterisk.
        """
        member = self._enter(channel, name, self._users.get(template, ConferenceUser()))
        entries = self._menus.get(menu, {})
        channel.listens = bool(entries)
        while not channel.interrupted and not member.result:
            if channel.digits:
                await self._key(channel, entries.get(channel.digits.popleft()))
            else:
                await channel.wait(None)
        channel.listens = False
        channel.digits.clear()
        if channel.goto is not None:  # a redirected channel is at its target before it has left
            channel.move_to(channel.goto.context, channel.goto.extension, channel.goto.priority)
        result = self._leave(member)
        if channel.hung_up:
            channel.cause = channel.cause or 16  # leaving a bridge by a hang-up is normal clearing
        return result

    async def _key(self, channel: Channel, place: Place | None) -> None:
        """Run the menu entry of a key. Keys that end meanwhile are lost, as in Asterisk 22."""
        if place is not None:
            channel.listens = False
            await self._run_menu_entry(channel, place)
            channel.digits.clear()
            channel.listens = True

    def _enter(self, channel: Channel, name: str, user: ConferenceUser) -> Participant:
        events = self._events
        conference = self.by_name.get(name)
        if conference is None:
            uniqueid = str(UUID(int=self._random.getrandbits(128), version=4))
            conference = Conference(name, uniqueid, f"CBAnn/{name}-{self._made:08x}")
            self._made += 1
            self.by_name[name] = conference
            events.of_bridge("BridgeCreate", conference, 0)
            events.of_bridge("ConfbridgeStart", conference, 1)
        member = Participant(channel, user)
        _count_recording(channel)
        conference.members.append(member)
        channel.conference = conference
        count = len(conference.members) + 1
        events.of_member("BridgeEnter", conference, count, channel)
        events.of_member("ConfbridgeJoin", conference, count, channel, admin=user.admin)
        for other in conference.members:
            self._set(other.channel, "BRIDGEPEER", conference.peers_of(other.channel))
            other.channel.shown = None
        if conference.marked:
            for other in conference.members:
                if not other.user.marked and (other is member or user.marked):
                    self._voter_met_agent(other.channel)
        return member

    def _leave(self, member: Participant) -> str:
        channel, events = member.channel, self._events
        conference = channel.conference
        if conference is None:  # the switch was restarted meanwhile
            return member.result or "HANGUP"
        _count_recording(channel)
        count = len(conference.members) + 1
        conference.members.remove(member)
        channel.conference = channel.shown = None
        self._set(channel, "BRIDGEPEER", "")
        events.of_member("BridgeLeave", conference, count - 1, channel)
        for other in conference.members:
            self._set(other.channel, "BRIDGEPEER", conference.peers_of(other.channel))
            other.channel.shown = None
        events.of_member("ConfbridgeLeave", conference, count, channel, admin=member.user.admin)
        result = member.result or "HANGUP"
        self._set(channel, "CONFBRIDGE_RESULT", result)
        if member.user.marked:
            for other in conference.members:
                if other.user.end_marked_any or (other.user.end_marked and not conference.marked):
                    other.result = "ENDMARKED"
                    other.channel.poke()
        if not conference.members:
            del self.by_name[conference.name]
            events.of_bridge("ConfbridgeEnd", conference, 1)
            events.of_bridge("BridgeDestroy", conference, 0)
        return result

    def _set(self, channel: Channel, name: str, value: str) -> None:
        channel.variables[name] = value
        self._events.variable_set(channel, name, value)


def _count_recording(channel: Channel) -> None:
    if channel.recording is not None:
        channel.recording.count()
