"""Errors of the dialler.

config.errors.MatdanError
├── StoreError                 the store cannot do what it must
│   ├── StoreCorrupt           the file is damaged or not ours: nothing is dialled from it
│   ├── StoreFull              no room for results: dialling stops before they are lost
│   ├── StoreBusy              another process holds the store
│   ├── NotInStore             a voter, a complaint or the like that the store does not have
│   └── KeyTaken               a record's key stands for another one already
├── RollError                  a roll cannot be read at all (a bad row is a reject, not an error)
├── SwitchError                the switch cannot do what was asked
│   ├── SwitchUnreachable      no connection, or it was lost
│   ├── SwitchTaken            another dialler has the switch
│   ├── LoginRefused           wrong user or secret
│   ├── PermissionMissing      the manager user lacks a right
│   ├── OriginateRefused       the switch answered Error: the call was certainly not placed
│   └── OriginateUnsure        written, but no answer came: the call may exist; never sent again
├── ProtocolError              a peer broke AMI or AGI
├── OutputRefused              a file that was asked for cannot be written
├── UnsafeValue                a value that must not go on the wire (CR, LF, NUL, too long, not a number)
├── RecordingError             a recording's folder or file cannot be used
├── PortInUse                  a port that we must listen on is taken
├── CentreIdTaken              another dialler speaks for the centre at its broker
├── BrokerUnreachable          no MQTT broker (dialling goes on; only the announcement waits)
├── HeadquartersUnreachable    headquarters' server, its database or their files (a centre runs on without)
└── CommandRefused             a command from outside is unknown, expired, unsigned or not allowed now
    └── LogInRefused           agent number or PIN is wrong, or locked: one error for all of it
"""

from __future__ import annotations

from enum import StrEnum

from dialer.errors import MatdanError

INTERRUPTED = 130
"""The exit code that a shell reports for SIGINT."""


class StoreError(MatdanError):
    """The store cannot do what it must. The text says which file and why."""


class StoreCorrupt(StoreError):
    """The file is damaged or is not a Matdan store. Restore a copy; nothing was dialled from this one."""


class StoreFull(StoreError):
    """There is no room for results. Free disk space and start again; nothing recorded was lost."""


class StoreBusy(StoreError):
    """Another process holds the store. Stop the other dialler or import, then try again."""


class NotInStore(StoreError):
    """What a record is about is not in the store; nothing of it was kept. The text says what."""


class KeyTaken(StoreError):
    """A record came under the key of another one, and was not kept: a repeat says the same. Give it a key of its own."""


class RollError(MatdanError):
    """A roll cannot be read at all. The text names the file and what to change."""


class OutputRefused(MatdanError):
    """A file that a command was asked for cannot be written. The text names the option, the path and what to do."""


class SwitchError(MatdanError):
    """The switch cannot do what was asked."""


class SwitchUnreachable(SwitchError):
    """There is no connection to the switch, or it was lost. Check host, port, and that Asterisk runs."""


class SwitchTaken(SwitchError):
    """Another dialler has the switch, and the text names it. Stop one of the two, or give each a switch of its own."""


class LoginRefused(SwitchError):
    """Asterisk refused user or secret. Compare `ami.username` and `ami.secret` with manager.conf."""


class PermissionMissing(SwitchError):
    """The manager user lacks a right. Give it the classes that `dialer asterisk render` writes."""


class OriginateRefused(SwitchError):
    """The switch answered Error to an Originate: the call was certainly not placed."""


class OriginateUnsure(SwitchError):
    """An Originate was written and no answer came. The call may exist: reconcile it, never send it again."""


class ProtocolError(SwitchError):
    """A peer broke the AMI or AGI protocol; the connection is closed."""


class UnsafeValue(MatdanError):
    """A value must not go on the wire: it has CR, LF or NUL, is too long, or is not a number where one must stand."""


class RecordingError(MatdanError):
    """A recording's folder or file cannot be used. The text names it and what to change."""


class PortInUse(MatdanError):
    """A port that we must listen on is taken. Stop what holds it or set another port."""


class CentreIdTaken(MatdanError):
    """Another dialler speaks for this centre at its broker; the text names it. Stop one, or give each its own `centre.id`."""


class BrokerUnreachable(MatdanError):
    """No MQTT broker answers. Dialling goes on and announcements wait in the outbox."""


class HeadquartersUnreachable(MatdanError):
    """Headquarters' server or database does not answer, or a file for it cannot be used. A centre runs on without it."""


class RefusedBecause(StrEnum):
    """Why a command was refused, in a word: for pages, which say it in their reader's language. Most refusals need none."""

    PIN_WRONG = "pin-wrong"
    AGENT_ELSEWHERE = "agent-elsewhere"
    SEAT_TAKEN = "seat-taken"
    NO_SEAT = "no-seat"
    CLOCKS = "clocks"
    LATE = "late"  # that call and its wrap-up are over
    TOO_LATE_TO_TAKE_BACK = "too-late-to-take-back"
    STAYS = "stays"  # others have been told
    NOTHING_TO_SAY = "nothing-to-say"  # there is no call
    NO_LINE = "no-line"  # free at this moment
    HELD = "campaign-held"  # it dials nobody now
    FORBIDDEN = "forbidden-now"  # by the rules
    ON_A_CALL = "number-on-a-call"
    NOT_LISTED = "not-listed"  # the number, in the campaign's list
    NOT_DUE = "not-due"  # the number: not yet
    CLOSED = "number-closed"  # not called any more in the campaign
    NOT_FREE = "seat-not-free"  # or a voter is on the way there
    OTHER_SCRIPT = "other-script"  # the campaign's script has no such question or answer


class CommandRefused(MatdanError):
    """A command from outside is unknown, expired or not allowed now. The text says which and why."""

    def __init__(self, text: str, why: RefusedBecause | None = None) -> None:
        super().__init__(text)
        self.why = why


class LogInRefused(CommandRefused):
    """Agent number or PIN is wrong, or too many wrong ones have locked them. Which of these it is, nobody is told."""

    def __init__(self) -> None:
        super().__init__(
            "agent number or PIN is wrong, or locked after too many wrong ones; try again, or ask a supervisor to unlock the seat",
            RefusedBecause.PIN_WRONG,
        )
