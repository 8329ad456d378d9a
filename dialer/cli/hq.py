"""`dialer hq ...`: a headquarters of many centres. Leaders' keys and orders, and what centres announce."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer
import uvloop
from pydantic import ValidationError

from config.errors import SettingError
from config.headquarters import HqSettings, load_hq_settings
from dialer.cli.hq_bundle import app as bundle_app
from dialer.cli.hq_pages import audit, certificate, desk, official, user_app
from dialer.cli.hq_render import render
from dialer.cli.logs import json_logging, quiet_logging
from dialer.cli.options import HqOption, not_installed
from dialer.domain import signing
from dialer.domain.clock import SystemClock
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.orders import HqOrder, OrderKind, SignedOrder, read_order
from dialer.hq import carried, orders

if TYPE_CHECKING:
    from dialer.nats.session import Session

T = TypeVar("T")

app = typer.Typer(
    help="Headquarters of many centres: what they announce, leaders' keys, orders, material.", no_args_is_help=True
)
keys_app = typer.Typer(help="Keys to sign with.", no_args_is_help=True)
order_app = typer.Typer(help="Orders to all centres, a zone or a centre, signed by leaders.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(order_app, name="order")
app.add_typer(bundle_app, name="bundle")
app.add_typer(user_app, name="user")
# What a person looks at says what is wrong in one line, and the log of the way there is no part of it.
app.callback()(quiet_logging)
for command in (render, desk, certificate, audit, official):
    app.command()(command)

PATIENCE_SECONDS = 10.0
"""With a server that is away; then the order may travel as a file."""
_ToOption = Annotated[str, typer.Option("--to", help="all, zone:NAME or centre:ID.")]
_KeyOption = Annotated[
    list[Path], typer.Option("--key", metavar="FILE", help="A leader's private key; twice where both leaders are here.")
]
_OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Send nothing: a file for the next leader, or to be carried to a centre."
    ),
]
_WaitOption = Annotated[float, typer.Option("--wait", metavar="SECONDS", help="How long answers are waited for.")]
_HoursOption = Annotated[
    float | None,
    typer.Option("--valid", metavar="HOURS", help="Until when it counts. [default: 1; of a stop and its end, a week]"),
]
_CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id in the centres.")]


@app.command()
def check(config: HqOption) -> None:
    """Say in plain words what headquarters still lacks: leaders, its server and streams, centres that are silent, its material.

    Exit 1 where it lacks anything.
    """
    settings = load_hq_settings(config)
    try:
        from dialer.hq.check import problems_of  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(not_installed(error, "hq")) from error
    problems = asyncio.run(problems_of(settings))
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"headquarters is ready: {len(settings.centres)} centres are heard")


@keys_app.command("make")
def make_key(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes, a new file.")],
) -> None:
    """Make a key pair, on the machine of the one who signs: a leader, somebody of media or compliance, the root's.

    The private key never leaves FILE; the public one that is printed goes into the settings of every centre, and of headquarters.
    """
    typer.echo(f'key = "{signing.public_key_text(signing.new_key_file(path))}"')
    typer.echo(f"{path}: the private key, for your eyes alone", err=True)


@order_app.command("stop-all")
def stop_all(
    config: HqOption,
    key: _KeyOption,
    to: _ToOption = "all",
    valid: _HoursOption = None,
    wait: _WaitOption = 5.0,
    out: _OutOption = None,
) -> None:
    """Stop every campaign at once, in every centre or in some; nobody there resumes one until two leaders do.

    A centre that is away hears of it when it comes back, for a week.
    """
    _begin(config, OrderKind.STOP_ALL, key, to, valid, wait, out)


@order_app.command()
def pause(
    config: HqOption,
    campaign: _CampaignArgument,
    key: _KeyOption,
    to: _ToOption = "all",
    valid: _HoursOption = None,
    wait: _WaitOption = 5.0,
    out: _OutOption = None,
) -> None:
    """Pause a campaign: no new calls, live ones go on. Supervisors of the centre may resume it."""
    _begin(config, OrderKind.PAUSE, key, to, valid, wait, out, campaign=campaign)


@order_app.command()
def quota(
    config: HqOption,
    campaign: _CampaignArgument,
    key: _KeyOption,
    most_calls: Annotated[int | None, typer.Option("--most-calls", help="So many calls at once, at most.")] = None,
    calls_per_seat: Annotated[
        float | None, typer.Option("--calls-per-seat", help="So many unanswered calls for each agent at work, at most.")
    ] = None,
    to: _ToOption = "all",
    valid: _HoursOption = None,
    wait: _WaitOption = 5.0,
    out: _OutOption = None,
) -> None:
    """Hold a campaign to so many calls until midnight; with neither figure it is held to none."""
    limits = {"most_calls": most_calls, "calls_per_seat": calls_per_seat}
    _begin(config, OrderKind.QUOTA, key, to, valid, wait, out, campaign=campaign, **limits)


@order_app.command()
def resume(
    config: HqOption,
    key: _KeyOption,
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="The campaign's id; none: all that a stop-all stopped.")
    ] = None,
    to: _ToOption = "all",
    valid: _HoursOption = None,
    wait: _WaitOption = 5.0,
    out: _OutOption = None,
) -> None:
    """Go on, which two leaders sign: both with --key here, or the first with --out FILE and the second with `sign FILE`."""
    _begin(config, OrderKind.RESUME, key, to, valid, wait, out, campaign=campaign)


@order_app.command()
def sign(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An order that another leader has begun with --out.")],
    config: HqOption,
    key: _KeyOption,
    wait: _WaitOption = 5.0,
    out: _OutOption = None,
) -> None:
    """Sign an order that another leader has begun, and send it where it has all signatures that it needs."""
    try:
        signed = SignedOrder.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SettingError(str(path), "(file)", "is no order", "have it made with --out") from error
    _go_on(load_hq_settings(config), signed, read_order(signed.order), key, wait, out)


@order_app.command("list")
def list_orders(config: HqOption) -> None:
    """The orders that are valid still, the oldest first: a centre that comes back hears them in this order."""
    settings = load_hq_settings(config)
    for signed, order in asyncio.run(_valid(settings)):
        signers = ", ".join(signed.signers(orders.leaders_of(settings)))
        until = datetime.fromtimestamp(order.expires_at).astimezone()
        typer.echo(f"{order.id}  {_words(order)}, signed by {signers}, until {until:%Y-%m-%d %H:%M}")


@order_app.command()
def again(
    order_id: Annotated[str, typer.Argument(metavar="ID", help="The order's id, as `list` has it.")],
    config: HqOption,
    wait: _WaitOption = 5.0,
) -> None:
    """Give an order again, which needs no new signature: who has obeyed it says so, and who was away before does it now."""
    settings = load_hq_settings(config)
    for signed, order in asyncio.run(_valid(settings)):
        if order.id == order_id:
            _go_on(settings, signed, order, (), wait, None)
            return
    raise orders.OrderNotGiven(f"{order_id} is no order that is valid still: see `dialer hq order list`")


async def _valid(settings: HqSettings) -> list[tuple[SignedOrder, HqOrder]]:
    return await _joined(settings, lambda session: orders.given_orders(session, SystemClock().now()))


def _words(order: HqOrder) -> str:
    return " ".join([order.order.value, *([] if order.campaign is None else [order.campaign]), f"to {order.to}"])


def _begin(
    config: Path,
    kind: OrderKind,
    keys: Sequence[Path],
    to: str,
    valid_hours: float | None,
    wait: float,
    out: Path | None,
    **values: str | float | None,
) -> None:
    seconds = None if valid_hours is None else valid_hours * 3600
    order = orders.new_order(kind, to, SystemClock().now(), seconds, **values)
    _go_on(load_hq_settings(config), SignedOrder(order=order.text), order, keys, wait, out)


def _go_on(
    settings: HqSettings, signed: SignedOrder, order: HqOrder, keys: Sequence[Path], wait: float, out: Path | None
) -> None:
    """Add the signatures; then keep it in a file, or send it and tell who has answered. Exit 1 where a centre has not obeyed."""
    centres = orders.addressed(settings, order)
    for path in keys:
        private = signing.read_key_file(path, "--key")
        signed = signed.signed_by(orders.leader_of(settings, private), private)
    signers = signed.signers(orders.leaders_of(settings))
    typer.echo(f"{_words(order)}, signed by {', '.join(signers)}")
    if out is not None:
        out.write_text(signed.model_dump_json(), encoding="utf-8")
        typer.echo(f"{out}: not sent; the next leader: dialer hq order sign {out} --key FILE")
        return
    if len(signers) < order.signatures_needed:
        raise orders.OrderNotGiven("two leaders must sign it: name both keys, or --out FILE for the second one")
    answers = asyncio.run(_joined(settings, lambda session: orders.give_order(session, signed, order, centres, wait)))
    _tell_answers(answers, centres)


def _tell_answers(answers: Mapping[str, orders.OrderAnswer], centres: Sequence[str]) -> None:
    """Exit 1 where a centre has not obeyed."""
    refused = [each for each in answers.values() if each.status != "done"]
    missing = [centre for centre in centres if centre not in answers]
    for each in refused:
        typer.echo(f"{each.centre}: {each.text}")
    typer.echo(f"{len(answers) - len(refused)} of {len(centres)} centres have done it")
    if missing:
        typer.echo(f"no answer from {', '.join(missing)}: they hear of it when they come back")
    if refused or missing:
        raise typer.Exit(1)


async def _joined(settings: HqSettings, do: Callable[[Session], Awaitable[T]]) -> T:
    """What is done over a connection to headquarters' server. Raises HeadquartersUnreachable."""
    try:
        from dialer.nats.session import connected  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(not_installed(error, "hq")) from error
    async with connected(
        settings.servers,
        "headquarters' orders",
        nkey_file=settings.nkey_file,
        ca_file=settings.ca_file,
        patience_seconds=PATIENCE_SECONDS,
    ) as session:
        return await do(session)


@app.command()
def gather(
    config: HqOption,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Take what centres announce into the database, and tell them of each other, until SIGTERM or Ctrl-C.

    Several may run: one works, the others wait until it is gone.
    """
    settings = load_hq_settings(config)
    json_logging(verbose=verbose)
    uvloop.run(_gather(settings))


async def _gather(settings: HqSettings) -> None:
    try:
        from dialer.hq.gather import Gatherer, collect_seldom  # noqa: PLC0415 - of an extra
        from dialer.hq.snapshots import Snapshots  # noqa: PLC0415
        from dialer.metrics.families import Readiness, of_gatherer  # noqa: PLC0415
        from dialer.metrics.server import watched  # noqa: PLC0415
        from dialer.nats.session import connected  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(not_installed(error, "hq")) from error
    collect_seldom()
    working = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: working and working.cancel())
    gatherer: Gatherer | None = None

    def stands() -> Readiness:
        if gatherer is None:
            return of_gatherer(works=False, joined=False, kept_at={})
        return of_gatherer(works=gatherer.works.is_set(), joined=gatherer.joined, kept_at=gatherer.kept_at)

    with contextlib.suppress(asyncio.CancelledError):
        async with (
            watched(settings.metrics.host, settings.metrics.gather_port, stands),
            connected(settings.servers, "gather", nkey_file=settings.nkey_file, ca_file=settings.ca_file) as session,
        ):
            await Snapshots(settings, session).answer()
            gatherer = Gatherer(settings, session, SystemClock())
            await gatherer.run()


@app.command("import")
def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="As `dialer carry` wrote them; any number, of any centres.")
    ],
    config: HqOption,
) -> None:
    """Take in what centres had carried here while their lines were down. `dialer hq gather` must run: it commits them.

    All are looked through before the first is taken. What came already, by the line or an earlier file, changes nothing.
    """
    settings = load_hq_settings(config)

    async def bring(session: Session) -> None:
        async for file in carried.bring(session, whole):
            typer.echo(f"{file.path}: {file.rows:,} rows of {file.centre} committed, up to {file.last}")

    whole = carried.read_files(settings, files)
    asyncio.run(_joined(settings, bring))


@app.command()
def export(
    state: Annotated[str, typer.Option("--state", metavar="CODE", help="Of voters of this state.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to: .csv, .json, .xlsx or .pdf.")],
    config: HqOption,
    constituency: Annotated[
        int | None, typer.Option("--constituency", metavar="NUMBER", help="Of voters of this constituency alone.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="NAME", help="Of the voters in this portal's exports alone, under its own ids."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="What was said from then on: 2026-04-22T09:00.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="And before then.")] = None,
) -> None:
    """Results of every centre for a state's team, voter by voter: date, result, how the voter stands, which centre says so, and a
    column for each question. No name and no number.
    """
    from dialer.cli.report import as_bytes, format_of, window_of  # noqa: PLC0415 - pictures and all
    from dialer.domain.output import refuse_unwritable, write_file  # noqa: PLC0415
    from dialer.reports.results import state_results  # noqa: PLC0415
    from dialer.roll.sources import ids_of, source_named  # noqa: PLC0415

    settings = load_hq_settings(config)
    zone, form = ZoneInfo(settings.gather.time_zone), format_of(None, out)
    window = window_of(since, until, None, zone)
    refuse_unwritable(out, "--out", {"the settings file": config})
    ids = None if source is None else ids_of(source_named(settings.sources, source))
    found, answered = asyncio.run(_results(settings, state, constituency, window.since, window.until))
    report = state_results(found, answered, zone, ids)
    write_file(out, as_bytes(report, form, foot=f"headquarters, state {state}"))
    typer.echo(f"{out}: {len(report.rows)} rows", err=True)


async def _results(settings: HqSettings, *asked: str | float | None) -> list[list[tuple[Any, ...]]]:
    """Results and answers."""
    try:
        from dialer.hq.database import database  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(not_installed(error, "hq")) from error
    async with database(settings.gather.database.get_secret_value()) as books:
        return [[tuple(row) for row in await books.rows(name, *asked)] for name in ("results", "answers")]


@app.command()
def demo(
    for_seconds: Annotated[float, typer.Option("--for", min=10, help="How long it runs before it is checked.")] = 60.0,
    centres: Annotated[int, typer.Option(min=4, max=1_000, help="Centres, three of which dial simulated lines.")] = 300,
    report: Annotated[Path | None, typer.Option("--report", help="Write what was found to this JSON file.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other voters.")] = 1,
) -> None:
    """Run a whole headquarters with its centres on this machine, stop them all, and check. Exit 1 if a check did not hold."""
    try:
        from rich.console import Console  # noqa: PLC0415

        from dialer.rehearsal.headquarters import HqDemoOptions, run_hq_demo  # noqa: PLC0415 - simulation, and of an extra
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(not_installed(error, "hq")) from error
    console = Console()
    options = HqDemoOptions(for_seconds, report, centres=centres, seed=seed)
    checks = asyncio.run(run_hq_demo(options, console))
    for check in checks:
        console.print(f"{'[green]holds[/]' if check.holds else '[red]DOES NOT HOLD[/]'} {check.name}: {check.seen}")
    raise typer.Exit(0 if all(check.holds for check in checks) else 1)
