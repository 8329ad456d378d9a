"""Rules for the source that neither ruff nor import-linter (see pyproject.toml) can check."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.support.paths import ROOT


def test_every_queue_in_the_code_has_a_maximum_size() -> None:
    """An unbounded queue hides a stalled reader until the memory is full."""
    unbounded = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "dialer").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Queue"
        and not node.args
        and not any(keyword.arg == "maxsize" for keyword in node.keywords)
    ]
    assert unbounded == []


def test_dialer_run_does_not_import_modules_that_only_other_commands_need() -> None:
    """Importing these modules would double the time of a start, and so of a restart during calls."""
    slow = (
        *("av", "fpdf", "matplotlib", "xlsxwriter", "jinja2", "python_calamine", "rich"),
        *("dialer.reports", "dialer.centre_model", "dialer.simulation", "dialer.cli.roll"),
    )
    program = (
        f"import sys, dialer.cli.running, dialer.cli.logs, dialer.app; print([m for m in {slow} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
