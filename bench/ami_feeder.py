"""The AMI server of the AMI bench, in a separate process: streams recorded events or answers actions.

A contender logs in and sends `Action: Events` with the EventMask `blocks-N` (N events, 64 KiB per send), `paced-N-R`
(N events, one per send, R per second) or `actions` (responses to the actions of one read come in random order).
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

CAPTURES = Path(__file__).parents[1] / "tests" / "captures"
USED = {
    "Hangup": ("Uniqueid", "Cause", "AccountCode", "CallerIDName"),
    "DialEnd": ("DestUniqueid", "DialStatus"),
    "DialState": ("DestUniqueid", "DialStatus"),
    "OriginateResponse": ("ActionID", "Response", "Reason"),
    "UserEvent": ("UserEvent", "Uniqueid"),
    "HangupRequest": ("Uniqueid",),
    "ConfbridgeJoin": ("Uniqueid", "Conference"),
    "ConfbridgeLeave": ("Uniqueid", "Conference"),
    "FullyBooted": ("Uptime",),
}
"""The events that a dialler uses, and their fields that it reads. Other events must be discarded."""
LAST = b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: BenchEnds\r\nUniqueid: \r\n\r\n"

_ACTION_ID = re.compile(rb"ActionID: ([^\r\n]*)", re.IGNORECASE)
_VARIABLE = re.compile(rb"Variable: ([^\r\n]*)", re.IGNORECASE)
_MASK = re.compile(rb"EventMask: ([^\r\n]*)", re.IGNORECASE)


@cache
def recorded_events() -> tuple[bytes, ...]:
    """Return every captured event with its blank line. The caller's name is in Hindi, to check its encoding."""
    events = []
    for path in sorted(CAPTURES.glob("*.jsonl")):
        said = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        text = "".join(one["data"] for one in said if one["who"] == "asterisk-ami")
        events += [f"{message}\r\n\r\n" for message in text.split("\r\n\r\n") if message.startswith("Event: ")]
    return tuple(event.replace("CallerIDName: Matdan", "CallerIDName: मतदान").encode() for event in events)


@cache
def event_stream(events: int) -> bytes:
    """Return the bytes of `events` events, of which the last is LAST."""
    recorded = recorded_events()
    whole, rest = divmod(events - 1, len(recorded))
    return b"".join(recorded) * whole + b"".join(recorded[:rest]) + LAST


@cache
def expected_uses(events: int) -> list[tuple[str, ...]]:
    """Return what a correct reader finds in `event_stream(events)`: (event, used fields...) of each used event."""
    uses = []
    for text in event_stream(events).decode().split("\r\n\r\n")[:-1]:
        fields: dict[str, str] = {}
        for line in text.split("\r\n"):
            name, _, value = line.partition(": ")
            fields.setdefault(name, value)
        if fields["Event"] in USED:
            uses.append((fields["Event"], *(fields.get(name, "") for name in USED[fields["Event"]])))
    return uses


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            _serve_connection(connection)
        except OSError:
            continue
        finally:
            connection.close()


def _serve_connection(connection: socket.socket) -> None:
    connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
    pending = b""
    shuffle = random.Random(1).shuffle
    while data := connection.recv(262_144):
        *actions, pending = (pending + data).split(b"\r\n\r\n")
        answers = [_answer(action) for action in actions]
        shuffle(answers)
        connection.sendall(b"".join(answers))
        for action in actions:
            if b"Action: Logoff" in action:
                return
            if mask := _MASK.search(action):
                time.sleep(0.05)  # until the response is read, so that only the stream is measured
                _stream_to(connection, mask[1].decode())


def _answer(action: bytes) -> bytes:
    action_id = _ACTION_ID.search(action)
    variable = _VARIABLE.search(action)
    return b"Response: Success\r\nActionID: %b\r\nValue: %b\r\n\r\n" % (
        action_id[1] if action_id else b"",
        variable[1] if variable else b"",
    )


def _stream_to(connection: socket.socket, mask: str) -> None:
    how, *numbers = mask.split("-")
    if how == "blocks":
        data = memoryview(event_stream(int(numbers[0])))
        for begin in range(0, len(data), 65_536):
            connection.sendall(data[begin : begin + 65_536])
    elif how == "paced":
        events, rate = map(int, numbers)
        started = time.perf_counter()
        for number, event in enumerate(event_stream(events).split(b"\r\n\r\n")[:-1]):
            while (ahead := started + number / rate - time.perf_counter()) > 0:
                time.sleep(ahead)
            connection.sendall(event + b"\r\n\r\n")


@contextmanager
def feeder() -> Iterator[int]:
    """Run the server in a separate process. Yield its port."""
    command = [sys.executable, "-m", "bench.ami_feeder"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _end_with_the_bench() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_bench, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as own:
        print(own.getsockname()[1], flush=True)
        _serve(own)
