"""Headquarters' side of material: bundles made, signed by both parts, published as files, given to centres wave by wave.

    FOLDER/public/      what the web server serves: metadata/, targets/, files/
    FOLDER/drafts/      bundles that are made, and targets.json on its way from signer to signer

Three kinds of key: the root's (two of them begin, off-line), those of people of media and compliance (one of each for every
bundle), and the one on this machine, which says what is newest and which centre is to run what: it can give a centre no bundle that
the two parts have not signed. Everything here blocks.
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
    file_place,
    target_of,
)

S = TypeVar("S", Root, Targets, Snapshot, Timestamp)
ROOT_DAYS, TARGETS_DAYS, FRESH_DAYS = 365, 90, 2
"""Until when each is believed: the last is what `freshen` renews, and how long somebody can hold newer material back unseen."""

PACKED_SHARE = 0.9
"""Of a file's bytes: what takes more as .xz goes over the line as it is."""


@dataclass(frozen=True, slots=True)
class Signatory:
    """Somebody of media or compliance."""

    name: str
    part: str
    key: bytes  # public


def tuf_key(public: bytes, fields: Mapping[str, Any] | None = None) -> SSlibKey:
    """A public key as the metadata have it."""
    value = public.hex()
    keyid = hashlib.sha256(b"ed25519:" + value.encode()).hexdigest()
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": value}, dict(fields or {}))


def tuf_signer(private: bytes) -> CryptoSigner:
    """Signs metadata with a key of ours."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(private), tuf_key(signing.public_key(private)))


class Repository:
    """The folder of what headquarters publishes."""

    def __init__(self, folder: Path) -> None:
        """`begin` makes it."""
        self._folder = folder
        self._metadata = folder / "public" / "metadata"
        self._targets = folder / "public" / "targets"
        self._files = folder / "public" / "files"
        self._drafts = folder / "drafts"

    # The beginning

    def begin(
        self,
        root_keys: Iterable[bytes],
        root_public: Iterable[bytes],
        signatories: Collection[Signatory],
        online: bytes,
        now: float,
    ) -> Path:
        """Make it; the root.json for every centre, signed by `root_keys`, later also by `root_public`. Raises MaterialRefused."""
        if self._metadata.exists():
            raise MaterialRefused(f"{self._folder} has been begun already: its root is what every centre believes")
        signers = [tuf_signer(key) for key in root_keys]
        roots = {key.keyid: key for key in (*(s.public_key for s in signers), *map(tuf_key, root_public))}
        if (
            len(signers) < trust.ROOT_SIGNATURES
            or len({signer.public_key.keyid for signer in signers}) < trust.ROOT_SIGNATURES
        ):
            raise MaterialRefused("two root keys sign the beginning: name two files")
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

    def change(self, root_keys: Iterable[bytes], signatories: Collection[Signatory], online: bytes, now: float) -> None:
        """Draft that others sign, and this machine's key: it holds once signed by them and published. Raises MaterialRefused."""
        before = self._root()
        own = tuf_signer(online).public_key
        root = _root_of([before.keys[keyid] for keyid in before.roles[Root.type].keyids], own, signatories, now)
        root.version = self._newest_version(Root.type) + 1
        signed = _signed(root, map(tuf_signer, root_keys))
        if not before.get_verification_result(Root.type, signed.signed_bytes, signed.signatures):
            raise MaterialRefused("two root keys sign a change: name two files, of those that signed the beginning")
        self._write(signed, "root.json", self._drafts)
        targets = self._draft()
        targets.signed.delegations = _delegated(own)
        self._redraft(targets, now)

    def change_roots(self, root_keys: Iterable[bytes], root_public: Collection[bytes], now: float) -> None:
        """`root_public` are the root's from now on; two of the former and two of these sign that (`root_keys`, private). Who signs
        bundles stays. Centres know it with their next look. Raises MaterialRefused.
        """
        if (self._drafts / "root.json").exists():
            raise MaterialRefused("that others sign is drafted: publish that first")
        before = self._root()
        former = before.roles[Root.type].keyids
        everybody = [*(key for keyid, key in before.keys.items() if keyid not in former), *map(tuf_key, root_public)]
        keys: dict[str, Key] = {key.keyid: key for key in everybody}
        if len(keys) < len(everybody):
            raise MaterialRefused("one key is named twice: every root, person and part needs one of its own")
        roots = Role([key.keyid for key in everybody[-len(root_public) :]], trust.ROOT_SIGNATURES)
        version = self._newest_version(Root.type) + 1
        root = Root(version=version, expires=_day(now, ROOT_DAYS), keys=keys, roles={**before.roles, Root.type: roots})
        signed = _signed(root, map(tuf_signer, root_keys))
        if not root.get_root_verification_result(before, signed.signed_bytes, signed.signatures):
            raise MaterialRefused("two of the former root keys and two of the new ones sign: name their files")
        self._write(signed, f"{version}.root.json")

    # Bundles

    def make(self, source: Path, name: str, version: int, jurisdiction: str, now: float) -> tuple[Manifest, int]:
        """A bundle of a folder's files, drafted to be signed; with the bytes that no version had before. Raises MaterialRefused."""
        if (self._folder / "drafts" / target_of(name, version)).exists():
            raise MaterialRefused(f"{name} {version} is made already: what is changed is a new version")
        found: dict[str, BundleFile] = {}
        new = 0
        for path in sorted(source.rglob("*")):
            below = path.relative_to(source)
            if path.is_symlink() or any(part.startswith(".") for part in below.parts) or not path.is_file():
                continue
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            place, packed = (self._files / file_place(digest, packed=each) for each in (False, True))
            if not place.exists():
                new += path.stat().st_size
                place.parent.mkdir(parents=True, exist_ok=True)
                half = place.with_name(f"{digest}.new")
                shutil.copyfile(path, half)
                half.chmod(0o444)
                _pack(half, packed)
                half.replace(place)
            over_line = packed.stat().st_size if packed.exists() else None
            found[below.as_posix()] = BundleFile(sha256=digest, size=path.stat().st_size, packed=over_line)
        try:
            manifest = Manifest(name=name, version=version, jurisdiction=jurisdiction, made_at=now, files=found)
        except ValueError as error:
            raise MaterialRefused(f"{source} makes no bundle: {error}") from error
        self._keep(self._drafts / manifest.target, manifest.to_bytes())
        targets = self._draft()
        targets.signed.targets[manifest.target] = TargetFile.from_data(manifest.target, manifest.to_bytes(), ["sha256"])
        self._redraft(targets, now)
        return manifest, new

    def withdraw(self, name: str, version: int, now: float) -> None:
        """Draft that a version is approved no more. Raises MaterialRefused."""
        targets = self._draft()
        if targets.signed.targets.pop(target_of(name, version), None) is None:
            raise MaterialRefused(f"{name} {version} is not approved: there is nothing to withdraw")
        self._redraft(targets, now)

    def changes(self) -> tuple[list[str], list[str]]:
        """What the draft approves that is not published, and what it approves no more."""
        drafted, published = {*self._draft().signed.targets}, {*self.approved()}
        return sorted(drafted - published), sorted(published - drafted)

    def approved(self) -> list[str]:
        """What is published."""
        newest = self._newest(Targets.type)
        return [] if newest is None else sorted(newest.signed.targets)

    def manifest(self, target: str) -> Manifest:
        """A version that was made. Raises MaterialRefused."""
        try:
            return Manifest.read((self._drafts / target).read_bytes())
        except FileNotFoundError as error:
            raise MaterialRefused(f"{target} was never made here") from error

    def sign(self, private: bytes) -> dict[str, str]:
        """Add a person's signature to the draft; who has signed it, and of which part. Raises MaterialRefused."""
        targets, signer = self._draft(), tuf_signer(private)
        root = self._root(drafted=True)
        if signer.public_key.keyid not in root.roles[Targets.type].keyids:
            raise MaterialRefused("this key is neither media's nor compliance's: the root names theirs")
        targets.sign(signer, append=True)
        self._write(targets, "targets.json", self._drafts)
        return trust.who_signed(root, targets)

    def publish(self, online: bytes, now: float) -> None:
        """What the draft approves is approved. Raises MaterialRefused where a part has not signed."""
        targets, drafted = self._draft(), self._drafts / "root.json"
        root = self._root(drafted=True)
        signed = trust.who_signed(root, targets)
        trust.refuse_one_part(signed.values())
        if len(signed) < trust.TARGETS_SIGNATURES:
            raise MaterialRefused("two people sign a bundle, and one did")
        for target in targets.signed.targets:
            data = (self._drafts / target).read_bytes()
            folder, _, name = target.rpartition("/")
            self._keep(self._targets / folder / f"{hashlib.sha256(data).hexdigest()}.{name}", data)
        if drafted.exists():
            drafted.replace(self._metadata / f"{root.version}.root.json")
        self._write(targets, f"{targets.signed.version}.targets.json")
        self.freshen(online, now)

    # Waves

    def waves(self) -> Waves:
        """Who is to run what."""
        newest = self._newest(trust.WAVES_ROLE)
        if newest is None:
            return Waves()
        digest = newest.signed.targets[WAVES_TARGET].hashes["sha256"]
        return Waves.read((self._targets / f"{digest}.{WAVES_TARGET}").read_bytes())

    def give(
        self, name: str, version: int, to: Collection[str], covered: Collection[str], online: bytes, now: float
    ) -> None:
        """Those are to run an approved version; of `covered`, all that they are, nothing older holds. Raises MaterialRefused."""
        with self._alone():
            if target_of(name, version) not in self.approved():
                raise MaterialRefused(f"{name} {version} is not approved: both parts sign it, then it is published")
            gone = {*to, *covered}
            others = [
                wave.model_copy(update={"to": left})
                for wave in self.waves().waves
                if (left := tuple(each for each in wave.to if each not in gone))
            ]
            own = next((wave for wave in others if (wave.name, wave.version) == (name, version)), None)
            if own is not None:
                others.remove(own)
                to = [*own.to, *to]
            narrow_first = sorted(
                (Wave(name=name, version=version, to=tuple(to)), *others), key=lambda wave: _breadth(wave.to)
            )
            self._waves(Waves(waves=tuple(narrow_first)), online, now)
            self._vouch(online, now)

    def freshen(self, online: bytes, now: float) -> None:
        """Say again that nothing is newer, which is believed for two days."""
        with self._alone():
            self._waves(self.waves(), online, now)
            self._vouch(online, now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of pages, commands and cron one says at a time who runs what: of two, the later would take back what the first gave."""
        try:
            held = os.open(self._drafts, os.O_RDONLY)  # which no web server sees
        except OSError as error:
            raise MaterialRefused(f"{self._folder} was not begun: `dialer hq bundle begin`") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def _waves(self, waves: Waves, online: bytes, now: float) -> None:
        data, newest = waves.to_bytes(), self._newest(trust.WAVES_ROLE)
        self._keep(self._targets / f"{hashlib.sha256(data).hexdigest()}.{WAVES_TARGET}", data)
        signed = Targets(
            version=1 if newest is None else newest.signed.version + 1,
            expires=_day(now, FRESH_DAYS),
            targets={WAVES_TARGET: TargetFile.from_data(WAVES_TARGET, data, ["sha256"])},
        )
        self._write(_signed(signed, [tuf_signer(online)]), f"{signed.version}.{trust.WAVES_ROLE}.json")

    def _vouch(self, online: bytes, now: float) -> None:
        """A new snapshot of what is newest, and a new timestamp: the last file to change is what clients look at first."""
        signer, version = tuf_signer(online), self._newest_version(Snapshot.type) + 1
        meta = {f"{role}.json": MetaFile(self._newest_version(role)) for role in (Targets.type, trust.WAVES_ROLE)}
        snapshot = Snapshot(version=version, expires=_day(now, FRESH_DAYS), meta=meta)
        self._write(_signed(snapshot, [signer]), f"{version}.snapshot.json")
        stamp = Timestamp(version=version, expires=_day(now, FRESH_DAYS), snapshot_meta=MetaFile(version))
        self._write(_signed(stamp, [signer]), "timestamp.json")

    # Files

    def _root(self, *, drafted: bool = False) -> Root:
        """Who signs; `drafted`: once what is drafted holds."""
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
            raise MaterialRefused(f"{self._folder} was not begun: `dialer hq bundle begin`") from error

    def _redraft(self, targets: Metadata[Targets], now: float) -> None:
        """Nobody has signed what is new."""
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
        self._keep((folder or self._metadata) / name, metadata.to_bytes())

    def _keep(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f"{path.name}.new")
        with half.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)


def _pack(file: Path, packed: Path) -> None:
    """Put a smaller copy beside a file, where it is worth it: not of what is compressed in itself."""
    half = packed.with_name(f"{packed.name}.new")
    with file.open("rb") as whole, lzma.open(half, "wb") as smaller:
        shutil.copyfileobj(whole, smaller, 1 << 20)
    if half.stat().st_size < PACKED_SHARE * file.stat().st_size:
        half.replace(packed)
    else:
        half.unlink()


def _signed(signed: S, signers: Iterable[CryptoSigner]) -> Metadata[S]:
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata


def _root_of(roots: Collection[Key], own: Key, signatories: Collection[Signatory], now: float) -> Root:
    """Who signs what. Raises MaterialRefused."""
    trust.refuse_one_part({each.part for each in signatories})
    people = [tuf_key(each.key, {trust.WHO: each.name, trust.PART: each.part}) for each in signatories]
    keys: dict[str, Key] = {key.keyid: key for key in (*roots, own, *people)}
    if len(keys) < len(roots) + 1 + len(people):
        raise MaterialRefused("one key is named twice: every person and part needs one of its own")
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
    """To the key on headquarters' machine: which centre runs what, and nothing else."""
    waves = DelegatedRole(trust.WAVES_ROLE, [own.keyid], 1, terminating=True, paths=[WAVES_TARGET])
    return Delegations({own.keyid: own}, {trust.WAVES_ROLE: waves})


def _breadth(to: Collection[str]) -> int:
    """Centres before zones before all: the first that is addressed to a centre counts."""
    return max((2 if each == "all" else 1 if each.startswith("zone:") else 0) for each in to)


def _day(now: float, days: int) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(microsecond=0) + timedelta(days=days)
