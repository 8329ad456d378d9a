"""How a record that leaves the process is described and encoded.

A view, an MQTT message and the body of a page's request are the same frozen dataclass. JSON, JSON Schema and with it AsyncAPI,
docs/reference/topics.md and the pages' TypeScript types come from that class. A field with `PRIVATE` never leaves the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError, WrapValidator

T = TypeVar("T")

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}

MESSAGE = ConfigDict(use_attribute_docstrings=True, json_schema_serialization_defaults_required=True)
"""The `__pydantic_config__` of a record that leaves the process: the text below a field describes it."""
PRIVATE = Field(exclude=True)
"""Marks a field that stays in the process."""


def _rounded_to(digits: int) -> PlainSerializer:
    return PlainSerializer(lambda value: round(value, digits), return_type=float)


Time = Annotated[float, _rounded_to(3), Field(json_schema_extra={"format": "epoch-seconds"})]
Rounded = Annotated[float, _rounded_to(3)]
Tenths = Annotated[float, _rounded_to(1)]
Microseconds = Annotated[float, _rounded_to(6)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[
    float, PlainSerializer(lambda value: min(1.0, max(0.0, round(value, 4))), return_type=float), Field(ge=0, le=1)
]


def unknown_as(known: StrEnum) -> WrapValidator:
    """Read a word that a newer dialler has added as `known`, so that the rest of its message is understood."""

    def read(value: object, validate: Callable[[object], object]) -> object:
        try:
            return validate(value)
        except ValidationError:
            if isinstance(value, str):
                return known
            raise

    return WrapValidator(read)


def known_keys(words: type[StrEnum]) -> BeforeValidator:
    """Leave out counts by words that a newer dialler has added."""
    known = frozenset(word.value for word in words)

    def read(counts: object) -> object:
        return {key: counts[key] for key in counts if key in known} if isinstance(counts, Mapping) else counts

    return BeforeValidator(read)


def adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return what encodes, reads and describes records of a class."""
    found: TypeAdapter[T] | None = _ADAPTERS.get(kind)
    if found is None:
        found = _ADAPTERS[kind] = TypeAdapter(kind)
    return found


def encode(record: object) -> str:
    """Return a record as one line of JSON."""
    return adapter(type(record)).dump_json(record).decode()


def json_value(record: object) -> Any:
    """Return a record as values of JSON."""
    return adapter(type(record)).dump_python(record, mode="json")


def json_schema(kind: type[Any], ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a class of records, as they are sent."""
    return adapter(kind).json_schema(mode="serialization", ref_template=ref_template)
