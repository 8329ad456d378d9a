"""Pydantic models for parts of YAML files. Errors name file, line and part, and say how to correct the mistake.

`parse_part_of_yaml_document` validates a part of a document and reports the first mistake as a FlowError. Validators
raise the error from `make_yaml_error` where pydantic's own messages are too general.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from dialer.flows.errors import FlowError
from dialer.flows.yaml_document import Document, Location, Value

Model = TypeVar("Model", bound="YamlModel")

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?", re.ASCII)


class YamlModel(BaseModel):
    """The base class of models of YAML files and their parts. They are immutable and refuse unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedPart(YamlModel):
    """A part of a YAML file with a name and a line number, such as a node of a flow or a page of a script."""

    _name: str = ""
    _line: int = 0

    @property
    def name(self) -> str:
        """The name of the part: its key in the file."""
        return self._name

    @property
    def line_number(self) -> int:
        """The line number (from 1) at which the part starts."""
        return self._line

    def set_name_and_line_of_part(self, name: str, line: int) -> None:
        """Set the part's name and line number. Called once, after parsing."""
        self._name = name
        self._line = line


def make_yaml_error(text: str, *at: str | int) -> PydanticCustomError:
    """Return an error with which a validator reports a mistake in a YAML file.

    `at` has the keys that lead from the validated value to the mistake, so that the error can name its line.
    """
    return PydanticCustomError("problem", "{text}", {"text": text, "at": at})


def parse_part_of_yaml_document(
    model: type[Model],
    document: Document,
    location: Location = (),
    *,
    names: object = None,
    name: str = "",
    part: str = "node",
) -> Model:
    """Return the part of a document at `location` as an instance of `model`.

    Args:
        model: the model of the part.
        document: the YAML document.
        location: the keys from the document to the part.
        names: the validation context, such as the names that the part may refer to.
        name: the part's name in error texts.
        part: the part's kind in error texts, such as "node" or "page".

    Raises:
        FlowError: the part has a mistake. Of several, the one in the first line is reported.
    """
    value: Value = document.values
    for key in location:
        value = value[key]  # type: ignore[index]  # the caller has found the value at this location
    try:
        return model.model_validate(value, context=names)
    except ValidationError as error:
        mistakes = [_Mistake(document, location, model, details) for details in error.errors(include_url=False)]
        first = min(mistakes, key=lambda mistake: mistake.line)
        raise FlowError(document.file, first.line, name, first.describe_yaml_mistake(), part=part) from error


class _Mistake:
    """One mistake in a YAML file: an error of pydantic, its line number, and a description for the author of the file."""

    def __init__(self, document: Document, location: Location, model: type[YamlModel], details: ErrorDetails) -> None:
        below = tuple(key for key in details["loc"] if key != "[key]")
        at = details.get("ctx", {}).get("at", ())
        self.line = document.find_line_number_of_value((*location, *below, *at))
        self._details = details
        self._key = next((str(key) for key in reversed(below) if isinstance(key, str)), "")
        self._shown = sanitise_text(details["input"]) if isinstance(details["input"], str) else ""
        self._model, self._field = _find_model_and_field_at_location(model, below)

    def describe_yaml_mistake(self) -> str:
        """Return what the mistake is, and how to correct it."""
        context: Mapping[str, Any] = self._details.get("ctx", {})
        match self._details["type"]:
            case "problem":
                return str(context["text"])
            case "missing":
                return f"has no `{self._key}:`; add it"
            case "extra_forbidden":
                known = ", ".join(sorted(list_yaml_keys(self._model)))
                return f"has the unknown key `{sanitise_text(self._key)}`; use one of {known}"
            case "string_pattern_mismatch":
                return f"`{self._shown}` is not a name; use a to z, 0 to 9 and _, start with a letter, at most 40 characters"
            case "enum" | "literal_error":
                allowed = re.sub(r"'| or ", lambda found: "" if found[0] == "'" else ", ", context["expected"])
                return f"`{self._key}: {self._shown}` is not allowed; use one of {allowed}"
            case "number" | "greater_than_equal" | "less_than_equal":
                return f"`{self._key}: {self._shown}` must be a number {self._describe_number_bounds()}"
            case "undeclared":
                return (
                    f"`{self._key}: {self._shown}` is neither a fact nor an answer of this flow; declare it in `facts:`"
                )
            case _:
                return f"`{self._key}:` {self._describe_required_value(context)}"

    def _describe_required_value(self, context: Mapping[str, Any]) -> str:
        match self._details["type"]:
            case "string_type":
                return "must be one text"
            case "string_too_long":
                return f"must be one text of at most {context['max_length']} characters"
            case "model_type" | "dict_type":
                return "must be a mapping (`key: value` lines)"
            case "too_short":
                return "is empty; give at least one"
            case "too_long":
                return f"has {len(self._details['input'])} entries; at most {context['max_length']} are allowed"
            case _:
                return self._details["msg"]

    def _describe_number_bounds(self) -> str:
        metadata = (
            []
            if self._field is None
            else [*self._field.metadata, *_list_constraints_of_type_annotation(self._field.annotation)]
        )
        lowest, highest = (
            next((bound for each in metadata if (bound := getattr(each, name, None)) is not None), None)
            for name in ("ge", "le")
        )
        return f"from {lowest:g} to {highest:g}"


def _find_model_and_field_at_location(
    model: type[BaseModel], location: Location
) -> tuple[type[BaseModel], FieldInfo | None]:
    """Return the pydantic model that describes the innermost table at a location of a flow, and the field at the location."""
    found: FieldInfo | None = None
    for key in location:
        inner = _find_model_in_annotation(found.annotation) if found is not None else None
        model = inner or model
        found = next((field for name, field in model.model_fields.items() if (field.alias or name) == key), found)
    return model, found


def _list_constraints_of_type_annotation(annotation: Any) -> Iterator[Any]:
    """Yield the constraints inside an annotation, such as those of the number in `Limit | None`."""
    for each in get_args(annotation):
        yield from each.metadata if isinstance(each, FieldInfo) else (each, *_list_constraints_of_type_annotation(each))


def _find_model_in_annotation(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        (found for each in get_args(annotation) if (found := _find_model_in_annotation(each)) is not None), None
    )


def list_yaml_keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the keys of a model in their YAML spelling."""
    return (field.alias or name for name, field in model.model_fields.items())


def sanitise_text(text: str) -> str:
    """Return untrusted text in a form that is safe in an error: printable ASCII, one line, at most 40 characters."""
    return "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in text[:40])


# Conversion of scalars, which the YAML reader returns as text.


def _parse_yaml_yes_or_no(value: object) -> object:
    if value not in ("true", "false"):
        raise PydanticCustomError("yes_or_no", "must be true or false")
    return value == "true"


def _parse_yaml_number(value: object) -> float:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise PydanticCustomError("number", "must be a number")
    return float(value)


def _parse_yaml_whole_number(value: object) -> int:
    number = _parse_yaml_number(value)
    if number != int(number):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return int(number)


YesNo = Annotated[bool, BeforeValidator(_parse_yaml_yes_or_no)]
Number = Annotated[float, BeforeValidator(_parse_yaml_number)]
WholeNumber = Annotated[int, BeforeValidator(_parse_yaml_whole_number)]


class OneOrMany:
    """An annotation of a tuple field of a YAML model: in the file, the field may be a list, a single value, or empty."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(convert_yaml_value_to_list, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


def convert_yaml_value_to_list(value: object) -> list[object]:
    """Return a list as it is, an empty text as an empty list, and any other value as a list with one item."""
    if isinstance(value, list):
        return value
    return [] if value == "" else [value]


class EditorSchema(GenerateJsonSchema):
    """A generator of JSON schemas for editors, without generated titles and without `null` for optional keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        inner = super().generate_inner(schema)
        inner.pop("title", None)
        return inner

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        inner = super().dict_schema(schema)
        return {**inner, "additionalProperties": False} if "patternProperties" in inner else inner

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None or schema.get("default") in ((), {}):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)
