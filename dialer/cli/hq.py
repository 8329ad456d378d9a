"""`dialer hq ...`: a headquarters of many centres. Leaders' keys and orders, and what centres announce."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
import uvloop
from pydantic import ValidationError

from dialer.cli.group import CommandGroup
from dialer.cli.hq_bundle import app as bundle_app
from dialer.cli.hq_pages import audit, certificate, desk, official, user_app
from dialer.cli.hq_render import render
from dialer.cli.logs import json_logging, quiet_logging
from dialer.cli.options import NamedHeadquarters, of_extra
from dialer.domain import signing
from dialer.domain.clock import SystemClock
from dialer.domain.orders import HqOrder, OrderKind, SignedOrder, read_order
from dialer.errors import SettingError
from dialer.hq import orders, outbox_import

app = CommandGroup()
keys_app = CommandGroup(help="Create the keys that sign orders.")
order_app = CommandGroup(help="Send orders, signed by leaders, to all centres, a zone or a centre.")
app.add_typer(keys_app, name="keys")
app.add_typer(order_app, name="order")
app.add_typer(bundle_app, name="bundle")
app.add_typer(user_app, name="user")
# What a person looks at says what is wrong in one line, and the log of the way there is no part of it.
app.callback()(quiet_logging)
for command in (render, desk, certificate, audit, official):
    app.command()(command)

_WHO = "headquarters' orders"
PATIENCE_SECONDS = 10.0
"""With a server that is away; then the order may travel as a file."""
_CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's ID in the centres.")]
_WaitOption = Annotated[float, typer.Option("--wait", metavar="SECONDS", help="How long to wait for answers.")]


@dataclass(frozen=True)
class Signing(NamedHeadquarters):
    """Who signs an order, and what becomes of it then."""

    key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A leader's private key; give both keys if both leaders are present."),
    ]
    wait: _WaitOption = 5.0
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Send nothing, but write the order to this file, for the next leader or to carry to a centre.",
        ),
    ] = None

    async def go_on(self, signed: SignedOrder, order: HqOrder) -> None:
        """Add the signatures; then keep it in a file, or send it and tell who answered. Exit 1 where a centre has not obeyed."""
        centres = orders.find_recipients(self.settings, order)
        for path in self.key:
            private = signing.read_key_file(path, "--key")
            signed = signed.signed_by(orders.find_leader(self.settings, private), private)
        signers = signed.signers(orders.leader_keys(self.settings))
        typer.echo(f"{_words(order)}, signed by {', '.join(signers)}")
        if self.out is not None:
            self.out.write_text(signed.model_dump_json(), encoding="utf-8")
            typer.echo(f"{self.out}: not sent; the next leader: dialer hq order sign {self.out} --key FILE")
            return
        if len(signers) < order.signatures_needed:
            raise orders.OrderNotSent("two leaders must sign it: name both keys, or --out FILE for the second one")
        async with self.session(_WHO, PATIENCE_SECONDS) as session:
            replies = await orders.send_order(session, signed, order, centres, self.wait)
        _print_replies(replies, centres)


@dataclass(frozen=True)
class NewOrder(Signing):
    """An order that is begun: to whom, and for how long."""

    to: Annotated[str, typer.Option(help="Recipients: all, zone:NAME or centre:ID.")] = "all"
    valid: Annotated[
        float | None,
        typer.Option(metavar="HOURS", help="How long the order is valid. [default: 1; a week for stop and resume]"),
    ] = None

    async def begin(self, kind: OrderKind, **values: str | float | None) -> None:
        """Make it, and go on with it."""
        seconds = None if self.valid is None else self.valid * 3600
        order = orders.create_order(kind, self.to, SystemClock().now(), seconds, **values)
        await self.go_on(SignedOrder(order=order.text), order)


@app.command()
async def check(hq: NamedHeadquarters) -> None:
    """Check headquarters: leaders, server and streams, silent centres, bundles. Exit 1 if something is missing."""
    settings = hq.settings
    with of_extra("hq"):
        from dialer.hq.check import find_problems  # noqa: PLC0415 - of an extra
    problems = await find_problems(settings)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"headquarters is ready: {len(settings.centres)} centres are heard")


@keys_app.command("make")
def make_key(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The new file for the private key.")],
) -> None:
    """Create a key pair, on the machine of the person who signs.

    For leaders, for people of media or compliance, and for roots. The private key never leaves FILE. The printed public
    key goes into the settings of every centre and of headquarters.
    """
    typer.echo(f'key = "{signing.public_key_text(signing.new_key_file(path))}"')
    typer.echo(f"{path}: the private key, for your eyes alone", err=True)


@order_app.command("stop-all")
async def stop_all(new: NewOrder) -> None:
    """Stop every campaign at once. Centres cannot resume until two leaders sign.

    A centre that is away receives the order when it returns, within a week.
    """
    await new.begin(OrderKind.STOP_ALL)


@order_app.command()
async def pause(new: NewOrder, campaign: _CampaignArgument) -> None:
    """Pause a campaign: no new calls, but live calls continue. Supervisors of a centre may resume it."""
    await new.begin(OrderKind.PAUSE, campaign=campaign)


@order_app.command()
async def quota(
    new: NewOrder,
    campaign: _CampaignArgument,
    max_calls: Annotated[int | None, typer.Option(help="Maximum number of concurrent calls.")] = None,
    calls_per_seat: Annotated[
        float | None, typer.Option(help="Maximum number of unanswered calls per available agent.")
    ] = None,
) -> None:
    """Limit a campaign's calls until midnight. Without a figure, remove the limit."""
    await new.begin(OrderKind.QUOTA, campaign=campaign, max_calls=max_calls, calls_per_seat=calls_per_seat)


@order_app.command()
async def resume(
    new: NewOrder,
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="[CAMPAIGN]", help="The campaign's ID. [default: all campaigns that stop-all stopped]"),
    ] = None,
) -> None:
    """Resume campaigns. Two leaders must sign: both with --key, or one with --out FILE and the other with `sign FILE`."""
    await new.begin(OrderKind.RESUME, campaign=campaign)


@order_app.command()
async def sign(
    signing: Signing,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An order that another leader started with --out.")],
) -> None:
    """Sign an order that another leader started, and send it once all signatures are there."""
    try:
        signed = SignedOrder.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SettingError(str(path), "(file)", "is no order", "have it made with --out") from error
    await signing.go_on(signed, read_order(signed.order))


@order_app.command("list")
async def list_orders(hq: NamedHeadquarters) -> None:
    """List the orders that are still valid, the oldest first."""
    for signed, order in await _valid(hq):
        signers = ", ".join(signed.signers(orders.leader_keys(hq.settings)))
        until = datetime.fromtimestamp(order.expires_at).astimezone()
        typer.echo(f"{order.id}  {_words(order)}, signed by {signers}, until {until:%Y-%m-%d %H:%M}")


@order_app.command()
async def again(
    hq: NamedHeadquarters,
    order_id: Annotated[str, typer.Argument(metavar="ID", help="The order's ID (see `dialer hq order list`).")],
    wait: _WaitOption = 5.0,
) -> None:
    """Send an order again, for centres that were away. No new signature is needed."""
    given = Signing(hq.config, [], wait)
    for signed, order in await _valid(given):
        if order.id == order_id:
            await given.go_on(signed, order)
            return
    raise orders.OrderNotSent(f"{order_id} is no order that is valid still: see `dialer hq order list`")


async def _valid(hq: NamedHeadquarters) -> list[tuple[SignedOrder, HqOrder]]:
    async with hq.session(_WHO, PATIENCE_SECONDS) as session:
        return await orders.read_valid_orders(session, SystemClock().now())


def _words(order: HqOrder) -> str:
    return " ".join([order.order.value, *([] if order.campaign is None else [order.campaign]), f"to {order.to}"])


def _print_replies(replies: Mapping[str, orders.OrderReply], centres: Sequence[str]) -> None:
    """Exit 1 where a centre has not obeyed."""
    refused = [each for each in replies.values() if each.status != "done"]
    missing = [centre for centre in centres if centre not in replies]
    for each in refused:
        typer.echo(f"{each.centre}: {each.text}")
    typer.echo(f"{len(replies) - len(refused)} of {len(centres)} centres have done it")
    if missing:
        typer.echo(f"no answer from {', '.join(missing)}: they hear of it when they come back")
    if refused or missing:
        raise typer.Exit(1)


@app.command()
def gather(
    hq: NamedHeadquarters,
    verbose: Annotated[bool, typer.Option("--verbose", help="Write debug logs.")] = False,
) -> None:
    """Store what centres report in the database, and forward their updates, until SIGTERM or Ctrl-C.

    Several may run: one works, the others wait as standby.
    """
    json_logging(verbose=verbose)
    uvloop.run(_gather(hq))


async def _gather(hq: NamedHeadquarters) -> None:
    settings = hq.settings
    with of_extra("hq"):
        from dialer.hq.gather import Gatherer, collect_garbage_seldom  # noqa: PLC0415 - of an extra
        from dialer.hq.snapshots import SnapshotServer  # noqa: PLC0415
        from dialer.metrics.families import ProcessStatus, describe_gatherer  # noqa: PLC0415
        from dialer.metrics.server import serve_metrics_if_enabled  # noqa: PLC0415
    collect_garbage_seldom()
    working = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: working and working.cancel())
    gatherer: Gatherer | None = None

    def stands() -> ProcessStatus:
        if gatherer is None:
            return describe_gatherer(is_active=False, server_up=False, committed_at={})
        return describe_gatherer(
            is_active=gatherer.active.is_set(), server_up=gatherer.is_connected, committed_at=gatherer.committed_at
        )

    with contextlib.suppress(asyncio.CancelledError):
        async with (
            serve_metrics_if_enabled(settings.metrics.host, settings.metrics.gather_port, stands),
            hq.session("gather") as session,
        ):
            await SnapshotServer(settings, session).start()
            gatherer = Gatherer(settings, session, SystemClock())
            await gatherer.run()


@app.command("import")
async def import_files(
    hq: NamedHeadquarters,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files from `dialer carry`, of any centres.")],
) -> None:
    """Import files that were carried from centres while their lines were down.

    `dialer hq gather` must run. Every file is checked before the first is imported; duplicates are ignored.
    """
    whole = outbox_import.read_files(hq.settings, files)
    async with hq.session(_WHO, PATIENCE_SECONDS) as session:
        async for file in outbox_import.import_files(session, whole):
            typer.echo(f"{file.path}: {file.rows:,} rows of {file.centre} committed, up to {file.last}")


@app.command()
async def export(
    hq: NamedHeadquarters,
    state: Annotated[str, typer.Option(metavar="CODE", help="The voters' state.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The .csv, .json, .xlsx or .pdf file to write.")
    ],
    constituency: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Only voters of this constituency.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only voters in this portal's exports, with the portal's own IDs."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only answers from this time on: 2026-04-22T09:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Only answers before this time.")] = None,
) -> None:
    """Export every centre's results for a state, voter by voter, without names and numbers.

    Each row has date, result, the voter's status, the centre, and a column for each question.
    """
    from dialer.cli.report import as_bytes, format_of, window_of  # noqa: PLC0415 - pictures and all
    from dialer.domain.output import refuse_unwritable, write_file  # noqa: PLC0415
    from dialer.reports.results import report_state_results  # noqa: PLC0415
    from dialer.roll.sources import find_source, load_portal_ids  # noqa: PLC0415

    with of_extra("hq"):
        from dialer.hq.database import database  # noqa: PLC0415 - of an extra
        from dialer.hq.results import read_state_results  # noqa: PLC0415
    settings = hq.settings
    zone, form = ZoneInfo(settings.gather.time_zone), format_of(None, out)
    window = window_of(since, until, zone)
    refuse_unwritable(out, "--out", {"the settings file": hq.config})
    ids = None if source is None else load_portal_ids(find_source(settings.sources, source))
    async with database(settings.gather.database.get_secret_value()) as db:
        found, answered = await read_state_results(db, state, constituency, window.since, window.until)
    report = report_state_results(found, answered, zone, ids)
    write_file(out, as_bytes(report, form, foot=f"headquarters, state {state}"))
    typer.echo(f"{out}: {len(report.rows)} rows", err=True)


@app.command()
async def demo(
    for_seconds: Annotated[float, typer.Option("--for", min=10, help="How long to run before checking.")] = 60.0,
    centres: Annotated[
        int, typer.Option(min=4, max=1_000, help="Number of centres; three of them dial simulated lines.")
    ] = 300,
    report: Annotated[Path | None, typer.Option(help="Write the findings to this JSON file.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed; another seed gives other voters.")] = 1,
) -> None:
    """Run a headquarters with simulated centres on this machine, stop them all, and check. Exit 1 if a check failed."""
    with of_extra("hq"):
        from rich.console import Console  # noqa: PLC0415

        from dialer.simulation.demo.headquarters import HqDemoOptions, run_hq_demo  # noqa: PLC0415 - simulation, and of an extra
    console = Console()
    options = HqDemoOptions(for_seconds, report, centres=centres, seed=seed)
    checks = await run_hq_demo(options, console)
    for check in checks:
        console.print(f"{'[green]passed[/]' if check.holds else '[red]FAILED[/]'} {check.name}: {check.seen}")
    raise typer.Exit(0 if all(check.holds for check in checks) else 1)
