"""AMI actions of the simulated Asterisk, and their responses with Asterisk's texts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from dialer.simulation.asterisk.calls import SwitchCalls
from dialer.simulation.asterisk.channels import UNKNOWN, Channel, ChannelState, EndsBy, Location, OriginateOrder
from dialer.simulation.asterisk.dialplan import find_number_of_dialplan_priority
from dialer.simulation.asterisk.events import render_fully_booted_event
from dialer.simulation.asterisk.extensions import find_dialplan_extension
from dialer.simulation.asterisk.lists import (
    convert_epoch_seconds_to_utc,
    render_channel_list,
    render_channel_statuses,
    render_conference_list,
    render_core_status,
    render_database_entry,
    render_member_list,
    render_registrations,
)
from dialer.simulation.asterisk.sessions import ManagerSession
from dialer.switch.asterisk.ami_codec import AmiMessage, encode_message

LOGIN_REFUSED_SECONDS = 1.0  # delay of the response to a failed login
DANGEROUS_APPLICATIONS = ("system", "trysystem", "exec", "agi", "eagi", "externalivr", "originate", "mysql", "stun")
ACTION_NAMES = {
    "confbridgelist": "ConfbridgeList",
    "confbridgelistrooms": "ConfbridgeListRooms",
    "coreshowchannels": "CoreShowChannels",
    "corestatus": "CoreStatus",
    "dbget": "DBGet",
    "listcommands": "ListCommands",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # replaced where a response repeats text of the client
# The words of Asterisk 22
_SHUTTING_DOWN = "Asterisk is shutting down"
_NO_ACTION = "Missing action in request"
_UNKNOWN_ACTION = "Invalid/unknown command: {}. Use Action: ListCommands to show available commands."
_ORIGINATE_FORBIDDEN = "Originate Access Forbidden: app or data blacklisted"
_NO_EXTENSION = "Extension does not exist."
_CHANNEL_NOT_UP = "Redirect failed, channel not up."
_INVALID_DIRECTION = "Invalid direction specified. Must be read, write or both"
_NO_CONFERENCES = "No active conferences."
_CONFERENCE_NOT_NAMED = "No Conference name provided."
_NO_SUCH_CONFERENCE = "No Conference by that name found."
_NO_DATABASE_ENTRY = "Database entry not found"
Handler = Callable[[ManagerSession, AmiMessage], None]


class ActionRefused(Exception):
    """Raised by the handler of an AMI action that fails. The client gets the text as the message of an Error response."""


def send_action_response(session: ManagerSession, action: AmiMessage, word: str, *fields: tuple[str, str]) -> None:
    """Send the response to an AMI action. `word` is the value of the field Response; `fields` are further fields."""
    action_id = action.action_id
    head = [("Response", word)] + ([("ActionID", action_id)] if action_id else [])
    session.send_bytes(encode_message([(name, _CONTROL.sub("?", value)) for name, value in [*head, *fields]]))


class AmiActions:
    """The AMI actions of the simulated Asterisk. An action runs only if its user has the necessary permission."""

    def __init__(self, switch: SwitchCalls) -> None:
        """Register the handlers of all actions."""
        self._switch = switch
        anybody: frozenset[str] = frozenset()
        reporting = frozenset({"system", "reporting"})
        self._handlers: dict[str, tuple[Handler, frozenset[str]]] = {
            "command": (self._refuse_console_command, frozenset({"command"})),
            "confbridgelist": (self._list_conference_members, frozenset({"reporting"})),
            "confbridgelistrooms": (self._list_conferences, frozenset({"reporting"})),
            "coreshowchannels": (self._list_channels, reporting),
            "corestatus": (self._send_core_status, reporting),
            "dbget": (self._get_database_entry, reporting),
            "getvar": (self._get_variable, frozenset({"call", "reporting"})),
            "listcommands": (self._list_permitted_ami_actions, anybody),
            "hangup": (self._hang_up_channel, frozenset({"system", "call"})),
            "mixmonitormute": (self._mute_call_recording, frozenset({"system", "call"})),
            "originate": (self._originate_call, frozenset({"originate"})),
            "ping": (self._answer_ping_action, anybody),
            "pjsipqualify": (self._answer_qualify_action, reporting),
            "pjsipshowregistrationsoutbound": (self._list_registrations, reporting),
            "redirect": (self._redirect_channel, frozenset({"call"})),
            "setvar": (self._set_channel_variable, frozenset({"call"})),
            "status": (self._list_channel_status, frozenset({"system", "call", "reporting"})),
        }

    def run_ami_action(self, session: ManagerSession, action: AmiMessage) -> None:
        """Run one AMI action and send its response."""
        try:
            self._run_ami_action_if_user_permitted(session, action, action.action_name.lower())
        except ActionRefused as refusal:
            send_action_response(session, action, "Error", ("Message", str(refusal)))

    def _run_ami_action_if_user_permitted(self, session: ManagerSession, action: AmiMessage, name: str) -> None:
        if self._switch.stopping:
            raise ActionRefused(_SHUTTING_DOWN)
        if name == "login":
            self._log_in_manager(session, action)
        elif name == "logoff":
            send_action_response(session, action, "Goodbye", ("Message", "Thanks for all the fish."))
            session.close()
        elif not name:
            raise ActionRefused(_NO_ACTION)
        elif session.user is None:
            raise ActionRefused("Permission denied")
        elif name not in self._handlers:
            raise ActionRefused(_UNKNOWN_ACTION.format(action.action_name))
        else:
            handler, classes = self._handlers[name]
            if classes and not classes & session.user.write:
                raise ActionRefused("Permission denied")
            handler(session, action)

    def _log_in_manager(self, session: ManagerSession, action: AmiMessage) -> None:
        switch = self._switch
        for user in switch.config.users:
            if user.name == action.get("Username") and user.secret == action.get("Secret"):
                break
        else:
            session.ignores_input = True

            def send_log_in_refusal() -> None:
                send_action_response(session, action, "Error", ("Message", "Authentication failed"))
                session.close()

            asyncio.get_running_loop().call_later(LOGIN_REFUSED_SECONDS, send_log_in_refusal)
            return
        session.log_in_user(user, events_on=action.get("Events", "on").lower() not in ("off", "no", "false"))
        send_action_response(session, action, "Success", ("Message", "Authentication accepted"))
        if switch.booted and "FullyBooted" in session.event_names:
            uptime = int(switch.uptime_seconds)
            session.send_bytes(render_fully_booted_event(uptime, uptime))
        now_text = (
            convert_epoch_seconds_to_utc(switch.get_current_time())
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "+0000")
        )
        switch.events.publish_successful_auth_event(
            user.name, switch.ami_port, session.remote_port, id(session), now_text
        )

    def _list_permitted_ami_actions(self, session: ManagerSession, action: AmiMessage) -> None:
        """Answer the action ListCommands: send the names of the AMI actions that this user may run, one field for each."""
        allowed = [
            (ACTION_NAMES.get(name, name.capitalize()), f"(Priv: {','.join(sorted(classes)) or '<none>'})")
            for name, (_, classes) in self._handlers.items()
            if not classes or classes & session.permitted_action_classes
        ]
        send_action_response(session, action, "Success", *allowed)

    def _answer_qualify_action(self, session: ManagerSession, action: AmiMessage) -> None:
        """Answer PJSIPQualify. The simulated servers always reach each other."""
        send_action_response(session, action, "Success", ("Message", "Endpoint found, will qualify"))

    def _answer_ping_action(self, session: ManagerSession, action: AmiMessage) -> None:
        send_action_response(
            session, action, "Success", ("Ping", "Pong"), ("Timestamp", f"{self._switch.get_current_time():.6f}")
        )

    def _originate_call(self, session: ManagerSession, action: AmiMessage) -> None:
        if (
            action.get("Application").lower() in DANGEROUS_APPLICATIONS
            and "system" not in session.permitted_action_classes
        ):
            raise ActionRefused(_ORIGINATE_FORBIDDEN)
        order = self._parse_originate_action(action)
        send_action_response(session, action, "Success", ("Message", "Originate successfully queued"))
        asyncio.get_running_loop().call_soon(self._switch.place_call, order)

    def _parse_originate_action(self, action: AmiMessage) -> OriginateOrder:
        channel = action.get("Channel")
        technology, slash, dial_string = channel.partition("/")
        context, name = action.get("Context"), action.get("Exten")
        application = action.get("Application")
        if not channel:
            raise ActionRefused("Channel not specified")
        if not slash or not technology or not dial_string:
            raise ActionRefused("Invalid channel")
        if action.get("Async").lower() not in ("true", "yes", "1", "on"):
            raise ActionRefused("The simulated Asterisk originates calls only with Async: true; add this field")
        milliseconds = action.get("Timeout", "30000")
        if not milliseconds.isdigit():
            raise ActionRefused("Invalid timeout")
        extension = find_dialplan_extension(self._switch.dialplan, context, name)
        priority = find_number_of_dialplan_priority(extension, action.get("Priority", "1"))
        if not application and (extension is None or priority not in extension.steps):
            raise ActionRefused(_NO_EXTENSION)
        number, caller_name = parse_caller_id(action.get("CallerID"))
        variables = [pair for field in action.get_all_values_of_field("Variable") for pair in field.split(",")]
        return OriginateOrder(
            action_id=action.action_id,
            channel=channel,
            dial_string=dial_string,
            uniqueid=action.get("ChannelId")[:149],
            other_uniqueid=action.get("OtherChannelId")[:149],
            start=Location(context, name, priority),
            application=application,
            data=action.get("Data"),
            ring_seconds=int(milliseconds) / 1000,
            caller_number=number,
            caller_name=caller_name,
            variables=tuple((key.lstrip("_"), value) for key, _, value in (v.partition("=") for v in variables)),
        )

    def _find_channel(
        self, name: str, message: str = "No such channel", unnamed: str = "No channel specified"
    ) -> Channel:
        if not name:
            raise ActionRefused(unnamed)
        channel = self._switch.find_channel(name)
        if channel is None:
            raise ActionRefused(message)
        return channel

    def _hang_up_channel(self, session: ManagerSession, action: AmiMessage) -> None:
        channel, cause = self._find_channel(action.get("Channel")), action.get("Cause")
        send_action_response(session, action, "Success", ("Message", "Channel Hungup"))
        number = int(cause) if cause.isdigit() else 0
        asyncio.get_running_loop().call_soon(self._switch.hang_up_channel, channel, number, EndsBy.MANAGER)

    def _redirect_channel(self, session: ManagerSession, action: AmiMessage) -> None:
        name_or_id = action.get("Channel")
        channel = self._find_channel(name_or_id, f"Channel does not exist: {name_or_id}", "Channel not specified")
        if channel.state is not ChannelState.UP or channel.hung_up:
            raise ActionRefused(_CHANNEL_NOT_UP)
        context, name = action.get("Context"), action.get("Exten")
        priority = find_number_of_dialplan_priority(
            find_dialplan_extension(self._switch.dialplan, context, name), action.get("Priority", "1")
        )
        send_action_response(session, action, "Success", ("Message", "Redirect successful"))
        channel.goto = Location(context, name, priority)
        channel.wake_waiting_application()

    def _mute_call_recording(self, session: ManagerSession, action: AmiMessage) -> None:
        channel = self._find_channel(action.get("Channel"))
        if action.get("Direction") != "both" or action.get("State") not in ("0", "1"):
            raise ActionRefused(_INVALID_DIRECTION)
        if channel.recording is not None:
            channel.recording.set_recording_muted(action.get("State") == "1")
        send_action_response(session, action, "Success")

    def _list_channel_status(self, session: ManagerSession, action: AmiMessage) -> None:
        name = action.get("Channel")
        channels = [self._find_channel(name)] if name else list(self._switch.channels.values())
        _send_response_and_events(
            session, action, "Channel status will follow", render_channel_statuses(self._switch, channels, action)
        )

    def _list_channels(self, session: ManagerSession, action: AmiMessage) -> None:
        _send_response_and_events(
            session, action, "Channels will follow", render_channel_list(self._switch, action.action_id)
        )

    def _list_conferences(self, session: ManagerSession, action: AmiMessage) -> None:
        if not self._switch.conferences.by_name:
            raise ActionRefused(_NO_CONFERENCES)
        rooms = render_conference_list(self._switch, action.action_id)
        _send_response_and_events(session, action, "Confbridge conferences will follow", rooms)

    def _list_conference_members(self, session: ManagerSession, action: AmiMessage) -> None:
        conferences, name = self._switch.conferences.by_name, action.get("Conference")
        if not name:
            raise ActionRefused(_CONFERENCE_NOT_NAMED)
        if name not in conferences:
            raise ActionRefused(_NO_SUCH_CONFERENCE if conferences else _NO_CONFERENCES)
        members = render_member_list(conferences[name], action.action_id)
        _send_response_and_events(session, action, "Confbridge user list will follow", members)

    def _list_registrations(self, session: ManagerSession, action: AmiMessage) -> None:
        registrations = render_registrations(self._switch, action.action_id)
        _send_response_and_events(session, action, "Following are Events for each Outbound registration", registrations)

    def _send_core_status(self, session: ManagerSession, action: AmiMessage) -> None:
        send_action_response(session, action, "Success", *render_core_status(self._switch))

    def _get_database_entry(self, session: ManagerSession, action: AmiMessage) -> None:
        family, key = action.get("Family"), action.get("Key")
        value = self._switch.database.get(f"{family}/{key}")
        if value is None:
            raise ActionRefused(_NO_DATABASE_ENTRY)
        _send_response_and_events(
            session, action, "Result will follow", render_database_entry(family, key, value, action.action_id)
        )

    def _refuse_console_command(self, session: ManagerSession, action: AmiMessage) -> None:
        """Answer the AMI action Command with "No such command". Console commands are not simulated."""
        command = action.get("Command")
        rest = command.rpartition(" ")[0] or command
        text = f"No such command '{command}' (type 'core show help {rest}' for other possible commands)"
        send_action_response(session, action, "Error", ("Message", "Command output follows"), ("Output", text))

    def _get_variable(self, session: ManagerSession, action: AmiMessage) -> None:
        channel = self._find_channel(action.get("Channel")) if action.get("Channel") else None
        name = action.get("Variable")
        if not name:
            raise ActionRefused("No variable specified")
        send_action_response(
            session,
            action,
            "Success",
            ("Variable", name),
            ("Value", self._switch.look_up_dialplan_variable(channel, name)),
        )

    def _set_channel_variable(self, session: ManagerSession, action: AmiMessage) -> None:
        name, value = action.get("Variable"), action.get("Value")
        if name.startswith("DB("):  # dangerous over AMI
            raise ActionRefused("Variable not set")
        if action.get("Channel"):
            self._switch.set_dialplan_variable(self._find_channel(action.get("Channel")), name, value)
        else:
            self._switch.globals[name] = value
        send_action_response(session, action, "Success", ("Message", "Variable Set"))


def _send_response_and_events(session: ManagerSession, action: AmiMessage, message: str, events: bytes) -> None:
    send_action_response(session, action, "Success", ("EventList", "start"), ("Message", message))
    session.send_bytes(events)


def parse_caller_id(text: str) -> tuple[str, str]:
    """Return (number, name) of a caller ID: `"Name" <number>`, `Name <number>` or a number alone; "" for a missing part."""
    name, bracket, rest = text.partition("<")
    if bracket:
        return rest.partition(">")[0].strip(), name.strip().strip('"')
    bare = text.strip().strip('"')
    if bare and all(character in "0123456789+*#" for character in bare):
        return bare, ""
    return "", "" if bare == UNKNOWN else bare
