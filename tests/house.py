"""The house in figures: rooms, arrows, and what would make it hard to live in. `python -m tests.house` prints them.

What these figures may be at most stands in `tests/unit/test_architecture.py`.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOMES = ("config", "audio", "ivr_flows", "dialer")  # each may import those before it
_OF_THE_LOOP = frozenset({"call_later", "call_soon", "add_done_callback", "to_thread", "sorted", "min", "max"})
_CHANGES = frozenset({"add", "append", "clear", "discard", "extend", "pop", "remove", "setdefault", "update"})
SHORT_LINES = 80  # a module under this that only one other imports usually belongs into that one


@dataclass(frozen=True)
class Module:
    """One source file, parsed and walked once."""

    name: str
    path: Path
    lines: int
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__` of a package."""
        return self.path.name == "__init__.py"

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """All that stands in it."""
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> set[str]:
        """See `imports_of`."""
        return imports_of(self.nodes)


@dataclass(frozen=True)
class House:
    """The product's modules and the arrows between them. Imports for the type checker alone are arrows too."""

    modules: Mapping[str, Module]

    @cached_property
    def arrows(self) -> dict[str, set[str]]:
        """By module, the modules of the house that it imports anywhere in its text."""
        return {
            name: {other for other in module.imports if other in self.modules and other != name}
            for name, module in self.modules.items()
        }

    @cached_property
    def importers(self) -> dict[str, set[str]]:
        """By module, the modules that import it."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, others in self.arrows.items():
            for other in others:
                found[other].add(name)
        return found

    def room_of(self, name: str) -> str:
        """The room of a module: its folder of `dialer/`, the file where it lies at the top, or the home."""
        parts = name.split(".")
        if parts[0] != "dialer" or len(parts) == 1:
            return parts[0]
        return ".".join(parts[:2])

    def room_arrows(self) -> dict[str, set[str]]:
        """By room, the rooms that it imports."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, others in self.arrows.items():
            found[self.room_of(name)] |= {self.room_of(other) for other in others} - {self.room_of(name)}
        return found

    def single_importers(self) -> list[Module]:
        """Short modules that exactly one other module imports; none is one that its own package alone reads, as a registration."""
        return [
            module
            for name, module in self.modules.items()
            if module.lines < SHORT_LINES
            and not module.is_package
            and len(self.importers[name]) == 1
            and self.importers[name] != {name.rpartition(".")[0]}
        ]

    def constructors(self) -> list[tuple[int, str]]:
        """Every `__init__` that is written out, with the number of what it takes beside self, the largest first."""
        found = [
            (
                len([*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]) - 1,
                f"{name}.{owner.name}",
            )
            for name, module in self.modules.items()
            for owner in module.nodes
            if isinstance(owner, ast.ClassDef)
            for function in owner.body
            if isinstance(function, ast.FunctionDef) and function.name == "__init__"
        ]
        return sorted(found, reverse=True)

    def functions(self) -> list[tuple[int, str]]:
        """Every function and its lines, the longest first."""
        found = [
            ((node.end_lineno or node.lineno) - node.lineno + 1, f"{name}.{node.name}")
            for name, module in self.modules.items()
            for node in module.nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        return sorted(found, reverse=True)

    def classes_named_twice(self) -> dict[str, list[str]]:
        """Names that two public classes have, with the modules where they stand."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, module in self.modules.items():
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(name)
        return {name: places for name, places in found.items() if len(places) > 1}

    def callbacks(self, inside: str) -> list[str]:
        """Where a class of a room hands a method of its own to somebody else, who may call back: "module.Class.method -> callee".
        The loop's own timers and threads are nobody else.
        """
        found = []
        for name, module in self.modules.items():
            for owner in module.tree.body if f"{name}.".startswith(f"{inside}.") else ():
                if not isinstance(owner, ast.ClassDef):
                    continue
                own = {each.name for each in owner.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
                own -= {each.name for each in owner.body if isinstance(each, ast.FunctionDef) and each.decorator_list}
                for call in (node for node in ast.walk(owner) if isinstance(node, ast.Call)):
                    callee = ast.unparse(call.func)
                    if callee.rpartition(".")[2] in _OF_THE_LOOP:
                        continue
                    handed = [*call.args, *(keyword.value for keyword in call.keywords)]
                    reached = [
                        node.attr
                        for each in handed
                        for node in (ast.walk(each.body) if isinstance(each, ast.Lambda) else [each])
                        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self" and node.attr in own
                    ]
                    found += [f"{name}.{owner.name}.{method} -> {callee}" for method in reached]
        return sorted(found)

    def writers(self, inside: str, holder: str) -> dict[str, set[str]]:
        """By attribute of what a room's modules call `holder`, those that put something into it, or take something out."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, module in self.modules.items():
            for node in module.nodes if name.startswith(inside) else ():
                targets: list[ast.expr] = []
                if isinstance(node, ast.Assign | ast.Delete):
                    targets = [part for each in node.targets for part in getattr(each, "elts", [each])]
                elif isinstance(node, ast.AugAssign):
                    targets = [node.target]
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
                    targets = [node.func.value]
                for target in targets:
                    whole, _, attribute = ast.unparse(target).partition("[")[0].rpartition(".")
                    if whole.rpartition(".")[2].lstrip("_") == holder:
                        found[attribute].add(name)
        return found

    def importing(self, wanted: str, *, outside: str = "", inside: str = "") -> list[str]:
        """Modules that import `wanted` or what is in it: all but those of the room `outside`, or only those of `inside`."""
        return sorted(
            name
            for name, module in self.modules.items()
            if any(each == wanted or each.startswith(f"{wanted}.") for each in module.imports)
            and not (outside and f"{name}.".startswith(f"{outside}."))
            and f"{name}.".startswith(f"{inside}." if inside else "")
        )


def read_house(root: Path = ROOT) -> House:
    """Parse the four homes."""
    found: dict[str, Module] = {}
    for home in HOMES:
        for path in sorted((root / home).rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = path.read_text(encoding="utf-8")
            found[name] = Module(name, path, text.count("\n"), ast.parse(text))
    return House(found)


def imports_of(nodes: Sequence[ast.AST], *, running: bool = False) -> set[str]:
    """What a module, or a part of one, imports, wherever it says so; of `from a import b` both a and a.b. `running`: not what it
    imports for the type checker alone.
    """
    skipped = {
        id(inner)
        for node in (nodes if running else ())
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def circles(arrows: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Sets of nodes that reach each other (strongly connected, Tarjan 1972), each sorted; [] where there is no circle."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in arrows.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            circle = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return found


def lines_of(house: House) -> Iterator[str]:
    """The figures, a line each."""
    modules, lines = Counter[str](), Counter[str]()
    for name, module in house.modules.items():
        modules[house.room_of(name)] += 1
        lines[house.room_of(name)] += module.lines
    for room in sorted(modules):
        yield f"{room:24} {modules[room]:4} modules {lines[room]:7,} lines"
    yield f"{'product':24} {sum(modules.values()):4} modules {sum(lines.values()):7,} lines"
    yield f"circles of rooms: {circles(house.room_arrows()) or 'none'}"
    yield f"circles of modules: {circles(house.arrows) or 'none'}"
    singles = house.single_importers()
    yield f"modules under {SHORT_LINES} lines with a single importer: {len(singles)} ({', '.join(each.name for each in singles)})"
    yield "largest constructors: " + ", ".join(f"{name} {count}" for count, name in house.constructors()[:5])
    yield "longest functions: " + ", ".join(f"{name} {count}" for count, name in house.functions()[:5])
    yield f"methods handed to others in the engine: {', '.join(house.callbacks('dialer.engine')) or 'none'}"
    yield f"sqlite3 imported outside the store: {house.importing('sqlite3', outside='dialer.store') or 'nowhere'}"
    yield f"dialer.mqtt imported by the engine: {house.importing('dialer.mqtt', inside='dialer.engine') or 'nowhere'}"
    yield f"classes of one name: {len(house.classes_named_twice())} ({', '.join(sorted(house.classes_named_twice()))})"


if __name__ == "__main__":
    print("\n".join(lines_of(read_house())))  # noqa: T201 - a report
