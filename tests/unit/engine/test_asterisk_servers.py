"""Which Asterisk servers are reachable, and on which server's trunk a call is best placed."""

from __future__ import annotations

from dialer.engine.asterisk_servers.state import AsteriskServers, ServerLoads

LINES = {"a1": "a", "a2": "a", "b1": "b", "c1": "c"}


def make_three_servers(*up: str, silent: str = "") -> AsteriskServers:
    servers = AsteriskServers(LINES, "abc")
    servers.up.update(up)
    servers.unresponsive = frozenset(silent)
    return servers


def test_settings_reload_adds_asterisk_servers_and_keeps_the_known_servers() -> None:
    servers = AsteriskServers({}, ())
    assert [*servers.names] == [""]
    servers.add_asterisk_servers({"line-a": "a"}, ["b"])
    servers.add_asterisk_servers({"line-c": "c"}, ())
    assert [*servers.names] == ["a", "b", "c"]
    assert [servers.get_server_of_trunk(name) for name in ("line-a", "line-c", "other")] == ["a", "c", "a"]


def test_calls_use_only_trunks_of_reachable_asterisk_servers() -> None:
    assert make_three_servers("a", "c").filter_reachable_trunks(list(LINES)) == ["a1", "a2", "c1"]
    assert make_three_servers("a", "c", silent="c").filter_reachable_trunks(list(LINES)) == ["a1", "a2"]
    assert make_three_servers("a", "c").find_servers_accepting_calls(["b1"]) == set()
    assert make_three_servers("a", "c").find_servers_accepting_calls(["b1", "c1"]) == {"c"}


def test_unreachable_asterisk_servers_are_listed_only_while_another_server_is_up() -> None:
    assert not make_three_servers().unreachable_asterisk_servers
    assert not make_three_servers("a", silent="a").unreachable_asterisk_servers
    assert make_three_servers("a").unreachable_asterisk_servers == {"b", "c"}
    assert not AsteriskServers({"line": ""}, [""]).unreachable_asterisk_servers


def test_unknown_trunk_is_assigned_to_the_first_asterisk_server() -> None:
    assert make_three_servers().get_server_of_trunk("sold") == "a"
    assert AsteriskServers({}, ()).get_server_of_trunk("sold") == ""


def test_site_without_trunks_accepts_inbound_calls_when_asterisk_is_up() -> None:
    site = AsteriskServers({}, [""])
    assert site.find_servers_accepting_calls(()) == set()
    site.up.add("")
    assert site.find_servers_accepting_calls(()) == {""}


def test_asterisk_servers_are_sorted_by_free_agents() -> None:
    loads = ServerLoads(make_three_servers("a", "b", "c"))
    loads.working.update(a=10, b=10)
    loads.free.update(b=1)
    assert loads.sort_trunks_by_server_load(list(LINES)) == ["b1", "a1", "a2", "c1"]
    loads.calls.update(b=2)
    assert loads.sort_trunks_by_server_load(list(LINES))[0] == "a1"


def test_calls_are_distributed_over_asterisk_servers_by_number_of_agents() -> None:
    loads = ServerLoads(make_three_servers("a", "b", "c"))
    loads.working.update(a=100, b=50, c=10)
    placed = dict.fromkeys("abc", 0)
    for _ in range(160):
        server = LINES[loads.sort_trunks_by_server_load(list(LINES))[0]]
        placed[server] += 1
        loads.calls[server] += 1
    assert placed == {"a": 100, "b": 50, "c": 10}
