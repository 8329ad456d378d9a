"""The orders that leaders have signed are in the audit of headquarters, whoever sent them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from dialer.desk.pages_built import BUILT
from dialer.domain.orders import OrderKind, SignedOrder, calculate_order_digest
from dialer.domain.signing import derive_public_key, format_public_key
from dialer.hq.desk import run_hq_page_server
from dialer.hq.orders import create_order
from dialer.hq.servers import run_nats_server
from dialer.nats.messages import CMD
from dialer.nats.session import open_session
from dialer.settings.headquarters import HqSettings
from dialer.web.assets import read_built_page_files
from tests.support.headquarters import query_database, wait_for_rows
from tests.support.headquarters_pages import Headquarters
from tests.support.material import KEYS
from tests.support.seats import CHEAP

LEADERS = {"asha": KEYS["r1"], "ravi": KEYS["r2"]}
COUNT = "SELECT count(*) FROM audit WHERE kind = 'order-sent'"
ENTRIES = "SELECT who, what FROM audit WHERE kind = 'order-sent' ORDER BY number"


def make_settings(hq: Headquarters, server: str, folder: Path) -> HqSettings:
    """Return the settings of pages that have the same database, a nats-server and two leaders."""
    values = hq.settings.model_dump()
    values["gather"]["database"] = hq.database
    values["desk"]["file"] = folder / "other.desk.db"
    leaders = [
        {"name": name, "key": format_public_key(derive_public_key(private))} for name, private in LEADERS.items()
    ]
    return HqSettings.model_validate({**values, "servers": [server], "leaders": leaders})


def make_order(kind: OrderKind, *signers: str, forged: bool = False, **values: Any) -> SignedOrder:
    """Return an order with the signatures of these leaders. A forged one was changed after they had signed it."""
    signed = SignedOrder(order=create_order(kind, "zone:west", time.time(), **values).order_as_json_text)
    for name in signers:
        signed = signed.add_signature(name, LEADERS[name])
    return signed.model_copy(update={"order": signed.order.replace("zone:west", "all")}) if forged else signed


async def test_each_headquarters_order_with_valid_signatures_is_audited_once_with_its_signers(
    hq: Headquarters, tmp_path: Path
) -> None:
    stop = make_order(OrderKind.STOP_ALL, "asha")
    resume = make_order(OrderKind.RESUME, "asha", "ravi")
    quota = make_order(OrderKind.QUOTA, "ravi", campaign_id="turnout", max_calls=40)
    ignored = [
        make_order(OrderKind.STOP_ALL),
        make_order(OrderKind.RESUME, "asha"),
        make_order(OrderKind.STOP_ALL, "ravi", forged=True),
    ]
    async with run_nats_server(tmp_path / "nats") as server:
        settings = make_settings(hq, server.nats_server_url, tmp_path)
        async with open_session([server.nats_server_url], "a leader") as session:
            await session.create_stream_if_missing(CMD, ["cmd.>"])

            async def send(*orders: SignedOrder) -> None:
                for each in orders:
                    await session.store_message("cmd.zone.west", each.model_dump_json().encode())
                await session.store_message("cmd.zone.west", b"no order")

            await send(stop, *ignored, stop, resume)
            async with run_hq_page_server(settings, read_built_page_files(BUILT), hasher=CHEAP):
                await wait_for_rows(hq.database, COUNT, [(2,)])
            async with run_hq_page_server(
                settings, read_built_page_files(BUILT), hasher=CHEAP
            ):  # it reads all orders again
                await send(stop, quota)
                await wait_for_rows(hq.database, COUNT, [(3,)])
    entries = [(who, json.loads(what)) for who, what in await query_database(hq.database, ENTRIES)]
    assert [(who, what["order"], what["to"]) for who, what in entries] == [
        ("asha", "stop-all", "zone:west"),
        ("asha, ravi", "resume", "zone:west"),
        ("ravi", "quota", "zone:west"),
    ]
    assert [what["sha256"] for _, what in entries] == [
        calculate_order_digest(each.order) for each in (stop, resume, quota)
    ]
    assert (entries[2][1]["campaign_id"], entries[2][1]["max_calls"]) == ("turnout", "40")
