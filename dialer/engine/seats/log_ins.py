"""Agent accounts, and the locks after too many wrong log-ins. Pure: PINs are checked in `pins.py`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

PIN = re.compile(r"[0-9]{4,12}", re.ASCII)


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


class WrongLogIns:
    """Counts consecutive wrong log-ins by agent and by seat, and locks both. Times are monotonic seconds.

    Only agents in the settings are counted by number, so invented numbers cannot fill the memory. The seat counts every
    attempt.
    """

    def __init__(self) -> None:
        self._by_seat: Counter[str] = Counter()
        self._by_agent: Counter[str] = Counter()
        self._seats: dict[str, float] = {}  # end of the lock, by seat
        self._agents: dict[str, tuple[float, str]] = {}  # by agent: end of the lock, and the seat of the last attempt

    def is_log_in_locked(self, seat: str, agent: str | None, now: float) -> bool:
        """Return whether a seat or an agent is locked after too many wrong log-ins."""
        until_agent = self._agents.get(agent or "", (0.0, ""))[0]
        return now < max(self._seats.get(seat, 0.0), until_agent)

    def count_wrong_log_in(self, seat: str, agent: str | None, now: float, rules: AgentRules) -> bool:
        """Count a wrong log-in, and return whether it locks the seat and the agent. `agent` is None if the agent number
        is unknown.
        """
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

    def reset_wrong_log_in_counts(self, seat: str, agent: str) -> None:
        """Reset the counts of wrong log-ins of a seat and an agent after a correct log-in."""
        self._by_seat.pop(seat, None)
        self._by_agent.pop(agent, None)

    def unlock_seat(self, seat: str) -> bool:
        """Unlock a seat, and the agents who were locked there. Return whether a seat or agent was locked."""
        locked = self._seats.pop(seat, None) is not None
        agents = [agent for agent, (_, where) in self._agents.items() if where == seat]
        for agent in agents:
            del self._agents[agent]
        self._by_seat.pop(seat, None)
        return locked or bool(agents)
