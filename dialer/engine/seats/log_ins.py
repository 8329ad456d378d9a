"""Who may log in, and when too many wrong attempts lock an agent and a seat. Pure: PINs are checked in `pins.py`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

PIN = re.compile(r"[0-9]{4,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AgentAccount:
    """An agent of the settings."""

    number: str
    pin_hash: str  # argon2id
    languages: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AgentRules:
    """The site's rules for its agents."""

    wrong_pins: int = 10
    lock_seconds: float = 900.0
    pause_reasons: tuple[str, ...] = ("break",)
    silence_seconds: float = 0.0  # without audio from a phone until the switch hangs it up; 0: never


class WrongLogIns:
    """Counts wrong log-ins in a row by agent and by seat, and locks them (times are monotonic seconds).

    Only agents of the settings are counted by number, so made-up numbers cannot fill the memory. The seat counts every
    attempt.
    """

    def __init__(self) -> None:
        self._by_seat: Counter[str] = Counter()
        self._by_agent: Counter[str] = Counter()
        self._seats: dict[str, float] = {}  # until when
        self._agents: dict[str, tuple[float, str]] = {}  # until when, and the seat at which it was locked

    def is_locked(self, seat: str, agent: str | None, now: float) -> bool:
        """Return whether the seat or the agent is locked."""
        until_agent = self._agents.get(agent or "", (0.0, ""))[0]
        return now < max(self._seats.get(seat, 0.0), until_agent)

    def wrong(self, seat: str, agent: str | None, now: float, rules: AgentRules) -> bool:
        """Count a wrong log-in (`agent` None: no such number). Returns whether seat and agent are locked by it."""
        self._by_seat[seat] += 1
        if agent is not None:
            self._by_agent[agent] += 1
        if max(self._by_seat[seat], self._by_agent[agent or ""]) < rules.wrong_pins:
            return False
        self._seats[seat] = now + rules.lock_seconds
        self._by_seat.pop(seat, None)
        if agent is not None:
            self._agents[agent] = (now + rules.lock_seconds, seat)
            self._by_agent.pop(agent, None)
        return True

    def right(self, seat: str, agent: str) -> None:
        """Forget the wrong log-ins before a right one."""
        self._by_seat.pop(seat, None)
        self._by_agent.pop(agent, None)

    def unlock(self, seat: str) -> bool:
        """Unlock a seat, and the agents that were locked there. Returns whether anything was locked."""
        locked = self._seats.pop(seat, None) is not None
        agents = [agent for agent, (_, where) in self._agents.items() if where == seat]
        for agent in agents:
            del self._agents[agent]
        self._by_seat.pop(seat, None)
        return locked or bool(agents)
