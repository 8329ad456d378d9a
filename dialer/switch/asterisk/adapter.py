"""The switch, done by Asterisk: orders go out as AMI actions, events come in through the tracker."""

from __future__ import annotations

import asyncio
import re
import secrets

import structlog

from dialer.errors import SwitchError, SwitchUnreachable, UnsafeValue
from dialer.model import AttemptId, CampaignKind
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.tracker import (
    AGENT_CONTEXT,
    FLOW_CONTEXT,
    LOG_IN_CONTEXT,
    MESSAGE_CONTEXT,
    SEAT_CHANNEL,
    SEAT_CONTEXT,
    VOTER_CONTEXT,
    CallTracker,
    LiveChannel,
    seat_channel_id,
)
from dialer.switch.port import EventSink, OriginateRequest, SeatSound, SwitchDown, SwitchEvent

_log = structlog.get_logger(__name__)

GRACE_SECONDS = 1.0  # between the two halves of an end: they were never seen further apart than some milliseconds
_NUMBER = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_SEAT_RULE = "a seat's name is letters, digits and -"
_KEY_ANSWER = "MATDAN_SAY"  # the variable that the dialplan of a key waits for
_STATE_RINGING = "5"
_STATE_UP = "6"


class AsteriskSwitch:
    """Implements `dialer.switch.port.Switch`. The AMI link calls `up`, `event` and `down`."""

    def __init__(self) -> None:
        """No events go anywhere before `deliver_to`."""
        self._sink: EventSink = _nowhere
        self._tracker = CallTracker()
        self._client: AmiClient | None = None
        self._started_at = ""  # when Asterisk itself began, as CoreStatus says
        self._timers: set[asyncio.TimerHandle] = set()
        self._gone_meanwhile: set[str] | None = None  # channels that end while a resync reads its lists

    def deliver_to(self, sink: EventSink) -> None:
        """From now on `sink` takes the engine's events."""
        self._sink = sink

    # The link's side

    def event(self, message: AmiMessage) -> None:
        """An AMI event, in order."""
        if self._gone_meanwhile is not None and message.event == "Hangup":
            self._gone_meanwhile.add(message.get("Uniqueid"))
        self._tell(self._tracker.take(message))
        for attempt_id in self._tracker.awaiting_rest():
            self._after_grace(attempt_id)

    async def up(self, client: AmiClient) -> None:
        """A new session: find out what lives on the switch, then tell the engine. Nothing is dialled before that.

        Raises SwitchError when Asterisk will not tell; the link then begins again.
        """
        self._gone_meanwhile = set()
        try:
            status = await client.action("CoreStatus")
            channels = [_live_channel(item) for item in await client.action_list("CoreShowChannels")]
            members = await _seat_members(client)
            gone = self._gone_meanwhile
        finally:
            self._gone_meanwhile = None
        started_at = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        restarted = bool(self._started_at) and started_at != self._started_at
        self._started_at = started_at
        self._client = client
        self._tell(
            self._tracker.resync(
                [channel for channel in channels if channel.unique_id not in gone],
                [member for member in members if member[1] not in gone],
                restarted,
            )
        )

    def down(self, reason: SwitchError) -> None:
        """The session is lost."""
        if self._client is not None:
            self._client = None
            self._tell([SwitchDown(str(reason))])

    def close(self) -> None:
        """No event comes after this."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _tell(self, events: list[SwitchEvent]) -> None:
        for event in events:
            self._sink(event)

    def _after_grace(self, attempt_id: AttemptId) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            self._tell(self._tracker.overdue(attempt_id))

        timer = asyncio.get_running_loop().call_later(GRACE_SECONDS, fire)
        self._timers.add(timer)

    # The engine's side

    def unanswered_seconds(self) -> float:
        """See `Switch.unanswered_seconds`."""
        return 0.0 if self._client is None else self._client.oldest_unanswered_seconds

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`. The attempt's id is channel id and ActionID in one, and the only thing of ours on the wire
        beside number and caller ID: everything else is looked up when the call comes back to us.
        """
        number = _checked(_NUMBER, request.number, "a number to dial is 3 to 20 digits")
        caller_id = _checked(_NUMBER, request.caller_id, "a caller ID is 3 to 20 digits")
        endpoint = _checked(_NAME, request.endpoint, "an endpoint is up to 40 letters, digits, - and _")
        client = self._standing()
        self._tracker.expect(request.attempt_id)
        try:
            await client.action(
                "Originate",
                [
                    ("Channel", f"PJSIP/{number}@{endpoint}"),
                    ("Async", "true"),
                    ("ChannelId", request.attempt_id),
                    ("CallerID", caller_id),
                    ("Context", VOTER_CONTEXT if request.kind is CampaignKind.AGENTS else FLOW_CONTEXT),
                    ("Exten", _entrance(request)),
                    ("Priority", "1"),
                    ("Timeout", str(round(request.ring_seconds * 1000))),
                ],
                action_id=request.attempt_id,
            )
        except SwitchUnreachable:
            self._tracker.forget(request.attempt_id)
            raise

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`."""
        await self._hang_up_channel(attempt_id)

    async def connect(self, attempt_id: AttemptId, seat: str) -> None:
        """See `Switch.connect`. Redirect into the seat's conference, 14 ms in the median on a real Asterisk."""
        await self._redirect(attempt_id, SEAT_CONTEXT, _checked(_NAME, seat, _SEAT_RULE))

    async def play_message(self, attempt_id: AttemptId) -> None:
        """See `Switch.play_message`."""
        await self._redirect(attempt_id, MESSAGE_CONTEXT, "s")

    async def call_seat(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_seat`."""
        await self._call_phone(seat, endpoint, AGENT_CONTEXT, _checked(_NAME, seat, _SEAT_RULE))

    async def call_for_log_in(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_for_log_in`."""
        await self._call_phone(seat, endpoint, LOG_IN_CONTEXT, "s")

    async def _call_phone(self, seat: str, endpoint: str, context: str, extension: str) -> None:
        channel_id = seat_channel_id(_checked(_NAME, seat, _SEAT_RULE), secrets.token_hex(6))
        await self._standing().action(
            "Originate",
            [
                ("Channel", f"PJSIP/{_checked(_NAME, endpoint, 'an endpoint is letters, digits, - and _')}"),
                ("Async", "true"),
                ("ChannelId", channel_id),
                ("Context", context),
                ("Exten", extension),
                ("Priority", "1"),
                ("Timeout", "30000"),
            ],
            action_id=channel_id,
        )

    async def answer_key(self, seat: str, sound: SeatSound) -> None:
        """See `Switch.answer_key`. The key's dialplan waits some 0.2 s for the variable."""
        channel = self._tracker.seat_channel(seat)
        if channel is not None:
            await self._standing().action(
                "Setvar", [("Channel", channel), ("Variable", _KEY_ANSWER), ("Value", sound.value)]
            )

    async def release_seat(self, seat: str) -> None:
        """See `Switch.release_seat`."""
        channel = self._tracker.seat_channel(seat)
        if channel is not None:
            await self._hang_up_channel(channel)

    async def _hang_up_channel(self, unique_id: str) -> None:
        try:
            await self._standing().action("Hangup", [("Channel", unique_id)])
        except SwitchUnreachable:
            raise
        except SwitchError as error:  # "No such channel": it is gone already, which is what was wanted
            _log.debug("hangup.nothing-there", channel=unique_id, answer=str(error))

    async def _redirect(self, attempt_id: AttemptId, context: str, extension: str) -> None:
        await self._standing().action(
            "Redirect",
            [("Channel", attempt_id), ("Context", context), ("Exten", extension), ("Priority", "1")],
        )

    def _standing(self) -> AmiClient:
        if self._client is None:
            raise SwitchUnreachable("there is no link to Asterisk; nothing was sent")
        return self._client


def _entrance(request: OriginateRequest) -> str:
    """The extension of the voters' and the flows' context that an answered call begins at."""
    if not request.detect_machine:
        return "s"
    return "voicemail" if request.message_to_machine else "machine"


def _nowhere(event: SwitchEvent) -> None:
    raise RuntimeError(f"nobody takes the switch's events yet: {type(event).__name__}")


async def _seat_members(client: AmiClient) -> list[tuple[str, str, bool]]:
    """Who is in the seats' conferences: seat, unique id of the channel, whether it is the agent's phone."""
    members: list[tuple[str, str, bool]] = []
    for room in await client.action_list("ConfbridgeListRooms"):
        conference = room.get("Conference")
        if conference.startswith(SEAT_CHANNEL):
            seat = conference[len(SEAT_CHANNEL) :]
            listed = await client.action_list("ConfbridgeList", [("Conference", conference)])
            members += [(seat, item.get("Uniqueid"), item.get("MarkedUser") == "Yes") for item in listed]
    return members


def _live_channel(item: AmiMessage) -> LiveChannel:
    state = item.get("ChannelState")
    return LiveChannel(item.get("Uniqueid"), item.get("Context"), state == _STATE_UP, state == _STATE_RINGING)


def _checked(pattern: re.Pattern[str], value: str, rule: str) -> str:
    """The value, if nothing in it can mean anything to Asterisk beside itself. Raises UnsafeValue, which does not repeat it."""
    if not pattern.fullmatch(value):
        raise UnsafeValue(f"a value was not sent to Asterisk: {rule}")
    return value
