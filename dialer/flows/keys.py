"""The keys of a node's mapping in YAML: each says once how it is read and what editors are told of it.

A kind's field is declared with its key (`next: str = key(NODE)`); reading the kind and its JSON schema follow from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from dialer.flows.fields import Fields, KnownNames, known_answer, own_reprompt, prompts_needed, read_prompts
from dialer.flows.turns import Failed, Input

Schema = Mapping[str, Any]
Ways = Callable[[Any], Iterable[tuple[str, str]]]
"""(label, node) of the ways out of a node that a key's value holds."""
_NAME: Schema = {"$ref": "#/$defs/name"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping."""

    read: Callable[[Fields, str, KnownNames], Any]  # the value under that name; raises FlowError
    schema: Schema
    needed: bool = True
    ways: Ways | None = None
    on: type[Input] | None = None  # the answer that leads there
    says: bool = False  # whether the value is prompts

    def of(self, description: str) -> Key:
        """The same, with words for editors."""
        return replace(self, schema={**self.schema, "description": description})

    def to(self, label: str, on: type[Input] | None = None) -> Key:
        """The same, as a way out of that label, which an answer of the type `on` leads to; None leads nowhere."""
        return replace(self, ways=lambda node: () if node is None else ((label, node),), on=on)


def key(kind: Key, name: str = "") -> Any:
    """A field of a node that stands under this name; "": under its own."""
    return field(metadata={"key": kind, "name": name})


def keys_of(node: Any) -> Iterable[tuple[str, str, Key]]:
    """The fields of a kind of node that have a key: the field's name, the key's, and the key."""
    for each in fields(node):
        if "key" in each.metadata:
            yield each.name, each.metadata["name"] or each.name, each.metadata["key"]


def schema_of(node: Any, kind: str, constant: Key | None) -> Schema:
    """The JSON schema of a kind's mapping. `constant`: what stands under the key that says the kind, where no field does."""
    found = {name: each for _, name, each in keys_of(node)}
    if constant is not None:
        found[kind] = constant
    ordered = {kind: found[kind], **found}
    return {
        "description": " ".join((node.__doc__ or "").replace("`", "").split()).partition(". ")[0].rstrip(".") + ".",
        "type": "object",
        "properties": {name: each.schema for name, each in ordered.items()},
        "required": [name for name, each in ordered.items() if each.needed],
        "additionalProperties": False,
    }


NODE = Key(lambda given, name, _: given.name(name), _NAME)
"""A name: of a node, a flow, an answer, a campaign, a template."""
NEXT = NODE.to("")
FAILED = NODE.of("Node when it could not be committed.").to("failed", Failed)
OPTIONAL_NODE = Key(lambda given, name, _: given.optional_name(name), _NAME, needed=False)
ANSWER = Key(known_answer, _NAME, needed=False)
PROMPTS = Key(read_prompts, {"$ref": "#/$defs/prompts"}, needed=False, says=True)
SOME_PROMPTS = Key(prompts_needed, {"$ref": "#/$defs/some_prompts"}, says=True)


def reprompt(label: str) -> Key:
    """What follows on silence, or on other keys; by default as the flow has it."""
    return Key(
        lambda given, name, names: own_reprompt(given, name, names, getattr(names, name)),
        {"$ref": "#/$defs/reprompt"},
        needed=False,
        ways=lambda value: ((label, value.then),),
    )


def yes(default: bool, description: str) -> Key:
    """true or false."""
    schema = {"type": "boolean", "default": default, "description": description}
    return Key(lambda given, name, _: given.yes(name, default), schema, needed=False)


def number(default: float, lowest: float, highest: float) -> Key:
    """A number between two bounds: seconds."""
    schema = {"type": "number", "minimum": lowest, "maximum": highest, "default": default}
    return Key(lambda given, name, _: given.number(name, default, lowest, highest), schema, needed=False)


def integer(lowest: int, highest: int, default: int | None = None) -> Key:
    """A whole number between two bounds."""
    schema = {"type": "integer", "minimum": lowest, "maximum": highest}
    told = schema if default is None else {**schema, "default": default}
    return Key(lambda given, name, _: given.integer(name, default, lowest, highest), told, needed=default is None)


def word(*allowed: str, default: str | None = None) -> Key:
    """One of these words."""
    schema: Schema = {"enum": [*allowed]} if default is None else {"enum": [*allowed], "default": default}
    return Key(lambda given, name, _: given.choice(name, allowed, default), schema, needed=default is None)


def member(kinds: type[StrEnum], default: StrEnum | None = None) -> Key:
    """A member of an enumeration, by its word."""
    told = word(*kinds, default=default)
    return replace(told, read=lambda given, name, names: kinds(told.read(given, name, names)))


TERMINATOR = word("#", "*", "", default="#").of("The key that ends the input.")
