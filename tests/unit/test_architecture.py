"""The four homes and the rooms of the dialler: imports run one way, there is no cycle, and pure rooms stay pure."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOMES = ("config", "audio", "ivr_flows", "dialer")  # each may import those before it
PURE = (
    "dialer/engine/call.py",
    "dialer/engine/seat.py",
    "dialer/engine/keypad.py",
    "dialer/engine/log_ins.py",
    "dialer/engine/trunks.py",
    "dialer/domain/model.py",
    "dialer/domain/view.py",
    "dialer/domain/commands.py",
    "dialer/domain/complaints.py",
    "dialer/domain/record_ids.py",
    "dialer/mqtt/command_values.py",
    "dialer/rules/*.py",
    "dialer/audit/*.py",
    "dialer/pacing/*.py",
    "dialer/polling_day/*.py",
    "dialer/domain/switch.py",
    "dialer/switch/asterisk/ami_codec.py",
    "dialer/switch/asterisk/agi_codec.py",
    "dialer/switch/asterisk/tracker.py",
    "dialer/engine/transfers/state.py",
    "dialer/engine/supervision/state.py",
    "dialer/switch/asterisk/tracker.py",
    "dialer/switch/asterisk/places.py",
    "dialer/mqtt/command_table.py",
    "dialer/switch/routed.py",
    "dialer/switch/twilio/pages.py",
    "dialer/switch/twilio/spend.py",
    "dialer/switch/twilio/states.py",
    "dialer/switch/twilio/tokens.py",
    "dialer/mqtt/topics.py",
    "dialer/mqtt/payloads.py",
    "dialer/mqtt/payload_builders.py",
    "dialer/board/render.py",
    "dialer/board/panels.py",
    "dialer/board/parts.py",
    "audio/gate.py",
    "audio/names.py",
    "audio/numbers.py",
    "ivr_flows/machine.py",
    "ivr_flows/model.py",
    "ivr_flows/turns.py",
)
IMPURE_MODULES = frozenset(
    {
        "asyncio",
        "socket",
        "sqlite3",
        "aiosqlite",
        "aiomqtt",
        "random",
        "secrets",
        "time",
        "os",
        "subprocess",
        "threading",
    }
)


def modules() -> Iterator[Path]:
    for home in HOMES:
        yield from (ROOT / home).rglob("*.py")


def name_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports when it runs; those under `if TYPE_CHECKING` are for the type checker alone."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_imports_run_one_way_between_the_homes() -> None:
    back = [
        f"{path.relative_to(ROOT)} imports {imported}"
        for path in modules()
        for imported in imports_of(path)
        for home in HOMES[HOMES.index(path.relative_to(ROOT).parts[0]) + 1 :]
        if imported.split(".")[0] == home
    ]
    assert not back


def test_no_module_imports_itself_in_a_circle() -> None:
    known = {name_of(path): path for path in modules()}
    arrows = {
        name: {other for other in imports_of(path) if other in known and other != name} for name, path in known.items()
    }
    done: set[str] = set()
    under_way: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        assert name not in under_way, " -> ".join([*under_way[under_way.index(name) :], name])
        under_way.append(name)
        for other in sorted(arrows[name]):
            visit(other)
        under_way.pop()
        done.add(name)

    for name in sorted(known):
        visit(name)


def test_rooms_of_the_dialler_form_no_circle() -> None:
    """Folder by folder: two rooms that import each other are one room with a wall in the wrong place."""

    def room(name: str) -> str:
        parts = name.split(".")
        return parts[1] if len(parts) > 1 else parts[0]

    arrows: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "dialer").rglob("*.py"):
        if path.relative_to(ROOT / "dialer").parts[0] in {"app.py", "cli.py", "demo.py"}:
            continue
        own = room(name_of(path))
        arrows[own] |= {room(other) for other in imports_of(path) if other.startswith("dialer.")} - {own}
    both = sorted({tuple(sorted((a, b))) for a in arrows for b in arrows[a] if a in arrows.get(b, set())})
    assert not both


@pytest.mark.parametrize("pattern", PURE)
def test_pure_rooms_import_no_outside_world(pattern: str) -> None:
    files = sorted(ROOT.glob(pattern))
    assert files, f"{pattern} matches nothing: keep this list true"
    for path in files:
        touched = {name.split(".")[0] for name in imports_of(path)} & IMPURE_MODULES
        assert not touched, f"{path.relative_to(ROOT)} imports {sorted(touched)}"


def test_forbidden_calls_are_nowhere() -> None:
    """`wait_for` swallows a cancellation on 3.11 (cpython #86296); an unbounded queue hides a stall until memory ends."""
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            bounded = any(keyword.arg == "maxsize" for keyword in node.keywords) or node.args
            if called.endswith("wait_for") or (called.endswith("asyncio.Queue") and not bounded):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {called}")
    assert not found


def test_a_running_dialler_has_not_imported_what_only_other_commands_need() -> None:
    """A restart in a call lasts as long as the start does; these alone were half of it."""
    heavy = (
        "av",
        "fpdf",
        "matplotlib",
        "xlsxwriter",
        "jinja2",
        "python_calamine",
        "dialer.reports",
        "dialer.rehearsal.demo",
        "dialer.cli.roll",
    )
    program = f"import sys, dialer.cli, dialer.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
