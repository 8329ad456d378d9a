"""Counts of all objects reachable from a running centre, to find memory leaks in any structure.

The count follows attributes, containers, closures, tasks and callbacks from the given roots and from all modules, so new
structures are counted without being listed anywhere.
"""

from __future__ import annotations

import functools
import gc
import itertools
import sqlite3
import sys
import types
from collections import Counter, deque
from collections.abc import Iterable

OURS = ("dialer", "ivr_flows", "audio", "config")
NOT_OURS = ("dialer.simulation",)
"""Simulated surroundings, which may grow (such as the journal)."""

_WITHOUT_INSIDE = (
    str,
    bytes,
    int,
    float,
    complex,
    type(None),
    type,
    types.ModuleType,
    types.CodeType,
    types.BuiltinFunctionType,
)
_CONTAINERS = (dict, list, set, frozenset, deque, bytearray)


def count_objects(*roots: object) -> Counter[str]:
    """Return the number of entries of each container and of objects of each of our classes.

    A container is named after the class and attribute that hold it, such as "Centre.calls". Containers of the same name
    are counted together.
    """
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: deque[tuple[str, object]] = deque((type(root).__name__, root) for root in roots)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in OURS and not name.startswith(NOT_OURS):
            waiting.extend((f"{name}:{key}", value) for key, value in vars(module).items())
            waiting.extend(
                (f"{name}:{kind.__name__}.{key}", value)
                for kind in vars(module).values()
                if isinstance(kind, type) and kind.__module__ == name
                for key, value in vars(kind).items()
            )
    while waiting:
        name, value = waiting.popleft()
        if id(value) in seen or isinstance(value, _WITHOUT_INSIDE):
            continue
        seen.add(id(value))
        kind = type(value)
        if _is_excluded(value) or _is_bounded(value):
            continue
        if isinstance(value, _CONTAINERS):
            found[name] += len(value)
        elif kind.__module__.split(".")[0] in OURS:
            name = kind.__qualname__
            found[f"objects of {kind.__module__}.{name}"] += 1
        waiting.extend(_count_contents(name, value))
    return found


def _is_excluded(value: object) -> bool:
    code = getattr(value, "cr_code", None)
    if isinstance(code, types.CodeType):
        return "/dialer/simulation/" in code.co_filename or "/tests/" in code.co_filename
    module = value.__module__ if isinstance(value, types.FunctionType) else type(value).__module__
    return module is not None and module.startswith((*NOT_OURS, "tests.", "bench."))


def _is_bounded(value: object) -> bool:
    """Return whether a value is a cache with a size limit, or a SQLite connection with its statement cache."""
    if isinstance(value, sqlite3.Connection):
        return True
    parameters = getattr(value, "cache_parameters", None)
    return (
        isinstance(value, functools._lru_cache_wrapper)
        and parameters is not None
        and parameters()["maxsize"] is not None
    )


def find_growth(before: Counter[str], after: Counter[str], by_more_than: int) -> dict[str, int]:
    """Return the names whose counts have grown by more than `by_more_than`, with the growth."""
    return {name: after[name] - before[name] for name in after if after[name] - before[name] > by_more_than}


def _count_contents(name: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        inner = _nested_name(name)
        return [(inner, each) for each in itertools.chain(value.keys(), value.values())] + _attributes(name, value)
    if isinstance(value, list | set | frozenset | deque | tuple):
        inner = _nested_name(name)
        return [(inner, each) for each in value] + _attributes(name, value)
    if isinstance(value, types.FunctionType):  # without its globals, which are counted with the module
        return [
            (f"{value.__qualname__}()", each) for each in (value.__closure__, value.__defaults__, value.__kwdefaults__)
        ]
    attributes = _attributes(name, value)
    excluded = {id(each) for _, each in attributes}
    own = getattr(value, "__dict__", None)
    return attributes + [
        (name, each) for each in gc.get_referents(value) if id(each) not in excluded and each is not own
    ]


def _attributes(name: str, value: object) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            member = kind.__dict__.get(slot)
            if isinstance(member, types.MemberDescriptorType):
                try:
                    found.append((f"{name}.{slot}", member.__get__(value)))
                except AttributeError:  # not set yet
                    continue
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        found.extend((f"{name}.{key}", each) for key, each in own.items())
    return found


def _nested_name(name: str) -> str:
    """Return the name for the entries of a container. Nested containers share one name."""
    return name if name.endswith("[]") else f"{name}[]"
