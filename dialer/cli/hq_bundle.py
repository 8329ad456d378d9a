"""`dialer hq bundle`: create, sign, publish and withdraw bundles (campaign material), and roll them out step by step."""

from __future__ import annotations

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
from dialer.cli.hq_account import AccountOptions, HqSession, describe_pending_proposal
from dialer.cli.options import HeadquartersOptions, require_installed_package_extra
from dialer.errors import SettingError

if TYPE_CHECKING:
    from dialer.hq.waves import Rollout
    from dialer.material.repository import Repository, Signatory
    from dialer.nats.session import Session

app = CommandGroup(help="Publish bundles of flows, texts and sounds, signed by media and compliance.")

CHECK_SECONDS = 1.0  # interval between checks of a wave
PATIENCE_SECONDS = 30.0  # how long to try to reach the server
_NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The bundle's name.")]
_VersionArgument = Annotated[int, typer.Argument(metavar="VERSION", help="The bundle's version.")]
_ToOption = Annotated[
    list[str], typer.Option("--to", metavar="RECIPIENTS", help="all, zone:NAME or centre:ID. Repeatable.")
]


@dataclass(frozen=True)
class BundleOptions(HeadquartersOptions):
    """The option --config, which selects a headquarters and its repository of bundles (campaign material)."""

    @cached_property
    def material_repository(self) -> Repository:
        """The repository in which bundles (campaign material) are created and published."""
        with require_installed_package_extra("hq"):
            from dialer.material.repository import Repository
        return Repository(self.headquarters_settings.bundles.folder)

    def load_headquarters_signing_key(self) -> bytes:
        """Return headquarters' own signing key, which signs the assignment of campaign material to centres.

        The key is stored on headquarters' machine. People keep their own keys elsewhere.
        """
        from dialer.hq.material import read_online_signing_key

        return read_online_signing_key(self.headquarters_settings)


@dataclass(frozen=True)
class SignatoryOptions(BundleOptions):
    """The options that name the root keys, and the people who may sign campaign material (media and compliance)."""

    root_key: Annotated[list[Path], typer.Option(metavar="FILE", help="A root's private key. Give two.")]
    media: Annotated[
        list[str], typer.Option(metavar="NAME=KEY", help="A member of media and their public key. Repeatable.")
    ]
    compliance: Annotated[
        list[str], typer.Option(metavar="NAME=KEY", help="A member of compliance and their public key. Repeatable.")
    ]

    def read_signatories(self) -> list[Signatory]:
        """Return the people who may sign bundles (campaign material), with role and public key.

        Raises BadParameter for an invalid NAME=KEY.
        """
        from dialer.material.repository import Signatory
        from dialer.material.trust import COMPLIANCE, MEDIA

        people = [
            *(_parse_signatory(each, MEDIA) for each in self.media),
            *(_parse_signatory(each, COMPLIANCE) for each in self.compliance),
        ]
        return [Signatory(*each) for each in people]


def _parse_signatory(text: str, part: str) -> tuple[str, str, bytes]:
    from dialer.domain import signing

    name, equals, key = text.partition("=")
    if not equals or not name or not key.startswith("ed25519:") or len(key) != len("ed25519:") + 44:
        raise typer.BadParameter(
            f"signatory {text!r} has no valid key: write NAME=ed25519:..., with the key that `dialer hq keys make` printed"
        )
    return name, part, signing.read_public_key(key)


@app.command("init")
def create_material_repository(
    hq: SignatoryOptions,
    root: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=KEY", help="The public key of a third root, whose private key is stored elsewhere."),
    ] = None,
) -> None:
    """Create the repository of campaign material (bundles), with the people who may sign it. Run it once.

    Run it on an offline machine, and copy only the folder to headquarters, not the root keys. Then copy root.json to
    every centre, and set headquarters.material_root to its path.
    """
    keys = _read_private_keys(hq.root_key)
    path = hq.material_repository.create_material_repository(
        keys, _read_public_keys(root or ()), hq.read_signatories(), hq.load_headquarters_signing_key(), time.time()
    )
    typer.echo(
        f"created {path}; next: copy it to every centre and set headquarters.material_root to it; lock the root keys away"
    )


@app.command("signatories")
def draft_change_of_signatories(hq: SignatoryOptions) -> None:
    """Draft a new list of the people who may sign campaign material (bundles).

    The list takes effect in two steps. First, people on the new list sign the approved bundles (`sign`). Then you
    publish the bundles (`publish`). The draft also contains headquarters' current key (bundles.online_key_file).
    """
    keys = _read_private_keys(hq.root_key)
    hq.material_repository.draft_change_of_signatories(
        keys, hq.read_signatories(), hq.load_headquarters_signing_key(), time.time()
    )
    typer.echo(
        "the list of signatories is drafted; next: media and compliance sign (dialer hq bundle sign), then publish; "
        "lock the root keys away"
    )


@app.command("roots")
def replace_root_keys(
    hq: BundleOptions,
    root_key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A private key to sign with. Give two of the old roots and two of the new."),
    ],
    root: Annotated[
        list[str], typer.Option(metavar="NAME=KEY", help="The public key of a new root. Repeatable; name them all.")
    ],
) -> None:
    """Replace or renew the root keys, which sign the list of people who may sign campaign material (bundles).

    The root keys' signature expires after a year: to renew it, give the same keys as old and new. To replace one key,
    give each remaining key as both old and new. The list of people does not change.
    """
    hq.material_repository.replace_root_keys_of_repository(
        _read_private_keys(root_key), _read_public_keys(root), time.time()
    )
    typer.echo("the root keys are replaced and published: only the new ones can sign now; lock them away")


def _read_private_keys(paths: Sequence[Path]) -> list[bytes]:
    from dialer.domain import signing

    return [signing.read_key_file(path, "--root-key") for path in paths]


def _read_public_keys(roots: Sequence[str]) -> list[bytes]:
    return [_parse_signatory(each, "root")[2] for each in roots]


@app.command("make")
def create_campaign_material_version(
    hq: BundleOptions,
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to bundle. Names that start with a dot are skipped.")
    ],
    name: _NameArgument,
    version: _VersionArgument,
    jurisdiction: Annotated[
        str,
        typer.Option(metavar="PROFILE", help="The bundle's legal profile. Only centres with this profile accept it."),
    ],
) -> None:
    """Create a version of a bundle (campaign material) from a folder with flows/, scripts/, texts/, sounds/ or catalogue/.

    No centre receives it before it is signed, published and assigned.
    """
    if not source.is_dir():
        raise typer.BadParameter(f"{source} is not a folder: give the folder with the bundle's files")
    manifest, new = hq.material_repository.draft_bundle_from_folder(source, name, version, jurisdiction, time.time())
    typer.echo(
        f"{manifest.bundle_name_and_version}: {len(manifest.files):,} files, {manifest.total_file_bytes:,} bytes,"
        f" {new:,} of them new; next: media and compliance sign (dialer hq bundle sign)"
    )


@app.command("sign")
def sign_draft_of_campaign_material(
    hq: BundleOptions, key: Annotated[Path, typer.Option(metavar="FILE", help="Your private key.")]
) -> None:
    """Sign the draft list of bundles (campaign material), and print which versions it approves and withdraws.

    One person of media and one of compliance must sign.
    """
    from dialer.domain import signing

    repository = hq.material_repository
    added, removed = repository.list_versions_changed_by_draft()
    for target in added:
        manifest = repository.read_manifest_of_bundle_version(target)
        typer.echo(
            f"approves {manifest.bundle_name_and_version}: {len(manifest.files):,} files, {manifest.total_file_bytes:,} bytes"
        )
    for target in removed:
        typer.echo(f"withdraws {target}")
    signed = repository.sign_drafted_bundles(signing.read_key_file(key, "--key"))
    typer.echo(f"signed by {', '.join(f'{name} ({part})' for name, part in sorted(signed.items()))}")


@app.command("publish")
def publish_approved_material(account: AccountOptions) -> None:
    """Publish the bundles (campaign material) that media and compliance have signed.

    A centre uses a published bundle only after `assign` or `waves` has given it to the centre.
    """

    async def publish_signed_bundles(session: HqSession) -> list[str]:
        return await session.proposals.publish_material(await session.find_signed_in_user())

    typer.echo(f"approved: {', '.join(account.call_function_as_signed_in_user(publish_signed_bundles)) or 'nothing'}")


@app.command("withdraw")
def withdraw_version_of_campaign_material(
    account: AccountOptions, name: _NameArgument, version: _VersionArgument
) -> None:
    """Draft the withdrawal of a version of a bundle (campaign material), which no centre may use afterwards.

    The withdrawal takes effect after media and compliance have signed the draft and you have published it. Use `assign`
    to give centres another version.
    """

    async def draft_withdrawal_of_material_version(session: HqSession) -> None:
        await session.proposals.draft_withdrawal_of_material_version(name, version, await session.find_signed_in_user())

    account.call_function_as_signed_in_user(draft_withdrawal_of_material_version)
    typer.echo(f"withdrawal of {name} {version} drafted; next: media and compliance sign (dialer hq bundle sign)")


@app.command("assign")
def propose_material_version_for_centres(
    account: AccountOptions, name: _NameArgument, version: _VersionArgument, to: _ToOption
) -> None:
    """Propose which version of a bundle (campaign material) centres use. An earlier version is also possible.

    The version is assigned when another user confirms the proposal, on headquarters' pages or with `dialer hq proposal
    confirm`. Centres check for changes every 20 seconds.
    """

    async def propose_version_to_all_addressees(session: HqSession) -> None:
        for each in to:
            proposal = await session.proposals.propose_material(
                name, version, each, await session.find_signed_in_user()
            )
            typer.echo(f"{name} {version} to {each}: {describe_pending_proposal(proposal)}")

    account.call_function_as_signed_in_user(propose_version_to_all_addressees)


@app.command("renew")
def renew_signature_of_material_assignments(hq: BundleOptions) -> None:
    """Renew the signature of the list that says which bundle (campaign material) each centre uses. Run it every hour.

    Centres accept the list for two days after the last signature.
    """
    hq.material_repository.renew_signature_of_bundle_assignments(hq.load_headquarters_signing_key(), time.time())


@app.command("waves")
def roll_out_campaign_material_in_steps(
    account: AccountOptions,
    name: _NameArgument,
    version: _VersionArgument,
    first: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A centre of the first wave. Repeatable.")
    ] = None,
    hold: Annotated[float, typer.Option(metavar="MINUTES", help="How long to watch each wave.")] = 5.0,
    patience: Annotated[
        float, typer.Option(metavar="MINUTES", help="Time limit for the centres of a wave to run the version.")
    ] = 10.0,
) -> None:
    """Roll out a version of a bundle (campaign material): first to three centres, then to a zone, then to all.

    Run the command twice. The first run proposes the rollout. After another user has confirmed it, the second run
    carries it out. The rollout stops if a centre has a problem. Then use `assign` to go back to the earlier version.
    The rollout waits while leaders have stopped a centre of the current step (wave). If the command was interrupted,
    run it again. Exit 1 after the proposal, and if the rollout stops.
    """
    from dialer.hq.waves import Rollout, plan_rollout_waves

    zones = {each.id: each.zone for each in account.headquarters_settings.centres}
    if not zones:
        raise SettingError(str(account.config), "centres", "is empty", "add a [[centres]] table for each centre")
    try:
        steps = plan_rollout_waves(zones, first or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    rollout = Rollout(f"{name}-{version}", steps, hold_seconds=hold * 60, patience_seconds=patience * 60)

    async def propose_or_carry_out_rollout(session: HqSession) -> int:
        proposal = await session.proposals.find_confirmed_rollout(name, version, await session.find_signed_in_user())
        if proposal is not None:
            return await _carry_out_rollout_of_campaign_material(
                account, session, proposal, f"{name} {version}", rollout
            )
        waiting = await session.proposals.propose_rollout(name, version, await session.find_signed_in_user())
        typer.echo(f"{name} {version} in waves: {describe_pending_proposal(waiting)}; then run this command again")
        return 1

    raise typer.Exit(account.call_function_as_signed_in_user(propose_or_carry_out_rollout))


async def _carry_out_rollout_of_campaign_material(
    hq: HeadquartersOptions, hq_session: HqSession, proposal: int, version: str, rollout: Rollout
) -> int:
    """Carry out a confirmed rollout of campaign material step by step (in waves), and print each step.

    Return the exit code of the command.
    """
    import asyncio

    from dialer.domain.orders import HqOrder, SignedOrder
    from dialer.hq.orders import find_stopped_centres, parse_order
    from dialer.hq.waves import WaveState
    from dialer.nats.messages import CMD

    settings = hq.headquarters_settings
    with require_installed_package_extra("hq"):
        from dialer.nats.session import StreamRecreated

    async def record_centre_report_or_alerts(subject: str, data: bytes) -> None:
        _, centre, kind, *_ = subject.split(".")
        try:
            report = json.loads(data)
            if kind == "material":
                rollout.record_version_reported_by_centre(
                    centre, report["active"], report["assigned"], str(report["problem"])
                )
            else:
                rollout.record_centre_alerts(centre, [str(each["code"]) for each in report["alerts"]])
        except (ValueError, KeyError, TypeError):
            return  # a message that no centre of this version sends

    async def record_centres_stopped_by_orders(session: Session) -> None:
        orders = list[tuple[SignedOrder, HqOrder]]()
        while True:
            with contextlib.suppress(StreamRecreated):
                async for stored in session.read_stream_messages(CMD, 0):
                    if (parsed := parse_order(stored.data)) is not None:
                        orders.append(parsed)
                        rollout.record_stopped_centres(find_stopped_centres(settings, orders, time.time()))

    async with hq.connect_to_nats_server("headquarters' waves", PATIENCE_SECONDS) as session:
        await session.subscribe_to_subject("live.*.material", record_centre_report_or_alerts)
        await session.subscribe_to_subject("live.*.alert", record_centre_report_or_alerts)
        following = asyncio.create_task(record_centres_stopped_by_orders(session))
        state, held = WaveState.NEXT, list[str]()
        while state in {WaveState.NEXT, WaveState.WAIT}:
            if state is WaveState.NEXT:
                step = rollout.start_next_wave_of_rollout(time.monotonic())
                await hq_session.proposals.assign_rollout_to_next_centres(
                    proposal, step.to, await hq_session.find_signed_in_user()
                )
                typer.echo(f"{version} to {', '.join(step.to)}: {len(step.centres)} centres")
            await asyncio.sleep(CHECK_SECONDS)
            state = rollout.decide_next_rollout_step(time.monotonic())
            if rollout.stopped_centres_of_wave != held:
                held = rollout.stopped_centres_of_wave
                typer.echo(
                    f"waiting, because leaders have stopped {', '.join(held)}"
                    if held
                    else "continuing: no stop in force"
                )
        following.cancel()
    await hq_session.proposals.record_end_of_rollout(proposal, rollout.problem, await hq_session.find_signed_in_user())
    if state is WaveState.STOPPED:
        typer.echo(f"stopped, no further centre receives the version: {rollout.problem}")
        return 1
    typer.echo(
        "every centre runs the version"
        if not rollout.centres_of_wave_without_new_version
        else f"centres that do not run the version yet: {', '.join(rollout.centres_of_wave_without_new_version)}"
    )
    return 1 if rollout.centres_of_wave_without_new_version else 0
