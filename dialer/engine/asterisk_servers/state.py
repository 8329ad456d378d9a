"""The Asterisk servers of a site: which are reachable, and which should place the next call. No I/O.

Each server has its own trunks and seats. A voter can be connected to a seat of another server, so the pacer sees all
seats as one pool. An unreachable server gets no new calls; its live calls continue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})


class AsteriskServers:
    """The Asterisk servers of a site, and which server has which trunk. If a site has only one server, that server's
    name is the empty string.
    """

    def __init__(self, trunks: Mapping[str, str] = _NONE, seats: Iterable[str] = ()) -> None:
        """Create the list of Asterisk servers, none of which is connected yet.

        `trunks` maps each trunk to its server. `seats` has the server of each seat.
        """
        self._known: dict[str, None] = {}  # in the order of the settings
        self._by_trunk: dict[str, str] = {}
        self.names: tuple[str, ...] = ("",)
        self.up: set[str] = set()  # servers that are connected and whose live calls are known
        self.unresponsive: frozenset[str] = frozenset()  # servers that have not answered a request in time
        self.add_asterisk_servers(trunks, seats)

    def add_asterisk_servers(self, trunks: Mapping[str, str], seats: Iterable[str]) -> None:
        """Add the Asterisk servers of these trunks and seats.

        `trunks` maps each trunk to its server. `seats` has the server of each seat. Trunks added earlier stay, because
        they may still carry calls.
        """
        self._known.update(dict.fromkeys((*trunks.values(), *seats)))
        self.names = tuple(self._known) or ("",)
        self._by_trunk.update(trunks)

    @property
    def is_any_asterisk_server_up(self) -> bool:
        """Return whether at least one Asterisk server is connected and its live calls are known."""
        return bool(self.up)

    def get_server_of_trunk(self, trunk: str) -> str:
        """Return the Asterisk server of a trunk. For a trunk that was never in the settings, return the first server."""
        return self._by_trunk.get(trunk, self.names[0])

    def find_servers_accepting_calls(self, trunks: Collection[str]) -> set[str]:
        """Return which of the Asterisk servers of these trunks accept calls now. If no trunks are given, all servers
        are considered.
        """
        servers = {self.get_server_of_trunk(trunk) for trunk in trunks} or set(self.names)
        return (servers & self.up) - self.unresponsive

    @property
    def unreachable_asterisk_servers(self) -> frozenset[str]:
        """Return the Asterisk servers that cannot be reached. The result is empty if no server can be reached, because
        dialling then stops anyway.
        """
        reached = self.up - self.unresponsive
        return frozenset(self.names) - reached if reached else frozenset()

    def filter_reachable_trunks(self, trunks: Sequence[str]) -> Sequence[str]:
        """Return the given trunks without the trunks of unreachable Asterisk servers."""
        unreachable = self.unreachable_asterisk_servers
        return (
            [trunk for trunk in trunks if self.get_server_of_trunk(trunk) not in unreachable] if unreachable else trunks
        )


class ServerLoads:
    """The figures from which the load of each Asterisk server is computed: agents at work, free agents, and calls that
    may need an agent.
    """

    def __init__(self, servers: AsteriskServers) -> None:
        self._servers = servers
        self.working: dict[str, int] = dict.fromkeys(servers.names, 0)
        self.free: dict[str, int] = dict.fromkeys(servers.names, 0)
        self.calls: dict[str, int] = dict.fromkeys(servers.names, 0)

    def sort_trunks_by_server_load(self, trunks: Sequence[str]) -> Sequence[str]:
        """Return the trunks in a new order: first the trunks of the Asterisk server that most likely has a free agent
        for the call. Trunks of one server keep their order.
        """
        if len(self._servers.names) == 1:
            return trunks
        return sorted(trunks, key=lambda trunk: self._calculate_server_load(self._servers.get_server_of_trunk(trunk)))

    def _calculate_server_load(self, server: str) -> float:
        """Return the load of an Asterisk server: its calls without a free agent, divided by its agents at work."""
        working = self.working[server]
        return (self.calls[server] - self.free[server]) / working if working else float("inf")
