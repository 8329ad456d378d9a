"""The errors of the dialler that a person can correct or must know about. All are subclasses of `MatdanError`."""

from __future__ import annotations

from enum import StrEnum

from dialer.errors import MatdanError

INTERRUPTED = 130
"""Exit code of a program that was ended by SIGINT."""


class StoreError(MatdanError):
    """The store (the centre's database) cannot be used. The text says which file and why."""


class StoreCorrupt(StoreError):
    """The store file is damaged, or is not a store (database) of Matdan. Nothing was dialled from it. Restore a backup."""


class StoreFull(StoreError):
    """The disk has no space for results in the store. No stored result was lost. Free disk space and start again."""


class StoreBusy(StoreError):
    """Another process has locked the store. Stop the other dialler or import, then try again."""


class StoreTimeout(StoreError):
    """A query of the store exceeded its time limit and was stopped. Query less, such as a shorter period."""


class NotInStore(StoreError):
    """A record was not stored, because the voter, number or complaint that it names is not in the store. The text names
    it.
    """


class KeyTaken(StoreError):
    """A record was not stored, because another record already has the same key. Give the new record another key."""


class RollError(MatdanError):
    """An electoral roll or list cannot be read. The text names the file and what to change."""


class OutputRefused(MatdanError):
    """The output file of a command cannot be written. The text names the option, the path and what to do."""


class SwitchError(MatdanError):
    """The telephone switch (Asterisk or Twilio) cannot carry out a request."""


class SwitchUnreachable(SwitchError):
    """There is no connection to the telephone switch, or it was lost. Check host, port, and that Asterisk runs."""


class SwitchNotListening(SwitchUnreachable):
    """Nothing accepts connections at the address of the telephone switch: it is not running, or it is starting."""


class SwitchInUse(SwitchError):
    """Another dialler, named in the text, uses the switch. Stop one of the two, or give each a switch of its own."""


class LoginRefused(SwitchError):
    """Asterisk refused the user or the secret of the AMI login. Compare `ami.username` and `ami.secret` with
    manager.conf.
    """


class SwitchStopping(SwitchError):
    """Asterisk is shutting down (`core restart gracefully`): it refuses every action until it has restarted."""


class PermissionMissing(SwitchError):
    """The AMI user lacks a permission. Give it the classes that `dialer asterisk render` writes."""


class OriginateRefused(SwitchError):
    """Asterisk answered an Originate with an error: the call was certainly not placed."""


class OriginateUnsure(SwitchError):
    """Asterisk did not respond to an Originate. The call may exist: look for it in Asterisk, never send the Originate
    again.
    """


class ProtocolError(SwitchError):
    """The other end of a connection violated the AMI or AGI protocol; the connection is closed."""


class UnsafeValue(MatdanError):
    """A value must not be sent to Asterisk or stored in the audit: it contains control characters or a phone number, is
    too long, or is not a number where one is needed.
    """


class RecordingError(MatdanError):
    """A recording of a call, or the folder of recordings, cannot be used. The text names the file or folder, and what
    to change.
    """


class PortInUse(MatdanError):
    """A port on which the dialler must listen is in use. Stop the program that uses it, or set another port."""


class CentreIdTaken(MatdanError):
    """Another dialler, named in the text, uses this centre id at the broker. Stop one, or give each its own
    `centre.id`.
    """


class BrokerUnreachable(MatdanError):
    """No MQTT broker answers. Dialling continues, and messages wait in the store until a broker answers."""


class HeadquartersUnreachable(MatdanError):
    """Headquarters' server or database does not answer, or a file needed for the connection cannot be used.

    A centre continues to dial without headquarters.
    """


class RefusedBecause(StrEnum):
    """The reason why a command was refused, as a code that the pages translate. Most refusals have no code."""

    PIN_WRONG = "pin-wrong"
    LOG_IN_LOCKED = "log-in-locked"  # after too many wrong PINs, whatever the PIN
    AGENT_ELSEWHERE = "agent-elsewhere"
    SEAT_TAKEN = "seat-taken"
    NO_SEAT = "no-seat"
    CLOCKS_DIFFER = "clocks-differ"  # those of the desk and the dialler
    CALL_OVER = "call-over"  # the call and its wrap-up have ended
    TOO_LATE_TO_UNDO = "too-late-to-undo"  # the disposition is too old to be undone
    ALREADY_PUBLISHED = "already-published"  # other centres have the opt-out, so it cannot be undone
    NO_CALL = "no-call"  # the seat has no call that needs a disposition
    NO_CHANNEL = "no-channel"  # no trunk channel is free, or the trunk is suspended
    HELD = "campaign-held"  # the campaign does not dial now
    FORBIDDEN = "forbidden-now"  # by the rules
    ON_A_CALL = "number-on-a-call"
    NOT_LISTED = "not-listed"  # the number is not in the campaign's list
    NOT_DUE = "not-due"  # the number is not due yet
    CLOSED = "number-closed"  # the number is completed in the campaign, or has opted out
    NOT_FREE = "seat-not-free"  # the seat is not free, or a voter is being connected
    OTHER_SCRIPT = "other-script"  # the script has no such question or answer


class CommandRefused(MatdanError):
    """A command is unknown, expired or not allowed now. The text says which command and why."""

    def __init__(self, text: str, why: RefusedBecause | None = None) -> None:
        super().__init__(text)
        self.why = why


class LogInRefused(CommandRefused):
    """A login failed: the agent number or the PIN is wrong, or the login is locked after too many failures."""

    def __init__(self) -> None:
        super().__init__(
            "agent number or PIN is wrong, or locked after too many failures: try again, or ask a supervisor to"
            " unlock the seat",
            RefusedBecause.PIN_WRONG,
        )


def find_first_error_in_group(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error in a group of errors, and search groups inside the group too."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
