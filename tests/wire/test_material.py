"""Material over loopback HTTP: only what is new comes, it goes on where it ended, and nothing that is wrong is ever used."""

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

from dialer.desk.certificate import CertificateFiles, make_certificate
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.signing import public_key
from dialer.material import trust
from dialer.material.centre import CentreMaterial
from dialer.material.manifest import Manifest, MaterialRefused, Waves
from dialer.material.repository import Repository, Signatory
from tests.support.material import KEYS, PEOPLE, Publisher, publishing

NOW = time.time()  # python-tuf reads the machine's clock
DAY = 86_400.0
SOUND = random.Random(1).randbytes(5_000)  # as compressed recordings are: nothing makes it smaller


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


def take(centre: CentreMaterial) -> Manifest:
    """What it is to run, running."""
    wanted = centre.wanted()
    assert wanted is not None
    centre.fetch(wanted)
    centre.switch(wanted.label)
    centre.told()
    centre.tidy()
    return wanted


def reads(folder: Path, path: str = "flows/turnout.yaml") -> str:
    return (folder / "current" / path).read_text()


@pytest.mark.parametrize("deed", ["give", "freshen"])
def test_one_says_at_a_time_who_runs_what(
    deed: str, headquarters: Publisher, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headquarters.approve(source, NOW)
    others: list[bool] = []

    def look(repository: Repository) -> Waves:
        other = os.open(headquarters.folder / "drafts", os.O_RDONLY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            others.append(True)
        except BlockingIOError:
            others.append(False)
        finally:
            os.close(other)
        return waves(repository)

    waves = Repository.waves
    monkeypatch.setattr(Repository, "waves", look)
    if deed == "give":
        headquarters.give(1, NOW)
    else:
        headquarters.repository.freshen(KEYS["online"], NOW)
    assert others == [False]


def test_a_version_comes_whole_the_next_one_brings_what_is_new_and_one_step_goes_back(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    folder, centre = tmp_path / "centre", headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    assert centre.wanted() is None  # approved, and given to nobody yet
    headquarters.give(1, NOW, "centre:delhi-1")
    assert centre.wanted() is None
    headquarters.give(1, NOW, "zone:north")
    assert take(centre).label == "turnout-1"
    assert reads(folder) == "flow: 1"
    assert not list(folder.rglob(".git"))
    assert headquarters.files_asked() == [0, 0]
    (folder / "our-notes").mkdir()
    (folder / "turnout-9.new/flows").mkdir(parents=True)
    (source / "flows/turnout.yaml").write_text("flow: 2")
    headquarters.approve(source, NOW)
    headquarters.give(2, NOW)
    assert take(centre).label == "turnout-1"  # its zone's own entry comes before that of all
    headquarters.repository.give("turnout", 2, ["all"], ["zone:north", "centre:delhi-1"], KEYS["online"], NOW)
    take(centre)
    assert (reads(folder), headquarters.files_asked()) == ("flow: 2", [0])
    centre.take_back()
    assert reads(folder) == "flow: 1"
    assert take(centre).label == "turnout-2"
    assert headquarters.files_asked() == []
    headquarters.approve(source, NOW)
    headquarters.repository.give("turnout", 3, ["all"], ["zone:north"], KEYS["online"], NOW)
    assert take(centre).label == "turnout-3"
    assert {path.name for path in folder.glob("*-*")} == {"our-notes", "turnout-2", "turnout-3"}


def test_a_file_that_broke_off_goes_on_where_it_ended(headquarters: Publisher, source: Path, tmp_path: Path) -> None:
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    headquarters.server.breaks_after = 2_000
    for _ in range(2):
        with pytest.raises(HeadquartersUnreachable):
            take(centre)
        assert centre.running() is None
    headquarters.server.breaks_after = None
    take(centre)
    assert 4_000 in headquarters.files_asked()
    assert (tmp_path / "centre/current/sounds/hi/hello.alaw").read_bytes() == SOUND


def test_what_may_be_smaller_comes_packed_goes_on_where_it_ended_and_is_held_against_what_was_signed(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    (source / "sounds/hi/hello.alaw").write_bytes(SOUND * 40)
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    (packed,) = (headquarters.folder / "public/files").glob("*/*.xz")
    size = packed.stat().st_size
    assert 5_000 < size < 6_000
    headquarters.server.breaks_after = 2_000
    for _ in range(2):
        with pytest.raises(HeadquartersUnreachable):
            take(centre)
    headquarters.server.breaks_after = None
    good = packed.read_bytes()
    packed.chmod(0o644)
    for wrong in (
        good[:4_500] + b"?" * (size - 4_500),  # no .xz
        lzma.compress(SOUND * 39 + SOUND[::-1]),  # another file
        lzma.compress(SOUND * 41),  # longer
        lzma.compress(b"x" * (1 << 24)),  # a bomb
        good[:4_500],
    ):
        packed.write_bytes(wrong[:size] if len(wrong) > size else wrong.ljust(size, b"\0"))
        with pytest.raises(MaterialRefused, match="is not what was signed"):
            take(centre)
        assert centre.running() is None
    packed.write_bytes(good)
    headquarters.files_asked()
    take(centre)
    assert headquarters.files_asked() == [0]
    assert (tmp_path / "centre/current/sounds/hi/hello.alaw").read_bytes() == SOUND * 40
    assert not [*(tmp_path / "centre/files").glob("*/*.part")]


def test_a_flipped_byte_is_thrown_away_and_what_runs_runs_on(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    take(centre)
    (source / "flows/turnout.yaml").write_text("flow: 2")
    headquarters.approve(source, NOW)
    headquarters.give(2, NOW)
    wanted = centre.wanted()
    assert wanted is not None
    (digest,) = centre.missing(wanted)
    place = headquarters.folder / "public/files" / digest[:2] / digest
    place.chmod(0o644)
    place.write_text("flow: 3")
    with pytest.raises(MaterialRefused, match="is not what was signed"):
        take(centre)
    place.write_text("flow: 2 and more")
    with pytest.raises(MaterialRefused, match="longer than what was signed"):
        take(centre)
    assert reads(tmp_path / "centre") == "flow: 1"
    assert [*(tmp_path / "centre").glob("*-2*")] == []
    place.write_text("flow: 2")
    assert take(centre).label == "turnout-2"


def test_older_metadata_are_not_believed_again(headquarters: Publisher, source: Path, tmp_path: Path) -> None:
    centre, public = headquarters.centre(tmp_path / "centre"), headquarters.folder / "public"
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    shutil.copytree(public, tmp_path / "older")
    headquarters.approve(source, NOW)
    headquarters.give(2, NOW)
    assert take(centre).version == 2
    shutil.rmtree(public)
    shutil.copytree(tmp_path / "older", public)
    with pytest.raises(MaterialRefused, match="not to be believed"):
        centre.wanted()


def test_what_is_held_back_expires_and_ends_nothing_that_runs(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW - 3 * DAY)
    headquarters.give(1, NOW - 3 * DAY)
    with pytest.raises(MaterialRefused, match="has expired"):
        centre.wanted()
    headquarters.repository.freshen(KEYS["online"], NOW)
    take(centre)
    headquarters.repository.freshen(KEYS["online"], NOW - 3 * DAY)
    with pytest.raises(MaterialRefused, match="has expired"):
        centre.wanted()
    assert reads(tmp_path / "centre") == "flow: 1"


def test_one_key_two_of_one_part_or_a_stranger_approve_nothing(
    headquarters: Publisher, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = headquarters.repository
    repository.make(source, "turnout", 1, "india", NOW)
    with pytest.raises(MaterialRefused, match="nobody of media"):
        repository.publish(KEYS["online"], NOW)
    assert repository.sign(KEYS["lata"]) == {"lata": "media"}
    with pytest.raises(MaterialRefused, match="nobody of compliance"):
        repository.publish(KEYS["online"], NOW)
    assert repository.sign(KEYS["omar"]) == {"lata": "media", "omar": "media"}
    with pytest.raises(MaterialRefused, match="nobody of compliance"):
        repository.publish(KEYS["online"], NOW)
    for stranger in ("r1", "online"):
        with pytest.raises(MaterialRefused, match=r"neither media's nor compliance's"):
            repository.sign(KEYS[stranger])
    assert repository.changes() == (["bundles/turnout/1.json"], [])
    repository.sign(KEYS["meena"])
    repository.publish(KEYS["online"], NOW)
    headquarters.give(1, NOW)
    centre = headquarters.centre(tmp_path / "centre")
    take(centre)
    # Headquarters' machine itself is somebody else's: its key alone brings nothing that is new.
    repository.make(source, "turnout", 2, "india", NOW)
    repository.sign(KEYS["lata"])
    repository.sign(KEYS["omar"])
    with monkeypatch.context() as taken:
        taken.setattr(trust, "refuse_one_part", lambda _: None)  # the centre has its own
        repository.publish(KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="nobody of compliance has signed"):
        centre.wanted()


def test_a_bundle_of_another_jurisdiction_is_refused_in_words(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    headquarters.approve(source, NOW, jurisdiction="us")
    headquarters.give(1, NOW)
    with pytest.raises(MaterialRefused, match="made for the jurisdiction 'us', and this centre's is 'india'"):
        headquarters.centre(tmp_path / "centre").wanted()


def test_a_withdrawn_bundle_is_taken_by_nobody_new(headquarters: Publisher, source: Path, tmp_path: Path) -> None:
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    headquarters.repository.withdraw("turnout", 1, NOW)
    for person in ("omar", "meena"):
        headquarters.repository.sign(KEYS[person])
    headquarters.repository.publish(KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="not, or no longer, approved"):
        headquarters.centre(tmp_path / "centre").wanted()


def test_without_room_nothing_is_fetched_and_a_disk_that_fills_leaves_nothing_half(
    headquarters: Publisher, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    with pytest.raises(MaterialRefused, match="too little room above its reserve"):
        take(headquarters.centre(tmp_path / "centre", room_bytes=5_000))
    assert headquarters.files_asked() == []
    centre = headquarters.centre(tmp_path / "centre")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", full)
        with pytest.raises(MaterialRefused, match="cannot be kept"):
            take(centre)
    with monkeypatch.context() as patch:
        patch.setattr(CentreMaterial, "_append", full)
        (tmp_path / "centre/files").rename(tmp_path / "centre/lost")
        with pytest.raises(MaterialRefused, match="cannot be kept"):
            take(centre)
    assert {path.name for path in (tmp_path / "centre").iterdir()} == {"trust", "files", "lost"}
    assert not [path for path in (tmp_path / "centre/files").rglob("*") if path.is_file()]
    assert take(centre).label == "turnout-1"


def test_a_server_with_another_certificate_is_not_listened_to(source: Path, tmp_path: Path) -> None:
    files = {}
    for name in ("ours", "theirs"):
        folder = tmp_path / name
        folder.mkdir()
        files[name] = CertificateFiles(*(folder / file for file in ("it.pem", "it.key", "ca.pem", "ca.key")))
        make_certificate(files[name], "hq", "127.0.0.1", [], NOW, renew=False)
    for theirs in ("theirs", "ours"):
        served = (files[theirs].certificate, files[theirs].key)
        with publishing(tmp_path / f"hq-{theirs}", NOW, tls=served, ca=files["ours"].ca) as publisher:
            publisher.approve(source, NOW)
            publisher.give(1, NOW)
            centre = publisher.centre(tmp_path / f"centre-{theirs}")
            if theirs == "theirs":
                with pytest.raises(HeadquartersUnreachable, match="certificate"):
                    take(centre)
            else:
                assert take(centre).label == "turnout-1"


def test_others_sign_once_two_roots_say_so_and_a_stolen_key_of_this_machine_is_no_good(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    centre, repository = headquarters.centre(tmp_path / "centre"), headquarters.repository
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    take(centre)
    others = [PEOPLE[2], Signatory("nila", "media", public_key(b"n" * 32))]
    fresh = b"f" * 32
    for roots in ([KEYS["r1"]], [KEYS["r1"], KEYS["lata"]]):
        with pytest.raises(MaterialRefused, match="two root keys sign a change"):
            repository.change(roots, others, fresh, NOW)
    repository.change([KEYS["r1"], KEYS["r3"]], others, fresh, NOW)
    assert take(centre).label == "turnout-1"  # it is drafted, and holds for nobody yet
    with pytest.raises(MaterialRefused, match="neither media's nor compliance's"):
        repository.sign(KEYS["lata"])
    repository.sign(KEYS["meena"])
    assert repository.sign(b"n" * 32) == {"meena": "compliance", "nila": "media"}
    repository.publish(fresh, NOW)
    assert take(centre).label == "turnout-1"
    (source / "flows/turnout.yaml").write_text("flow: 2")
    repository.make(source, "turnout", 2, "india", NOW)
    for key in (KEYS["meena"], b"n" * 32):
        repository.sign(key)
    repository.publish(fresh, NOW)
    repository.give("turnout", 2, ["all"], (), fresh, NOW)
    assert take(centre).label == "turnout-2"
    assert take(headquarters.centre(tmp_path / "new")).label == "turnout-2"  # from the first root on
    repository.give("turnout", 1, ["all"], (), KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="not to be believed"):
        centre.wanted()


def test_root_keys_change_by_two_of_the_former_and_two_of_the_new(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    repository, r4, r5 = headquarters.repository, b"4" * 32, b"5" * 32
    centre = headquarters.centre(tmp_path / "centre")
    headquarters.approve(source, NOW)
    headquarters.give(1, NOW)
    take(centre)
    new = [public_key(key) for key in (KEYS["r3"], r4, r5)]
    for signers, roots, says in (
        ([KEYS["r1"], KEYS["r2"]], new, "two of the former"),
        ([r4, r5], new, "two of the former"),
        ([KEYS["r1"], KEYS["r3"], KEYS["r2"]], new, "two of the former"),
        ([KEYS["r1"], KEYS["r3"]], new[:1], "two of the former"),
        ([KEYS["r1"], KEYS["r3"], r4], [*new, new[0]], "named twice"),
        ([KEYS["r1"], KEYS["r3"], r4], [*new, public_key(KEYS["lata"])], "named twice"),
    ):
        with pytest.raises(MaterialRefused, match=says):
            repository.change_roots(signers, roots, NOW)
    repository.change_roots([KEYS["r1"], KEYS["r3"], r4], new, NOW)  # r2 is lost; r3 signs for both sides
    headquarters.approve(source, NOW)
    headquarters.give(2, NOW)
    assert take(centre).label == "turnout-2"
    assert take(headquarters.centre(tmp_path / "new")).label == "turnout-2"  # from the first root on
    with pytest.raises(MaterialRefused, match="two root keys sign a change"):
        repository.change([KEYS["r1"], KEYS["r2"]], PEOPLE, KEYS["online"], NOW)
    repository.change([r4, r5], PEOPLE, KEYS["online"], NOW)
    with pytest.raises(MaterialRefused, match="publish that first"):
        repository.change_roots([r4, r5], new, NOW)
    for person in ("lata", "meena"):
        repository.sign(KEYS[person])
    repository.publish(KEYS["online"], NOW)
    assert take(centre).label == "turnout-2"


def test_a_manifest_that_leads_out_of_its_folder_is_none(source: Path, tmp_path: Path) -> None:
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


def test_a_bundle_made_of_a_centre_s_folder_overwrites_no_file_with_its_manifest(
    headquarters: Publisher, source: Path, tmp_path: Path
) -> None:
    (source / "bundle.json").write_text("what ran before")
    with pytest.raises(MaterialRefused, match="is the name of the manifest itself"):
        headquarters.approve(source, NOW)


def test_a_beginning_needs_two_root_keys_both_parts_and_happens_once(tmp_path: Path) -> None:

    r1, r2, online = KEYS["r1"], KEYS["r2"], KEYS["online"]
    for roots, people, own, says in (
        ([r1], PEOPLE, online, "two root keys"),
        ([r1, r1], PEOPLE, online, "two root keys"),
        ([r1, r2], PEOPLE[:2], online, "nobody of compliance"),
        ([r1, r2], PEOPLE, r1, "named twice"),
        ([r1, r2], [*PEOPLE, PEOPLE[0]], online, "named twice"),
    ):
        with pytest.raises(MaterialRefused, match=says):
            Repository(tmp_path / "hq").begin(roots, [public_key(KEYS["r3"])], people, own, NOW)
    assert not (tmp_path / "hq").exists()
    Repository(tmp_path / "hq").begin([r1, r2], [], PEOPLE, online, NOW)
    with pytest.raises(MaterialRefused, match="begun already"):
        Repository(tmp_path / "hq").begin([r1, r2], [], PEOPLE, online, NOW)
