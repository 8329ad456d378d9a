"""Several Asterisk servers under one dialler: which of them are reachable, and on which trunk to place a call. Pure.

Each server has trunks and seats of its own. An answered voter can be connected to a seat of another server, so the pacing
treats all seats as one pool. An unreachable server gets no calls, and its seats no voters; its live calls go on until it is back.
While no server is reachable nothing is dialled, and no single server is reported: so one Asterisk needs no special case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence


class AsteriskServers:
    """The servers of a site, and the server of each trunk."""

    def __init__(self, trunks: Mapping[str, str], seats: Iterable[str]) -> None:
        """As `use`. No server is reachable yet."""
        self._known: dict[str, None] = {}  # in their order
        self.up: set[str] = set()  # with a synchronised link
        self.silent: frozenset[str] = frozenset()  # with an order that is unanswered for too long
        self._of_trunk: dict[str, str] = {}
        self.use(trunks, seats)

    def use(self, trunks: Mapping[str, str], seats: Iterable[str]) -> None:
        """Add the servers of `trunks` (by trunk name) and of `seats`. Former trunks stay known: they may carry calls still."""
        self._known.update(dict.fromkeys((*trunks.values(), *seats)))
        self.names = tuple(self._known) or ("",)
        self._of_trunk.update(trunks)

    def of_trunk(self, trunk: str) -> str:
        """Return the server of a trunk; the first server for a trunk that the settings do not have."""
        return self._of_trunk.get(trunk, self.names[0])

    def open_to(self, trunks: Collection[str]) -> set[str]:
        """Return the servers of these trunks that can be dialled on."""
        servers = {self.of_trunk(trunk) for trunk in trunks} or set(self.names)
        return (servers & self.up) - self.silent

    @property
    def away(self) -> frozenset[str]:
        """Return the servers that are unreachable while another one is not."""
        reached = self.up - self.silent
        return frozenset(self.names) - reached if reached else frozenset()

    def reached(self, trunks: Sequence[str]) -> Sequence[str]:
        """Return those of these trunks whose server is reachable."""
        away = self.away
        return [trunk for trunk in trunks if self.of_trunk(trunk) not in away] if away else trunks


class Loads:
    """The load of each server: its agents at work, the free ones of them, and the calls that may need one."""

    def __init__(self, servers: AsteriskServers) -> None:
        self._servers = servers
        self.working: dict[str, int] = dict.fromkeys(servers.names, 0)
        self.free: dict[str, int] = dict.fromkeys(servers.names, 0)
        self.calls: dict[str, int] = dict.fromkeys(servers.names, 0)

    def best_first(self, trunks: Sequence[str]) -> Sequence[str]:
        """Return these trunks, ordered by how likely an agent of their server is free. Trunks of one server keep their order."""
        if len(self._servers.names) == 1:
            return trunks
        return sorted(trunks, key=lambda trunk: self._load(self._servers.of_trunk(trunk)))

    def _load(self, server: str) -> float:
        """Return the calls per agent of a server beyond those that free agents can take."""
        working = self.working[server]
        return (self.calls[server] - self.free[server]) / working if working else float("inf")
