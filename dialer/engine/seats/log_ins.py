"""Who may log in, and when too many wrong tries lock an agent and a seat. Pure: the PIN itself is checked elsewhere."""

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
    """What a site has set for its agents."""

    wrong_pins: int = 10
    lock_seconds: float = 900.0
    pause_reasons: tuple[str, ...] = ("break",)
    silence_seconds: float = 0.0  # without a sound from a phone until the switch gives it up; 0: it never does


class WrongLogIns:
    """Counts wrong log-ins in a row, by agent and by seat, and keeps what is locked. Times are monotonic seconds.

    Only agents of the settings are counted by number, so a caller who makes numbers up cannot fill the memory; the seat
    counts whatever is keyed at it.
    """

    def __init__(self) -> None:
        """Nothing is locked."""
        self._by_seat: Counter[str] = Counter()
        self._by_agent: Counter[str] = Counter()
        self._seats: dict[str, float] = {}  # until when
        self._agents: dict[str, tuple[float, str]] = {}  # until when, and the seat at which it was locked

    def is_locked(self, seat: str, agent: str | None, now: float) -> bool:
        """Whether no log-in is taken at the seat, or of the agent."""
        until_agent = self._agents.get(agent or "", (0.0, ""))[0]
        return now < max(self._seats.get(seat, 0.0), until_agent)

    def wrong(self, seat: str, agent: str | None, now: float, rules: AgentRules) -> bool:
        """A wrong log-in; `agent` None: the settings have no such number. True: it has locked seat and agent, by the rules."""
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
        """A log-in that was right: what went wrong before it is forgotten."""
        self._by_seat.pop(seat, None)
        self._by_agent.pop(agent, None)

    def unlock(self, seat: str) -> bool:
        """A supervisor unlocks a seat, and the agents that were locked at it. False: nothing was locked there."""
        locked = self._seats.pop(seat, None) is not None
        agents = [agent for agent, (_, where) in self._agents.items() if where == seat]
        for agent in agents:
            del self._agents[agent]
        self._by_seat.pop(seat, None)
        return locked or bool(agents)
