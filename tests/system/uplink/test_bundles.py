"""The rollout of campaign material (a bundle) by commands, end to end: approval, waves to centres, a problem, and the
return to an earlier version.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dialer.cli import hq_bundle
from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.domain.orders import OrderKind, SignedOrder
from dialer.domain.signing import derive_public_key, format_public_key
from dialer.hq.desk import open_user_accounts
from dialer.hq.orders import create_order
from dialer.hq.servers import NatsServer, run_nats_server, run_postgresql
from dialer.material.centre import CentreMaterial, MaterialSource
from dialer.mqtt.dialler_client import Reply
from dialer.nats.messages import CMD
from dialer.nats.session import open_session
from dialer.settings.headquarters import load_hq_settings
from dialer.uplink import material
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.material import MaterialUpdater
from tests.support.command_line import run
from tests.support.desk import PASSWORD
from tests.support.headquarters import create_database, query_database
from tests.support.material import KEYS, Publisher, publishing
from tests.support.seats import CHEAP
from tests.support.waiting import HANG_SECONDS

LEADERS = {"asha": b"a" * 32, "ravi": b"r" * 32}
ZONES = {"c1": "west", "c2": "west", "c3": "north", "c4": "west", "c5": "south"}


class Dialler(DiallerCommands):
    """A dialler that loads flows unless they contain the word "wrong"."""

    def __init__(self, folder: Path) -> None:
        object.__setattr__(self, "folder", folder)

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        folder: Path = self.folder  # type: ignore[attr-defined]
        text = (folder / "current/flows/turnout.yaml").read_text()
        return Reply("refused", "no such node") if "wrong" in text else Reply("done", "")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(tmp_path / "nats") as running:
        yield running


@pytest.fixture
async def database() -> AsyncIterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="matdan-pg-", ignore_cleanup_errors=True) as folder,
        run_postgresql(Path(folder)) as address,
    ):
        yield await create_database(address, "hq")


@pytest.fixture
def publisher(tmp_path: Path) -> Any:
    with publishing(tmp_path / "hq", time.time()) as running:
        yield running


@contextlib.asynccontextmanager
async def centres(folder: Path, server: NatsServer, publisher: Publisher) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        tasks = []
        for name, zone in ZONES.items():
            session = await stack.enter_async_context(open_session([server.nats_server_url], name))
            source = MaterialSource(publisher.url, publisher.root, None, name, zone, "india")
            (folder / name).mkdir(exist_ok=True)
            material = CentreMaterial(folder / name, source, lambda: 1 << 40)
            updater = MaterialUpdater(name, session, Dialler(folder / name), material, SystemClock())
            tasks.append(asyncio.create_task(updater.install_material_until_cancelled()))
        yield
        for task in tasks:
            task.cancel()


def active_versions(folder: Path) -> dict[str, str]:
    """Return the active version of each centre that has one."""
    return {
        name: (folder / name / "current").readlink().name for name in ZONES if (folder / name / "current").is_symlink()
    }


async def test_rollout_of_campaign_material_in_waves_of_centres_stops_at_a_problem(
    tmp_path: Path, server: NatsServer, database: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(hq_bundle, "CHECK_SECONDS", 0.05)
    config, source = tmp_path / "hq.toml", tmp_path / "source"
    for name in ("lata", "meena", "online"):
        (tmp_path / f"{name}.key").touch(mode=0o600)
        key = format_public_key(KEYS[name]).replace("ed25519:", "ed25519-private:")  # a private key has the same length
        (tmp_path / f"{name}.key").write_text(key)
    lines = [f'servers = ["{server.nats_server_url}"]', f'gather.database = "{database}"']
    lines += [f'desk.file = "{tmp_path / "hq.desk.db"}"', "[bundles]", f'folder = "{publisher.folder}"']
    lines += [f'online_key_file = "{tmp_path / "online.key"}"']
    for name, private in LEADERS.items():
        lines += ["[[leaders]]", f'name = "{name}"', f'key = "{format_public_key(derive_public_key(private))}"']
    for name, zone in ZONES.items():
        lines += ["[[centres]]", f'id = "{name}"', f'zone = "{zone}"']
    config.write_text("\n".join(lines))
    async with open_user_accounts(load_hq_settings(config), SystemClock(), CHEAP) as (_, accounts, people, _):
        for role in (HqRole.MEDIA, HqRole.COMPLIANCE):
            await accounts.save_account(role.value, role, "", "a-test")
            await people.set_password(role.value, PASSWORD)

    printed: list[str] = []
    echo = typer.echo

    def record(text: str) -> None:
        printed.append(text)
        echo(text)

    monkeypatch.setattr(typer, "echo", record)

    async def bundle(*arguments: Any, user: str = "") -> tuple[int, str]:
        """Run a command about bundles, as a user of headquarters' pages if one is given."""
        options = ["--as", user, "--password", "-"] if user else []
        words: list[Any] = ["hq", "bundle", *arguments, *options, "-c", config]
        code, output = await asyncio.to_thread(run, *words, given=f"{PASSWORD}\n")
        return code, re.sub(
            r"20\d\d-\d\d-\d\d .*\n", "", output
        )  # without log lines of the centres, which run in this process

    async def approve(version: int, text: str) -> None:
        (source / "flows").mkdir(parents=True, exist_ok=True)
        (source / "flows/turnout.yaml").write_text(text)
        code, output = await bundle("make", source, "turnout", version, "--jurisdiction", "india")
        assert (code, f"turnout-{version}: 1 files, {len(text)} bytes, {len(text)} of them new" in output) == (0, True)
        code, output = await bundle("publish", user="media")
        assert (code, "nobody of the department media has signed" in output) == (2, True)
        for name, part in (("lata", "media"), ("meena", "compliance")):
            code, output = await bundle("sign", "--key", tmp_path / f"{name}.key")
            assert (code, f"approves turnout-{version}" in output, f"{name} ({part})" in output) == (0, True, True)
        assert (await bundle("publish", user="media"))[0] == 0

    async def confirm_last_proposal() -> tuple[int, str]:
        [(last,)] = await query_database(database, "SELECT max(id) FROM proposal")
        options: list[Any] = ["--as", "compliance", "--password", "-", "-c", config]
        return await asyncio.to_thread(run, "hq", "proposal", "confirm", str(last), *options, given=f"{PASSWORD}\n")

    async def confirm_rollout(version: int) -> None:
        """Propose a rollout as one user, and confirm it as another."""
        code, output = await bundle("waves", "turnout", version, user="media")
        assert (code, "of media waits for another user" in output) == (1, True)
        assert "confirmed" in (await confirm_last_proposal())[1]

    async with centres(tmp_path, server, publisher):
        await approve(1, "flow: 1")
        await confirm_rollout(1)
        code, output = await bundle("waves", "turnout", 1, "--hold", 0, user="media")
        steps = [
            "turnout 1 to centre:c1, centre:c2, centre:c3: 3 centres",
            "turnout 1 to zone:west: 4 centres",
            "turnout 1 to all: 5 centres",
            "every centre runs the version",
        ]
        assert (code, output.splitlines()) == (0, steps)
        assert active_versions(tmp_path) == dict.fromkeys(ZONES, "turnout-1")
        async with open_session([server.nats_server_url], "asha") as session:
            await session.create_stream_if_missing(CMD, ["cmd.>"])

            async def order(kind: OrderKind) -> None:
                order = create_order(kind, "centre:c4", time.time())
                signed = SignedOrder(order=order.order_as_json_text).add_signature("asha", LEADERS["asha"])
                await session.store_message(
                    "cmd.centre.c4", signed.add_signature("ravi", LEADERS["ravi"]).model_dump_json().encode()
                )

            await confirm_rollout(1)
            await order(OrderKind.STOP_ALL)
            again = asyncio.create_task(bundle("waves", "turnout", 1, "--hold", 0.02, user="media"))
            async with asyncio.timeout(HANG_SECONDS):
                while "waiting, because leaders have stopped c4" not in printed:
                    await asyncio.sleep(0.02)
            await order(OrderKind.RESUME)
            code, output = await again
            waiting = ["waiting, because leaders have stopped c4", "continuing: no stop in force"]
            assert (code, [line for line in output.splitlines() if line not in steps]) == (0, waiting)
        await approve(2, "wrong")
        await confirm_rollout(2)
        code, output = await bundle("waves", "turnout", 2, "--hold", 0, "--first", "c3", "--first", "c5", user="media")
        assert (
            code,
            "stopped, no further centre receives the version: c" in output,
            "rolled back: no such node" in output,
        ) == (1, True, True)
        async with asyncio.timeout(HANG_SECONDS):  # the rollout stops at the first report; the other centre follows
            while active_versions(tmp_path) != dict.fromkeys(ZONES, "turnout-1"):
                await asyncio.sleep(0.05)
        await approve(3, "flow: 3")
        proposals = await query_database(
            database, "SELECT state, result LIKE '%rolled back: no such node%' FROM proposal ORDER BY id"
        )
        assert proposals == [("done", False), ("done", False), ("failed", True)]
        assert (await bundle("assign", "turnout", 3, "--to", "all", user="media"))[0] == 0
        assert "done" in (await confirm_last_proposal())[1]
        async with asyncio.timeout(HANG_SECONDS):
            while set(active_versions(tmp_path).values()) != {"turnout-3"}:
                await asyncio.sleep(0.05)
        assert (await bundle("assign", "turnout", 1, "--to", "zone:west", user="media"))[0] == 0
        assert "done" in (await confirm_last_proposal())[1]
        async with asyncio.timeout(HANG_SECONDS):
            while list(active_versions(tmp_path).values()) != [
                f"turnout-{1 if zone == 'west' else 3}" for zone in ZONES.values()
            ]:
                await asyncio.sleep(0.05)
        code, output = await bundle("assign", "turnout", 9, "--to", "all", user="media")
        assert (code, "is not approved" in output) == (2, True)
        assert (await bundle("withdraw", "turnout", 2, user="media"))[0] == 0
        assert "withdraws bundles/turnout/2.json" in (await bundle("sign", "--key", tmp_path / "meena.key"))[1]
        assert (await bundle("renew"))[0] == 0


def test_begin_command_creates_a_material_repository_and_prints_its_root_file(tmp_path: Path) -> None:
    config = tmp_path / "hq.toml"
    config.write_text(f'[bundles]\nfolder = "{tmp_path / "material"}"\nonline_key_file = "{tmp_path / "online.key"}"\n')
    public = {}
    for name in ("r1", "r2", "online", "lata", "meena"):
        code, output = run("hq", "keys", "make", tmp_path / f"{name}.key")
        public[name] = output.splitlines()[0].removeprefix('key = "').removesuffix('"')
        assert code == 0
    people = ["--media", f"lata={public['lata']}", "--compliance", f"meena={public['meena']}"]
    roots: list[str | Path] = ["--root-key", tmp_path / "r1.key", "--root-key", tmp_path / "r2.key"]
    third = ["--root", f"r3={format_public_key(derive_public_key(KEYS['r3']))}"]
    code, output = run("hq", "bundle", "init", *roots, *third, *people, "-c", config)
    assert (code, output.partition(";")[0]) == (0, f"created {tmp_path / 'material/public/metadata/1.root.json'}")
    code, output = run("hq", "bundle", "init", *roots, *people, "-c", config)
    assert (code, "already contains a repository" in output) == (2, True)
    code, output = run("hq", "bundle", "init", *roots, "--media", "lata", "--compliance", "x=y", "-c", config)
    assert (code, "signatory 'lata' has no valid key: write NAME=ed25519" in output) == (2, True)
    later = ["--root", f"r2={public['r2']}", "--root", f"r4={public['lata']}"]
    code, output = run("hq", "bundle", "roots", *roots, *later, "-c", config)
    assert (code, "named twice" in output) == (2, True)
    later = ["--root", f"r1={public['r1']}", "--root", f"r2={public['r2']}"]
    assert run("hq", "bundle", "roots", *roots, *later, "-c", config)[0] == 0
    assert (tmp_path / "material/public/metadata/2.root.json").is_file()
