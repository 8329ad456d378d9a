"""`dialer hq bundle ...`: material is made, signed by both parts, published, given to centres wave by wave, and taken back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedHeadquarters, of_extra
from dialer.domain import signing
from dialer.domain.orders import HqOrder, SignedOrder
from dialer.errors import SettingError
from dialer.hq.orders import find_stopped_centres, parse_order
from dialer.hq.waves import Rollout, WaveState, plan_waves
from dialer.nats.messages import CMD

if TYPE_CHECKING:
    from dialer.material.repository import Repository, Signatory
    from dialer.nats.session import Session

app = CommandGroup(help="Publish bundles of flows, texts and sounds, signed by media and compliance.")

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 30.0  # with a server that is away
_NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The bundle's name.")]
_VersionArgument = Annotated[int, typer.Argument(metavar="VERSION", help="The bundle's version.")]
_ToOption = Annotated[list[str], typer.Option("--to", help="Recipients: all, zone:NAME or centre:ID. Repeatable.")]


@dataclass(frozen=True)
class Material(NamedHeadquarters):
    """Headquarters and its material."""

    @cached_property
    def repository(self) -> Repository:
        """Where bundles are made and published."""
        with of_extra("hq"):
            from dialer.material.repository import Repository  # noqa: PLC0415 - of an extra
        return Repository(self.settings.bundles.folder)

    def online_key(self) -> bytes:
        """The key that says what is newest and who runs what."""
        from dialer.hq.material import read_online_key  # noqa: PLC0415 - of an extra

        return read_online_key(self.settings)


@dataclass(frozen=True)
class MaterialParts(Material):
    """The same, with keys of the root, and who signs for which part from now on."""

    root_key: Annotated[list[Path], typer.Option(metavar="FILE", help="A root's private key; give two.")]
    media: Annotated[
        list[str], typer.Option(metavar="NAME=KEY", help="A person of media and their public key. Repeatable.")
    ]
    compliance: Annotated[
        list[str], typer.Option(metavar="NAME=KEY", help="A person of compliance and their public key. Repeatable.")
    ]

    def signatories(self) -> list[Signatory]:
        """Raises BadParameter."""
        from dialer.material.repository import Signatory  # noqa: PLC0415 - of an extra
        from dialer.material.trust import COMPLIANCE, MEDIA  # noqa: PLC0415

        people = [
            *(_person(each, MEDIA) for each in self.media),
            *(_person(each, COMPLIANCE) for each in self.compliance),
        ]
        return [Signatory(*each) for each in people]


def _person(text: str, part: str) -> tuple[str, str, bytes]:
    name, equals, key = text.partition("=")
    if not equals or not name or not key.startswith("ed25519:") or len(key) != len("ed25519:") + 44:
        raise typer.BadParameter(f"{text!r} is no NAME=ed25519:..., as `dialer hq keys make` prints it")
    return name, part, signing.read_public_key(key)


@app.command()
def begin(
    hq: MaterialParts,
    root: Annotated[
        list[str] | None, typer.Option(metavar="NAME=KEY", help="The public key of a third root, kept elsewhere.")
    ] = None,
) -> None:
    """Set up who signs for what. Run it once.

    Set headquarters.material_root of every centre to the new root.json. Run it on an offline machine, and copy only the
    folder, not the root keys, to headquarters' machine.
    """
    keys = _private(hq.root_key)
    path = hq.repository.create(keys, _public(root or ()), hq.signatories(), hq.online_key(), time.time())
    typer.echo(f"{path}: to every centre, as headquarters.material_root; lock the root keys away")


@app.command()
def people(hq: MaterialParts) -> None:
    """Draft a new list of people who may sign bundles.

    It takes effect when these people have signed the approved bundles (`sign`) and that is published. The draft also
    names headquarters' present key (bundles.online_key_file).
    """
    hq.repository.change_signatories(_private(hq.root_key), hq.signatories(), hq.online_key(), time.time())
    typer.echo(
        "drafted; next: media and compliance sign (dialer hq bundle sign), then publish; lock the root keys away"
    )


@app.command()
def roots(
    hq: Material,
    root_key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A private key to sign with: two of the old roots and two of the new."),
    ],
    root: Annotated[
        list[str], typer.Option(metavar="NAME=KEY", help="The public key of each root from now on. Repeatable.")
    ],
) -> None:
    """Replace the root keys, after a key was lost or a person left.

    A key that stays signs for both sides. The people who sign bundles stay. With the same keys, this renews the root,
    which expires after a year.
    """
    hq.repository.change_roots(_private(root_key), _public(root), time.time())
    typer.echo("changed, and published: these keys alone sign the root from now on; lock them away")


def _private(paths: Sequence[Path]) -> list[bytes]:
    return [signing.read_key_file(path, "--root-key") for path in paths]


def _public(roots: Sequence[str]) -> list[bytes]:
    return [_person(each, "root")[2] for each in roots]


@app.command()
def make(
    hq: Material,
    source: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder to bundle; names that start with a dot are left out.")
    ],
    name: _NameArgument,
    version: _VersionArgument,
    jurisdiction: Annotated[
        str, typer.Option(help="The legal profile of the bundle; only centres with this profile accept it.")
    ],
) -> None:
    """Create a version of a bundle from a folder with flows/, scripts/, texts/, sounds/ or catalogue/.

    No centre receives it yet.
    """
    if not source.is_dir():
        raise typer.BadParameter(f"{source} is no folder")
    manifest, new = hq.repository.add_bundle(source, name, version, jurisdiction, time.time())
    typer.echo(
        f"{manifest.label}: {len(manifest.files):,} files, {manifest.size:,} bytes, {new:,} of them new;"
        " next: media and compliance sign (dialer hq bundle sign)"
    )


@app.command()
def sign(hq: Material, key: Annotated[Path, typer.Option(metavar="FILE", help="Your private key.")]) -> None:
    """Sign the draft, after showing what it approves and withdraws.

    Both media and compliance must sign.
    """
    repository = hq.repository
    new, gone = repository.draft_changes()
    for target in new:
        manifest = repository.manifest(target)
        typer.echo(f"approves {manifest.label}: {len(manifest.files):,} files, {manifest.size:,} bytes")
    for target in gone:
        typer.echo(f"approves no more {target}")
    signed = repository.sign(signing.read_key_file(key, "--key"))
    typer.echo(f"signed by {', '.join(f'{name} ({part})' for name, part in sorted(signed.items()))}")


@app.command()
def publish(hq: Material) -> None:
    """Publish what media and compliance have signed.

    `give` or `waves` decides which centres use it.
    """
    hq.repository.publish(hq.online_key(), time.time())
    typer.echo(f"approved: {', '.join(hq.repository.approved()) or 'nothing'}")


@app.command()
def withdraw(hq: Material, name: _NameArgument, version: _VersionArgument) -> None:
    """Draft the withdrawal of a version.

    It takes effect when it is signed and published. Use `give` to give centres another version.
    """
    hq.repository.withdraw(name, version, time.time())
    typer.echo(f"{name} {version} is drafted as withdrawn; next: media and compliance sign (dialer hq bundle sign)")


@app.command()
def give(hq: Material, name: _NameArgument, version: _VersionArgument, to: _ToOption) -> None:
    """Set the centres that run a version, which may be an earlier one.

    Centres check every 20 seconds.
    """
    repository = hq.repository
    from dialer.hq.material import assign_material  # noqa: PLC0415 - of an extra

    assign_material(hq.settings, name, version, to)
    for wave in repository.waves().waves:
        typer.echo(f"{wave.name} {wave.version}: {', '.join(wave.to)}")


@app.command()
def freshen(hq: Material) -> None:
    """Confirm that the published list is current; centres trust it for two days.

    Run it every hour.
    """
    hq.repository.renew(hq.online_key(), time.time())


@app.command()
async def waves(
    hq: NamedHeadquarters,
    name: _NameArgument,
    version: _VersionArgument,
    first: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A centre of the first wave. Repeatable.")
    ] = None,
    hold: Annotated[float, typer.Option(help="Minutes to watch each wave.")] = 5.0,
    patience: Annotated[float, typer.Option(help="Minutes within which a wave's centres must run it.")] = 10.0,
) -> None:
    """Give a version to three centres, then to a zone, then to all, and stop if a centre has a problem.

    Exit 1 if it stopped. It waits while leaders have stopped a centre of the wave. If it was interrupted, run it again.
    Centres that have the version keep it; use `give` with the earlier version to go back.
    """
    settings = hq.settings
    zones = {each.id: each.zone for each in settings.centres}
    if not zones:
        raise SettingError(str(hq.config), "centres", "is empty", "name the centres")
    try:
        steps = plan_waves(zones, first or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    rollout = Rollout(f"{name}-{version}", steps, hold_seconds=hold * 60, patience_seconds=patience * 60)
    raise typer.Exit(await _run_waves(hq, name, version, rollout))


async def _run_waves(hq: NamedHeadquarters, name: str, version: int, rollout: Rollout) -> int:
    """The exit code."""
    settings = hq.settings
    with of_extra("hq"):
        from dialer.hq.material import assign_material  # noqa: PLC0415 - of an extra
        from dialer.nats.session import StreamRecreated  # noqa: PLC0415

    async def hear(subject: str, data: bytes) -> None:
        _, centre, kind, *_ = subject.split(".")
        try:
            fields = json.loads(data)
            if kind == "material":
                rollout.update_material(centre, fields["active"], fields["assigned"], str(fields["problem"]))
            else:
                rollout.update_alerts(centre, [str(each["code"]) for each in fields["alerts"]])
        except (ValueError, KeyError, TypeError):
            return  # none of ours

    async def follow_orders(session: Session) -> None:
        orders = list[tuple[SignedOrder, HqOrder]]()
        while True:
            with contextlib.suppress(StreamRecreated):
                async for stored in session.consume(CMD, 0):
                    if (parsed := parse_order(stored.data)) is not None:
                        orders.append(parsed)
                        rollout.update_stopped(find_stopped_centres(settings, orders, time.time()))

    async with hq.session("headquarters' waves", PATIENCE_SECONDS) as session:
        await session.subscribe("live.*.material", hear)
        await session.subscribe("live.*.alert", hear)
        following = asyncio.create_task(follow_orders(session))
        state, held = WaveState.NEXT, list[str]()
        while state in {WaveState.NEXT, WaveState.WAIT}:
            if state is WaveState.NEXT:
                step = rollout.start_next_wave(time.monotonic())
                await asyncio.to_thread(assign_material, settings, name, version, step.to)
                typer.echo(f"{name} {version} to {', '.join(step.to)}: {len(step.centres)} centres")
            await asyncio.sleep(LOOK_SECONDS)
            state = rollout.decide(time.monotonic())
            if rollout.stopped_centres != held:
                held = rollout.stopped_centres
                typer.echo(f"waits while leaders have stopped {', '.join(held)}" if held else "leaders let them go on")
        following.cancel()
    if state is WaveState.STOPPED:
        typer.echo(f"stopped, nobody else gets it: {rollout.problem}")
        return 1
    typer.echo(
        "every centre runs it"
        if not rollout.missing_centres
        else f"not there yet: {', '.join(rollout.missing_centres)}"
    )
    return 1 if rollout.missing_centres else 0
