"""The kinds of alerts, such as "trunk failed", each with its severity and its English sentence.

The pages translate alerts (`alert-KIND` in `dialer/desk/pages/locales/staff`). Alerts never contain the name or phone
number of a voter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypedDict, Unpack

from dialer.domain.schema import (
    MESSAGE,
    PRIVATE,
    Time,
    create_validator_for_unknown_enum_values,
    create_validator_that_drops_unknown_counts,
)

CLOCKS_APART_SECONDS = 30.0
"""How far the clocks of headquarters and a centre may differ before both raise an alert."""


class AlertLevel(StrEnum):
    """The severity of an alert: notice, warning, or critical (dialling has stopped)."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"  # dialling has stopped


class AlertField(StrEnum):
    """A value that is inserted into the sentence of an alert, such as the name of a trunk. Times of day are in the
    centre's time zone.
    """

    CAMPAIGN = "campaign"
    SEAT = "seat"
    SERVER = "server"  # an Asterisk server
    TRUNK = "trunk"
    SOUND = "sound"  # the path of a sound, as Asterisk knows it
    PLACE = "place"  # with a record of the newest call: broker, Asterisk, or Asterisk and the name of the server
    ORDER = "order"  # the id of an order of headquarters
    USERS = "users"  # senders of commands, each with a number
    PROBLEM = "problem"  # the cause, as the program that failed describes it (English)
    TIME = "time"  # such as 14:05:00
    EXPECTED = "expected"  # a time
    UNTIL = "until"  # a time
    CALLS = "calls"
    COUNT = "count"
    FAILED = "failed"
    LIMIT = "limit"  # percent
    MEGABYTES = "megabytes"
    MINUTES = "minutes"
    PERCENT = "percent"
    REMAINING = "remaining"  # numbers to call
    ROW = "row"  # of the outbox
    SECONDS = "seconds"
    UNKNOWN = "unknown"  # commands of unknown senders


class AlertValues(TypedDict, total=False):
    """The values that are inserted into the sentence of an alert, by field (`AlertField`), with their types."""

    campaign: str
    seat: str
    server: str
    trunk: str
    sound: str
    place: str
    order: str
    users: str
    problem: str
    time: str
    expected: str
    until: str
    calls: int
    count: int
    failed: int
    limit: float
    megabytes: int
    minutes: float
    percent: float
    remaining: int
    row: int
    seconds: int
    unknown: int


class AlertKind(StrEnum):
    """A kind of alert, such as "trunk failed", with its severity and its English sentence.

    A kind may have a subject, such as the trunk. Two failed trunks then raise two separate alerts.
    """

    level: AlertLevel
    sentence: str
    subject: AlertField | None

    def __new__(cls, code: str, level: AlertLevel, sentence: str, subject: AlertField | None = None) -> AlertKind:
        """Create a kind of alert with the code, severity and sentence.

        `subject` is the field of the sentence that identifies what the alert is about, such as the trunk.
        """
        kind = str.__new__(cls, code)
        kind._value_, kind.level, kind.sentence, kind.subject = code, level, sentence, subject
        return kind

    # Asterisk, trunks and Twilio
    SWITCH_DOWN = (
        "switch-down",
        AlertLevel.CRITICAL,
        "Asterisk is disconnected: no calls are placed. Cause: {problem}",
    )
    SERVER_DOWN = (
        "server-down",
        AlertLevel.CRITICAL,
        "Asterisk server {server} is disconnected. Dialling continues on the other servers. Cause: {problem}",
        AlertField.SERVER,
    )
    ORIGINATE = (
        "originate",
        AlertLevel.WARNING,
        "Asterisk rejects the dialler's requests to place calls. Cause: {problem}",
    )
    USER_EVENTS_MISSING = (
        "user-events-missing",
        AlertLevel.CRITICAL,
        "Asterisk does not report answered calls. Add `user` to the permissions of the manager account: `read = system,call,user`",
    )
    TRUNK = (
        "trunk",
        AlertLevel.WARNING,
        "Trunk {trunk} is suspended until {until}: {failed} of the last {calls} calls failed. One call will then test it.",
        AlertField.TRUNK,
    )
    TRUNKS = (
        "trunks",
        AlertLevel.CRITICAL,
        "Campaign {campaign} is on hold: all its trunks are suspended.",
        AlertField.CAMPAIGN,
    )
    REGISTRATION = (
        "registration",
        AlertLevel.WARNING,
        "Trunk {trunk} is not registered with its carrier: inbound calls do not arrive, and the carrier may refuse calls. Asterisk "
        "tries again. Check the trunk's host, username and password.",
        AlertField.TRUNK,
    )
    NO_CODEC = (
        "no-codec",
        AlertLevel.WARNING,
        "Calls on trunk {trunk} fail because the carrier uses a codec that Asterisk does not offer. Compare `asterisk.codecs` "
        "with the carrier's codecs, or ask the carrier for one of these codecs.",
        AlertField.TRUNK,
    )
    TWILIO = "twilio", AlertLevel.WARNING, "No calls are placed over Twilio. Cause: {problem}"
    FASTAGI_STRANGER = (
        "fastagi-stranger",
        AlertLevel.WARNING,
        "A FastAGI connection without the dialplan's secret was rejected. If calls fail, render and reload the dialplan "
        "(`dialer asterisk render`). Otherwise find out which program connects to the FastAGI port.",
    )
    FASTAGI_CROWDED = (
        "fastagi-crowded",
        AlertLevel.WARNING,
        "The dialler closes FastAGI connections because there are too many. Cause: {problem}",
    )

    # Campaigns and seats
    NO_AUDIO = (
        "no-audio",
        AlertLevel.CRITICAL,
        "Campaign {campaign} is on hold: Asterisk cannot play {sound}. Install the sound (`dialer check` lists missing sounds), "
        "then resume the campaign.",
        AlertField.CAMPAIGN,
    )
    NO_AUDIO_INBOUND = (
        "no-audio-inbound",
        AlertLevel.CRITICAL,
        "Callers of campaign {campaign} do not hear {sound}. Install the sound (`dialer check` lists missing sounds).",
        AlertField.CAMPAIGN,
    )
    LIST_LOW = (
        "list-low",
        AlertLevel.NOTICE,
        "Campaign {campaign}: only {remaining} numbers remain to be called.",
        AlertField.CAMPAIGN,
    )
    CAP_NEAR = (
        "cap-near",
        AlertLevel.WARNING,
        "Campaign {campaign}: the abandoned-call rate is {percent}%, close to its limit of {limit}%.",
        AlertField.CAMPAIGN,
    )
    LOG_IN_LOCKED = (
        "log-in-locked",
        AlertLevel.WARNING,
        "Seat {seat} and its agent are locked for {minutes} minutes after {failed} failed log-ins. A supervisor can unlock them.",
        AlertField.SEAT,
    )
    SIGN_IN_LOCKED = (
        "sign-in-locked",
        AlertLevel.WARNING,
        "Sign-in to seat {seat} on the agents' page is locked for {minutes} minutes, on the device or network that entered "
        "{failed} wrong PINs. Known devices and the seat's phone still work. A supervisor can unlock the seat.",
        AlertField.SEAT,
    )
    SEAT_LOST = "seat-lost", AlertLevel.WARNING, "The phone of seat {seat} is disconnected.", AlertField.SEAT

    # Rules: missing data
    RULES_HOLD = (
        "rules-hold",
        AlertLevel.CRITICAL,
        "Campaign {campaign} is on hold because the calling rules forbid its calls. Cause: {problem}",
        AlertField.CAMPAIGN,
    )
    RULES_NO_CONSENT = (
        "rules-no-consent",
        AlertLevel.NOTICE,
        "Campaign {campaign} does not call numbers without recorded consent. Import the consents "
        "(`dialer consent import`).",
    )
    RULES_POLL_UNKNOWN = (
        "rules-poll-unknown",
        AlertLevel.WARNING,
        "Campaign {campaign} does not call a polling area because its polling day is unknown. Ask "
        "the administrator to add it (setting `rules.polls`).",
    )
    RULES_CLOSE_OF_POLL_UNKNOWN = (
        "rules-close-of-poll-unknown",
        AlertLevel.WARNING,
        "Campaign {campaign} does not call a polling area because the close of poll there is unknown. Ask "
        "the administrator to add it (setting `rules.polls`, or the roll).",
    )
    RULES_TIME_ZONE_UNKNOWN = (
        "rules-time-zone-unknown",
        AlertLevel.WARNING,
        "Campaign {campaign} does not call numbers whose time zone is unknown. Run `dialer rules check` for details.",
    )
    RULES_NOTHING_KNOWN = (
        "rules-nothing-known",
        AlertLevel.WARNING,
        "Campaign {campaign} does not call numbers whose call history is unknown. Run `dialer rules check` for details.",
    )
    RULES_CALLER_ID = (
        "rules-caller-id",
        AlertLevel.WARNING,
        "Campaign {campaign} does not call some numbers: no permitted caller ID is configured. Check the trunks' caller IDs.",
    )
    RULES_RETENTION = (
        "rules-retention",
        AlertLevel.WARNING,
        "Campaign {campaign} does not call voters whose data should have been erased by now. Run `dialer purge`.",
    )

    # The dialler itself
    STORE = (
        "store",
        AlertLevel.CRITICAL,
        "Dialling has stopped because the database is not available. Cause: {problem}",
    )
    CLOCK = (
        "clock",
        AlertLevel.CRITICAL,
        "Dialling is on hold: the clock shows {time} and differs by {seconds} s from the expected time {expected}. "
        "Correct the clock. If the clock is right, send the command `accept-clock`.",
    )
    STORE_OLDER = (
        "store-older",
        AlertLevel.CRITICAL,
        "Dialling is on hold: the database lacks calls that {place} has recorded, up to {time}. The database was set back or "
        "replaced. Restore the newest database, or stop the dialler and run `dialer store accept-older`.",
        AlertField.PLACE,
    )
    NEWEST_CALL_UNREADABLE = (
        "newest-call-unreadable",
        AlertLevel.CRITICAL,
        "Dialling is on hold: the record of the newest call at {place} cannot be read. If this database is the newest, delete "
        "that record, then start the dialler again.",
        AlertField.PLACE,
    )
    SETTINGS = "settings", AlertLevel.WARNING, "The settings were not reloaded. Cause: {problem}"
    FLOWS = "flows", AlertLevel.WARNING, "The call flows were not reloaded. Cause: {problem}"
    WEIGHTS = (
        "weights",
        AlertLevel.WARNING,
        "The calling priorities of voters (weights) were not imported. The earlier ones still apply. Cause: {problem}",
    )

    # Broker and commands
    BROKER_DOWN = (
        "broker-down",
        AlertLevel.WARNING,
        "The dialler is disconnected from the broker. Dialling continues, and results are sent later. Cause: {problem}",
    )
    CENTRE_ID_TAKEN = (
        "centre-id-taken",
        AlertLevel.WARNING,
        "Another dialler uses this centre's ID, so this one does not use the MQTT broker: tell your administrator. "
        "Dialling continues, and results are sent later. Cause: {problem}",
    )
    OPT_OUTS_DISCONNECTED = (
        "opt-outs-disconnected",
        AlertLevel.WARNING,
        "Opt-outs of other centres are not received. The broker stores them for an hour. If this lasts longer, exchange files "
        "of opt-outs. Cause: {problem}",
    )
    OUTBOX_HELD = (
        "outbox-held",
        AlertLevel.WARNING,
        "Results are not sent to broker and headquarters because the database is not available. Cause: {problem}",
    )
    OUTBOX_FULL = (
        "outbox-full",
        AlertLevel.WARNING,
        "Unsent results for headquarters exceed `headquarters.outbox_megabytes` by {megabytes} MB. All results are stored; live "
        "figures are discarded. Check the connection to headquarters.",
    )
    SEAL_MISSING = (
        "seal-missing",
        AlertLevel.WARNING,
        "The broker holds a signature of this centre's records (a seal) that does not match the database: records are missing or "
        "were replaced. After a restore this is expected. Otherwise compare the database with headquarters and the last backup. "
        "Cause: {problem}",
    )
    OUTBOX_UNSENDABLE = (
        "outbox-unsendable",
        AlertLevel.WARNING,
        "A message with a result cannot be sent and was skipped. The result itself is in the database. Tell your "
        "administrator the number of the message: {row}. Cause: {problem}",
    )
    COMMAND_FLOOD = (
        "command-flood",
        AlertLevel.WARNING,
        "{count} commands arrived too fast and were discarded. Senders: {users}; unknown senders: {unknown}.",
    )
    COMMAND_FORGED = (
        "command-forged",
        AlertLevel.WARNING,
        "{count} commands with an invalid signature were rejected. Senders: {users}; unknown senders: {unknown}.",
    )
    RECORDS_BURST = (
        "records-burst",
        AlertLevel.NOTICE,
        "Commands added {count} voter results, opt-outs or turnout figures within a short time. If nobody is importing a list, "
        "check who sent them: {users}; unknown senders: {unknown}.",
    )

    # Headquarters and other centres
    HEADQUARTERS_STOP = (
        "headquarters-stop",
        AlertLevel.CRITICAL,
        "Headquarters has stopped all campaigns (order {order}). Only two of its leaders together can resume them.",
    )
    HEADQUARTERS_FORGED = (
        "headquarters-forged",
        AlertLevel.CRITICAL,
        "An order with an invalid signature was rejected. Compare the leaders' keys with `headquarters.leaders`. "
        "If they match, somebody is forging orders.",
    )
    STORE_SET_BACK = (
        "store-set-back",
        AlertLevel.CRITICAL,
        "All campaigns are stopped: this centre's database was set back to an earlier state and lacks calls, votes and opt-outs "
        "that headquarters has. Import the missing opt-outs before anybody starts a campaign (`dialer optout import`).",
    )
    HEADQUARTERS_REFUSES = (
        "headquarters-refuses",
        AlertLevel.WARNING,
        "Headquarters reports a problem with this centre's database. Results are stored here. Cause: {problem}",
    )
    HEADQUARTERS_FULL = (
        "headquarters-full",
        AlertLevel.WARNING,
        "Headquarters' server does not store this centre's results, which are kept here. Headquarters must free space on that "
        "server's disk. Cause: {problem}",
    )
    HEADQUARTERS_CLOCK = (
        "headquarters-clock",
        AlertLevel.WARNING,
        "The clocks of headquarters and this centre differ by {seconds} s. Set both from a time server.",
    )
    PEER_MARKS_SKIPPED = (
        "peer-marks-skipped",
        AlertLevel.NOTICE,
        "{count} voter results of other centres were skipped because their voters are not on a roll here. Import the other "
        "centres' roll.",
    )
    NO_PEER_UPDATES = (
        "no-peer-updates",
        AlertLevel.CRITICAL,
        "Opt-outs and voter results of other centres do not reach this centre. Cause: {problem}",
    )

    OTHER = "other", AlertLevel.WARNING, ""  # one that only a newer dialler knows: its text is shown

    def make_alert_code(self, subject: str) -> str:
        """Return the code of an alert of this kind about one trunk, seat, server or campaign (`subject`)."""
        return f"{self.value}-{subject}"


@dataclass(frozen=True, slots=True)
class Alert:
    """A problem at a call centre that a person should look at. An alert replaces the earlier alert with the same
    `code`.
    """

    __pydantic_config__ = MESSAGE

    code: str
    """the kind; with a name where there are several, such as trunk-north"""
    kind: Annotated[AlertKind, create_validator_for_unknown_enum_values(AlertKind.OTHER)]
    level: Annotated[AlertLevel, create_validator_for_unknown_enum_values(AlertLevel.WARNING)]
    """critical: dialling has stopped"""
    fields: Annotated[Mapping[AlertField, str | int | float], create_validator_that_drops_unknown_counts(AlertField)]
    """what the sentence shows"""
    text: str
    """the English sentence: one line, without names and phone numbers of voters"""
    at: Time
    """when it was raised"""
    cleared: Annotated[bool, PRIVATE] = False


@dataclass(frozen=True, slots=True)
class AlertList:
    """All active alerts of a centre, the most severe first. A new list replaces the previous one."""

    __pydantic_config__ = MESSAGE

    at: Time
    alerts: tuple[Alert, ...]


def create_alert(kind: AlertKind, at: float, *, cleared: bool = False, **values: Unpack[AlertValues]) -> Alert:
    """Return an alert that was raised at the time `at` (epoch seconds). `values` are the values for all fields in the
    sentence of its kind.
    """
    fields = {AlertField(name): value for name, value in values.items() if isinstance(value, str | int | float)}
    code = kind.value if kind.subject is None else kind.make_alert_code(str(fields[kind.subject]))
    shown = {
        name.value: value if isinstance(value, str) else f"{value:,}".removesuffix(".0")
        for name, value in fields.items()
    }
    return Alert(code, kind, kind.level, fields, kind.sentence.format_map(shown), at, cleared)
