"""JSON encoding and JSON schemas of MQTT messages, page data and page requests.

AsyncAPI, docs/reference/topics.md and the pages' TypeScript types are generated from the schemas. A field marked with
`PRIVATE` never leaves the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError, WrapValidator

T = TypeVar("T")

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}

MESSAGE = ConfigDict(use_attribute_docstrings=True, json_schema_serialization_defaults_required=True)
"""The `__pydantic_config__` of a record that leaves the process. The text below a field is its description in the docs.
"""
PRIVATE = Field(exclude=True)
"""Marks a field that stays in the process."""


def _make_serializer_that_rounds_numbers(digits: int) -> PlainSerializer:
    return PlainSerializer(lambda value: round(value, digits), return_type=float)


Time = Annotated[float, _make_serializer_that_rounds_numbers(3), Field(json_schema_extra={"format": "epoch-seconds"})]
Rounded = Annotated[float, _make_serializer_that_rounds_numbers(3)]
Tenths = Annotated[float, _make_serializer_that_rounds_numbers(1)]
Microseconds = Annotated[float, _make_serializer_that_rounds_numbers(6)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[
    float, PlainSerializer(lambda value: min(1.0, max(0.0, round(value, 4))), return_type=float), Field(ge=0, le=1)
]


def create_validator_for_unknown_enum_values(known: StrEnum) -> WrapValidator:
    """Return a pydantic validator that replaces an unknown enum value with `known`.

    Older programs can therefore read messages from newer ones.
    """

    def replace_unknown_enum_value(value: object, validate: Callable[[object], object]) -> object:
        try:
            return validate(value)
        except ValidationError:
            if isinstance(value, str):
                return known
            raise

    return WrapValidator(replace_unknown_enum_value)


def create_validator_that_drops_unknown_counts(words: type[StrEnum]) -> BeforeValidator:
    """Return a pydantic validator that drops counts with unknown keys.

    Older programs can therefore read messages from newer ones.
    """
    known = frozenset(word.value for word in words)

    def drop_counts_with_unknown_keys(counts: object) -> object:
        return {key: counts[key] for key in counts if key in known} if isinstance(counts, Mapping) else counts

    return BeforeValidator(drop_counts_with_unknown_keys)


def get_type_adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return the pydantic type adapter of a class of records. It encodes, reads and describes these records."""
    found: TypeAdapter[T] | None = _ADAPTERS.get(kind)
    if found is None:
        found = _ADAPTERS[kind] = TypeAdapter(kind)
    return found


def encode_record_as_json(record: object) -> str:
    """Return a record as one line of JSON."""
    return get_type_adapter(type(record)).dump_json(record).decode()


def convert_record_to_json_values(record: object) -> Any:
    """Return a record as a value that json.dumps accepts: dictionaries, lists, texts and numbers."""
    return get_type_adapter(type(record)).dump_python(record, mode="json")


def make_json_schema(kind: type[Any], ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a class of records, in the form in which they are sent."""
    return get_type_adapter(kind).json_schema(mode="serialization", ref_template=ref_template)
