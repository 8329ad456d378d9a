"""Agent accounts, and the locks after too many wrong log-ins. This module does no I/O; `pins.py` checks PINs."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

PIN = re.compile(r"[0-9]{4,12}", re.ASCII)
MAX_SOURCES = 10_000
"""Devices and networks whose wrong sign-ins are remembered; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class AgentAccount:
    """An agent in the settings, with number, languages and skills."""

    number: str
    pin_hash: str  # argon2id
    languages: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AgentRules:
    """The site's rules for the log-ins of its agents."""

    wrong_pins: int = 10  # consecutive wrong log-ins that lock the agent and the seat
    lock_seconds: float = 900.0
    pause_reasons: tuple[str, ...] = ("break",)
    silence_seconds: float = 0.0  # time without audio after which the switch hangs up an agent's phone; 0: never


@dataclass(frozen=True, slots=True)
class SignInSource:
    """The device or network from which an agent signs in on a page."""

    id: str  # of a device on which this agent has signed in before, otherwise of a network
    is_known_device: bool


@dataclass(slots=True)
class _Failures:
    count: int = 0  # in a row
    locked_until: float = 0.0
    seat: str = ""  # of the last wrong log-in


_Key = tuple[str, ...]
_DEVICE, _NETWORK = "device", "network"
_SOURCES = {_DEVICE, _NETWORK}


class WrongLogIns:
    """Counts consecutive wrong log-ins, and locks a seat, agent, device or network after too many.

    Wrong log-ins by phone lock the seat and the agent. Wrong log-ins from a page lock their device or network for this
    agent; from many networks, they lock the agent on all unknown devices. A device that the agent has used before is
    locked only by its own wrong log-ins. Unknown agent numbers are not counted, to save memory. Times are monotonic
    seconds.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[_Key, _Failures] = OrderedDict()

    def is_log_in_locked(self, seat: str, agent: str | None, now: float, source: SignInSource | None = None) -> bool:
        """Return whether log-ins of an agent at a seat are locked, by phone or from a source (a device or network)."""
        keys = [key for key, _ in _list_wrong_log_in_counters(seat, agent, source, 1)]
        if source is not None and not source.is_known_device:
            keys += [key for key, _ in _list_wrong_log_in_counters(seat, agent, None, 1)]
        return any(now < self._failures[key].locked_until for key in keys if key in self._failures)

    def count_wrong_log_in(
        self, seat: str, agent: str | None, now: float, rules: AgentRules, source: SignInSource | None = None
    ) -> bool:
        """Count a wrong log-in, and return whether it causes a lock. `agent` is None if the agent number is unknown."""
        full: list[_Failures] = []
        counted: list[_Failures] = []
        for key, limit in _list_wrong_log_in_counters(seat, agent, source, rules.wrong_pins):
            failures = self._failures.setdefault(key, _Failures())
            self._failures.move_to_end(key)
            failures.count += 1
            failures.seat = seat
            counted.append(failures)
            full += [failures] if failures.count >= limit else []
        while len(self._failures) > MAX_SOURCES:
            del self._failures[next(key for key in self._failures if key[0] in _SOURCES)]
        if full and source is None:
            full = counted  # the seat and the agent are locked together
        for failures in full:
            failures.count, failures.locked_until = 0, now + rules.lock_seconds
        return bool(full)

    def reset_wrong_log_in_counts(self, seat: str, agent: str, source: SignInSource | None = None) -> None:
        """Reset the counts of wrong log-ins of a seat, agent and source, because an agent has logged in correctly."""
        for key, _ in _list_wrong_log_in_counters(seat, agent, source, 1):
            self._failures.pop(key, None)

    def unlock_seat(self, seat: str, now: float) -> bool:
        """Remove every lock of a seat, and of agents and devices that were locked there. Return whether there was any
        lock.
        """
        found = [key for key, each in self._failures.items() if each.seat == seat]
        was_locked = any(now < self._failures[key].locked_until for key in found)
        for key in found:
            del self._failures[key]
        return was_locked


def _list_wrong_log_in_counters(
    seat: str, agent: str | None, source: SignInSource | None, limit: int
) -> Iterator[tuple[_Key, int]]:
    """Yield the key of each counter that a wrong log-in increments, and the number of consecutive wrong log-ins at
    which it locks.
    """
    if source is None:
        yield ("seat", seat), limit
        if agent is not None:
            yield ("agent", agent), limit
        return
    kind = _DEVICE if source.is_known_device else _NETWORK
    yield (kind, source.id), limit * 2
    if agent is not None:
        yield (kind, source.id, agent), limit
        if not source.is_known_device:
            yield ("unknown devices", agent), limit * 2
