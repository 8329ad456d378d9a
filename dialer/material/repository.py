"""The repository of campaign material at headquarters. Bundles (folders of files) are drafted, signed, published, and
assigned to centres.

    FOLDER/public/      served by the web server: metadata/, targets/, files/
    FOLDER/drafts/      unpublished bundles, and the unsigned list of approved files (targets.json)

There are three kinds of keys. Two root keys, kept offline, sign the list of people who may sign bundles. One person of
media and one of compliance sign every bundle. The key on this machine signs the assignment of bundles to centres, but
cannot approve a bundle. All methods block.
"""

from __future__ import annotations

import fcntl
import hashlib
import lzma
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from dialer.domain import signing
from dialer.material import trust
from dialer.material.manifest import (
    WAVES_TARGET,
    BundleFile,
    Manifest,
    MaterialRefused,
    Wave,
    Waves,
    get_published_file_path,
    get_published_manifest_path,
)

S = TypeVar("S", Root, Targets, Snapshot, Timestamp)
ROOT_DAYS, TARGETS_DAYS, TIMESTAMP_DAYS = 365, 90, 2
"""How long each kind of metadata is valid. The last is renewed by `renew_signature_of_bundle_assignments`. It limits how long
newer material can be withheld unnoticed.
"""
MAX_PACKED_RATIO = 0.9
"""A file whose .xz copy is larger than this share of it is published uncompressed only."""


@dataclass(frozen=True, slots=True)
class Signatory:
    """A person of the media or compliance department who signs campaign material (bundles)."""

    name: str
    department: str
    key: bytes  # public


def create_tuf_key(public: bytes, fields: Mapping[str, Any] | None = None) -> SSlibKey:
    """Return a public key as the metadata of The Update Framework (TUF) contains it."""
    value = public.hex()
    keyid = hashlib.sha256(b"ed25519:" + value.encode()).hexdigest()
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": value}, dict(fields or {}))


def create_tuf_signer(private: bytes) -> CryptoSigner:
    """Return a signer that signs metadata of The Update Framework (TUF) with a private key."""
    return CryptoSigner(
        Ed25519PrivateKey.from_private_bytes(private), create_tuf_key(signing.derive_public_key(private))
    )


class Repository:
    """The folder at headquarters with the campaign material: drafts of bundles, and published versions."""

    def __init__(self, folder: Path) -> None:
        """Use the repository of campaign material in `folder`. `create_material_repository` creates its files."""
        self._folder = folder
        self._metadata = folder / "public" / "metadata"
        self._targets = folder / "public" / "targets"
        self._files = folder / "public" / "files"
        self._drafts = folder / "drafts"

    # Root and keys

    def create_material_repository(
        self,
        root_keys: Iterable[bytes],
        root_public: Iterable[bytes],
        signatories: Collection[Signatory],
        online: bytes,
        now: float,
    ) -> Path:
        """Create the repository of campaign material. Return its root.json, which centres need to verify the material.

        The private `root_keys` sign root.json. `root_public` are the public parts of further root keys, which may sign
        a later root.json. Raises MaterialRefused.
        """
        if self._metadata.exists():
            raise MaterialRefused(
                f"{self._folder} already contains a repository of campaign material: name another folder"
            )
        signers = [create_tuf_signer(key) for key in root_keys]
        roots = {key.keyid: key for key in (*(s.public_key for s in signers), *map(create_tuf_key, root_public))}
        if (
            len(signers) < trust.ROOT_SIGNATURES
            or len({signer.public_key.keyid for signer in signers}) < trust.ROOT_SIGNATURES
        ):
            raise MaterialRefused("root.json must be signed with two root keys: give the files of two root keys")
        own = create_tuf_signer(online).public_key
        root = _build_tuf_root_metadata([*roots.values()], own, signatories, now)
        for folder in (self._metadata, self._targets, self._files, self._drafts):
            folder.mkdir(parents=True)
        self._write_tuf_metadata(_sign_tuf_metadata(root, signers), "1.root.json")
        self._write_tuf_metadata(
            Metadata(
                Targets(
                    expires=_compute_expiry_date_of_tuf_metadata(now, TARGETS_DAYS),
                    delegations=_create_tuf_delegation_for_assignments(own),
                )
            ),
            "targets.json",
            self._drafts,
        )
        return self._metadata / "1.root.json"

    def draft_change_of_signatories(
        self, root_keys: Iterable[bytes], signatories: Collection[Signatory], online: bytes, now: float
    ) -> None:
        """Draft a new list of the people who sign campaign material, and a new signing key of this machine.

        The change takes effect when it is published. Raises MaterialRefused.
        """
        before = self._read_tuf_root_metadata()
        own = create_tuf_signer(online).public_key
        root = _build_tuf_root_metadata(
            [before.keys[keyid] for keyid in before.roles[Root.type].keyids], own, signatories, now
        )
        root.version = self._find_newest_tuf_metadata_version(Root.type) + 1
        signed = _sign_tuf_metadata(root, map(create_tuf_signer, root_keys))
        if not before.get_verification_result(Root.type, signed.signed_bytes, signed.signatures):
            raise MaterialRefused(
                "the change must be signed with two root keys of the present root.json: give the files of both keys"
            )
        self._write_tuf_metadata(signed, "root.json", self._drafts)
        targets = self._read_drafted_tuf_targets()
        targets.signed.delegations = _create_tuf_delegation_for_assignments(own)
        self._write_drafted_tuf_targets(targets, now)

    def replace_root_keys_of_repository(
        self, root_keys: Iterable[bytes], root_public: Collection[bytes], now: float
    ) -> None:
        """Replace the root keys by the public keys `root_public`, and publish the new root.json. Raises
        MaterialRefused.

        Two old and two new private keys (`root_keys`) must sign. The people who sign bundles do not change.
        """
        if (self._drafts / "root.json").exists():
            raise MaterialRefused("the last change of the signatories is not published yet: publish it first")
        before = self._read_tuf_root_metadata()
        former = before.roles[Root.type].keyids
        everybody = [
            *(key for keyid, key in before.keys.items() if keyid not in former),
            *map(create_tuf_key, root_public),
        ]
        keys: dict[str, Key] = {key.keyid: key for key in everybody}
        if len(keys) < len(everybody):
            raise MaterialRefused("the same key is named twice: give a different key for each root key and each person")
        roots = Role([key.keyid for key in everybody[-len(root_public) :]], trust.ROOT_SIGNATURES)
        version = self._find_newest_tuf_metadata_version(Root.type) + 1
        root = Root(
            version=version,
            expires=_compute_expiry_date_of_tuf_metadata(now, ROOT_DAYS),
            keys=keys,
            roles={**before.roles, Root.type: roots},
        )
        signed = _sign_tuf_metadata(root, map(create_tuf_signer, root_keys))
        if not root.get_root_verification_result(before, signed.signed_bytes, signed.signatures):
            raise MaterialRefused(
                "a change of root keys must be signed with two of the old root keys and two of the new ones: give the files of"
                " these four keys"
            )
        self._write_tuf_metadata(signed, f"{version}.root.json")

    # Bundles

    def draft_bundle_from_folder(
        self, source: Path, name: str, version: int, jurisdiction: str, now: float
    ) -> tuple[Manifest, int]:
        """Draft a bundle of campaign material from a folder. Return its file list (manifest), and the size of its new
        files (bytes).

        Files of earlier versions are not new. Raises MaterialRefused.
        """
        if (self._folder / "drafts" / get_published_manifest_path(name, version)).exists():
            raise MaterialRefused(
                f"bundle {name} {version} exists already: give the changed bundle a new version number"
            )
        files: dict[str, BundleFile] = {}
        new = 0
        for path in sorted(source.rglob("*")):
            below = path.relative_to(source)
            if path.is_symlink() or any(part.startswith(".") for part in below.parts) or not path.is_file():
                continue
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            place, packed = (self._files / get_published_file_path(digest, packed=each) for each in (False, True))
            if not place.exists():
                new += path.stat().st_size
                place.parent.mkdir(parents=True, exist_ok=True)
                unfinished = place.with_name(f"{digest}.new")
                shutil.copyfile(path, unfinished)
                unfinished.chmod(0o444)
                _compress_file_if_worthwhile(unfinished, packed)
                unfinished.replace(place)
            packed_size = packed.stat().st_size if packed.exists() else None
            files[below.as_posix()] = BundleFile(sha256=digest, size=path.stat().st_size, packed=packed_size)
        try:
            manifest = Manifest(name=name, version=version, jurisdiction=jurisdiction, made_at=now, files=files)
        except ValueError as error:
            raise MaterialRefused(f"folder {source} cannot become a bundle of campaign material: {error}") from error
        self._write_file_atomically(self._drafts / manifest.manifest_path_on_server, manifest.encode_document_as_json())
        targets = self._read_drafted_tuf_targets()
        targets.signed.targets[manifest.manifest_path_on_server] = TargetFile.from_data(
            manifest.manifest_path_on_server, manifest.encode_document_as_json(), ["sha256"]
        )
        self._write_drafted_tuf_targets(targets, now)
        return manifest, new

    def draft_withdrawal_of_material_version(self, name: str, version: int, now: float) -> None:
        """Draft the withdrawal of an approved version of campaign material (bundle), so that it can no longer be
        assigned to centres. Raises MaterialRefused.
        """
        targets = self._read_drafted_tuf_targets()
        if targets.signed.targets.pop(get_published_manifest_path(name, version), None) is None:
            raise MaterialRefused(
                f"bundle {name} {version} is not approved, so it cannot be withdrawn: name an approved version"
            )
        self._write_drafted_tuf_targets(targets, now)

    def list_versions_changed_by_draft(self) -> tuple[list[str], list[str]]:
        """Return two lists of versions of campaign material: those that publishing the draft approves, and those that
        it withdraws.
        """
        drafted, published = {*self._read_drafted_tuf_targets().signed.targets}, {*self.list_approved_bundle_versions()}
        return sorted(drafted - published), sorted(published - drafted)

    def list_approved_bundle_versions(self) -> list[str]:
        """Return the versions of campaign material (bundles) that are approved in the newest published metadata."""
        newest = self._read_newest_tuf_metadata(Targets.type)
        return [] if newest is None else sorted(newest.signed.targets)

    def read_manifest_of_bundle_version(self, target: str) -> Manifest:
        """Return the manifest (list of files) of a version of campaign material that was drafted on this machine. Raises
        MaterialRefused.
        """
        try:
            return Manifest.parse_published_document((self._drafts / target).read_bytes())
        except FileNotFoundError as error:
            raise MaterialRefused(
                f"{target}: this list of files was drafted on another machine: copy the whole folder of campaign "
                "material from that machine"
            ) from error

    def sign_drafted_bundles(self, private: bytes) -> dict[str, str]:
        """Add a person's signature to the drafted campaign material (bundles). Return everybody who has signed the
        draft so far, with their departments. Raises MaterialRefused.
        """
        targets, signer = self._read_drafted_tuf_targets(), create_tuf_signer(private)
        root = self._read_tuf_root_metadata(drafted=True)
        if signer.public_key.keyid not in root.roles[Targets.type].keyids:
            raise MaterialRefused(
                "this key does not belong to a person in root.json who may sign campaign material: sign with the "
                "key of a person of the department media or compliance"
            )
        targets.sign(signer, append=True)
        self._write_tuf_metadata(targets, "targets.json", self._drafts)
        return trust.find_valid_bundle_signers(root, targets)

    def find_signers_of_complete_bundle_draft(self) -> dict[str, str]:
        """Return the people who have signed the drafted campaign material (bundles), with their departments. Raises
        MaterialRefused if a necessary signature is missing.
        """
        signed = trust.find_valid_bundle_signers(
            self._read_tuf_root_metadata(drafted=True), self._read_drafted_tuf_targets()
        )
        trust.require_signatures_of_both_departments(signed.values())
        if len(signed) < trust.TARGETS_SIGNATURES:
            raise MaterialRefused(
                "the campaign material has one signature, but needs two: have it signed by one person of the "
                "department media and one of compliance"
            )
        return signed

    def publish_drafted_bundles(self, online: bytes, now: float) -> None:
        """Publish the drafted campaign material (bundles). Raises MaterialRefused unless people of both departments
        (media and compliance) have signed it.
        """
        self.find_signers_of_complete_bundle_draft()
        targets, drafted = self._read_drafted_tuf_targets(), self._drafts / "root.json"
        root = self._read_tuf_root_metadata(drafted=True)
        for target in targets.signed.targets:
            data = (self._drafts / target).read_bytes()
            folder, _, name = target.rpartition("/")
            self._write_file_atomically(self._targets / folder / f"{hashlib.sha256(data).hexdigest()}.{name}", data)
        if drafted.exists():
            drafted.replace(self._metadata / f"{root.version}.root.json")
        self._write_tuf_metadata(targets, f"{targets.signed.version}.targets.json")
        self.renew_signature_of_bundle_assignments(online, now)

    # Waves

    def read_roll_out_waves(self) -> Waves:
        """Return the waves (steps of a roll-out). Each assigns a version of campaign material to centres."""
        newest = self._read_newest_tuf_metadata(trust.WAVES_ROLE)
        if newest is None:
            return Waves()
        digest = newest.signed.targets[WAVES_TARGET].hashes["sha256"]
        return Waves.parse_published_document((self._targets / f"{digest}.{WAVES_TARGET}").read_bytes())

    def assign_approved_bundle_version(
        self, name: str, version: int, to: Collection[str], covered: Collection[str], online: bytes, now: float
    ) -> None:
        """Assign an approved version of campaign material to the addressees `to` (centres, zones or all).

        The new assignment replaces all earlier ones to these addressees. It also replaces those to `covered`, the
        centres or zones within `to`. Raises MaterialRefused.
        """
        with self._lock_material_repository():
            if get_published_manifest_path(name, version) not in self.list_approved_bundle_versions():
                raise MaterialRefused(
                    f"bundle {name} {version} is not approved: have it signed by media and compliance, then publish it"
                )
            replaced = {*to, *covered}
            others = [
                wave.model_copy(update={"to": left})
                for wave in self.read_roll_out_waves().waves
                if (left := tuple(each for each in wave.to if each not in replaced))
            ]
            own = next((wave for wave in others if (wave.name, wave.version) == (name, version)), None)
            if own is not None:
                others.remove(own)
                to = [*own.to, *to]
            narrow_first = sorted(
                (Wave(name=name, version=version, to=tuple(to)), *others),
                key=lambda wave: _get_sort_key_of_assignment(wave.to),
            )
            self._sign_and_write_roll_out_waves(Waves(waves=tuple(narrow_first)), online, now)
            self._write_tuf_snapshot_and_timestamp(online, now)

    def renew_signature_of_bundle_assignments(self, online: bytes, now: float) -> None:
        """Sign the assignments to centres again, for two more days.

        Signatures are short-lived so that an attacker cannot hide a newer version from centres for long.
        """
        with self._lock_material_repository():
            self._sign_and_write_roll_out_waves(self.read_roll_out_waves(), online, now)
            self._write_tuf_snapshot_and_timestamp(online, now)

    @contextmanager
    def _lock_material_repository(self) -> Iterator[None]:
        """Lock the repository, so that concurrent assignments by pages, commands or cron jobs are not lost."""
        try:
            descriptor = os.open(self._drafts, os.O_RDONLY)
        except OSError as error:
            raise self._create_error_about_missing_repository() from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _create_error_about_missing_repository(self) -> MaterialRefused:
        return MaterialRefused(f"{self._folder} is not a repository: create it with `dialer hq bundle init`")

    def _sign_and_write_roll_out_waves(self, waves: Waves, online: bytes, now: float) -> None:
        data, newest = waves.encode_document_as_json(), self._read_newest_tuf_metadata(trust.WAVES_ROLE)
        self._write_file_atomically(self._targets / f"{hashlib.sha256(data).hexdigest()}.{WAVES_TARGET}", data)
        signed = Targets(
            version=1 if newest is None else newest.signed.version + 1,
            expires=_compute_expiry_date_of_tuf_metadata(now, TIMESTAMP_DAYS),
            targets={WAVES_TARGET: TargetFile.from_data(WAVES_TARGET, data, ["sha256"])},
        )
        self._write_tuf_metadata(
            _sign_tuf_metadata(signed, [create_tuf_signer(online)]), f"{signed.version}.{trust.WAVES_ROLE}.json"
        )

    def _write_tuf_snapshot_and_timestamp(self, online: bytes, now: float) -> None:
        """Write new snapshot metadata of The Update Framework (TUF), then new timestamp metadata.

        Clients read the timestamp first, so it changes last.
        """
        signer, version = create_tuf_signer(online), self._find_newest_tuf_metadata_version(Snapshot.type) + 1
        meta = {
            f"{role}.json": MetaFile(self._find_newest_tuf_metadata_version(role))
            for role in (Targets.type, trust.WAVES_ROLE)
        }
        snapshot = Snapshot(
            version=version, expires=_compute_expiry_date_of_tuf_metadata(now, TIMESTAMP_DAYS), meta=meta
        )
        self._write_tuf_metadata(_sign_tuf_metadata(snapshot, [signer]), f"{version}.snapshot.json")
        stamp = Timestamp(
            version=version,
            expires=_compute_expiry_date_of_tuf_metadata(now, TIMESTAMP_DAYS),
            snapshot_meta=MetaFile(version),
        )
        self._write_tuf_metadata(_sign_tuf_metadata(stamp, [signer]), "timestamp.json")

    # Files

    def _read_tuf_root_metadata(self, *, drafted: bool = False) -> Root:
        """Return the active root.json (TUF's list of trusted keys). With `drafted`, return the draft of the next one if
        it exists.
        """
        path = self._metadata / f"{self._find_newest_tuf_metadata_version(Root.type)}.root.json"
        if drafted and (self._drafts / "root.json").exists():
            path = self._drafts / "root.json"
        root: Root = self._read_tuf_metadata(path).signed
        return root

    def _read_drafted_tuf_targets(self) -> Metadata[Targets]:
        return self._read_tuf_metadata(self._drafts / "targets.json")

    def _read_tuf_metadata(self, path: Path) -> Metadata[Any]:
        try:
            return Metadata.from_file(str(path))
        except (RepositoryError, OSError) as error:
            raise self._create_error_about_missing_repository() from error

    def _write_drafted_tuf_targets(self, targets: Metadata[Targets], now: float) -> None:
        """Store the draft of the targets metadata (TUF's list of approved files) under a new version number, without
        signatures.
        """
        targets.signed.version = self._find_newest_tuf_metadata_version(Targets.type) + 1
        targets.signed.expires = _compute_expiry_date_of_tuf_metadata(now, TARGETS_DAYS)
        targets.signatures.clear()
        self._write_tuf_metadata(targets, "targets.json", self._drafts)

    def _find_newest_tuf_metadata_version(self, role: str) -> int:
        return max((int(path.name.partition(".")[0]) for path in self._metadata.glob(f"*.{role}.json")), default=0)

    def _read_newest_tuf_metadata(self, role: str) -> Metadata[Targets] | None:
        version = self._find_newest_tuf_metadata_version(role)
        return Metadata.from_file(str(self._metadata / f"{version}.{role}.json")) if version else None

    def _write_tuf_metadata(self, metadata: Metadata[Any], name: str, folder: Path | None = None) -> None:
        self._write_file_atomically((folder or self._metadata) / name, metadata.to_bytes())

    def _write_file_atomically(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.new")
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def _compress_file_if_worthwhile(file: Path, packed: Path) -> None:
    """Write a compressed copy of a file, unless the copy would save hardly any space."""
    unfinished = packed.with_name(f"{packed.name}.new")
    with file.open("rb") as source, lzma.open(unfinished, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    if unfinished.stat().st_size < MAX_PACKED_RATIO * file.stat().st_size:
        unfinished.replace(packed)
    else:
        unfinished.unlink()


def _sign_tuf_metadata(signed: S, signers: Iterable[CryptoSigner]) -> Metadata[S]:
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata


def _build_tuf_root_metadata(roots: Collection[Key], own: Key, signatories: Collection[Signatory], now: float) -> Root:
    """Return TUF root metadata with these keys. Raises MaterialRefused."""
    trust.require_signatures_of_both_departments({each.department for each in signatories})
    people = [
        create_tuf_key(each.key, {trust.NAME: each.name, trust.DEPARTMENT: each.department}) for each in signatories
    ]
    keys: dict[str, Key] = {key.keyid: key for key in (*roots, own, *people)}
    if len(keys) < len(roots) + 1 + len(people):
        raise MaterialRefused("the same key is named twice: give a different key for each root key and each person")
    return Root(
        expires=_compute_expiry_date_of_tuf_metadata(now, ROOT_DAYS),
        keys=keys,
        roles={
            Root.type: Role([key.keyid for key in roots], trust.ROOT_SIGNATURES),
            Targets.type: Role([key.keyid for key in people], trust.TARGETS_SIGNATURES),
            Snapshot.type: Role([own.keyid], 1),
            Timestamp.type: Role([own.keyid], 1),
        },
    )


def _create_tuf_delegation_for_assignments(own: Key) -> Delegations:
    """Return a delegation of The Update Framework (TUF) that lets this machine's key sign the waves (assignments to
    centres), and nothing else.
    """
    waves = DelegatedRole(trust.WAVES_ROLE, [own.keyid], 1, terminating=True, paths=[WAVES_TARGET])
    return Delegations({own.keyid: own}, {trust.WAVES_ROLE: waves})


def _get_sort_key_of_assignment(to: Collection[str]) -> int:
    """Return a sort key that puts assignments to single centres first, then those to zones, then those to all."""
    return max((2 if each == "all" else 1 if each.startswith("zone:") else 0) for each in to)


def _compute_expiry_date_of_tuf_metadata(now: float, days: int) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(microsecond=0) + timedelta(days=days)
