"""Material at headquarters: bundles are created, signed by both departments, published as files and assigned to centres.

    FOLDER/public/      served by the web server: metadata/, targets/, files/
    FOLDER/drafts/      created bundles, and targets.json between its signers

There are three kinds of keys: root keys (offline; two sign the first root), those of people of media and of compliance (one of
each signs every bundle), and the key on this machine, which signs what is newest and which centre runs which version. It
cannot assign a bundle that the departments have not signed. All methods block.
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
    file_path,
    target_of,
)

S = TypeVar("S", Root, Targets, Snapshot, Timestamp)
ROOT_DAYS, TARGETS_DAYS, TIMESTAMP_DAYS = 365, 90, 2
"""How long each kind of metadata is valid. The last is renewed by `renew`; it limits how long newer material can be withheld
unnoticed.
"""
MAX_PACKED_RATIO = 0.9
"""A file whose .xz copy is larger than this share of it is published uncompressed only."""


@dataclass(frozen=True, slots=True)
class Signatory:
    """A person of media or compliance who signs bundles."""

    name: str
    department: str
    key: bytes  # public


def tuf_key(public: bytes, fields: Mapping[str, Any] | None = None) -> SSlibKey:
    """Return a public key in the form of the metadata."""
    value = public.hex()
    keyid = hashlib.sha256(b"ed25519:" + value.encode()).hexdigest()
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": value}, dict(fields or {}))


def tuf_signer(private: bytes) -> CryptoSigner:
    """Return a signer of metadata for a private key."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(private), tuf_key(signing.derive_public_key(private)))


class Repository:
    """The folder of published material."""

    def __init__(self, folder: Path) -> None:
        """`create` fills it."""
        self._folder = folder
        self._metadata = folder / "public" / "metadata"
        self._targets = folder / "public" / "targets"
        self._files = folder / "public" / "files"
        self._drafts = folder / "drafts"

    # Root and keys

    def create(
        self,
        root_keys: Iterable[bytes],
        root_public: Iterable[bytes],
        signatories: Collection[Signatory],
        online: bytes,
        now: float,
    ) -> Path:
        """Create the repository and return its root.json, which every centre needs. Raises MaterialRefused.

        The private `root_keys` sign it; `root_public` are further root keys that may sign changes.
        """
        if self._metadata.exists():
            raise MaterialRefused(f"{self._folder} is a repository already: every centre trusts its root")
        signers = [tuf_signer(key) for key in root_keys]
        roots = {key.keyid: key for key in (*(s.public_key for s in signers), *map(tuf_key, root_public))}
        if (
            len(signers) < trust.ROOT_SIGNATURES
            or len({signer.public_key.keyid for signer in signers}) < trust.ROOT_SIGNATURES
        ):
            raise MaterialRefused("the first root needs two root keys: name two files")
        own = tuf_signer(online).public_key
        root = _root_of([*roots.values()], own, signatories, now)
        for folder in (self._metadata, self._targets, self._files, self._drafts):
            folder.mkdir(parents=True)
        self._write(_signed(root, signers), "1.root.json")
        self._write(
            Metadata(Targets(expires=_day(now, TARGETS_DAYS), delegations=_delegated(own))),
            "targets.json",
            self._drafts,
        )
        return self._metadata / "1.root.json"

    def change_signatories(
        self, root_keys: Iterable[bytes], signatories: Collection[Signatory], online: bytes, now: float
    ) -> None:
        """Draft a change of the signatories and of this machine's key, which applies once published. Raises MaterialRefused."""
        before = self._root()
        own = tuf_signer(online).public_key
        root = _root_of([before.keys[keyid] for keyid in before.roles[Root.type].keyids], own, signatories, now)
        root.version = self._newest_version(Root.type) + 1
        signed = _signed(root, map(tuf_signer, root_keys))
        if not before.get_verification_result(Root.type, signed.signed_bytes, signed.signatures):
            raise MaterialRefused("a change needs two root keys of the current root: name two files")
        self._write(signed, "root.json", self._drafts)
        targets = self._draft()
        targets.signed.delegations = _delegated(own)
        self._redraft(targets, now)

    def change_roots(self, root_keys: Iterable[bytes], root_public: Collection[bytes], now: float) -> None:
        """Replace the root keys by `root_public`. Two of the old and two of the new private keys sign (`root_keys`).

        The signatories stay. Centres use the new root from their next update. Raises MaterialRefused.
        """
        if (self._drafts / "root.json").exists():
            raise MaterialRefused("a change of the signatories is drafted: publish it first")
        before = self._root()
        former = before.roles[Root.type].keyids
        everybody = [*(key for keyid, key in before.keys.items() if keyid not in former), *map(tuf_key, root_public)]
        keys: dict[str, Key] = {key.keyid: key for key in everybody}
        if len(keys) < len(everybody):
            raise MaterialRefused("a key is named twice: every root key and every person needs a key of their own")
        roots = Role([key.keyid for key in everybody[-len(root_public) :]], trust.ROOT_SIGNATURES)
        version = self._newest_version(Root.type) + 1
        root = Root(version=version, expires=_day(now, ROOT_DAYS), keys=keys, roles={**before.roles, Root.type: roots})
        signed = _signed(root, map(tuf_signer, root_keys))
        if not root.get_root_verification_result(before, signed.signed_bytes, signed.signatures):
            raise MaterialRefused("two of the old root keys and two of the new ones must sign: name their files")
        self._write(signed, f"{version}.root.json")

    # Bundles

    def add_bundle(self, source: Path, name: str, version: int, jurisdiction: str, now: float) -> tuple[Manifest, int]:
        """Draft a bundle of a folder's files; return its manifest and the bytes that no version had before.

        Raises MaterialRefused.
        """
        if (self._folder / "drafts" / target_of(name, version)).exists():
            raise MaterialRefused(f"{name} {version} exists already: a changed bundle needs a new version")
        files: dict[str, BundleFile] = {}
        new = 0
        for path in sorted(source.rglob("*")):
            below = path.relative_to(source)
            if path.is_symlink() or any(part.startswith(".") for part in below.parts) or not path.is_file():
                continue
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            place, packed = (self._files / file_path(digest, packed=each) for each in (False, True))
            if not place.exists():
                new += path.stat().st_size
                place.parent.mkdir(parents=True, exist_ok=True)
                unfinished = place.with_name(f"{digest}.new")
                shutil.copyfile(path, unfinished)
                unfinished.chmod(0o444)
                _compress(unfinished, packed)
                unfinished.replace(place)
            packed_size = packed.stat().st_size if packed.exists() else None
            files[below.as_posix()] = BundleFile(sha256=digest, size=path.stat().st_size, packed=packed_size)
        try:
            manifest = Manifest(name=name, version=version, jurisdiction=jurisdiction, made_at=now, files=files)
        except ValueError as error:
            raise MaterialRefused(f"{source} cannot be a bundle: {error}") from error
        self._write_file(self._drafts / manifest.target, manifest.to_bytes())
        targets = self._draft()
        targets.signed.targets[manifest.target] = TargetFile.from_data(manifest.target, manifest.to_bytes(), ["sha256"])
        self._redraft(targets, now)
        return manifest, new

    def withdraw(self, name: str, version: int, now: float) -> None:
        """Draft the withdrawal of an approved version. Raises MaterialRefused."""
        targets = self._draft()
        if targets.signed.targets.pop(target_of(name, version), None) is None:
            raise MaterialRefused(f"{name} {version} is not approved, so it cannot be withdrawn")
        self._redraft(targets, now)

    def draft_changes(self) -> tuple[list[str], list[str]]:
        """Return the targets that publishing the draft would approve, and those that it would withdraw."""
        drafted, published = {*self._draft().signed.targets}, {*self.approved()}
        return sorted(drafted - published), sorted(published - drafted)

    def approved(self) -> list[str]:
        """Return the approved targets: those published."""
        newest = self._newest(Targets.type)
        return [] if newest is None else sorted(newest.signed.targets)

    def manifest(self, target: str) -> Manifest:
        """Return the manifest of a version that was created here. Raises MaterialRefused."""
        try:
            return Manifest.read((self._drafts / target).read_bytes())
        except FileNotFoundError as error:
            raise MaterialRefused(f"{target} was not created here") from error

    def sign(self, private: bytes) -> dict[str, str]:
        """Add a person's signature to the draft; return the department of everyone who has signed it. Raises MaterialRefused."""
        targets, signer = self._draft(), tuf_signer(private)
        root = self._root(drafted=True)
        if signer.public_key.keyid not in root.roles[Targets.type].keyids:
            raise MaterialRefused("this key is not a signatory's: the root names the keys of media and compliance")
        targets.sign(signer, append=True)
        self._write(targets, "targets.json", self._drafts)
        return trust.signers_of(root, targets)

    def publish(self, online: bytes, now: float) -> None:
        """Publish the draft. Raises MaterialRefused where a department has not signed it."""
        targets, drafted = self._draft(), self._drafts / "root.json"
        root = self._root(drafted=True)
        signed = trust.signers_of(root, targets)
        trust.require_both_departments(signed.values())
        if len(signed) < trust.TARGETS_SIGNATURES:
            raise MaterialRefused("a bundle needs the signatures of two people, and has one")
        for target in targets.signed.targets:
            data = (self._drafts / target).read_bytes()
            folder, _, name = target.rpartition("/")
            self._write_file(self._targets / folder / f"{hashlib.sha256(data).hexdigest()}.{name}", data)
        if drafted.exists():
            drafted.replace(self._metadata / f"{root.version}.root.json")
        self._write(targets, f"{targets.signed.version}.targets.json")
        self.renew(online, now)

    # Waves

    def waves(self) -> Waves:
        """Return which versions are assigned to which centres."""
        newest = self._newest(trust.WAVES_ROLE)
        if newest is None:
            return Waves()
        digest = newest.signed.targets[WAVES_TARGET].hashes["sha256"]
        return Waves.read((self._targets / f"{digest}.{WAVES_TARGET}").read_bytes())

    def assign(
        self, name: str, version: int, to: Collection[str], covered: Collection[str], online: bytes, now: float
    ) -> None:
        """Assign an approved version to the addressees `to`, replacing older entries for them and for `covered`, the addressees
        that `to` includes. Raises MaterialRefused.
        """
        with self._locked():
            if target_of(name, version) not in self.approved():
                raise MaterialRefused(f"{name} {version} is not approved: both departments sign it, then publish it")
            replaced = {*to, *covered}
            others = [
                wave.model_copy(update={"to": left})
                for wave in self.waves().waves
                if (left := tuple(each for each in wave.to if each not in replaced))
            ]
            own = next((wave for wave in others if (wave.name, wave.version) == (name, version)), None)
            if own is not None:
                others.remove(own)
                to = [*own.to, *to]
            narrow_first = sorted(
                (Wave(name=name, version=version, to=tuple(to)), *others), key=lambda wave: _breadth(wave.to)
            )
            self._write_waves(Waves(waves=tuple(narrow_first)), online, now)
            self._write_timestamp(online, now)

    def renew(self, online: bytes, now: float) -> None:
        """Sign again, for two days, that the published versions are the newest."""
        with self._locked():
            self._write_waves(self.waves(), online, now)
            self._write_timestamp(online, now)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold a lock: pages, commands and cron jobs assign versions, and one must not undo what another has just assigned."""
        try:
            descriptor = os.open(self._drafts, os.O_RDONLY)
        except OSError as error:
            raise self._not_created() from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _not_created(self) -> MaterialRefused:
        return MaterialRefused(f"{self._folder} is not a repository: create it with `dialer hq bundle init`")

    def _write_waves(self, waves: Waves, online: bytes, now: float) -> None:
        data, newest = waves.to_bytes(), self._newest(trust.WAVES_ROLE)
        self._write_file(self._targets / f"{hashlib.sha256(data).hexdigest()}.{WAVES_TARGET}", data)
        signed = Targets(
            version=1 if newest is None else newest.signed.version + 1,
            expires=_day(now, TIMESTAMP_DAYS),
            targets={WAVES_TARGET: TargetFile.from_data(WAVES_TARGET, data, ["sha256"])},
        )
        self._write(_signed(signed, [tuf_signer(online)]), f"{signed.version}.{trust.WAVES_ROLE}.json")

    def _write_timestamp(self, online: bytes, now: float) -> None:
        """Write a new snapshot, then a new timestamp: clients read the timestamp first, so it changes last."""
        signer, version = tuf_signer(online), self._newest_version(Snapshot.type) + 1
        meta = {f"{role}.json": MetaFile(self._newest_version(role)) for role in (Targets.type, trust.WAVES_ROLE)}
        snapshot = Snapshot(version=version, expires=_day(now, TIMESTAMP_DAYS), meta=meta)
        self._write(_signed(snapshot, [signer]), f"{version}.snapshot.json")
        stamp = Timestamp(version=version, expires=_day(now, TIMESTAMP_DAYS), snapshot_meta=MetaFile(version))
        self._write(_signed(stamp, [signer]), "timestamp.json")

    # Files

    def _root(self, *, drafted: bool = False) -> Root:
        """Return the root; with `drafted` the one that publishing would make current."""
        path = self._metadata / f"{self._newest_version(Root.type)}.root.json"
        if drafted and (self._drafts / "root.json").exists():
            path = self._drafts / "root.json"
        root: Root = self._read(path).signed
        return root

    def _draft(self) -> Metadata[Targets]:
        return self._read(self._drafts / "targets.json")

    def _read(self, path: Path) -> Metadata[Any]:
        try:
            return Metadata.from_file(str(path))
        except (RepositoryError, OSError) as error:
            raise self._not_created() from error

    def _redraft(self, targets: Metadata[Targets], now: float) -> None:
        """Store the draft without signatures."""
        targets.signed.version = self._newest_version(Targets.type) + 1
        targets.signed.expires = _day(now, TARGETS_DAYS)
        targets.signatures.clear()
        self._write(targets, "targets.json", self._drafts)

    def _newest_version(self, role: str) -> int:
        return max((int(path.name.partition(".")[0]) for path in self._metadata.glob(f"*.{role}.json")), default=0)

    def _newest(self, role: str) -> Metadata[Targets] | None:
        version = self._newest_version(role)
        return Metadata.from_file(str(self._metadata / f"{version}.{role}.json")) if version else None

    def _write(self, metadata: Metadata[Any], name: str, folder: Path | None = None) -> None:
        self._write_file((folder or self._metadata) / name, metadata.to_bytes())

    def _write_file(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.new")
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def _compress(file: Path, packed: Path) -> None:
    """Write a compressed copy of a file, unless it is hardly smaller."""
    unfinished = packed.with_name(f"{packed.name}.new")
    with file.open("rb") as source, lzma.open(unfinished, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    if unfinished.stat().st_size < MAX_PACKED_RATIO * file.stat().st_size:
        unfinished.replace(packed)
    else:
        unfinished.unlink()


def _signed(signed: S, signers: Iterable[CryptoSigner]) -> Metadata[S]:
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata


def _root_of(roots: Collection[Key], own: Key, signatories: Collection[Signatory], now: float) -> Root:
    """Return a root with these keys. Raises MaterialRefused."""
    trust.require_both_departments({each.department for each in signatories})
    people = [tuf_key(each.key, {trust.NAME: each.name, trust.DEPARTMENT: each.department}) for each in signatories]
    keys: dict[str, Key] = {key.keyid: key for key in (*roots, own, *people)}
    if len(keys) < len(roots) + 1 + len(people):
        raise MaterialRefused("a key is named twice: every person needs a key of their own")
    return Root(
        expires=_day(now, ROOT_DAYS),
        keys=keys,
        roles={
            Root.type: Role([key.keyid for key in roots], trust.ROOT_SIGNATURES),
            Targets.type: Role([key.keyid for key in people], trust.TARGETS_SIGNATURES),
            Snapshot.type: Role([own.keyid], 1),
            Timestamp.type: Role([own.keyid], 1),
        },
    )


def _delegated(own: Key) -> Delegations:
    """Delegate to this machine's key which centre runs which version, and nothing else."""
    waves = DelegatedRole(trust.WAVES_ROLE, [own.keyid], 1, terminating=True, paths=[WAVES_TARGET])
    return Delegations({own.keyid: own}, {trust.WAVES_ROLE: waves})


def _breadth(to: Collection[str]) -> int:
    """Return a sort key that puts centres before zones before all: the first entry addressed to a centre applies."""
    return max((2 if each == "all" else 1 if each.startswith("zone:") else 0) for each in to)


def _day(now: float, days: int) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(microsecond=0) + timedelta(days=days)
