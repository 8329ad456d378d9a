"""`dialer user` with a running dialler, over a real broker, and without one."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole as Role
from dialer.engine.campaigns.commands import StopAll
from dialer.engine.users.service import Users
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.store.store import open_store
from tests.support.command_line import run
from tests.support.mqtt import connect_supervisor
from tests.support.stored import query_store
from tests.support.table_engine import TableEngine

SITE = """
[centre]
id = "pune-1"
[store]
path = "{store}"
[broker]
host = "{host}"
port = {port}
[[supervisors]]
name = "asha"
role = "supervisor"
[[supervisors]]
name = "ravi"
role = "listener"
"""
SUPERVISORS = [
    Sender("dialler", frozenset({Role.COMPLIANCE, Role.BOOTH_DESK})),
    Sender("asha", frozenset({Role.SUPERVISOR})),
    Sender("ravi", frozenset({Role.LISTENER})),
]


async def test_user_added_over_mqtt_can_send_commands_until_removed(tmp_path: Path) -> None:
    path, config = tmp_path / "centre.db", tmp_path / "centre.toml"
    store = await open_store(path, encode=create_outbox_row_of_result)
    users = Users(store, SystemClock(), lambda: frozenset({"asha", "ravi"}))
    engine, stop = TableEngine(users), asyncio.Event()

    async def run_user_command(*arguments: str) -> tuple[int, str]:
        code, text = await asyncio.to_thread(run, "user", *arguments, "-c", config)
        logged = re.compile(r"20\d\d-\d\d-\d\d .*\n")  # by the dialler, which is the same process here
        return code, logged.sub("", text)

    async with run_demo_broker() as broker, connect_supervisor(broker.connection_settings) as listener:
        config.write_text(
            SITE.format(store=path, host=broker.connection_settings.host, port=broker.connection_settings.port)
        )
        presence = Presence("pune-1", broker.connection_settings, SystemClock())
        monitor = Monitor(presence, engine, store, Senders(SUPERVISORS, users.roles))
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))

        async def stop_all(command_id: str) -> str:
            later = SystemClock().now() + 60
            await listener.command(user="meena", id=command_id, name="stop-all", expires_at=later)
            (reply,) = await listener.wait_for_topic(f"replies/meena/{command_id}")
            return str(reply.payload["status"])

        await listener.wait_for_topic("state")  # it has come
        assert await stop_all("c-1") == "refused"
        code, told = await run_user_command("add", "meena", "supervisor")
        assert code == 2
        assert "--as is required while the dialler runs" in told
        code, told = await run_user_command("add", "meena", "supervisor", "--as", "ravi")
        assert (code, "`user-set` needs the role supervisor; ravi has listener" in told) == (2, True)
        assert await run_user_command("add", "meena", "supervisor", "--as", "asha") == (
            0,
            "meena has the role supervisor\n",
        )
        assert await stop_all("c-2") == "done"
        assert "exists already" in (await run_user_command("add", "meena", "coach", "--as", "asha"))[1]
        assert await run_user_command("role", "meena", "coach", "--as", "asha") == (0, "meena has the role coach\n")
        assert await stop_all("c-3") == "refused"
        assert "asha is in the settings" in (await run_user_command("remove", "asha", "--as", "asha"))[1]
        code, told = await run_user_command("list")
        assert [line.split()[:3] for line in told.splitlines()] == [
            ["asha", "supervisor", "settings"],
            ["meena", "coach", "user"],
            ["ravi", "listener", "settings"],
        ]
        for _ in range(2):  # the same id again is the same command, though another was given since
            asked = {"id": "u-1", "name": "user-set", "expires_at": SystemClock().now() + 60}
            command = json.dumps({**asked, "user": "lata", "role": "viewer"})
            await listener.client.publish("dialer/v1/pune-1/commands/asha", command, qos=1)
            await listener.wait_for_topic("replies/asha/u-1", 1)
            await run_user_command("remove", "lata", "--as", "asha")
        twice = [each.payload for each in await listener.wait_for_topic("replies/asha/u-1", 2)]
        assert twice[0] == twice[1]
        assert users.roles == {"meena": Role.COACH}
        once = (await run_user_command("password", "meena", "--once"))[1].strip()
        assert len(once) == 24
        rows = [line.split(maxsplit=3)[1:] for line in (await run_user_command("list"))[1].splitlines()]
        assert rows[0] == ["supervisor", "settings", "no password        never signed in"]
        assert rows[1] == ["coach", "user", "one-time password  never signed in"]
        assert await run_user_command("remove", "meena", "--as", "asha") == (0, "meena is removed\n")
        assert await stop_all("c-4") == "refused"
        stop.set()
        await running
    await store.close()
    assert engine.executed == [StopAll()]
    changed = "SELECT kind, who, what ->> 'user' FROM audit WHERE kind LIKE 'user-%' ORDER BY number"
    assert query_store(path, changed) == [
        ("user-set", "asha", "meena"),
        ("user-set", "asha", "meena"),
        ("user-set", "asha", "lata"),
        ("user-remove", "asha", "lata"),
        ("user-remove", "asha", "meena"),
    ]
    begun = query_store(path, "SELECT count(*) FROM audit WHERE kind = 'command' AND what ->> 'user' = 'meena'")
    assert begun[0][0] >= 6  # each begun and done, and the one that was refused


def test_dialer_user_commands_write_to_the_store_if_no_dialler_runs(tmp_path: Path) -> None:
    path, config = tmp_path / "centre.db", tmp_path / "centre.toml"
    config.write_text(SITE.format(store=path, host="127.0.0.1", port=1))
    code, told = run("user", "add", "meena", "coach", "-c", config)
    assert (code, "the store does not exist" in told) == (2, True), told

    async def create_store() -> None:
        await (await open_store(path)).close()

    asyncio.run(create_store())
    assert run("user", "add", "meena", "coach", "-c", config, "--as", "ops.1") == (0, "meena has the role coach\n")
    assert query_store(path, "SELECT kind, who FROM audit WHERE kind = 'user-set'") == [("user-set", "ops.1")]
    for arguments, says in (
        (("add", "meena", "coach"), "meena exists already"),
        (("add", "Meena", "coach"), "`user` is not valid (name of the user"),
        (("add", "lata", "desk"), "`role` must be 'viewer', 'listener', 'coach', 'compliance' or 'supervisor'"),
        (("add", "asha", "viewer"), "asha is in the settings"),
        (("role", "lata", "coach"), "user lata does not exist: add the user with `dialer user add lata coach`"),
        (("remove", "lata"), "There is no user lata"),
        (("remove", "meena", "--as", "meena"), "nobody can change their own role"),
        (("remove", "meena", "--as", "+919876543210"), "do not give a name or phone number"),
    ):
        code, told = run("user", *arguments, "-c", config)
        assert (code, says in told) == (2, True), told
    assert query_store(path, "SELECT name, role FROM user") == [("meena", "coach")]
    assert run("user", "remove", "meena", "-c", config) == (0, "meena is removed\n")
    assert query_store(path, "SELECT name FROM user") == []
