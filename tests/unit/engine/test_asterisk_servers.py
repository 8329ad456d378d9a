"""Which Asterisk servers are reachable, and on which server's trunk a call is best placed."""

from __future__ import annotations

from dialer.engine.asterisk_servers.state import AsteriskServers, ServerLoads

LINES = {"a1": "a", "a2": "a", "b1": "b", "c1": "c"}


def three(*up: str, silent: str = "") -> AsteriskServers:
    servers = AsteriskServers(LINES, "abc")
    servers.up.update(up)
    servers.unresponsive = frozenset(silent)
    return servers


def test_servers_added_by_a_settings_reload_are_added_to_the_known_ones() -> None:
    servers = AsteriskServers({}, ())
    assert [*servers.names] == [""]
    servers.add_servers({"line-a": "a"}, ["b"])
    servers.add_servers({"line-c": "c"}, ())
    assert [*servers.names] == ["a", "b", "c"]
    assert [servers.get_server_of_trunk(name) for name in ("line-a", "line-c", "other")] == ["a", "c", "a"]


def test_calls_use_only_trunks_of_reachable_servers() -> None:
    assert three("a", "c").filter_reachable_trunks(list(LINES)) == ["a1", "a2", "c1"]
    assert three("a", "c", silent="c").filter_reachable_trunks(list(LINES)) == ["a1", "a2"]
    assert three("a", "c").find_servers_accepting_calls(["b1"]) == set()
    assert three("a", "c").find_servers_accepting_calls(["b1", "c1"]) == {"c"}


def test_single_servers_are_not_listed_as_unreachable_while_all_are() -> None:
    assert not three().unreachable_servers
    assert not three("a", silent="a").unreachable_servers
    assert three("a").unreachable_servers == {"b", "c"}
    assert not AsteriskServers({"line": ""}, [""]).unreachable_servers


def test_unknown_trunk_is_assigned_to_the_first_server() -> None:
    assert three().get_server_of_trunk("sold") == "a"
    assert AsteriskServers({}, ()).get_server_of_trunk("sold") == ""


def test_site_without_trunks_accepts_inbound_calls_when_asterisk_is_up() -> None:
    site = AsteriskServers({}, [""])
    assert site.find_servers_accepting_calls(()) == set()
    site.up.add("")
    assert site.find_servers_accepting_calls(()) == {""}


def test_asterisk_servers_are_sorted_by_free_agents() -> None:
    loads = ServerLoads(three("a", "b", "c"))
    loads.working.update(a=10, b=10)
    loads.free.update(b=1)
    assert loads.sort_trunks(list(LINES)) == ["b1", "a1", "a2", "c1"]
    loads.calls.update(b=2)
    assert loads.sort_trunks(list(LINES))[0] == "a1"


def test_calls_are_distributed_by_the_number_of_agents_per_server() -> None:
    loads = ServerLoads(three("a", "b", "c"))
    loads.working.update(a=100, b=50, c=10)
    placed = dict.fromkeys("abc", 0)
    for _ in range(160):
        server = LINES[loads.sort_trunks(list(LINES))[0]]
        placed[server] += 1
        loads.calls[server] += 1
    assert placed == {"a": 100, "b": 50, "c": 10}
