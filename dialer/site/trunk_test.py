"""A test call over one trunk to the administrator's own phone, and the record of what the carrier did with the call.

The administrator hears an echo, and ends it with the key #.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from dialer.domain.errors import SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallEnded, CallRinging, SwitchEvent
from dialer.engine.calls.state import derive_outcome_of_unanswered_call
from dialer.engine.trunks.state import has_call_failed_because_of_trunk
from dialer.errors import SettingError
from dialer.rules.numbers import find_reason_number_is_refused
from dialer.settings.number_notation import get_number_formats_of_trunks
from dialer.settings.seats import ECHO_CODE
from dialer.settings.servers import SINGLE_SERVER, split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier, DtmfMode, Trunk
from dialer.site.asterisk import get_ami_login
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.attestation import fetch_attestation_of_trunk
from dialer.switch.asterisk.places import PHONES_CONTEXT, make_originate_fields
from dialer.switch.asterisk.registrations import list_trunk_registrations
from dialer.switch.asterisk.tracking.calls import CallTracker

TALK_SECONDS = 20.0
"""How long the test call stays connected, if the called phone neither presses # nor hangs up before."""

_EVENTS_ONLY_SECONDS = 10.0
"""How long Asterisk listens to no tones, where the trunk's setting does not tell how keys arrive."""

_GRACE_SECONDS = 5.0  # for Asterisk's events after the ring limit or a hang-up
_CODEC = "CHANNEL(audionativeformat)"
_SOURCES_OF_KEYS = {
    DtmfMode.RFC4733: "as RFC 4733 events or SIP INFO",
    DtmfMode.INBAND: "as tones in the voice (in-band)",
    DtmfMode.INFO: "as SIP INFO",
}
_EVENTS = ("DialState", "DialEnd", "OriginateResponse", "Hangup", "HangupRequest", "UserEvent")


@dataclass
class TrunkTest:
    """What a carrier did with a test call. Times are seconds since the call was requested."""

    called: str  # as the carrier received it
    caller_id: str
    registration: str | None = None  # None: the trunk does not register
    attestation: str | None = None  # with which Asterisk signs the call; "": it does not, None: it need not
    rang_after: float | None = None
    has_early_media: bool = False
    answered_after: float | None = None
    codec: str = ""
    listens_for: DtmfMode = DtmfMode.RFC4733  # how Asterisk listens for keys now
    key_arrived_as: DtmfMode | None = None  # how it listened when the key # arrived; None: the key did not arrive
    ended: CallEnded | None = None


class _CallWatch:
    """What Asterisk's events have reported about the test call so far."""

    def __init__(self, channel: AttemptId, test: TrunkTest) -> None:
        self.answered, self.over = asyncio.Event(), asyncio.Event()
        self._tracker, self._channel, self._test = CallTracker(), channel, test
        self._tracker.start_tracking_channel(channel)
        self._begun = asyncio.get_running_loop().time()

    def on_event_of_test_call(self, message: AmiMessage) -> None:
        """Record in the test's result what an event of Asterisk says about the test call."""
        after = asyncio.get_running_loop().time() - self._begun
        if message.event_name == "DialState" and message.get("DestUniqueid") == self._channel:
            self._test.has_early_media |= message.get("DialStatus") == "PROGRESS"
        if message.get("UserEvent") == "EchoEnded" and message.get("Uniqueid") == self._channel:
            self._test.key_arrived_as = self._test.listens_for
        for event in self._tracker.handle_ami_event(message):
            self._record_event_in_test_result(event, after)

    def _record_event_in_test_result(self, event: SwitchEvent, after: float) -> None:
        match event:
            case CallRinging() if self._test.rang_after is None:
                self._test.rang_after = after
            case CallEnded():
                self._test.ended = event
                self.over.set()
                self.answered.set()
        if self._tracker.find_answered_channel(self._channel) is not None and self._test.answered_after is None:
            self._test.answered_after = after
            self.answered.set()


def find_trunk_to_test(settings: Settings, name: str) -> Trunk:
    """Return the trunk with this name. Raises SettingError if Asterisk has no such trunk."""
    trunks = {trunk.name: trunk for trunk in settings.trunks if trunk.carrier is Carrier.ASTERISK}
    if name not in trunks:
        remedy = f"give one of these: {', '.join(trunks) or 'none'}"
        raise SettingError(settings.text_of_settings_file.name, "trunks", f"Asterisk has no trunk {name!r}", remedy)
    return trunks[name]


async def place_test_call(settings: Settings, trunk: Trunk, number: str, ring_seconds: float) -> TrunkTest:
    """Call a number (E.164) over a trunk, connect it to the echo test, and return what the carrier did.

    The number must have an allowed prefix, as for any call. Raises SwitchError and SettingError.
    """
    refused = find_reason_number_is_refused(
        number, settings.dialling.allowed_prefixes, settings.dialling.denied_prefixes
    )
    if refused is not None:
        raise SettingError(settings.text_of_settings_file.name, "dialling", f"the number is not called: {refused}", "")
    notation = get_number_formats_of_trunks(settings)[trunk.endpoint]
    test = TrunkTest(notation.format_called_number(number), notation.format_caller_id(trunk.caller_ids[0]))
    channel = AttemptId(f"trunk-test-{uuid.uuid4().hex}")
    watch = _CallWatch(channel, test)
    site = split_settings_by_asterisk_server(settings)[trunk.server or SINGLE_SERVER]
    async with AmiClient(get_ami_login(site), on_event=watch.on_event_of_test_call, wanted_events=_EVENTS) as client:
        if trunk.registers:
            test.registration = (await list_trunk_registrations(client)).get(trunk.endpoint, "unknown to Asterisk")
        if trunk.stir_shaken is not None and trunk.stir_shaken.are_outbound_calls_signed:
            test.attestation = await fetch_attestation_of_trunk(client, trunk.endpoint)
        fields = make_originate_fields(
            f"PJSIP/{test.called}@{trunk.endpoint}",
            channel,
            PHONES_CONTEXT,
            ECHO_CODE,
            ("CallerID", test.caller_id),
            ("Timeout", str(round(ring_seconds * 1000))),
        )
        await client.send_action("Originate", fields, action_id=channel)
        await _wait_for_event_of_test_call(watch.answered, ring_seconds + _GRACE_SECONDS)
        if test.answered_after is not None and test.ended is None:
            test.codec = (await _read_channel_variable(client, channel, _CODEC)).strip("()")
            await _listen_for_keys(client, channel, trunk, test, watch)
        if test.ended is None:
            await _hang_up_test_call(client, channel)
            await _wait_for_event_of_test_call(watch.over, _GRACE_SECONDS)
    return test


async def _listen_for_keys(
    client: AmiClient, channel: AttemptId, trunk: Trunk, test: TrunkTest, watch: _CallWatch
) -> None:
    """Wait at most TALK_SECONDS until the called person presses # or hangs up.

    Asterisk does not report whether a key came as an RTP event (RFC 4733) or as a tone. So if the trunk's setting is
    `auto`, the test first lets Asterisk listen for RTP events only, then for tones only.
    """
    if trunk.dtmf is not DtmfMode.AUTO:
        test.listens_for = trunk.dtmf
        await _wait_for_event_of_test_call(watch.over, TALK_SECONDS)
        return
    for mode, seconds in (
        (DtmfMode.RFC4733, _EVENTS_ONLY_SECONDS),
        (DtmfMode.INBAND, TALK_SECONDS - _EVENTS_ONLY_SECONDS),
    ):
        if test.ended is None:
            test.listens_for = mode
            await _set_channel_variable(client, channel, "PJSIP_DTMF_MODE()", mode.value)
            await _wait_for_event_of_test_call(watch.over, seconds)


async def _set_channel_variable(client: AmiClient, channel: str, name: str, value: str) -> None:
    """Set a variable of a channel, unless the call has ended meanwhile."""
    try:
        await client.send_action("Setvar", [("Channel", channel), ("Variable", name), ("Value", value)])
    except SwitchError:
        return


async def _wait_for_event_of_test_call(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _read_channel_variable(client: AmiClient, channel: str, name: str) -> str:
    """Return a variable of a channel, or "" if the call has ended meanwhile."""
    try:
        return (await client.send_action("Getvar", [("Channel", channel), ("Variable", name)])).get("Value")
    except SwitchError:
        return ""


async def _hang_up_test_call(client: AmiClient, channel: str) -> None:
    try:
        await client.send_action("Hangup", [("Channel", channel)])
    except SwitchError:  # it has ended meanwhile
        return


def describe_trunk_test(test: TrunkTest) -> Iterator[str]:
    """Yield sentences that say what the carrier did with the test call."""
    if test.registration is not None:
        yield f"Registration: {test.registration}."
    yield f"The carrier was asked to call {test.called}, with the caller ID {test.caller_id}."
    if test.attestation is not None:
        signed = (
            f"signed with attestation {test.attestation}" if test.attestation else "not signed: look at Asterisk's log"
        )
        yield f"The call was {signed}."
    if test.rang_after is not None:
        heard = "with early media (SIP 183)" if test.has_early_media else "without early media"
        yield f"The phone rang after {test.rang_after:.1f} s, {heard}."
    if test.answered_after is not None:
        yield f"It was answered after {test.answered_after:.1f} s. Did it show that caller ID, and did it hear itself?"
        yield f"Codec: {test.codec or 'unknown'}."
        yield _describe_how_key_arrived(test)
    elif test.ended is None:
        yield "Asterisk did not report the end of the call. Look at its log."
    else:
        yield _describe_failure_of_test_call(test.ended)


def _describe_how_key_arrived(test: TrunkTest) -> str:
    if test.key_arrived_as is not None:
        return f"The key # arrived {_SOURCES_OF_KEYS[test.key_arrived_as]}."
    return "The key # did not arrive. If you pressed it, ask the carrier how it sends keys, and set the trunk's dtmf."


def _describe_failure_of_test_call(ended: CallEnded) -> str:
    outcome = derive_outcome_of_unanswered_call(ended, rang=ended.ever_ringing)
    if ended.timed_out:
        sent = "ringing" if ended.ever_ringing else "nothing that Asterisk reports"
        said = f"The carrier sent {sent} until the ring limit"
    elif ended.technical_cause is None:
        return "Asterisk could not send the call: check that the trunk's host answers (`dialer check`)."
    else:
        said = f"The carrier ended the call with SIP {ended.technical_cause} (cause {ended.cause})"
    blamed = (
        "This counts against the trunk." if has_call_failed_because_of_trunk(outcome, ended) else "The trunk works."
    )
    return f"{said}: outcome {outcome}. {blamed}"
