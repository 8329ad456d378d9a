"""The lock files match the project's dependencies, with a hash of each package and no index URL. No network is used."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply_chain import LOCKS, ROOT, audited

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAMES = [path.name for path in LOCKS]


def read_locked_versions(name: str) -> dict[str, list[str]]:
    """Return the locked versions of each package; several if they differ between Python versions or systems."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "locks" / name).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", line):
            found.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return found


def required_packages(name: str) -> list[Requirement]:
    extras = next(extras for path, extras in LOCKS.items() if path.name == name)
    optional = PROJECT["project"]["optional-dependencies"]
    texts = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    return [Requirement(text) for text in texts + [text for extra in extras for text in optional[extra]]]


@pytest.mark.parametrize("name", NAMES)
def test_lock_files_contain_every_dependency_in_an_allowed_version(name: str) -> None:
    versions = read_locked_versions(name)
    for requirement in required_packages(name):
        found = versions.get(canonicalize_name(requirement.name))
        assert found, f"{requirement.name} is not in locks/{name}: run make lock"
        assert all(map(requirement.specifier.contains, found)), (
            f"{requirement}: locks/{name} has {found}: run make lock"
        )


@pytest.mark.parametrize("name", NAMES)
def test_lock_files_contain_all_transitive_dependencies(name: str) -> None:
    versions = read_locked_versions(name)
    waiting, seen = [canonicalize_name(each.name) for each in required_packages(name)], set[str]()
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        try:
            needs = [Requirement(text) for text in requires(package) or ()]
        except PackageNotFoundError:  # of another Python than this one
            continue
        for need in needs:
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in versions, f"{package} needs {need.name}: run make lock"
                waiting.append(canonicalize_name(need.name))
    assert len(seen) > len(required_packages(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_package_in_the_lock_files_has_a_hash_and_no_index_url(name: str) -> None:
    text = (ROOT / "locks" / name).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"(?m)^(?=[A-Za-z])", text) if entry]
    assert len(entries) >= len(read_locked_versions(name))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]
    assert not re.search(r"://|^-|index-url|find-links", text.replace("    --hash", ""), re.MULTILINE)


def test_lock_files_contain_every_extra_of_the_project_except_bench() -> None:
    (extras,) = (extras for extras in LOCKS.values() if extras)
    assert set(extras) == PROJECT["project"]["optional-dependencies"].keys() - {"bench"}


def test_vulnerability_audit_fails_for_an_advisory_but_not_for_an_unreachable_index() -> None:
    clean = {"name": "a", "version": "1", "vulns": []}
    skipped = {"name": "b", "version": "2", "skip_reason": "not found"}
    bad = {"name": "c", "version": "3", "vulns": [{"id": "ADVISORY-1", "fix_versions": ["3.1"]}]}
    assert audited([clean, skipped]) == (0, ["audit: 1 of 2 packages looked up, 0 advisories"])
    assert audited([skipped]) == (0, ["audit: nothing was looked up: no index of advisories can be reached from here"])
    code, lines = audited([clean, bad])
    assert (code, lines[0]) == (1, "c 3: ADVISORY-1, mended in 3.1")


def test_every_test_named_on_the_security_page_exists() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[^`]+)`", page))
    assert len(named) > 15
    assert not [path for path in named if not (ROOT / path).is_file()]
