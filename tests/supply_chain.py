"""What the dialler is made of, locked, looked up and listed: `python -m tests.supply_chain lock|audit|sbom`, as `make` calls it.

`locks/dialer.txt` is the released set with a hash of every file that may be installed, `locks/extras.txt` the same with all extras.
They name no index: where packages come from is each machine's own affair, what they must be is not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = {
    ROOT / "locks" / "dialer.txt": (),
    ROOT / "locks" / "extras.txt": (
        "agi",
        "desk",
        "encryption",
        "hq",
        "plots",
        "twilio",
        "uplink",
        "voices",
    ),
}
BILL = ROOT / "dist" / "sbom.cdx.json"


def lock() -> int:
    """Write both locks anew, with the newest versions that pyproject.toml allows; what builds our wheel is in them too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    build = "\n".join([*project["build-system"]["requires"], "editables"])
    for path, extras in LOCKS.items():
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--python-version",
            "3.11",
            "--upgrade",
        ]
        command += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        command += [argument for extra in extras for argument in ("--extra", extra)]
        subprocess.run([*command, "pyproject.toml", "-", "-o", str(path)], input=build, text=True, cwd=ROOT, check=True)
    return 0


def audit() -> int:
    """Look every locked package up among the known vulnerabilities. 1 where there is one; 0 also where no index of advisories can
    be reached, which is said: a day on which it is away must not stop a release, and must not look like a clean one.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "locks" / "extras.txt")]
    command += ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        say(f"audit: nothing was looked up: {(done.stderr.strip().splitlines() or ['pip-audit said nothing'])[-1]}")
        return 0
    verdict, lines = audited(packages)
    for line in lines:
        say(line)
    return verdict


def audited(packages: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code and what is to be said of what pip-audit found, package by package."""
    lines = [
        f"{each['name']} {each['version']}: {advisory['id']}, mended in {', '.join(advisory['fix_versions']) or 'no version yet'}"
        for each in packages
        for advisory in each.get("vulns", ())
    ]
    looked_up = [each for each in packages if "skip_reason" not in each]
    told = f"audit: {len(looked_up)} of {len(packages)} packages looked up, {len(lines)} advisories"
    if not looked_up:
        told = "audit: nothing was looked up: no index of advisories can be reached from here"
    return (1 if lines else 0), [*lines, told]


def sbom() -> int:
    """Write the bill of materials of the released set: CycloneDX, JSON."""
    BILL.parent.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        str(ROOT / "locks" / "extras.txt"),
        "--pyproject",
        "pyproject.toml",
    ]
    subprocess.run(
        [*command, "--mc-type", "application", "--output-format", "JSON", "-o", str(BILL)], cwd=ROOT, check=True
    )
    say(f"{BILL.relative_to(ROOT)}: {len(json.loads(BILL.read_text(encoding='utf-8'))['components'])} components")
    return 0


def say(line: str) -> None:
    """A line for whoever runs it."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit({"lock": lock, "audit": audit, "sbom": sbom}[sys.argv[1]]())
