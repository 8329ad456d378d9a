"""Report the mutants (deliberate changes of the code) that no test detects and that nobody has accepted. `make mutants` runs it.

tests/accepted_mutants.toml lists the accepted ones: the changed line, and the reason why the change is harmless or cannot be
tested. A line is accepted with all its changes.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ACCEPTED = Path(__file__).parent / "accepted_mutants.toml"
UNDETECTED = frozenset({0, 5, 33})  # exit codes of mutmut: survived, and two for "no test runs this function"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of the code. Lines are without indentation."""

    name: str
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def function(self) -> str:
        """The changed function with its module: "dialer.rules.gate.Gate.check_call"."""
        return self.name.rpartition("__mutmut_")[0].replace("xǁ", "").replace("ǁ", ".").replace(".x_", ".")


def read_undetected_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the mutants that mutmut's last run in this folder left undetected."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    for path in sorted(folder.rglob("*.py.meta")):
        source = path.with_suffix("").relative_to(folder)
        for name, exit_code in json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            if exit_code in UNDETECTED:
                lines = get_diff_for_mutant(name, path=source).split("\n")[3:]
                yield Mutant(name, _select_lines(lines, "-"), _select_lines(lines, "+"))


def _select_lines(lines: Sequence[str], sign: str) -> tuple[str, ...]:
    return tuple(line[1:].strip() for line in lines if line.startswith(sign))


def read_accepted(path: Path) -> Mapping[str, frozenset[str]]:
    """Return the accepted lines of each function. Raises ValueError for an entry without a reason."""
    accepted: dict[str, frozenset[str]] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["accepted"]:
        if not entry["reason"].strip():
            raise ValueError(f"{path}: {entry['function']}: `reason` is empty")
        accepted[entry["function"]] = accepted.get(entry["function"], frozenset()) | {*entry["lines"]}
    return accepted


def find_unaccepted(mutants: Iterable[Mutant], accepted: Mapping[str, frozenset[str]]) -> list[Mutant]:
    """Return the mutants that change a line which is not accepted."""
    return [each for each in mutants if not {*each.removed} <= accepted.get(each.function, frozenset())]


def main() -> int:
    """Print the mutants that are not accepted. Return 1 if there are any."""
    found = find_unaccepted(read_undetected_mutants(Path("mutants")), read_accepted(ACCEPTED))
    for mutant in found:
        print(mutant.name)
        print("\n".join([f"  - {line}" for line in mutant.removed] + [f"  + {line}" for line in mutant.added]))
    print(f"{len(found)} undetected mutants are not accepted" if found else "every undetected mutant is accepted")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
