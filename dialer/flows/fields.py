"""Typed access to one YAML mapping: each key is taken once, and what is left over is a mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from dialer.flows.errors import FlowError
from dialer.flows.model import Prompt, PromptKind, Reprompt
from dialer.flows.reader import NAME, Items, Table, Text, Value

TEXT_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}(\.[a-z0-9][a-z0-9_]{0,39}){0,3}")
ANSWER_KINDS: Final = {"digits": PromptKind.DIGITS, "number": PromptKind.NUMBER, "hour": PromptKind.HOUR}
MAX_PROMPTS = 20


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What a node may refer to, and what it inherits from its flow."""

    facts: Mapping[str, PromptKind]
    answers: Mapping[str, PromptKind]
    no_input: Reprompt | None
    no_match: Reprompt | None

    def kind_of(self, name: str) -> PromptKind | None:
        """How a fact or answer is spoken; None when the flow has neither."""
        return self.answers.get(name) or self.facts.get(name)


class Fields:
    """The keys of one mapping. Every error names file, line and node."""

    part: ClassVar = "node"  # what a mapping with a name is called in an error

    def __init__(self, table: Table, file: str, node: str) -> None:
        self.table_here = table
        self.file = file
        self.node = node
        self._taken: set[str] = set()

    @property
    def line(self) -> int:
        """The line that the mapping begins on."""
        return self.table_here.line

    def key_names(self) -> tuple[str, ...]:
        """The keys in the order of the file."""
        return tuple(self.table_here.values)

    def names(self) -> tuple[str, ...]:
        """The keys, each checked to be a name."""
        for key in self.key_names():
            if not NAME.fullmatch(key):
                raise self.error(_not_a_name(key), key)
        return self.key_names()

    def error(self, problem: str, key: str | None = None) -> FlowError:
        """A FlowError at `key`, or at the mapping itself."""
        line = self.table_here.lines.get(key, self.line) if key is not None else self.line
        return FlowError(self.file, line, self.node, problem, part=self.part)

    def take(self, key: str) -> Value | None:
        """The value of `key`, or None where it is not given."""
        self._taken.add(key)
        return self.table_here.values.get(key)

    def finish(self) -> None:
        """Raise FlowError for a key that nobody took."""
        for key in self.table_here.values:
            if key not in self._taken:
                known = ", ".join(sorted(self._taken))
                raise self.error(f"has the unknown key `{_shown(key)}`; known here: {known}", key)

    def text(self, key: str, default: str | None = None, most: int = 200) -> str:
        """A text of at most so many letters; without a default it must be given."""
        value = self.take(key)
        if value is None:
            if default is None:
                raise self.error(f"lacks `{key}:`; add it")
            return default
        if not isinstance(value, Text) or len(value.value) > most:
            raise self.error(f"`{key}:` must be one text of at most {most} letters", key)
        return value.value

    def name(self, key: str) -> str:
        """A name of a flow, node, fact or answer."""
        value = self.text(key)
        if not NAME.fullmatch(value):
            raise self.error(_not_a_name(value), key)
        return value

    def optional_name(self, key: str) -> str | None:
        """A name, or None where the key is not given."""
        return None if self.take(key) is None else self.name(key)

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of `allowed`."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(f"`{key}: {_shown(value)}` is not known; use one of {', '.join(allowed)}", key)
        return value

    def choices(self, key: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """Any of `allowed`, in a list or alone; () where the key is not given."""
        words = tuple(value.value if isinstance(value, Text) else "" for value in self.items(key))
        unknown = next((word for word in words if word not in allowed), None)
        if unknown is not None:
            raise self.error(f"`{key}:` has `{_shown(unknown)}`; use any of {', '.join(allowed)}", key)
        return words

    def yes(self, key: str, default: bool) -> bool:
        """true or false."""
        return self.choice(key, ("true", "false"), "true" if default else "false") == "true"

    def integer(self, key: str, default: int | None, lowest: int, highest: int) -> int:
        """A whole number between two bounds."""
        number = self.number(key, default, lowest, highest)
        if number != int(number):
            raise self.error(f"`{key}:` must be a whole number", key)
        return int(number)

    def number(self, key: str, default: float | None, lowest: float, highest: float) -> float:
        """A number between two bounds."""
        value = self.text(key, str(default) if default is not None else None)
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", value, re.ASCII) or not lowest <= float(value) <= highest:
            raise self.error(f"`{key}: {_shown(value)}` must be a number from {lowest:g} to {highest:g}", key)
        return float(value)

    def bound(self, key: str) -> int | str | None:
        """A whole number, the name of a fact that holds one, or None where it is not given."""
        if key not in self.table_here.values:
            return None
        value = self.text(key)
        return int(value) if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) else self.name(key)

    def table(self, key: str) -> Table | None:
        """A mapping, or None where the key is not given."""
        value = self.take(key)
        if value is not None and not isinstance(value, Table):
            raise self.error(f"`{key}:` must be a mapping (`key: value` lines)", key)
        return value

    def items(self, key: str) -> tuple[Value, ...]:
        """A list; a single value counts as a list of one; nothing as an empty one."""
        value = self.take(key)
        if value is None or (isinstance(value, Text) and not value.value):
            return ()
        return value.values if isinstance(value, Items) else (value,)


def _not_a_name(value: str) -> str:
    return f"`{_shown(value)}` is not a name; use a to z, 0 to 9 and _, beginning with a letter, at most 40"


def _shown(value: str) -> str:
    """A stranger's text as it may stand in an error: printable, one line, short."""
    return "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in value[:40])


# What several kinds of nodes have


def read_prompts(fields: Fields, key: str, names: KnownNames) -> tuple[Prompt, ...]:
    """The prompts under `key`: text keys, or mappings such as `{hour: closes_at}` and `{text: booth.until, with: [closes_at]}`."""
    items = fields.items(key)
    if len(items) > MAX_PROMPTS:
        raise fields.error(f"`{key}:` has more than {MAX_PROMPTS} prompts; split the node", key)
    return tuple(_read_prompt(item, fields, names) for item in items)


def _read_prompt(item: Value, fields: Fields, names: KnownNames) -> Prompt:
    if isinstance(item, Text):
        return Prompt(PromptKind.TEXT, _text_key(item.value, item.line, fields))
    if not isinstance(item, Table):
        raise FlowError(fields.file, item.line, fields.node, "has a list where a prompt must stand")
    inner = Fields(item, fields.file, fields.node)
    kinds = [key for key in inner.key_names() if key != "with"]
    if len(kinds) != 1 or kinds[0] not in set(PromptKind):
        problem = f"has a prompt that is not one of {', '.join(PromptKind)}; write for instance {{hour: closes_at}}"
        raise FlowError(fields.file, item.line, fields.node, problem)
    kind = PromptKind(kinds[0])
    if kind is PromptKind.TEXT:
        needs = tuple(read_need(need, inner, names) for need in inner.items("with"))
        prompt = Prompt(kind, _text_key(inner.text("text"), item.line, fields), needs)
    elif kind is PromptKind.RECORDING:
        prompt = Prompt(kind, inner.name("recording"))
    else:
        name = inner.name(kind.value)
        if names.kind_of(name) is None:
            raise inner.error(
                f"speaks {name}, which is neither a fact nor an answer of this flow; declare it in `facts:`"
            )
        prompt = Prompt(kind, name)
    inner.finish()
    return prompt


def read_need(item: Value, fields: Fields, names: KnownNames) -> tuple[str, PromptKind]:
    """An item of `with:`: a name, and how what it names is spoken."""
    if not isinstance(item, Text):
        raise FlowError(fields.file, item.line, fields.node, "`with:` lists names of facts or answers")
    kind = names.kind_of(item.value)
    if kind is None:
        known = ", ".join(sorted({*names.facts, *names.answers})) or "none"
        problem = "`with:` names what is neither a fact nor an answer of this flow; "
        raise FlowError(fields.file, item.line, fields.node, f"{problem}declare it in `facts:` (there: {known})")
    return item.value, kind


def _text_key(value: str, line: int, fields: Fields) -> str:
    if not TEXT_KEY.fullmatch(value):
        problem = "has a text key that is not of the form `turnout.question` (a to z, 0 to 9, _ and dots)"
        raise FlowError(fields.file, line, fields.node, problem)
    return value


def read_reprompt(fields: Fields, key: str, names: KnownNames) -> Reprompt | None:
    """`no_input:` or `no_match:` of a node or of a whole flow; None where it is not given."""
    table = fields.table(key)
    if table is None:
        return None
    inner = Fields(table, fields.file, fields.node)
    reprompt = Reprompt(
        reprompts=inner.integer("reprompts", 1, 0, 9),
        prompts=read_prompts(inner, "say", names),
        then=inner.name("then"),
    )
    inner.finish()
    return reprompt


def own_reprompt(fields: Fields, key: str, names: KnownNames, inherited: Reprompt | None) -> Reprompt:
    """A question's own reprompt, or its flow's."""
    found = read_reprompt(fields, key, names) or inherited
    if found is None:
        raise fields.error(f"lacks `{key}:` and the flow has none; say what follows when the caller does not answer")
    return found


def prompts_needed(fields: Fields, key: str, names: KnownNames) -> tuple[Prompt, ...]:
    """The prompts under `key`, at least one."""
    prompts = read_prompts(fields, key, names)
    if not prompts:
        raise fields.error(f"`{key}:` has no prompts; give at least one text key", key)
    return prompts


def read_choices(fields: Fields, keys: frozenset[str], known: str) -> dict[str, str]:
    """`choices:`: the node that each of `keys` leads to; `known` is these in words."""
    table = fields.table("choices")
    if table is None or not table.values:
        raise fields.error("lacks `choices:`; add for instance `1: voted`")
    inner = Fields(table, fields.file, fields.node)
    for key in inner.key_names():
        if key not in keys:
            raise inner.error(f"has a choice that is no key of a telephone, or means something else; use {known}", key)
    return {key: inner.name(key) for key in inner.key_names()}


def known_name(fields: Fields, key: str, name: str, names: KnownNames) -> str:
    """The name, which must be that of a fact or an answer."""
    if names.kind_of(name) is None:
        raise fields.error(f"`{key}: {name}` is neither a fact nor an answer of this flow; declare it in `facts:`", key)
    return name


def known_answer(fields: Fields, key: str, names: KnownNames) -> str | None:
    """The name of an answer, or None where the key is not given."""
    name = fields.optional_name(key)
    if name is not None and name not in names.answers and name not in names.facts:
        raise fields.error(f"`{key}: {name}` is no answer of this flow; use the name of a field", key)
    return name
