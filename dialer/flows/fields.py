"""Types of fields shared by several kinds of nodes: names, prompts, reprompts, terminators."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from dialer.flows.model import PromptKind
from dialer.flows.parsing import OneOrMany, WholeNumber, YamlModel, make_yaml_error, sanitise_text
from dialer.flows.yaml_document import NAME

TEXT_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}(\.[a-z0-9][a-z0-9_]{0,39}){0,3}")
MAX_PROMPTS = 20
NAME_SCHEMA = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_TEXT_KEY_SCHEMA = {
    "type": "string",
    "pattern": f"^{TEXT_KEY.pattern}$",
    "description": "Key of a text that every language has, such as turnout.question.",
}


@dataclass(frozen=True, slots=True)
class DeclaredNames:
    """The facts (known data about the voter), answers and reprompts that a flow declares for its nodes.

    Pydantic passes them to the validators of a node (`ValidationInfo.context`).
    """

    facts: Mapping[str, PromptKind]
    answers: Mapping[str, PromptKind]
    no_input: Reprompt | None = None
    no_match: Reprompt | None = None

    def find_prompt_kind_of_name(self, name: str) -> PromptKind | None:
        """Return how the fact or answer `name` is spoken, such as a number or an hour, or None if the flow does not
        declare it.
        """
        return self.answers.get(name) or self.facts.get(name)


def _refuse_undeclared_name(value: str, info: ValidationInfo[DeclaredNames]) -> str:
    if info.context.find_prompt_kind_of_name(value) is None:
        raise PydanticCustomError("undeclared", "is not declared")
    return value


def _parse_placeholder_value(value: object, info: ValidationInfo[DeclaredNames]) -> tuple[str, PromptKind]:
    if not isinstance(value, str):
        raise make_yaml_error(
            "`with:` has a value that is not a name of a fact or answer; write for example [closes_at]"
        )
    kind = info.context.find_prompt_kind_of_name(value)
    if kind is None:
        known = ", ".join(sorted({*info.context.facts, *info.context.answers})) or "none"
        raise make_yaml_error(
            f"`with:` names {sanitise_text(value)}, which is neither a fact nor an answer of this flow; "
            f"declare it in `facts:` (declared: {known})"
        )
    return value, kind


Name = Annotated[str, StringConstraints(pattern=NAME_SCHEMA["pattern"])]
"""A name of a flow, node, fact, answer, campaign or template."""
DeclaredName = Annotated[Name, AfterValidator(_refuse_undeclared_name)]
"""The name of a fact or answer of the flow."""
KnownValue = Annotated[tuple[str, PromptKind], BeforeValidator(_parse_placeholder_value), WithJsonSchema(NAME_SCHEMA)]
"""A fact or answer that fills a placeholder, as (name, prompt kind)."""
KnownValues = Annotated[tuple[KnownValue, ...], OneOrMany()]
Terminator = Literal["#", "*", ""]


class Prompt(YamlModel):
    """A prompt that a node plays: a text, a recording, or the value of a fact or answer.

    `value` is the key of a text, the name of a recording in the catalogue, or the name of a fact or answer. `needs`
    lists the facts or answers that fill the text's placeholders. If one of them is unknown, the whole prompt is
    skipped, so that no caller hears half a sentence.
    """

    kind: PromptKind
    value: str
    needs: KnownValues = Field((), alias="with")

    @model_validator(mode="before")
    @classmethod
    def _convert_yaml_to_prompt_fields(cls, written: Any, info: ValidationInfo[DeclaredNames]) -> dict[str, object]:
        if isinstance(written, str):
            return {"kind": PromptKind.TEXT, "value": _refuse_invalid_text_key(written)}
        if not isinstance(written, dict):
            raise make_yaml_error(
                "the node has a list inside its list of prompts; write a prompt there: the name of a text, such as"
                " turnout.question, or a value, such as {hour: closes_at}"
            )
        kinds = [key for key in written if key != "with"]
        if len(kinds) != 1 or kinds[0] not in set(PromptKind):
            raise make_yaml_error(
                f"the node has a prompt of an unknown kind; write one of {', '.join(PromptKind)}, for instance {{hour: closes_at}}"
            )
        kind, value = PromptKind(kinds[0]), written[kinds[0]]
        if kind is PromptKind.TEXT:
            needs = {"with": written["with"]} if "with" in written else {}
            return {"kind": kind, "value": _refuse_invalid_text_key(value), **needs}
        if "with" in written:
            raise make_yaml_error(
                "the node has a prompt with `with:` but no `text:`; add `text:`, or remove `with:`", "with"
            )
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise make_yaml_error(
                f"the node has the prompt `{kind}:` without a name; write for instance {{{kind}: a_name}}", kind.value
            )
        if kind is not PromptKind.RECORDING and info.context.find_prompt_kind_of_name(value) is None:
            raise make_yaml_error(
                f"the node speaks {value}, which is neither a fact nor an answer of this flow; declare it in `facts:`"
            )
        return {"kind": kind, "value": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        names = {"anyOf": [NAME_SCHEMA, {"type": "array", "items": NAME_SCHEMA}]}
        text = _make_json_schema_of_object(
            {"text": _TEXT_KEY_SCHEMA, "with": {**names, "description": "Facts or answers that fill it."}}, "text"
        )
        others = [
            _make_json_schema_of_object({kind.value: NAME_SCHEMA}, kind.value)
            for kind in PromptKind
            if kind is not PromptKind.TEXT
        ]
        return {"anyOf": [_TEXT_KEY_SCHEMA, text, *others]}


def _make_json_schema_of_object(properties: dict[str, object], required: str) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": [required], "additionalProperties": False}


def _refuse_invalid_text_key(value: object) -> str:
    if not isinstance(value, str) or not TEXT_KEY.fullmatch(value):
        raise make_yaml_error(
            "the node has an invalid text key; write a key such as `turnout.question` (a to z, 0 to 9, _ and dots)"
        )
    return value


Prompts = Annotated[tuple[Prompt, ...], Field(max_length=MAX_PROMPTS), OneOrMany()]
SomePrompts = Annotated[tuple[Prompt, ...], Field(min_length=1, max_length=MAX_PROMPTS), OneOrMany()]


class Reprompt(YamlModel):
    """What a question does if the caller enters nothing (no-input) or an invalid key (no-match)."""

    reprompts: WholeNumber = Field(1, ge=0, le=9, description="How many times the question is repeated.")
    prompts: Prompts = Field((), alias="say", description="Prompts played before the question is repeated.")
    then: Name = Field(description="Node after the last repetition without a valid answer.")
