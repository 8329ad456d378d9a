"""`dialer hq`: run the headquarters of many centres, send it signed orders, and import and export results."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.hq_account import proposal_app
from dialer.cli.hq_bundle import app as bundle_app
from dialer.cli.hq_pages import (
    create_headquarters_certificate,
    import_official_turnout,
    list_audited_actions_at_headquarters,
    list_rejected_rows_of_centres,
    serve_headquarters_pages,
    store_app,
    user_app,
)
from dialer.cli.hq_render import render_headquarters_files
from dialer.cli.options import HeadquartersOptions, require_installed_package_extra
from dialer.errors import SettingError

if TYPE_CHECKING:
    from dialer.domain.orders import HqOrder, OrderKind, SignedOrder
    from dialer.hq import orders

app = CommandGroup()
keys_app = CommandGroup(help="Create the keys that sign orders.")
order_app = CommandGroup(help="Send orders, signed by leaders, to all centres, a zone or a centre.")
app.add_typer(keys_app, name="keys")
app.add_typer(order_app, name="order")
app.add_typer(bundle_app, name="bundle")
app.add_typer(proposal_app, name="proposal")
app.add_typer(user_app, name="user")
app.add_typer(store_app, name="store")
for name, command in (
    ("render", render_headquarters_files),
    ("desk", serve_headquarters_pages),
    ("certificate", create_headquarters_certificate),
    ("audit", list_audited_actions_at_headquarters),
    ("set-aside", list_rejected_rows_of_centres),
    ("official", import_official_turnout),
):
    app.command(name)(command)

_CLIENT_NAME = "headquarters' orders"
PATIENCE_SECONDS = 10.0
"""How long to try to reach the server. After that, the order can be carried as a file (`--out`)."""
_CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's ID in the centres.")]
_WaitOption = Annotated[float, typer.Option("--wait", metavar="SECONDS", help="How long to wait for replies.")]


@dataclass(frozen=True)
class SigningOptions(HeadquartersOptions):
    """The command-line options for signing an order to centres, and for sending it or writing it to a file."""

    key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A leader's private key. Give two if both leaders are present."),
    ]
    wait: _WaitOption = 5.0
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the order to this file instead of sending it: for the next leader to sign, or to carry to a centre.",
        ),
    ] = None

    def read_leaders_private_keys(self) -> list[tuple[str, bytes]]:
        """Return each signing leader's name and private key. Raises OrderNotSent for a key that no leader has."""
        from dialer.domain import signing
        from dialer.hq import orders

        keys = [signing.read_key_file(path, "--key") for path in self.key]
        return [(orders.find_leader_by_key(self.headquarters_settings, each), each) for each in keys]

    async def sign_and_send_order(self, signed: SignedOrder, order: HqOrder) -> None:
        """Add the leaders' signatures to an order. Then send it and print the replies, or write it to the file `out`.

        Exits with code 1 if a centre did not execute the order. Raises OrderNotSent if signatures are missing.
        """
        from dialer.hq import orders

        centres = orders.find_centres_addressed_by_order(self.headquarters_settings, order)
        for leader, private_key in self.read_leaders_private_keys():
            signed = signed.add_signature(leader, private_key)
        signers = signed.find_order_signers(orders.list_public_keys_of_leaders(self.headquarters_settings))
        typer.echo(f"{_describe_order(order)}, signed by {', '.join(signers)}")
        if self.out is not None:
            self.out.write_text(signed.model_dump_json(), encoding="utf-8")
            typer.echo(
                f"{self.out}: written, not sent; the next leader runs: dialer hq order sign {self.out} --key FILE"
            )
            return
        if len(signers) < order.required_signature_count:
            raise orders.OrderNotSent(
                "the order was not sent, because two leaders must sign it: give --key twice, with the key files of "
                "two leaders, or write the order to a file with --out FILE, for the second leader to sign"
            )
        async with self.connect_to_nats_server(_CLIENT_NAME, PATIENCE_SECONDS) as session:
            replies = await orders.send_order(session, signed, order, centres, self.wait)
        _print_replies_of_centres(replies, centres)


@dataclass(frozen=True)
class NewOrderOptions(SigningOptions):
    """The command-line options for creating an order to centres."""

    to: Annotated[str, typer.Option(metavar="RECIPIENTS", help="all, zone:NAME or centre:ID.")] = "all"
    valid: Annotated[
        float | None,
        typer.Option(metavar="HOURS", help="How long the order is valid. [default: 1; a week for stop and resume]"),
    ] = None

    async def create_and_send_order(self, kind: OrderKind, **values: str | float | None) -> None:
        """Create an order, sign it, and send it to centres or write it to a file."""
        from dialer.domain.clock import SystemClock
        from dialer.domain.orders import SignedOrder
        from dialer.hq import orders

        seconds = None if self.valid is None else self.valid * 3600
        after = 0.0
        if self.out is None:
            self.read_leaders_private_keys()  # a wrong key is refused before the server is asked
            async with self.connect_to_nats_server(_CLIENT_NAME, PATIENCE_SECONDS) as session:
                after = await orders.find_time_of_newest_signed_order(session, self.headquarters_settings)
        order = orders.create_order(kind, self.to, SystemClock().now(), seconds, after=after, **values)
        await self.sign_and_send_order(SignedOrder(order=order.order_as_json_text), order)


@app.command("check")
async def check_headquarters(hq: HeadquartersOptions) -> None:
    """Check a headquarters: leaders' keys, NATS server and streams, unreachable centres, bundles (campaign material).

    Exit 1 if there are problems.
    """
    settings = hq.headquarters_settings
    with require_installed_package_extra("hq"):
        from dialer.hq.check import find_headquarters_problems
    problems = await find_headquarters_problems(settings)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"headquarters is ready; connected centres: {len(settings.centres)}")


@keys_app.command("make")
def create_personal_key_pair(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The new file for the private key.")],
) -> None:
    """Create the key pair of a person who signs orders or bundles (campaign material).

    Run it on the machine of that person. The private key never leaves FILE. The printed public key goes into the
    settings of every centre and of headquarters.
    """
    from dialer.domain import signing

    typer.echo(f'key = "{signing.format_public_key(signing.create_key_file(path))}"')
    typer.echo(f"{path}: the private key; keep it secret", err=True)


@order_app.command("stop-all")
async def order_stop_of_all_campaigns(new: NewOrderOptions) -> None:
    """Order all or some centres to stop every campaign immediately. Two leaders' signatures are needed to resume.

    A disconnected centre receives the order when it reconnects within a week.
    """
    from dialer.domain.orders import OrderKind

    await new.create_and_send_order(OrderKind.STOP_ALL)


@order_app.command("pause")
async def order_pause_of_campaign(new: NewOrderOptions, campaign: _CampaignArgument) -> None:
    """Order centres to pause a campaign: no new calls, but live calls continue.

    A centre's supervisors may resume it.
    """
    from dialer.domain.orders import OrderKind

    await new.create_and_send_order(OrderKind.PAUSE, campaign_id=campaign)


@order_app.command("quota")
async def order_call_limit_of_campaign(
    new: NewOrderOptions,
    campaign: _CampaignArgument,
    max_calls: Annotated[int | None, typer.Option(metavar="COUNT", help="Maximum number of concurrent calls.")] = None,
    calls_per_seat: Annotated[
        float | None, typer.Option(metavar="COUNT", help="Maximum number of unanswered calls per available agent.")
    ] = None,
) -> None:
    """Order centres to limit a campaign's calls until midnight. Without a limit option, remove the limits."""
    from dialer.domain.orders import OrderKind

    await new.create_and_send_order(
        OrderKind.QUOTA, campaign_id=campaign, max_calls=max_calls, calls_per_seat=calls_per_seat
    )


@order_app.command("resume")
async def order_resumption_of_campaigns(
    new: NewOrderOptions,
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="[CAMPAIGN]", help="The campaign's ID. [default: all campaigns that stop-all stopped]"),
    ] = None,
) -> None:
    """Order centres to resume campaigns that were stopped or paused. Two leaders must sign.

    Give both keys with --key, or write the order with --out FILE and let the other leader run `dialer hq order sign
    FILE`.
    """
    from dialer.domain.orders import OrderKind

    await new.create_and_send_order(OrderKind.RESUME, campaign_id=campaign)


@order_app.command("sign")
async def sign_order(
    signing: SigningOptions,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An order that another leader wrote with --out.")],
) -> None:
    """Sign an order that another leader has written to a file, and send it once it has all signatures."""
    from dialer.domain.orders import SignedOrder, parse_order_text

    try:
        signed = SignedOrder.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:  # also pydantic's ValidationError
        raise SettingError(
            str(path), "(file)", "is not a signed order", "give a file that a leader wrote with --out"
        ) from error
    await signing.sign_and_send_order(signed, parse_order_text(signed.order))


@order_app.command("list")
async def list_orders(hq: HeadquartersOptions) -> None:
    """List the orders to centres that have not expired, oldest first."""
    from dialer.hq import orders

    for signed, order in await _fetch_valid_orders(hq):
        signers = ", ".join(signed.find_order_signers(orders.list_public_keys_of_leaders(hq.headquarters_settings)))
        until = datetime.fromtimestamp(order.expires_at).astimezone()
        typer.echo(f"{order.id}  {_describe_order(order)}, signed by {signers}, valid until {until:%Y-%m-%d %H:%M}")


@order_app.command("resend")
async def resend_order(
    hq: HeadquartersOptions,
    order_id: Annotated[str, typer.Argument(metavar="ID", help="The order's ID (see `dialer hq order list`).")],
    wait: _WaitOption = 5.0,
) -> None:
    """Resend an order to centres that were disconnected. No new signature is needed."""
    from dialer.hq import orders

    sender = SigningOptions(hq.config, [], wait)
    for signed, order in await _fetch_valid_orders(sender):
        if order.id == order_id:
            await sender.sign_and_send_order(signed, order)
            return
    raise orders.OrderNotSent(f"there is no valid order with the ID {order_id}: `dialer hq order list` lists the IDs")


async def _fetch_valid_orders(hq: HeadquartersOptions) -> list[tuple[SignedOrder, HqOrder]]:
    from dialer.domain.clock import SystemClock
    from dialer.hq import orders

    async with hq.connect_to_nats_server(_CLIENT_NAME, PATIENCE_SECONDS) as session:
        return await orders.read_valid_orders(session, SystemClock().now())


def _describe_order(order: HqOrder) -> str:
    return " ".join([order.order.value, *([] if order.campaign_id is None else [order.campaign_id]), f"to {order.to}"])


def _print_replies_of_centres(replies: Mapping[str, orders.OrderReply], centres: Sequence[str]) -> None:
    """Print the centres' replies to an order. Exits with code 1 if a centre refused it or did not reply."""
    refused = [each for each in replies.values() if each.status != "done"]
    missing = [centre for centre in centres if centre not in replies]
    for each in refused:
        typer.echo(f"{each.centre}: {each.text}")
    typer.echo(f"{len(replies) - len(refused)} of {len(centres)} centres have executed the order")
    if missing:
        typer.echo(f"no reply from {', '.join(missing)}: they receive the order when they reconnect")
    if refused or missing:
        raise typer.Exit(1)


@app.command("gather")
def collect_results_of_centres(
    hq: HeadquartersOptions,
    verbose: Annotated[bool, typer.Option("--verbose", help="Write debug logs.")] = False,
) -> None:
    """Store the results of all centres in headquarters' database until SIGTERM or Ctrl-C.

    This process also forwards opt-outs and reported votes to the other centres. Several of these processes may run: one
    is active, the rest are on standby.
    """
    import uvloop

    from dialer.cli.logs import configure_json_logging

    configure_json_logging(verbose=verbose)
    uvloop.run(_run_result_importer(hq))


async def _run_result_importer(hq: HeadquartersOptions) -> None:
    import asyncio

    from dialer.domain.clock import SystemClock

    settings = hq.headquarters_settings
    with require_installed_package_extra("hq"):
        from dialer.hq.gather import Gatherer, make_garbage_collection_rare
        from dialer.hq.snapshots import SnapshotServer
        from dialer.metrics.families import ProcessStatus, build_metrics_of_result_import
        from dialer.metrics.server import serve_metrics_if_enabled
    make_garbage_collection_rare()
    working = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: working and working.cancel())
    gatherer: Gatherer | None = None

    def get_status_of_result_importer() -> ProcessStatus:
        if gatherer is None:
            return build_metrics_of_result_import(is_active=False, server_up=False, committed_at={})
        return build_metrics_of_result_import(
            is_active=gatherer.active.is_set(),
            server_up=gatherer.is_connected,
            committed_at=gatherer.committed_at,
            set_back_at=gatherer.set_back_at,
            contradicted_centres=gatherer.contradicted_centres,
            replaced_centres=gatherer.replaced_centres,
            centres_with_unstored_results=gatherer.centres_with_unstored_results,
            has_unstored_updates=gatherer.has_unstored_updates,
            servers_with_outdated_copies=gatherer.servers_with_outdated_copies,
        )

    with contextlib.suppress(asyncio.CancelledError):
        async with (
            serve_metrics_if_enabled(
                settings.metrics.host, settings.metrics.gather_port, get_status_of_result_importer
            ),
            hq.connect_to_nats_server("gather") as session,
        ):
            await SnapshotServer(settings, session).answer_snapshot_requests()
            gatherer = Gatherer(settings, session, SystemClock())
            await gatherer.import_batches_until_cancelled()


@app.command("import")
async def import_messages_exported_by_centres(
    hq: HeadquartersOptions,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files from `dialer carry` of any centre.")],
) -> None:
    """Import files that centres exported with `dialer carry` while their connection was down.

    `dialer hq gather` must be running. All files are checked before any is imported. Duplicates are ignored.
    """
    from dialer.hq import outbox_import

    checked = outbox_import.read_outbox_files(hq.headquarters_settings, files)
    async with hq.connect_to_nats_server(_CLIENT_NAME, PATIENCE_SECONDS) as session:
        async for file in outbox_import.import_outbox_files(session, checked):
            typer.echo(f"{file.path}: {file.rows:,} rows of {file.centre} imported, up to row {file.last}")


@app.command("export")
async def export_voter_results(
    hq: HeadquartersOptions,
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
    """Export all centres' results for one federal state, voter by voter, without names or phone numbers.

    Each row has the date, the result, the voter's status, the centre, and a column for each question.
    """
    from dialer.cli.report import choose_report_format, parse_report_period
    from dialer.domain.output import refuse_unwritable_path, write_file
    from dialer.reports.files import encode_report_as_file
    from dialer.reports.results import report_results_of_voters_in_state
    from dialer.roll.sources import find_portal_by_name, load_voter_ids_sent_by_portal

    with require_installed_package_extra("hq"):
        from dialer.hq.database import open_database
        from dialer.hq.results import read_results_of_federal_state
    settings = hq.headquarters_settings
    zone, form = ZoneInfo(settings.gather.time_zone), choose_report_format(None, out)
    window = parse_report_period(since, until, zone)
    refuse_unwritable_path(out, "--out", {"the settings file": hq.config})
    ids = None if source is None else load_voter_ids_sent_by_portal(find_portal_by_name(settings.sources, source))
    async with open_database(settings.gather.database.get_secret_value()) as db:
        found, answered = await read_results_of_federal_state(db, state, constituency, window.since, window.until)
    report = report_results_of_voters_in_state(found, answered, zone, ids)
    write_file(out, encode_report_as_file(report, form, foot=f"headquarters, state {state}"))
    typer.echo(f"{out}: {len(report.rows)} rows", err=True)


@app.command("demo")
async def run_headquarters_demo(
    for_seconds: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=10, help="How long to run before the checks.")
    ] = 60.0,
    centres: Annotated[
        int,
        typer.Option(metavar="COUNT", min=4, max=1_000, help="Number of centres. Three of them dial simulated lines."),
    ] = 300,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the results of the checks to this JSON file.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Random seed. Another seed gives other voters.")] = 1,
) -> None:
    """Run a headquarters with simulated centres on this machine, stop all campaigns, and check the result.

    Exit 1 if a check failed.
    """
    from dialer.cli.logs import configure_quiet_logging
    from dialer.process.signals import cancel_on_sigterm

    configure_quiet_logging()
    with require_installed_package_extra("hq"):
        from rich.console import Console

        from dialer.simulation.demo.headquarters import HqDemoOptions, run_hq_demo
    console = Console()
    options = HqDemoOptions(for_seconds, report, centres=centres, seed=seed)
    with cancel_on_sigterm():  # it ends the servers that it has started
        checks = await run_hq_demo(options, console)
    for check in checks:
        console.print(f"{'[green]passed[/]' if check.holds else '[red]FAILED[/]'} {check.name}: {check.seen}")
    raise typer.Exit(0 if all(check.holds for check in checks) else 1)
