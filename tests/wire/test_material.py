"""Material over loopback HTTP: incremental and resumed downloads, signatures, and refusals of invalid bundles."""

from __future__ import annotations

import fcntl
import json
import lzma
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.desk.certificate import CertificateFiles, create_certificate_of_page_server
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.signing import derive_public_key
from dialer.material import trust
from dialer.material.centre import CentreMaterial
from dialer.material.manifest import Manifest, MaterialRefused, Waves
from dialer.material.repository import Repository, Signatory
from tests.support.material import KEYS, PEOPLE, Publisher, publishing

NOW = time.time()  # python-tuf reads the machine's clock
DAY = 86_400.0
SOUND = random.Random(1).randbytes(5_000)  # does not compress, like encoded recordings


@pytest.fixture
def headquarters(tmp_path: Path) -> Iterator[Publisher]:
    with publishing(tmp_path / "hq", NOW) as publisher:
        yield publisher


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for path, data in (("flows/turnout.yaml", b"flow: 1"), ("sounds/hi/hello.alaw", SOUND), (".git/no", b"no")):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def install_assigned_version(centre: CentreMaterial) -> Manifest:
    """Install the assigned version of the campaign material, as the uplink process does. Return the version."""
    assigned = centre.fetch_assigned_material_manifest()
    assert assigned is not None
    centre.download_material_version(assigned)
    centre.activate_material_version(assigned.bundle_name_and_version)
    centre.mark_material_version_loaded()
    centre.delete_unused_material_versions()
    return assigned


def read_active_text(folder: Path, path: str = "flows/turnout.yaml") -> str:
    return (folder / "current" / path).read_text()


@pytest.mark.parametrize("action", ["assign", "renew"])
def test_versions_of_campaign_material_are_assigned_to_centres_under_a_lock(
    action: str, headquarters: Publisher, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headquarters.approve(source, NOW)
    lock_was_free: list[bool] = []

    def try_lock(repository: Repository) -> Waves:
        other = os.open(headquarters.folder / "drafts", os.O_RDONLY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock_was_free.append(True)
        except BlockingIOError:
            lock_was_free.append(False)
        finally:
            os.close(other)
        return waves(repository)

    waves = Repository.read_roll_out_waves
    monkeypatch.setattr(Repository, "read_roll_out_waves", try_lock)
    if action == "assign":
        headquarters.assign(1, NOW)
    else:
        headquarters.repository.renew_signature_of_bundle_assignments(KEYS["online"], NOW)
    assert lock_was_free == [False]


def test_new_material_version_downloads_only_new_files(headquarters: Publisher, source: Path, tmp_path: Path) -> None:
    folder, centre = tmp_path / "centre", headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    assert centre.fetch_assigned_material_manifest() is None  # approved, but not assigned
    headquarters.assign(1, NOW, "centre:delhi-1")
    assert centre.fetch_assigned_material_manifest() is None
    headquarters.assign(1, NOW, "zone:north")
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-1"
    assert read_active_text(folder) == "flow: 1"
    assert not list(folder.rglob(".git"))
    assert headquarters.first_bytes_requested() == [0, 0]
    (folder / "our-notes").mkdir()
    (folder / "turnout-9.new/flows").mkdir(parents=True)
    (source / "flows/turnout.yaml").write_text("flow: 2")
    headquarters.approve(source, NOW)
    headquarters.assign(2, NOW)
    assert (
        install_assigned_version(centre).bundle_name_and_version == "turnout-1"
    )  # the entry of its zone precedes that of all
    headquarters.repository.assign_approved_bundle_version(
        "turnout", 2, ["all"], ["zone:north", "centre:delhi-1"], KEYS["online"], NOW
    )
    install_assigned_version(centre)
    assert (read_active_text(folder), headquarters.first_bytes_requested()) == ("flow: 2", [0])
    centre.roll_back_material_version()
    assert read_active_text(folder) == "flow: 1"
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-2"
    assert headquarters.first_bytes_requested() == []
    headquarters.approve(source, NOW)
    headquarters.repository.assign_approved_bundle_version("turnout", 3, ["all"], ["zone:north"], KEYS["online"], NOW)
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-3"
    assert {path.name for path in folder.glob("*-*")} == {"our-notes", "turnout-2", "turnout-3"}


def test_interrupted_download_of_campaign_material_is_resumed(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    headquarters.server.breaks_after = 2_000
    for _ in range(2):
        with pytest.raises(HeadquartersUnreachable):
            install_assigned_version(centre)
        assert centre.read_active_material_manifest() is None
    headquarters.server.breaks_after = None
    install_assigned_version(centre)
    assert 4_000 in headquarters.first_bytes_requested()
    assert (tmp_path / "centre/current/sounds/hi/hello.alaw").read_bytes() == SOUND


def test_compressible_file_of_campaign_material_is_downloaded_compressed_and_verified(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    (source / "sounds/hi/hello.alaw").write_bytes(SOUND * 40)
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    (packed,) = (headquarters.folder / "public/files").glob("*/*.xz")
    size = packed.stat().st_size
    assert 5_000 < size < 6_000
    headquarters.server.breaks_after = 2_000
    for _ in range(2):
        with pytest.raises(HeadquartersUnreachable):
            install_assigned_version(centre)
    headquarters.server.breaks_after = None
    good = packed.read_bytes()
    packed.chmod(0o644)
    for wrong in (
        good[:4_500] + b"?" * (size - 4_500),  # not .xz
        lzma.compress(SOUND * 39 + SOUND[::-1]),  # another file
        lzma.compress(SOUND * 41),  # longer
        lzma.compress(b"x" * (1 << 24)),  # a decompression bomb
        good[:4_500],
    ):
        packed.write_bytes(wrong[:size] if len(wrong) > size else wrong.ljust(size, b"\0"))
        with pytest.raises(MaterialRefused, match="differs from the signed one"):
            install_assigned_version(centre)
        assert centre.read_active_material_manifest() is None
    packed.write_bytes(good)
    headquarters.first_bytes_requested()
    install_assigned_version(centre)
    assert headquarters.first_bytes_requested() == [0]
    assert (tmp_path / "centre/current/sounds/hi/hello.alaw").read_bytes() == SOUND * 40
    assert not [*(tmp_path / "centre/files").glob("*/*.part")]


def test_campaign_material_file_with_a_wrong_hash_is_not_installed(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    install_assigned_version(centre)
    (source / "flows/turnout.yaml").write_text("flow: 2")
    headquarters.approve(source, NOW)
    headquarters.assign(2, NOW)
    assigned = centre.fetch_assigned_material_manifest()
    assert assigned is not None
    (digest,) = centre.find_material_files_not_downloaded(assigned)
    place = headquarters.folder / "public/files" / digest[:2] / digest
    place.chmod(0o644)
    place.write_text("flow: 3")
    with pytest.raises(MaterialRefused, match="differs from the signed one"):
        install_assigned_version(centre)
    place.write_text("flow: 2 and more")
    with pytest.raises(MaterialRefused, match=r"longer than (its|the) signed length"):
        install_assigned_version(centre)
    assert read_active_text(tmp_path / "centre") == "flow: 1"
    assert [*(tmp_path / "centre").glob("*-2*")] == []
    place.write_text("flow: 2")
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-2"


def test_older_metadata_of_campaign_material_is_not_accepted_again(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre, public = headquarters.centre(tmp_path / "centre"), headquarters.folder / "public"
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    shutil.copytree(public, tmp_path / "older")
    headquarters.approve(source, NOW)
    headquarters.assign(2, NOW)
    assert install_assigned_version(centre).version == 2
    shutil.rmtree(public)
    shutil.copytree(tmp_path / "older", public)
    with pytest.raises(MaterialRefused, match="not trusted"):
        centre.fetch_assigned_material_manifest()


def test_metadata_of_campaign_material_expires_unless_renewed_and_the_active_version_stays(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW - 3 * DAY)
    headquarters.assign(1, NOW - 3 * DAY)
    with pytest.raises(MaterialRefused, match="has expired"):
        centre.fetch_assigned_material_manifest()
    headquarters.repository.renew_signature_of_bundle_assignments(KEYS["online"], NOW)
    install_assigned_version(centre)
    headquarters.repository.renew_signature_of_bundle_assignments(KEYS["online"], NOW - 3 * DAY)
    with pytest.raises(MaterialRefused, match="has expired"):
        centre.fetch_assigned_material_manifest()
    assert read_active_text(tmp_path / "centre") == "flow: 1"


def test_campaign_material_needs_signatures_of_both_departments(
    headquarters: Publisher, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = headquarters.repository
    repository.draft_bundle_from_folder(source, "turnout", 1, "india", NOW)
    with pytest.raises(MaterialRefused, match="nobody of the department media has signed"):
        repository.publish_drafted_bundles(KEYS["online"], NOW)
    assert repository.sign_drafted_bundles(KEYS["lata"]) == {"lata": "media"}
    with pytest.raises(MaterialRefused, match="nobody of the department compliance has signed"):
        repository.publish_drafted_bundles(KEYS["online"], NOW)
    assert repository.sign_drafted_bundles(KEYS["omar"]) == {"lata": "media", "omar": "media"}
    with pytest.raises(MaterialRefused, match="nobody of the department compliance has signed"):
        repository.publish_drafted_bundles(KEYS["online"], NOW)
    for stranger in ("r1", "online"):
        with pytest.raises(MaterialRefused, match="this key does not belong to a person"):
            repository.sign_drafted_bundles(KEYS[stranger])
    assert repository.list_versions_changed_by_draft() == (["bundles/turnout/1.json"], [])
    repository.sign_drafted_bundles(KEYS["meena"])
    repository.publish_drafted_bundles(KEYS["online"], NOW)
    headquarters.assign(1, NOW)
    centre = headquarters.centre(tmp_path / "centre")
    install_assigned_version(centre)
    # Somebody else controls headquarters' machine: its key alone must not install anything new.
    repository.draft_bundle_from_folder(source, "turnout", 2, "india", NOW)
    repository.sign_drafted_bundles(KEYS["lata"])
    repository.sign_drafted_bundles(KEYS["omar"])
    with monkeypatch.context() as stolen:
        stolen.setattr(trust, "require_signatures_of_both_departments", lambda _: None)  # the centre checks too
        repository.publish_drafted_bundles(KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="nobody of the department compliance has signed"):
        centre.fetch_assigned_material_manifest()


def test_campaign_material_of_another_jurisdiction_is_refused(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    headquarters.approve(source, NOW, jurisdiction="us")
    headquarters.assign(1, NOW)
    with pytest.raises(
        MaterialRefused, match="is for jurisdiction 'us', but this centre's is 'india': assign other material"
    ):
        headquarters.centre(tmp_path / "centre").fetch_assigned_material_manifest()


def test_withdrawn_campaign_material_is_not_installed(headquarters: Publisher, source: Path, tmp_path: Path) -> None:
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    headquarters.repository.draft_withdrawal_of_material_version("turnout", 1, NOW)
    for person in ("omar", "meena"):
        headquarters.repository.sign_drafted_bundles(KEYS[person])
    headquarters.repository.publish_drafted_bundles(KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="is not approved or was withdrawn"):
        headquarters.centre(tmp_path / "centre").fetch_assigned_material_manifest()


def test_material_download_to_a_full_disk_leaves_no_partial_file(
    headquarters: Publisher, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    with pytest.raises(MaterialRefused, match="of disk space in addition to the reserve"):
        install_assigned_version(headquarters.centre(tmp_path / "centre", free_bytes=5_000))
    assert headquarters.first_bytes_requested() == []
    centre = headquarters.centre(tmp_path / "centre")

    def fail_for_lack_of_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", fail_for_lack_of_space)
        with pytest.raises(MaterialRefused, match="cannot be stored"):
            install_assigned_version(centre)
    with monkeypatch.context() as patch:
        patch.setattr(CentreMaterial, "_append_response_to_file", fail_for_lack_of_space)
        (tmp_path / "centre/files").rename(tmp_path / "centre/lost")
        with pytest.raises(MaterialRefused, match="cannot be stored"):
            install_assigned_version(centre)
    assert {path.name for path in (tmp_path / "centre").iterdir()} == {"trust", "files", "lost"}
    assert not [path for path in (tmp_path / "centre/files").rglob("*") if path.is_file()]
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-1"


def test_campaign_material_server_with_an_untrusted_certificate_is_refused(source: Path, tmp_path: Path) -> None:
    files = {}
    for name in ("ours", "theirs"):
        folder = tmp_path / name
        folder.mkdir()
        files[name] = CertificateFiles(*(folder / file for file in ("it.pem", "it.key", "ca.pem", "ca.key")))
        create_certificate_of_page_server(files[name], "hq", "127.0.0.1", [], NOW, renew=False)
    for theirs in ("theirs", "ours"):
        served = (files[theirs].certificate, files[theirs].key)
        with publishing(tmp_path / f"hq-{theirs}", NOW, tls=served, ca=files["ours"].ca) as publisher:
            publisher.approve(source, NOW)
            publisher.assign(1, NOW)
            centre = publisher.centre(tmp_path / f"centre-{theirs}")
            if theirs == "theirs":
                with pytest.raises(HeadquartersUnreachable, match="certificate"):
                    install_assigned_version(centre)
            else:
                assert install_assigned_version(centre).bundle_name_and_version == "turnout-1"


def test_signers_and_machine_key_of_campaign_material_change_with_two_root_signatures(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre, repository = headquarters.centre(tmp_path / "centre"), headquarters.repository
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    install_assigned_version(centre)
    others = [PEOPLE[2], Signatory("nila", "media", derive_public_key(b"n" * 32))]
    fresh = b"f" * 32
    for roots in ([KEYS["r1"]], [KEYS["r1"], KEYS["lata"]]):
        with pytest.raises(MaterialRefused, match="the change must be signed with two root keys"):
            repository.draft_change_of_signatories(roots, others, fresh, NOW)
    repository.draft_change_of_signatories([KEYS["r1"], KEYS["r3"]], others, fresh, NOW)
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-1"  # the change is only drafted
    with pytest.raises(MaterialRefused, match="this key does not belong to a person"):
        repository.sign_drafted_bundles(KEYS["lata"])
    repository.sign_drafted_bundles(KEYS["meena"])
    assert repository.sign_drafted_bundles(b"n" * 32) == {"meena": "compliance", "nila": "media"}
    repository.publish_drafted_bundles(fresh, NOW)
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-1"
    (source / "flows/turnout.yaml").write_text("flow: 2")
    repository.draft_bundle_from_folder(source, "turnout", 2, "india", NOW)
    for key in (KEYS["meena"], b"n" * 32):
        repository.sign_drafted_bundles(key)
    repository.publish_drafted_bundles(fresh, NOW)
    repository.assign_approved_bundle_version("turnout", 2, ["all"], (), fresh, NOW)
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-2"
    assert (
        install_assigned_version(headquarters.centre(tmp_path / "new")).bundle_name_and_version == "turnout-2"
    )  # starting from the first root
    repository.assign_approved_bundle_version("turnout", 1, ["all"], (), KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="not trusted"):
        centre.fetch_assigned_material_manifest()


def test_new_root_keys_are_accepted_with_signatures_of_two_old_and_two_new_keys(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    repository, r4, r5 = headquarters.repository, b"4" * 32, b"5" * 32
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.assign(1, NOW)
    install_assigned_version(centre)
    new = [derive_public_key(key) for key in (KEYS["r3"], r4, r5)]
    for signers, roots, problem in (
        ([KEYS["r1"], KEYS["r2"]], new, "two of the old"),
        ([r4, r5], new, "two of the old"),
        ([KEYS["r1"], KEYS["r3"], KEYS["r2"]], new, "two of the old"),
        ([KEYS["r1"], KEYS["r3"]], new[:1], "two of the old"),
        ([KEYS["r1"], KEYS["r3"], r4], [*new, new[0]], "named twice"),
        ([KEYS["r1"], KEYS["r3"], r4], [*new, derive_public_key(KEYS["lata"])], "named twice"),
    ):
        with pytest.raises(MaterialRefused, match=problem):
            repository.replace_root_keys_of_repository(signers, roots, NOW)
    repository.replace_root_keys_of_repository(
        [KEYS["r1"], KEYS["r3"], r4], new, NOW
    )  # r2 is lost; r3 signs for both sides
    headquarters.approve(source, NOW)
    headquarters.assign(2, NOW)
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-2"
    assert (
        install_assigned_version(headquarters.centre(tmp_path / "new")).bundle_name_and_version == "turnout-2"
    )  # starting from the first root
    with pytest.raises(MaterialRefused, match="the change must be signed with two root keys"):
        repository.draft_change_of_signatories([KEYS["r1"], KEYS["r2"]], PEOPLE, KEYS["online"], NOW)
    repository.draft_change_of_signatories([r4, r5], PEOPLE, KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="publish it first"):
        repository.replace_root_keys_of_repository([r4, r5], new, NOW)
    for person in ("lata", "meena"):
        repository.sign_drafted_bundles(KEYS[person])
    repository.publish_drafted_bundles(KEYS["online"], NOW)
    assert install_assigned_version(centre).bundle_name_and_version == "turnout-2"


def test_campaign_material_manifest_with_a_path_outside_its_folder_is_refused(source: Path, tmp_path: Path) -> None:
    good = {"name": "turnout", "version": 1, "jurisdiction": "india", "made_at": NOW}
    file = {"sha256": "0f" * 32, "size": 1}
    for paths in (
        ["../x"],
        ["/etc/x"],
        ["a//b"],
        ["a/./b"],
        [".ssh/x"],
        ["a", "a/b"],
        ["a\nb"],
        ["é"],
        ["bundle.json"],
        [],
    ):
        with pytest.raises(ValueError):
            Manifest.model_validate_json(json.dumps({**good, "files": dict.fromkeys(paths, file)}))


def test_campaign_material_with_a_file_named_like_its_manifest_is_refused(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    (source / "bundle.json").write_text("of a centre")
    with pytest.raises(MaterialRefused, match="is reserved for the manifest"):
        headquarters.approve(source, NOW)


def test_material_repository_needs_two_root_keys_and_both_departments(
    tmp_path: Path,
) -> None:
    r1, r2, online = KEYS["r1"], KEYS["r2"], KEYS["online"]
    for roots, people, own, problem in (
        ([r1], PEOPLE, online, "signed with two root keys"),
        ([r1, r1], PEOPLE, online, "signed with two root keys"),
        ([r1, r2], PEOPLE[:2], online, "nobody of the department compliance has signed"),
        ([r1, r2], PEOPLE, r1, "named twice"),
        ([r1, r2], [*PEOPLE, PEOPLE[0]], online, "named twice"),
    ):
        with pytest.raises(MaterialRefused, match=problem):
            Repository(tmp_path / "hq").create_material_repository(
                roots, [derive_public_key(KEYS["r3"])], people, own, NOW
            )
    assert not (tmp_path / "hq").exists()
    Repository(tmp_path / "hq").create_material_repository([r1, r2], [], PEOPLE, online, NOW)
    with pytest.raises(MaterialRefused, match="already contains a repository"):
        Repository(tmp_path / "hq").create_material_repository([r1, r2], [], PEOPLE, online, NOW)
