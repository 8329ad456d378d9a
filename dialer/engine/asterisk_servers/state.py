"""The Asterisk servers of a site: which ones the dialler reaches, and on whose trunk a call is best placed. Pure.

Each server has trunks and seats of its own. An answered voter can be connected to a seat of another server, so the pacer
sees all seats as one pool. A server that is not reached places no calls and its seats get none; its live calls go on.
Where no server is reached nothing is dialled at all, and no single server counts as unreachable: a site with one Asterisk
never has to know more than that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})


class AsteriskServers:
    """The servers of a site, and the server of each trunk. A site with one Asterisk has one server, named ""."""

    def __init__(self, trunks: Mapping[str, str] = _NONE, seats: Iterable[str] = ()) -> None:
        """Know these servers, as `use` does. None is up."""
        self._known: dict[str, None] = {}  # in the order of the settings
        self._by_trunk: dict[str, str] = {}
        self.names: tuple[str, ...] = ("",)
        self.up: set[str] = set()  # servers with a link whose live calls are known
        self.unresponsive: frozenset[str] = frozenset()  # servers that leave a request unanswered
        self.use(trunks, seats)

    def use(self, trunks: Mapping[str, str], seats: Iterable[str]) -> None:
        """Take over `trunks`, the server of each trunk, and `seats`, the servers of the seats. Trunks known before are kept:
        they may still carry calls.
        """
        self._known.update(dict.fromkeys((*trunks.values(), *seats)))
        self.names = tuple(self._known) or ("",)
        self._by_trunk.update(trunks)

    @property
    def any_up(self) -> bool:
        """Return whether any server is up."""
        return bool(self.up)

    def of_trunk(self, trunk: str) -> str:
        """Return the server of a trunk; the first one for a trunk that was never in the settings."""
        return self._by_trunk.get(trunk, self.names[0])

    def accepting(self, trunks: Collection[str]) -> set[str]:
        """Return the servers of these trunks that take calls now."""
        servers = {self.of_trunk(trunk) for trunk in trunks} or set(self.names)
        return (servers & self.up) - self.unresponsive

    @property
    def unreachable(self) -> frozenset[str]:
        """Return the servers that are not reached while another one is."""
        reached = self.up - self.unresponsive
        return frozenset(self.names) - reached if reached else frozenset()

    def reachable(self, trunks: Sequence[str]) -> Sequence[str]:
        """Return those of these trunks whose server is not unreachable."""
        unreachable = self.unreachable
        return [trunk for trunk in trunks if self.of_trunk(trunk) not in unreachable] if unreachable else trunks


class ServerLoads:
    """How busy each server's agents are: agents at work, those of them who are free, and calls that may need one."""

    def __init__(self, servers: AsteriskServers) -> None:
        self._servers = servers
        self.working: dict[str, int] = dict.fromkeys(servers.names, 0)
        self.free: dict[str, int] = dict.fromkeys(servers.names, 0)
        self.calls: dict[str, int] = dict.fromkeys(servers.names, 0)

    def best_first(self, trunks: Sequence[str]) -> Sequence[str]:
        """Return the trunks ordered by how likely an agent of their server is free; in their given order within a server."""
        if len(self._servers.names) == 1:
            return trunks
        return sorted(trunks, key=lambda trunk: self._load(self._servers.of_trunk(trunk)))

    def _load(self, server: str) -> float:
        """Return the calls per agent at work, beyond the agents who are free now."""
        working = self.working[server]
        return (self.calls[server] - self.free[server]) / working if working else float("inf")
