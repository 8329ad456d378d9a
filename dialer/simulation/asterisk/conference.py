"""ConfBridge of the simulated Asterisk: conferences such as those of the seats, in which an agent (marked user) talks
to a voter (end-marked user).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from uuid import UUID

from dialer.deploy.asterisk.render import render_conferences
from dialer.simulation.asterisk.bridges import Conference, Participant
from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.config import ConferenceUser, parse_conference_menus
from dialer.simulation.asterisk.events import EventWriter

Place = tuple[str, str, int]
"""A dialplan location to which a menu key leads: (context, extension, priority)."""


class Conferences:
    """All conferences of the simulated Asterisk."""

    def __init__(
        self,
        events: EventWriter,
        users: Mapping[str, ConferenceUser],
        random: Random,
        start_conversation: Callable[[Channel], None],
        run_menu_entry: Callable[[Channel, Place], Awaitable[None]],
    ) -> None:
        """Create the set of conferences, which is empty at first.

        Args:
            events: Publishes the conferences' events.
            users: User templates by name.
            random: Generates the ids of bridges.
            start_conversation: Called when a voter and a marked participant are in the same conference.
            run_menu_entry: Runs the dialplan from a location to its end while the participant stays in the conference.
        """
        self.by_name: dict[str, Conference] = {}
        self._events = events
        self._users = users
        self._menus = parse_conference_menus(render_conferences())
        self._random = random
        self._start_conversation, self._run_menu_entry = start_conversation, run_menu_entry
        self._made = 0

    def get_conference_info(self, kind: str, name: str) -> str:
        """Return the result of CONFBRIDGE_INFO: the number of `parties`, `marked` or `admins`, or "0" without such a
        conference.
        """
        conference = self.by_name.get(name)
        if conference is None:
            return "0"
        admins = sum(1 for member in conference.members if member.user.admin)
        counts = {
            "parties": len(conference.members),
            "marked": conference.marked_participant_count,
            "admins": admins,
        }
        return str(counts.get(kind, 0))

    async def join_conference(self, channel: Channel, name: str, template: str, menu: str) -> str:
        """Put a channel into the conference, and wait until it leaves. Return CONFBRIDGE_RESULT: HANGUP or ENDMARKED.

        The result of a redirected participant is HANGUP, as in Asterisk.
        """
        member = self._add_participant(channel, name, self._users.get(template, ConferenceUser()))
        entries = self._menus.get(menu, {})
        channel.reads_keys = bool(entries)
        while not channel.is_application_interrupted and not member.result:
            if channel.digits:
                await self._run_menu_entry_of_key(channel, entries.get(channel.digits.popleft()))
            else:
                await channel.wait_for_input_or_hang_up(None)
        channel.reads_keys = False
        channel.digits.clear()
        if channel.goto is not None:  # events of the leaving channel already show its new location
            channel.move_channel_to_dialplan_step(channel.goto.context, channel.goto.extension, channel.goto.priority)
        result = self._remove_participant(member)
        if channel.hung_up:
            channel.cause = channel.cause or 16  # leaving a bridge by a hang-up is normal clearing
        return result

    async def _run_menu_entry_of_key(self, channel: Channel, place: Place | None) -> None:
        """Run the conference menu's entry for a pressed key. Keys pressed while it runs are lost, as in Asterisk 22."""
        if place is not None:
            channel.reads_keys = False
            await self._run_menu_entry(channel, place)
            channel.digits.clear()
            channel.reads_keys = True

    def _add_participant(self, channel: Channel, name: str, user: ConferenceUser) -> Participant:
        events = self._events
        conference = self.by_name.get(name)
        if conference is None:
            uniqueid = str(UUID(int=self._random.getrandbits(128), version=4))
            conference = Conference(name, uniqueid, f"CBAnn/{name}-{self._made:08x}")
            self._made += 1
            self.by_name[name] = conference
            events.publish_bridge_event("BridgeCreate", conference, 0)
            events.publish_bridge_event("ConfbridgeStart", conference, 1)
        member = Participant(channel, user)
        _update_channel_recording(channel)
        conference.members.append(member)
        channel.conference = conference
        count = len(conference.members) + 1
        events.publish_conference_member_event("BridgeEnter", conference, count, channel)
        events.publish_conference_member_event("ConfbridgeJoin", conference, count, channel, admin=user.admin)
        for other in conference.members:
            self._set_channel_variable(
                other.channel, "BRIDGEPEER", conference.list_channels_of_other_members(other.channel)
            )
            other.channel.shown = None
        if conference.marked_participant_count:
            for other in conference.members:
                if not other.user.marked and (other is member or user.marked):
                    self._start_conversation(other.channel)
        return member

    def _remove_participant(self, member: Participant) -> str:
        channel, events = member.channel, self._events
        conference = channel.conference
        if conference is None:  # the switch was restarted meanwhile
            return member.result or "HANGUP"
        _update_channel_recording(channel)
        count = len(conference.members) + 1
        conference.members.remove(member)
        channel.conference = channel.shown = None
        self._set_channel_variable(channel, "BRIDGEPEER", "")
        events.publish_conference_member_event("BridgeLeave", conference, count - 1, channel)
        for other in conference.members:
            self._set_channel_variable(
                other.channel, "BRIDGEPEER", conference.list_channels_of_other_members(other.channel)
            )
            other.channel.shown = None
        events.publish_conference_member_event("ConfbridgeLeave", conference, count, channel, admin=member.user.admin)
        result = member.result or "HANGUP"
        self._set_channel_variable(channel, "CONFBRIDGE_RESULT", result)
        if member.user.marked:
            for other in conference.members:
                if other.user.end_marked_any or (other.user.end_marked and not conference.marked_participant_count):
                    other.result = "ENDMARKED"
                    other.channel.wake_waiting_application()
        if not conference.members:
            del self.by_name[conference.name]
            events.publish_bridge_event("ConfbridgeEnd", conference, 1)
            events.publish_bridge_event("BridgeDestroy", conference, 0)
        return result

    def _set_channel_variable(self, channel: Channel, name: str, value: str) -> None:
        channel.variables[name] = value
        self._events.publish_variable_set_event(channel, name, value)


def _update_channel_recording(channel: Channel) -> None:
    if channel.recording is not None:
        channel.recording.update_recording_duration()
